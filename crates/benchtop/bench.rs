//! Which instruments a command works with: those of a station file, or simulated ones. And the runner's view of them.

use crate::{args::BenchArguments, assets::read_text, exit::Failure};
use async_trait::async_trait;
use benchtop_instrument::{Clock, Console, Error, Instrument, NaiveDate, RealClock, VirtualClock};
use benchtop_notation::Diagnostics;
use benchtop_procedure::{LogicalName, Metrology};
use benchtop_run::Bench;
use benchtop_station::{Catalogue, Entry, Origin, Said, Station, StationFile, of_bench, sha256, slots_of_bench};
use std::{collections::BTreeMap, path::Path, sync::Arc};

/// A bench that was read and resolved; nothing has been opened.
pub(crate) struct Equipped {
    pub(crate) station: Station,
    pub(crate) id: String,
    pub(crate) fixture_id: Option<String>,
    pub(crate) sha256: String,
    /// The station file, for a real bench.
    pub(crate) file: Option<StationFile>,
    pub(crate) clock: Arc<dyn Clock>,
    /// What it says of how well its instruments measure.
    pub(crate) metrology: Arc<Metrology>,
}

/// What lies in a simulated bench.
pub(crate) enum Units {
    /// A unit.
    One(String),
    /// Units in slots, by the slots' names.
    InSlots(BTreeMap<String, String>),
}

impl Units {
    /// Builds a simulated bench with them in it.
    pub(crate) fn lie_in(&self, bench: &benchtop_sim::Bench, clock: &Arc<dyn Clock>) -> benchtop_sim::SimulatedBench {
        match self {
            Self::One(serial) => bench.build(Arc::clone(clock), serial),
            Self::InSlots(units) => bench.build_slots(Arc::clone(clock), units),
        }
    }
}

/// What was wrong with the files of a bench.
pub(crate) enum Refused {
    Findings(Diagnostics),
    Failure(Failure),
}

impl From<Diagnostics> for Refused {
    fn from(findings: Diagnostics) -> Self {
        Self::Findings(findings)
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// The bench that the command line names, with the units in it if it is simulated; `None` if it names none.
pub(crate) fn equip(
    arguments: &BenchArguments,
    catalogue: &Catalogue,
    procedure_id: Option<&str>,
    units: &Units,
    real_pace: bool,
) -> Result<Option<Equipped>, Refused> {
    if let Some(path) = &arguments.station {
        return real(path, catalogue).map(Some);
    }
    match &arguments.simulate {
        Some(wanted) => simulated(wanted, catalogue, procedure_id, units, real_pace).map(Some),
        None => Ok(None),
    }
}

fn real(path: &Path, catalogue: &Catalogue) -> Result<Equipped, Refused> {
    let text = read_text(path)?;
    let file = benchtop_station::parse(&path.display().to_string(), &text)?;
    let clock = RealClock::shared();
    let station = Station::real(&file, catalogue, Arc::clone(&clock))?;
    let metrology = Arc::new(station.metrology(&Said::of_file(&file)));
    Ok(Equipped {
        metrology,
        station,
        id: file.id.clone(),
        fixture_id: file.fixture_id.clone(),
        sha256: sha256(text.as_bytes()),
        file: Some(file),
        clock,
    })
}

fn simulated(
    wanted: &str,
    catalogue: &Catalogue,
    procedure_id: Option<&str>,
    units: &Units,
    real_pace: bool,
) -> Result<Equipped, Refused> {
    let (found, bench) = find(wanted, catalogue, procedure_id)?;
    let clock: Arc<dyn Clock> = if real_pace {
        RealClock::shared()
    } else {
        Arc::new(VirtualClock::new())
    };
    let bench = units.lie_in(&bench, &clock);
    let id = format!("simulated:{}", bench.name());
    let station = Station::simulated(bench, catalogue, Arc::clone(&clock))?;
    let station = station.with_slots(slots_of_bench(&found.file, &found.text)?)?;
    let sha256 = found.sha256();
    let metrology = Arc::new(station.metrology(&of_bench(&found.file, &found.text, today())?));
    Ok(Equipped {
        metrology,
        station,
        id,
        fixture_id: None,
        sha256,
        file: None,
        clock,
    })
}

/// The day, UTC.
pub(crate) fn today() -> NaiveDate {
    RealClock::new().utc().date_naive()
}

/// A shipped bench by name, a file, or the shipped bench for a procedure.
pub(crate) fn find(
    wanted: &str,
    catalogue: &Catalogue,
    procedure_id: Option<&str>,
) -> Result<(Entry, benchtop_sim::Bench), Refused> {
    let known = || catalogue.benches.keys().cloned().collect::<Vec<_>>().join(", ");
    if let Some(entry) = catalogue.benches.get(wanted) {
        return Ok((entry.clone(), catalogue.bench(entry)?));
    }
    if !wanted.is_empty() {
        let path = Path::new(wanted);
        if path.is_file() {
            let entry = Entry {
                file: path.display().to_string(),
                text: read_text(path)?.into(),
                origin: Origin::User(wanted.to_owned()),
            };
            let bench = catalogue.bench(&entry)?;
            return Ok((entry, bench));
        }
        let message = format!("there is no simulated bench {wanted}; shipped: {}", known());
        return Err(Failure::refused(message).into());
    }
    let Some(id) = procedure_id else {
        let message = format!("name the simulated bench: --simulate=BENCH; shipped: {}", known());
        return Err(Failure::refused(message).into());
    };
    // a bench that is made for a procedure names it: no other is parsed
    let mut named = catalogue.benches.values().filter(|entry| entry.text.contains(id));
    let serves = |entry: &Entry| {
        let bench = catalogue.bench(entry).ok()?;
        let is_for_it = bench.procedures().any(|known| known == id);
        is_for_it.then(|| (entry.clone(), bench))
    };
    named.find_map(serves).ok_or_else(|| {
        let message = format!(
            "no shipped bench is made for {id}; name one: --simulate=BENCH (shipped: {})",
            known()
        );
        Failure::refused(message).into()
    })
}

/// The station as the runner knows it.
pub(crate) struct RunnersBench(pub(crate) Arc<Equipped>);

#[async_trait]
impl Bench for RunnersBench {
    async fn open(&self, name: &LogicalName) -> Result<Box<dyn Instrument>, Error> {
        self.0.station.open(name).await
    }

    async fn open_console(&self, name: &LogicalName) -> Result<Box<dyn Console>, Error> {
        self.0.station.open_console(name).await
    }
}
