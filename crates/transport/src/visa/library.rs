//! Which VISA library is used: one per process.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock, PoisonError},
};

/// The variable that names it, before everything else.
pub const VARIABLE: &str = "BENCHTOP_VISA_LIBRARY";

/// What vendors call it.
const USUAL: &[&str] = if cfg!(target_os = "macos") {
    &["/Library/Frameworks/VISA.framework/VISA", "libvisa.dylib"]
} else if cfg!(target_os = "windows") {
    &["visa64.dll", "visa32.dll"]
} else {
    &["libvisa.so", "libvisa.so.0", "librsvisa.so", "libiovisa.so"]
};

static CHOSEN: OnceLock<PathBuf> = OnceLock::new();
/// What was loaded, as it was named.
static LOADED: OnceLock<OsString> = OnceLock::new();
static LOADING: Mutex<()> = Mutex::new(());

/// Uses this library where the variable names none; the first choice stays.
pub fn choose(path: &Path) {
    CHOSEN.get_or_init(|| path.to_owned());
}

/// The candidates, the first one first; only one where it was named.
fn candidates() -> Vec<OsString> {
    if let Some(named) = env::var_os(VARIABLE).filter(|name| !name.is_empty()) {
        return vec![named];
    }
    match CHOSEN.get() {
        Some(path) => vec![path.clone().into_os_string()],
        None => USUAL.iter().map(Into::into).collect(),
    }
}

/// The first of the functions that no session can do without, and that the library has not; nothing where it has them all.
fn lacks(library: &visa_sys::LibVisa) -> Option<&'static str> {
    let needed = [
        ("viOpenDefaultRM", library.viOpenDefaultRM.is_err()),
        ("viOpen", library.viOpen.is_err()),
        ("viClose", library.viClose.is_err()),
        ("viSetAttribute", library.viSetAttribute.is_err()),
        ("viWrite", library.viWrite.is_err()),
        ("viRead", library.viRead.is_err()),
    ];
    needed
        .into_iter()
        .find_map(|(function, is_missing)| is_missing.then_some(function))
}

/// What is wrong with the library that was loaded: `libc.so.6` is a library too.
fn judged(name: &OsStr) -> Result<(), String> {
    match visa_sys::get_visa_library().and_then(lacks) {
        None => Ok(()),
        Some(function) => Err(format!(
            "{} is no VISA library: it has no {function}",
            name.to_string_lossy()
        )),
    }
}

/// Loads it, where that was not done yet. The first that can be loaded stays: a process has one.
///
/// # Errors
/// Where it was looked for, and what the system said of each; or that what is there is no VISA library.
pub fn load() -> Result<(), String> {
    let _one_at_a_time = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut reasons = Vec::new();
    if let Some(name) = LOADED.get() {
        match judged(name) {
            Ok(()) => return Ok(()),
            Err(reason) => reasons.push(reason),
        }
    } else {
        for name in candidates() {
            match visa_sys::load_visa_library_from_path(&name) {
                Ok(()) => match judged(LOADED.get_or_init(|| name)) {
                    Ok(()) => return Ok(()),
                    Err(reason) => {
                        reasons.push(reason);
                        break;
                    }
                },
                Err(error) => reasons.push(format!("{}: {error}", name.to_string_lossy())),
            }
        }
    }
    Err(format!(
        "there is no VISA library here: install the vendor's, or name it with {VARIABLE} or [visa] library in the station \
         file ({})",
        reasons.join("; ")
    ))
}
