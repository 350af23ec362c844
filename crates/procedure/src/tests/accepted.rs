//! What is accepted, and what it becomes.

use super::bench;
use crate::{
    BoundProcedure, Limit, LogicalName, Measurement, OnFail, OverrangeRule, Poll, Procedure, Retry, StepKind, Until,
    bind, check_text, parse,
};
use benchtop_instrument::{Decimal, Function, OutputSetting, RangeRequest, Sampling, Setting, Trigger};
use proptest::prelude::*;
use std::time::Duration;

const BOARD: &str = include_str!("../../../../procedures/board-functional-v3.toml");
const README: &str = include_str!("../../../../procedures/README.md");
const REFERENCE: &str = include_str!("../../../../procedures/REFERENCE.md");

fn parsed(text: &str) -> Procedure {
    parse("x.toml", text).unwrap_or_else(|findings| panic!("{findings}"))
}

fn bound(text: &str) -> BoundProcedure {
    check_text("x.toml", text, &bench::instruments()).unwrap_or_else(|findings| panic!("{findings}"))
}

/// A procedure of one step with these lines in it and one plain measurement behind it.
fn with_step(lines: &str) -> String {
    format!(
        "procedure = {{ id = 'A', version = '1' }}\ninstruments.dmm.class = 'dmm'\ninstruments.psu.class = 'dc_power'\n\
         [[setup]]\nname = 'On'\nset = {{ instrument = 'psu', voltage_level = '5 V', current_limit = '1 A' }}\n\
         [[steps]]\nname = 'It'\n{lines}\n[[steps]]\nname = 'Rail'\n[[steps.measurements]]\nname = 'vcc'\ninstrument = 'dmm'\n\
         function = 'dc_voltage'\nrange = '10 V'\nunit = 'V'\nlimit = {{ low = 1 }}\n"
    )
}

fn measurements(procedure: &Procedure) -> Vec<&Measurement> {
    let mut all = Vec::new();
    for step in procedure.all_steps() {
        match &step.kind {
            StepKind::Measurements(measurements) => all.extend(measurements),
            StepKind::Set { .. }
            | StepKind::Wait(_)
            | StepKind::Prompt(_)
            | StepKind::Exec(_)
            | StepKind::Query(_)
            | StepKind::Send(_)
            | StepKind::Expect(_) => {}
        }
    }
    all
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

#[test]
fn the_worked_example_becomes_what_its_author_wrote() {
    let bound = bound(BOARD);
    assert!(bound.warnings().is_empty(), "{}", bound.warnings());
    let procedure = bound.procedure();
    assert_eq!(
        (procedure.id.as_str(), procedure.version.as_str()),
        ("BOARD-FUNCTIONAL-V3", "3.0.0")
    );
    assert_eq!(procedure.name, "Board functional test");
    let serial = procedure.unit_under_test.serial_number.as_ref().unwrap();
    assert!(serial.is_match("UNIT-5501") && !serial.is_match("UNIT-55011") && !serial.is_match("UNIT-550١"));
    assert_eq!(procedure.unit_under_test.part_number.as_deref(), Some("PCB-1042"));

    let names: Vec<&str> = procedure.all_steps().map(|step| step.name.as_str()).collect();
    assert_eq!(
        names,
        ["Power on", "Settle", "Power Rail Check", "Current Draw", "Power off"]
    );
    let words: Vec<&str> = procedure.all_steps().map(|step| step.kind.word()).collect();
    assert_eq!(words, ["set", "wait", "measurement", "measurement", "set"]);
    assert!(
        procedure
            .all_steps()
            .all(|step| step.retry == Retry::NEVER && step.on_fail == OnFail::Continue)
    );
    assert!(procedure.setup[0].kind.enables_output());
    let StepKind::Set {
        instrument,
        setting: Setting::Output(output),
        expects: None,
    } = &procedure.setup[0].kind
    else {
        panic!("{:?}", procedure.setup[0].kind);
    };
    assert_eq!(instrument, &LogicalName("psu".to_owned()));
    let expected = OutputSetting {
        voltage_level: Some("5 V".parse().unwrap()),
        current_limit: Some("500 mA".parse().unwrap()),
        output_enabled: Some(true),
        ..OutputSetting::of_channel(1)
    };
    assert_eq!(*output, expected);
    assert!(matches!(procedure.steps[0].kind, StepKind::Wait(wait) if wait == Duration::from_millis(250)));

    let [rail, idle] = measurements(procedure)[..] else {
        panic!("two measurements");
    };
    assert_eq!((rail.name.as_str(), rail.unit.to_string().as_str()), ("vcc_3v3", "V"));
    assert_eq!(
        rail.reading().unwrap().request.range,
        RangeRequest::AtLeast("10 V".parse().unwrap())
    );
    let limit = Limit {
        low: Some(decimal("3.25")),
        high: Some(decimal("3.35")),
        ..Limit::default()
    };
    assert_eq!(rail.limit.as_deref(), Some(&limit));
    assert_eq!(
        (
            idle.reading().unwrap().request.function,
            idle.reading().unwrap().request.channel
        ),
        (Function::DcCurrent, 1)
    );
    assert_eq!(idle.unit.to_string(), "mA");
    assert_eq!(idle.limit.as_ref().unwrap().low, Some(decimal("30")));
}

#[test]
fn the_blocks_of_each_page_are_one_working_procedure() {
    for page in [README, REFERENCE] {
        let blocks = page
            .split("```toml\n")
            .skip(1)
            .map(|rest| rest.split("```").next().unwrap());
        let text: String = blocks.collect();
        let bound = bound(&text);
        assert!(bound.warnings().is_empty(), "{}", bound.warnings());
        assert!(measurements(bound.procedure()).len() >= 3);
    }
}

#[test]
fn the_language_is_taught_in_three_pages() {
    let lines = README.lines().count();
    assert!(lines <= 210, "{lines}");
}

#[test]
fn a_channel_is_a_number_or_a_name_that_the_station_knows() {
    for (channel, number, name) in [("101", 101, None), ("'@102'", 102, None), ("'vcc'", 101, Some("vcc"))] {
        let text = format!(
            "procedure = {{ id = 'A', version = '1' }}\ninstruments.scanner.class = 'dmm'\ninstruments.psu.class = 'dc_power'\n\
             [[setup]]\nname = 'On'\nset = {{ instrument = 'psu', channel = 'board', voltage_level = '5 V', current_limit = '1 A', \
             output_enabled = true }}\n[[steps]]\nname = 'Rail'\n[[steps.measurements]]\nname = 'v'\ninstrument = 'scanner'\n\
             channel = {channel}\nfunction = 'dc_voltage'\nrange = '10 V'\nunit = 'V'\nlimit = {{ low = 1 }}\n\
             [[teardown]]\nname = 'Off'\nset = {{ instrument = 'psu', channel = 'board', output_enabled = false }}\n"
        );
        let bound = bound(&text);
        let reading = measurements(bound.procedure())[0].reading().unwrap().clone();
        assert_eq!(
            (reading.request.channel, reading.channel_name.as_deref()),
            (number, name)
        );
        for step in [&bound.procedure().setup[0], &bound.procedure().teardown[0]] {
            let StepKind::Set {
                setting: Setting::Output(output),
                ..
            } = &step.kind
            else {
                panic!("a set")
            };
            assert_eq!(output.channel, 1);
        }
        // one that is turned on by name is turned off by that name
        let left_on = text.replace("output_enabled = false", "voltage_level = '0 V'");
        let findings = parse("x.toml", &left_on).unwrap_err().render_short();
        assert!(
            findings.contains("turns psu channel \"board\" on, and no teardown turns it off"),
            "{findings}"
        );
    }
}

#[test]
fn samples_triggers_and_polls_become_what_their_author_wrote() {
    let one = |lines: &str| {
        let text = with_step(&format!(
            "[[steps.measurements]]\nname = 'v'\ninstrument = 'dmm'\nfunction = 'dc_voltage'\nrange = '10 V'\nunit = 'mV'\n\
             limit = {{ low = 1 }}\n{lines}"
        ));
        measurements(bound(&text).procedure())[0].clone()
    };
    let asked = |lines: &str| one(lines).reading().unwrap().request;
    let sampled = asked("samples = 8\ndiscard = 2\ndelay = '20 ms'\ntrigger = 'external'\nresolution = '10 uV'");
    let expected = Sampling {
        samples: Some(8),
        discard: Some(2),
        delay: Some(Duration::from_millis(20)),
        trigger: Some(Trigger::External),
        resolution: Some("10 uV".parse().unwrap()),
        ..Sampling::ONE
    };
    assert_eq!(sampled.sampling, expected);
    assert!(asked("samples = 100\nstatistics = true").sampling.statistics);
    assert_eq!(asked("").sampling, Sampling::ONE);
    let poll = one("poll = { until = 'stable', band = 2, hold = '300 ms', every = '50 ms', for = '5 s' }").poll();
    let expected = Poll {
        until: Until::Stable("2 mV".parse().unwrap()),
        hold: Duration::from_millis(300),
        every: Duration::from_millis(50),
        patience: Duration::from_secs(5),
    };
    assert_eq!(poll, Some(expected));
    let poll = one("poll = { until = 'in_limit', for = '1 s' }").poll().unwrap();
    assert_eq!(
        (poll.until, poll.hold, poll.every),
        (Until::InLimit, Duration::ZERO, Duration::ZERO)
    );
}

#[test]
fn limits_are_scaled_exactly_to_the_unit_of_the_measurement() {
    for (limit, low, high) in [
        ("{ low = '0.03 A', high = '60000 uA' }", Some("30"), Some("60")),
        ("{ low = 30.0, high = 6e1 }", Some("30"), Some("60")),
        ("{ high = '0.0451 A' }", None, Some("45.1")),
        ("{ low = -0.1, high = -0.1 }", Some("-0.1"), Some("-0.1")),
    ] {
        let text = with_step(&format!(
            "[[steps.measurements]]\nname = 'i'\ninstrument = 'dmm'\nfunction = 'dc_current'\nunit = 'mA'\nlimit = {limit}"
        ));
        let procedure = parsed(&text);
        let found = measurements(&procedure)[0].limit.clone().unwrap();
        assert_eq!(
            (found.low, found.high),
            (low.map(decimal), high.map(decimal)),
            "{limit}"
        );
    }
}

#[test]
fn durations_are_exact() {
    for (written, nanoseconds) in [
        ("250 ms", 250_000_000),
        ("0.1 s", 100_000_000),
        ("1.5 us", 1_500),
        ("2 min", 120_000_000_000),
        ("0.5 h", 1_800_000_000_000),
        ("168 h", 604_800_000_000_000),
        ("1e3 ms", 1_000_000_000),
    ] {
        let procedure = parsed(&with_step(&format!("wait = '{written}'\ntimeout = '168 h'")).replace(
            "timeout = '168 h'",
            if written == "168 h" { "" } else { "timeout = '168 h'" },
        ));
        let StepKind::Wait(wait) = procedure.steps[0].kind else {
            panic!("{written}");
        };
        assert_eq!(wait, Duration::from_nanos(nanoseconds), "{written}");
    }
}

#[test]
fn a_retry_is_for_errors_unless_it_says_otherwise() {
    let never = Retry::NEVER;
    for (written, expected) in [
        ("", never),
        (
            "retry = { attempts = 3 }",
            Retry {
                attempts: 3,
                on_error: true,
                ..never
            },
        ),
        (
            "retry = { attempts = 2, on = ['fail'] }",
            Retry {
                attempts: 2,
                on_fail: true,
                ..never
            },
        ),
        (
            "retry = { attempts = 2, on = ['timeout', 'error'], delay = '100 ms' }",
            Retry {
                attempts: 2,
                on_error: true,
                on_timeout: true,
                delay: Duration::from_millis(100),
                ..never
            },
        ),
    ] {
        let procedure = parsed(&with_step(&format!("wait = '1 s'\n{written}\non_fail = 'stop'")));
        assert_eq!(procedure.steps[0].retry, expected, "{written}");
        assert_eq!(procedure.steps[0].on_fail, OnFail::Stop);
    }
}

#[test]
fn overrange_and_autorange_are_accepted_where_they_are_written() {
    let text = with_step(
        "[[steps.measurements]]\nname = 'r'\ninstrument = 'dmm'\nfunction = 'resistance'\nrange = '100 MOhm'\n\
         unit = 'MOhm'\nlimit = { low = 10, overrange = 'accept' }\n\
         [[steps.measurements]]\nname = 'i'\ninstrument = 'dmm'\nfunction = 'dc_current'\nrange = 'auto'\n\
         allow_autorange_in_series = true\nunit = 'A'\n",
    );
    let bound = bound(&text);
    let [insulation, current, _] = measurements(bound.procedure())[..] else {
        panic!("three measurements");
    };
    assert_eq!(insulation.limit.as_ref().unwrap().overrange, OverrangeRule::Accept);
    assert_eq!(current.reading().unwrap().request.range, RangeRequest::Auto);
    assert!(current.reading().unwrap().allow_autorange_in_series && current.limit.is_none());
}

#[test]
fn warnings_come_with_the_procedure_and_stop_nothing() {
    let text = with_step(
        "[[steps.measurements]]\nname = 'r'\ninstrument = 'dmm'\nfunction = 'dc_voltage'\nrange = '100 V'\n\
         unit = 'mV'\nlimit = { low = 3300, high = 3301 }\nallow_autorange_in_series = true\n",
    )
    .replace("instruments.psu", "instruments.spare.class = 'dmm'\ninstruments.psu");
    let procedure = parsed(&text);
    let expected = "\
x.toml:3:13: warning: no step uses the instrument `spare`; the station must have it all the same
x.toml:17:29: warning: measurement \"r\": `allow_autorange_in_series` does nothing here; it is for currents with `range = \"auto\"`
";
    assert_eq!(procedure.warnings().render_short(), expected);
    let mut instruments = bench::instruments();
    instruments.insert(
        LogicalName("spare".to_owned()),
        instruments[&LogicalName("dmm".to_owned())].clone(),
    );
    let bound = bind(procedure, &instruments).unwrap();
    assert!(
        bound
            .warnings()
            .render_short()
            .contains("less than 20 steps of 0.0001 V apart"),
        "{}",
        bound.warnings()
    );
}

/// No output of a bound procedure is left on when its teardown has run.
fn outputs_go_off(procedure: &Procedure) -> bool {
    let switched = |steps: &[crate::Step]| -> Vec<(LogicalName, u32, bool)> {
        let of_step = |step: &crate::Step| match &step.kind {
            StepKind::Set {
                instrument,
                setting: Setting::Output(output),
                expects: _,
            } => output.output_enabled.map(|on| (instrument.clone(), output.channel, on)),
            StepKind::Set {
                setting: Setting::Switch(_),
                ..
            }
            | StepKind::Measurements(_)
            | StepKind::Wait(_)
            | StepKind::Prompt(_)
            | StepKind::Exec(_)
            | StepKind::Query(_)
            | StepKind::Send(_)
            | StepKind::Expect(_) => None,
        };
        steps.iter().filter_map(of_step).collect()
    };
    let off = switched(&procedure.teardown);
    let on = [switched(&procedure.setup), switched(&procedure.steps), off.clone()].concat();
    on.iter().filter(|(.., on)| *on).all(|(name, channel, _)| {
        let last = off
            .iter()
            .rfind(|(other, number, _)| (other, number) == (name, channel));
        last.is_some_and(|(.., on)| !on)
    })
}

proptest! {
    #[test]
    fn a_damaged_procedure_is_refused_or_whole(
        from in 0..BOARD.len(), length in 0_usize..60, with in "[\\PC\n]{0,8}|= |\\{|\"|[0-9]{1,6}",
    ) {
        let end = (from + length).min(BOARD.len());
        let halves = BOARD.get(..from).zip(BOARD.get(end..));
        prop_assume!(halves.is_some());
        let (before, behind) = halves.unwrap();
        let text = format!("{before}{with}{behind}");
        match check_text("x.toml", &text, &bench::instruments()) {
            Err(findings) => prop_assert!(findings.has_errors()),
            Ok(bound) => {
                prop_assert!(outputs_go_off(bound.procedure()));
                prop_assert!(measurements(bound.procedure()).iter().any(|measurement| measurement.limit.is_some()));
                prop_assert!(!bound.warnings().has_errors());
            }
        }
    }

    #[test]
    fn any_text_is_refused_without_a_panic(text in "[\\PC\n]{0,200}") {
        prop_assert!(parse("x.toml", &text).is_err());
    }
}
