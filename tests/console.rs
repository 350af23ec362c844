//! An instrument by hand, line by line: from a pipe, and at a terminal.

use crate::testkit::{Done, Running, Served, benchtop, done, eventually, scratch, write};
use rustix::{
    fs::{Mode, OFlags},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};
use std::{
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{ChildStdin, Stdio},
    sync::{Arc, Mutex},
};
use tempfile::TempDir;

fn meter() -> (Served, String) {
    let served = Served::what(&["keysight/34461a"]);
    let resource = served.resources[0].1.clone();
    (served, resource)
}

/// What the console makes of `lines`, given all at once.
fn fed(resource: &str, options: &[&str], lines: &str) -> Done {
    let folder = scratch();
    let file = folder.path().join("lines.txt");
    write(&file, lines);
    let mut command = benchtop();
    command.args(["console", resource]).args(options);
    done(command.stdin(File::open(&file).unwrap()))
}

#[test]
fn lines_from_a_pipe_are_answered_and_nothing_else_is_printed() {
    let (_served, resource) = meter();
    let lines =
        "# a remark\n\n#\n*OPC?\r\nCONF:VOLT:DC 10\nVOLT:RANG?;:DISP:TEXT \"ready?\"\nDISP:TEXT 'why?'\n.stb\n*OPC?";
    let talked = fed(&resource, &[], lines);
    assert_eq!(talked.code, Some(0), "{talked}");
    assert_eq!(talked.out, "1\n+1.00000000E+01\n0\n1\n", "{talked}");
    assert_eq!(talked.err, "", "{talked}");
}

#[test]
fn an_instruments_errors_are_shown_and_make_the_exit_code() {
    let (_served, resource) = meter();
    let talked = fed(&resource, &[], "FOO:BAR 1\nVOLT:RANG:AUTO MAYBE;*XYZ\n*OPC?\n");
    assert_eq!(talked.code, Some(3), "{talked}");
    assert_eq!(talked.out, "1\n", "{talked}");
    let errors: Vec<&str> = talked.err.lines().collect();
    assert_eq!(errors.len(), 3, "{talked}");
    assert_eq!(errors[0], "error -113 \"Undefined header\"");
    assert!(errors.iter().all(|line| line.starts_with("error -")), "{talked}");

    let talked = fed(&resource, &["--timeout", "2"], "MEAS:FOO? 10\n*OPC?\n");
    assert_eq!((talked.code, talked.out.as_str()), (Some(3), "1\n"), "{talked}");
    assert!(talked.err.contains("no answer in "), "{talked}");
    assert!(talked.err.contains("MEAS:FOO? is none of the commands"), "{talked}");

    let talked = fed(&resource, &[], ".quti\n.errors\n*OPC?\n.quit\nFOO\n");
    assert_eq!((talked.code, talked.out.as_str()), (Some(3), "1\n"), "{talked}");
    assert!(
        talked.err.contains("there is no .quti; did you mean .quit?"),
        "{talked}"
    );
    assert!(talked.err.contains("no errors"), "{talked}");
    assert!(!talked.err.contains("-113"), "nothing is sent after .quit: {talked}");
}

#[test]
fn a_stranger_is_talked_to_and_cannot_act_on_the_terminal() {
    let folder = scratch();
    let model = folder.path().join("evil/meter");
    fs::create_dir_all(&model).unwrap();
    let text = include_str!("../instruments/keysight/34461a/sim.toml");
    let evil = text.replace("\"Keysight Technologies\"", "\"Evil\\u001b[2J\\u009b31m\\u202e\"");
    assert_ne!(evil, text);
    write(&model.join("sim.toml"), &evil);
    write(
        &model.join("driver.toml"),
        &include_str!("../instruments/keysight/34461a/driver.toml").replace("Keysight|Agilent", "Evil"),
    );
    let directory = folder.path().display().to_string();
    let served = Served::what(&["evil/meter", "--instruments", &directory]);
    let resource = &served.resources[0].1;

    let talked = fed(resource, &[], "*IDN?\nFOO\n");
    assert_eq!(talked.code, Some(0), "what it does not say is not known: {talked}");
    let identity = "Evil\\u{1b}[2J\\u{9b}31m\\u{202e},34461A,SIM-";
    assert!(talked.out.starts_with(identity), "{talked}");
    assert!(talked.err.contains("no driver fits `Evil\\u{1b}[2J"), "{talked}");
    assert!(talked.err.contains("its error queue is not read"), "{talked}");
    assert_eq!(talked.err.lines().count(), 1, "it is said once: {talked}");
    let printed = format!("{}{}", talked.out, talked.err);
    assert!(printed.chars().all(|c| c == '\n' || !c.is_control()), "{printed:?}");

    let asked = fed(resource, &["--errors", "SYST:ERR?"], "FOO\n");
    assert_eq!(asked.code, Some(3), "{asked}");
    assert!(asked.err.contains("error -113 \"Undefined header\""), "{asked}");
    let refused = fed(resource, &["--errors", "SYST:ERR"], "FOO\n");
    assert_eq!(refused.code, Some(2), "{refused}");
}

/// A console that is fed line by line.
struct Talking {
    process: Running,
    lines: ChildStdin,
    folder: TempDir,
}

impl Talking {
    fn start(resource: &str, options: &[&str]) -> Self {
        let folder = scratch();
        let file = |name: &str| File::create(folder.path().join(name)).unwrap();
        let mut command = benchtop();
        command.args(["console", resource]).args(options);
        command.stdin(Stdio::piped()).stdout(file("out")).stderr(file("err"));
        let mut process = Running(command.spawn().unwrap());
        let lines = process.0.stdin.take().unwrap();
        Self { process, lines, folder }
    }

    fn say(&mut self, line: &str) {
        self.lines.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Waits until this stands in `out` or `err`.
    fn until(&self, file: &str, expected: &str) {
        let path = self.folder.path().join(file);
        let is_there = || fs::read_to_string(&path).unwrap().contains(expected);
        eventually(expected, || is_there().then_some(()));
    }
}

#[test]
fn a_lost_answer_and_a_lost_instrument_are_said_and_the_session_is_brought_back() {
    let (served, resource) = meter();
    let name = served.resources[0].0.clone();
    let mut talking = Talking::start(&resource, &["--timeout", "2"]);
    talking.say("*IDN?");
    talking.until("out", "34461A");

    served.fault(&name, "no_answer");
    talking.say("*OPC?");
    // the answer, and then that of the error queue
    talking.until("err", "the session was recovered");
    let err = || fs::read_to_string(talking.folder.path().join("err")).unwrap();
    eventually("the error queue's end", || {
        (err().matches("was recovered").count() >= 2).then_some(())
    });
    assert!(
        err().contains(&format!("error: read on {resource}: no answer in ")),
        "{}",
        err()
    );
    served.fault(&name, "clear");
    talking.say("*OPC?");
    talking.until("out", "\n1\n");

    drop(served);
    talking.say("*OPC?");
    talking.until("err", "nothing listens there");
    talking.say("*OPC?");
    talking.until("err", "the line was not sent");
    let Talking {
        mut process,
        lines,
        folder,
    } = talking;
    drop(lines);
    assert_eq!(process.wait().code(), Some(3));
    let err = fs::read_to_string(folder.path().join("err")).unwrap();
    assert!(err.contains("the instrument closed the connection"), "{err}");
}

#[test]
fn an_output_that_is_on_stays_on_and_that_is_said() {
    let served = Served::bench("UNIT-5501");
    let resource = served.resource("psu", "TCPIP");
    let on = fed(&resource, &[], "VOLT 1,(@1)\nOUTP ON,(@1)\n");
    assert_eq!((on.code, on.out.as_str()), (Some(0), ""), "{on}");
    assert_eq!(on.err, "warning: output 1 is on, and stays on\n");
    assert!(served.output_is_on());
    let off = fed(&resource, &[], "OUTP OFF,(@1)\n");
    assert_eq!((off.code, off.err.as_str()), (Some(0), ""), "{off}");
}

#[test]
fn a_console_is_recorded_and_replayed() {
    let (_served, resource) = meter();
    let folder = scratch();
    let transcript = folder.path().join("console.txt").display().to_string();
    let lines = "CONF:VOLT:DC 10\nREAD?\nFOO 1\n";
    let recorded = fed(&resource, &["--record", &transcript], lines);
    assert_eq!(recorded.code, Some(3), "{recorded}");
    let again = fed(&format!("REPLAY::{transcript}"), &[], lines);
    assert_eq!(
        (again.code, &again.out, &again.err),
        (Some(3), &recorded.out, &recorded.err),
        "{again}"
    );
}

/// A console at a terminal, as a person has it.
struct Terminal {
    keys: File,
    seen: Arc<Mutex<Vec<u8>>>,
    process: Running,
    prompt: String,
}

impl Terminal {
    fn start(resource: &str, data: &Path) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        rustix::io::fcntl_setfd(&ours, rustix::io::FdFlags::CLOEXEC).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let path = PathBuf::from(ptsname(&ours, Vec::new()).unwrap().to_str().unwrap());
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let theirs = rustix::fs::open(&path, flags, Mode::empty()).unwrap();
        let mut command = benchtop();
        command.args(["console", resource, "--timeout", "120"]);
        command.env("XDG_DATA_HOME", data).env("TERM", "xterm");
        command.stdin(theirs.try_clone().unwrap());
        command.stdout(theirs.try_clone().unwrap()).stderr(theirs);
        let process = Running(command.spawn().unwrap());
        let keys = File::from(ours);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (mut screen, sink) = (keys.try_clone().unwrap(), Arc::clone(&seen));
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            // ends with an error when the other end is closed for good
            while let Ok(count @ 1..) = screen.read(&mut chunk) {
                sink.lock().unwrap().extend_from_slice(&chunk[..count]);
            }
        });
        let parts: Vec<&str> = resource.split("::").collect();
        let terminal = Self {
            keys,
            seen,
            process,
            prompt: format!("{}:{}> ", parts[1], parts[2]),
        };
        terminal.until_prompt();
        terminal
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap()).into_owned()
    }

    /// Waits until this was printed, and takes everything before its end away.
    fn until(&self, expected: &str) -> String {
        eventually(&format!("{expected:?} on the terminal"), || {
            let mut seen = self.seen.lock().unwrap();
            let at = seen
                .windows(expected.len())
                .position(|part| part == expected.as_bytes())?;
            let before: Vec<u8> = seen.drain(..at + expected.len()).collect();
            Some(String::from_utf8_lossy(&before).into_owned())
        })
    }

    /// Waits for an empty line to be typed on.
    fn until_prompt(&self) -> String {
        self.until(&self.prompt)
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    fn code(mut self) -> Option<i32> {
        let code = self.process.wait().code();
        assert!(!self.text().contains("panicked"), "{}", self.text());
        code
    }
}

#[test]
fn at_a_terminal_commands_are_completed_and_lines_come_back() {
    let (_served, resource) = meter();
    let data = scratch();
    let mut terminal = Terminal::start(&resource, data.path());
    terminal.press("FOO\r");
    terminal.until("error -113 \"Undefined header\"");
    terminal.until_prompt();
    // Ctrl-C gives a line up
    terminal.press("CONF:RES\x03");
    terminal.until("\n");
    terminal.until_prompt();
    terminal.press("MEAS:V\t");
    terminal.until("MEAS:VOLT:");
    terminal.press("DC?\r");
    let measured = terminal.until("E-");
    assert!(measured.contains("\n"), "{measured:?}");
    terminal.until_prompt();
    // Ctrl-D leaves
    terminal.press("\x04");
    assert_eq!(terminal.code(), Some(0), "a person has seen the error");
    let history = fs::read_to_string(data.path().join("benchtop/console-history")).unwrap();
    assert!(history.ends_with("FOO\nMEAS:VOLT:DC?\n"), "{history}");

    let mut terminal = Terminal::start(&resource, data.path());
    terminal.press("\x1b[A");
    terminal.until("MEAS:VOLT:DC?");
    terminal.press("\r");
    terminal.until("E-");
    terminal.until_prompt();
    terminal.press(".quit\r");
    assert_eq!(terminal.code(), Some(0));
}

#[test]
fn a_history_that_cannot_be_written_is_a_warning() {
    let (_served, resource) = meter();
    let folder = scratch();
    let file = folder.path().join("no-folder");
    write(&file, "");
    let mut terminal = Terminal::start(&resource, &file);
    terminal.press("*OPC?\r");
    terminal.until("warning: what is typed is not kept for the next time");
    terminal.until("\n1\r\n");
    terminal.until_prompt();
    terminal.press(".quit\r");
    assert_eq!(terminal.code(), Some(0));
}

#[test]
fn ctrl_c_abandons_an_answer_that_does_not_come() {
    let (served, resource) = meter();
    let data = scratch();
    let mut terminal = Terminal::start(&resource, data.path());
    terminal.press("*OPC?\r");
    terminal.until("\n1\r\n");
    terminal.until_prompt();
    served.fault(&served.resources[0].0, "no_answer");
    terminal.press("*OPC?\r");
    // the answer, and then that of the error queue; each may not be awaited yet when the signal comes
    for _ in ["*OPC?", "SYST:ERR?"] {
        eventually("the end of waiting", || {
            terminal.process.signal(nix::sys::signal::Signal::SIGINT);
            terminal.text().contains("the session was recovered").then_some(())
        });
        let said = terminal.until("the session was recovered");
        assert!(said.contains("abandoned") && !said.contains("no answer in"), "{said:?}");
    }
    terminal.until_prompt();
    served.fault(&served.resources[0].0, "clear");
    terminal.press("*OPC?\r");
    terminal.until("\n1\r\n");
    terminal.until_prompt();
    terminal.press(".quit\r");
    assert_eq!(terminal.code(), Some(0));
}
