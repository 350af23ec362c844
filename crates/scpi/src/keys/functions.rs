//! `[functions.<name>]` and `[sampling]`.

use super::{ACCURACY, CHANNELS, MESSAGES, SOURCE_KEY};
use benchtop_notation::{Key, Keys, Shape};

pub(crate) static FUNCTION: Keys = Keys {
    title: "function",
    keys: &[
        SOURCE_KEY,
        Key::new("channels", CHANNELS, "The channels that have it; all, if left out."),
        Key::new(
            "configure",
            MESSAGES,
            "Selects the function and brings it into a known state.",
        ),
        Key::new(
            "defaults",
            MESSAGES,
            "Everything else that would otherwise be left as it was: math, null and filter off.",
        ),
        Key::new("ranges", Shape::Tables(&RANGE), "Its ranges, from small to large."),
        Key::new(
            "ranges_source",
            Shape::Text,
            "Where the ranges were read that have no source of their own: the id of a [[sources]] entry first, then the page.",
        ),
        Key::new("range", Shape::Text, "Sets {range}."),
        Key::new("autorange", Shape::Text, "Lets the meter choose the range."),
        Key::new("range_query", Shape::Text, "Asks for the range in use."),
        Key::new(
            "readback",
            Shape::Tables(&READBACK),
            "What is asked after it was configured, on a model that reports no errors.",
        ),
        Key::new(
            "nplc",
            Shape::Text,
            "Sets the integration time, {nplc} power-line cycles.",
        ),
        Key::new(
            "nplc_values",
            Shape::List(&Shape::Number),
            "The integration times that there are.",
        ),
        Key::new(
            "nplc_default",
            Shape::Number,
            "The one that is used where none is asked for.",
        ),
        Key::new(
            "aperture",
            Shape::Table(&APERTURE),
            "Integration time in seconds, where there is a choice.",
        ),
        Key::new(
            "resolution",
            Shape::Table(&RESOLUTION),
            "The smallest step, where there is a choice.",
        ),
        Key::new(
            "autozero",
            Shape::Table(&AUTOZERO),
            "Autozero, where there is a choice.",
        ),
        Key::new(
            "input_impedance",
            Shape::Table(&INPUT_IMPEDANCE),
            "The resistance of the voltage input, where there is a choice.",
        ),
        Key::new("read", Shape::Text, "Takes one reading."),
        Key::new(
            "settle",
            Shape::Quantity,
            "How long it settles after it was configured, before a reading counts: say beside it where it is your own.",
        ),
        Key::new(
            "slowest",
            Shape::Quantity,
            "How long a reading takes at most beside the integration time: your patience where no source says.",
        ),
        Key::new(
            "integrations",
            Shape::Integer(1),
            "Integration times that one reading takes: 2 where autozero doubles them.",
        ),
        Key::new(
            "statistics",
            Shape::Boolean,
            "Whether the statistics of [sampling] reach it; they do, if left out.",
        ),
        Key::new(
            "needs_output",
            Shape::Boolean,
            "Measures only while the output of its channel is on.",
        ),
        Key::new(
            "accuracy",
            Shape::Tables(&ACCURACY),
            "The maker's specification, as the data sheet prints it.",
        ),
    ],
};

pub(crate) static RANGE: Keys = Keys {
    title: "range",
    keys: &[
        Key::new(
            "source",
            Shape::Text,
            "Where it was read, if not where `ranges_source` says.",
        ),
        Key::new("full_scale", Shape::Quantity, "Its name and full scale.").required(),
        Key::new("maximum", Shape::Quantity, "The largest reading before overrange.").required(),
        Key::new("resolution", Shape::Quantity, "The smallest step, if you know it."),
        Key::new(
            "argument",
            Shape::Text,
            "What commands call it, where that is not its full scale.",
        ),
        Key::new(
            "answer",
            Shape::Text,
            "What answers call it, where that is something else again.",
        ),
    ],
};

pub(crate) static READBACK: Keys = Keys {
    title: "read-back",
    keys: &[
        Key::new("query", Shape::Text, "The question.").required(),
        Key::new("answer", Shape::Text, "What it answers when the setting was taken.").required(),
    ],
};

pub(crate) static APERTURE: Keys = Keys {
    title: "aperture",
    keys: &[
        Key::new("set", Shape::Text, "Sets {value}, in seconds."),
        Key::new("query", Shape::Text, "Asks for it."),
        Key::new(
            "values",
            Shape::List(&Shape::Number),
            "The times that there are, in seconds.",
        ),
        Key::new(
            "minimum",
            Shape::Number,
            "The shortest, in seconds, where all between are there.",
        ),
        Key::new("maximum", Shape::Number, "The longest, in seconds."),
    ],
};

pub(crate) static RESOLUTION: Keys = Keys {
    title: "resolution",
    keys: &[
        Key::new("set", Shape::Text, "Sets {value}, in the function's unit."),
        Key::new("query", Shape::Text, "Asks for it."),
        Key::new("finest", Shape::Number, "The finest, as parts of full scale."),
        Key::new("coarsest", Shape::Number, "The coarsest, as parts of full scale."),
    ],
};

pub(crate) static AUTOZERO: Keys = Keys {
    title: "autozero",
    keys: &[
        Key::new("on", Shape::Text, "Turns it on."),
        Key::new("off", Shape::Text, "Turns it off."),
        Key::new(
            "default",
            Shape::Word(|| vec!["on", "off"]),
            "What holds where none is asked for.",
        ),
    ],
};

pub(crate) static INPUT_IMPEDANCE: Keys = Keys {
    title: "input impedance",
    keys: &[
        Key::new("10 MOhm", Shape::Text, "Selects 10 MOhm."),
        Key::new(
            "high",
            Shape::Text,
            "Selects the high resistance, on the ranges that have it.",
        ),
        Key::new(
            "default",
            Shape::Word(|| vec!["10 MOhm", "high"]),
            "What holds where none is asked for.",
        ),
    ],
};

pub(crate) static SAMPLING: Keys = Keys {
    title: "sampling",
    keys: &[
        SOURCE_KEY,
        Key::new("samples", Shape::Table(&SAMPLES), "Several readings on one command."),
        Key::new(
            "delay",
            Shape::Table(&DELAY),
            "A wait of the meter's own before each reading.",
        ),
        Key::new("trigger", Shape::Table(&TRIGGERS), "What may let it begin."),
        Key::new(
            "statistics",
            Shape::Table(&STATISTICS),
            "Statistics of its own over the samples.",
        ),
    ],
};

pub(crate) static SAMPLES: Keys = Keys {
    title: "samples",
    keys: &[
        Key::new("set", MESSAGES, "Sets {samples}."),
        Key::new("take", MESSAGES, "Takes them, where the function's read does not."),
        Key::new(
            "read",
            Shape::Text,
            "Asks for them, where the function's read does not.",
        ),
        Key::new("most", Shape::Integer(2), "The most that it takes on one command."),
    ],
};

pub(crate) static DELAY: Keys = Keys {
    title: "delay",
    keys: &[
        Key::new("set", Shape::Text, "Sets {value}, in seconds."),
        Key::new("longest", Shape::Quantity, "The longest that it takes."),
    ],
};

pub(crate) static TRIGGERS: Keys = Keys {
    title: "triggers",
    keys: &[
        Key::new("external", Shape::Table(&TRIGGER), "An edge at its trigger input."),
        Key::new("bus", Shape::Table(&TRIGGER), "A command when all else is set."),
    ],
};

pub(crate) static TRIGGER: Keys = Keys {
    title: "trigger",
    keys: &[
        Key::new("set", MESSAGES, "Selects it."),
        Key::new("take", MESSAGES, "Lets it begin."),
        Key::new("read", Shape::Text, "Asks for what was read."),
    ],
};

pub(crate) static STATISTICS: Keys = Keys {
    title: "statistics",
    keys: &[
        Key::new("set", MESSAGES, "Turns them on for {samples}."),
        Key::new("take", MESSAGES, "Takes the samples."),
        Key::new("mean", Shape::Text, "Asks for the mean."),
        Key::new("minimum", Shape::Text, "Asks for the smallest reading."),
        Key::new("maximum", Shape::Text, "Asks for the largest reading."),
        Key::new("deviation", Shape::Text, "Asks for the standard deviation."),
        Key::new("count", Shape::Text, "Asks how many readings there were."),
    ],
};
