//! A source of which this station has some outputs: the others are never touched.

use super::{PSU, definition, heard, quantity, text};
use crate::{Options, ScpiInstrument};
use benchtop_instrument::{Clock, ErrorKind, Instrument, OutputSetting, SafetyProof, Setting, VirtualClock, spawn};
use benchtop_sim::{Model, SimulatedBench};
use std::sync::Arc;

fn on(channel: u32) -> Setting {
    Setting::Output(OutputSetting {
        voltage_level: Some(quantity("5 V")),
        current_limit: Some(quantity("500 mA")),
        output_enabled: Some(true),
        ..OutputSetting::of_channel(channel)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_stations_outputs_are_set_and_made_safe() {
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new());
    let file = format!("instruments/{PSU}/sim.toml");
    let model = Model::parse(&file, &text(&file)).unwrap();
    let bench = SimulatedBench::lone(PSU, &model, Arc::clone(&clock));
    let name = bench.instrument_names().next().unwrap().to_owned();
    let open = |options: Options| {
        let session = bench.session(&name).unwrap();
        ScpiInstrument::new(session, definition(PSU), Arc::clone(&clock), options)
    };
    let ours = Options {
        shared: true,
        only: Some(vec![2]),
        ..Options::default()
    };
    let (mut theirs, mut ours) = (open(Options::default()), open(ours));
    let (refused, states, asked) = spawn(clock.as_ref(), async move {
        theirs.set(&on(1)).await.unwrap();
        ours.prepare().await.unwrap();
        ours.set(&on(2)).await.unwrap();
        let refused = ours.set(&on(1)).await.unwrap_err();
        let states = ours.make_safe().await.unwrap();
        let asked = theirs.query("OUTP? (@1,2)").await.unwrap();
        (refused, states, asked)
    })
    .await
    .unwrap();
    assert_eq!(refused.kind(), ErrorKind::OutOfRange);
    assert!(refused.to_string().contains("has channel 2, not 1"), "{refused}");
    let proved: Vec<(u32, bool)> = states
        .iter()
        .map(|state| (state.channel, state.proof == SafetyProof::Off))
        .collect();
    assert_eq!(proved, [(2, true)]);
    assert_eq!(asked.as_deref(), Some("1,0"), "theirs stayed on");
    assert!(
        !heard(&bench).iter().any(|message| message == "*RST"),
        "nothing was reset"
    );
}
