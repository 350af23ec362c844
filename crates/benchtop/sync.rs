//! `benchtop sync`: uploads what waits, oldest first. Opens no instrument.

use crate::{
    args::SyncArguments,
    assets::read_text,
    exit::{Exit, Failure},
    recovery, stores,
    terminal::{self, BAD, DOUBTFUL, GOOD, Line, PLAIN, QUIET},
};
use anstyle::Style;
use benchtop_instrument::{Clock, RealClock};
use benchtop_notation::{Diagnostic, Diagnostics, suggest};
use benchtop_station::{StationFile, TargetEntry};
use benchtop_store::{Store, StoreErrorKind};
use benchtop_sync::{DrainEvent, SecretString, Summary, Target, TargetConfig, TargetKind, Timeouts, drain};
use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

const KEY: &str = "TOFUPILOT_API_KEY";

pub(crate) async fn sync(arguments: SyncArguments) -> Result<Exit, Failure> {
    let file = match &arguments.station {
        Some(path) => Some(station_file(path)?),
        None => None,
    };
    let targets = targets(&arguments, file.as_ref())?;
    let root = stores::root(
        arguments.store.as_deref(),
        file.as_ref(),
        arguments.station.as_deref(),
        false,
    )?;
    let store = Store::open(&root).map_err(|error| Failure::error(error.to_string()))?;
    let recovery = store.recover().map_err(|error| Failure::error(error.to_string()))?;
    recovery::tell(&recovery);
    for run in &recovery.outputs_maybe_on {
        let message = format!(
            "the run of {} was interrupted: outputs may still be on; `benchtop safe`, or the next run, switches them off",
            run.serial_number
        );
        terminal::warn(&message);
    }
    let clock = RealClock::new();
    let now = || clock.utc();
    let summary = drain(&store, &targets, &now, &mut |event| show(&event)).await;
    let summary = summary.map_err(|error| {
        if error.kind() == StoreErrorKind::Locked {
            let message = "another sync is draining this store; let it finish".to_owned();
            return Failure {
                exit: Exit::Fail,
                message,
            };
        }
        Failure::error(error.to_string())
    })?;
    sum_up(&summary, &root);
    if !recovery.failed.is_empty() {
        // a run that could not even be saved is worse than one that waits
        return Ok(Exit::Error);
    }
    Ok(match summary.exit_code() {
        0 => Exit::Success,
        1 => Exit::Fail,
        _ => Exit::Error,
    })
}

fn station_file(path: &Path) -> Result<StationFile, Failure> {
    benchtop_station::parse(&path.display().to_string(), &read_text(path)?).map_err(|findings| {
        terminal::diagnose(&findings);
        Failure::refused("the station file is wrong; nothing was sent")
    })
}

fn targets(arguments: &SyncArguments, file: Option<&StationFile>) -> Result<Vec<Box<dyn Target>>, Failure> {
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
        let key = api_key(
            &config.name,
            key_file
                .as_deref()
                .map(|path| beside(arguments.station.as_deref(), path)),
        )?;
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
        timeouts: Timeouts::default(),
    }
}

fn config(entry: &TargetEntry, station: Option<&Path>, findings: &mut Diagnostics) -> Option<TargetConfig> {
    let Some(kind) = TargetKind::parse(&entry.kind.value) else {
        let known: Vec<&str> = TargetKind::ALL.iter().map(|(word, _)| *word).collect();
        let planned = ["webhook", "directory", "s3", "postgres"];
        let finding = if planned.contains(&entry.kind.value.as_str()) {
            Diagnostic::error(
                &entry.kind.span,
                &format!("targets of kind `{}` are not supported yet", entry.kind.value),
            )
        } else {
            Diagnostic::error(
                &entry.kind.span,
                &format!("there is no target of kind `{}`", entry.kind.value),
            )
        };
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
        url: entry.url.value.clone(),
        accept_simulated: entry.accept_simulated,
        procedures: entry.procedures.clone(),
        ca_file: entry.ca_file.as_deref().map(|path| beside(station, path)),
        timeouts: Timeouts::default(),
    })
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
    refuse_readable_by_others(target, &path)?;
    let text = fs::read_to_string(&path)
        .map_err(|error| Failure::refused(format!("target {target}: api_key_file {}: {error}", path.display())))?;
    Ok(SecretString::from(text.trim().to_owned()))
}

#[cfg(unix)]
fn refuse_readable_by_others(target: &str, path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt;
    let about = format!("target {target}: api_key_file {}", path.display());
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
fn refuse_readable_by_others(_target: &str, _path: &Path) -> Result<(), Failure> {
    Ok(())
}

fn line(style: Style, word: &str, record: &str, rest: &[(String, String)]) {
    let rest: Vec<String> = rest
        .iter()
        .map(|(target, words)| format!("{target}: {words}"))
        .collect();
    terminal::say(
        &Line::new()
            .column(style, word, 12)
            .add(PLAIN, record)
            .add(QUIET, &format!("  {}", rest.join("; "))),
    );
}

fn show(event: &DrainEvent) {
    match event {
        DrainEvent::Synced {
            record,
            remote_ids,
            notes,
        } => {
            line(GOOD, "synced", record, remote_ids);
            for note in notes {
                terminal::say(&Line::new().add(QUIET, &format!("            {note}")));
            }
        }
        DrainEvent::Waiting { record, reasons } => line(DOUBTFUL, "pending", record, reasons),
        DrainEvent::Parked { record, reasons } => line(BAD, "parked", record, reasons),
        DrainEvent::Kept { record, reasons } => line(QUIET, "kept", record, reasons),
        DrainEvent::Quarantined { record, reason } => {
            line(BAD, "quarantined", record, &[("reason".to_owned(), reason.clone())]);
        }
        DrainEvent::TargetStopped { target, reason } => {
            terminal::warn(&format!("{target} takes nothing just now: {reason}"));
        }
    }
}

fn sum_up(summary: &Summary, root: &Path) {
    let Summary {
        synced,
        pending,
        parked,
        quarantined,
        kept,
        need_a_person,
        ..
    } = summary;
    let mut text = format!("{synced} synced, {pending} pending");
    for (count, word) in [
        (parked, "parked"),
        (quarantined, "quarantined"),
        (kept, "kept: no target wants them"),
    ] {
        if *count > 0 {
            text.push_str(&format!(", {count} {word}"));
        }
    }
    terminal::say(
        &Line::new()
            .add(PLAIN.bold(), &text)
            .add(QUIET, &format!("  {}", root.display())),
    );
    if *need_a_person > 0 {
        let message = format!("{need_a_person} records in parked/ or quarantine/ wait for a person");
        terminal::warn(&message);
    }
}
