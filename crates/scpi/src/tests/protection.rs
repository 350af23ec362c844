//! What an output holds constant, and what took it off, as the supply says or as it measures.

use super::{PSU, alone, definition, heard, text, turn_on};
use crate::{ScpiInstrument, parse};
use benchtop_instrument::{ErrorKind, Instrument, OutputMode, OutputSetting, Protection, Regulation, Setting};
use benchtop_sim::Fault;

const IN_BITS: &str = PSU;
const IN_WORDS: &str = "rigol/dp832";
const MEASURED: &str = "keysight/n5767a";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_output_that_tripped_is_reported_with_what_took_it_off() {
    for model in [IN_BITS, IN_WORDS] {
        alone(model, async |mut supply: ScpiInstrument, bench| {
            let name = bench.instrument_names().next().unwrap().to_owned();
            supply.prepare().await.unwrap();
            supply.set(&Setting::Output(turn_on())).await.unwrap();
            let mode = supply.output_mode(1).await.unwrap();
            assert_eq!(mode, OutputMode::Regulates(Regulation::Voltage));
            assert!(bench.set_fault(&name, Fault::OvpTrip));
            let error = supply.find_outputs_on().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Readback);
            let expected = "output 1 was turned on and reads back as off: over-voltage protection tripped";
            assert!(error.to_string().ends_with(expected), "{error}");
            let mode = supply.output_mode(1).await.unwrap();
            assert_eq!(mode, OutputMode::Tripped(Protection::OverVoltage));
            // it was told to go off, so that nobody misses it any more
            supply.find_outputs_on().await.unwrap();
            // and one that trips as soon as it is on says so too
            let error = supply.set(&Setting::Output(turn_on())).await.unwrap_err();
            assert!(error.to_string().ends_with(expected), "{error}");
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_supply_that_cannot_be_asked_is_judged_by_what_it_measures() {
    assert!(definition(MEASURED).outputs.as_ref().unwrap().regulation.is_none());
    alone(MEASURED, async |mut supply: ScpiInstrument, bench| {
        supply.prepare().await.unwrap();
        supply.set(&Setting::Output(turn_on())).await.unwrap();
        let mode = supply.output_mode(1).await.unwrap();
        assert_eq!(mode, OutputMode::Regulates(Regulation::Voltage));
        let name = bench.instrument_names().next().unwrap().to_owned();
        assert!(bench.set_fault(&name, Fault::OvpTrip));
        // it has no sourced question for its protection
        assert_eq!(supply.output_mode(1).await.unwrap(), OutputMode::Off);
    })
    .await;
}

#[test]
fn an_answer_names_one_regulation_or_none() {
    let of = |model: &str, answer: &str| {
        let definition = definition(model);
        let outputs = definition.outputs.as_ref().unwrap();
        outputs.regulation.as_ref().unwrap().regulation(answer)
    };
    assert_eq!(of(IN_WORDS, "CV"), Some(Some(Regulation::Voltage)));
    assert_eq!(of(IN_WORDS, "CC\n"), Some(Some(Regulation::Current)));
    assert_eq!(of(IN_WORDS, "UR"), Some(None));
    assert_eq!(of(IN_BITS, "+2"), Some(Some(Regulation::Voltage)));
    assert_eq!(of(IN_BITS, "1"), Some(Some(Regulation::Current)));
    assert_eq!(of(IN_BITS, "0"), Some(None));
    // a failure of its hardware
    assert_eq!(of(IN_BITS, "3"), Some(None));
    assert_eq!(of(IN_BITS, "CV"), None);
}

#[test]
fn words_and_bits_are_not_mixed() {
    let file = "instruments/keysight/e36312a/driver.toml";
    let mixed = text(file).replace("cv_bit = 1", "cv = \"CV\"");
    let refused = parse(IN_BITS, file, &mixed).unwrap_err().to_string();
    assert!(
        refused.contains("`cv` and `cc`, the words of its answers, or `cv_bit` and `cc_bit`"),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_over_current_protection_is_switched_and_read_back_before_the_output_goes_on() {
    for (model, on, query, output) in [
        (
            IN_BITS,
            "CURR:PROT:STAT ON,(@1)",
            "CURR:PROT:STAT? (@1)",
            "OUTP ON,(@1)",
        ),
        (MEASURED, "CURR:PROT:STAT ON", "CURR:PROT:STAT?", "OUTP:STAT ON"),
    ] {
        alone(model, async |mut supply: ScpiInstrument, bench| {
            supply.prepare().await.unwrap();
            let protected = OutputSetting {
                ocp_enabled: Some(true),
                ..turn_on()
            };
            supply.set(&Setting::Output(protected)).await.unwrap();
            let messages = heard(&bench);
            let at = |message: &str| messages.iter().position(|heard| heard == message);
            assert!(at(on).is_some(), "{messages:?}");
            assert!(at(on) < at(query) && at(query) < at(output), "{messages:?}");
            let off = OutputSetting {
                ocp_enabled: Some(false),
                ..OutputSetting::of_channel(1)
            };
            supply.set(&Setting::Output(off)).await.unwrap();
            assert_eq!(supply.query(query).await.unwrap().as_deref(), Some("0"));
        })
        .await;
    }
    alone(IN_WORDS, async |mut supply: ScpiInstrument, bench| {
        let protected = OutputSetting {
            ocp_enabled: Some(true),
            ..turn_on()
        };
        let error = supply.set(&Setting::Output(protected)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(
            error.to_string().ends_with("Rigol DP832 has no ocp_enabled to set"),
            "{error}"
        );
        assert_eq!(heard(&bench), Vec::<String>::new(), "nothing was sent");
    })
    .await;
}
