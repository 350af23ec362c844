//! What a run, a part, a station, a limits file and an included file make of a procedure.

use crate::{Companion, Given, Procedure, StepKind, parse_with};
use benchtop_notation::{Span, Spanned};
use std::{collections::BTreeMap, time::Duration};

const PROCEDURE: &str = "procedure = { id = 'A', version = '1' }
instruments.dmm.class = 'dmm'
[parameters]
pause = { default = '1 s', min = '10 ms', max = '60 s' }
count = { default = 2 }
mode = { default = 'fast', one_of = ['fast', 'slow'] }
[variants.P-1]
pause = '2 s'
[variants.P-2]
[[steps]]
name = 'Wait'
when = 'param.mode == \"fast\"'
wait = { param = 'pause' }
[[steps]]
name = 'Rail'
[[steps.measurements]]
name = 'vcc'
instrument = 'dmm'
function = 'dc_voltage'
range = '10 V'
samples = { param = 'count' }
unit = 'V'
";
const LIMIT: &str = "limit = { low = 3 }\n";

fn said(pairs: &[(&str, &str)]) -> BTreeMap<String, Spanned<String>> {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| {
            (
                (*name).to_owned(),
                Spanned::new((*value).to_owned(), Span::of_file("--param")),
            )
        })
        .collect()
}

fn given(part: Option<&str>, named: &[(&str, &str)], station: &[(&str, &str)], files: &[(&str, &str)]) -> Given {
    let companion = |(name, text): &(&str, &str)| {
        let companion = Companion {
            file: (*name).to_owned(),
            text: Ok((*text).to_owned()),
        };
        ((*name).to_owned(), companion)
    };
    Given {
        part_number: part.map(str::to_owned),
        named: said(named),
        station: said(station),
        files: files.iter().map(companion).collect(),
    }
}

fn read(text: &str, given: &Given) -> Procedure {
    parse_with("x.toml", text, given).unwrap_or_else(|findings| panic!("{findings}"))
}

fn refused(text: &str, given: &Given, expected: &str) {
    let findings = parse_with("x.toml", text, given).unwrap_err();
    assert_eq!(findings.render_short(), expected);
}

fn pause(procedure: &Procedure) -> Duration {
    let StepKind::Wait(wait) = procedure.steps[0].kind else {
        panic!("{:?}", procedure.steps[0].kind);
    };
    wait
}

#[test]
fn the_run_goes_before_the_part_that_before_the_station_and_the_default_comes_last() {
    let text = format!("{PROCEDURE}{LIMIT}");
    let station = [("pause", "3 s"), ("of_another_procedure", "1")];
    for (part, named, station, expected) in [
        (None, &[][..], &[][..], 1),
        (None, &[], &station[..], 3),
        (Some("P-2"), &[], &station, 3),
        (Some("P-1"), &[], &station, 2),
        (Some("P-1"), &[("pause", "4 s")], &station, 4),
    ] {
        let procedure = read(&text, &given(part, named, station, &[]));
        assert_eq!(pause(&procedure), Duration::from_secs(expected), "{part:?} {named:?}");
        assert_eq!(procedure.variant.as_deref(), part);
        assert_eq!(procedure.parameters["pause"].to_string(), format!("{expected} s"));
    }
    let procedure = read(&text, &given(None, &[("count", "16")], &[], &[]));
    assert_eq!(procedure.parameters["count"].to_string(), "16");
}

#[test]
fn what_does_not_fit_is_refused_where_it_was_said() {
    let text = format!("{PROCEDURE}{LIMIT}");
    for (name, value, expected) in [
        ("pause", "3 V", "the parameter `pause` is a quantity in s, not 3 V"),
        (
            "pause",
            "90 s",
            "the parameter `pause` cannot be 90 s: it is at most 60 s",
        ),
        (
            "pause",
            "soon",
            "the parameter `pause` is a quantity in s, not \"soon\"",
        ),
        ("count", "many", "the parameter `count` is a number, not \"many\""),
        ("mode", "idle", "the parameter `mode` cannot be idle; one of fast, slow"),
        (
            "puase",
            "1 s",
            "there is no parameter `puase` in this procedure; did you mean `pause`?",
        ),
    ] {
        let expected = format!("--param:1:1: error: {expected}\n");
        refused(&text, &given(None, &[(name, value)], &[], &[]), &expected);
    }
    refused(
        &text,
        &given(Some("P-3"), &[], &[], &[]),
        "x.toml:7:2: error: there is no variant for part `P-3`; there are P-1, P-2\n",
    );
}

#[test]
fn limits_come_from_their_file_and_from_one_place_only() {
    let limits = "revision = 'C'\nlimits.vcc = { low = 3 }\nvariants.P-1.limits.vcc = { low = 4 }\n";
    let text = format!("limits = 'l.toml'\n{PROCEDURE}");
    for (part, low) in [("P-1", "4"), ("P-2", "3")] {
        let procedure = read(&text, &given(Some(part), &[], &[], &[("l.toml", limits)]));
        let StepKind::Measurements(measurements) = &procedure.steps[1].kind else {
            panic!("{:?}", procedure.steps[1].kind);
        };
        let limit = measurements[0].limit.as_ref().unwrap();
        assert_eq!(limit.low.unwrap().to_string(), low);
        assert_eq!(measurements[0].low_place().file(), "l.toml");
        assert_eq!(procedure.limits.unwrap().revision, "C");
    }
    refused(
        &format!("{text}{LIMIT}"),
        &given(None, &[], &[], &[("l.toml", limits)]),
        "x.toml:24:1: error: measurement \"vcc\": l.toml line 2 has a limit for it as well; a limit is written in one place\n",
    );
    refused(
        &text,
        &given(
            None,
            &[],
            &[],
            &[("l.toml", &format!("{limits}limits.vc = {{ low = 1 }}\n"))],
        ),
        "l.toml:4:8: error: no measurement of the procedure is called `vc`; did you mean `vcc`?\n",
    );
}

#[test]
fn included_steps_come_first_and_are_put_back_last() {
    let wait = |section: &str, name: &str| format!("[[{section}]]\nname = '{name}'\nwait = '1 ms'\n");
    let shared = wait("setup", "shared up") + &wait("teardown", "shared down");
    let own = wait("setup", "own up") + &wait("teardown", "own down");
    let text = format!("include = ['s.toml']\n{PROCEDURE}{LIMIT}{own}");
    let procedure = read(&text, &given(None, &[], &[], &[("s.toml", &shared)]));
    let names: Vec<&str> = procedure.all_steps().map(|step| step.name.as_str()).collect();
    assert_eq!(
        names,
        ["shared up", "own up", "Wait", "Rail", "own down", "shared down"]
    );

    refused(
        &text,
        &given(
            None,
            &[],
            &[],
            &[("s.toml", "[[setup]]\nname = 'x'\nwiat = '1 s'\nwait = '1 ms'\n")],
        ),
        "s.toml:3:1: error: unknown key `wiat` in [[setup]]; did you mean `wait`?\n",
    );
    refused(
        &text,
        &given(None, &[], &[], &[("s.toml", "include = ['s.toml']\n")]),
        "s.toml:1:12: error: s.toml includes itself\n",
    );
}

#[test]
fn a_limits_file_judges_answers_commands_and_words_too() {
    let text = "limits = 'l.toml'
procedure = { id = 'A', version = '1' }
instruments.dmm.class = 'dmm'
[[steps]]
name = 'Label'
prompt = { name = 'label', message = 'What does it say?', kind = 'text' }
[[steps]]
name = 'LED'
prompt = { name = 'led', message = 'Is it green?', kind = 'yes_no', passes = 'yes' }
[[steps]]
name = 'Flash'
exec = { argv = ['flash'], measurements = [{ name = 'crc', pattern = 'crc (.*)' }] }
[[steps]]
name = 'Wave'
query = { instrument = 'dmm', message = 'FETC?', measurements = [{ name = 'wave', kind = 'numbers', unit = 'V', reduce = [{ name = 'top', by = 'max' }] }] }
";
    let limits = "revision = 'C'\nlimits.label = { matches = 'REV [A-F]' }\nlimits.'Flash exit code' = { one_of = [0, 3] }\n\
                  limits.crc = { equals = 'ok' }\nlimits.top = { high = '5 mV' }\n";
    let procedure = read(text, &given(None, &[], &[], &[("l.toml", limits)]));
    let measurements = procedure.all_steps().flat_map(|step| step.kind.measurements());
    let judged: Vec<String> = measurements
        .filter(|measurement| measurement.limit_place().file() == "l.toml")
        .map(|measurement| {
            format!(
                "{}: {}",
                measurement.name,
                measurement.limit.as_ref().unwrap().for_people(measurement.unit)
            )
        })
        .collect();
    assert_eq!(
        judged,
        [
            "label: matches REV [A-F]",
            "Flash exit code: one of 0, 3",
            "crc: = \"ok\"",
            "top: <= 0.005 V"
        ]
    );
    // the answer that passes a yes_no is written with it
    refused(
        text,
        &given(
            None,
            &[],
            &[],
            &[("l.toml", &format!("{limits}limits.led = {{ equals = true }}\n"))],
        ),
        "l.toml:6:8: error: a limits file cannot judge `led`; the answer that passes a `yes_no` is written with it, and a time to \
         settle is judged by its `poll`\n",
    );
    let twice = text.replace(
        "pattern = 'crc (.*)'",
        "pattern = 'crc (.*)', limit = { equals = 'ok' }",
    );
    refused(
        &twice,
        &given(None, &[], &[], &[("l.toml", limits)]),
        "x.toml:12:82: error: measurement \"crc\": l.toml line 4 has a limit for it as well; a limit is written in one place\n",
    );
}

#[test]
fn a_parameter_may_be_a_time_in_minutes_or_hours() {
    let text = format!("{PROCEDURE}{LIMIT}")
        .replace(
            "default = '1 s', min = '10 ms', max = '60 s'",
            "default = '1 min', min = '1 s', max = '0.5 h'",
        )
        .replace("param.mode == \"fast\"", "param.mode == \"fast\" and param.pause < 2 h");
    for (named, seconds) in [(&[][..], 60), (&[("pause", "0.25 h")], 900), (&[("pause", "90 s")], 90)] {
        let procedure = read(&text, &given(Some("P-2"), named, &[], &[]));
        assert_eq!(pause(&procedure), Duration::from_secs(seconds), "{named:?}");
        assert_eq!(procedure.parameters["pause"].to_string(), format!("{seconds} s"));
    }
    refused(
        &text,
        &given(None, &[("pause", "31 min")], &[], &[]),
        "--param:1:1: error: the parameter `pause` cannot be 1860 s: it is at most 1800 s\n",
    );
    let swept = "procedure = { id = 'A', version = '1' }\ninstruments.dmm.class = 'dmm'\n[[steps]]\nname = 'Soak'\n\
                 for_each = { param = 't', start = '1 min', stop = '0.1 h', step = '150 s' }\nwait = { param = 't' }\n\
                 [[steps]]\nname = 'Rail'\nmeasurements = [{ name = 'v', instrument = 'dmm', function = 'dc_voltage', range = '10 V', \
                 unit = 'V', limit = { low = 1 } }]\n";
    let procedure = read(swept, &Given::default());
    let waits: Vec<u64> = procedure
        .steps
        .iter()
        .filter_map(|step| match step.kind {
            StepKind::Wait(wait) => Some(wait.as_secs()),
            StepKind::Measurements(_)
            | StepKind::Set { .. }
            | StepKind::Prompt(_)
            | StepKind::Exec(_)
            | StepKind::Query(_)
            | StepKind::Send(_)
            | StepKind::Expect(_) => None,
        })
        .collect();
    assert_eq!(waits, [60, 210, 360]);
}

#[test]
fn a_parameter_that_nothing_names_is_a_warning_at_its_place() {
    let text = format!("{PROCEDURE}{LIMIT}").replace(
        "count = { default = 2 }",
        "count = { default = 2 }\nspare = { default = 2 }",
    );
    let warnings = read(&text, &Given::default()).warnings().render_short();
    assert_eq!(
        warnings,
        "x.toml:6:1: warning: no step uses the parameter `spare`; `{ param = \"spare\" }` stands for its value, `param.spare` \
         in an expression\n"
    );
}

#[test]
fn a_part_that_has_no_limit_where_another_has_is_refused() {
    let text = format!(
        "limits = 'l.toml'\n{PROCEDURE}{}",
        "[[steps]]\nname = 'Other'\nmeasurements = [{ name = 'vdd', \
         instrument = 'dmm', function = 'dc_voltage', range = '10 V', unit = 'V', limit = { low = 1 } }]\n"
    );
    let limits = "revision = 'C'\nvariants.P-1.limits.vcc = { low = 4 }\nvariants.P-3.limits.vcc = { low = 5 }\n";
    read(&text, &given(Some("P-1"), &[], &[], &[("l.toml", limits)]));
    refused(
        &text,
        &given(Some("P-2"), &[], &[], &[("l.toml", limits)]),
        "l.toml:2:21: error: `vcc` has no limit for this part, and another part has one; it would go unjudged: write its limit for \
         this part too, or one for all under [limits]\n",
    );
    // one for all is enough
    let all = format!("{limits}limits.vcc = {{ low = 3 }}\n");
    read(&text, &given(Some("P-2"), &[], &[], &[("l.toml", &all)]));
}

#[test]
fn limits_without_a_revision_are_refused() {
    let text = format!("limits = 'l.toml'\n{PROCEDURE}");
    refused(
        &text,
        &given(
            None,
            &[],
            &[],
            &[("l.toml", "revision = ' '\nlimits.vcc = { low = 3 }\n")],
        ),
        "l.toml:1:12: error: the limits have an empty `revision`: records could not say which limits were in force\n",
    );
}
