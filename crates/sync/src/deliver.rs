//! One record and one target: what its receipts say, what is still to be done, and the receipts of that.
//!
//! An upload is named durably before a request leaves, and its receipts are durable before the record moves, so that a crash at
//! any point reads as an upload whose end is not known: it is asked about before the record is sent again.

use crate::enclose::enclose;
use crate::ledger::Ledger;
use crate::summary::Stopped;
use crate::target::{Patience, Probe, Progress, Repeat, Settled, Target, Verdict, Wants};
use crate::window::Window;
use benchtop_store::{Begun, Receipt, ReceiptKind, Sealed, Standing, Store, StoreError, TargetState};
use chrono::{DateTime, TimeDelta, Utc};
use std::borrow::Cow;
use std::time::Duration;

/// How long after a request was seen to be lost a target that may store a repeat twice is believed when it says that it has
/// nothing.
const SETTLED_AFTER: TimeDelta = TimeDelta::minutes(2);

/// No request lives longer: the longest total timeout of a station file.
const LONGEST: TimeDelta = TimeDelta::hours(1);

/// So many questions about a lost upload go without an answer although the target is well.
const MOST_QUESTIONS: u32 = 20;

/// Why a run is asked for that was never sent from here.
pub(crate) const ELSEWHERE: &str = "it was in a bundle, and another computer may have uploaded it";

/// Where the times of receipts come from.
pub type Now<'a> = &'a (dyn Fn() -> DateTime<Utc> + Sync);

/// How a record stands with a target after a delivery.
#[derive(Debug)]
pub(crate) enum Delivery {
    /// The target has it.
    Has {
        /// The target's name for the run.
        remote_id: String,
    },
    /// The target lacks it still.
    Lacks {
        /// Why.
        reason: String,
        /// Set when there is no point in going on in this drain.
        stop: Option<Stop>,
    },
    /// It cannot be offered as the target is configured; it may be when that is mended.
    NotConfigured {
        /// What is missing.
        reason: String,
    },
    /// The target will never take it.
    Refuses {
        /// In the target's words.
        reason: String,
    },
    /// It is not for this target.
    NotForIt {
        /// Why.
        reason: String,
    },
}

/// What a target takes no more of in this drain.
#[derive(Clone, Debug)]
pub(crate) enum Stop {
    /// Anything.
    Target(Stopped),
    /// Runs of the procedure that was just refused: the key or the quota may still be good for others.
    Procedure(Stopped),
}

/// A record at a target: what every step of a delivery needs.
pub(crate) struct Desk<'a> {
    pub(crate) store: &'a Store,
    pub(crate) ledger: &'a Ledger,
    pub(crate) window: &'a Window,
    pub(crate) target: &'a dyn Target,
    pub(crate) sealed: &'a Sealed,
    /// Why the target may hold a run that was not sent to it under its name.
    pub(crate) elsewhere: Cow<'static, str>,
    pub(crate) now: Now<'a>,
}

/// Does what is still to be done for a record at a target.
///
/// # Errors
/// [`StoreError`] when a receipt could not be made durable; then nothing more is sent.
pub(crate) async fn deliver(
    desk: &Desk<'_>,
    state: &TargetState,
    progress: &mut Progress,
) -> Result<Delivery, StoreError> {
    match &state.standing {
        Standing::Confirmed { remote_id, .. } => {
            return Ok(Delivery::Has {
                remote_id: remote_id.clone(),
            });
        }
        Standing::Parked { reason } => return Ok(Delivery::Refuses { reason: reason.clone() }),
        Standing::Open | Standing::Deferred { .. } | Standing::Uncertain { .. } | Standing::Unwanted { .. } => {}
    }
    match desk.target.wants(&desk.sealed.record) {
        Wants::Yes => {}
        Wants::NotConfigured { reason } => return Ok(desk.not_configured(state, reason)),
        Wants::No { reason } => return Ok(desk.unwanted(state, reason)),
    }
    if let Some(remote_id) = &state.remote_id {
        return enclose(desk, state, remote_id).await;
    }
    match &state.standing {
        Standing::Uncertain { .. } => settle(desk, state, progress).await,
        Standing::Open | Standing::Deferred { .. } | Standing::Unwanted { .. } if state.perhaps_elsewhere => {
            unless_from_elsewhere(desk, state, progress).await
        }
        Standing::Open
        | Standing::Deferred { .. }
        | Standing::Unwanted { .. }
        | Standing::Confirmed { .. }
        | Standing::Parked { .. } => send(desk, state, progress).await,
    }
}

/// Asks what became of an upload whose answer was lost, and sends again only where that is safe.
async fn settle(desk: &Desk<'_>, state: &TargetState, progress: &mut Progress) -> Result<Delivery, StoreError> {
    let repeat = desk.target.repeat().await;
    match (desk.target.settle(desk.sealed).await, repeat) {
        (Settled::Confirmed { remote_id }, _) => desk.stored(state, remote_id).await,
        (Settled::Absent | Settled::Unknown { .. }, Repeat::StoredOnce) => send(desk, state, progress).await,
        (Settled::Absent, Repeat::MayDouble) if desk.is_settled(state) => send(desk, state, progress).await,
        (Settled::Absent, Repeat::MayDouble) => Ok(desk.perhaps_under_way(state)),
        (Settled::Unknown { reason }, Repeat::MayDouble) => match desk.nobody_there().await {
            stop @ Some(_) => Ok(Delivery::Lacks { reason, stop }),
            None => unless_twice(desk, state, progress, &reason).await,
        },
        (Settled::NotNow { reason }, _) => {
            let stop = desk.nobody_there().await;
            if stop.is_none() && state.strikes_with(MOST_QUESTIONS) >= MOST_QUESTIONS {
                return unless_twice(desk, state, progress, &reason).await;
            }
            let reason = format!("the answer to its upload was lost, and it cannot be asked for now: {reason}");
            if stop.is_none() {
                desk.note(ReceiptKind::Uncertain {
                    reason: reason.clone(),
                    at_most: Some(MOST_QUESTIONS),
                });
            }
            Ok(Delivery::Lacks { reason, stop })
        }
    }
}

/// Asks for a run that another computer has too, and sends it only where it is not there. A target that stores nothing twice is not
/// asked.
async fn unless_from_elsewhere(
    desk: &Desk<'_>,
    state: &TargetState,
    progress: &mut Progress,
) -> Result<Delivery, StoreError> {
    if desk.target.repeat().await == Repeat::StoredOnce {
        return send(desk, state, progress).await;
    }
    let reason = match desk.target.settle(desk.sealed).await {
        Settled::Confirmed { remote_id } => return desk.stored(state, remote_id).await,
        Settled::Absent => return send(desk, state, progress).await,
        Settled::Unknown { reason } => match desk.nobody_there().await {
            stop @ Some(_) => return Ok(Delivery::Lacks { reason, stop }),
            None => reason,
        },
        Settled::NotNow { reason } => {
            let stop = desk.nobody_there().await;
            if stop.is_some() || state.strikes_with(MOST_QUESTIONS) < MOST_QUESTIONS {
                let reason = format!("{}, and it cannot be asked for now: {reason}", desk.elsewhere);
                if stop.is_none() {
                    desk.note(ReceiptKind::Deferred {
                        reason: reason.clone(),
                        at_most: Some(MOST_QUESTIONS),
                    });
                }
                return Ok(Delivery::Lacks { reason, stop });
            }
            reason
        }
    };
    // as in `unless_twice`
    match desk.target.repeat().await {
        Repeat::StoredOnce => send(desk, state, progress).await,
        Repeat::MayDouble => Ok(desk.for_a_person(&desk.elsewhere, &reason)),
    }
}

/// Sends what no query can decide, where that stores nothing twice. The target has just answered: what was not known of it before
/// may be known now.
async fn unless_twice(
    desk: &Desk<'_>,
    state: &TargetState,
    progress: &mut Progress,
    reason: &str,
) -> Result<Delivery, StoreError> {
    match desk.target.repeat().await {
        Repeat::StoredOnce => send(desk, state, progress).await,
        Repeat::MayDouble => Ok(desk.undecided(state, reason)),
    }
}

async fn send(desk: &Desk<'_>, state: &TargetState, progress: &mut Progress) -> Result<Delivery, StoreError> {
    let begun = desk.begin(state).await;
    let sent = (desk.now)();
    let verdict = desk.target.upload(desk.sealed, progress).await;
    match &verdict {
        Verdict::Confirmed { .. } => desk.window.answered(sent, (desk.now)()),
        // a refusal comes quicker than a run is stored: beside it every later answer would seem to wait
        Verdict::Park { .. } | Verdict::Clash { .. } => {}
        Verdict::Retry { .. } | Verdict::Pause { .. } | Verdict::Uncertain { .. } => {
            desk.window.troubled(sent, (desk.now)());
        }
    }
    desk.note_at(begun, ReceiptKind::Attempt);
    match verdict {
        Verdict::Confirmed { remote_id } => desk.stored(state, remote_id).await,
        Verdict::Uncertain {
            after,
            patience,
            reason,
        } => {
            let trouble = Trouble {
                is_perhaps_stored: true,
                after,
                patience,
                reason,
            };
            Ok(desk.not_yet(state, trouble).await)
        }
        Verdict::Clash { reason } => match desk.target.settle(desk.sealed).await {
            Settled::Confirmed { remote_id } => desk.stored(state, remote_id).await,
            Settled::Absent | Settled::Unknown { .. } => Ok(desk.refused(reason)),
            Settled::NotNow { .. } => {
                let trouble = Trouble {
                    is_perhaps_stored: true,
                    after: None,
                    patience: Patience::Few,
                    reason,
                };
                Ok(desk.not_yet(state, trouble).await)
            }
        },
        Verdict::Retry { .. } | Verdict::Park { .. } | Verdict::Pause { .. } => desk.put_off(state, verdict).await,
    }
}

/// Why something did not get through.
struct Trouble {
    is_perhaps_stored: bool,
    /// How long the target asked to be left alone.
    after: Option<Duration>,
    patience: Patience,
    reason: String,
}

/// The target asked to be left alone.
fn resting(reason: &str, after: Duration) -> Stop {
    Stop::Target(Stopped {
        reason: format!("{reason}; asks to be left alone for {} s", after.as_secs()),
        after: Some(after),
    })
}

impl Desk<'_> {
    fn dated(&self, at: DateTime<Utc>, kind: ReceiptKind) -> Receipt {
        let target = self.target.name().to_owned();
        Receipt { at, target, kind }
    }

    /// Ends when the upload may begin: it is named durably. When it begins.
    async fn begin(&self, state: &TargetState) -> DateTime<Utc> {
        let at = (self.now)();
        let begun = Begun {
            run_id: self.sealed.run_id.clone(),
            target: self.target.name().to_owned(),
            at,
            receipts: state.receipts,
        };
        self.ledger.begin(begun).await;
        at
    }

    /// Ends when the receipt is durable.
    pub(crate) async fn receipt(&self, kind: ReceiptKind) {
        let receipt = self.dated((self.now)(), kind);
        self.ledger.append(&self.sealed.run_id, receipt).await;
    }

    /// A receipt that is durable before the record moves.
    fn note(&self, kind: ReceiptKind) {
        self.note_at((self.now)(), kind);
    }

    fn note_at(&self, at: DateTime<Utc>, kind: ReceiptKind) {
        self.ledger.note(&self.sealed.run_id, self.dated(at, kind));
    }

    /// The same at once, beside the others.
    pub(crate) fn receipt_now(&self, kind: ReceiptKind) -> Result<(), StoreError> {
        self.store
            .receipts()
            .append(&self.sealed.run_id, &self.dated((self.now)(), kind))
    }

    /// The target has the run; where there are attachments, they follow.
    async fn stored(&self, state: &TargetState, remote_id: String) -> Result<Delivery, StoreError> {
        if self.sealed.record.attachments.is_empty() {
            return Ok(self.confirmed(remote_id));
        }
        self.receipt(ReceiptKind::Stored {
            remote_id: remote_id.clone(),
        })
        .await;
        enclose(self, state, &remote_id).await
    }

    /// What becomes of something that did not get through, and that the target surely does not hold.
    pub(crate) async fn put_off(&self, state: &TargetState, verdict: Verdict) -> Result<Delivery, StoreError> {
        let (after, patience, reason) = match verdict {
            Verdict::Confirmed { remote_id } => return Ok(Delivery::Has { remote_id }),
            Verdict::Park { reason } | Verdict::Clash { reason } => return Ok(self.refused(reason)),
            Verdict::Pause { reason } => {
                self.note(ReceiptKind::Deferred {
                    reason: reason.clone(),
                    at_most: None,
                });
                let this = Stop::Procedure(Stopped {
                    reason: reason.clone(),
                    after: None,
                });
                let stop = self.nobody_there().await.unwrap_or(this);
                return Ok(Delivery::Lacks {
                    reason,
                    stop: Some(stop),
                });
            }
            Verdict::Retry {
                after,
                patience,
                reason,
            }
            | Verdict::Uncertain {
                after,
                patience,
                reason,
            } => (after, patience, reason),
        };
        let trouble = Trouble {
            is_perhaps_stored: false,
            after,
            patience,
            reason,
        };
        Ok(self.not_yet(state, trouble).await)
    }

    /// The record waits, unless it came to that too often although the target is well: nothing loops for ever.
    async fn not_yet(&self, state: &TargetState, trouble: Trouble) -> Delivery {
        let Trouble {
            is_perhaps_stored,
            after,
            patience,
            reason,
        } = trouble;
        // one that is only busy is not asked how it is
        let is_counted = patience.times().is_some();
        let stop = match (is_counted, after) {
            (false, Some(_)) => None,
            (true, _) | (false, None) => self.nobody_there().await,
        };
        let at_most = patience.times().filter(|_| stop.is_none());
        let told = reason.clone();
        self.note(match is_perhaps_stored {
            true => ReceiptKind::Uncertain { reason: told, at_most },
            false => ReceiptKind::Deferred { reason: told, at_most },
        });
        match at_most {
            Some(most) if state.strikes_with(most) >= most => {
                self.refused(format!("{most} times, and the target is well: {reason}"))
            }
            Some(_) | None => Delivery::Lacks {
                stop: after.map(|after| resting(&reason, after)).or(stop),
                reason,
            },
        }
    }

    /// Nobody but a person can say whether the target has it.
    fn undecided(&self, state: &TargetState, reason: &str) -> Delivery {
        let lost = "the answer to its upload was lost";
        if !state.unanswered {
            self.note(ReceiptKind::Uncertain {
                reason: lost.to_owned(),
                at_most: None,
            });
        }
        self.for_a_person(lost, reason)
    }

    fn for_a_person(&self, what: &str, reason: &str) -> Delivery {
        let id = &self.sealed.run_id;
        self.refused(format!(
            "{what}, and a query cannot decide ({reason}): a person must; \
             if it is not there: `benchtop sync retry {id} --surely-not-there`; if it is: `benchtop sync drop {id}`"
        ))
    }

    pub(crate) fn confirmed(&self, remote_id: String) -> Delivery {
        self.note(ReceiptKind::Confirmed {
            remote_id: remote_id.clone(),
        });
        Delivery::Has { remote_id }
    }

    pub(crate) fn refused(&self, reason: String) -> Delivery {
        self.note(ReceiptKind::Parked { reason: reason.clone() });
        Delivery::Refuses { reason }
    }

    fn unwanted(&self, state: &TargetState, reason: String) -> Delivery {
        if !matches!(state.standing, Standing::Unwanted { .. }) {
            self.note(ReceiptKind::Unwanted { reason: reason.clone() });
        }
        Delivery::NotForIt { reason }
    }

    /// A station file that no longer says "not wanted" opens the record again.
    fn not_configured(&self, state: &TargetState, reason: String) -> Delivery {
        if matches!(state.standing, Standing::Unwanted { .. }) {
            self.note(ReceiptKind::Reopened {
                reason: reason.clone(),
                surely_not_there: false,
            });
        }
        Delivery::NotConfigured { reason }
    }

    /// The target has not got it, and may get it still. Where nobody saw how the upload ended, it is seen now.
    fn perhaps_under_way(&self, state: &TargetState) -> Delivery {
        let reason = "its upload was lost and may still be under way: a sync in two minutes asks the target again, and sends it if it is not there";
        if !state.unanswered {
            self.note(ReceiptKind::Uncertain {
                reason: reason.to_owned(),
                at_most: None,
            });
        }
        Delivery::Lacks {
            reason: reason.to_owned(),
            stop: None,
        }
    }

    /// Of an upload whose program died only its beginning is known. A clock that was set back or forward since counts as time gone
    /// by: waiting for ever would be worse.
    fn is_settled(&self, state: &TargetState) -> bool {
        let enough = match state.unanswered {
            true => SETTLED_AFTER,
            false => SETTLED_AFTER + LONGEST,
        };
        let last = state.last_attempt;
        last.is_none_or(|last| ((self.now)() - last).abs() >= enough)
    }

    /// Whether the trouble is the target's: then it is left alone for this drain. If it answers, it was this record's,
    /// and the ones behind it go on.
    pub(crate) async fn nobody_there(&self) -> Option<Stop> {
        match self.target.probe().await {
            Probe::Ready { .. } => None,
            Probe::Refused { reason } | Probe::Unreachable { reason } => {
                Some(Stop::Target(Stopped { reason, after: None }))
            }
        }
    }
}
