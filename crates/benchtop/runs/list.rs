//! `benchtop runs list`.

use super::{
    args::{ListArguments, TableFormat},
    failed, history_of, open, simulated_ones,
};
use crate::{
    exit::{Exit, Failure},
    progress,
    terminal::{self, DOUBTFUL, Line, PLAIN, QUIET},
};
use benchtop_instrument::{Clock, RealClock};
use benchtop_report::{
    Order, csv,
    filter::{place_word, purpose_word},
    index::Indexed,
};
use benchtop_run::RunOutcome;

pub(super) fn list(arguments: &ListArguments) -> Result<Exit, Failure> {
    let filter = arguments.filter.filter(RealClock::new().utc())?;
    let (store, _recovery) = open(&arguments.store)?;
    let mut history = history_of(&store, true, arguments.look.check)?;
    let per_page = usize::try_from(arguments.limit).unwrap_or(usize::MAX);
    let before = per_page.saturating_mul(usize::try_from(arguments.page.saturating_sub(1)).unwrap_or(usize::MAX));
    let (mut page, unreadable) = history
        .select_confirmed(&filter, Order::NewestFirst, before, per_page)
        .map_err(failed)?;
    page.reverse();
    print(&page, arguments);
    for unreadable in &unreadable {
        terminal::warn(&unreadable.to_string());
    }
    Ok(if unreadable.is_empty() {
        Exit::Success
    } else {
        Exit::Error
    })
}

const HEADING: [&str; 15] = [
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
    "reason",
    "study",
    "trial",
];

fn print(page: &[Indexed<'_>], arguments: &ListArguments) {
    let format = arguments.format;
    if page.is_empty() {
        let text = match simulated_ones(&arguments.store) {
            "" => "no such run".to_owned(),
            hint => format!("no such run; {hint}"),
        };
        let line = Line::new().add(QUIET, &text);
        match format {
            TableFormat::Human => terminal::say(&line),
            TableFormat::Json | TableFormat::Csv => terminal::say_aside(&line),
        }
    }
    match format {
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

fn fields(run: &Indexed<'_>) -> [String; 15] {
    let head = run.headline();
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    [
        run.sequence().to_string(),
        head.started_at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        RunOutcome::from(head.outcome).word().to_owned(),
        head.serial_number.to_owned(),
        head.procedure_id.to_owned(),
        run.procedure_version().to_owned(),
        text(head.part_number),
        text(head.batch),
        head.station.to_owned(),
        purpose_word(head.purpose).to_owned(),
        place_word(head.place).to_owned(),
        head.run_id.to_owned(),
        text(run.reason()),
        text(run.study()),
        run.trial().map_or_else(String::new, |trial| trial.to_string()),
    ]
}

fn say(run: &Indexed<'_>) {
    let head = run.headline();
    let outcome = RunOutcome::from(head.outcome);
    let moment = head.started_at.format("%Y-%m-%d %H:%M").to_string();
    let simulated = if head.simulated { " sim" } else { "" };
    let study = run.study().zip(run.trial());
    let study = study.map_or_else(String::new, |(study, trial)| {
        format!("  {}, trial {trial}", terminal::clip(study, 24))
    });
    terminal::say(
        &Line::new()
            .column(QUIET, &run.sequence().to_string(), 6)
            .column(QUIET, &moment, 17)
            .column(progress::style_of_run(outcome), outcome.word(), 8)
            .column(PLAIN, &terminal::clip(head.serial_number, 24), 14)
            .add(PLAIN, &format!(" {}", terminal::clip(head.procedure_id, 40)))
            .add(QUIET, &format!("  {}", place_word(head.place)))
            .add(DOUBTFUL, simulated)
            .add(QUIET, &study),
    );
}
