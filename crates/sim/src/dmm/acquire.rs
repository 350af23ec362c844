//! The trigger system: idle, waiting for a trigger, measuring.

use super::definition::{DmmModel, Habit};
use super::inputs::{Inputs, Trace};
use super::state::{Dmm, TriggerSource};
use crate::{
    device::Wait,
    status::{DEVICE_ERROR, Status},
};
use benchtop_instrument::Moment;
use std::time::Duration;

/// Operation status: a measurement is running (SCPI-99 volume 1, 20.2).
const MEASURING: u16 = 1 << 4;
/// Operation status: waiting for a trigger.
const WAITING_FOR_TRIGGER: u16 = 1 << 5;

/// Questionable status: voltage, current, resistance (SCPI-99 volume 1, 20.3).
const OVERLOADS: u16 = 1 << 0 | 1 << 1 | 1 << 9;

/// Questionable status: readings were forgotten (Truevolt guide, AG p.225).
const MEMORY_OVERFLOW: u16 = 1 << 14;

/// Measurement events: a reading is there; it was beyond the range (Keithley 2000 User's Manual, p.5-53).
const READING_AVAILABLE: u16 = 1 << 5;
const READING_OVERFLOW: u16 = 1;

/// The shortest reading, so that no time ever holds infinitely many.
const SHORTEST: Duration = Duration::from_micros(1);

/// A measurement that was initiated and is not over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acquisition {
    /// When the present reading is taken; nothing while it waits for a trigger.
    ends: Option<Moment>,
    /// What it reads goes to the memory.
    stores: bool,
    /// Readings to the next trigger or the end; nothing is without end.
    left: Option<u64>,
    /// Triggers to come after this one; nothing is without end.
    triggers: Option<u64>,
}

impl Dmm {
    /// Leaves idle: forgets the readings and waits for the trigger source.
    pub(super) fn start(&mut self, model: &DmmModel, stores: bool, inputs: Inputs, mains_hertz: f64, now: Moment) {
        if stores {
            self.readings.clear();
        }
        self.passed.clear();
        let immediate = matches!(self.trigger.source, TriggerSource::Immediate | TriggerSource::Timer);
        let total = self
            .trigger
            .count
            .filter(|_| !self.continuous)
            .map(|count| count.saturating_mul(self.samples()));
        let planned = self.planned.take();
        let total = planned.map_or(total, |planned| planned.count);
        let after = planned.map_or(Duration::ZERO, |planned| planned.after);
        self.place = 0;
        let acquisition = Acquisition {
            stores,
            ends: None,
            left: if immediate { total } else { Some(self.samples()) },
            triggers: if immediate {
                Some(0)
            } else {
                let count = self.trigger.count.filter(|_| !self.continuous);
                count.map(|count| count.saturating_sub(1))
            },
        };
        // with its first channel connected, where it scans
        self.acquisition = Some(acquisition);
        self.acquisition = Some(Acquisition {
            ends: immediate.then(|| now.after(after).after(self.step(model, inputs, mains_hertz))),
            ..acquisition
        });
    }

    /// A trigger from the bus; `named`, in place of whatever it waits for. False if nobody waited for one.
    pub(super) fn triggered(
        &mut self,
        named: bool,
        model: &DmmModel,
        inputs: Inputs,
        mains_hertz: f64,
        now: Moment,
    ) -> bool {
        let ends = now.after(self.step(model, inputs, mains_hertz));
        match &mut self.acquisition {
            Some(acquisition) if acquisition.ends.is_none() && (named || self.trigger.source == TriggerSource::Bus) => {
                acquisition.ends = Some(ends);
                true
            }
            Some(_) | None => false,
        }
    }

    /// What somebody who waits for the end has to wait for; nothing when it is idle, or will never be.
    pub(crate) fn busy(&self) -> Option<Wait> {
        self.next().filter(|_| !self.continuous)
    }

    /// When its scanner goes on to another channel.
    pub(crate) fn switches(&self) -> Option<Moment> {
        self.acquisition?.ends.filter(|_| self.scans())
    }

    /// What somebody who waits for the next reading has to wait for.
    pub(super) fn next(&self) -> Option<Wait> {
        let acquisition = self.acquisition?;
        Some(acquisition.ends.map_or(Wait::ForChange, Wait::Until))
    }

    /// The earliest moment that the reading in progress looks at; nothing when there is none.
    pub(crate) fn looks_back(&self, model: &DmmModel, mains_hertz: f64) -> Option<Moment> {
        let ends = self.acquisition?.ends?.since_start();
        Some(Moment::from_start(
            ends.saturating_sub(self.aperture(model, mains_hertz)),
        ))
    }

    /// Takes the readings that are due.
    pub(crate) fn advance(
        &mut self,
        model: &DmmModel,
        trace: &Trace,
        mains_hertz: f64,
        now: Moment,
        status: &mut Status,
    ) {
        let inputs = trace.now();
        if self.continuous && self.acquisition.is_none() {
            self.start(model, true, inputs, mains_hertz, now);
        }
        while let Some(acquisition) = self.acquisition {
            let Some(ends) = acquisition.ends.filter(|ends| *ends <= now) else {
                break;
            };
            let step = self.step(model, inputs, mains_hertz);
            if let Some(later) = skipped(acquisition, ends, step, now, model.reading_memory) {
                self.acquisition = Some(later);
                continue;
            }
            let seen = trace.seen(ends, self.aperture(model, mains_hertz));
            let function = self.in_force().function;
            let (reading, questionable) = self.take_reading(model, seen, ends);
            if model.has(Habit::Buffers)
                && let Err(error) = self.buffers.hear(reading, function, ends)
            {
                self.raised.push(error);
                self.acquisition = None;
                break;
            }
            self.buffer.hear(reading, &mut status.measurement);
            status.measurement.happened(if reading.abs() < model.overrange {
                READING_AVAILABLE
            } else {
                READING_AVAILABLE | READING_OVERFLOW
            });
            let full =
                self.continuous && u64::try_from(self.readings.len()).is_ok_and(|had| had >= self.trigger.samples);
            if full || acquisition.stores && !self.feeds {
                self.readings.clear();
            }
            if acquisition.stores
                && self.readings.len() >= model.reading_memory
                && model.has(Habit::OverflowIsQuestionable)
            {
                status.questionable.happened(MEMORY_OVERFLOW);
            }
            if self.feeds || !acquisition.stores {
                self.keep(model, acquisition.stores, reading);
            }
            status.questionable.happened(questionable);
            if questionable & OVERLOADS != 0 && model.has(Habit::OverloadIsDeviceError) {
                status.events |= DEVICE_ERROR;
            }
            self.next_place();
            let left = acquisition.left.map(|left| left.saturating_sub(1));
            let next = Acquisition {
                ends: Some(ends.after(self.step(model, inputs, mains_hertz))),
                left,
                ..acquisition
            };
            self.acquisition = match (left, acquisition.triggers) {
                (None | Some(1..), _) => Some(next),
                (Some(0), Some(0)) => None,
                (Some(0), triggers) => Some(Acquisition {
                    stores: acquisition.stores,
                    ends: None,
                    left: Some(self.samples()),
                    triggers: triggers.map(|triggers| triggers.saturating_sub(1)),
                }),
            };
            if self.acquisition.is_none() && self.program.is_running() {
                match self.next_measurement() {
                    Ok(planned) => self.planned = planned,
                    Err(error) => self.raised.push(error),
                }
                if self.planned.is_some() {
                    self.start(model, true, inputs, mains_hertz, ends);
                }
            }
        }
        self.tell(model, status);
    }

    /// Shows in the operation register what it is doing.
    pub(super) fn tell(&self, model: &DmmModel, status: &mut Status) {
        status.operation.follow(match self.acquisition {
            None => model.idle,
            Some(acquisition) if acquisition.ends.is_none() => WAITING_FOR_TRIGGER,
            Some(_) => MEASURING,
        });
    }

    fn step(&self, model: &DmmModel, inputs: Inputs, mains_hertz: f64) -> Duration {
        // between sweeps, not between channels
        let timer = if self.trigger.source == TriggerSource::Timer && self.place == 0 {
            self.trigger.timer
        } else {
            Duration::ZERO
        };
        self.reading_time(model, inputs, mains_hertz).max(SHORTEST).max(timer)
    }
}

/// Leaves out readings that would be pushed out of the memory before anybody could ask for them.
fn skipped(acquisition: Acquisition, ends: Moment, step: Duration, now: Moment, memory: usize) -> Option<Acquisition> {
    let due = u64::try_from(now.since(ends).as_nanos() / step.as_nanos().max(1)).unwrap_or(u64::MAX);
    let due = acquisition.left.map_or(due, |left| due.min(left));
    let skip = due
        .checked_sub(2 * u64::try_from(memory).unwrap_or(u64::MAX))
        .filter(|skip| *skip > 0)?;
    let nanos = step.as_nanos().saturating_mul(u128::from(skip));
    Some(Acquisition {
        ends: Some(ends.after(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))),
        left: acquisition.left.map(|left| left.saturating_sub(skip)),
        ..acquisition
    })
}
