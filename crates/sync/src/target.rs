//! Where records go: the contract that every kind of target keeps.

use async_trait::async_trait;
use benchtop_store::{AttachmentState, Record, Sealed, StoreError};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use std::time::Duration;

/// A place that takes records.
///
/// An implementation never sends a record by itself again, never follows a redirect, and tells [`Verdict::Confirmed`]
/// only of an answer that proves it: everything else keeps the record here.
#[async_trait]
pub trait Target: Send + Sync {
    /// Its name in receipts and messages.
    fn name(&self) -> &str;

    /// What becomes of a run that is sent twice under the same run id. Sends nothing; may ask.
    async fn repeat(&self) -> Repeat;

    /// Whether this record is for it.
    fn wants(&self, record: &Record) -> Wants;

    /// Sends a record once; its attachments follow one by one.
    async fn upload(&self, sealed: &Sealed, progress: &mut Progress) -> Verdict;

    /// Brings an attachment of a run that the target has to its end, from where it came to. Each step that was done is
    /// told to `steps` at once, which makes it durable.
    ///
    /// # Errors
    /// Only what `steps` returned: then nothing more is sent.
    async fn attach(&self, enclosure: &Enclosure<'_>, steps: Steps<'_>) -> Result<Verdict, StoreError>;

    /// Asks what became of an earlier upload whose answer was lost. Sends nothing.
    async fn settle(&self, sealed: &Sealed) -> Settled;

    /// Asks whether anybody is there. Sends nothing.
    async fn probe(&self) -> Probe;
}

/// An attachment on its way out.
#[derive(Debug)]
pub struct Enclosure<'a> {
    /// The run's id here.
    pub run_id: &'a str,
    /// What the target calls the run.
    pub remote_id: &'a str,
    /// Its place in the record, from 0.
    pub index: u64,
    /// Its name, for people.
    pub name: &'a str,
    /// Its SHA-256, in hex.
    pub sha256: &'a str,
    /// Its bytes, checked; a clone shares them.
    pub bytes: Bytes,
    /// The time.
    pub at: DateTime<Utc>,
    /// How far it came before.
    pub reached: Option<&'a AttachmentState>,
}

/// A step of an attachment's upload that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The target has made room for it.
    Begun {
        /// What the target calls it.
        remote_id: String,
    },
    /// The target has its bytes.
    Sent,
}

/// Makes a step durable.
pub type Steps<'a> = &'a mut (dyn FnMut(Step) -> Result<(), StoreError> + Send);

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
    /// The target surely does not have it: send it again later.
    Retry {
        /// How long the target asked to be left alone; at most five minutes.
        after: Option<Duration>,
        /// How often it may come to that.
        patience: Patience,
        /// Why.
        reason: String,
    },
    /// The target will never take this record as it is.
    Park {
        /// In the target's words.
        reason: String,
    },
    /// The target says that it has something of the kind: it is asked whether it is this run, which is parked if it is not.
    Clash {
        /// In the target's words.
        reason: String,
    },
    /// The target takes nothing at all just now: key, quota, captive portal.
    Pause {
        /// Why.
        reason: String,
    },
    /// The target may or may not have the run: it is asked before the run is sent again.
    Uncertain {
        /// As in a retry.
        after: Option<Duration>,
        /// How often it may come to that.
        patience: Patience,
        /// Why.
        reason: String,
    },
}

impl Verdict {
    /// The same with its reason in other words.
    #[must_use]
    pub(crate) fn in_words(self, words: impl FnOnce(&str) -> String) -> Self {
        match self {
            Self::Confirmed { remote_id } => Self::Confirmed { remote_id },
            Self::Park { reason } => Self::Park { reason: words(&reason) },
            Self::Clash { reason } => Self::Clash { reason: words(&reason) },
            Self::Pause { reason } => Self::Pause { reason: words(&reason) },
            Self::Retry {
                after,
                patience,
                reason,
            } => Self::Retry {
                after,
                patience,
                reason: words(&reason),
            },
            Self::Uncertain {
                after,
                patience,
                reason,
            } => Self::Uncertain {
                after,
                patience,
                reason: words(&reason),
            },
        }
    }
}

/// How often a record may fail in a way at a target that is well before a person must look at it, whatever the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// For ever: the target is busy or away, which is no judgement of the record.
    Endless,
    /// Five times: an answer to this record.
    Few,
    /// Twenty times: no answer at all, which a bad line explains as well as a bad record.
    Many,
}

impl Patience {
    /// How often; none for ever.
    #[must_use]
    pub const fn times(self) -> Option<u32> {
        match self {
            Self::Endless => None,
            Self::Few => Some(5),
            Self::Many => Some(20),
        }
    }
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
    said_at: Option<DateTime<Utc>>,
    begun: DateTime<Utc>,
}

impl Progress {
    /// Of an upload that begins now.
    #[must_use]
    pub fn begun(now: DateTime<Utc>) -> Self {
        Self {
            begun: now,
            ..Self::default()
        }
    }

    /// When it began, by this computer's clock.
    #[must_use]
    pub fn time(&self) -> DateTime<Utc> {
        self.begun
    }

    /// Adds a sentence for people: what was sent differs from the record in form.
    pub fn note(&mut self, sentence: impl Into<String>) {
        self.notes.push(sentence.into());
    }

    /// Notes the target's own time, where its answer says it.
    pub fn said_at(&mut self, time: Option<DateTime<Utc>>) {
        self.said_at = time.or(self.said_at);
    }

    /// The target's own time in its last answer.
    #[must_use]
    pub fn server_time(&self) -> Option<DateTime<Utc>> {
        self.said_at
    }

    /// The sentences so far.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}
