//! `benchtop check`: everything that can be known without touching hardware.

use crate::{
    args::{CheckArguments, CheckFormat},
    bench::{self, Equipped, Refused},
    exit::{Exit, Failure},
    operator::Answers,
    outside, procedures, prove,
    run::{check_allowed, check_calibration},
    terminal::{self, GOOD, Line, PLAIN, QUIET},
};
use benchtop_instrument::human_duration;
use benchtop_notation::{Diagnostic, Diagnostics, Severity, Span};
use benchtop_procedure::{Estimate, Given, Procedure, Slot, TestRatio, is_for_slots};
use benchtop_station::{Catalogue, Station};
use std::collections::BTreeMap;

pub(crate) async fn check(arguments: &CheckArguments, catalogue: &Catalogue) -> Result<Exit, Failure> {
    let mut sources = Vec::new();
    if arguments.files.is_empty() {
        for path in procedures::all()? {
            sources.push(procedures::read(&path)?);
        }
    }
    for name in &arguments.files {
        sources.push(procedures::find(name)?);
    }
    if sources.is_empty() {
        return Err(Failure::refused(
            "there is nothing to check: no file was named and procedures/ has none",
        ));
    }
    let mut errors = 0;
    for source in &sources {
        let Found {
            findings,
            ratios,
            estimate,
            slots,
        } = match findings(arguments, catalogue, source) {
            Ok(found) => found,
            Err(failure) => {
                // one procedure without a bench keeps no other from being checked
                terminal::complain(&format!("{}: {}", source.file, failure.message));
                errors += 1;
                continue;
            }
        };
        let sound = findings.count(Severity::Error) == 0;
        errors += findings.count(Severity::Error);
        // a sound file that is proved is told about once, with what that found
        if !(arguments.prove && sound && findings.is_empty()) {
            show(arguments.format, &source.file, &findings);
        }
        ratios.iter().for_each(|ratio| show_ratio(arguments.format, ratio));
        if let Some(estimate) = estimate.filter(|_| sound) {
            show_estimate(arguments.format, &source.file, &estimate, &slots);
        }
        if arguments.prove && sound {
            errors += proved(arguments, catalogue, source).await;
        }
    }
    Ok(if errors == 0 { Exit::Success } else { Exit::Refused })
}

/// How many errors proving it has found.
async fn proved(arguments: &CheckArguments, catalogue: &Catalogue, source: &procedures::Source) -> usize {
    match prove::prove(
        arguments.bench.simulate.as_deref().unwrap_or_default(),
        catalogue,
        source,
    )
    .await
    {
        Ok(proof) => {
            prove::show(&proof, &source.file, arguments.format);
            show(arguments.format, &source.file, &proof.findings);
            proof.findings.count(Severity::Error)
        }
        Err(Refused::Findings(mistakes)) => {
            show(arguments.format, &source.file, &mistakes);
            mistakes.count(Severity::Error)
        }
        Err(Refused::Failure(failure)) => {
            terminal::complain(&format!("{}: {}", source.file, failure.message));
            1
        }
    }
}

/// What there is to say of a procedure.
struct Found {
    findings: Diagnostics,
    ratios: Vec<TestRatio>,
    estimate: Option<Estimate>,
    /// The slots that it was judged for: it is run with `--slot`; else with `--serial`.
    slots: Vec<String>,
}

fn findings(arguments: &CheckArguments, catalogue: &Catalogue, source: &procedures::Source) -> Result<Found, Failure> {
    let written = source.written();
    let read = written.read(&source.given());
    let id = written.id();
    // each part is a procedure of its own
    let mut givens = vec![source.given()];
    let mut findings = read.findings().clone();
    if let Some(procedure) = read.procedure() {
        givens.extend(procedure.parts.iter().map(|part| Given {
            part_number: Some(part.clone()),
            ..source.given()
        }));
    }
    let unit = bench::Units::One("SIM-UNIT".to_owned());
    let equipped = match bench::equip(&arguments.bench, catalogue, id.as_deref(), &unit, false) {
        Ok(equipped) => equipped,
        Err(Refused::Findings(mistakes)) => {
            findings.append(mistakes);
            None
        }
        Err(Refused::Failure(failure)) => return Err(failure),
    };
    let mut ratios = Vec::new();
    let mut slots = Vec::new();
    if let Some(equipped) = &equipped {
        // finds what the procedure alone gets wrong as well, so it replaces the findings
        let capabilities = equipped.station.capabilities();
        findings = Diagnostics::new();
        for given in givens {
            let part = given.part_number.as_ref();
            let given = source.given_for(part, &[], equipped.file.as_ref());
            let own = own_of(&equipped.station);
            let as_read = written.read(&given);
            let is_for_slots = as_read
                .procedure()
                .is_some_and(|procedure| is_for_slots(procedure, &own));
            let bound: Result<Vec<_>, _> = if is_for_slots {
                slots = own.keys().cloned().collect();
                as_read
                    .bind_slots(&capabilities, &own)
                    .map(|bound| bound.into_values().collect())
            } else {
                as_read.bind(&capabilities).bound.map(|procedure| vec![procedure])
            };
            match bound {
                Ok(bound) => {
                    for procedure in &bound {
                        let (found, said) = benchtop_procedure::ratios(procedure, &equipped.metrology, bench::today());
                        ratios = found;
                        findings.append(procedure.warnings().clone());
                        findings.append(said);
                        check_calibration(equipped, procedure.procedure(), &mut findings);
                    }
                }
                Err(mistakes) => findings.append(mistakes),
            }
        }
    }
    if let (Some(equipped), Some(procedure)) = (&equipped, read.procedure()) {
        listed(arguments, equipped, procedure, source, &mut findings);
    }
    if let Some(procedure) = read.procedure() {
        let bench = equipped.as_ref().and_then(|equipped| equipped.station.bench());
        outside::check(procedure, &source.file, &Answers::default(), bench, &mut findings);
    }
    let capabilities = equipped.as_ref().map(|equipped| equipped.station.capabilities());
    let instruments = capabilities.unwrap_or_default();
    let estimate = read
        .procedure()
        .map(|procedure| benchtop_procedure::estimate(procedure, &instruments));
    Ok(Found {
        findings,
        ratios,
        estimate,
        slots,
    })
}

/// Warns of a procedure with which this station tests no units: it runs for engineering all the same.
fn listed(
    arguments: &CheckArguments,
    equipped: &Equipped,
    procedure: &Procedure,
    source: &procedures::Source,
    findings: &mut Diagnostics,
) {
    // each part is another resolved procedure, with a digest of its own
    if !procedure.parts.is_empty() {
        return;
    }
    let digest = source.digest(procedure);
    let unlisted = check_allowed(equipped, procedure, &digest, Diagnostic::warning, findings);
    if let (Some(message), Some(station)) = (unlisted, &arguments.bench.station) {
        findings.warning(&Span::of_file(&station.display().to_string()), &message);
    }
}

/// What each slot of a bench has of its own.
pub(crate) fn own_of(station: &Station) -> BTreeMap<String, Slot> {
    let slots = station.slots().iter();
    slots.map(|(name, slot)| (name.clone(), slot.own.clone())).collect()
}

fn show(format: CheckFormat, file: &str, findings: &Diagnostics) {
    match format {
        CheckFormat::Human => show_human(file, findings),
        CheckFormat::Json => findings.iter().for_each(|finding| terminal::emit(&as_json(finding))),
        CheckFormat::Github => findings
            .iter()
            .for_each(|finding| terminal::emit(&as_annotation(finding))),
    }
}

fn show_human(file: &str, findings: &Diagnostics) {
    if !findings.is_empty() {
        terminal::diagnose(findings);
    }
    let (errors, warnings) = (findings.count(Severity::Error), findings.count(Severity::Warning));
    let line = match (errors, warnings) {
        (0, 0) => Line::new().add(GOOD, "ok").add(PLAIN, &format!("  {file}")),
        (0, warnings) => Line::new()
            .add(GOOD, "ok")
            .add(PLAIN, &format!("  {file}"))
            .add(QUIET, &format!("  {warnings} warnings")),
        (errors, warnings) => Line::new()
            .add(terminal::BAD, "refused")
            .add(PLAIN, &format!("  {file}"))
            .add(QUIET, &format!("  {errors} errors, {warnings} warnings")),
    };
    terminal::say(&line);
}

/// How much better than its limits a measurement is known. Not for annotations: those are of what should be mended.
fn show_ratio(format: CheckFormat, ratio: &TestRatio) {
    let word = ratio.kind.word();
    match format {
        CheckFormat::Human => {
            let why = ratio.missing.as_ref().map(|missing| format!("; {missing}"));
            let text = format!(
                "    {word} {:.1}:1  {}  (U = {}{})",
                ratio.ratio,
                ratio.measurement,
                ratio.expanded,
                why.unwrap_or_default()
            );
            terminal::say(&Line::new().add(QUIET, &text));
        }
        CheckFormat::Json => terminal::emit(
            &serde_json::json!({
                "file": ratio.place.file(),
                "line": ratio.place.line(),
                "column": ratio.place.column(),
                "severity": "note",
                "message": format!("measurement \"{}\": {word} {:.1}:1", ratio.measurement, ratio.ratio),
                "help": ratio.missing,
                "measurement": ratio.measurement,
                "ratio": ratio.ratio,
                "kind": word,
                "expanded": ratio.expanded.value.to_f64(),
                "unit": ratio.expanded.unit.to_string(),
            })
            .to_string(),
        ),
        CheckFormat::Github => {}
    }
}

/// About how long it takes, and where it is run; not for annotations either.
fn show_estimate(format: CheckFormat, file: &str, estimate: &Estimate, slots: &[String]) {
    let Estimate {
        usual,
        longest,
        prompts,
        commands,
        answers,
    } = *estimate;
    let mut text = worded(estimate);
    if !slots.is_empty() {
        text.push_str(&format!("; for a unit in each of the slots {}", slots.join(", ")));
    }
    match format {
        CheckFormat::Human => terminal::say(&Line::new().add(QUIET, &format!("    {text}"))),
        CheckFormat::Json => terminal::emit(
            &serde_json::json!({
                "file": file,
                "line": 1,
                "column": 1,
                "severity": "note",
                "message": text,
                "duration_s": usual.as_secs_f64(),
                "longest_s": longest.as_secs_f64(),
                "prompts": prompts,
                "commands": commands,
                "answers": answers,
                "slots": slots,
            })
            .to_string(),
        ),
        CheckFormat::Github => {}
    }
}

/// `takes about 1.05 s, at most 5 s with every wait and retry, plus operator (2 prompts)`.
fn worded(estimate: &Estimate) -> String {
    let mut text = format!("takes about {}", human_duration(estimate.usual));
    if estimate.longest > estimate.usual {
        let longest = human_duration(estimate.longest);
        text.push_str(&format!(", at most {longest} with every wait and retry"));
    }
    let many = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    if estimate.prompts > 0 {
        text.push_str(&format!(", plus operator ({})", many(estimate.prompts, "prompt")));
    }
    if estimate.commands > 0 {
        text.push_str(&format!(", plus {}", many(estimate.commands, "command")));
    }
    text
}

fn as_json(finding: &Diagnostic) -> String {
    serde_json::json!({
        "file": finding.file(),
        "line": finding.line(),
        "column": finding.column(),
        "severity": finding.severity().word(),
        "message": finding.message(),
        "help": finding.help_text(),
    })
    .to_string()
}

/// A workflow command of GitHub Actions; `%`, CR and LF are its only escapes, `:` and `,` beside them in properties.
pub(crate) fn as_annotation(finding: &Diagnostic) -> String {
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let word = match finding.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let help = finding.help_text().map(|help| format!("; {help}")).unwrap_or_default();
    let place = format!(
        "file={},line={},col={}",
        property(finding.file()),
        finding.line(),
        finding.column()
    );
    format!("::{word} {place}::{}", data(&format!("{}{help}", finding.message())))
}
