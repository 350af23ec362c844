//! The error queue.

use super::{QUEUE_OVERFLOW, ScpiError};
use benchtop_instrument::Moment;
use std::collections::VecDeque;

/// Errors, oldest first, at most as many as the model keeps.
#[derive(Clone, Debug)]
pub(crate) struct ErrorQueue {
    /// With when they happened.
    entries: VecDeque<(ScpiError, Moment)>,
    depth: usize,
}

impl ErrorQueue {
    pub(crate) const fn new(depth: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            depth,
        }
    }

    /// Adds an error. When there is no room the last entry becomes -350 and the error is lost: that is an event too, whose bit
    /// comes back.
    pub(crate) fn push(&mut self, error: ScpiError, now: Moment) -> u8 {
        if self.entries.len() < self.depth {
            self.entries.push_back((error, now));
            return 0;
        }
        if let Some(last) = self.entries.back_mut() {
            *last = (QUEUE_OVERFLOW, now);
        }
        QUEUE_OVERFLOW.event_bit()
    }

    /// Fills it to the last place, and beyond.
    pub(crate) fn overflow(&mut self, error: ScpiError, now: Moment) {
        while self.entries.len() < self.depth {
            self.push(error, now);
        }
        self.push(error, now);
    }

    /// The oldest error, taken out.
    pub(crate) fn take(&mut self) -> Option<(ScpiError, Moment)> {
        self.entries.pop_front()
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DATA_OUT_OF_RANGE, UNDEFINED_HEADER};
    use super::*;

    #[test]
    fn overflow_replaces_the_last_error_and_keeps_the_first_ones() {
        let now = Moment::from_start(std::time::Duration::ZERO);
        let mut queue = ErrorQueue::new(3);
        for error in [
            UNDEFINED_HEADER,
            DATA_OUT_OF_RANGE,
            UNDEFINED_HEADER,
            UNDEFINED_HEADER,
            UNDEFINED_HEADER,
        ] {
            queue.push(error, now);
        }
        let codes: Vec<i16> = (0..4).filter_map(|_| Some(queue.take()?.0.code)).collect();
        assert_eq!(codes, [-113, -222, -350]);
        queue.push(DATA_OUT_OF_RANGE, now);
        assert_eq!(queue.take(), Some((DATA_OUT_OF_RANGE, now)));
        assert_eq!(queue.take(), None);
    }
}
