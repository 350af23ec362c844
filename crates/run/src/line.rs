//! The unit's own link while a run lasts: a task that takes in everything from the moment it opens.
//!
//! What the unit says waits in a window until a step looks for it; all of it, or its two ends, is kept for the record.
//! However much it says, what is held is bounded, and it never waits for us.

use crate::bench::Bench;
use benchtop_instrument::{Clock, ClockExt, Console, Elapsed, Error, Kept, Moment, TaskHandle, human_duration, spawn};
use benchtop_procedure::{CaptureGroup, Expect, LogicalName, escape};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{mpsc, oneshot, watch};

/// So much is kept for the record, in bytes: the first and the last half.
const MOST_KEPT: usize = 8 * 1024 * 1024;
/// So much waits to be looked for, in bytes; what lies further back is forgotten.
const WINDOW: usize = 256 * 1024;
/// A match at the end of what has come counts when nothing more comes for so long: a number may not be whole yet.
const QUIET: Duration = Duration::from_millis(50);
/// How often a link of the unit's is tried that is not there before the unit has power.
const TRY_AGAIN: Duration = Duration::from_millis(200);
/// So many characters of what was said are quoted.
const QUOTED: usize = 200;

struct Order {
    bytes: Vec<u8>,
    deadline: Moment,
    done: oneshot::Sender<Result<(), Error>>,
}

/// An open console, and what was heard on it.
pub(crate) struct Line {
    pub(crate) belongs_to_unit: bool,
    orders: Mutex<Option<mpsc::Sender<Order>>>,
    heard: Arc<Heard>,
    task: tokio::sync::Mutex<TaskHandle<()>>,
}

struct Heard {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

struct State {
    unread: Vec<u8>,
    kept: Kept,
    /// Why nothing comes: not open yet, or at its end.
    why: Option<String>,
    ended: bool,
}

/// What was waited for did not come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Missed {
    /// In the time there was.
    Silent { heard: String },
    /// Before the stream ended.
    Ended { reason: String, heard: String },
    /// Something else came, which fails.
    Refused { found: String, heard: String },
}

impl Heard {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.send_modify(|generation| *generation += 1);
    }

    fn push(&self, bytes: &[u8]) {
        self.change(|state| {
            state.kept.push(bytes);
            state.unread.extend_from_slice(bytes);
            let excess = state.unread.len().saturating_sub(WINDOW);
            state.unread.drain(..excess);
        });
    }

    fn end(&self, error: &Error) {
        self.change(|state| {
            state.why = Some(error.to_string());
            state.ended = true;
        });
    }
}

impl Line {
    /// Begins to listen; without a console, to try for one.
    pub(crate) fn start(
        name: LogicalName,
        console: Result<Box<dyn Console>, Error>,
        belongs_to_unit: bool,
        bench: Arc<dyn Bench>,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let (orders, taken) = mpsc::channel(16);
        let heard = Arc::new(Heard {
            state: Mutex::new(State {
                unread: Vec::new(),
                kept: Kept::at_most(MOST_KEPT),
                why: None,
                ended: false,
            }),
            changed: watch::Sender::new(0),
        });
        let listening = listen(name, console, bench, Arc::clone(clock), taken, Arc::clone(&heard));
        Self {
            belongs_to_unit,
            orders: Mutex::new(Some(orders)),
            heard,
            task: tokio::sync::Mutex::new(spawn(clock.as_ref(), listening)),
        }
    }

    /// Ends it, and gives what was heard.
    pub(crate) async fn close(&self, clock: &dyn Clock, patience: Duration) -> Vec<u8> {
        drop(self.orders.lock().unwrap_or_else(PoisonError::into_inner).take());
        let mut task = self.task.lock().await;
        if clock.within(clock.now().after(patience), &mut *task).await.is_err() {
            task.abort();
        }
        self.heard.lock().kept.bytes()
    }

    pub(crate) fn discard_unread(&self) {
        self.heard.lock().unread.clear();
    }

    pub(crate) async fn send(&self, bytes: &[u8], patience: Duration, clock: &dyn Clock) -> Result<(), String> {
        let deadline = clock.now().after(patience);
        let (done, sent) = oneshot::channel();
        let order = Order {
            bytes: bytes.to_vec(),
            deadline,
            done,
        };
        let gone = || "it is closed".to_owned();
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner).clone();
        orders.ok_or_else(gone)?.send(order).await.map_err(|_closed| gone())?;
        match clock.within(deadline, sent).await {
            Ok(Ok(sent)) => sent.map_err(|error| error.to_string()),
            Ok(Err(_dropped)) => Err(gone()),
            Err(Elapsed) => {
                let why = self.heard.lock().why.clone();
                Err(why.unwrap_or_else(|| format!("nothing was taken in {}", human_duration(patience))))
            }
        }
    }

    /// Waits for a match and gives its groups; what lies before its end has been read then.
    pub(crate) async fn expect(
        &self,
        expect: &Expect,
        groups: &[&CaptureGroup],
        clock: &dyn Clock,
    ) -> Result<Vec<Option<String>>, Missed> {
        let deadline = clock.now().after(expect.within);
        let mut changed = self.heard.changed.subscribe();
        let mut settled = false;
        loop {
            changed.borrow_and_update();
            let looked = look(&mut self.heard.lock(), expect, groups, settled);
            let patience = match looked {
                Looked::Found(groups) => return Ok(groups),
                Looked::Refused(missed) => return Err(missed),
                Looked::AtTheEnd => deadline.min(clock.now().after(QUIET)),
                Looked::Nothing => deadline,
            };
            // a match that may yet grow, at the deadline, is one
            settled = clock.within(patience, changed.changed()).await.is_err();
            if settled && patience == deadline && clock.now() >= deadline {
                let mut state = self.heard.lock();
                return match look(&mut state, expect, groups, true) {
                    Looked::Found(groups) => Ok(groups),
                    Looked::Refused(missed) => Err(missed),
                    Looked::AtTheEnd | Looked::Nothing => Err(silent(&state)),
                };
            }
        }
    }
}

fn silent(state: &State) -> Missed {
    match &state.why {
        Some(reason) => Missed::Ended {
            reason: reason.clone(),
            heard: quoted(&state.unread),
        },
        None => Missed::Silent {
            heard: quoted(&state.unread),
        },
    }
}

enum Looked {
    Found(Vec<Option<String>>),
    Refused(Missed),
    /// There is a match, and it may still grow.
    AtTheEnd,
    Nothing,
}

fn look(state: &mut State, expect: &Expect, groups: &[&CaptureGroup], settled: bool) -> Looked {
    let text = String::from_utf8_lossy(&state.unread).into_owned();
    let found = expect.pattern.find(&text, groups.iter().copied());
    let fails_on = expect.fails_on.as_ref();
    let failing = fails_on.and_then(|search| search.find(&text, std::iter::empty()));
    if let Some(failing) = failing {
        let is_first = found
            .as_ref()
            .is_none_or(|found| failing.place.start <= found.place.start);
        if is_first {
            let said = text.get(failing.place.clone()).unwrap_or_default();
            let missed = Missed::Refused {
                found: format!("\"{}\"", escape(said)),
                heard: quoted(&state.unread),
            };
            return Looked::Refused(missed);
        }
    }
    match found {
        Some(found) if found.place.end < text.len() || settled || state.ended => {
            let read = raw_length(&state.unread, found.place.end);
            state.unread.drain(..read);
            Looked::Found(found.groups)
        }
        Some(_) => Looked::AtTheEnd,
        None if state.ended => Looked::Refused(silent(state)),
        None => Looked::Nothing,
    }
}

/// How many bytes stand for so many of their text, in which what is no UTF-8 was replaced.
fn raw_length(bytes: &[u8], of_text: usize) -> usize {
    let (mut raw, mut text) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        let valid = chunk.valid().len();
        if text + valid >= of_text {
            return raw + (of_text - text);
        }
        raw += valid + chunk.invalid().len();
        text += valid + char::REPLACEMENT_CHARACTER.len_utf8();
    }
    bytes.len().min(raw)
}

/// The last of what was said, with everything invisible in it shown.
fn quoted(unread: &[u8]) -> String {
    if unread.is_empty() {
        return "it said nothing".to_owned();
    }
    let text = String::from_utf8_lossy(unread);
    let skipped = text.chars().count().saturating_sub(QUOTED);
    let last: String = text.chars().skip(skipped).collect();
    let dots = if skipped > 0 { "..." } else { "" };
    format!("it said {dots}\"{}\"", escape(&last))
}

async fn listen(
    name: LogicalName,
    console: Result<Box<dyn Console>, Error>,
    bench: Arc<dyn Bench>,
    clock: Arc<dyn Clock>,
    mut orders: mpsc::Receiver<Order>,
    heard: Arc<Heard>,
) {
    let mut opened = console;
    let mut console = loop {
        match opened {
            Ok(console) => break console,
            Err(error) => heard.change(|state| state.why = Some(error.to_string())),
        }
        if orders.is_closed() {
            return;
        }
        clock.sleep(TRY_AGAIN).await;
        opened = bench.open_console(&name).await;
    };
    heard.change(|state| state.why = None);
    let mut ended = false;
    loop {
        tokio::select! {
            biased;
            order = orders.recv() => {
                let Some(Order { bytes, deadline, done }) = order else { break };
                // whoever does not wait for it any more has given up
                drop(done.send(console.send(&bytes, deadline).await));
            }
            received = console.receive(), if !ended => match received {
                Ok(bytes) => heard.push(&bytes),
                Err(error) => {
                    ended = true;
                    heard.end(&error);
                }
            },
        }
    }
    console.close().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_counted_as_what_they_are() {
        let bytes = b"a\xff\xfe\xc2\xb0C>";
        let text = String::from_utf8_lossy(bytes);
        for (at, _) in text.char_indices() {
            let raw = raw_length(bytes, at);
            assert_eq!(String::from_utf8_lossy(&bytes[raw..]), text.split_at(at).1, "{at}");
        }
        assert_eq!(raw_length(bytes, text.len()), bytes.len());
    }

    #[test]
    fn what_was_said_is_quoted_with_what_is_invisible_shown() {
        assert_eq!(quoted(b""), "it said nothing");
        assert_eq!(quoted(b"\x1b[2Jok\r\n"), "it said \"\\u{1b}[2Jok\\r\\n\"");
        let long = quoted("x".repeat(300).as_bytes());
        assert!(long.starts_with("it said ...\"xxx") && long.len() < 220);
    }
}
