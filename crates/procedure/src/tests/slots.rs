//! One procedure, two slots: what each has of its own, and what the fixture does for both.

use super::bench;
use crate::{BoundProcedure, Given, LogicalName, PlanNode, Slot, Span, StepKind, check_slots, parse};
use benchtop_instrument::Setting;
use benchtop_notation::{Diagnostics, Spanned};
use std::collections::BTreeMap;

const HEAD: &str = r#"
[procedure]
id = "RAIL-CHECK"
version = "1.0.0"
[instruments.scanner]
class = "dmm"
[instruments.psu]
class = "dc_power"
"#;

const FIXTURE_ON: &str = r#"
[[fixture_setup]]
name = "Fixture on"
set = { instrument = "psu", channel = 1, voltage_level = "5 V", current_limit = "1 A", output_enabled = true }
"#;

const PROCEDURE: &str = r#"
[[fixture_setup]]
name = "Fixture on"
set = { instrument = "psu", channel = 1, voltage_level = "5 V", current_limit = "1 A", output_enabled = true }
[[setup]]
name = "Power on"
set = { instrument = "psu", channel = 2, voltage_level = "5 V", current_limit = "1 A", output_enabled = true }
[[steps]]
name = "Both"
lock = ["scanner", "psu"]
[[steps.steps]]
name = "Rail"
[[steps.steps.measurements]]
name = "vcc"
instrument = "scanner"
channel = 101
function = "dc_voltage"
range = "10 V"
unit = "V"
limit = { low = 3.25, high = 3.35 }
[[teardown]]
name = "Power off"
set = { instrument = "psu", channel = 2, output_enabled = false }
[[fixture_teardown]]
name = "Fixture off"
set = { instrument = "psu", channel = 1, output_enabled = false }
"#;

/// Checks a procedure for the two slots.
fn in_slots(text: &str) -> Result<BTreeMap<String, BoundProcedure>, Diagnostics> {
    check_slots(
        "x.toml",
        text,
        &Given::default(),
        &bench::instruments(),
        &bench::slots(),
    )
}

fn set_channel(kind: &StepKind) -> Option<u32> {
    match kind {
        StepKind::Set {
            setting: Setting::Output(output),
            ..
        } => Some(output.channel),
        StepKind::Set { .. }
        | StepKind::Measurements(_)
        | StepKind::Wait(_)
        | StepKind::Prompt(_)
        | StepKind::Exec(_)
        | StepKind::Query(_)
        | StepKind::Send(_)
        | StepKind::Expect(_) => None,
    }
}

#[test]
fn each_slot_has_its_own_channels_and_the_fixture_keeps_its() {
    let text = format!("{HEAD}{PROCEDURE}");
    let bound = in_slots(&text).unwrap();
    for (slot, output, input) in [("A", 2, 101), ("B", 3, 102)] {
        let procedure = bound[slot].procedure();
        let of = |steps: Vec<&crate::Step>| {
            steps
                .iter()
                .filter_map(|step| set_channel(&step.kind))
                .collect::<Vec<_>>()
        };
        assert_eq!(of(procedure.fixture_steps().collect()), [1, 1], "{slot}");
        assert_eq!(of(procedure.unit_steps().collect()), [output, output], "{slot}");
        let reading = procedure.steps[0].kind.measurements()[0].reading().unwrap();
        assert_eq!(reading.request.channel, input, "{slot}");
    }
}

#[test]
fn steps_of_the_fixture_stand_at_the_ends_and_locks_are_sorted() {
    let procedure = parse("x.toml", &format!("{HEAD}{PROCEDURE}")).unwrap();
    let names = |steps: &[crate::Step]| steps.iter().map(|step| step.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&procedure.setup), ["Fixture on", "Power on"]);
    assert_eq!(names(&procedure.teardown), ["Power off", "Fixture off"]);
    let fixture = procedure.fixture;
    assert_eq!(
        (
            fixture.setup,
            fixture.setup_nodes,
            fixture.teardown,
            fixture.teardown_nodes
        ),
        (1, 1, 1, 1)
    );
    let PlanNode::Group(group) = &procedure.plan.steps[0] else {
        panic!("no group")
    };
    assert_eq!(group.lock, ["psu", "scanner"].map(|name| LogicalName(name.to_owned())));
}

#[test]
fn a_mapped_channel_that_nothing_uses_is_a_warning_with_its_place() {
    let text = format!("{HEAD}{PROCEDURE}");
    let bound = in_slots(&text).unwrap();
    let warnings = bound["A"].warnings().render_short();
    assert_eq!(
        warnings,
        "station.toml:1:1: warning: slot B: no step of a unit uses \"scanner.vcc\" in RAIL-CHECK; did you mean \"scanner.101\"?\n"
    );
}

#[test]
fn another_instrument_stands_for_the_procedures_in_a_slot() {
    let text = r#"
[procedure]
id = "RAIL-CHECK"
version = "1.0.0"
[instruments.dmm]
class = "dmm"
[[steps]]
name = "Both"
lock = ["dmm"]
[[steps.steps]]
name = "Rail"
[[steps.steps.measurements]]
name = "vcc"
instrument = "dmm"
function = "dc_voltage"
range = "10 V"
unit = "V"
limit = { low = 3.25, high = 3.35 }
"#;
    let mut slots = bench::slots();
    let (dmm, ammeter) = (LogicalName("dmm".to_owned()), LogicalName("ammeter".to_owned()));
    let other = Spanned::new(ammeter.clone(), Span::of_file("station.toml"));
    let slot = Slot {
        instruments: [(dmm.clone(), other)].into(),
        ..Slot::default()
    };
    slots.insert("B".to_owned(), slot);
    let bound = check_slots("x.toml", text, &Given::default(), &bench::instruments(), &slots).unwrap();
    for (slot, name) in [("A", &dmm), ("B", &ammeter)] {
        let procedure = bound[slot].procedure();
        let used: Vec<_> = procedure.steps[0].instruments().collect();
        assert_eq!(used, [name], "{slot}");
        assert_eq!(procedure.instruments.keys().collect::<Vec<_>>(), [name], "{slot}");
        let PlanNode::Group(group) = &procedure.plan.steps[0] else {
            panic!("no group")
        };
        assert_eq!(group.lock.first(), Some(name), "{slot}");
    }
}

#[test]
fn a_name_and_the_number_that_the_station_has_for_it_are_one_channel_in_a_slot_too() {
    let measurement = |name: &str, channel: &str| {
        format!(
            "[[steps.steps.measurements]]\nname = \"{name}\"\ninstrument = \"scanner\"\nchannel = {channel}\nfunction = \"dc_voltage\"\n\
             range = \"10 V\"\nunit = \"V\"\nlimit = {{ low = 3.25, high = 3.35 }}\n"
        )
    };
    let text = format!(
        "{HEAD}[[steps]]\nname = \"Both\"\nlock = [\"scanner\"]\n[[steps.steps]]\nname = \"Rail\"\n{}{}",
        measurement("by_name", "\"vcc\""),
        measurement("by_number", "101")
    );
    let text = text.replace("[instruments.psu]\nclass = \"dc_power\"\n", "");
    let bound = in_slots(&text).unwrap();
    for (slot, channel) in [("A", 101), ("B", 102)] {
        let measurements = bound[slot].procedure().steps[0].kind.measurements();
        let channels: Vec<u32> = measurements
            .iter()
            .map(|measurement| measurement.reading().unwrap().request.channel)
            .collect();
        assert_eq!(channels, [channel, channel], "{slot}");
    }
}

#[test]
fn exclusive_opens_no_relay_that_the_setup_of_the_fixture_surely_opened_again() {
    let set = |name: &str, what: &str| format!("{{ name = '{name}', set = {{ instrument = 'mux', {what} }} }}");
    let close = set("Close", "close = [103]");
    let open = set("Open", "open = [103]");
    let when = |open: &str, when: &str| open.replacen("{ name", &format!("{{ when = \"{when}\", name"), 1);
    let group =
        |name: &str, more: &str, steps: &[&str]| format!("{{ name = '{name}'{more}, steps = [{}] }}", steps.join(", "));
    let never = "param.warm > 2";
    for (steps, is_kept) in [
        // open, whatever happens on the way: a step that does not do what it says ends all
        (vec![close.clone(), open.clone()], false),
        (
            vec![close.clone(), set("Other", "close = [101], exclusive = true")],
            false,
        ),
        (
            vec![close.clone(), group("G", ", retry = { attempts = 2 }", &[&open])],
            false,
        ),
        (vec![group("G", ", retry = { attempts = 2 }", &[&close, &open])], false),
        (vec![when(&close, never), open.clone()], false),
        (
            vec![
                group("G", ", when = 'param.warm > 2'", &[&close, &open]),
                set("Last", "open = [103]"),
            ],
            false,
        ),
        // closed, or perhaps closed
        (vec![close.clone()], true),
        (vec![open.clone(), close.clone()], true),
        (vec![close.clone(), open.clone(), set("Again", "close = [103]")], true),
        (
            vec![close.clone(), open.clone(), when(&set("Again", "close = [103]"), never)],
            true,
        ),
        (vec![close.clone(), when(&open, never)], true),
        (
            vec![close.clone(), group("G", ", when = 'param.warm > 2'", &[&open])],
            true,
        ),
        (
            vec![
                close.clone(),
                group("G", ", when = 'param.warm > 2'", &[&group("H", "", &[&open])]),
            ],
            true,
        ),
        (vec![close.clone(), set("Another", "open = [102]")], true),
        (
            vec![close.clone(), set("Same", "close = [103], exclusive = true")],
            true,
        ),
        (vec![close.clone(), open.replace("'mux'", "'other'")], true),
    ] {
        let steps = steps.join(", ");
        let text = format!(
            "fixture_setup = [{steps}]\n{HEAD}[instruments.mux]\nclass = 'switch'\n[instruments.other]\nclass = 'switch'\n\
             [parameters.warm]\ndefault = 1\n\
             {PROCEDURE}[[steps]]\nname = 'Locked'\nlock = ['mux']\n[[steps.steps]]\nname = 'Route'\n\
             set = {{ instrument = 'mux', close = ['vcc'], exclusive = true }}\n"
        );
        let text = text.replacen(FIXTURE_ON, "", 1);
        let mut instruments = bench::instruments();
        let other = instruments[&LogicalName("mux".to_owned())].clone();
        instruments.insert(LogicalName("other".to_owned()), other);
        let bound = check_slots("x.toml", &text, &Given::default(), &instruments, &bench::slots());
        let told = bound.map_or_else(|mistakes| mistakes.to_string(), |_bound| String::new());
        let is_told = told.contains("`exclusive` opens mux channel 103, which the fixture closes");
        assert_eq!(is_told, is_kept, "{steps}: {told}");
        // one that stands in for it is kept itself
        let others = told
            .lines()
            .filter(|line| line.contains(": error: ") && !line.contains("channel 103,"));
        assert!(
            others.count() == usize::from(steps.contains("'Other'")),
            "{steps}: {told}"
        );
    }
}

#[test]
fn exclusive_opens_what_the_fixture_keeps_closed_and_nothing_that_is_closed_behind_the_tests() {
    let checked = |section: &str| {
        let of_fixture = format!("[[{section}]]\nname = 'Relay'\nset = {{ instrument = 'mux', close = [103] }}\n");
        let group = "[[steps]]\nname = 'Locked'\nlock = ['mux']\n[[steps.steps]]\nname = 'Route'\n\
                     set = { instrument = 'mux', close = ['vcc'], exclusive = true }\n";
        let text = format!("{HEAD}[instruments.mux]\nclass = 'switch'\n{PROCEDURE}{of_fixture}{group}");
        let bound = in_slots(&text);
        bound
            .map(drop)
            .map_err(|mistakes| mistakes.to_string().matches("which the fixture closes").count())
    };
    assert_eq!(checked("fixture_setup"), Err(1));
    assert_eq!(checked("fixture_teardown"), Ok(()));
}
