//! What a terminal shows of long work, at a real pseudoterminal; and that nothing of it is anywhere else.

use crate::testkit::{BOARD, benchtop, done, eventually, scratch, simulated, write};
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
fn at(theirs: OwnedFd, mut command: Command) -> Child {
    let out = theirs.try_clone().unwrap();
    command.env("TERM", "xterm").stdout(out).stderr(theirs).spawn().unwrap()
}

/// What a terminal of that width shows in the end, a line each: with carriage returns, colours and wrapped lines.
fn screen(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![Vec::new()];
    let mut column = 0;
    let mut letters = text.chars().peekable();
    while let Some(c) = letters.next() {
        match c {
            '\u{1b}' => {
                let end = letters.by_ref().find(|c| c.is_ascii_alphabetic());
                assert_eq!(end, Some('m'), "only colours are asked of a terminal");
            }
            '\r' => column = 0,
            '\n' => {
                lines.push(Vec::new());
                column = 0;
            }
            c => {
                if column == columns {
                    lines.push(Vec::new());
                    column = 0;
                }
                let line: &mut Vec<char> = lines.last_mut().unwrap();
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
        shown.iter().any(|line| line.starts_with("  [4/5] Current Draw")),
        "{shown:?}"
    );
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
        let share = folder.path().join("share");
        fs::create_dir(&share).unwrap();
        let station = folder.path().join("station.toml");
        let text = format!(
            "[station]\nid = \"BENCH-7\"\n[store]\nroot = \"store\"\n[[sync.targets]]\nname = \"share\"\nkind = \"directory\"\n\
             url = \"{}\"\naccept_simulated = true\n",
            share.display()
        );
        write(&station, &text);
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
        let expected = match (at_a_terminal, quiet) {
            (true, false) => vec!["  [1/3] records", "  [2/3] records"],
            (true, true) | (false, _) => Vec::new(),
        };
        assert_eq!(counted, expected, "{seen:?}");
        let left = screen(&seen, 500);
        assert!(!left.iter().any(|line| line.contains("/3] records")), "{left:?}");
    }
}
