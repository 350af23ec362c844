//! Writes transcripts.

use crate::{TraceEvent, TraceSink, Traced};
use benchtop_instrument::{Clock, Moment, Resource, Session};
use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

/// A transcript that is being written, of one instrument or of several: a line at a time, so that a killed process leaves
/// what it had.
#[derive(Debug)]
pub struct Recorder(Mutex<State>);

#[derive(Debug)]
struct State {
    file: File,
    /// Whose the last line was.
    instrument: Option<String>,
    /// Why it could not be gone on with.
    failed: Option<io::Error>,
}

impl Recorder {
    /// Begins a new file; one that is there already is never written over.
    ///
    /// # Errors
    /// What the file system said.
    pub fn create(path: &Path, source: &str) -> io::Result<Arc<Self>> {
        let mut file = File::create_new(path)?;
        let source: String = source.chars().filter(|letter| !letter.is_control()).collect();
        writeln!(file, "# source: {source}")?;
        Ok(Arc::new(Self(Mutex::new(State {
            file,
            instrument: None,
            failed: None,
        }))))
    }

    /// A session whose dialogue is recorded under `name`, which holds no blanks.
    #[must_use]
    pub fn record(self: &Arc<Self>, name: &str, session: Box<dyn Session>, clock: &Arc<dyn Clock>) -> Box<dyn Session> {
        let sink = Arc::new(Sink {
            recorder: Arc::clone(self),
            name: name.to_owned(),
        });
        Box::new(Traced::new(session, Arc::clone(clock), sink))
    }

    /// Says why the transcript is incomplete, where it is.
    ///
    /// # Errors
    /// What the file system said first.
    pub fn finish(&self) -> io::Result<()> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.failed.take() {
            Some(error) => Err(error),
            None => state.file.flush(),
        }
    }
}

#[derive(Debug)]
struct Sink {
    recorder: Arc<Recorder>,
    name: String,
}

impl TraceSink for Sink {
    fn trace(&self, resource: &Resource, _at: Moment, event: TraceEvent) {
        let mut state = self.recorder.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.failed.is_some() {
            return;
        }
        let mut text = String::new();
        if state.instrument.as_ref() != Some(&self.name) {
            text = format!("@ {} {resource}\n", self.name);
            state.instrument = Some(self.name.clone());
        }
        text.push_str(&format!("{event}\n"));
        if let Err(error) = state.file.write_all(text.as_bytes()) {
            state.failed = Some(error);
        }
    }
}
