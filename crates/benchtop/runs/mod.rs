//! `benchtop runs`: the records of a store. Opens no instrument.

pub(crate) mod args;
mod diff;
mod export;
mod figures;
pub(crate) mod filter;
mod find;
mod key;
mod list;
mod prune;
mod screen;
mod show;
mod stats;
mod verify;

use crate::{
    assets::read_text,
    exit::{Exit, Failure},
    recovery, stores, terminal,
};
use args::{RunsCommand, StoreArguments};
use benchtop_instrument::{Clock, RealClock};
use benchtop_report::History;
use benchtop_station::StationFile;
use benchtop_store::{Recovery, Store, StoreError};
use std::path::PathBuf;

pub(crate) fn carry_out(command: &RunsCommand) -> Result<Exit, Failure> {
    match command {
        RunsCommand::List(arguments) => list::list(arguments),
        RunsCommand::Show(arguments) => show::show(arguments),
        RunsCommand::Diff(arguments) => diff::diff(arguments),
        RunsCommand::Stats(arguments) => stats::stats(arguments),
        RunsCommand::Export(arguments) => export::export(arguments),
        RunsCommand::Verify(arguments) => verify::verify(arguments),
        RunsCommand::Prune(arguments) => prune::prune(arguments),
        RunsCommand::Key(arguments) => key::make(arguments),
    }
}

/// The store that is meant, with what dead programs left in it saved; as it lies where it cannot be written to.
fn open(arguments: &StoreArguments) -> Result<(Store, Recovery), Failure> {
    let (root, file) = meant(arguments)?;
    let (store, recovery) = stores::to_look(&root, file.as_ref(), Store::recover)?;
    tell(&recovery);
    Ok((store, recovery))
}

/// Where simulated runs are, for who looked for runs where they are not; empty where there are none.
fn simulated_ones(arguments: &StoreArguments) -> &'static str {
    let is_named = arguments.simulated || arguments.store.is_some() || arguments.station.is_some();
    let there = || stores::root(None, None, None, true).is_ok_and(|root| root.is_dir());
    match !is_named && there() {
        true => "simulated runs have a store of their own: --simulated",
        false => "",
    }
}

/// The same to be altered, and the station file.
fn open_of(arguments: &StoreArguments) -> Result<(Store, Recovery, Option<StationFile>), Failure> {
    let (root, file) = meant(arguments)?;
    let store = stores::open(&root, file.as_ref())?;
    let recovery = store.recover().map_err(failed)?;
    tell(&recovery);
    Ok((store, recovery, file))
}

fn tell(recovery: &Recovery) {
    recovery::tell(recovery);
    recovery::tell_of_outputs(recovery);
}

/// Where the store is, and the station file.
fn meant(arguments: &StoreArguments) -> Result<(PathBuf, Option<StationFile>), Failure> {
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
    let root = stores::existing(arguments.store.as_deref(), file.as_ref(), path, arguments.simulated)?;
    Ok((root, file))
}

/// More records to read than this, and a person is told how far it is.
const LONG: usize = 2000;

/// The history of a store, brought up to date.
fn history(store: &Store) -> Result<History, Failure> {
    history_of(store, true, false)
}

/// The same; how far it is is said where `told`, and nothing is taken for known where `check`.
fn history_of(store: &Store, told: bool, check: bool) -> Result<History, Failure> {
    let mut tell = |done: usize, total: usize| {
        if told && total >= LONG && (done.is_multiple_of(LONG / 4) || done == total) {
            terminal::progress(&format!("reading records: {done} of {total}"));
        }
    };
    let now = RealClock::new().utc();
    let history = match check {
        true => History::check(store, now, &mut tell),
        false => History::open(store, now, &mut tell),
    };
    let mut history = history.map_err(failed)?;
    if check {
        history.confirm_all().map_err(failed)?;
    }
    if told {
        terminal::progress_done();
    }
    Ok(history)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(error: StoreError) -> Failure {
    Failure::error(error.to_string())
}
