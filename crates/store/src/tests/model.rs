//! A model of a disk that loses its power: whatever the store did to the disk is played again up to any call, and then only
//! what was synced, all of it, or anything between is left. What was confirmed before that call must be found.
//!
//! The model is harder than a real file system where the two differ: a new name is durable only by a sync of its folder, and
//! folders reach the disk each at its own time. One thing is granted: a rename from one folder to another never loses the file.

use crate::{
    Journal, Place, Receipt, ReceiptKind, Saved, Standing, Store,
    testkit::{
        self, Dice, now, passing, plant,
        watch::{Step, Watch},
    },
};
use benchtop_run::Recorder;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// A file system: what programs see, and what a power cut leaves.
#[derive(Clone, Default)]
struct Disk {
    /// Every change of a folder's names, in order: when, which folder, which name, which file it has from then on.
    changes: Vec<(usize, PathBuf, PathBuf, Option<u64>)>,
    /// Renames between folders: when, from, to.
    crossings: Vec<(usize, PathBuf, PathBuf)>,
    /// When each folder was last synced.
    synced: BTreeMap<PathBuf, usize>,
    names: BTreeMap<PathBuf, u64>,
    folders: BTreeSet<PathBuf>,
    files: BTreeMap<u64, File>,
    /// By the number under which a program opened it.
    open: BTreeMap<u64, u64>,
}

#[derive(Clone, Default)]
struct File {
    content: Vec<u8>,
    durable: Vec<u8>,
}

fn parent(path: &Path) -> PathBuf {
    path.parent().unwrap().to_owned()
}

impl Disk {
    fn change(&mut self, at: usize, path: &Path, file: Option<u64>) {
        self.changes.push((at, parent(path), path.to_owned(), file));
        match file {
            Some(file) => self.names.insert(path.to_owned(), file),
            None => self.names.remove(path),
        };
    }

    fn play(&mut self, at: usize, step: &Step) {
        match step {
            Step::MakeDir(path) => {
                self.folders.insert(path.clone());
            }
            Step::Create(path, handle) | Step::Open(path, handle) => {
                let file = match self.names.get(path) {
                    Some(file) => *file,
                    None => {
                        self.files.insert(*handle, File::default());
                        self.change(at, path, Some(*handle));
                        *handle
                    }
                };
                self.open.insert(*handle, file);
            }
            Step::Write(handle, bytes) => self.file(*handle).content.extend_from_slice(bytes),
            Step::Cut(handle, length) => {
                let length = usize::try_from(*length).unwrap();
                self.file(*handle).content.truncate(length);
            }
            Step::SyncFile(handle) => {
                let file = self.file(*handle);
                file.durable.clone_from(&file.content);
            }
            Step::Rename(from, to) => {
                let file = self.names[from];
                self.change(at, to, Some(file));
                self.change(at, from, None);
                if parent(from) != parent(to) {
                    self.crossings.push((at, parent(from), parent(to)));
                }
            }
            Step::Remove(path) => self.change(at, path, None),
            Step::SyncDir(path) => {
                self.synced.insert(path.clone(), at);
            }
            Step::SyncEverything => {
                let folders = self.changes.iter().map(|(_, folder, _, _)| (folder.clone(), at));
                self.synced.extend(folders.collect::<Vec<_>>());
                for file in self.files.values_mut() {
                    file.durable.clone_from(&file.content);
                }
            }
            Step::Said(_) => {}
        }
    }

    fn file(&mut self, handle: u64) -> &mut File {
        self.files.get_mut(&self.open[&handle]).unwrap()
    }

    /// What is left when the power goes at `end`: for each folder the names as they were at some time since its last sync.
    fn after_power_cut(&self, end: usize, dice: &mut Dice, strict: bool) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut until: BTreeMap<PathBuf, usize> = BTreeMap::new();
        for (_, folder, _, _) in &self.changes {
            let from = self.synced.get(folder).copied().unwrap_or(0);
            let more = if strict { 0 } else { dice.roll(end - from + 1) };
            until.entry(folder.clone()).or_insert(from + more);
        }
        for _ in 0..self.crossings.len() {
            for (at, from, to) in &self.crossings {
                if until[from] >= *at && until[to] < *at {
                    until.insert(to.clone(), *at);
                }
            }
        }
        let mut names: BTreeMap<PathBuf, u64> = BTreeMap::new();
        for (at, folder, path, file) in &self.changes {
            if *at > until[folder] {
                continue;
            }
            match file {
                Some(file) => names.insert(path.clone(), *file),
                None => names.remove(path),
            };
        }
        let content = |file: &File, dice: &mut Dice| {
            let (durable, content) = (&file.durable, &file.content);
            if strict || dice.roll(3) == 0 || content.len() < durable.len() {
                return durable.clone();
            }
            let mut left = content[..durable.len() + dice.roll(content.len() - durable.len() + 1)].to_vec();
            if dice.roll(4) == 0 {
                // the length arrived and the bytes did not
                left.resize(content.len(), 0);
            }
            left
        };
        let left = |(path, file): (PathBuf, u64)| (path, content(&self.files[&file], dice));
        names.into_iter().map(left).collect()
    }
}

/// What was confirmed of a run.
#[derive(Clone, Debug, Default)]
struct Known {
    /// Events behind a barrier.
    events: usize,
    saved: Option<Saved>,
    confirmed: bool,
}

type List = BTreeMap<String, Known>;

/// A store at work; what it confirmed stands in the trace, beside what it did to the disk.
struct Bench {
    store: Store,
    watch: std::sync::Arc<Watch>,
    open: Vec<(String, Journal, Vec<benchtop_run::Event>, usize)>,
    sealed: Vec<Saved>,
    /// The list in memory, after each thing that was said.
    lists: Vec<List>,
    list: List,
}

impl Bench {
    fn say(&mut self) {
        self.watch.say(self.lists.len().to_string());
        self.lists.push(self.list.clone());
    }

    fn act(&mut self, dice: &mut Dice) {
        match dice.roll(8) {
            0 | 1 => {
                let ticket = self.store.begin(now()).unwrap();
                let journal = self.store.journal(&ticket).unwrap();
                let events = passing(&ticket, "UNIT-5501");
                self.open.push((ticket.run_id, journal, events, 0));
            }
            2 | 3 => self.record(dice),
            4 => {
                if let Some((run_id, mut journal, events, done)) = self.open.pop() {
                    events[done..].iter().for_each(|event| journal.record(event).unwrap());
                    let saved = self.store.seal(&journal).unwrap();
                    self.list.entry(run_id).or_default().saved = Some(saved.clone());
                    self.sealed.push(saved);
                    self.say();
                }
            }
            5 => self.confirm(dice),
            6 => self.store.sync_moves().unwrap(),
            // a program dies, and the next one recovers what it left
            _ => {
                self.open.truncate(self.open.len().saturating_sub(1));
                for saved in self.store.recover().unwrap().sealed {
                    let run_id = saved.record.run_id.clone();
                    self.list.entry(run_id).or_default().saved = Some(saved.clone());
                    self.sealed.push(saved);
                }
                self.say();
            }
        }
    }

    fn record(&mut self, dice: &mut Dice) {
        let Some((run_id, journal, events, done)) = self.open.last_mut() else {
            return;
        };
        let until = (*done + 1 + dice.roll(4)).min(events.len());
        events[*done..until]
            .iter()
            .for_each(|event| journal.record(event).unwrap());
        *done = until;
        if dice.roll(2) == 0 {
            journal.wait_durable().unwrap();
            self.list.entry(run_id.clone()).or_default().events = until;
            self.say();
        }
    }

    fn confirm(&mut self, dice: &mut Dice) {
        if self.sealed.is_empty() {
            return;
        }
        let saved = self.sealed.remove(dice.roll(self.sealed.len()));
        let receipt = Receipt {
            at: now(),
            target: "cloud".to_owned(),
            kind: ReceiptKind::Confirmed {
                remote_id: "r-1".to_owned(),
            },
        };
        self.store.receipts().append(saved.name.run_id(), &receipt).unwrap();
        self.list.entry(saved.name.run_id().to_owned()).or_default().confirmed = true;
        self.say();
        self.store.settle(&saved.name, &["cloud"], now()).unwrap();
    }
}

/// Everything that a store did in a random sequence of acts, and the lists.
fn worked(seed: u64) -> (PathBuf, Vec<Step>, Vec<List>) {
    let (_folder, store, watch) = testkit::watched_store();
    let root = store.root().to_owned();
    let mut bench = Bench {
        store,
        watch,
        open: Vec::new(),
        sealed: Vec::new(),
        lists: Vec::new(),
        list: List::new(),
    };
    let mut dice = Dice::of(seed);
    for _ in 0..24 {
        bench.act(&mut dice);
    }
    (root, bench.watch.steps(), bench.lists)
}

/// What is missing after a power cut at `end`, if anything is.
fn check(root: &Path, steps: &[Step], lists: &[List], end: usize, dice: &mut Dice, strict: bool) -> Result<(), String> {
    let mut disk = Disk::default();
    let mut list = List::new();
    for (at, step) in steps[..end].iter().enumerate() {
        disk.play(at + 1, step);
        if let Step::Said(which) = step {
            list = lists[which.parse::<usize>().unwrap()].clone();
        }
    }
    let folder = tempfile::tempdir_in(parent(&parent(root))).unwrap();
    let copy = folder.path().join("store");
    std::fs::create_dir(&copy).unwrap();
    for path in &disk.folders {
        std::fs::create_dir_all(copy.join(path.strip_prefix(root).unwrap())).unwrap();
    }
    for (path, bytes) in disk.after_power_cut(end, dice, strict) {
        plant(&copy.join(path.strip_prefix(root).unwrap()), &bytes);
    }
    let store = Store::open(&copy).map_err(|error| error.to_string())?;
    let recovery = store.recover().map_err(|error| error.to_string())?;
    if !recovery.failed.is_empty() {
        return Err(format!("{recovery:?}"));
    }
    for (run_id, known) in list {
        let found = found(&store, &run_id)?;
        if found.is_empty() && known.events == 0 && known.saved.is_none() {
            continue;
        }
        let records: BTreeSet<&[u8]> = found.iter().map(|(_, bytes, _)| bytes.as_slice()).collect();
        let [(_, _, record)] = found.as_slice() else {
            // twice is allowed only in passing, byte for byte, until the move is made again
            if records.len() == 1 && known.confirmed {
                continue;
            }
            return Err(format!("run {run_id} is there {} times: {known:?}", found.len()));
        };
        match known.saved {
            Some(saved) if *saved.record != record.clone().packed() => {
                return Err(format!("run {run_id} is another one"));
            }
            Some(_) => {}
            None if known.events >= 7 && record.steps.iter().all(|step| step.measurements.is_empty()) => {
                return Err(format!("run {run_id} lost a confirmed measurement"));
            }
            None => {}
        }
        let standing = store.receipts().read(&run_id).map_err(|error| error.to_string())?;
        if known.confirmed && !matches!(standing.target("cloud").standing, Standing::Confirmed { .. }) {
            return Err(format!("run {run_id} lost its confirmation"));
        }
    }
    Ok(())
}

type Found = (Place, Vec<u8>, crate::Record);

fn found(store: &Store, run_id: &str) -> Result<Vec<Found>, String> {
    let mut found = Vec::new();
    for place in [Place::Pending, Place::Synced, Place::Parked, Place::Kept] {
        let listing = store.list(place, usize::MAX).map_err(|error| error.to_string())?;
        for name in listing.names.iter().filter(|name| name.run_id() == run_id) {
            let sealed = store.read(place, name).map_err(|error| error.to_string())?;
            found.push((place, sealed.bytes, sealed.record));
        }
    }
    Ok(found)
}

#[test]
fn whatever_was_confirmed_before_a_power_cut_is_found_after_it() {
    let mut cuts = 0;
    for seed in 1..=16 * testkit::soak() {
        let (root, steps, lists) = worked(seed);
        let mut dice = Dice::of(seed + 1_000_000);
        for turn in 0..60 {
            let end = 1 + dice.roll(steps.len());
            let strict = turn % 3 == 0;
            if let Err(error) = check(&root, &steps, &lists, end, &mut dice, strict) {
                panic!(
                    "seed {seed}, power cut after {end} of {} calls, strict {strict}: {error}",
                    steps.len()
                );
            }
            cuts += 1;
        }
    }
    println!("{cuts} power cuts");
}

type LeavesOut = fn(&Step) -> bool;

/// The model sees what is missing: without the syncs of a folder, or of files, something confirmed is lost.
#[test]
fn a_store_that_leaves_out_a_sync_is_found_out() {
    let lies: [(&str, LeavesOut); 3] = [
        (
            "pending is never synced",
            |step| matches!(step, Step::SyncDir(path) if path.ends_with("pending")),
        ),
        (
            "the journal folder is never synced",
            |step| matches!(step, Step::SyncDir(path) if path.ends_with("journal")),
        ),
        ("no file is ever synced", |step| matches!(step, Step::SyncFile(_))),
    ];
    for (lie, leaves_out) in lies {
        let caught = (1..=40).any(|seed| {
            let (root, steps, lists) = worked(seed);
            let steps: Vec<Step> = steps.into_iter().filter(|step| !leaves_out(step)).collect();
            let mut dice = Dice::of(seed);
            (0..20).any(|_| {
                let end = 1 + dice.roll(steps.len());
                check(&root, &steps, &lists, end, &mut dice, true).is_err()
            })
        });
        assert!(caught, "{lie}");
    }
}
