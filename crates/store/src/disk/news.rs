//! What the store does to its folders of records, told to whoever keeps a summary of them (`index/news`).
//!
//! A line per change: the folder, its time of change before and after, which record came and which went. Whoever knew the
//! folder at the first time, and finds it at the last one, knows what is in it without listing it; where a time does not
//! fit, somebody else was at it, or a line is missing, and it is listed. Between moves that are told together nobody looks at the
//! time: their lines have in its place what no folder has and no other lines have, so that one that is missing is seen all the
//! same. So nothing rests on the news: they are neither durable nor complete, and nobody waits for them. One who does not get
//! the lock at once says only that there is something that was not told: the line of whoever has it may span what was done
//! beside it.

use super::{Dir, system};
use crate::{
    name::{RecordName, is_record_name},
    outbox::Place,
};
use std::{
    fs::{File, Metadata},
    io::{self, Read, Seek, SeekFrom, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::UNIX_EPOCH,
};

const FOLDER: &str = "index";
const FILE: &str = "news";
/// More news than this (some 20,000 runs) are told to nobody: the folders are listed then.
const MOST_BYTES: u64 = 4 * 1024 * 1024;
/// How often the lock is tried. It is held for the time of some renames.
const TRIES: u32 = 400;
/// Most moves that are told together: as long as they take nobody else gets the lock.
pub(super) const TOGETHER: usize = 8;

/// When a file or folder changed last, in nanoseconds since 1970; always the same where the file system keeps no times.
pub(crate) fn changed(facts: &Metadata) -> i64 {
    let Ok(time) = facts.modified() else { return 0 };
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, i64::wrapping_neg),
    }
}

/// One change of a folder of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderNews {
    /// Its path below the store's root.
    pub folder: String,
    /// When it had changed before, in nanoseconds since 1970.
    pub before: i64,
    /// When it had changed then.
    pub after: i64,
    /// The record that came.
    pub came: Option<RecordName>,
    /// The record that went.
    pub went: Option<RecordName>,
}

impl FolderNews {
    /// The time of change before and after of something that was done beside another change, and not told: it fits nothing.
    pub const UNTOLD: i64 = i64::MIN;
}

/// The news of a store. Their file is open only while something is told: nothing of ours keeps a disk from being mounted
/// read-only.
#[derive(Debug)]
pub(crate) struct News {
    root: system::Handle,
    /// One of this process at a time.
    turn: Mutex<()>,
}

/// The folders of records, for those who change them.
#[derive(Clone, Debug)]
pub(super) struct Told {
    news: Arc<News>,
    /// Below the root; empty for the root itself.
    folder: String,
}

impl Told {
    pub(super) fn of_root(root: system::Handle) -> Self {
        let turn = Mutex::new(());
        let news = Arc::new(News { root, turn });
        Self {
            news,
            folder: String::new(),
        }
    }

    /// What a folder inside this one tells; nothing where it holds no records.
    pub(super) fn inside(&self, name: &str) -> Option<Self> {
        let folder = match self.folder.as_str() {
            "" if Place::of_folder(name).is_some() => name.to_owned(),
            "synced" => format!("synced/{name}"),
            _ => return None,
        };
        let news = Arc::clone(&self.news);
        Some(Self { news, folder })
    }
}

/// A folder that is about to change: what comes, and what goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change<'a> {
    pub(super) dir: &'a Dir,
    pub(super) came: Option<&'a str>,
    pub(super) went: Option<&'a str>,
}

/// Does something to folders and tells of it. What failed is not told: it is not known whether it was done.
pub(super) fn telling<T>(changes: &[Change<'_>], act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let Some(told) = changes.iter().find_map(|change| change.dir.told.as_ref()) else {
        return act();
    };
    let Some(turn) = Turn::take(&told.news) else {
        let done = act();
        told.news.tell_of_untold(changes);
        return done;
    };
    let times = || changes.iter().map(|change| change.dir.changed().unwrap_or_default());
    let before: Vec<i64> = times().collect();
    let done = act()?;
    let mut lines = String::new();
    for ((change, before), after) in changes.iter().zip(before).zip(times()) {
        lines.push_str(&line(*change, before, after));
    }
    // lines that could not be written are missed when the times are held against each other
    drop(turn.write(&lines));
    Ok(done)
}

/// Moves files from one folder to another, one after the other, and tells of them together, with the time of change of the folders
/// before them all and after the last. What failed is not told, and then that last time is not either.
pub(super) fn telling_moves<E>(
    from: &Dir,
    to: &Dir,
    files: &[&str],
    mut rename: impl FnMut(&str) -> Result<(), E>,
) -> Vec<Result<(), E>> {
    let mut act = || files.iter().map(|file| rename(file)).collect::<Vec<_>>();
    let Some(told) = from.told.as_ref().or(to.told.as_ref()) else {
        return act();
    };
    let Some(turn) = Turn::take(&told.news) else {
        let done = act();
        told.news
            .tell_of_untold(&[from.change(None, None), to.change(None, None)]);
        return done;
    };
    let times = || [from, to].map(|dir| dir.changed().unwrap_or_default());
    let before = times();
    let done = act();
    let is_whole = done.iter().all(Result::is_ok);
    let moved = files.iter().zip(&done).filter(|(_, done)| done.is_ok());
    let moved: Vec<&str> = moved.map(|(file, _)| *file).collect();
    let mut lines = String::new();
    let mut now = before;
    for (file, number) in moved.iter().zip(1..) {
        let is_last = moved.len() == usize::try_from(number).unwrap_or_default();
        let then = match (is_last, is_whole) {
            (true, true) => times(),
            (_, _) => before.map(|time| between(time, number)),
        };
        let ([from_now, to_now], [from_then, to_then]) = (now, then);
        lines.push_str(&line(from.change(None, Some(file)), from_now, from_then));
        lines.push_str(&line(to.change(Some(file), None), to_now, to_then));
        now = then;
    }
    drop(turn.write(&lines));
    done
}

/// What stands for the time after the first, the second and so on of moves that are told together; before 1970, where no folder
/// changed.
const fn between(before: i64, number: i64) -> i64 {
    before.saturating_add(number).saturating_neg()
}

/// A line of a change; nothing where the folder holds no records.
fn line(change: Change<'_>, before: i64, after: i64) -> String {
    let Some(told) = &change.dir.told else {
        return String::new();
    };
    let (came, went) = (word(change.came), word(change.went));
    format!("{} {before} {after} {came} {went}\n", told.folder)
}

/// `-` for none: no record has that name.
fn word(name: Option<&str>) -> &str {
    name.filter(|name| is_record_name(name)).unwrap_or("-")
}

/// The right to change folders and to tell of it. The lock ends with the open file.
struct Turn<'a> {
    file: File,
    _alone: MutexGuard<'a, ()>,
}

impl<'a> Turn<'a> {
    fn take(news: &'a News) -> Option<Self> {
        let alone = news.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let file = news.open_ours()?;
        let tried = || {
            let locked = file.try_lock().is_ok();
            if !locked {
                thread::yield_now();
            }
            locked
        };
        let locked = (0..TRIES).any(|_| tried());
        locked.then_some(Self { file, _alone: alone })
    }

    fn write(&self, lines: &str) -> io::Result<()> {
        let mut file = &self.file;
        if file.metadata()?.len() > MOST_BYTES {
            file.set_len(0)?;
        }
        file.write_all(lines.as_bytes())
    }
}

impl News {
    /// In the folder that has the name now: it may be moved or taken away whenever anybody likes, and an open one that was removed
    /// would keep a disk from being mounted read-only.
    fn open(&self) -> io::Result<File> {
        let folder = self.root.open_dir(FOLDER).or_else(|_missing| {
            self.root.make_dir(FOLDER)?;
            self.root.open_dir(FOLDER)
        });
        folder?.open_append(FILE)
    }

    /// The same; nothing where it is another's: a file of ours has one name.
    fn open_ours(&self) -> Option<File> {
        let file = self.open().ok()?;
        let facts = file.metadata().ok()?;
        (facts.is_file() && system::names_of(&facts) == 1).then_some(file)
    }

    /// Says that something was done to these folders of which nothing else is told, while another has the lock. Where not
    /// even that can be written it is missed until the times do not fit, or every folder is listed.
    fn tell_of_untold(&self, changes: &[Change<'_>]) {
        let untold = FolderNews::UNTOLD;
        let told = changes.iter().filter_map(|change| change.dir.told.as_ref());
        let lines: String = told
            .map(|told| format!("{} {untold} {untold} - -\n", told.folder))
            .collect();
        // one write at the end of the file: it stands between the lines of others
        drop(self.open_ours().map(|mut file| file.write_all(lines.as_bytes())));
    }

    fn read(mut file: &File) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        file.take(MOST_BYTES.saturating_mul(2)).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl Dir {
    /// The same folder; from here on what is done to the folders of records in it is told.
    pub(crate) fn telling(mut self) -> Self {
        let root = self.handle().and_then(|handle| handle.open_dir("."));
        self.told = root.ok().map(Told::of_root);
        self
    }

    /// When a name in it came or went last.
    fn changed(&self) -> io::Result<i64> {
        self.handle()?.changed()
    }

    /// What was told, oldest first, up to a line that cannot be read; and its length in bytes, for [`Dir::forget_news`].
    pub(crate) fn news(&self) -> (Vec<FolderNews>, u64) {
        let open = || self.handle()?.open_dir(FOLDER)?.open_read(FILE);
        let mut bytes = open().and_then(|file| News::read(&file)).unwrap_or_default();
        // somebody may be at the last line now: it is read the next time
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        bytes.truncate(whole);
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let text = String::from_utf8_lossy(&bytes);
        let whole = text.split_inclusive('\n').map_while(parse);
        (whole.collect(), length)
    }

    /// Takes what was told away, up to a length that [`Dir::news`] said; what was told since stays. Where that cannot be
    /// done they are read once more, and say the same.
    pub(crate) fn forget_news(&self, length: u64) {
        let Some(turn) = self.told.as_ref().and_then(|told| Turn::take(&told.news)) else {
            return;
        };
        let mut file = &turn.file;
        let Ok(bytes) = News::read(file) else { return };
        let from = usize::try_from(length).unwrap_or(usize::MAX);
        let kept = bytes.get(from..).unwrap_or_default();
        // one without the turn may have told meanwhile that there is something that is not told
        let is_all = |facts: Metadata| usize::try_from(facts.len()).is_ok_and(|length| length == bytes.len());
        if file.metadata().is_ok_and(is_all) {
            drop(file.set_len(0).and_then(|()| file.write_all(kept)));
        }
    }
}

fn parse(line: &str) -> Option<FolderNews> {
    let mut words = line.strip_suffix('\n')?.split(' ');
    let (folder, before, after) = (words.next()?, words.next()?, words.next()?);
    let (came, went) = (words.next()?, words.next()?);
    let record = |word: &str| match word {
        "-" => Some(None),
        name => name.parse().ok().map(Some),
    };
    let news = FolderNews {
        folder: folder.to_owned(),
        before: before.parse().ok()?,
        after: after.parse().ok()?,
        came: record(came)?,
        went: record(went)?,
    };
    words.next().is_none().then_some(news)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const NAME: &str = "0000000042_UNIT-1_20260304_050607_0195f000-0000-7000-8000-000000000042.json";

    fn folders() -> (tempfile::TempDir, Dir) {
        let folder = tempfile::tempdir().unwrap();
        let root = Dir::open(folder.path()).unwrap().telling();
        (folder, root)
    }

    #[test]
    fn what_is_done_to_records_is_told_with_times_that_fit() {
        let (guard, root) = folders();
        let (pending, synced) = (root.child("pending").unwrap(), root.child("synced").unwrap());
        let month = synced.child("2026-03").unwrap();
        let begun = pending.changed().unwrap();
        drop(pending.create_new(".tmp-x").unwrap());
        pending.rename_new(".tmp-x", &pending, NAME).unwrap();
        pending.rename_new(NAME, &month, NAME).unwrap();
        month.remove(NAME).unwrap();
        root.child("receipts").unwrap().create_new("x").unwrap();
        let (told, length) = root.news();
        let name = |name: &Option<RecordName>| name.is_some();
        let said: Vec<_> = told
            .iter()
            .map(|news| (news.folder.as_str(), name(&news.came), name(&news.went)))
            .collect();
        assert_eq!(
            said,
            [
                ("pending", false, false),
                ("pending", true, false),
                ("pending", false, true),
                ("synced/2026-03", true, false),
                ("synced/2026-03", false, true),
            ]
        );
        let mut known = begun;
        for news in told.iter().filter(|news| news.folder == "pending") {
            assert_eq!(news.before, known);
            known = news.after;
        }
        assert_eq!(known, pending.changed().unwrap());
        // told since
        drop(pending.create_new(".tmp-y").unwrap());
        root.forget_news(length);
        assert_eq!(root.news().0.len(), 1);
        fs::remove_dir_all(guard.path().join("index")).unwrap();
        pending.remove(".tmp-y").unwrap();
        assert_eq!(root.news().0.len(), 1, "it is made again");
        root.rename_new("index", &root, "trash").unwrap();
        drop(pending.create_new(".tmp-z").unwrap());
        assert_eq!(root.news().0.len(), 1, "what was moved away is left alone");
    }

    /// Records in `pending/`, moved together: what is told of that, when the folders had changed before and after, and which moved.
    fn moved(files: &[&str], there: usize) -> (Vec<FolderNews>, [i64; 2], [i64; 2], Vec<bool>) {
        let (_guard, root) = folders();
        let (pending, synced) = (root.child("pending").unwrap(), root.child("synced").unwrap());
        let month = synced.child("2026-03").unwrap();
        for file in files.iter().take(there) {
            drop(pending.create_new(file).unwrap());
        }
        let (_, length) = root.news();
        root.forget_news(length);
        let times = || [&pending, &month].map(|dir| dir.changed().unwrap());
        let before = times();
        let moved = pending.move_all(files, &month);
        (
            root.news().0,
            before,
            times(),
            moved.iter().map(Result::is_ok).collect(),
        )
    }

    #[test]
    fn moves_are_told_together_with_times_that_fit() {
        let files: Vec<String> = (0..20)
            .map(|number| NAME.replace("0000000042_", &format!("{number:010}_")))
            .collect();
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let (told, before, after, done) = moved(&files, 20);
        assert!(done.iter().all(|done| *done) && done.len() == 20);
        for (folder, (before, after)) in ["pending", "synced/2026-03"].iter().zip(before.into_iter().zip(after)) {
            let lines = told.iter().filter(|news| news.folder == *folder);
            let mut known = before;
            let mut names = Vec::new();
            let mut seen = std::collections::BTreeSet::from([before]);
            for news in lines {
                assert_eq!(news.before, known);
                assert!(seen.insert(news.after), "a line that is missing would not be seen");
                known = news.after;
                names.extend(news.came.iter().chain(&news.went).map(ToString::to_string));
            }
            assert_eq!(known, after, "{folder}");
            assert_eq!(names, files, "{folder}");
        }
    }

    #[test]
    fn where_a_move_failed_the_times_of_the_others_do_not_fit() {
        let other = NAME.replace("UNIT-1", "UNIT-2");
        let (told, before, _, done) = moved(&[NAME, &other], 1);
        assert_eq!(done, [true, false]);
        let times: Vec<(i64, i64)> = told.iter().map(|news| (news.before, news.after)).collect();
        assert_eq!(times, before.map(|time| (time, between(time, 1))));
    }

    #[test]
    fn what_fails_is_not_told_and_nobody_waits() {
        let (guard, root) = folders();
        let pending = root.child("pending").unwrap();
        assert!(pending.remove(NAME).is_err());
        assert_eq!(root.news().0, []);
        drop(pending.create_new(".tmp-x").unwrap());
        let other = fs::OpenOptions::new()
            .append(true)
            .open(guard.path().join("index/news"))
            .unwrap();
        other.lock().unwrap();
        pending.rename_new(".tmp-x", &pending, NAME).unwrap();
        let (told, _) = root.news();
        let untold = ("pending", FolderNews::UNTOLD, FolderNews::UNTOLD);
        assert_eq!((told[1].folder.as_str(), told[1].before, told[1].after), untold);
        assert_eq!((told.len(), &told[1].came), (2, &None), "not what, only that");
        other.unlock().unwrap();
        pending.remove(NAME).unwrap();
        assert_eq!(root.news().0.len(), 3);
        // one that cannot be told at all is done all the same
        fs::hard_link(guard.path().join("index/news"), guard.path().join("theirs")).unwrap();
        drop(pending.create_new(".tmp-y").unwrap());
        assert_eq!(root.news().0.len(), 3, "another's file is left alone");
    }

    #[test]
    fn a_torn_line_ends_the_news() {
        let (guard, root) = folders();
        let pending = root.child("pending").unwrap();
        drop(pending.create_new(".tmp-x").unwrap());
        let mut file = fs::OpenOptions::new()
            .append(true)
            .open(guard.path().join("index/news"))
            .unwrap();
        file.write_all(b"pending 1 2 - \n").unwrap();
        drop(pending.create_new(".tmp-y").unwrap());
        let (told, length) = root.news();
        assert_eq!(told.len(), 1);
        root.forget_news(length);
        assert_eq!(root.news(), (Vec::new(), 0));
    }
}
