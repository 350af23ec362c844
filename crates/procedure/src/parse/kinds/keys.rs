//! The keys of the steps in which something is said.

use super::super::vocabulary::{LIMIT_KEYS, REDUCE_KEY, Vocabulary};
use crate::block::{ByteOrder, SampleFormat};
use benchtop_notation::{Key, Keys, Shape};

pub(in crate::parse) static PROMPT_KEYS: Keys = Keys {
    title: "prompt",
    keys: &[
        Key::new(
            "name",
            Shape::Text,
            "The name of the answer, as a measurement that no other one has; --answer and the bench file use it.",
        )
        .required(),
        Key::new("message", Shape::Text, "What the operator is asked.").required(),
        Key::new(
            "image",
            Shape::Text,
            "A picture that shows what is meant: a path, relative to the procedure's folder.",
        ),
        Key::new(
            "kind",
            Shape::Word(|| vec!["yes_no", "text", "number", "choice"]),
            "What kind of answer it takes.",
        )
        .required(),
        Key::new(
            "passes",
            Shape::Word(|| vec!["yes", "no"]),
            "Which answer to a yes_no passes; the other one is a FAIL.",
        ),
        Key::new("unit", Shape::Text, "The unit of a number."),
        Key::new("choices", Shape::List(&Shape::Text), "The answers of a choice."),
        Key::new(
            "limit",
            Shape::Table(&LIMIT_KEYS),
            "What judges a text, a number or a choice; without it the answer is recorded and not judged.",
        ),
    ],
};

pub(super) static PROMPT: Vocabulary = Vocabulary::of(&PROMPT_KEYS);

pub(in crate::parse) static EXEC_KEYS: Keys = Keys {
    title: "exec",
    keys: &[
        Key::new(
            "argv",
            Shape::List(&Shape::Text),
            "The program and its arguments, each by itself; no shell reads them. It works in the procedure's folder.",
        )
        .required(),
        Key::new(
            "exit_code",
            Shape::Table(&EXIT_CODE_KEYS),
            "How its exit code is called and judged; only 0 passes if left out.",
        ),
        Key::new(
            "measurements",
            Shape::Tables(&EXEC_MEASUREMENT_KEYS),
            "What is taken from what it says.",
        ),
        Key::new(
            "attachments",
            Shape::Tables(&ATTACHMENT_KEYS),
            "Files that it writes and that are kept with the record.",
        ),
    ],
};

pub(super) static EXEC: Vocabulary = Vocabulary::of(&EXEC_KEYS);

static EXIT_CODE_KEYS: Keys = Keys {
    title: "exit code",
    keys: &[
        Key::new(
            "name",
            Shape::Text,
            "Its name as a measurement; the step's name and `exit code` if left out.",
        ),
        Key::new(
            "limit",
            Shape::Table(&LIMIT_KEYS),
            "Which exit codes pass; only 0 if left out.",
        ),
    ],
};

pub(super) static EXIT_CODE: Vocabulary = Vocabulary::of(&EXIT_CODE_KEYS);

static ATTACHMENT_KEYS: Keys = Keys {
    title: "attachment",
    keys: &[
        Key::new(
            "path",
            Shape::Text,
            "Where the file is, relative to the procedure's folder. It is removed before the command starts.",
        )
        .required(),
        Key::new(
            "most_bytes",
            Shape::Integer(1),
            "A larger file is an Error; 64 MiB if left out.",
        ),
    ],
};

pub(super) static ATTACHMENT: Vocabulary = Vocabulary::of(&ATTACHMENT_KEYS);

const NAME: Key = Key::new("name", Shape::Text, "Its name, which no other measurement has.").required();
const KIND: Key = Key::new(
    "kind",
    Shape::Word(|| vec!["number", "text", "boolean", "numbers"]),
    "What kind of value it is: a number where a unit is written and a text where none is, if left out.",
);
const UNIT: Key = Key::new(
    "unit",
    Shape::Text,
    "The unit of a number, of its limits and of the record.",
);
const LIMIT: Key = Key::new(
    "limit",
    Shape::Table(&LIMIT_KEYS),
    "What judges the value; without it the value is recorded and not judged.",
);
const GROUP: Key = Key::new(
    "group",
    Shape::Either(&[Shape::Text, Shape::Integer(0)]),
    "The group of the regular expression that holds the value, by name or number; the first one, or all of it, if left out.",
);

static EXEC_MEASUREMENT_KEYS: Keys = Keys {
    title: "exec measurement",
    keys: &[
        NAME,
        KIND,
        UNIT,
        LIMIT,
        REDUCE_KEY,
        Key::new(
            "from",
            Shape::Word(|| vec!["stdout", "stderr"]),
            "Which of its two streams; stdout if left out.",
        ),
        Key::new(
            "pattern",
            Shape::Pattern,
            "A regular expression that is looked for; for `numbers` every place where it matches counts.",
        ),
        GROUP,
        Key::new(
            "json",
            Shape::Text,
            "A JSON pointer, such as \"/rails/0/voltage\", into output that is JSON.",
        ),
    ],
};

pub(super) static EXEC_MEASUREMENT: Vocabulary = Vocabulary::of(&EXEC_MEASUREMENT_KEYS);

pub(in crate::parse) static QUERY_KEYS: Keys = Keys {
    title: "query",
    keys: &[
        Key::new(
            "instrument",
            Shape::Text,
            "The instrument, as it is called under [instruments].",
        )
        .required(),
        Key::new(
            "message",
            Shape::Text,
            "A program message as the instrument's manual has it; one with a ? is answered.",
        )
        .required(),
        Key::new(
            "measurements",
            Shape::Tables(&QUERY_MEASUREMENT_KEYS),
            "What is taken from the answer.",
        ),
        Key::new(
            "attachment",
            Shape::Text,
            "A file name: the answer is kept under it with the record, of a binary block what it holds. A picture of the screen, a waveform.",
        ),
    ],
};

pub(super) static QUERY: Vocabulary = Vocabulary::of(&QUERY_KEYS);

static QUERY_MEASUREMENT_KEYS: Keys = Keys {
    title: "query measurement",
    keys: &[
        NAME,
        KIND,
        UNIT,
        LIMIT,
        REDUCE_KEY,
        Key::new(
            "pattern",
            Shape::Pattern,
            "A regular expression that is looked for in the answer; the whole answer is the value if left out.",
        ),
        GROUP,
        Key::new(
            "block",
            Shape::Table(&BLOCK_KEYS),
            "The answer is a block of binary numbers (IEEE 488.2: `#`, digits, a length, bytes), written like this.",
        ),
    ],
};

static BLOCK_KEYS: Keys = Keys {
    title: "block",
    keys: &[
        Key::new(
            "format",
            Shape::Word(|| SampleFormat::ALL.iter().map(|(word, _)| *word).collect()),
            "What each number is; the instrument's manual says it, or a command chooses it.",
        )
        .required(),
        Key::new(
            "byte_order",
            Shape::Word(|| ByteOrder::ALL.iter().map(|(word, _)| *word).collect()),
            "Whether the most (big) or the least significant byte (little) of a number comes first; written where it has several.",
        ),
        Key::new(
            "scale",
            Shape::NumberOrQuantity,
            "What each number is multiplied by, in the unit; 1 if left out.",
        ),
        Key::new(
            "offset",
            Shape::NumberOrQuantity,
            "What is added then, in the unit; 0 if left out.",
        ),
    ],
};

/// How the numbers of a block are written.
pub(super) static BLOCK: Vocabulary = Vocabulary::of(&BLOCK_KEYS);

pub(super) static QUERY_MEASUREMENT: Vocabulary = Vocabulary::of(&QUERY_MEASUREMENT_KEYS);

const CONSOLE: Key = Key::new(
    "instrument",
    Shape::Text,
    "The console, as it is called under [instruments].",
)
.required();

pub(in crate::parse) static SEND_KEYS: Keys = Keys {
    title: "send",
    keys: &[
        CONSOLE,
        Key::new(
            "text",
            Shape::Text,
            "What is sent, as it is: write the line's end with it, \"version\\r\\n\".",
        )
        .required(),
        Key::new(
            "discard_unread",
            Shape::Boolean,
            "Forgets first what the unit said and no step waited for.",
        ),
    ],
};

pub(super) static SEND: Vocabulary = Vocabulary::of(&SEND_KEYS);

pub(in crate::parse) static EXPECT_KEYS: Keys = Keys {
    title: "expect",
    keys: &[
        CONSOLE,
        Key::new(
            "pattern",
            Shape::Pattern,
            "A regular expression that is waited for, anywhere in what the unit has said since the last one.",
        )
        .required(),
        Key::new(
            "fails_on",
            Shape::Pattern,
            "A regular expression that ends the wait as a failure, such as 'panic|ERROR'.",
        ),
        Key::new("within", Shape::Quantity, "How long to wait; 5 s if left out."),
        Key::new(
            "measurements",
            Shape::Tables(&EXPECT_MEASUREMENT_KEYS),
            "What is taken from what matched.",
        ),
    ],
};

pub(super) static EXPECT: Vocabulary = Vocabulary::of(&EXPECT_KEYS);

static EXPECT_MEASUREMENT_KEYS: Keys = Keys {
    title: "expect measurement",
    keys: &[NAME, KIND, UNIT, LIMIT, REDUCE_KEY, GROUP],
};

pub(super) static EXPECT_MEASUREMENT: Vocabulary = Vocabulary::of(&EXPECT_MEASUREMENT_KEYS);
