//! `--record FILE`: what was said to instruments, as a transcript.

use crate::{
    args::{Command, InstrumentsCommand},
    exit::Failure,
    terminal,
};
use benchtop_instrument::{Clock, RealClock};
use benchtop_station::Recorder;
use std::{path::Path, sync::Arc};

/// Begins the transcript, where one is asked for.
pub(crate) fn begin(path: Option<&Path>, command: &Command) -> Result<Option<Arc<Recorder>>, Failure> {
    let Some(path) = path else { return Ok(None) };
    let word = match command {
        Command::Run(_) => "run",
        Command::Station(_) => "station",
        Command::Safe(_) => "safe",
        Command::Measure(_) => "measure",
        Command::Query(_) => "query",
        Command::Instruments(InstrumentsCommand::Scan(_)) => "scan",
        Command::Console(_) => "console",
        Command::Check(_)
        | Command::Sync(_)
        | Command::Bundle(_)
        | Command::DemoServer(_)
        | Command::Runs(_)
        | Command::Sim(_)
        | Command::Instruments(_)
        | Command::Schema(_)
        | Command::Completions(_) => {
            let message = "--record: this command says nothing to instruments; run, station, safe, scan, measure, query and console do";
            return Err(Failure::refused(message));
        }
    };
    let source = format!(
        "benchtop {} {word}, {} - kind: recorded",
        env!("CARGO_PKG_VERSION"),
        RealClock::new().utc().format("%Y-%m-%dT%H:%M:%SZ")
    );
    let recorder = Recorder::create(path, &source);
    let recorder = recorder.map_err(|error| Failure::refused(format!("--record {}: {error}", path.display())))?;
    Ok(Some(recorder))
}

/// Says so where the transcript is not whole.
pub(crate) fn end(path: Option<&Path>, recorder: Option<&Recorder>) {
    let (Some(path), Some(recorder)) = (path, recorder) else {
        return;
    };
    if let Err(error) = recorder.finish() {
        terminal::warn(&format!("the transcript {} is not whole: {error}", path.display()));
    }
}
