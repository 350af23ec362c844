//! Prompts, commands, raw messages and the unit's own link, on the virtual clock.

use super::rig::{Behaviour, Ran, Rig};
use crate::{
    Attachments, Content, Interrupt, Kept, MeasurementOutcome, NoAnswer, NotKept, NotRun, Operator, Output,
    ProgramEnded, ProgramEnding, Programs, RunOutcome, StepOutcome, Surroundings, Value,
};
use async_trait::async_trait;
use benchtop_procedure::{Exec, Prompt};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

const PROMPT: &str = r#"
[[steps]]
name = "Look"
timeout = "5 s"
prompt = { name = "led", message = "Is it green?", kind = "yes_no", passes = "yes" }
"#;

const EXEC: &str = r#"
[[steps]]
name = "Flash"
[steps.exec]
argv = ["flash", "it"]
[[steps.exec.measurements]]
name = "bytes"
pattern = 'wrote (\d+)'
kind = "number"
limit = { low = 100 }
[[steps.exec.attachments]]
path = "flash.log"
"#;

const TALK: &str = r#"
[[steps]]
name = "Ask"
send = { instrument = "uart", text = "version\r\n" }

[[steps]]
name = "Version"
[steps.expect]
instrument = "uart"
pattern = 'fw (?<fw>[\d.]+) at (?<temp>\S+) C'
fails_on = 'panic'
within = "3 s"
[[steps.expect.measurements]]
name = "fw"
group = "fw"
limit = { equals = "1.4.2" }
[[steps.expect.measurements]]
name = "temperature"
group = "temp"
unit = "degC"
limit = { low = 10, high = 50 }
"#;

/// An operator and commands that do as the test says.
#[derive(Default)]
struct Fake {
    answer: Option<&'static str>,
    /// So long the operator thinks, in real time.
    thinks: Duration,
    ended: Option<ProgramEnded>,
    kept: Mutex<Vec<(String, Vec<u8>)>>,
    keeps_nothing: bool,
    /// The command runs for ever, and this is whether it was dropped.
    dropped: Option<Arc<AtomicBool>>,
}

struct Dropped(Arc<AtomicBool>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[async_trait]
impl Operator for Fake {
    #[expect(
        clippy::disallowed_methods,
        reason = "a person thinks in real time, beside every clock"
    )]
    async fn ask(&self, _prompt: &Prompt) -> Result<String, NoAnswer> {
        tokio::time::sleep(self.thinks).await;
        let answer = self.answer.map(str::to_owned);
        answer.ok_or_else(|| NoAnswer("nobody is there".to_owned()))
    }
}

#[async_trait]
impl Programs for Fake {
    async fn run(&self, _step: &str, _exec: &Exec) -> Result<ProgramEnded, NotRun> {
        if let Some(dropped) = &self.dropped {
            let _dropped = Dropped(Arc::clone(dropped));
            std::future::pending::<()>().await;
        }
        self.ended
            .clone()
            .ok_or_else(|| NotRun("cannot start `flash`".to_owned()))
    }
}

#[async_trait]
impl Attachments for Fake {
    async fn keep(&self, name: &str, content: Content, most: u64) -> Result<Kept, NotKept> {
        let Content::Bytes(bytes) = content else {
            panic!("bytes")
        };
        let size = u64::try_from(bytes.len()).unwrap();
        if self.keeps_nothing || size > most {
            return Err(NotKept("the disk is full".to_owned()));
        }
        self.kept.lock().unwrap().push((name.to_owned(), bytes));
        let sha256 = String::new();
        Ok(Kept { size, sha256 })
    }
}

fn around(fake: Fake) -> (Arc<Fake>, Surroundings) {
    let fake = Arc::new(fake);
    let surroundings = Surroundings {
        operator: fake.clone(),
        programs: fake.clone(),
        attachments: fake.clone(),
    };
    (fake, surroundings)
}

async fn run(owner: &str, steps: &str, fake: Fake) -> (Ran, Arc<Fake>) {
    let (fake, surroundings) = around(fake);
    let ran = Rig::new().steps(owner, steps).surroundings(surroundings).run().await;
    assert!(!ran.output_is_on());
    (ran, fake)
}

async fn said(owner: &str, steps: &str, says: &[(u64, &[u8])], ends: bool) -> (Ran, Arc<Fake>) {
    let (fake, surroundings) = around(Fake::default());
    let rig = Rig::new().steps(owner, steps).surroundings(surroundings).says(says);
    let rig = if ends { rig.then_ends() } else { rig };
    let ran = rig.run().await;
    assert!(!ran.output_is_on());
    (ran, fake)
}

fn reason(ran: &Ran) -> &str {
    ran.ended().reason.as_deref().unwrap_or_default()
}

fn value(ran: &Ran, name: &str) -> (Option<Value>, MeasurementOutcome) {
    let taken = ran.measurements().find(|taken| taken.name == name).unwrap();
    (taken.value.clone(), taken.outcome)
}

fn number(text: &str) -> Option<Value> {
    Some(Value::Number(text.parse().unwrap()))
}

fn flashed(code: i32) -> Fake {
    Fake {
        ended: Some(ProgramEnded {
            ending: ProgramEnding::Code(code),
            output: Output::whole("wrote 512 bytes\n"),
            error_output: Output::default(),
            files: vec![Content::Bytes(b"all is well".to_vec())],
        }),
        ..Fake::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_judged_and_recorded() {
    for (answer, outcome, truth) in [("yes", RunOutcome::Pass, true), ("n", RunOutcome::Fail, false)] {
        let answer = Some(answer);
        let (ran, _) = run(
            "station",
            PROMPT,
            Fake {
                answer,
                ..Fake::default()
            },
        )
        .await;
        assert_eq!(ran.outcome(), outcome, "{}", reason(&ran));
        assert_eq!(value(&ran, "led").0, Some(Value::Boolean(truth)));
        let asked = ran.heard().iter().position(|line| line == "PromptShown led");
        let taken = ran.heard().iter().position(|line| line == "MeasurementTaken led");
        assert!(asked.is_some() && asked < taken);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_to_ask_is_an_error_of_the_station_at_once() {
    let (ran, _) = run("station", PROMPT, Fake::default()).await;
    assert_eq!(ran.outcome(), RunOutcome::Error);
    assert_eq!(reason(&ran), "Look: led: nobody is there");
    assert_eq!(value(&ran, "led"), (None, MeasurementOutcome::Unset));
    assert_eq!(ran.time_of("Look"), Duration::ZERO);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn virtual_time_stands_still_while_a_person_thinks() {
    let thinks = Duration::from_millis(200);
    let answer = Some("yes");
    let (ran, _) = run(
        "station",
        PROMPT,
        Fake {
            answer,
            thinks,
            ..Fake::default()
        },
    )
    .await;
    assert_eq!(
        ran.outcome(),
        RunOutcome::Pass,
        "the timeout of 5 s did not pass meanwhile"
    );
    assert_eq!(ran.time_of("Look"), Duration::ZERO);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_is_judged_by_its_exit_code_and_its_output() {
    let (ran, fake) = run("station", EXEC, flashed(0)).await;
    assert_eq!(ran.outcome(), RunOutcome::Pass, "{}", reason(&ran));
    assert_eq!(value(&ran, "bytes").0, number("512"));
    assert_eq!(value(&ran, "Flash exit code"), (number("0"), MeasurementOutcome::Pass));
    let kept = fake.kept.lock().unwrap().clone();
    let names: Vec<&str> = kept.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Flash.stdout.txt", "flash.log"]);
    assert_eq!(kept[1].1, b"all is well");

    let (ran, fake) = run("station", EXEC, flashed(3)).await;
    assert_eq!(ran.outcome(), RunOutcome::Fail);
    assert!(
        reason(&ran).starts_with("Flash: Flash exit code: 3 is not"),
        "{}",
        reason(&ran)
    );
    assert_eq!(
        fake.kept.lock().unwrap().len(),
        1,
        "its output is kept, the file that it may not have written is not"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_command_does_not_say_is_an_error() {
    let mut silent = flashed(0);
    silent.ended.as_mut().unwrap().output = Output::default();
    let (ran, _) = run("station", EXEC, silent).await;
    assert_eq!(ran.outcome(), RunOutcome::Error);
    assert_eq!(reason(&ran), r"Flash: bytes: nothing matches wrote (\d+)");

    let mut killed = flashed(0);
    killed.ended.as_mut().unwrap().ending = ProgramEnding::Signal(11);
    let (ran, _) = run("station", EXEC, killed).await;
    assert_eq!(ran.outcome(), RunOutcome::Error);
    assert!(reason(&ran).contains("a signal ended it (11)"), "{}", reason(&ran));

    let (ran, _) = run("station", EXEC, Fake::default()).await;
    assert_eq!(ran.outcome(), RunOutcome::Error);
    assert!(reason(&ran).contains("cannot start `flash`"), "{}", reason(&ran));
    assert_eq!(ran.measurements().count(), 2, "each measurement is accounted for");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attachment_that_is_not_kept_is_no_pass() {
    let (ran, _) = run(
        "station",
        EXEC,
        Fake {
            keeps_nothing: true,
            ..flashed(0)
        },
    )
    .await;
    assert_eq!(ran.outcome(), RunOutcome::Error);
    assert_eq!(reason(&ran), "Flash: Flash.stdout.txt: the disk is full");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_hangs_is_dropped_at_its_deadline() {
    let dropped = Arc::new(AtomicBool::new(false));
    let steps = EXEC.replace("name = \"Flash\"", "name = \"Flash\"\ntimeout = \"30 s\"");
    let fake = Fake {
        dropped: Some(Arc::clone(&dropped)),
        ..Fake::default()
    };
    let (ran, _) = run("station", &steps, fake).await;
    assert_eq!(ran.outcome(), RunOutcome::Timeout);
    assert_eq!(ran.time_of("Flash"), Duration::from_secs(30));
    assert!(dropped.load(Ordering::SeqCst));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_to_a_raw_message_is_judged() {
    let steps = r#"
[[steps]]
name = "Raw"
query = { instrument = "dmm", message = "MEAS?", measurements = [{ name = "raw", unit = "mV", limit = { low = 3000, high = 4000 } }] }
[[steps]]
name = "Tell"
query = { instrument = "dmm", message = "DISP OFF" }
"#;
    let outcome = |reads: &'static str, behaviour| Rig::new().steps("station", steps).reads(reads).dmm(behaviour).run();
    let ran = outcome("3300", Behaviour::Good).await;
    assert_eq!(ran.outcome(), RunOutcome::Pass, "{}", reason(&ran));
    assert_eq!(value(&ran, "raw").0, number("3300"));
    assert_eq!(outcome("5000", Behaviour::Good).await.outcome(), RunOutcome::Fail);
    for reads in ["9.9E37", "9.91E37", "", "none"] {
        let ran = outcome(reads, Behaviour::Good).await;
        assert_eq!(ran.outcome(), RunOutcome::Error, "{reads}");
        assert_eq!(value(&ran, "raw"), (None, MeasurementOutcome::Unset), "{reads}");
    }
    let ran = outcome("3300", Behaviour::MeasureFails).await;
    assert_eq!(ran.outcome(), RunOutcome::Error);
    assert!(reason(&ran).contains("-113"), "{}", reason(&ran));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_unit_says_is_heard_from_the_beginning_and_judged() {
    // it begins before any step waits for it, and comes in pieces
    let says: &[(u64, &[u8])] = &[
        (0, b"boot\r\nfw 1.4"),
        (1, b".2 at 2"),
        (2, b"4.5 C\r\n> "),
        (10, b"more"),
    ];
    let (ran, fake) = said("uut", TALK, says, false).await;
    assert_eq!(ran.outcome(), RunOutcome::Pass, "{}", reason(&ran));
    assert_eq!(value(&ran, "fw").0, Some(Value::Text("1.4.2".to_owned())));
    assert_eq!(value(&ran, "temperature").0, number("24.5"));
    assert!(ran.log().contains(&r"uart sent version\r\n".to_owned()));
    let kept = fake.kept.lock().unwrap().clone();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].0, "uart.log");
    assert!(kept[0].1.starts_with(b"boot\r\nfw 1.4.2 at 24.5 C\r\n> "));
    assert!(ran.heard().iter().any(|line| line == "Attached uart.log"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_a_wrong_one_and_a_closed_link_are_fails_of_the_unit_and_errors_of_the_station() {
    type Said = &'static [(u64, &'static [u8])];
    let cases: &[(Said, bool, &str)] = &[
        (&[], false, "nothing matched"),
        (&[(0, b"\x1b[2Jhello")], false, r#"it said "\u{1b}[2Jhello""#),
        (&[(0, b"kernel panic")], false, "it said \"panic\", which fails"),
        (
            &[(0, b"half")],
            true,
            "before the end (read on SIM::rig::uart: the cable came off)",
        ),
        (&[(0, b"fw 1.4.2 at hot C\r\n")], false, "\"hot\" is no number"),
    ];
    for (says, ends, expected) in cases {
        for (owner, outcome) in [("uut", RunOutcome::Fail), ("station", RunOutcome::Error)] {
            let (ran, _) = said(owner, TALK, says, *ends).await;
            assert_eq!(ran.outcome(), outcome, "{owner} {expected}: {}", reason(&ran));
            assert!(reason(&ran).contains(expected), "{owner} {expected}: {}", reason(&ran));
            assert_eq!(ran.measurements().count(), 2);
        }
    }
    let (ran, _) = said("uut", TALK, &[(0, b"fw 1.4.1 at 20 C\r\n")], false).await;
    assert_eq!(ran.outcome(), RunOutcome::Fail);
    assert_eq!(ran.step("Version"), StepOutcome::Fail);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_for_the_unit_takes_as_long_as_it_says() {
    let (ran, _) = said("uut", TALK, &[], false).await;
    // and behind a FAIL the supply is asked whether what it feeds the unit with is still there
    let (least, most) = (Duration::from_secs(3), Duration::from_millis(3_050));
    assert!(
        (least..=most).contains(&ran.time_of("Version")),
        "{:?}",
        ran.time_of("Version")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_is_not_taken_before_it_is_whole() {
    let steps = r#"
[[steps]]
name = "Count"
[steps.expect]
instrument = "uart"
pattern = 'n=(\d+)'
[[steps.expect.measurements]]
name = "count"
kind = "number"
limit = { low = 1 }
"#;
    let (ran, _) = said("uut", steps, &[(0, b"n=1"), (5, b"2"), (5, b"3\r\n")], false).await;
    assert_eq!(value(&ran, "count").0, number("123"));
    let (ran, _) = said("uut", steps, &[(0, b"n=12")], false).await;
    assert_eq!(
        value(&ran, "count").0,
        number("12"),
        "and it need not be followed by anything"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_console_that_floods_costs_neither_memory_nor_the_run() {
    let noise = vec![b'x'; 1024 * 1024];
    let mut says: Vec<(u64, &[u8])> = vec![(0, b"first\r\n")];
    says.extend((0..40).map(|_| (1, noise.as_slice())));
    says.push((1, b"fw 1.4.2 at 20 C\r\n"));
    let (ran, fake) = said("uut", TALK, &says, false).await;
    assert_eq!(ran.outcome(), RunOutcome::Pass, "{}", reason(&ran));
    let kept = fake.kept.lock().unwrap().clone();
    let log = &kept[0].1;
    assert!(
        log.len() < 9 * 1024 * 1024 && log.starts_with(b"first"),
        "{}",
        log.len()
    );
    assert!(log.ends_with(b"fw 1.4.2 at 20 C\r\n"));
    let text = String::from_utf8_lossy(log);
    assert!(text.contains("bytes left out]"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unread_words_can_be_forgotten() {
    let steps = TALK.replace(
        "text = \"version\\r\\n\"",
        "text = \"version\\r\\n\", discard_unread = true",
    );
    let settle = "[[steps]]\nname = \"Settle\"\nwait = \"1 s\"\n";
    let says: &[(u64, &[u8])] = &[(0, b"fw 0.9 at 20 C\r\n"), (1500, b"fw 1.4.2 at 20 C\r\n")];
    let (ran, _) = said("uut", &format!("{settle}{steps}"), says, false).await;
    assert_eq!(
        value(&ran, "fw").0,
        Some(Value::Text("1.4.2".to_owned())),
        "{}",
        reason(&ran)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupt_withdraws_a_question_and_tears_down() {
    let (_, surroundings) = around(Fake {
        thinks: Duration::from_secs(3600),
        ..Fake::default()
    });
    let steps = format!("[[steps]]\nname = \"First\"\nquery = {{ instrument = \"dmm\", message = \"X\" }}\n{PROMPT}");
    let ran = Rig::new()
        .steps("station", &steps)
        .surroundings(surroundings)
        .interrupted_at("dmm query", &[Interrupt::Abandon])
        .run()
        .await;
    assert_eq!(ran.outcome(), RunOutcome::Aborted);
    assert_eq!(ran.step("Look"), StepOutcome::Skip);
    assert!(!ran.output_is_on());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_the_range_passes_no_limit_of_a_question() {
    let query = |unit: &str| {
        format!(
            "[[steps]]\nname = \"Ask\"\nquery = {{ instrument = \"dmm\", message = \"VAL1?\", measurements = [\
             {{ name = \"iso\", unit = \"{unit}\", limit = {{ low = 1 }} }}] }}\n"
        )
    };
    for (answer, unit, expected) in [
        // this instrument's own value for it, and SCPI's
        (&b"1E9"[..], "Ohm", "what this instrument says beyond its range"),
        (b"+1.0000E+9", "Ohm", "what this instrument says beyond its range"),
        (b"-1E9", "Ohm", "what this instrument says beyond its range"),
        (b"1E9 Ohm", "kOhm", "what this instrument says beyond its range"),
        (b"9.9E37", "kOhm", "means beyond the range"),
        (b"9.9E37 Ohm", "kOhm", "means beyond the range"),
    ] {
        let ran = Rig::new().steps("uut", &query(unit)).answers(answer).run().await;
        let taken = ran.measurements().find(|taken| taken.name == "iso").unwrap();
        let reason = taken.reason.clone().unwrap_or_default();
        assert!(reason.contains(expected), "{answer:?}: {reason}");
        assert_eq!(
            (taken.outcome, ran.outcome()),
            (MeasurementOutcome::Unset, RunOutcome::Error)
        );
    }
    let ran = Rig::new().steps("uut", &query("Ohm")).answers(b"1.1E9").run().await;
    assert_eq!(ran.outcome(), RunOutcome::Pass);
    for (answer, outcome) in [("9.9E37 mV", RunOutcome::Error), ("3300 mV", RunOutcome::Pass)] {
        let prompt = "[[steps]]\nname = \"Look\"\nprompt = { name = \"volts\", message = \"How many?\", kind = \"number\", \
                      unit = \"V\", limit = { low = 3 } }\n";
        let fake = Fake {
            answer: Some(answer),
            ..Fake::default()
        };
        assert_eq!(run("station", prompt, fake).await.0.outcome(), outcome, "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_left_out_of_a_commands_words_passes_nothing() {
    const BEGINNING: &str = "V=3.300\nV=3.301\n{\"v\": 3.3}\nlast=12";
    let text = format!("{BEGINNING}\n[9 bytes left out]\nV=3.3\ndone=1\n");
    let measured = |lines: &str| {
        format!(
            "[[steps]]\nname = \"Flash\"\n[steps.exec]\nargv = [\"flash\"]\n[[steps.exec.measurements]]\nname = \"v\"\n{lines}\n"
        )
    };
    for (lines, passes) in [
        // found in the beginning, it is the first whatever came behind
        (
            "pattern = 'V=([\\d.]+)'\nkind = \"number\"\nlimit = { high = 3.4 }",
            true,
        ),
        // one of the numbers may be missing
        (
            "pattern = 'V=([\\d.]+)'\nkind = \"numbers\"\nreduce = [{ name = \"most\", by = \"max\", limit = { high = 3.4 } }]",
            false,
        ),
        // what is cut in two is no number
        (
            "pattern = 'last=(\\d+)'\nkind = \"number\"\nlimit = { high = 20 }",
            false,
        ),
        // what was left out may be a part of the match
        (
            "pattern = '(?s).*V=([\\d.]+)'\nkind = \"number\"\nlimit = { high = 3.4 }",
            false,
        ),
        (
            "pattern = 'last(?:=\\d+ V)?'\nkind = \"text\"\nlimit = { equals = \"last\" }",
            false,
        ),
        // the first may have been left out
        (
            "pattern = 'done=(\\d+)'\nkind = \"number\"\nlimit = { equals = 1 }",
            false,
        ),
        ("json = \"/v\"\nkind = \"number\"\nlimit = { high = 20 }", false),
    ] {
        let output = Output {
            text: text.clone(),
            cut: Some(BEGINNING.len()),
        };
        let mut fake = flashed(0);
        fake.ended.as_mut().unwrap().output = output;
        let (ran, _) = run("station", &measured(lines), fake).await;
        let expected = if passes { RunOutcome::Pass } else { RunOutcome::Error };
        assert_eq!(ran.outcome(), expected, "{lines}: {}", reason(&ran));
        assert!(passes || reason(&ran).contains("left out"), "{}", reason(&ran));
    }
}
