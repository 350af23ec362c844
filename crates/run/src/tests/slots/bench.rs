//! A supply with three outputs and a meter, for two units at once, and what goes wrong with them.

use crate::{Bench, Interrupt, tests::rig::capabilities};
use async_trait::async_trait;
use benchtop_instrument::{
    Capabilities, Clock, ClockExt, Console, Error, ErrorKind, Instrument, Measure, Operation, OutputMode, OutputState,
    Quantity, Reading, ReadingKind, Resource, SafetyProof, Setting, StartState,
};
use benchtop_procedure::LogicalName;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::watch;

#[derive(Default)]
pub(super) struct World {
    pub(super) log: Vec<String>,
    pub(super) on: BTreeSet<u32>,
    pub(super) measured: usize,
}

/// What goes wrong.
#[derive(Clone, Default)]
pub(super) struct Trouble {
    /// What each reading gives, in order; the last one goes on.
    pub(super) reads: Vec<&'static str>,
    /// From this reading on, counted from 1, the meter does not answer.
    pub(super) meter_fails_at: Option<usize>,
    /// From this reading on its driver panics.
    pub(super) meter_panics_at: Option<usize>,
    /// At this reading the operator wants that.
    pub(super) interrupt_at: Option<(usize, Vec<Interrupt>)>,
    /// An output that trips as soon as it is on.
    pub(super) trips: Option<u32>,
    /// The recorder of this slot fails when it writes that.
    pub(super) recorder_fails: Option<(usize, &'static str)>,
}

pub(super) struct FakeBench {
    pub(super) world: Arc<Mutex<World>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) trouble: Trouble,
    pub(super) wants: watch::Sender<Interrupt>,
}

struct Fake {
    name: String,
    resource: Resource,
    capabilities: Capabilities,
    world: Arc<Mutex<World>>,
    clock: Arc<dyn Clock>,
    trouble: Trouble,
    wants: watch::Sender<Interrupt>,
}

pub(super) fn all_of(name: &str) -> Capabilities {
    let mut all = capabilities(name);
    if let Some(output) = all.outputs.get(&1).cloned() {
        all.outputs = (1..=3).map(|channel| (channel, output.clone())).collect();
        all.channels = vec![1, 2, 3];
    }
    all
}

#[async_trait]
impl Bench for FakeBench {
    async fn open(&self, name: &LogicalName) -> Result<Box<dyn Instrument>, Error> {
        Ok(Box::new(Fake {
            name: name.0.clone(),
            resource: Resource::Simulated {
                bench: "rig".to_owned(),
                name: name.0.clone(),
            },
            capabilities: all_of(&name.0),
            world: Arc::clone(&self.world),
            clock: Arc::clone(&self.clock),
            trouble: self.trouble.clone(),
            wants: self.wants.clone(),
        }))
    }

    async fn open_console(&self, name: &LogicalName) -> Result<Box<dyn Console>, Error> {
        panic!("{name} is no console")
    }
}

impl Fake {
    async fn did(&self, what: &str) {
        self.world.lock().unwrap().log.push(format!("{} {what}", self.name));
        self.clock.sleep(Duration::from_millis(10)).await;
    }

    fn tripped(&self) -> Option<Error> {
        let channel = self.trouble.trips?;
        let is_on = self.world.lock().unwrap().on.contains(&channel);
        let message = format!("output {channel} was turned on and reads back as off");
        let error = Error::new(ErrorKind::Readback, Operation::ReadBack, &self.resource, message);
        (is_on && !self.capabilities.outputs.is_empty()).then_some(error)
    }
}

#[async_trait]
impl Instrument for Fake {
    fn resource(&self) -> &Resource {
        &self.resource
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn prepare(&mut self) -> Result<StartState, Error> {
        self.did("prepare").await;
        Ok(StartState {
            identity: "Rig,Instrument,SIM-1,1".parse().unwrap(),
            stale_errors: Vec::new(),
        })
    }

    async fn measure(&mut self, request: &Measure) -> Result<Reading, Error> {
        let number = {
            let mut world = self.world.lock().unwrap();
            world.measured += 1;
            world.measured
        };
        self.did("measure").await;
        if let Some((_, wanted)) = self.trouble.interrupt_at.as_ref().filter(|(at, _)| *at == number) {
            for level in wanted {
                self.wants.send_replace(*level);
            }
        }
        if self.trouble.meter_fails_at.is_some_and(|at| number >= at) {
            return Err(Error::timeout(
                Operation::Measure,
                &self.resource,
                Duration::from_secs(2),
            ));
        }
        assert!(
            self.trouble.meter_panics_at.is_none_or(|at| number < at),
            "broken driver"
        );
        let reads = &self.trouble.reads;
        let text = reads.get(number - 1).or(reads.last()).copied().unwrap_or("3.3");
        Ok(Reading {
            text: text.to_owned(),
            kind: ReadingKind::Value(Quantity::new(text.parse().unwrap(), request.function.unit())),
            range_in_use: None,
            nplc: None,
            choices: request.choices,
            sampling: request.sampling,
            samples: None,
        })
    }

    async fn set(&mut self, setting: &Setting) -> Result<(), Error> {
        let Setting::Output(output) = setting else {
            panic!("no switch")
        };
        let on = output.output_enabled == Some(true);
        self.did(&format!("set {} {}", output.channel, if on { "on" } else { "off" }))
            .await;
        let mut world = self.world.lock().unwrap();
        if on {
            world.on.insert(output.channel);
        } else {
            world.on.remove(&output.channel);
        }
        Ok(())
    }

    async fn find_outputs_on(&mut self) -> Result<(), Error> {
        self.tripped().map_or(Ok(()), Err)
    }

    async fn find_these_on(&mut self, channels: &[u32]) -> Result<(), Error> {
        let mine = self.trouble.trips.is_some_and(|channel| channels.contains(&channel));
        if mine { self.find_outputs_on().await } else { Ok(()) }
    }

    async fn output_mode(&mut self, _channel: u32) -> Result<OutputMode, Error> {
        Ok(OutputMode::Off)
    }

    async fn query(&mut self, _message: &str) -> Result<Option<String>, Error> {
        Ok(None)
    }

    async fn make_safe(&mut self) -> Result<Vec<OutputState>, Error> {
        self.did("make_safe").await;
        self.world.lock().unwrap().on.clear();
        let off = |channel: &u32| OutputState {
            channel: *channel,
            proof: SafetyProof::Off,
        };
        Ok(self.capabilities.outputs.keys().map(off).collect())
    }

    async fn self_test(&mut self) -> Result<(), Error> {
        Ok(())
    }

    async fn recover(&mut self) -> Result<(), Error> {
        Ok(())
    }

    async fn close(&mut self) -> Result<(), Error> {
        Ok(())
    }
}
