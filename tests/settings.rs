//! The order of the keys in a file never reaches a supply: a TOML table has none.

use benchtop_instrument::{Clock, Instrument, VirtualClock, spawn};
use benchtop_procedure::StepKind;
use benchtop_scpi::{Options, ScpiInstrument};
use benchtop_sim::{Model, SimulatedBench};
use std::sync::Arc;

const KEYS: [&str; 6] = [
    "instrument = 'psu'",
    "channel = 1",
    "voltage_level = '5 V'",
    "current_limit = '500 mA'",
    "ocp_enabled = true",
    "output_enabled = true",
];

fn permutations(items: &[&'static str]) -> Vec<Vec<&'static str>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (index, first) in items.iter().enumerate() {
        let rest: Vec<&'static str> = [&items[..index], &items[index + 1..]].concat();
        for mut tail in permutations(&rest) {
            tail.insert(0, first);
            all.push(tail);
        }
    }
    all
}

/// What a supply hears when this `set` is carried out.
async fn heard(keys: &[&str]) -> Vec<String> {
    let text = format!(
        "procedure = {{ id = 'A', version = '1' }}\ninstruments.psu.class = 'dc_power'\n[[setup]]\nname = 'On'\nset = {{ {} }}\n\
         [[steps]]\nname = 'Volts'\n[[steps.measurements]]\nname = 'v'\ninstrument = 'psu'\nfunction = 'dc_voltage'\nunit = 'V'\n\
         limit = {{ low = 1 }}\n[[teardown]]\nname = 'Off'\nset = {{ instrument = 'psu', output_enabled = false }}\n",
        keys.join(", ")
    );
    let procedure = benchtop_procedure::parse("keys.toml", &text).unwrap_or_else(|findings| panic!("{findings}"));
    let StepKind::Set { setting, .. } = procedure.setup[0].kind.clone() else {
        panic!("a set")
    };
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new());
    let read = |file: &str| std::fs::read_to_string(format!("{}/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let model = Model::parse("sim.toml", &read("instruments/keysight/e36312a/sim.toml")).unwrap();
    let bench = SimulatedBench::lone("keysight/e36312a", &model, Arc::clone(&clock));
    let name = bench.instrument_names().next().unwrap().to_owned();
    let driver = read("instruments/keysight/e36312a/driver.toml");
    let definition = Arc::new(benchtop_scpi::parse("keysight/e36312a", "driver.toml", &driver).unwrap());
    let session = bench.session(&name).unwrap();
    let mut psu = ScpiInstrument::new(session, definition, Arc::clone(&clock), Options::default());
    spawn(clock.as_ref(), async move { psu.set(&setting).await })
        .await
        .unwrap()
        .unwrap();
    bench.heard(&name)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_permutation_of_the_keys_sends_the_same() {
    let all = permutations(&KEYS);
    assert_eq!(all.len(), 720);
    let first = heard(&KEYS).await;
    let at = |message: &str| first.iter().position(|heard| heard == message).unwrap();
    let order = [
        "CURR 0.5,(@1)",
        "CURR:PROT:STAT ON,(@1)",
        "VOLT 5,(@1)",
        "CURR:PROT:STAT? (@1)",
        "OUTP ON,(@1)",
    ];
    assert!(order.map(at).is_sorted(), "{first:?}");
    for keys in all {
        assert_eq!(heard(&keys).await, first, "{keys:?}");
    }
}
