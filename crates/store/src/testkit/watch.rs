//! Looks on while a store works: what it did to the disk, in order, and a disk that breaks at a chosen call.

use crate::{disk::eye::Call, ground::FileSystem};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard},
};

/// Something that changed the disk, or was said meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    MakeDir(PathBuf),
    Create(PathBuf, u64),
    Open(PathBuf, u64),
    Write(u64, Vec<u8>),
    Cut(u64, u64),
    SyncFile(u64),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    SyncDir(PathBuf),
    SyncEverything,
    Said(String),
}

/// What a disk answers instead of doing what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// This error.
    Error(rustix::io::Errno),
    /// A write takes half of its bytes, and the next one none for want of space.
    Short,
    /// Nothing is done any more: the program was killed here.
    Dead,
}

/// What somebody else does in the moment in which the disk refuses.
struct Meanwhile(Box<dyn FnOnce() + Send>);

impl fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meanwhile")
    }
}

#[derive(Debug, Default)]
struct Seen {
    steps: Vec<Step>,
    names: BTreeMap<u64, PathBuf>,
    calls: usize,
    /// From which call on what goes wrong; with true, every call of its kind after it too.
    fault: Option<(usize, Fault, bool)>,
    struck: Option<&'static str>,
    meanwhile: Option<Meanwhile>,
    short: bool,
    dead: BTreeSet<u64>,
    /// Folders whose sync failed, until a name in them changes.
    dead_folders: BTreeSet<PathBuf>,
    retried: Vec<PathBuf>,
    /// No write has room until a file of this name is removed.
    full_until: Option<&'static str>,
    pretended: Option<FileSystem>,
    locks_lie: bool,
    keeps_no_modes: bool,
}

impl Seen {
    /// A name changed: the folder has something new to sync.
    fn changed(&mut self, path: &Path) {
        if let Some(folder) = path.parent() {
            self.dead_folders.remove(folder);
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Watch(Mutex<Seen>);

impl Watch {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Counts calls from here, and breaks the `at`th.
    pub(crate) fn break_at(&self, at: usize, fault: Fault, for_good: bool) {
        let mut seen = self.seen();
        seen.calls = 0;
        seen.struck = None;
        seen.fault = Some((at, fault, for_good));
    }

    /// Somebody else does this when the disk refuses a call, before whoever called hears of it. They have a store of their own.
    pub(crate) fn meanwhile(&self, act: impl FnOnce() + Send + 'static) {
        self.seen().meanwhile = Some(Meanwhile(Box::new(act)));
    }

    /// The disk is well again; answers the kind of call that was refused, if any was.
    pub(crate) fn mend(&self) -> Option<&'static str> {
        let mut seen = self.seen();
        seen.fault = None;
        seen.short = false;
        seen.full_until = None;
        seen.calls = 0;
        seen.struck.take()
    }

    /// The disk is full until a file of this name goes.
    pub(crate) fn fill_until_removed(&self, name: &'static str) {
        self.seen().full_until = Some(name);
    }

    /// The disk is taken for another kind of file system.
    pub(crate) fn pretend(&self, system: FileSystem) {
        self.seen().pretended = Some(system);
    }

    pub(crate) fn pretended(&self) -> Option<FileSystem> {
        self.seen().pretended.clone()
    }

    /// The disk gives one lock to many.
    pub(crate) fn let_locks_lie(&self) {
        self.seen().locks_lie = true;
    }

    pub(crate) fn locks_lie(&self) -> bool {
        self.seen().locks_lie
    }

    /// The disk has one mode for every file.
    pub(crate) fn forget_modes(&self) {
        self.seen().keeps_no_modes = true;
    }

    pub(crate) fn keeps_no_modes(&self) -> bool {
        self.seen().keeps_no_modes
    }

    /// Files and folders on which a sync was tried again after one had failed, with nothing new in them.
    pub(crate) fn retried(&self) -> Vec<PathBuf> {
        self.seen().retried.clone()
    }

    pub(crate) fn say(&self, words: impl Into<String>) {
        self.seen().steps.push(Step::Said(words.into()));
    }

    pub(crate) fn steps(&self) -> Vec<Step> {
        self.seen().steps.clone()
    }

    pub(crate) fn before(&self, call: Call<'_>) -> io::Result<()> {
        let mut seen = self.seen();
        let turn = seen.calls;
        seen.calls += 1;
        if let Call::SyncFile { file } = call
            && seen.dead.contains(&file)
        {
            let path = seen.names.get(&file).cloned().unwrap_or_default();
            seen.retried.push(path);
        }
        if let Call::SyncDir { path } = call
            && seen.dead_folders.contains(path)
        {
            seen.retried.push(path.to_owned());
        }
        if matches!(call, Call::Write { .. } | Call::Create { .. }) && seen.full_until.is_some() {
            return Err(rustix::io::Errno::NOSPC.into());
        }
        let Some((at, fault, for_good)) = seen.fault else {
            return Ok(());
        };
        let again = for_good && (seen.struck == Some(kind(call)) || (fault == Fault::Dead && turn > at));
        if turn != at && !again {
            return Ok(());
        }
        match fault {
            Fault::Error(errno) => {
                seen.struck = Some(kind(call));
                if let Call::SyncFile { file } = call {
                    seen.dead.insert(file);
                }
                if let Call::SyncDir { path } = call {
                    seen.dead_folders.insert(path.to_owned());
                }
                let meanwhile = seen.meanwhile.take();
                drop(seen);
                if let Some(Meanwhile(act)) = meanwhile {
                    act();
                }
                Err(errno.into())
            }
            Fault::Dead => {
                seen.struck = Some(kind(call));
                Err(rustix::io::Errno::IO.into())
            }
            // writes are shortened where they ask
            Fault::Short => Ok(()),
        }
    }

    /// The bytes that one write takes.
    pub(crate) fn shortened<'b>(&self, bytes: &'b [u8]) -> io::Result<&'b [u8]> {
        let mut seen = self.seen();
        let Some((at, Fault::Short, _)) = seen.fault else {
            return Ok(bytes);
        };
        if seen.short {
            return Err(rustix::io::Errno::NOSPC.into());
        }
        if seen.calls != at {
            return Ok(bytes);
        }
        seen.short = true;
        seen.struck = Some("write");
        Ok(&bytes[..bytes.len() / 2])
    }

    pub(crate) fn after(&self, call: Call<'_>) {
        let mut seen = self.seen();
        if let Call::Create { entry, .. } | Call::Remove { entry } | Call::MakeDir { entry } = call {
            seen.changed(&entry.path());
        }
        if let Call::Rename { from, to } = call {
            seen.changed(&from.path());
            seen.changed(&to.path());
        }
        let step = match call {
            Call::MakeDir { entry } => Step::MakeDir(entry.path()),
            Call::Create { entry, file } => {
                seen.names.insert(file, entry.path());
                Step::Create(entry.path(), file)
            }
            Call::Open { entry, file } => {
                seen.names.insert(file, entry.path());
                Step::Open(entry.path(), file)
            }
            Call::Write { file, bytes } => Step::Write(file, bytes.to_owned()),
            Call::Cut { file, length } => Step::Cut(file, length),
            Call::SyncFile { file } => Step::SyncFile(file),
            Call::Rename { from, to } => Step::Rename(from.path(), to.path()),
            Call::Remove { entry } => {
                let path = entry.path();
                if path.file_name().and_then(|name| name.to_str()) == seen.full_until {
                    seen.full_until = None;
                }
                Step::Remove(path)
            }
            Call::SyncDir { path } => Step::SyncDir(path.to_owned()),
            Call::SyncEverything => Step::SyncEverything,
            Call::OpenDir | Call::Read | Call::Lock | Call::Look | Call::List | Call::Space => return,
        };
        seen.steps.push(step);
    }

    fn of(&self, name: &str, is: impl Fn(&Step, u64) -> bool) -> usize {
        let seen = self.seen();
        let files: Vec<u64> = seen
            .names
            .iter()
            .filter(|(_, path)| path.file_name() == Path::new(name).file_name())
            .map(|(file, _)| *file)
            .collect();
        seen.steps
            .iter()
            .filter(|step| files.iter().any(|file| is(step, *file)))
            .count()
    }

    /// How many writes went to files of this name.
    pub(crate) fn lines_written(&self, name: &str) -> usize {
        self.of(name, |step, file| matches!(step, Step::Write(of, _) if *of == file))
    }

    /// How many syncs files of this name had.
    pub(crate) fn syncs_of(&self, name: &str) -> usize {
        self.of(name, |step, file| matches!(step, Step::SyncFile(of) if *of == file))
    }
}

fn kind(call: Call<'_>) -> &'static str {
    match call {
        Call::MakeDir { .. } => "mkdir",
        Call::OpenDir => "open folder",
        Call::Create { .. } => "create",
        Call::Open { .. } => "open",
        Call::Read => "read",
        Call::Write { .. } => "write",
        Call::Cut { .. } => "truncate",
        Call::SyncFile { .. } => "fsync",
        Call::Lock => "lock",
        Call::Rename { .. } => "rename",
        Call::Remove { .. } => "unlink",
        Call::Look => "stat",
        Call::SyncDir { .. } => "fsync folder",
        Call::SyncEverything => "syncfs",
        Call::List => "list",
        Call::Space => "statvfs",
    }
}
