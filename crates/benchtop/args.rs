//! The command line.

mod choice;
mod editors;
mod safe;
mod sync;

use crate::runs::args::RunsCommand;
pub(crate) use choice::{Choice, Pace, StudyArguments};
use clap::{Args, Parser, Subcommand, ValueEnum};
pub(crate) use editors::{CompletionsArguments, SchemaArguments, SchemaKind};
pub(crate) use safe::SafeArguments;
use std::{net::SocketAddr, path::PathBuf};
pub(crate) use sync::{
    BundleArguments, BundleCommand, ChosenArguments, DropArguments, InstallArguments, InstallKind, OWN, RetryArguments,
    SyncArguments, SyncCommand,
};

/// Runs hardware tests on a bench, keeps every run, and syncs the records when there is a connection.
#[derive(Debug, Parser)]
#[command(name = "benchtop", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// A directory with instrument definitions of your own (`<vendor>/<model>/driver.toml`); they add to the shipped ones or
    /// override them by name.
    #[arg(long, global = true, value_name = "DIR", env = "BENCHTOP_INSTRUMENTS")]
    pub(crate) instruments: Option<PathBuf>,

    /// Write everything that is said to instruments, and what they say, to a new file: a transcript, which a station can name
    /// as a resource (`REPLAY::FILE::NAME`).
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Test one unit: the main job.
    ///
    /// Exit code: 0 pass, 1 fail, 2 refused before start, 3 error, 4 timeout, 5 aborted.
    Run(RunArguments),
    /// Test unit after unit: log in, scan, PASS or FAIL, scan the next. The operator's loop.
    ///
    /// `quit` or Ctrl-D ends it, `logout` changes the operator, Ctrl-C during a test aborts that test. Exit code: 0, whatever the
    /// units were; 2 refused before start; 3 a run could not be saved.
    Station(StationArguments),
    /// Find every mistake that can be found without touching hardware.
    ///
    /// Exit code: 0 without errors, 2 with errors.
    Check(CheckArguments),
    /// Upload the records that wait, and see what waits.
    ///
    /// Exit code: 0 everything confirmed, 1 something pending, 2 usage, 3 something parked or quarantined.
    Sync(SyncArguments),
    /// Carry runs out of a room without a network, and the confirmations back in.
    #[command(subcommand)]
    Bundle(BundleCommand),
    /// A stand-in for TofuPilot on this machine, for tests and demonstrations. It is no product.
    ///
    /// Prints one JSON line with its url once it listens; its page there shows what arrived.
    DemoServer(DemoArguments),
    /// The records of a store: check them, make room.
    #[command(subcommand)]
    Runs(RunsCommand),
    /// Switch every output of the bench off, also after a crash.
    Safe(SafeArguments),
    /// Serve a simulated bench, or one simulated instrument, to anything that speaks SCPI.
    Sim(SimArguments),
    /// What instruments there are: connected ones, known models, and their definitions.
    #[command(subcommand)]
    Instruments(InstrumentsCommand),
    /// Take readings by hand.
    Measure(MeasureArguments),
    /// Send one program message by hand and print the answer.
    Query(QueryArguments),
    /// Talk to an instrument, line by line.
    ///
    /// At a terminal: Tab completes the model's commands, the arrows bring back earlier lines, `.help` says the rest. Else it
    /// reads program messages from standard input and prints the answers; exit code 0 if all went well, 3 if the instrument
    /// reported an error or a line failed.
    Console(ConsoleArguments),
    /// Print the JSON Schema of a kind of file, for editors.
    Schema(SchemaArguments),
    /// Print a completion script for a shell.
    Completions(CompletionsArguments),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Human,
    /// One JSON object per line on standard output, and nothing else there.
    Json,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    /// Excerpts with carets.
    #[default]
    Human,
    /// One JSON object per finding and line.
    Json,
    /// Annotations of GitHub Actions.
    Github,
}

/// Which instruments: a station's, or simulated ones.
#[derive(Debug, Args)]
pub(crate) struct BenchArguments {
    /// The station file: which instruments stand on this bench.
    #[arg(long, value_name = "FILE", conflicts_with = "simulate")]
    pub(crate) station: Option<PathBuf>,

    /// Simulated instruments: those of the named bench, or of the shipped bench for the procedure.
    #[arg(long, value_name = "BENCH", num_args = 0..=1, default_missing_value = "")]
    pub(crate) simulate: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// A procedure file, or the id of a procedure found under procedures/.
    pub(crate) procedure: String,

    /// Serial number of the unit under test.
    #[arg(long, value_name = "SN", required_unless_present = "slot")]
    pub(crate) serial: Option<String>,

    /// Serial number of the unit in a slot of the fixture, in place of --serial; once for each slot that has one. All are tested at once, each
    /// with a record of its own. The exit code is the worst.
    #[arg(long, value_name = "SLOT=SN", conflicts_with_all = ["serial", "sub_unit"])]
    pub(crate) slot: Vec<String>,

    #[command(flatten)]
    pub(crate) bench: BenchArguments,

    /// Let simulated time pass as fast as real time.
    #[arg(long, value_name = "PACE", requires = "simulate")]
    pub(crate) pace: Option<Pace>,

    /// Where the records are kept; otherwise the station file says, or the user's data directory.
    #[arg(long, value_name = "DIR", env = "BENCHTOP_STORE")]
    pub(crate) store: Option<PathBuf>,

    /// What is printed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,

    /// Print one line a run and nothing else: how it ended, and its record. What is wrong still goes to standard error, and
    /// whoever is asked something sees what.
    #[arg(long, conflicts_with = "format")]
    pub(crate) quiet: bool,

    /// The person at the bench.
    #[arg(long)]
    pub(crate) operator: Option<String>,

    #[command(flatten)]
    pub(crate) choice: Choice,

    /// Revision of the unit.
    #[arg(long)]
    pub(crate) revision: Option<String>,

    /// Batch of the unit.
    #[arg(long)]
    pub(crate) batch: Option<String>,

    /// Serial number of a unit inside this one; may be given several times.
    #[arg(long, value_name = "SN")]
    pub(crate) sub_unit: Vec<String>,

    /// Why the run is made: production (if not said), engineering, golden or `gauge_study`. Only production counts in the yield.
    #[arg(long)]
    pub(crate) purpose: Option<String>,

    #[command(flatten)]
    pub(crate) study: StudyArguments,

    /// Run only this step of the test, with setup and teardown; may be given several times. Such a run passes no unit: it is
    /// at best aborted.
    #[arg(long, value_name = "STEP", conflicts_with_all = ["from", "skip"])]
    pub(crate) only: Vec<String>,

    /// Leave out the steps of the test before this one; the run is at best aborted.
    #[arg(long, value_name = "STEP")]
    pub(crate) from: Option<String>,

    /// Leave out this step of the test; may be given several times. The run is at best aborted.
    #[arg(long, value_name = "STEP")]
    pub(crate) skip: Vec<String>,

    /// Run so many times, each with a record of its own; the instruments stay open in between. The exit code is the worst.
    #[arg(long, value_name = "COUNT", conflicts_with = "trial", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) repeat: Option<u32>,

    /// Run again and again until a run does not pass, or as often as --repeat says.
    #[arg(long, conflicts_with = "trial")]
    pub(crate) until_fail: bool,

    /// Write the runs to a file that CI reads (`JUnit` XML): a test case per step.
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,

    /// Test the unit although it was tested before and the procedure wants that to be asked.
    #[arg(long)]
    pub(crate) retest: bool,

    /// The answer to a prompt, by its name; may be given several times. Nobody is asked what is given.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) answer: Vec<String>,

    /// Run although the outputs of this instrument, left by an interrupted run, could not be proved off. It holds for this run,
    /// and stands in its record.
    #[arg(long, value_name = "NAME")]
    pub(crate) accept_unsafe: Vec<String>,

    /// Begin to upload what waits as soon as the run is saved, in another process: the run neither waits for it nor depends
    /// on it. FILE is the station file that names the targets, where it is not the one of --station.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = OWN)]
    pub(crate) sync: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct StationArguments {
    /// A procedure file, or the id of a procedure found under procedures/.
    pub(crate) procedure: String,

    #[command(flatten)]
    pub(crate) bench: BenchArguments,

    /// Let simulated time pass as fast as real time.
    #[arg(long, value_name = "PACE", requires = "simulate")]
    pub(crate) pace: Option<Pace>,

    /// Where the records are kept; otherwise the station file says, or the user's data directory.
    #[arg(long, value_name = "DIR", env = "BENCHTOP_STORE")]
    pub(crate) store: Option<PathBuf>,

    /// The person at the bench; asked for if left out.
    #[arg(long)]
    pub(crate) operator: Option<String>,

    #[command(flatten)]
    pub(crate) choice: Choice,

    /// Why the runs are made: production (if not said), engineering, golden or `gauge_study`.
    #[arg(long)]
    pub(crate) purpose: Option<String>,

    #[command(flatten)]
    pub(crate) study: StudyArguments,

    /// Send the records behind each run in the background: to the targets of this station file, or of the bench's own.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = OWN)]
    pub(crate) sync: Option<PathBuf>,

    /// Test although the outputs of this instrument, left by an interrupted run, could not be proved off. It holds until this
    /// command ends, and stands in the records.
    #[arg(long, value_name = "NAME")]
    pub(crate) accept_unsafe: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// Procedure files or ids; without any, every procedure under procedures/.
    pub(crate) files: Vec<String>,

    #[command(flatten)]
    pub(crate) bench: BenchArguments,

    /// Run each procedure on its simulated bench again and again: with each measured quantity moved across each limit, with
    /// each fault that the unit may have, and with instruments that lie. Says which limit nothing trips, and what no limit
    /// catches.
    #[arg(long, conflicts_with = "station")]
    pub(crate) prove: bool,

    /// What is printed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: CheckFormat,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// Where it listens, on this machine only (port 0: any free one).
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,

    /// Spoil the next answer: a status such as 500, rest:SECONDS, slow:MILLISECONDS, cut, lost, twice, `hang_up`, redirect, html, `wrong_json`; several
    /// spoil the next ones in order.
    #[arg(long, value_name = "FAULT")]
    pub(crate) fault: Vec<String>,

    /// Play a self-hosted v2 server that is older than `whoami` and than the reference of a run: it stores a repeat twice.
    #[arg(long)]
    pub(crate) old: bool,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct SimArguments {
    #[command(subcommand)]
    pub(crate) command: Option<SimCommand>,

    #[command(flatten)]
    pub(crate) serve: Option<ServeArguments>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SimCommand {
    /// Set, clear or list the faults of a bench that is being served.
    ///
    /// Without an instrument, or with `list`, it lists them all.
    Ctl(CtlArguments),
}

#[derive(Debug, Args)]
pub(crate) struct CtlArguments {
    /// Where the simulator listens, as it printed it behind "control".
    pub(crate) address: SocketAddr,

    /// The instrument's logical name.
    pub(crate) instrument: Option<String>,

    /// What goes wrong with it (`no_answer`, `late_answer`, ...: fixtures/benches/README.md), clear, or list.
    #[arg(value_name = "FAULT|clear|list")]
    pub(crate) what: Option<String>,

    /// How much later a `late_answer` comes, or how long a `reboot` takes: "5 s".
    #[arg(long)]
    pub(crate) delay: Option<String>,

    /// What a `drift` adds with every second: "10 mV".
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) per_second: Option<String>,

    /// How probably a message meets a `random` fault, from 0 to 1.
    #[arg(long)]
    pub(crate) probability: Option<f64>,

    /// It begins after so many more messages to the instrument.
    #[arg(long, value_name = "COUNT")]
    pub(crate) after_messages: Option<u64>,

    /// It lasts for so many messages.
    #[arg(long, value_name = "COUNT")]
    pub(crate) for_messages: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// A simulated bench (a shipped one by name, or a file), or a model such as keysight/34461a.
    #[arg(value_name = "BENCH|VENDOR/MODEL")]
    pub(crate) what: String,

    /// Serial number of the unit that lies in the bench.
    #[arg(long, value_name = "SN", default_value = "SIM-UNIT")]
    pub(crate) serial: String,

    /// Serial number of the unit in a slot of the bench, for a bench with slots; once for each that has one.
    #[arg(long, value_name = "SLOT=SN", conflicts_with = "serial")]
    pub(crate) slot: Vec<String>,

    /// Listen here; with several instruments, each has the port after the one before (0: any free port).
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub(crate) tcp: SocketAddr,

    /// Listen here, on this machine only, for `benchtop sim ctl` (port 0: any free one).
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub(crate) control: SocketAddr,

    /// Serve each instrument on a pseudoterminal too; PATH makes a link to it, for a lone instrument.
    #[arg(long, value_name = "PATH")]
    pub(crate) pty: Option<Option<PathBuf>>,

    /// Serve VXI-11 too; ADDR is the portmapper's, 127.0.0.1:111 for clients that look nowhere else.
    #[arg(long, value_name = "ADDR")]
    pub(crate) vxi11: Option<SocketAddr>,

    /// Serve `HiSLIP` too; 127.0.0.1:4880 for clients that look nowhere else.
    #[arg(long, value_name = "ADDR")]
    pub(crate) hislip: Option<SocketAddr>,

    /// Speak nothing but overlapped mode over `HiSLIP`; else clients begin in synchronized mode and may ask for the other.
    #[arg(long, requires = "hislip")]
    pub(crate) hislip_overlapped: bool,

    /// Write a station file for what is served, to use with `benchtop run --station`.
    #[arg(long, value_name = "FILE")]
    pub(crate) write_station: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct MeasureArguments {
    /// Where the instrument is: `TCPIP0::10.0.0.7::5025::SOCKET`, `/dev/ttyUSB0`.
    pub(crate) resource: String,

    /// What to measure: `dc_voltage`, `dc_current`, `resistance` and so on.
    pub(crate) function: String,

    /// The definition to drive it by; otherwise the one that fits its *IDN?.
    #[arg(long, value_name = "VENDOR/MODEL")]
    pub(crate) driver: Option<String>,

    /// The largest value expected (10 V), or auto.
    #[arg(long, default_value = "auto")]
    pub(crate) range: String,

    /// Integration time in power-line cycles.
    #[arg(long)]
    pub(crate) nplc: Option<String>,

    /// Autozero; otherwise as the definition has it.
    #[arg(long, value_name = "on|off")]
    pub(crate) autozero: Option<String>,

    /// Resistance of the voltage input; otherwise as the definition has it.
    #[arg(long, value_name = "10 MOhm|high")]
    pub(crate) input_impedance: Option<String>,

    /// Let the meter integrate so long ("20 ms"), in place of --nplc.
    #[arg(long, value_name = "TIME")]
    pub(crate) aperture: Option<String>,

    /// The smallest step wanted ("10 uV"), in place of --nplc: the meter chooses the integration time.
    #[arg(long, value_name = "QUANTITY")]
    pub(crate) resolution: Option<String>,

    /// What lets the meter begin; at once otherwise.
    #[arg(long, value_name = "immediate|external|bus")]
    pub(crate) trigger: Option<String>,

    /// Wait so long between the trigger and each reading.
    #[arg(long, value_name = "TIME")]
    pub(crate) delay: Option<String>,

    /// Make each reading the mean of so many, which the meter takes on one command where it can.
    #[arg(long, value_name = "COUNT")]
    pub(crate) burst: Option<u32>,

    /// Leave so many readings out before those of --burst.
    #[arg(long, value_name = "COUNT")]
    pub(crate) discard: Option<u32>,

    /// Mean, smallest and largest of --burst are the meter's own.
    #[arg(long)]
    pub(crate) statistics: bool,

    /// Take so many readings; behind several, their mean and standard deviation.
    #[arg(long, default_value_t = 1, value_name = "COUNT")]
    pub(crate) samples: u64,

    /// Begin each reading so long after the one before ("0.5 s"); otherwise as fast as they come.
    #[arg(long, value_name = "TIME")]
    pub(crate) interval: Option<String>,

    /// Print comma-separated values under a heading.
    #[arg(long, conflicts_with = "format")]
    pub(crate) csv: bool,

    /// Input or output channel.
    #[arg(long, default_value_t = 1)]
    pub(crate) channel: u32,

    /// Speed of a serial port; otherwise the definition's, or 9600.
    #[arg(long)]
    pub(crate) baud: Option<u32>,

    /// What is printed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum InstrumentsCommand {
    /// Look for instruments: serial ports, what a VISA library lists, and the networks that are named.
    ///
    /// Each is asked *IDN? and nothing else.
    Scan(ScanArguments),
    /// Every model that Benchtop can drive.
    List(ListArguments),
    /// What one model can do, and what that rests on.
    Show(ShowArguments),
    /// Try definitions on their simulated instruments, and their simulated instruments on their transcripts.
    ///
    /// Exit code: 0 without errors, 2 with errors.
    Check(CheckDefinitionsArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ScanArguments {
    /// Look on this network too, with a VXI-11 broadcast and mDNS: an interface's name or IPv4 address; may be given several
    /// times.
    #[arg(long, value_name = "NAME|ADDRESS")]
    pub(crate) interface: Vec<String>,

    /// Never open this: a serial port, a resource, or a host; may be given several times.
    #[arg(long, value_name = "PORT|RESOURCE|HOST")]
    pub(crate) exclude: Vec<String>,

    /// A station file: never open its instruments that are `read_only`.
    #[arg(long, value_name = "FILE")]
    pub(crate) station: Option<PathBuf>,

    /// A serial port that the system does not list, a link or a pseudoterminal; may be given several times.
    #[arg(long, value_name = "PATH")]
    pub(crate) port: Vec<String>,

    /// Try serial ports at this speed, 9600 if not said; several are tried one after the other.
    #[arg(long)]
    pub(crate) baud: Vec<u32>,

    /// How long to look, and how long to wait for each answer, in seconds.
    #[arg(long, default_value_t = 2.0, value_name = "SECONDS")]
    pub(crate) timeout: f64,

    /// Open nothing and say nothing: only list.
    #[arg(long)]
    pub(crate) list_only: bool,

    /// What is printed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// What is printed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// keysight/34461a for example.
    #[arg(value_name = "VENDOR/MODEL")]
    pub(crate) model: String,

    /// What is printed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct CheckDefinitionsArguments {
    /// Without any, every model.
    #[arg(value_name = "VENDOR/MODEL")]
    pub(crate) models: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct QueryArguments {
    /// Where the instrument is: `TCPIP0::10.0.0.7::5025::SOCKET`, `/dev/ttyUSB0`.
    pub(crate) resource: String,

    /// The program message, *IDN? for example.
    pub(crate) message: String,

    /// Speed of a serial port, 9600 if not said.
    #[arg(long)]
    pub(crate) baud: Option<u32>,

    /// How long to wait for the answer, in seconds.
    #[arg(long, default_value_t = 5.0, value_name = "SECONDS")]
    pub(crate) timeout: f64,

    /// Write what goes over the wire to standard error.
    #[arg(long)]
    pub(crate) trace: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ConsoleArguments {
    /// Where the instrument is: `TCPIP0::10.0.0.7::5025::SOCKET`, `/dev/ttyUSB0`.
    pub(crate) resource: String,

    /// The definition that knows its commands and its error queue; otherwise the one that fits its *IDN?.
    #[arg(long, value_name = "VENDOR/MODEL")]
    pub(crate) driver: Option<String>,

    /// The query that reads its error queue, `SYST:ERR?`, where no definition says it or another one is wanted.
    #[arg(long, value_name = "QUERY")]
    pub(crate) errors: Option<String>,

    /// How long to wait for each answer, in seconds; otherwise as long as the definition's slowest reading, or 5.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<f64>,

    /// Speed of a serial port; otherwise the definition's, or 9600.
    #[arg(long)]
    pub(crate) baud: Option<u32>,
}
