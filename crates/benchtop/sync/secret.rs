//! Keys and secrets: from a file that only its owner reads, else from the environment. Never from an argument.

use crate::exit::Failure;
use benchtop_sync::SecretString;
use secrecy::ExposeSecret;
use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

const KEY: &str = "TOFUPILOT_API_KEY";

/// Why a secret cannot be had from its file.
pub(super) struct NoSecret {
    pub(super) message: String,
    /// What the system said; none where it could be had, and is not fit.
    pub(super) met: Option<io::ErrorKind>,
}

impl NoSecret {
    fn new(about: &str, error: &io::Error) -> Self {
        Self {
            message: format!("{about}: {error}"),
            met: Some(error.kind()),
        }
    }
}

/// TofuPilot's API key, where the environment holds it.
pub(super) fn key_of_environment() -> Option<SecretString> {
    let key = env::var(KEY).ok()?;
    let key = key.trim();
    (!key.is_empty()).then(|| SecretString::from(key.to_owned()))
}

/// What is said where there is none.
pub(super) fn no_key(target: &str) -> String {
    format!("target {target}: no API key; set {KEY}, or name a file of mode 0600 as api_key_file")
}

/// A path that a station file gives is relative to that file.
pub(super) fn beside(station: Option<&Path>, path: &Path) -> PathBuf {
    station
        .and_then(Path::parent)
        .unwrap_or_else(|| Path::new(""))
        .join(path)
}

/// A secret that two sides share, from a file that only its owner reads.
pub(crate) fn secret_file(path: &Path) -> Result<SecretString, Failure> {
    let about = format!("--secret-file {}", path.display());
    let secret = read_secret(&about, path).map_err(|no_secret| Failure::refused(no_secret.message))?;
    if secret.expose_secret().len() < 16 {
        return Err(Failure::refused(format!(
            "{about}: the secret has fewer than 16 characters"
        )));
    }
    Ok(secret)
}

/// What a file holds, without blanks around it; `about` begins the message.
pub(super) fn read_secret(about: &str, path: &Path) -> Result<SecretString, NoSecret> {
    refuse_readable_by_others(about, path)?;
    let text = fs::read_to_string(path).map_err(|error| NoSecret::new(about, &error))?;
    // some editors begin a file with a mark that is no character
    Ok(SecretString::from(
        text.trim_start_matches('\u{feff}').trim().to_owned(),
    ))
}

#[cfg(unix)]
fn refuse_readable_by_others(about: &str, path: &Path) -> Result<(), NoSecret> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = fs::metadata(path).map_err(|error| NoSecret::new(about, &error))?;
    if !metadata.is_file() {
        return Err(NoSecret {
            message: format!("{about} is not a file"),
            met: None,
        });
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(NoSecret {
        message: format!("{about} has mode {mode:04o}; others can read it: chmod 600"),
        met: None,
    })
}

#[cfg(not(unix))]
fn refuse_readable_by_others(_about: &str, _path: &Path) -> Result<(), NoSecret> {
    Ok(())
}
