//! The operator's loop, on a real terminal and from a pipe.

use crate::testkit::{Running, Served, after, benchtop, eventually, json, records, scratch};
use rustix::{
    fs::{OFlags, fcntl_setfl},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};
use serde_json::json;
use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

/// A terminal with an operator at it.
pub(crate) struct Terminal {
    far: File,
    shown: String,
    _line: File,
}

impl Terminal {
    pub(crate) fn start(command: &mut Command) -> (Self, Running) {
        let far = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&far).unwrap();
        unlockpt(&far).unwrap();
        fcntl_setfl(&far, OFlags::NONBLOCK).unwrap();
        let path = ptsname(&far, Vec::new()).unwrap().into_string().unwrap();
        let line = OpenOptions::new().read(true).write(true).open(path).unwrap();
        let end = || Stdio::from(line.try_clone().unwrap());
        let process = Running(command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap());
        let terminal = Self {
            far: far.into(),
            shown: String::new(),
            _line: line,
        };
        (terminal, process)
    }

    /// Waits until the screen shows `text` and forgets everything up to it; gives back what that was.
    pub(crate) fn expect(&mut self, text: &str) -> String {
        eventually(text, || {
            let mut buffer = [0; 4096];
            while let Ok(count) = self.far.read(&mut buffer) {
                if count == 0 {
                    break;
                }
                self.shown.push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
            let end = self.shown.find(text)? + text.len();
            let rest = self.shown.split_off(end);
            Some(std::mem::replace(&mut self.shown, rest))
        })
    }

    pub(crate) fn types(&mut self, text: &str) {
        self.far.write_all(text.as_bytes()).unwrap();
    }
}

pub(crate) fn station(procedure: &Path, bench: &[&str], store: &Path) -> Command {
    let mut command = benchtop();
    command
        .arg("station")
        .arg(procedure)
        .args(bench)
        .arg("--store")
        .arg(store);
    command
}

#[test]
fn an_operator_logs_in_and_scans_unit_after_unit_on_a_terminal() {
    let store = scratch();
    let mut command = station(Path::new(crate::testkit::BOARD), &["--simulate"], store.path());
    let (mut terminal, mut process) = Terminal::start(&mut command);
    terminal.expect("operator:");
    terminal.types("Ada\r");
    terminal.expect("scan the unit:");
    // a scanner ends its text with CR and LF, and somebody's label begins with a blank
    terminal.types("  UNIT-5501 \r\n");
    terminal.expect("= PASS  UNIT-5501 =");
    terminal.expect("scan the unit:");
    terminal.types("UNIT-5599\r");
    terminal.expect("= FAIL  UNIT-5599 =");
    terminal.expect("Power Rail Check: vcc_3v3: 3.18");
    terminal.expect("scan the unit:");
    terminal.types("nonsense\r");
    terminal.expect("does not match");
    terminal.expect("= NOT TESTED  nonsense =");
    terminal.expect("scan the unit:");
    terminal.types("\u{4}");
    assert_eq!(process.wait().code(), Some(0));
    let found: Vec<_> = records(store.path(), "pending").iter().map(|path| json(path)).collect();
    assert_eq!(found.len(), 2);
    for (record, serial, outcome) in [(&found[0], "UNIT-5501", "PASS"), (&found[1], "UNIT-5599", "FAIL")] {
        assert_eq!(record["unit_under_test"]["serial_number"], serial);
        assert_eq!(
            (&record["outcome"], &record["operator"]),
            (&json!(outcome), &json!("Ada"))
        );
    }
}

/// The states of a process's children, a letter each: Z is one that has ended and that nobody waited for.
#[cfg(target_os = "linux")]
fn children(process: u32) -> Vec<String> {
    let of = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let ids: String = tasks.map(|task| of(task.unwrap())).collect();
    let state = |id: &str| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        Some(stat.rsplit_once(") ")?.1.chars().next()?.to_string())
    };
    ids.split_whitespace().filter_map(state).collect()
}

#[test]
#[cfg(target_os = "linux")]
fn pushing_unit_after_unit_leaves_no_dead_process() {
    let store = scratch();
    let near = crate::demo::station(store.path(), "http://127.0.0.1:1");
    let mut command = station(
        Path::new(crate::testkit::BOARD),
        &["--simulate"],
        &store.path().join("store"),
    );
    command
        .arg(format!("--sync={}", near.display()))
        .env("TOFUPILOT_API_KEY", "k");
    let (mut terminal, mut process) = Terminal::start(&mut command);
    terminal.expect("operator:");
    terminal.types("Ada\r");
    for unit in ["UNIT-5501", "UNIT-5502", "UNIT-5503"] {
        terminal.expect("scan the unit:");
        terminal.types(&format!("{unit}\r"));
        terminal.expect(&format!("= PASS  {unit} ="));
    }
    terminal.expect("scan the unit:");
    // what is refused leaves a receipt
    eventually("a push", || {
        let receipts = std::fs::read_dir(store.path().join("store/receipts"));
        receipts.is_ok_and(|all| all.count() > 0).then_some(())
    });
    let id = process.0.id();
    assert!(Path::new(&format!("/proc/{id}/task/{id}/children")).exists());
    // each sync ends: nobody is there; nothing of it is left
    eventually("no child, dead or alive", || children(id).is_empty().then_some(()));
    terminal.types("\u{4}");
    assert_eq!(process.wait().code(), Some(0));
}

#[test]
fn what_the_procedure_asks_is_confirmed_for_each_unit() {
    let store = scratch();
    let procedure = store.path().join("asks.toml");
    let text = std::fs::read_to_string(crate::testkit::BOARD).unwrap();
    let asks = "[unit_under_test]\nrevision = '[A-F]'\nsub_units = ['CELL-\\d+']\nretest = \"ask\"\n";
    crate::testkit::write(&procedure, &text.replacen("[unit_under_test]\n", asks, 1));
    let kept = store.path().join("store");
    let mut command = station(&procedure, &["--simulate=board-v3", "--operator", "Ada"], &kept);
    let (mut terminal, mut process) = Terminal::start(&mut command);
    for (revision, sub_unit) in [("B", "CELL-1"), ("", "CELL-2"), ("C", "CELL-3")] {
        terminal.expect("scan the unit:");
        // a scanner ends its text with CR and LF: the second line confirms nothing
        terminal.types("UNIT-5501\r\n");
        terminal.expect("revision");
        if revision.is_empty() {
            // a person reads the question
            after(Duration::from_millis(300));
        }
        terminal.types(&format!("{revision}\r"));
        terminal.expect("sub-unit 1 of 1:");
        terminal.types(&format!("{sub_unit}\r\n"));
        if sub_unit != "CELL-1" {
            terminal.expect("Test it again? [y/N]");
            terminal.types("y\r");
        }
        terminal.expect("= PASS  UNIT-5501 =");
    }
    terminal.expect("scan the unit:");
    terminal.types("quit\r");
    assert_eq!(process.wait().code(), Some(0));
    let found: Vec<_> = records(&kept, "pending").iter().map(|path| json(path)).collect();
    assert_eq!(found[1]["unit_under_test"]["revision"], "B");
    assert_eq!(found[1]["unit_under_test"]["sub_units"], json!(["CELL-2"]));
    assert_eq!(found[1]["earlier_runs"]["count"], 1);
    assert_eq!(found[2]["unit_under_test"]["revision"], "C");
    assert_eq!(found[2]["unit_under_test"]["sub_units"], json!(["CELL-3"]));
}

#[test]
fn from_a_pipe_it_reads_a_line_per_answer_and_prints_plain_lines() {
    let served = Served::bench("UNIT-5501");
    let transcript = served.folder.path().join("said.txt");
    let mut command = benchtop();
    command
        .args(["station", crate::testkit::BOARD, "--station"])
        .arg(&served.station);
    command
        .arg("--record")
        .arg(&transcript)
        .arg("--store")
        .arg(served.store());
    let mut process = Running::start(command.stdin(Stdio::piped()));
    let mut scanner = process.0.stdin.take().unwrap();
    scanner.write_all(b"Ada\r\nUNIT-5501\r\nUNIT-5502\r\n").unwrap();
    drop(scanner);
    let done = process.finish();
    assert_eq!(done.code, Some(0), "{done}");
    assert!(
        !done.out.contains('\u{1b}') && !done.out.contains("scan the unit"),
        "{done}"
    );
    assert!(
        done.out.contains("= PASS  UNIT-5501 =") && done.out.contains("= PASS  UNIT-5502 ="),
        "{done}"
    );
    assert_eq!(records(&served.store(), "pending").len(), 2);
    assert!(!served.output_is_on());
}

#[test]
fn a_signal_during_a_test_aborts_it_and_ends_the_loop() {
    let served = Served::bench("UNIT-5501");
    let text = std::fs::read_to_string(crate::testkit::BOARD).unwrap();
    let path = served.folder.path().join("long.toml");
    crate::testkit::write(&path, &text.replace("\"250 ms\"", "\"60 s\""));
    let bench = ["--station", served.station.to_str().unwrap(), "--operator", "Ada"];
    let mut command = station(&path, &bench, &served.store());
    let mut process = Running::start(command.stdin(Stdio::piped()));
    let mut scanner = process.0.stdin.take().unwrap();
    scanner.write_all(b"UNIT-5501\n").unwrap();
    crate::outputs_off::begun(&served.store(), "Settle");
    assert!(served.output_is_on());
    process.signal(nix::sys::signal::Signal::SIGTERM);
    let done = process.finish();
    assert_eq!(done.code, Some(0), "{done}");
    assert!(done.out.contains("= ABORTED  UNIT-5501 ="), "{done}");
    assert!(!served.output_is_on());
    drop(scanner);
}

#[test]
fn ctrl_c_aborts_the_test_and_the_loop_goes_on() {
    let served = Served::bench("UNIT-5501");
    let text = std::fs::read_to_string(crate::testkit::BOARD).unwrap();
    let path = served.folder.path().join("long.toml");
    crate::testkit::write(&path, &text.replace("\"250 ms\"", "\"60 s\""));
    let bench = ["--station", served.station.to_str().unwrap(), "--operator", "Ada"];
    let mut command = station(&path, &bench, &served.store());
    let (mut terminal, mut process) = Terminal::start(&mut command);
    for unit in ["UNIT-5501", "UNIT-5502"] {
        terminal.expect("scan the unit:");
        terminal.types(&format!("{unit}\r"));
        crate::outputs_off::begun(&served.store(), "Settle");
        process.signal(nix::sys::signal::Signal::SIGINT);
        terminal.expect(&format!("= ABORTED  {unit} ="));
        assert!(!served.output_is_on());
    }
    terminal.expect("scan the unit:");
    terminal.types("quit\r");
    assert_eq!(process.wait().code(), Some(0));
    let outcomes: Vec<_> = records(&served.store(), "pending")
        .iter()
        .map(|path| json(path)["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["ABORTED", "ABORTED"]);
}

/// The board's procedure with a question to the operator.
fn asking(folder: &Path) -> std::path::PathBuf {
    let text = std::fs::read_to_string(crate::testkit::BOARD).unwrap();
    let step = "[[steps]]\nname = \"LED\"\nprompt = { name = \"led\", message = \"Is the LED green?\", kind = \"yes_no\", passes = \"yes\" }\n\n\
                [[steps]]\nname = \"Power Rail Check\"";
    let path = folder.join("asking.toml");
    crate::testkit::write(&path, &text.replacen("[[steps]]\nname = \"Power Rail Check\"", step, 1));
    path
}

#[test]
fn the_operator_answers_prompts_where_the_units_are_scanned() {
    let served = Served::bench("UNIT-5501");
    let bench = ["--station", served.station.to_str().unwrap(), "--operator", "Ada"];
    let mut command = station(&asking(served.folder.path()), &bench, &served.store());
    let (mut terminal, mut process) = Terminal::start(&mut command);
    terminal.expect("scan the unit:");
    terminal.types("UNIT-5501\r");
    terminal.expect("led: yes or no");
    terminal.types("perhaps\r");
    terminal.expect("is no answer");
    terminal.types("y\r");
    terminal.expect("= PASS  UNIT-5501 =");
    // whoever gives up at a question scans the next unit as ever
    terminal.expect("scan the unit:");
    terminal.types("UNIT-5502\r");
    terminal.expect("led: yes or no");
    process.signal(nix::sys::signal::Signal::SIGINT);
    terminal.expect("= ABORTED  UNIT-5502 =");
    terminal.expect("scan the unit:");
    terminal.types("UNIT-5503\r");
    terminal.expect("led: yes or no");
    terminal.types("no\r");
    terminal.expect("= FAIL  UNIT-5503 =");
    terminal.expect("scan the unit:");
    terminal.types("quit\r");
    assert_eq!(process.wait().code(), Some(0));
    assert!(!served.output_is_on());
    let outcomes: Vec<_> = records(&served.store(), "pending")
        .iter()
        .map(|path| json(path)["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["PASS", "ABORTED", "FAIL"]);
}

#[test]
fn a_program_that_scans_answers_prompts_in_plain_words_or_json() {
    let served = Served::bench("UNIT-5501");
    let bench = ["--station", served.station.to_str().unwrap(), "--operator", "Ada"];
    let mut command = station(&asking(served.folder.path()), &bench, &served.store());
    let mut process = Running::start(command.stdin(Stdio::piped()));
    let mut scanner = process.0.stdin.take().unwrap();
    let lines = "UNIT-5501\nyes\nUNIT-5502\n{\"name\": \"lid\", \"answer\": true}\n{\"name\": \"led\", \"answer\": false}\nUNIT-5503\n";
    scanner.write_all(lines.as_bytes()).unwrap();
    drop(scanner);
    let done = process.finish();
    assert_eq!(done.code, Some(0), "{done}");
    for verdict in ["= PASS  UNIT-5501 =", "= FAIL  UNIT-5502 =", "= ERROR  UNIT-5503 ="] {
        assert!(done.out.contains(verdict), "{verdict}: {done}");
    }
    assert!(done.err.contains("lid is not asked, but led"), "{done}");
}
