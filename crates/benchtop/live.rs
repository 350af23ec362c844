//! What a terminal shows of a run between its lines: how far it is, what it does, how long it takes. Nothing elsewhere.

use crate::terminal;
use benchtop_run::{Event, EventKind, MeasurementTaken};
use std::time::Duration;

/// How far a run is.
#[derive(Debug, Default)]
pub(crate) struct Live {
    steps: usize,
    done: usize,
    /// The step that runs.
    step: String,
}

impl Live {
    /// Takes the line away: another one is printed in its place.
    pub(crate) fn hide() {
        terminal::progress_done();
    }

    /// Shows how far it is after an event, where something is going on.
    pub(crate) fn follow(&mut self, event: &Event) {
        match &event.kind {
            EventKind::RunStarted(started) => self.steps = started.steps.len(),
            EventKind::StepStarted(step) => {
                self.step = terminal::clip(&step.name, 40);
                terminal::progress(&line(self.done, self.steps, &self.step, event.at.elapsed));
            }
            EventKind::MeasurementTaken(taken) => {
                let doing = format!("{}: {}", self.step, measured(taken));
                terminal::progress(&line(self.done, self.steps, &doing, event.at.elapsed));
            }
            EventKind::StepEnded(ended) if ended.decides => self.done = self.done.saturating_add(1),
            EventKind::InstrumentReady(_)
            | EventKind::PromptShown(_)
            | EventKind::StepEnded(_)
            | EventKind::MadeSafe(_)
            | EventKind::Attached(_)
            | EventKind::Log(_)
            | EventKind::RunEnded(_) => {}
        }
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

/// `  [2/5] Settle  1.3 s, about 2 s more`: what is left is reckoned from what was done.
fn line(done: usize, steps: usize, doing: &str, elapsed: Duration) -> String {
    let left = u32::try_from(steps.saturating_sub(done)).unwrap_or(u32::MAX);
    let each = u32::try_from(done)
        .ok()
        .filter(|done| *done > 0)
        .map(|done| elapsed / done);
    let more = each.map_or_else(String::new, |each| {
        format!(", about {:.0} s more", each.saturating_mul(left).as_secs_f64())
    });
    let at = done.saturating_add(1).min(steps.max(1));
    format!("  [{at}/{steps}] {doing}  {:.1} s{more}", elapsed.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_far_it_is_and_how_long_it_takes() {
        for (done, steps, seconds, expected) in [
            (0, 5, 0.0, "  [1/5] Settle  0.0 s"),
            (2, 5, 4.0, "  [3/5] Settle  4.0 s, about 6 s more"),
            (5, 5, 10.0, "  [5/5] Settle  10.0 s, about 0 s more"),
            (0, 0, 1.0, "  [1/0] Settle  1.0 s"),
        ] {
            assert_eq!(line(done, steps, "Settle", Duration::from_secs_f64(seconds)), expected);
        }
    }
}
