//! What is known of a procedure while it is being read, for the checks that look across steps.

use super::head::LONGEST_NAME;
use super::sweep::Binding;
use crate::expression::{Operand, Parameter, full_name};
use crate::limit::Limit;
use crate::model::{InstrumentNeed, LogicalName, ReadingSource};
use crate::value::ValueKind;
use benchtop_instrument::Unit;
use benchtop_notation::{Diagnostic, Diagnostics, OwnedValue, Span, Spanned, Table, suggest};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// The part of a procedure that a step belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Setup,
    Main,
    Teardown,
}

impl Section {
    /// Its key in the file.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Main => "steps",
            Self::Teardown => "teardown",
        }
    }
}

/// A channel as it is written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Channel {
    Number(u32),
    /// The station knows which one it is.
    Name(String),
}

impl Channel {
    /// The number, zero until a name is bound; the name.
    pub(super) fn into_parts(self) -> (u32, Option<String>) {
        match self {
            Self::Number(number) => (number, None),
            Self::Name(name) => (0, Some(name)),
        }
    }
}

impl std::fmt::Display for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => write!(f, "\"{name}\""),
        }
    }
}

/// One `set` that touches an output, as far as it could be read. `None` may be any.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what was written and where: none of them follows from another"
)]
pub(super) struct Switching {
    pub(super) section: Section,
    /// It is a step of the fixture.
    pub(super) is_fixture: bool,
    /// A `when` decides whether it is done.
    pub(super) is_conditional: bool,
    /// For messages: `step "Power on"`.
    pub(super) step: String,
    pub(super) instrument: Option<LogicalName>,
    pub(super) channel: Option<Channel>,
    pub(super) output_enabled: Option<bool>,
    pub(super) has_voltage: bool,
    pub(super) has_current: bool,
    pub(super) place: Span,
}

/// The facts gathered so far. A part that could not be read counts as written: one mistake makes one finding.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) sink: Diagnostics,
    /// Every instrument that is named; `None` where what it needs could not be read.
    pub(super) instruments: BTreeMap<LogicalName, Option<InstrumentNeed>>,
    pub(super) instrument_places: BTreeMap<LogicalName, Span>,
    pub(super) used: BTreeSet<LogicalName>,
    /// Some step cannot be read: which instruments it uses, and whether it judges anything, is not known.
    pub(super) is_unreadable: bool,
    pub(super) step_names: BTreeMap<String, Span>,
    pub(super) measurement_names: BTreeMap<String, Span>,
    pub(super) has_limit: bool,
    pub(super) switchings: Vec<Switching>,
    /// The parameters of the run.
    pub(super) given: Vec<Binding>,
    /// The names of parameters that something names.
    pub(super) named: RefCell<BTreeSet<String>>,
    /// The limits of the limits file that are in force, by measurement.
    pub(super) filed: BTreeMap<String, Filed>,
    /// Those of them that judge a measurement.
    pub(super) filed_used: BTreeSet<String>,
    /// Every measurement that the limits file names.
    pub(super) filed_names: Vec<Spanned<String>>,
    /// What the sweeps around the step that is being read set, the outermost first.
    pub(super) scope: Vec<Binding>,
    /// How many of it and the groups around it have a `when`.
    pub(super) conditions: usize,
    /// Measurements that have a mistake, which was reported there.
    pub(super) broken: BTreeSet<String>,
    /// What comes before.
    pub(super) known: Before,
    /// What the steps of the fixture know of: their own setup.
    pub(super) known_to_fixture: Option<Before>,
    /// Names that were reported as too long.
    pub(super) too_long: BTreeSet<String>,
    /// The draft stands in a step of the fixture.
    pub(super) is_fixture: bool,
    /// The group around it that holds instruments, for messages.
    pub(super) locked: Option<String>,
    /// The limits of the measurements.
    pub(super) limits: Shared<Limit>,
    /// What is read for the measurements.
    pub(super) readings: Shared<ReadingSource>,
}

/// Values that come again and again in a long procedure, and in the turns of a sweep, each kept once.
#[derive(Debug)]
pub(super) struct Shared<T>(Vec<Arc<T>>);

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: PartialEq> Shared<T> {
    /// How many values back one is looked for.
    const BACK: usize = 16;

    /// The value, or one of the last that is the same.
    pub(super) fn of(&mut self, value: T) -> Arc<T> {
        if let Some(known) = self.0.iter().rev().find(|known| ***known == value) {
            return Arc::clone(known);
        }
        if self.0.len() >= Self::BACK {
            self.0.remove(0);
        }
        let value = Arc::new(value);
        self.0.push(Arc::clone(&value));
        value
    }
}

/// What was read before, for expressions.
#[derive(Clone, Debug, Default)]
pub(super) struct Before {
    /// What is measured, by its full name.
    pub(super) measured: BTreeMap<String, Operand>,
    /// Steps and groups, by their full names.
    pub(super) ended: BTreeMap<String, Known>,
}

/// A limit of the limits file.
#[derive(Clone, Debug)]
pub(super) struct Filed {
    pub(super) limit: OwnedValue,
    pub(super) place: Span,
}

/// What is known of a step or a group that ends before another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) section: Section,
    /// Its failure stops what is behind it.
    pub(super) stops: bool,
    pub(super) may_skip: bool,
}

/// What a name in a step turned out to be.
#[derive(Debug)]
pub(super) enum Named {
    /// An instrument whose needs are known.
    Known(LogicalName, InstrumentNeed),
    /// An instrument whose own table has a mistake, which was reported there.
    Broken(LogicalName),
}

impl Draft {
    /// The parameters that a step can name, the innermost first.
    pub(super) fn bindings(&self) -> impl Iterator<Item = &Binding> {
        self.scope.iter().rev().chain(&self.given)
    }

    /// The parameter of this name, which is used by whoever asks.
    pub(super) fn binding(&self, name: &str) -> Option<&Binding> {
        let found = self.bindings().find(|binding| binding.name == name)?;
        if !self.named.borrow().contains(name) {
            self.named.borrow_mut().insert(name.to_owned());
        }
        Some(found)
    }

    /// The key of a section in the file, where the draft stands.
    pub(super) fn key(&self, section: Section) -> &'static str {
        match (section, self.is_fixture) {
            (Section::Setup, true) => "fixture_setup",
            (Section::Teardown, true) => "fixture_teardown",
            (Section::Setup | Section::Main | Section::Teardown, _) => section.key(),
        }
    }

    /// What the sweeps set for the step that is being read.
    pub(super) fn parameters(&self) -> BTreeMap<String, Parameter> {
        let pairs = self
            .scope
            .iter()
            .map(|binding| (binding.name.clone(), binding.value.clone()));
        pairs.collect()
    }

    /// What a name may mean where the draft stands: in this turn, in a turn of an outer sweep, outside of all.
    pub(super) fn full_names(&self, name: &str) -> Vec<String> {
        let mut parameters = BTreeMap::new();
        let mut names = vec![name.to_owned()];
        for binding in &self.scope {
            parameters.insert(binding.name.clone(), binding.value.clone());
            names.push(full_name(name, &parameters));
        }
        names.reverse();
        names
    }

    /// A step or a group ends here.
    pub(super) fn ends(&mut self, name: &str, known: Known) {
        self.known.ended.insert(full_name(name, &self.parameters()), known);
    }

    /// A measurement is taken here.
    pub(super) fn measures(&mut self, name: &str, unit: Unit, kind: ValueKind) {
        let name = full_name(name, &self.parameters());
        let operand = Operand {
            name: name.clone(),
            unit,
            kind,
        };
        self.known.measured.insert(name, operand);
    }

    /// Reads the instrument that a table of a step names, and marks it used.
    pub(super) fn instrument(&mut self, step: &str, table: &Table<'_>) -> Option<(Named, Span)> {
        let name = table.require_string(&mut self.sink, "instrument");
        let named = name.as_ref().and_then(|name| self.look_up(step, name));
        self.is_unreadable |= named.is_none();
        Some((named?, name?.span))
    }

    fn look_up(&mut self, step: &str, name: &Spanned<String>) -> Option<Named> {
        let wanted = LogicalName(name.value.clone());
        let Some(need) = self.instruments.get(&wanted) else {
            let message = format!("{step}: there is no [instruments.{wanted}] in this procedure");
            let known: Vec<&str> = self.instruments.keys().map(|name| name.0.as_str()).collect();
            let help = match suggest(&name.value, known.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None if known.is_empty() => "declare it, with its class".to_owned(),
                None => format!("declare it, or use one of {}", known.join(", ")),
            };
            self.sink.push(Diagnostic::error(&name.span, &message).help(&help));
            return None;
        };
        let need = need.clone();
        self.used.insert(wanted.clone());
        Some(match need {
            Some(need) => Named::Known(wanted, need),
            None => Named::Broken(wanted),
        })
    }

    /// Reports a name that is too long with what the sweeps around it add to it, once.
    fn refuse_too_long(&mut self, name: &Spanned<String>) {
        if self.scope.is_empty() {
            return;
        }
        let full = full_name(&name.value, &self.parameters());
        if full.chars().count() > LONGEST_NAME && self.too_long.insert(name.value.clone()) {
            let message = format!("`{full}` is longer than {LONGEST_NAME} characters");
            let help = "records and targets call it so: shorten the name, or the values of the sweep";
            self.sink.push(Diagnostic::error(&name.span, &message).help(help));
        }
    }

    /// Keeps a step's name, reporting one that is taken.
    pub(super) fn claim_step_name(&mut self, name: &Spanned<String>) {
        self.refuse_too_long(name);
        claim(&mut self.sink, &mut self.step_names, "step", name);
    }

    /// Keeps a measurement's name, reporting one that is taken.
    pub(super) fn claim_measurement_name(&mut self, name: &Spanned<String>) {
        self.refuse_too_long(name);
        claim(&mut self.sink, &mut self.measurement_names, "measurement", name);
    }
}

/// True for what records call a turn of a sweep: `output[volts=5 V]`.
fn is_of_a_turn(name: &str) -> bool {
    let turn = name.strip_suffix(']').and_then(|name| name.split_once('['));
    turn.is_some_and(|(_, turn)| turn.contains('='))
}

fn claim(sink: &mut Diagnostics, taken: &mut BTreeMap<String, Span>, what: &str, name: &Spanned<String>) {
    if is_of_a_turn(&name.value) {
        let message = format!("a {what} cannot be called \"{}\"", name.value);
        let help = "records call a turn of a sweep so: two values would have one name";
        sink.push(Diagnostic::error(&name.span, &message).help(help));
        return;
    }
    // the next turn of a sweep reads the same name at the same place
    if let Some(first) = taken.get(&name.value).filter(|first| **first != name.span) {
        let message = format!("there is already a {what} \"{}\"", name.value);
        let help = format!(
            "the first one is in line {}; names are unique in a procedure",
            first.line()
        );
        sink.push(Diagnostic::error(&name.span, &message).help(&help));
        return;
    }
    taken.insert(name.value.clone(), name.span.clone());
}
