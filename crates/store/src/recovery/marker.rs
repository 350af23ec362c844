//! Markers: `unsafe/<run id>.json` says that a run left outputs that may be on, and how to reach them.

use crate::{
    error::{StoreError, StoreErrorKind},
    publish::{Published, TEMPORARY, publish},
    record::{Identity, OutputState, Record, time},
    store::Layout,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

const FORMAT: &str = "benchtop.unsafe/1";
const ENDING: &str = ".json";
const MOST_BYTES: u64 = 1 << 20;

/// A run that left outputs that may be on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterruptedRun {
    /// The run's id.
    pub run_id: String,
    /// Its sequence number.
    pub sequence: u64,
    /// The unit that was tested.
    pub serial_number: String,
    /// The procedure that was followed.
    pub procedure_id: String,
    /// When the run started.
    #[serde(with = "time")]
    pub started_at: DateTime<Utc>,
    /// True when anything in it was simulated: then there may be nothing to make safe.
    pub simulated: bool,
    /// The instruments whose outputs may be on, in the order in which they are made safe.
    pub instruments: Vec<InterruptedInstrument>,
}

/// An instrument whose outputs may be on, and how to reach it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterruptedInstrument {
    /// Its name in the procedure.
    pub name: String,
    /// What it is: `dc_power`.
    pub class: String,
    /// Manufacturer and model for people.
    pub model: String,
    /// Where it was.
    pub resource: String,
    /// The definition that drove it.
    pub driver: String,
    /// Digest of that definition, SHA-256 in hex.
    pub definition_sha256: String,
    /// The channels that may be on.
    pub outputs: Vec<u32>,
    /// Who answered then; compare it before switching anything. `None` when it had not been opened yet.
    pub identity: Option<Identity>,
}

/// A marker's file.
#[derive(Serialize, Deserialize)]
struct Marker {
    format: String,
    #[serde(flatten)]
    run: InterruptedRun,
}

/// The run with those of its instruments whose outputs may be on; `None` where there are none.
pub(super) fn maybe_on<M>(record: &Record<M>) -> Option<InterruptedRun> {
    let channels = |name: &str| -> Vec<u32> {
        let of_it = record.outputs.iter().filter(|output| output.instrument == name);
        of_it
            .filter(|output| output.state == OutputState::MaybeOn)
            .map(|output| output.channel)
            .collect()
    };
    let instruments: Vec<InterruptedInstrument> = record
        .instruments
        .iter()
        .map(|used| InterruptedInstrument {
            name: used.name.clone(),
            class: used.class.clone(),
            model: used.model.clone(),
            resource: used.resource.clone(),
            driver: used.driver.clone(),
            definition_sha256: used.definition_sha256.clone(),
            outputs: channels(&used.name),
            identity: used.identity.clone(),
        })
        .filter(|instrument| !instrument.outputs.is_empty())
        .collect();
    (!instruments.is_empty()).then(|| InterruptedRun {
        run_id: record.run_id.clone(),
        sequence: record.sequence,
        serial_number: record.unit_under_test.serial_number.clone(),
        procedure_id: record.procedure_id.clone(),
        started_at: record.started_at,
        simulated: record.simulated,
        instruments,
    })
}

fn file_of(run_id: &str) -> String {
    format!("{run_id}{ENDING}")
}

/// Leaves a marker, durably. One that is there already stays: it names at least as much.
pub(super) fn leave(layout: &Layout, run: &InterruptedRun) -> Result<(), StoreError> {
    let name = file_of(&run.run_id);
    let marker = Marker {
        format: FORMAT.to_owned(),
        run: run.clone(),
    };
    let bytes = serde_json::to_vec_pretty(&marker)
        .map_err(|error| StoreError::io("write", layout.markers.path_of(&name), error.into()))?;
    match publish(&layout.markers, &run.run_id, &name, &bytes)? {
        Published::New | Published::Already => {}
        Published::Conflict { temporary } => layout.markers.discard(&temporary),
    }
    Ok(())
}

pub(super) fn clear(layout: &Layout, run_id: &str) -> Result<(), StoreError> {
    let name = file_of(run_id);
    if !crate::name::is_run_id(run_id) {
        let detail = "not a run id";
        return Err(StoreError::new(
            StoreErrorKind::Invalid,
            "clear",
            layout.markers.path(),
            detail,
        ));
    }
    match layout.markers.remove(&name) {
        Err(error) if error.kind() == StoreErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => layout.markers.sync(),
    }
}

pub(super) fn read_all(layout: &Layout) -> Result<Vec<InterruptedRun>, StoreError> {
    let mut runs = Vec::new();
    for name in layout.markers.names()? {
        let is_marker = name.strip_suffix(ENDING).is_some_and(crate::name::is_run_id);
        if !is_marker {
            continue;
        }
        let bytes = layout.markers.read(&name, MOST_BYTES)?;
        let refuse = |kind, detail: String| StoreError::new(kind, "read", layout.markers.path_of(&name), detail);
        let marker: Marker =
            serde_json::from_slice(&bytes).map_err(|error| refuse(StoreErrorKind::Damaged, error.to_string()))?;
        if marker.format != FORMAT {
            return Err(refuse(
                StoreErrorKind::Newer,
                format!("its format is `{}`", marker.format),
            ));
        }
        runs.push(marker.run);
    }
    runs.sort_by_key(|run| run.sequence);
    Ok(runs)
}

/// Removes what a recovery that was killed left behind; the next one writes the marker anew. The caller holds
/// `lock.store`, under which alone markers are written.
pub(super) fn discard_temporaries(layout: &Layout) -> Result<(), StoreError> {
    for name in layout.markers.names()? {
        if name.starts_with(TEMPORARY) {
            layout.markers.discard(&name);
        }
    }
    Ok(())
}
