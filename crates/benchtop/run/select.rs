//! `--only`, `--from`, `--skip`: some of the steps of the test, by their names, by those of groups, which are all of their steps,
//! and by those of turns, `Ramp[volts=5 V]`. Setup and teardown always run.

use super::request::Selection;
use benchtop_notation::suggest;
use benchtop_procedure::{PlanNode, Procedure, full_name};
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
    let names = Names::of(procedure, Section::Main);
    let mistakes: Vec<String> = named
        .iter()
        .filter_map(|(flag, name)| mistake(flag, name, &names, procedure))
        .collect();
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let first = from
        .as_ref()
        .and_then(|from| names.of_steps.iter().position(|own| own.contains(from)));
    let is_left_out = |index: usize, own: &BTreeSet<String>| {
        let before = first.is_some_and(|first| index < first);
        let not_named = !only.is_empty() && only.iter().all(|name| !own.contains(name));
        before || not_named || skip.iter().any(|name| own.contains(name))
    };
    let steps = names.of_steps.iter().enumerate();
    let left_out: BTreeSet<StepAddress> = steps
        .filter(|(index, own)| is_left_out(*index, own))
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

/// What the steps of a section may be called by.
struct Names {
    /// Of each step its own and those of the groups around it, of all turns and of this one.
    of_steps: Vec<BTreeSet<String>>,
    /// Each once, in the order of the file, without turns.
    plain: Vec<String>,
}

impl Names {
    fn of(procedure: &Procedure, section: Section) -> Self {
        let (steps, nodes) = match section {
            Section::Setup => (&procedure.setup, &procedure.plan.setup),
            Section::Main => (&procedure.steps, &procedure.plan.steps),
            Section::Teardown => (&procedure.teardown, &procedure.plan.teardown),
        };
        let mut names = Self {
            of_steps: vec![BTreeSet::new(); steps.len()],
            plain: Vec::new(),
        };
        let mut to_see: Vec<(&PlanNode, BTreeSet<String>)> =
            nodes.iter().rev().map(|node| (node, BTreeSet::new())).collect();
        while let Some((node, mut around)) = to_see.pop() {
            let (name, parameters) = match node {
                PlanNode::Group(group) => (&group.name, &group.parameters),
                PlanNode::Step(index) => match steps.get(*index) {
                    Some(step) => (&step.name, &step.parameters),
                    None => continue,
                },
            };
            if !names.plain.contains(name) {
                names.plain.push(name.clone());
            }
            around.extend([name.clone(), full_name(name, parameters)]);
            match node {
                PlanNode::Group(group) => {
                    to_see.extend(group.nodes.iter().rev().map(|node| (node, around.clone())));
                }
                PlanNode::Step(index) => {
                    if let Some(own) = names.of_steps.get_mut(*index) {
                        *own = around;
                    }
                }
            }
        }
        names
    }

    fn has(&self, name: &str) -> bool {
        self.of_steps.iter().any(|own| own.contains(name))
    }
}

fn mistake(flag: &str, name: &str, names: &Names, procedure: &Procedure) -> Option<String> {
    if names.has(name) {
        return None;
    }
    let elsewhere = [Section::Setup, Section::Teardown];
    if elsewhere.iter().any(|section| Names::of(procedure, *section).has(name)) {
        return Some(format!(
            "{flag} \"{name}\": setup and teardown always run; name steps of the test"
        ));
    }
    let all = || names.plain.iter().chain(names.of_steps.iter().flatten());
    let help = match suggest(name, all().map(String::as_str)) {
        Some(meant) => format!("did you mean \"{meant}\"?"),
        None => format!("it has \"{}\"", names.plain.join("\", \"")),
    };
    Some(format!(
        "{flag} \"{name}\": {} has no step or group of this name; {help}",
        procedure.id
    ))
}
