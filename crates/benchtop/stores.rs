//! Where the records are kept, when the command line does not say.

use crate::{exit::Failure, terminal};
use benchtop_station::StationFile;
use benchtop_store::{StationKey, Store};
use std::{
    env,
    path::{Path, PathBuf},
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
    let store = match file {
        Some(file) if file.store_shared => Store::open_shared(root),
        Some(_) | None => Store::open(root),
    };
    let mut store = store.map_err(|error| Failure::error(error.to_string()))?;
    if !store.keeps_modes() {
        terminal::warn(&format!(
            "the store {} lies on a file system without file modes (FAT?): others than its owner may read it; keep it on another one, \
             or mount this one for its owner alone (uid=, umask=077)",
            root.display()
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
