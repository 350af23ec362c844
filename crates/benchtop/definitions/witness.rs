//! What was asked of a meter, beside what its simulated one was set to: a driver that measures something else is found.

use super::said::Said;
use benchtop_instrument::{
    Choices, Decimal, Error, Function, InputImpedance, Instrument, Measure, Quantity, RangeRequest, Sampling, Trigger,
    Unit, human_duration,
};
use benchtop_scpi::{Definition, FunctionDefinition};
use benchtop_sim::{MeterState, SimulatedBench};
use std::time::Duration;

/// SCPI's own number for overload (SCPI-99, volume 1, 7.2.1).
const OVERLOAD: f64 = 9.9E37;

/// Every function with every range, integration time and choice; why the first one is not what it seems.
pub(super) async fn compare(
    instrument: &mut dyn Instrument,
    definition: &Definition,
    bench: &SimulatedBench,
    said: &Said,
) -> Result<(), String> {
    for (function, row) in &definition.functions {
        if row.capability.needs_output {
            continue;
        }
        for request in requests(*function, row) {
            let failed = |error: Error| format!("{function}, {}: {error}", request.range);
            instrument.measure(&request).await.map_err(failed)?;
            if let Some(early) = too_soon(&request, row, said) {
                return Err(format!("{function}, {}: {early}", request.range));
            }
            if let Some(late) = too_slow(&request, row, said) {
                return Err(format!("{function}, {}: {late}", request.range));
            }
            let Some(state) = state_of(bench, request.channel) else {
                return Ok(());
            };
            let differs = difference(&request, row, &state, definition.overrange)
                .or_else(|| sampled_otherwise(&request, definition, &state));
            if let Some(differs) = differs {
                return Err(format!("{function}, {}: {differs}", request.range));
            }
        }
    }
    Ok(())
}

/// A reading that takes longer on the simulated meter than the definition waits for one.
fn too_slow(request: &Measure, row: &FunctionDefinition, said: &Said) -> Option<String> {
    if request.sampling != Sampling::ONE {
        return None;
    }
    let question = row.read.fill(&[("channel", &request.channel.to_string())]);
    let took = said.last_answer(&question)?;
    let allowed = row.reading_time(request.nplc.or(row.nplc_default));
    (took > allowed).then(|| {
        let (took, allowed) = (human_duration(took), human_duration(allowed));
        format!(
            "a reading takes {took} on the simulated meter, and `slowest` with the integration time allows {allowed}"
        )
    })
}

/// A reading that was asked for before the meter had settled.
fn too_soon(request: &Measure, row: &FunctionDefinition, said: &Said) -> Option<String> {
    if request.sampling != Sampling::ONE || row.settle.is_zero() {
        return None;
    }
    let question = row.read.fill(&[("channel", &request.channel.to_string())]);
    let waited = said.silence_before(&question)?;
    (waited < row.settle).then(|| {
        let (waited, settle) = (human_duration(waited), human_duration(row.settle));
        format!("the reading was asked for after {waited}, and `settle` is {settle}")
    })
}

fn state_of(bench: &SimulatedBench, channel: u32) -> Option<MeterState> {
    let name = bench.instrument_names().next()?;
    bench.meter_state(name, channel)
}

/// Every range by name, and the meter's own choice.
pub(super) fn every_range(row: &FunctionDefinition) -> impl Iterator<Item = RangeRequest> {
    let capability = &row.capability;
    let auto = capability.autorange.then_some(RangeRequest::Auto);
    let scales = capability.ranges.iter().map(|range| range.full_scale);
    scales.map(RangeRequest::Exactly).chain(auto)
}

fn requests(function: Function, row: &FunctionDefinition) -> Vec<Measure> {
    let capability = &row.capability;
    let usual = Measure {
        channel: capability.channels.first().copied().unwrap_or(1),
        ..Measure::of(function)
    };
    let ranged = every_range(row).map(|range| Measure {
        range,
        nplc: capability.nplc.first().copied(),
        ..usual
    });
    let timed = capability.nplc.iter().map(|nplc| Measure {
        nplc: Some(*nplc),
        ..usual
    });
    let choices = [
        Choices {
            autozero: capability.choices.autozero.then_some(false),
            input_impedance: None,
        },
        Choices {
            autozero: None,
            input_impedance: capability.choices.input_impedance.then_some(InputImpedance::High),
        },
    ];
    let chosen = choices.map(|choices| Measure { choices, ..usual });
    let sampled = ways_to_sample(row).into_iter().map(|sampling| Measure {
        nplc: None,
        sampling,
        ..usual
    });
    ranged
        .chain(timed)
        .chain(chosen)
        .chain(sampled)
        .chain([usual])
        .collect()
}

fn ways_to_sample(row: &FunctionDefinition) -> Vec<Sampling> {
    let can = &row.capability.sampling;
    let one = Sampling::ONE;
    let mut ways = vec![Sampling {
        samples: Some(3),
        delay: Some(Duration::from_millis(5)),
        ..one
    }];
    if can.triggers.contains(&Trigger::Bus) {
        ways.push(Sampling {
            trigger: Some(Trigger::Bus),
            ..one
        });
    }
    if can.statistics {
        ways.push(Sampling {
            samples: Some(3),
            statistics: true,
            ..one
        });
    }
    let ends = can
        .aperture
        .iter()
        .flat_map(|aperture| [aperture.shortest(), aperture.longest()]);
    ways.extend(ends.map(|aperture| Sampling { aperture, ..one }));
    ways
}

/// What of the samples, their trigger and delay is another than was asked for. What is not asked for must be as usual: a setting
/// that another measurement left behind is found by that.
fn sampled_otherwise(request: &Measure, definition: &Definition, state: &MeterState) -> Option<String> {
    let wanted = &request.sampling;
    let own = &definition.sampling;
    let counted = own
        .samples
        .as_ref()
        .filter(|samples| (2..=samples.most).contains(&wanted.count()));
    let samples = if counted.is_some() {
        u64::from(wanted.count())
    } else {
        1
    };
    if state.samples != samples {
        return Some(format!(
            "the simulated meter takes {} readings, not {samples}",
            state.samples
        ));
    }
    let trigger = wanted.trigger.unwrap_or(Trigger::Immediate).word();
    if state.trigger != trigger {
        return Some(format!(
            "the simulated meter's trigger is {}, not {trigger}",
            state.trigger
        ));
    }
    let delay = wanted
        .delay
        .filter(|_| own.delay.is_some())
        .map(|delay| delay.as_secs_f64());
    let as_wanted = match (delay, state.delay) {
        (Some(delay), Some(there)) => same(delay, there),
        // a meter whose usual delay is none says so with a zero
        (None, there) => there.is_none_or(|there| same(there, 0.0)),
        (Some(_), None) => false,
    };
    if !as_wanted {
        return Some(format!(
            "the simulated meter delays by {:?}, not {delay:?}",
            state.delay
        ));
    }
    let counts = state.statistics.filter(|_| own.statistics.is_some());
    if counts.is_some_and(|counts| counts != wanted.statistics) {
        return Some("the statistics of the simulated meter are not as was asked for".to_owned());
    }
    let (aperture, gate) = (wanted.aperture.map(Decimal::to_f64), state.gate);
    match (aperture, gate) {
        (Some(aperture), Some(gate)) if !same(aperture, gate) => Some(format!(
            "aperture {aperture} s: the simulated meter counts for {gate} s"
        )),
        (Some(_) | None, _) => None,
    }
}

fn difference(
    request: &Measure,
    row: &FunctionDefinition,
    state: &MeterState,
    overrange: Option<Decimal>,
) -> Option<String> {
    if state.function != request.function.word() {
        return Some(format!("the simulated meter measures {}", state.function));
    }
    let overload = overrange.map_or(OVERLOAD, Decimal::to_f64);
    if !same(overload, state.overrange) {
        return Some(format!(
            "overload is {overload:e} here and {:e} on the simulated meter",
            state.overrange
        ));
    }
    if let RangeRequest::Exactly(wanted) = request.range {
        let range = row.capability.ranges.iter().find(|range| range.full_scale == wanted);
        let maximum = range.and_then(|range| base(range.maximum));
        if state.autorange
            || base(wanted)
                .zip(state.range)
                .is_none_or(|(wanted, used)| !same(wanted, used))
        {
            let used = if state.autorange {
                "autorange".to_owned()
            } else {
                format!("{:?}", state.range)
            };
            return Some(format!("the simulated meter is on {used}"));
        }
        let ends = maximum.zip(state.maximum);
        if let Some((_, there)) = ends.filter(|(here, there)| *here > there * (1.0 + SAME)) {
            return Some(format!("the simulated meter reads up to {there} only"));
        }
    }
    if request.range == RangeRequest::Auto && !state.autorange {
        return Some("the simulated meter does not choose its range".to_owned());
    }
    let is_timed = request.sampling.aperture.is_some() || request.sampling.resolution.is_some();
    let nplc = request
        .nplc
        .or(row.nplc_default)
        .filter(|_| !is_timed)
        .map(Decimal::to_f64);
    if let (Some(wanted), Some(used)) = (nplc, state.nplc)
        && !same(wanted, used)
    {
        return Some(format!("nplc {wanted}: the simulated meter integrates over {used}"));
    }
    let (choices, _commands) = row.choices.choose(request.choices);
    let autozero = choices.autozero.is_some_and(|on| on != state.autozero);
    let high = choices.input_impedance.map(|choice| choice == InputImpedance::High);
    if autozero || high.is_some_and(|high| high != state.high_impedance) {
        let what = if autozero { "autozero" } else { "input impedance" };
        return Some(format!(
            "the {what} of the simulated meter is another than was asked for"
        ));
    }
    None
}

/// Numbers that were written differently.
const SAME: f64 = 1e-9;

fn same(one: f64, other: f64) -> bool {
    (one - other).abs() <= SAME * one.abs().max(other.abs())
}

pub(super) fn base(quantity: Quantity) -> Option<f64> {
    Some(quantity.in_unit(Unit::of(quantity.unit.base())).ok()?.to_f64())
}
