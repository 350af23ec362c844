//! `benchtop runs`: the records of a store. Opens no instrument.

pub(crate) mod args;
pub(crate) mod filter;
mod key;
mod list;
mod prune;
mod verify;

use crate::{
    assets::read_text,
    exit::{Exit, Failure},
    recovery, stores, terminal,
};
use args::{RunsCommand, StoreArguments};
use benchtop_store::{Recovery, Store, StoreError};

pub(crate) fn carry_out(command: &RunsCommand) -> Result<Exit, Failure> {
    match command {
        RunsCommand::List(arguments) => list::list(arguments),
        RunsCommand::Verify(arguments) => verify::verify(arguments),
        RunsCommand::Prune(arguments) => prune::prune(arguments),
        RunsCommand::Key(arguments) => key::make(arguments),
    }
}

/// The store that is meant, with what dead programs left in it saved.
fn open(arguments: &StoreArguments) -> Result<(Store, Recovery), Failure> {
    let path = arguments.station.as_deref();
    let file = match path {
        Some(path) => {
            let parsed = benchtop_station::parse(&path.display().to_string(), &read_text(path)?);
            Some(parsed.map_err(|findings| {
                terminal::diagnose(&findings);
                Failure::refused("the station file is wrong")
            })?)
        }
        None => None,
    };
    let root = stores::root(arguments.store.as_deref(), file.as_ref(), path, false)?;
    let store = stores::open(&root, file.as_ref())?;
    let recovery = store.recover().map_err(failed)?;
    recovery::tell(&recovery);
    recovery::tell_of_outputs(&recovery);
    Ok((store, recovery))
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(error: StoreError) -> Failure {
    Failure::error(error.to_string())
}
