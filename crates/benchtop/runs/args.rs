//! The command line of `benchtop runs`.

use super::filter::FilterArguments;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Which store.
#[derive(Debug, Args)]
pub(crate) struct StoreArguments {
    /// Where the records are kept; otherwise the station file says, or the user's data directory.
    #[arg(long, value_name = "DIR", env = "BENCHTOP_STORE")]
    pub(crate) store: Option<PathBuf>,

    /// The station file that names the store.
    #[arg(long, value_name = "FILE")]
    pub(crate) station: Option<PathBuf>,

    /// Simulated runs: where neither says, the store that they have of their own. `stats` counts them only then.
    #[arg(long)]
    pub(crate) simulated: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// The runs of a store, a line each: the last 50, or as many as you say.
    ///
    /// Exit code: 0, also when there are none; 3 a record cannot be read.
    List(Box<ListArguments>),
    /// One run as the operator saw it, or as a page for a browser and a printer.
    Show(ShowArguments),
    /// Two runs measurement by measurement, or a run beside a golden one.
    ///
    /// Exit code: 0 the same outcomes, 1 a step or a measurement came out differently.
    Diff(DiffArguments),
    /// Yield, failures, and for each measurement what its values are like: spread, capability, drift.
    ///
    /// Counts real production runs unless you say otherwise; what was left out is said.
    Stats(Box<StatsArguments>),
    /// Write runs in a form that other tools read: CSV, `JUnit` XML, Parquet, WSJF, ATML, STDF.
    ///
    /// Exit code: 0 written, 1 no such run: nothing is written, 2 refused, 3 it could not be written, or a record could not be
    /// read and is not in it.
    Export(Box<ExportArguments>),
    /// Check that every record is there, as it was sealed, in the order of sealing.
    ///
    /// Exit code: 0 all well, 3 something is altered, missing, doubled, out of order or not signed.
    Verify(VerifyArguments),
    /// Remove records that every target confirmed before a date; a checkpoint stays in their place.
    ///
    /// Targets that were added later are known from `--station` only, and so is the key that signs checkpoints.
    Prune(PruneArguments),
    /// Make a station key, with which records are signed: `[store] signing_key` in the station file names it.
    ///
    /// Prints the public key, which `runs verify --key` wants: keep it elsewhere.
    Key(KeyArguments),
}

/// How a table is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TableFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object per line.
    Json,
    /// Comma-separated values under a heading.
    Csv,
}

/// How closely the store is looked at.
#[derive(Debug, Args)]
pub(crate) struct LookArguments {
    /// Take nothing for known: list every folder, and look at the size and time of every record.
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    pub(crate) store: StoreArguments,

    #[command(flatten)]
    pub(crate) filter: FilterArguments,

    /// So many on a page.
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,

    /// Which page: 1 holds the newest.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) page: u32,

    #[command(flatten)]
    pub(crate) look: LookArguments,

    /// What is printed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: TableFormat,
}

/// How one run is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShowFormat {
    /// For people.
    #[default]
    Human,
    /// The record, on one line.
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// A number or an id of `runs list`, a serial number (its newest run), `last`, or the file of a record.
    pub(crate) run: String,

    #[command(flatten)]
    pub(crate) store: StoreArguments,

    /// What is printed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ShowFormat,

    /// Write a page for a browser and a printer to this file instead (`-`: standard output).
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArguments {
    /// The one run, as for `runs show`.
    pub(crate) run: String,

    /// The other; without it, the newest golden run of the same procedure.
    pub(crate) other: Option<String>,

    #[command(flatten)]
    pub(crate) store: StoreArguments,

    /// What is printed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: TableFormat,
}

#[derive(Debug, Args)]
pub(crate) struct StatsArguments {
    #[command(flatten)]
    pub(crate) store: StoreArguments,

    #[command(flatten)]
    pub(crate) filter: FilterArguments,

    /// Only this measurement (* stands for anything).
    #[arg(long, value_name = "NAME")]
    pub(crate) measurement: Option<String>,

    /// How repeatable the gauge is, from runs with `--purpose gauge_study`: operators, units and trials.
    #[arg(long, conflicts_with = "correlate")]
    pub(crate) gauge: bool,

    /// How two measurements of the same runs go together.
    #[arg(long, num_args = 2, value_names = ["NAME", "NAME"])]
    pub(crate) correlate: Vec<String>,

    #[command(flatten)]
    pub(crate) look: LookArguments,

    /// Do not show at a terminal how many of the records are read.
    #[arg(long)]
    pub(crate) quiet: bool,

    /// What is printed: json and csv hold every figure that people are shown, csv a row a measurement.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: TableFormat,

    /// Write a page for a browser and a printer to this file instead (`-`: standard output).
    #[arg(long, value_name = "FILE", conflicts_with_all = ["gauge", "correlate"])]
    pub(crate) html: Option<PathBuf>,
}

/// What to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// Comma-separated values, a row a measurement.
    Csv,
    /// `JUnit` XML, a test case a step.
    Junit,
    /// Apache Parquet, a row a measurement, typed: for `DuckDB` and pandas.
    #[cfg(feature = "parquet")]
    Parquet,
    /// WATS Standard JSON Format: one run.
    Wsjf,
    /// ATML test results, IEEE 1636.1.
    Atml,
    /// Standard Test Data Format V4: one lot.
    Stdf,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    #[command(flatten)]
    pub(crate) store: StoreArguments,

    #[command(flatten)]
    pub(crate) filter: FilterArguments,

    /// What to write.
    #[arg(long, value_enum)]
    pub(crate) format: ExportFormat,

    /// Where to: a file, or a folder that is there, in which each run gets a file of its own. Otherwise standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Replace the file where it is there already.
    #[arg(long, requires = "output")]
    pub(crate) force: bool,

    /// WSJF: the code under which the WATS server knows this kind of test.
    #[arg(long, value_name = "CODE", required_if_eq("format", "wsjf"))]
    pub(crate) process_code: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    #[command(flatten)]
    pub(crate) store: StoreArguments,

    /// The station's public key in hex: every record of the chain must be signed with it.
    #[arg(long, value_name = "HEX")]
    pub(crate) key: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PruneArguments {
    #[command(flatten)]
    pub(crate) store: StoreArguments,

    /// Only what was confirmed before this day (UTC, `2026-03-04`).
    #[arg(long, value_name = "DATE", required = true)]
    pub(crate) synced_before: String,

    /// Say what would go, and remove nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct KeyArguments {
    /// The file to make.
    pub(crate) file: PathBuf,
}
