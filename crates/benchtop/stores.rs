//! Where the records are kept, when the command line does not say.

use crate::{exit::Failure, terminal};
use benchtop_station::StationFile;
use benchtop_store::{StationKey, Store, StoreError, StoreErrorKind};
use std::{
    env,
    error::Error,
    path::{self, Path, PathBuf},
};

/// `--store`, else the station file's `[store] root` (relative to that file), else the user's data directory. Simulated runs
/// without `--store` have one of their own there.
pub(crate) fn root(
    wanted: Option<&Path>,
    file: Option<&StationFile>,
    station: Option<&Path>,
    simulated: bool,
) -> Result<PathBuf, Failure> {
    if let Some(named) = named(wanted, file, station) {
        return under_an_existing_folder(named);
    }
    let data = data_directory().ok_or_else(|| {
        Failure::refused("this user has no home directory: say where the records go with --store DIR")
    })?;
    Ok(data
        .join("benchtop")
        .join(if simulated { "simulated" } else { "store" }))
}

/// The same for a command that only looks at a store: one that was named is there, or nothing is made.
pub(crate) fn existing(
    wanted: Option<&Path>,
    file: Option<&StationFile>,
    station: Option<&Path>,
    simulated: bool,
) -> Result<PathBuf, Failure> {
    match named(wanted, file, station) {
        Some(named) if named.is_dir() => Ok(named),
        Some(named) if named.exists() => Err(no_folder(&named)),
        Some(named) => Err(Failure::refused(format!(
            "there is no store at {}: is the path right, and its disk mounted? the first run makes one",
            named.display()
        ))),
        None => root(wanted, file, station, simulated),
    }
}

/// The same for a single sync. The store of the station file, or of the user, is made where it is missing: its first run may be still
/// to come. One that the command line or the environment names is there, or was mistyped.
pub(crate) fn to_sync(
    wanted: Option<&Path>,
    file: Option<&StationFile>,
    station: Option<&Path>,
    simulated: bool,
) -> Result<PathBuf, Failure> {
    let same = |own: &Path, wanted: &Path| path::absolute(own).ok() == path::absolute(wanted).ok();
    let is_own = |wanted: &Path| root(None, file, station, simulated).is_ok_and(|own| same(&own, wanted));
    match wanted {
        Some(wanted) if !is_own(wanted) => existing(Some(wanted), file, station, simulated),
        Some(_) | None => root(wanted, file, station, simulated),
    }
}

/// The store that the command line or the station file names.
fn named(wanted: Option<&Path>, file: Option<&StationFile>, station: Option<&Path>) -> Option<PathBuf> {
    if let Some(wanted) = wanted {
        return Some(wanted.to_owned());
    }
    let root = file.and_then(|file| file.store_root.as_ref())?;
    let folder = station.and_then(Path::parent).unwrap_or_else(|| Path::new(""));
    Some(folder.join(root))
}

fn no_folder(root: &Path) -> Failure {
    Failure::refused(format!("{} is a file: a store is a folder", root.display()))
}

/// Opens the store as the station file wants it: for a group too, with thresholds for the free space, signed with a key.
pub(crate) fn open(root: &Path, file: Option<&StationFile>) -> Result<Store, Failure> {
    let store = opened(root, file).map_err(|error| match is_unwritable(&error) {
        true => Failure::error(format!("the store {} cannot be written to: {error}", root.display())),
        false => Failure::error(error.to_string()),
    })?;
    set_up(store, file)
}

/// The same for a command that only looks: what `prepare` does to a store (saving what dead programs left, say) is not done to
/// one that cannot be written to. That one is shown as it lies, and a person is told.
pub(crate) fn to_look<T: Default>(
    root: &Path,
    file: Option<&StationFile>,
    prepare: impl FnOnce(&Store) -> Result<T, StoreError>,
) -> Result<(Store, T), Failure> {
    let error = match opened(root, file) {
        Ok(store) => {
            let store = set_up(store, file)?;
            match prepare(&store) {
                Ok(prepared) => return Ok((store, prepared)),
                Err(error) => error,
            }
        }
        Err(error) => error,
    };
    if !is_unwritable(&error) {
        return Err(Failure::error(error.to_string()));
    }
    let store = Store::open_to_look(root).map_err(|unseen| match unseen.kind() {
        // there is none, and none can be made
        StoreErrorKind::NotFound => Failure::error(error.to_string()),
        StoreErrorKind::Full
        | StoreErrorKind::ReadOnly
        | StoreErrorKind::Permission
        | StoreErrorKind::Locked
        | StoreErrorKind::Conflict
        | StoreErrorKind::Damaged
        | StoreErrorKind::Newer
        | StoreErrorKind::TooLarge
        | StoreErrorKind::Invalid
        | StoreErrorKind::Io => Failure::error(unseen.to_string()),
    })?;
    tell_of_unwritable(&store, &error)?;
    Ok((store, T::default()))
}

/// True for trouble with writing, where looking may be none.
fn is_unwritable(error: &StoreError) -> bool {
    matches!(
        error.kind(),
        StoreErrorKind::ReadOnly | StoreErrorKind::Permission | StoreErrorKind::Full
    )
}

/// Says of a store that is shown as it lies why that is so, and which runs are not shown.
fn tell_of_unwritable(store: &Store, error: &StoreError) -> Result<(), Failure> {
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let unsealed = store.unsealed().map_err(|error| Failure::error(error.to_string()))?;
    let runs = match unsealed {
        0 if store.unsafe_markers().is_ok_and(|markers| markers.is_empty()) => "it holds no interrupted run".to_owned(),
        0 => "a run in it was interrupted, and its outputs may still be on".to_owned(),
        runs => {
            let (runs, were, are) = match runs {
                1 => ("1 run".to_owned(), "was", "is"),
                runs => (format!("{runs} runs"), "were", "are"),
            };
            format!(
                "{runs} that {were} interrupted, or {are} in progress, {are} not sealed and not shown; outputs may still be on"
            )
        }
    };
    let what = match error.kind() == StoreErrorKind::Full {
        true => "lies on a full disk",
        false => "is read-only",
    };
    terminal::warn(&format!(
        "the store {} {what} ({}: {cause}): it is shown as it lies; {runs}",
        store.root().display(),
        error.path().display()
    ));
    Ok(())
}

fn opened(root: &Path, file: Option<&StationFile>) -> Result<Store, StoreError> {
    match file {
        Some(file) if file.store_shared => Store::open_shared(root),
        Some(_) | None => Store::open(root),
    }
}

fn set_up(mut store: Store, file: Option<&StationFile>) -> Result<Store, Failure> {
    if !store.keeps_modes() {
        terminal::warn(&format!(
            "the store {} lies on a file system without file modes (FAT?): others than its owner may read it; keep it on another one, \
             or mount this one for its owner alone (uid=, umask=077)",
            store.root().display()
        ));
    }
    if let Some(bytes) = file.and_then(|file| file.refuse_below) {
        store = store.with_least_bytes(bytes);
    }
    if let Some(bytes) = file.and_then(|file| file.warn_below) {
        store = store.with_warning_below(bytes);
    }
    let Some(path) = file.and_then(|file| file.signing_key.as_deref()) else {
        return Ok(store);
    };
    let key = StationKey::read(path).map_err(|error| Failure::refused(format!("[store] signing_key: {error}")))?;
    Ok(store.with_key(key))
}

/// A store that was named is made where it is missing, but not the folders above it: those may be a disk that is not mounted.
fn under_an_existing_folder(root: PathBuf) -> Result<PathBuf, Failure> {
    let parent = match root.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Ok(root),
    };
    if root.exists() && !root.is_dir() {
        return Err(no_folder(&root));
    }
    if root.is_dir() || parent.is_dir() {
        return Ok(root);
    }
    let message = format!(
        "nothing was tested: the store {} cannot be made, there is no folder {}; is the disk mounted?",
        root.display(),
        parent.display()
    );
    Err(Failure::error(message))
}

/// The XDG base directory for data, or its like.
pub(crate) fn data_directory() -> Option<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(data) = set("XDG_DATA_HOME").filter(|path| path.is_absolute()) {
        return Some(data);
    }
    if cfg!(windows) {
        return set("LOCALAPPDATA");
    }
    set("HOME").map(|home| home.join(".local").join("share"))
}
