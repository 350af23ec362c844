//! Measuring again and again until the value is good: the last reading is judged, and the time is a measurement of its own.

use crate::{
    event::{MeasurementTaken, ReadingWord},
    steps::{Floor, is_within, take},
};
use benchtop_instrument::{BaseUnit, Decimal, Moment, Quantity, Reading, ReadingKind, Unit, human_duration};
use benchtop_procedure::{
    Judgement, Limit, Measured, Measurement, MeasurementOutcome, Poll, ReadingSource, Until, Value, judge,
    settle_time_name,
};
use std::{collections::VecDeque, time::Duration};

/// Between two readings of an instrument that takes no time at all.
const LEAST: Duration = Duration::from_millis(1);

/// What became of the wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settling {
    /// The value was good from then on.
    Settled(Duration),
    /// It was not, in all the time that there was.
    Expired,
    /// Nothing is known: a reading could not be taken.
    Unknown,
}

/// Reads until the value is good or the time is over; the last reading.
pub(crate) async fn take_until(
    floor: &Floor,
    measurement: &Measurement,
    source: &ReadingSource,
    poll: Poll,
) -> (Result<Reading, String>, Settling) {
    let begun = floor.clock.now();
    let end = begun.after(poll.patience);
    let mut window = Window::new(poll.until);
    loop {
        let started = floor.clock.now();
        let reading = match take(floor, source).await {
            Ok(reading) => reading,
            Err(reason) => return (Err(reason), Settling::Unknown),
        };
        window.add(floor, started, measurement, &reading);
        let now = floor.clock.now();
        if let Some(since) = window.held_since(started, poll.hold) {
            return (Ok(reading), Settling::Settled(since.since(begun)));
        }
        let next = started.after(poll.every.max(LEAST)).max(now);
        if next >= end {
            return (Ok(reading), Settling::Expired);
        }
        floor.clock.sleep_until(next).await;
    }
}

/// The readings that have been good without a break.
struct Window {
    until: Until,
    readings: VecDeque<(Moment, Decimal)>,
}

impl Window {
    const fn new(until: Until) -> Self {
        Self {
            until,
            readings: VecDeque::new(),
        }
    }

    fn add(&mut self, floor: &Floor, at: Moment, measurement: &Measurement, reading: &Reading) {
        let value = match reading.kind {
            ReadingKind::Value(quantity) => quantity.in_unit(measurement.unit).ok(),
            ReadingKind::Overrange(_) | ReadingKind::NotANumber => None,
        };
        match self.until {
            Until::InLimit if is_within(floor, measurement, reading) => {
                // only since when counts
                if self.readings.is_empty() {
                    self.readings.push_back((at, value.unwrap_or(Decimal::ZERO)));
                }
            }
            Until::InLimit => self.readings.clear(),
            Until::Stable(band) => {
                let Some(value) = value else {
                    self.readings.clear();
                    return;
                };
                self.readings.push_back((at, value));
                while !self.is_stable(band, measurement.unit) {
                    self.readings.pop_front();
                }
            }
        }
    }

    fn is_stable(&self, band: Quantity, unit: Unit) -> bool {
        let values = || self.readings.iter().map(|(_, value)| *value);
        let (Some(least), Some(most)) = (values().min(), values().max()) else {
            return true;
        };
        most.checked_sub(least).is_some_and(|apart| {
            Quantity::new(apart, unit)
                .compare(band)
                .is_some_and(std::cmp::Ordering::is_le)
        })
    }

    /// When the value became good, if it has held: from the beginning of the first good reading to that of the last, which
    /// began at `last`. However long it takes, one reading holds nothing, and nothing is stable by itself.
    fn held_since(&self, last: Moment, hold: Duration) -> Option<Moment> {
        let enough = match self.until {
            Until::InLimit => true,
            Until::Stable(_) => self.readings.len() > 1,
        };
        let (since, _) = self.readings.front().filter(|_| enough)?;
        (last.since(*since) >= hold).then_some(*since)
    }
}

/// The measurement of the time that another one took to settle. Later than the poll allows is a FAIL.
pub(crate) fn settle_time(of: MeasurementTaken, poll: Poll, settling: Settling) -> (Judgement, MeasurementTaken) {
    let unit = Unit::of(BaseUnit::Second);
    let limit = Limit {
        high: seconds(poll.patience),
        ..Limit::default()
    };
    let mut taken = MeasurementTaken {
        name: settle_time_name(&of.name),
        function: Some("settle_time"),
        unit,
        limit: Some(limit.clone()),
        reading_kind: ReadingWord::Missing,
        ..of
    };
    let judgement = match settling {
        Settling::Settled(after) => {
            taken.value = seconds(after).map(Value::Number);
            taken.reading_kind = ReadingWord::Value;
            let measured = taken.value.clone().map_or(Measured::Unusable, Measured::Value);
            judge(Some(&limit), &measured, unit)
        }
        Settling::Expired => {
            let what = match poll.until {
                Until::InLimit => "within its limit".to_owned(),
                Until::Stable(band) => format!("within {band}"),
            };
            let held = match poll.hold {
                Duration::ZERO => String::new(),
                hold => format!(" for {}", human_duration(hold)),
            };
            Judgement {
                outcome: MeasurementOutcome::Fail,
                reason: Some(format!("not {what}{held} in {}", human_duration(poll.patience))),
                is_error: false,
                marginal: false,
            }
        }
        Settling::Unknown => Judgement::unusable("not taken: a reading could not be taken"),
    };
    taken.outcome = judgement.outcome;
    taken.reason.clone_from(&judgement.reason);
    (judgement, taken)
}

fn seconds(duration: Duration) -> Option<Decimal> {
    Decimal::new(i128::try_from(duration.as_nanos()).ok()?, -9)
}
