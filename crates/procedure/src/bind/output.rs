//! Whether a supply can be set to what a step asks.

use super::{Chosen, has_channel};
use crate::model::Step;
use benchtop_instrument::{Bounds, Class, Function, OutputSetting, Quantity};
use benchtop_notation::{Diagnostics, Span};

/// Checks the channel and every level of a `set`.
pub(super) fn check(sink: &mut Diagnostics, step: &Step, output: &OutputSetting, chosen: &Chosen<'_>) {
    let label = format!("step \"{}\": ", step.name);
    let places = &step.set_places;
    let or_step = |place: &Option<Span>| {
        place
            .clone()
            .or_else(|| places.instrument.clone())
            .unwrap_or(step.place.clone())
    };
    let channel = output.channel;
    if !has_channel(sink, &label, chosen, channel, &or_step(&places.channel)) {
        return;
    }
    match chosen.capabilities.class {
        Class::DcPower => {}
        // Refused by `parse`: they have no outputs.
        Class::Dmm | Class::Console | Class::Switch => return,
    }
    let Some(capability) = chosen.capabilities.outputs.get(&channel) else {
        let message = format!("{label}channel {channel} of {chosen} is no output");
        sink.error(&or_step(&places.channel), &message);
        return;
    };
    if step.kind.expects_regulation() {
        let measures = |function: Function| {
            let known = chosen.capabilities.functions.get(&function);
            known.is_some_and(|known| known.channels.contains(&channel))
        };
        if !(measures(Function::DcVoltage) && measures(Function::DcCurrent)) {
            let message = format!(
                "{label}channel {channel} of {chosen} does not measure its own volts and amperes: nothing would say what it holds"
            );
            sink.error(&or_step(&places.expect_regulation), &message);
        }
    }
    let subject = format!("{label}channel {channel} of {chosen}");
    if output.ocp_enabled.is_some() && !capability.ocp_enabled {
        let message = format!("{subject} has no ocp_enabled");
        sink.error(&or_step(&places.ocp_enabled), &message);
    }
    let settings = [
        (
            "voltage_level",
            output.voltage_level,
            Some(capability.voltage_level),
            &places.voltage_level,
        ),
        (
            "current_limit",
            output.current_limit,
            Some(capability.current_limit),
            &places.current_limit,
        ),
        ("ovp_level", output.ovp_level, capability.ovp_level, &places.ovp_level),
    ];
    for (key, wanted, bounds, place) in settings {
        if let Some(wanted) = wanted {
            check_level(sink, &subject, key, wanted, bounds, &or_step(place));
        }
    }
}

/// An out-of-range setting is refused, never clipped.
fn check_level(
    sink: &mut Diagnostics,
    subject: &str,
    key: &str,
    wanted: Quantity,
    bounds: Option<Bounds>,
    place: &Span,
) {
    let Some(bounds) = bounds else {
        sink.error(place, &format!("{subject} has no {key}"));
        return;
    };
    if !bounds.contain(wanted) {
        let Bounds { minimum, maximum, .. } = bounds;
        sink.error(
            place,
            &format!("{subject} takes {key} from {minimum} to {maximum}, not {wanted}"),
        );
    }
}
