//! `benchtop bundle`: runs out of a room without a network, and the confirmations back in.

use crate::{
    args::{BundleArguments, BundleCommand, SyncArguments},
    exit::{Exit, Failure},
    sync::{Outbox, save_interrupted, secret_file},
    terminal::{self, Line, PLAIN, QUIET},
};
use benchtop_instrument::{Clock, RealClock};
use benchtop_store::NewFile;
use benchtop_sync::{BundleError, Carried, SecretString};
use std::{fs::File, io::Write, path::Path};

pub(crate) fn bundle(command: BundleCommand) -> Result<Exit, Failure> {
    match command {
        BundleCommand::Export(arguments) => export(&arguments),
        BundleCommand::Import(arguments) => import(&arguments),
        BundleCommand::Receipt(asked) if asked.write => write_receipt(&asked.bundle),
        BundleCommand::Receipt(asked) => take_receipt(&asked.bundle),
    }
}

/// For what looks for runs that are there.
fn open_existing(arguments: &BundleArguments) -> Result<(Outbox, Option<SecretString>), Failure> {
    open_in(arguments, Outbox::existing)
}

fn open_in(
    arguments: &BundleArguments,
    store: fn(&SyncArguments) -> Result<Outbox, Failure>,
) -> Result<(Outbox, Option<SecretString>), Failure> {
    let of = SyncArguments::of(arguments.station.clone(), arguments.store.clone());
    let secret = arguments.secret_file.as_deref().map(secret_file).transpose()?;
    Ok((store(&of)?, secret))
}

fn export(arguments: &BundleArguments) -> Result<Exit, Failure> {
    let (outbox, secret) = open_existing(arguments)?;
    // a run that a power cut ended is to leave with the others
    let is_saved = save_interrupted(&outbox.store)?;
    let clock = RealClock::new();
    let carried = write_new(&arguments.file, |to| {
        benchtop_sync::export(&outbox.store, to, secret.as_ref(), &|| clock.utc())
    })?;
    say(
        &format!("{} records, {} attachments", carried.records, carried.attachments),
        &arguments.file,
    );
    let exit = left_out(&carried);
    Ok(if is_saved { exit } else { Exit::Error })
}

fn import(arguments: &BundleArguments) -> Result<Exit, Failure> {
    let (outbox, secret) = open_in(arguments, Outbox::open)?;
    let clock = RealClock::new();
    let from = || File::open(&arguments.file);
    let carried = benchtop_sync::import(&outbox.store, from, secret.as_ref(), &|| clock.utc())
        .map_err(|error| refused(&arguments.file, &error))?;
    let text = format!(
        "{} records wait here now, {} were here already, {} attachments",
        carried.records, carried.already, carried.attachments
    );
    say(&text, outbox.store.root());
    Ok(left_out(&carried))
}

fn write_receipt(arguments: &BundleArguments) -> Result<Exit, Failure> {
    let (outbox, secret) = open_existing(arguments)?;
    let clock = RealClock::new();
    let carried = write_new(&arguments.file, |to| {
        benchtop_sync::confirmations(&outbox.store, to, secret.as_ref(), &|| clock.utc())
    })?;
    say(&format!("{} confirmations", carried.records), &arguments.file);
    Ok(left_out(&carried))
}

fn take_receipt(arguments: &BundleArguments) -> Result<Exit, Failure> {
    let (outbox, secret) = open_existing(arguments)?;
    let clock = RealClock::new();
    let from = || File::open(&arguments.file);
    let names = outbox.names();
    let taken = benchtop_sync::take_confirmations(&outbox.store, from, secret.as_ref(), &names, &|| clock.utc())
        .map_err(|error| refused(&arguments.file, &error))?;
    let text = format!(
        "{} confirmed, {} were confirmed already, {} are of other stations, or wait nowhere here",
        taken.confirmed, taken.already, taken.not_here
    );
    say(&text, outbox.store.root());
    for (record, reason) in &taken.refused {
        terminal::complain(&format!("{record}: {reason}"));
    }
    for target in &taken.unknown_targets {
        terminal::complain(&format!(
            "it speaks of a target `{target}`, which this station has not got: its own ({}) still lack those runs; call the target \
             the same in both station files",
            names.join(", ")
        ));
    }
    Ok(if taken.refused.is_empty() && taken.unknown_targets.is_empty() {
        Exit::Success
    } else {
        Exit::Error
    })
}

fn say(text: &str, place: &Path) {
    let place = format!("  {}", place.display());
    terminal::say(&Line::new().add(PLAIN.bold(), text).add(QUIET, &place));
}

fn left_out(carried: &Carried) -> Exit {
    for (record, reason) in &carried.left_out {
        terminal::complain(&format!("{record}: {reason}"));
    }
    if carried.left_out.is_empty() {
        Exit::Success
    } else {
        Exit::Error
    }
}

fn refused(path: &Path, error: &BundleError) -> Failure {
    let path = path.display();
    Failure::error(match error {
        BundleError::BrokenOff { .. } => format!("{path}: {error}"),
        BundleError::Io(_)
        | BundleError::Torn
        | BundleError::Altered(_)
        | BundleError::Foreign(_)
        | BundleError::Signature(_)
        | BundleError::Store(_) => format!("{path}: {error}; nothing was taken"),
    })
}

/// Writes a new file, whole and durable, or none under that name.
fn write_new<T>(path: &Path, write: impl FnOnce(&mut dyn Write) -> Result<T, BundleError>) -> Result<T, Failure> {
    let about = |error: &dyn std::fmt::Display| Failure::error(format!("{}: {error}", path.display()));
    let mut file = NewFile::create(path, false).map_err(|error| Failure::error(error.to_string()))?;
    let written = write(&mut file).map_err(|error| about(&error))?;
    file.publish().map_err(|error| Failure::error(error.to_string()))?;
    Ok(written)
}
