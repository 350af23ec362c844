//! Every shipped definition against its own simulated instrument, through a real session.

use async_trait::async_trait;
use benchtop_instrument::{Clock, Error, Instrument, VirtualClock, conformance, spawn};
use benchtop_scpi::{Definition, Evidence, Options, ScpiInstrument};
use benchtop_sim::{Model, SimulatedBench};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Folder and name of every model.
fn models() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("instruments");
    let mut models = Vec::new();
    for vendor in fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
    {
        for model in fs::read_dir(&vendor).unwrap().map(|entry| entry.unwrap().path()) {
            let name = model.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
            models.push((model, name));
        }
    }
    models.sort();
    models
}

fn definition(folder: &Path, name: &str) -> Definition {
    let text = fs::read_to_string(folder.join("driver.toml")).unwrap();
    benchtop_scpi::parse_inheriting(name, &format!("{name}/driver.toml"), &text, &|base| {
        other(base, "driver.toml")
    })
    .unwrap_or_else(|findings| panic!("{findings}"))
}

/// The file of a model that another inherits from.
fn other(name: &str, file: &str) -> Option<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("instruments")
        .join(name)
        .join(file);
    Some((format!("{name}/{file}"), fs::read_to_string(path).ok()?))
}

struct Rig {
    definition: Arc<Definition>,
    bench: SimulatedBench,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl conformance::InstrumentRig for Rig {
    async fn open(&self) -> Result<Box<dyn Instrument>, Error> {
        let name = self.bench.instrument_names().next().unwrap().to_owned();
        let session = self.bench.session(&name).unwrap();
        let clock = Arc::clone(&self.clock);
        Ok(Box::new(ScpiInstrument::new(
            session,
            Arc::clone(&self.definition),
            clock,
            Options::default(),
        )))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_definition_keeps_the_instrument_contract_on_its_own_simulator() {
    for (folder, name) in models() {
        let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new());
        let text = fs::read_to_string(folder.join("sim.toml")).unwrap();
        let model = Model::parse_inheriting(&format!("{name}/sim.toml"), &text, &|base| other(base, "sim.toml"))
            .unwrap_or_else(|findings| panic!("{findings}"));
        let bench = SimulatedBench::lone(&name, &model, Arc::clone(&clock));
        let rig = Rig {
            definition: Arc::new(definition(&folder, &name)),
            bench,
            clock: Arc::clone(&clock),
        };
        let suite = spawn(clock.as_ref(), async move { conformance::instrument(&rig).await });
        suite
            .await
            .unwrap()
            .unwrap_or_else(|violation| panic!("{name}: {violation}"));
    }
}

#[test]
fn no_definition_claims_hardware() {
    // we own no instruments
    for (folder, name) in models() {
        let definition = definition(&folder, &name);
        assert_ne!(definition.evidence, Evidence::Hardware, "{name}");
        assert!(!definition.sources.is_empty(), "{name}");
    }
}

#[test]
fn every_transcript_names_the_source_of_every_dialogue() {
    for (folder, name) in models() {
        let text = fs::read_to_string(folder.join("transcript.txt")).unwrap();
        let mut source = None;
        let mut messages = 0;
        for (number, line) in text.lines().enumerate() {
            if let Some(named) = line.strip_prefix("# source: ") {
                source = Some(named.to_owned());
            }
            if line.starts_with('>') || line.starts_with('<') {
                messages += 1;
                assert!(
                    source.is_some(),
                    "{name}/transcript.txt:{}: no source above",
                    number + 1
                );
            } else {
                assert!(
                    line.is_empty() || line.starts_with('#'),
                    "{name}/transcript.txt:{}: {line}",
                    number + 1
                );
            }
        }
        assert!(messages > 0, "{name}");
        let ours = source.is_some_and(|source| source.to_lowercase().contains("benchtop sim"));
        assert!(!ours, "{name}: our own simulator is no evidence");
    }
}
