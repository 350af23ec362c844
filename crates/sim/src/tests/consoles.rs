//! Consoles of a bench, on the virtual clock.

use super::definitions;
use crate::Bench;
use benchtop_instrument::{Clock, ClockExt, SessionExt, VirtualClock, spawn};
use std::{sync::Arc, time::Duration};

const BENCH: &str = r#"
[bench]
name = "console"
seed = 1

[instruments.psu]
model = "keysight/e36312a"
channels = { 1 = { feeds = "supply" } }

[unit.loads.board]
node = "supply"
current = "100 mA"
at = "5 V"

[unit.capacitors.bulk]
node = "supply"
capacitance = "1000 uF"

[[units]]
serial_number = "DEAD"
why = "its processor does not start"
consoles.uart.dead = true
answers.led = false
exec.Flash = { exit_code = 3, stderr = "no target" }

[[units]]
serial_number = "OLD"
why = "it has the firmware of last year"
[[units.consoles.uart.replies]]
when = 'version\r\n'
says = "fw 0.9.0\r\n> "

[consoles.uart]
powered_by = { node = "supply", above = "4.5 V" }
boot = [{ text = "boot 1\r\n", delay = "1 s" }, { text = "ready\r\n> ", delay = "2 s" }]
echo = true
otherwise = "what?\r\n> "
[[consoles.uart.replies]]
when = 'version\r\n'
says = "fw 1.4.2\r\n> "
delay = "20 ms"
[[consoles.uart.replies]]
when = 'add (\d+) (?<b>\d+)\r\n'
says = "$1+$b\r\n> "

[answers]
led = true
torque = 1.25
label = "A-17"

[exec.Flash]
stdout = "verified\n"
takes = "3 s"
files = { "flash.log" = "log" }
"#;

fn bench() -> Bench {
    Bench::parse("console.toml", BENCH, &definitions).unwrap_or_else(|findings| panic!("{}", findings.render_short()))
}

/// What a unit says on its console until so long after its power went on, and when.
async fn heard(serial: &str, says: &'static [(&'static str, u64)], until: u64) -> (String, Vec<Duration>) {
    let clock = VirtualClock::new();
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let bench = bench().build(Arc::clone(&shared), serial);
    let run = async move {
        let mut psu = bench.session("psu").unwrap();
        let mut console = bench.console("uart").unwrap();
        let soon = |clock: &VirtualClock| clock.now().after(Duration::from_secs(5));
        let quiet = clock.within(soon(&clock), console.receive()).await;
        assert!(quiet.is_err(), "it says nothing without power");
        for message in ["VOLT 5", "CURR 1", "OUTP ON"] {
            psu.write(message.as_bytes(), soon(&clock)).await.unwrap();
        }
        assert_eq!(psu.query("*OPC?", soon(&clock)).await.unwrap().trim(), "1");
        let begin = clock.now();
        let (mut text, mut times) = (String::new(), Vec::new());
        let mut says = says.iter();
        let mut next = says.next();
        loop {
            let at = next.map_or(until, |(_, at)| *at);
            let deadline = begin.after(Duration::from_millis(at));
            match clock.within(deadline, console.receive()).await {
                Ok(bytes) => {
                    text.push_str(&String::from_utf8(bytes.unwrap()).unwrap());
                    times.push(clock.now().since(begin));
                }
                Err(_elapsed) => match next {
                    Some((line, _)) => {
                        console.send(line.as_bytes(), deadline).await.unwrap();
                        next = says.next();
                    }
                    None => return (text, times),
                },
            }
        }
    };
    spawn(shared.as_ref(), run).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_boots_when_its_node_is_powered_and_answers_by_its_script() {
    let (text, times) = heard(
        "A",
        &[("ver", 4000), ("sion\r\n", 4010), ("add 2 3\r\nhm\r\n", 5000)],
        9000,
    )
    .await;
    assert_eq!(
        text,
        "boot 1\r\nready\r\n> version\r\nfw 1.4.2\r\n> add 2 3\r\nhm\r\n2+3\r\n> what?\r\n> "
    );
    // the supply charges the unit's capacitor for some milliseconds first
    let boot = times[0].as_millis();
    assert!((1000..1050).contains(&boot), "{times:?}");
    let answer = times.iter().find(|time| time.as_millis() > 4015).unwrap();
    assert_eq!(answer.as_millis(), 4030, "{times:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_that_is_not_ordinary_has_a_script_of_its_own() {
    let (text, _) = heard("DEAD", &[("version\r\n", 4000)], 9000).await;
    assert_eq!(text, "");
    let (text, _) = heard("OLD", &[("version\r\n", 4000)], 9000).await;
    assert!(text.ends_with("version\r\nfw 0.9.0\r\n> "), "{text}");
}

#[test]
fn answers_and_commands_are_those_of_the_unit() {
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new());
    let ordinary = bench().build(Arc::clone(&clock), "A");
    let dead = bench().build(clock, "DEAD");
    assert_eq!(ordinary.answer("led"), Some("yes"));
    assert_eq!(ordinary.answer("torque"), Some("1.25"));
    assert_eq!(ordinary.answer("label"), Some("A-17"));
    assert_eq!(ordinary.answer("other"), None);
    assert_eq!((dead.answer("led"), dead.answer("label")), (Some("no"), Some("A-17")));
    let exec = ordinary.exec("Flash").unwrap();
    assert_eq!(
        (exec.exit_code, exec.stdout.as_str(), exec.takes.as_secs()),
        (0, "verified\n", 3)
    );
    assert_eq!(exec.files["flash.log"], "log");
    assert_eq!(dead.exec("Flash").unwrap().exit_code, 3);
    assert_eq!(ordinary.console_names().collect::<Vec<_>>(), ["uart"]);
    assert!(ordinary.console("other").is_none());
}

#[test]
fn mistakes_are_found() {
    for (from, to, expected) in [
        ("when = 'add (", "when = 'add ((", "`when` is not a regular expression"),
        (
            "when = 'version\\r\\n'\nsays = \"fw 1",
            "when = '.*'\nsays = \"fw 1",
            "`when` matches where nothing was sent",
        ),
        (
            "node = \"supply\", above",
            "node = \"suply\", above",
            "did you mean `supply`?",
        ),
        ("above = \"4.5 V\"", "above = \"4.5 A\"", "is not a unit of this"),
        ("led = true", "led = [1]", "led"),
        (
            "exit_code = 3",
            "exit_code = 30000000000",
            "an exit code is a small number",
        ),
        ("echo = true", "ecko = true", "did you mean `echo`?"),
    ] {
        assert!(BENCH.contains(from), "{from}");
        let text = BENCH.replacen(from, to, 1);
        let findings = Bench::parse("console.toml", &text, &definitions)
            .expect_err(to)
            .render_short();
        assert!(findings.contains(expected), "{to}: {findings}");
    }
}
