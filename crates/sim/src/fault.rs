//! What can go wrong with a simulated instrument, by name.

use std::time::Duration;

/// A fault of one instrument, for as long as it is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It carries out what it is told and never answers.
    NoAnswer,
    /// Every answer comes this much later.
    LateAnswer(Duration),
    /// Half of every answer comes, followed by nonsense.
    GarbledAnswer,
    /// A message ends the connection instead of being carried out.
    DropConnection,
    /// It takes messages and does nothing any more, not even on device clear.
    HangForever,
    /// It says that it is another instrument.
    WrongIdentity,
    /// Its outputs that are on stay on, whatever it is told.
    StuckOutput,
}

/// The faults of one instrument.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    /// Each begins with the message of this number; 0 is at once.
    set: Vec<(u64, Fault)>,
    /// How many messages have arrived, the one in hand included.
    messages: u64,
}

impl Faults {
    /// Sets a fault that begins after `messages` more messages; with none it begins at once.
    pub(crate) fn set(&mut self, fault: Fault, messages: u64) {
        let begins = if messages == 0 {
            0
        } else {
            self.messages.saturating_add(messages).saturating_add(1)
        };
        self.set.push((begins, fault));
    }

    pub(crate) fn clear(&mut self) {
        self.set.clear();
    }

    /// Counts a message that has arrived.
    pub(crate) fn count_message(&mut self) {
        self.messages = self.messages.saturating_add(1);
    }

    fn active(&self) -> impl Iterator<Item = Fault> {
        self.set
            .iter()
            .filter(|(begins, _)| self.messages >= *begins)
            .map(|(_, fault)| *fault)
    }

    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.active().any(|active| active == fault)
    }

    pub(crate) fn wrong_identity(&self) -> bool {
        self.has(Fault::WrongIdentity)
    }

    /// How much later answers come.
    pub(crate) fn delay(&self) -> Duration {
        let delays = self.active().filter_map(|fault| match fault {
            Fault::LateAnswer(delay) => Some(delay),
            Fault::NoAnswer
            | Fault::GarbledAnswer
            | Fault::DropConnection
            | Fault::HangForever
            | Fault::WrongIdentity
            | Fault::StuckOutput => None,
        });
        delays.max().unwrap_or_default()
    }

    /// What becomes of an answer on its way out.
    pub(crate) fn spoil(&self, mut answer: Vec<u8>) -> Option<Vec<u8>> {
        if self.has(Fault::NoAnswer) {
            return None;
        }
        if self.has(Fault::GarbledAnswer) {
            answer.truncate(answer.len() / 2);
            answer.extend_from_slice(b"\x15?~");
        }
        Some(answer)
    }
}
