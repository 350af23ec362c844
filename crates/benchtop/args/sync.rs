//! The command line of `benchtop sync`.

use super::Format;
use clap::{Args, Subcommand, ValueEnum};
use std::{net::SocketAddr, path::PathBuf};

/// Stands for the file of a `--sync` without one: the bench's own station file. An empty path is none to clap.
pub(crate) const OWN: &str = "-";

#[derive(Clone, Debug, Args)]
pub(crate) struct SyncArguments {
    #[command(subcommand)]
    pub(crate) command: Option<SyncCommand>,

    /// The station file that names the targets.
    #[arg(long, value_name = "FILE")]
    pub(crate) station: Option<PathBuf>,

    /// Where the records are kept.
    #[arg(long, value_name = "DIR", env = "BENCHTOP_STORE")]
    pub(crate) store: Option<PathBuf>,

    /// A server to use instead of the url of the station file's only target, for a trial.
    ///
    /// What it confirms, the target itself has not got; status and health go on to speak of that one.
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,

    /// Go on until it is told to end: uploads each run when it is saved, and again when the network is back.
    #[arg(long)]
    pub(crate) watch: bool,

    /// Serve the outbox in Prometheus' text format, on this machine only (with --watch).
    #[arg(long, value_name = "ADDR", requires = "watch")]
    pub(crate) metrics: Option<SocketAddr>,

    /// Wait for another sync of this store to end, instead of saying so.
    #[arg(long, hide = true)]
    pub(crate) patient: bool,

    /// What is printed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,

    /// Print the sum and nothing else; records that wait for a person are named on standard error.
    #[arg(long, conflicts_with = "format")]
    pub(crate) quiet: bool,
}

impl SyncArguments {
    /// Those that name a store and a station file, and nothing else.
    pub(crate) const fn of(station: Option<PathBuf>, store: Option<PathBuf>) -> Self {
        Self {
            command: None,
            station,
            store,
            url: None,
            watch: false,
            metrics: None,
            patient: false,
            format: Format::Human,
            quiet: false,
        }
    }
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum SyncCommand {
    /// What waits, what is parked and why, and how the targets stood.
    ///
    /// Exit code: 0 everything confirmed, 1 something pending, 3 something parked or quarantined.
    Status(StatusArguments),
    /// One line for monitoring.
    ///
    /// Exit code: 0 well, 1 something waits longer than --max-age, 3 something parked or quarantined, receipts that cannot be
    /// believed, or a target that cannot be used as it is.
    Health(HealthArguments),
    /// Give parked records another try, and those that a target refused while another one lacks them.
    Retry(RetryArguments),
    /// Queue records that no target wanted, or that a target lacks which was added since.
    Requeue(ChosenArguments),
    /// Take records out of the outbox, for good; asks first, and keeps the files.
    Drop(DropArguments),
    /// Print, or write, what makes this machine sync by itself.
    Install(InstallArguments),
}

/// Which outbox.
#[derive(Clone, Debug, Args)]
pub(crate) struct StatusArguments {
    /// The station file that names the targets.
    #[arg(long, value_name = "FILE")]
    pub(crate) station: Option<PathBuf>,

    /// Where the records are kept.
    #[arg(long, value_name = "DIR", env = "BENCHTOP_STORE")]
    pub(crate) store: Option<PathBuf>,

    /// What is printed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

impl StatusArguments {
    /// The same as arguments of `sync`.
    pub(crate) fn joined(&self, outer: SyncArguments) -> SyncArguments {
        SyncArguments {
            station: self.station.clone().or(outer.station),
            store: self.store.clone().or(outer.store),
            ..outer
        }
    }
}

#[derive(Clone, Debug, Args)]
pub(crate) struct HealthArguments {
    #[command(flatten)]
    pub(crate) of: StatusArguments,

    /// How long a run may wait: 90s, 30m, 24h, 7d.
    #[arg(long, default_value = "24h", value_name = "TIME")]
    pub(crate) max_age: String,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ChosenArguments {
    /// A record's file name, its run id, or the unit's serial number.
    #[arg(value_name = "RECORD")]
    pub(crate) named: Option<String>,

    /// All there are.
    #[arg(long)]
    pub(crate) all: bool,

    #[command(flatten)]
    pub(crate) of: StatusArguments,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct RetryArguments {
    #[command(flatten)]
    pub(crate) which: ChosenArguments,

    /// You have looked, and the target does not hold them: send them without asking it, also where an answer was lost.
    #[arg(long)]
    pub(crate) surely_not_there: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct DropArguments {
    #[command(flatten)]
    pub(crate) which: ChosenArguments,

    /// Do not ask.
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum InstallKind {
    /// A systemd service that goes on for ever.
    Systemd,
    /// A systemd service and a timer that starts it.
    SystemdTimer,
    /// A line for crontab.
    Cron,
    /// A launchd agent, for macOS.
    Launchd,
    /// A scheduled task, for Windows.
    Windows,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct InstallArguments {
    /// For what.
    #[arg(value_enum)]
    pub(crate) kind: InstallKind,

    /// The station file that names the targets.
    #[arg(long, value_name = "FILE")]
    pub(crate) station: PathBuf,

    /// Where the records are kept; otherwise the station file says, or the user's data directory.
    #[arg(long, value_name = "DIR", env = "BENCHTOP_STORE")]
    pub(crate) store: Option<PathBuf>,

    /// Who runs it (systemd); otherwise the current user.
    #[arg(long)]
    pub(crate) user: Option<String>,

    /// How often, in minutes, where a timer starts it.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=59))]
    pub(crate) every: u32,

    /// Write the files into this folder, instead of printing them; nothing is started.
    #[arg(long, value_name = "DIR")]
    pub(crate) write: Option<PathBuf>,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum BundleCommand {
    /// Write every pending record, with its attachments, into one new file; the store stays as it is.
    Export(BundleArguments),
    /// Take the records of a bundle into this store, where they wait for its targets.
    Import(BundleArguments),
    /// Take the confirmations that a receipt brings back; with --write, write one.
    Receipt(ReceiptArguments),
}

#[derive(Clone, Debug, Args)]
pub(crate) struct BundleArguments {
    /// The bundle, or the receipt.
    pub(crate) file: PathBuf,

    /// The station file: its store, and the names of its targets.
    #[arg(long, value_name = "FILE")]
    pub(crate) station: Option<PathBuf>,

    /// Where the records are kept.
    #[arg(long, value_name = "DIR", env = "BENCHTOP_STORE")]
    pub(crate) store: Option<PathBuf>,

    /// A file of mode 0600 with a secret that both sides share: it signs what is written, and what is read must be signed
    /// by it.
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ReceiptArguments {
    #[command(flatten)]
    pub(crate) bundle: BundleArguments,

    /// Write what the targets confirmed into a new file, to be carried back.
    #[arg(long)]
    pub(crate) write: bool,
}
