//! What one supply is set to, and what its protection does.

use super::definition::{ChannelModel, DcPowerModel};
use super::elements::{ELEMENTS, Element};
use crate::status::{Register, Status};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Channel summary: the output is in constant current.
const CONSTANT_CURRENT: u16 = 1;
/// Channel summary: the output is in constant voltage.
const CONSTANT_VOLTAGE: u16 = 2;
/// Channel summary: the overvoltage protection has tripped.
const OVP_TRIPPED: u16 = 4;
/// Channel summary: the overcurrent protection has tripped.
const OCP_TRIPPED: u16 = 8;
/// Questionable status: something in a channel summary (SCPI-99 volume 1, 20.3).
const INSTRUMENT_SUMMARY: u16 = 1 << 13;

/// One supply.
#[derive(Debug)]
pub(crate) struct DcPower {
    /// Channel 1 first.
    pub(crate) channels: Vec<Channel>,
    /// The place of the selected channel.
    pub(crate) selected: usize,
    /// Its outputs do not go off any more.
    pub(crate) stuck: bool,
    /// What it measures of its outputs is off by so much.
    pub(crate) shift: f64,
    /// Its overvoltage protection trips whatever the voltage is.
    pub(crate) trips: bool,
    /// What a reading of a source-measure unit is made of.
    pub(crate) elements: Vec<Element>,
    noise: ChaCha8Rng,
}

/// One output and its settings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Channel {
    pub(crate) voltage: f64,
    pub(crate) current: f64,
    pub(crate) ovp: f64,
    pub(crate) ovp_on: bool,
    pub(crate) ocp: bool,
    pub(crate) enabled: bool,
    pub(crate) tripped: Tripped,
    pub(crate) summary: Register,
}

/// Which protections have tripped and were not cleared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tripped {
    pub(crate) ovp: bool,
    pub(crate) ocp: bool,
}

/// What an output really does, as the circuit lets it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Output {
    pub(crate) volts: f64,
    pub(crate) amperes: f64,
    pub(crate) regulation: Regulation,
}

/// What an output holds constant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Regulation {
    /// It is off.
    #[default]
    Off,
    Voltage,
    Current,
}

/// All of them, as after `*RST`.
fn all_elements() -> Vec<Element> {
    ELEMENTS.iter().map(|(_, element)| *element).collect()
}

impl Channel {
    fn default_of(supply: &DcPowerModel, model: &ChannelModel) -> Self {
        Self {
            voltage: model.voltage.default,
            current: model.current.default,
            ovp: model.ovp.default,
            ovp_on: supply.ovp_on,
            ocp: false,
            enabled: false,
            tripped: Tripped::default(),
            summary: Register::default(),
        }
    }
}

impl DcPower {
    pub(crate) fn new(model: &DcPowerModel, noise: ChaCha8Rng) -> Self {
        Self {
            channels: model
                .channels
                .iter()
                .map(|channel| Channel::default_of(model, channel))
                .collect(),
            selected: 0,
            stuck: false,
            shift: 0.0,
            trips: false,
            elements: all_elements(),
            noise,
        }
    }

    /// As after `*RST`.
    pub(crate) fn reset(&mut self, model: &DcPowerModel) {
        let stuck = self.stuck;
        self.selected = 0;
        self.elements = all_elements();
        for (channel, channel_model) in self.channels.iter_mut().zip(&model.channels) {
            let summary = channel.summary;
            *channel = Channel {
                enabled: stuck && channel.enabled,
                summary,
                ..Channel::default_of(model, channel_model)
            };
        }
    }

    /// What `*CLS` does to its own registers.
    pub(crate) fn clear_events(&mut self) {
        for channel in &mut self.channels {
            channel.summary.take_events();
        }
    }

    /// What `STATus:PRESet` does to them: everything is summarised (SCPI-99 volume 1, 20.1.4).
    pub(crate) fn preset(&mut self) {
        for channel in &mut self.channels {
            channel.summary.enable = 0x7FFF;
        }
    }

    /// Switches an output. A tripped one stays off until the trip is cleared.
    pub(super) fn switch(&mut self, place: usize, on: bool) {
        let stuck = self.stuck;
        if let Some(channel) = self.channels.get_mut(place) {
            let tripped = channel.tripped != Tripped::default();
            channel.enabled = (on && !tripped) || (stuck && channel.enabled);
        }
    }

    /// Follows what the outputs really do: trips protection, updates status. True if an output went off.
    pub(crate) fn follow(&mut self, outputs: &[Output], status: &mut Status) -> bool {
        let mut tripped = false;
        for (channel, output) in self.channels.iter_mut().zip(outputs) {
            let beyond = channel.ovp_on && output.volts > channel.ovp;
            let over_voltage = channel.enabled && (self.trips || beyond);
            let over_current = channel.enabled && channel.ocp && output.regulation == Regulation::Current;
            channel.tripped.ovp |= over_voltage;
            channel.tripped.ocp |= over_current;
            if (over_voltage || over_current) && !self.stuck {
                channel.enabled = false;
                tripped = true;
            }
            let bit = |set: bool, bit: u16| if set { bit } else { 0 };
            let regulation = match output.regulation {
                Regulation::Off => 0,
                Regulation::Voltage => CONSTANT_VOLTAGE,
                Regulation::Current => CONSTANT_CURRENT,
            };
            let trips = bit(channel.tripped.ovp, OVP_TRIPPED) | bit(channel.tripped.ocp, OCP_TRIPPED);
            channel.summary.follow(regulation | trips);
        }
        let summary = self.channels.iter().any(|channel| channel.summary.summary());
        status.questionable.follow(if summary { INSTRUMENT_SUMMARY } else { 0 });
        tripped
    }

    /// What the supply measures of a value, in its own steps.
    pub(super) fn measured(&mut self, value: f64, step: f64) -> f64 {
        let error: f64 = StandardNormal.sample(&mut self.noise);
        (((value + self.shift) / step + error / 3.0).round() * step).max(0.0)
    }
}
