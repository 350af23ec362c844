//! One client of one instrument: its input, the message it is in, the answers it has not taken (IEEE 488.2, chapter 6).
//!
//! - Messages are carried out one after the other; a command that waits holds up what this client sent after it.
//! - The answers of one message make one line. What a message could not be understood from is discarded to its end;
//!   a command that could not be carried out is left out, and the message goes on.
//! - A model with a prompt says behind every message what became of it, at once, on whatever line.
//! - Input, output and the message in hand are bounded, whatever is sent.

mod bus;

pub(crate) use bus::Part;

use crate::{
    answer::Numbers,
    device::{Around, Call, Device, Outcome, Suffix, Wait},
    fault::Fault,
    model::{Behaviour, Definition, Standard},
    parser::{Arguments, Input, Path, Received, Unit, split_unit},
    status::{
        ErrorQueue, INPUT_BUFFER_OVERRUN, MASTER_SUMMARY, QUERY_DEADLOCKED, QUERY_INTERRUPTED, QUERY_UNTERMINATED,
        QUERY_UNTERMINATED_AFTER_INDEFINITE, SYSTEM_ERROR, ScpiError,
    },
    world::World,
};
use benchtop_instrument::Moment;
use std::collections::VecDeque;

/// The longest line of answers that is sent.
const MAX_ANSWER: usize = 2 * 1024 * 1024;

/// How a client's answers travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// Answers lie in the instrument until they are fetched: a message too early interrupts them.
    Bus,
    /// Answers are sent at once.
    Stream,
    /// The same on a serial line: a lone CR ends a message too, and what the model says of its serial line holds.
    Serial,
}

/// What becomes of an answer on a bus that is not fetched before the next message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfetched {
    IsInterrupted,
    Waits,
}

/// One client.
#[derive(Debug)]
pub(crate) struct Client {
    instrument: usize,
    link: Link,
    input: Input,
    running: Option<Running>,
    /// Lines with the moment from which they may be taken.
    output: VecDeque<(Moment, Vec<u8>)>,
    /// How much of the first line has been taken, on a bus.
    taken: usize,
    /// Where the model keeps errors per client.
    errors: Option<ErrorQueue>,
    /// What a line of answers ends in.
    terminator: &'static [u8],
    /// Bytes that clear the instrument from here.
    clears: Vec<u8>,
    /// One of them came.
    cleared: bool,
    /// The reasons for service that a serial poll has seen.
    polled: u8,
    unfetched: Unfetched,
    /// An answer was interrupted before it could be fetched.
    cut_off: bool,
    /// The instrument has ended the connection.
    gone: bool,
    /// Which of the instrument's lives it is connected to.
    generation: u64,
}

/// A program message that is being carried out.
#[derive(Debug)]
struct Running {
    message: String,
    /// Where its next unit begins.
    at: usize,
    path: Path,
    answers: Vec<u8>,
    answered: bool,
    /// An answer of indefinite form must be the last one.
    indefinite: bool,
    /// When the unit in hand was first carried out, if it had to wait.
    started: Option<Moment>,
    /// The last thing that was wrong with it.
    failed: Option<ScpiError>,
}

/// What a client is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Everything is done and said.
    Idle,
    Waiting(Wait),
    /// Nothing is read, nothing is said, and nobody hangs up.
    Deaf,
    /// The connection is over.
    Gone,
}

/// What [`Client::advance`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Advanced {
    pub(crate) progress: Progress,
    /// Something on the bench may have changed.
    pub(crate) changed: bool,
}

impl Client {
    pub(crate) fn new(instrument: usize, link: Link, device: &Device) -> Self {
        let model: &Definition = &device.model.0;
        let serial = model.serial.as_ref().filter(|_| link == Link::Serial);
        Self {
            instrument,
            link,
            input: Input::new(model.reporting.lone_cr_ends_message || link == Link::Serial),
            running: None,
            output: VecDeque::new(),
            taken: 0,
            errors: model
                .reporting
                .per_client
                .then(|| ErrorQueue::new(model.reporting.depth)),
            terminator: serial.map_or(b"\n", |serial| serial.terminator),
            clears: serial.map_or_else(Vec::new, |serial| serial.clears.clone()),
            cleared: false,
            polled: 0,
            unfetched: if model.prompt.is_some() {
                Unfetched::Waits
            } else {
                Unfetched::IsInterrupted
            },
            cut_off: false,
            gone: false,
            generation: device.generation,
        }
    }

    /// Takes bytes as they come.
    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        let last = bytes.iter().rposition(|byte| self.clears.contains(byte));
        let Some(rest) = last.and_then(|last| bytes.get(last + 1..)) else {
            self.input.push(bytes);
            return;
        };
        self.cleared = true;
        self.running = None;
        self.output.clear();
        self.input.clear();
        self.input.push(rest);
    }

    /// Ends the message that is coming in.
    pub(crate) fn end_message(&mut self) {
        self.input.end();
    }

    /// Whether enough waits to be carried out.
    pub(crate) fn is_full(&self) -> bool {
        self.input.is_full()
    }

    /// Takes what has been said by `now`.
    pub(crate) fn take_output(&mut self, now: Moment, into: &mut Vec<u8>) {
        while self.output.front().is_some_and(|(ready, _)| *ready <= now) {
            if let Some((_, mut line)) = self.output.pop_front() {
                into.append(&mut line);
            }
        }
    }

    /// Carries out as much as can be carried out by `now`.
    pub(crate) fn advance(&mut self, world: &mut World, now: Moment) -> Advanced {
        world.advance(now);
        let mut changed = std::mem::take(&mut self.cleared);
        if changed && let Some(instrument) = world.instruments.get_mut(self.instrument) {
            instrument.device.abort();
        }
        loop {
            if self.has(world, Fault::HalfOpen) {
                return Advanced {
                    progress: Progress::Deaf,
                    changed,
                };
            }
            if self.hung(world) {
                self.input.clear();
                return Advanced {
                    progress: Progress::Waiting(Wait::ForChange),
                    changed,
                };
            }
            let begun = self.running.is_some() || self.begin(world, now);
            if self.gone || self.forgotten(world) || (begun && self.has_dropped(world)) {
                changed |= !self.gone;
                self.gone = true;
                self.running = None;
                self.input.clear();
                break;
            }
            // what has come may have made it deaf
            if !begun {
                break;
            }
            if self.unreachable(world) {
                self.running = None;
                continue;
            }
            match self.next_unit(world, now) {
                Some(wait) => {
                    let progress = Progress::Waiting(self.sooner(wait));
                    return Advanced { progress, changed };
                }
                None => changed = true,
            }
        }
        let progress = match self.output.front() {
            _ if self.gone => Progress::Gone,
            Some((ready, _)) => Progress::Waiting(Wait::Until(*ready)),
            None => Progress::Idle,
        };
        Advanced { progress, changed }
    }

    /// The earlier of a wait and the next line that may be taken.
    fn sooner(&self, wait: Wait) -> Wait {
        match (self.output.front(), wait) {
            (Some((ready, _)), Wait::Until(moment)) => Wait::Until(moment.min(*ready)),
            (Some((ready, _)), Wait::ForChange) => Wait::Until(*ready),
            (None, wait) => wait,
        }
    }

    /// Takes the next message in hand. False if there is none.
    fn begin(&mut self, world: &mut World, now: Moment) -> bool {
        let (message, failed) = match self.input.take() {
            None => return false,
            Some(Received::Overrun) => {
                self.error(world, INPUT_BUFFER_OVERRUN);
                (String::new(), Some(INPUT_BUFFER_OVERRUN))
            }
            Some(Received::Message(message)) => (message, None),
        };
        world.hear(self.instrument, &message, now);
        if self.has(world, Fault::ErrorQueueFull)
            && let Some(instrument) = world.instruments.get_mut(self.instrument)
        {
            let errors = self.errors.as_mut().unwrap_or(&mut instrument.device.errors);
            errors.overflow(instrument.device.model.0.reporting.reported(SYSTEM_ERROR), now);
        }
        if self.can_be_interrupted() && !self.output.is_empty() {
            self.output.clear();
            self.cut_off = true;
            self.error(world, QUERY_INTERRUPTED);
        }
        self.running = Some(Running {
            message,
            at: 0,
            path: Path::default(),
            answers: Vec::new(),
            answered: false,
            indefinite: false,
            started: None,
            failed,
        });
        true
    }

    /// Carries out the next unit of the message, or ends the message. Says what it waits for, if it has to.
    fn next_unit(&mut self, world: &mut World, now: Moment) -> Option<Wait> {
        let mut running = self.running.take()?;
        let text = std::mem::take(&mut running.message);
        let result = match text.get(running.at..) {
            Some(rest) if !rest.is_empty() => {
                let (unit, tail) = split_unit(rest);
                let result = self.unit(&mut running, unit, world, now);
                if !matches!(result, Ok(Outcome::Pending(_))) {
                    running.started = None;
                }
                if !matches!(result, Ok(Outcome::Pending(_) | Outcome::Held(_))) {
                    running.at = tail.map_or(text.len(), |tail| text.len() - tail.len());
                }
                result
            }
            Some(_) | None => {
                self.finish(running, world, now);
                return None;
            }
        };
        match result {
            Ok(Outcome::Pending(wait) | Outcome::Held(wait)) => {
                running.message = text;
                self.running = Some(running);
                return Some(wait);
            }
            Ok(Outcome::Done) => {}
            Ok(answer @ (Outcome::Answer(_) | Outcome::Bytes(_))) => {
                if std::mem::replace(&mut running.answered, true) {
                    running.answers.push(b';');
                }
                match answer {
                    Outcome::Answer(text) => running.answers.extend(text.into_bytes()),
                    Outcome::Bytes(bytes) => {
                        // only the end of the message marks its end (IEEE 488.2, 8.7.10)
                        running.indefinite |= bytes.starts_with(b"#0");
                        running.answers.extend(bytes);
                    }
                    Outcome::Done | Outcome::Pending(_) | Outcome::Held(_) => {}
                }
                if running.answers.len() > MAX_ANSWER {
                    self.error(world, QUERY_DEADLOCKED);
                    return None;
                }
            }
            Err(error) => {
                self.error(world, error);
                running.failed = Some(error);
                // by its own number: what a model reports in its place is another matter
                if error.is_command_error() || error == QUERY_UNTERMINATED_AFTER_INDEFINITE {
                    running.at = text.len();
                }
            }
        }
        running.message = text;
        self.running = Some(running);
        None
    }

    fn unit(
        &mut self,
        running: &mut Running,
        unit: &str,
        world: &mut World,
        now: Moment,
    ) -> Result<Outcome, ScpiError> {
        let Some(unit) = Unit::parse(unit)? else {
            return Ok(Outcome::Done);
        };
        let Some(instrument) = world.instruments.get(self.instrument) else {
            return Ok(Outcome::Done);
        };
        let from = if unit.from_root { Path::default() } else { running.path };
        let definition = &instrument.device.model.0;
        let found = definition.tree.find(from, &unit.mnemonics, unit.query)?;
        let identifies = definition
            .commands
            .get(found.command)
            .is_some_and(|command| command.behaviour == Behaviour::Standard(Standard::Identify));
        if unit.query && running.indefinite {
            return Err(QUERY_UNTERMINATED_AFTER_INDEFINITE);
        }
        let mut call = Call {
            query: unit.query,
            suffix: found.suffix.map_or(Suffix::NoPlace, Suffix::Sent),
            link: self.link,
            function: 0,
            arguments: Arguments::parse(unit.arguments)?,
            resumed: running.started.is_some(),
            started: *running.started.get_or_insert(now),
            now,
            numbers: Numbers::default(),
            around: Around::default(),
            own_errors: self.errors.as_mut(),
            message_available: running.answered || !self.output.is_empty(),
        };
        let outcome = world.execute(self.instrument, found.command, &mut call);
        // a command that waits is looked up again, from where it was looked up now
        if !matches!(outcome, Ok(Outcome::Pending(_) | Outcome::Held(_))) {
            running.path = found.path;
            running.indefinite |= identifies;
        }
        outcome
    }

    /// The message is over: its answers become one line, and a prompt another one where the model has it.
    fn finish(&mut self, running: Running, world: &mut World, now: Moment) {
        if running.answered && self.can_be_interrupted() && !self.input.is_empty() {
            self.cut_off = true;
            self.error(world, QUERY_INTERRUPTED);
            return;
        }
        let Some(instrument) = world.instruments.get(self.instrument) else {
            return;
        };
        let prompt = instrument.device.model.0.prompt.as_ref();
        let mut said = running.answers;
        match prompt.map(|prompt| prompt.behind(running.failed)) {
            None if !running.answered => return,
            None => {}
            Some(prompt) => {
                if running.answered {
                    said.extend_from_slice(self.terminator);
                }
                said.extend_from_slice(prompt.as_bytes());
            }
        }
        let faults = &instrument.device.faults;
        if let Some(line) = faults.say(said, self.terminator) {
            self.taken = 0;
            self.output.push_back((now.after(faults.delay()), line));
        }
    }

    /// Somebody reads and there is nothing to say, nor will there be.
    pub(crate) fn unterminated(&mut self, world: &mut World) {
        if self.link == Link::Bus && !self.unreachable(world) {
            self.error(world, QUERY_UNTERMINATED);
        }
    }

    /// Device clear. False if the instrument does not react.
    pub(crate) fn clear(&mut self, world: &mut World) -> bool {
        if self.unreachable(world) {
            return false;
        }
        self.input.clear();
        self.running = None;
        self.output.clear();
        if let Some(instrument) = world.instruments.get_mut(self.instrument) {
            instrument.device.abort();
        }
        true
    }

    /// The status byte, as a serial poll reads it: bit 6 is the request for service, which the poll clears (IEEE 488.2, 11.2.2.1).
    /// Nothing if the instrument does not react. `underway` is whether answers have left that did not arrive yet.
    pub(crate) fn status_byte(&mut self, world: &World, underway: bool) -> Option<u8> {
        if self.unreachable(world) {
            return None;
        }
        let device = &world.instruments.get(self.instrument)?.device;
        let errors = self.errors.as_ref().unwrap_or(&device.errors);
        let errors_waiting = !errors.is_empty() && device.model.0.reporting.in_status_byte;
        let byte = device.status.byte(errors_waiting, underway || !self.output.is_empty());
        let reasons = byte & device.status.service_enable;
        let requests = reasons & !self.polled != 0;
        self.polled = reasons;
        Some(if requests { byte } else { byte & !MASTER_SUMMARY })
    }

    fn error(&mut self, world: &mut World, error: ScpiError) {
        let Some(instrument) = world.instruments.get_mut(self.instrument) else {
            return;
        };
        let error = instrument.device.model.0.reporting.reported(error);
        let device = &mut instrument.device;
        let overflow = self
            .errors
            .as_mut()
            .unwrap_or(&mut device.errors)
            .push(error, device.now);
        device.status.events |= error.event_bit() | overflow;
    }

    fn has(&self, world: &World, fault: Fault) -> bool {
        let instrument = world.instruments.get(self.instrument);
        instrument.is_some_and(|instrument| instrument.device.faults.has(fault))
    }

    fn hung(&self, world: &World) -> bool {
        self.has(world, Fault::HangForever)
    }

    /// Whether nothing that is sent has an effect.
    fn unreachable(&self, world: &World) -> bool {
        self.hung(world) || self.has(world, Fault::HalfOpen)
    }

    fn has_dropped(&self, world: &World) -> bool {
        self.has(world, Fault::DropConnection)
    }

    /// Whether the instrument does not know of this connection any more.
    fn forgotten(&self, world: &World) -> bool {
        let device = world
            .instruments
            .get(self.instrument)
            .map(|instrument| &instrument.device);
        device.is_some_and(|device| device.generation != self.generation)
    }
}
