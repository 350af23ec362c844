//! `benchtop safe`: every output of the bench goes off, also after a crash.

use crate::{
    args::SafeArguments,
    assets::read_text,
    exit::{Exit, Failure},
    recovery::{self, Reach},
    stores,
    terminal::{self, DOUBTFUL, GOOD, Line, PLAIN},
};
use benchtop_instrument::{Clock, ClockExt, OutputState, RealClock, SafetyProof};
use benchtop_procedure::LogicalName;
use benchtop_station::{Catalogue, Recorder, Station};
use std::{sync::Arc, time::Duration};

/// How long one instrument may take.
const PATIENCE: Duration = Duration::from_secs(45);

pub(crate) async fn safe(
    arguments: SafeArguments,
    catalogue: &Catalogue,
    recorder: Option<Arc<Recorder>>,
) -> Result<Exit, Failure> {
    let clock = RealClock::shared();
    let mut file = None;
    let mut station = None;
    if let Some(path) = &arguments.station {
        let read = benchtop_station::parse(&path.display().to_string(), &read_text(path)?);
        let read =
            read.and_then(|read| Station::real(&read, catalogue, Arc::clone(&clock)).map(|station| (read, station)));
        match read {
            Ok((parsed, resolved)) => (file, station) = (Some(parsed), Some(resolved.recorded(recorder.clone()))),
            Err(findings) => {
                terminal::diagnose(&findings);
                return Err(Failure::refused("the station file is wrong; nothing was switched off"));
            }
        }
    }
    let mut unproved = 0;
    // the bench first: it is what burns
    if let Some(station) = &station {
        for name in station.safe_order() {
            unproved += switch_off(station, &name, clock.as_ref()).await;
        }
    }
    let root = stores::root(
        arguments.store.as_deref(),
        file.as_ref(),
        arguments.station.as_deref(),
        false,
    )?;
    let store = stores::open(&root, file.as_ref())?;
    let cleared = recovery::make_safe_and_save(
        &store,
        Reach {
            catalogue,
            station: station.as_ref(),
            held: None,
        },
    )
    .await;
    let all = cleared.doubts.len();
    let doubts = recovery::forget(&store, cleared.doubts, &arguments.accept_unsafe)?;
    let forgotten = all - doubts.len();
    if unproved + doubts.len() > 0 {
        let message = format!(
            "{} outputs could not be proved off: {}",
            unproved + doubts.len(),
            if doubts.is_empty() {
                "look at the bench".to_owned()
            } else {
                recovery::way_out(&doubts)
            }
        );
        return Err(Failure::error(message));
    }
    if let Some(failure) = cleared.failure {
        return Err(failure);
    }
    if forgotten > 0 {
        let text = format!("  {forgotten} outputs were not proved off, and are forgotten");
        terminal::say(&Line::new().add(DOUBTFUL, "accepted").add(PLAIN, &text));
        return Ok(Exit::Success);
    }
    if station.is_none() && cleared.runs == 0 {
        let message = "nothing was switched off: no run was interrupted, and no bench was named with --station";
        return Err(Failure::refused(message));
    }
    terminal::say(&Line::new().add(GOOD, "safe"));
    Ok(Exit::Success)
}

/// Switches one instrument's outputs off and says of each what was proved; answers how many were not.
async fn switch_off(station: &Station, name: &LogicalName, clock: &dyn Clock) -> usize {
    let Some(equipment) = station.instruments.get(name) else {
        return 0;
    };
    let class = equipment.definition.class;
    let outputs = equipment.capabilities().made_safe();
    if outputs.is_empty() {
        return 0;
    }
    let work = async {
        let mut instrument = station.open(name).await?;
        let states = instrument.make_safe().await;
        drop(instrument.close().await);
        states
    };
    let states = match clock.within(clock.now().after(PATIENCE), work).await {
        Ok(Ok(states)) => states,
        Ok(Err(error)) => not_proved(&outputs, &error.to_string()),
        Err(_elapsed) => not_proved(&outputs, "no answer in 45 s"),
    };
    let mut unproved = 0;
    for OutputState { channel, proof } in states {
        match proof {
            SafetyProof::Off => terminal::say(
                &Line::new()
                    .add(GOOD, "off")
                    .add(PLAIN, &format!("  {name} channel {channel}")),
            ),
            SafetyProof::NotProved(reason) => {
                unproved += 1;
                terminal::complain(&format!("{}: {name} channel {channel}: {reason}", class.alarm()));
            }
        }
    }
    unproved
}

fn not_proved(outputs: &[u32], reason: &str) -> Vec<OutputState> {
    let one = |channel: &u32| OutputState {
        channel: *channel,
        proof: SafetyProof::NotProved(reason.to_owned()),
    };
    outputs.iter().map(one).collect()
}
