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
        ("pause", "soon", "the parameter `pause` is a quantity in s, not soon"),
        ("count", "many", "the parameter `count` is a number, not many"),
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
