//! `--junit FILE`: the runs as CI reads them.

use crate::exit::Failure;
use benchtop_report::export::JUnit;
use benchtop_store::Saved;
use std::{
    fs::File,
    io::{self, BufWriter},
    path::Path,
};

/// The file, made before anything is tested, and the suites so far.
#[derive(Debug)]
pub(super) struct Report {
    suites: JUnit<BufWriter<File>>,
    /// What went wrong on the way: said at the end, for no report stops a test.
    failed: Option<io::Error>,
}

impl Report {
    /// Makes the file.
    pub(super) fn create(path: &Path) -> Result<Self, Failure> {
        let file =
            File::create(path).map_err(|error| Failure::refused(format!("--junit {}: {error}", path.display())))?;
        let suites = JUnit::new(BufWriter::new(file));
        Ok(Self {
            suites: suites.map_err(|error| Failure::refused(format!("--junit {}: {error}", path.display())))?,
            failed: None,
        })
    }

    /// Adds a run that is saved.
    pub(super) fn add(&mut self, saved: &Saved) {
        let whole = saved.record.whole();
        let added = whole.and_then(|record| self.suites.add_run(&record).map_err(io::Error::other));
        self.keep(added);
    }

    /// Adds a run that could not be saved.
    pub(super) fn add_lost(&mut self, serial: &str) {
        let added = self.suites.add_lost(serial);
        self.keep(added.map_err(io::Error::other));
    }

    fn keep(&mut self, added: io::Result<()>) {
        if self.failed.is_none() {
            self.failed = added.err();
        }
    }

    /// Writes the end of it, and has all of it on stable storage.
    pub(super) fn finish(self) -> io::Result<()> {
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        let to = self.suites.into_inner().map_err(io::Error::other)?;
        let file = to.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()
    }
}
