//! A session and its synchronous channel: messages in, answers out.
//!
//! An answer is sent as soon as there is one and lies in the instrument's output until the client says that it was taken
//! (the RMT-delivered bit): so the status byte and -410 are what they are on any bus. In overlapped mode answers wait in line
//! instead, and the client's word which one it took last tells whether more are on their way.

use super::{
    HislipModes,
    channel::Channel,
    message::{Fatal, Message, Received, Wrong, kind},
};
use crate::{
    attachment::{Attachment, Shared},
    bench::SimulatedInstrument,
    client::{Link, Progress, Unfetched},
    device::Wait,
    serve::lock::Holder,
};
use benchtop_instrument::Moment;
use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::io::AsyncWriteExt;

/// The first message of a client has this number, the next ones two more each.
const FIRST_MESSAGE: u32 = 0xFFFF_FF00;
const STEP: u32 = 2;
/// Control bit of what a client sends: the answer before it was taken.
const DELIVERED: u8 = 1;
/// What a client takes at a time who has not said what.
const USUAL_PAYLOAD: usize = 1024 * 1024;

/// Both channels' session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) shared: Arc<Shared>,
    pub(super) holder: Holder,
    pub(super) modes: HislipModes,
    state: Mutex<State>,
}

/// What the channels know of each other.
#[derive(Debug)]
pub(super) struct State {
    pub(super) attachment: Attachment,
    /// The last message on the synchronous channel.
    pub(super) last: u32,
    /// Between device clear on the asynchronous channel and its completion on the synchronous one.
    pub(super) clearing: bool,
    /// The answer was sent; it is not known that it was taken.
    sent: bool,
    /// Answers have numbers of their own and wait in line.
    pub(super) overlapped: bool,
    /// The number of the next message to the client, in overlapped mode.
    next: u32,
    /// The message that interrupted an answer, until the asynchronous channel has said so.
    pub(super) interrupted: Option<u32>,
    /// The longest payload that the client takes.
    pub(super) most: usize,
}

/// What the synchronous channel does next.
enum Turn {
    Say(Vec<u8>),
    /// The last words.
    End(Vec<u8>),
    Wait(Moment),
    /// Nothing is read and nothing is said, until something changes.
    Deaf,
}

impl Session {
    pub(super) fn new(instrument: SimulatedInstrument, modes: HislipModes) -> Option<Self> {
        let SimulatedInstrument { shared, number } = instrument;
        let mut attachment = Attachment::connect(Arc::clone(&shared), number, Link::Bus)?;
        let overlapped = modes.settled(modes.preferred());
        attachment.treat(unfetched(overlapped));
        Some(Self {
            holder: Holder::new(Arc::clone(&shared), number),
            modes,
            state: Mutex::new(State {
                attachment,
                last: FIRST_MESSAGE.wrapping_sub(STEP),
                clearing: false,
                sent: false,
                overlapped,
                next: FIRST_MESSAGE,
                interrupted: None,
                most: USUAL_PAYLOAD,
            }),
            shared,
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves the synchronous channel until it ends.
    pub(super) async fn converse(&self, mut channel: Channel) -> io::Result<()> {
        loop {
            let mut changed = std::pin::pin!(Arc::clone(&self.shared.changed).notified_owned());
            // from here on a change is noticed, so none is missed between the look and the wait
            changed.as_mut().enable();
            match self.turn(&mut channel) {
                Turn::Say(bytes) => channel.stream.write_all(&bytes).await?,
                Turn::End(bytes) => return channel.stream.write_all(&bytes).await,
                Turn::Deaf => changed.await,
                Turn::Wait(until) => {
                    let has_room = channel.inbox.has_room();
                    tokio::select! {
                        biased;
                        read = channel.read(), if has_room => read?,
                        () = changed => {}
                        () = self.shared.clock.sleep_until(until) => {}
                    }
                }
            }
        }
    }

    fn turn(&self, channel: &mut Channel) -> Turn {
        let mut state = self.state();
        if state.attachment.work() == Progress::Deaf {
            return Turn::Deaf;
        }
        let mut replies = Vec::new();
        while state.clearing || (self.holder.may_pass() && !state.attachment.is_full()) {
            let Some(received) = channel.inbox.next() else { break };
            let reply = match received {
                Received::Nonsense => {
                    Message::fatal(Fatal::PoorHeader).write(&mut replies);
                    return Turn::End(replies);
                }
                Received::Message(message) if message.kind == kind::FATAL_ERROR => return Turn::End(replies),
                Received::TooLarge => Some(Message::error(Wrong::TooLarge)),
                Received::Message(message) => self.handle(&mut state, &message),
            };
            if let Some(reply) = reply {
                reply.write(&mut replies);
            }
        }
        let progress = match state.attachment.work() {
            Progress::Gone => return Turn::End(replies),
            Progress::Deaf => return Turn::Deaf,
            progress @ (Progress::Idle | Progress::Waiting(_)) => progress,
        };
        if state.attachment.was_cut_off() && !state.clearing {
            // the other channel says so too
            let by = state.last;
            state.interrupted = Some(by);
            self.shared.changed.notify_waiters();
            Message::new(kind::INTERRUPTED, 0, by).write(&mut replies);
        }
        if !state.sent && !state.clearing {
            state.answer(&mut replies);
        }
        if !replies.is_empty() {
            return Turn::Say(replies);
        }
        Turn::Wait(match progress {
            // an answer that lies there waits for the client only
            Progress::Waiting(Wait::Until(moment)) if !state.sent => moment,
            Progress::Waiting(_) | Progress::Idle | Progress::Gone | Progress::Deaf => {
                Moment::from_start(Duration::MAX)
            }
        })
    }

    fn handle(&self, state: &mut State, message: &Message) -> Option<Message> {
        match message.kind {
            kind::DATA | kind::DATA_END | kind::TRIGGER if state.clearing => None,
            kind::DATA | kind::DATA_END | kind::TRIGGER => {
                state.last = message.parameter;
                state.delivered(message.control);
                match message.kind {
                    // nothing answers it, not even where there is no trigger
                    kind::TRIGGER => drop(state.attachment.trigger()),
                    kind::DATA => state.attachment.receive(&message.payload),
                    _ => {
                        state.attachment.receive(&message.payload);
                        state.attachment.end_message();
                    }
                }
                None
            }
            kind::DEVICE_CLEAR_COMPLETE if state.clearing => {
                state.clearing = false;
                state.last = FIRST_MESSAGE.wrapping_sub(STEP);
                state.next = FIRST_MESSAGE;
                state.overlapped = self.modes.settled(message.control);
                let overlapped = state.overlapped;
                state.attachment.treat(unfetched(overlapped));
                Some(Message::new(kind::DEVICE_CLEAR_ACKNOWLEDGE, u8::from(overlapped), 0))
            }
            kind::DEVICE_CLEAR_COMPLETE => Some(Message::error(Wrong::Unidentified)),
            kind::ERROR => None,
            kind => Some(Message::unknown(kind)),
        }
    }
}

const fn unfetched(overlapped: bool) -> Unfetched {
    if overlapped {
        Unfetched::Waits
    } else {
        Unfetched::IsInterrupted
    }
}

impl State {
    /// What a client's message says about the answer before it. Where that is interrupted the instrument reports it, and
    /// nothing is said of it here: the client drops the answer by its number (IVI-6.1, 3.1.1).
    fn delivered(&mut self, control: u8) {
        let taken = control & DELIVERED != 0;
        match (std::mem::take(&mut self.sent), taken) {
            (true, true) => self.attachment.taken(),
            (true, false) => self.attachment.interrupt(),
            // some clients say so again after a device clear
            (false, _) => {}
        }
    }

    /// Whether answers have left that did not arrive: `taken` is the number of the last one that did.
    pub(super) const fn is_underway(&self, taken: u32) -> bool {
        self.overlapped && taken != self.next.wrapping_sub(STEP)
    }

    /// What a status query says about it: it interrupts nothing.
    pub(super) fn acknowledged(&mut self, control: u8) {
        if self.sent && control & DELIVERED != 0 {
            self.sent = false;
            self.attachment.taken();
        }
    }

    /// Device clear. False if the instrument does not react.
    pub(super) fn clear(&mut self) -> bool {
        let cleared = self.attachment.clear();
        self.clearing |= cleared;
        self.sent &= !cleared;
        cleared
    }

    /// Whether the synchronous channel has not come to a message yet.
    pub(super) const fn is_behind(&self, message: u32) -> bool {
        let ahead = message.wrapping_sub(self.last).cast_signed();
        ahead > 0
    }

    /// The answer that waits, if one does, in messages that the client takes; in overlapped mode all that wait.
    fn answer(&mut self, into: &mut Vec<u8>) {
        if self.overlapped {
            while let Some(answer) = self.attachment.take_part(usize::MAX, None) {
                self.next = self.in_messages(&answer.bytes, self.next, STEP, into);
            }
        } else if let Some(answer) = self.attachment.answer() {
            self.in_messages(answer, self.last, 0, into);
            self.sent = true;
        }
    }

    /// Writes an answer; says which number comes after it.
    fn in_messages(&self, answer: &[u8], mut number: u32, step: u32, into: &mut Vec<u8>) -> u32 {
        let mut parts = answer.chunks(self.most.max(1)).peekable();
        while let Some(part) = parts.next() {
            let kind = if parts.peek().is_some() {
                kind::DATA
            } else {
                kind::DATA_END
            };
            Message::new(kind, 0, number).with(part).write(into);
            number = number.wrapping_add(step);
        }
        number
    }
}
