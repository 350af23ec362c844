//! A stick between two machines of which one dies: an import that is killed at any moment and made again brings every run and every
//! attachment, each once.

use crate::testkit::{Done, Running, benchtop, done, records, scratch, write};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

const RUNS: usize = 8;

/// Each run of it has an attachment of its own.
const PROCEDURE: &str = "
[procedure]
id = \"CARRIED\"
version = \"1\"
[[steps]]
name = \"Trace\"
exec = { argv = [\"sh\", \"-c\", \"head -c 40000 /dev/urandom > trace.bin\"], attachments = [{ path = \"trace.bin\" }] }
";

/// Runs in a store, and the bundle of all of them.
struct Room {
    folder: tempfile::TempDir,
    bundle: PathBuf,
}

impl Room {
    fn new() -> Self {
        let folder = scratch();
        let (procedure, station) = (folder.path().join("procedure.toml"), folder.path().join("station.toml"));
        write(&procedure, PROCEDURE);
        write(&station, "[station]\nid = \"BENCH-7\"\n");
        let room = Self {
            bundle: folder.path().join("bench-7.bundle"),
            folder,
        };
        for number in 0..RUNS {
            let mut run = benchtop();
            run.arg("run").arg(&procedure).arg("--station").arg(&station);
            run.args(["--serial", &format!("UNIT-{number:04}")]);
            let run = done(run.arg("--store").arg(room.store()));
            assert_eq!(run.code, Some(0), "{run}");
        }
        let exported = done(
            benchtop()
                .args(["bundle", "export"])
                .arg(&room.bundle)
                .arg("--store")
                .arg(room.store()),
        );
        assert_eq!(exported.code, Some(0), "{exported}");
        room
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    fn import(&self, office: &Path) -> std::process::Command {
        let mut import = benchtop();
        import
            .args(["bundle", "import"])
            .arg(&self.bundle)
            .arg("--store")
            .arg(office);
        import
    }
}

/// How many files lie in a folder and below it.
fn files(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let count = |path: PathBuf| if path.is_dir() { files(&path) } else { 1 };
    entries.map(|entry| count(entry.path())).sum()
}

/// Everything that waits in a store and every attachment, by name; also what is no more than begun.
fn held(store: &Path) -> BTreeMap<String, Vec<u8>> {
    let all = ["pending", "attachments"].map(|folder| fs::read_dir(store.join(folder)));
    let entries = all.into_iter().filter_map(Result::ok).flatten();
    let file = |entry: fs::DirEntry| {
        (
            entry.file_name().into_string().unwrap(),
            fs::read(entry.path()).unwrap(),
        )
    };
    entries.map(|entry| file(entry.unwrap())).collect()
}

fn verified(store: &Path) -> Done {
    done(benchtop().args(["runs", "verify", "--store"]).arg(store))
}

#[test]
fn an_import_that_is_killed_at_any_moment_brings_everything_once_when_it_is_made_again() {
    let room = Room::new();
    let all = held(&room.store());
    assert_eq!(all.len(), 2 * RUNS);
    let (mut killed, mut partly) = (0, 0);
    // as soon as so many files are there, until it is through before
    for count in 0..3 * RUNS {
        let folder = scratch();
        let office = folder.path().join("office");
        let mut importing = Running::start(&mut room.import(&office));
        while files(&office) < count && importing.0.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        importing.0.kill().unwrap();
        killed += usize::from(importing.wait().code().is_none());
        for (name, bytes) in held(&office).iter().filter(|(name, _)| !name.starts_with('.')) {
            assert!(all.get(name) == Some(bytes), "{name} after {count} files");
        }
        let left = records(&office, "pending").len();
        partly += usize::from((1..RUNS).contains(&left));
        // killed before the store was made, it left nothing to look at
        let expected = if office.exists() { 0 } else { 2 };
        let left = verified(&office);
        assert_eq!(left.code, Some(expected), "after {count} files: {left}");

        let again = done(&mut room.import(&office));
        assert_eq!(again.code, Some(0), "after {count} files: {again}");
        let there = held(&office);
        assert!(there.keys().eq(all.keys()), "after {count} files: {:?}", there.keys());
        assert!(there == all, "after {count} files");
        let whole = verified(&office);
        assert!(
            whole.code == Some(0) && whole.out.contains(&format!("{RUNS} brought from another store")),
            "after {count} files: {whole}"
        );
    }
    println!("{killed} imports were killed, {partly} of them with a part of the runs there");
    assert!(partly > 2, "no import was cut off: the test proves nothing");
}
