//! The `[dc_power]` part of a `sim.toml`: channels with their bounds, and what the headers do.

use crate::{
    keys,
    parser::{Bounds, Dimension, Forms},
    quantity,
};
use benchtop_notation::{Diagnostics, Table, one_of};
use std::time::Duration;

/// The figures of a supply.
#[derive(Debug)]
pub(crate) struct DcPowerModel {
    /// Channel 1 first.
    pub(crate) channels: Vec<ChannelModel>,
    /// How long it takes to measure an output.
    pub(crate) measuring_time: Duration,
    pub(crate) addressing: Addressing,
    /// The overvoltage protection is on after `*RST`; where it cannot be switched, always.
    pub(crate) ovp_on: bool,
}

/// How a command says which channel it is for, where its header takes no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Addressing {
    /// By a list behind its other arguments: `(@1,2)`.
    List,
    /// By a name before them: `CH1`.
    Name,
}

/// One output.
#[derive(Debug)]
pub(crate) struct ChannelModel {
    /// What `INSTrument:SELect` and `APPLy` call it; the first is what is answered.
    pub(crate) names: Vec<String>,
    /// What `APPLy?` says of it, where it says more than what is set: `30V/3A`.
    pub(crate) rating: Option<String>,
    pub(crate) voltage: Bounds,
    pub(crate) current: Bounds,
    pub(crate) ovp: Bounds,
    /// The steps in which it measures itself.
    pub(crate) voltage_step: f64,
    pub(crate) current_step: f64,
}

impl DcPowerModel {
    pub(crate) fn last_channel(&self) -> u32 {
        u32::try_from(self.channels.len()).unwrap_or(u32::MAX)
    }
}

/// What a supply's commands do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// A number that is set and answered per channel.
    Level(Level),
    Output,
    /// One switch for all channels.
    OutputOfAll,
    /// Modes and switches of the channels in one number.
    StatusWord,
    OcpState,
    MeasureVoltage,
    MeasureCurrent,
    /// A reading with the elements that are chosen.
    MeasureElements,
    /// Which elements a reading has.
    Elements,
    OvpState,
    OvpTripped,
    OcpTripped,
    /// As `OvpTripped`, in words.
    OvpAlarm,
    /// As `OcpTripped`, in words.
    OcpAlarm,
    /// What the output holds, in words: `CV`, `CC`.
    Regulation,
    OvpClear,
    OcpClear,
    ProtectionClear,
    Select,
    SelectNumber,
    Apply,
    /// The channel's summary register.
    Summary(Summary),
}

/// Which part of a summary register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Summary {
    Condition,
    Events,
    Enable,
}

/// Which number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Voltage,
    Current,
    Ovp,
}

/// The names of the behaviours, and the forms that each has.
pub(crate) const BEHAVIOURS: &[(&str, Behaviour, Forms)] = &[
    ("voltage_level", Behaviour::Level(Level::Voltage), Forms::Both),
    ("current_limit", Behaviour::Level(Level::Current), Forms::Both),
    ("ovp_level", Behaviour::Level(Level::Ovp), Forms::Both),
    ("output", Behaviour::Output, Forms::Both),
    ("output_switch", Behaviour::Output, Forms::Set),
    ("output_of_all", Behaviour::OutputOfAll, Forms::Both),
    ("status_word", Behaviour::StatusWord, Forms::Query),
    ("ocp_state", Behaviour::OcpState, Forms::Both),
    ("measure_voltage", Behaviour::MeasureVoltage, Forms::Query),
    ("measure_current", Behaviour::MeasureCurrent, Forms::Query),
    ("measure_elements", Behaviour::MeasureElements, Forms::Query),
    ("elements", Behaviour::Elements, Forms::Both),
    ("ovp_state", Behaviour::OvpState, Forms::Both),
    ("ovp_alarm", Behaviour::OvpAlarm, Forms::Query),
    ("ocp_alarm", Behaviour::OcpAlarm, Forms::Query),
    ("regulation", Behaviour::Regulation, Forms::Query),
    ("ovp_tripped", Behaviour::OvpTripped, Forms::Query),
    ("ocp_tripped", Behaviour::OcpTripped, Forms::Query),
    ("ovp_clear", Behaviour::OvpClear, Forms::Set),
    ("ocp_clear", Behaviour::OcpClear, Forms::Set),
    ("protection_clear", Behaviour::ProtectionClear, Forms::Set),
    ("select", Behaviour::Select, Forms::Both),
    ("select_number", Behaviour::SelectNumber, Forms::Both),
    ("apply", Behaviour::Apply, Forms::Both),
    (
        "summary_condition",
        Behaviour::Summary(Summary::Condition),
        Forms::Query,
    ),
    ("summary_events", Behaviour::Summary(Summary::Events), Forms::Query),
    ("summary_enable", Behaviour::Summary(Summary::Enable), Forms::Both),
];

/// Reads `[dc_power]`.
pub(crate) fn read(root: &Table<'_>, sink: &mut Diagnostics) -> Option<DcPowerModel> {
    let table = root.require_table(sink, "dc_power", &keys::DC_POWER.names())?;
    let rows = table.require_tables(sink, "channels", &keys::CHANNEL.names())?;
    let channels: Vec<ChannelModel> = rows.iter().filter_map(|row| channel(row, sink)).collect();
    if channels.is_empty() {
        sink.error(table.span(), "a supply without a channel supplies nothing");
    }
    let addressing = match table.string(sink, "addressing") {
        Some(word) => one_of(
            sink,
            "addressing",
            &word,
            &[("list", Addressing::List), ("name", Addressing::Name)],
        )?,
        None => Addressing::List,
    };
    Some(DcPowerModel {
        channels,
        addressing,
        ovp_on: table.bool(sink, "ovp_on").is_none_or(|on| on.value),
        measuring_time: quantity::duration(sink, &table, "measuring_time").unwrap_or_default(),
    })
}

fn channel(row: &Table<'_>, sink: &mut Diagnostics) -> Option<ChannelModel> {
    let names = row.require_strings(sink, "names");
    let voltage = bounds(row, sink, "voltage", Dimension::Volts);
    let current = bounds(row, sink, "current", Dimension::Amperes);
    // one that has no protection is never above it
    let ovp = if row.contains("ovp") {
        bounds(row, sink, "ovp", Dimension::Volts)
    } else {
        Some(Bounds {
            minimum: 0.0,
            maximum: f64::MAX,
            default: f64::MAX,
        })
    };
    let voltage_step = quantity::require(sink, row, "voltage_step", Dimension::Volts);
    let current_step = quantity::require(sink, row, "current_step", Dimension::Amperes);
    let rating = row.string(sink, "rating").map(|rating| rating.value);
    let names = names?;
    if names.is_empty() {
        sink.error(row.span(), "a channel has at least one name");
    }
    Some(ChannelModel {
        names: names.into_iter().map(|name| name.value).collect(),
        rating,
        voltage: voltage?,
        current: current?,
        ovp: ovp?,
        voltage_step: voltage_step?,
        current_step: current_step?,
    })
}

fn bounds(row: &Table<'_>, sink: &mut Diagnostics, key: &str, dimension: Dimension) -> Option<Bounds> {
    let table = row.require_table(sink, key, &keys::BOUNDS.names())?;
    let [minimum, maximum, default] =
        ["minimum", "maximum", "default"].map(|key| quantity::require(sink, &table, key, dimension));
    let bounds = Bounds {
        minimum: minimum?,
        maximum: maximum?,
        default: default?,
    };
    if bounds.check(bounds.default).is_err() {
        sink.error(table.span(), "`default` lies outside `minimum` and `maximum`");
    }
    Some(bounds)
}
