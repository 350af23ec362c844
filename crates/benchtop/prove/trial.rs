//! One run of a procedure on a simulated bench on which one thing is wrong.

use crate::{
    bench::Refused,
    exit::Failure,
    outside::{self, Forgetful},
    procedures::Source,
    run::{self, Together},
};
use async_trait::async_trait;
use benchtop_instrument::{
    Capabilities, Clock, Console, Error, Function, Instrument, Measure, OutputMode, OutputState, Quantity, Reading,
    Resource, Setting, StartState, Unit, VirtualClock,
};
use benchtop_procedure::{
    BoundProcedure, Facts, LogicalName, Measurement, MeasurementOutcome, Metrology, Procedure, StepKind, Value,
    full_name, is_for_slots,
};
use benchtop_run::{
    Bench as RunBench, Crew, Deadlines, Event, EventKind, Fixture, Interrupt, MeasurementTaken, Placement,
    ProcedureUse, Purpose, Recorder, RecorderError, RunOutcome, RunStarted, Seat, Section, UnitUnderTest,
    execute_slots,
};
use benchtop_sim::{Bench, Deviation, Fault, SimulatedBench};
use benchtop_station::{Catalogue, Said, Station, StationSlot};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::sync::watch;

/// The unit of every trial: an ordinary one.
const SERIAL_NUMBER: &str = "PROVE";

/// What is wrong in a trial.
#[derive(Default)]
pub(super) struct Trial<'b> {
    /// With the unit.
    pub(super) deviation: Option<&'b Deviation>,
    /// With an instrument.
    pub(super) fault: Option<(String, Fault)>,
    /// With one measured quantity, at the instrument's terminals.
    pub(super) shift: Option<Shift>,
}

/// A measured quantity that is moved: from one measurement on, wherever the same is measured again.
#[derive(Clone)]
pub(super) struct Shift {
    /// The reading: the how manieth of the run, from 0.
    pub(super) from: usize,
    /// On which instrument.
    pub(super) instrument: LogicalName,
    /// What was asked of it.
    pub(super) request: Measure,
    /// By how much, in its base unit.
    pub(super) amount: f64,
}

const LIES: [Fault; 5] = [
    Fault::StuckReading,
    Fault::LeadOff,
    Fault::BlownCurrentFuse,
    Fault::OvpTrip,
    Fault::StuckOutput,
];

/// A measurement of a procedure, in the order in which they are taken.
pub(super) struct Planned<'p> {
    /// Its full name: that of its turn in a sweep.
    pub(super) name: String,
    pub(super) measurement: &'p Measurement,
    /// How many readings are taken before it.
    pub(super) from: usize,
}

/// Every measurement of a step that measures, in the order in which they are taken.
pub(super) fn measurements(procedure: &Procedure) -> Vec<Planned<'_>> {
    let steps = procedure.all_steps().filter_map(|step| match &step.kind {
        StepKind::Measurements(measurements) => Some((step, measurements)),
        StepKind::Set { .. }
        | StepKind::Wait(_)
        | StepKind::Prompt(_)
        | StepKind::Exec(_)
        | StepKind::Query(_)
        | StepKind::Send(_)
        | StepKind::Expect(_) => None,
    });
    let mut planned = Vec::new();
    let mut from = 0;
    for (step, measurements) in steps {
        for measurement in measurements {
            planned.push(Planned {
                name: full_name(&measurement.name, &step.parameters),
                measurement,
                from,
            });
            from += usize::from(measurement.reading().is_some());
        }
    }
    planned
}

/// How it went.
pub(super) struct Trialled {
    pub(super) outcome: RunOutcome,
    /// What was measured, by full names.
    pub(super) taken: Vec<(String, MeasurementTaken)>,
    why: Option<String>,
}

impl Trialled {
    /// The deciding one, where a step was tried again.
    pub(super) fn last_of(&self, name: &str) -> Option<&MeasurementTaken> {
        let found = self.taken.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, taken)| taken)
    }

    /// The value in its base unit.
    pub(super) fn value_of(&self, name: &str) -> Option<f64> {
        let taken = self.last_of(name)?;
        let quantity = Quantity::new(taken.value.as_ref()?.number()?, taken.unit);
        let value = quantity.in_unit(Unit::of(taken.unit.base())).ok()?;
        Some(value.to_f64())
    }

    /// Why it ended as it did, behind a colon.
    pub(super) fn reason(&self) -> String {
        let failed = self
            .taken
            .iter()
            .find(|(_, taken)| taken.outcome == MeasurementOutcome::Fail);
        let failed = failed.and_then(|(name, taken)| Some(format!("{name}: {}", taken.reason.as_ref()?)));
        let why = self.why.clone().or(failed);
        why.map_or_else(String::new, |why| format!(": {why}"))
    }
}

/// What an expression computes with.
impl Facts for Trialled {
    fn measured(&self, name: &str) -> Option<Value> {
        self.last_of(name)?.value.clone()
    }

    fn outcome(&self, _name: &str) -> Option<&'static str> {
        None
    }
}

/// A procedure, and the bench that it is tried on.
pub(super) struct Laboratory<'b> {
    bench: &'b Bench,
    catalogue: &'b Catalogue,
    slots: &'b BTreeMap<String, StationSlot>,
    /// Where the unit lies, where the procedure is for slots. The others are empty then, so that nothing in them is taken for it.
    pub(super) slot: Option<String>,
    pub(super) procedure: BoundProcedure,
    metrology: Arc<Metrology>,
}

impl<'b> Laboratory<'b> {
    /// One; one for each slot, where the procedure is for slots.
    pub(super) fn all(
        bench: &'b Bench,
        slots: &'b BTreeMap<String, StationSlot>,
        said: &Said,
        catalogue: &'b Catalogue,
        source: &Source,
    ) -> Result<Vec<Self>, Refused> {
        let station = stand(bench, slots, catalogue, None, None)?.station;
        let metrology = Arc::new(station.metrology(said));
        let read = source.written().read(&source.given());
        let own = station.own_slots();
        let bound = if read.procedure().is_some_and(|procedure| is_for_slots(procedure, &own)) {
            let bound = read.bind_slots(&station.capabilities(), &own)?;
            bound.into_iter().map(|(slot, bound)| (Some(slot), bound)).collect()
        } else {
            vec![(None, read.bind(&station.capabilities()).bound?)]
        };
        let each = bound.into_iter().map(|(slot, procedure)| Self {
            bench,
            catalogue,
            slots,
            slot,
            procedure,
            metrology: Arc::clone(&metrology),
        });
        Ok(each.collect())
    }

    /// Where it is tried, behind the name of the bench.
    pub(super) fn place(&self) -> String {
        let slot = self.slot.as_ref();
        slot.map_or_else(String::new, |slot| format!(" in slot {slot}"))
    }

    /// The faults of instruments that can look right: what a meter says is plausible and wrong, a supply obeys and does not.
    pub(super) fn lies(&self) -> Vec<(String, Fault)> {
        let bench = self.bench.build(Arc::new(VirtualClock::new()), SERIAL_NUMBER);
        let procedure = self.procedure.procedure();
        let mut lies = Vec::new();
        for name in procedure.instruments.keys() {
            let planned = measurements(procedure);
            let mut readings = planned.iter().filter_map(|planned| planned.measurement.reading());
            let in_series = readings.any(|reading| {
                let current = matches!(reading.request.function, Function::DcCurrent | Function::AcCurrent);
                reading.instrument == *name && current
            });
            for fault in LIES {
                let fits = fault != Fault::BlownCurrentFuse || in_series;
                if fits && bench.order_fault(&name.0, fault.into()).is_ok() {
                    lies.push((name.to_string(), fault));
                }
            }
        }
        lies
    }

    /// Runs the procedure.
    pub(super) async fn run(&self, trial: &Trial<'_>) -> Result<Trialled, Refused> {
        let slot = self.slot.as_deref();
        let stand = stand(self.bench, self.slots, self.catalogue, slot, trial.deviation)?;
        if let Some((name, fault)) = &trial.fault {
            stand.bench.set_fault(name, *fault);
        }
        let trialled = carry_out(&[self], stand, trial.shift.clone()).await.pop();
        trialled.ok_or_else(|| Failure::error("the runner lost the run (a bug in Benchtop)").into())
    }

    /// Runs the procedures of all slots at once, on an ordinary unit in each.
    pub(super) async fn run_all(laboratories: &[Self]) -> Result<Vec<Trialled>, Refused> {
        let Some(first) = laboratories.first() else {
            return Ok(Vec::new());
        };
        let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new());
        let units = laboratories.iter().filter_map(|laboratory| {
            let slot = laboratory.slot.clone()?;
            let serial_number = format!("{SERIAL_NUMBER}-{slot}");
            Some((slot, serial_number))
        });
        let bench = first.bench.build_slots(Arc::clone(&clock), &units.collect());
        let station = station_of(&bench, first.slots, first.catalogue, &clock)?;
        let all: Vec<&Self> = laboratories.iter().collect();
        Ok(carry_out(&all, Stand { bench, station, clock }, None).await)
    }

    /// What the runner needs of the unit in its place.
    fn seat(&self, stand: &Stand, together: &Together, notes: &Notes) -> Seat<Notes> {
        let mut started = self.started(&stand.station);
        let mut bench = stand.bench.clone();
        if let Some(slot) = &self.slot {
            started.instruments = together.restrict(slot, started.instruments);
            bench = bench.in_slot(slot);
        }
        Seat {
            procedure: self.procedure.clone(),
            started,
            partial: None,
            outside: outside::simulated(&bench, &stand.clock, Arc::default(), Arc::new(Forgetful)),
            recorder: notes.clone(),
            listeners: Vec::new(),
        }
    }

    /// What was measured, by full names.
    fn named(&self, notes: &Notes) -> Vec<(String, MeasurementTaken)> {
        let procedure = self.procedure.procedure();
        let named = |taken: MeasurementTaken| {
            let section = match taken.address.section {
                Section::Setup => &procedure.setup,
                Section::Main => &procedure.steps,
                Section::Teardown => &procedure.teardown,
            };
            let step = section.get(taken.address.index);
            let name = step.map_or_else(|| taken.name.clone(), |step| full_name(&taken.name, &step.parameters));
            (name, taken)
        };
        std::mem::take(&mut *notes.look()).into_iter().map(named).collect()
    }

    fn started(&self, station: &Station) -> RunStarted {
        let procedure = self.procedure.procedure();
        RunStarted {
            run_id: String::new(),
            sequence: 0,
            procedure: ProcedureUse {
                id: procedure.id.clone(),
                version: procedure.version.clone(),
                name: procedure.name.clone(),
                sha256: String::new(),
                resolved: benchtop_run::Resolved::default(),
            },
            unit: UnitUnderTest {
                serial_number: SERIAL_NUMBER.to_owned(),
                ..UnitUnderTest::default()
            },
            station_id: self.bench.name().to_owned(),
            fixture_id: None,
            placement: Placement {
                slot: self.slot.clone(),
                ..Placement::default()
            },
            earlier: None,
            accepted_unsafe: Vec::new(),
            operator: None,
            purpose: Purpose::Engineering,
            study: None,
            simulated: true,
            virtual_clock: true,
            benchtop_version: env!("CARGO_PKG_VERSION").to_owned(),
            station_sha256: String::new(),
            instruments: run::used(station, procedure),
            steps: run::planned(procedure),
        }
    }
}

/// A bench with a unit on it, and its instruments.
struct Stand {
    bench: SimulatedBench,
    station: Station,
    clock: Arc<dyn Clock>,
}

fn stand(
    bench: &Bench,
    slots: &BTreeMap<String, StationSlot>,
    catalogue: &Catalogue,
    slot: Option<&str>,
    deviation: Option<&Deviation>,
) -> Result<Stand, Refused> {
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new());
    let bench = bench.build_deviating(Arc::clone(&clock), slot, SERIAL_NUMBER, deviation);
    let station = station_of(&bench, slots, catalogue, &clock)?;
    Ok(Stand { bench, station, clock })
}

fn station_of(
    bench: &SimulatedBench,
    slots: &BTreeMap<String, StationSlot>,
    catalogue: &Catalogue,
    clock: &Arc<dyn Clock>,
) -> Result<Station, Refused> {
    let station = Station::simulated(bench.clone(), catalogue, Arc::clone(clock))?;
    Ok(station.with_slots(slots.clone())?)
}

/// Runs the procedures of these laboratories at once; how each went.
async fn carry_out(laboratories: &[&Laboratory<'_>], stand: Stand, shift: Option<Shift>) -> Vec<Trialled> {
    let placed = laboratories.iter();
    let placed = placed.filter_map(|laboratory| Some((laboratory.slot.as_deref()?, &laboratory.procedure)));
    let together = Together::new(String::new(), placed);
    let notes: Vec<Notes> = laboratories.iter().map(|_| Notes::default()).collect();
    let seats = laboratories.iter().zip(&notes);
    let seats = seats.map(|(laboratory, notes)| laboratory.seat(&stand, &together, notes));
    let seats: Vec<Seat<Notes>> = seats.collect();
    let metrology = laboratories.first().map(|first| Arc::clone(&first.metrology));
    let rigged = Rigged {
        station: Arc::new(stand.station),
        bench: stand.bench,
        shift,
        measured: Arc::default(),
    };
    // nobody interrupts it; the sender must outlive it
    let (_operator, interrupt) = watch::channel(Interrupt::None);
    let finished = execute_slots(Fixture {
        seats,
        crew: Crew::default(),
        bench: Arc::new(rigged),
        metrology: metrology.unwrap_or_default(),
        clock: stand.clock,
        interrupt,
        deadlines: Deadlines::default(),
    })
    .await;
    let each = laboratories.iter().zip(&notes).zip(finished);
    let each = each.map(|((laboratory, notes), finished)| Trialled {
        outcome: finished.ended.outcome,
        taken: laboratory.named(notes),
        why: finished.ended.reason,
    });
    each.collect()
}

/// What the runner has measured.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<MeasurementTaken>>>);

impl Notes {
    fn look(&self) -> MutexGuard<'_, Vec<MeasurementTaken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Recorder for Notes {
    fn record(&mut self, event: &Event) -> Result<(), RecorderError> {
        if let EventKind::MeasurementTaken(taken) = &event.kind {
            self.look().push((**taken).clone());
        }
        Ok(())
    }

    async fn barrier(&mut self) -> Result<(), RecorderError> {
        Ok(())
    }
}

/// The bench, whose instruments see a quantity moved while it is measured.
struct Rigged {
    station: Arc<Station>,
    bench: SimulatedBench,
    shift: Option<Shift>,
    /// How many measurements there have been.
    measured: Arc<AtomicUsize>,
}

#[async_trait]
impl RunBench for Rigged {
    async fn open_console(&self, name: &LogicalName) -> Result<Box<dyn Console>, Error> {
        self.station.open_console(name).await
    }

    async fn open(&self, name: &LogicalName) -> Result<Box<dyn Instrument>, Error> {
        let instrument = self.station.open(name).await?;
        let Some(shift) = self.shift.clone() else {
            return Ok(instrument);
        };
        Ok(Box::new(Moved {
            instrument,
            name: name.clone(),
            bench: self.bench.clone(),
            shift,
            measured: Arc::clone(&self.measured),
        }))
    }
}

struct Moved {
    instrument: Box<dyn Instrument>,
    name: LogicalName,
    bench: SimulatedBench,
    shift: Shift,
    measured: Arc<AtomicUsize>,
}

#[async_trait]
impl Instrument for Moved {
    fn resource(&self) -> &Resource {
        self.instrument.resource()
    }

    fn capabilities(&self) -> &Capabilities {
        self.instrument.capabilities()
    }

    async fn prepare(&mut self) -> Result<StartState, Error> {
        self.instrument.prepare().await
    }

    async fn measure(&mut self, request: &Measure) -> Result<Reading, Error> {
        let number = self.measured.fetch_add(1, Ordering::Relaxed);
        let Shift {
            from,
            instrument,
            request: moved,
            amount,
        } = &self.shift;
        if number < *from || self.name != *instrument || request != moved {
            return self.instrument.measure(request).await;
        }
        self.bench.shift(&self.name.0, *amount);
        let reading = self.instrument.measure(request).await;
        self.bench.shift(&self.name.0, 0.0);
        reading
    }

    async fn set(&mut self, setting: &Setting) -> Result<(), Error> {
        self.instrument.set(setting).await
    }

    async fn find_outputs_on(&mut self) -> Result<(), Error> {
        self.instrument.find_outputs_on().await
    }

    async fn output_mode(&mut self, channel: u32) -> Result<OutputMode, Error> {
        self.instrument.output_mode(channel).await
    }

    async fn find_these_on(&mut self, channels: &[u32]) -> Result<(), Error> {
        self.instrument.find_these_on(channels).await
    }

    async fn query(&mut self, message: &str) -> Result<Option<String>, Error> {
        self.instrument.query(message).await
    }

    async fn query_checked(&mut self, message: &str) -> Result<Option<Vec<u8>>, Error> {
        self.instrument.query_checked(message).await
    }

    async fn make_safe(&mut self) -> Result<Vec<OutputState>, Error> {
        self.instrument.make_safe().await
    }

    async fn self_test(&mut self) -> Result<(), Error> {
        self.instrument.self_test().await
    }

    async fn recover(&mut self) -> Result<(), Error> {
        self.instrument.recover().await
    }

    async fn close(&mut self) -> Result<(), Error> {
        self.instrument.close().await
    }
}
