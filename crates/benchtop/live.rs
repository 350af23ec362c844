//! What a terminal shows of a run below its lines: how far it is, what it does, how long it takes, and how long it may still
//! take. A line a run: of units in slots there are several. Nothing elsewhere.

use crate::terminal::{self, Asking, Parts};
use benchtop_instrument::{Clock, Moment, RealClock};
use benchtop_run::{Event, EventKind, MeasurementTaken};
use std::time::Duration;

/// How far a run is.
#[derive(Debug)]
pub(crate) struct Live {
    /// Where the unit lies, where several are tested at once.
    slot: Option<String>,
    steps: usize,
    done: usize,
    /// The step that runs, or ran last.
    step: String,
    /// What is to be said of it now.
    doing: Option<String>,
    /// How long the run had taken when the last step was done.
    done_at: Duration,
    /// How long it had taken when it was heard of last, and when that was: a step that says nothing takes its time all the same.
    heard: Option<(Duration, Moment)>,
    clock: RealClock,
    /// Somebody is asked something.
    asking: Option<Asking>,
}

impl Live {
    pub(crate) fn new(slot: Option<&str>) -> Self {
        let slot = slot.map(str::to_owned);
        Self {
            slot,
            steps: 0,
            done: 0,
            step: String::new(),
            doing: None,
            done_at: Duration::ZERO,
            heard: None,
            clock: RealClock::new(),
            asking: None,
        }
    }

    /// Shows how far it is after an event, where something is going on.
    pub(crate) fn follow(&mut self, event: &Event) {
        let elapsed = event.at.elapsed;
        self.heard = Some((elapsed, self.clock.now()));
        match &event.kind {
            EventKind::RunStarted(started) => self.steps = started.steps.len(),
            EventKind::StepStarted(step) => {
                self.step = terminal::clip(&step.name, 40);
                self.say(Some(self.step.clone()));
            }
            EventKind::MeasurementTaken(taken) => self.say(Some(format!("{}: {}", self.step, measured(taken)))),
            EventKind::PromptShown(_) => self.asking = Some(terminal::asking()),
            EventKind::StepEnded(ended) => {
                if ended.decides {
                    self.done = self.done.saturating_add(1);
                    self.done_at = elapsed;
                }
                // the line of a single run is printed now; of one among several none is
                self.say(self.slot.is_some().then(|| format!("{}: done", self.step)));
            }
            EventKind::RunEnded(_) => self.say(self.slot.is_some().then(|| "over".to_owned())),
            EventKind::InstrumentReady(_) | EventKind::MadeSafe(_) | EventKind::Attached(_) | EventKind::Log(_) => {}
        }
    }

    fn say(&mut self, doing: Option<String>) {
        self.asking = None;
        self.doing = doing;
        self.tick();
    }

    /// Shows it once more, some time later.
    pub(crate) fn tick(&self) {
        match &self.doing {
            Some(doing) => terminal::stand(self.whose(), self.parts(doing, self.elapsed())),
            None => terminal::stand_no_more(self.whose()),
        }
    }

    fn whose(&self) -> &str {
        self.slot.as_deref().unwrap_or_default()
    }

    fn elapsed(&self) -> Duration {
        let heard = self
            .heard
            .map(|(elapsed, at)| elapsed.saturating_add(self.clock.now().since(at)));
        heard.unwrap_or_default()
    }

    /// `  [2/5] Settle  1.3 s, about 2 s more`: what is left is reckoned from what was done.
    fn parts(&self, doing: &str, elapsed: Duration) -> Parts {
        let slot = self
            .slot
            .as_ref()
            .map_or_else(String::new, |slot| format!("{}  ", terminal::clip(slot, 12)));
        let at = self.done.saturating_add(1).min(self.steps.max(1));
        let left = u32::try_from(self.steps.saturating_sub(self.done)).unwrap_or(u32::MAX);
        let each = u32::try_from(self.done)
            .ok()
            .filter(|done| *done > 0)
            .map(|done| self.done_at / done);
        let more = each.map(|each| {
            each.saturating_mul(left)
                .saturating_sub(elapsed.saturating_sub(self.done_at))
        });
        Parts {
            head: format!("  {slot}[{at}/{}] ", self.steps),
            doing: doing.to_owned(),
            time: format!("  {:.1} s", elapsed.as_secs_f64()),
            more: more
                .filter(|more| !more.is_zero())
                .map_or_else(String::new, terminal::about),
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        terminal::stand_no_more(self.whose());
    }
}

/// `vcc_3v3 3.29916263 V (3.25 .. 3.35 V)`.
fn measured(taken: &MeasurementTaken) -> String {
    let value = match &taken.value {
        Some(value) => value.for_people(taken.unit),
        None => taken.reading_kind.word().replace('_', " "),
    };
    let limit = taken.limit.as_ref().map(|limit| limit.for_people(taken.unit));
    let limit = limit.map_or_else(String::new, |limit| format!(" ({limit})"));
    format!("{} {value}{limit}", taken.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_far_it_is_and_how_long_it_takes() {
        for (slot, done, steps, [done_at, elapsed], expected) in [
            (None, 0, 5, [0.0, 0.0], "  [1/5] Settle  0.0 s"),
            (None, 2, 5, [4.0, 4.0], "  [3/5] Settle  4.0 s, about 6 s more"),
            // a step that takes its time leaves less
            (None, 2, 5, [4.0, 6.5], "  [3/5] Settle  6.5 s, about 4 s more"),
            (None, 2, 5, [4.0, 60.0], "  [3/5] Settle  60.0 s"),
            (
                Some("A"),
                2,
                5,
                [400.0, 400.0],
                "  A  [3/5] Settle  400.0 s, about 10 min more",
            ),
            (None, 5, 5, [10.0, 10.0], "  [5/5] Settle  10.0 s"),
            (None, 0, 0, [0.0, 1.0], "  [1/0] Settle  1.0 s"),
        ] {
            let mut live = Live::new(slot);
            (live.done, live.steps) = (done, steps);
            live.done_at = Duration::from_secs_f64(done_at);
            let parts = live.parts("Settle", Duration::from_secs_f64(elapsed));
            assert_eq!([parts.head, parts.doing, parts.time, parts.more].concat(), expected);
        }
    }
}
