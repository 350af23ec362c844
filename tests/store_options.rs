//! What a station file says of its store: thresholds, a group; and what a run says of a clock that is not to be believed.

use crate::testkit::{Done, Served, benchtop, done, json, only_record, records, scratch, simulated, write};
use sha2::{Digest, Sha256};
use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    process::Command,
};

/// A run on the served bench with more in its station file.
fn run_with(served: &Served, store: &str) -> Done {
    let text = fs::read_to_string(&served.station).unwrap();
    let station = served.folder.path().join("with-store.toml");
    write(&station, &format!("{text}\n[store]\nroot = \"store\"\n{store}"));
    let mut command = benchtop();
    command.args(["run", crate::testkit::BOARD, "--serial", "UNIT-5501", "--station"]);
    done(command.arg(&station))
}

#[test]
fn a_run_for_which_there_is_no_room_is_refused_with_numbers_and_a_disk_that_is_nearly_full_is_told() {
    let served = Served::bench("UNIT-5501");
    let warned = run_with(&served, "warn_below_mb = 900000000\n");
    assert_eq!(warned.code, Some(0), "{warned}");
    assert!(
        warned.err.contains("is nearly full") && warned.err.contains(" MB free"),
        "{warned}"
    );
    let quiet = run_with(&served, "warn_below_mb = 1\nrefuse_below_mb = 1\n");
    assert!(quiet.code == Some(0) && !quiet.err.contains("nearly full"), "{quiet}");
    let refused = run_with(&served, "refuse_below_mb = 900000000\n");
    assert_eq!(refused.code, Some(2), "{refused}");
    assert!(refused.err.contains("nothing was tested"), "{refused}");
    assert!(refused.err.contains("900000000000000 are needed"), "{refused}");
    assert!(!served.output_is_on());
    assert_eq!(records(&served.store(), "pending").len(), 2);
}

#[test]
fn thresholds_that_make_no_sense_are_refused_with_their_place() {
    let served = Served::bench("UNIT-5501");
    let wrong = run_with(&served, "warn_below_mb = 10\nrefuse_below_mb = 20\n");
    assert_eq!(wrong.code, Some(2), "{wrong}");
    assert!(wrong.err.contains("runs are refused before it warns"), "{wrong}");
    assert!(wrong.err.contains("with-store.toml:"), "{wrong}");
    let none = run_with(&served, "refuse_below_mb = 0\n");
    assert_eq!(none.code, Some(2), "{none}");
    assert!(none.err.contains("megabytes"), "{none}");
}

/// A command as another user of this computer, with these groups; `None` where this user may not be another.
pub(crate) fn as_user(user: &str, groups: &str, command: &Command) -> Option<Done> {
    let mut other = Command::new("setpriv");
    other.args(["--reuid", user, "--regid", user, "--groups", groups]);
    other.arg(command.get_program()).args(command.get_args());
    other.current_dir(env!("CARGO_MANIFEST_DIR")).env("NO_COLOR", "1");
    let done: Done = other.output().ok()?.into();
    if done.err.contains("setpriv:") {
        return None;
    }
    Some(done)
}

#[test]
fn users_of_one_group_share_a_store_and_nobody_else_reads_it() {
    const GROUP: u32 = 4711;
    let folder = scratch();
    let root = folder.path().join("store");
    fs::create_dir(&root).unwrap();
    let (run, probe) = (simulated(&root, "UNIT-5501"), benchtop());
    let can_be_another = std::os::unix::fs::chown(&root, None, Some(GROUP)).is_ok()
        && as_user("4801", "4711", &probe).is_some_and(|done| done.code.is_some_and(|code| code < 100));
    if !can_be_another {
        println!("skipped: this user may not be another one, or others may not run the binary");
        return;
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let station = folder.path().join("station.toml");
    write(
        &station,
        "[station]\nid = \"BENCH-7\"\n[store]\nroot = \"store\"\nshared = true\n",
    );
    let made = done(benchtop().args(["runs", "verify", "--station"]).arg(&station));
    assert_eq!(made.code, Some(0), "{made}");
    for user in ["4801", "4802", "4801"] {
        let done = as_user(user, "4711", &run).unwrap();
        assert_eq!(done.code, Some(0), "{user}: {done}");
    }
    let mut verify = benchtop();
    verify.args(["runs", "verify", "--store"]).arg(&root);
    let verified = as_user("4802", "4711", &verify).unwrap();
    assert_eq!(verified.code, Some(0), "{verified}");
    let found = records(&root, "pending");
    assert_eq!(found.len(), 3);
    let mut owners = Vec::new();
    for path in &found {
        let facts = fs::metadata(path).unwrap();
        assert_eq!(
            (facts.mode() & 0o7777, facts.gid()),
            (0o660, GROUP),
            "{}",
            path.display()
        );
        owners.push(facts.uid());
    }
    assert_eq!(owners, [4801, 4802, 4801]);
    let stranger = as_user("4803", "4803", &run).unwrap();
    assert_eq!(stranger.code, Some(3), "{stranger}");
    assert_eq!(records(&root, "pending").len(), 3);
}

/// Says that the store was used so much later than it was.
fn used_later(store: &Path, by_ms: i64) {
    let path = store.join("sequence");
    let text = fs::read_to_string(&path).unwrap();
    let (_, json) = text.trim_end().split_once(' ').unwrap();
    let mut sequence: serde_json::Value = serde_json::from_str(json).unwrap();
    let seen = sequence["seen"]["unix_ms"].as_i64().unwrap();
    sequence["seen"]["unix_ms"] = (seen + by_ms).into();
    let json = sequence.to_string();
    let digest = Sha256::digest(json.as_bytes());
    let checksum: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    write(&path, &format!("{checksum} {json}\n"));
}

#[test]
fn a_clock_that_went_back_is_told_once_and_stands_in_the_record() {
    let folder = scratch();
    let store = folder.path();
    assert_eq!(done(&mut simulated(store, "UNIT-5501")).code, Some(0));
    assert!(only_record(store)["clock"]["doubtful"].is_null());
    used_later(store, 3_600_000);
    let run = done(simulated(store, "UNIT-5501").args(["--repeat", "2"]));
    assert_eq!(run.code, Some(0), "{run}");
    assert_eq!(
        run.err.matches("behind the start of the run before this one").count(),
        1,
        "{run}"
    );
    let found = records(store, "pending");
    let doubtful = json(&found[1])["clock"]["doubtful"][0].as_str().unwrap().to_owned();
    assert!(
        doubtful.contains("s behind the start of the run before this one"),
        "{doubtful}"
    );
    assert!(
        json(&found[2])["clock"]["doubtful"].is_null(),
        "the clock is what it was at the run before"
    );
}

#[test]
fn a_store_that_is_not_there_is_made_by_nobody_who_only_looks_at_it() {
    let folder = scratch();
    let (mistyped, bundle) = (folder.path().join("stroe"), folder.path().join("out.bundle"));
    let station = folder.path().join("station.toml");
    write(
        &station,
        "[station]\nid = \"bench-1\"\n\n[store]\nroot = \"nowhere/stroe\"\n",
    );
    let bundle = bundle.to_str().unwrap();
    let run_id = "01890a5d-ac96-774b-bcce-b302099a8057";
    let commands: &[&[&str]] = &[
        &["runs", "verify"],
        &["runs", "list"],
        &["runs", "stats"],
        &["runs", "export", "--format", "csv"],
        &["sync", "status"],
        &["sync", "health"],
        &["sync", "requeue", "--all"],
        &["bundle", "export", bundle],
        &["runs", "show", run_id],
    ];
    for command in commands {
        for (flag, path) in [("--store", &mistyped), ("--station", &station)] {
            let refused = done(benchtop().args(*command).arg(flag).arg(path));
            assert_eq!(refused.code, Some(2), "{command:?} {flag}: {refused}");
            assert!(
                refused.err.contains("there is no store at "),
                "{command:?} {flag}: {refused}"
            );
        }
        assert!(!mistyped.exists(), "{command:?}");
    }
    assert!(!Path::new(bundle).exists() && !folder.path().join("nowhere").exists());
    // who brings something makes it, and a sync brings nothing
    let mut sync = benchtop();
    sync.args(["sync", "--url", "http://127.0.0.1:9", "--store"])
        .arg(&mistyped)
        .env("TOFUPILOT_API_KEY", "k");
    let refused = done(&mut sync);
    assert_eq!(refused.code, Some(2), "{refused}");
    assert!(!mistyped.exists(), "{refused}");
    let run = done(&mut simulated(&mistyped, "UNIT-5501"));
    assert_eq!(run.code, Some(0), "{run}");
    let synced = done(&mut sync);
    assert_eq!(synced.code, Some(0), "{synced}");
    let listed = done(benchtop().args(["runs", "list", "--store"]).arg(&mistyped));
    assert_eq!(listed.code, Some(0), "{listed}");
}

#[test]
fn a_store_is_no_file() {
    let folder = scratch();
    let file = folder.path().join("store.zip");
    write(&file, "not a folder");
    let run = done(simulated(&file, "UNIT-5501").args(["--operator", "jane"]));
    let list = done(benchtop().args(["runs", "list", "--store"]).arg(&file));
    for refused in [run, list] {
        assert_eq!(refused.code, Some(2), "{refused}");
        assert!(
            refused.err.contains("store.zip is a file: a store is a folder"),
            "{refused}"
        );
    }
}
