//! The instruments of one bench, resolved: what they can do without opening them, and how to open them.

use crate::{
    catalogue::Catalogue,
    console::{self, StationConsole},
    file::{StationFile, StationInstrument},
    metrology::{Calibration, Said},
    slots::{self, Carrier, StationSlot},
};
use benchtop_instrument::{
    Capabilities, Class, Clock, Console, Error, ErrorKind, Instrument, LineSettings, Operation, Resource, Session,
};
use benchtop_notation::{Diagnostic, Diagnostics, Span, Spanned};
use benchtop_procedure::{LogicalName, Meter, Metrology, Slot};
use benchtop_scpi::{Definition, Options, ScpiInstrument};
use benchtop_sim::SimulatedBench;
use benchtop_transport::{self as transport, Recorder};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// How long opening one session may take.
const OPEN: Duration = Duration::from_secs(10);

/// One instrument of the bench.
#[derive(Clone, Debug)]
pub struct Equipment {
    /// What drives it.
    pub definition: Arc<Definition>,
    /// Digest of that definition's text, SHA-256 in hex.
    pub sha256: String,
    /// Where it is.
    pub resource: Resource,
    /// What the station says beside that.
    pub options: Options,
    /// When its calibration is due.
    pub calibration_due: Option<Spanned<String>>,
    /// When it was calibrated last, `YYYY-MM-DD`.
    pub calibrated_on: Option<String>,
    /// The certificate of its last calibration.
    pub certificate: Option<String>,
    /// The owner's number for it.
    pub asset_id: Option<String>,
}

impl Equipment {
    /// What it can do for this station.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        self.options.capabilities(&self.definition)
    }
}

/// A bench, real or simulated.
#[derive(Debug)]
pub struct Station {
    /// The instruments by logical name.
    pub instruments: BTreeMap<LogicalName, Equipment>,
    /// The unit's own links by logical name, on a real bench.
    consoles: BTreeMap<LogicalName, StationConsole>,
    slots: BTreeMap<String, StationSlot>,
    safe_first: Vec<LogicalName>,
    simulated: Option<SimulatedBench>,
    clock: Arc<dyn Clock>,
    recorder: Option<Arc<Recorder>>,
}

impl Station {
    /// The bench that a station file describes.
    ///
    /// # Errors
    /// Drivers that there are not, or that are wrong in themselves: all of them.
    pub fn real(file: &StationFile, catalogue: &Catalogue, clock: Arc<dyn Clock>) -> Result<Self, Diagnostics> {
        let mut sink = Diagnostics::new();
        let mut instruments = BTreeMap::new();
        for (name, instrument) in &file.instruments {
            match catalogue.driver(&instrument.driver) {
                Ok(definition) => {
                    check_channels(&mut sink, name, instrument, &definition);
                    let sha256 = catalogue.driver_sha256(&instrument.driver.value);
                    instruments.insert(name.clone(), equipment(definition, sha256, instrument));
                }
                Err(findings) => sink.append(findings),
            }
        }
        if sink.has_errors() {
            return Err(sink);
        }
        if let Some(library) = &file.visa_library {
            transport::visa::library::choose(library);
        }
        let safe_first = file.safe_order.iter().map(|name| name.value.clone()).collect();
        let station = Self {
            instruments,
            consoles: file.consoles.clone(),
            slots: BTreeMap::new(),
            safe_first,
            simulated: None,
            clock,
            recorder: None,
        };
        station.with_slots(file.slots.clone())
    }

    /// The instruments of a simulated bench, driven by the same definitions as real ones.
    ///
    /// # Errors
    /// Models without a driver, or whose driver is wrong in itself.
    pub fn simulated(bench: SimulatedBench, catalogue: &Catalogue, clock: Arc<dyn Clock>) -> Result<Self, Diagnostics> {
        let mut sink = Diagnostics::new();
        let mut instruments = BTreeMap::new();
        // several of one model share its definition
        let mut drivers = BTreeMap::new();
        for name in bench.instrument_names() {
            let Some(model) = bench.model_of(name) else { continue };
            let driver = drivers.entry(model).or_insert_with(|| {
                let written = Spanned::new(model.to_owned(), Span::of_file(bench.name()));
                let definition = catalogue.driver(&written)?;
                Ok::<_, Diagnostics>((definition, catalogue.driver_sha256(model)))
            });
            match driver.clone() {
                Ok((definition, sha256)) => {
                    let resource = Resource::Simulated {
                        bench: bench.name().to_owned(),
                        name: name.to_owned(),
                    };
                    let names = bench.channel_names(name).into_iter().flatten();
                    let options = Options {
                        channel_names: names.map(|(name, channel)| (name.clone(), *channel)).collect(),
                        ..Options::default()
                    };
                    let equipment = Equipment {
                        definition,
                        sha256,
                        resource,
                        options,
                        calibration_due: None,
                        calibrated_on: None,
                        certificate: None,
                        asset_id: None,
                    };
                    instruments.insert(LogicalName(name.to_owned()), equipment);
                }
                Err(findings) => sink.append(findings),
            }
        }
        if sink.has_errors() {
            return Err(sink);
        }
        Ok(Self {
            instruments,
            consoles: BTreeMap::new(),
            slots: BTreeMap::new(),
            safe_first: Vec::new(),
            simulated: Some(bench),
            clock,
            recorder: None,
        })
    }

    /// The same with slots.
    ///
    /// # Errors
    /// Channels that an instrument has not got, or that two slots have: all of them.
    pub fn with_slots(self, slots: BTreeMap<String, StationSlot>) -> Result<Self, Diagnostics> {
        let mut sink = Diagnostics::new();
        slots::check(&mut sink, &slots, |name| {
            let equipment = self.instruments.get(name)?;
            let outputs = equipment.definition.outputs.as_ref();
            Some(Carrier {
                capabilities: equipment.capabilities(),
                has_one_switch: outputs.is_some_and(|outputs| outputs.output_enabled.shared),
            })
        });
        sink.into_result()?;
        Ok(Self { slots, ..self })
    }

    /// The slots of the fixture by name.
    #[must_use]
    pub const fn slots(&self) -> &BTreeMap<String, StationSlot> {
        &self.slots
    }

    /// What each slot has of its own.
    #[must_use]
    pub fn own_slots(&self) -> BTreeMap<String, Slot> {
        let slots = self.slots.iter();
        slots.map(|(name, slot)| (name.clone(), slot.own.clone())).collect()
    }

    /// Writes down every dialogue with its instruments from here on.
    #[must_use]
    pub fn recorded(self, recorder: Option<Arc<Recorder>>) -> Self {
        Self { recorder, ..self }
    }

    /// True when anything on it is no instrument: a simulated bench, or a transcript in place of one.
    #[must_use]
    pub fn is_simulated(&self) -> bool {
        let mut resources = self.instruments.values().map(|equipment| &equipment.resource);
        self.simulated.is_some() || resources.any(Resource::is_simulated)
    }

    /// What the instruments can do.
    #[must_use]
    pub fn capabilities(&self) -> BTreeMap<LogicalName, Capabilities> {
        let one = |(name, equipment): (&LogicalName, &Equipment)| (name.clone(), equipment.capabilities());
        let consoles = self.console_names().into_iter();
        let consoles = consoles.map(|name| (name, console::capabilities()));
        self.instruments.iter().map(one).chain(consoles).collect()
    }

    /// The logical names of the unit's own links.
    #[must_use]
    pub fn console_names(&self) -> Vec<LogicalName> {
        match &self.simulated {
            Some(bench) => bench.console_names().map(LogicalName).collect(),
            None => self.consoles.keys().cloned().collect(),
        }
    }

    /// Where one of the unit's own links is; nothing where there is no such one.
    #[must_use]
    pub fn console_resource(&self, name: &LogicalName) -> Option<Resource> {
        match &self.simulated {
            Some(bench) => bench
                .console_names()
                .any(|known| known == name.0)
                .then(|| Resource::Simulated {
                    bench: bench.name().to_owned(),
                    name: name.to_string(),
                }),
            None => self.consoles.get(name).map(|console| console.resource.clone()),
        }
    }

    /// Opens one of the unit's own links anew.
    ///
    /// # Errors
    /// What the transport said; `Unsupported` for a name that the bench has not.
    pub async fn open_console(&self, name: &LogicalName) -> Result<Box<dyn Console>, Error> {
        let opened = match &self.simulated {
            Some(bench) => bench.console(&name.0).map(Ok),
            None => match self.consoles.get(name) {
                Some(console) => Some(console.open(&self.clock).await),
                None => None,
            },
        };
        opened.unwrap_or_else(|| {
            let nowhere = Resource::Simulated {
                bench: "none".to_owned(),
                name: name.to_string(),
            };
            let message = format!("this bench has no console {name}");
            Err(Error::new(ErrorKind::Unsupported, Operation::Open, &nowhere, message))
        })
    }

    /// What the bench says of how well its instruments measure; `said` of one that is simulated.
    #[must_use]
    pub fn metrology(&self, said: &Said) -> Metrology {
        let one = |(name, equipment): (&LogicalName, &Equipment)| {
            let Calibration {
                calibrated_on,
                calibration_due,
                warm_up,
            } = said.instruments.get(name).copied().unwrap_or_default();
            let meter = Meter {
                capabilities: equipment.definition.capabilities(),
                calibrated_on,
                calibration_due,
                warm_up,
            };
            (name.clone(), meter)
        };
        Metrology {
            ambient: said.ambient.clone(),
            instruments: self.instruments.iter().map(one).collect(),
            contributions: said.contributions.clone(),
        }
    }

    /// The names in the order of making safe: the station file's, then sources, then the rest.
    #[must_use]
    pub fn safe_order(&self) -> Vec<LogicalName> {
        let mut order = self.safe_first.clone();
        let is_source =
            |name: &LogicalName| match self.instruments.get(name).map(|equipment| equipment.definition.class) {
                Some(Class::DcPower) => true,
                Some(Class::Dmm | Class::Console | Class::Switch) | None => false,
            };
        let (sources, others): (Vec<_>, Vec<_>) = self.instruments.keys().cloned().partition(is_source);
        for name in sources.into_iter().chain(others) {
            if !order.contains(&name) {
                order.push(name);
            }
        }
        order
    }

    /// The simulated bench behind it, if it is one.
    #[must_use]
    pub const fn bench(&self) -> Option<&SimulatedBench> {
        self.simulated.as_ref()
    }

    /// Opens a fresh session to one instrument. Changes nothing on it.
    ///
    /// # Errors
    /// What the transport said; `Unsupported` for a name that the bench has not.
    pub async fn open(&self, name: &LogicalName) -> Result<Box<dyn Instrument>, Error> {
        let missing = || {
            let nowhere = Resource::Simulated {
                bench: "none".to_owned(),
                name: name.to_string(),
            };
            let message = format!("this bench has no instrument {name}");
            Error::new(ErrorKind::Unsupported, Operation::Open, &nowhere, message)
        };
        let equipment = self.instruments.get(name).ok_or_else(missing)?;
        let session = match &self.simulated {
            Some(bench) => bench.session(&name.0).ok_or_else(missing)?,
            None => {
                let line = equipment.options.line(&equipment.definition);
                open_session(&equipment.resource, &line, &self.clock).await?
            }
        };
        let session = match &self.recorder {
            Some(recorder) => recorder.record(&name.0, session, &self.clock),
            None => session,
        };
        let definition = Arc::clone(&equipment.definition);
        let clock = Arc::clone(&self.clock);
        Ok(Box::new(ScpiInstrument::new(
            session,
            definition,
            clock,
            equipment.options.clone(),
        )))
    }
}

/// Names for channels that there are; of a shared source, those that are this station's.
fn check_channels(sink: &mut Diagnostics, name: &LogicalName, instrument: &StationInstrument, definition: &Definition) {
    let capabilities = definition.capabilities();
    for channel in instrument.channels.values() {
        if !capabilities.channels.contains(&channel.value) {
            let (model, has) = (&capabilities.model, capabilities.channel_list());
            sink.error(
                &channel.span,
                &format!("{name} ({model}) has {has}, not {}", channel.value),
            );
        }
    }
    if instrument.shared && definition.relays.is_some() {
        let message = format!("{name} is a switch: it cannot be shared, since making it safe opens every channel");
        sink.error(&instrument.span, &message);
    }
    let Some(outputs) = definition.outputs.as_ref().filter(|_| instrument.shared) else {
        return;
    };
    if outputs.output_enabled.shared {
        let message = format!("{name} is a source with one switch for all outputs: it cannot be shared");
        sink.error(&instrument.span, &message);
    } else if instrument.channels.is_empty() {
        let message = format!("{name} is a shared source, and nothing says which outputs are this station's");
        let help = "channels = { board = 1 }, for example: only those are set and made safe";
        sink.push(Diagnostic::error(&instrument.span, &message).help(help));
    }
}

fn names(instrument: &StationInstrument) -> BTreeMap<String, u32> {
    let named = instrument.channels.iter();
    named.map(|(name, channel)| (name.clone(), channel.value)).collect()
}

fn equipment(definition: Arc<Definition>, sha256: String, instrument: &StationInstrument) -> Equipment {
    let is_source = instrument.shared && definition.outputs.is_some();
    let options = Options {
        serial_number: instrument.serial_number.clone(),
        shared: instrument.shared,
        exclusive: instrument.exclusive,
        channel_names: names(instrument),
        only: is_source.then(|| names(instrument).into_values().collect()),
        timeout: instrument.timeout,
        line: instrument.line.clone(),
    };
    Equipment {
        definition,
        sha256,
        resource: instrument.resource.clone(),
        options,
        calibration_due: instrument.calibration_due.clone(),
        calibrated_on: instrument.calibrated_on.clone(),
        certificate: instrument.certificate.clone(),
        asset_id: instrument.asset_id.clone(),
    }
}

/// Opens a session to a resource, by hand or after a crash; `line` is for a serial port.
///
/// # Errors
/// What the transport said.
pub async fn open_session(
    resource: &Resource,
    line: &LineSettings,
    clock: &Arc<dyn Clock>,
) -> Result<Box<dyn Session>, Error> {
    // a lock is waited for beside that
    let patience = OPEN.saturating_add(line.exclusive.unwrap_or_default());
    transport::open(resource, line, Arc::clone(clock), clock.now().after(patience)).await
}

/// Opens an instrument by resource and definition, by hand or after a crash.
///
/// # Errors
/// What the transport said.
pub async fn open_instrument(
    resource: &Resource,
    definition: Arc<Definition>,
    options: Options,
    clock: &Arc<dyn Clock>,
) -> Result<Box<dyn Instrument>, Error> {
    let session = open_session(resource, &options.line(&definition), clock).await?;
    Ok(drive(session, definition, options, clock))
}

/// The instrument that an open session leads to.
#[must_use]
pub fn drive(
    session: Box<dyn Session>,
    definition: Arc<Definition>,
    options: Options,
    clock: &Arc<dyn Clock>,
) -> Box<dyn Instrument> {
    Box::new(ScpiInstrument::new(session, definition, Arc::clone(clock), options))
}
