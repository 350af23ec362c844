//! What can go wrong with a simulated instrument, by name.
//!
//! - A fault lasts until it is cleared, or for as many messages as it was set for; [`Fault::Reboot`] ends by itself.
//! - The instrument goes on being simulated behind its faults: what they hide is still so when they are gone.
//! - [`FaultOrder`] is how files and people write one; [`Faults`] is what one instrument has.

mod order;
mod state;

pub use order::FaultOrder;
pub(crate) use order::{read, words};
pub(crate) use state::Faults;

use crate::{model::Model, parser::Dimension};
use std::{fmt, time::Duration};

/// A fault of one instrument, for as long as it is set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// It carries out what it is told and never answers.
    NoAnswer,
    /// Every answer comes this much later.
    LateAnswer(Duration),
    /// Half of every answer comes, and no end.
    CutAnswer,
    /// Half of every answer comes, followed by nonsense.
    GarbledAnswer,
    /// Every answer ends in CR instead of LF.
    WrongTerminator,
    /// Every answer is whole and never ends.
    NoTerminator,
    /// A meter gives the same digits for ever: those of its last reading.
    StuckReading,
    /// A meter's readings move away from the truth with time.
    Drift(Drift),
    /// The error queue is full, however often it is read.
    ErrorQueueFull,
    /// A message ends the connection instead of being carried out.
    DropConnection,
    /// New connections are refused; those that there are stay.
    Refused,
    /// Connections open, and then nothing: nothing is read, answered or closed. What was connected meanwhile is lost.
    HalfOpen,
    /// It loses power and is back after this time: every connection drops, settings are as after power-on, outputs off.
    Reboot(Duration),
    /// It says that it is another instrument.
    WrongIdentity,
    /// A meter's current input is open, and with it the branch that it lies in.
    BlownCurrentFuse,
    /// A meter's lead has come off: nothing lies at its inputs, and the branch that it lies in is open.
    LeadOff,
    /// Overvoltage protection trips whenever an output is on.
    OvpTrip,
    /// A supply's outputs that are on stay on, whatever it is told.
    StuckOutput,
    /// It takes messages and does nothing any more, not even on device clear.
    HangForever,
    /// Each message has this probability to meet a fault of the line, which the bench's seed chooses.
    Random(f64),
}

/// How fast a meter's readings drift.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drift {
    /// Added to the reading with every second, in the unit of `dimension`.
    per_second: f64,
    /// Readings of other quantities are right.
    dimension: Dimension,
}

impl Drift {
    /// What a reading of this dimension is off by, so long after the fault began.
    pub(crate) fn after(self, elapsed: Duration, dimension: Dimension) -> f64 {
        if dimension == self.dimension {
            self.per_second * elapsed.as_secs_f64()
        } else {
            0.0
        }
    }
}

impl Fault {
    /// What files and people call it: `late_answer`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NoAnswer => "no_answer",
            Self::LateAnswer(_) => "late_answer",
            Self::CutAnswer => "cut_answer",
            Self::GarbledAnswer => "garbled_answer",
            Self::WrongTerminator => "wrong_terminator",
            Self::NoTerminator => "no_terminator",
            Self::StuckReading => "stuck_reading",
            Self::Drift(_) => "drift",
            Self::ErrorQueueFull => "error_queue_full",
            Self::DropConnection => "drop_connection",
            Self::Refused => "refused",
            Self::HalfOpen => "half_open",
            Self::Reboot(_) => "reboot",
            Self::WrongIdentity => "wrong_identity",
            Self::BlownCurrentFuse => "blown_current_fuse",
            Self::LeadOff => "lead_off",
            Self::OvpTrip => "ovp_trip",
            Self::StuckOutput => "stuck_output",
            Self::HangForever => "hang_forever",
            Self::Random(_) => "random",
        }
    }

    /// Every word there is.
    pub fn words() -> impl Iterator<Item = &'static str> {
        order::KINDS.iter().map(|(word, _)| *word)
    }

    /// Why this model cannot have it, if it cannot.
    pub(crate) fn misfit(self, model: &Model) -> Option<&'static str> {
        match self {
            Self::StuckReading | Self::Drift(_) | Self::BlownCurrentFuse | Self::LeadOff => {
                model.dmm().is_none().then_some("a meter")
            }
            Self::OvpTrip | Self::StuckOutput => (model.outputs() == 0).then_some("an instrument with outputs"),
            Self::NoAnswer
            | Self::LateAnswer(_)
            | Self::CutAnswer
            | Self::GarbledAnswer
            | Self::WrongTerminator
            | Self::NoTerminator
            | Self::ErrorQueueFull
            | Self::DropConnection
            | Self::Refused
            | Self::HalfOpen
            | Self::Reboot(_)
            | Self::WrongIdentity
            | Self::HangForever
            | Self::Random(_) => None,
        }
    }

    /// Whether the instrument still takes messages, so that they can be counted.
    const fn takes_messages(self) -> bool {
        !matches!(
            self,
            Self::Refused | Self::HalfOpen | Self::Reboot(_) | Self::HangForever
        )
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
