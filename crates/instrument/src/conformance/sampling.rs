//! Several readings, delays, triggers, integration times in seconds: all that a function says of them is tried.

use super::{Violation, broken};
use crate::{
    Decimal, Error, Function, FunctionCapability, Instrument, MOST_SAMPLES, Measure, Quantity, RangeRequest, Reading,
    ReadingKind, Sampling, Trigger,
};
use std::time::Duration;

/// Takes three readings behind one that does not count, with a delay, by every trigger that can be given from here, with the
/// meter's own statistics, the shortest aperture and the coarsest resolution; and one as usual behind each.
pub(super) async fn every_way_is_in_use(
    instrument: &mut dyn Instrument,
    function: Function,
    capability: &FunctionCapability,
) -> Result<(), Violation> {
    let rule = "several samples, their trigger, delay and integration are as they were asked for";
    let usual = Measure {
        channel: capability.channels.first().copied().unwrap_or(1),
        nplc: capability.nplc.first().copied(),
        ..Measure::of(function)
    };
    let fail = |error: Error| broken(rule, format!("{function}: {error}"));
    for request in ways(usual, capability) {
        let reading = instrument.measure(&request).await.map_err(fail)?;
        several(&request, &reading).map_err(|said| broken(rule, format!("{function}: {said}")))?;
        let single = instrument.measure(&usual).await.map_err(fail)?;
        if single.sampling != Sampling::ONE || single.samples.is_some() || single.text.contains(',') {
            let rule = "what is not asked for is one reading as usual again";
            return Err(broken(rule, format!("{function}: {}", single.text)));
        }
    }
    Ok(())
}

fn ways(usual: Measure, capability: &FunctionCapability) -> Vec<Measure> {
    let several = Sampling {
        samples: Some(3),
        discard: Some(1),
        delay: Some(Duration::from_millis(2)),
        ..Sampling::ONE
    };
    let mut ways = vec![several];
    if capability.sampling.triggers.contains(&Trigger::Bus) {
        ways.push(Sampling {
            trigger: Some(Trigger::Bus),
            ..several
        });
    }
    if capability.sampling.statistics {
        ways.push(Sampling {
            samples: Some(4),
            statistics: true,
            ..Sampling::ONE
        });
    }
    let mut requests: Vec<Measure> = ways.into_iter().map(|sampling| Measure { sampling, ..usual }).collect();
    let aperture = capability.sampling.aperture.as_ref();
    if let Some(aperture) = aperture.and_then(crate::ApertureCapability::shortest) {
        let sampling = Sampling {
            aperture: Some(aperture),
            ..Sampling::ONE
        };
        let nplc = None;
        requests.push(Measure {
            nplc,
            sampling,
            ..usual
        });
    }
    if let (Some(resolution), Some(range)) = (capability.sampling.resolution, capability.ranges.first()) {
        let coarsest = range.full_scale.value.checked_mul(resolution.coarsest);
        let resolution = coarsest.map(|value| Quantity::new(value, range.full_scale.unit));
        requests.push(Measure {
            nplc: None,
            range: RangeRequest::Exactly(range.full_scale),
            sampling: Sampling {
                resolution,
                ..Sampling::ONE
            },
            ..usual
        });
    }
    requests
}

/// What of the reading is not as asked for.
fn several(request: &Measure, reading: &Reading) -> Result<(), String> {
    let Sampling {
        samples,
        discard,
        delay,
        trigger,
        aperture,
        resolution,
        statistics,
    } = reading.sampling;
    let wanted = request.sampling;
    let is_as_asked = (samples, discard, delay, trigger, aperture, statistics)
        == (
            wanted.samples,
            wanted.discard,
            wanted.delay,
            wanted.trigger,
            wanted.aperture,
            wanted.statistics,
        );
    if !is_as_asked || resolution.is_some() != wanted.resolution.is_some() {
        return Err(format!("{wanted:?} gave {:?}", reading.sampling));
    }
    let (Some(count), ReadingKind::Value(value)) = (wanted.samples, reading.kind) else {
        return Ok(());
    };
    match &reading.samples {
        Some(samples) if samples.n == count && samples.min <= value.value && value.value <= samples.max => Ok(()),
        found => Err(format!("{count} samples gave {found:?}, judged as {value}")),
    }
}

/// Ways of sampling that must be refused, each with what its refusal says: the key, what was asked for, how far it reaches.
pub(super) fn beyond(capability: &FunctionCapability) -> Vec<(Sampling, Vec<String>)> {
    let has = &capability.sampling;
    let one = Sampling::ONE;
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let samples = |samples| Sampling {
        samples: Some(samples),
        ..one
    };
    let aperture = Sampling {
        aperture: Some(Decimal::from_integer(12_345)),
        ..one
    };
    let reach = match &has.aperture {
        Some(reach) => words(&["aperture", "12345 s", &reach.to_string()]),
        None => words(&["aperture", "it has no"]),
    };
    let mut beyond = vec![
        (samples(0), words(&["samples", "at least one"])),
        (
            samples(MOST_SAMPLES + 1),
            words(&["samples", &MOST_SAMPLES.to_string()]),
        ),
        (aperture, reach),
    ];
    for trigger in [Trigger::External, Trigger::Bus] {
        if !has.triggers.contains(&trigger) {
            let sampling = Sampling {
                trigger: Some(trigger),
                ..one
            };
            beyond.push((sampling, words(&["trigger", trigger.word()])));
        }
    }
    if !has.statistics {
        let sampling = Sampling {
            statistics: true,
            ..samples(2)
        };
        beyond.push((sampling, words(&["statistics", "it has no"])));
    }
    beyond
}
