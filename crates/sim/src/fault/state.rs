//! The faults that one instrument has, and since when.

use super::{Drift, Fault, FaultOrder};
use benchtop_instrument::Moment;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardUniform};
use std::time::Duration;

/// What a message may meet under [`Fault::Random`]: what happens on a line, and is over with the message.
const ON_THE_LINE: [Fault; 7] = [
    Fault::NoAnswer,
    Fault::LateAnswer(Duration::from_secs(1)),
    Fault::CutAnswer,
    Fault::GarbledAnswer,
    Fault::WrongTerminator,
    Fault::NoTerminator,
    Fault::DropConnection,
];

/// The faults of one instrument.
#[derive(Debug)]
pub(crate) struct Faults {
    set: Vec<Set>,
    /// How many messages have arrived, the one in hand included.
    messages: u64,
    chance: ChaCha8Rng,
    /// What the message in hand has met by chance.
    met: Option<Fault>,
    /// The faults are not those that [`Faults::changes`] last told of.
    touched: bool,
    /// Whoever is connected has been forgotten, since [`Faults::take_forgotten`] was last asked.
    forgotten: bool,
}

/// One fault and when it is so.
#[derive(Clone, Copy, Debug)]
struct Set {
    fault: Fault,
    /// The message that it begins with; 0 is at once.
    begins: u64,
    /// The last message that it lasts for.
    ends: Option<u64>,
    /// When it was first noticed.
    since: Option<Moment>,
}

impl Faults {
    /// None yet. `chance` decides what [`Fault::Random`] does.
    pub(crate) const fn new(chance: ChaCha8Rng) -> Self {
        Self {
            set: Vec::new(),
            messages: 0,
            chance,
            met: None,
            touched: false,
            forgotten: false,
        }
    }

    pub(crate) fn set(&mut self, order: FaultOrder) {
        let FaultOrder {
            fault,
            after_messages,
            for_messages,
        } = order;
        let before = self.messages.saturating_add(after_messages);
        self.set.push(Set {
            fault,
            begins: if after_messages == 0 {
                0
            } else {
                before.saturating_add(1)
            },
            ends: for_messages.map(|count| before.saturating_add(count)),
            since: None,
        });
        self.touched = true;
    }

    pub(crate) fn clear(&mut self) {
        self.forgotten |= self.has(Fault::HalfOpen);
        self.met = None;
        self.set.clear();
        self.touched = true;
    }

    /// The instrument is back.
    pub(crate) fn end_reboots(&mut self) {
        self.set
            .retain(|set| set.since.is_none() || !matches!(set.fault, Fault::Reboot(_)));
        self.touched = true;
    }

    /// Counts a message that has arrived. Some faults begin with it, some are over.
    pub(crate) fn count_message(&mut self) {
        let before = self.set.len();
        self.messages = self.messages.saturating_add(1);
        let messages = self.messages;
        self.set.retain(|set| set.ends.is_none_or(|ends| messages <= ends));
        self.touched |= self.set.len() != before || self.set.iter().any(|set| set.begins == messages);
        self.met = self.probability().and_then(|probability| self.draw(probability));
    }

    fn probability(&self) -> Option<f64> {
        self.active().find_map(|set| match set.fault {
            Fault::Random(probability) => Some(probability),
            Fault::NoAnswer
            | Fault::LateAnswer(_)
            | Fault::CutAnswer
            | Fault::GarbledAnswer
            | Fault::WrongTerminator
            | Fault::NoTerminator
            | Fault::StuckReading
            | Fault::Drift(_)
            | Fault::ErrorQueueFull
            | Fault::DropConnection
            | Fault::Refused
            | Fault::HalfOpen
            | Fault::Reboot(_)
            | Fault::WrongIdentity
            | Fault::BlownCurrentFuse
            | Fault::LeadOff
            | Fault::OvpTrip
            | Fault::StuckOutput
            | Fault::HangForever => None,
        })
    }

    fn draw(&mut self, probability: f64) -> Option<Fault> {
        let [hit, which]: [f64; 2] = StandardUniform.sample(&mut self.chance);
        if hit >= probability {
            return None;
        }
        let mut share = 0.0;
        let found = ON_THE_LINE.iter().find(|_| {
            share += 1.0 / 7.0;
            which < share
        });
        found.or(ON_THE_LINE.last()).copied()
    }

    /// The faults that have begun since this was last asked, if anything has changed since then.
    pub(crate) fn changes(&mut self, now: Moment) -> Option<Vec<Fault>> {
        if !std::mem::take(&mut self.touched) {
            return None;
        }
        let messages = self.messages;
        let begun = self
            .set
            .iter_mut()
            .filter(|set| messages >= set.begins && set.since.is_none());
        Some(
            begun
                .map(|set| {
                    set.since = Some(now);
                    set.fault
                })
                .collect(),
        )
    }

    /// Whether whoever is connected has been forgotten since this was last asked.
    pub(crate) const fn take_forgotten(&mut self) -> bool {
        std::mem::replace(&mut self.forgotten, false)
    }

    fn active(&self) -> impl Iterator<Item = &Set> {
        self.set.iter().filter(|set| self.messages >= set.begins)
    }

    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.met == Some(fault) || self.active().any(|active| active.fault == fault)
    }

    /// Every fault that is set, and whether it has begun.
    pub(crate) fn list(&self) -> Vec<(Fault, bool)> {
        self.set
            .iter()
            .map(|set| (set.fault, self.messages >= set.begins))
            .collect()
    }

    /// How much later answers come.
    pub(crate) fn delay(&self) -> Duration {
        let active = self.active().map(|set| set.fault).chain(self.met);
        let delays = active.filter_map(|fault| {
            if let Fault::LateAnswer(delay) = fault {
                return Some(delay);
            }
            None
        });
        delays.max().unwrap_or_default()
    }

    /// How readings drift, and since when.
    pub(crate) fn drift(&self) -> Option<(Drift, Moment)> {
        self.active().find_map(|set| {
            if let Fault::Drift(drift) = set.fault {
                return Some((drift, set.since?));
            }
            None
        })
    }

    /// What goes out of an answer, its end included: `terminator`, where nothing is wrong with it.
    pub(crate) fn say(&self, mut answer: Vec<u8>, terminator: &[u8]) -> Option<Vec<u8>> {
        if self.has(Fault::NoAnswer) {
            return None;
        }
        if self.has(Fault::CutAnswer) {
            answer.truncate(answer.len() / 2);
            return Some(answer);
        }
        if self.has(Fault::GarbledAnswer) {
            answer.truncate(answer.len() / 2);
            answer.extend_from_slice(b"\x15?~");
        }
        if self.has(Fault::WrongTerminator) {
            // where answers end in CR anyway, LF is what is wrong
            answer.push(if terminator == b"\r" { b'\n' } else { b'\r' });
        } else if !self.has(Fault::NoTerminator) {
            answer.extend_from_slice(terminator);
        }
        Some(answer)
    }
}
