//! However a run ends, the outputs go off: real processes, real signals, a simulated supply in a third process that says
//! afterwards whether its output is on.

use crate::testkit::{BOARD, Done, Running, Served, benchtop, done, eventually, json, only_record, records, write};
use nix::sys::signal::Signal;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The board's procedure with a minute of settling under power.
fn long_procedure(served: &Served) -> PathBuf {
    let text = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/procedures/board-functional-v3.toml"
    ))
    .unwrap();
    let long = text.replace("\"250 ms\"", "\"60 s\"");
    assert_ne!(long, text);
    let path = served.folder.path().join("long.toml");
    write(&path, &long);
    path
}

pub(crate) fn under_power(served: &Served) -> Running {
    let procedure = long_procedure(served);
    let running = Running::start(&mut served.run_procedure(&procedure, "UNIT-5501"));
    begun(&served.store(), "Settle");
    assert!(served.output_is_on());
    running
}

/// The same, and killed there: nothing switches its output off before the next start.
fn killed(served: &Served) {
    let mut running = under_power(served);
    running.signal(Signal::SIGKILL);
    running.wait();
}

/// A run whose store is not the station's own.
fn run_in(store: &Path, station: &Path, procedure: &Path, serial: &str) -> Command {
    let mut command = benchtop();
    command.arg("run").arg(procedure).args(["--serial", serial]);
    command.arg("--station").arg(station).arg("--store").arg(store);
    command
}

/// Waits until a step has begun: its name is in a journal's plan, and then once more.
pub(crate) fn begun(store: &Path, step: &str) {
    let name = format!("\"{step}\"");
    let begun = || {
        let mut entries = fs::read_dir(store.join("journal")).ok()?.filter_map(Result::ok);
        let is_in =
            |entry: fs::DirEntry| fs::read_to_string(entry.path()).is_ok_and(|text| text.matches(&name).count() > 1);
        entries.any(is_in).then_some(())
    };
    eventually(step, begun);
}

fn interrupted(signals: &[Signal], teardown: &str) {
    let served = Served::bench("UNIT-5501");
    let running = under_power(&served);
    for signal in signals {
        running.signal(*signal);
    }
    let run = running.finish();
    assert_eq!(run.code, Some(5), "{signals:?}: {run}");
    assert!(!served.output_is_on(), "{signals:?}");
    let record = only_record(&served.store());
    assert_eq!(record["outcome"], "ABORTED");
    let step = |name: &str| {
        let steps = record["steps"].as_array().unwrap();
        steps.iter().find(|step| step["name"] == name).unwrap()["outcome"].clone()
    };
    assert_eq!(step("Power off"), teardown, "{signals:?}");
    assert!(
        record["steps"]
            .as_array()
            .unwrap()
            .iter()
            .any(|step| step["outcome"] == "ABORTED"),
        "{record}"
    );
}

#[test]
fn after_ctrl_c() {
    interrupted(&[Signal::SIGINT], "PASS");
}

#[test]
fn after_ctrl_c_twice() {
    let served = Served::bench("UNIT-5501");
    let procedure = long_procedure(&served);
    let text = fs::read_to_string(&procedure).unwrap();
    let slow = text.replacen(
        "[[teardown]]",
        "[[teardown]]\nname = \"Cool down\"\nwait = \"60 s\"\n\n[[teardown]]",
        1,
    );
    write(&procedure, &slow);
    let running = Running::start(&mut served.run_procedure(&procedure, "UNIT-5501"));
    begun(&served.store(), "Settle");
    running.signal(Signal::SIGINT);
    // the first one lets the teardown run; the second does not wait for it
    begun(&served.store(), "Cool down");
    assert!(served.output_is_on());
    running.signal(Signal::SIGINT);
    let run = running.finish();
    assert_eq!(run.code, Some(5), "{run}");
    assert!(!served.output_is_on());
    let record = only_record(&served.store());
    let outcome = |name: &str| {
        let steps = record["steps"].as_array().unwrap();
        steps.iter().find(|step| step["name"] == name).unwrap()["outcome"].clone()
    };
    assert_eq!(
        (outcome("Cool down"), outcome("Power off")),
        ("ABORTED".into(), "SKIP".into())
    );
}

#[test]
fn after_sigterm() {
    interrupted(&[Signal::SIGTERM], "PASS");
}

#[test]
fn after_sighup() {
    interrupted(&[Signal::SIGHUP], "PASS");
}

#[test]
fn after_kill_9_and_the_next_run() {
    let served = Served::bench("UNIT-5501");
    killed(&served);
    assert!(
        served.output_is_on(),
        "nothing can switch it off between a kill and the next start"
    );
    let next = done(&mut served.run("UNIT-5502"));
    assert_eq!(next.code, Some(0), "{next}");
    assert!(
        next.err.contains("was interrupted") && next.err.contains("psu output 1 proved off"),
        "{next}"
    );
    assert!(!served.output_is_on());
    let found = records(&served.store(), "pending");
    let outcomes: Vec<(String, String)> = found
        .iter()
        .map(|path| json(path))
        .map(|record| {
            (
                record["unit_under_test"]["serial_number"].to_string(),
                record["outcome"].to_string(),
            )
        })
        .collect();
    let pair = |serial: &str, outcome: &str| (format!("\"{serial}\""), format!("\"{outcome}\""));
    assert_eq!(outcomes, [pair("UNIT-5501", "ABORTED"), pair("UNIT-5502", "PASS")]);
}

#[test]
fn after_kill_9_and_benchtop_safe() {
    let served = Served::bench("UNIT-5501");
    killed(&served);
    let safe = done(
        benchtop()
            .arg("safe")
            .arg("--station")
            .arg(&served.station)
            .arg("--store")
            .arg(served.store()),
    );
    assert_eq!(safe.code, Some(0), "{safe}");
    assert!(safe.out.contains("psu channel 1"), "{safe}");
    assert!(!served.output_is_on());
    assert_eq!(only_record(&served.store())["outcome"], "ABORTED");
}

/// A sync that reaches nobody: it saves what was interrupted, and opens no instrument.
fn synced(served: &Served) -> Done {
    let mut sync = benchtop();
    sync.args(["sync", "--url", "http://127.0.0.1:9", "--store"])
        .arg(served.store())
        .env("TOFUPILOT_API_KEY", "k");
    done(&mut sync)
}

#[test]
fn a_sync_after_kill_9_saves_the_run_says_so_and_leaves_the_switching_to_the_next_run() {
    let served = Served::bench("UNIT-5501");
    killed(&served);
    let status = done(benchtop().args(["sync", "status", "--store"]).arg(served.store()));
    assert!(
        status.out.contains("1 run is in progress, or was interrupted"),
        "{status}"
    );
    let sync = synced(&served);
    assert!(sync.err.contains("outputs may still be on"), "{sync}");
    assert!(served.output_is_on(), "sync opens no instrument");
    let next = done(&mut served.run("UNIT-5502"));
    assert_eq!(next.code, Some(0), "{next}");
    assert!(next.err.contains("psu output 1 proved off"), "{next}");
}

/// A run at that bench, killed under power, whose store is not the bench's own.
fn killed_at(first: &Served, store: &Path) {
    let mut running = Running::start(&mut run_in(store, &first.station, &long_procedure(first), "UNIT-5501"));
    begun(store, "Settle");
    assert!(first.output_is_on());
    running.signal(Signal::SIGKILL);
    running.wait();
}

#[test]
fn an_output_that_cannot_be_reached_after_kill_9_refuses_the_next_run_by_name() {
    let store = crate::testkit::scratch();
    let first = Served::bench("UNIT-5501");
    killed_at(&first, store.path());
    drop(first);
    let second = Served::bench("UNIT-5502");
    let run = |extra: &[&str]| done(run_in(store.path(), &second.station, Path::new(BOARD), "UNIT-5502").args(extra));
    for _twice in 0..2 {
        let refused = run(&[]);
        assert_eq!(refused.code, Some(2), "{refused}");
        assert!(refused.err.contains("OUTPUT MAY BE ON: psu channel 1"), "{refused}");
        assert!(refused.err.contains("--accept-unsafe psu"), "{refused}");
    }
    for _twice in 0..2 {
        let accepted = run(&["--accept-unsafe", "psu"]);
        assert_eq!(accepted.code, Some(0), "{accepted}");
        let passed = records(store.path(), "pending").pop().unwrap();
        let said = &json(&passed)["accepted_unsafe"];
        assert_eq!(
            (&said[0]["instrument"], &said[0]["channel"]),
            (&"psu".into(), &1.into())
        );
        // that was for one run: the output may be on as before
        let next = run(&[]);
        assert_eq!(next.code, Some(2), "{next}");
        assert!(next.err.contains("OUTPUT MAY BE ON: psu channel 1"), "{next}");
    }
    let safe = |extra: &[&str]| done(benchtop().args(["safe", "--store"]).arg(store.path()).args(extra));
    for extra in [&[][..], &["--accept-unsafe", "dmm"]] {
        let left = safe(extra);
        assert_eq!(left.code, Some(3), "{left}");
        assert!(left.err.contains("--accept-unsafe psu"), "{left}");
    }
    // gone for good
    let forgotten = safe(&["--accept-unsafe", "psu"]);
    assert_eq!(forgotten.code, Some(0), "{forgotten}");
    assert!(forgotten.err.contains("OUTPUT MAY BE ON: psu channel 1"), "{forgotten}");
    assert!(
        forgotten.out.contains("accepted") && !forgotten.out.contains("safe"),
        "{forgotten}"
    );
    let next = run(&[]);
    assert_eq!(next.code, Some(0), "{next}");
    let last = records(store.path(), "pending").pop().unwrap();
    assert!(json(&last)["accepted_unsafe"].is_null());
}

#[test]
fn what_one_run_left_on_two_instruments_is_forgotten_by_the_words_that_are_printed() {
    let store = crate::testkit::scratch();
    let first = Served::bench("UNIT-5501");
    killed_at(&first, store.path());
    let saved = done(benchtop().args(["runs", "list", "--store"]).arg(store.path()));
    assert_eq!(saved.code, Some(0), "{saved}");
    let marker = || records(store.path(), "unsafe").pop();
    let path = marker().unwrap();
    let mut marked = json(&path);
    let mut load = marked["instruments"][0].clone();
    load["name"] = "load".into();
    marked["instruments"].as_array_mut().unwrap().push(load);
    write(&path, &marked.to_string());
    drop(first);
    let safe = |extra: &[&str]| done(benchtop().args(["safe", "--store"]).arg(store.path()).args(extra));
    let both = ["--accept-unsafe", "load", "--accept-unsafe", "psu"];
    for extra in [&[][..], &both[..2], &both[2..]] {
        let left = safe(extra);
        assert_eq!(left.code, Some(3), "{left}");
        assert!(
            left.err
                .contains("`benchtop safe` with --accept-unsafe load --accept-unsafe psu"),
            "{left}"
        );
    }
    let forgotten = safe(&both);
    assert_eq!(forgotten.code, Some(0), "{forgotten}");
    assert!(marker().is_none(), "{forgotten}");
}

#[test]
fn an_output_whose_supply_refuses_control_stays_known_after_a_run_accepted_it() {
    let served = Served::bench("UNIT-5501");
    killed(&served);
    // another supply answers at the address, which must not be switched in its place
    let other = Mute::start("Keysight Technologies,E36313A,MY2,1.0");
    let text = fs::read_to_string(&served.station).unwrap();
    let (_, real) = served.address("psu");
    let marker = || records(&served.store(), "unsafe");
    let elsewhere = Served::bench("UNIT-5502");
    synced(&served);
    let [path] = &marker()[..] else {
        panic!("{:?}", marker())
    };
    let marked = fs::read_to_string(path).unwrap();
    let moved = marked.replace(&format!("::{real}::"), &format!("::{}::", other.port));
    assert!(moved != marked && text.contains(&format!("::{real}::")));
    write(path, &moved);
    let run =
        |extra: &[&str]| done(run_in(&served.store(), &elsewhere.station, Path::new(BOARD), "UNIT-5502").args(extra));
    let refused = run(&[]);
    assert_eq!(refused.code, Some(2), "{refused}");
    let accepted = run(&["--accept-unsafe", "psu"]);
    assert_eq!(accepted.code, Some(0), "{accepted}");
    assert_eq!(marker().len(), 1, "{accepted}");
    assert!(served.output_is_on());
    // back in its place, it is switched off and asked about no longer
    write(path, &marked);
    let last = run(&["--accept-unsafe", "psu"]);
    assert_eq!(last.code, Some(0), "{last}");
    assert!(last.err.contains("psu output 1 proved off"), "{last}");
    assert!(!served.output_is_on() && marker().is_empty());
}

/// A supply that carries out what it is told and stops answering after its first output is on.
struct Mute {
    port: u16,
    told: std::sync::Arc<std::sync::Mutex<Vec<String>>>,
}

impl Mute {
    fn start(identity: &'static str) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::<String>::new()));
        let heard = std::sync::Arc::clone(&told);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(stream), heard) = (stream, std::sync::Arc::clone(&heard)) else {
                    return;
                };
                std::thread::spawn(move || obey(&stream, identity, &heard));
            }
        });
        Self { port, told }
    }

    fn told(&self, message: &str) -> bool {
        self.told.lock().unwrap().iter().any(|told| told == message)
    }
}

fn obey(mut stream: &std::net::TcpStream, identity: &str, told: &std::sync::Mutex<Vec<String>>) {
    use std::io::{BufRead, Write};
    for line in std::io::BufReader::new(stream).lines() {
        let Ok(line) = line else { return };
        told.lock().unwrap().push(line.clone());
        let has_been_on = told.lock().unwrap().iter().any(|told| told.starts_with("OUTP ON"));
        let answer = match line.as_str() {
            "*IDN?" => identity,
            "SYST:ERR?" => "+0,\"No error\"",
            "*OPC?" => "1",
            "VOLT? (@1)" => "5",
            "CURR? (@1)" => "0.5",
            _ => "0",
        };
        if line.contains('?') && !has_been_on && stream.write_all(format!("{answer}\n").as_bytes()).is_err() {
            return;
        }
    }
}

fn with_supply_at(served: &Served, port: u16) -> PathBuf {
    let text = fs::read_to_string(&served.station).unwrap();
    let (_, real) = served.address("psu");
    let path = served.folder.path().join("other.toml");
    let timed = text.replace(
        &format!("::{real}::SOCKET\""),
        &format!("::{port}::SOCKET\"\ntimeout = \"500 ms\""),
    );
    assert_ne!(timed, text);
    write(&path, &timed);
    path
}

fn run_at(served: &Served, station: &Path) -> Done {
    done(&mut run_in(&served.store(), station, Path::new(BOARD), "UNIT-5501"))
}

#[test]
fn a_supply_that_obeys_but_no_longer_answers_is_told_to_switch_every_output_off() {
    let served = Served::bench("UNIT-5501");
    let mute = Mute::start("Keysight Technologies,E36312A,MY1,1.0");
    let station = with_supply_at(&served, mute.port);
    let run = run_at(&served, &station);
    assert_eq!(run.code, Some(3), "{run}");
    assert!(run.out.contains("OUTPUT MAY BE ON: psu channel 1"), "{run}");
    for channel in 1..=3 {
        assert!(
            mute.told(&format!("OUTP OFF,(@{channel})")),
            "{:?}",
            mute.told.lock().unwrap()
        );
    }
    // what a run could not prove, `safe` and the next run know of
    let safe = done(benchtop().args(["safe", "--store"]).arg(served.store()));
    assert_eq!(safe.code, Some(3), "{safe}");
    let next = done(&mut served.run("UNIT-5502"));
    assert_eq!(next.code, Some(2), "{next}");
}

#[test]
fn another_supply_at_the_address_is_never_switched_off_instead() {
    let served = Served::bench("UNIT-5501");
    let other = Mute::start("Keysight Technologies,E36313A,MY2,1.0");
    let station = with_supply_at(&served, other.port);
    let run = run_at(&served, &station);
    assert_eq!(run.code, Some(3), "{run}");
    assert!(run.out.contains("expected Keysight E36312A"), "{run}");
    let safe = done(
        benchtop()
            .arg("safe")
            .arg("--station")
            .arg(&station)
            .arg("--store")
            .arg(served.store()),
    );
    assert_eq!(safe.code, Some(3), "{safe}");
    let told = other.told.lock().unwrap().clone();
    assert!(told.iter().all(|message| message == "*IDN?"), "{told:?}");
}

#[test]
fn safe_says_so_when_it_switched_nothing_off() {
    let store = crate::testkit::scratch();
    let safe = done(benchtop().args(["safe", "--store"]).arg(store.path()));
    assert_eq!(safe.code, Some(2), "{safe}");
    assert!(safe.err.contains("nothing was switched off"), "{safe}");
}

#[test]
fn two_runs_never_drive_one_bench() {
    let served = Served::bench("UNIT-5501");
    let running = under_power(&served);
    let second = done(&mut served.run("UNIT-5502"));
    assert_eq!(second.code, Some(2), "{second}");
    assert!(second.err.contains("another benchtop is using"), "{second}");
    assert!(served.output_is_on(), "the first one goes on undisturbed");
    running.signal(Signal::SIGINT);
    assert_eq!(running.finish().code, Some(5));
}

#[test]
fn two_runs_never_drive_one_supply_however_it_is_spelt() {
    let served = Served::bench("UNIT-5501");
    let running = under_power(&served);
    let station = fs::read_to_string(&served.station).unwrap();
    let temporary = served.folder.path().join("temporary");
    fs::create_dir(&temporary).unwrap();
    for spelling in [
        "TCPIP0::localhost::",
        "TCPIP0::127.0.1::",
        "TCPIP1::127.0.0.1::",
        "tcpip::LocalHost.::",
        "TCPIP0::127.0.0.1::",
    ] {
        let path = served.folder.path().join("spelt.toml");
        write(&path, &station.replace("TCPIP0::127.0.0.1::", spelling));
        let store = served.folder.path().join("elsewhere");
        let mut second = run_in(&store, &path, Path::new(BOARD), "UNIT-5502");
        let second = done(second.env("TMPDIR", &temporary));
        assert_eq!(second.code, Some(2), "{spelling}: {second}");
        assert!(second.err.contains("another benchtop is using"), "{spelling}: {second}");
    }
    assert!(served.output_is_on(), "the first one goes on undisturbed");
    running.signal(Signal::SIGINT);
    assert_eq!(running.finish().code, Some(5));
}

#[test]
fn a_station_that_has_one_instrument_under_two_names_is_told_so() {
    let served = Served::bench("UNIT-5501");
    let ((_, meter), (_, supply)) = (served.address("dmm"), served.address("psu"));
    let station = fs::read_to_string(&served.station).unwrap();
    let twice = station.replace(
        &format!("TCPIP0::127.0.0.1::{supply}::"),
        &format!("TCPIP0::localhost::{meter}::"),
    );
    assert!(twice != station);
    let path = served.folder.path().join("twice.toml");
    write(&path, &twice);
    let refused = done(&mut run_in(&served.store(), &path, Path::new(BOARD), "UNIT-5501"));
    assert_eq!(refused.code, Some(2), "{refused}");
    assert!(refused.err.contains("under another name too"), "{refused}");
}

#[test]
fn a_console_that_stands_still_keeps_no_run_from_being_saved() {
    let served = Served::bench("UNIT-5501");
    let mut command = served.run("UNIT-5501");
    // nobody reads the pipe, and it is full before the run begins
    let (reader, mut writer) = std::io::pipe().unwrap();
    nix::fcntl::fcntl(&writer, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK)).unwrap();
    while std::io::Write::write(&mut writer, &[b' '; 4096]).is_ok() {}
    nix::fcntl::fcntl(&writer, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::empty())).unwrap();
    let mut running = Running(
        command
            .stdout(writer)
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap(),
    );
    drop(command);
    let status = running.wait();
    assert_eq!(status.code(), Some(0));
    assert_eq!(only_record(&served.store())["outcome"], "PASS");
    assert!(!served.output_is_on());
    drop(reader);
}

/// True once a process waits for a lock that another one holds.
fn waits_for_a_lock(process: u32) -> bool {
    let locks = fs::read_to_string("/proc/locks").unwrap();
    let mut waiting = locks.lines().filter(|line| line.contains("->"));
    waiting.any(|line| line.split_whitespace().any(|word| word == process.to_string()))
}

#[test]
fn an_output_that_another_program_marks_while_a_run_waits_for_the_store_is_switched_off_first() {
    let served = Served::bench("UNIT-5501");
    killed(&served);
    synced(&served);
    // the moment in which that sync holds the store and has left no marker yet
    let markers: Vec<PathBuf> = records(&served.store(), "unsafe");
    let [marker] = &markers[..] else { panic!("{markers:?}") };
    let marked = fs::read_to_string(marker).unwrap();
    fs::remove_file(marker).unwrap();
    let lock = fs::File::options()
        .append(true)
        .open(served.store().join("lock.store"))
        .unwrap();
    lock.lock().unwrap();
    let next = Running::start(&mut served.run("UNIT-5502"));
    eventually("a run that waits for the store", || {
        waits_for_a_lock(next.id()).then_some(())
    });
    assert!(served.output_is_on());
    write(marker, &marked);
    drop(lock);
    let next = next.finish();
    assert_eq!(next.code, Some(0), "{next}");
    assert!(next.err.contains("psu output 1 proved off"), "{next}");
    assert!(!marker.exists());
}

#[test]
fn what_another_program_drives_is_not_switched_off_under_it() {
    let store = crate::testkit::scratch();
    let first = Served::bench("UNIT-5501");
    killed_at(&first, store.path());
    // somebody is at that bench again, with a store of their own
    let theirs = under_power(&first);
    let second = Served::bench("UNIT-5502");
    let mut elsewhere = run_in(store.path(), &second.station, Path::new(BOARD), "UNIT-5502");
    let refused = done(&mut elsewhere);
    assert_eq!(refused.code, Some(2), "{refused}");
    assert!(refused.err.contains("another benchtop is using psu"), "{refused}");
    assert!(refused.err.contains("let it finish and start again; else"), "{refused}");
    assert!(first.output_is_on(), "the other run goes on undisturbed");
    theirs.signal(Signal::SIGINT);
    assert_eq!(theirs.finish().code, Some(5));
    let next = done(&mut elsewhere);
    assert_eq!(next.code, Some(0), "{next}");
}
