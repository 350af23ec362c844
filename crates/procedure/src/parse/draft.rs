//! What is known of a procedure while it is being read, for the checks that look across steps.

use crate::model::{InstrumentNeed, LogicalName};
use benchtop_notation::{Diagnostic, Diagnostics, Span, Spanned, Table, suggest};
use std::collections::{BTreeMap, BTreeSet};

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

/// One `set` that touches an output, as far as it could be read. `None` may be any.
#[derive(Debug)]
pub(super) struct Switching {
    pub(super) section: Section,
    /// For messages: `step "Power on"`.
    pub(super) step: String,
    pub(super) instrument: Option<LogicalName>,
    pub(super) channel: Option<u32>,
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

    /// Keeps a step's name, reporting one that is taken.
    pub(super) fn claim_step_name(&mut self, name: &Spanned<String>) {
        claim(&mut self.sink, &mut self.step_names, "step", name);
    }

    /// Keeps a measurement's name, reporting one that is taken.
    pub(super) fn claim_measurement_name(&mut self, name: &Spanned<String>) {
        claim(&mut self.sink, &mut self.measurement_names, "measurement", name);
    }
}

fn claim(sink: &mut Diagnostics, taken: &mut BTreeMap<String, Span>, what: &str, name: &Spanned<String>) {
    if let Some(first) = taken.get(&name.value) {
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
