//! What a multimeter's commands do, by name.

use super::definition::Statistic;
use super::program::Kind as Block;
use super::scanner::Route;
use crate::parser::Forms;

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Configure,
    Configuration,
    Measure,
    Read,
    Fetch,
    Initiate,
    Abort,
    Trigger,
    /// A trigger in place of whatever is waited for.
    Signal,
    Function,
    /// The range in use, as the display shows it.
    RangeShown,
    /// A setting of the function that stands in the header.
    Setting(Setting),
    /// A setting of the trigger system.
    Triggering(Triggering),
    TakeReadings,
    RemoveReadings,
    LastReading,
    ReadingCount,
    Route(Route),
    /// Whether what `INITiate` reads goes to the memory.
    Feed,
    Math(Math),
    /// Measures all the time, or only when it is told to.
    Continuous,
    /// The latest reading.
    Latest,
    /// The latest reading, once.
    Fresh,
    Format(Format),
    Trace(Trace),
    /// `MEASure?` with what is set, not with the defaults.
    MeasureAsSet,
    AutozeroOnce,
    Buffer(Buffer),
    /// What `INITiate` is to run.
    Program,
    /// The block of a program that measures.
    ProgramBlock(Block),
    ProgramState,
}

/// What is done with a named buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Buffer {
    Data,
    Clear,
    Make,
    Delete,
    Points,
    Fill,
    Count,
    Start,
    End,
    Statistic(Statistic),
}

/// How readings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Data,
    Elements,
    Border,
    Precision,
}

/// What is done with the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trace {
    Clear,
    Free,
    Points,
    Control,
    Data,
}

/// A register of the computation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Math {
    Function,
    State,
    Null,
    Db,
    Dbm,
    Lower,
    Upper,
    Statistic(Statistic),
}

/// What is set for one function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    Range,
    RangeAuto,
    Nplc,
    Resolution,
    Autozero,
    Impedance,
    /// As `Impedance`, in words.
    ImpedanceWord,
    Bandwidth,
    Aperture,
    NullState,
    NullValue,
    NullAuto,
    /// The latest reading becomes the value.
    NullAcquire,
    /// What lies at the terminals becomes the value.
    NullMeasure,
    Digits,
    FilterState,
    FilterControl,
    FilterCount,
    Terminals,
}

/// What is set for the trigger system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Triggering {
    Samples,
    Source,
    Count,
    Delay,
    DelayAuto,
    /// Between the triggers of the timer.
    Timer,
}

/// Settings that come and go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Range,
    Nplc,
    Resolution,
    Autozero,
    Impedance,
    Bandwidth,
    Aperture,
    Null,
    Digits,
    Filter,
    Terminals,
}

/// The names of the behaviours, and the forms that each has.
pub(crate) const BEHAVIOURS: &[(&str, Behaviour, Forms)] = &[
    ("configure", Behaviour::Configure, Forms::Set),
    ("configuration", Behaviour::Configuration, Forms::Query),
    ("measure", Behaviour::Measure, Forms::Query),
    ("read", Behaviour::Read, Forms::Query),
    ("fetch", Behaviour::Fetch, Forms::Query),
    ("initiate", Behaviour::Initiate, Forms::Set),
    ("abort", Behaviour::Abort, Forms::Set),
    ("trigger", Behaviour::Trigger, Forms::Set),
    ("signal", Behaviour::Signal, Forms::Set),
    ("function", Behaviour::Function, Forms::Both),
    ("range_shown", Behaviour::RangeShown, Forms::Query),
    ("range", Behaviour::Setting(Setting::Range), Forms::Both),
    ("range_auto", Behaviour::Setting(Setting::RangeAuto), Forms::Both),
    ("nplc", Behaviour::Setting(Setting::Nplc), Forms::Both),
    ("resolution", Behaviour::Setting(Setting::Resolution), Forms::Both),
    ("autozero", Behaviour::Setting(Setting::Autozero), Forms::Both),
    ("impedance", Behaviour::Setting(Setting::Impedance), Forms::Both),
    ("bandwidth", Behaviour::Setting(Setting::Bandwidth), Forms::Both),
    ("aperture", Behaviour::Setting(Setting::Aperture), Forms::Both),
    ("null_state", Behaviour::Setting(Setting::NullState), Forms::Both),
    ("null_value", Behaviour::Setting(Setting::NullValue), Forms::Both),
    ("null_auto", Behaviour::Setting(Setting::NullAuto), Forms::Both),
    ("null_acquire", Behaviour::Setting(Setting::NullAcquire), Forms::Set),
    ("null_measure", Behaviour::Setting(Setting::NullMeasure), Forms::Set),
    (
        "impedance_word",
        Behaviour::Setting(Setting::ImpedanceWord),
        Forms::Both,
    ),
    ("digits", Behaviour::Setting(Setting::Digits), Forms::Both),
    ("filter_state", Behaviour::Setting(Setting::FilterState), Forms::Both),
    (
        "filter_control",
        Behaviour::Setting(Setting::FilterControl),
        Forms::Both,
    ),
    ("filter_count", Behaviour::Setting(Setting::FilterCount), Forms::Both),
    ("terminals", Behaviour::Setting(Setting::Terminals), Forms::Both),
    ("sample_count", Behaviour::Triggering(Triggering::Samples), Forms::Both),
    ("trigger_source", Behaviour::Triggering(Triggering::Source), Forms::Both),
    ("trigger_count", Behaviour::Triggering(Triggering::Count), Forms::Both),
    ("trigger_delay", Behaviour::Triggering(Triggering::Delay), Forms::Both),
    (
        "trigger_delay_auto",
        Behaviour::Triggering(Triggering::DelayAuto),
        Forms::Both,
    ),
    ("trigger_timer", Behaviour::Triggering(Triggering::Timer), Forms::Both),
    ("take_readings", Behaviour::TakeReadings, Forms::Query),
    ("remove_readings", Behaviour::RemoveReadings, Forms::Query),
    ("last_reading", Behaviour::LastReading, Forms::Query),
    ("reading_count", Behaviour::ReadingCount, Forms::Query),
    ("close_channel", Behaviour::Route(Route::Close), Forms::Set),
    ("closed_channel", Behaviour::Route(Route::Closed), Forms::Query),
    ("scan_list", Behaviour::Route(Route::List), Forms::Both),
    ("scan_size", Behaviour::Route(Route::Size), Forms::Query),
    ("open_channels", Behaviour::Route(Route::OpenAll), Forms::Set),
    ("feed", Behaviour::Feed, Forms::Both),
    ("continuous", Behaviour::Continuous, Forms::Both),
    ("latest", Behaviour::Latest, Forms::Query),
    ("fresh", Behaviour::Fresh, Forms::Query),
    ("format_data", Behaviour::Format(Format::Data), Forms::Both),
    ("format_elements", Behaviour::Format(Format::Elements), Forms::Both),
    ("format_border", Behaviour::Format(Format::Border), Forms::Both),
    ("format_precision", Behaviour::Format(Format::Precision), Forms::Both),
    ("measure_as_set", Behaviour::MeasureAsSet, Forms::Query),
    ("autozero_once", Behaviour::AutozeroOnce, Forms::Set),
    ("program", Behaviour::Program, Forms::Set),
    ("program_clear", Behaviour::ProgramBlock(Block::Clear), Forms::Set),
    ("program_nothing", Behaviour::ProgramBlock(Block::Nothing), Forms::Set),
    ("program_delay", Behaviour::ProgramBlock(Block::Delay), Forms::Set),
    ("program_measure", Behaviour::ProgramBlock(Block::Measure), Forms::Set),
    ("program_count", Behaviour::ProgramBlock(Block::Count), Forms::Set),
    ("program_always", Behaviour::ProgramBlock(Block::Always), Forms::Set),
    ("program_event", Behaviour::ProgramBlock(Block::Event), Forms::Set),
    ("program_state", Behaviour::ProgramState, Forms::Query),
    ("buffer_data", Behaviour::Buffer(Buffer::Data), Forms::Query),
    ("buffer_clear", Behaviour::Buffer(Buffer::Clear), Forms::Set),
    ("buffer_make", Behaviour::Buffer(Buffer::Make), Forms::Set),
    ("buffer_delete", Behaviour::Buffer(Buffer::Delete), Forms::Set),
    ("buffer_points", Behaviour::Buffer(Buffer::Points), Forms::Both),
    ("buffer_fill", Behaviour::Buffer(Buffer::Fill), Forms::Both),
    ("buffer_count", Behaviour::Buffer(Buffer::Count), Forms::Query),
    ("buffer_start", Behaviour::Buffer(Buffer::Start), Forms::Query),
    ("buffer_end", Behaviour::Buffer(Buffer::End), Forms::Query),
    (
        "buffer_average",
        Behaviour::Buffer(Buffer::Statistic(Statistic::Average)),
        Forms::Query,
    ),
    (
        "buffer_minimum",
        Behaviour::Buffer(Buffer::Statistic(Statistic::Minimum)),
        Forms::Query,
    ),
    (
        "buffer_maximum",
        Behaviour::Buffer(Buffer::Statistic(Statistic::Maximum)),
        Forms::Query,
    ),
    (
        "buffer_span",
        Behaviour::Buffer(Buffer::Statistic(Statistic::Span)),
        Forms::Query,
    ),
    (
        "buffer_deviation",
        Behaviour::Buffer(Buffer::Statistic(Statistic::Deviation)),
        Forms::Query,
    ),
    ("trace_clear", Behaviour::Trace(Trace::Clear), Forms::Set),
    ("trace_free", Behaviour::Trace(Trace::Free), Forms::Query),
    ("trace_points", Behaviour::Trace(Trace::Points), Forms::Both),
    ("trace_control", Behaviour::Trace(Trace::Control), Forms::Both),
    ("trace_data", Behaviour::Trace(Trace::Data), Forms::Query),
    ("math_function", Behaviour::Math(Math::Function), Forms::Both),
    ("math_state", Behaviour::Math(Math::State), Forms::Both),
    ("math_null", Behaviour::Math(Math::Null), Forms::Both),
    ("math_db", Behaviour::Math(Math::Db), Forms::Both),
    ("math_dbm", Behaviour::Math(Math::Dbm), Forms::Both),
    ("math_lower", Behaviour::Math(Math::Lower), Forms::Both),
    ("math_upper", Behaviour::Math(Math::Upper), Forms::Both),
    (
        "math_minimum",
        Behaviour::Math(Math::Statistic(Statistic::Minimum)),
        Forms::Query,
    ),
    (
        "math_maximum",
        Behaviour::Math(Math::Statistic(Statistic::Maximum)),
        Forms::Query,
    ),
    (
        "math_average",
        Behaviour::Math(Math::Statistic(Statistic::Average)),
        Forms::Query,
    ),
    (
        "math_count",
        Behaviour::Math(Math::Statistic(Statistic::Count)),
        Forms::Query,
    ),
];

/// The words of a function's `settings`.
pub(super) const GROUPS: &[(&str, Group)] = &[
    ("range", Group::Range),
    ("nplc", Group::Nplc),
    ("resolution", Group::Resolution),
    ("autozero", Group::Autozero),
    ("impedance", Group::Impedance),
    ("bandwidth", Group::Bandwidth),
    ("aperture", Group::Aperture),
    ("null", Group::Null),
    ("digits", Group::Digits),
    ("filter", Group::Filter),
    ("terminals", Group::Terminals),
];

impl Behaviour {
    /// Whether it takes readings or hands them over.
    pub(crate) const fn takes_readings(self) -> bool {
        matches!(self, Self::Measure | Self::Read | Self::Fetch | Self::Initiate)
    }
}

impl Setting {
    pub(super) const fn group(self) -> Group {
        match self {
            Self::Range | Self::RangeAuto => Group::Range,
            Self::Nplc => Group::Nplc,
            Self::Resolution => Group::Resolution,
            Self::Autozero => Group::Autozero,
            Self::Impedance | Self::ImpedanceWord => Group::Impedance,
            Self::Bandwidth => Group::Bandwidth,
            Self::Aperture => Group::Aperture,
            Self::NullState | Self::NullValue | Self::NullAuto | Self::NullAcquire | Self::NullMeasure => Group::Null,
            Self::Digits => Group::Digits,
            Self::FilterState | Self::FilterControl | Self::FilterCount => Group::Filter,
            Self::Terminals => Group::Terminals,
        }
    }
}
