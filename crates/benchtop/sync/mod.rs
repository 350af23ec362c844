//! `benchtop sync`: uploads what waits, oldest first, and lets a person see and correct the outbox. Opens no instrument.

mod faults;
mod install;
mod metrics;
mod notify;
mod outbox;
mod resting;
mod secret;
mod show;
mod signs;
mod targets;
mod watch;

use crate::{
    args::{SyncArguments, SyncCommand},
    exit::{Exit, Failure},
    recovery, stores, terminal,
};
use benchtop_instrument::{Clock, RealClock};
use benchtop_station::StationFile;
use benchtop_store::{Store, StoreError, StoreErrorKind};
use benchtop_sync::{Pace, Status, drain, left_alone};
use faults::Fault;
pub(crate) use faults::{Way, checked};
pub(crate) use secret::secret_file;
use std::{
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};
pub(crate) use targets::open_targets;

/// How long the sync after a run waits for another one of the same store.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where the store is, as the command line and the station file say.
type FindRoot = fn(Option<&Path>, Option<&StationFile>, Option<&Path>, bool) -> Result<PathBuf, Failure>;

/// How it is opened.
type OpenStore = fn(&Path, Option<&StationFile>) -> Result<Store, Failure>;

/// What every command of the outbox needs.
pub(crate) struct Outbox {
    pub(crate) file: Option<StationFile>,
    pub(crate) store: Store,
    /// Where the station file is.
    station: Option<PathBuf>,
}

impl Outbox {
    /// Makes the store where it is missing.
    pub(crate) fn open(arguments: &SyncArguments) -> Result<Self, Failure> {
        Self::open_in(arguments, stores::root, stores::open)
    }

    /// For a single sync.
    fn to_sync(arguments: &SyncArguments) -> Result<Self, Failure> {
        Self::open_in(arguments, stores::to_sync, stores::open)
    }

    /// For a command that alters what there is.
    pub(crate) fn existing(arguments: &SyncArguments) -> Result<Self, Failure> {
        Self::open_in(arguments, stores::existing, stores::open)
    }

    /// For a command that only looks at what there is.
    fn to_look(arguments: &SyncArguments) -> Result<Self, Failure> {
        Self::open_in(arguments, stores::existing, |root, file| {
            stores::to_look(root, file, |_store| Ok(())).map(|(store, ())| store)
        })
    }

    fn open_in(arguments: &SyncArguments, root: FindRoot, open: OpenStore) -> Result<Self, Failure> {
        let file = match &arguments.station {
            Some(path) => Some(targets::station_file(path)?),
            None => None,
        };
        let (store, station) = (arguments.store.as_deref(), arguments.station.as_deref());
        let root = root(store, file.as_ref(), station, false)?;
        let store = open(&root, file.as_ref())?;
        Ok(Self {
            file,
            store,
            station: arguments.station.clone(),
        })
    }

    /// The names of the station file's targets.
    pub(crate) fn names(&self) -> Vec<&str> {
        let targets = self.file.iter().flat_map(|file| &file.targets);
        targets.map(|target| target.name.value.as_str()).collect()
    }

    /// What is wrong with the station file's targets, unless it is excused.
    fn faults(&self, status: &Status) -> Vec<Fault> {
        let (Some(file), Some(station)) = (&self.file, &self.station) else {
            return Vec::new();
        };
        let was_tried = |name: &String| {
            let own = status.targets.get(name);
            own.is_some_and(|own| own.outlook.last_try.is_some())
        };
        let mut faults = faults::faults(&file.targets, station);
        faults.retain(|fault| !fault.is_excused(was_tried(&fault.target), status.pending > 0));
        faults
    }
}

pub(crate) async fn sync(mut arguments: SyncArguments) -> Result<Exit, Failure> {
    let command = arguments.command.take();
    match command {
        None if arguments.watch => watch::watch(&arguments).await,
        None => once(&arguments).await,
        Some(SyncCommand::Status(asked)) => outbox::status(&Outbox::to_look(&asked.joined(arguments))?, asked.format),
        Some(SyncCommand::Health(asked)) => {
            let arguments = asked.of.joined(arguments);
            outbox::health(&Outbox::to_look(&arguments)?, &asked.max_age, asked.of.format)
        }
        Some(SyncCommand::Retry(chosen)) => {
            let outbox = Outbox::existing(&chosen.which.of.joined(arguments))?;
            outbox::retry(&outbox, &chosen).await
        }
        Some(SyncCommand::Requeue(chosen)) => {
            let outbox = Outbox::existing(&chosen.of.joined(arguments))?;
            outbox::requeue(&outbox, &chosen).await
        }
        Some(SyncCommand::Drop(chosen)) => {
            let outbox = Outbox::existing(&chosen.which.of.joined(arguments))?;
            outbox::take_out(&outbox, &chosen).await
        }
        Some(SyncCommand::Install(asked)) => install::install(&asked, &arguments),
    }
}

async fn once(arguments: &SyncArguments) -> Result<Exit, Failure> {
    let outbox = Outbox::to_sync(arguments)?;
    let targets = open_targets(arguments, outbox.file.as_ref())?;
    let store = &outbox.store;
    let saved = save_interrupted(store)?;
    let clock = RealClock::new();
    let now = || clock.utc();
    let total = store.pending(0).map_err(trouble)?.count;
    let shown = Mutex::new(show::Drain::new(arguments, total));
    let patience = if arguments.patient { PATIENCE } else { Duration::ZERO };
    let until = clock.now().after(patience);
    let summary = loop {
        let mut observe = |event| show::held(&shown).tell(&event);
        // nobody asked for this one just now: what a target asked of the one before it holds
        let resting = arguments.patient.then(|| left_alone(store, &targets, now()));
        let pace = Pace {
            resting: resting.as_ref(),
            ..Pace::default()
        };
        let draining = drain(store, &targets, &now, pace, &mut observe);
        match show::ticking(&shown, draining).await {
            Ok(summary) => break summary,
            // another one may have listed what is pending before this run was saved
            Err(error) if error.kind() == StoreErrorKind::Locked && clock.now() < until => {
                clock.sleep_until(clock.now().after(Duration::from_millis(500))).await;
            }
            Err(error) => return Err(trouble(error)),
        }
    };
    show::held(&shown).sum_up(&summary, store.root());
    if !saved {
        // a run that could not even be saved is worse than one that waits
        return Ok(Exit::Error);
    }
    Ok(exit_of(summary.exit_code()))
}

/// Saves what killed programs left; false when some of it could not be saved.
pub(crate) fn save_interrupted(store: &Store) -> Result<bool, Failure> {
    let recovery = store.recover().map_err(trouble)?;
    recovery::tell(&recovery);
    recovery::tell_of_outputs(&recovery);
    Ok(recovery.failed.is_empty())
}

fn trouble(error: StoreError) -> Failure {
    if error.kind() == StoreErrorKind::Locked {
        let message = "another sync is draining this store; let it finish".to_owned();
        return Failure {
            exit: Exit::Fail,
            message,
        };
    }
    Failure::error(error.to_string())
}

const fn exit_of(code: u8) -> Exit {
    match code {
        0 => Exit::Success,
        1 => Exit::Fail,
        _ => Exit::Error,
    }
}

/// `run --sync`: another process drains the store, so that nothing of it touches this run.
pub(crate) fn push_in_background(store: &Store, station: Option<&Path>) {
    let started = std::env::current_exe().and_then(|program| {
        let mut command = std::process::Command::new(program);
        command.args(["sync", "--patient", "--store"]).arg(store.root());
        if let Some(station) = station {
            command.arg("--station").arg(station);
        }
        let quiet = std::process::Stdio::null;
        command.stdin(quiet()).stdout(quiet()).stderr(quiet());
        // a Ctrl-C for the next run is none for this
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.spawn()
    });
    // waited for on a thread of its own: else a loop over units would leave a dead process for each
    let reaped = started.and_then(|mut child| {
        let reap = move || drop(child.wait());
        std::thread::Builder::new().name("push".to_owned()).spawn(reap)
    });
    if let Err(error) = reaped {
        terminal::warn(&format!("the run is saved, but its upload could not be begun: {error}"));
    }
}
