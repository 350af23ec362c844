//! The station file: which instruments stand on this bench, and where the records go.

use crate::console::{self, StationConsole};
use crate::keys::{INSTRUMENT, ROOT, SERIAL, STATION, STORE, VISA};
use crate::metrology::{self, Calibration};
use crate::rules::{self, AllowedProcedure, StationParameter};
use crate::slots::{self, StationSlot};
use crate::targets::{self, TargetEntry};
use benchtop_instrument::{HislipMode, Quantity, Resource, Unit};
use benchtop_notation::{Diagnostic, Diagnostics, Document, Magnitude, Span, Spanned, Table, one_of};
use benchtop_procedure::{Ambient, ContributionRule, LogicalName};
use benchtop_scpi::LineChanges;
use benchtop_transport::why_no_lock;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

/// A station file that was read.
#[derive(Clone, Debug)]
pub struct StationFile {
    /// `[station] id`.
    pub id: String,
    /// The mechanics that hold the unit.
    pub fixture_id: Option<String>,
    /// Where the bench stands.
    pub location: Option<String>,
    /// The power line: `50 Hz`.
    pub mains: Option<String>,
    /// The procedures that test units here, by id, and where that is said; `None` allows all.
    pub procedures: Option<Spanned<BTreeMap<String, AllowedProcedure>>>,
    /// What procedures may ask of the station.
    pub parameters: BTreeMap<String, Spanned<StationParameter>>,
    /// What an overdue calibration does.
    pub calibration: CalibrationRule,
    /// The order of making safe; those not named follow, sources first.
    pub safe_order: Vec<Spanned<LogicalName>>,
    /// The instruments by logical name.
    pub instruments: BTreeMap<LogicalName, StationInstrument>,
    /// The ambient temperature.
    pub ambient: Ambient,
    /// What it adds to the uncertainty of its measurements.
    pub contributions: Vec<ContributionRule>,
    /// The unit's own links by logical name.
    pub consoles: BTreeMap<LogicalName, StationConsole>,
    /// The slots of the fixture by name.
    pub slots: BTreeMap<String, StationSlot>,
    /// `[store] root`, as written.
    pub store_root: Option<PathBuf>,
    /// `[store] signing_key`: with which records are signed; a relative one is beside the station file.
    pub signing_key: Option<PathBuf>,
    /// `[store] shared`: the records are for the group of their folder too.
    pub store_shared: bool,
    /// `[store] warn_below_mb`, in bytes.
    pub warn_below: Option<u64>,
    /// `[store] refuse_below_mb`, in bytes.
    pub refuse_below: Option<u64>,
    /// `[visa] library`: a name that the system looks up, or a path; a relative one is beside the station file.
    pub visa_library: Option<PathBuf>,
    /// Where records go.
    pub targets: Vec<TargetEntry>,
}

/// What an overdue calibration does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CalibrationRule {
    /// The run is refused (the default).
    #[default]
    Refuse,
    /// A warning is printed.
    Warn,
}

/// One `[instruments.<logical name>]`.
#[derive(Clone, Debug)]
pub struct StationInstrument {
    /// The definition that drives it.
    pub driver: Spanned<String>,
    /// Where it is.
    pub resource: Resource,
    /// The serial number that must answer.
    pub serial_number: Option<String>,
    /// The owner's number for it.
    pub asset_id: Option<String>,
    /// When its calibration is due, `YYYY-MM-DD`, with its place.
    pub calibration_due: Option<Spanned<String>>,
    /// When it was calibrated last, `YYYY-MM-DD`.
    pub calibrated_on: Option<String>,
    /// The certificate of its last calibration.
    pub certificate: Option<String>,
    /// Others use it too.
    pub shared: bool,
    /// Others are kept out by its lock.
    pub exclusive: bool,
    /// A scan never opens it.
    pub read_only: bool,
    /// What its channels are called.
    pub channels: BTreeMap<String, Spanned<u32>>,
    /// Instead of the definition's timeout.
    pub timeout: Option<Duration>,
    /// Instead of the definition's serial line.
    pub line: LineChanges,
    /// When it was calibrated, and how long it has been on.
    pub calibration: Calibration,
    /// Where it stands in the file.
    pub span: Span,
}

const MAINS: &[(&str, &str)] = &[("50 Hz", "50 Hz"), ("60 Hz", "60 Hz")];
const CALIBRATION: &[(&str, CalibrationRule)] = &[("refuse", CalibrationRule::Refuse), ("warn", CalibrationRule::Warn)];

/// Reads a station file. `file` is how messages call it.
///
/// # Errors
/// Every mistake, with its place.
pub fn parse(file: &str, text: &str) -> Result<StationFile, Diagnostics> {
    let document = Document::parse(file, text)?;
    let mut sink = Diagnostics::new();
    let folder = Path::new(file).parent().unwrap_or_else(|| Path::new(""));
    let station = read(&document, folder, &mut sink);
    station.filter(|_| !sink.has_errors()).ok_or(sink)
}

fn read(document: &Document, folder: &Path, sink: &mut Diagnostics) -> Option<StationFile> {
    let root = document.root(sink, &ROOT.names());
    let station = root.require_table(sink, "station", &STATION.names());
    let mut instruments = BTreeMap::new();
    let mut resources: BTreeMap<Resource, String> = BTreeMap::new();
    for (name, table) in root.tables_by_name(sink, "instruments", &INSTRUMENT.names()) {
        if let Some(instrument) = read_instrument(&table, folder, sink) {
            if let Some(other) = resources.insert(instrument.resource.clone(), name.value.clone()) {
                let message = format!(
                    "{} and {other} are the same instrument: {}",
                    name.value, instrument.resource
                );
                sink.error(&name.span, &message);
            }
            instruments.insert(LogicalName(name.value), instrument);
        }
    }
    let consoles = console::read(&root, folder, |name| instruments.contains_key(name), sink);
    let channels = |instrument: &StationInstrument| {
        let named = instrument.channels.iter();
        named.map(|(name, channel)| (name.clone(), channel.value)).collect()
    };
    let known = instruments
        .iter()
        .map(|(name, instrument)| (name.clone(), channels(instrument)));
    let known = known.chain(consoles.keys().map(|name| (name.clone(), BTreeMap::new())));
    let slots = slots::read(&root, &known.collect(), sink);
    let store = root.table(sink, "store", &STORE.names());
    let store_root = store
        .and_then(|store| store.require_string(sink, "root"))
        .map(|root| PathBuf::from(root.value));
    let signing_key = store
        .and_then(|store| store.string(sink, "signing_key"))
        .map(|key| folder.join(key.value));
    let store_shared = store
        .and_then(|store| store.bool(sink, "shared"))
        .is_some_and(|shared| shared.value);
    let warn_below = megabytes(store, "warn_below_mb", sink);
    let refuse_below = megabytes(store, "refuse_below_mb", sink);
    if let (Some(warn), Some(refuse)) = (&warn_below, &refuse_below)
        && warn.value < refuse.value
    {
        sink.error(
            &warn.span,
            "runs are refused before it warns: warn_below_mb is not below refuse_below_mb",
        );
    }
    let visa = root.table(sink, "visa", &VISA.names());
    let visa_library = visa
        .and_then(|visa| visa.require_string(sink, "library"))
        .map(|library| beside(folder, &library.value));
    let targets = targets::read(&root, sink);
    let procedures = rules::procedures(&root, sink);
    let parameters = rules::parameters(&root, sink);
    let station = station?;
    let mains = station
        .string(sink, "mains")
        .and_then(|word| one_of(sink, "power line", &word, MAINS));
    let id = station.require_string(sink, "id");
    let calibration = station
        .string(sink, "calibration")
        .and_then(|word| one_of(sink, "calibration", &word, CALIBRATION));
    let names: Vec<String> = instruments.keys().map(ToString::to_string).collect();
    let ambient = metrology::ambient(&station, sink, &names);
    let contributions = metrology::contributions(&root, sink, &names);
    let safe_order = read_safe_order(&station, sink, &instruments);
    Some(StationFile {
        id: id?.value,
        fixture_id: station.string(sink, "fixture_id").map(|text| text.value),
        location: station.string(sink, "location").map(|text| text.value),
        mains: mains.map(str::to_owned),
        procedures,
        parameters,
        calibration: calibration.unwrap_or_default(),
        safe_order,
        instruments,
        ambient: ambient.unwrap_or_default(),
        contributions,
        consoles,
        slots,
        store_root,
        signing_key,
        store_shared,
        warn_below: warn_below.map(|bytes| bytes.value),
        refuse_below: refuse_below.map(|bytes| bytes.value),
        visa_library,
        targets,
    })
}

/// A size in MB, in bytes.
fn megabytes(store: Option<Table<'_>>, key: &str, sink: &mut Diagnostics) -> Option<Spanned<u64>> {
    let written = store?.integer(sink, key)?;
    let bytes = u64::try_from(written.value).ok().filter(|megabytes| *megabytes > 0);
    let bytes = bytes.and_then(|megabytes| megabytes.checked_mul(1_000_000));
    if bytes.is_none() {
        sink.error(&written.span, "expected a number of megabytes of at least 1");
    }
    Some(Spanned::new(bytes?, written.span))
}

/// A path, beside the station file where it is relative; a bare name stays one.
fn beside(folder: &Path, written: &str) -> PathBuf {
    let path = Path::new(written);
    let is_name = path.components().count() == 1;
    if is_name { path.to_owned() } else { folder.join(path) }
}

fn read_safe_order(
    station: &Table<'_>,
    sink: &mut Diagnostics,
    instruments: &BTreeMap<LogicalName, StationInstrument>,
) -> Vec<Spanned<LogicalName>> {
    let names = station.strings(sink, "safe_order").unwrap_or_default();
    let mut order = Vec::new();
    for name in names {
        let name = name.map(LogicalName);
        if instruments.contains_key(&name.value) {
            order.push(name);
        } else {
            sink.error(
                &name.span,
                &format!("there is no [instruments.{}] in this file", name.value),
            );
        }
    }
    order
}

fn read_instrument(table: &Table<'_>, folder: &Path, sink: &mut Diagnostics) -> Option<StationInstrument> {
    let driver = table.require_string(sink, "driver");
    let resource = table.require_string(sink, "resource").and_then(|text| match text.value.parse() {
        Ok(Resource::Simulated { .. }) => {
            let message = "a simulated instrument is no resource of a station; use --simulate, or serve it with `benchtop sim`";
            sink.error(&text.span, message);
            None
        }
        // like the store, beside the station file
        Ok(Resource::Replay { file, name }) => Some(Resource::Replay {
            file: folder.join(file).display().to_string(),
            name,
        }),
        Ok(resource) => Some(resource),
        Err(error) => {
            sink.error(&text.span, &format!("{error}"));
            None
        }
    });
    let calibrated_on = table.datetime(sink, "calibrated_on");
    let calibration_due = table.datetime(sink, "calibration_due");
    let calibration = Calibration {
        calibrated_on: calibrated_on
            .as_ref()
            .and_then(|written| metrology::date(sink, written)),
        calibration_due: calibration_due
            .as_ref()
            .and_then(|written| metrology::date(sink, written)),
        warm_up: metrology::warm_up(table, sink),
    };
    if let (Some(on), Some(due)) = (&calibrated_on, &calibration_due)
        && on.value > due.value
    {
        sink.error(&due.span, "it is due before it was calibrated");
    }
    let timeout = table
        .magnitude(sink, "timeout")
        .and_then(|magnitude| read_timeout(sink, &magnitude));
    let line = table.table(sink, "serial", &SERIAL.names());
    let mut line = line.map(|line| LineChanges::read(&line, sink)).unwrap_or_default();
    line.hislip_mode = read_hislip_mode(table, resource.as_ref(), sink);
    let shared = table.bool(sink, "shared").is_some_and(|shared| shared.value);
    let exclusive = read_exclusive(table, shared, resource.as_ref(), sink);
    Some(StationInstrument {
        driver: driver?,
        resource: resource?,
        serial_number: table.string(sink, "serial_number").map(|text| text.value),
        asset_id: table.string(sink, "asset_id").map(|text| text.value),
        calibration_due,
        calibrated_on: calibrated_on.map(|date| date.value),
        certificate: table.string(sink, "certificate").map(|text| text.value),
        shared,
        exclusive,
        read_only: table.bool(sink, "read_only").is_some_and(|read_only| read_only.value),
        channels: read_channels(table, sink),
        timeout,
        line,
        calibration,
        span: table.span().clone(),
    })
}

/// `exclusive = true`, of an instrument that can be locked and that is nobody else's.
fn read_exclusive(table: &Table<'_>, shared: bool, resource: Option<&Resource>, sink: &mut Diagnostics) -> bool {
    let Some(written) = table.bool(sink, "exclusive").filter(|written| written.value) else {
        return false;
    };
    if let Some(why) = resource.and_then(why_no_lock) {
        sink.error(&written.span, &format!("`exclusive` keeps nobody out here: {why}"));
    }
    if shared {
        sink.error(&written.span, "`exclusive` keeps out those with whom it is `shared`");
    }
    true
}

/// `hislip_mode = "overlapped"`, of an instrument that is reached over HiSLIP.
fn read_hislip_mode(table: &Table<'_>, resource: Option<&Resource>, sink: &mut Diagnostics) -> Option<HislipMode> {
    let word = table.string(sink, "hislip_mode")?;
    let mode = one_of(sink, "HiSLIP mode", &word, HislipMode::ALL);
    let is_hislip = match resource? {
        Resource::Lan { device, .. } => device.to_ascii_lowercase().starts_with("hislip"),
        Resource::Socket { .. }
        | Resource::Serial { .. }
        | Resource::Usb { .. }
        | Resource::Gpib { .. }
        | Resource::Visa { .. }
        | Resource::Replay { .. }
        | Resource::Simulated { .. }
        | Resource::Process { .. } => false,
    };
    if !is_hislip {
        sink.error(
            &word.span,
            "`hislip_mode` is for a resource like TCPIP0::10.0.0.7::hislip0::INSTR",
        );
    }
    mode
}

/// `channels = { vcc = 101 }`.
fn read_channels(table: &Table<'_>, sink: &mut Diagnostics) -> BTreeMap<String, Spanned<u32>> {
    let mut channels: BTreeMap<String, Spanned<u32>> = BTreeMap::new();
    let Some(map) = table.map(sink, "channels") else {
        return channels;
    };
    for (name, value) in map.entries() {
        let Some(number) = value.integer(sink) else { continue };
        let Some(channel) = u32::try_from(number.value).ok().filter(|channel| *channel > 0) else {
            sink.error(&number.span, "channels count from 1");
            continue;
        };
        if name.value.starts_with('@') {
            sink.error(&name.span, "a name does not begin with `@`, which is for numbers");
        }
        channels.insert(name.value, Spanned::new(channel, number.span));
    }
    channels
}

/// Longest timeout that makes sense at a bench.
const MAX_TIMEOUT: Duration = Duration::from_secs(3600);

pub(crate) fn read_timeout(sink: &mut Diagnostics, magnitude: &Magnitude) -> Option<Duration> {
    let seconds = Unit::of(benchtop_instrument::BaseUnit::Second);
    let quantity = Quantity::from_parts(&magnitude.number, &magnitude.unit);
    let value = quantity.ok().and_then(|quantity| quantity.in_unit(seconds).ok());
    let duration = value.and_then(|value| Duration::try_from_secs_f64(value.to_f64()).ok());
    let duration = duration.filter(|duration| !duration.is_zero() && *duration <= MAX_TIMEOUT);
    if duration.is_none() {
        sink.push(
            Diagnostic::error(&magnitude.span, "expected a time above 0 s and up to 3600 s")
                .help("\"2 s\", for example"),
        );
    }
    duration
}
