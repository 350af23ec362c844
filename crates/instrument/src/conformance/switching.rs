//! The part of the instrument suite that is about switches.

use super::{Violation, broken, instrument::refused};
use crate::{Error, Instrument, SafetyProof, Setting, SwitchSetting};

/// One after the other, alone, all together; `make_safe` opens all of them, twice.
pub(super) async fn every_channel_closes_and_opens(instrument: &mut dyn Instrument) -> Result<(), Violation> {
    let rule = "every channel of a switch closes, opens, and is proved open by make_safe";
    let channels = instrument.capabilities().switched.clone();
    if channels.is_empty() {
        return Ok(());
    }
    let fail = |error: Error| broken(rule, error.to_string());
    for channel in channels.iter().copied() {
        for setting in [
            SwitchSetting {
                close: vec![channel],
                exclusive: true,
                ..SwitchSetting::default()
            },
            SwitchSetting {
                open: vec![channel],
                ..SwitchSetting::default()
            },
        ] {
            instrument.set(&Setting::Switch(setting)).await.map_err(fail)?;
        }
    }
    let all = SwitchSetting {
        close: channels.clone(),
        ..SwitchSetting::default()
    };
    instrument.set(&Setting::Switch(all)).await.map_err(fail)?;
    instrument.find_outputs_on().await.map_err(fail)?;
    instrument.recover().await.map_err(fail)?;
    for _twice in 0..2 {
        let states = instrument.make_safe().await.map_err(fail)?;
        let proved = states.iter().filter(|state| state.proof == SafetyProof::Off);
        if !proved.map(|state| &state.channel).eq(&channels) {
            return Err(broken(rule, format!("{states:?}")));
        }
        let found = instrument.find_outputs_on().await;
        found.map_err(|error| broken("what was made safe is not looked for", error.to_string()))?;
    }
    Ok(())
}

/// Nor is one that is to close and to open.
pub(super) async fn what_is_no_channel_is_refused(instrument: &mut dyn Instrument) -> Result<(), Violation> {
    let rule = "a switch that cannot be set so refuses it before anything is sent";
    let switched = instrument.capabilities().switched.clone();
    let too_many = switched.last().map_or(1, |last| last + 1);
    let channel = switched.first().copied().unwrap_or(too_many);
    let beyond = SwitchSetting {
        close: vec![channel, too_many],
        ..SwitchSetting::default()
    };
    let both = SwitchSetting {
        close: vec![channel],
        open: vec![channel],
        exclusive: false,
    };
    for (what, setting) in [
        ("a channel too many", beyond),
        ("closing and opening one channel", both),
    ] {
        refused(rule, what, instrument.set(&Setting::Switch(setting)).await)?;
    }
    Ok(())
}
