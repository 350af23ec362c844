//! The outbox as a person sees and corrects it: what waits and why, and bringing records back or taking them out.

use crate::deliver::Now;
use crate::rest::next_try;
use crate::stops::count as count_reason;
use benchtop_store::{
    Place, Receipt, ReceiptKind, RecordName, RunReceipts, Sealed, Standing, Store, StoreError, StoreErrorKind,
    TargetOutlook, TargetState,
};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Most parked records that a status names.
const MOST_NAMED: usize = 50;
/// So many records are dealt with at a time.
const BATCH: usize = 256;

/// How the outbox stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// By the target's name: the configured ones, and those that a waiting record has receipts of.
    pub targets: BTreeMap<String, TargetStatus>,
    /// Records in `pending/`.
    pub pending: u64,
    /// What lies in `pending/` and is no record, by its name or its kind: syncs put it into quarantine.
    pub not_records: u64,
    /// Records in `parked/`.
    pub parked: u64,
    /// Records in `kept/`.
    pub kept: u64,
    /// Pending records that a target refused for good; another one lacks them still.
    pub refused: u64,
    /// Files in `quarantine/`.
    pub quarantined: u64,
    /// Pending and parked records whose receipts cannot be believed: each waits for a person.
    pub unbelieved: u64,
    /// Runs that are in progress, or were interrupted and are saved by the next run or sync.
    pub unsealed: u64,
    /// When the oldest pending run started.
    pub oldest_pending: Option<DateTime<Utc>>,
}

/// How a target stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TargetStatus {
    /// Pending records that it lacks.
    pub pending: u64,
    /// Of those, uploads whose answer was lost.
    pub uncertain: u64,
    /// Why pending records wait, with how many; at most fifty reasons.
    pub waiting: BTreeMap<String, u64>,
    /// Records that it refused, with its words, those that wait for another target too; at most fifty.
    pub parked: Vec<(String, String)>,
    /// How many records it refused.
    pub parked_count: u64,
    /// When the first of its pending records is tried again by a sync that goes on.
    pub next_try: Option<DateTime<Utc>>,
    /// How it stood at the end of the last sync.
    pub outlook: TargetOutlook,
    /// Why it cannot be used as it is configured, where the caller knows: [`status`] looks at no station file.
    pub unusable: Vec<String>,
}

/// How the outbox stands. Reads the receipts of everything that is pending or parked; sends nothing, moves nothing. Its memory
/// does not grow with what is pending.
///
/// # Errors
/// [`StoreError`] when a folder cannot be listed.
pub fn status(store: &Store, targets: &[&str]) -> Result<Status, StoreError> {
    let parked = store.list(Place::Parked, usize::MAX)?;
    let mut outlook = store.outlook();
    let waiting = store.pending(0)?;
    let mut status = Status {
        pending: waiting.count,
        not_records: waiting.others,
        parked: parked.count,
        kept: store.list(Place::Kept, 0)?.count,
        quarantined: u64::try_from(store.quarantined()?.len()).unwrap_or(u64::MAX),
        unsealed: u64::try_from(store.unsealed()?).unwrap_or(u64::MAX),
        ..Status::default()
    };
    for name in targets {
        status.targets.entry((*name).to_owned()).or_default();
    }
    let (mut pending, mut first) = (store.backlog().of_files(), None);
    loop {
        let batch = pending.next_batch(BATCH)?;
        if batch.is_empty() {
            break;
        }
        for name in &batch {
            match store.receipts().read(name.run_id()) {
                Ok(receipts) => {
                    let mut is_refused = false;
                    for (target, own) in &mut status.targets {
                        is_refused |= own.take_pending(name, &receipts.target(target));
                    }
                    status.refused += u64::from(is_refused);
                }
                Err(error) => {
                    status.unbelieved += u64::from(is_unbelieved(&error));
                    let own = status.targets.values_mut();
                    own.for_each(|own| own.take_unbelieved(&error));
                }
            }
        }
        first = first.or_else(|| batch.into_iter().next());
    }
    for name in &parked.names {
        let receipts = match store.receipts().read(name.run_id()) {
            Ok(receipts) => receipts,
            Err(error) => {
                status.unbelieved += u64::from(is_unbelieved(&error));
                continue;
            }
        };
        for (target, state) in receipts.targets() {
            if let Standing::Parked { reason } = &state.standing {
                status
                    .targets
                    .entry(target.to_owned())
                    .or_default()
                    .refuse(name, reason);
            }
        }
    }
    for (name, own) in &mut status.targets {
        own.outlook = outlook.targets.remove(name).unwrap_or_default();
    }
    status.oldest_pending = oldest(store, first.as_ref());
    Ok(status)
}

/// True where nobody but a person can say what became of a run; else the disk is in trouble, or another user asks.
fn is_unbelieved(error: &StoreError) -> bool {
    matches!(error.kind(), StoreErrorKind::Damaged | StoreErrorKind::Newer)
}

fn oldest(store: &Store, name: Option<&RecordName>) -> Option<DateTime<Utc>> {
    let sealed = store.read(Place::Pending, name?).ok()?;
    Some(sealed.record.started_at)
}

impl TargetStatus {
    /// True where the target refused it.
    fn take_pending(&mut self, name: &RecordName, state: &TargetState) -> bool {
        let reason = match &state.standing {
            Standing::Open => None,
            Standing::Deferred { reason } => Some(reason),
            Standing::Uncertain { reason } => {
                self.uncertain += 1;
                Some(reason)
            }
            Standing::Confirmed { .. } | Standing::Unwanted { .. } => return false,
            Standing::Parked { reason } => {
                self.refuse(name, reason);
                return true;
            }
        };
        self.pending += 1;
        if let Some(next) = next_try(name.run_id(), state) {
            self.next_try = Some(self.next_try.map_or(next, |known| known.min(next)));
        }
        if let Some(reason) = reason {
            count_reason(&mut self.waiting, reason);
        }
        false
    }

    fn refuse(&mut self, name: &RecordName, reason: &str) {
        self.parked_count += 1;
        if self.parked.len() < MOST_NAMED {
            self.parked.push((name.to_string(), reason.to_owned()));
        }
    }

    /// A pending record whose receipts cannot be believed: it waits for a person.
    fn take_unbelieved(&mut self, error: &StoreError) {
        self.pending += 1;
        count_reason(&mut self.waiting, &error.to_string());
    }
}

impl Status {
    /// 0 when everything is confirmed, 1 when something is pending or about to go to quarantine, 3 when something waits for a
    /// person.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        if self.parked > 0 || self.quarantined > 0 || self.refused > 0 {
            return 3;
        }
        (self.pending > 0 || self.not_records > 0) as u8
    }

    /// One line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let time = |time: Option<DateTime<Utc>>| time.map(crate::times::wire);
        let targets = self.targets.iter().map(|(name, own)| {
            let parked: Vec<Value> = own
                .parked
                .iter()
                .map(|(record, reason)| json!({"record": record, "reason": reason}))
                .collect();
            let value = json!({
                "pending": own.pending,
                "uncertain": own.uncertain,
                "waiting": own.waiting,
                "not_configured": own.outlook.not_configured,
                "parked": own.parked_count,
                "parked_records": parked,
                "last_success": time(own.outlook.last_success),
                "last_try": time(own.outlook.last_try),
                "next_try": time(own.outlook.next_try.max(own.next_try)),
                "stopped": own.outlook.stopped,
                "unusable": own.unusable,
                "clock_ahead_s": own.outlook.clock_ahead_s,
            });
            (name.clone(), value)
        });
        json!({
            "pending": self.pending,
            "not_records": self.not_records,
            "parked": self.parked,
            "kept": self.kept,
            "refused": self.refused,
            "quarantined": self.quarantined,
            "unbelieved": self.unbelieved,
            "unsealed": self.unsealed,
            "oldest_pending": time(self.oldest_pending),
            "targets": targets.collect::<Map<String, Value>>(),
        })
        .to_string()
    }
}

/// Which records a person means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// All of the folder.
    All,
    /// Those with this file name, run id or serial number.
    Named(String),
}

impl Chosen {
    fn means(&self, store: &Store, place: Place, name: &RecordName) -> bool {
        match self {
            Self::All => true,
            Self::Named(text) if name.as_str() == text || name.run_id() == text => true,
            // the names of two units may be the same: what a serial number really is stands inside
            Self::Named(text) => name.is_of(text) && store.read(place, name).is_ok_and(|sealed| is_of(&sealed, text)),
        }
    }

    /// Those of a folder, oldest first.
    fn among(&self, store: &Store, place: Place) -> Result<Vec<RecordName>, StoreError> {
        let mut names = store.list(place, usize::MAX)?.names;
        names.retain(|name| self.means(store, place, name));
        Ok(names)
    }
}

fn is_of(sealed: &Sealed, serial_number: &str) -> bool {
    sealed.record.unit_under_test.serial_number == serial_number
}

/// What was done to the records that were chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dealt {
    /// Their file names.
    pub records: Vec<String>,
    /// Those to which nothing was done, and why: their receipts cannot be believed.
    pub left: Vec<(String, String)>,
}

impl Dealt {
    const fn seen(&self) -> usize {
        self.records.len() + self.left.len()
    }

    /// The receipts of a record; nothing where they cannot be believed: then it is left alone, and the others go on.
    fn receipts(&mut self, store: &Store, name: &RecordName) -> Result<Option<RunReceipts>, StoreError> {
        match store.receipts().read(name.run_id()) {
            Ok(receipts) => Ok(Some(receipts)),
            Err(error) if is_unbelieved(&error) => {
                self.left.push((name.to_string(), error.to_string()));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Told after each batch of records how many of how many are done.
pub type Count<'a> = &'a mut dyn FnMut(usize, usize);

/// Gives parked records another try, and those that one target refused while another lacks them still: a receipt says that a person
/// asked for it, then they are pending again.
///
/// What a target had taken of them already, run or attachments, is not sent again, and where an answer was lost it is asked before.
///
/// # Errors
/// [`StoreError`]: another process drains the store, or trouble with the disk.
pub fn retry(store: &Store, chosen: &Chosen, now: Now<'_>, count: Count<'_>) -> Result<Dealt, StoreError> {
    again(store, chosen, "a person asked for another try", false, now, count)
}

/// As [`retry`], for runs of which a person has seen that their targets do not hold them.
///
/// Where an answer was lost, they are sent without a question.
///
/// # Errors
/// As [`retry`].
pub fn send_again(store: &Store, chosen: &Chosen, now: Now<'_>, count: Count<'_>) -> Result<Dealt, StoreError> {
    let reason = "a person has looked: the target does not hold it";
    again(store, chosen, reason, true, now, count)
}

/// Parked records are pending again, for this reason.
fn again(
    store: &Store,
    chosen: &Chosen,
    reason: &str,
    surely_not_there: bool,
    now: Now<'_>,
    count: Count<'_>,
) -> Result<Dealt, StoreError> {
    let _syncer = store.lock_syncer()?;
    let names = chosen.among(store, Place::Parked)?;
    let mut waiting = chosen.among(store, Place::Pending)?;
    waiting.retain(|name| {
        match store.receipts().read(name.run_id()) {
            Ok(receipts) => receipts.targets().any(|(_, state)| is_refused(state)),
            // it is left alone, and that is told
            Err(error) => is_unbelieved(&error),
        }
    });
    let reopened = ReceiptKind::Reopened {
        reason: reason.to_owned(),
        surely_not_there,
    };
    let mut dealt = bring_back(store, Place::Parked, &names, &reopened, now, count)?;
    let others = bring_back(store, Place::Pending, &waiting, &reopened, now, count)?;
    dealt.records.extend(others.records);
    dealt.left.extend(others.left);
    Ok(dealt)
}

const fn is_refused(state: &TargetState) -> bool {
    matches!(state.standing, Standing::Parked { .. })
}

/// Makes records pending again that no target wanted, and those that one of `targets` lacks.
///
/// Others have confirmed these: a target was added.
///
/// # Errors
/// As [`retry`].
pub fn requeue(
    store: &Store,
    chosen: &Chosen,
    targets: &[&str],
    now: Now<'_>,
    count: Count<'_>,
) -> Result<Dealt, StoreError> {
    // over both halves: a sync that watches wakes up at the first
    let _syncer = store.lock_syncer()?;
    let reopened = ReceiptKind::Reopened {
        reason: "a person queued it again".to_owned(),
        surely_not_there: false,
    };
    let kept = chosen.among(store, Place::Kept)?;
    let mut dealt = bring_back(store, Place::Kept, &kept, &reopened, now, count)?;
    let mut lacking = chosen.among(store, Place::Synced)?;
    // receipts that cannot be believed wait for a person
    lacking.retain(|name| match store.receipts().read(name.run_id()) {
        Ok(receipts) => targets.iter().any(|target| receipts.target(target).standing.is_open()),
        Err(_) => false,
    });
    let synced = bring_back(store, Place::Synced, &lacking, &reopened, now, count)?;
    dealt.records.extend(synced.records);
    dealt.left.extend(synced.left);
    Ok(dealt)
}

/// Under the syncer's lock, as the list of the names was made.
fn bring_back(
    store: &Store,
    from: Place,
    names: &[RecordName],
    reopened: &ReceiptKind,
    now: Now<'_>,
    count: Count<'_>,
) -> Result<Dealt, StoreError> {
    let mut dealt = Dealt::default();
    for batch in names.chunks(BATCH) {
        let (mut receipts, mut going) = (Vec::new(), Vec::new());
        for name in batch {
            let Some(own) = dealt.receipts(store, name)? else {
                continue;
            };
            going.push(name);
            for (target, state) in own.targets() {
                let closed = match from {
                    // what a target did not want stays so: only the one that was added is new
                    Place::Synced => false,
                    // it waits for another one
                    Place::Pending => is_refused(state),
                    Place::Parked | Place::Kept => {
                        matches!(state.standing, Standing::Parked { .. } | Standing::Unwanted { .. })
                    }
                };
                if closed {
                    receipts.push(receipt(name, target, reopened.clone(), now));
                }
            }
        }
        store.receipts().append_all(&receipts)?;
        for name in going {
            if from != Place::Pending {
                store.requeue(from, name)?;
            }
            dealt.records.push(name.to_string());
        }
        count(dealt.seen(), names.len());
    }
    store.sync_moves()?;
    Ok(dealt)
}

/// Takes records out of the outbox, for good, and removes no file.
///
/// Each goes to `kept/`, where no sync looks, with a receipt that a person dropped it; where a target had confirmed it, to
/// `synced/`.
///
/// # Errors
/// As [`retry`].
pub fn drop_records(
    store: &Store,
    chosen: &Chosen,
    targets: &[&str],
    now: Now<'_>,
    count: Count<'_>,
) -> Result<Dealt, StoreError> {
    let _syncer = store.lock_syncer()?;
    let mut dealt = Dealt::default();
    for from in [Place::Parked, Place::Pending] {
        let names = chosen.among(store, from)?;
        let before = dealt.seen();
        for batch in names.chunks(BATCH) {
            let (mut receipts, mut known) = (Vec::new(), Vec::new());
            for name in batch {
                let Some(own) = dealt.receipts(store, name)? else {
                    continue;
                };
                let all: BTreeSet<String> = own.targets().map(|(target, _)| target.to_owned()).collect();
                let all = &all | &targets.iter().map(|target| (*target).to_owned()).collect();
                for target in &all {
                    if !matches!(own.target(target).standing, Standing::Confirmed { .. }) {
                        let reason = "a person dropped it".to_owned();
                        receipts.push(receipt(name, target, ReceiptKind::Unwanted { reason }, now));
                    }
                }
                known.push((name, all));
            }
            store.receipts().append_all(&receipts)?;
            for (name, all) in &known {
                if from != Place::Pending {
                    store.requeue(from, name)?;
                }
                let all: Vec<&str> = all.iter().map(String::as_str).collect();
                store.settle(name, &all, now())?;
                dealt.records.push(name.to_string());
            }
            count(dealt.seen(), before + names.len());
        }
    }
    store.sync_moves()?;
    Ok(dealt)
}

fn receipt(name: &RecordName, target: &str, kind: ReceiptKind, now: Now<'_>) -> (String, Receipt) {
    let receipt = Receipt {
        at: now(),
        target: target.to_owned(),
        kind,
    };
    (name.run_id().to_owned(), receipt)
}
