//! What a meter is set to, and what each channel of its scanner is set to where channels have settings of their own.

use super::definition::DmmModel;
use super::function::FunctionState;
use super::scanner::{ChannelSettings, addressed};
use super::state::Dmm;
use crate::{
    device::Call,
    status::{SETTINGS_CONFLICT, ScpiError},
};
use std::collections::BTreeMap;

/// The settings of the meter itself, or of one channel.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// The number of the selected function.
    pub(crate) function: usize,
    pub(crate) functions: Vec<FunctionState>,
    /// Somebody has selected the function.
    pub(crate) assigned: bool,
    /// Readings for each trigger, where a channel has a number of its own.
    pub(crate) samples: Option<u64>,
}

impl Setup {
    fn new(model: &DmmModel, function: usize) -> Self {
        let functions = model.functions.iter();
        Self {
            function,
            functions: functions
                .map(|function| FunctionState::default_of(model, function))
                .collect(),
            assigned: false,
            samples: None,
        }
    }

    /// As after `*RST`, of the meter itself.
    pub(super) fn of_meter(model: &DmmModel) -> Self {
        Self::new(model, 0)
    }

    /// As after `*RST`, of every channel that has settings of its own, with the first function that it has.
    pub(super) fn of_channels(model: &DmmModel) -> BTreeMap<u32, Self> {
        if model.channel_settings == ChannelSettings::Shared {
            return BTreeMap::new();
        }
        let ranges = model.channels.iter();
        let channels = ranges.flat_map(|channels| channels.first..=channels.last);
        let first = |channel| {
            model
                .functions
                .iter()
                .position(|function| function.has_channel(channel))
        };
        channels
            .map(|channel| (channel, Self::new(model, first(channel).unwrap_or_default())))
            .collect()
    }

    /// Selects a function.
    pub(super) const fn select(&mut self, function: usize) {
        self.function = function;
        self.assigned = true;
    }
}

impl Dmm {
    /// The settings of a channel, or of the meter itself.
    pub(super) fn setup_of(&self, channel: Option<u32>) -> &Setup {
        let own = channel.and_then(|channel| self.setups.get(&channel));
        own.unwrap_or(&self.setup)
    }

    /// As `setup_of`, to be changed.
    pub(super) fn setup_mut(&mut self, channel: Option<u32>) -> &mut Setup {
        let own = channel.and_then(|channel| self.setups.get_mut(&channel));
        own.unwrap_or(&mut self.setup)
    }

    /// The settings that it measures with.
    pub(super) fn in_force(&self) -> &Setup {
        self.setup_of(self.connected())
    }

    /// Readings for each trigger; of one that scans, of the whole list.
    pub(super) fn samples(&self) -> u64 {
        let channels = match self.channel_settings {
            ChannelSettings::Scanned => u64::try_from(self.scan.len()).unwrap_or(u64::MAX),
            ChannelSettings::Shared | ChannelSettings::Own => 1,
        };
        let samples = self.in_force().samples.unwrap_or(self.trigger.samples);
        samples.saturating_mul(channels)
    }
}

/// Changes the settings of the function in the header, for everything that the command is for: all of it, or nothing. What
/// has to have `function` is refused where it has not.
pub(super) fn change(
    dmm: &mut Dmm,
    model: &DmmModel,
    function: Option<usize>,
    call: &mut Call<'_>,
    mut change: impl FnMut(&mut FunctionState, &mut Call<'_>) -> Result<(), ScpiError>,
) -> Result<(), ScpiError> {
    let channels = addressed(dmm, model, function, call)?;
    let arguments = call.arguments.clone();
    let mut changed = Vec::new();
    for channel in channels {
        call.arguments = arguments.clone();
        let state = dmm.setup_of(channel).functions.get(call.function);
        let mut state = *state.ok_or(SETTINGS_CONFLICT)?;
        change(&mut state, call)?;
        changed.push((channel, state));
    }
    for (channel, state) in changed {
        let functions = &mut dmm.setup_mut(channel).functions;
        if let Some(slot) = functions.get_mut(call.function) {
            *slot = state;
        }
        super::configure::share(functions, model, &state);
    }
    Ok(())
}

/// What a query answers for each of what it is for, with commas between.
pub(super) fn answers(
    dmm: &Dmm,
    model: &DmmModel,
    function: Option<usize>,
    call: &mut Call<'_>,
    answer: impl Fn(&Setup, &mut Call<'_>) -> Result<String, ScpiError>,
) -> Result<String, ScpiError> {
    let channels = addressed(dmm, model, function, call)?;
    let arguments = call.arguments.clone();
    let mut texts = Vec::new();
    for channel in channels {
        call.arguments = arguments.clone();
        texts.push(answer(dmm.setup_of(channel), call)?);
    }
    Ok(texts.join(","))
}
