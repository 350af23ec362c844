//! What the driver tests of `PyMeasure` say to the models, all of it, with the answers that they expect.
//!
//! Each dialogue of `fixtures/dialogues/pymeasure.json` is held with a fresh instrument of its model. Every message must leave
//! the error queue empty. Every answer must be the recorded one in value: what a dialogue asks for without having set it is set
//! to the recorded answer before. Where that cannot be (a reading, the state of terminals), an answer must have the recorded form.

use super::on_virtual_clock;
use crate::{Model, SimulatedBench};
use benchtop_instrument::{Clock, ErrorKind, Session};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::Arc,
    time::Duration,
};

/// The drivers of the recording, and what they drive.
const MODELS: &[(&str, &str)] = &[
    ("HP34401A", "hp/34401a"),
    ("Agilent34450A", "keysight/34450a"),
    ("Keithley2000", "keithley/2000"),
    ("Keithley2182", "keithley/2182"),
    ("Keithley2400", "keithley/2400"),
    ("KeithleyDMM6500", "keithley/dmm6500"),
    ("KeithleyDAQ6510", "keithley/daq6510"),
];

/// Older than SCPI: it has no `*IDN?` and no error queue, and there is no model of it.
const EXEMPT: &str = "HP3478A";

/// What must have happened before a message, by the place of its dialogue in the file: what its author took for granted.
const BEFORE: &[(usize, &str, &str)] = &[
    // a reading is fetched, or counted, where one was taken
    (58, "FETC?", "INIT"),
    (66, "DATA:POIN?", "INIT"),
    // the function is set with CONFigure, and asked for with CONFigure?
    (233, ":CONF?", ":CONF:VOLT:AC"),
    // the error that is asked for
    (338, "SYST:ERR?", "NONSENSE"),
];

/// What a model does in place of what is recorded.
#[derive(Clone, Copy, Debug)]
enum Instead {
    /// Its errors begin so.
    Refuses(&'static str),
    /// It answers this.
    Answers(&'static str),
    /// Its answer begins so.
    Begins(&'static str),
    /// It answers with the value that this word stands for.
    AnswersFor(&'static str),
}

/// What a model rightly does not take, or answers otherwise.
struct Exception {
    /// The dialogues, by their places in the file.
    places: &'static [usize],
    /// Messages whose header ends so.
    header: &'static str,
    instead: Instead,
    why: &'static str,
}

/// All of them; one that is of no use fails the test.
const EXCEPTIONS: &[Exception] = &[
    Exception {
        places: &[18, 24, 25, 26, 27],
        header: ":RES",
        instead: Instead::Refuses("-113"),
        why: "the guide of the 34401A has no resolution of ratio, frequency, period, continuity and diodes",
    },
    Exception {
        places: &[29, 30, 32, 35, 36, 37, 38],
        header: ":NPLC",
        instead: Instead::Refuses("-113"),
        why: "the guide of the 34401A has no integration time of ratio, frequency, period, continuity, diodes and what alternates",
    },
    Exception {
        places: &[17, 19, 20, 21, 22, 23],
        header: ":RES",
        instead: Instead::AnswersFor("MAX"),
        why: "1 is coarser than any resolution that the range has: the meter takes the coarsest",
    },
    Exception {
        places: &[65],
        header: "SYST:VERS",
        instead: Instead::Answers("1991.0"),
        why: "the guide of the 34401A names the version",
    },
    Exception {
        places: &[231, 232],
        header: ":RANG",
        instead: Instead::Answers("+1.00000000E+03"),
        why: "a range is answered by its full scale, and not by the value that it was chosen for",
    },
    Exception {
        places: &[270],
        header: ":LFR",
        instead: Instead::Answers("50"),
        why: "the mains of the bench have 50 Hz, and cannot be set",
    },
    Exception {
        places: &[304],
        header: ":TIME",
        instead: Instead::Begins("Thu Jan  1 00:"),
        why: "a clock goes on: only how it is written can be the same",
    },
    Exception {
        places: &[305],
        header: "ROUT:TERM",
        instead: Instead::Answers("FRON"),
        why: "a switch on the panel, which no message moves",
    },
    Exception {
        places: &[331],
        header: ":RANG",
        instead: Instead::Answers("100"),
        why: "a range is answered by its full scale, and not by the value that it was chosen for",
    },
    Exception {
        places: &[332],
        header: ":RANG 15",
        instead: Instead::Refuses("-222"),
        why: "the manual of the 2182A lets channel 2 take no more than 12 V, and no source says that it is cut down",
    },
    Exception {
        places: &[332],
        header: ":RANG",
        instead: Instead::Answers("10"),
        why: "what was refused was not set",
    },
    Exception {
        places: &[337],
        header: "*IDN",
        instead: Instead::Answers("KEITHLEY INSTRUMENTS INC.,MODEL 2400,SIM-2400,C30   Mar 17 2006 09:29:29/A02  /K/J"),
        why: "the recorded one stands for a name: MODEL nnnn",
    },
    Exception {
        places: &[420, 422],
        header: ":ILINE",
        instead: Instead::Answers("+1"),
        why: "the lines of a trigger link are 1 to 4",
    },
    Exception {
        places: &[424, 426],
        header: ":OLINE",
        instead: Instead::Answers("+2"),
        why: "the lines of a trigger link are 1 to 4",
    },
];

/// What is compared of each driver's dialogues: a list that shrinks, here or in the file, is noticed.
const COMPARED: &[(&str, Count)] = &[
    (
        "Agilent34450A",
        Count {
            dialogues: 162,
            commands: 170,
            equal: 251,
            named: 48,
            numbers: 11,
            excepted: 0,
        },
    ),
    (
        "HP34401A",
        Count {
            dialogues: 68,
            commands: 80,
            equal: 104,
            named: 0,
            numbers: 2,
            excepted: 31,
        },
    ),
    (
        "Keithley2000",
        Count {
            dialogues: 6,
            commands: 8,
            equal: 1,
            named: 0,
            numbers: 1,
            excepted: 2,
        },
    ),
    (
        "Keithley2182",
        Count {
            dialogues: 7,
            commands: 6,
            equal: 4,
            named: 0,
            numbers: 1,
            excepted: 3,
        },
    ),
    (
        "Keithley2400",
        Count {
            dialogues: 103,
            commands: 164,
            equal: 44,
            named: 0,
            numbers: 4,
            excepted: 5,
        },
    ),
    (
        "KeithleyDAQ6510",
        Count {
            dialogues: 7,
            commands: 3,
            equal: 3,
            named: 0,
            numbers: 0,
            excepted: 0,
        },
    ),
    (
        "KeithleyDMM6500",
        Count {
            dialogues: 94,
            commands: 127,
            equal: 80,
            named: 0,
            numbers: 7,
            excepted: 3,
        },
    ),
];

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Dialogue {
    place: usize,
    driver: String,
    pairs: Vec<(String, Option<String>)>,
}

/// What was compared of a driver's dialogues.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Count {
    dialogues: usize,
    /// Messages that ask nothing, taken without an error.
    commands: usize,
    /// Answers equal in value to the recorded one.
    equal: usize,
    /// Answers with the value that the recorded word stands for: MIN, DEF or MAX.
    named: usize,
    /// Answers of as many numbers as the recorded one: readings.
    numbers: usize,
    /// Messages that an exception names.
    excepted: usize,
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn dialogues() -> Vec<Dialogue> {
    let text = fs::read_to_string(root().join("fixtures/dialogues/pymeasure.json")).unwrap();
    let rows: Vec<Value> = serde_json::from_str(&text).unwrap();
    let rows = rows.iter().enumerate();
    rows.map(|(place, row)| Dialogue {
        place,
        driver: row["driver"].as_str().unwrap().to_owned(),
        pairs: row["pairs"].as_array().unwrap().iter().map(pair).collect(),
    })
    .collect()
}

fn pair(pair: &Value) -> (String, Option<String>) {
    (
        pair[0].as_str().unwrap().to_owned(),
        pair[1].as_str().map(|answer| answer.trim_end().to_owned()),
    )
}

fn model(name: &str) -> Model {
    let definitions = |name: &str| {
        let file = format!("instruments/{name}/sim.toml");
        let text = fs::read_to_string(root().join(&file)).ok()?;
        Some((file, text))
    };
    let (file, text) = definitions(name).unwrap();
    Model::parse_inheriting(&file, &text, &definitions)
        .unwrap_or_else(|findings| panic!("{}", findings.render_human(false)))
}

/// An instrument, asked as a client would.
struct Client {
    session: Box<dyn Session>,
    clock: Arc<dyn Clock>,
}

impl Client {
    /// The answer, where one comes.
    async fn say(&mut self, message: &str) -> Option<String> {
        let deadline = self.clock.now().after(PATIENCE);
        self.session.write(message.as_bytes(), deadline).await.unwrap();
        if !message.contains('?') {
            return None;
        }
        match self.session.read(deadline).await {
            Ok(answer) => Some(String::from_utf8_lossy(&answer).trim_end().to_owned()),
            Err(error) if error.kind() == ErrorKind::Timeout => {
                let deadline = self.clock.now().after(PATIENCE);
                self.session.recover(deadline).await.unwrap();
                None
            }
            Err(error) => panic!("{message}: {error}"),
        }
    }

    /// The errors that were queued, all of them.
    async fn errors(&mut self) -> Vec<String> {
        let mut errors = Vec::new();
        loop {
            let error = self.say("SYST:ERR?").await.unwrap();
            if error.starts_with("0,") || error.starts_with("+0,") {
                return errors;
            }
            errors.push(error);
        }
    }

    /// Sets what a question asks for, where it can be set: as a word or number, or as a name in quotes.
    async fn arrange(&mut self, header: &str, answer: &str) {
        for value in [answer.to_owned(), format!("\"{answer}\"")] {
            self.say(&format!("{header} {value}")).await;
            if self.errors().await.is_empty() {
                return;
            }
        }
    }

    /// The value that a word stands for, as the instrument itself says: `RANG? MAX`.
    async fn value_of(&mut self, question: &str, word: &str) -> String {
        let answer = self.say(&format!("{question} {word}")).await;
        assert_eq!(self.errors().await, Vec::<String>::new(), "{question} {word}");
        answer.unwrap()
    }
}

/// The fields of an answer: numbers, or words without their quotes, whose case says nothing.
#[derive(Debug, PartialEq)]
enum Field {
    Number(f64),
    Word(String),
}

impl Field {
    fn all(answer: &str) -> Vec<Self> {
        let fields = answer.split(',').map(|field| field.trim().trim_matches('"'));
        fields
            .map(|field| match field.parse() {
                Ok(number) => Self::Number(number),
                Err(_) => Self::Word(field.to_lowercase()),
            })
            .collect()
    }

    fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => (one - other).abs() <= 1e-9 * other.abs(),
            (Self::Word(one), Self::Word(other)) => one == other,
            (Self::Number(_), Self::Word(_)) | (Self::Word(_), Self::Number(_)) => false,
        }
    }

    fn is_number(&self) -> bool {
        matches!(self, Self::Number(_))
    }
}

fn same(one: &str, other: &str, by: fn(&Field, &Field) -> bool) -> bool {
    let (one, other) = (Field::all(one), Field::all(other));
    one.len() == other.len() && one.iter().zip(&other).all(|(one, other)| by(one, other))
}

/// Both numbers, so many of them.
fn alike(one: &Field, other: &Field) -> bool {
    one.is_number() && other.is_number()
}

/// Readings: no value of theirs can be set, and as many numbers are all that can be compared.
fn is_reading(message: &str) -> bool {
    let message = message.trim_start_matches(':');
    let readings = ["READ?", "FETC?", "MEASURE:"];
    readings.iter().any(|header| message.starts_with(header))
}

/// What a message asks for or sets, without its arguments.
fn header(message: &str) -> &str {
    message.split(['?', ' ']).next().unwrap_or(message)
}

/// The exception for a message, if there is one.
fn exception(place: usize, message: &str) -> Option<usize> {
    EXCEPTIONS.iter().position(|exception| {
        let fits = header(message).ends_with(exception.header) || message.ends_with(exception.header);
        let asks = matches!(exception.instead, Instead::Refuses(_)) || message.contains('?');
        exception.places.contains(&place) && fits && asks
    })
}

/// What was found so far.
#[derive(Default)]
struct Found {
    counts: BTreeMap<String, Count>,
    wrong: Vec<String>,
    /// The exceptions that were of use: place in the list, and dialogue.
    used: BTreeSet<(usize, usize)>,
}

/// Brings an instrument into the state that the author of a dialogue took for granted.
async fn arrange(dialogue: &Dialogue, client: &mut Client) {
    let mut set: BTreeSet<&str> = BTreeSet::new();
    for (message, answer) in &dialogue.pairs {
        let Some(answer) = answer else {
            let parts = message.split(';').filter(|part| part.contains(' '));
            set.extend(parts.map(header));
            continue;
        };
        let can_be_set = !is_reading(message) && !message.starts_with('*') && !message.contains("ERR?");
        if set.insert(header(message)) && can_be_set && message.ends_with('?') {
            client.arrange(header(message), answer).await;
        }
    }
    client.errors().await;
}

async fn hold(dialogue: &Dialogue, model: &Model, clock: Arc<dyn Clock>, found: &mut Found) {
    let bench = SimulatedBench::lone("pymeasure", model, Arc::clone(&clock));
    let session = bench.session("instrument").unwrap();
    let mut client = Client { session, clock };
    arrange(dialogue, &mut client).await;
    let mut count = found.counts.get(&dialogue.driver).copied().unwrap_or_default();
    count.dialogues += 1;
    for (message, expected) in &dialogue.pairs {
        let before = BEFORE
            .iter()
            .find(|(place, next, _)| *place == dialogue.place && next == message);
        if let Some((_, _, before)) = before {
            client.say(before).await;
        }
        let answer = client.say(message).await;
        let errors = if message.contains("ERR?") {
            Vec::new()
        } else {
            client.errors().await
        };
        let is_right = if let Some(number) = exception(dialogue.place, message) {
            count.excepted += 1;
            found.used.insert((number, dialogue.place));
            match (EXCEPTIONS[number].instead, &answer) {
                (Instead::Refuses(code), None) => matches!(errors.as_slice(), [error, ..] if error.starts_with(code)),
                (Instead::Answers(text), Some(answer)) => answer == text && errors.is_empty(),
                (Instead::Begins(text), Some(answer)) => answer.starts_with(text) && errors.is_empty(),
                (Instead::AnswersFor(word), Some(answer)) => {
                    errors.is_empty() && *answer == client.value_of(message, word).await
                }
                _ => false,
            }
        } else {
            let compared = match (expected, &answer) {
                (None, None) => Some(&mut count.commands),
                (Some(expected), Some(answer)) if equal(message, answer, expected) => Some(&mut count.equal),
                (Some(word), Some(answer)) if ["MIN", "DEF", "MAX"].contains(&word.as_str()) => {
                    let value = client.value_of(message, word).await;
                    same(answer, &value, Field::equals).then_some(&mut count.named)
                }
                (Some(expected), Some(answer)) if is_reading(message) => {
                    same(answer, expected, alike).then_some(&mut count.numbers)
                }
                _ => None,
            };
            compared.map(|compared| *compared += 1).is_some() && errors.is_empty()
        };
        if !is_right {
            let place = dialogue.place;
            let line = format!("{place} {message}: {answer:?} {errors:?}, and recorded {expected:?}");
            found.wrong.push(line);
        }
    }
    found.counts.insert(dialogue.driver.clone(), count);
}

/// In all fields; of an identity in maker and model.
fn equal(message: &str, answer: &str, expected: &str) -> bool {
    if message == "*IDN?" {
        let name = |identity: &str| identity.split(',').take(2).map(str::to_owned).collect::<Vec<_>>();
        return name(answer) == name(expected);
    }
    same(answer, expected, Field::equals)
}

#[tokio::test]
async fn the_models_take_all_that_pymeasure_says_and_answer_as_its_tests_expect() {
    let found = on_virtual_clock(|clock| async move {
        let models: BTreeMap<&str, Model> = MODELS.iter().map(|(driver, name)| (*driver, model(name))).collect();
        let mut found = Found::default();
        for dialogue in dialogues() {
            match models.get(dialogue.driver.as_str()) {
                Some(model) => hold(&dialogue, model, Arc::clone(&clock), &mut found).await,
                None => assert_eq!(dialogue.driver, EXEMPT),
            }
        }
        found
    })
    .await;
    let wrong = found.wrong.join("\n");
    assert!(wrong.is_empty(), "{}\n{wrong}", found.wrong.len());
    for (number, exception) in EXCEPTIONS.iter().enumerate() {
        let used = |place: &usize| found.used.contains(&(number, *place));
        let unused: Vec<_> = exception.places.iter().filter(|place| !used(place)).collect();
        assert!(unused.is_empty(), "of no use at {unused:?}: {}", exception.why);
    }
    let expected: BTreeMap<String, Count> = COMPARED
        .iter()
        .map(|(driver, count)| ((*driver).to_owned(), *count))
        .collect();
    assert_eq!(found.counts, expected);
}

#[test]
fn the_recording_is_whole() {
    let dialogues = dialogues();
    assert_eq!(dialogues.len(), 453);
    let exempt: Vec<usize> = dialogues
        .iter()
        .filter(|dialogue| dialogue.driver == EXEMPT)
        .map(|dialogue| dialogue.place)
        .collect();
    assert_eq!(exempt, [440, 441, 442, 443, 444, 445]);
}
