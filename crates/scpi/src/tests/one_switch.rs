//! Supplies that do not answer for each output by itself: one switch for all, or a bit of a status word.

use super::{alone, heard, quantity, turn_on};
use crate::ScpiInstrument;
use benchtop_instrument::{Error, ErrorKind, Instrument, OutputSetting, SafetyProof, Setting};

const ONE_SWITCH: &str = "keysight/e3631a";
const STATUS_WORD: &str = "siglent/spd3303x";

async fn set(supply: &mut ScpiInstrument, setting: OutputSetting) -> Result<(), Error> {
    supply.set(&Setting::Output(setting)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_switch_never_takes_along_an_output_that_was_not_turned_on() {
    alone(ONE_SWITCH, async |mut supply: ScpiInstrument, bench| {
        supply.prepare().await.unwrap();
        let charged = OutputSetting {
            voltage_level: Some(quantity("12 V")),
            ..OutputSetting::of_channel(2)
        };
        set(&mut supply, charged).await.unwrap();
        let before = heard(&bench).len();
        let error = set(&mut supply, turn_on()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(
            error
                .to_string()
                .contains("output 2 was set to 12 V and not turned on, and would be on too"),
            "{error}"
        );
        assert_eq!(heard(&bench).len(), before, "refused before anything is sent");
        let none = OutputSetting {
            voltage_level: Some(quantity("0 V")),
            ..charged
        };
        set(&mut supply, none).await.unwrap();
        set(&mut supply, turn_on()).await.unwrap();
        // that one is on, so another level changes under way only when it is said so
        let second = OutputSetting {
            output_enabled: Some(true),
            ..charged
        };
        let error = set(&mut supply, second).await.unwrap_err();
        assert!(error.to_string().contains("with `hot = true` only"), "{error}");
        set(&mut supply, OutputSetting { hot: true, ..second }).await.unwrap();
        supply.find_outputs_on().await.unwrap();
        // off is off for both, and the other one is missed
        let off = OutputSetting {
            output_enabled: Some(false),
            ..OutputSetting::of_channel(1)
        };
        set(&mut supply, off).await.unwrap();
        let error = supply.find_outputs_on().await.unwrap_err();
        assert!(
            error
                .to_string()
                .contains("output 2 was turned on and reads back as off"),
            "{error}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bit_of_a_status_word_says_which_output_is_on() {
    alone(STATUS_WORD, async |mut supply: ScpiInstrument, _bench| {
        supply.prepare().await.unwrap();
        let second = OutputSetting {
            channel: 2,
            ..turn_on()
        };
        set(&mut supply, second).await.unwrap();
        assert_eq!(supply.query("SYST:STAT?").await.unwrap().as_deref(), Some("0x24"));
        assert!(!supply.output_is_on(1).await.unwrap() && supply.output_is_on(2).await.unwrap());
        let states = supply.make_safe().await.unwrap();
        assert!(states.iter().all(|state| state.proof == SafetyProof::Off), "{states:?}");
        assert_eq!(supply.query("SYST:STAT?").await.unwrap().as_deref(), Some("0x4"));
        // its error report has a blank for the comma
        supply.query("NONSENSE").await.unwrap();
        let error = set(&mut supply, turn_on()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Instrument, "{error}");
    })
    .await;
}
