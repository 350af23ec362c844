//! How many uploads go beside each other: as many as the target answers without letting them wait.
//!
//! The window begins at one and doubles with each round of answers, until they take clearly longer than the fastest did (the
//! target, or this computer, has enough to do) or one fails. Trouble halves it; from there on it grows by one with each round.

use chrono::TimeDelta;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// An answer that takes so much longer than twice the fastest has waited in a queue.
const SLACK: TimeDelta = TimeDelta::milliseconds(10);

/// The window of one drain.
#[derive(Debug)]
pub(crate) struct Window(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Never more.
    most: usize,
    size: usize,
    /// Below it the window doubles with each round, above it grows by one.
    steep_until: usize,
    /// Answers since it last grew.
    answers: usize,
    /// Of the confirmed ones.
    fastest: Option<TimeDelta>,
    taken: usize,
}

/// A place in the window, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place<'a>(&'a Window);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.taken = state.taken.saturating_sub(1);
    }
}

impl Window {
    /// At most so many, and at least one.
    pub(crate) fn new(most: usize) -> Self {
        let most = most.max(1);
        Self(Mutex::new(State {
            most,
            size: 1,
            steep_until: most,
            answers: 0,
            fastest: None,
            taken: 0,
        }))
    }

    /// Nothing panics while it is held; if something did, the numbers would still be whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place, where one is free.
    pub(crate) fn enter(&self) -> Option<Place<'_>> {
        let mut state = self.state();
        if state.taken >= state.size {
            return None;
        }
        state.taken += 1;
        Some(Place(self))
    }

    /// A run was confirmed, after so long. Only such answers are compared: a refusal costs the target less.
    pub(crate) fn answered(&self, took: TimeDelta) {
        let mut state = self.state();
        let fastest = state
            .fastest
            .map_or(took, |fastest| fastest.min(took))
            .max(TimeDelta::zero());
        state.fastest = Some(fastest);
        if took > fastest + fastest + SLACK {
            return;
        }
        state.answers += 1;
        if state.size < state.steep_until || state.answers >= state.size {
            state.size = (state.size + 1).min(state.most);
            state.answers = 0;
        }
    }

    /// No answer, or one that says that the target is not well.
    pub(crate) fn troubled(&self) {
        let mut state = self.state();
        state.size = (state.size / 2).max(1);
        state.steep_until = state.size;
        state.answers = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(window: &Window) -> usize {
        let taken: Vec<Place<'_>> = std::iter::from_fn(|| window.enter()).collect();
        taken.len()
    }

    fn answer(window: &Window, count: usize, milliseconds: i64) {
        (0..count).for_each(|_| window.answered(TimeDelta::milliseconds(milliseconds)));
    }

    #[test]
    fn it_doubles_with_each_round_up_to_its_bound() {
        let window = Window::new(10);
        for expected in [1, 2, 4, 8, 10, 10] {
            assert_eq!(places(&window), expected);
            answer(&window, expected, 20);
        }
        assert_eq!(places(&Window::new(0)), 1);
    }

    #[test]
    fn it_stops_where_answers_begin_to_wait() {
        let window = Window::new(256);
        answer(&window, 7, 20);
        answer(&window, 100, 51);
        assert_eq!(places(&window), 8);
        answer(&window, 1, 50);
        assert_eq!(places(&window), 9);
    }

    #[test]
    fn trouble_halves_it_and_then_it_grows_slowly() {
        let window = Window::new(64);
        answer(&window, 63, 20);
        window.troubled();
        assert_eq!(places(&window), 32);
        answer(&window, 31, 20);
        assert_eq!(places(&window), 32);
        answer(&window, 1, 20);
        assert_eq!(places(&window), 33);
        (0..9).for_each(|_| window.troubled());
        assert_eq!(places(&window), 1);
    }

    #[test]
    fn a_place_is_given_back() {
        let window = Window::new(4);
        let place = window.enter();
        assert!(place.is_some() && window.enter().is_none());
        drop(place);
        assert!(window.enter().is_some());
    }
}
