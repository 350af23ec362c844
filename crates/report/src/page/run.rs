//! The page of one run.

use super::{
    html::{outcome, page, table, text},
    svg,
};
use crate::{
    filter::{place_word, purpose_word},
    history::StoredRun,
    shown,
    words::{measurement_outcome, run_outcome, step_outcome},
};
use benchtop_store::record::{Measurement, OutputState, Record, Step};

/// The page of a run: what was tested, how it went, each value on its limits.
#[must_use]
pub fn of_run(run: &StoredRun) -> String {
    let record = &run.record;
    let unit = &record.unit_under_test;
    let word = run_outcome(record.outcome);
    let simulated = if record.simulated {
        " <span class=\"simulated\">SIMULATED</span>"
    } else {
        ""
    };
    let reason = record
        .reason
        .as_ref()
        .map_or_else(String::new, |reason| format!("<p>{}</p>\n", text(reason)));
    let mut body = format!(
        "<h1>{} {}</h1>\n<p>{} {}, {}{simulated}</p>\n{reason}",
        outcome(word),
        text(&unit.serial_number),
        text(&record.procedure_id),
        text(&record.procedure_version),
        text(&record.procedure_name)
    );
    body.push_str(&facts(run));
    body.push_str("<h2>Steps</h2>\n");
    for step in &record.steps {
        let last = step.attempts.len();
        for (attempt, at) in step.all_attempts().zip(0_usize..) {
            body.push_str(&step_section(attempt, at, at == last));
        }
    }
    body.push_str(&instruments(record));
    let title = format!(
        "{word} {} {}",
        unit.serial_number.chars().take(60).collect::<String>(),
        record.procedure_id
    );
    page(&title, &body)
}

fn facts(run: &StoredRun) -> String {
    let record = &run.record;
    let unit = &record.unit_under_test;
    let moment = |moment: chrono::DateTime<chrono::Utc>| moment.format("%Y-%m-%d %H:%M:%S UTC").to_string();
    let mut rows: Vec<(&str, String)> = vec![
        ("Started", moment(record.started_at)),
        ("Took", format!("{:.2} s", record.duration_s)),
        ("Station", record.station.id.clone()),
        ("Purpose", purpose_word(record.purpose).replace('_', " ")),
        ("Number", record.sequence.to_string()),
        ("Run", record.run_id.clone()),
        ("Record", place_word(run.place).to_owned()),
        ("Procedure digest", record.procedure_sha256.clone()),
    ];
    let optional = [
        ("Part", &unit.part_number),
        ("Revision", &unit.revision),
        ("Batch", &unit.batch),
        ("Operator", &record.operator),
        ("Fixture", &record.station.fixture_id),
        ("Slot", &record.slot),
        ("Study", &record.study),
        ("Trial", &record.trial.map(|trial| trial.to_string())),
        ("Variant", &record.variant),
    ];
    rows.extend(
        optional
            .into_iter()
            .filter_map(|(name, value)| value.clone().map(|value| (name, value))),
    );
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|(name, value)| vec![text(name), text(&value)])
        .collect();
    table("The run", &["What", "Value"], &rows)
}

fn step_section(step: &Step, at: usize, decides: bool) -> String {
    let again = match (at, decides) {
        (0, true) => String::new(),
        (_, true) => format!(", attempt {}", at + 1),
        (_, false) => format!(", attempt {}, tried again", at + 1),
    };
    let took = step
        .duration_s
        .map_or_else(String::new, |seconds| format!(", {seconds:.3} s"));
    let name = text(&step.measurement_name(&step.name));
    let mut section = format!(
        "<section>\n<h3>{} {name}<span class=\"faint\">{took}{again}</span></h3>\n",
        outcome(step_outcome(step.outcome))
    );
    if let Some(reason) = &step.reason {
        section.push_str(&format!("<p>{}</p>\n", text(reason)));
    }
    if !step.measurements.is_empty() {
        let rows: Vec<Vec<String>> = step.measurements.iter().map(row).collect();
        section.push_str(&table(
            &format!("Measurements of {}", step.name),
            &["Measurement", "Outcome", "Value", "Limits", "On its limits"],
            &rows,
        ));
    }
    section.push_str("</section>\n");
    section
}

fn row(measurement: &Measurement) -> Vec<String> {
    let word = measurement_outcome(measurement.outcome);
    let marginal = if measurement.marginal {
        " <span class=\"marginal\">marginal</span>"
    } else {
        ""
    };
    let faint = |said: Option<String>| {
        said.map_or_else(String::new, |said| {
            format!("<br><span class=\"faint\">{}</span>", text(&said))
        })
    };
    vec![
        text(&measurement.name),
        format!("{}{marginal}{}", outcome(word), faint(measurement.reason.clone())),
        format!(
            "{}{}",
            text(&shown::value(measurement)),
            faint(shown::uncertainty(measurement))
        ),
        text(&shown::limit(measurement).unwrap_or_default()),
        svg::value(measurement).unwrap_or_default(),
    ]
}

fn instruments(record: &Record) -> String {
    let rows: Vec<Vec<String>> = record
        .instruments
        .iter()
        .map(|instrument| {
            let serial = instrument
                .identity
                .as_ref()
                .map(|identity| identity.serial_number.as_str());
            let due = instrument.calibration_due.as_deref();
            let cells = [
                instrument.name.as_str(),
                &instrument.model,
                serial.unwrap_or("never opened"),
                &instrument.resource,
                due.unwrap_or("-"),
            ];
            cells.map(text).to_vec()
        })
        .collect();
    let mut found = String::new();
    if !rows.is_empty() {
        found.push_str("<h2>Instruments</h2>\n");
        let heads = ["Name", "Model", "Serial number", "Resource", "Calibration due"];
        found.push_str(&table("What measured and supplied", &heads, &rows));
    }
    let doubts = record
        .outputs
        .iter()
        .filter(|output| output.state == OutputState::MaybeOn);
    for output in doubts {
        found.push_str(&format!(
            "<p class=\"ERROR\">OUTPUT MAY BE ON: {} channel {}</p>\n",
            text(&output.instrument),
            output.channel
        ));
    }
    found
}
