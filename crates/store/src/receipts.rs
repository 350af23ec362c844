//! Receipts: what became of a run at each target. They are the truth; the folder of a record is their summary.
//!
//! `receipts/<run id>.jsonl` is append-only, in checksummed lines like a journal, and synced before an append
//! returns: a confirmation is durable before the record moves, so that a move that was lost is made again and an
//! upload is not. A torn tail (an append cut short) is cut at the next append. Any other damage is an error: what
//! may have been confirmed must not be guessed.

use crate::{
    disk,
    error::{StoreError, StoreErrorKind},
    line::{self, Tail},
    name::is_run_id,
    record::time,
    store::{Layout, Store},
};
use chrono::{DateTime, Utc};
use durable::{MOST_OPEN, Written, make_durable};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, io::Write, sync::Arc};

mod durable;
mod renew;

const FORMAT: &str = "benchtop.receipts/1";
const MOST_BYTES: u64 = 64 << 20;

/// The receipts of a store.
#[derive(Clone, Debug)]
pub struct Receipts {
    layout: Arc<Layout>,
}

/// One receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// When, by the clock of the computer that uploads.
    #[serde(with = "time")]
    pub at: DateTime<Utc>,
    /// The target's name.
    pub target: String,
    /// What happened.
    #[serde(flatten)]
    pub kind: ReceiptKind,
}

/// What happened between a run and a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "receipt", rename_all = "snake_case")]
pub enum ReceiptKind {
    /// An upload is about to be sent. Durable before the first byte leaves.
    Attempt,
    /// The target answered that it did not take the run this time.
    Deferred {
        /// What it said.
        reason: String,
        /// Set where the target was well: after so many such receipts the run is parked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at_most: Option<u32>,
    },
    /// The answer was lost: the target may hold the run.
    Uncertain {
        /// What was seen.
        reason: String,
        /// As in a deferral.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at_most: Option<u32>,
    },
    /// The target holds the run.
    Confirmed {
        /// What it calls it.
        remote_id: String,
    },
    /// The target holds the run, but not yet its attachments.
    Stored {
        /// What it calls the run.
        remote_id: String,
    },
    /// The target has made room for an attachment.
    AttachmentBegun {
        /// Its place in the record, from 0.
        attachment: u64,
        /// What the target calls it.
        remote_id: String,
    },
    /// The target has an attachment's bytes.
    AttachmentSent {
        /// Its place in the record, from 0.
        attachment: u64,
    },
    /// The target has an attachment and knows whose it is.
    AttachmentDone {
        /// Its place in the record, from 0.
        attachment: u64,
    },
    /// The target refused the run for good, or a person must decide.
    Parked {
        /// Why.
        reason: String,
    },
    /// The target does not want the run: simulated, or a procedure that it does not know.
    Unwanted {
        /// Why.
        reason: String,
    },
    /// A person asked for another try.
    Reopened {
        /// Why.
        reason: String,
        /// True where the person has looked and the target does not hold it: it is sent without a question.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        surely_not_there: bool,
    },
    /// The record left this store in a bundle or came in one: another computer may upload it too. It is of every target, and names
    /// none.
    Carried,
}

/// How a run stands with a target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetState {
    /// How many receipts there are.
    pub receipts: u32,
    /// How many uploads were begun; of a run that is there, how often it came to nothing with its attachments since one of them,
    /// or the run, got through.
    pub attempts: u32,
    /// When the last one was begun or, where it had no answer or was one of attachments, when that was seen.
    pub last_attempt: Option<DateTime<Utc>>,
    /// The outcome so far.
    pub standing: Standing,
    /// What the target calls the run, as soon as it holds it; its attachments may be missing still.
    pub remote_id: Option<String>,
    /// How far the attachments came, by their place in the record.
    pub attachments: BTreeMap<u64, AttachmentState>,
    /// How often the run did not get through although the target was well, by how often that may happen. It begins anew when
    /// something got through, and when a person asks for another try.
    pub strikes: BTreeMap<u32, u32>,
    /// True where what came of an upload was never told. It outlives parking: another try begins with a question.
    pub unanswered: bool,
    /// True where another computer has the record too and may have uploaded it, and no person has looked since.
    pub perhaps_elsewhere: bool,
    /// True where a person has looked: the target does not hold it.
    pub surely_not_there: bool,
}

/// How far an attachment came at a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachmentState {
    /// What the target calls it.
    pub remote_id: String,
    /// The last step that is known to be done.
    pub reached: AttachmentStep,
}

/// The steps of an attachment's upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AttachmentStep {
    /// The target has made room for it.
    Begun,
    /// The target has its bytes.
    Sent,
    /// The target knows whose it is: nothing is left to do.
    Done,
}

impl TargetState {
    /// How many strikes of this kind there would be, with one more.
    #[must_use]
    pub fn strikes_with(&self, at_most: u32) -> u32 {
        self.strikes.get(&at_most).copied().unwrap_or(0).saturating_add(1)
    }

    fn take(&mut self, at: DateTime<Utc>, kind: ReceiptKind) {
        self.receipts = self.receipts.saturating_add(1);
        match kind {
            ReceiptKind::Attempt => {
                self.attempts = self.attempts.saturating_add(1);
                self.last_attempt = Some(at);
                // an answer follows, or a receipt that there was none
                self.unanswered = false;
                return self.begin();
            }
            ReceiptKind::AttachmentBegun { attachment, remote_id } => {
                let reached = AttachmentStep::Begun;
                let begun = AttachmentState { remote_id, reached };
                self.attachments.insert(attachment, begun);
                return;
            }
            ReceiptKind::AttachmentSent { attachment } => return self.reached(attachment, AttachmentStep::Sent),
            ReceiptKind::AttachmentDone { attachment } => {
                self.attempts = 0;
                self.strikes.clear();
                return self.reached(attachment, AttachmentStep::Done);
            }
            ReceiptKind::Deferred { .. }
            | ReceiptKind::Uncertain { .. }
            | ReceiptKind::Confirmed { .. }
            | ReceiptKind::Stored { .. }
            | ReceiptKind::Parked { .. }
            | ReceiptKind::Unwanted { .. }
            | ReceiptKind::Reopened { .. }
            | ReceiptKind::Carried => {}
        }
        if matches!(self.standing, Standing::Confirmed { .. }) {
            return;
        }
        if let ReceiptKind::Confirmed { remote_id } | ReceiptKind::Stored { remote_id } = &kind {
            self.remote_id = Some(remote_id.clone());
        }
        let was_uncertain = matches!(self.standing, Standing::Uncertain { .. });
        match &kind {
            ReceiptKind::Deferred { at_most, .. } => {
                self.unanswered = false;
                // one of its attachments did not get through: each try may leave something behind at the target
                if self.remote_id.is_some() {
                    self.attempts = self.attempts.saturating_add(1);
                    self.last_attempt = Some(at);
                }
                self.strike(*at_most);
            }
            ReceiptKind::Uncertain { at_most, .. } => {
                // a question that nobody answers is no request of the run
                if !self.unanswered {
                    self.last_attempt = Some(at);
                }
                self.unanswered = true;
                self.strike(*at_most);
            }
            ReceiptKind::Confirmed { .. } => {
                self.unanswered = false;
                self.strikes.clear();
            }
            ReceiptKind::Stored { .. } => {
                self.unanswered = false;
                self.attempts = 0;
                self.strikes.clear();
            }
            // dropped in the middle of an upload
            ReceiptKind::Unwanted { .. } => self.unanswered |= was_uncertain,
            ReceiptKind::Reopened { surely_not_there, .. } => {
                self.unanswered &= !surely_not_there;
                self.perhaps_elsewhere &= !surely_not_there;
                self.surely_not_there |= surely_not_there;
                self.strikes.clear();
            }
            ReceiptKind::Parked { .. }
            | ReceiptKind::Attempt
            | ReceiptKind::AttachmentBegun { .. }
            | ReceiptKind::AttachmentSent { .. }
            | ReceiptKind::AttachmentDone { .. }
            | ReceiptKind::Carried => {}
        }
        self.standing = match kind {
            ReceiptKind::Deferred { reason, .. } => Standing::Deferred { reason },
            ReceiptKind::Uncertain { reason, .. } => Standing::Uncertain { reason },
            ReceiptKind::Confirmed { remote_id } => Standing::Confirmed { remote_id, at },
            ReceiptKind::Stored { .. } => Standing::Deferred {
                reason: "the run is there, its attachments are not yet".to_owned(),
            },
            ReceiptKind::Parked { reason } => Standing::Parked { reason },
            ReceiptKind::Unwanted { reason } => Standing::Unwanted { reason },
            ReceiptKind::Reopened { reason, .. } if self.unanswered => Standing::Uncertain { reason },
            ReceiptKind::Reopened { .. } => Standing::Open,
            ReceiptKind::Attempt
            | ReceiptKind::AttachmentBegun { .. }
            | ReceiptKind::AttachmentSent { .. }
            | ReceiptKind::AttachmentDone { .. }
            | ReceiptKind::Carried => return,
        };
    }

    fn strike(&mut self, at_most: Option<u32>) {
        if let Some(at_most) = at_most {
            self.strikes.insert(at_most, self.strikes_with(at_most));
        }
    }

    fn begin(&mut self) {
        if !matches!(self.standing, Standing::Confirmed { .. }) {
            self.standing = Standing::Uncertain {
                reason: "an upload was begun and its end is not recorded".to_owned(),
            };
        }
    }

    fn reached(&mut self, attachment: u64, step: AttachmentStep) {
        if let Some(state) = self.attachments.get_mut(&attachment) {
            state.reached = state.reached.max(step);
        }
    }
}

/// The outcome of a run at a target so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// Nothing was tried, or a person asked for another try.
    #[default]
    Open,
    /// Deferred: to be tried again, and the target surely does not hold it.
    Deferred {
        /// What the target said.
        reason: String,
    },
    /// An upload was begun and nothing is known of its end: the target may hold the run.
    Uncertain {
        /// What was seen.
        reason: String,
    },
    /// The target holds it. Nothing changes that any more.
    Confirmed {
        /// What the target calls it.
        remote_id: String,
        /// Since when it is known.
        at: DateTime<Utc>,
    },
    /// Refused for good, until a person reopens it.
    Parked {
        /// Why.
        reason: String,
    },
    /// Not wanted.
    Unwanted {
        /// Why.
        reason: String,
    },
}

impl Standing {
    /// True while something is still to be done.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        match self {
            Self::Open | Self::Deferred { .. } | Self::Uncertain { .. } => true,
            Self::Confirmed { .. } | Self::Parked { .. } | Self::Unwanted { .. } => false,
        }
    }
}

/// What became of one run, by target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunReceipts {
    targets: BTreeMap<String, TargetState>,
    is_carried: bool,
}

impl RunReceipts {
    /// How the run stands with a target; open where there is no receipt.
    #[must_use]
    pub fn target(&self, name: &str) -> TargetState {
        self.targets.get(name).cloned().unwrap_or_else(|| self.untried())
    }

    /// True where every target's state says already that another computer has the record too.
    #[must_use]
    pub fn is_carried(&self) -> bool {
        self.is_carried && self.targets.values().all(|state| state.perhaps_elsewhere)
    }

    fn untried(&self) -> TargetState {
        TargetState {
            perhaps_elsewhere: self.is_carried,
            ..TargetState::default()
        }
    }

    /// Every target that has a receipt.
    pub fn targets(&self) -> impl Iterator<Item = (&str, &TargetState)> {
        self.targets.iter().map(|(name, state)| (name.as_str(), state))
    }

    fn take(&mut self, receipt: Receipt) {
        let Receipt { at, target, kind } = receipt;
        if kind == ReceiptKind::Carried {
            self.is_carried = true;
            self.targets
                .values_mut()
                .for_each(|state| state.perhaps_elsewhere = true);
            return;
        }
        let untried = self.untried();
        self.targets.entry(target).or_insert(untried).take(at, kind);
    }
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: String,
    run_id: String,
}

impl Store {
    /// The receipts of this store.
    #[must_use]
    pub fn receipts(&self) -> Receipts {
        Receipts {
            layout: Arc::clone(self.layout()),
        }
    }
}

impl Receipts {
    /// Appends a receipt, durably.
    ///
    /// # Errors
    /// [`StoreError`] when it is not on stable storage; [`StoreErrorKind::Damaged`] when the file is damaged before
    /// its end, and then nothing is written.
    pub fn append(&self, run_id: &str, receipt: &Receipt) -> Result<(), StoreError> {
        let (written, _so_far) = self.write(run_id, &[receipt])?;
        make_durable(&self.layout.receipts, &[written])
    }

    /// Appends receipts of several runs, durably: the disk is waited for once, not once for each. Those of one run keep their
    /// order. Answers what became of each of these runs so far, by run id.
    ///
    /// # Errors
    /// As [`Receipts::append`]; then some of them may be there.
    pub fn append_all(&self, batch: &[(String, Receipt)]) -> Result<BTreeMap<String, RunReceipts>, StoreError> {
        let mut runs: BTreeMap<&str, Vec<&Receipt>> = BTreeMap::new();
        for (run_id, receipt) in batch {
            runs.entry(run_id).or_default().push(receipt);
        }
        let runs: Vec<(&str, Vec<&Receipt>)> = runs.into_iter().collect();
        let mut so_far = BTreeMap::new();
        for some in runs.chunks(MOST_OPEN) {
            let mut files = Vec::new();
            for (run_id, receipts) in some {
                let (written, known) = self.write(run_id, receipts)?;
                files.push(written);
                so_far.insert((*run_id).to_owned(), known);
            }
            make_durable(&self.layout.receipts, &files)?;
        }
        Ok(so_far)
    }

    /// Written, and not yet durable; and what became of the run with it.
    fn write(&self, run_id: &str, receipts: &[&Receipt]) -> Result<(Written, RunReceipts), StoreError> {
        let folder = &self.layout.receipts;
        let name = self.file_of(run_id)?;
        let failed = |operation, error| StoreError::io(operation, folder.path_of(&name), error);
        let (file, facts) = loop {
            let file = folder.open_append(&name)?;
            file.lock().map_err(|error| failed("lock", error))?;
            let facts = file.metadata().map_err(|error| failed("look at", error))?;
            // else a fresh file took its place while we waited
            if disk::has_a_name(&facts) {
                break (file, facts);
            }
        };
        let bytes = folder.read_all(&file, &name, facts.len(), MOST_BYTES)?;
        let lines = line::read(&bytes);
        let mut checksum = lines.last.clone();
        let mut so_far = self.replay(run_id, &lines)?;
        if let Tail::Torn { .. } = lines.tail {
            let good = u64::try_from(lines.length).unwrap_or(u64::MAX);
            file.set_len(good).map_err(|error| failed("cut", error))?;
        }
        let is_new = lines.json.is_empty();
        let header = is_new.then(|| Header {
            format: FORMAT.to_owned(),
            run_id: run_id.to_owned(),
        });
        let header = header.map(|header| serde_json::to_string(&header));
        let mut text = String::new();
        for json in header.into_iter().chain(receipts.iter().map(serde_json::to_string)) {
            let json = json.map_err(|error| failed("write", error.into()))?;
            let (line, next) = line::encode(&checksum, &json);
            text.push_str(&line);
            checksum = next;
        }
        (&file)
            .write_all(text.as_bytes())
            .map_err(|error| failed("write", error))?;
        receipts.iter().for_each(|receipt| so_far.take((*receipt).clone()));
        Ok((Written { name, file, is_new }, so_far))
    }

    /// What became of a run so far; all open where there are no receipts.
    ///
    /// # Errors
    /// [`StoreErrorKind::Damaged`] when the file is damaged before its end: what was confirmed cannot be known.
    /// [`StoreErrorKind::Newer`] when a later program wrote it.
    pub fn read(&self, run_id: &str) -> Result<RunReceipts, StoreError> {
        let name = self.file_of(run_id)?;
        match self.layout.receipts.read(&name, MOST_BYTES) {
            Ok(bytes) => self.replay(run_id, &line::read(&bytes)),
            Err(error) if error.kind() == StoreErrorKind::NotFound => Ok(RunReceipts::default()),
            Err(error) => Err(error),
        }
    }

    fn replay(&self, run_id: &str, lines: &line::Lines<'_>) -> Result<RunReceipts, StoreError> {
        let refuse = |kind, detail: String| {
            let path = self.layout.receipts.path_of(&format!("{run_id}.jsonl"));
            Err(StoreError::new(kind, "read", path, detail))
        };
        if let Tail::Damaged { bytes } = lines.tail {
            return refuse(
                StoreErrorKind::Damaged,
                format!("the last {bytes} bytes are not what was written"),
            );
        }
        let mut receipts = RunReceipts::default();
        let mut json = lines.json.iter();
        let Some(header) = json.next() else {
            return Ok(receipts);
        };
        match serde_json::from_str::<Header>(header) {
            Ok(header) if header.format != FORMAT => {
                return refuse(StoreErrorKind::Newer, format!("its format is `{}`", header.format));
            }
            Ok(header) if header.run_id != run_id => {
                return refuse(StoreErrorKind::Damaged, format!("it belongs to run {}", header.run_id));
            }
            Ok(_) => {}
            Err(error) => return refuse(StoreErrorKind::Newer, error.to_string()),
        }
        for json in json {
            match serde_json::from_str(json) {
                Ok(receipt) => receipts.take(receipt),
                Err(error) => return refuse(StoreErrorKind::Newer, error.to_string()),
            }
        }
        Ok(receipts)
    }

    fn file_of(&self, run_id: &str) -> Result<String, StoreError> {
        if !is_run_id(run_id) {
            let detail = format!("`{run_id}` is not a run id");
            let path = self.layout.receipts.path();
            return Err(StoreError::new(
                StoreErrorKind::Invalid,
                "open receipts in",
                path,
                detail,
            ));
        }
        Ok(format!("{run_id}.jsonl"))
    }
}
