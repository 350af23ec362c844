//! What is left of a supply's settings after the path to it was lost.

use super::{PSU, alone, turn_on};
use crate::ScpiInstrument;
use benchtop_instrument::{Error, ErrorKind, Instrument, OutputSetting, Setting};
use benchtop_sim::{Fault, FaultOrder, SimulatedBench};
use std::time::Duration;

fn name(bench: &SimulatedBench) -> String {
    bench.instrument_names().next().unwrap().to_owned()
}

/// Switches the supply off and on again, as somebody at its switch does.
fn restart(bench: &SimulatedBench) {
    assert!(bench.set_fault(&name(bench), Fault::Reboot(Duration::ZERO)));
}

/// Hangs up, and no more than that.
fn hang_up(bench: &SimulatedBench) {
    let order = FaultOrder::parse("kind = 'drop_connection'\nfor_messages = 1").unwrap();
    bench.order_fault(&name(bench), order).unwrap();
}

async fn set(supply: &mut ScpiInstrument, setting: OutputSetting) -> Result<(), Error> {
    supply.set(&Setting::Output(setting)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_output_that_went_off_with_the_supply_is_named_and_never_turned_on_unasked() {
    alone(PSU, async |mut supply: ScpiInstrument, bench| {
        set(&mut supply, turn_on()).await.unwrap();
        supply.find_outputs_on().await.unwrap();
        restart(&bench);
        let found = supply.find_outputs_on().await.unwrap_err();
        assert_eq!(found.kind(), ErrorKind::Readback);
        assert!(
            found
                .to_string()
                .contains("output 1 was turned on and reads back as off"),
            "{found}"
        );
        restart(&bench);
        let lost = set(&mut supply, OutputSetting::of_channel(1)).await.unwrap_err();
        assert_eq!(lost.kind(), ErrorKind::Disconnected, "{lost}");
        let recovered = supply.recover().await.unwrap_err();
        assert_eq!(recovered.kind(), ErrorKind::Readback);
        assert!(
            recovered
                .to_string()
                .contains("output 1 was turned on and reads back as off"),
            "{recovered}"
        );
        assert_eq!(bench.output_enabled(&name(&bench), 1), Some(false));
        // who turns it on again says so
        set(&mut supply, turn_on()).await.unwrap();
        supply.find_outputs_on().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_output_that_is_off_was_set_to_is_set_again() {
    alone(PSU, async |mut supply: ScpiInstrument, bench| {
        let off = OutputSetting {
            output_enabled: None,
            ..turn_on()
        };
        set(&mut supply, off).await.unwrap();
        restart(&bench);
        set(&mut supply, OutputSetting::of_channel(1)).await.unwrap_err();
        supply.recover().await.unwrap();
        let on = OutputSetting {
            output_enabled: Some(true),
            ..OutputSetting::of_channel(1)
        };
        set(&mut supply, on).await.unwrap();
        assert_eq!(
            supply.query("VOLT? (@1);:CURR? (@1)").await.unwrap().as_deref(),
            Some("+5.00000000E+00;+5.00000000E-01")
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_was_lost_alone_leaves_the_outputs_as_they_were() {
    alone(PSU, async |mut supply: ScpiInstrument, bench| {
        set(&mut supply, turn_on()).await.unwrap();
        hang_up(&bench);
        supply.find_outputs_on().await.unwrap();
        hang_up(&bench);
        set(&mut supply, OutputSetting::of_channel(1)).await.unwrap_err();
        supply.recover().await.unwrap();
        assert_eq!(bench.output_enabled(&name(&bench), 1), Some(true));
        let before = bench.heard(&name(&bench)).len();
        supply.find_outputs_on().await.unwrap();
        assert_eq!(
            bench.heard(&name(&bench))[before..],
            ["OUTP? (@1)"],
            "one question an output"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_output_that_is_on_and_not_as_it_was_set_is_named() {
    alone(PSU, async |mut supply: ScpiInstrument, bench| {
        set(&mut supply, turn_on()).await.unwrap();
        supply.query("VOLT 3,(@1)").await.unwrap();
        hang_up(&bench);
        set(&mut supply, OutputSetting::of_channel(1)).await.unwrap_err();
        let error = supply.recover().await.unwrap_err();
        assert!(
            error
                .to_string()
                .contains("voltage_level of output 1 was set to 5 V and reads back as 3 V"),
            "{error}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_supply_that_answers_after_the_path_was_lost_is_told_nothing() {
    alone(PSU, async |mut supply: ScpiInstrument, bench| {
        set(&mut supply, turn_on()).await.unwrap();
        supply.prepare().await.unwrap();
        set(&mut supply, turn_on()).await.unwrap();
        hang_up(&bench);
        set(&mut supply, OutputSetting::of_channel(1)).await.unwrap_err();
        bench.set_fault(&name(&bench), Fault::WrongIdentity);
        let before = bench.heard(&name(&bench)).len();
        let error = supply.recover().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongIdentity, "{error}");
        assert_eq!(bench.heard(&name(&bench))[before..], ["*IDN?"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_output_that_was_turned_off_is_not_looked_for() {
    alone(PSU, async |mut supply: ScpiInstrument, bench| {
        set(&mut supply, turn_on()).await.unwrap();
        let off = OutputSetting {
            output_enabled: Some(false),
            ..OutputSetting::of_channel(1)
        };
        set(&mut supply, off).await.unwrap();
        let before = bench.heard(&name(&bench)).len();
        supply.find_outputs_on().await.unwrap();
        assert_eq!(bench.heard(&name(&bench)).len(), before);
    })
    .await;
}
