//! What one multimeter is set to, and how a value at its terminals becomes a reading.

use super::acquire::Acquisition;
use super::behaviour::{Behaviour, Group};
use super::buffers::Buffers;
use super::definition::{Accuracy, DmmModel, FunctionModel, Habit, Integration, Senses, WhileMeasuring};
use super::format::Format;
use super::function::{FunctionState, Terminals};
use super::inputs::{Inputs, sensed};
use super::math::Math;
use super::program::{Measurement, Program};
use super::scanner::ChannelSettings;
use super::setup::Setup;
use super::spoilt::Spoilt;
use super::trace::Buffer;
use crate::{device::Wait, fault::Drift, status::ScpiError};
use benchtop_instrument::Moment;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

/// As after `*RST`: a tenth of a second (assumed).
const TIMER: Duration = Duration::from_millis(100);

/// More readings than one answer has room for.
const MOST_PASSED: usize = 65_536;

/// One multimeter.
#[derive(Debug)]
pub(crate) struct Dmm {
    /// Its own settings, which are those of its channels too unless they have their own.
    pub(crate) setup: Setup,
    /// Those of each channel that has its own.
    pub(crate) setups: BTreeMap<u32, Setup>,
    pub(super) channel_settings: ChannelSettings,
    /// The channels that a scan goes through.
    pub(crate) scan: Vec<u32>,
    /// How far in the list the scan is.
    pub(super) place: usize,
    pub(crate) trigger: Trigger,
    pub(crate) acquisition: Option<Acquisition>,
    /// Oldest first.
    pub(crate) readings: VecDeque<f64>,
    pub(crate) last: Option<f64>,
    /// What `READ?` read, where that does not go to the memory.
    pub(crate) passed: VecDeque<f64>,
    /// What `INITiate` reads goes to the memory.
    pub(crate) feeds: bool,
    pub(crate) math: Math,
    pub(crate) format: Format,
    pub(crate) buffer: Buffer,
    pub(crate) buffers: Buffers,
    /// What `INITiate` runs, where there is one.
    pub(crate) program: Program,
    /// The next measurement, in place of what is set.
    pub(crate) planned: Option<Measurement>,
    /// It measures all the time.
    pub(crate) continuous: bool,
    /// The latest reading was not asked for yet.
    pub(crate) fresh: bool,
    /// Errors that no command is to blame for.
    pub(crate) raised: Vec<ScpiError>,
    spoilt: Spoilt,
    /// What lies at its terminals is off by so much.
    pub(crate) shift: f64,
    /// The channel of its scanner that is closed; with none it looks at its own terminals.
    pub(crate) channel: Option<u32>,
    noise: ChaCha8Rng,
    /// By function and range: how this one meter is off, within its accuracy.
    pub(super) errors: Vec<Vec<Accuracy>>,
}

/// What starts a measurement and how many readings it takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trigger {
    pub(crate) source: TriggerSource,
    /// Nothing is without end.
    pub(crate) count: Option<u64>,
    pub(crate) samples: u64,
    /// Nothing is automatic.
    pub(crate) delay: Option<Duration>,
    /// Between the triggers of the timer.
    pub(crate) timer: Duration,
}

/// Where triggers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TriggerSource {
    Immediate,
    Bus,
    External,
    /// A key.
    Manual,
    /// As `Immediate`, no faster than the timer.
    Timer,
}

impl Default for Trigger {
    fn default() -> Self {
        Self {
            source: TriggerSource::Immediate,
            count: Some(1),
            samples: 1,
            delay: None,
            timer: TIMER,
        }
    }
}

/// Settings that were saved.
#[derive(Clone, Debug)]
pub(crate) struct Saved {
    setup: Setup,
    setups: BTreeMap<u32, Setup>,
    scan: Vec<u32>,
    trigger: Trigger,
}

impl Dmm {
    pub(crate) fn new(model: &DmmModel, noise: ChaCha8Rng) -> Self {
        Self {
            setup: Setup::of_meter(model),
            setups: Setup::of_channels(model),
            channel_settings: model.channel_settings,
            scan: Vec::new(),
            place: 0,
            trigger: Trigger::default(),
            acquisition: None,
            readings: VecDeque::new(),
            last: None,
            passed: VecDeque::new(),
            feeds: true,
            math: Math::new(model),
            format: Format::default(),
            buffer: Buffer::new(model),
            buffers: Buffers::new(model),
            program: Program::default(),
            planned: None,
            continuous: model.has(Habit::Continuous),
            fresh: false,
            raised: Vec::new(),
            spoilt: Spoilt::default(),
            shift: 0.0,
            channel: None,
            noise,
            errors: Vec::new(),
        }
    }

    /// As after `*RST`.
    pub(crate) fn reset(&mut self, model: &DmmModel) {
        self.setup = Setup::of_meter(model);
        self.setups = Setup::of_channels(model);
        self.scan.clear();
        self.trigger = Trigger::default();
        self.acquisition = None;
        self.readings.clear();
        self.last = None;
        self.channel = None;
        self.feeds = true;
        self.math.reset(model);
        self.format = Format::default();
        self.buffers = Buffers::new(model);
        self.program = Program::default();
        self.continuous = false;
        self.fresh = false;
    }

    /// What `*SAV` keeps: the settings of every function, and what triggers.
    pub(crate) fn save(&self) -> Saved {
        Saved {
            setup: self.setup.clone(),
            setups: self.setups.clone(),
            scan: self.scan.clone(),
            trigger: self.trigger,
        }
    }

    /// What `*RCL` brings back. A measurement that runs ends.
    pub(crate) fn recall(&mut self, saved: Saved) {
        self.acquisition = None;
        self.program.stop();
        self.setup = saved.setup;
        self.setups = saved.setups;
        self.scan = saved.scan;
        self.trigger = saved.trigger;
    }

    /// As after power-on; how this one meter is off stays, and so do its faults.
    pub(crate) fn power_on(&mut self, model: &DmmModel) {
        self.reset(model);
        self.passed.clear();
        self.raised.clear();
        self.buffer = Buffer::new(model);
        self.continuous = model.has(Habit::Continuous);
    }

    /// The settings of the function that it measures, with the function itself.
    pub(crate) fn selected<'m>(&self, model: &'m DmmModel) -> Option<(&FunctionState, &'m FunctionModel)> {
        let setup = self.in_force();
        Some((
            setup.functions.get(setup.function)?,
            model.functions.get(setup.function)?,
        ))
    }

    /// The resistance that the meter puts in series with what it is wired into.
    pub(crate) fn shunt(&self, model: &DmmModel) -> f64 {
        self.selected(model)
            .filter(|(_, function)| matches!(function.senses, Senses::DcAmperes | Senses::AcAmperes))
            .and_then(|(state, function)| state.range_in(function))
            .map_or(0.0, |range| range.shunt)
    }

    /// How long one reading takes, from trigger to value.
    pub(super) fn reading_time(&self, model: &DmmModel, inputs: Inputs, mains_hertz: f64) -> Duration {
        let Some((state, function)) = self.selected(model) else {
            return Duration::ZERO;
        };
        let integration = model.nplc.get(state.nplc);
        let automatic = integration.map_or(Duration::ZERO, |row| row.delay);
        let delay = self.trigger.delay.unwrap_or(automatic);
        let gate = function.gate.as_ref().map(|_| Duration::try_from_secs_f64(state.gate));
        let counting = gate.map(Result::unwrap_or_default);
        let measuring = match (function.reading_time.or(counting), integration) {
            (Some(time), _) => time,
            (None, Some(row)) if function.settings.contains(&Group::Nplc) => {
                let repeated = if state.filter.moving {
                    1
                } else {
                    state.filter.readings()
                };
                aperture(row, state.cycles, mains_hertz) * if state.autozero { 2 } else { 1 } * repeated
            }
            (None, _) => model
                .bandwidths
                .get(state.bandwidth)
                .map_or(Duration::ZERO, |row| row.reading_time),
        };
        let changes_range = state.autorange
            && sensed(function.senses, state.range_in(function), inputs)
                .is_some_and(|value| state.suited(function, value) != state.range);
        delay
            + measuring
            + if changes_range {
                model.autorange_time
            } else {
                Duration::ZERO
            }
    }

    /// Follows the faults.
    pub(crate) fn spoil(&mut self, stuck: bool, lead_off: bool, drift: Option<(Drift, Moment)>) {
        self.spoilt.follow(stuck, self.last, lead_off, drift);
    }

    /// Takes one reading at `now`; says too which questionable bits it sets.
    pub(super) fn take_reading(&mut self, model: &DmmModel, inputs: Inputs, now: Moment) -> (f64, u16) {
        let connected = self.connected();
        let Self {
            setup,
            setups,
            spoilt,
            shift,
            noise,
            errors,
            ..
        } = self;
        let setup = connected.and_then(|channel| setups.get_mut(&channel)).unwrap_or(setup);
        let (number, functions) = (setup.function, &mut setup.functions);
        let errors = errors.get(number);
        let (Some(state), Some(function)) = (functions.get_mut(number), model.functions.get(number)) else {
            return (model.overrange, 0);
        };
        let value = sensed(function.senses, state.range_in(function), inputs)
            .map(|value| value + *shift + spoilt.error(function.senses, now, noise));
        if state.autorange && state.terminals == Terminals::Usual {
            // what is open is beyond every range
            state.range = state.suited(function, value.unwrap_or(f64::INFINITY));
        }
        let range = state.range_in(function);
        let full_scale = range.map_or(1.0, |range| range.full_scale);
        let maximum = range.map_or(f64::INFINITY, |range| range.maximum);
        let of_scale = match model.nplc.get(state.nplc) {
            Some(row) if function.settings.contains(&Group::Nplc) => row.noise,
            Some(_) | None => function.noise,
        };
        let filtered = f64::from(state.filter.readings()).sqrt();
        let off = errors
            .and_then(|errors| errors.get(state.range))
            .copied()
            .unwrap_or_default();
        let error: f64 = StandardNormal.sample(noise);
        let mut hum = 0.0;
        if function.senses == Senses::DcVolts && inputs.hum > 0.0 {
            let phase: f64 = StandardNormal.sample(noise);
            hum = inputs.hum * phase;
        }
        // a filter averages what differs from reading to reading, and not how the meter is off
        let varying = (error * of_scale * full_scale + hum) / filtered;
        let measured = value.map(|value| value * (1.0 + off.of_reading) + off.of_range * full_scale + varying);
        // the root of a mean square is not negative
        let alternates = matches!(function.senses, Senses::AcVolts | Senses::AcAmperes);
        let measured = measured.map(|measured| if alternates { measured.abs() } else { measured });
        let (reading, questionable) = match measured {
            Some(measured) if measured.abs() <= maximum => (state.null.apply(measured), 0),
            Some(measured) => (model.overrange.copysign(measured), function.questionable),
            None => (model.overrange, function.questionable),
        };
        let (reading, limits) = self.math.apply(reading, model.overrange).unwrap_or_else(|error| {
            self.raised.push(error);
            (reading, 0)
        });
        let reading = spoilt.stick(reading);
        self.last = Some(reading);
        self.fresh = true;
        (reading, questionable | limits)
    }

    /// Keeps a reading; the oldest make room.
    pub(super) fn keep(&mut self, model: &DmmModel, stores: bool, reading: f64) {
        let (readings, most) = if stores {
            (&mut self.readings, model.reading_memory)
        } else {
            (&mut self.passed, MOST_PASSED)
        };
        readings.push_back(reading);
        while readings.len() > most {
            readings.pop_front();
        }
    }

    /// What a command has to wait for that is not taken in hand now; one that has begun goes on.
    pub(crate) fn holds(&self, model: &DmmModel, behaviour: Option<Behaviour>, begun: bool) -> Option<Wait> {
        let hears = begun || behaviour == Some(Behaviour::Trigger);
        self.busy()
            .filter(|_| model.while_measuring == WhileMeasuring::Held && !hears)
    }
}

pub(super) fn aperture(row: &Integration, cycles: f64, mains_hertz: f64) -> Duration {
    let cycles = Duration::try_from_secs_f64(cycles / mains_hertz);
    row.aperture.unwrap_or(cycles.unwrap_or_default())
}
