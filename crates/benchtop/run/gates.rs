//! What refuses a run although procedure and bench are right in themselves: names, calibration.

use super::request::Unit;
use crate::bench;
use benchtop_notation::{Diagnostic, Diagnostics};
use benchtop_procedure::{Pattern, Procedure};
use benchtop_station::{CalibrationRule, StationFile};

/// Every name of the unit that TofuPilot would refuse after the test: told before it.
pub(super) fn names_that_tofupilot_refuses(unit: &Unit) -> Vec<String> {
    let mut names = vec![("serial number", &unit.serial)];
    let given = [
        ("part number", &unit.part),
        ("revision", &unit.revision),
        ("batch", &unit.batch),
    ];
    names.extend(
        given
            .into_iter()
            .filter_map(|(what, name)| Some((what, name.as_ref()?))),
    );
    names.extend(unit.sub_units.iter().map(|serial| ("sub-unit", serial)));
    let refused = names.into_iter().filter(|(_, name)| !is_tofupilot_name(name));
    refused
        .map(|(what, name)| format!("TofuPilot takes a {what} of 1 to 60 letters, digits and _ . : + -, not `{name}`"))
        .collect()
}

fn is_tofupilot_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.:+-".contains(c);
    (1..=60).contains(&text.len()) && text.chars().all(allowed)
}

/// What is wrong with a serial number.
pub(super) fn serial_mistakes(serial: &str, procedure: &Procedure) -> Vec<String> {
    let mut mistakes = Vec::new();
    if serial.is_empty() || serial.chars().any(char::is_control) {
        mistakes.push("a serial number is not empty and has no control characters".to_owned());
    }
    let pattern = procedure.unit_under_test.serial_number.as_ref();
    mistakes.extend(pattern.and_then(|pattern| mismatch(procedure, "serial number", serial, pattern)));
    mistakes
}

fn mismatch(procedure: &Procedure, what: &str, text: &str, pattern: &Pattern) -> Option<String> {
    let id = &procedure.id;
    let message = || format!("the {what} `{text}` does not match {pattern}, which {id} wants");
    (!pattern.is_match(text)).then(message)
}

/// What is wrong with the unit as the command line or the operator names it.
pub(super) fn unit_mistakes(unit: &Unit, procedure: &Procedure) -> Vec<String> {
    let mut mistakes = serial_mistakes(&unit.serial, procedure);
    let wanted = &procedure.unit_under_test;
    for (what, flag, text, pattern) in [
        ("revision", "--revision", &unit.revision, &wanted.revision),
        ("batch", "--batch", &unit.batch, &wanted.batch_number),
    ] {
        match (text, pattern) {
            (Some(text), Some(pattern)) => mistakes.extend(mismatch(procedure, what, text, pattern)),
            (None, Some(pattern)) => {
                mistakes.push(format!("{} asks for the {what}: {flag}, as {pattern}", procedure.id));
            }
            (_, None) => {}
        }
    }
    if !wanted.sub_units.is_empty() && wanted.sub_units.len() != unit.sub_units.len() {
        let (wanted, named) = (wanted.sub_units.len(), unit.sub_units.len());
        mistakes.push(format!(
            "{} asks for {wanted} sub-units, {named} are named: --sub-unit",
            procedure.id
        ));
    }
    for (text, pattern) in unit.sub_units.iter().zip(&wanted.sub_units) {
        mistakes.extend(mismatch(procedure, "sub-unit", text, pattern));
    }
    if procedure.variant.is_none() && !procedure.parts.is_empty() {
        let parts: Vec<&str> = procedure.parts.iter().map(String::as_str).collect();
        let parts = parts.join(", ");
        mistakes.push(format!(
            "which part? {} tells parts apart: --part, one of {parts}",
            procedure.id
        ));
    }
    if let (Some(expected), Some(part)) = (&wanted.part_number, &unit.part)
        && expected != part
        && procedure.parts.is_empty()
    {
        mistakes.push(format!("{} tests part {expected}, not {part}", procedure.id));
    }
    mistakes
}

/// A procedure that this station does not test units with runs for engineering only.
pub(crate) fn check_allowed(file: &StationFile, procedure: &Procedure, sha256: &str, findings: &mut Diagnostics) {
    let Some(listed) = &file.procedures else { return };
    let id = &procedure.id;
    let help = "--purpose engineering runs it all the same";
    let Some(allowed) = listed.value.get(id) else {
        let names: Vec<&str> = listed.value.keys().map(String::as_str).collect();
        let only = if names.is_empty() {
            ": its [procedures] lists none".to_owned()
        } else {
            format!(", only with {}", names.join(", "))
        };
        let message = format!("{} does not test units with {id}{only}", file.id);
        findings.push(Diagnostic::error(&listed.span, &message).help(help));
        return;
    };
    for (what, wanted, found) in [
        ("version", &allowed.version, procedure.version.as_str()),
        ("digest", &allowed.sha256, sha256),
    ] {
        if let Some(wanted) = wanted
            .as_ref()
            .filter(|wanted| !wanted.value.eq_ignore_ascii_case(found))
        {
            let message = format!("this {id} has the {what} {found}, which is not the one that tests units here");
            findings.push(Diagnostic::error(&wanted.span, &message).help(help));
        }
    }
}

/// An instrument that is used and whose calibration is overdue refuses the run, or warns.
pub(crate) fn check_calibration(file: &StationFile, procedure: &Procedure, findings: &mut Diagnostics) {
    let today = bench::today().to_string();
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
