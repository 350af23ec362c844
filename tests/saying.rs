//! Prompts, commands and the unit's own link, with real processes, pipes and a real pseudoterminal.

use crate::testkit::{
    Done, Running, Served, attachment, benchtop, done, eventually, json, only_record, records, scratch, simulated_by,
    write,
};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;
use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Command, Stdio},
    thread,
};

const FIRMWARE: &str = "procedures/firmware-board.toml";

fn simulated(store: &Path, serial: &str) -> Done {
    done(&mut simulated_by(FIRMWARE, store, serial))
}

fn measurement<'r>(record: &'r Value, name: &str) -> &'r Value {
    let steps = record["steps"].as_array().unwrap().iter();
    let mut measurements = steps.flat_map(|step| step["measurements"].as_array().unwrap());
    measurements.find(|measurement| measurement["name"] == name).unwrap()
}

#[test]
fn a_board_is_flashed_boots_and_says_how_it_is() {
    let store = scratch();
    let run = simulated(store.path(), "FW-0001");
    assert_eq!(run.code, Some(0), "{run}");
    let record = only_record(store.path());
    assert_eq!(measurement(&record, "firmware_version")["value"], "2.1.7");
    assert_eq!(measurement(&record, "core_temperature")["value"], 31.5);
    assert_eq!(measurement(&record, "verified_bytes")["value"], 48212.0);
    assert_eq!(measurement(&record, "led_is_green")["value"], true);
    assert_eq!(measurement(&record, "Flash exit code")["value"], 0.0);
    let heard = attachment(store.path(), &record, "uart.log");
    assert!(heard.contains("ready\r\n> version\r\nfirmware 2.1.7"), "{heard}");
    assert!(attachment(store.path(), &record, "Flash.stderr.txt").contains("Verified OK"));
    // nobody sat through it, and it is counted
    assert!(record["duration_s"].as_f64().unwrap() > 5.0);
}

#[test]
fn each_bad_board_fails_by_what_is_wrong_with_it() {
    for (serial, step, reason) in [
        ("FW-9901", "Flash", "Flash exit code: 1 is not"),
        ("FW-9902", "Boot", "it said nothing"),
        ("FW-9903", "Self-test", "memory: \"bad\" is not"),
        ("FW-9904", "LED", "led_is_green: false is not"),
    ] {
        let store = scratch();
        let run = simulated(store.path(), serial);
        assert_eq!(run.code, Some(1), "{run}");
        assert!(run.out.contains(reason), "{serial}: {run}");
        let record = only_record(store.path());
        let steps = record["steps"].as_array().unwrap();
        let failed = steps.iter().find(|found| found["name"] == step).unwrap();
        assert_eq!(failed["outcome"], "FAIL", "{serial}");
        let last = steps.last().unwrap();
        assert_eq!((&last["name"], &last["outcome"]), (&"Power off".into(), &"PASS".into()));
    }
}

#[test]
fn a_simulated_run_is_refused_where_its_bench_knows_no_answer_and_no_command() {
    let folder = scratch();
    let bench = fs::read_to_string("fixtures/benches/firmware-board.toml").unwrap();
    let bench = bench
        .replace("led_is_green = true", "")
        .replacen("[exec.Flash]", "[exec.Flush]", 1);
    let path = folder.path().join("bench.toml");
    write(&path, &bench.replace("answers.led_is_green = false", ""));
    let mut command = benchtop();
    command
        .args(["run", FIRMWARE, "--serial", "FW-0001", "--store"])
        .arg(folder.path().join("store"));
    command.arg(format!("--simulate={}", path.display()));
    let run = done(&mut command);
    assert_eq!(run.code, Some(2), "{run}");
    assert!(
        run.err
            .contains("step \"Flash\": the simulated bench firmware-board does not say what this command does"),
        "{run}"
    );
    assert!(
        run.err
            .contains("prompt \"led_is_green\": the simulated bench firmware-board has no answer to it"),
        "{run}"
    );
    assert!(!folder.path().join("store").exists(), "nothing was begun");
    // one that is given is as good, and one that is none is refused too
    for (answer, expected) in [
        ("led_is_green=maybe", "`maybe` is no answer: expected yes or no"),
        ("led=yes", "asks for led_is_green"),
    ] {
        let run = done(benchtop().args(["run", FIRMWARE, "--serial", "FW-0001", "--simulate", "--answer", answer]));
        assert_eq!(run.code, Some(2), "{run}");
        assert!(run.err.contains(expected), "{run}");
    }
}

#[test]
fn what_an_instrument_answers_is_kept_with_the_record() {
    let served = Served::what(&["regulator-module", "--slot", "A=MOD-0001"]);
    let procedure = served.folder.path().join("keeps.toml");
    let text = "
[procedure]
id = \"KEEPS\"
version = \"1\"
[instruments.dmm]
class = \"dmm\"
[[steps]]
name = \"Who\"
[steps.query]
instrument = \"dmm\"
message = \"*IDN?\"
attachment = \"who.txt\"
[[steps.query.measurements]]
name = \"who\"
limit = { matches = 'KEITHLEY.*' }
[[steps]]
name = \"Binary\"
query = { instrument = \"dmm\", message = \"FORM SRE;:FORM:BORD NORM\" }
[[steps]]
name = \"Trace\"
[steps.query]
instrument = \"dmm\"
message = \"READ?\"
attachment = \"trace.bin\"
[[steps.query.measurements]]
name = \"trace\"
unit = \"V\"
block = { format = \"float32\", byte_order = \"big\" }
";
    write(&procedure, text);
    let run = done(&mut served.run_procedure(&procedure, "SN-1"));
    assert_eq!(run.code, Some(0), "{run}");
    let record = only_record(&served.store());
    let who = attachment(&served.store(), &record, "who.txt");
    assert!(who.starts_with("KEITHLEY INSTRUMENTS"), "{who}");
    assert_eq!(measurement(&record, "who")["value"], who.as_str());
    let attachments = record["attachments"].as_array().unwrap();
    let trace = attachments.iter().find(|kept| kept["name"] == "trace.bin").unwrap();
    let digest = trace["sha256"].as_str().unwrap();
    let bytes = fs::read(served.store().join("attachments").join(digest)).unwrap();
    // what is in the block, without its header: the same numbers that were measured
    let numbers: Vec<f32> = bytes
        .chunks_exact(4)
        .map(|four| f32::from_be_bytes(four.try_into().unwrap()))
        .collect();
    assert_eq!(numbers.len() * 4, bytes.len());
    let measured: Vec<f64> = serde_json::from_value(measurement(&record, "trace")["value"].clone()).unwrap();
    assert!(!numbers.is_empty());
    for (number, measured) in numbers.iter().zip(&measured) {
        assert!((f64::from(*number) - measured).abs() < 1e-9, "{numbers:?} {measured:?}");
    }
    assert_eq!(numbers.len(), measured.len());
}

/// A procedure of these steps on a bench without instruments, beside its consoles, if it has any.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new(steps: &str, consoles: &str) -> Self {
        let folder = scratch();
        let head = "[procedure]\nid = \"SAYING\"\nversion = \"1\"\n";
        write(&folder.path().join("procedure.toml"), &format!("{head}{steps}"));
        write(
            &folder.path().join("station.toml"),
            &format!("[station]\nid = \"S\"\n{consoles}"),
        );
        Self { folder }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn store(&self) -> std::path::PathBuf {
        self.path("store")
    }

    fn command(&self) -> Command {
        let mut command = benchtop();
        command
            .arg("run")
            .arg(self.path("procedure.toml"))
            .args(["--serial", "SN-1"]);
        command
            .arg("--station")
            .arg(self.path("station.toml"))
            .arg("--store")
            .arg(self.store());
        command
    }
}

const LED: &str = "
[[steps]]
name = \"LED\"
prompt = { name = \"led\", message = \"Is it green?\", kind = \"yes_no\", passes = \"yes\" }
[[steps]]
name = \"Torque\"
prompt = { name = \"volts\", message = \"What does it show?\", kind = \"number\", unit = \"V\", limit = { low = 1, high = 2 } }
";

#[test]
fn a_prompt_with_nobody_to_ask_is_an_error_at_once_and_an_answer_may_be_given() {
    let bench = Bench::new(LED, "");
    let run = done(&mut bench.command());
    assert_eq!(run.code, Some(3), "{run}");
    assert!(run.out.contains("LED: led: there is no terminal to ask at"), "{run}");

    let bench = Bench::new(LED, "");
    let run = done(
        bench
            .command()
            .args(["--answer", "led=yes", "--answer", "volts=1500 mV"]),
    );
    assert_eq!(run.code, Some(0), "{run}");
    let record = only_record(&bench.store());
    assert_eq!(measurement(&record, "volts")["value"], 1.5);
    assert_eq!(measurement(&record, "led")["value"], true);
}

#[test]
fn a_program_answers_prompts_by_json_lines() {
    let bench = Bench::new(LED, "");
    let mut command = bench.command();
    let mut run = Running::start(command.args(["--format", "json"]).stdin(Stdio::piped()));
    let mut input = run.0.stdin.take().unwrap();
    let mut lines = BufReader::new(run.0.stdout.take().unwrap())
        .lines()
        .map(|line| -> Value { serde_json::from_str(&line.unwrap()).unwrap() });
    let mut next = |event: &str| lines.find(|line| line["event"] == event).unwrap();
    let asked = next("prompt_shown");
    assert_eq!((&asked["name"], &asked["kind"]), (&"led".into(), &"yes_no".into()));
    assert_eq!(asked["message"], "Is it green?");
    writeln!(input, "{{\"name\": \"led\", \"answer\": \"perhaps\"}}").unwrap();
    assert!(
        next("answer_refused")["reason"]
            .as_str()
            .unwrap()
            .contains("expected yes or no")
    );
    // the second answer may come before it is asked for
    writeln!(
        input,
        "{{\"name\": \"volts\", \"answer\": 1.25}}\n{{\"name\": \"led\", \"answer\": true}}"
    )
    .unwrap();
    assert_eq!(next("saved")["outcome"], "PASS");
    assert_eq!(run.wait().code(), Some(0));

    let bench = Bench::new(LED, "");
    let mut command = bench.command();
    let run = done(command.args(["--format", "json"]));
    assert_eq!(run.code, Some(3), "standard input is at its end: {run}");
}

#[test]
fn an_interrupt_ends_a_run_that_waits_for_an_answer() {
    let bench = Bench::new(LED, "");
    let mut command = bench.command();
    let mut run = Running::start(command.args(["--format", "json"]).stdin(Stdio::piped()));
    let _open = run.0.stdin.take().unwrap();
    let mut lines = BufReader::new(run.0.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("prompt_shown")));
    run.signal(nix::sys::signal::Signal::SIGINT);
    assert_eq!(run.wait().code(), Some(5));
    assert_eq!(only_record(&bench.store())["outcome"], "ABORTED");
}

/// The processes whose command line holds this text.
fn processes(text: &str) -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let lines = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    let texts = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    texts.filter(|line| line.contains(text)).collect()
}

#[test]
fn a_command_that_hangs_is_killed_with_what_it_has_started() {
    let steps = |seconds: &str| {
        format!(
            "[[steps]]\nname = \"Hang\"\ntimeout = \"TIMEOUT\"\n\
             exec = {{ argv = [\"sh\", \"-c\", \"setsid sleep {seconds} & (setsid sleep {seconds} &); sleep {seconds} & sleep {seconds}; true\"] }}\n"
        )
    };
    let bench = Bench::new(&steps("86311").replace("TIMEOUT", "1 s"), "");
    let run = done(&mut bench.command());
    assert_eq!(run.code, Some(4), "{run}");
    eventually("the end of all", || processes("sleep 86311").is_empty().then_some(()));

    // and when the operator gives up
    let bench = Bench::new(&steps("86312").replace("TIMEOUT", "60 s"), "");
    let mut run = Running::start(&mut bench.command());
    // the shell, and four of which two have left its group, one of them without a parent
    eventually("all of them", || (processes("sleep 86312").len() >= 5).then_some(()));
    run.signal(nix::sys::signal::Signal::SIGINT);
    assert_eq!(run.wait().code(), Some(5));
    eventually("the end of all", || processes("sleep 86312").is_empty().then_some(()));
}

#[test]
fn a_command_that_is_not_there_is_refused_before_power_and_warned_of_by_check() {
    let steps = "
[[setup]]
name = \"Look\"
exec = { argv = [\"no-such-program-of-this-name\"] }
[[steps]]
name = \"Build\"
exec = { argv = [\"sh\", \"-c\", \"printf '#!/bin/sh\\n' > built; chmod +x built\"] }
[[steps]]
name = \"Use\"
exec = { argv = [\"./built\"] }
[[teardown]]
name = \"Away\"
when = 'outcome(\"Build\") == \"fail\"'
exec = { argv = [\"/no/such/program\"] }
";
    let bench = Bench::new(steps, "");
    let refused = done(&mut bench.command());
    assert_eq!(refused.code, Some(2), "{refused}");
    let expected = "step \"Look\": there is no program `no-such-program-of-this-name` on this computer";
    assert!(refused.err.contains(expected), "{refused}");
    assert!(refused.err.contains("procedure.toml:7:"), "{refused}");
    assert!(
        !refused.err.contains("./built") && !refused.err.contains("/no/such"),
        "{refused}"
    );
    assert!(records(&bench.store(), "pending").is_empty());
    let checked = |words: &[&str]| {
        let mut command = benchtop();
        done(command.arg("check").arg(bench.path("procedure.toml")).args(words))
    };
    let station = bench.path("station.toml");
    for words in [&[] as &[&str], &["--station", station.to_str().unwrap()]] {
        let warned = checked(words);
        assert_eq!(warned.code, Some(0), "{warned}");
        for program in ["no-such-program-of-this-name", "./built", "/no/such/program"] {
            let expected = format!("there is no program `{program}` on this computer");
            assert!(warned.err.contains(&expected), "{program}: {warned}");
        }
    }
    // what is written before it is started, and what is not started, does not stop a run
    let bench = Bench::new(&steps.replace("no-such-program-of-this-name", "true"), "");
    let run = done(&mut bench.command());
    assert_eq!(run.code, Some(0), "{run}");
    let left_out = Bench::new(&steps.replace("[[setup]]", "[[steps]]"), "");
    let run = done(left_out.command().args(["--skip", "Look"]));
    assert_eq!(run.code, Some(5), "{run}");
}

#[test]
fn a_command_sees_the_run_and_not_the_key_and_what_it_writes_is_kept() {
    let steps = "
[[steps]]
name = \"Look\"
[steps.exec]
argv = [\"env\"]
[[steps.exec.measurements]]
name = \"serial\"
pattern = 'BENCHTOP_SERIAL_NUMBER=(.*)'
limit = { equals = \"SN-1\" }

[[steps]]
name = \"Write\"
exec = { argv = [\"dd\", \"if=/dev/zero\", \"of=written.bin\", \"bs=1000\", \"count=300\"], attachments = [{ path = \"written.bin\" }] }

[[steps]]
name = \"Too much\"
exec = { argv = [\"dd\", \"if=/dev/zero\", \"of=large.bin\", \"bs=1000\", \"count=2\"], attachments = [{ path = \"large.bin\", most_bytes = 1999 }] }
";
    let bench = Bench::new(steps, "");
    // one of an earlier run
    write(&bench.path("written.bin"), "old");
    let run = done(bench.command().env("TOFUPILOT_API_KEY", "a-secret-key"));
    assert_eq!(run.code, Some(3), "{run}");
    let record = only_record(&bench.store());
    assert_eq!(measurement(&record, "serial")["outcome"], "PASS");
    let seen = attachment(&bench.store(), &record, "Look.stdout.txt");
    assert!(
        seen.contains("BENCHTOP_STEP=Look") && !seen.contains("a-secret-key"),
        "{seen}"
    );
    assert_eq!(attachment(&bench.store(), &record, "written.bin").len(), 300_000);
    assert!(
        record["reason"]
            .as_str()
            .unwrap()
            .contains("large.bin: it is larger than 1999 bytes"),
        "{record}"
    );
}

#[test]
fn a_command_that_says_more_than_a_pipe_holds_is_not_held_up() {
    // all of it is kept
    let (run, record, kept) = counted(100_000);
    assert_eq!(run.code, Some(0), "{run}");
    assert_eq!(measurement(&record, "last")["outcome"], "PASS");
    assert!(kept.ends_with("\n99999\n100000\n"));
    // of more than 1 MiB the middle is left out: the last number is not judged, for nobody knows whether it is the first that matches
    let (run, record, kept) = counted(400_000);
    assert_eq!(run.code, Some(3), "{run}");
    assert!(kept.starts_with("1\n2\n3\n") && kept.contains("bytes left out]") && kept.len() < 1_100_000);
    let last = measurement(&record, "last");
    assert_eq!(last["outcome"], "UNSET");
    assert!(last["reason"].as_str().unwrap().contains("left out"), "{last}");
}

#[test]
fn what_may_go_on_in_what_was_left_out_is_not_judged() {
    // the last voltage counts, and it is a bad one
    for (lines, code, outcome) in [(4_000, 1, "FAIL"), (400_000, 3, "UNSET")] {
        let argv = format!("[\"sh\", \"-c\", \"echo V=3.3; seq {lines}; echo V=9.9\"]");
        let (run, record, _) = said(&argv, r"(?s).*V=([\d.]+)", "low = 3, high = 3.4");
        assert_eq!(run.code, Some(code), "{run}");
        assert_eq!(measurement(&record, "last")["outcome"], outcome, "{run}");
    }
}

/// Runs `seq` to this number and judges the last one that it says; with the record and what was kept of its words.
fn counted(last: u32) -> (Done, Value, String) {
    said(
        &format!("[\"seq\", \"{last}\"]"),
        r"\n(\d+)\n$",
        &format!("equals = {last}"),
    )
}

/// Runs a command and judges the number that is found in what it says; with the record and what was kept of its words.
fn said(argv: &str, pattern: &str, limit: &str) -> (Done, Value, String) {
    let steps = format!(
        "
[[steps]]
name = \"Talk\"
timeout = \"60 s\"
[steps.exec]
argv = {argv}
[[steps.exec.measurements]]
name = \"last\"
pattern = '{pattern}'
kind = \"number\"
limit = {{ {limit} }}
"
    );
    let bench = Bench::new(&steps, "");
    let run = done(&mut bench.command());
    let record = only_record(&bench.store());
    let kept = attachment(&bench.store(), &record, "Talk.stdout.txt");
    (run, record, kept)
}

const TALK: &str = "
[instruments.uart]
class = \"console\"
belongs_to = \"uut\"

[[steps]]
name = \"Ask\"
send = { instrument = \"uart\", text = \"version\\r\\n\" }

[[steps]]
name = \"Version\"
[steps.expect]
instrument = \"uart\"
pattern = 'fw (\\S+)\\r?\\n'
within = \"20 s\"
[[steps.expect.measurements]]
name = \"firmware\"
limit = { equals = \"1.4.2\" }
";

/// Plays the unit on its end of a line: boots, and answers.
fn play(mut from: impl Read, mut to: impl Write) {
    to.write_all(b"\x1b[0mboot\r\n> ").unwrap();
    let (mut heard, mut chunk) = (Vec::new(), [0; 256]);
    while let Ok(length @ 1..) = from.read(&mut chunk) {
        heard.extend_from_slice(&chunk[..length]);
        if heard.ends_with(b"version\r\n") {
            to.write_all(b"fw 1.4.2\r\n> ").unwrap();
            heard.clear();
        }
    }
}

#[test]
fn the_units_own_link_is_a_real_serial_line() {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let port = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
    // held open, so that the line does not hang up before benchtop opens it
    let theirs = File::options().read(true).write(true).open(&port).unwrap();
    let ours = File::from(ours);
    thread::spawn(move || play(ours.try_clone().unwrap(), ours));
    let consoles = format!("[consoles.uart]\nresource = \"{port}\"\nserial = {{ baud = 115200 }}\n");
    let bench = Bench::new(TALK, &consoles);
    let run = done(&mut bench.command());
    assert_eq!(run.code, Some(0), "{run}");
    drop(theirs);
    let record = only_record(&bench.store());
    assert_eq!(measurement(&record, "firmware")["value"], "1.4.2");
    assert!(attachment(&bench.store(), &record, "uart.log").contains("fw 1.4.2\r\n> "));
    let instrument = &record["instruments"][0];
    assert_eq!(
        (&instrument["name"], &instrument["class"]),
        (&"uart".into(), &"console".into())
    );
    assert_eq!(instrument["resource"], format!("ASRL{port}::INSTR"));
}

#[test]
fn the_units_own_link_is_a_command_or_nothing_that_answers() {
    // it sends back what it gets, which is no version
    let bench = Bench::new(&TALK.replace("20 s", "1 s"), "[consoles.uart]\nargv = [\"cat\"]\n");
    let run = done(&mut bench.command());
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.out.contains(r#"it said "version\r\n""#), "{run}");
    let record = only_record(&bench.store());
    assert_eq!(attachment(&bench.store(), &record, "uart.log"), "version\r\n");

    let bench = Bench::new(TALK, "[consoles.uart]\nargv = [\"printf\", \"fw 1.4.2\\r\\n\"]\n");
    let run = done(&mut bench.command());
    // it has said its word and is gone: telling it something may fail, what it said holds
    let record = only_record(&bench.store());
    assert_eq!(measurement(&record, "firmware")["value"], "1.4.2", "{run}");

    let bench = Bench::new(TALK, "");
    let run = done(&mut bench.command());
    assert_eq!(run.code, Some(2), "{run}");
    assert!(run.err.contains("the station has no instrument `uart`"), "{run}");
}

#[test]
fn check_finds_a_picture_that_is_not_there() {
    let steps = LED.replace("kind = \"yes_no\"", "image = \"led.png\", kind = \"yes_no\"");
    let bench = Bench::new(&steps, "");
    let check = || done(benchtop().arg("check").arg(bench.path("procedure.toml")));
    let missing = check();
    assert_eq!(missing.code, Some(2), "{missing}");
    assert!(
        missing.err.contains("there is no picture") && missing.err.contains("led.png"),
        "{missing}"
    );
    write(&bench.path("led.png"), "a picture");
    let there = check();
    assert_eq!(there.code, Some(0), "{there}");
    assert!(
        records(&bench.store(), "pending")
            .iter()
            .map(|path| json(path))
            .next()
            .is_none()
    );
}
