//! Every key of a `sim.toml` and of a bench file, with what it means: what the readers take, and what the JSON Schemas for
//! editors are made of.

mod bench;
mod dmm;

pub use bench::BENCH;
pub(crate) use bench::{
    BENCH_CHANNEL, BENCH_HEAD, BENCH_INSTRUMENT, BOOT, BRANCH, CAPACITOR, CONSOLE, EXEC, FAULT, LOAD, POWERED_BY, RAIL,
    REPLY, SPREAD, UNIT, UNITS, WHEN,
};
pub(crate) use dmm::{ACCURACY, BANDWIDTH, COUNTS, DIGITS, DMM, FUNCTION, GATE, INTEGRATION, RANGE, RANGE_ARGUMENT};

use benchtop_notation::{Key, Keys, Shape};

/// What a `sim.toml` may hold, for editors.
#[must_use]
pub fn model_keys() -> &'static Keys {
    &ROOT
}

const TEXTS: Shape = Shape::List(&Shape::Text);

pub(crate) static ROOT: Keys = Keys {
    title: "simulated instrument",
    keys: &[
        Key::new(
            "model",
            Shape::Table(&MODEL),
            "What kind of instrument it is, and where that was read.",
        ),
        Key::new("identity", Shape::Table(&IDENTITY), "What it answers to *IDN?."),
        Key::new(
            "status",
            Shape::Table(&STATUS),
            "How it reports errors and writes numbers.",
        ),
        Key::new(
            "errors",
            Shape::Named(&ERROR),
            "What it reports in place of an error of SCPI-99, by that error's number.",
        ),
        Key::new("serial", Shape::Table(&SERIAL), "What differs on its serial line."),
        Key::new(
            "prompt",
            Shape::Table(&PROMPT),
            "What it says behind every message, and behind its answer where it has one.",
        ),
        Key::new(
            "commands",
            Shape::Map(&Shape::Either(&[Shape::Text, Shape::Table(&COMMAND)])),
            "Its headers, as the manual writes them, and what each does.",
        ),
        Key::new("dmm", Shape::Table(&DMM), "The figures of a multimeter."),
        Key::new("dc_power", Shape::Table(&DC_POWER), "The figures of a supply."),
        Key::new("switch", Shape::Table(&SWITCH), "The channels of a switch."),
    ],
};

pub(crate) static MODEL: Keys = Keys {
    title: "model",
    keys: &[
        Key::new(
            "class",
            Shape::Word(|| vec!["dmm", "dc_power", "switch"]),
            "What kind of instrument it is.",
        ),
        Key::new("sources", TEXTS, "The manuals that it was written from."),
    ],
};

pub(crate) static IDENTITY: Keys = Keys {
    title: "identity",
    keys: &[
        Key::new("manufacturer", Shape::Text, "As a real one says it."),
        Key::new("model", Shape::Text, "As a real one says it."),
        Key::new("serial_number", Shape::Text, "Begins with SIM-."),
        Key::new("firmware_revision", Shape::Text, "As a real one says it."),
    ],
};

pub(crate) static STATUS: Keys = Keys {
    title: "status",
    keys: &[
        Key::new("error_queue", Shape::Integer(1), "How many errors it keeps."),
        Key::new(
            "errors_per_client",
            Shape::Boolean,
            "Each client reads its own errors only.",
        ),
        Key::new(
            "errors_in_status_byte",
            Shape::Boolean,
            "Bit 2 of the status byte says that errors wait; it does, if left out.",
        ),
        Key::new(
            "error_form",
            Shape::Word(|| vec!["plain", "event", "blank"]),
            "What stands behind the text of an error: nothing, its time, or a blank for the comma.",
        ),
        Key::new("scpi_version", Shape::Text, "What it answers to SYSTem:VERSion?."),
        Key::new("decimals", Shape::Integer(1), "Digits behind the point of a reading."),
        Key::new("unsigned_readings", Shape::Boolean, "Readings have no plus sign."),
        Key::new("unsigned_integers", Shape::Boolean, "Whole numbers have no plus sign."),
        Key::new(
            "shortest_settings",
            Shape::Boolean,
            "Settings are answered as short as they can be.",
        ),
        Key::new("fixed_point", Shape::Boolean, "Numbers have no exponent."),
        Key::new(
            "setting_decimals",
            Shape::Integer(0),
            "Digits behind the point of a setting.",
        ),
        Key::new("flags_in_words", Shape::Boolean, "Flags are answered as ON and OFF."),
        Key::new("lone_cr_ends_message", Shape::Boolean, "A CR alone ends a message."),
    ],
};

pub(crate) static ERROR: Keys = Keys {
    title: "error",
    keys: &[
        Key::new(
            "reports",
            Shape::Integer(-32_768),
            "The number that it reports instead.",
        ),
        Key::new("text", Shape::Text, "Its text."),
    ],
};

pub(crate) static SERIAL: Keys = Keys {
    title: "serial line",
    keys: &[
        Key::new(
            "terminator",
            Shape::Word(|| vec!["LF", "CR", "CRLF", "LFCR"]),
            "What ends its answers.",
        ),
        Key::new("clears", TEXTS, "Control characters that clear it, written \"^C\"."),
        Key::new(
            "needs_remote",
            Shape::Boolean,
            "Readings are refused until it was told to go to remote.",
        ),
        Key::new("only_here", Shape::Boolean, "Going to remote is refused anywhere else."),
    ],
};

pub(crate) static PROMPT: Keys = Keys {
    title: "prompt",
    keys: &[
        Key::new("executed", Shape::Text, "Behind a message that it carried out."),
        Key::new(
            "not_understood",
            Shape::Text,
            "Behind one with a command error: -100 to -199.",
        ),
        Key::new("not_executed", Shape::Text, "Behind one with any other error."),
    ],
};

pub(crate) static COMMAND: Keys = Keys {
    title: "command",
    keys: &[
        Key::new("does", Shape::Text, "What the header does.").required(),
        Key::new(
            "kind",
            Shape::Word(|| vec!["boolean", "number", "integer", "word", "text"]),
            "Of a setting: what it takes.",
        ),
        Key::new(
            "default",
            Shape::Either(&[Shape::Number, Shape::Text, Shape::Boolean]),
            "Of a setting: its value after *RST.",
        ),
        Key::new("minimum", Shape::Number, "Of a number: the smallest."),
        Key::new("maximum", Shape::Number, "Of a number: the largest."),
        Key::new("unit", Shape::Text, "Of a number: its unit."),
        Key::new(
            "steps",
            Shape::List(&Shape::Number),
            "Of a number: the only values that there are.",
        ),
        Key::new(
            "words",
            TEXTS,
            "The words that it takes, with their short forms in capitals.",
        ),
        Key::new("per_channel", Shape::Boolean, "Of a setting: kept per channel."),
        Key::new("survives_reset", Shape::Boolean, "Of a setting: *RST leaves it alone."),
        Key::new("name", Shape::Text, "Of a setting: what other commands call it."),
        Key::new(
            "setting",
            Shape::Text,
            "Of clear: the setting that goes back to its default.",
        ),
        Key::new("answer", Shape::Text, "Of a constant: what is always answered."),
        Key::new(
            "arguments",
            Shape::Integer(0),
            "Of ignored: how many arguments it takes at most.",
        ),
    ],
};

pub(crate) static DC_POWER: Keys = Keys {
    title: "dc power",
    keys: &[
        Key::new(
            "measuring_time",
            Shape::Quantity,
            "How long it takes to measure an output.",
        ),
        Key::new("channels", Shape::Tables(&CHANNEL), "Its outputs, channel 1 first."),
        Key::new(
            "addressing",
            Shape::Word(|| vec!["list", "name"]),
            "How a command says which channel it is for: (@1,2) behind, or CH1 before its arguments.",
        ),
        Key::new(
            "ovp_on",
            Shape::Boolean,
            "The over-voltage protection is on after *RST; it is, if left out.",
        ),
    ],
};

pub(crate) static CHANNEL: Keys = Keys {
    title: "output",
    keys: &[
        Key::new(
            "names",
            TEXTS,
            "What INSTrument:SELect and APPLy call it; the first is what is answered.",
        )
        .required(),
        Key::new("rating", Shape::Text, "What APPLy? says of it beside what is set."),
        Key::new("voltage", Shape::Table(&BOUNDS), "Its voltage.").required(),
        Key::new("current", Shape::Table(&BOUNDS), "Its current limit.").required(),
        Key::new(
            "ovp",
            Shape::Table(&BOUNDS),
            "The level of its over-voltage protection.",
        ),
        Key::new(
            "voltage_step",
            Shape::Quantity,
            "The step in which it measures its voltage.",
        )
        .required(),
        Key::new(
            "current_step",
            Shape::Quantity,
            "The step in which it measures its current.",
        )
        .required(),
    ],
};

pub(crate) static BOUNDS: Keys = Keys {
    title: "bounds",
    keys: &[
        Key::new("minimum", Shape::Quantity, "The smallest that it takes.").required(),
        Key::new("maximum", Shape::Quantity, "The largest that it takes.").required(),
        Key::new("default", Shape::Quantity, "What it is after *RST.").required(),
    ],
};

pub(crate) static CHANNELS: Keys = Keys {
    title: "channels",
    keys: &[
        Key::new("first", Shape::Integer(1), "The first of a row of channels.").required(),
        Key::new("last", Shape::Integer(1), "The last of them.").required(),
    ],
};

pub(crate) static SWITCH: Keys = Keys {
    title: "switch",
    keys: &[Key::new("channels", Shape::Tables(&CHANNELS), "Its channels.")],
};
