//! Bringing the index up to date: what the store tells of its folders, and what a look at them says.

use super::{
    Moment, Progress,
    build::{self, Found, Unread},
    log::{Log, Torn},
    state::Unbelieved,
};
use benchtop_store::{Changed, FolderNews, RecordFolder, RecordName, Store, StoreError};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A folder that changed so short a time ago may change again without its time of change telling; in nanoseconds.
const UNSETTLED: i64 = 2_000_000_000;
/// So long after the last time every folder is listed once more: for what was done to one in the same moment as what the
/// store did itself. In nanoseconds.
const LOOK_AGAIN: i64 = 24 * 60 * 60 * 1_000_000_000;
/// How often the news are read again, where a folder changed while it was looked at.
const TRIES: u32 = 3;

/// Why the index could not be brought up to date.
#[derive(Debug)]
pub(super) enum Trouble {
    /// An older part of it is not what was written: it must be made again.
    Torn,
    Store(StoreError),
}

impl From<Torn> for Trouble {
    fn from(Torn: Torn) -> Self {
        Self::Torn
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What became of the folders.
#[derive(Debug, Default)]
struct Changes<'a> {
    /// When each had changed last, by its place.
    changed: Vec<Changed>,
    /// The places of those that must be listed.
    listed: BTreeSet<usize>,
    /// What the store told of the others, by name: the folder that it lies in now, none where it went.
    told: BTreeMap<&'a RecordName, Option<usize>>,
}

/// What it took to bring the log up to date.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Work {
    /// Records that were read.
    pub(super) read: usize,
    /// Folders that were listed.
    pub(super) listed: usize,
}

/// Brings the log up to date with the folders.
pub(super) fn follow(
    log: &mut Log,
    (store, folders): (&Store, &[RecordFolder]),
    moment: Moment,
    progress: Progress<'_>,
) -> Result<Work, Trouble> {
    let looks_again = moment.everywhere
        || moment.now.saturating_sub(log.state.looked_at) > LOOK_AGAIN
        // the clock was set back
        || log.state.looked_at > moment.now.saturating_add(LOOK_AGAIN);
    let (mut news, mut length) = store.news();
    let mut seen = changes(log, folders, &news)?;
    for _ in 0..if looks_again { 0 } else { TRIES } {
        if seen.listed.is_empty() {
            break;
        }
        let (again, told) = store.news();
        if told == length {
            break;
        }
        (news, length) = (again, told);
        seen = changes(log, folders, &news)?;
    }
    let mut changes = seen;
    if looks_again {
        changes.listed = (0..folders.len()).collect();
        changes.told.clear();
    }
    leave_vanished(log, folders)?;
    let files = if changes.listed.is_empty() {
        follow_told(log, folders, &changes.told)?
    } else {
        list(log, folders, &changes)?
    };
    let read = take_in(log, folders, &files, progress);
    let settled = Changed(moment.now.saturating_sub(UNSETTLED));
    for (at, (folder, changed)) in folders.iter().zip(&changes.changed).enumerate() {
        let is_known = if changes.listed.contains(&at) {
            *changed < settled && folder.changed().is_ok_and(|now| now == *changed)
        } else {
            true
        };
        if is_known {
            log.know(folder.name(), *changed);
        }
    }
    if changes.listed.len() == folders.len() {
        log.looked(moment.now);
    }
    log.flush();
    if length > 0 && log.is_ours() {
        store.forget_news(length);
    }
    let listed = changes.listed.len();
    Ok(Work { read, listed })
}

/// Which folders must be listed, and what is known of the others.
fn changes<'a>(log: &Log, folders: &[RecordFolder], news: &'a [FolderNews]) -> Result<Changes<'a>, StoreError> {
    let mut changes = Changes::default();
    let places: HashMap<&str, usize> = folders
        .iter()
        .zip(0..)
        .map(|(folder, at)| (folder.name(), at))
        .collect();
    let mut lines: Vec<Vec<&FolderNews>> = vec![Vec::new(); folders.len()];
    for line in news {
        if let Some(of) = places.get(line.folder.as_str()).and_then(|at| lines.get_mut(*at)) {
            of.push(line);
        }
    }
    let mut believed: BTreeMap<usize, &FolderNews> = BTreeMap::new();
    for (at, (folder, lines)) in folders.iter().zip(&lines).enumerate() {
        let changed = folder.changed()?;
        changes.changed.push(changed);
        match log
            .state
            .known
            .get(folder.name())
            .and_then(|known| since(*known, lines, changed))
        {
            Some([]) => {}
            Some([first, ..]) => drop(believed.insert(at, *first)),
            None => drop(changes.listed.insert(at)),
        }
    }
    // in the order in which all of it was done: a record goes here and comes there
    let mut begun = BTreeSet::new();
    for line in news {
        let Some(at) = places.get(line.folder.as_str()).copied() else {
            continue;
        };
        if believed.get(&at).is_some_and(|first| std::ptr::eq(*first, line)) {
            begun.insert(at);
        }
        if !begun.contains(&at) {
            continue;
        }
        if let Some(went) = &line.went {
            let lies = changes.told.entry(went).or_insert(None);
            if *lies == Some(at) {
                *lies = None;
            }
        }
        if let Some(came) = &line.came {
            changes.told.insert(came, Some(at));
        }
    }
    Ok(changes)
}

/// The lines that lead from what is known of a folder to what it is now, without a gap; `None` where there is one.
fn since<'l, 'n>(known: Changed, lines: &'l [&'n FolderNews], now: Changed) -> Option<&'l [&'n FolderNews]> {
    if lines.iter().any(|line| line.before == FolderNews::UNTOLD) {
        return None;
    }
    let first = lines.iter().position(|line| line.before == known.0);
    let Some(lines) = first.and_then(|first| lines.get(first..)) else {
        return (known == now).then_some(&[]);
    };
    let fits = lines
        .windows(2)
        .all(|pair| matches!(pair, [one, next] if one.after == next.before));
    (fits && lines.last().is_some_and(|last| last.after == now.0)).then_some(lines)
}

/// Marks what lay in a folder that is not there any more (a month that was pruned away).
fn leave_vanished(log: &mut Log, folders: &[RecordFolder]) -> Result<(), Torn> {
    let is_there = |name: &str| folders.iter().any(|folder| folder.name() == name);
    let gone = log
        .state
        .unbelieved
        .iter()
        .filter(|(_, unbelieved)| !is_there(&unbelieved.folder));
    for name in gone.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
        log.forget(&name);
    }
    let vanished: Vec<String> = log
        .state
        .living
        .keys()
        .filter(|name| !is_there(name))
        .cloned()
        .collect();
    if vanished.is_empty() {
        return Ok(());
    }
    log.read_all()?;
    let is_in = |folder: u32| {
        log.texts
            .text(folder)
            .is_some_and(|name| vanished.iter().any(|gone| gone == name))
    };
    let dead: Vec<u32> = log
        .living()
        .filter(|(_, placed, _)| is_in(placed.folder))
        .map(|(number, ..)| number)
        .collect();
    dead.into_iter().for_each(|number| log.lies(number, None));
    Ok(())
}

/// Follows what the store told. What is new is handed back, oldest first.
fn follow_told(
    log: &mut Log,
    folders: &[RecordFolder],
    told: &BTreeMap<&RecordName, Option<usize>>,
) -> Result<Vec<Unread>, Torn> {
    let mut new = Vec::new();
    for (name, place) in told {
        // one that went may lie elsewhere all the same, where it was there twice
        let holds = |folder: &RecordFolder| folder.looks_of(name.as_str()).is_some();
        let place = place.or_else(|| folders.iter().position(holds));
        if log.state.unbelieved.contains_key(name.as_str()) {
            log.forget(name.as_str());
        }
        let found = log.find(name)?;
        match (found, place.and_then(|at| folders.get(at))) {
            (Some(number), folder) => {
                let now = folder.map(RecordFolder::name);
                let lies = log.run(number).and_then(|(placed, _)| log.texts.text(placed.folder));
                if lies != now {
                    let now = now.map(str::to_owned);
                    log.lies(number, now.as_deref());
                }
            }
            (None, Some(_)) => new.push(unread(name, place.unwrap_or_default())),
            (None, None) => {}
        }
    }
    new.sort();
    Ok(new)
}

fn unread(name: &RecordName, folder: usize) -> Unread {
    Unread {
        sequence: name.sequence(),
        name: name.as_str().into(),
        folder,
    }
}

/// Where a known run was met; nowhere yet.
const NOWHERE: u32 = u32::MAX;

/// Lists folders and follows what happened; the store told what became of the others. What is new is handed back, oldest
/// first.
fn list(log: &mut Log, folders: &[RecordFolder], changes: &Changes<'_>) -> Result<Vec<Unread>, Trouble> {
    log.read_all()?;
    let names: Vec<u32> = folders
        .iter()
        .map(|folder| log.texts.number(folder.name().as_bytes()))
        .collect();
    let is_listed: BTreeSet<u32> = changes.listed.iter().filter_map(|at| names.get(*at).copied()).collect();
    let mut known: HashMap<&str, u32> = HashMap::with_capacity(usize::try_from(log.state.runs).unwrap_or_default());
    known.extend(log.living().map(|(number, _, row)| (row.name(), number)));
    let mut met: Vec<u32> = vec![NOWHERE; usize::try_from(log.state.runs).unwrap_or_default()];
    let mut new: Vec<Unread> = Vec::new();
    let mut still = BTreeSet::new();
    let mut meet = |name: &str, at: usize| match known.get(name) {
        Some(number) => {
            if let Some(met) = usize::try_from(*number).ok().and_then(|number| met.get_mut(number)) {
                *met = names.get(at).copied().unwrap_or(NOWHERE);
            }
        }
        None => {
            let folder = folders.get(at).map(RecordFolder::name);
            match log.state.unbelieved.get(name) {
                Some(unbelieved) if Some(unbelieved.folder.as_str()) == folder => drop(still.insert(name.to_owned())),
                Some(_) | None => {
                    if let Ok(name) = name.parse() {
                        new.push(unread(&name, at));
                    }
                }
            }
        }
    };
    // the first once more at the end: a record that moves while we look is met in one place or the other
    let again = usize::from(changes.listed.len() > 1);
    for at in changes.listed.iter().chain(changes.listed.iter().take(again)) {
        let Some(folder) = folders.get(*at) else { continue };
        folder.each_name(|name| meet(name, *at))?;
    }
    let mut went = BTreeSet::new();
    for (name, place) in &changes.told {
        match place {
            Some(at) => meet(name.as_str(), *at),
            None => drop(went.insert(name.as_str())),
        }
    }
    let mut lies = Vec::new();
    for (number, placed, row) in log.living() {
        let met = usize::try_from(number).ok().and_then(|number| met.get(number).copied());
        match met.unwrap_or(NOWHERE) {
            NOWHERE => {
                let is_gone = is_listed.contains(&placed.folder) || went.contains(row.name());
                if is_gone {
                    lies.push((number, None));
                }
            }
            folder if folder != placed.folder => lies.push((number, Some(folder))),
            _same => {}
        }
    }
    let is_gone = |(name, unbelieved): &(&String, &Unbelieved)| {
        let was_listed = changes.listed.iter().filter_map(|at| folders.get(*at));
        let was_listed = was_listed.into_iter().any(|folder| folder.name() == unbelieved.folder);
        was_listed && !still.contains(name.as_str())
    };
    let gone: Vec<String> = log
        .state
        .unbelieved
        .iter()
        .filter(is_gone)
        .map(|(name, _)| name.clone())
        .collect();
    gone.iter().for_each(|name| log.forget(name));
    for (number, folder) in lies {
        let folder = folder.and_then(|folder| log.texts.text(folder)).map(str::to_owned);
        log.lies(number, folder.as_deref());
    }
    // the last place in which it was met; each once
    new.reverse();
    new.sort_by(|a, b| (a.sequence, &a.name).cmp(&(b.sequence, &b.name)));
    new.dedup_by(|later, first| later.name == first.name);
    Ok(new)
}

/// Reads files into the index, and says how many.
pub(super) fn take_in(log: &mut Log, folders: &[RecordFolder], files: &[Unread], progress: Progress<'_>) -> usize {
    let mut done = 0_usize;
    build::read_all(folders, files, |at, found| {
        if let Some(folder) = folders.get(at) {
            add(log, folder.name(), found);
        }
        done = done.saturating_add(1);
        progress(done, files.len());
    });
    done
}

fn add(log: &mut Log, folder: &str, found: Found) {
    match found {
        Found::Run(extract) => {
            if log.state.unbelieved.contains_key(extract.name().as_str()) {
                log.forget(extract.name().as_str());
            }
            log.add_run(folder, *extract);
        }
        Found::Unbelieved { name, looks, reason } => {
            let folder = folder.to_owned();
            log.add_unbelieved(name.as_str(), &Unbelieved { folder, looks, reason });
        }
        Found::Gone => {}
    }
}

/// Takes in what could not be believed once and can be now: a disk that failed for a moment, a right that was missing. The
/// number of records that were taken in.
pub(super) fn try_again(log: &mut Log, folders: &[RecordFolder], before: &BTreeSet<String>) -> usize {
    let mut taken_in = 0_usize;
    for name in before {
        let (Some(known), Ok(record)) = (log.state.unbelieved.get(name).cloned(), name.parse()) else {
            continue;
        };
        let folder = folders.iter().find(|folder| folder.name() == known.folder);
        let found = build::read(folder, &record);
        match &found {
            Found::Run(_) => taken_in = taken_in.saturating_add(1),
            Found::Unbelieved { looks, reason, .. } if *looks != known.looks || *reason != known.reason => {}
            Found::Unbelieved { .. } | Found::Gone => continue,
        }
        add(log, &known.folder, found);
    }
    taken_in
}
