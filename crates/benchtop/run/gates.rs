//! What refuses a run although procedure and bench are right in themselves: names, calibration.

use crate::{args::RunArguments, bench::Equipped};
use benchtop_instrument::{Clock, RealClock};
use benchtop_notation::Diagnostics;
use benchtop_procedure::Procedure;
use benchtop_station::CalibrationRule;

/// Every name of the unit that TofuPilot would refuse after the test: told before it.
pub(super) fn names_that_tofupilot_refuses(arguments: &RunArguments) -> Vec<String> {
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
pub(super) fn unit_mistakes(arguments: &RunArguments, procedure: &Procedure) -> Vec<String> {
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
pub(super) fn check_calibration(equipped: &Equipped, procedure: &Procedure, findings: &mut Diagnostics) {
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
