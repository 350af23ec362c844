//! Every key of a `driver.toml`, with what it means: what the reader takes, and what the JSON Schema for editors is made of.
//!
//! A file that inherits may leave out what the other one has: only the rows of lists say what they cannot do without.

mod accuracy;
mod functions;

pub(crate) use accuracy::{ACCURACY, BAND, COLUMN, NPLC, ROW, ROW_COEFFICIENT};
pub(crate) use functions::{
    APERTURE, AUTOZERO, DELAY, FUNCTION, INPUT_IMPEDANCE, RANGE, READBACK, RESOLUTION, SAMPLES, SAMPLING, STATISTICS,
    TRIGGER, TRIGGERS,
};

use crate::{definition::Evidence, line::LineChanges};
use benchtop_instrument::Class;
use benchtop_notation::{Key, Keys, Shape};

/// What a `driver.toml` may hold, for editors.
#[must_use]
pub fn keys() -> &'static Keys {
    &ROOT
}

/// A list of program messages.
pub(super) const MESSAGES: Shape = Shape::List(&Shape::Text);
/// Channel numbers.
pub(super) const CHANNELS: Shape = Shape::List(&Shape::Integer(1));

/// Where a table was read.
pub(super) const SOURCE_KEY: Key = Key::new(
    "source",
    Shape::Text,
    "Where it was read: the id of a [[sources]] entry first, then the page.",
);

fn classes() -> Vec<&'static str> {
    // a console has no definition
    let words = Class::ALL.iter().filter(|(_, class)| *class != Class::Console);
    words.map(|(word, _)| *word).collect()
}

pub(crate) static ROOT: Keys = Keys {
    title: "instrument definition",
    keys: &[
        Key::new(
            "driver",
            Shape::Table(&DRIVER),
            "Which model it is, and how sure all this is.",
        ),
        Key::new(
            "sources",
            Shape::Tables(&SOURCE),
            "What was read; every row below says which of them it rests on.",
        ),
        Key::new(
            "link",
            Shape::Table(&LINK),
            "How it is reached, and how fast it answers.",
        ),
        Key::new(
            "commands",
            Shape::Table(&COMMANDS),
            "What is sent whatever is measured or set.",
        ),
        Key::new(
            "numbers",
            Shape::Table(&NUMBERS),
            "How its answers are to be understood.",
        ),
        Key::new("inputs", Shape::Table(&INPUTS), "The scanner in front of a meter."),
        Key::new(
            "sampling",
            Shape::Table(&SAMPLING),
            "How it takes several readings, when and how.",
        ),
        Key::new(
            "functions",
            Shape::Named(&FUNCTION),
            "What it measures: dc_voltage, ac_voltage, dc_current, resistance, ...",
        ),
        Key::new("outputs", Shape::Table(&OUTPUTS), "The outputs of a supply."),
        Key::new("switch", Shape::Table(&RELAYS), "The relays of a switch."),
    ],
};

pub(crate) static DRIVER: Keys = Keys {
    title: "driver",
    keys: &[
        Key::new("class", Shape::Word(classes), "What kind of instrument it is."),
        Key::new("manufacturer", Shape::Text, "The maker, for people."),
        Key::new("model", Shape::Text, "The model, for people."),
        Key::new(
            "identity",
            Shape::Pattern,
            "A regular expression that its whole *IDN? answer must match.",
        ),
        Key::new(
            "evidence",
            Shape::Word(|| Evidence::ALL.iter().map(|(word, _)| *word).collect()),
            "What the rows rest on; hardware only if you tried it on your own.",
        ),
    ],
};

pub(crate) static SOURCE: Keys = Keys {
    title: "source",
    keys: &[
        Key::new("id", Shape::Text, "What other rows call it.").required(),
        Key::new(
            "title",
            Shape::Text,
            "Title of the manual, or name of the driver and its file.",
        )
        .required(),
        Key::new(
            "edition",
            Shape::Text,
            "Part number and edition, or the commit that was read.",
        )
        .required(),
    ],
};

pub(crate) static LINK: Keys = Keys {
    title: "link",
    keys: &[
        SOURCE_KEY,
        Key::new(
            "socket_port",
            Shape::Integer(1),
            "The TCP port of its plain socket, where it has one.",
        ),
        Key::new(
            "timeout",
            Shape::Quantity,
            "How long a plain query or setting may take: your patience, which no source has to give.",
        ),
        Key::new(
            "pause",
            Shape::Quantity,
            "How long it needs after a message without an answer, where it loses what comes too soon.",
        ),
        Key::new(
            "serial",
            Shape::Table(&SERIAL),
            "Its serial line, as it leaves the factory.",
        ),
    ],
};

const LINE: &[Key; 7] = LineChanges::KEYS;

pub(crate) static SERIAL: Keys = Keys {
    title: "serial line",
    keys: &[
        LINE[0],
        LINE[1],
        LINE[2],
        LINE[3],
        LINE[4],
        LINE[5],
        LINE[6],
        SOURCE_KEY,
        Key::new("clear", MESSAGES, "Control characters that clear it, written \"^C\"."),
        Key::new("remote", MESSAGES, "What brings it to remote."),
        Key::new("local", MESSAGES, "What returns it to its front panel."),
    ],
};

pub(crate) static COMMANDS: Keys = Keys {
    title: "commands",
    keys: &[
        SOURCE_KEY,
        Key::new(
            "error_check",
            Shape::Text,
            "What is read after every setting and reading: \"SYST:ERR?\", \"*ESR?\", acknowledge where every message is answered with a prompt, or readback where it reports nothing.",
        ),
        Key::new(
            "prompts",
            Shape::Table(&PROMPTS),
            "Of acknowledge: what it says behind every message, in a line of its own.",
        ),
        Key::new("reset", MESSAGES, "Brings it into its power-on settings."),
        Key::new("abort", MESSAGES, "Ends what is still going on after a lost answer."),
        Key::new("local", MESSAGES, "Returns it to its front panel."),
        Key::new(
            "operation_complete",
            Shape::Text,
            "A query that is answered when all that was sent is done.",
        ),
        Key::new(
            "self_test",
            Shape::Text,
            "The self-test query, answered with 0 when it passes.",
        ),
    ],
};

pub(crate) static PROMPTS: Keys = Keys {
    title: "prompts",
    keys: &[
        SOURCE_KEY,
        Key::new("ok", Shape::Text, "The message was carried out."),
        Key::new("command_error", Shape::Text, "It was not understood."),
        Key::new(
            "execution_error",
            Shape::Text,
            "It was understood, and could not be carried out.",
        ),
    ],
};

pub(crate) static NUMBERS: Keys = Keys {
    title: "numbers",
    keys: &[
        SOURCE_KEY,
        Key::new(
            "overrange",
            Shape::Number,
            "What it answers beyond its range; 9.9E37 if left out.",
        ),
    ],
};

pub(crate) static INPUTS: Keys = Keys {
    title: "inputs",
    keys: &[
        SOURCE_KEY,
        Key::new("channels", CHANNELS, "The channels of the scanner."),
        Key::new("open", Shape::Text, "Disconnects all of them."),
        Key::new("close", Shape::Text, "Connects one, {channel}."),
        Key::new("closed", Shape::Text, "Asks which one is connected."),
        Key::new(
            "answer",
            Shape::Text,
            "What that answers for {channel}, blanks left out.",
        ),
    ],
};

pub(crate) static OUTPUTS: Keys = Keys {
    title: "outputs",
    keys: &[
        Key::new(
            "voltage_level",
            Shape::Table(&SETTING),
            "How the voltage is set and read back.",
        ),
        Key::new(
            "current_limit",
            Shape::Table(&SETTING),
            "How the current limit is set and read back.",
        ),
        Key::new(
            "ovp_level",
            Shape::Table(&SETTING),
            "How the level of the over-voltage protection is set and read back, where it has one.",
        ),
        Key::new(
            "ocp_enabled",
            Shape::Table(&OCP),
            "How an over-current protection is switched that trips at the current limit.",
        ),
        Key::new(
            "output_enabled",
            Shape::Table(&SWITCH),
            "How an output is turned on and off, and asked.",
        ),
        Key::new(
            "protection",
            Shape::Table(&PROTECTIONS),
            "How it says which protection took an output off.",
        ),
        Key::new(
            "regulation",
            Shape::Table(&REGULATION),
            "How it says what an output holds.",
        ),
        Key::new("channels", Shape::Tables(&CHANNEL), "What each output takes."),
    ],
};

pub(crate) static SETTING: Keys = Keys {
    title: "setting",
    keys: &[
        SOURCE_KEY,
        Key::new("set", Shape::Text, "Sets {value}, in V or A, on {channel}."),
        Key::new("query", Shape::Text, "Asks what {channel} is set to."),
    ],
};

pub(crate) static OCP: Keys = Keys {
    title: "over-current protection",
    keys: &[
        SOURCE_KEY,
        Key::new("on", Shape::Text, "Switches the protection of {channel} on."),
        Key::new("off", Shape::Text, "Switches it off."),
        Key::new("query", Shape::Text, "Asks; 0 or OFF is off."),
    ],
};

pub(crate) static SWITCH: Keys = Keys {
    title: "output switch",
    keys: &[
        SOURCE_KEY,
        Key::new("on", Shape::Text, "Turns {channel} on."),
        Key::new("off", Shape::Text, "Turns it off."),
        Key::new(
            "query",
            Shape::Text,
            "Asks; the answer is a number, ON, OFF, or a status word with a bit for each channel.",
        ),
        Key::new("shared", Shape::Boolean, "One switch turns all outputs on and off."),
    ],
};

pub(crate) static PROTECTIONS: Keys = Keys {
    title: "protections",
    keys: &[
        Key::new("ovp", Shape::Table(&PROTECTION), "Over-voltage protection."),
        Key::new("ocp", Shape::Table(&PROTECTION), "Over-current protection."),
    ],
};

pub(crate) static PROTECTION: Keys = Keys {
    title: "protection",
    keys: &[
        SOURCE_KEY,
        Key::new("query", Shape::Text, "Asks whether it took {channel} off."),
        Key::new("tripped", Shape::Text, "What it answers then."),
    ],
};

pub(crate) static REGULATION: Keys = Keys {
    title: "regulation",
    keys: &[
        SOURCE_KEY,
        Key::new("query", Shape::Text, "Asks what {channel} holds."),
        Key::new("cv", Shape::Text, "The word of constant voltage."),
        Key::new("cc", Shape::Text, "The word of constant current."),
        Key::new(
            "cv_bit",
            Shape::Integer(0),
            "The bit of constant voltage, where it answers a status word.",
        ),
        Key::new("cc_bit", Shape::Integer(0), "The bit of constant current."),
    ],
};

pub(crate) static CHANNEL: Keys = Keys {
    title: "output",
    keys: &[
        SOURCE_KEY.required(),
        Key::new("channel", Shape::Integer(1), "Its number.").required(),
        Key::new("voltage_level", Shape::Table(&BOUNDS), "What voltages it takes.").required(),
        Key::new("current_limit", Shape::Table(&BOUNDS), "What current limits it takes.").required(),
        Key::new(
            "ovp_level",
            Shape::Table(&BOUNDS),
            "What levels its over-voltage protection takes.",
        ),
        Key::new(
            "status_bit",
            Shape::Integer(0),
            "Its bit, where the switch answers a status word.",
        ),
    ],
};

pub(crate) static BOUNDS: Keys = Keys {
    title: "bounds",
    keys: &[
        Key::new("minimum", Shape::Quantity, "The smallest value.").required(),
        Key::new("maximum", Shape::Quantity, "The largest value, at most the rating.").required(),
        Key::new(
            "resolution",
            Shape::Quantity,
            "The smallest step; a read-back may differ by as much from what was set.",
        )
        .required(),
    ],
};

pub(crate) static RELAYS: Keys = Keys {
    title: "switch",
    keys: &[
        SOURCE_KEY,
        Key::new("channels", CHANNELS, "Its channels."),
        Key::new("close", Shape::Text, "Closes {channel}."),
        Key::new("open", Shape::Text, "Opens {channel}."),
        Key::new("open_all", Shape::Text, "Opens all of them."),
        Key::new(
            "closed",
            Shape::Table(&CLOSED),
            "How a channel is asked whether it is closed.",
        ),
    ],
};

pub(crate) static CLOSED: Keys = Keys {
    title: "relay question",
    keys: &[
        Key::new("query", Shape::Text, "Asks about {channel}."),
        Key::new(
            "closed",
            Shape::Text,
            "What one that is closed answers, blanks left out.",
        ),
        Key::new("open", Shape::Text, "What one that is open answers."),
    ],
};
