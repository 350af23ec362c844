//! `[prompt]` of a `sim.toml`: a model that says behind every message what became of it.

use crate::{keys, status::ScpiError};
use benchtop_notation::{Diagnostics, Table};

/// What it says, without the end of the line.
#[derive(Clone, Debug)]
pub(crate) struct Prompt {
    executed: String,
    not_understood: String,
    not_executed: String,
}

impl Prompt {
    /// Behind a message with this error as its last one.
    pub(crate) fn behind(&self, error: Option<ScpiError>) -> &str {
        match error {
            None => &self.executed,
            Some(error) if error.is_command_error() => &self.not_understood,
            Some(_) => &self.not_executed,
        }
    }

    pub(super) fn read(root: &Table<'_>, sink: &mut Diagnostics) -> Option<Self> {
        let table = root.table(sink, "prompt", &keys::PROMPT.names())?;
        let [executed, not_understood, not_executed] =
            ["executed", "not_understood", "not_executed"].map(|key| table.require_string(sink, key));
        Some(Self {
            executed: executed?.value,
            not_understood: not_understood?.value,
            not_executed: not_executed?.value,
        })
    }
}
