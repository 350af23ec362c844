//! The error queue.

use super::{NO_ERROR, QUEUE_OVERFLOW, ScpiError};
use std::collections::VecDeque;

/// Errors, oldest first, at most as many as the model keeps.
#[derive(Clone, Debug)]
pub(crate) struct ErrorQueue {
    entries: VecDeque<ScpiError>,
    depth: usize,
}

impl ErrorQueue {
    pub(crate) const fn new(depth: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            depth,
        }
    }

    /// Adds an error. When there is no room the last entry becomes -350 and the error is lost.
    pub(crate) fn push(&mut self, error: ScpiError) {
        if self.entries.len() < self.depth {
            self.entries.push_back(error);
        } else if let Some(last) = self.entries.back_mut() {
            *last = QUEUE_OVERFLOW;
        }
    }

    /// Fills it to the last place, and beyond.
    pub(crate) fn overflow(&mut self, error: ScpiError) {
        while self.entries.len() < self.depth {
            self.push(error);
        }
        self.push(error);
    }

    /// The oldest error, taken out; no error if there is none.
    pub(crate) fn take(&mut self) -> ScpiError {
        self.entries.pop_front().unwrap_or(NO_ERROR)
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
        let mut queue = ErrorQueue::new(3);
        for error in [
            UNDEFINED_HEADER,
            DATA_OUT_OF_RANGE,
            UNDEFINED_HEADER,
            UNDEFINED_HEADER,
            UNDEFINED_HEADER,
        ] {
            queue.push(error);
        }
        let codes: Vec<i16> = (0..4).map(|_| queue.take().code).collect();
        assert_eq!(codes, [-113, -222, -350, 0]);
        queue.push(DATA_OUT_OF_RANGE);
        assert_eq!(queue.take(), DATA_OUT_OF_RANGE);
        assert_eq!(queue.take(), NO_ERROR);
    }
}
