//! Benchtop: hardware tests on a bench, every run kept, synced when there is a connection.
//!
//! The commands: the only place that prints, reads arguments, wires listeners and returns exit codes.

mod addresses;
mod args;
mod assets;
mod bench;
mod bundle;
mod byhand;
mod check;
mod commands;
mod console;
mod control;
mod definitions;
mod demo;
mod exit;
mod http;
mod interrupt;
mod live;
mod locks;
mod measure;
mod operator;
mod outside;
mod place;
mod procedures;
mod progress;
mod prove;
mod recording;
mod recovery;
mod run;
mod runs;
mod safe;
mod schema;
mod sim;
mod stores;
mod sync;
mod terminal;
mod typed;

use args::{Arguments, Command};
use benchtop_station::{Catalogue, Recorder};
use clap::Parser;
use exit::{Exit, Failure};
use std::{process::ExitCode, sync::Arc};

fn main() -> ExitCode {
    // clap ends the process with 2 on wrong usage, which is what the table of exit codes says
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            terminal::complain(&format!("the runtime cannot start: {error}"));
            return Exit::Error.into();
        }
    };
    let exit = match runtime.block_on(carry_out(arguments)) {
        Ok(exit) => exit,
        Err(failure) => {
            for line in failure.message.lines() {
                terminal::complain(line.trim_start_matches("error: "));
            }
            failure.exit
        }
    };
    // a driver that blocks its thread must not keep the process from ending
    runtime.shutdown_background();
    exit.into()
}

async fn carry_out(arguments: Arguments) -> Result<Exit, Failure> {
    let catalogue = assets::catalogue(arguments.instruments.as_deref())?;
    let recorder = recording::begin(arguments.record.as_deref(), &arguments.command)?;
    let exit = dispatch(arguments.command, &catalogue, recorder.clone()).await;
    recording::end(arguments.record.as_deref(), recorder.as_deref());
    exit
}

async fn dispatch(command: Command, catalogue: &Catalogue, recorder: Option<Arc<Recorder>>) -> Result<Exit, Failure> {
    match command {
        Command::Run(arguments) => run::run(arguments, catalogue, recorder).await,
        Command::Station(arguments) => run::station(arguments, catalogue, recorder).await,
        Command::Check(arguments) => Ok(check::check(&arguments, catalogue).await),
        Command::Sync(arguments) => sync::sync(arguments).await,
        Command::Bundle(command) => bundle::bundle(command),
        Command::DemoServer(arguments) => demo::serve(&arguments).await,
        Command::Runs(command) => runs::carry_out(&command),
        Command::Safe(arguments) => safe::safe(arguments, catalogue, recorder).await,
        Command::Sim(arguments) => sim::sim(arguments, catalogue).await,
        Command::Instruments(command) => definitions::carry_out(command, catalogue, recorder).await,
        Command::Measure(arguments) => measure::measure(arguments, catalogue, recorder).await,
        Command::Query(arguments) => byhand::query(arguments, recorder).await,
        Command::Console(arguments) => console::console(arguments, catalogue, recorder).await,
        Command::Schema(arguments) => Ok(schema::schema(&arguments)),
        Command::Completions(arguments) => Ok(schema::completions(&arguments)),
    }
}
