//! The command line of `benchtop safe`.

use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct SafeArguments {
    /// The station file: whose outputs go off beside those of interrupted runs.
    #[arg(long, value_name = "FILE")]
    pub(crate) station: Option<PathBuf>,

    /// Where the records are kept.
    #[arg(long, value_name = "DIR", env = "BENCHTOP_STORE")]
    pub(crate) store: Option<PathBuf>,

    /// Forget the outputs that an interrupted run left on this instrument, although they cannot be proved off: it is gone for
    /// good, or somebody has looked at it.
    #[arg(long, value_name = "NAME")]
    pub(crate) accept_unsafe: Vec<String>,
}
