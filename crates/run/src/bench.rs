//! What the runner needs of the station: instruments, opened by name.

use async_trait::async_trait;
use benchtop_instrument::{Console, Error, Instrument};
use benchtop_procedure::LogicalName;

/// Opens the instruments of a bench. The same name may be opened again when the first session hangs.
#[async_trait]
pub trait Bench: Send + Sync {
    /// Opens a fresh session to the instrument `name`. Changes nothing on the instrument.
    ///
    /// # Errors
    /// What the transport said.
    async fn open(&self, name: &LogicalName) -> Result<Box<dyn Instrument>, Error>;

    /// Opens the unit's own link `name`.
    ///
    /// # Errors
    /// What the transport said.
    async fn open_console(&self, name: &LogicalName) -> Result<Box<dyn Console>, Error>;
}
