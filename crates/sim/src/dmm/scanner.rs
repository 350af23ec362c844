//! A scanner card: its channels are connected to the meter one at a time.
//!
//! Either they are closed and opened by command, and with none closed the meter looks at its own terminals; or there is a
//! list of channels, each of which is connected while it is measured and at no other time.

use super::definition::{DmmModel, FunctionModel};
use super::state::Dmm;
use crate::{
    answer::block,
    device::{Call, Outcome},
    status::{DATA_OUT_OF_RANGE, MISSING_PARAMETER, SETTINGS_CONFLICT, ScpiError},
};

/// Channels that follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Channels {
    pub(crate) first: u32,
    pub(crate) last: u32,
}

/// Whose settings a channel is measured with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChannelSettings {
    /// The meter's, whatever channel is closed.
    Shared,
    /// Its own, which a channel list behind the command names; without one the meter's are meant. A channel whose function
    /// nobody has selected does not lead to the meter.
    Own,
    /// Its own; without a channel list those of the scan list are meant.
    Scanned,
}

/// The words of `channel_settings` in a `sim.toml`.
pub(super) const CHANNEL_SETTINGS: &[(&str, ChannelSettings)] = &[
    ("shared", ChannelSettings::Shared),
    ("own", ChannelSettings::Own),
    ("scanned", ChannelSettings::Scanned),
];

/// What a meter looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    ItsTerminals,
    Channel(u32),
    Nothing,
}

/// What is done with the channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// Opens what is closed and closes one.
    Close,
    /// Answers which one is closed.
    Closed,
    OpenAll,
    /// The channels that a scan goes through.
    List,
    /// How many they are.
    Size,
}

impl DmmModel {
    /// Whether it has a channel of this number.
    pub(crate) fn has_channel(&self, number: u32) -> bool {
        contain(&self.channels, number)
    }

    /// Its channels as people write them: `101 to 120, 201 to 220`; nothing where there is no scanner.
    pub(crate) fn channels_in_words(&self) -> Option<String> {
        let words: Vec<String> = self
            .channels
            .iter()
            .map(|channels| format!("{} to {}", channels.first, channels.last))
            .collect();
        (!words.is_empty()).then(|| words.join(", "))
    }
}

impl FunctionModel {
    /// Whether it is measured through the channel of this number.
    pub(super) fn has_channel(&self, number: u32) -> bool {
        self.channels.is_empty() || contain(&self.channels, number)
    }
}

impl Dmm {
    /// The channel that is connected to the meter.
    pub(super) fn connected(&self) -> Option<u32> {
        match self.channel_settings {
            ChannelSettings::Shared | ChannelSettings::Own => self.channel,
            ChannelSettings::Scanned => {
                let scans = self.acquisition.is_some();
                self.scan.get(self.place).copied().filter(|_| scans)
            }
        }
    }

    /// What it looks at.
    pub(crate) fn sight(&self) -> Sight {
        match (self.connected(), self.channel_settings) {
            (Some(_), ChannelSettings::Own) if !self.in_force().assigned => Sight::Nothing,
            (Some(channel), _) => Sight::Channel(channel),
            (None, ChannelSettings::Scanned) => Sight::Nothing,
            (None, ChannelSettings::Shared | ChannelSettings::Own) => Sight::ItsTerminals,
        }
    }

    /// Whether it goes on to another channel after this reading.
    pub(crate) const fn scans(&self) -> bool {
        self.acquisition.is_some() && self.scan.len() > 1
    }

    /// Goes on to the next channel of the list.
    pub(super) const fn next_place(&mut self) {
        self.place = if self.place + 1 < self.scan.len() {
            self.place + 1
        } else {
            0
        };
    }
}

/// Whether a channel of this number is among them.
pub(crate) fn contain(ranges: &[Channels], number: u32) -> bool {
    ranges
        .iter()
        .any(|channels| (channels.first..=channels.last).contains(&number))
}

/// What a command is for: the channels of the list that ends it, the scan list, or the meter itself. With a function, each
/// has to have it.
pub(super) fn addressed(
    dmm: &Dmm,
    model: &DmmModel,
    function: Option<usize>,
    call: &mut Call<'_>,
) -> Result<Vec<Option<u32>>, ScpiError> {
    let ranges = match model.channel_settings {
        ChannelSettings::Shared => None,
        ChannelSettings::Own | ChannelSettings::Scanned => call.arguments.ranges()?,
    };
    let list = match ranges {
        Some(ranges) => expanded(model, function, &ranges)?,
        None => dmm.scan.clone(),
    };
    Ok(if list.is_empty() {
        vec![None]
    } else {
        list.into_iter().map(Some).collect()
    })
}

/// The channels of a scan list, which may not be left out.
pub(super) fn scanned(model: &DmmModel, function: Option<usize>, call: &mut Call<'_>) -> Result<Vec<u32>, ScpiError> {
    let ranges = call.arguments.ranges()?.ok_or(MISSING_PARAMETER)?;
    let mut list = expanded(model, function, &ranges)?;
    // in ascending order: HP 34970A User's Guide, p.182
    list.sort_unstable();
    list.dedup();
    Ok(list)
}

/// The channels of ranges. What lies between the ends and has not got the function is left out without an error (p.182).
fn expanded(model: &DmmModel, function: Option<usize>, ranges: &[(u32, u32)]) -> Result<Vec<u32>, ScpiError> {
    let function = function.and_then(|number| model.functions.get(number));
    let takes = |channel| function.is_none_or(|function| function.has_channel(channel));
    let mut list = Vec::new();
    for (from, to) in ranges {
        for end in [*from, *to] {
            if !model.has_channel(end) {
                return Err(DATA_OUT_OF_RANGE);
            }
            if !takes(end) {
                return Err(SETTINGS_CONFLICT);
            }
        }
        let within = (*from.min(to)..=*from.max(to)).filter(|channel| model.has_channel(*channel) && takes(*channel));
        list.extend(within);
    }
    Ok(list)
}

/// Carries out a command to the scanner.
pub(super) fn execute(
    dmm: &mut Dmm,
    model: &DmmModel,
    route: Route,
    call: &mut Call<'_>,
) -> Result<Outcome, ScpiError> {
    match route {
        Route::Close => {
            let last = model.channels.iter().map(|channels| channels.last).max();
            let list = call.arguments.channels(last.unwrap_or_default())?;
            call.arguments.end()?;
            let list = list.ok_or(MISSING_PARAMETER)?;
            let [channel] = list.as_slice() else {
                return Err(SETTINGS_CONFLICT);
            };
            if !model.has_channel(*channel) {
                return Err(DATA_OUT_OF_RANGE);
            }
            dmm.channel = Some(*channel);
        }
        Route::Closed => {
            call.arguments.end()?;
            let closed = dmm.channel.map_or_else(String::new, |channel| channel.to_string());
            return Ok(Outcome::Answer(format!("(@{closed})")));
        }
        Route::OpenAll => {
            call.arguments.end()?;
            dmm.channel = None;
        }
        Route::List if call.query => {
            call.arguments.end()?;
            let list: Vec<String> = dmm.scan.iter().map(u32::to_string).collect();
            return Ok(Outcome::Answer(block(&format!("(@{})", list.join(",")))));
        }
        Route::List => {
            let list = scanned(model, None, call)?;
            call.arguments.end()?;
            dmm.scan = list;
            dmm.acquisition = None;
        }
        Route::Size => {
            call.arguments.end()?;
            let size = i64::try_from(dmm.scan.len()).unwrap_or(i64::MAX);
            return Ok(Outcome::Answer(call.numbers.integer(size)));
        }
    }
    Ok(Outcome::Done)
}
