//! The keys of sweeps, of parameters, of limits files and of included files.

use super::{LIMIT_KEYS, SCALAR, STEP_KEYS, Vocabulary};
use crate::reduction::Reducer;
use benchtop_notation::{Key, Keys, Shape};

pub(super) static PARAMETER_KEYS: Keys = Keys {
    title: "parameter",
    keys: &[
        Key::new(
            "default",
            SCALAR,
            "Its value unless the run, the variant or the station says another; says what it is, too: a text, true or false, a number, a quantity.",
        )
        .required(),
        Key::new("min", Shape::NumberOrQuantity, "The smallest value that is taken."),
        Key::new("max", Shape::NumberOrQuantity, "The largest value that is taken."),
        Key::new("one_of", Shape::List(&SCALAR), "The only values that are taken."),
    ],
};

/// A parameter of the run.
pub(in crate::parse) static PARAMETER: Vocabulary = Vocabulary {
    keys: &PARAMETER_KEYS,
    later: &[],
};

pub(super) const INCLUDE: Key = Key::new(
    "include",
    Shape::List(&Shape::Text),
    "Files with setup, steps and teardown, beside this one: theirs come first, their teardown last.",
);

pub(super) const FIXTURE_SETUP: Key = Key::new(
    "fixture_setup",
    Shape::Tables(&STEP_KEYS),
    "Runs once, before the setup, however many slots there are: what the slots share is set here.",
);

pub(super) const FIXTURE_TEARDOWN: Key = Key::new(
    "fixture_teardown",
    Shape::Tables(&STEP_KEYS),
    "Runs once, when every slot is through with its teardown.",
);

pub(super) const LOCK: Key = Key::new(
    "lock",
    Shape::List(&Shape::Text),
    "Of a group: the instruments that it holds across its steps while other slots run.",
);

static INCLUDED_KEYS: Keys = Keys {
    title: "included file",
    keys: &[
        INCLUDE,
        FIXTURE_SETUP,
        FIXTURE_TEARDOWN,
        Key::new(
            "setup",
            Shape::Tables(&STEP_KEYS),
            "Runs before the setup of the procedure.",
        ),
        Key::new(
            "steps",
            Shape::Tables(&STEP_KEYS),
            "Run before the steps of the procedure.",
        ),
        Key::new(
            "teardown",
            Shape::Tables(&STEP_KEYS),
            "Runs behind the teardown of the procedure.",
        ),
    ],
};

/// A file that procedures share.
pub(in crate::parse) static INCLUDED: Vocabulary = Vocabulary {
    keys: &INCLUDED_KEYS,
    later: &[],
};

static LIMITS_OF_PART_KEYS: Keys = Keys {
    title: "limits of a part",
    keys: &[Key::new(
        "limits",
        Shape::Named(&LIMIT_KEYS),
        "Limits of this part, by measurement, in place of those of all parts.",
    )],
};

/// What a limits file says of one part.
pub(in crate::parse) static LIMITS_OF_PART: Vocabulary = Vocabulary {
    keys: &LIMITS_OF_PART_KEYS,
    later: &[],
};

static LIMITS_FILE_KEYS: Keys = Keys {
    title: "limits file",
    keys: &[
        Key::new("revision", Shape::Text, "Its revision, which is recorded.").required(),
        Key::new("limits", Shape::Named(&LIMIT_KEYS), "Limits by measurement."),
        Key::new(
            "variants",
            Shape::Named(&LIMITS_OF_PART_KEYS),
            "What is different for a part, by part number.",
        ),
    ],
};

/// A limits file.
pub(in crate::parse) static LIMITS_FILE: Vocabulary = Vocabulary {
    keys: &LIMITS_FILE_KEYS,
    later: &[],
};

pub(super) static FOR_EACH_KEYS: Keys = Keys {
    title: "for each",
    keys: &[
        Key::new(
            "param",
            Shape::Text,
            "The name of the parameter: letters, digits and _.",
        )
        .required(),
        Key::new("values", Shape::List(&SCALAR), "Its values, one turn each."),
        Key::new("start", Shape::NumberOrQuantity, "The first value of a range."),
        Key::new("stop", Shape::NumberOrQuantity, "The last value of a range."),
        Key::new(
            "step",
            Shape::NumberOrQuantity,
            "From one value to the next, exact; the last one is not beyond stop.",
        ),
        Key::new("points", Shape::Integer(2), "How many values, both ends among them."),
        Key::new(
            "scale",
            Shape::Word(|| vec!["linear", "log"]),
            "How the points lie between the ends; linear if left out.",
        ),
    ],
};

/// What a sweep is made of.
pub(in crate::parse) static FOR_EACH: Vocabulary = Vocabulary {
    keys: &FOR_EACH_KEYS,
    later: &[],
};

pub(in crate::parse) const REDUCE_KEY: Key = Key::new(
    "reduce",
    Shape::Tables(&REDUCE_KEYS),
    "Numbers that stand for an array (its samples, the numbers of an answer), each a measurement of its own; the array is recorded.",
);

static REDUCE_KEYS: Keys = Keys {
    title: "reduction",
    keys: &[
        Key::new("name", Shape::Text, "Its name, which no other measurement has.").required(),
        Key::new("by", Shape::Word(reducers), "How the number is made of the array.").required(),
        Key::new(
            "p",
            Shape::Number,
            "Which percentile, from 0 to 100; between two numbers of the array it lies on the line from one to the other.",
        ),
        Key::new("unit", Shape::Text, "Its unit; that of the array if left out."),
        Key::new(
            "limit",
            Shape::Table(&LIMIT_KEYS),
            "What judges the number; without it the number is recorded and not judged.",
        ),
    ],
};

fn reducers() -> Vec<&'static str> {
    let words = Reducer::WORDS.iter().map(|(word, _)| *word);
    words.chain([Reducer::PERCENTILE]).collect()
}

/// A number that stands for an array.
pub(in crate::parse) static REDUCE: Vocabulary = Vocabulary {
    keys: &REDUCE_KEYS,
    later: &[],
};
