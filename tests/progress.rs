//! What a terminal shows of long work, at a real pseudoterminal; and that nothing of it is anywhere else.

use crate::elsewhere::with_target;
use crate::testkit::{BOARD, benchtop, done, eventually, scratch, simulated, station_with_folder, write};
use benchtop_store::{RecordName, integrity};
use rustix::{
    fs::{Mode, OFlags},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};
use std::{
    fs::{self, File},
    io::Read,
    os::fd::OwnedFd,
    path::Path,
    process::{Child, Command},
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

/// A terminal that remembers what was written to it.
struct Terminal {
    ours: File,
    seen: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Terminal {
    /// So many columns wide; and the end that a program writes to.
    fn open(columns: u16) -> (Self, OwnedFd) {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        rustix::io::fcntl_setfd(&ours, rustix::io::FdFlags::CLOEXEC).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let path = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let theirs = rustix::fs::open(path, flags, Mode::empty()).unwrap();
        let (ours, seen) = (File::from(ours), Arc::new(Mutex::new(Vec::new())));
        let (mut screen, sink) = (ours.try_clone().unwrap(), Arc::clone(&seen));
        let reader = std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            // ends with an error when the other end is closed for good
            while let Ok(count @ 1..) = screen.read(&mut chunk) {
                sink.lock().unwrap().extend_from_slice(&chunk[..count]);
            }
        });
        let terminal = Self { ours, seen, reader };
        terminal.resize(columns);
        (terminal, theirs)
    }

    fn resize(&self, columns: u16) {
        let size = Winsize {
            ws_row: 24,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&self.ours, size).unwrap();
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap()).into_owned()
    }

    /// Everything that a program wrote until it ended, and its exit code.
    fn until_the_end(self, mut child: Child) -> (String, Option<i32>) {
        let code = child.wait().unwrap().code();
        self.reader.join().unwrap();
        let seen = self.seen.lock().unwrap();
        (String::from_utf8_lossy(&seen).into_owned(), code)
    }
}

/// Starts a program with both of its outputs at a terminal, which nobody else holds open.
fn at(theirs: OwnedFd, command: Command) -> Child {
    at_a("xterm", theirs, command)
}

/// The same at a kind of terminal.
fn at_a(kind: &str, theirs: OwnedFd, mut command: Command) -> Child {
    let out = theirs.try_clone().unwrap();
    command.env("TERM", kind).stdout(out).stderr(theirs).spawn().unwrap()
}

/// What a terminal of that width shows in the end, a line each: with carriage returns, colours, wrapped lines, and a cursor that
/// goes up.
fn screen(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![Vec::new()];
    let (mut row, mut column) = (0, 0);
    let mut letters = text.chars().peekable();
    let down = |lines: &mut Vec<Vec<char>>, row: &mut usize| {
        *row += 1;
        if *row == lines.len() {
            lines.push(Vec::new());
        }
    };
    while let Some(c) = letters.next() {
        match c {
            '\u{1b}' => {
                let mut sequence = String::new();
                sequence.extend(letters.by_ref().take(1));
                for c in letters.by_ref() {
                    sequence.push(c);
                    if c.is_ascii_alphabetic() {
                        break;
                    }
                }
                match sequence.strip_prefix('[').and_then(|rest| rest.strip_suffix('A')) {
                    Some(rows) => row -= rows.parse::<usize>().unwrap(),
                    None => assert!(
                        sequence.ends_with('m'),
                        "only colours else are asked of a terminal: {sequence}"
                    ),
                }
            }
            '\r' => column = 0,
            '\n' => {
                down(&mut lines, &mut row);
                column = 0;
            }
            c => {
                if column == columns {
                    down(&mut lines, &mut row);
                    column = 0;
                }
                let line: &mut Vec<char> = &mut lines[row];
                line.resize(line.len().max(column + 1), ' ');
                line[column] = c;
                column += 1;
            }
        }
    }
    let lines = lines.into_iter().map(|line| line.into_iter().collect::<String>());
    lines
        .map(|line| line.trim_end().to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

/// What it shows on the way there, each time before something is painted over.
fn screens(text: &str, columns: usize) -> Vec<Vec<String>> {
    let ends = text.match_indices('\r').map(|(at, _)| at);
    ends.map(|end| screen(text.get(..end).unwrap(), columns)).collect()
}

/// The lines that stand on the screen for a moment: between a carriage return and the next one.
fn passing(text: &str) -> Vec<String> {
    let parts = text.split(['\r', '\n']).map(|part| part.trim_end().to_owned());
    parts.filter(|part| part.starts_with("  [")).collect()
}

/// Without what differs from run to run.
fn steady(lines: Vec<String>) -> Vec<String> {
    let changing = |line: &String| line.contains("record /") || line.contains(".json");
    lines.into_iter().filter(|line| !changing(line)).collect()
}

#[test]
fn a_run_says_how_far_it_is_and_leaves_the_same_lines_behind_as_without_a_terminal() {
    let folder = scratch();
    let plain = done(&mut simulated(&folder.path().join("plain"), "UNIT-5501"));
    assert!(
        passing(&plain.out).is_empty() && passing(&plain.err).is_empty(),
        "{plain}"
    );
    assert!(!plain.out.contains('\r') && !plain.err.contains('\r'), "{plain}");
    for no_color in [true, false] {
        let (terminal, theirs) = Terminal::open(80);
        let mut command = simulated(&folder.path().join(no_color.to_string()), "UNIT-5501");
        if !no_color {
            command.env_remove("NO_COLOR");
        }
        let (seen, code) = terminal.until_the_end(at(theirs, command));
        assert_eq!(code, Some(0), "{seen}");
        assert_eq!(seen.contains('\u{1b}'), !no_color, "{seen:?}");
        let shown = passing(&seen);
        for (at, step) in ["Power on", "Settle", "Power Rail Check", "Current Draw", "Power off"]
            .iter()
            .enumerate()
        {
            let beginning = format!("  [{}/5] {step}  ", at + 1);
            assert!(
                shown.iter().any(|line| line.starts_with(&beginning)),
                "{beginning}: {shown:?}"
            );
        }
        assert!(shown.iter().any(|line| line.contains("s, about ")), "{shown:?}");
        let measured = "  [3/5] Power Rail Check: vcc_3v3 3.29916263 V (3.25 .. 3.35 V)  ";
        assert!(shown.iter().any(|line| line.starts_with(measured)), "{shown:?}");
        assert!(shown.iter().all(|line| line.chars().count() < 80), "{shown:?}");
        let expected = plain.out.lines().chain(plain.err.lines()).map(str::trim_end);
        let expected = expected.filter(|line| !line.is_empty()).map(str::to_owned);
        // wide enough for what is no progress
        assert_eq!(steady(screen(&seen, 500)), steady(expected.collect()), "{seen:?}");
    }
}

#[test]
fn a_terminal_that_is_made_narrow_meanwhile_is_not_littered() {
    let folder = scratch();
    let text = fs::read_to_string(BOARD).unwrap();
    let path = folder.path().join("slow.toml");
    write(&path, &text.replace("\"250 ms\"", "\"3 s\""));
    let slow = |store: &str, more: &[&str]| {
        let mut command = benchtop();
        command
            .arg("run")
            .arg(&path)
            .args(["--serial", "UNIT-5501", "--simulate=board-v3", "--store"])
            .arg(folder.path().join(store))
            .args(more);
        command
    };
    let (terminal, theirs) = Terminal::open(80);
    let (quiet, code) = terminal.until_the_end(at(theirs, slow("quiet", &["--quiet"])));
    assert_eq!(code, Some(0), "{quiet}");
    assert!(passing(&quiet).is_empty(), "--quiet: {quiet:?}");
    let (terminal, theirs) = Terminal::open(80);
    let child = at(theirs, slow("store", &["--pace", "real"]));
    eventually("the second step", || {
        terminal.text().contains("[2/5] Settle").then_some(())
    });
    terminal.resize(24);
    let before = terminal.text().len();
    let (seen, code) = terminal.until_the_end(child);
    assert_eq!(code, Some(0), "{seen}");
    let shown = passing(seen.get(before..).unwrap());
    assert!(
        shown
            .iter()
            .any(|line| line.starts_with("  [4/5] Current") && line.ends_with(" s")),
        "{shown:?}"
    );
    // three seconds pass in sight, though nothing else happens
    let passed = passing(&seen);
    let mut settling: Vec<&String> = passed
        .iter()
        .filter(|line| line.starts_with("  [2/5] Settle"))
        .collect();
    settling.dedup();
    assert!(settling.len() >= 3, "{settling:?}");
    for line in shown {
        assert!(line.chars().count() < 24, "{line:?}");
    }
}

/// So many records of one procedure, as a station left them.
fn many(store: &Path, count: u64) {
    let sealed = fs::read_to_string("fixtures/records/run-1.json").unwrap();
    let mut record = integrity::open(sealed.as_bytes()).unwrap();
    record.chain = None;
    fs::create_dir_all(store.join("kept")).unwrap();
    for sequence in 1..=count {
        record.sequence = sequence;
        record.run_id = format!("0195f000-0000-7000-8000-{sequence:012x}");
        record.unit_under_test.serial_number = format!("UNIT-{sequence:05}");
        let path = store.join("kept").join(RecordName::of(&record).as_str());
        write(&path, &String::from_utf8(integrity::seal(&record).unwrap()).unwrap());
    }
}

fn stats(store: &Path, more: &[&str]) -> Command {
    let mut command = benchtop();
    command
        .args(["runs", "stats", "--simulated", "--store"])
        .arg(store)
        .args(more);
    command
}

#[test]
fn statistics_of_many_records_say_how_far_they_are_at_a_terminal_alone() {
    let folder = scratch();
    let store = folder.path().join("store");
    many(&store, 2000);
    let index = store.join("index");
    let (terminal, theirs) = Terminal::open(80);
    let (seen, code) = terminal.until_the_end(at(theirs, stats(&store, &[])));
    assert_eq!(code, Some(0), "{seen}");
    for said in ["reading records: 500 of 2000", "reading records: 2000 of 2000"] {
        assert!(seen.contains(said), "{said}: {seen:?}");
    }
    let shown = screen(&seen, 80);
    assert!(!shown.iter().any(|line| line.contains("reading records")), "{shown:?}");
    assert!(shown.iter().any(|line| line.contains("2000 runs")), "{shown:?}");
    // made anew
    fs::remove_dir_all(&index).unwrap();
    let (terminal, theirs) = Terminal::open(80);
    let (quiet, _) = terminal.until_the_end(at(theirs, stats(&store, &["--quiet"])));
    assert!(!quiet.contains("reading records"), "{quiet:?}");
    fs::remove_dir_all(&index).unwrap();
    let piped = done(&mut stats(&store, &[]));
    assert!(
        !piped.err.contains("reading records") && !piped.out.contains('\r'),
        "{piped}"
    );
    assert_eq!(screen(&quiet, 80), screen(&piped.out, 80));
}

#[test]
fn a_sync_counts_its_records_at_a_terminal_alone() {
    for (at_a_terminal, quiet) in [(true, false), (true, true), (false, false)] {
        let folder = scratch();
        let store = folder.path().join("store");
        for serial in ["UNIT-5501", "UNIT-5502", "UNIT-5503"] {
            done(&mut simulated(&store, serial));
        }
        let station = station_with_folder(folder.path(), "share");
        let mut command = benchtop();
        command.args(["sync", "--station"]).arg(&station);
        if quiet {
            command.arg("--quiet");
        }
        let (seen, code) = if at_a_terminal {
            let (terminal, theirs) = Terminal::open(80);
            terminal.until_the_end(at(theirs, command))
        } else {
            let plain = done(&mut command);
            (format!("{}{}", plain.out, plain.err), plain.code)
        };
        assert_eq!(code, Some(0), "{seen}");
        assert!(seen.contains("3 synced, 0 pending"), "{seen}");
        let counted = passing(&seen);
        let is_counted = at_a_terminal && !quiet;
        for record in ["  [1/3] records  ", "  [2/3] records  "] {
            let is_there = counted
                .iter()
                .any(|line| line.starts_with(record) && line.contains(" s, about "));
            assert_eq!(is_there, is_counted, "{seen:?}");
        }
        assert!(is_counted || counted.is_empty(), "{seen:?}");
        let left = screen(&seen, 500);
        assert!(!left.iter().any(|line| line.contains("/3] records")), "{left:?}");
    }
}

#[test]
fn units_in_slots_have_a_line_each_below_all_others() {
    let slots = |store: &Path| {
        let mut command = benchtop();
        command.args([
            "run",
            "procedures/regulator-module.toml",
            "--simulate",
            "--pace",
            "real",
            "--store",
        ]);
        command
            .arg(store)
            .args(["--slot", "A=MOD-0001", "--slot", "B=MOD-0002"]);
        command
    };
    let folder = scratch();
    let (terminal, theirs) = Terminal::open(80);
    let (seen, code) = terminal.until_the_end(at(theirs, slots(&folder.path().join("wide"))));
    assert_eq!(code, Some(0), "{seen}");
    let all = screens(&seen, 80);
    let of_slot = |lines: &[String], slot: &str| {
        let beginning = format!("  {slot}  [");
        lines.iter().filter(|line| line.starts_with(&beginning)).count()
    };
    let both = |lines: &&Vec<String>| of_slot(lines, "A") == 1 && of_slot(lines, "B") == 1;
    assert!(all.iter().filter(both).count() > 5, "{seen:?}");
    // one waits for the meter while the other one warms up
    let ticking = all
        .iter()
        .filter(both)
        .map(|lines| lines.iter().find(|line| line.starts_with("  A  [")));
    let mut ticking: Vec<_> = ticking.collect();
    ticking.dedup();
    assert!(ticking.len() > 5, "{ticking:?}");
    let standing = all.iter().flatten().filter(|line| line.starts_with("  "));
    assert!(
        standing.map(|line| line.chars().count()).all(|length| length < 80),
        "{seen:?}"
    );
    let left = screen(&seen, 500);
    assert_eq!(of_slot(&left, "A") + of_slot(&left, "B"), 0, "{left:?}");
    let verdicts = left.iter().filter(|line| line.starts_with("slot "));
    assert_eq!(verdicts.count(), 2, "{left:?}");
    // a terminal that cannot move its cursor up has one line
    let (terminal, theirs) = Terminal::open(80);
    let command = slots(&folder.path().join("dumb"));
    let (dumb, code) = terminal.until_the_end(at_a("dumb", theirs, command));
    assert_eq!(code, Some(0), "{dumb}");
    assert!(dumb.contains("  B  [") && !dumb.contains("\u{1b}["), "{dumb:?}");
    // nothing of it where there is none
    let plain = done(&mut slots(&folder.path().join("plain")));
    assert!(!plain.out.contains('\r') && !plain.err.contains("  A  ["), "{plain}");
    let verdicts = plain.out.lines().filter(|line| line.starts_with("slot "));
    assert_eq!(verdicts.count(), 2, "{plain}");
}

#[test]
fn a_sync_that_waits_for_an_answer_says_how_long() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = scratch();
    done(&mut simulated(&folder.path().join("store"), "UNIT-5501"));
    let url = silent.local_addr().unwrap();
    let lines = format!("kind = \"webhook\"\nurl = \"http://{url}/hook\"\napi_key_file = \"key\"");
    let station = with_target(folder.path(), &lines, "a secret of the webhook");
    let (terminal, theirs) = Terminal::open(80);
    let mut command = benchtop();
    command.args(["sync", "--station"]).arg(&station);
    let mut child = at(theirs, command);
    eventually("the second second", || {
        (2..10)
            .any(|seconds| terminal.text().contains(&format!("  [0/1] records  {seconds} s")))
            .then_some(())
    });
    child.kill().unwrap();
    terminal.until_the_end(child);
}
