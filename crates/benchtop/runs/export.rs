//! `benchtop runs export`: runs for other tools.
//!
//! A file is there whole or not at all. Runs come oldest first, each read and checked as it is written.

use super::{
    args::{ExportArguments, ExportFormat},
    failed, open, simulated_ones,
};
use crate::{
    exit::{Exit, Failure},
    terminal::{self, Line, QUIET},
};
use benchtop_instrument::{Clock, RealClock};
use benchtop_report::{
    Order, Runs, StoredRun,
    export::{Choices, ExportError, ExportErrorKind, Format, Sink},
    runs,
};
use benchtop_store::{NewFile, StoreError, StoreErrorKind};
use std::{
    io::{self, IsTerminal, Write},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

impl From<ExportFormat> for Format {
    fn from(format: ExportFormat) -> Self {
        match format {
            ExportFormat::Csv => Self::Csv,
            ExportFormat::Junit => Self::Junit,
            #[cfg(feature = "parquet")]
            ExportFormat::Parquet => Self::Parquet,
            ExportFormat::Wsjf => Self::Wsjf,
            ExportFormat::Atml => Self::Atml,
            ExportFormat::Stdf => Self::Stdf,
        }
    }
}

/// What was asked for.
struct Wanted {
    format: Format,
    choices: Choices,
    replace: bool,
}

/// The runs that can be read; of the others a person is told.
struct Readable {
    runs: Runs,
    is_doubtful: bool,
}

impl Iterator for Readable {
    type Item = StoredRun;

    fn next(&mut self) -> Option<StoredRun> {
        loop {
            match self.runs.next()? {
                Ok(run) => return Some(run),
                Err(unreadable) => {
                    self.is_doubtful = true;
                    terminal::warn(&unreadable.to_string());
                }
            }
        }
    }
}

pub(super) fn export(arguments: &ExportArguments) -> Result<Exit, Failure> {
    let wanted = Wanted {
        format: arguments.format.into(),
        choices: Choices {
            process_code: arguments.process_code,
        },
        replace: arguments.force,
    };
    if arguments.output.is_none() && wanted.format.is_binary() && io::stdout().is_terminal() {
        return Err(Failure::refused(
            "this format is not for a terminal: name a file with --output, or redirect",
        ));
    }
    let filter = arguments.filter.filter(RealClock::new().utc())?;
    let (store, _recovery) = open(&arguments.store)?;
    let mut readable = Readable {
        runs: runs(&store, filter, Order::OldestFirst).map_err(failed)?,
        is_doubtful: false,
    };
    let first = readable.next();
    let found = first.into_iter().chain(&mut readable);
    let written = match arguments.output.as_deref() {
        None => to_stdout(found, &wanted)?,
        Some(folder) if folder.is_dir() => into_folder(found, &wanted, folder)?,
        Some(file) => into_file(found, &wanted, file)?,
    };
    let text = match written {
        0 => match simulated_ones(&arguments.store) {
            "" => "no such run: nothing is written".to_owned(),
            hint => format!("no such run: nothing is written; {hint}"),
        },
        1 => "1 run".to_owned(),
        runs => format!("{runs} runs"),
    };
    terminal::say_aside(&Line::new().add(QUIET, &text));
    Ok(match (readable.is_doubtful, written) {
        (true, _) => Exit::Error,
        (false, 0) => Exit::Fail,
        (false, _) => Exit::Success,
    })
}

impl Wanted {
    /// Writes runs as one file; says how many there were. Where there are none, nothing is written.
    fn write(&self, mut found: impl Iterator<Item = StoredRun>, to: Sink<'_>) -> Result<u64, Failure> {
        let Some(first) = found.next() else { return Ok(0) };
        let mut exporter = self.format.exporter(to, &self.choices).map_err(unwritten)?;
        let mut written = 0;
        for run in std::iter::once(first).chain(found) {
            exporter.add(&run.record).map_err(unwritten)?;
            written += 1;
        }
        exporter.finish().map_err(unwritten)?;
        Ok(written)
    }

    fn file(&self, path: &Path) -> Result<NewFile, Failure> {
        NewFile::create(path, self.replace).map_err(not_there)
    }
}

/// Where the reader goes away (`| head`) it ends there: nobody is left to tell.
fn to_stdout(found: impl Iterator<Item = StoredRun>, wanted: &Wanted) -> Result<u64, Failure> {
    let gone = Arc::new(AtomicBool::new(false));
    let pipe = Pipe(Arc::clone(&gone));
    wanted.write(found.take_while(|_| !gone.load(Ordering::Relaxed)), Box::new(pipe))
}

/// Standard output, which takes anything when its reader is gone, and remembers that it is.
struct Pipe(Arc<AtomicBool>);

impl Pipe {
    fn unless_gone<T>(&self, done: io::Result<T>, otherwise: T) -> io::Result<T> {
        match done {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.0.store(true, Ordering::Relaxed);
                Ok(otherwise)
            }
            done => done,
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.unless_gone(io::stdout().write(bytes), bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.unless_gone(io::stdout().flush(), ())
    }
}

fn into_file(found: impl Iterator<Item = StoredRun>, wanted: &Wanted, path: &Path) -> Result<u64, Failure> {
    let mut file = wanted.file(path)?;
    let written = wanted.write(found, Box::new(&mut file))?;
    if written > 0 {
        file.publish().map_err(not_there)?;
    }
    Ok(written)
}

/// A file for each run, called as its record.
fn into_folder(found: impl Iterator<Item = StoredRun>, wanted: &Wanted, folder: &Path) -> Result<u64, Failure> {
    let mut written = 0;
    for run in found {
        let name = Path::new(run.name.as_str()).with_extension(wanted.format.extension());
        written += into_file(std::iter::once(run), wanted, &folder.join(name))?;
    }
    Ok(written)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unwritten(error: ExportError) -> Failure {
    match error.kind() {
        ExportErrorKind::Write => Failure::error(error.to_string()),
        ExportErrorKind::Mixed | ExportErrorKind::Unsaid => Failure::refused(error.to_string()),
    }
}

/// Refused where the file is there already, or can be none: nothing was touched then.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn not_there(error: StoreError) -> Failure {
    match error.kind() {
        StoreErrorKind::Conflict => {
            let path = error.path().display();
            Failure::refused(format!("{path} is there already (--force replaces it)"))
        }
        StoreErrorKind::Damaged | StoreErrorKind::Invalid | StoreErrorKind::NotFound => {
            Failure::refused(error.to_string())
        }
        StoreErrorKind::Full
        | StoreErrorKind::ReadOnly
        | StoreErrorKind::Permission
        | StoreErrorKind::Locked
        | StoreErrorKind::Newer
        | StoreErrorKind::TooLarge
        | StoreErrorKind::Io => Failure::error(error.to_string()),
    }
}
