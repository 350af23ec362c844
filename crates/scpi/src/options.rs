//! What a station says of an instrument that its definition cannot know.

use crate::{Definition, LineChanges};
use benchtop_instrument::{Capabilities, LineSettings};
use std::{collections::BTreeMap, time::Duration};

/// What a station says of one instrument beside its resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The serial number that must answer.
    pub serial_number: Option<String>,
    /// Others use it too: it is not reset.
    pub shared: bool,
    /// Others are kept out by its lock, which is waited for as long as for an answer.
    pub exclusive: bool,
    /// What its channels are called.
    pub channel_names: BTreeMap<String, u32>,
    /// The only channels that are touched, set or made safe, where the others are somebody else's.
    pub only: Option<Vec<u32>>,
    /// Instead of the definition's, for plain queries and settings.
    pub timeout: Option<Duration>,
    /// Instead of the definition's, on a serial line.
    pub line: LineChanges,
}

impl Options {
    /// What the instrument can do for this station.
    #[must_use]
    pub fn capabilities(&self, definition: &Definition) -> Capabilities {
        let all = Capabilities {
            channel_names: self.channel_names.clone(),
            ..definition.capabilities()
        };
        match &self.only {
            Some(channels) => all.only(channels),
            None => all,
        }
    }

    /// How it is reached.
    #[must_use]
    pub fn line(&self, definition: &Definition) -> LineSettings {
        LineSettings {
            exclusive: self.exclusive.then(|| self.timeout.unwrap_or(definition.timeout)),
            ..definition.line(&self.line)
        }
    }
}
