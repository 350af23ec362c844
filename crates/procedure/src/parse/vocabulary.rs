//! Every key of the language: those that are read now, with what each means, and those that are planned and refused by
//! name until then.
//!
//! A planned key is never unknown and never ignored: whoever writes one learns that this version cannot do it. The JSON
//! Schema that editors use is made of the same tables.

mod set;
mod shared;

pub(super) use set::SET;
pub(super) use shared::{FOR_EACH, INCLUDED, LIMITS_FILE, LIMITS_OF_PART, PARAMETER, REDUCE, REDUCE_KEY};

use super::kinds::keys::{EXEC_KEYS, EXPECT_KEYS, PROMPT_KEYS, QUERY_KEYS, SEND_KEYS};
use crate::limit::GuardBand;
use benchtop_instrument::{Class, Function, InputImpedance, Trigger};
use benchtop_notation::{Diagnostic, Diagnostics, Key, Keys, Shape, Table, Value};

/// The keys of one kind of table.
#[derive(Debug)]
pub(super) struct Vocabulary {
    /// Read by this version.
    pub(super) keys: &'static Keys,
    /// Planned: the key, and what to call it in the refusal.
    later: &'static [(&'static str, &'static str)],
}

fn classes() -> Vec<&'static str> {
    Class::ALL.iter().map(|(word, _)| *word).collect()
}

fn functions() -> Vec<&'static str> {
    Function::ALL.iter().map(|(word, _)| *word).collect()
}

fn triggers() -> Vec<&'static str> {
    Trigger::ALL.iter().map(|(word, _)| *word).collect()
}

fn input_impedances() -> Vec<&'static str> {
    InputImpedance::ALL.iter().map(|(word, _)| *word).collect()
}

static FILE_KEYS: Keys = Keys {
    title: "procedure file",
    keys: &[
        Key::new("procedure", Shape::Table(&PROCEDURE_KEYS), "Which procedure this is.").required(),
        Key::new(
            "unit_under_test",
            Shape::Table(&UNIT_UNDER_TEST_KEYS),
            "What is known of the units that it tests.",
        ),
        Key::new(
            "instruments",
            Shape::Named(&INSTRUMENT_KEYS),
            "The instruments that it needs, by names of your own; the station file says which instrument each one is.",
        ),
        Key::new(
            "setup",
            Shape::Tables(&STEP_KEYS),
            "Runs first; a failure here skips the steps, never the teardown.",
        ),
        Key::new("steps", Shape::Tables(&STEP_KEYS), "The test, in order."),
        Key::new(
            "teardown",
            Shape::Tables(&STEP_KEYS),
            "Always runs, however the test went.",
        ),
        Key::new(
            "parameters",
            Shape::Named(&shared::PARAMETER_KEYS),
            "What a run may choose: { param = \"name\" } stands for the value, param.name in an expression.",
        ),
        Key::new(
            "variants",
            Shape::Map(&Shape::Map(&SCALAR)),
            "Values of parameters by part number.",
        ),
        Key::new(
            "limits",
            Shape::Text,
            "The limits file, beside this one; a measurement with a limit there has none here.",
        ),
        shared::FIXTURE_SETUP,
        shared::FIXTURE_TEARDOWN,
        shared::INCLUDE,
    ],
};

pub(super) static FILE: Vocabulary = Vocabulary {
    keys: &FILE_KEYS,
    later: &[],
};

static PROCEDURE_KEYS: Keys = Keys {
    title: "procedure",
    keys: &[
        Key::new(
            "id",
            Shape::Text,
            "What records and TofuPilot know it by: 1 to 60 of A-Z a-z 0-9 _ . : + -.",
        )
        .required(),
        Key::new(
            "version",
            Shape::Text,
            "Its version, as text of the same characters; raise it with every change of a limit.",
        )
        .required(),
        Key::new("name", Shape::Text, "Its name for people; the id if left out."),
        Key::new(
            "timeout",
            Shape::Quantity,
            "How long setup and steps may take together, \"5 min\"; then the run is a TIMEOUT, and the teardown runs.",
        ),
    ],
};

pub(super) static PROCEDURE: Vocabulary = Vocabulary {
    keys: &PROCEDURE_KEYS,
    later: &[],
};

static UNIT_UNDER_TEST_KEYS: Keys = Keys {
    title: "unit under test",
    keys: &[
        Key::new(
            "serial_number",
            Shape::Pattern,
            "A regular expression that the whole serial number must match, checked before power; \\d \\w \\s are ASCII.",
        ),
        Key::new(
            "part_number",
            Shape::Text,
            "The part that this procedure tests; another one is refused.",
        ),
        Key::new(
            "revision",
            Shape::Pattern,
            "The run must name the unit's revision, and the whole of it must match this regular expression.",
        ),
        Key::new(
            "batch_number",
            Shape::Pattern,
            "The run must name the unit's batch, and the whole of it must match this regular expression.",
        ),
        Key::new(
            "sub_units",
            Shape::List(&Shape::Pattern),
            "The run must name so many units inside this one; each serial number must match its regular expression.",
        ),
        Key::new(
            "retest",
            Shape::Text,
            "When a unit comes back: \"allow\" (if left out), \"ask\" the operator, or, for example, \"max 3\" tests in all.",
        ),
    ],
};

pub(super) static UNIT_UNDER_TEST: Vocabulary = Vocabulary {
    keys: &UNIT_UNDER_TEST_KEYS,
    later: &[],
};

static INSTRUMENT_KEYS: Keys = Keys {
    title: "instrument",
    keys: &[
        Key::new("class", Shape::Word(classes), "What kind of instrument it is.").required(),
        Key::new(
            "needs",
            Shape::List(&Shape::Word(functions)),
            "What it must be able to measure; a station whose instrument cannot is refused.",
        ),
        Key::new(
            "belongs_to",
            Shape::Word(|| vec!["station", "uut"]),
            "Whose a console is: with \"uut\" no answer, a wrong answer or a closed link is a FAIL of the unit.",
        ),
    ],
};

pub(super) static INSTRUMENT: Vocabulary = Vocabulary::of(&INSTRUMENT_KEYS);

static STEP_KEYS: Keys = Keys {
    title: "step",
    keys: &[
        Key::new("name", Shape::Text, "Its name, which no other step has.").required(),
        Key::new(
            "measurements",
            Shape::Tables(&MEASUREMENT_KEYS),
            "What to measure and judge, in order.",
        ),
        Key::new(
            "set",
            Shape::Table(&set::SET_KEYS),
            "A setting to change; limits go out and are read back first, the output goes on last, whatever order the keys have.",
        ),
        Key::new("wait", Shape::Quantity, "How long to wait, such as \"250 ms\"."),
        Key::new(
            "prompt",
            Shape::Table(&PROMPT_KEYS),
            "A question to the operator, whose answer is judged.",
        ),
        Key::new(
            "exec",
            Shape::Table(&EXEC_KEYS),
            "A command of the station's computer, whose exit code and output are judged.",
        ),
        Key::new(
            "query",
            Shape::Table(&QUERY_KEYS),
            "A raw program message to an instrument: the way out where no other step does it.",
        ),
        Key::new(
            "send",
            Shape::Table(&SEND_KEYS),
            "A text that is sent on the unit's own link.",
        ),
        Key::new(
            "expect",
            Shape::Table(&EXPECT_KEYS),
            "What the unit must say on its own link.",
        ),
        Key::new("timeout", Shape::Quantity, "How long one attempt may take."),
        Key::new(
            "retry",
            Shape::Table(&RETRY_KEYS),
            "When it is tried again; all attempts are kept, the last one decides.",
        ),
        Key::new(
            "on_fail",
            Shape::Word(|| vec!["continue", "stop"]),
            "What a FAIL does to the steps behind it; they run if left out.",
        ),
        Key::new(
            "when",
            Shape::Text,
            "A condition over earlier outcomes, measurements and parameters; where it does not hold, the step is skipped.",
        ),
        Key::new(
            "for_each",
            Shape::Table(&shared::FOR_EACH_KEYS),
            "Runs the step or the group once for each value of a parameter; { param = \"name\" } stands for the value.",
        ),
        Key::new(
            "steps",
            Shape::Tables(&STEP_KEYS),
            "Makes a group of it: steps that are swept, tried again and left out together.",
        ),
        shared::LOCK,
    ],
};

pub(super) static STEP: Vocabulary = Vocabulary {
    keys: &STEP_KEYS,
    later: &[],
};

/// What a step can be; it holds exactly one of these keys.
pub(super) const STEP_KINDS: &[&str] = &[
    "measurements",
    "set",
    "wait",
    "prompt",
    "exec",
    "query",
    "send",
    "expect",
];

/// Planned keys that make a step what it is: it needs no other kind then.
pub(super) const LATER_STEP_KINDS: &[&str] = &[];

static MEASUREMENT_KEYS: Keys = Keys {
    title: "measurement",
    keys: &[
        Key::new("name", Shape::Text, "Its name, which no other measurement has.").required(),
        Key::new(
            "instrument",
            Shape::Text,
            "The instrument that measures, as it is called under [instruments].",
        ),
        Key::new(
            "channel",
            Shape::Either(&[Shape::Integer(1), Shape::Text]),
            "The input or output channel: its number, \"@101\", or the name that the station gives it; 1 if left out.",
        ),
        Key::new("function", Shape::Word(functions), "What is measured."),
        Key::new(
            "compute",
            Shape::Text,
            "In place of an instrument: an expression over earlier measurements, parameters and quantities.",
        ),
        Key::new(
            "range",
            Shape::Either(&[Shape::Quantity, Shape::Word(|| vec!["auto"])]),
            "The largest value expected: the meter takes the smallest range that holds it; \"auto\" lets it choose.",
        ),
        Key::new("range_exact", Shape::Quantity, "Exactly this range."),
        Key::new(
            "allow_autorange_in_series",
            Shape::Boolean,
            "Allows range = \"auto\" for a current: the supply of the unit is interrupted while the meter chooses.",
        ),
        Key::new("nplc", Shape::Number, "Integration time in power-line cycles."),
        Key::new(
            "autozero",
            Shape::Boolean,
            "Autozero on or off, where the meter has a choice; otherwise as its definition has it.",
        ),
        Key::new(
            "input_impedance",
            Shape::Word(input_impedances),
            "Resistance of the voltage input, where the meter has a choice.",
        ),
        Key::new(
            "aperture",
            Shape::Quantity,
            "Integration time in seconds, instead of nplc, where the meter has that.",
        ),
        Key::new(
            "resolution",
            Shape::Quantity,
            "The smallest step wanted, instead of nplc: the meter chooses the integration time.",
        ),
        Key::new(
            "samples",
            Shape::Integer(1),
            "Readings whose mean is the value; all of them are recorded with their spread. 1 if left out.",
        ),
        Key::new(
            "discard",
            Shape::Integer(0),
            "Readings taken before them that do not count.",
        ),
        Key::new("delay", Shape::Quantity, "From the trigger to each reading."),
        Key::new(
            "trigger",
            Shape::Word(triggers),
            "What lets the meter begin: at once, an edge at its trigger input, or a command when all else is set.",
        ),
        Key::new(
            "statistics",
            Shape::Boolean,
            "Mean, smallest and largest of the samples are the meter's own, and the readings are not transferred.",
        ),
        REDUCE_KEY,
        Key::new(
            "poll",
            Shape::Table(&POLL_KEYS),
            "Measures again until the value is good; the last reading is judged.",
        ),
        Key::new(
            "unit",
            Shape::Text,
            "The unit of the value, of its limits and of the record: V, mV, Ohm, kHz.",
        ),
        Key::new(
            "limit",
            Shape::Table(&LIMIT_KEYS),
            "What judges the value; without it the value is recorded and not judged.",
        ),
    ],
};

pub(super) static MEASUREMENT: Vocabulary = Vocabulary {
    keys: &MEASUREMENT_KEYS,
    later: &[],
};

static POLL_KEYS: Keys = Keys {
    title: "poll",
    keys: &[
        Key::new(
            "until",
            Shape::Word(|| vec!["in_limit", "stable"]),
            "Good is within its limit, or stable within a band.",
        )
        .required(),
        Key::new(
            "band",
            Shape::NumberOrQuantity,
            "How far apart the readings may be that count as stable.",
        ),
        Key::new("hold", Shape::Quantity, "How long it must stay good."),
        Key::new(
            "every",
            Shape::Quantity,
            "From one reading's beginning to the next; as fast as they come if left out.",
        ),
        Key::new("for", Shape::Quantity, "How long it may take in all; later is a FAIL.").required(),
    ],
};

pub(super) static POLL: Vocabulary = Vocabulary {
    keys: &POLL_KEYS,
    later: &[],
};

pub(super) static LIMIT_KEYS: Keys = Keys {
    title: "limit",
    keys: &[
        Key::new("low", Shape::NumberOrQuantity, "The smallest value that passes."),
        Key::new("high", Shape::NumberOrQuantity, "The largest value that passes."),
        Key::new(
            "nominal",
            Shape::NumberOrQuantity,
            "The nominal value; its tolerance says how far from it a value may lie.",
        ),
        Key::new(
            "tolerance",
            Shape::NumberOrQuantity,
            "How far from the nominal on either side, both ends included: in the unit, or \"2 %\" of the nominal.",
        ),
        Key::new(
            "outside",
            Shape::Table(&OUTSIDE_KEYS),
            "A band in which nothing passes: a value passes below its low or above its high, never on them.",
        ),
        Key::new("equals", SCALAR, "The only value that passes, exactly."),
        Key::new("one_of", Shape::List(&SCALAR), "The only values that pass, exactly."),
        Key::new(
            "matches",
            Shape::Pattern,
            "A regular expression that the whole text must match; \\d \\w \\s are ASCII.",
        ),
        Key::new(
            "marginal",
            Shape::Table(&MARGINAL_KEYS),
            "A warning band inside the limit: a value that passes outside of it is marked in the record.",
        ),
        Key::new(
            "guard_band",
            Shape::Either(&[
                Shape::Word(|| GuardBand::WORDS.iter().map(|(word, _)| *word).collect()),
                Shape::NumberOrQuantity,
            ]),
            "How far inside its bounds a value must lie to pass: none, u95 (its uncertainty), z540.3-method6, or a fixed width.",
        ),
        Key::new(
            "overrange",
            Shape::Word(|| vec!["accept"]),
            "A reading beyond the range passes; only with a low alone, on a range that reaches it.",
        ),
    ],
};

const SCALAR: Shape = Shape::Either(&[Shape::Number, Shape::Text, Shape::Boolean]);

pub(super) static LIMIT: Vocabulary = Vocabulary {
    keys: &LIMIT_KEYS,
    later: &[],
};

static OUTSIDE_KEYS: Keys = Keys {
    title: "outside",
    keys: &[
        Key::new("low", Shape::NumberOrQuantity, "A value below it passes.").required(),
        Key::new("high", Shape::NumberOrQuantity, "A value above it passes.").required(),
    ],
};

/// The band in which nothing passes.
pub(super) static OUTSIDE: Vocabulary = Vocabulary {
    keys: &OUTSIDE_KEYS,
    later: &[],
};

static MARGINAL_KEYS: Keys = Keys {
    title: "marginal",
    keys: &[
        Key::new(
            "low",
            Shape::NumberOrQuantity,
            "A value that passes and lies below it is marginal.",
        ),
        Key::new(
            "high",
            Shape::NumberOrQuantity,
            "A value that passes and lies above it is marginal.",
        ),
    ],
};

/// Where the warning bands end.
pub(super) static MARGINAL: Vocabulary = Vocabulary {
    keys: &MARGINAL_KEYS,
    later: &[],
};

static RETRY_KEYS: Keys = Keys {
    title: "retry",
    keys: &[
        Key::new(
            "attempts",
            Shape::Integer(1),
            "How often it is tried in all, the first attempt included.",
        )
        .required(),
        Key::new(
            "on",
            Shape::List(&Shape::Word(|| vec!["error", "fail", "timeout"])),
            "What makes it try again; an error if left out.",
        ),
        Key::new("delay", Shape::Quantity, "How long to wait between two attempts."),
    ],
};

pub(super) static RETRY: Vocabulary = Vocabulary {
    keys: &RETRY_KEYS,
    later: &[],
};

/// Classes of instruments that are planned.
pub(super) const LATER_CLASSES: &[&str] = &["dc_load", "ac_power", "counter", "oscilloscope", "scanner"];

impl Vocabulary {
    /// Keys that are all read by this version.
    pub(super) const fn of(keys: &'static Keys) -> Self {
        Self { keys, later: &[] }
    }

    /// All keys that are not a slip of the pen.
    pub(super) fn all(&self) -> Vec<&'static str> {
        self.keys
            .names()
            .into_iter()
            .chain(self.later.iter().map(|(key, _)| *key))
            .collect()
    }

    /// Opens a table, reporting unknown and planned keys.
    pub(super) fn open<'d>(&self, sink: &mut Diagnostics, value: Value<'d>) -> Option<Table<'d>> {
        let table = value.table(sink, &self.all())?;
        self.refuse_planned(sink, &table);
        Some(table)
    }

    /// Opens an array of tables, reporting unknown and planned keys.
    pub(super) fn open_each<'d>(&self, sink: &mut Diagnostics, value: Value<'d>) -> Option<Vec<Table<'d>>> {
        let tables = value.tables(sink, &self.all())?;
        for table in &tables {
            self.refuse_planned(sink, table);
        }
        Some(tables)
    }

    /// Reports the planned keys of a table.
    pub(super) fn refuse_planned(&self, sink: &mut Diagnostics, table: &Table<'_>) {
        for (key, name) in self.later {
            if let Some(span) = table.key_span(key) {
                let message = format!("{name} is not supported yet in this version");
                sink.push(Diagnostic::error(span, &message));
            }
        }
    }
}
