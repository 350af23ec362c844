//! A simulated instrument on the transcript of its model: what others sent to real ones must be legal, and what real ones or
//! the manual answered must look like what the simulated one answers.

use crate::exit::Failure;
use benchtop_instrument::{
    Clock, ClockExt, Error, ErrorKind, Identity, Operation, Resource, Session, SessionState, VirtualClock, spawn,
};
use benchtop_scpi::{Definition, ErrorCheck, Template};
use benchtop_sim::{Model, SimulatedBench};
use benchtop_station::Entry;
use benchtop_transport::{TraceEvent, transcript};
use std::{sync::Arc, time::Duration};

/// How long an answer may take in simulated time.
const PATIENCE: Duration = Duration::from_secs(60);

/// Kinds of evidence whose answers were given by an instrument or printed in its manual.
const ANSWERED: [&str; 2] = ["kind: real unit", "kind: manual example"];

/// What was played of a transcript.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Played {
    /// Messages that were taken without an error.
    pub(super) messages: usize,
    /// Answers that had the form of the transcript's.
    pub(super) answers: usize,
}

/// One dialogue of a transcript, and what its notes say of it.
#[derive(Debug, Default)]
struct Dialogue {
    /// Its answers are a real one's or the manual's.
    answers_count: bool,
    /// It was held with another model: it is not played.
    of_a_sibling: bool,
    /// It was held on a serial line.
    serial: bool,
    /// With their line numbers; and true for a message that the simulated one refuses, as a note says.
    events: Vec<(usize, TraceEvent, bool)>,
}

/// A session with the lone instrument of a bench.
pub(super) fn session(bench: &SimulatedBench, serial: bool) -> Result<Box<dyn Session>, Error> {
    let name = bench.instrument_names().next().unwrap_or_default().to_owned();
    let opened = if serial {
        bench.serial_session(&name)
    } else {
        bench.session(&name)
    };
    opened.ok_or_else(|| {
        let resource = Resource::Simulated {
            bench: bench.name().to_owned(),
            name,
        };
        let message = "the simulated instrument has no such connection";
        Error::new(ErrorKind::Unsupported, Operation::Open, &resource, message)
    })
}

/// Plays a transcript, on a virtual clock.
pub(super) async fn play(
    name: &str,
    definition: &Arc<Definition>,
    model: &Model,
    entry: &Entry,
) -> Result<Played, Failure> {
    let dialogues = read(entry).map_err(Failure::refused)?;
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new());
    let stage = Stage {
        name: name.to_owned(),
        definition: Arc::clone(definition),
        model: model.clone(),
        clock: Arc::clone(&clock),
        file: entry.file.clone(),
    };
    let all = spawn(clock.as_ref(), async move {
        let mut played = Played::default();
        for dialogue in dialogues.iter().filter(|dialogue| !dialogue.of_a_sibling) {
            stage.play(dialogue, &mut played).await?;
        }
        Ok::<Played, String>(played)
    });
    match all.await {
        Ok(played) => played.map_err(Failure::refused),
        Err(panicked) => Err(Failure::error(panicked.to_string())),
    }
}

/// The dialogues of a transcript that may be evidence.
fn read(entry: &Entry) -> Result<Vec<Dialogue>, String> {
    let lines = transcript::parse(&entry.file, &entry.text).map_err(|error| error.to_string())?;
    let mut dialogues: Vec<Dialogue> = Vec::new();
    let mut refused_next = false;
    // where a recording of ours begins, until a real instrument has said in it who it is
    let mut unnamed: Option<String> = None;
    // whether the last message asked who is there
    let mut asked = false;
    for line in lines {
        let place = format!("{}:{}", entry.file, line.number);
        match line.content {
            transcript::Content::Note(note) => {
                if let Some(source) = note.strip_prefix("source: ") {
                    if source.to_lowercase().contains("benchtop sim") {
                        return Err(format!("{place}: our own simulator is no evidence"));
                    }
                    dialogues.push(Dialogue {
                        answers_count: ANSWERED.iter().any(|kind| source.contains(kind)),
                        of_a_sibling: source.contains("SIBLING"),
                        ..Dialogue::default()
                    });
                }
                if let Some(dialogue) = dialogues.last_mut() {
                    match note.trim() {
                        "held on a serial line" => dialogue.serial = true,
                        "shortened" => dialogue.answers_count = false,
                        _ => {}
                    }
                    // what its source does not show, and has done before
                    if let Some(message) = note.strip_prefix("first: ") {
                        let event = TraceEvent::Written(message.as_bytes().to_vec());
                        dialogue.events.push((line.number, event, false));
                    }
                }
                refused_next |= note.starts_with("not simulated");
            }
            transcript::Content::Instrument { resource, .. } => {
                if ["SIM::", "REPLAY::"].iter().any(|kind| resource.starts_with(kind)) {
                    return Err(format!("{place}: a simulated instrument is no evidence"));
                }
                unnamed.get_or_insert(place);
            }
            transcript::Content::Event(event) => {
                if is_simulated(&event) {
                    return Err(format!(
                        "{place}: a simulated instrument answered this: it is no evidence"
                    ));
                }
                if let TraceEvent::Written(message) = &event {
                    asked = message.trim_ascii().to_ascii_uppercase().ends_with(b"*IDN?");
                }
                if asked && names_itself(&event) {
                    unnamed = None;
                }
                let Some(dialogue) = dialogues.last_mut() else {
                    return Err(format!("{place}: there is no `# source:` above it"));
                };
                let written = matches!(event, TraceEvent::Written(_));
                dialogue.events.push((line.number, event, written && refused_next));
                refused_next &= !written;
            }
        }
    }
    if let Some(place) = unnamed {
        return Err(format!(
            "{place}: nothing in this recording says that a real instrument answered: ask `*IDN?` in the same recording"
        ));
    }
    if dialogues.iter().all(|dialogue| dialogue.events.is_empty()) {
        return Err(format!("{}: there is no dialogue in it", entry.file));
    }
    Ok(dialogues)
}

/// An answer to `*IDN?` that every simulated instrument gives.
fn is_simulated(event: &TraceEvent) -> bool {
    identity(event).is_some_and(|identity| identity.is_simulated())
}

/// An answer to `*IDN?` of an instrument that is not simulated.
fn names_itself(event: &TraceEvent) -> bool {
    identity(event).is_some_and(|identity| !identity.is_simulated())
}

fn identity(event: &TraceEvent) -> Option<Identity> {
    let TraceEvent::Read(answer) = event else { return None };
    String::from_utf8_lossy(answer).parse().ok()
}

/// Where dialogues are played.
struct Stage {
    name: String,
    definition: Arc<Definition>,
    model: Model,
    clock: Arc<dyn Clock>,
    file: String,
}

impl Stage {
    async fn play(&self, dialogue: &Dialogue, played: &mut Played) -> Result<(), String> {
        let bench = SimulatedBench::lone(&self.name, &self.model, Arc::clone(&self.clock));
        let session = session(&bench, dialogue.serial).map_err(|error| error.to_string())?;
        let mut session = self.definition.error_check.over(session);
        let session = session.as_mut();
        // what a real one does not tell the simulated one does
        let witness = match &self.definition.error_check {
            ErrorCheck::Acknowledge(_) | ErrorCheck::Readback => {
                let query = Template::new("SYST:ERR?").map_err(|error| error.to_string())?;
                ErrorCheck::Queue(query)
            }
            check @ (ErrorCheck::Queue(_) | ErrorCheck::EventStatus(_)) => check.clone(),
        };
        let mut events = dialogue.events.iter().peekable();
        while let Some((line, event, refused)) = events.next() {
            let failed = |what: String| format!("{}:{line}: `{event}`: {what}", self.file);
            match event {
                TraceEvent::Written(message) => {
                    let answer = match events.peek() {
                        Some((_, TraceEvent::Read(answer), _)) => Some(String::from_utf8_lossy(answer).into_owned()),
                        Some(_) | None => None,
                    };
                    let message = String::from_utf8_lossy(message).into_owned();
                    let got = self.ask(session, &message).await.map_err(failed)?;
                    played.messages += 1;
                    if let (Some(expected), Some(got), true) = (&answer, &got, dialogue.answers_count) {
                        let identities = [expected, got].map(|text| self.definition.identity.is_match(text.trim()));
                        if identities != [true, true] && form(got) != form(expected) {
                            return Err(failed(format!("answers `{got}`, and a real one `{expected}`")));
                        }
                        played.answers += 1;
                    }
                    let next_asks = events.clone().find_map(|(_, event, _)| {
                        let TraceEvent::Written(message) = event else {
                            return None;
                        };
                        Some(self.asks_for_errors(message))
                    });
                    if self.asks_for_errors(message.as_bytes()) || next_asks == Some(true) {
                        continue;
                    }
                    let deadline = self.clock.now().after(PATIENCE);
                    let errors = witness.drain(session, deadline).await;
                    if *refused && session.state() != SessionState::Ready {
                        // it waits for something that is not simulated
                        self.recover(session).await.map_err(|error| failed(error.to_string()))?;
                        let errors = witness.drain(session, deadline).await;
                        errors.map_err(|error| failed(error.to_string()))?;
                        continue;
                    }
                    let errors = errors.map_err(|error| failed(error.to_string()))?;
                    match (errors.as_slice(), refused) {
                        ([], true) => return Err(failed("it is simulated: take the note away".to_owned())),
                        ([error, ..], false) => return Err(failed(format!("the simulated one reports {error}"))),
                        ([], false) | ([_, ..], true) => {}
                    }
                }
                TraceEvent::Cleared => {
                    let deadline = self.clock.now().after(PATIENCE);
                    session
                        .clear(deadline)
                        .await
                        .map_err(|error| failed(error.to_string()))?;
                }
                // to the instrument the same as the interface's trigger (IEEE 488.2, 10.37)
                TraceEvent::Triggered => {
                    let deadline = self.clock.now().after(PATIENCE);
                    session
                        .write(b"*TRG", deadline)
                        .await
                        .map_err(|error| failed(error.to_string()))?;
                }
                TraceEvent::Read(_)
                | TraceEvent::StatusByte(_)
                | TraceEvent::Recovered
                | TraceEvent::Closed
                | TraceEvent::Failed { .. } => {}
            }
        }
        Ok(())
    }

    /// True for what asks the instrument for its errors by itself.
    fn asks_for_errors(&self, message: &[u8]) -> bool {
        let text = String::from_utf8_lossy(message).to_uppercase();
        ["ERR", "*ESR?", "*CLS"].iter().any(|word| text.contains(word))
    }

    async fn recover(&self, session: &mut dyn Session) -> Result<(), Error> {
        let deadline = self.clock.now().after(PATIENCE);
        if session.clear(deadline).await.is_err() || session.state() != SessionState::Ready {
            session.recover(deadline).await?;
        }
        Ok(())
    }

    /// The answer, where there is one in time.
    async fn ask(&self, session: &mut dyn Session, message: &str) -> Result<Option<String>, String> {
        let deadline = self.clock.now().after(PATIENCE);
        let text = |error: Error| error.to_string();
        match session.write(message.as_bytes(), deadline).await {
            // what its prompt says the witness tells too
            Err(error) if error.kind() == ErrorKind::Instrument => return Ok(None),
            written => written.map_err(text)?,
        }
        if !message.contains('?') {
            // what it begins may take its time
            self.clock.sleep(Duration::from_secs(10)).await;
            return Ok(None);
        }
        match session.read(deadline).await {
            Ok(answer) => Ok(Some(String::from_utf8_lossy(&answer).into_owned())),
            Err(error) if error.kind() == ErrorKind::Timeout => {
                self.recover(session).await.map_err(text)?;
                Ok(None)
            }
            Err(error) if error.kind() == ErrorKind::Instrument => Ok(None),
            Err(error) => Err(text(error)),
        }
    }
}

/// What an answer looks like: numbers are numbers of so many digits, the rest is what it says.
fn form(answer: &str) -> String {
    if answer.parse::<i64>().is_ok() {
        return if answer.starts_with(['+', '-']) { "±0" } else { "0" }.to_owned();
    }
    let signless = answer.replace(['+', '-'], "±");
    signless
        .chars()
        .map(|character| if character.is_ascii_digit() { '0' } else { character })
        .collect()
}
