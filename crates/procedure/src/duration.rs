//! About how long a procedure takes, before it runs.
//!
//! What is counted is what the procedure and the instruments' definitions say: waits, polls, settling, delays, and the
//! integration times of readings (at 50 Hz, the longer ones, and twice with autozero). Steps with a condition count as if
//! it held. What a person, a command or the unit takes is not known, and said apart.

use crate::model::{
    Group, LogicalName, Measurement, Plan, PlanNode, Poll, Procedure, ReadingSource, Retry, Step, StepKind, Until,
};
use benchtop_instrument::{Capabilities, Decimal};
use std::{collections::BTreeMap, time::Duration};

/// One power-line cycle at 50 Hz, in seconds.
const CYCLE: f64 = 0.02;

/// About how long a procedure takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// When every step does what it should at once.
    pub usual: Duration,
    /// When everything is waited for and tried as often as it may be.
    pub longest: Duration,
    /// How often the operator is asked beside that.
    pub prompts: usize,
    /// How many commands run beside that.
    pub commands: usize,
    /// How often the unit's own words are waited for; `longest` has that.
    pub answers: usize,
}

/// What is known of the procedure's duration; `instruments` are the station's, none where there is no station.
#[must_use]
pub fn estimate(procedure: &Procedure, instruments: &BTreeMap<LogicalName, Capabilities>) -> Estimate {
    let Plan { setup, steps, teardown } = &procedure.plan;
    let of = |steps: &[Step], nodes: &[PlanNode]| Sum { steps, instruments }.all(nodes);
    let test = of(&procedure.setup, setup).then(of(&procedure.steps, steps));
    let allowed = procedure.timeout.unwrap_or(Duration::MAX);
    let test = Estimate {
        usual: test.usual.min(allowed),
        longest: test.longest.min(allowed),
        ..test
    };
    test.then(of(&procedure.teardown, teardown))
}

impl Estimate {
    const fn of(usual: Duration, longest: Duration) -> Self {
        Self {
            usual,
            longest,
            prompts: 0,
            commands: 0,
            answers: 0,
        }
    }

    const fn then(self, other: Self) -> Self {
        Self {
            usual: self.usual.saturating_add(other.usual),
            longest: self.longest.saturating_add(other.longest),
            prompts: self.prompts + other.prompts,
            commands: self.commands + other.commands,
            answers: self.answers + other.answers,
        }
    }

    fn tried(self, retry: Retry) -> Self {
        let again = self.longest.saturating_add(retry.delay);
        let longest = self
            .longest
            .saturating_add(again.saturating_mul(retry.attempts.saturating_sub(1)));
        Self { longest, ..self }
    }
}

struct Sum<'a> {
    steps: &'a [Step],
    instruments: &'a BTreeMap<LogicalName, Capabilities>,
}

impl Sum<'_> {
    fn all(&self, nodes: &[PlanNode]) -> Estimate {
        let each = nodes.iter().map(|node| match node {
            PlanNode::Step(index) => self
                .steps
                .get(*index)
                .map_or_else(Estimate::default, |step| self.step(step)),
            PlanNode::Group(group) => self.group(group),
        });
        each.fold(Estimate::default(), Estimate::then)
    }

    fn group(&self, group: &Group) -> Estimate {
        self.all(&group.nodes).tried(group.retry)
    }

    fn step(&self, step: &Step) -> Estimate {
        let once = match &step.kind {
            StepKind::Wait(wait) => Estimate::of(*wait, *wait),
            StepKind::Set { expects, .. } => {
                let settle = expects.map_or(Duration::ZERO, |expects| expects.settle);
                Estimate::of(settle, settle)
            }
            StepKind::Measurements(measurements) => {
                let each = measurements.iter().map(|measurement| self.measurement(measurement));
                each.fold(Estimate::default(), Estimate::then)
            }
            StepKind::Prompt(_) => Estimate {
                prompts: 1,
                ..Estimate::default()
            },
            StepKind::Exec(_) => Estimate {
                commands: 1,
                longest: step.timeout.unwrap_or_default(),
                ..Estimate::default()
            },
            StepKind::Expect(expect) => Estimate {
                answers: 1,
                ..Estimate::of(Duration::ZERO, expect.within)
            },
            StepKind::Query(_) | StepKind::Send(_) => Estimate::default(),
        };
        let allowed = step.timeout.unwrap_or(Duration::MAX);
        let once = Estimate {
            usual: once.usual.min(allowed),
            longest: once.longest.min(allowed),
            ..once
        };
        once.tried(step.retry)
    }

    fn measurement(&self, measurement: &Measurement) -> Estimate {
        let Some(source) = measurement.reading() else {
            return Estimate::default();
        };
        let one = self.reading(source);
        match source.poll {
            // the last reading begins when the hold is over, and the first alone cannot be stable
            Some(Poll {
                hold,
                every,
                patience,
                until,
            }) => {
                let before = match until {
                    Until::Stable(_) => hold.max(one).max(every),
                    Until::InLimit => hold,
                };
                let usual = one.saturating_add(before);
                Estimate::of(usual, patience.max(usual))
            }
            None => Estimate::of(one, one),
        }
    }

    /// All the readings of one measurement.
    fn reading(&self, source: &ReadingSource) -> Duration {
        let request = &source.request;
        let capabilities = self.instruments.get(&source.instrument);
        let function = capabilities.and_then(|capabilities| capabilities.functions.get(&request.function));
        let cycles = request.nplc.or(function.and_then(|function| function.nplc_default));
        let in_cycles = cycles.map(|cycles| cycles.to_f64() * CYCLE);
        let seconds = request
            .sampling
            .aperture
            .map(Decimal::to_f64)
            .or(in_cycles)
            .unwrap_or_default();
        // with autozero a meter reads its zero as well
        let has_autozero = function.is_some_and(|function| function.choices.autozero);
        let times = if has_autozero && request.choices.autozero != Some(false) {
            2.0
        } else {
            1.0
        };
        let integration = Duration::try_from_secs_f64(seconds * times).unwrap_or_default();
        let one = integration.saturating_add(request.sampling.delay.unwrap_or_default());
        one.saturating_mul(request.sampling.count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{parse, tests::bench};

    /// What a procedure of these steps takes, with one plain measurement at 10 cycles behind them: 2 x 10 x 20 ms.
    fn check(steps: &str, usual_ms: u64, longest_ms: u64) -> Estimate {
        let text = format!(
            "procedure = {{ id = 'A', version = '1' }}\ninstruments.dmm.class = 'dmm'\ninstruments.uart.class = 'console'\n{steps}\n\
             [[steps]]\nname = 'Rail'\n[[steps.measurements]]\nname = 'v'\ninstrument = 'dmm'\nfunction = 'dc_voltage'\n\
             range = '10 V'\nnplc = 10\nunit = 'V'\nlimit = {{ low = 1 }}\n"
        );
        let procedure = parse("x.toml", &text).unwrap_or_else(|findings| panic!("{findings}"));
        let found = estimate(&procedure, &bench::instruments());
        let expected = [usual_ms + 400, longest_ms + 400].map(Duration::from_millis);
        assert_eq!([found.usual, found.longest], expected, "{steps}");
        found
    }

    fn reading(name: &str, lines: &str) -> String {
        format!(
            "[[steps]]\nname = 'Step {name}'\n[[steps.measurements]]\nname = '{name}'\ninstrument = 'dmm'\n\
             function = 'dc_voltage'\nrange = '10 V'\nunit = 'V'\nlimit = {{ low = 1 }}\n{lines}\n"
        )
    }

    #[test]
    fn waits_readings_and_sweeps_add_up() {
        check("", 0, 0);
        check("[[steps]]\nname = 'W'\nwait = '2 min'", 120_000, 120_000);
        check(
            "[[steps]]\nname = 'W'\nfor_each = { param = 't', values = ['1 s', '2 s', '3 s'] }\nwait = { param = 't' }",
            6000,
            6000,
        );
        // 12 readings of 20 ms, without the reading of the zero, each 5 ms behind its trigger
        let sampled = reading(
            "s",
            "nplc = 1\nautozero = false\nsamples = 10\ndiscard = 2\ndelay = '5 ms'",
        );
        check(&sampled, 300, 300);
        let polled = "nplc = 1\npoll = { until = 'stable', band = 1, hold = '300 ms', for = '5 s' }";
        check(&reading("p", polled), 340, 5000);
        // two readings are the least that is stable, and what is usual never takes longer than the longest
        let short = "nplc = 10\npoll = { until = 'stable', band = 1, hold = '300 ms', for = '5 s' }";
        check(&reading("p", short), 800, 5000);
        let seldom = "nplc = 10\npoll = { until = 'stable', band = 1, hold = '300 ms', every = '1 s', for = '5 s' }";
        check(&reading("p", seldom), 1400, 5000);
        let held = "nplc = 10\npoll = { until = 'in_limit', hold = '5 s', for = '5001 ms' }";
        check(&reading("p", held), 5400, 5400);
    }

    #[test]
    fn retries_count_only_for_the_longest() {
        check(
            "[[steps]]\nname = 'W'\nwait = '1 s'\nretry = { attempts = 3, delay = '100 ms' }",
            1000,
            3200,
        );
        let group = "[[steps]]\nname = 'G'\nretry = { attempts = 2, on = ['fail'] }\n\
                     [[steps.steps]]\nname = 'W'\nwait = '1 s'\nretry = { attempts = 2 }";
        check(group, 1000, 4000);
    }

    #[test]
    fn people_commands_and_units_are_said_apart() {
        let steps = "[[steps]]\nname = 'P'\nprompt = { name = 'p', message = 'Is it?', kind = 'yes_no', passes = 'yes' }\n\
                     [[steps]]\nname = 'E'\nexec = { argv = ['flash'] }\ntimeout = '10 s'\n\
                     [[steps]]\nname = 'X'\nexpect = { instrument = 'uart', pattern = 'ok', within = '3 s' }";
        let found = check(steps, 0, 13_000);
        assert_eq!((found.prompts, found.commands, found.answers), (1, 1, 1));
    }
}
