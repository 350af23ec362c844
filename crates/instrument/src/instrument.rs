//! An instrument: what the runner talks to.

use crate::{Capabilities, Error, Measure, OutputMode, OutputState, Reading, Resource, Setting, StartState};
use async_trait::async_trait;

/// One opened instrument.
///
/// The contract, checked by [`conformance::instrument`](crate::conformance::instrument):
/// - A request outside [`Capabilities`] fails with `OutOfRange` or `Unsupported` before anything is sent; nothing
///   is ever clipped.
/// - `measure` and `set` are complete: when they return, the instrument's own error report was read and was clean.
/// - Overrange and "not a number" are kinds of [`Reading`], never numbers.
/// - After `set` has returned `Ok`, what was set was read back.
/// - `make_safe` tries every output, also after an error, and says of each what was proved.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait Instrument: Send {
    /// Where it is.
    fn resource(&self) -> &Resource;

    /// What it can do.
    fn capabilities(&self) -> &Capabilities;

    /// Brings it into its start state: device clear, stale errors drained, identity checked, reset.
    ///
    /// A `shared` instrument is not reset.
    ///
    /// # Errors
    /// `WrongIdentity` when another model or serial number answers, else what the session said.
    async fn prepare(&mut self) -> Result<StartState, Error>;

    /// Configures, triggers and fetches one reading.
    ///
    /// # Errors
    /// `OutOfRange`, `Unsupported`, `Instrument`, `Garbled`, or what the session said.
    async fn measure(&mut self, request: &Measure) -> Result<Reading, Error>;

    /// Changes a setting, checks the instrument's errors and reads the setting back.
    ///
    /// # Errors
    /// `OutOfRange`, `Unsupported`, `Instrument`, `Readback`, or what the session said. Where a setting fails on the way
    /// to turning an output on, the output is not turned on.
    async fn set(&mut self, setting: &Setting) -> Result<(), Error>;

    /// Reads back every output that [`Instrument::set`] turned on, and every channel that it closed, and nothing has turned off
    /// or opened since: one question each, none where nothing is on. A path that was lost is opened again for it.
    ///
    /// # Errors
    /// `Readback` that names the outputs which are off, or what the session said.
    async fn find_outputs_on(&mut self) -> Result<(), Error>;

    /// Finds what an output that was turned on holds constant, or what took it off. One that is found off is switched off.
    ///
    /// # Errors
    /// `Unsupported` for an instrument without outputs, `OutOfRange` for a channel that is none, or what the session said.
    async fn output_mode(&mut self, channel: u32) -> Result<OutputMode, Error>;

    /// As [`Instrument::find_outputs_on`], of these outputs only: the others are another unit's. One that cannot tell them apart looks
    /// at all.
    ///
    /// # Errors
    /// As [`Instrument::find_outputs_on`].
    async fn find_these_on(&mut self, channels: &[u32]) -> Result<(), Error> {
        let _all_of_them = channels;
        self.find_outputs_on().await
    }

    /// Sends one raw program message; reads the answer if the message is a query.
    ///
    /// # Errors
    /// What the session said.
    async fn query(&mut self, message: &str) -> Result<Option<String>, Error>;

    /// As [`Instrument::query`], and reads the instrument's error report behind it, where it has one. The answer is as it was
    /// received, which may be a block of binary data.
    ///
    /// # Errors
    /// `Instrument` when it reports an error, else what the session said.
    async fn query_checked(&mut self, message: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.query(message).await?.map(String::into_bytes))
    }

    /// Switches every output off and opens every channel of a switch, on a recovered session if need be, and reads each back.
    ///
    /// Answers one state an output or channel of a switch, of which open is off; none for an instrument without either.
    ///
    /// # Errors
    /// When nothing could be tried at all; then every output counts as not proved.
    async fn make_safe(&mut self) -> Result<Vec<OutputState>, Error>;

    /// The instrument's self-test.
    ///
    /// # Errors
    /// `Instrument` when it reports a failure, `Unsupported` where there is none.
    async fn self_test(&mut self) -> Result<(), Error>;

    /// Device clear: gives up what hangs; where the path was lost, opens it again and checks who answers.
    ///
    /// What was set on outputs is then as it was: on one that is off it is set again.
    ///
    /// # Errors
    /// `Readback` that names an output which is off and was turned on, or is on and not as it was set; `WrongIdentity`; what the
    /// session said.
    async fn recover(&mut self) -> Result<(), Error>;

    /// Returns the instrument to local and ends the session.
    ///
    /// # Errors
    /// What the session said; the session is closed all the same.
    async fn close(&mut self) -> Result<(), Error>;
}
