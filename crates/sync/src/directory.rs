//! A folder elsewhere: a USB stick, a network share. The record's file goes there as it is, durably, under its name; what has
//! that name already with the same bytes is the proof that it was there before. Attachments go to `attachments/` by digest.
//!
//! Where sticks are mounted, the folder of one that is not there may be: what is written into that is lost to whoever carries the
//! stick. There it counts as a stick only where something is mounted, or where a file of the name [`MARKER`] says that it is meant.

use crate::config::{TargetConfig, TargetError, without_credentials};
use crate::deadline::within;
use crate::shelf::Shelf;
use crate::target::{Enclosure, Patience, Probe, Progress, Verdict};
use async_trait::async_trait;
use benchtop_store::{Sealed, StoreError, StoreErrorKind, put_elsewhere};
use bytes::Bytes;
use std::path::{Path, PathBuf};
use tokio::task::spawn_blocking;

/// In a folder below a place for sticks where nothing is mounted, it says that records may go there all the same.
pub(crate) const MARKER: &str = "benchtop-records";
/// Where systems mount sticks and shares.
const FOR_STICKS: [&str; 4] = ["/media", "/run/media", "/mnt", MACOS];
const MACOS: &str = "/Volumes";

/// The folders of a store: what is in one of them is the store's own.
const OF_THE_STORE: [&str; 11] = [
    "pending",
    "synced",
    "parked",
    "kept",
    "quarantine",
    "journal",
    "receipts",
    "attachments",
    "unsafe",
    "units",
    "index",
];

/// A folder that records are put into.
#[derive(Debug)]
pub struct Directory {
    config: TargetConfig,
    folder: Folder,
}

/// What a thread needs to know of it.
#[derive(Clone, Debug)]
struct Folder {
    path: PathBuf,
    for_sticks: Vec<PathBuf>,
}

/// The folder that is meant.
///
/// # Errors
/// [`TargetError::Url`] for what is no path.
pub(crate) fn checked_path(config: &TargetConfig) -> Result<PathBuf, TargetError> {
    let path = config.url.strip_prefix("file://").unwrap_or(&config.url);
    if path.trim().is_empty() || path.contains("://") {
        return Err(TargetError::Url {
            target: config.name.clone(),
            url: without_credentials(&config.url),
            reason: "expected the path of a folder".to_owned(),
        });
    }
    Ok(PathBuf::from(path))
}

impl Directory {
    /// A target as configured: `url` is a path, or `file://` and one. It need not be there now; it is never made.
    ///
    /// # Errors
    /// [`TargetError::Url`] for what is no path.
    pub fn new(config: TargetConfig) -> Result<Self, TargetError> {
        let folder = Folder {
            path: checked_path(&config)?,
            for_sticks: FOR_STICKS.map(PathBuf::from).into(),
        };
        Ok(Self { config, folder })
    }

    /// The same, where sticks are mounted elsewhere.
    #[cfg(test)]
    pub(crate) fn with_sticks_in(config: TargetConfig, place: &Path) -> Result<Self, TargetError> {
        let mut directory = Self::new(config)?;
        directory.folder.for_sticks = vec![place.to_owned()];
        Ok(directory)
    }

    /// On a thread of its own, and not for longer than the target may take: a share may hang.
    async fn on_a_thread<T: Send + 'static>(&self, work: impl FnOnce(Folder) -> T + Send + 'static) -> Option<T> {
        let folder = self.folder.clone();
        let working = spawn_blocking(move || work(folder));
        within(self.config.timeouts.total, working).await.and_then(Result::ok)
    }

    /// `own` is where the store keeps it.
    async fn put_file(&self, own: Option<PathBuf>, below: Option<&'static str>, name: String, bytes: Bytes) -> Verdict {
        let put = self
            .on_a_thread(move |folder| {
                let is_no_copy = own.is_some_and(|own| folder.is_of_the_store_of(&own));
                match is_no_copy {
                    true => folder.no_copy(),
                    false => folder.put_file(below, &name, &bytes),
                }
            })
            .await;
        put.unwrap_or_else(|| Verdict::Uncertain {
            after: None,
            patience: Patience::Many,
            reason: self.hangs(),
        })
    }

    fn hangs(&self) -> String {
        format!("{} does not answer", self.folder.path.display())
    }
}

impl Folder {
    /// Why nothing may be written there now.
    fn trouble(&self) -> Option<String> {
        let shown = self.path.display();
        if !self.path.is_dir() {
            return Some(format!("{shown} is not there"));
        }
        let place = self.for_sticks.iter().find(|place| self.path.starts_with(place))?;
        let is_meant = is_another_disk(&self.path, beside(place)) || self.path.join(MARKER).exists();
        (!is_meant).then(|| {
            let marker = self.path.join(MARKER);
            format!(
                "nothing is mounted at {shown}: put the stick in; if the folder itself is meant, make an empty file {}",
                marker.display()
            )
        })
    }

    /// True where it is the store that holds this record, whose `attachments/` would be its own, or lies in one of its folders, by
    /// whatever way it is reached: what is there already would stand for its own copy, and then be pruned.
    fn is_of_the_store_of(&self, record: &Path) -> bool {
        let root = record.parent().and_then(Path::parent);
        let real = |path: &Path| path.canonicalize().ok();
        let is_own = |below: &Path| match below.components().next() {
            Some(first) => OF_THE_STORE.iter().any(|own| first.as_os_str() == *own),
            None => true,
        };
        let lies_below = match (real(&self.path), root.and_then(real)) {
            (Some(folder), Some(root)) => folder.strip_prefix(root).is_ok_and(is_own),
            (_, _) => false,
        };
        let name = record.file_name().unwrap_or_default();
        lies_below || is_the_same_file(&self.path.join(name), record)
    }

    fn no_copy(&self) -> Verdict {
        let shown = self.path.display();
        Verdict::Pause {
            reason: format!("{shown} lies in the store itself, where nothing is a copy: name a folder elsewhere"),
        }
    }

    fn put_file(&self, below: Option<&str>, name: &str, bytes: &[u8]) -> Verdict {
        if let Some(reason) = self.trouble() {
            return Verdict::Retry {
                after: None,
                patience: Patience::Endless,
                reason,
            };
        }
        let folder = below.map_or_else(|| self.path.clone(), |below| self.path.join(below));
        match put_elsewhere(&folder, name, bytes) {
            Ok(()) => Verdict::Confirmed {
                remote_id: name.to_owned(),
            },
            Err(error) => refused(&self.path, &error),
        }
    }
}

/// What is on the same disk as a place for sticks where nothing is mounted: what is above it, for a disk may be mounted at the place
/// itself. Where macOS mounts, nothing is, and the place lies on another volume than `/` anyway.
fn beside(place: &Path) -> &Path {
    match place.parent() {
        Some(above) if place != Path::new(MACOS) => above,
        Some(_) | None => place,
    }
}

/// True where something is mounted between the two, or at the folder.
#[cfg(unix)]
fn is_another_disk(folder: &Path, place: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let disk = |path: &Path| path.metadata().map(|facts| facts.dev());
    matches!((disk(folder), disk(place)), (Ok(one), Ok(other)) if one != other)
}

/// True for one file under two names: a hard link, or a folder that is mounted twice.
#[cfg(unix)]
fn is_the_same_file(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let file = |path: &Path| path.metadata().map(|facts| (facts.dev(), facts.ino()));
    matches!((file(one), file(other)), (Ok(one), Ok(other)) if one == other)
}

/// No std for it here.
#[cfg(not(unix))]
const fn is_the_same_file(_one: &Path, _other: &Path) -> bool {
    false
}

/// Drives have letters here.
#[cfg(not(unix))]
const fn is_another_disk(_folder: &Path, _place: &Path) -> bool {
    true
}

/// What a file is in the way of is that record's; else it is the folder's, and the same for every record.
fn refused(folder: &Path, error: &StoreError) -> Verdict {
    let advice = match error.kind() {
        StoreErrorKind::Conflict | StoreErrorKind::Damaged => {
            return Verdict::Park {
                reason: error.to_string(),
            };
        }
        StoreErrorKind::Full => "; free space there, or use another stick",
        StoreErrorKind::ReadOnly => "; remount it read-write: a stick may have a switch",
        StoreErrorKind::Permission => "; let the user who syncs write there",
        StoreErrorKind::NotFound
        | StoreErrorKind::Locked
        | StoreErrorKind::Newer
        | StoreErrorKind::TooLarge
        | StoreErrorKind::Invalid
        | StoreErrorKind::Io => "",
    };
    Verdict::Pause {
        reason: format!("cannot write in {}: {}{advice}", folder.display(), error.detail()),
    }
}

#[async_trait]
impl Shelf for Directory {
    fn config(&self) -> &TargetConfig {
        &self.config
    }

    async fn put(&self, sealed: &Sealed, _progress: &mut Progress) -> Verdict {
        let (own, name) = (sealed.path.clone(), sealed.name.to_string());
        self.put_file(Some(own), None, name, sealed.bytes.clone().into()).await
    }

    async fn put_attachment(&self, enclosure: &Enclosure<'_>) -> Verdict {
        // after its record, which went to the same folder
        self.put_file(
            None,
            Some("attachments"),
            enclosure.sha256.to_owned(),
            enclosure.bytes.clone(),
        )
        .await
    }

    async fn look(&self) -> Probe {
        match self.on_a_thread(|folder| folder.trouble()).await {
            Some(None) => Probe::Ready { identity: None },
            Some(Some(reason)) => Probe::Unreachable { reason },
            None => Probe::Unreachable { reason: self.hangs() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_file_under_another_name_is_no_copy_of_itself() {
        let (store, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let pending = store.path().join("pending");
        std::fs::create_dir(&pending).unwrap();
        let record = pending.join("record.json");
        std::fs::File::create(&record).unwrap();
        let folder = Folder {
            path: other.path().to_owned(),
            for_sticks: Vec::new(),
        };
        assert!(!folder.is_of_the_store_of(&record));
        // a folder that is mounted twice shows so too
        std::fs::hard_link(&record, other.path().join("record.json")).unwrap();
        assert!(folder.is_of_the_store_of(&record));
    }

    #[test]
    fn a_disk_may_be_mounted_at_a_place_for_sticks_but_not_where_macos_has_another_volume_anyway() {
        for (place, expected) in [
            ("/mnt", "/"),
            ("/run/media", "/run"),
            ("/Volumes", "/Volumes"),
            ("/", "/"),
        ] {
            assert_eq!(beside(Path::new(place)), Path::new(expected), "{place}");
        }
    }
}
