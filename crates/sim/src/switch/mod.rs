//! Relays: channels that are closed and opened by lists of them, and asked about by lists.
//!
//! A list is read to its end before anything moves: a command in error moves nothing. After `*RST` everything is open.

use crate::{
    device::{Call, Outcome},
    dmm::{Channels, contain, read_channels},
    keys,
    parser::Forms,
    status::{DATA_OUT_OF_RANGE, MISSING_PARAMETER, ScpiError},
};
use benchtop_notation::{Diagnostics, Table};
use std::collections::BTreeSet;

/// The channels that it has.
#[derive(Debug)]
pub(crate) struct SwitchModel {
    channels: Vec<Channels>,
}

/// Which of them are closed.
#[derive(Debug, Default)]
pub(crate) struct Relays {
    closed: BTreeSet<u32>,
}

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// Closes the channels of a list, or answers of each whether it is closed.
    Close,
    /// Opens everything first.
    CloseExclusive,
    /// Opens the channels of a list, or answers of each whether it is open.
    Open,
}

/// The words of a `sim.toml`.
pub(crate) const BEHAVIOURS: &[(&str, Behaviour, Forms)] = &[
    ("close", Behaviour::Close, Forms::Both),
    ("close_exclusive", Behaviour::CloseExclusive, Forms::Set),
    ("open", Behaviour::Open, Forms::Both),
];

/// Reads `[switch]`.
pub(crate) fn read(root: &Table<'_>, sink: &mut Diagnostics) -> Option<SwitchModel> {
    let table = root.require_table(sink, "switch", &keys::SWITCH.names())?;
    let channels = read_channels(&table, sink);
    if channels.is_empty() {
        sink.error(table.span(), "a switch without a channel switches nothing");
    }
    Some(SwitchModel { channels })
}

impl Relays {
    /// `*RST`.
    pub(crate) fn reset(&mut self) {
        self.closed.clear();
    }
}

/// Carries out one command.
pub(crate) fn execute(
    relays: &mut Relays,
    model: &SwitchModel,
    behaviour: Behaviour,
    call: &mut Call<'_>,
) -> Result<Outcome, ScpiError> {
    let list = listed(model, call)?;
    call.arguments.end()?;
    let Relays { closed } = relays;
    if call.query {
        let is_so = |channel: &u32| match behaviour {
            Behaviour::Close | Behaviour::CloseExclusive => closed.contains(channel),
            Behaviour::Open => !closed.contains(channel),
        };
        let answers = list.iter().map(|channel| call.numbers.flag(is_so(channel)));
        return Ok(Outcome::Answer(answers.collect::<Vec<_>>().join(",")));
    }
    match behaviour {
        Behaviour::Close => closed.extend(list),
        Behaviour::CloseExclusive => *closed = list.into_iter().collect(),
        Behaviour::Open => closed.retain(|channel| !list.contains(channel)),
    }
    Ok(Outcome::Done)
}

/// The channels of the list behind the command. The ends of a range must be there; what lies between is taken if it is.
fn listed(model: &SwitchModel, call: &mut Call<'_>) -> Result<Vec<u32>, ScpiError> {
    let ranges = call.arguments.ranges()?.ok_or(MISSING_PARAMETER)?;
    let mut list = Vec::new();
    for (from, to) in ranges {
        if !contain(&model.channels, from) || !contain(&model.channels, to) {
            return Err(DATA_OUT_OF_RANGE);
        }
        let within = from.min(to)..=from.max(to);
        list.extend(within.filter(|channel| contain(&model.channels, *channel)));
    }
    Ok(list)
}
