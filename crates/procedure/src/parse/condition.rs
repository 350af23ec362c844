//! `when` and `compute`: expressions, with the names that a step can see.

use super::draft::{Draft, Known, Section};
use crate::expression::{self, Comparison, Evaluated, Expression, Facts, Kind, Names, Node, Operand, Parameter};
use crate::value::Value;
use benchtop_notation::{Diagnostic, Spanned, Table, suggest};
use std::collections::BTreeMap;

/// Conditions that name more outcomes than this are not looked into.
const MOST_OUTCOMES: usize = 4;

/// Why a step of the fixture cannot ask what came of a unit.
const FOR_ALL: &str = "and the steps of the fixture run once for all units";

/// Reads an expression where `draft` stands; a mistake is reported.
pub(super) fn expression(draft: &mut Draft, what: &str, text: &Spanned<String>) -> Option<Expression> {
    match expression::read(&text.value, &Visible(draft)) {
        Ok(expression) => Some(expression),
        Err(reason) => {
            // what an expression names may be broken itself: that was said
            if !reason.is_empty() {
                draft.sink.error(&text.span, &format!("{what}: {reason}"));
            }
            None
        }
    }
}

/// `when`. `None` only where it is written and wrong.
pub(super) fn when(draft: &mut Draft, table: &Table<'_>, section: Section, label: &str) -> Option<Option<Expression>> {
    if !table.contains("when") {
        return Some(None);
    }
    let text = table.string(&mut draft.sink, "when")?;
    let found = expression(draft, &format!("{label}: `when`"), &text)?;
    if found.kind != Kind::Boolean {
        let message = format!("{label}: `when` is no condition");
        let help = "compare something: `outcome(\"Rail\") == \"pass\"`, `param.vin > 5 V`";
        draft.sink.push(Diagnostic::error(&text.span, &message).help(help));
        return None;
    }
    if !can_hold(draft, section, &found) {
        let message = format!("{label} is never reached: its `when` can never hold");
        let help = "before the teardown an earlier step has passed, failed or was skipped; after an error, a timeout, a failed \
                    setup or `on_fail = \"stop\"` only the teardown runs";
        draft.sink.push(Diagnostic::error(&text.span, &message).help(help));
        return None;
    }
    Some(Some(found))
}

/// The names that an expression can use where the draft stands.
struct Visible<'d>(&'d Draft);

impl Names for Visible<'_> {
    fn parameter(&self, name: &str) -> Result<Parameter, String> {
        if let Some(binding) = self.0.binding(name) {
            return Ok(binding.value.clone());
        }
        let known: Vec<&str> = self.0.bindings().map(|binding| binding.name.as_str()).collect();
        Err(format!("there is no parameter `{name}`{}", hint(name, &known)))
    }

    fn measurement(&self, name: &str) -> Result<Operand, String> {
        let candidates = self.0.full_names(name);
        if let Some(found) = candidates.iter().find_map(|name| self.0.known.measured.get(name)) {
            return Ok(found.clone());
        }
        if self.0.broken.contains(name) {
            return Err(String::new());
        }
        if self.0.measurement_names.contains_key(name) && self.0.is_fixture {
            return Err(format!("`{name}` is a unit's, {FOR_ALL}"));
        }
        if self.0.measurement_names.contains_key(name) && !is_turned(name, self.0.known.measured.keys()) {
            return Err(format!("`{name}` is not taken before this: it has no value yet"));
        }
        if self.0.measurement_names.contains_key(name) {
            return Err(format!(
                "`{name}` is taken in a sweep, or not before this: say which turn, as in `value(\"{name}[param=value]\")`"
            ));
        }
        let known: Vec<&str> = self.0.measurement_names.keys().map(String::as_str).collect();
        Err(format!(
            "no measurement before this is called `{name}`{}",
            hint(name, &known)
        ))
    }

    fn outcome(&self, name: &str) -> Result<String, String> {
        let candidates = self.0.full_names(name);
        if let Some(found) = candidates
            .into_iter()
            .find(|name| self.0.known.ended.contains_key(name))
        {
            return Ok(found);
        }
        if self.0.step_names.contains_key(name) && self.0.is_fixture {
            return Err(format!("the step \"{name}\" is a unit's, {FOR_ALL}"));
        }
        if self.0.step_names.contains_key(name) && !is_turned(name, self.0.known.ended.keys()) {
            return Err(format!("the step \"{name}\" does not end before this"));
        }
        if self.0.step_names.contains_key(name) {
            return Err(format!(
                "the step \"{name}\" is in a sweep, or does not end before this: say which turn, as in \
                 `outcome(\"{name}[param=value]\")`"
            ));
        }
        let known: Vec<&str> = self.0.step_names.keys().map(String::as_str).collect();
        Err(format!(
            "no step before this is called \"{name}\"{}",
            hint(name, &known)
        ))
    }
}

/// True where turns of a sweep are known under this name.
fn is_turned<'k>(name: &str, mut known: impl Iterator<Item = &'k String>) -> bool {
    known.any(|known| known.strip_prefix(name).is_some_and(|turn| turn.starts_with('[')))
}

fn hint(name: &str, known: &[&str]) -> String {
    suggest(name, known.iter().copied()).map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"))
}

/// Whether there is a way in which the steps before can end so that a condition holds. One over parameters may hold for
/// other values of them.
fn can_hold(draft: &Draft, section: Section, condition: &Expression) -> bool {
    let steps = condition.outcomes();
    if steps.len() > MOST_OUTCOMES || condition.text.contains("param.") {
        return true;
    }
    let mut ways: Vec<BTreeMap<&str, &'static str>> = vec![BTreeMap::new()];
    for step in steps {
        let ends = draft
            .known
            .ended
            .get(step)
            .map_or(expression::OUTCOMES, |known| known.ends_seen_in(section));
        ways = ways
            .iter()
            .flat_map(|way| {
                ends.iter().map(|end| {
                    let mut way = way.clone();
                    way.insert(step, end);
                    way
                })
            })
            .collect();
    }
    ways.iter().any(|way| holds(&condition.root, way) != Some(false))
}

impl Known {
    /// How the step can have ended where a step of `section` asks for it.
    fn ends_seen_in(self, section: Section) -> &'static [&'static str] {
        let fails_on = self.section == Section::Main && !self.stops;
        match (section, fails_on, self.may_skip) {
            (Section::Teardown, ..) => expression::OUTCOMES,
            (Section::Setup | Section::Main, true, true) => &["pass", "fail", "skip"],
            (Section::Setup | Section::Main, true, false) => &["pass", "fail"],
            (Section::Setup | Section::Main, false, true) => &["pass", "skip"],
            (Section::Setup | Section::Main, false, false) => &["pass"],
        }
    }
}

/// Whether a condition holds when the steps have ended like this; `None` where that depends on what is measured.
fn holds(node: &Node, way: &BTreeMap<&str, &'static str>) -> Option<bool> {
    match node {
        Node::Boolean(truth) => Some(*truth),
        Node::Not(inner) => Some(!holds(inner, way)?),
        Node::Both(left, right) => match (holds(left, way), holds(right, way)) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (left, right) => Some(left? && right?),
        },
        Node::Either(left, right) => match (holds(left, way), holds(right, way)) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (left, right) => Some(left? || right?),
        },
        Node::Compare(comparison, left, right) => compared(*comparison, left, right, way),
        Node::Quantity(_)
        | Node::Text(_)
        | Node::Measurement(_)
        | Node::Outcome(_)
        | Node::Negative(_)
        | Node::Sum(..)
        | Node::Product(..)
        | Node::Quotient(..)
        | Node::Call(..) => None,
    }
}

fn compared(comparison: Comparison, left: &Node, right: &Node, way: &BTreeMap<&str, &'static str>) -> Option<bool> {
    let condition = Expression {
        text: String::new(),
        root: Node::Compare(comparison, Box::new(left.clone()), Box::new(right.clone())),
        kind: Kind::Boolean,
    };
    match condition.evaluate(&Way(way)).ok()? {
        Evaluated::Boolean(truth) => Some(truth),
        Evaluated::Number(_) | Evaluated::Text(_) => None,
    }
}

struct Way<'w>(&'w BTreeMap<&'w str, &'static str>);

impl Facts for Way<'_> {
    fn measured(&self, _name: &str) -> Option<Value> {
        None
    }

    fn outcome(&self, name: &str) -> Option<&'static str> {
        self.0.get(name).copied()
    }
}
