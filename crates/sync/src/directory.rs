//! A folder elsewhere: a USB stick, a network share. The record's file goes there as it is, durably, under its name; what has
//! that name already with the same bytes is the proof that it was there before. Attachments go to `attachments/` by digest.

use crate::config::{TargetConfig, TargetError};
use crate::shelf::Shelf;
use crate::target::{Enclosure, Patience, Probe, Progress, Verdict};
use async_trait::async_trait;
use benchtop_store::{Sealed, StoreError, StoreErrorKind, put_elsewhere};
use std::path::{Path, PathBuf};

/// A folder that records are put into.
#[derive(Debug)]
pub struct Directory {
    config: TargetConfig,
    folder: PathBuf,
}

impl Directory {
    /// A target as configured: `url` is a path, or `file://` and one. It need not be there now; it is never made.
    ///
    /// # Errors
    /// [`TargetError::Url`] for what is no path.
    pub fn new(config: TargetConfig) -> Result<Self, TargetError> {
        let path = config.url.strip_prefix("file://").unwrap_or(&config.url);
        let refuse = |reason: &str| TargetError::Url {
            target: config.name.clone(),
            url: config.url.clone(),
            reason: reason.to_owned(),
        };
        if path.trim().is_empty() || path.contains("://") {
            return Err(refuse("expected the path of a folder"));
        }
        let folder = PathBuf::from(path);
        Ok(Self { config, folder })
    }

    fn put_file(&self, folder: &Path, name: &str, bytes: &[u8]) -> Verdict {
        if !self.folder.is_dir() {
            return Verdict::Retry {
                perhaps_stored: false,
                after: None,
                patience: Patience::Endless,
                reason: format!("{} is not there", self.folder.display()),
            };
        }
        match put_elsewhere(folder, name, bytes) {
            Ok(()) => Verdict::Confirmed {
                remote_id: name.to_owned(),
            },
            Err(error) => refused(&error),
        }
    }
}

fn refused(error: &StoreError) -> Verdict {
    let reason = error.to_string();
    match error.kind() {
        StoreErrorKind::Conflict | StoreErrorKind::Damaged => Verdict::Park { reason },
        StoreErrorKind::Full
        | StoreErrorKind::ReadOnly
        | StoreErrorKind::Permission
        | StoreErrorKind::NotFound
        | StoreErrorKind::Locked
        | StoreErrorKind::Newer
        | StoreErrorKind::TooLarge
        | StoreErrorKind::Invalid
        | StoreErrorKind::Io => Verdict::Pause { reason },
    }
}

#[async_trait]
impl Shelf for Directory {
    fn config(&self) -> &TargetConfig {
        &self.config
    }

    async fn put(&self, sealed: &Sealed, _progress: &mut Progress) -> Verdict {
        self.put_file(&self.folder, sealed.name.as_str(), &sealed.bytes)
    }

    async fn put_attachment(&self, enclosure: &Enclosure<'_>) -> Verdict {
        let folder = self.folder.join("attachments");
        self.put_file(&folder, enclosure.sha256, &enclosure.bytes)
    }

    async fn look(&self) -> Probe {
        match self.folder.is_dir() {
            true => Probe::Ready { identity: None },
            false => Probe::Unreachable {
                reason: format!("{} is not there", self.folder.display()),
            },
        }
    }
}
