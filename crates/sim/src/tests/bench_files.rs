//! Bench files: what is refused, and how it is said.

use super::definitions;
use crate::{Bench, Model};

fn check(text: &str, expected: &[&str]) {
    let found = match Bench::parse("bench.toml", text, &definitions) {
        Ok(_) => String::new(),
        Err(findings) => findings.render_short(),
    };
    let found: Vec<&str> = found.lines().collect();
    assert_eq!(found, expected);
}

const HEAD: &str = "[bench]\nname = \"b\"\nseed = 1\n";

#[test]
fn the_shipped_bench_and_models_are_right() {
    let bench = super::board();
    assert_eq!(bench.name(), "board-v3");
    assert_eq!(bench.instrument_names().collect::<Vec<_>>(), ["psu", "dmm", "ammeter"]);
    assert_eq!(bench.model_of("psu"), Some("keysight/e36312a"));
    assert!(
        bench
            .special_units()
            .any(|(serial_number, why)| serial_number == "UNIT-5599" && why.contains("low"))
    );
}

#[test]
fn all_mistakes_come_in_one_go_with_their_place() {
    let text = r#"[bench]
name = "board v3"
seed = "one"
mains = "5 V"

[instruments.psu]
model = "keysight/e36312a"
channels = { 1 = { feeds = "supply" }, 4 = { feeds = "supply" } }
across = "rail"

[instruments.dmm]
model = "keysight/34461a"
across = "rial"

[instruments.meter]
model = "keysight/34401a"
serial_number = "MY123"

[unit.branches.line]
from = "suply"
to = "vin"

[unit.rails.rail]
from = "vin"
level = { nominal = "3.3 V", spread = "10 mA" }
dropout = "-1 V"
tolerance = 1

[[units]]
serial_number = "UNIT-1"
why = "broken"
rails.rial.level = "3 V"
loads.idle.current = "1 A"

[[faults]]
instrument = "dvm"
kind = "late_answer"

[[faults]]
instrument = "dmm"
kind = "explodes"
after_messages = -1
"#;
    check(
        text,
        &[
            "bench.toml:2:8: error: a name is made of letters, digits, `-` and `_`",
            "bench.toml:3:8: error: `seed` must be an integer, not a string",
            "bench.toml:4:12: error: `V` is not a unit of this; expected `Hz`",
            "bench.toml:8:40: error: `keysight/e36312a` has channels 1 to 3, not 4",
            "bench.toml:8:54: error: node `supply` is fed already in line 8",
            "bench.toml:9:1: error: `keysight/e36312a` has no inputs",
            "bench.toml:13:10: error: unknown node `rial`; did you mean `rail`?",
            "bench.toml:16:9: error: there is no simulated model `keysight/34401a`; \
             a model is <vendor>/<model>, as in instruments/<vendor>/<model>/sim.toml",
            "bench.toml:17:17: error: the serial number of a simulated instrument begins with `SIM-`",
            "bench.toml:20:8: error: unknown node `suply`; did you mean `supply`?",
            "bench.toml:25:43: error: `mA` is not a unit of this; expected `V`",
            "bench.toml:26:11: error: `dropout` must not be negative",
            "bench.toml:27:1: error: unknown key `tolerance` in [unit.rails.rail]; \
             expected one of `from`, `level`, `dropout`, `minimum_input`, `resistance`, `ripple`, `ripple_frequency`",
            "bench.toml:32:7: error: unknown part of the unit `rial`; did you mean `rail`?",
            "bench.toml:33:7: error: unknown part of the unit `idle`; nothing is allowed here",
            "bench.toml:35:1: error: missing key `delay` in [[faults]]",
            "bench.toml:36:14: error: unknown instrument `dvm`; did you mean `dmm`?",
            "bench.toml:41:8: error: unknown kind of fault `explodes`; expected one of `no_answer`, `late_answer`, \
             `cut_answer`, `garbled_answer`, `wrong_terminator`, `no_terminator`, `stuck_reading`, `drift`, \
             `error_queue_full`, `drop_connection`, `refused`, `half_open`, `reboot`, `wrong_identity`, \
             `blown_current_fuse`, `lead_off`, `ovp_trip`, `stuck_output`, `hang_forever`, `random`",
            "bench.toml:42:18: error: `after_messages` must not be negative",
        ],
    );
}

const SUPPLY: &str = "[instruments.psu]\nmodel = \"keysight/e36312a\"\nchannels = { 1 = { feeds = \"a\" } }\n";

#[test]
fn a_fault_that_an_instrument_cannot_have_is_refused() {
    let bench = "[instruments.dmm]\nmodel = \"keysight/34461a\"\n[instruments.psu]\nmodel = \"keysight/e36312a\"\n";
    let fault = |name: &str, kind: &str| format!("[[faults]]\ninstrument = \"{name}\"\nkind = \"{kind}\"\n");
    check(
        &[HEAD, bench, &fault("dmm", "ovp_trip"), &fault("psu", "lead_off")].concat(),
        &[
            "bench.toml:9:14: error: `ovp_trip` is a fault of an instrument with outputs, which dmm is not",
            "bench.toml:12:14: error: `lead_off` is a fault of a meter, which psu is not",
        ],
    );
}

#[test]
fn nodes_that_hang_in_the_air_are_refused() {
    check(
        &format!(
            "{HEAD}{SUPPLY}[unit.branches.x]\nfrom = \"b\"\nto = \"c\"\n[unit.branches.y]\nfrom = \"c\"\nto = \"b\"\n"
        ),
        &[
            "bench.toml:9:6: error: nothing connects this node to a supply or to ground",
            "bench.toml:12:6: error: nothing connects this node to a supply or to ground",
        ],
    );
    // a rail is fed from somewhere, and only once
    check(
        &format!(
            "{HEAD}{SUPPLY}[unit.rails.b]\nfrom = \"c\"\nlevel = \"1 V\"\n[unit.rails.c]\nfrom = \"b\"\nlevel = \"1 V\"\n"
        ),
        &[
            "bench.toml:7:13: error: nothing connects this node to a supply or to ground",
            "bench.toml:10:13: error: nothing connects this node to a supply or to ground",
        ],
    );
    check(
        &format!(
            "{HEAD}{SUPPLY}[unit.rails.a]\nfrom = \"a\"\nlevel = \"1 V\"\n[unit.rails.ground]\nfrom = \"a\"\nlevel = \"1 V\"\n"
        ),
        &[
            "bench.toml:7:1: error: a regulator does not feed itself",
            "bench.toml:7:13: error: node `a` is fed already in line 6",
            "bench.toml:10:13: error: nothing can feed ground",
        ],
    );
}

#[test]
fn elements_that_cannot_be_are_refused() {
    let unit = r#"
[unit.branches.loop]
from = "a"
to   = "a"

[unit.branches.contact]
from = "a"
to   = "b"
when = { node = "a", above = "1 V", below = "2 V" }

[unit.rails.r]
from   = "b"
level  = "1 V"
ripple = "10 mV"

[unit.loads.nothing]
node = "r"

[unit.loads.both]
node       = "r"
current    = "1 A"
resistance = "1 Ohm"

[unit.loads.constant]
node    = "r"
current = "1 mA"
when    = { node = "x", over = "1 V" }

[unit.capacitors.c]
node        = "r"
capacitance = "10 V"

[[units]]
serial_number = "1"
why           = "what an electronic load has not got"
loads.constant.at        = "1 V"
capacitors.c.capacitance = "-1 uF"
"#;
    check(
        &format!("{HEAD}{SUPPLY}{unit}"),
        &[
            "bench.toml:8:1: error: a branch lies between two nodes",
            "bench.toml:15:8: error: `below` is not higher than `above`: it goes on above one and off below the other",
            "bench.toml:20:1: error: a rail with `ripple` also has a `ripple_frequency` above 0 Hz",
            "bench.toml:22:1: error: a load has a `current`, or a `current` that it draws `at` a voltage, or a `resistance`",
            "bench.toml:25:1: error: a load has a `current`, or a `current` that it draws `at` a voltage, or a `resistance`",
            "bench.toml:33:11: error: missing key `above` in `when`",
            "bench.toml:33:20: error: unknown node `x`; expected one of `ground`, `a`, `b`, `r`",
            "bench.toml:33:25: error: unknown key `over` in `when`; expected one of `node`, `above`, `below`",
            "bench.toml:37:19: error: `V` is not a unit of this; expected `F`",
            "bench.toml:42:16: error: `constant` has no `at` in [unit.loads]",
            "bench.toml:43:28: error: `capacitance` must not be negative",
        ],
    );
}

#[test]
fn a_model_with_mistakes_is_refused_with_their_places() {
    let (file, text) = definitions("keysight/e36312a").unwrap();
    let text = text
        .replace("SIM-MY00036312", "MY59002391")
        .replace("= \"output\" ", "= \"ouput\" ")
        .replace("\"*OPT?\"", "\"*IDN?\"")
        .replace("voltage_step = \"0.24 mV\"", "voltage_step = \"0.24 mA\"");
    let findings = Model::parse(&file, &text).unwrap_err().render_short();
    let expected = "\
instruments/keysight/e36312a/sim.toml:18:21: error: the serial number of a simulated instrument begins with `SIM-`
instruments/keysight/e36312a/sim.toml:33:54: error: unknown behaviour `ouput`; did you mean `output`?
instruments/keysight/e36312a/sim.toml:63:1: error: `*IDN` is here for the second time
instruments/keysight/e36312a/sim.toml:76:22: error: `mA` is not a unit of this; expected `V`
";
    assert_eq!(findings, expected);
}
