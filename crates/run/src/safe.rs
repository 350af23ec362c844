//! Switching outputs off, whatever has happened: first through the instrument's own task, then on a fresh session.

use crate::{
    actor::Actor,
    bench::Bench,
    crew::Crew,
    event::{InstrumentUse, MadeSafe},
};
use benchtop_instrument::{Class, Clock, ClockExt, OutputState, SafetyProof, human_duration};
use std::time::Duration;

/// How long closing a session may take that was opened to make safe.
const CLOSE: Duration = Duration::from_secs(2);

/// Makes every instrument with outputs safe, in the order given; tries each, whatever the others say.
///
/// `patience` is each instrument's, for each of the two ways. One that needs the second way is no longer in the crew.
pub(crate) async fn make_all_safe(
    uses: &[InstrumentUse],
    crew: &mut Crew,
    bench: &dyn Bench,
    clock: &dyn Clock,
    patience: Duration,
) -> Vec<MadeSafe> {
    let with_outputs = || uses.iter().filter(|used| !used.outputs.is_empty());
    let mut first = Vec::new();
    for used in with_outputs() {
        first.push(match crew.get(&used.name) {
            Some(actor) => through_actor(used, actor, clock, patience).await,
            None => not_proved(used, "it was never opened"),
        });
    }
    // only then the hard cases, so that one hung instrument does not keep the others on
    let mut results = Vec::new();
    for (used, made_safe) in with_outputs().zip(first) {
        if is_proved(&made_safe) {
            results.push(made_safe);
            continue;
        }
        crew.dismiss(&used.name);
        let fresh = on_a_fresh_session(used, bench, clock, patience).await;
        results.push(if is_proved(&fresh) {
            fresh
        } else {
            joined(&made_safe, fresh)
        });
    }
    results
}

fn is_proved(made_safe: &MadeSafe) -> bool {
    !made_safe.outputs.is_empty() && made_safe.outputs.iter().all(|output| output.proof == SafetyProof::Off)
}

fn not_proved(used: &InstrumentUse, reason: &str) -> MadeSafe {
    let state = |channel: &u32| OutputState {
        channel: *channel,
        proof: SafetyProof::NotProved(reason.to_owned()),
    };
    MadeSafe {
        name: used.name.clone(),
        outputs: used.outputs.iter().map(state).collect(),
        error: Some(reason.to_owned()),
    }
}

/// What the fresh session found, with what the first way said.
fn joined(first: &MadeSafe, second: MadeSafe) -> MadeSafe {
    let error = [&first.error, &second.error]
        .into_iter()
        .flatten()
        .cloned()
        .collect::<Vec<_>>()
        .join("; then: ");
    MadeSafe {
        error: (!error.is_empty()).then_some(error),
        ..second
    }
}

async fn through_actor(used: &InstrumentUse, actor: &Actor, clock: &dyn Clock, patience: Duration) -> MadeSafe {
    match clock.within(clock.now().after(patience), actor.make_safe()).await {
        Ok(Ok(outputs)) => MadeSafe {
            name: used.name.clone(),
            outputs,
            error: None,
        },
        Ok(Err(error)) => not_proved(used, &error.to_string()),
        Err(_elapsed) => not_proved(used, &format!("it hangs: no answer in {}", human_duration(patience))),
    }
}

/// Makes one instrument safe on a session opened for the purpose. Also what remains when the supervisor is gone.
pub(crate) async fn on_a_fresh_session(
    used: &InstrumentUse,
    bench: &dyn Bench,
    clock: &dyn Clock,
    patience: Duration,
) -> MadeSafe {
    let opened = clock.within(clock.now().after(patience), bench.open(&used.name)).await;
    let mut instrument = match opened {
        Ok(Ok(instrument)) => instrument,
        Ok(Err(error)) => return not_proved(used, &error.to_string()),
        Err(_elapsed) => return not_proved(used, &format!("no second session in {}", human_duration(patience))),
    };
    let made_safe = match clock.within(clock.now().after(patience), instrument.make_safe()).await {
        Ok(Ok(outputs)) => MadeSafe {
            name: used.name.clone(),
            outputs,
            error: None,
        },
        Ok(Err(error)) => not_proved(used, &error.to_string()),
        Err(_elapsed) => not_proved(
            used,
            &format!("no answer on a second session in {}", human_duration(patience)),
        ),
    };
    // the states count; a session that does not close well changes nothing about them
    drop(clock.within(clock.now().after(CLOSE), instrument.close()).await);
    made_safe
}

/// The outputs that may still be on and the channels of switches that may be closed, for people: `psu channel 1`.
pub(crate) fn maybe_on(made_safe: &[MadeSafe]) -> Vec<String> {
    let open = |instrument: &MadeSafe| {
        let name = instrument.name.clone();
        let outputs = instrument
            .outputs
            .iter()
            .filter(|output| output.proof != SafetyProof::Off);
        outputs
            .map(move |output| format!("{name} channel {}", output.channel))
            .collect::<Vec<_>>()
    };
    made_safe.iter().flat_map(open).collect()
}

/// What is called out of them: outputs that may be on, switches that may be closed.
pub(crate) fn alarms(uses: &[InstrumentUse], made_safe: &[MadeSafe]) -> Vec<String> {
    let of = |instrument: &MadeSafe| {
        let channels = maybe_on(std::slice::from_ref(instrument));
        let used = uses.iter().find(|used| used.name == instrument.name);
        let class = used.and_then(|used| Class::of_word(&used.class));
        let alarm = class.unwrap_or(Class::DcPower).alarm();
        (!channels.is_empty()).then_some((alarm, channels))
    };
    let mut lines: Vec<(&str, Vec<String>)> = Vec::new();
    for (alarm, channels) in made_safe.iter().filter_map(of) {
        match lines.iter_mut().find(|(known, _)| *known == alarm) {
            Some((_, known)) => known.extend(channels),
            None => lines.push((alarm, channels)),
        }
    }
    let line = |(alarm, channels): (&str, Vec<String>)| format!("{alarm}: {}", channels.join(", "));
    lines.into_iter().map(line).collect()
}
