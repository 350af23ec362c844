//! SIGKILL at random moments. The victim is this very test binary, started again in a role that a variable names.

use crate::{
    Place, Store, integrity,
    testkit::{self, now, passing, pause, record_all},
};
use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

const ROLE: &str = "BENCHTOP_STORE_VICTIM";
const ROOT: &str = "BENCHTOP_STORE_ROOT";
/// The folder of another store's records.
const BUNDLE: &str = "BENCHTOP_STORE_BUNDLE";
/// At least this many kills of each kind; `BENCHTOP_SOAK` multiplies it.
const KILLS: u64 = 200;

/// What a victim does until it is killed; as an ordinary test it does nothing.
#[test]
fn victim() {
    let (Ok(role), Ok(root)) = (std::env::var(ROLE), std::env::var(ROOT)) else {
        return;
    };
    let store = Store::open(Path::new(&root)).unwrap();
    match role.as_str() {
        "runner" => loop {
            run_once(&store);
        },
        // for fault injection from outside: strace --inject=fsync:error=EIO:when=3 and the like
        "once" => run_once(&store),
        "recoverer" => {
            say("recovering", root.as_str());
            say("recovered", &store.recover().unwrap().sealed.len().to_string());
        }
        "importer" => {
            let bundle = std::env::var(BUNDLE).unwrap();
            let mut files: Vec<_> = std::fs::read_dir(bundle)
                .unwrap()
                .map(|file| file.unwrap().path())
                .collect();
            files.sort();
            for file in files {
                store.adopt(&std::fs::read(&file).unwrap()).unwrap();
                say("brought", &file.display().to_string());
            }
        }
        other => panic!("{other}"),
    }
}

fn run_once(store: &Store) {
    let ticket = store.begin(now()).unwrap();
    let mut journal = store.journal(&ticket).unwrap();
    let events = passing(&ticket, "UNIT-5501");
    record_all(&mut journal, &events[..1]);
    say("begun", &ticket.run_id);
    record_all(&mut journal, &events[1..]);
    store.seal(&journal).unwrap();
    say("saved", &ticket.run_id);
}

fn say(word: &str, what: &str) {
    // one write, straight to the pipe: what the parent reads is what was done
    let mut out = std::io::stdout();
    out.write_all(format!("\n@{word} {what}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// Lets a victim live for a moment and kills it; what it said, by word. The moment begins with the victim, or with
/// its first word, for on a busy machine it may take long to come so far.
fn kill_after(role: &str, root: &Path, life: Duration, first_word: bool, bundle: &Path) -> Vec<(String, String)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["tests::crash::victim", "--exact", "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .env(ROOT, root)
        .env(BUNDLE, bundle)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    while first_word && !text.contains("\n@") && out.read_line(&mut text).unwrap() > 0 {}
    pause(life);
    child.kill().unwrap();
    out.read_to_string(&mut text).unwrap();
    child.wait().unwrap();
    // a kill may cut the last line
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole
        .lines()
        .filter_map(|line| line.strip_prefix('@')?.split_once(' '))
        .map(|(word, what)| (word.to_owned(), what.to_owned()))
        .collect()
}

fn said(sayings: &[(String, String)], word: &str) -> BTreeSet<String> {
    let of_it = sayings.iter().filter(|(said, _)| said == word);
    of_it.map(|(_, what)| what.clone()).collect()
}

fn kills() -> u64 {
    let soak = std::env::var("BENCHTOP_SOAK").ok().and_then(|soak| soak.parse().ok());
    KILLS * soak.unwrap_or(1)
}

/// A repeatable stream of moments within `most`.
fn moments(most: Duration) -> impl Iterator<Item = Duration> {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        most.mul_f64(f64::from(u32::try_from(state >> 32).unwrap()) / f64::from(u32::MAX))
    })
}

/// Every file under its final name is whole; the runs by id.
fn runs_in(store: &Store) -> Vec<String> {
    let listing = store.pending(usize::MAX).unwrap();
    assert!(listing.foreign.is_empty(), "{:?}", listing.foreign);
    let pending = store.root().join("pending");
    let run_id = |name: &crate::RecordName| {
        let bytes = std::fs::read(pending.join(name.as_str())).unwrap();
        let record = integrity::open(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(record.run_id, name.run_id());
        record.run_id
    };
    listing.names.iter().map(run_id).collect()
}

#[test]
fn a_kill_at_any_moment_leaves_whole_records_and_every_saved_run() {
    let (_folder, store) = testkit::store();
    let (mut begun, mut saved) = (BTreeSet::new(), BTreeSet::new());
    for (round, life) in (0..kills()).zip(moments(Duration::from_millis(20))) {
        let sayings = kill_after("runner", store.root(), life, round % 4 != 0, Path::new(""));
        begun.extend(said(&sayings, "begun"));
        saved.extend(said(&sayings, "saved"));
    }
    let before: BTreeSet<String> = runs_in(&store).into_iter().collect();
    assert!(begun.len() > 100 && !saved.is_empty(), "the victims lived too short");
    assert!(saved.is_subset(&before), "a saved run is not there");
    let recovery = store.recover().unwrap();
    assert!(recovery.failed.is_empty(), "{recovery:?}");
    let after = runs_in(&store);
    let distinct: BTreeSet<String> = after.iter().cloned().collect();
    assert_eq!(distinct.len(), after.len(), "a run is there twice");
    assert!(begun.is_subset(&distinct), "a run that had begun is gone");
    assert_eq!(testkit::names(&store.root().join("journal")), [""; 0]);
    println!(
        "{} kills: {} begun, {} saved, {} recovered, {} temporaries quarantined",
        kills(),
        begun.len(),
        saved.len(),
        recovery.sealed.len() + recovery.adopted.len(),
        recovery.quarantined.len()
    );
}

#[test]
fn an_import_killed_at_any_moment_beside_recoveries_brings_every_record_as_it_was() {
    let (_theirs, other) = testkit::store();
    let theirs: Vec<_> = (0..200)
        .map(|turn| testkit::save(&other, &format!("THEIRS-{turn}")))
        .collect();
    let (_folder, store) = testkit::store();
    testkit::save(&store, "OURS");
    let mut moments = moments(Duration::from_millis(2));
    let (mut finished, mut cut) = (false, 0);
    for _ in 0..kills() / 4 {
        let recovering = std::thread::spawn({
            let store = store.clone();
            move || store.recover().unwrap()
        });
        let bundle = other.root().join("pending");
        let sayings = kill_after("importer", store.root(), moments.next().unwrap(), true, &bundle);
        finished |= said(&sayings, "brought").len() == theirs.len();
        cut += usize::from(!finished);
        let beside = recovering.join().unwrap();
        let recovery = store.recover().unwrap();
        for recovery in [beside, recovery] {
            let torn = recovery.quarantined.iter().all(|file| file.name.starts_with("tmp-"));
            assert!(torn && recovery.failed.is_empty(), "{recovery:?}");
        }
        if finished {
            break;
        }
    }
    assert!(cut > 0, "no import was cut off");
    for saved in &theirs {
        drop(store.adopt(&std::fs::read(&saved.path).unwrap()).unwrap());
        let here = store.root().join("pending").join(saved.name.as_str());
        assert_eq!(std::fs::read(here).unwrap(), std::fs::read(&saved.path).unwrap());
    }
    let mut found = Vec::new();
    let verified = store.verify(None, &mut |finding| found.push(finding.clone())).unwrap();
    assert_eq!(
        (found, verified.elsewhere, verified.head),
        (Vec::new(), theirs.len() as u64, 1)
    );
}

#[test]
fn a_recovery_killed_at_any_moment_is_finished_by_the_next() {
    let (_folder, store) = testkit::store();
    let mut begun = BTreeSet::new();
    let mut moments = moments(Duration::from_millis(10));
    let mut finished = 0;
    for round in 0..kills() {
        if round % 10 == 0 {
            for events in [1, 3, 6, 7, 8, 9, 10] {
                let ticket = store.begin(now()).unwrap();
                let mut journal = store.journal(&ticket).unwrap();
                record_all(&mut journal, &passing(&ticket, "UNIT-5501")[..events]);
                begun.insert(ticket.run_id);
            }
        }
        let life = moments.next().unwrap();
        let sayings = kill_after("recoverer", store.root(), life, round % 4 != 0, Path::new(""));
        finished += said(&sayings, "recovered").len();
    }
    let recovery = store.recover().unwrap();
    assert!(recovery.failed.is_empty(), "{recovery:?}");
    let runs = runs_in(&store);
    assert_eq!(runs.iter().cloned().collect::<BTreeSet<_>>(), begun);
    assert_eq!(runs.len(), begun.len(), "a run is there twice");
    assert_eq!(testkit::names(&store.root().join("journal")), [""; 0]);
    let quarantined: Vec<String> = store.quarantined().unwrap();
    assert!(
        quarantined.iter().all(|name| name.starts_with("tmp-")),
        "{quarantined:?}"
    );
    // whoever was interrupted before it switched off is marked, and nobody else
    let marked: BTreeSet<String> = store
        .unsafe_markers()
        .unwrap()
        .into_iter()
        .map(|run| run.run_id)
        .collect();
    let aborted = store.pending(usize::MAX).unwrap().names.into_iter().filter(|name| {
        let record = store.read(Place::Pending, name).unwrap().record;
        record
            .outputs
            .iter()
            .any(|output| output.state == crate::record::OutputState::MaybeOn)
    });
    assert_eq!(
        aborted.map(|name| name.run_id().to_owned()).collect::<BTreeSet<_>>(),
        marked
    );
    println!("{} kills, {finished} of them too late; {} runs", kills(), runs.len());
}
