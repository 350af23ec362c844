//! `[dmm]`.

use super::{CHANNELS, TEXTS};
use crate::dmm::words;
use benchtop_notation::{Key, Keys, Shape};

pub(crate) static DMM: Keys = Keys {
    title: "dmm",
    keys: &[
        Key::new(
            "functions",
            Shape::Named(&FUNCTION),
            "What it measures, by names of your own.",
        ),
        Key::new(
            "nplc",
            Shape::Tables(&INTEGRATION),
            "Its integration times, from short to long.",
        ),
        Key::new("default_nplc", Shape::Number, "The one after *RST."),
        Key::new("bandwidths", Shape::Tables(&BANDWIDTH), "Its ac filters."),
        Key::new("default_bandwidth", Shape::Number, "The one after *RST."),
        Key::new("reading_memory", Shape::Integer(0), "How many readings it keeps."),
        Key::new("overrange", Shape::Number, "What it answers beyond its range."),
        Key::new("autorange_time", Shape::Quantity, "How long a change of range takes."),
        Key::new("largest_count", Shape::Number, "The largest trigger count."),
        Key::new(
            "largest_samples",
            Shape::Number,
            "The largest sample count; as many as triggers, if left out.",
        ),
        Key::new("longest_delay", Shape::Number, "The longest trigger delay, in seconds."),
        Key::new("endless_count", Shape::Text, "What it answers for an endless count."),
        Key::new("channels", Shape::Tables(&CHANNELS), "The channels of its scanner."),
        Key::new(
            "channel_settings",
            Shape::Word(words::channel_settings),
            "Whether channels share its settings or each has its own.",
        ),
        Key::new(
            "shared_settings",
            Shape::List(&Shape::Word(words::groups)),
            "Settings that all functions have in common.",
        ),
        Key::new(
            "while_measuring",
            Shape::Word(|| vec!["refused", "held", "restarted"]),
            "What becomes of a command that comes while it measures.",
        ),
        Key::new(
            "habits",
            Shape::List(&Shape::Word(words::habits)),
            "What else is peculiar about it.",
        ),
        Key::new("dbm_reference", Shape::Quantity, "The resistance that dBm are of."),
        Key::new(
            "nplc_at_50_hertz",
            Shape::Number,
            "The longest integration time where the mains have 50 Hz.",
        ),
        Key::new(
            "trigger_sources",
            Shape::List(&Shape::Word(words::sources)),
            "The trigger sources that it has.",
        ),
        Key::new(
            "digits",
            Shape::Table(&DIGITS),
            "The digits that its display can be set to.",
        ),
        Key::new(
            "formats",
            Shape::List(&Shape::Word(words::formats)),
            "The formats of its data.",
        ),
        Key::new(
            "trace_points",
            Shape::Integer(1),
            "How many readings its buffer has after *RST.",
        ),
        Key::new(
            "idle_bit",
            Shape::Integer(0),
            "The bit of the operation status that says that it is idle.",
        ),
    ],
};

pub(crate) static INTEGRATION: Keys = Keys {
    title: "integration time",
    keys: &[
        Key::new("cycles", Shape::Number, "In power-line cycles.").required(),
        Key::new(
            "aperture",
            Shape::Quantity,
            "In seconds, where it does not follow the mains.",
        ),
        Key::new("delay", Shape::Quantity, "The trigger delay that goes with it."),
        Key::new("resolution", Shape::Quantity, "Its resolution, in ppm of the range.").required(),
        Key::new("noise", Shape::Quantity, "Its noise, in ppm of the range.").required(),
    ],
};

pub(crate) static BANDWIDTH: Keys = Keys {
    title: "bandwidth",
    keys: &[
        Key::new("hertz", Shape::Number, "The lowest frequency.").required(),
        Key::new("reading_time", Shape::Quantity, "How long a reading takes with it.").required(),
    ],
};

pub(crate) static DIGITS: Keys = Keys {
    title: "digits",
    keys: &[
        Key::new("least", Shape::Number, "The fewest.").required(),
        Key::new("most", Shape::Number, "The most.").required(),
    ],
};

pub(crate) static FUNCTION: Keys = Keys {
    title: "function",
    keys: &[
        Key::new("senses", Shape::Text, "What it senses: dc_volts, ohms, hertz, ..."),
        Key::new(
            "name",
            Shape::Text,
            "Its name in SENSe:FUNCtion, with the short form in capitals.",
        ),
        Key::new("configure", Shape::Text, "Its name behind CONFigure."),
        Key::new("answer", Shape::Text, "What is answered for it."),
        Key::new("unit", Shape::Text, "The unit behind its readings, where there is one."),
        Key::new(
            "settings",
            Shape::List(&Shape::Word(words::groups)),
            "The settings that it has.",
        ),
        Key::new("channels", Shape::Tables(&CHANNELS), "The channels that have it."),
        Key::new(
            "math",
            Shape::List(&Shape::Word(words::operations)),
            "The math that it can be put through.",
        ),
        Key::new("gate", Shape::Table(&GATE), "Its gate time."),
        Key::new("ranges", Shape::Tables(&RANGE), "Its ranges, from small to large."),
        Key::new("default_range", Shape::Quantity, "The one after *RST."),
        Key::new(
            "range_argument",
            Shape::Table(&RANGE_ARGUMENT),
            "How far an argument may go beyond the ranges.",
        ),
        Key::new("counts", Shape::Table(&COUNTS), "Of a counter: what it counts."),
        Key::new(
            "takes",
            Shape::Text,
            "The arguments of CONFigure: range_and_resolution, range, nothing, ...",
        ),
        Key::new("transducers", TEXTS, "The transducers that it knows."),
        Key::new(
            "reading_time",
            Shape::Quantity,
            "How long a reading takes, where integration does not say it.",
        ),
        Key::new("noise", Shape::Quantity, "Its noise, in ppm of the range."),
        Key::new("input", Shape::Quantity, "The resistance of its input."),
        Key::new(
            "questionable_bit",
            Shape::Integer(0),
            "The bit of the questionable status that says overload.",
        ),
    ],
};

pub(crate) static GATE: Keys = Keys {
    title: "gate",
    keys: &[
        Key::new("least", Shape::Quantity, "The shortest.").required(),
        Key::new("largest", Shape::Quantity, "The longest.").required(),
        Key::new("default", Shape::Quantity, "The one after *RST.").required(),
        Key::new("steps", Shape::List(&Shape::Quantity), "The only times that there are."),
    ],
};

pub(crate) static RANGE: Keys = Keys {
    title: "range",
    keys: &[
        Key::new("full_scale", Shape::Quantity, "Its name and full scale.").required(),
        Key::new("maximum", Shape::Quantity, "The largest reading.").required(),
        Key::new(
            "shunt",
            Shape::Quantity,
            "Of a current: the resistance that it is measured on.",
        ),
        Key::new(
            "test_current",
            Shape::Quantity,
            "Of a resistance: the current through it.",
        ),
        Key::new("input", Shape::Quantity, "The resistance of its input."),
        Key::new(
            "high_impedance",
            Shape::Quantity,
            "The same when the high resistance is chosen.",
        ),
        Key::new("accuracy", Shape::Table(&ACCURACY), "One year after calibration."),
        Key::new("high_current", Shape::Boolean, "Has a terminal of its own."),
        Key::new(
            "argument",
            Shape::Text,
            "What its commands call it, where that is not its full scale.",
        ),
        Key::new("shown", Shape::Text, "What its display calls it."),
    ],
};

pub(crate) static ACCURACY: Keys = Keys {
    title: "accuracy",
    keys: &[
        Key::new("of_reading", Shape::Quantity, "In ppm of the reading.").required(),
        Key::new("of_range", Shape::Quantity, "In ppm of the range.").required(),
    ],
};

pub(crate) static COUNTS: Keys = Keys {
    title: "counter",
    keys: &[
        Key::new("least", Shape::Quantity, "The smallest that it counts.").required(),
        Key::new("largest", Shape::Quantity, "The largest that it counts.").required(),
        Key::new("range", Shape::Quantity, "What it answers for its range.").required(),
    ],
};

pub(crate) static RANGE_ARGUMENT: Keys = Keys {
    title: "range argument",
    keys: &[
        Key::new("largest", Shape::Quantity, "The largest that is taken.").required(),
        Key::new("named", Shape::Quantity, "The range that it stands for.").required(),
    ],
};
