//! `benchtop instruments`: the models that Benchtop knows, and whether their definitions are sound.

mod check;
mod evidence;
mod list;

use crate::{
    args::InstrumentsCommand,
    exit::{Exit, Failure},
};
use benchtop_station::Catalogue;

pub(crate) async fn carry_out(command: InstrumentsCommand, catalogue: &Catalogue) -> Result<Exit, Failure> {
    match command {
        InstrumentsCommand::List(arguments) => list::list(&arguments, catalogue),
        InstrumentsCommand::Show(arguments) => list::show(&arguments, catalogue),
        InstrumentsCommand::Check(arguments) => check::check(&arguments, catalogue).await,
    }
}
