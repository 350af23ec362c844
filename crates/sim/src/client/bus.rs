//! What a bus can do to an instrument that a stream of bytes cannot: fetch an answer in parts, know whether it was
//! fetched, trigger.

use super::{Client, Link, Unfetched};
use crate::{
    parser::Path,
    status::{GET_NOT_ALLOWED, QUERY_INTERRUPTED},
    world::World,
};
use benchtop_instrument::Moment;

/// Part of a line of answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) bytes: Vec<u8>,
    /// The line ends with it.
    pub(crate) ends: bool,
}

impl Client {
    /// Takes at most `limit` bytes of the line that may be taken by `now`, none behind the first `stop`.
    pub(crate) fn take_part(&mut self, now: Moment, limit: usize, stop: Option<u8>) -> Option<Part> {
        let (_, line) = self.output.front().filter(|(ready, _)| *ready <= now)?;
        let rest = line.get(self.taken..).unwrap_or_default();
        let rest = rest.get(..limit).unwrap_or(rest);
        let stopped = stop.and_then(|stop| rest.iter().position(|byte| *byte == stop));
        let bytes = stopped.and_then(|at| rest.get(..=at)).unwrap_or(rest).to_vec();
        self.taken += bytes.len();
        let ends = self.taken >= line.len();
        if ends {
            self.output.pop_front();
            self.taken = 0;
        }
        Some(Part { bytes, ends })
    }

    /// The line that may be taken by `now`, left where it is.
    pub(crate) fn answer(&self, now: Moment) -> Option<&[u8]> {
        let (_, line) = self.output.front().filter(|(ready, _)| *ready <= now)?;
        Some(line)
    }

    /// The answer has been taken.
    pub(crate) fn taken(&mut self) {
        self.output.clear();
        self.taken = 0;
    }

    /// What becomes from now on of an answer that is not fetched before the next message.
    pub(crate) const fn treat(&mut self, unfetched: Unfetched) {
        self.unfetched = unfetched;
    }

    pub(super) fn can_be_interrupted(&self) -> bool {
        self.link == Link::Bus && self.unfetched == Unfetched::IsInterrupted
    }

    /// Whether an answer was interrupted before it could be fetched, since this was last asked.
    pub(crate) const fn was_cut_off(&mut self) -> bool {
        std::mem::replace(&mut self.cut_off, false)
    }

    /// Something was said before the answer was taken.
    pub(crate) fn interrupt(&mut self, world: &mut World) {
        self.taken();
        self.error(world, QUERY_INTERRUPTED);
    }

    /// The group execute trigger: `*TRG` between messages, an error inside of one (IEEE 488.2, 6.1.4.2.5). False if the model has
    /// none.
    pub(crate) fn trigger(&mut self, world: &mut World) -> bool {
        let model = world
            .instruments
            .get(self.instrument)
            .map(|instrument| &instrument.device.model.0);
        let known = model.is_some_and(|model| model.tree.find(Path::default(), &["*TRG"], false).is_ok());
        if !known {
            return false;
        }
        if self.input.is_amid() {
            self.input.abandon();
            self.error(world, GET_NOT_ALLOWED);
        } else {
            self.input.push(b"*TRG\n");
        }
        true
    }
}
