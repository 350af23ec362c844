//! What lies at a meter's terminals, now and as long ago as it still matters, and what the meter does to it.

use super::behaviour::Group;
use super::definition::{Accuracy, DmmModel, RangeModel, Senses};
use super::state::{Dmm, aperture};
use crate::{circuit::Ripple, random};
use benchtop_instrument::Moment;
use rand_chacha::ChaCha8Rng;
use std::{collections::VecDeque, f64::consts::PI, time::Duration};

/// No oscillator and no meter keep step for more periods than these.
const IN_STEP: f64 = 50.0;

/// What lies at the terminals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Inputs {
    pub(crate) volts: f64,
    pub(crate) amperes: f64,
    /// The resistance between the terminals, where the meter is set to measure it; infinite where they are open.
    pub(crate) ohms: f64,
    pub(crate) ripple: Ripple,
    /// What of the ripple is left after integration: volts, root mean square.
    pub(crate) hum: f64,
}

/// What lay at the terminals: straight lines between moments, and what was last ever since.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    samples: VecDeque<(Moment, Inputs)>,
}

impl Default for Inputs {
    fn default() -> Self {
        Self {
            volts: 0.0,
            amperes: 0.0,
            ohms: f64::INFINITY,
            ripple: Ripple::default(),
            hum: 0.0,
        }
    }
}

impl Trace {
    /// What lies there now.
    pub(crate) fn now(&self) -> Inputs {
        self.samples.back().map(|(_, inputs)| *inputs).unwrap_or_default()
    }

    /// It went there in a straight line.
    pub(crate) fn went(&mut self, moment: Moment, inputs: Inputs) {
        self.samples.push_back((moment, inputs));
    }

    /// It stayed as it was and changed at this moment.
    pub(crate) fn changed(&mut self, moment: Moment, inputs: Inputs) {
        let before = self.now();
        if before != inputs {
            self.samples.push_back((moment, before));
            self.samples.push_back((moment, inputs));
        }
    }

    /// Nobody looks back beyond this moment any more.
    pub(crate) fn forget(&mut self, before: Moment) {
        while self.samples.get(1).is_some_and(|(moment, _)| *moment <= before) {
            self.samples.pop_front();
        }
    }

    /// What a meter sees that integrates for so long and is ready at `ends`.
    pub(crate) fn seen(&self, ends: Moment, aperture: Duration) -> Inputs {
        let begins = Moment::from_start(ends.since_start().saturating_sub(aperture));
        let at_end = self.at(ends);
        let seconds = ends.since(begins).as_secs_f64();
        if seconds <= 0.0 {
            return at_end;
        }
        let between = self
            .samples
            .iter()
            .filter(|(moment, _)| (begins..=ends).contains(moment));
        let (mut volts, mut amperes) = (0.0, 0.0);
        let mut from = (begins, self.at(begins));
        for (moment, inputs) in between.copied().chain([(ends, at_end)]) {
            let weight = moment.since(from.0).as_secs_f64() / seconds;
            volts += weight * f64::midpoint(from.1.volts, inputs.volts);
            amperes += weight * f64::midpoint(from.1.amperes, inputs.amperes);
            from = (moment, inputs);
        }
        // what did not move is read as it is, to the last digit
        let still = self.samples.iter().all(|(moment, _)| !(begins..=ends).contains(moment));
        Inputs {
            volts: if still { at_end.volts } else { volts },
            amperes: if still { at_end.amperes } else { amperes },
            hum: at_end.ripple.volts * rest_of_sine(at_end.ripple.hertz * seconds),
            ..at_end
        }
    }

    fn at(&self, moment: Moment) -> Inputs {
        let place = self.samples.partition_point(|(then, _)| *then <= moment);
        let before = place.checked_sub(1).and_then(|place| self.samples.get(place));
        match (before, self.samples.get(place)) {
            (Some((then, old)), Some((later, new))) => {
                let part = moment.since(*then).as_secs_f64() / later.since(*then).as_secs_f64();
                Inputs {
                    volts: old.volts + part * (new.volts - old.volts),
                    amperes: old.amperes + part * (new.amperes - old.amperes),
                    ..*old
                }
            }
            (Some((_, only)), None) | (None, Some((_, only))) => *only,
            (None, None) => Inputs::default(),
        }
    }
}

impl Dmm {
    /// Makes it as inaccurate as one that was calibrated within a year may be.
    pub(crate) fn age(&mut self, model: &DmmModel, mut stream: ChaCha8Rng) {
        let mut error = |range: &RangeModel| Accuracy {
            of_reading: random::spread(0.0, range.accuracy.of_reading, &mut stream),
            of_range: random::spread(0.0, range.accuracy.of_range, &mut stream),
        };
        let functions = model.functions.iter();
        self.errors = functions
            .map(|function| function.ranges.iter().map(&mut error).collect())
            .collect();
    }

    /// What the meter lets through between the terminals that it measures across, in siemens.
    pub(crate) fn input_siemens(&self, model: &DmmModel) -> f64 {
        let Some((state, function)) = self.selected(model) else {
            return 0.0;
        };
        let range = state.range_in(function);
        let high = range.and_then(|range| range.high_impedance);
        let usual = range.and_then(|range| range.input).or(function.input);
        let ohms = high.filter(|_| state.high_impedance).or(usual);
        ohms.map_or(0.0, f64::recip)
    }

    /// Whether it drives a current through what lies across its terminals.
    pub(crate) fn tests_resistance(&self, model: &DmmModel) -> bool {
        self.selected(model)
            .is_some_and(|(_, function)| matches!(function.senses, Senses::Ohms | Senses::Diode))
    }

    /// How long the selected function integrates; what does not integrate looks at the end.
    pub(super) fn aperture(&self, model: &DmmModel, mains_hertz: f64) -> Duration {
        let selected = self
            .selected(model)
            .filter(|(_, function)| function.settings.contains(&Group::Nplc));
        selected
            .and_then(|(state, _)| Some((model.nplc.get(state.nplc)?, state.cycles)))
            .map_or(Duration::ZERO, |(row, cycles)| aperture(row, cycles, mains_hertz))
    }
}

/// What is left of a sine after integration over so many of its periods: nothing of whole ones, which is why meters
/// count in cycles of the mains.
fn rest_of_sine(periods: f64) -> f64 {
    let angle = PI * periods;
    if angle <= f64::EPSILON {
        1.0
    } else if periods <= IN_STEP {
        (angle.sin() / angle).abs()
    } else {
        // any part of a period may be left over: the mean of what that leaves
        (angle * std::f64::consts::SQRT_2).recip()
    }
}

/// What a function sees at the terminals; nothing is an open circuit.
pub(super) fn sensed(senses: Senses, range: Option<&RangeModel>, inputs: Inputs) -> Option<f64> {
    let test_current = range.map_or(0.0, |range| range.test_current);
    let closed = inputs.ohms.is_finite();
    match senses {
        Senses::DcVolts => Some(inputs.volts),
        Senses::DcAmperes => Some(inputs.amperes),
        Senses::AcVolts => Some(inputs.ripple.volts),
        Senses::Hertz => Some(inputs.ripple.hertz),
        Senses::Seconds if inputs.ripple.hertz > 0.0 => Some(inputs.ripple.hertz.recip()),
        // nothing that is simulated so far has these
        Senses::AcAmperes | Senses::Seconds | Senses::Farads => Some(0.0),
        // a voltage that is there already cannot be told from what the test current makes
        Senses::Ohms if closed && test_current > 0.0 => Some(inputs.ohms + inputs.volts / test_current),
        Senses::Ohms => closed.then_some(inputs.ohms),
        Senses::Diode => closed.then_some(inputs.volts + inputs.ohms * test_current),
        Senses::Celsius | Senses::Ratio => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(milliseconds: u64) -> Moment {
        Moment::from_start(Duration::from_millis(milliseconds))
    }

    fn volts(volts: f64) -> Inputs {
        Inputs {
            volts,
            ..Inputs::default()
        }
    }

    fn check(trace: &Trace, ends: u64, aperture: u64, expected: f64) {
        let seen = trace.seen(moment(ends), Duration::from_millis(aperture)).volts;
        assert!((seen - expected).abs() < 1e-12, "{seen}, not {expected}");
    }

    #[test]
    fn a_meter_sees_the_mean_of_its_aperture() {
        let mut trace = Trace::default();
        check(&trace, 100, 20, 0.0);
        trace.changed(moment(100), volts(2.0));
        check(&trace, 100, 20, 0.0);
        check(&trace, 110, 20, 1.0);
        check(&trace, 120, 20, 2.0);
        // up to 4 V in a straight line until 140 ms, and it stays there
        trace.changed(moment(120), volts(2.0));
        trace.went(moment(120), volts(2.0));
        trace.went(moment(140), volts(4.0));
        check(&trace, 140, 20, 3.0);
        check(&trace, 160, 40, 3.5);
        check(&trace, 130, 0, 3.0);
        trace.forget(moment(150));
        check(&trace, 900, 20, 4.0);
        assert_eq!(trace.samples.len(), 1);
    }

    #[test]
    fn whole_periods_leave_nothing() {
        let ripple = Ripple {
            volts: 1.0,
            hertz: 100.0,
        };
        let mut trace = Trace::default();
        trace.changed(
            moment(0),
            Inputs {
                ripple,
                ..Inputs::default()
            },
        );
        let hum = |aperture: u64| trace.seen(moment(10_000), Duration::from_millis(aperture)).hum;
        assert!(hum(20) < 1e-12 && hum(200) < 1e-12);
        assert!((hum(5) - 2.0 / PI).abs() < 1e-12);
        assert!(hum(3) > 0.8);
    }
}
