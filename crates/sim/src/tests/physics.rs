//! Volts and amperes as instruments see them: settling, loading, burden, ripple, noise, resistance.

use super::{ask, definitions, number, on_virtual_clock};
use crate::{Bench, SimulatedBench};
use benchtop_instrument::{Clock, ClockExt, Session};
use std::{sync::Arc, time::Duration};

/// A supply, a meter across `node` and a meter in the line, around this unit.
fn bench(node: &str, unit: &str) -> Bench {
    let text = format!(
        r#"
[bench]
name = "b"
seed = 7
[instruments.psu]
model    = "keysight/e36312a"
channels = {{ 1 = {{ feeds = "supply" }}, 2 = {{ feeds = "coil" }} }}
[instruments.dmm]
model  = "keysight/34461a"
across = "{node}"
[instruments.ammeter]
model     = "keysight/34461a"
in_series = "line"
[unit.branches.line]
from = "supply"
to   = "vin"
{unit}
"#
    );
    Bench::parse("bench.toml", &text, &definitions)
        .unwrap_or_else(|findings| panic!("{}", findings.render_human(false)))
}

/// The instruments of a bench.
struct Stand {
    clock: Arc<dyn Clock>,
    psu: Box<dyn Session>,
    dmm: Box<dyn Session>,
    ammeter: Box<dyn Session>,
}

impl Stand {
    fn new(bench: &Bench, clock: &Arc<dyn Clock>) -> Self {
        let bench: SimulatedBench = bench.build(Arc::clone(clock), "UNIT-1");
        Self {
            psu: bench.session("psu").unwrap(),
            dmm: bench.session("dmm").unwrap(),
            ammeter: bench.session("ammeter").unwrap(),
            clock: Arc::clone(clock),
        }
    }

    async fn psu(&mut self, message: &str) {
        ask(&mut self.psu, &*self.clock, message).await;
    }

    async fn dmm(&mut self, message: &str) -> f64 {
        number(&mut self.dmm, &*self.clock, message).await
    }

    async fn tell_dmm(&mut self, message: &str) {
        ask(&mut self.dmm, &*self.clock, message).await;
    }

    async fn pass(&mut self, milliseconds: u64) {
        self.clock.sleep(Duration::from_millis(milliseconds)).await;
    }
}

/// Runs a test on this unit.
async fn with<F>(node: &'static str, unit: &'static str, test: impl FnOnce(Stand) -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    on_virtual_clock(move |clock| async move {
        let stand = Stand::new(&bench(node, unit), &clock);
        test(stand).await;
    })
    .await;
}

fn near(what: &str, found: f64, expected: f64, within: f64) {
    assert!((found - expected).abs() <= within, "{what}: {found}, not {expected}");
}

const RC: &str = r#"
[unit.branches.r]
from = "vin"
to = "filtered"
resistance = "10 kOhm"
[unit.capacitors.c]
node = "filtered"
capacitance = "10 uF"
"#;

#[tokio::test]
async fn a_filter_settles_as_the_exponential_says_and_the_meter_loads_it() {
    with("filtered", RC, |mut stand| async move {
        stand.tell_dmm("CONF:VOLT:DC 10;:VOLT:DC:NPLC 0.02;:TRIG:DEL 0").await;
        stand.psu("APPL CH1,5,1;:OUTP ON,(@1)").await;
        // 10 MOhm against 10 kOhm: the end value is a thousandth lower, and so is the time constant
        let ends = 5.0 * 10e6 / (10e6 + 10e3);
        let tau = 10e-6 * (10e6 * 10e3) / (10e6 + 10e3);
        let begins = stand.clock.now();
        for milliseconds in [0, 30, 100, 200, 600] {
            stand.pass(milliseconds).await;
            let found = stand.dmm("READ?").await;
            let middle = stand.clock.now().since(begins).as_secs_f64() - 150e-6;
            // noise at 0.02 PLC: 300 uV
            near(
                &format!("after {middle} s"),
                found,
                -ends * (-middle / tau).exp_m1(),
                2e-3,
            );
        }
        stand.pass(10_000).await;
        stand.tell_dmm("VOLT:DC:NPLC 10").await;
        near("in the end", stand.dmm("READ?").await, ends, 250e-6);
        stand.tell_dmm("VOLT:DC:IMP:AUTO ON").await;
        stand.pass(10_000).await;
        near("not loaded", stand.dmm("READ?").await, 5.0, 250e-6);
        // a slow meter sees the mean of its aperture
        stand.psu("OUTP OFF,(@1)").await;
        stand.psu("VOLT 0,(@1);:OUTP ON,(@1)").await;
        stand.tell_dmm("VOLT:DC:NPLC 1;:VOLT:DC:ZERO:AUTO OFF").await;
        let (begin, end) = (5.0_f64, 5.0 * (-0.2_f64).exp());
        near("the mean", stand.dmm("READ?").await, (begin - end) / 0.2, 1e-3);
    })
    .await;
}

#[tokio::test]
async fn an_ammeter_takes_its_share() {
    let unit = "[unit.loads.l]\nnode = \"vin\"\nresistance = \"100 Ohm\"";
    with("vin", unit, |mut stand| async move {
        stand.psu("APPL CH1,5,1;:OUTP ON,(@1)").await;
        let clock = Arc::clone(&stand.clock);
        for (range, shunt) in [("3", 0.1), ("0.1", 2.0)] {
            let amperes = 5.0 / (100.0 + shunt);
            let found = number(&mut stand.ammeter, &*clock, &format!("MEAS:CURR:DC? {range}")).await;
            near("current", found, amperes, 2e-5);
            near(
                "what is left",
                stand.dmm("MEAS:VOLT:DC? 10").await,
                amperes * 100.0,
                300e-6,
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_supply_in_current_limit_gives_way() {
    let unit = "[unit.loads.l]\nnode = \"vin\"\nresistance = \"10 Ohm\"\n[unit.capacitors.c]\nnode = \"vin\"\ncapacitance = \"1 mF\"";
    with("vin", unit, |mut stand| async move {
        stand.psu("APPL CH1,5,0.2;:OUTP ON,(@1)").await;
        stand.pass(1000).await;
        near("limited", stand.dmm("MEAS:VOLT:DC? 10").await, 2.0, 200e-6);
        stand.psu("CURR 1,(@1)").await;
        stand.pass(1000).await;
        near("not limited", stand.dmm("MEAS:VOLT:DC? 10").await, 5.0, 300e-6);
        // off, the load discharges the capacitor: 10 ms. The meter looks 400 us to 700 us after its trigger
        stand.tell_dmm("CONF:VOLT:DC 10;:VOLT:DC:NPLC 0.02").await;
        stand.psu("OUTP OFF,(@1)").await;
        stand.pass(10).await;
        near("discharging", stand.dmm("READ?").await, 5.0 * (-1.055_f64).exp(), 5e-3);
    })
    .await;
}

const RIPPLE: &str = r#"
[unit.rails.rail]
from = "vin"
level = "3.3 V"
ripple = "100 mV"
ripple_frequency = "100 Hz"
"#;

#[tokio::test]
async fn ripple_is_seen_by_the_ac_function_and_by_short_apertures() {
    with("rail", RIPPLE, |mut stand| async move {
        near("off", stand.dmm("MEAS:VOLT:AC? 0.1").await, 0.0, 1e-5);
        stand.psu("APPL CH1,5,1;:OUTP ON,(@1)").await;
        near("sine", stand.dmm("MEAS:VOLT:AC? 0.1").await, 0.1 / 8.0_f64.sqrt(), 1e-5);
        near("frequency", stand.dmm("MEAS:FREQ?").await, 100.0, 1e-3);
        let mut deviation = Vec::new();
        for nplc in ["0.02", "0.2", "1", "10"] {
            stand.tell_dmm(&format!("CONF:VOLT:DC 10;:VOLT:DC:NPLC {nplc}")).await;
            let mut sum = 0.0;
            for _ in 0..40 {
                sum += (stand.dmm("READ?").await - 3.3).powi(2);
            }
            deviation.push((sum / 40.0_f64).sqrt());
        }
        // 300 us of 10 ms see nearly all of it, 3 ms most, whole periods nothing but noise and this meter's error
        near("0.02 PLC", deviation[0], 0.0353, 0.015);
        near("0.2 PLC", deviation[1], 0.0303, 0.015);
        assert!(deviation[2] < 400e-6 && deviation[3] < 200e-6, "{deviation:?}");
    })
    .await;
}

#[tokio::test]
async fn meters_are_off_within_their_accuracy_and_always_the_same_way() {
    on_virtual_clock(|clock| async move {
        let mut offs = Vec::new();
        for seed in 0..60 {
            let text = format!(
                "[bench]\nname = \"b\"\nseed = {seed}\n[instruments.psu]\nmodel = \"keysight/e36312a\"\n\
                 channels = {{ 1 = {{ feeds = \"a\" }} }}\n[instruments.dmm]\nmodel = \"keysight/34461a\"\nacross = \"a\"\n"
            );
            let bench = Bench::parse("bench.toml", &text, &definitions).unwrap();
            let mut of_one = Vec::new();
            for serial_number in ["1", "2"] {
                let built = bench.build(Arc::clone(&clock), serial_number);
                let (mut psu, mut dmm) = (built.session("psu").unwrap(), built.session("dmm").unwrap());
                ask(&mut psu, &*clock, "APPL CH1,5,1;:OUTP ON,(@1)").await;
                ask(&mut dmm, &*clock, "CONF:VOLT:DC 10;:VOLT:DC:NPLC 100").await;
                of_one.push(number(&mut dmm, &*clock, "READ?").await - 5.0);
            }
            // 35 ppm of 5 V and 5 ppm of 10 V; noise of 1 uV
            assert!(of_one[0].abs() < 230e-6, "{of_one:?}");
            near("another unit", of_one[1], of_one[0], 8e-6);
            offs.push(of_one[0]);
        }
        let most = offs.iter().copied().fold(0.0, |most: f64, off| most.max(off.abs()));
        assert!(most > 80e-6, "{most}");
    })
    .await;
}

#[tokio::test]
async fn resistance_is_measured_where_nothing_is_powered() {
    let unit = r#"
[unit.branches.upper]
from = "vin"
to = "middle"
resistance = "30 kOhm"
[unit.branches.lower]
from = "middle"
to = "ground"
resistance = "10 kOhm"
"#;
    with("middle", unit, |mut stand| async move {
        near("divider", stand.dmm("MEAS:RES?").await, 10e3, 1.0);
        near("again", stand.dmm("MEAS:FRES? 10E3").await, 10e3, 1.0);
        // a supply that is on has no resistance, and 1.25 V look like 250 kOhm more to 5 uA
        stand.psu("APPL CH1,5,1;:OUTP ON,(@1)").await;
        near("powered", stand.dmm("MEAS:RES? 1E6").await, 7.5e3 + 1.25 / 5e-6, 50.0);
    })
    .await;
}

#[tokio::test]
async fn a_relay_connects_a_load_and_the_rail_gives_way() {
    let unit = r#"
[unit.rails.rail]
from = "vin"
level = "3.3 V"
resistance = "50 mOhm"
[unit.loads.step]
node = "rail"
current = "400 mA"
when = { node = "coil", above = "3.5 V", below = "1 V" }
[unit.loads.coil]
node = "coil"
resistance = "250 Ohm"
"#;
    with("rail", unit, |mut stand| async move {
        stand.psu("APPL CH1,5,1;:OUTP ON,(@1)").await;
        near("idle", stand.dmm("MEAS:VOLT:DC? 10").await, 3.3, 200e-6);
        stand.psu("APPL CH2,5,0.1;:OUTP ON,(@2)").await;
        near("loaded", stand.dmm("MEAS:VOLT:DC? 10").await, 3.28, 200e-6);
        stand.psu("VOLT 2,(@2)").await;
        near("held", stand.dmm("MEAS:VOLT:DC? 10").await, 3.28, 200e-6);
        stand.psu("OUTP OFF,(@2)").await;
        near("idle again", stand.dmm("MEAS:VOLT:DC? 10").await, 3.3, 200e-6);
    })
    .await;
}
