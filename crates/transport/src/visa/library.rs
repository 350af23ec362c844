//! Which VISA library is used: one per process.

use std::{
    env,
    ffi::OsString,
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

/// Loads it, where that was not done yet.
///
/// # Errors
/// Where it was looked for, and what the system said of each.
pub fn load() -> Result<(), String> {
    let _one_at_a_time = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
    if visa_sys::get_visa_library().is_some() {
        return Ok(());
    }
    let mut reasons = Vec::new();
    for name in candidates() {
        match visa_sys::load_visa_library_from_path(&name) {
            Ok(()) => return Ok(()),
            Err(error) => reasons.push(format!("{}: {error}", name.to_string_lossy())),
        }
    }
    Err(format!(
        "there is no VISA library here: install the vendor's, or name it with {VARIABLE} or [visa] library in the station \
         file ({})",
        reasons.join("; ")
    ))
}
