//! Whether an instrument can take a measurement, and whether its limit can judge it.

use super::{Chosen, has_channel, has_function};
use crate::limit::{Limit, OverrangeRule};
use crate::model::{Measurement, ReadingSource};
use benchtop_instrument::{Decimal, FunctionCapability, Measure, Quantity, Range, RangeRequest};
use benchtop_notation::{Diagnostic, Diagnostics, Span};
use std::cmp::Ordering;

/// A band between two limits of fewer steps of the meter than this is worth a warning.
const FEWEST_STEPS: i64 = 20;

/// Checks channel, function, integration time, range and limit.
pub(super) fn check(sink: &mut Diagnostics, measurement: &Measurement, reading: &ReadingSource, chosen: &Chosen<'_>) {
    let label = format!("measurement \"{}\": ", measurement.name);
    let (request, places) = (&reading.request, &measurement.places);
    let channel = request.channel;
    let has_channel = has_channel(sink, &label, chosen, channel, measurement.place_of("channel"));
    let Some(function) = has_function(sink, &label, chosen, request.function, &places.function) else {
        return;
    };
    if has_channel && !function.channels.contains(&channel) {
        let message = format!(
            "{label}{chosen} does not measure {} on channel {channel}",
            request.function
        );
        let channels: Vec<String> = function.channels.iter().map(ToString::to_string).collect();
        let help = format!("only on {}", channels.join(", "));
        sink.push(Diagnostic::error(measurement.place_of("channel"), &message).help(&help));
    }
    check_nplc(sink, &label, request, measurement.place_of("nplc"), function, chosen);
    if let Some(lacking) = function.choices.lacks(request.choices) {
        let place = measurement.place_of(lacking);
        let message = format!("{label}{chosen} has no `{lacking}` to choose for {}", request.function);
        sink.push(Diagnostic::error(place, &message).help("leave it out"));
    }
    if request.range == RangeRequest::Default && !function.ranges.is_empty() {
        let ranges: Vec<String> = function
            .ranges
            .iter()
            .map(|range| range.full_scale.to_string())
            .collect();
        let auto = if function.autorange && !request.function.is_in_series() {
            ", or \"auto\""
        } else {
            ""
        };
        let help = format!("write the largest value expected, within {}{auto}", ranges.join(", "));
        sink.push(Diagnostic::error(&measurement.place, &format!("{label}`range` is missing")).help(&help));
        return;
    }
    let chosen_range = function.choose(request.range).unwrap_or(None);
    if let Some(lacking) = function.sampling.lacks(&request.sampling, request.nplc, chosen_range) {
        let place = measurement.place_of(lacking.key);
        let message = format!(
            "{label}{chosen} for {}: `{}`: {}",
            request.function, lacking.key, lacking.reason
        );
        sink.error(place, &message);
    }
    let accepts = |limit: &Limit| limit.overrange == OverrangeRule::Accept;
    if request.sampling.samples.is_some_and(|samples| samples > 1) && measurement.limit.as_deref().is_some_and(accepts)
    {
        let message = format!(
            "{label}`overrange = \"accept\"` judges one reading: of several samples, one beyond the range could hide another below the limit"
        );
        let place = measurement.place_of("samples");
        sink.push(Diagnostic::error(place, &message).help("leave `samples` out"));
    }
    match function.choose(request.range) {
        Ok(range) => check_limit(sink, &label, measurement, function, range, chosen),
        Err(error) => sink.error(&places.range, &format!("{label}{chosen}: {error}")),
    }
}

fn check_nplc(
    sink: &mut Diagnostics,
    label: &str,
    request: &Measure,
    place: &Span,
    function: &FunctionCapability,
    chosen: &Chosen<'_>,
) {
    let Some(nplc) = request.nplc.filter(|nplc| !function.nplc.contains(nplc)) else {
        return;
    };
    let known: Vec<String> = function.nplc.iter().map(ToString::to_string).collect();
    let finding = match known.as_slice() {
        [] => {
            let function = request.function;
            let message = format!("{label}{chosen} has no `nplc` to choose for {function}");
            Diagnostic::error(place, &message).help("leave it out")
        }
        known => {
            let message = format!("{label}{chosen} has no `nplc` of {nplc}");
            let help = format!("it has {}", known.join(", "));
            Diagnostic::error(place, &message).help(&help)
        }
    };
    sink.push(finding);
}

/// A limit that no reading can reach does not judge.
fn check_limit(
    sink: &mut Diagnostics,
    label: &str,
    measurement: &Measurement,
    function: &FunctionCapability,
    range: Option<Range>,
    chosen: &Chosen<'_>,
) {
    // Where the instrument chooses, the largest range is the bound.
    let (Some(limit), Some(widest)) = (&measurement.limit, range.as_ref().or(function.ranges.last())) else {
        return;
    };
    let unit = measurement.unit;
    let beyond = |bound: Decimal, end: Quantity| {
        Quantity::new(bound.abs(), unit)
            .compare(end)
            .is_some_and(Ordering::is_gt)
    };
    let (places, full_scale) = (&measurement.places, widest.full_scale);
    for (word, bound) in limit.marks() {
        let place = match word {
            "low limit" => &places.low,
            "high limit" => &places.high,
            _ => &places.limit,
        };
        let shown = Quantity::new(bound, unit);
        if beyond(bound, widest.maximum) {
            let maximum = widest.maximum;
            let message = format!(
                "{label}the {word} {shown} is beyond {maximum}, the largest reading of {chosen} on its {full_scale} range"
            );
            sink.push(Diagnostic::error(place, &message).help("`range` is the largest value expected"));
        } else if limit.overrange == OverrangeRule::Accept && beyond(bound, full_scale) {
            let message = format!("{label}{chosen} can accept no overrange: its {full_scale} range ends below {shown}");
            sink.push(Diagnostic::error(place, &message).help("`range` must reach the low limit"));
        }
    }
    check_resolution(sink, label, measurement, range, chosen);
}

/// A band of a few steps of the meter judges its rounding.
fn check_resolution(
    sink: &mut Diagnostics,
    label: &str,
    measurement: &Measurement,
    range: Option<Range>,
    chosen: &Chosen<'_>,
) {
    let bounds = measurement.limit.as_ref().and_then(|limit| limit.low.zip(limit.high));
    let (Some((low, high)), Some(range)) = (bounds, range) else {
        return;
    };
    let Some(resolution) = range.resolution else {
        return;
    };
    let least = resolution.value.checked_mul(Decimal::from_integer(FEWEST_STEPS));
    let (Some(band), Some(least)) = (high.checked_sub(low).filter(|band| !band.is_negative()), least) else {
        return;
    };
    let least = Quantity::new(least, resolution.unit);
    if Quantity::new(band, measurement.unit)
        .compare(least)
        .is_some_and(Ordering::is_lt)
    {
        let message = format!(
            "{label}the limits are less than {FEWEST_STEPS} steps of {resolution} apart, the resolution of {chosen} on its {} range",
            range.full_scale
        );
        sink.push(Diagnostic::warning(&measurement.places.limit, &message).help("a smaller range has smaller steps"));
    }
}
