//! One task per instrument: commands come by channel, one at a time, and each is indivisible.
//!
//! Whoever drops the future of a command gives that command up, and no other: several runs may share an instrument. A
//! command that is given up or that fails on the way to the instrument leaves the session in doubt; the next one recovers
//! it first. A driver that panics takes only its own task down.

use benchtop_instrument::{
    Clock, Decimal, Error, ErrorKind, Instrument, Measure, OutputMode, OutputState, Reading, Setting, StartState,
    TaskHandle, spawn,
};
use benchtop_procedure::LogicalName;
use std::fmt;
use tokio::sync::{mpsc, oneshot};

/// The instrument did not do it.
#[derive(Debug)]
pub(crate) enum CommandError {
    /// It, or the path to it, said why.
    Instrument(Error),
    /// Its task is over: the driver panicked, or the instrument was closed.
    Gone(LogicalName),
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instrument(error) => write!(f, "{error}"),
            Self::Gone(name) => write!(
                f,
                "the driver of {name} stopped working (a bug in Benchtop or its data)"
            ),
        }
    }
}

type Reply<T> = oneshot::Sender<Result<T, Error>>;

enum Command {
    Prepare(Reply<StartState>),
    Measure(Measure, Reply<Reading>),
    Set(Setting, Reply<()>),
    FindOutputsOn(Option<Vec<u32>>, Reply<()>),
    Query(String, Reply<Option<Vec<u8>>>),
    OutputMode(u32, Reply<OutputMode>),
    MakeSafe(Reply<Vec<OutputState>>),
    Close(Reply<()>),
}

/// The other end of an instrument's task.
#[derive(Debug)]
pub(crate) struct Actor {
    name: LogicalName,
    commands: mpsc::Sender<Command>,
    task: TaskHandle<()>,
    /// What the instrument writes beyond its range, where that is not SCPI's.
    overrange: Option<Decimal>,
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prepare(_) => "Prepare",
            Self::Measure(..) => "Measure",
            Self::Set(..) => "Set",
            Self::FindOutputsOn(..) => "FindOutputsOn",
            Self::Query(..) => "Query",
            Self::OutputMode(..) => "OutputMode",
            Self::MakeSafe(_) => "MakeSafe",
            Self::Close(_) => "Close",
        })
    }
}

impl Actor {
    pub(crate) fn start(name: LogicalName, instrument: Box<dyn Instrument>, clock: &dyn Clock) -> Self {
        let (commands, receiver) = mpsc::channel(16);
        let overrange = instrument.capabilities().overrange;
        let task = spawn(clock, serve(instrument, receiver));
        Self {
            name,
            commands,
            task,
            overrange,
        }
    }

    pub(crate) const fn overrange(&self) -> Option<Decimal> {
        self.overrange
    }

    /// Ends the task, and with it the session, at its next await.
    pub(crate) fn kill(&self) {
        self.task.abort();
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, CommandError> {
        let (reply, answer) = oneshot::channel();
        let gone = || CommandError::Gone(self.name.clone());
        self.commands.send(command(reply)).await.map_err(|_closed| gone())?;
        answer
            .await
            .map_err(|_closed| gone())?
            .map_err(CommandError::Instrument)
    }

    pub(crate) async fn prepare(&self) -> Result<StartState, CommandError> {
        self.ask(Command::Prepare).await
    }

    pub(crate) async fn measure(&self, request: Measure) -> Result<Reading, CommandError> {
        self.ask(|reply| Command::Measure(request, reply)).await
    }

    pub(crate) async fn set(&self, setting: Setting) -> Result<(), CommandError> {
        self.ask(|reply| Command::Set(setting, reply)).await
    }

    /// Of all its outputs, or of these.
    pub(crate) async fn find_outputs_on(&self, only: Option<Vec<u32>>) -> Result<(), CommandError> {
        self.ask(|reply| Command::FindOutputsOn(only, reply)).await
    }

    pub(crate) async fn query(&self, message: String) -> Result<Option<Vec<u8>>, CommandError> {
        self.ask(|reply| Command::Query(message, reply)).await
    }

    pub(crate) async fn output_mode(&self, channel: u32) -> Result<OutputMode, CommandError> {
        self.ask(|reply| Command::OutputMode(channel, reply)).await
    }

    pub(crate) async fn make_safe(&self) -> Result<Vec<OutputState>, CommandError> {
        self.ask(Command::MakeSafe).await
    }

    pub(crate) async fn close(&self) -> Result<(), CommandError> {
        self.ask(Command::Close).await
    }
}

async fn serve(mut instrument: Box<dyn Instrument>, mut commands: mpsc::Receiver<Command>) {
    let mut in_doubt = false;
    while let Some(command) = commands.recv().await {
        let is_close = matches!(command, Command::Close(_));
        in_doubt = !carry_out(instrument.as_mut(), command, in_doubt).await;
        if is_close {
            return;
        }
    }
}

/// Carries a command out and answers it; true when the session can be trusted afterwards.
async fn carry_out(instrument: &mut dyn Instrument, command: Command, in_doubt: bool) -> bool {
    match command {
        Command::Prepare(reply) => unless_given_up(reply, in_doubt, instrument.prepare()).await,
        Command::Close(reply) => unless_given_up(reply, in_doubt, instrument.close()).await,
        // making safe has its own ways of coming through
        Command::MakeSafe(reply) => unless_given_up(reply, in_doubt, instrument.make_safe()).await,
        Command::Measure(request, reply) => {
            let work = async {
                trusted(instrument, in_doubt).await?;
                instrument.measure(&request).await
            };
            unless_given_up(reply, in_doubt, work).await
        }
        Command::Set(setting, reply) => {
            let work = async {
                trusted(instrument, in_doubt).await?;
                instrument.set(&setting).await
            };
            unless_given_up(reply, in_doubt, work).await
        }
        Command::FindOutputsOn(only, reply) => {
            let work = async {
                trusted(instrument, in_doubt).await?;
                match &only {
                    Some(channels) => instrument.find_these_on(channels).await,
                    None => instrument.find_outputs_on().await,
                }
            };
            unless_given_up(reply, in_doubt, work).await
        }
        Command::Query(message, reply) => {
            let work = async {
                trusted(instrument, in_doubt).await?;
                instrument.query_checked(&message).await
            };
            unless_given_up(reply, in_doubt, work).await
        }
        Command::OutputMode(channel, reply) => {
            let work = async {
                trusted(instrument, in_doubt).await?;
                instrument.output_mode(channel).await
            };
            unless_given_up(reply, in_doubt, work).await
        }
    }
}

/// Recovers a session that is in doubt.
async fn trusted(instrument: &mut dyn Instrument, in_doubt: bool) -> Result<(), Error> {
    if in_doubt { instrument.recover().await } else { Ok(()) }
}

/// Works for as long as somebody waits for the answer; true when the session can be trusted afterwards.
async fn unless_given_up<T>(mut reply: Reply<T>, in_doubt: bool, work: impl Future<Output = Result<T, Error>>) -> bool {
    if reply.is_closed() {
        // it was never begun
        return !in_doubt;
    }
    let result = tokio::select! {
        biased;
        () = reply.closed() => return false,
        result = work => result,
    };
    answer(reply, result)
}

fn answer<T>(reply: Reply<T>, result: Result<T, Error>) -> bool {
    let healthy = match &result {
        Ok(_) => true,
        Err(error) => match error.kind() {
            ErrorKind::OutOfRange | ErrorKind::Unsupported | ErrorKind::Instrument | ErrorKind::Readback => true,
            ErrorKind::Timeout
            | ErrorKind::Disconnected
            | ErrorKind::Desynchronised
            | ErrorKind::Garbled
            | ErrorKind::WrongIdentity
            | ErrorKind::Io => false,
        },
    };
    // whoever asked may have given up waiting
    drop(reply.send(result));
    healthy
}
