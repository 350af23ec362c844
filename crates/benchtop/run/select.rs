//! `--only`, `--from`, `--skip`: some of the steps of the test. Setup and teardown always run.

use super::request::Selection;
use benchtop_notation::suggest;
use benchtop_procedure::Procedure;
use benchtop_run::{Partial, Section, StepAddress};
use std::collections::BTreeSet;

/// The steps that are left out, `None` where the whole procedure was asked for.
///
/// # Errors
/// What is wrong with the names, a sentence each.
pub(super) fn partial(selection: &Selection, procedure: &Procedure) -> Result<Option<Partial>, Vec<String>> {
    if selection.is_whole() {
        return Ok(None);
    }
    let Selection { only, from, skip } = selection;
    let named = only
        .iter()
        .map(|name| ("--only", name))
        .chain(from.iter().map(|name| ("--from", name)))
        .chain(skip.iter().map(|name| ("--skip", name)));
    let named: Vec<(&str, &String)> = named.collect();
    let mistakes: Vec<String> = named
        .iter()
        .filter_map(|(flag, name)| mistake(flag, name, procedure))
        .collect();
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let first = from
        .as_ref()
        .and_then(|from| procedure.steps.iter().position(|step| step.name == *from));
    let is_left_out = |index: usize, name: &String| {
        let before = first.is_some_and(|first| index < first);
        let not_named = !only.is_empty() && !only.contains(name);
        before || not_named || skip.contains(name)
    };
    let steps = procedure.steps.iter().enumerate();
    let left_out: BTreeSet<StepAddress> = steps
        .filter(|(index, step)| is_left_out(*index, &step.name))
        .map(|(index, _)| StepAddress {
            section: Section::Main,
            index,
        })
        .collect();
    if left_out.len() == procedure.steps.len() {
        return Err(vec![
            "every step of the test is left out: nothing would be tested".to_owned(),
        ]);
    }
    let asked = named.iter().map(|(flag, name)| format!("{flag} \"{name}\""));
    Ok(Some(Partial {
        left_out,
        asked: asked.collect::<Vec<_>>().join(" "),
    }))
}

fn mistake(flag: &str, name: &str, procedure: &Procedure) -> Option<String> {
    if procedure.steps.iter().any(|step| step.name == name) {
        return None;
    }
    let elsewhere = procedure.setup.iter().chain(&procedure.teardown);
    if elsewhere.into_iter().any(|step| step.name == name) {
        return Some(format!(
            "{flag} \"{name}\": setup and teardown always run; name steps of the test"
        ));
    }
    let known: Vec<&str> = procedure.steps.iter().map(|step| step.name.as_str()).collect();
    let help = match suggest(name, known.iter().copied()) {
        Some(meant) => format!("did you mean \"{meant}\"?"),
        None => format!("it has \"{}\"", known.join("\", \"")),
    };
    Some(format!(
        "{flag} \"{name}\": {} has no step of this name; {help}",
        procedure.id
    ))
}
