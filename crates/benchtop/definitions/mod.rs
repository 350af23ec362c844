//! `benchtop instruments`: the models that Benchtop knows, and whether their definitions are sound.

mod accuracy;
mod check;
mod evidence;
mod exclusions;
mod list;
mod readings;
mod said;
mod scan;
mod witness;

use crate::{
    args::InstrumentsCommand,
    exit::{Exit, Failure},
};
use benchtop_station::{Catalogue, Recorder};
use std::sync::Arc;

pub(crate) async fn carry_out(
    command: InstrumentsCommand,
    catalogue: &Catalogue,
    recorder: Option<Arc<Recorder>>,
) -> Result<Exit, Failure> {
    match command {
        InstrumentsCommand::Scan(arguments) => scan::scan(arguments, catalogue, recorder).await,
        InstrumentsCommand::List(arguments) => list::list(&arguments, catalogue),
        InstrumentsCommand::Show(arguments) => list::show(&arguments, catalogue),
        InstrumentsCommand::Check(arguments) => check::check(&arguments, catalogue).await,
    }
}
