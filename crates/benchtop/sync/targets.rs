//! Where to: the station file's targets, opened.

use super::{
    faults::{Sound, look_at_all},
    secret::{beside, key_of_environment, no_key},
};
use crate::{args::SyncArguments, assets::read_text, exit::Failure, terminal};
use benchtop_notation::Diagnostics;
use benchtop_station::{StationFile, TargetEntry};
use benchtop_sync::{Target, TargetConfig, TargetKind, Timeouts};
use std::{collections::BTreeMap, path::Path};

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
    let entries = file.map(|file| file.targets.as_slice()).unwrap_or_default();
    let url = arguments.url.as_deref();
    let sound = match (url, entries) {
        (None, []) => {
            return Err(Failure::refused(
                "where to? name a station file with [[sync.targets]], or a server with --url",
            ));
        }
        (Some(_), [_, _, ..]) => {
            return Err(Failure::refused(
                "--url stands for the only target, and the station file has several",
            ));
        }
        (Some(url), []) => {
            let config = plain_target(url);
            let key = key_of_environment().ok_or_else(|| Failure::refused(no_key(&config.name)))?;
            vec![Sound { config, key }]
        }
        (None, entries) => all_sound(entries, arguments.station.as_deref(), None)?,
        (Some(url), [own]) => {
            is_served(own)?;
            let mut sound = all_sound(std::slice::from_ref(own), arguments.station.as_deref(), Some(url))?;
            sound.iter_mut().for_each(|one| stand_in(&mut one.config, own));
            sound
        }
    };
    let open = |Sound { config, key }| {
        let opened = benchtop_sync::open(config, &key);
        opened.map_err(|error| Failure::refused(error.to_string()))
    };
    sound.into_iter().map(open).collect()
}

/// All of these, or what is wrong with any of them.
fn all_sound(entries: &[TargetEntry], station: Option<&Path>, url: Option<&str>) -> Result<Vec<Sound>, Failure> {
    let (all, faults) = look_at_all(entries, station, url);
    let mut findings = Diagnostics::new();
    faults.iter().for_each(|fault| findings.push(fault.for_sender()));
    if !findings.is_empty() {
        terminal::diagnose(&findings);
    }
    match findings.has_errors() {
        false => Ok(all),
        true => Err(Failure::refused("a target cannot be used as it is; nothing was sent")),
    }
}

/// A URL of the command line is that of a server.
fn is_served(own: &TargetEntry) -> Result<(), Failure> {
    match TargetKind::parse(&own.kind.value) {
        Some(TargetKind::Directory | TargetKind::S3 | TargetKind::Postgres) => Err(Failure::refused(format!(
            "--url stands for the url of a server, and target {} is of kind {}",
            own.name.value, own.kind.value
        ))),
        // a kind that there is not is told where it stands
        Some(TargetKind::TofuPilotV2 | TargetKind::TofuPilotV1 | TargetKind::Webhook) | None => Ok(()),
    }
}

/// Another place than the station file's goes by another name in the receipts.
fn stand_in(config: &mut TargetConfig, own: &TargetEntry) {
    let at_home = TargetConfig {
        url: own.url.value.clone(),
        ..config.clone()
    };
    if config.place() == at_home.place() {
        return;
    }
    config.name = config.stand_in();
    terminal::warn(&format!(
        "`{}` does not get what goes to {}: benchtop sync requeue --all offers it there afterwards, and retry --all what was parked",
        own.name.value, config.name
    ));
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

/// A folder that a station file names without its root is beside that file.
pub(super) fn folder(station: Option<&Path>, url: &str) -> String {
    let path = url.strip_prefix("file://").unwrap_or(url);
    // nothing is not the folder of the station file
    if path.trim().is_empty() {
        return String::new();
    }
    beside(station, Path::new(path)).display().to_string()
}
