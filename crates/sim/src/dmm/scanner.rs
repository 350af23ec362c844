//! A scanner card: one of its channels at a time is connected to the meter, or none, and the meter looks at its own
//! terminals.

use super::definition::DmmModel;
use super::state::Dmm;
use crate::{
    device::{Call, Outcome},
    status::{DATA_OUT_OF_RANGE, MISSING_PARAMETER, SETTINGS_CONFLICT, ScpiError},
};

/// Channels that follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Channels {
    pub(crate) first: u32,
    pub(crate) last: u32,
}

/// What is done with the channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// Opens what is closed and closes one.
    Close,
    /// Answers which one is closed.
    Closed,
    OpenAll,
}

impl DmmModel {
    /// Whether it has a channel of this number.
    pub(crate) fn has_channel(&self, number: u32) -> bool {
        self.channels
            .iter()
            .any(|channels| (channels.first..=channels.last).contains(&number))
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

/// Carries out a command to the scanner.
pub(super) fn execute(
    dmm: &mut Dmm,
    model: &DmmModel,
    route: Route,
    call: &mut Call<'_>,
) -> Result<Outcome, ScpiError> {
    let last = model.channels.iter().map(|channels| channels.last).max();
    let list = match route {
        Route::Close => call.arguments.channels(last.unwrap_or_default())?,
        Route::Closed | Route::OpenAll => None,
    };
    call.arguments.end()?;
    match route {
        Route::Close => {
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
            let closed = dmm.channel.map_or_else(String::new, |channel| channel.to_string());
            return Ok(Outcome::Answer(format!("(@{closed})")));
        }
        Route::OpenAll => dmm.channel = None,
    }
    Ok(Outcome::Done)
}
