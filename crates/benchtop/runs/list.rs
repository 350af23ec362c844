//! `benchtop runs list`.

use super::{
    args::{ListArguments, TableFormat},
    failed, open,
};
use crate::{
    exit::{Exit, Failure},
    progress,
    terminal::{self, DOUBTFUL, Line, PLAIN, QUIET},
};
use benchtop_instrument::{Clock, RealClock};
use benchtop_report::{
    Order, StoredRun, csv,
    filter::{place_word, purpose_word},
    runs,
};
use benchtop_run::RunOutcome;

pub(super) fn list(arguments: &ListArguments) -> Result<Exit, Failure> {
    let filter = arguments.filter.filter(RealClock::new().utc())?;
    let (store, _recovery) = open(&arguments.store)?;
    let newest = runs(&store, filter, Order::NewestFirst).map_err(failed)?;
    let per_page = usize::try_from(arguments.limit).unwrap_or(usize::MAX);
    let before = per_page.saturating_mul(usize::try_from(arguments.page.saturating_sub(1)).unwrap_or(usize::MAX));
    let (mut page, mut passed, mut doubtful) = (Vec::new(), 0_usize, false);
    for run in newest {
        match run {
            Ok(_newer) if passed < before => passed = passed.saturating_add(1),
            Ok(run) => page.push(run),
            Err(unreadable) => {
                doubtful = true;
                terminal::warn(&unreadable.to_string());
            }
        }
        if page.len() >= per_page {
            break;
        }
    }
    page.reverse();
    print(&page, arguments.format);
    Ok(if doubtful { Exit::Error } else { Exit::Success })
}

const HEADING: [&str; 12] = [
    "sequence",
    "started_at",
    "outcome",
    "serial_number",
    "procedure_id",
    "procedure_version",
    "part_number",
    "batch",
    "station",
    "purpose",
    "state",
    "run_id",
];

fn print(page: &[StoredRun], format: TableFormat) {
    match format {
        TableFormat::Human if page.is_empty() => terminal::say(&Line::new().add(QUIET, "no such run")),
        TableFormat::Human => page.iter().for_each(say),
        TableFormat::Json => {
            for run in page {
                let members = HEADING
                    .iter()
                    .zip(fields(run))
                    .map(|(name, value)| ((*name).to_owned(), value.into()));
                terminal::emit(&terminal::ascii_json(&serde_json::Value::Object(members.collect())));
            }
        }
        TableFormat::Csv => {
            terminal::emit(&csv::line(HEADING));
            for run in page {
                terminal::emit(&csv::line(fields(run).iter().map(String::as_str)));
            }
        }
    }
}

fn fields(run: &StoredRun) -> [String; 12] {
    let record = &run.record;
    let unit = &record.unit_under_test;
    [
        record.sequence.to_string(),
        record.started_at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        RunOutcome::from(record.outcome).word().to_owned(),
        unit.serial_number.clone(),
        record.procedure_id.clone(),
        record.procedure_version.clone(),
        unit.part_number.clone().unwrap_or_default(),
        unit.batch.clone().unwrap_or_default(),
        record.station.id.clone(),
        purpose_word(record.purpose).to_owned(),
        place_word(run.place).to_owned(),
        record.run_id.clone(),
    ]
}

fn say(run: &StoredRun) {
    let record = &run.record;
    let outcome = RunOutcome::from(record.outcome);
    let moment = record.started_at.format("%Y-%m-%d %H:%M").to_string();
    let simulated = if record.simulated { " sim" } else { "" };
    terminal::say(
        &Line::new()
            .column(QUIET, &record.sequence.to_string(), 6)
            .column(QUIET, &moment, 17)
            .column(progress::style_of_run(outcome), outcome.word(), 8)
            .column(PLAIN, &terminal::clip(&record.unit_under_test.serial_number, 24), 14)
            .add(PLAIN, &format!(" {}", terminal::clip(&record.procedure_id, 40)))
            .add(QUIET, &format!("  {}", place_word(run.place)))
            .add(DOUBTFUL, simulated),
    );
}
