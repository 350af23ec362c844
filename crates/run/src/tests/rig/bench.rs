//! Instruments that misbehave on request.

use super::{Behaviour, Shared};
use crate::{Bench, Interrupt};
use async_trait::async_trait;
use benchtop_instrument::{
    Bounds, Capabilities, Class, Clock, Console, Decimal, Error, ErrorKind, Function, FunctionCapability, Identity,
    Instrument, Measure, Moment, Operation, OutputCapability, OutputMode, OutputState, Polarity, Protection, Quantity,
    Range, Reading, ReadingKind, Regulation, Resource, SafetyProof, SampledBy, Samples, Setting, StartState,
};
use benchtop_procedure::LogicalName;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};
use tokio::sync::watch;

pub(super) type Interrupts = Option<(String, Vec<Interrupt>, watch::Sender<Interrupt>)>;

pub(super) struct RigBench {
    pub(super) world: Shared,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) dmm: Behaviour,
    pub(super) psu: Behaviour,
    pub(super) reads: String,
    pub(super) answers: Option<Vec<u8>>,
    pub(super) interrupts: Interrupts,
    pub(super) says: VecDeque<(Duration, Vec<u8>)>,
    pub(super) ends: bool,
}

#[async_trait]
impl Bench for RigBench {
    async fn open_console(&self, name: &LogicalName) -> Result<Box<dyn Console>, Error> {
        let resource = Resource::Simulated {
            bench: "rig".to_owned(),
            name: name.0.clone(),
        };
        Ok(Box::new(RigConsole {
            resource,
            world: Arc::clone(&self.world),
            clock: Arc::clone(&self.clock),
            says: self.says.clone(),
            ends: self.ends,
        }))
    }

    async fn open(&self, name: &LogicalName) -> Result<Box<dyn Instrument>, Error> {
        let behaviour = if name.0 == "dmm" { self.dmm } else { self.psu };
        let session = {
            let mut world = self.world.lock().unwrap();
            world.log.push(format!("open {name}"));
            let count = world.opened.entry(name.0.clone()).or_default();
            *count += 1;
            *count
        };
        let resource = Resource::Simulated {
            bench: "rig".to_owned(),
            name: name.0.clone(),
        };
        if behaviour == Behaviour::OpenFails {
            return Err(Error::new(
                ErrorKind::Disconnected,
                Operation::Open,
                &resource,
                "nothing listens there",
            ));
        }
        Ok(Box::new(RigInstrument {
            name: name.0.clone(),
            resource,
            capabilities: capabilities(&name.0),
            session,
            behaviour,
            world: Arc::clone(&self.world),
            clock: Arc::clone(&self.clock),
            reads: self.reads.clone(),
            answers: self.answers.clone(),
            interrupts: self.interrupts.clone(),
        }))
    }
}

/// A unit that says its lines, each so long after the one before, and then nothing or goodbye.
struct RigConsole {
    resource: Resource,
    world: Shared,
    clock: Arc<dyn Clock>,
    says: VecDeque<(Duration, Vec<u8>)>,
    ends: bool,
}

#[async_trait]
impl Console for RigConsole {
    fn resource(&self) -> &Resource {
        &self.resource
    }

    async fn send(&mut self, bytes: &[u8], _deadline: Moment) -> Result<(), Error> {
        let line = format!("uart sent {}", String::from_utf8_lossy(bytes).escape_debug());
        self.world.lock().unwrap().log.push(line);
        Ok(())
    }

    async fn receive(&mut self) -> Result<Vec<u8>, Error> {
        let Some((delay, bytes)) = self.says.front().cloned() else {
            if self.ends {
                let message = "the cable came off";
                return Err(Error::new(
                    ErrorKind::Disconnected,
                    Operation::Read,
                    &self.resource,
                    message,
                ));
            }
            return std::future::pending().await;
        };
        self.clock.sleep_until(self.clock.now().after(delay)).await;
        self.says.pop_front();
        Ok(bytes)
    }

    async fn close(&mut self) {
        self.world.lock().unwrap().log.push("uart close".to_owned());
    }
}

struct RigInstrument {
    name: String,
    resource: Resource,
    capabilities: Capabilities,
    session: u32,
    behaviour: Behaviour,
    world: Shared,
    clock: Arc<dyn Clock>,
    reads: String,
    answers: Option<Vec<u8>>,
    interrupts: Interrupts,
}

impl RigInstrument {
    async fn did(&self, what: &str) {
        let line = format!("{} {what}", self.name);
        self.world.lock().unwrap().log.push(line.clone());
        if let Some((at, levels, wants)) = &self.interrupts
            && *at == line
        {
            for level in levels {
                wants.send_replace(*level);
            }
            // the measurement goes on until it is abandoned
            std::future::pending::<()>().await;
        }
        self.clock
            .sleep_until(self.clock.now().after(Duration::from_millis(10)))
            .await;
    }

    fn hangs(&self) -> bool {
        let on = self.world.lock().unwrap().output_was_on;
        self.behaviour == Behaviour::FirstSessionHangsAfterOn && self.session == 1 && on
    }
}

#[async_trait]
impl Instrument for RigInstrument {
    fn resource(&self) -> &Resource {
        &self.resource
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn prepare(&mut self) -> Result<StartState, Error> {
        self.did("prepare").await;
        let identity: Identity = "Rig,Instrument,SIM-1,1".parse().unwrap();
        Ok(StartState {
            identity,
            stale_errors: Vec::new(),
        })
    }

    async fn measure(&mut self, request: &Measure) -> Result<Reading, Error> {
        self.did("measure").await;
        let fails = || Error::timeout(Operation::Measure, &self.resource, Duration::from_secs(2));
        match self.behaviour {
            Behaviour::MeasureFails => return Err(fails()),
            Behaviour::MeasureFailsOnce => {
                let failed_before = std::mem::replace(&mut self.world.lock().unwrap().failed_once, true);
                if !failed_before {
                    return Err(fails());
                }
            }
            Behaviour::MeasureHangs => std::future::pending().await,
            Behaviour::MeasurePanics => panic!("broken driver"),
            Behaviour::Good
            | Behaviour::OpenFails
            | Behaviour::SetPanicsAfterOn
            | Behaviour::SetFailsOff
            | Behaviour::FirstSessionHangsAfterOn
            | Behaviour::TripsAfterOn
            | Behaviour::ReadBackHangs
            | Behaviour::StuckOn
            | Behaviour::LimitsItsCurrent
            | Behaviour::TripsOnCurrentAtOnce
            | Behaviour::TripsOnVoltage => {}
        }
        let measured = self
            .world
            .lock()
            .unwrap()
            .log
            .iter()
            .filter(|line| *line == "dmm measure")
            .count();
        let texts: Vec<&str> = self.reads.split(';').collect();
        let text = texts[measured.saturating_sub(1).min(texts.len() - 1)];
        // several numbers are the samples of one reading
        let values: Vec<Decimal> = text.split(',').map(|text| text.parse().unwrap()).collect();
        let value = Decimal::mean(&values).unwrap();
        let kind = match text {
            "9.9E37" => ReadingKind::Overrange(Polarity::Positive),
            "9.91E37" => ReadingKind::NotANumber,
            _ => ReadingKind::Value(Quantity::new(value, request.function.unit())),
        };
        Ok(Reading {
            text: text.to_owned(),
            kind,
            range_in_use: None,
            nplc: None,
            choices: request.choices,
            sampling: request.sampling,
            samples: Samples::of(values, SampledBy::Repeated),
        })
    }

    async fn set(&mut self, setting: &Setting) -> Result<(), Error> {
        let output = match setting {
            Setting::Output(output) => output,
            Setting::Switch(_) => return Ok(()),
        };
        let on = output.output_enabled == Some(true);
        self.did(if on { "set on" } else { "set off" }).await;
        if !on && self.behaviour == Behaviour::SetFailsOff {
            return Err(Error::new(
                ErrorKind::Instrument,
                Operation::Set,
                &self.resource,
                "-200",
            ));
        }
        if on && self.behaviour == Behaviour::TripsOnCurrentAtOnce {
            let message = "output 1 was turned on and reads back as off: over-current protection tripped";
            let kind = ErrorKind::Readback;
            return Err(Error::new(kind, Operation::Set, &self.resource, message));
        }
        if self.hangs() {
            std::future::pending::<()>().await;
        }
        let mut world = self.world.lock().unwrap();
        world.output = on || self.behaviour == Behaviour::StuckOn;
        world.output_was_on |= on;
        drop(world);
        assert!(!(on && self.behaviour == Behaviour::SetPanicsAfterOn), "broken driver");
        Ok(())
    }

    async fn find_outputs_on(&mut self) -> Result<(), Error> {
        if self.capabilities.outputs.is_empty() {
            return Ok(());
        }
        self.did("find_outputs_on").await;
        let on = self.world.lock().unwrap().output;
        if self.behaviour == Behaviour::ReadBackHangs {
            std::future::pending::<()>().await;
        }
        if on && self.behaviour == Behaviour::TripsAfterOn {
            let message = "output 1 was turned on and reads back as off";
            let kind = ErrorKind::Readback;
            return Err(Error::new(kind, Operation::ReadBack, &self.resource, message));
        }
        Ok(())
    }

    async fn output_mode(&mut self, _channel: u32) -> Result<OutputMode, Error> {
        self.did("output_mode").await;
        let on = self.world.lock().unwrap().output;
        Ok(match self.behaviour {
            Behaviour::TripsOnCurrentAtOnce => OutputMode::Tripped(Protection::OverCurrent),
            Behaviour::TripsOnVoltage => OutputMode::Tripped(Protection::OverVoltage),
            Behaviour::LimitsItsCurrent => OutputMode::Regulates(Regulation::Current),
            Behaviour::Good
            | Behaviour::OpenFails
            | Behaviour::MeasureFails
            | Behaviour::MeasureFailsOnce
            | Behaviour::MeasureHangs
            | Behaviour::MeasurePanics
            | Behaviour::SetPanicsAfterOn
            | Behaviour::SetFailsOff
            | Behaviour::FirstSessionHangsAfterOn
            | Behaviour::TripsAfterOn
            | Behaviour::ReadBackHangs
            | Behaviour::StuckOn => match on {
                true => OutputMode::Regulates(Regulation::Voltage),
                false => OutputMode::Off,
            },
        })
    }

    async fn query(&mut self, message: &str) -> Result<Option<String>, Error> {
        self.did("query").await;
        if self.behaviour == Behaviour::MeasureFails {
            return Err(Error::new(
                ErrorKind::Instrument,
                Operation::Write,
                &self.resource,
                "-113",
            ));
        }
        Ok(message.contains('?').then(|| self.reads.clone()))
    }

    async fn query_checked(&mut self, message: &str) -> Result<Option<Vec<u8>>, Error> {
        let answer = self.query(message).await?.map(String::into_bytes);
        Ok(answer.map(|answer| self.answers.clone().unwrap_or(answer)))
    }

    async fn make_safe(&mut self) -> Result<Vec<OutputState>, Error> {
        self.did("make_safe").await;
        if self.hangs() {
            std::future::pending::<()>().await;
        }
        if self.capabilities.outputs.is_empty() {
            return Ok(Vec::new());
        }
        let stuck = self.behaviour == Behaviour::StuckOn;
        self.world.lock().unwrap().output = stuck;
        let proof = if stuck {
            SafetyProof::NotProved("reads back as on".to_owned())
        } else {
            SafetyProof::Off
        };
        Ok(vec![OutputState { channel: 1, proof }])
    }

    async fn self_test(&mut self) -> Result<(), Error> {
        Ok(())
    }

    async fn recover(&mut self) -> Result<(), Error> {
        self.did("recover").await;
        Ok(())
    }

    async fn close(&mut self) -> Result<(), Error> {
        self.did("close").await;
        Ok(())
    }
}

pub(in crate::tests) fn capabilities(name: &str) -> Capabilities {
    let quantity = |text: &str| text.parse::<Quantity>().unwrap();
    let bounds = |from: &str, to: &str| Bounds {
        minimum: quantity(from),
        maximum: quantity(to),
        resolution: quantity("1 mV").converted(quantity("1 mV").unit).unwrap(),
    };
    let amperes = Bounds {
        minimum: quantity("0 A"),
        maximum: quantity("5 A"),
        resolution: quantity("1 mA"),
    };
    let range = Range {
        full_scale: quantity("10 V"),
        maximum: quantity("12 V"),
        resolution: Some(quantity("10 uV")),
    };
    let is_dmm = name == "dmm";
    let function = FunctionCapability {
        channels: vec![1],
        ranges: vec![range],
        autorange: true,
        nplc: Vec::new(),
        nplc_default: None,
        needs_output: false,
        choices: benchtop_instrument::ChoiceCapability::default(),
        accuracy: Vec::new(),
        sampling: benchtop_instrument::SamplingCapability::default(),
    };
    let output = OutputCapability {
        voltage_level: bounds("0 V", "6 V"),
        current_limit: amperes,
        ovp_level: None,
        ocp_enabled: false,
    };
    Capabilities {
        class: match name {
            "dmm" => Class::Dmm,
            "uart" => Class::Console,
            _ => Class::DcPower,
        },
        driver: format!("rig/{name}"),
        model: "Rig".to_owned(),
        channels: vec![1],
        functions: if is_dmm {
            BTreeMap::from([(Function::DcVoltage, function)])
        } else {
            BTreeMap::from([(Function::DcVoltage, function.clone()), (Function::DcCurrent, function)])
        },
        outputs: if is_dmm {
            BTreeMap::new()
        } else {
            BTreeMap::from([(1, output)])
        },
        channel_names: BTreeMap::new(),
        switched: Vec::new(),
        overrange: is_dmm.then(|| "1E9".parse().unwrap()),
    }
}
