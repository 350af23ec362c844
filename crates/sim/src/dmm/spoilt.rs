//! What faults do to a meter's readings.

use super::definition::Senses;
use crate::fault::Drift;
use benchtop_instrument::Moment;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// What a loose lead picks up, in volts: of the order of what is seen on a bench.
const PICKED_UP: f64 = 0.002;

/// The faults of the readings.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spoilt {
    stuck: bool,
    /// The reading that it is stuck at.
    frozen: Option<f64>,
    lead_off: bool,
    /// How they drift, and since when.
    drift: Option<(Drift, Moment)>,
}

impl Spoilt {
    /// Follows the faults. A meter that sticks does so at its last reading, or at the first one it takes.
    pub(super) fn follow(&mut self, stuck: bool, last: Option<f64>, lead_off: bool, drift: Option<(Drift, Moment)>) {
        let frozen = if self.stuck { self.frozen } else { last };
        *self = Self {
            stuck,
            frozen: frozen.filter(|_| stuck),
            lead_off,
            drift,
        };
    }

    /// What a value at the terminals is off by.
    pub(super) fn error(&self, senses: Senses, now: Moment, noise: &mut ChaCha8Rng) -> f64 {
        let drift = self
            .drift
            .map_or(0.0, |(drift, since)| drift.after(now.since(since), senses.dimension()));
        let picked_up: f64 = if self.lead_off && senses == Senses::DcVolts {
            StandardNormal.sample(noise)
        } else {
            0.0
        };
        drift + picked_up * PICKED_UP
    }

    /// The reading that is given instead of this one.
    pub(super) fn stick(&mut self, reading: f64) -> f64 {
        if self.stuck {
            *self.frozen.get_or_insert(reading)
        } else {
            reading
        }
    }
}
