//! Whether a switch has the channels that a step closes and opens.

use super::Chosen;
use crate::model::{ChannelPlace, Step};
use benchtop_instrument::SwitchSetting;
use benchtop_notation::Diagnostics;

/// Checks every channel of a `set`; one that it has not and one that is to close and to open are said where they are written.
pub(super) fn check(sink: &mut Diagnostics, step: &Step, switch: &SwitchSetting, chosen: &Chosen<'_>) {
    let label = format!("step \"{}\": ", step.name);
    let places = &step.set_places;
    let mut in_reach = |(channel, written): (&u32, &ChannelPlace)| {
        if !chosen.capabilities.switched.contains(channel) {
            let channels = chosen.capabilities.channel_list();
            let message = format!("{label}{chosen} has {channels}, not {channel}");
            sink.error(&written.place, &message);
        }
    };
    switch.close.iter().zip(&places.close).for_each(&mut in_reach);
    switch.open.iter().zip(&places.open).for_each(&mut in_reach);
    for (channel, written) in switch.open.iter().zip(&places.open) {
        if switch.close.contains(channel) {
            let message = format!("{label}channel {channel} of {chosen} is to close and to open");
            sink.error(&written.place, &message);
        }
    }
}
