//! The README's three ways to sync, run as they are written: each line as it stands there, in a folder that holds the files that
//! it names. Only the stick is elsewhere than under `/media`.

use crate::demo::{Demo, PROCEDURE};
use crate::testkit::{Done, Running, Served, done, eventually, records, scratch, write};
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The commands of a recipe, without their comments.
fn recipe(title: &str) -> Vec<String> {
    let readme = include_str!("../README.md");
    let (_, after) = readme.split_once(&format!("**{title}.**")).unwrap();
    let (_, block) = after.split_once("```sh\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let command = |line: &str| {
        line.split_once('#')
            .map_or(line, |(command, _)| command)
            .trim()
            .to_owned()
    };
    block.lines().map(command).collect()
}

/// A folder in which the recipes are run.
struct Room {
    served: Served,
    stick: tempfile::TempDir,
}

impl Room {
    /// A bench, and a station file that sends to this server.
    fn new(url: &str) -> Self {
        let (served, stick) = (Served::bench("UNIT-5501"), scratch());
        let procedures = Path::new(env!("CARGO_MANIFEST_DIR")).join("procedures");
        std::os::unix::fs::symlink(procedures, served.folder.path().join("procedures")).unwrap();
        let bench = std::fs::read_to_string(&served.station).unwrap();
        write(&served.station, &format!("{bench}\n{}", targets("store", url)));
        Self { served, stick }
    }

    fn folder(&self) -> &Path {
        self.served.folder.path()
    }

    fn store(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// A line of the README, in a shell.
    fn line(&self, line: &str) -> Command {
        let program = Path::new(env!("CARGO_BIN_EXE_benchtop")).parent().unwrap();
        let path = std::env::var("PATH").unwrap();
        let line = line.replace("/media/stick", self.stick.path().to_str().unwrap());
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("exec {line}")]).current_dir(self.folder());
        shell.env("PATH", format!("{}:{path}", program.display()));
        shell.env("TOFUPILOT_API_KEY", "k").env("NO_COLOR", "1");
        shell.env_remove("BENCHTOP_STORE").stdin(Stdio::null());
        shell
    }

    /// Does the line, and expects this exit code.
    fn does(&self, line: &str, code: i32) -> Done {
        let did = done(&mut self.line(line));
        assert_eq!(did.code, Some(code), "{line}: {did}");
        did
    }

    /// A unit is tested, and nothing is sent.
    fn test(&self) {
        self.does(
            "benchtop run BOARD-FUNCTIONAL-V3 --serial UNIT-5501 --station station.toml",
            0,
        );
    }
}

fn targets(store: &str, url: &str) -> String {
    format!(
        "[store]\nroot = \"{store}\"\n[[sync.targets]]\nname = \"tofupilot\"\nkind = \"tofupilot-v2\"\nurl = \"{url}\"\n\
         accept_simulated = true\n[sync.targets.procedures]\nBOARD-FUNCTIONAL-V3 = \"{PROCEDURE}\"\n"
    )
}

#[test]
fn online_each_run_goes_out_when_it_is_saved() {
    let demo = Demo::start(&[]);
    let room = Room::new(&demo.url);
    let [run, watch, install] = recipe("Online").try_into().unwrap();
    room.does(&run, 0);
    eventually("the pushed run", || (demo.serials().len() == 1).then_some(()));
    let watching = Running::start(&mut room.line(&watch));
    room.test();
    eventually("the run that was seen", || (demo.serials().len() == 2).then_some(()));
    eventually("its move", || {
        (records(&room.store("store"), "synced").len() == 2).then_some(())
    });
    watching.signal(nix::sys::signal::Signal::SIGTERM);
    let ended = watching.finish();
    assert_eq!(ended.code, Some(0), "{ended}");
    let unit = room.does(&install, 0);
    assert!(
        unit.out.contains("ExecStart=") && unit.out.contains("station.toml"),
        "{unit}"
    );
}

#[test]
fn spotty_what_waits_waits_and_a_person_sees_why() {
    let demo = Demo::start(&[]);
    let room = Room::new(&demo.url);
    let [sync, status, health, retry] = recipe("Spotty").try_into().unwrap();
    room.test();
    demo.faults(&json!({"next": ["hang_up", "500"]}));
    room.does(&sync, 1);
    assert!(room.does(&status, 1).out.contains("no answer"));
    room.does(&health, 0);
    // who it is, and whether it has the run, it says as ever
    demo.faults(&json!({"next": ["slow:0", "slow:0", "422"]}));
    room.does(&sync, 3);
    assert!(room.does(&status, 3).out.contains("fault 422 on request"));
    room.does(&health, 3);
    room.does(&retry, 0);
    room.does(&sync, 0);
    room.does(&status, 0);
    assert_eq!(demo.serials(), ["UNIT-5501"]);
}

#[test]
fn air_gapped_runs_leave_on_a_stick_and_their_confirmations_come_back() {
    let demo = Demo::start(&[]);
    // nobody is where the bench could reach
    let room = Room::new("http://127.0.0.1:9");
    write(
        &room.folder().join("office.toml"),
        &format!("[station]\nid = \"OFFICE\"\n{}", targets("office", &demo.url)),
    );
    room.test();
    room.test();
    for line in recipe("Air-gapped") {
        room.does(&line, 0);
    }
    assert_eq!(demo.serials(), ["UNIT-5501", "UNIT-5501"]);
    assert_eq!(
        (
            records(&room.store("store"), "pending").len(),
            records(&room.store("store"), "synced").len(),
            records(&room.store("office"), "synced").len()
        ),
        (0, 2, 2)
    );
}
