//! `benchtop run`: one unit, one procedure, one record.
//!
//! Everything that can be refused is refused first, in one go. The outcome is printed from the saved record, never before.

use crate::{
    args::{BenchArguments, Format, Pace, RunArguments},
    bench::{self, Equipped, Refused, RunnersBench},
    exit::{Exit, Failure},
    interrupt,
    locks::{self, Lock},
    procedures, progress, recovery, stores,
    terminal::{self, Line},
};
use benchtop_instrument::{Clock, ClockExt, RealClock};
use benchtop_notation::Diagnostics;
use benchtop_procedure::{BoundProcedure, Procedure, Step};
use benchtop_run::{
    Deadlines, Event, EventKind, Events, InstrumentUse, Job, PlannedStep, ProcedureUse, Purpose, RunStarted, Section,
    StepAddress, UnitUnderTest, execute, listen,
};
use benchtop_station::{CalibrationRule, Catalogue, Recorder, Station, sha256};
use benchtop_store::{Journal, Saved, Store, event::to_json_line};
use std::{sync::Arc, time::Duration};

/// How long the last lines of a saved run may take to be read.
const PATIENCE_WITH_READERS: Duration = Duration::from_secs(5);

pub(crate) async fn run(
    arguments: RunArguments,
    catalogue: &Catalogue,
    recorder: Option<Arc<Recorder>>,
) -> Result<Exit, Failure> {
    let source = procedures::find(&arguments.procedure)?;
    let mut prepared = prepare(&arguments, catalogue, &source)?;
    prepared.equipped.station = prepared.equipped.station.recorded(recorder);
    let store_root = stores::root(
        arguments.store.as_deref(),
        prepared.equipped.file.as_ref(),
        arguments.bench.station.as_deref(),
        prepared.equipped.station.is_simulated(),
    )?;
    let store = Store::open(&store_root).map_err(not_saved)?;
    let _locks = lock_instruments(&prepared)?;
    recovery::before_run(&store, catalogue, &arguments.accept_unsafe).await?;

    let now = RealClock::new().utc();
    let ticket = store.begin(now).map_err(not_saved)?;
    let started = started(
        &arguments,
        &prepared,
        &ticket.run_id,
        ticket.sequence,
        sha256(source.text.as_bytes()),
    );
    let journal = store.journal(&ticket).map_err(not_saved)?;
    let (listener, events) = listen();
    let format = arguments.format;
    let printer = tokio::task::spawn_blocking(move || print(events, format));
    let job = Job {
        procedure: prepared.procedure,
        started,
        bench: Arc::new(RunnersBench(Arc::new(prepared.equipped.station))),
        clock: Arc::clone(&prepared.equipped.clock),
        recorder: journal.clone(),
        listeners: vec![listener],
        interrupt: interrupt::listen(),
        deadlines: Deadlines::default(),
    };
    let finished = execute(job).await;
    if let Some(error) = &finished.recorder_error {
        return Ok(lost(&journal, &finished.ended.outputs_maybe_on, &error.to_string()));
    }
    if finished.recorder.is_none() {
        let reason = finished.ended.reason.unwrap_or_default();
        return Ok(lost(&journal, &finished.ended.outputs_maybe_on, &reason));
    }
    drop(finished.recorder);
    let saved = match store.seal(&journal) {
        Ok(saved) => saved,
        Err(error) => return Ok(lost(&journal, &finished.ended.outputs_maybe_on, &error.to_string())),
    };
    // saved: from here a reader that stands still (a paused console) costs nothing but its own lines
    let exit = Exit::from(benchtop_run::RunOutcome::from(saved.record.outcome));
    let clock = RealClock::new();
    let shown = async {
        let last = printer.await.ok().flatten();
        drop(tokio::task::spawn_blocking(move || show(&saved, last.as_deref(), format)).await);
    };
    let _read = clock.within(clock.now().after(PATIENCE_WITH_READERS), shown).await;
    Ok(exit)
}

/// Nobody else drives these instruments until the run is over.
fn lock_instruments(prepared: &Prepared) -> Result<Vec<Lock>, Failure> {
    let mut held = Vec::new();
    for name in prepared.procedure.procedure().instruments.keys() {
        let Some(equipment) = prepared.equipped.station.instruments.get(name) else {
            continue;
        };
        if !equipment.options.shared {
            held.extend(locks::take(&name.to_string(), &equipment.resource)?);
        }
    }
    Ok(held)
}

fn not_saved(error: benchtop_store::StoreError) -> Failure {
    Failure::error(format!("nothing was tested: {error}"))
}

struct Prepared {
    procedure: BoundProcedure,
    equipped: Equipped,
    purpose: Purpose,
    part_number: Option<String>,
}

/// Everything that can be refused before power is applied, in one go.
fn prepare(arguments: &RunArguments, catalogue: &Catalogue, source: &procedures::Source) -> Result<Prepared, Failure> {
    let mut findings = Diagnostics::new();
    let mut sentences = Vec::new();
    let parsed = match benchtop_procedure::parse(&source.file, &source.text) {
        Ok(procedure) => Some(procedure),
        Err(mistakes) => {
            findings.append(mistakes);
            None
        }
    };
    if let Some(procedure) = &parsed {
        sentences.extend(unit_mistakes(arguments, procedure));
    }
    let purpose = Purpose::ALL
        .iter()
        .find(|(word, _)| *word == arguments.purpose)
        .map(|(_, purpose)| *purpose);
    if purpose.is_none() || purpose == Some(Purpose::Partial) {
        sentences.push(format!(
            "--purpose {}: expected production, engineering, golden or gauge_study",
            arguments.purpose
        ));
    }
    let BenchArguments { station, simulate } = &arguments.bench;
    if station.is_none() && simulate.is_none() {
        sentences.push("which bench? --station FILE for real instruments, --simulate for simulated ones".to_owned());
    }
    let id = benchtop_procedure::id_of(&source.file, &source.text);
    let real_pace = arguments.pace == Some(Pace::Real);
    let equipped = match bench::equip(&arguments.bench, catalogue, id.as_deref(), &arguments.serial, real_pace) {
        Ok(equipped) => equipped,
        Err(Refused::Findings(mistakes)) => {
            findings.append(mistakes);
            None
        }
        Err(Refused::Failure(failure)) => {
            sentences.push(failure.message);
            None
        }
    };
    let mut bound = None;
    if let Some(equipped) = &equipped {
        let capabilities = equipped.station.capabilities();
        // what the procedure alone gets wrong was found above and is found here again; `findings` keeps it once
        match benchtop_procedure::check_text(&source.file, &source.text, &capabilities) {
            Ok(procedure) => bound = Some(procedure),
            Err(mistakes) => findings.append(mistakes),
        }
        if let Some(procedure) = &parsed {
            check_calibration(equipped, procedure, &mut findings);
        }
        let targets = equipped
            .file
            .as_ref()
            .map(|file| file.targets.as_slice())
            .unwrap_or_default();
        if targets.iter().any(|target| target.kind.value.starts_with("tofupilot")) {
            sentences.extend(names_that_tofupilot_refuses(arguments));
        }
    }
    if findings.has_errors() || !sentences.is_empty() {
        if !findings.is_empty() {
            terminal::diagnose(&findings);
        }
        let mut message = sentences.join("\nerror: ");
        if message.is_empty() {
            message = "refused before anything was opened".to_owned();
        }
        return Err(Failure::refused(message));
    }
    let (Some(procedure), Some(equipped), Some(purpose)) = (bound, equipped, purpose) else {
        return Err(Failure::refused("refused before anything was opened"));
    };
    if !findings.is_empty() {
        terminal::diagnose(&findings);
    }
    if !procedure.warnings().is_empty() {
        terminal::diagnose(procedure.warnings());
    }
    let part_number = arguments
        .part
        .clone()
        .or_else(|| procedure.procedure().unit_under_test.part_number.clone());
    Ok(Prepared {
        procedure,
        equipped,
        purpose,
        part_number,
    })
}

/// Every name of the unit that TofuPilot would refuse after the test: told before it.
fn names_that_tofupilot_refuses(arguments: &RunArguments) -> Vec<String> {
    let mut names = vec![("serial number", &arguments.serial)];
    let given = [
        ("part number", &arguments.part),
        ("revision", &arguments.revision),
        ("batch", &arguments.batch),
    ];
    names.extend(
        given
            .into_iter()
            .filter_map(|(what, name)| Some((what, name.as_ref()?))),
    );
    names.extend(arguments.sub_unit.iter().map(|serial| ("sub-unit", serial)));
    let refused = names.into_iter().filter(|(_, name)| !is_tofupilot_name(name));
    refused
        .map(|(what, name)| format!("TofuPilot takes a {what} of 1 to 60 letters, digits and _ . : + -, not `{name}`"))
        .collect()
}

fn is_tofupilot_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.:+-".contains(c);
    (1..=60).contains(&text.len()) && text.chars().all(allowed)
}

/// What is wrong with the unit as the command line names it.
fn unit_mistakes(arguments: &RunArguments, procedure: &Procedure) -> Vec<String> {
    let mut mistakes = Vec::new();
    let unit = &procedure.unit_under_test;
    if arguments.serial.is_empty() || arguments.serial.chars().any(char::is_control) {
        mistakes.push("a serial number is not empty and has no control characters".to_owned());
    }
    if let Some(pattern) = unit
        .serial_number
        .as_ref()
        .filter(|pattern| !pattern.is_match(&arguments.serial))
    {
        let message = format!(
            "the serial number `{}` does not match {pattern}, which {} wants",
            arguments.serial, procedure.id
        );
        mistakes.push(message);
    }
    if let (Some(expected), Some(part)) = (&unit.part_number, &arguments.part)
        && expected != part
    {
        mistakes.push(format!("{} tests part {expected}, not {part}", procedure.id));
    }
    mistakes
}

/// An instrument that is used and whose calibration is overdue refuses the run, or warns.
fn check_calibration(equipped: &Equipped, procedure: &Procedure, findings: &mut Diagnostics) {
    let Some(file) = &equipped.file else { return };
    let today = RealClock::new().utc().format("%Y-%m-%d").to_string();
    for name in procedure.instruments.keys() {
        let Some(due) = file
            .instruments
            .get(name)
            .and_then(|instrument| instrument.calibration_due.as_ref())
        else {
            continue;
        };
        if due.value >= today {
            continue;
        }
        let message = format!("the calibration of {name} was due on {} (today is {today})", due.value);
        match file.calibration {
            CalibrationRule::Refuse => findings.error(&due.span, &message),
            CalibrationRule::Warn => findings.warning(&due.span, &message),
        }
    }
}

fn started(
    arguments: &RunArguments,
    prepared: &Prepared,
    run_id: &str,
    sequence: u64,
    procedure_sha256: String,
) -> RunStarted {
    let procedure = prepared.procedure.procedure();
    let equipped = &prepared.equipped;
    RunStarted {
        run_id: run_id.to_owned(),
        sequence,
        procedure: ProcedureUse {
            id: procedure.id.clone(),
            version: procedure.version.clone(),
            name: procedure.name.clone(),
            sha256: procedure_sha256,
        },
        unit: UnitUnderTest {
            serial_number: arguments.serial.clone(),
            part_number: prepared.part_number.clone(),
            revision: arguments.revision.clone(),
            batch: arguments.batch.clone(),
            sub_units: arguments.sub_unit.clone(),
        },
        station_id: equipped.id.clone(),
        fixture_id: equipped.fixture_id.clone(),
        operator: arguments.operator.clone(),
        purpose: prepared.purpose,
        simulated: equipped.station.is_simulated(),
        virtual_clock: equipped.clock.is_virtual(),
        benchtop_version: env!("CARGO_PKG_VERSION").to_owned(),
        station_sha256: equipped.sha256.clone(),
        instruments: used(&equipped.station, procedure),
        steps: planned(procedure),
    }
}

/// The instruments that a procedure uses, in the order of making safe.
pub(crate) fn used(station: &Station, procedure: &Procedure) -> Vec<InstrumentUse> {
    let mut instruments = Vec::new();
    for name in station.safe_order() {
        let Some(equipment) = station.instruments.get(&name) else {
            continue;
        };
        if !procedure.instruments.contains_key(&name) {
            continue;
        }
        let capabilities = equipment.definition.capabilities();
        instruments.push(InstrumentUse {
            name,
            class: capabilities.class.word().to_owned(),
            model: capabilities.model,
            resource: equipment.resource.to_string(),
            driver: capabilities.driver,
            definition_sha256: equipment.sha256.clone(),
            calibration_due: equipment.calibration_due.as_ref().map(|due| due.value.clone()),
            outputs: capabilities.outputs.keys().copied().collect(),
        });
    }
    instruments
}

/// Every step of a procedure, before it runs.
pub(crate) fn planned(procedure: &Procedure) -> Vec<PlannedStep> {
    let sections = [
        (Section::Setup, &procedure.setup),
        (Section::Main, &procedure.steps),
        (Section::Teardown, &procedure.teardown),
    ];
    let of = |(section, steps): (Section, &Vec<Step>)| -> Vec<PlannedStep> {
        let one = |(index, step): (usize, &Step)| PlannedStep {
            address: StepAddress { section, index },
            name: step.name.clone(),
            step_type: step.kind.word(),
        };
        steps.iter().enumerate().map(one).collect()
    };
    sections.into_iter().flat_map(of).collect()
}

/// Prints what happens while it does. Gives the last event back as a line: it goes out when the record is saved.
///
/// Runs on a thread of its own: standard output may stand still.
fn print(mut events: Events, format: Format) -> Option<String> {
    let mut taken = Vec::new();
    let mut last = None;
    while let Some(event) = events.next_blocking() {
        match format {
            Format::Human => progress::show(&event, &mut taken),
            Format::Json if is_end(&event) => last = Some(to_json_line(&event)),
            Format::Json => terminal::emit(&to_json_line(&event)),
        }
    }
    last
}

fn is_end(event: &Event) -> bool {
    matches!(event.kind, EventKind::RunEnded(_))
}

/// The outcome, from the saved record.
fn show(saved: &Saved, last: Option<&str>, format: Format) {
    let record = &saved.record;
    let outcome = benchtop_run::RunOutcome::from(record.outcome);
    match format {
        Format::Human => {
            terminal::say(&Line::new());
            let reason = record.reason.clone().or_else(|| first_failure(record));
            let line = progress::verdict(outcome, &record.unit_under_test.serial_number, reason.as_deref());
            let line = line.add(terminal::QUIET, &format!("  ({:.2} s)", record.duration_s));
            terminal::say(&line.add(terminal::DOUBTFUL, if record.simulated { "  SIMULATED" } else { "" }));
            terminal::say(&Line::new().add(terminal::QUIET, &format!("record {}", saved.path.display())));
        }
        Format::Json => {
            if let Some(last) = last {
                terminal::emit(last);
            }
            let line = serde_json::json!({
                "event": "saved",
                "outcome": outcome.word(),
                "run_id": record.run_id,
                "path": saved.path.display().to_string(),
            });
            terminal::emit(&line.to_string());
        }
    }
    for output in record
        .outputs
        .iter()
        .filter(|output| output.state == benchtop_store::record::OutputState::MaybeOn)
    {
        terminal::complain(&format!(
            "OUTPUT MAY BE ON: {} channel {}",
            output.instrument, output.channel
        ));
    }
}

fn first_failure(record: &benchtop_store::Record) -> Option<String> {
    let failed = record.steps.iter().find_map(|step| {
        let measurement = step
            .measurements
            .iter()
            .find(|measurement| record.failed_measurements.contains(&measurement.name))?;
        Some((step, measurement))
    });
    let (step, measurement) = failed?;
    Some(format!(
        "{}: {}: {}",
        step.name,
        measurement.name,
        measurement.reason.clone()?
    ))
}

/// The run cannot be saved: the last rung of the ladder is to show all of it, as the error that it is.
fn lost(journal: &Journal, outputs_maybe_on: &[String], reason: &str) -> Exit {
    terminal::complain(&format!("NOT SAVED: {reason}"));
    for output in outputs_maybe_on {
        terminal::complain(&format!("OUTPUT MAY BE ON: {output}"));
    }
    if let Ok(mut record) = journal.so_far() {
        record.outcome = benchtop_store::record::RunOutcome::Error;
        record.run_passed = false;
        record.reason = Some(format!("NOT SAVED: {reason}"));
        if let Ok(text) = serde_json::to_string(&record) {
            let line = Line::new().add(terminal::PLAIN, "what there is of the record:");
            terminal::say_aside(&line);
            terminal::say_aside(&Line::new().add(terminal::PLAIN, &ascii(&text)));
        }
    }
    terminal::complain("this run is no result: it counts as an error of the station, whatever was measured");
    Exit::Error
}

/// JSON with everything beyond ASCII escaped: still the same JSON, and harmless on a terminal.
fn ascii(json: &str) -> String {
    let mut text = String::new();
    for c in json.chars() {
        if c.is_ascii() {
            text.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            text.push_str(&format!("\\u{unit:04x}"));
        }
    }
    text
}
