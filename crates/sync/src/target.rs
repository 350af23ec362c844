//! Where records go: the contract that every kind of target keeps.

use async_trait::async_trait;
use benchtop_store::{Record, Sealed};
use std::time::Duration;

/// A place that takes records.
///
/// An implementation never sends a record by itself again, never follows a redirect, and tells [`Verdict::Confirmed`]
/// only of an answer that proves it: everything else keeps the record here.
#[async_trait]
pub trait Target: Send + Sync {
    /// Its name in receipts and messages.
    fn name(&self) -> &str;

    /// What becomes of a run that is sent twice under the same run id.
    fn repeat(&self) -> Repeat;

    /// Whether this record is for it.
    fn wants(&self, record: &Record) -> Wants;

    /// Sends a record once.
    async fn upload(&self, sealed: &Sealed, progress: &mut Progress) -> Verdict;

    /// Asks what became of an earlier upload whose answer was lost. Sends nothing.
    async fn settle(&self, sealed: &Sealed) -> Settled;

    /// Asks whether anybody is there. Sends nothing.
    async fn probe(&self) -> Probe;
}

/// What becomes of a run that is sent twice under the same run id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// It is stored once: sending again is always safe.
    StoredOnce,
    /// It may be stored twice: after a lost answer only a query can decide, else a person.
    MayDouble,
}

/// Whether a record is for a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wants {
    /// It is to be sent.
    Yes,
    /// It is never to be sent there.
    No {
        /// Why, for people.
        reason: String,
    },
    /// It is to be sent once the station file says how.
    NotConfigured {
        /// What is missing, for people; names the key.
        reason: String,
    },
}

/// How an upload ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The target proved that it has the run.
    Confirmed {
        /// Its name for the run.
        remote_id: String,
    },
    /// Send it again later.
    Retry {
        /// True where the target may hold the run all the same: it is asked before the run is sent again.
        perhaps_stored: bool,
        /// How long the target asked to be left alone; at most five minutes.
        after: Option<Duration>,
        /// Why.
        reason: String,
    },
    /// The target will never take this record as it is.
    Park {
        /// In the target's words.
        reason: String,
    },
    /// The target takes nothing at all just now: key, quota, captive portal.
    Pause {
        /// Why.
        reason: String,
    },
    /// The target may or may not have the run.
    Uncertain {
        /// Why.
        reason: String,
    },
}

/// What became of an earlier upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The target has the run.
    Confirmed {
        /// Its name for the run.
        remote_id: String,
    },
    /// The target has no such run.
    Absent,
    /// The question was answered, but the answer decides nothing: asking again will not help.
    Unknown {
        /// Why.
        reason: String,
    },
    /// The question was not answered: ask again later.
    NotNow {
        /// Why.
        reason: String,
    },
}

/// Whether anybody is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// The target answers and knows us.
    Ready {
        /// Who it says we are, where it says so.
        identity: Option<String>,
    },
    /// The target answers, but not to us.
    Refused {
        /// Why.
        reason: String,
    },
    /// Nobody, or somebody else, answers.
    Unreachable {
        /// Why.
        reason: String,
    },
}

/// What an upload has to tell beside its verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    notes: Vec<String>,
}

impl Progress {
    /// Adds a sentence for people: what was sent differs from the record in form.
    pub fn note(&mut self, sentence: impl Into<String>) {
        self.notes.push(sentence.into());
    }

    /// The sentences so far.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}
