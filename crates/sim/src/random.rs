//! Deterministic randomness: every quantity of every unit has a stream of its own.
//!
//! A stream depends on the bench's seed, the serial number and the quantity's name only, so that adding a load to a
//! bench changes no other value of it.

use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use sha2::{Digest, Sha256};

/// Draws beyond the spread are drawn again, so often at most.
const MAX_DRAWS: usize = 100;

/// The stream of one quantity.
pub(crate) fn stream(seed: i64, serial_number: &str, what: &str) -> ChaCha8Rng {
    let mut digest = Sha256::new();
    digest.update(seed.to_le_bytes());
    for part in [serial_number, what] {
        digest.update(part.len().to_le_bytes());
        digest.update(part);
    }
    ChaCha8Rng::from_seed(digest.finalize().into())
}

/// A value around `nominal`, normally distributed with a third of `spread` as its deviation and never further off
/// than `spread`.
pub(crate) fn spread(nominal: f64, spread: f64, stream: &mut ChaCha8Rng) -> f64 {
    let draws = StandardNormal.sample_iter(stream).take(MAX_DRAWS);
    let deviation = draws
        .map(|draw: f64| draw / 3.0)
        .find(|deviation| deviation.abs() <= 1.0);
    nominal + spread * deviation.unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_the_same_every_time_and_units_differ() {
        let draw = |seed, serial, what| spread(3.3, 0.01, &mut stream(seed, serial, what)).to_bits();
        assert_eq!(draw(1, "UNIT-5501", "level"), draw(1, "UNIT-5501", "level"));
        for other in [
            draw(2, "UNIT-5501", "level"),
            draw(1, "UNIT-5502", "level"),
            draw(1, "UNIT-5501", "current"),
        ] {
            assert_ne!(draw(1, "UNIT-5501", "level"), other);
        }
    }

    #[test]
    fn no_unit_lies_beyond_the_spread() {
        for serial in 0..2000 {
            let value = spread(3.3, 0.01, &mut stream(7, &serial.to_string(), "level"));
            assert!((3.29..=3.31).contains(&value), "{value}");
        }
    }
}
