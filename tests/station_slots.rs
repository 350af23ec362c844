//! The operator's loop on a fixture with slots: round after round, each place by itself; and a gauge study at the bench.

use crate::{
    slots::{PROCEDURE, by_slot, outputs, served_with},
    station_loop::{Terminal, station},
    testkit::{BOARD, Running, after, json, records, scratch, write},
};
use serde_json::Value;
use std::{fs, io::Write, path::Path, process::Stdio, time::Duration};

fn slots_and_outcomes(store: &Path) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let paths = records(store, "pending");
    let of = |path: &std::path::PathBuf| {
        let record = json(path);
        let serial = &record["unit_under_test"]["serial_number"];
        (text(&record["slot"]), text(serial), text(&record["outcome"]))
    };
    paths.iter().map(of).collect()
}

fn seen(rows: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    let owned = |(slot, serial, outcome): &(&str, &str, &str)| {
        ((*slot).to_owned(), (*serial).to_owned(), (*outcome).to_owned())
    };
    rows.iter().map(owned).collect()
}

#[test]
fn each_slot_is_scanned_and_one_may_be_empty() {
    let store = scratch();
    let mut command = station(Path::new(PROCEDURE), &["--simulate", "--operator", "Ada"], store.path());
    let (mut terminal, mut process) = Terminal::start(&mut command);
    let ask = |terminal: &mut Terminal, slot: &str, scan: &str| {
        terminal.expect(&format!("slot {slot}: scan the unit, or Enter where it is empty:"));
        if scan == "\r" {
            // a person reads the question
            after(Duration::from_millis(300));
        }
        terminal.types(scan);
    };
    // a scanner ends its text with CR and LF, which are two lines on a terminal: the second does not say that B is empty
    ask(&mut terminal, "A", " MOD-0007\r\n");
    ask(&mut terminal, "B", "MOD-0008\r\n");
    terminal.expect("= PASS  slot A  MOD-0007 =");
    terminal.expect("= PASS  slot B  MOD-0008 =");
    ask(&mut terminal, "A", "MOD-0001\r");
    ask(&mut terminal, "B", "\r");
    terminal.expect("= PASS  slot A  MOD-0001 =");
    // a slip at a terminal is asked for again, and nothing that was scanned before is lost
    ask(&mut terminal, "A", "MOD-9901\r");
    ask(&mut terminal, "B", "MOD-9901\r");
    terminal.expect("MOD-9901 is in two slots, A and B");
    ask(&mut terminal, "B", "nonsense\r");
    terminal.expect("`nonsense` does not match");
    ask(&mut terminal, "B", "MOD-0002\r");
    terminal.expect("= FAIL  slot A  MOD-9901 =");
    terminal.expect("Output: vout: 3.1");
    terminal.expect("= PASS  slot B  MOD-0002 =");
    // nothing in either is no round
    ask(&mut terminal, "A", "\r");
    ask(&mut terminal, "B", "\r");
    ask(&mut terminal, "A", "logout\r");
    terminal.expect("operator:");
    terminal.types("Bob\r");
    ask(&mut terminal, "A", "\r");
    ask(&mut terminal, "B", "MOD-0003\r");
    terminal.expect("= PASS  slot B  MOD-0003 =");
    ask(&mut terminal, "A", "MOD-0004\r");
    ask(&mut terminal, "B", "quit\r");
    assert_eq!(process.wait().code(), Some(0));
    let expected = [
        ("A", "MOD-0007", "PASS"),
        ("B", "MOD-0008", "PASS"),
        ("A", "MOD-0001", "PASS"),
        ("A", "MOD-9901", "FAIL"),
        ("B", "MOD-0002", "PASS"),
        ("B", "MOD-0003", "PASS"),
    ];
    assert_eq!(slots_and_outcomes(store.path()), seen(&expected));
    let operators: Vec<Value> = records(store.path(), "pending")
        .iter()
        .map(|path| json(path)["operator"].clone())
        .collect();
    assert_eq!(operators, ["Ada", "Ada", "Ada", "Ada", "Ada", "Bob"]);
}

/// The module's procedure with a question to the operator under power.
pub(crate) fn asking(folder: &Path) -> std::path::PathBuf {
    let text = fs::read_to_string(PROCEDURE).unwrap();
    let step = "[[steps]]\nname = \"LED\"\nprompt = { name = \"led\", message = \"Is the LED green?\", kind = \"yes_no\", passes = \"yes\" }\n\n\
                [[steps]]\nname    = \"Output\"";
    assert!(text.contains("[[steps]]\nname    = \"Output\""));
    let path = folder.join("asking.toml");
    write(&path, &text.replacen("[[steps]]\nname    = \"Output\"", step, 1));
    path
}

#[test]
fn the_prompts_of_both_slots_are_asked_one_after_the_other() {
    let served = served_with(["MOD-0001", "MOD-0002"]);
    let bench = ["--station", served.station.to_str().unwrap(), "--operator", "Ada"];
    let mut command = station(&asking(served.folder.path()), &bench, &served.store());
    let (mut terminal, mut process) = Terminal::start(&mut command);
    terminal.expect("slot A: scan the unit");
    terminal.types("MOD-0001\r");
    terminal.expect("slot B: scan the unit");
    terminal.types("MOD-0002\r");
    // whose question it is is said with it, and the answer is that unit's
    let mut asked = Vec::new();
    for _ in 0..2 {
        let before = terminal.expect("led: yes or no");
        let slot = if before.contains("slot A") { "A" } else { "B" };
        assert!(before.contains(&format!("slot {slot}")), "{before}");
        asked.push(slot);
        terminal.types(if slot == "A" { "no\r" } else { "yes\r" });
    }
    asked.sort_unstable();
    assert_eq!(asked, ["A", "B"]);
    terminal.expect("= FAIL  slot A  MOD-0001 =");
    terminal.expect("= PASS  slot B  MOD-0002 =");
    assert_eq!(outputs(&served), ["0", "0", "0"], "off between two rounds");
    // Ctrl-C at a question aborts the round, and the loop goes on
    terminal.expect("slot A: scan the unit");
    terminal.types("MOD-0001\r");
    terminal.expect("slot B: scan the unit");
    terminal.types("MOD-0002\r");
    terminal.expect("led: yes or no");
    process.signal(nix::sys::signal::Signal::SIGINT);
    terminal.expect("= ABORTED  slot A  MOD-0001 =");
    terminal.expect("= ABORTED  slot B  MOD-0002 =");
    terminal.expect("slot A: scan the unit");
    assert_eq!(outputs(&served), ["0", "0", "0"]);
    terminal.types("quit\r");
    assert_eq!(process.wait().code(), Some(0));
    let mut found = slots_and_outcomes(&served.store());
    found.sort();
    let expected = [
        ("A", "MOD-0001", "ABORTED"),
        ("A", "MOD-0001", "FAIL"),
        ("B", "MOD-0002", "ABORTED"),
        ("B", "MOD-0002", "PASS"),
    ];
    assert_eq!(found, seen(&expected));
}

#[test]
fn from_a_pipe_a_line_never_comes_to_stand_for_another_slot() {
    let store = scratch();
    let mut command = station(Path::new(PROCEDURE), &["--simulate", "--operator", "Ada"], store.path());
    let mut process = Running::start(command.stdin(Stdio::piped()));
    let mut scanner = process.0.stdin.take().unwrap();
    // a round with a misread label, one with the same unit twice, one with an empty slot, one that is cut short
    let lines = "M0D-1111\nMOD-0002\nMOD-0003\nMOD-0003\n\nMOD-0004\nMOD-0005\n";
    scanner.write_all(lines.as_bytes()).unwrap();
    drop(scanner);
    let done = process.finish();
    assert_eq!(done.code, Some(0), "{done}");
    for verdict in [
        "= NOT TESTED  slot A  M0D-1111 =",
        "= NOT TESTED  slot B  MOD-0002 =",
        "= NOT TESTED  slot A  MOD-0003 =",
        "= NOT TESTED  slot B  MOD-0003 =",
        "= PASS  slot B  MOD-0004 =",
    ] {
        assert!(done.out.contains(verdict), "{verdict}: {done}");
    }
    assert!(done.err.contains("`M0D-1111` does not match"), "{done}");
    assert!(done.err.contains("MOD-0003 is in two slots, A and B"), "{done}");
    assert_eq!(slots_and_outcomes(store.path()), seen(&[("B", "MOD-0004", "PASS")]));
    assert_eq!(by_slot(store.path())[0]["station"]["fixture_id"], "FIX-MOD-B");
}

#[test]
fn what_the_procedure_asks_of_a_unit_is_asked_for_each_slot() {
    let folder = scratch();
    let procedure = folder.path().join("asks.toml");
    let text = fs::read_to_string(PROCEDURE).unwrap();
    let asks = "[unit_under_test]\nrevision = '[A-F]'\nsub_units = ['CELL-\\d+']\n";
    write(&procedure, &text.replacen("[unit_under_test]\n", asks, 1));
    let store = folder.path().join("store");
    let mut command = station(
        &procedure,
        &["--simulate=regulator-module", "--operator", "Ada"],
        &store,
    );
    let mut process = Running::start(command.stdin(Stdio::piped()));
    let mut scanner = process.0.stdin.take().unwrap();
    // the second confirms the revision of the first, and so does the next round; a cell of the wrong kind tests nobody
    let lines = "MOD-0001\nB\nCELL-1\nMOD-0002\n\nCELL-2\n\nMOD-0003\n\nBATTERY\n\nMOD-0004\nC\nCELL-4\n";
    scanner.write_all(lines.as_bytes()).unwrap();
    drop(scanner);
    let done = process.finish();
    assert_eq!(done.code, Some(0), "{done}");
    assert!(done.out.contains("= NOT TESTED  slot B  MOD-0003 ="), "{done}");
    assert!(done.err.contains("the sub-unit `BATTERY` does not match"), "{done}");
    let found: Vec<(Value, Value, Value)> = records(&store, "pending")
        .iter()
        .map(|path| json(path))
        .map(|record| {
            let unit = &record["unit_under_test"];
            (
                unit["serial_number"].clone(),
                unit["revision"].clone(),
                unit["sub_units"][0].clone(),
            )
        })
        .collect();
    let expected = [
        ("MOD-0001", "B", "CELL-1"),
        ("MOD-0002", "B", "CELL-2"),
        ("MOD-0004", "C", "CELL-4"),
    ];
    let expected = expected.map(|(serial, revision, cell)| (serial.into(), revision.into(), cell.into()));
    assert_eq!(found, expected, "{done}");
}

#[test]
fn an_operator_makes_a_gauge_study_at_the_bench() {
    let store = scratch();
    let study = ["--purpose", "gauge_study", "--study", "GAUGE-9", "--trial", "2"];
    let mut bench = vec!["--simulate"];
    bench.extend(study);
    let mut command = station(Path::new(BOARD), &bench, store.path());
    let mut process = Running::start(command.stdin(Stdio::piped()));
    let mut scanner = process.0.stdin.take().unwrap();
    // who measures logs in behind the start, and somebody else after
    scanner
        .write_all(b"Ada\nUNIT-5501\nUNIT-5502\nlogout\nBob\nUNIT-5501\n")
        .unwrap();
    drop(scanner);
    let done = process.finish();
    assert_eq!(done.code, Some(0), "{done}");
    assert!(done.out.contains("gauge study GAUGE-9, trial 2"), "{done}");
    let found: Vec<Value> = records(store.path(), "pending").iter().map(|path| json(path)).collect();
    let operators: Vec<&Value> = found.iter().map(|record| &record["operator"]).collect();
    assert_eq!(operators, ["Ada", "Ada", "Bob"]);
    for record in &found {
        assert_eq!(record["purpose"], "gauge_study");
        assert_eq!((&record["study"], &record["trial"]), (&"GAUGE-9".into(), &2.into()));
    }
    let mut without = station(
        Path::new(BOARD),
        &["--simulate", "--study", "G", "--trial", "1"],
        store.path(),
    );
    let refused = crate::testkit::done(&mut without);
    assert_eq!(refused.code, Some(2), "{refused}");
    assert!(
        refused.err.contains("only a run with --purpose gauge_study"),
        "{refused}"
    );
}
