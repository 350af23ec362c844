//! A bench file.

use super::TEXTS;
use crate::fault;
use benchtop_notation::{Key, Keys, Shape};

/// What a bench file holds that the simulator reads. The station reads `station` and `contributions` beside it.
pub const BENCH: [Key; 8] = [
    Key::new("bench", Shape::Table(&BENCH_HEAD), "The bench as a whole.").required(),
    Key::new(
        "instruments",
        Shape::Named(&BENCH_INSTRUMENT),
        "The simulated instruments, by the names that procedures call them.",
    )
    .required(),
    Key::new(
        "unit",
        Shape::Table(&UNIT),
        "The simulated unit: a circuit whose values differ from unit to unit.",
    ),
    Key::new(
        "units",
        Shape::Tables(&UNITS),
        "Units that are singled out by their serial numbers.",
    ),
    Key::new("faults", Shape::Tables(&FAULT), "What goes wrong with the instruments."),
    Key::new(
        "answers",
        Shape::Map(&ANSWER),
        "How the operator answers each prompt step.",
    ),
    Key::new(
        "exec",
        Shape::Named(&EXEC),
        "What the commands of exec steps do, by the step's name.",
    ),
    Key::new(
        "consoles",
        Shape::Named(&CONSOLE),
        "What the unit says on its own links.",
    ),
];

const ANSWER: Shape = Shape::Either(&[Shape::Text, Shape::Number, Shape::Boolean]);

pub(crate) static BENCH_HEAD: Keys = Keys {
    title: "bench",
    keys: &[
        Key::new("name", Shape::Text, "Its name, of letters, digits, - and _.").required(),
        Key::new(
            "seed",
            Shape::Integer(i64::MIN),
            "What chance begins with: the same seed, the same digits.",
        )
        .required(),
        Key::new(
            "mains",
            Shape::Quantity,
            "The frequency of the mains; 50 Hz if left out.",
        ),
        Key::new("procedures", TEXTS, "The ids of the procedures that it is for."),
    ],
};

pub(crate) static BENCH_INSTRUMENT: Keys = Keys {
    title: "bench instrument",
    keys: &[
        Key::new("model", Shape::Text, "Which model it is, such as keysight/34461a.").required(),
        Key::new("serial_number", Shape::Text, "Begins with SIM-."),
        Key::new(
            "channels",
            Shape::Named(&BENCH_CHANNEL),
            "Where its channels are connected, by their numbers.",
        ),
        Key::new(
            "channel_names",
            Shape::Map(&Shape::Integer(1)),
            "What its channels are called in procedures.",
        ),
        ACROSS,
        IN_SERIES,
        Key::new(
            "calibrated_days_ago",
            Shape::Integer(0),
            "How long ago it was calibrated.",
        ),
        Key::new("warm_up", Shape::Quantity, "How long it has been on."),
    ],
};

const ACROSS: Key = Key::new(
    "across",
    Shape::Either(&[Shape::Text, TEXTS]),
    "The node at its HI terminal, with LO on ground, or both: [\"rail_3v3\", \"ground\"].",
);
const IN_SERIES: Key = Key::new(
    "in_series",
    Shape::Text,
    "The branch that its current terminals lie in.",
);

pub(crate) static BENCH_CHANNEL: Keys = Keys {
    title: "bench channel",
    keys: &[
        Key::new("feeds", Shape::Text, "The node that a supply's output feeds."),
        ACROSS,
        IN_SERIES,
    ],
};

/// A value that is the same for all units, or spreads.
const VALUE: Shape = Shape::Either(&[Shape::Quantity, Shape::Table(&SPREAD)]);

pub(crate) static SPREAD: Keys = Keys {
    title: "spread",
    keys: &[
        Key::new("nominal", Shape::Quantity, "The value in the middle.").required(),
        Key::new("spread", Shape::Quantity, "How far from it units lie at most.").required(),
    ],
};

pub(crate) static UNIT: Keys = Keys {
    title: "unit",
    keys: &[
        Key::new("branches", Shape::Named(&BRANCH), "Resistances between nodes."),
        Key::new("rails", Shape::Named(&RAIL), "Regulators, by the node that each feeds."),
        Key::new("loads", Shape::Named(&LOAD), "What draws current to ground."),
        Key::new("capacitors", Shape::Named(&CAPACITOR), "Capacitors to ground."),
    ],
};

pub(crate) static UNITS: Keys = Keys {
    title: "singled-out unit",
    keys: &[
        Key::new("serial_number", Shape::Text, "Its serial number.").required(),
        Key::new("why", Shape::Text, "What is wrong with it, for people.").required(),
        Key::new("branches", Shape::Named(&BRANCH), "Resistances that are others."),
        Key::new("rails", Shape::Named(&RAIL), "Values of regulators that are others."),
        Key::new("loads", Shape::Named(&LOAD), "Values of loads that are others."),
        Key::new("capacitors", Shape::Named(&CAPACITOR), "Capacitors that are others."),
        Key::new("answers", Shape::Map(&ANSWER), "How the operator answers for it."),
        Key::new("exec", Shape::Named(&EXEC), "What commands do for it."),
        Key::new("consoles", Shape::Named(&CONSOLE), "What it says on its own links."),
    ],
};

pub(crate) static BRANCH: Keys = Keys {
    title: "branch",
    keys: &[
        Key::new("from", Shape::Text, "The node that it leaves."),
        Key::new("to", Shape::Text, "The node that it leads to."),
        WHEN_KEY,
        Key::new("resistance", VALUE, "Its resistance; none if left out."),
    ],
};

pub(crate) static RAIL: Keys = Keys {
    title: "rail",
    keys: &[
        Key::new("from", Shape::Text, "The node that it takes its power from."),
        Key::new("level", VALUE, "What it regulates to."),
        Key::new("dropout", VALUE, "How much more it needs at its input."),
        Key::new("minimum_input", VALUE, "Below this it is off."),
        Key::new("resistance", VALUE, "The resistance of its output."),
        Key::new("ripple", VALUE, "Its ripple."),
        Key::new("ripple_frequency", VALUE, "The frequency of the ripple."),
    ],
};

pub(crate) static LOAD: Keys = Keys {
    title: "load",
    keys: &[
        Key::new("node", Shape::Text, "The node that it draws from."),
        WHEN_KEY,
        Key::new("current", VALUE, "What it draws."),
        Key::new(
            "at",
            VALUE,
            "The voltage at which it draws so much; in proportion otherwise.",
        ),
        Key::new("resistance", VALUE, "In place of a current."),
    ],
};

pub(crate) static CAPACITOR: Keys = Keys {
    title: "capacitor",
    keys: &[
        Key::new("node", Shape::Text, "The node that it lies on."),
        Key::new("capacitance", VALUE, "Its capacitance."),
    ],
};

const WHEN_KEY: Key = Key::new("when", Shape::Table(&WHEN), "Only while a node has voltage: a relay.");

pub(crate) static WHEN: Keys = Keys {
    title: "when",
    keys: &[
        Key::new("node", Shape::Text, "Which node.").required(),
        Key::new("above", Shape::Quantity, "On above this.").required(),
        Key::new("below", Shape::Quantity, "Off below this; the same, if left out."),
    ],
};

pub(crate) static FAULT: Keys = Keys {
    title: "fault",
    keys: &[
        Key::new("instrument", Shape::Text, "Whose fault it is.").required(),
        Key::new("serial_number", Shape::Text, "Only with this unit."),
        Key::new("kind", Shape::Word(fault::words), "What goes wrong.").required(),
        Key::new("delay", Shape::Quantity, "Of late_answer and reboot: how long."),
        Key::new(
            "per_second",
            Shape::Quantity,
            "Of drift: how much is added with every second.",
        ),
        Key::new(
            "probability",
            Shape::Number,
            "Of random: from 0 to 1, for each message.",
        ),
        Key::new(
            "after_messages",
            Shape::Integer(0),
            "It begins after so many messages; at once, if left out.",
        ),
        Key::new(
            "for_messages",
            Shape::Integer(1),
            "It lasts for so many; until it is cleared, if left out.",
        ),
    ],
};

pub(crate) static EXEC: Keys = Keys {
    title: "simulated command",
    keys: &[
        Key::new("exit_code", Shape::Integer(i64::MIN), "Its exit code; 0 if left out."),
        Key::new("stdout", Shape::Text, "What it writes to its standard output."),
        Key::new("stderr", Shape::Text, "What it writes to its standard error."),
        Key::new("takes", Shape::Quantity, "How long it takes."),
        Key::new(
            "files",
            Shape::Map(&Shape::Text),
            "What it writes to files, by their paths.",
        ),
    ],
};

pub(crate) static CONSOLE: Keys = Keys {
    title: "simulated console",
    keys: &[
        Key::new(
            "powered_by",
            Shape::Table(&POWERED_BY),
            "The node that gives it power; always on, if left out.",
        ),
        Key::new("boot", Shape::Tables(&BOOT), "What it says when it gets power."),
        Key::new(
            "replies",
            Shape::Tables(&REPLY),
            "What it answers; the first that matches does.",
        ),
        Key::new(
            "otherwise",
            Shape::Text,
            "What it answers to a line that nothing matches.",
        ),
        Key::new("echo", Shape::Boolean, "Sends back what it gets."),
        Key::new("dead", Shape::Boolean, "Says nothing at all."),
    ],
};

pub(crate) static POWERED_BY: Keys = Keys {
    title: "power of a console",
    keys: &[
        Key::new("node", Shape::Text, "Which node.").required(),
        Key::new("above", Shape::Quantity, "On above this.").required(),
    ],
};

pub(crate) static BOOT: Keys = Keys {
    title: "utterance",
    keys: &[
        Key::new("text", Shape::Text, "What it says.").required(),
        Key::new("delay", Shape::Quantity, "After how long."),
    ],
};

pub(crate) static REPLY: Keys = Keys {
    title: "reply",
    keys: &[
        Key::new("when", Shape::Pattern, "What it answers to: a regular expression.").required(),
        Key::new("says", Shape::Text, "What it says; $1 stands for a group.").required(),
        Key::new("delay", Shape::Quantity, "After how long."),
    ],
};
