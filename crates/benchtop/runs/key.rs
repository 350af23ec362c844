//! `benchtop runs key`.

use super::{args::KeyArguments, failed};
use crate::{
    exit::{Exit, Failure},
    terminal,
};
use benchtop_store::StationKey;

pub(super) fn make(arguments: &KeyArguments) -> Result<Exit, Failure> {
    let key = StationKey::create(&arguments.file).map_err(failed)?;
    terminal::emit(&key.public());
    Ok(Exit::Success)
}
