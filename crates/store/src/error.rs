//! Why the store could not do something: kind, operation, path, cause, and what to do about it.

use std::{
    error::Error,
    fmt, io,
    path::{Path, PathBuf},
};

/// What kind of trouble the store met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreErrorKind {
    /// No space, no inodes or no quota left.
    Full,
    /// The file system is mounted read-only.
    ReadOnly,
    /// No permission.
    Permission,
    /// A file or folder is not there.
    NotFound,
    /// Another process holds the lock.
    Locked,
    /// Something else is there under the same name.
    Conflict,
    /// A file is not what was written: torn, altered, or not ours.
    Damaged,
    /// A later program wrote it; this one leaves it alone.
    Newer,
    /// It is larger than it may be.
    TooLarge,
    /// The caller asked for something that makes no sense.
    Invalid,
    /// Anything else that the operating system reports.
    Io,
}

impl StoreErrorKind {
    const fn advice(self) -> &'static str {
        match self {
            Self::Full => "free space on this disk, or use another one with --store",
            Self::ReadOnly => "remount the file system read-write, or use another one with --store",
            Self::Permission => "run as the owner of the store, or correct its permissions",
            Self::NotFound => "check that the disk is mounted and that nobody moved the store",
            Self::Locked => "another benchtop holds the store: wait for it, or end it",
            Self::Conflict => "keep both files and have a person compare them",
            Self::Damaged => "the file is kept as it is: have a person look at it",
            Self::Newer => "update benchtop",
            Self::TooLarge => "keep it elsewhere, or keep less of it",
            Self::Invalid => "this is a fault of the program: report it",
            Self::Io => "check the disk and its cable, and the kernel's log",
        }
    }
}

/// The store could not do something.
pub struct StoreError(Box<Inner>);

struct Inner {
    kind: StoreErrorKind,
    operation: &'static str,
    path: PathBuf,
    detail: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StoreError {
    /// What kind of trouble it was.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.0.kind
    }

    /// Where it happened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// What was wrong, in the words of the operating system or ours.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    pub(crate) fn io(operation: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self(Box::new(Inner {
            kind: kind_of(&source),
            operation,
            path: path.into(),
            detail: source.to_string(),
            source: Some(Box::new(source)),
        }))
    }

    /// Trouble of this kind that `operation` met at `path`.
    pub fn new(
        kind: StoreErrorKind,
        operation: &'static str,
        path: impl Into<PathBuf>,
        detail: impl Into<String>,
    ) -> Self {
        Self(Box::new(Inner {
            kind,
            operation,
            path: path.into(),
            detail: detail.into(),
            source: None,
        }))
    }

    pub(crate) fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }
}

/// True for a call that a signal cut short before it did anything: it is made again.
pub(crate) fn is_interruption(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Interrupted
}

/// Classifies what the operating system reported. The one place that reads [`io::ErrorKind`].
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "io::ErrorKind is an open set; what is not named here is plain trouble"
)]
pub(crate) fn kind_of(error: &io::Error) -> StoreErrorKind {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => StoreErrorKind::Full,
        io::ErrorKind::ReadOnlyFilesystem => StoreErrorKind::ReadOnly,
        io::ErrorKind::PermissionDenied => StoreErrorKind::Permission,
        io::ErrorKind::NotFound => StoreErrorKind::NotFound,
        io::ErrorKind::WouldBlock | io::ErrorKind::ResourceBusy => StoreErrorKind::Locked,
        io::ErrorKind::AlreadyExists => StoreErrorKind::Conflict,
        io::ErrorKind::InvalidData | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => {
            StoreErrorKind::Damaged
        }
        _ => StoreErrorKind::Io,
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            kind,
            operation,
            path,
            detail,
            ..
        } = self.0.as_ref();
        write!(f, "{operation} {}: {detail}; {}", path.display(), kind.advice())
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreError({:?}: {self})", self.0.kind)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(error: io::Error, kind: StoreErrorKind) {
        let error = StoreError::io("write", "/store/pending/x.json", error);
        assert_eq!(error.kind(), kind);
        let text = error.to_string();
        assert!(text.starts_with("write /store/pending/x.json: "), "{text}");
        assert!(text.contains("; "), "{text}");
        assert!(error.source().is_some());
    }

    #[test]
    fn an_error_names_operation_path_cause_and_advice() {
        check(io::ErrorKind::StorageFull.into(), StoreErrorKind::Full);
        check(io::ErrorKind::QuotaExceeded.into(), StoreErrorKind::Full);
        check(io::ErrorKind::ReadOnlyFilesystem.into(), StoreErrorKind::ReadOnly);
        check(io::ErrorKind::PermissionDenied.into(), StoreErrorKind::Permission);
        check(io::ErrorKind::NotFound.into(), StoreErrorKind::NotFound);
        check(io::ErrorKind::WouldBlock.into(), StoreErrorKind::Locked);
        check(io::ErrorKind::AlreadyExists.into(), StoreErrorKind::Conflict);
        check(io::Error::other("bad sector"), StoreErrorKind::Io);
    }
}
