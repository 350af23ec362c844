//! What editors and shells ask for.

use clap::{Args, ValueEnum};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaKind {
    /// What should happen to a unit.
    Procedure,
    /// What stands on a bench, and where records go.
    Station,
    /// How a model is driven: a driver.toml.
    Instrument,
    /// A model as its manual describes it: a sim.toml.
    Simulation,
    /// A simulated bench and the unit on it.
    Bench,
    /// What a run leaves behind.
    Record,
}

#[derive(Debug, Args)]
pub(crate) struct SchemaArguments {
    /// Of which kind of file.
    #[arg(value_enum)]
    pub(crate) kind: SchemaKind,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// For which shell.
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}
