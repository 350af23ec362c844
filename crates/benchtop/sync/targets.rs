//! Where to: the station file's targets, opened.

use crate::{args::SyncArguments, assets::read_text, exit::Failure, terminal};
use benchtop_notation::{Diagnostic, Diagnostics, suggest};
use benchtop_station::{StationFile, TargetEntry};
use benchtop_sync::{KeyNeed, SecretString, Target, TargetConfig, TargetKind, Timeouts};
use secrecy::ExposeSecret;
use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

const KEY: &str = "TOFUPILOT_API_KEY";

pub(super) fn station_file(path: &Path) -> Result<StationFile, Failure> {
    benchtop_station::parse(&path.display().to_string(), &read_text(path)?).map_err(|findings| {
        terminal::diagnose(&findings);
        Failure::refused("the station file is wrong; nothing was sent")
    })
}

/// The station file's targets, or the server of `--url`.
pub(crate) fn open_targets(
    arguments: &SyncArguments,
    file: Option<&StationFile>,
) -> Result<Vec<Box<dyn Target>>, Failure> {
    let mut configs = Vec::new();
    let mut findings = Diagnostics::new();
    for entry in file.map(|file| file.targets.as_slice()).unwrap_or_default() {
        if let Some(config) = config(entry, arguments.station.as_deref(), &mut findings) {
            configs.push((config, entry.api_key_file.clone()));
        }
    }
    if findings.has_errors() {
        terminal::diagnose(&findings);
        return Err(Failure::refused("the station file is wrong; nothing was sent"));
    }
    match (arguments.url.as_ref(), configs.as_mut_slice()) {
        (None, []) => {
            return Err(Failure::refused(
                "where to? name a station file with [[sync.targets]], or a server with --url",
            ));
        }
        (None, _) => {}
        (Some(url), []) => configs.push((plain_target(url), None)),
        (Some(url), [(only, _)]) => only.url.clone_from(url),
        (Some(_), _) => {
            return Err(Failure::refused(
                "--url stands for the only target, and the station file has several",
            ));
        }
    }
    let mut targets = Vec::new();
    for (config, key_file) in configs {
        let key_file = key_file
            .as_deref()
            .map(|path| beside(arguments.station.as_deref(), path));
        let key = match (config.kind.needs_key(), key_file) {
            (None, _) => SecretString::default(),
            (Some(KeyNeed::ApiKey), file) => api_key(&config.name, file)?,
            (Some(KeyNeed::SigningSecret | KeyNeed::Password), file @ Some(_)) => api_key(&config.name, file)?,
            (Some(KeyNeed::Password), None) => SecretString::default(),
            (Some(KeyNeed::SigningSecret), None) => {
                let message = format!(
                    "target {}: its secret is its own: name a file of mode 0600 as api_key_file",
                    config.name
                );
                return Err(Failure::refused(message));
            }
        };
        targets.push(benchtop_sync::open(config, &key).map_err(|error| Failure::refused(error.to_string()))?);
    }
    Ok(targets)
}

fn plain_target(url: &str) -> TargetConfig {
    TargetConfig {
        name: "tofupilot".to_owned(),
        kind: TargetKind::TofuPilotV2,
        url: url.to_owned(),
        accept_simulated: false,
        procedures: BTreeMap::new(),
        ca_file: None,
        region: None,
        proxy: None,
        timeouts: Timeouts::default(),
    }
}

fn config(entry: &TargetEntry, station: Option<&Path>, findings: &mut Diagnostics) -> Option<TargetConfig> {
    let Some(kind) = TargetKind::parse(&entry.kind.value) else {
        let known: Vec<&str> = TargetKind::ALL.iter().map(|(word, _)| *word).collect();
        let message = format!("there is no target of kind `{}`", entry.kind.value);
        let finding = Diagnostic::error(&entry.kind.span, &message);
        let near = suggest(&entry.kind.value, known.iter().copied());
        let help = near.map_or_else(
            || format!("there are {}", known.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        findings.push(finding.help(&help));
        return None;
    };
    Some(TargetConfig {
        name: entry.name.value.clone(),
        kind,
        url: match kind {
            TargetKind::Directory => folder(station, &entry.url.value),
            TargetKind::TofuPilotV2
            | TargetKind::TofuPilotV1
            | TargetKind::Webhook
            | TargetKind::S3
            | TargetKind::Postgres => entry.url.value.clone(),
        },
        accept_simulated: entry.accept_simulated,
        procedures: entry.procedures.clone(),
        ca_file: entry.ca_file.as_deref().map(|path| beside(station, path)),
        region: entry.region.clone(),
        proxy: entry.proxy.clone(),
        timeouts: timeouts(entry),
    })
}

/// A folder that a station file names without its root is beside that file.
pub(super) fn folder(station: Option<&Path>, url: &str) -> String {
    let path = url.strip_prefix("file://").unwrap_or(url);
    beside(station, Path::new(path)).display().to_string()
}

fn timeouts(entry: &TargetEntry) -> Timeouts {
    let usual = Timeouts::default();
    Timeouts {
        connect: entry.connect_timeout.unwrap_or(usual.connect),
        idle: entry.idle_timeout.unwrap_or(usual.idle),
        total: entry.total_timeout.unwrap_or(usual.total),
    }
}

/// A path that a station file gives is relative to that file.
fn beside(station: Option<&Path>, path: &Path) -> PathBuf {
    station
        .and_then(Path::parent)
        .unwrap_or_else(|| Path::new(""))
        .join(path)
}

/// The API key: from the file that the target names, else from the environment. Never from an argument.
fn api_key(target: &str, file: Option<PathBuf>) -> Result<SecretString, Failure> {
    let Some(path) = file else {
        let key = env::var(KEY).ok().filter(|key| !key.trim().is_empty());
        let missing = || {
            Failure::refused(format!(
                "target {target}: no API key; set {KEY}, or name a file of mode 0600 as api_key_file"
            ))
        };
        return key
            .map(|key| SecretString::from(key.trim().to_owned()))
            .ok_or_else(missing);
    };
    let about = format!("target {target}: api_key_file {}", path.display());
    read_secret(&about, &path)
}

/// A secret that two sides share, from a file that only its owner reads.
pub(crate) fn secret_file(path: &Path) -> Result<SecretString, Failure> {
    let about = format!("--secret-file {}", path.display());
    let secret = read_secret(&about, path)?;
    if secret.expose_secret().len() < 16 {
        return Err(Failure::refused(format!(
            "{about}: the secret has fewer than 16 characters"
        )));
    }
    Ok(secret)
}

fn read_secret(about: &str, path: &Path) -> Result<SecretString, Failure> {
    refuse_readable_by_others(about, path)?;
    let text = fs::read_to_string(path).map_err(|error| Failure::refused(format!("{about}: {error}")))?;
    Ok(SecretString::from(text.trim().to_owned()))
}

#[cfg(unix)]
fn refuse_readable_by_others(about: &str, path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = fs::metadata(path).map_err(|error| Failure::refused(format!("{about}: {error}")))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(Failure::refused(format!(
        "{about} has mode {mode:04o}; others can read it: chmod 600"
    )))
}

#[cfg(not(unix))]
fn refuse_readable_by_others(_about: &str, _path: &Path) -> Result<(), Failure> {
    Ok(())
}
