//! `benchtop runs diff`.

use super::{
    args::{DiffArguments, TableFormat},
    find, history, open,
};
use crate::{
    exit::{Exit, Failure},
    terminal::{self, BAD, DOUBTFUL, Line, PLAIN, QUIET},
};
use benchtop_report::{
    Filter, StoredRun, csv,
    diff::{Pair, Side, diff as pairs_of},
    shown, words,
};
use benchtop_run::RunOutcome;
use benchtop_store::record::{MeasurementOutcome, Purpose, StepOutcome};

pub(super) fn diff(arguments: &DiffArguments) -> Result<Exit, Failure> {
    let (store, _recovery) = open(&arguments.store)?;
    let mut history = history(&store)?;
    let first = find::find(&store, &mut history, &arguments.run, &arguments.store)?;
    let second = match &arguments.other {
        Some(other) => find::find(&store, &mut history, other, &arguments.store)?,
        None => {
            let procedure = &first.record.procedure_id;
            let golden = Filter {
                procedure: Some(procedure.clone()),
                purposes: vec![Purpose::Golden],
                ..Filter::default()
            };
            let found = find::newest(&mut history, &golden)?;
            // a file that cannot be believed does not say whether it is golden; what was warned of is not said twice
            find::warn_of(&history, |damaged| {
                !find::is_older(damaged, found.as_ref())
                    && !find::may_be_meant(damaged, &arguments.run, Some(&first.name))
            });
            let golden = found.ok_or_else(|| {
                Failure::refused(format!(
                    "there is no golden run of {procedure}: make one with `benchtop run ... --purpose golden`, or name a second run"
                ))
            })?;
            find::load(&store, golden)?
        }
    };
    let pairs = pairs_of(&first.record, &second.record);
    match arguments.format {
        TableFormat::Human => say(&first, &second, &pairs),
        TableFormat::Json => pairs.iter().for_each(|pair| {
            let members = HEADING
                .iter()
                .zip(fields(pair))
                .map(|(name, value)| ((*name).to_owned(), value.into()));
            terminal::emit(&terminal::ascii_json(&serde_json::Value::Object(members.collect())));
        }),
        TableFormat::Csv => {
            terminal::emit(&csv::line(HEADING));
            for pair in &pairs {
                terminal::emit(&csv::line(fields(pair).iter().map(String::as_str)));
            }
        }
    }
    let different = pairs.iter().any(Pair::is_different);
    Ok(if different { Exit::Fail } else { Exit::Success })
}

const HEADING: [&str; 10] = [
    "step",
    "measurement",
    "first_outcome",
    "second_outcome",
    "first_value",
    "second_value",
    "difference",
    "first_limit",
    "second_limit",
    "different",
];

fn fields(pair: &Pair<'_>) -> [String; 10] {
    let value = |side: Option<Side<'_>>| match side {
        Some(Side::Measurement(measurement)) => shown::value(measurement),
        Some(Side::Step(_)) | None => String::new(),
    };
    let limit = |side: Option<Side<'_>>| match side {
        Some(Side::Measurement(measurement)) => shown::limit(measurement).unwrap_or_default(),
        Some(Side::Step(_)) | None => String::new(),
    };
    [
        pair.step.clone(),
        pair.name.clone().unwrap_or_default(),
        word(pair.first).to_owned(),
        word(pair.second).to_owned(),
        value(pair.first),
        value(pair.second),
        pair.difference().map(words::number).unwrap_or_default(),
        limit(pair.first),
        limit(pair.second),
        pair.is_different().to_string(),
    ]
}

const fn word(side: Option<Side<'_>>) -> &'static str {
    match side {
        Some(Side::Step(StepOutcome::Pass)) => "PASS",
        Some(Side::Step(StepOutcome::Fail)) => "FAIL",
        Some(Side::Step(StepOutcome::Skip)) => "SKIP",
        Some(Side::Step(StepOutcome::Error)) => "ERROR",
        Some(Side::Step(StepOutcome::Timeout)) => "TIMEOUT",
        Some(Side::Step(StepOutcome::Aborted)) => "ABORTED",
        Some(Side::Measurement(measurement)) => match measurement.outcome {
            MeasurementOutcome::Pass => "PASS",
            MeasurementOutcome::Fail => "FAIL",
            MeasurementOutcome::Unset => "UNSET",
        },
        None => "-",
    }
}

fn say(first: &StoredRun, second: &StoredRun, pairs: &[Pair<'_>]) {
    for (mark, run) in [("-", first), ("+", second)] {
        let record = &run.record;
        let text = format!(
            "{mark} {:<6} {}  {}  {} {}",
            record.sequence,
            record.started_at.format("%Y-%m-%d %H:%M"),
            RunOutcome::from(record.outcome).word(),
            terminal::clip(&record.unit_under_test.serial_number, 24),
            terminal::clip(&record.procedure_id, 40)
        );
        terminal::say(&Line::new().add(PLAIN.bold(), &text));
    }
    let facts = [
        (
            "procedure",
            &first.record.procedure_version,
            &second.record.procedure_version,
        ),
        (
            "procedure digest",
            &first.record.procedure_sha256,
            &second.record.procedure_sha256,
        ),
        ("station", &first.record.station.id, &second.record.station.id),
        (
            "benchtop",
            &first.record.station.benchtop_version,
            &second.record.station.benchtop_version,
        ),
    ];
    for (what, first, second) in facts {
        if first != second {
            let text = format!(
                "  {what}: {} -> {}",
                terminal::clip(first, 16),
                terminal::clip(second, 16)
            );
            terminal::say(&Line::new().add(DOUBTFUL, &text));
        }
    }
    for pair in pairs {
        match pair.name {
            None if pair.is_different() => {
                let line = Line::new()
                    .add(PLAIN, "  ")
                    .column(PLAIN, &terminal::clip(&pair.step, 60), 38);
                terminal::say(&line.add(BAD, &format!("{} -> {}", word(pair.first), word(pair.second))));
            }
            None => {}
            Some(_) => say_measurement(pair),
        }
    }
    let different = pairs.iter().filter(|pair| pair.is_different()).count();
    let text = if different == 0 {
        "no outcome differs".to_owned()
    } else {
        format!("{different} outcomes differ")
    };
    terminal::say(&Line::new().add(QUIET, &text));
}

fn say_measurement(pair: &Pair<'_>) {
    let value = |side: Option<Side<'_>>| match side {
        Some(Side::Measurement(measurement)) => terminal::clip(&shown::value(measurement), 40),
        Some(Side::Step(_)) | None => "-".to_owned(),
    };
    let style = if pair.is_different() { BAD } else { PLAIN };
    let outcome = match (word(pair.first), word(pair.second)) {
        (first, second) if first == second => first.to_owned(),
        (first, second) => format!("{first} -> {second}"),
    };
    let change = pair.difference().map(|difference| {
        let sign = if difference > 0.0 { "+" } else { "" };
        format!("  {sign}{}", words::number(difference))
    });
    let limits = if pair.limits_differ() { "  other limits" } else { "" };
    terminal::say(
        &Line::new()
            .add(PLAIN, "    ")
            .column(PLAIN, &terminal::clip(pair.name.as_deref().unwrap_or_default(), 40), 22)
            .column(style, &outcome, 13)
            .add(PLAIN, &format!(" {} -> {}", value(pair.first), value(pair.second)))
            .add(QUIET, &change.unwrap_or_default())
            .add(DOUBTFUL, limits),
    );
}
