//! Numbers that stand for an array: what is judged of a waveform.
//!
//! | `by` | what it is |
//! |---|---|
//! | `min`, `max` | the smallest, the largest; exact |
//! | `peak_to_peak` | the largest less the smallest; exact |
//! | `count` | how many there are |
//! | `mean` | their mean, to six digits beyond the finest of them |
//! | `rms` | the root of the mean of their squares, the mean itself included |
//! | `std` | the standard deviation of a sample, with n - 1; for two or more |
//! | `percentile` | with `p` from 0 to 100: of the sorted numbers the one at p/100 (n - 1), between two of them as far along the line from one to the other; exact |

use benchtop_instrument::Decimal;
use std::fmt;

/// An array of the same step, and how a number is made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reduction {
    /// The measurement that has the array.
    pub of: String,
    /// How.
    pub by: Reducer,
}

/// How a number is made of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reducer {
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The mean.
    Mean,
    /// The root of the mean of the squares.
    Rms,
    /// The standard deviation of a sample.
    Std,
    /// The largest less the smallest.
    PeakToPeak,
    /// The number below which so many per cent lie, from 0 to 100.
    Percentile(Decimal),
    /// How many there are.
    Count,
}

impl Reducer {
    /// Those that need no more than their word.
    pub const WORDS: &'static [(&'static str, Self)] = &[
        ("min", Self::Min),
        ("max", Self::Max),
        ("mean", Self::Mean),
        ("rms", Self::Rms),
        ("std", Self::Std),
        ("peak_to_peak", Self::PeakToPeak),
        ("count", Self::Count),
    ];

    /// The word of a percentile.
    pub const PERCENTILE: &'static str = "percentile";

    /// The word used in files.
    #[must_use]
    pub fn word(self) -> &'static str {
        let word = Self::WORDS.iter().find(|(_, reducer)| *reducer == self);
        word.map_or(Self::PERCENTILE, |(word, _)| *word)
    }

    /// `p` of a percentile.
    #[must_use]
    pub const fn p(self) -> Option<Decimal> {
        match self {
            Self::Percentile(p) => Some(p),
            Self::Min | Self::Max | Self::Mean | Self::Rms | Self::Std | Self::PeakToPeak | Self::Count => None,
        }
    }

    /// True where the number rises by as much as all of the array does.
    #[must_use]
    pub const fn follows(self) -> bool {
        match self {
            Self::Min | Self::Max | Self::Mean | Self::Percentile(_) => true,
            Self::Rms | Self::Std | Self::PeakToPeak | Self::Count => false,
        }
    }

    /// The number, in the unit of the array; a count in none.
    ///
    /// # Errors
    /// Why there is none, in one line for people.
    pub fn reduce(self, numbers: &[Decimal]) -> Result<Decimal, String> {
        let none = || format!("an array of {} numbers has no {self}", numbers.len());
        let too_long = || format!("the {self} has more digits than a decimal holds");
        let (least, most) = (numbers.iter().copied().min(), numbers.iter().copied().max());
        match self {
            Self::Count if numbers.is_empty() => Err(none()),
            Self::Count => i64::try_from(numbers.len())
                .map(Decimal::from_integer)
                .map_err(|_too_many| none()),
            Self::Min => least.ok_or_else(none),
            Self::Max => most.ok_or_else(none),
            Self::PeakToPeak => {
                let (least, most) = least.zip(most).ok_or_else(none)?;
                most.checked_sub(least).ok_or_else(too_long)
            }
            Self::Mean if numbers.is_empty() => Err(none()),
            Self::Mean => Decimal::mean(numbers).ok_or_else(too_long),
            Self::Rms if numbers.is_empty() => Err(none()),
            Self::Rms => {
                let squares: f64 = numbers.iter().map(|number| number.to_f64().powi(2)).sum();
                Decimal::from_f64((squares / count(numbers)).sqrt()).ok_or_else(too_long)
            }
            Self::Std if numbers.len() < 2 => Err(none()),
            Self::Std => {
                let mean = Decimal::mean(numbers).ok_or_else(too_long)?;
                // the differences are small and exact, whatever the mean is
                let differences = numbers.iter().map(|number| number.checked_sub(mean));
                let squares = differences.map(|difference| Some(difference?.to_f64().powi(2)));
                let squares: Option<f64> = squares.sum();
                let deviation = squares.map(|squares| (squares / (count(numbers) - 1.0)).sqrt());
                deviation.and_then(Decimal::from_f64).ok_or_else(too_long)
            }
            Self::Percentile(_) if numbers.is_empty() => Err(none()),
            Self::Percentile(p) => percentile(p, numbers).ok_or_else(too_long),
        }
    }
}

fn count(numbers: &[Decimal]) -> f64 {
    // a record's arrays are far shorter than what an f64 counts exactly
    u32::try_from(numbers.len()).map_or(f64::INFINITY, f64::from)
}

fn percentile(p: Decimal, numbers: &[Decimal]) -> Option<Decimal> {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    let last = i64::try_from(sorted.len().checked_sub(1)?).ok()?;
    let place = p.checked_mul(Decimal::from_integer(last))?.scaled(-2)?;
    let below = whole_part(place, sorted.len())?;
    let part = place.checked_sub(Decimal::from_integer(i64::try_from(below).ok()?))?;
    let first = *sorted.get(below)?;
    if part.is_zero() {
        return Some(first);
    }
    let step = sorted.get(below + 1)?.checked_sub(first)?;
    first.checked_add(step.checked_mul(part)?)
}

/// The largest index that is not above `place`.
fn whole_part(place: Decimal, length: usize) -> Option<usize> {
    let is_above = |index: usize| i64::try_from(index).is_ok_and(|index| Decimal::from_integer(index) > place);
    // the indexes not above it come first
    let (mut low, mut high) = (0, length);
    while low < high {
        let middle = low + (high - low) / 2;
        if is_above(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low.checked_sub(1)
}

/// `rms`, `95 % percentile`.
impl fmt::Display for Reducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percentile(p) => write!(f, "{p} % {}", Self::PERCENTILE),
            Self::Min | Self::Max | Self::Mean | Self::Rms | Self::Std | Self::PeakToPeak | Self::Count => {
                f.pad(self.word())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn numbers(texts: &[&str]) -> Vec<Decimal> {
        texts.iter().map(|text| decimal(text)).collect()
    }

    #[track_caller]
    fn check(by: Reducer, of: &[Decimal], expected: &str) {
        assert_eq!(by.reduce(of), Ok(decimal(expected)), "{by} of {of:?}");
    }

    #[test]
    fn a_mean_and_a_deviation_are_the_certified_ones() {
        // NIST Statistical Reference Datasets, univariate: NumAcc1, and NumAcc3 (one 1000000.2, then 1000000.1 and 1000000.3
        // in turn, a thousand of them). Certified: 10000002 and 1; 1000000.2 and 0.1
        let first = numbers(&["10000001", "10000003", "10000002"]);
        check(Reducer::Mean, &first, "10000002");
        check(Reducer::Std, &first, "1");
        let turns = (0..1000).map(|turn| decimal(if turn % 2 == 0 { "1000000.1" } else { "1000000.3" }));
        let third: Vec<Decimal> = std::iter::once(decimal("1000000.2")).chain(turns).collect();
        check(Reducer::Mean, &third, "1000000.2");
        assert!((Reducer::Std.reduce(&third).unwrap().to_f64() - 0.1).abs() < 1e-15);
    }

    #[test]
    fn what_can_be_exact_is() {
        let wave = numbers(&["0.3", "-0.1", "0.1", "0.2"]);
        check(Reducer::Min, &wave, "-0.1");
        check(Reducer::Max, &wave, "0.3");
        check(Reducer::PeakToPeak, &wave, "0.4");
        check(Reducer::Count, &wave, "4");
        check(Reducer::Mean, &wave, "0.125");
        check(Reducer::Rms, &numbers(&["3", "-4", "0", "0"]), "2.5");
        // of a whole number of periods of a sine the amplitude over the root of two
        let sine: Vec<Decimal> = (0..1000)
            .map(|at| Decimal::from_f64((f64::from(at) * std::f64::consts::TAU / 100.0).sin()).unwrap())
            .collect();
        let rms = Reducer::Rms.reduce(&sine).unwrap().to_f64();
        assert!((rms - 0.5_f64.sqrt()).abs() < 1e-12, "{rms}");
    }

    #[test]
    fn a_percentile_lies_between_two_numbers_as_far_as_it_says() {
        // as spreadsheets (PERCENTILE.INC) and NumPy have it: of 15, 20, 35, 40, 50 the 40 % one is 29
        let five = numbers(&["50", "15", "40", "20", "35"]);
        for (p, expected) in [
            ("0", "15"),
            ("40", "29"),
            ("50", "35"),
            ("75", "40"),
            ("100", "50"),
            ("99.9", "49.96"),
        ] {
            check(Reducer::Percentile(decimal(p)), &five, expected);
        }
        check(Reducer::Percentile(decimal("90")), &numbers(&["0.1"]), "0.1");
    }

    #[test]
    fn nothing_stands_for_an_array_of_nothing() {
        for (_, by) in Reducer::WORDS {
            assert!(by.reduce(&[]).is_err(), "{by}");
        }
        let reason = Reducer::Percentile(decimal("5")).reduce(&[]).unwrap_err();
        assert_eq!(reason, "an array of 0 numbers has no 5 % percentile");
        assert!(Reducer::Std.reduce(&numbers(&["1"])).is_err());
    }

    proptest! {
        #[test]
        fn every_reduction_lies_where_it_must(values in prop::collection::vec(-99_999_i64..99_999, 2..60), p in 0_i64..=100) {
            let array: Vec<Decimal> = values.iter().map(|value| Decimal::new(i128::from(*value), -3).unwrap()).collect();
            let of = |by: Reducer| by.reduce(&array).unwrap();
            let (least, most) = (of(Reducer::Min), of(Reducer::Max));
            let middle = of(Reducer::Percentile(Decimal::from_integer(p)));
            prop_assert!(least <= middle && middle <= most);
            // at most p per cent of the others lie below it, and at most the rest above
            let below = array.iter().filter(|value| **value < middle).count();
            let above = array.iter().filter(|value| **value > middle).count();
            let others = i64::try_from(array.len() - 1).unwrap();
            prop_assert!(i64::try_from(below).unwrap() * 100 <= p * others + 100);
            prop_assert!(i64::try_from(above).unwrap() * 100 <= (100 - p) * others + 100);
            let (mean, rms, std) = (of(Reducer::Mean).to_f64(), of(Reducer::Rms).to_f64(), of(Reducer::Std).to_f64());
            let n = f64::from(u32::try_from(array.len()).unwrap());
            // rms2 = mean2 + (n - 1)/n std2
            prop_assert!((rms.powi(2) - mean.powi(2) - std.powi(2) * (n - 1.0) / n).abs() < 1e-6);
            prop_assert_eq!(of(Reducer::PeakToPeak), most.checked_sub(least).unwrap());
        }
    }
}
