//! Answers to prompts: given on the command line, typed at the terminal, or as JSON lines on standard input.
//!
//! What is asked is shown by whoever prints the run's events; here it is only answered.

use crate::{args::Format, exit::Failure, terminal, typed::Typed};
use async_trait::async_trait;
use benchtop_procedure::Prompt;
use benchtop_run::{NoAnswer, Operator};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, BufReader, IsTerminal},
    sync::Arc,
    thread,
};
use tokio::sync::{Mutex, mpsc};

/// Longest line of an answer, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Where answers come from.
#[derive(Default)]
pub(crate) struct Answers {
    given: BTreeMap<String, String>,
    asked: Asked,
}

#[derive(Default)]
enum Asked {
    /// Nobody.
    #[default]
    Nobody,
    /// The person at the terminal.
    Terminal(Mutex<Lines>),
    /// A program, by JSON lines on standard input.
    Json(Mutex<JsonLines>),
    /// Whoever scans, on the same lines.
    Typed(Arc<Typed>),
}

/// Lines that come, read on a thread of its own: nothing can end a read of a terminal but its line.
struct Lines {
    coming: Option<mpsc::UnboundedReceiver<String>>,
}

#[derive(Default)]
struct JsonLines {
    lines: Option<Lines>,
    /// Answers that came before they were asked for, by slot, if they name one, and by name.
    early: BTreeMap<(Option<String>, String), String>,
}

/// Answers for the unit in one slot: what names another slot is not for it.
pub(crate) struct InSlot {
    pub(crate) answers: Arc<Answers>,
    pub(crate) slot: Option<String>,
}

/// A line of a program that answers.
struct Answer {
    /// Whose prompt it answers, where several units are tested at once.
    slot: Option<String>,
    name: String,
    answer: String,
}

impl std::fmt::Debug for Answers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answers")
            .field("given", &self.given)
            .finish_non_exhaustive()
    }
}

impl Answers {
    /// Those of the command line, `NAME=VALUE` each, and nobody else.
    pub(crate) fn given_only(written: &[String]) -> Result<Self, Failure> {
        let mut given = BTreeMap::new();
        for text in written {
            let Some((name, value)) = text.split_once('=') else {
                return Err(Failure::refused(format!("--answer {text}: expected NAME=VALUE")));
            };
            if given.insert(name.to_owned(), value.to_owned()).is_some() {
                return Err(Failure::refused(format!("--answer {name}: given twice")));
            }
        }
        Ok(Self {
            given,
            asked: Asked::Nobody,
        })
    }

    /// Those of whoever scans unit after unit, on the same lines.
    pub(crate) fn typed(typed: Arc<Typed>) -> Self {
        Self {
            given: BTreeMap::new(),
            asked: Asked::Typed(typed),
        }
    }

    /// The same, and beyond them a person or a program, where there is one.
    pub(crate) fn and_ask(self, format: Format) -> Self {
        let asked = match format {
            Format::Json => Asked::Json(Mutex::default()),
            // a run that is neither read nor fed by a terminal has nobody in front of it, whatever started it
            Format::Human if io::stdin().is_terminal() || io::stderr().is_terminal() => {
                Asked::Terminal(Mutex::new(Lines { coming: None }))
            }
            Format::Human => Asked::Nobody,
        };
        Self { asked, ..self }
    }

    /// The answer that the command line has to a prompt.
    pub(crate) fn given(&self, name: &str) -> Option<&str> {
        self.given.get(name).map(String::as_str)
    }

    /// The names of those that the command line has.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.given.keys().map(String::as_str)
    }
}

#[async_trait]
impl Operator for InSlot {
    async fn ask(&self, prompt: &Prompt) -> Result<String, NoAnswer> {
        let name = &prompt.measurement.name;
        let slot = self.slot.as_deref();
        if let Some(answer) = self.answers.given(name) {
            return Ok(answer.to_owned());
        }
        match &self.answers.asked {
            Asked::Nobody => {
                let reason = format!("there is no terminal to ask at; --answer {name}=... or --format json answers it");
                Err(NoAnswer(reason))
            }
            Asked::Terminal(lines) => lines.lock().await.ask(prompt).await,
            Asked::Json(lines) => lines.lock().await.ask(slot, prompt).await,
            Asked::Typed(typed) => answer_of(typed, slot, prompt).await,
        }
    }
}

impl Lines {
    /// Begins to read, once.
    fn start(&mut self, source: fn() -> io::Result<Box<dyn BufRead>>) -> &mut mpsc::UnboundedReceiver<String> {
        self.coming.get_or_insert_with(|| {
            let (sender, coming) = mpsc::unbounded_channel();
            // without a thread nothing comes, which is an end
            drop(thread::Builder::new().name("answers".to_owned()).spawn(move || {
                let Ok(mut source) = source() else { return };
                while let Ok(Some(line)) = next_line(source.as_mut()) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            }));
            coming
        })
    }

    async fn ask(&mut self, prompt: &Prompt) -> Result<String, NoAnswer> {
        let coming = self.start(keyboard);
        // what was typed before the question is no answer to it
        while coming.try_recv().is_ok() {}
        while let Some(line) = coming.recv().await {
            match prompt.kind.read(&line, prompt.measurement.unit) {
                Ok(_) => return Ok(line),
                Err(reason) => terminal::warn(&reason),
            }
        }
        Err(NoAnswer("the terminal was closed".to_owned()))
    }
}

impl JsonLines {
    async fn ask(&mut self, slot: Option<&str>, prompt: &Prompt) -> Result<String, NoAnswer> {
        let name = &prompt.measurement.name;
        let Self { lines, early } = self;
        let coming = lines
            .get_or_insert_with(|| Lines { coming: None })
            .start(|| Ok(Box::new(BufReader::new(io::stdin()))));
        loop {
            let own = early.remove(&(slot.map(str::to_owned), name.clone()));
            if let Some(answer) = own {
                match prompt.kind.read(&answer, prompt.measurement.unit) {
                    Ok(_) => return Ok(answer),
                    Err(reason) => refuse(name, &reason),
                }
            }
            let Some(line) = coming.recv().await else {
                return Err(NoAnswer(format!(
                    "standard input ended before an answer to {name} came"
                )));
            };
            match parse(&line) {
                // one that names no slot answers who asks, and nobody else
                Ok(Answer {
                    slot: None,
                    name: named,
                    ..
                }) if slot.is_some() && named != *name => {
                    let reason = "it is not asked now, and its slot is not said: {\"slot\": ..., \"name\": ..., \"answer\": ...}";
                    refuse(&named, reason);
                }
                Ok(Answer { slot: of, name, answer }) => {
                    let of = of.or_else(|| slot.map(str::to_owned));
                    drop(early.insert((of, name), answer));
                }
                Err(reason) => refuse(name, &reason),
            }
        }
    }
}

/// An answer on the line of the scans: as a person types it, or as a program writes it.
async fn answer_of(typed: &Typed, slot: Option<&str>, prompt: &Prompt) -> Result<String, NoAnswer> {
    let name = &prompt.measurement.name;
    // what was typed before the question is no answer to it; what comes from a pipe waits for its turn
    terminal::forget_typing();
    while let Some(line) = typed.line().await {
        let answer = match line.starts_with('{') {
            true => parse(&line).and_then(|line| {
                let here = line.slot.as_deref().filter(|named| Some(*named) != slot);
                match (here, line.name == *name) {
                    (None, true) => Ok(line.answer),
                    (Some(other), true) => Err(format!("{name} is not asked in slot {other}")),
                    (_, false) => Err(format!("{} is not asked, but {name}", line.name)),
                }
            }),
            false => Ok(line),
        };
        let answer = answer.and_then(|answer| prompt.kind.read(&answer, prompt.measurement.unit).map(|_| answer));
        match answer {
            Ok(answer) => return Ok(answer),
            Err(reason) => terminal::warn(&reason),
        }
    }
    Err(NoAnswer(format!("the input ended before an answer to {name} came")))
}

/// Says to the program that answers that this was no answer.
fn refuse(name: &str, reason: &str) {
    let line = serde_json::json!({ "event": "answer_refused", "name": name, "reason": reason });
    terminal::emit(&line.to_string());
}

/// `{"name": "led", "answer": "yes"}`; a number and true or false are as good. `"slot"` says whose prompt is answered.
fn parse(line: &str) -> Result<Answer, String> {
    let form = "expected {\"name\": ..., \"answer\": ...}";
    let value: serde_json::Value = serde_json::from_str(line).map_err(|error| format!("{error}; {form}"))?;
    let name = value.get("name").and_then(serde_json::Value::as_str);
    let answer = match value.get("answer") {
        Some(serde_json::Value::String(text)) => Some(text.clone()),
        Some(serde_json::Value::Bool(yes)) => Some(if *yes { "yes" } else { "no" }.to_owned()),
        Some(serde_json::Value::Number(number)) => Some(number.to_string()),
        Some(serde_json::Value::Null | serde_json::Value::Array(_) | serde_json::Value::Object(_)) | None => None,
    };
    let slot = value.get("slot").and_then(serde_json::Value::as_str);
    let both = name.map(str::to_owned).zip(answer);
    let answer = both.map(|(name, answer)| Answer {
        slot: slot.map(str::to_owned),
        name,
        answer,
    });
    answer.ok_or_else(|| form.to_owned())
}

/// The keyboard, also where standard input is something else.
fn keyboard() -> io::Result<Box<dyn BufRead>> {
    match File::open("/dev/tty") {
        Ok(terminal) => Ok(Box::new(BufReader::new(terminal))),
        Err(_) if io::stdin().is_terminal() => Ok(Box::new(BufReader::new(io::stdin()))),
        Err(error) => Err(error),
    }
}

/// Nothing at the end. A line that never ends is cut into pieces.
fn next_line(source: &mut dyn BufRead) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    let length = io::Read::take(source, LONGEST).read_until(b'\n', &mut bytes)?;
    Ok((length > 0).then(|| String::from_utf8_lossy(&bytes).trim_end().to_owned()))
}
