//! `[[setup]]`, `[[steps]]` and `[[teardown]]`: groups and sweeps, turned into a list of steps and a tree over it.

use super::draft::{Draft, Known, Section};
use super::sweep;
use super::vocabulary::STEP;
use super::{condition, lock, steps};
use crate::model::{Group, PlanNode, Step};
use benchtop_notation::{Diagnostic, Diagnostics, Kind, Scalar, Span, Table, Value, suggest};

/// More steps than this are taken for a mistake in a sweep.
const MOST_STEPS: usize = 100_000;

/// Keys of a step that a group does not have.
const NOT_OF_A_GROUP: &[&str] = &["measurements", "set", "wait", "timeout"];

/// The steps of one section and the tree over them.
pub(super) struct Read {
    pub(super) steps: Vec<Step>,
    pub(super) nodes: Vec<PlanNode>,
    /// How many of them are the fixture's: the first of the setup, the last of the teardown.
    pub(super) fixture_steps: usize,
    pub(super) fixture_nodes: usize,
}

/// The steps of one section. What could not be read is left out, and reported.
pub(super) fn section(draft: &mut Draft, roots: &[Table<'_>], section: Section) -> Read {
    let judges = draft.has_limit;
    let read = read(draft, roots, section);
    if section == Section::Teardown {
        // what is judged when all is over says nothing of the unit
        draft.has_limit = judges;
    }
    read
}

fn read(draft: &mut Draft, roots: &[Table<'_>], section: Section) -> Read {
    let mut reader = Reader {
        draft,
        section,
        steps: Vec::new(),
    };
    let mut nodes = Vec::new();
    let (mut fixture_steps, mut fixture_nodes) = (0, 0);
    match section {
        Section::Setup => {
            nodes = reader.of_fixture(roots);
            (fixture_steps, fixture_nodes) = (reader.steps.len(), nodes.len());
            reader.draft.known_to_fixture = Some(reader.draft.known.clone());
            nodes.extend(reader.of_units(roots));
        }
        Section::Main => nodes.extend(reader.of_units(roots)),
        Section::Teardown => {
            nodes.extend(reader.of_units(roots));
            let before = (reader.steps.len(), nodes.len());
            // which unit's it would be, where there are several, nobody could say
            let all = reader.draft.known_to_fixture.take().unwrap_or_default();
            let all = std::mem::replace(&mut reader.draft.known, all);
            nodes.extend(reader.of_fixture(roots));
            reader.draft.known = all;
            fixture_steps = reader.steps.len().saturating_sub(before.0);
            fixture_nodes = nodes.len().saturating_sub(before.1);
        }
    }
    Read {
        steps: reader.steps,
        nodes,
        fixture_steps,
        fixture_nodes,
    }
}

struct Reader<'r> {
    draft: &'r mut Draft,
    section: Section,
    steps: Vec<Step>,
}

impl Reader<'_> {
    fn of_units(&mut self, roots: &[Table<'_>]) -> Vec<PlanNode> {
        let written = roots.iter().filter_map(|root| root.value(self.section.key()));
        let written: Vec<Value<'_>> = written.collect();
        written.into_iter().flat_map(|value| self.all(value)).collect()
    }

    fn of_fixture(&mut self, roots: &[Table<'_>]) -> Vec<PlanNode> {
        let judges = self.draft.has_limit;
        self.draft.is_fixture = true;
        let key = self.draft.key(self.section);
        let written = roots.iter().filter_map(|root| root.value(key));
        let nodes = written.flat_map(|value| self.all(value)).collect();
        self.draft.is_fixture = false;
        // what is judged once for all says nothing of a unit
        self.draft.has_limit = judges;
        nodes
    }

    fn all(&mut self, value: Value<'_>) -> Vec<PlanNode> {
        let mut nodes = Vec::new();
        if value.kind() != Kind::Array {
            // says what it must be
            drop(STEP.open_each(&mut self.draft.sink, value));
            self.draft.is_unreadable = true;
            return nodes;
        }
        for (at, item) in value.items(&mut self.draft.sink).into_iter().flatten().enumerate() {
            let mut refers = false;
            item.each_table(&mut |table| refers |= reference(table).is_some());
            if refers {
                let filled = item.replaced(&mut |table| stands_for(table, self.draft));
                self.each_turn(filled.value(), at, &mut nodes);
            } else {
                self.each_turn(item, at, &mut nodes);
            }
        }
        nodes
    }

    /// A step or a group, as often as its sweep says.
    fn each_turn(&mut self, item: Value<'_>, at: usize, nodes: &mut Vec<PlanNode>) {
        let Some(table) = STEP.open(&mut self.draft.sink, item) else {
            self.draft.is_unreadable = true;
            return;
        };
        let Some(for_each) = table.value("for_each") else {
            nodes.extend(self.one(&table, at));
            return;
        };
        let Some(turns) = sweep::turns(&mut self.draft.sink, for_each, &self.draft.scope) else {
            self.draft.is_unreadable = true;
            return;
        };
        let swept = turns.first().map(|turn| turn.name.as_str());
        if let Some(name) = swept.filter(|name| self.draft.given.iter().any(|given| given.name == *name)) {
            let message = format!("the procedure has a parameter `{name}` already: a sweep needs another name");
            self.draft.sink.error(for_each.span(), &message);
            self.draft.is_unreadable = true;
            return;
        }
        for turn in turns {
            if self.steps.len() >= MOST_STEPS {
                let message = format!("these sweeps make more than {MOST_STEPS} steps");
                self.draft.sink.error(for_each.span(), &message);
                return;
            }
            self.draft.scope.push(turn);
            let filled = item.replaced(&mut |table| stands_for(table, self.draft));
            // it was a table a moment ago
            if let Some(table) = filled.value().map(&mut self.draft.sink) {
                nodes.extend(self.one(&table, at));
            }
            self.draft.scope.pop();
        }
    }

    fn one(&mut self, table: &Table<'_>, at: usize) -> Option<PlanNode> {
        if table.contains("steps") {
            return self.group(table, at);
        }
        if self.names_unknown_parameters(table) {
            self.draft.is_unreadable = true;
            return None;
        }
        lock::refuse_on_step(&mut self.draft.sink, table);
        let step = steps::step(self.draft, table, self.section, at)?;
        self.steps.push(step);
        Some(PlanNode::Step(self.steps.len() - 1))
    }

    fn group(&mut self, table: &Table<'_>, at: usize) -> Option<PlanNode> {
        let name = steps::name(self.draft, table);
        let label = match &name {
            Some(name) => format!("group \"{}\"", name.value),
            None => format!("group {} of [[{}]]", at + 1, self.draft.key(self.section)),
        };
        for key in NOT_OF_A_GROUP {
            if let Some(place) = table.key_span(key) {
                let message = format!("{label}: a group holds steps, and no `{key}` of its own");
                self.draft
                    .sink
                    .push(Diagnostic::error(place, &message).help("give it to a step of the group"));
            }
        }
        let retry = steps::retry(&mut self.draft.sink, table);
        let on_fail = steps::on_fail(&mut self.draft.sink, table);
        let when = condition::when(self.draft, table, self.section, &label);
        self.draft.conditions += usize::from(table.contains("when"));
        let parameters = self.draft.parameters();
        let lock = lock::read(self.draft, table, &label);
        let inner = table.value("steps")?;
        let outer = self.draft.locked.clone();
        if !lock.is_empty() {
            self.draft.locked.get_or_insert_with(|| label.clone());
        }
        let nodes = self.all(inner);
        self.draft.locked = outer;
        self.draft.conditions -= usize::from(table.contains("when"));
        if nodes.is_empty() && !self.draft.sink.has_errors() {
            self.draft.sink.error(inner.span(), &format!("{label} has no steps"));
        }
        let known = Known {
            section: self.section,
            stops: on_fail == crate::model::OnFail::Stop,
            may_skip: self.draft.conditions > 0 || table.contains("when"),
        };
        let name = name?.value;
        self.draft.ends(&name, known);
        Some(PlanNode::Group(Box::new(Group {
            name,
            nodes,
            lock,
            retry: retry?,
            on_fail,
            when: when?,
            parameters,
            place: table.span().clone(),
        })))
    }

    /// Reports every `{ param = "x" }` of a step that no sweep and no table of parameters explains.
    fn names_unknown_parameters(&mut self, table: &Table<'_>) -> bool {
        let mut unknown: Vec<(String, Span)> = Vec::new();
        for (_, value) in table.entries() {
            value.each_table(&mut |table| unknown.extend(reference(table)));
        }
        let known: Vec<String> = self.draft.bindings().map(|binding| binding.name.clone()).collect();
        for (name, place) in &unknown {
            let message = format!("there is no parameter `{name}` here");
            let help = match suggest(name, known.iter().map(String::as_str)) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None if known.is_empty() => {
                    "a `for_each` around the step, or [parameters], gives it a value".to_owned()
                }
                None => format!("there are {}", known.join(", ")),
            };
            self.draft.sink.push(Diagnostic::error(place, &message).help(&help));
        }
        !unknown.is_empty()
    }
}

/// The name in `{ param = "name" }`, where a table is that.
fn reference(table: &Table<'_>) -> Option<(String, Span)> {
    let name = table.only("param")?.string(&mut Diagnostics::new())?;
    Some((name.value, name.span))
}

/// What stands in place of `{ param = "name" }`; nothing for a parameter that only an inner sweep will know.
fn stands_for(table: &Table<'_>, draft: &Draft) -> Option<Scalar> {
    let (name, _) = reference(table)?;
    draft.binding(&name).map(|binding| binding.scalar.clone())
}
