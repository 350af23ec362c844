//! `benchtop instruments check`: a definition on its own simulated instrument, through a real session; that instrument on
//! what real ones and their manual said.

use super::{evidence, readings, said, said::Said, witness};
use crate::{
    args::CheckDefinitionsArguments,
    byhand::named,
    exit::{Exit, Failure},
    terminal::{self, GOOD, Line, PLAIN},
};
use async_trait::async_trait;
use benchtop_instrument::{Clock, Error, Instrument, VirtualClock, conformance, spawn};
use benchtop_scpi::{Definition, Evidence};
use benchtop_sim::{Model, SimulatedBench};
use benchtop_station::{Catalogue, Entry, Options, drive};
use benchtop_transport::{TraceSink, Traced};
use std::sync::Arc;

pub(super) async fn check(arguments: &CheckDefinitionsArguments, catalogue: &Catalogue) -> Result<Exit, Failure> {
    let names = if arguments.models.is_empty() {
        catalogue.drivers.keys().cloned().collect()
    } else {
        arguments.models.clone()
    };
    let mut wrong = 0;
    for name in &names {
        match check_one(name, catalogue).await {
            Ok(found) => terminal::say(&Line::new().add(GOOD, "ok  ").column(PLAIN, name, 24).add(PLAIN, &found)),
            Err(failure) => {
                wrong += 1;
                let mut lines = failure.message.lines();
                terminal::complain(&format!("{name}: {}", lines.next().unwrap_or_default()));
                lines.for_each(|line| terminal::say_aside(&Line::new().add(PLAIN, line)));
            }
        }
    }
    if names.is_empty() {
        return Err(Failure::refused("there is nothing to check"));
    }
    Ok(if wrong == 0 { Exit::Success } else { Exit::Refused })
}

/// What was tried, in words.
async fn check_one(name: &str, catalogue: &Catalogue) -> Result<String, Failure> {
    let definition = named(name, catalogue)?;
    if definition.evidence == Evidence::Hardware && !catalogue.transcripts.contains_key(name) {
        return Err(Failure::refused(
            "evidence = \"hardware\" without a transcript.txt of it",
        ));
    }
    let model = match catalogue.model(name) {
        Some(Ok(model)) => model,
        Some(Err(findings)) => return Err(Failure::refused(findings.render_short().trim().to_owned())),
        None => return Err(Failure::refused("it has no sim.toml: nothing can try it")),
    };
    let ranges: usize = definition
        .functions
        .values()
        .map(|row| row.capability.ranges.len())
        .sum();
    let outputs = definition.outputs.as_ref().map_or(0, |outputs| outputs.channels.len());
    let mut found = format!("{} functions, {ranges} ranges", definition.functions.len());
    if outputs > 0 {
        found.push_str(&format!(", {outputs} outputs"));
    }
    let relays = definition.relays.as_ref().map_or(0, |relays| relays.channels.len());
    if relays > 0 {
        found.push_str(&format!(", {relays} relays"));
    }
    on_its_simulator(name, Arc::clone(&definition), &model, &catalogue.driver_family(name)).await?;
    let Some(entry) = catalogue.transcripts.get(name) else {
        return Ok(format!("{found}; no transcript"));
    };
    let played = evidence::play(name, &definition, &model, entry).await?;
    Ok(format!(
        "{found}; {} messages of its transcript taken, {} answers of that form",
        played.messages, played.answers
    ))
}

/// The instrument suite, on a virtual clock.
async fn on_its_simulator(
    name: &str,
    definition: Arc<Definition>,
    model: &Model,
    family: &[&Entry],
) -> Result<(), Failure> {
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new());
    let said = Arc::new(Said::default());
    let rig = Rig {
        definition,
        bench: SimulatedBench::lone(name, model, Arc::clone(&clock)),
        clock: Arc::clone(&clock),
        said: Arc::clone(&said),
    };
    let channels = rig.definition.inputs.as_ref().map(|inputs| inputs.channels.as_slice());
    let wired = Rig {
        definition: Arc::clone(&rig.definition),
        bench: SimulatedBench::shorted(name, model, Arc::clone(&clock), channels.unwrap_or_default()),
        clock: Arc::clone(&clock),
        said: Arc::clone(&said),
    };
    let suite = spawn(clock.as_ref(), async move {
        let violation = |violation: conformance::Violation| violation.to_string();
        conformance::instrument(&rig).await.map_err(violation)?;
        let fail = |error: Error| error.to_string();
        let mut instrument = conformance::InstrumentRig::open(&rig).await.map_err(fail)?;
        instrument.prepare().await.map_err(fail)?;
        witness::compare(instrument.as_mut(), &rig.definition, &rig.bench, &rig.said).await?;
        readings::open(instrument.as_mut(), &rig.definition, &rig.bench).await?;
        readings::supplied(instrument.as_mut(), &rig.definition, &rig.bench).await?;
        let mut instrument = conformance::InstrumentRig::open(&wired).await.map_err(fail)?;
        instrument.prepare().await.map_err(fail)?;
        readings::wired(instrument.as_mut(), &wired.definition, &wired.bench).await
    });
    match suite.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(violation)) => {
            let last = said.last(&violation, family);
            let place = said::row(&violation, family).map_or_else(String::new, |place| format!("{place}: "));
            Err(Failure::refused(format!(
                "{place}{violation}\n  what was said last:{last}"
            )))
        }
        Err(panicked) => Err(Failure::error(panicked.to_string())),
    }
}

struct Rig {
    definition: Arc<Definition>,
    bench: SimulatedBench,
    clock: Arc<dyn Clock>,
    said: Arc<Said>,
}

#[async_trait]
impl conformance::InstrumentRig for Rig {
    async fn open(&self) -> Result<Box<dyn Instrument>, Error> {
        let session = evidence::session(&self.bench, false)?;
        let said: Arc<dyn TraceSink> = Arc::clone(&self.said) as _;
        let session = Box::new(Traced::new(session, Arc::clone(&self.clock), said));
        let definition = Arc::clone(&self.definition);
        Ok(drive(session, definition, Options::default(), &self.clock))
    }

    fn reports_errors(&self) -> bool {
        self.definition.error_check.reports()
    }
}
