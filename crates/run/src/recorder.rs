//! What the runner needs of whoever writes its events down.

use crate::event::Event;
use async_trait::async_trait;

/// The event could not be made safe: the run ends as an Error that is not saved.
#[derive(Debug)]
pub struct RecorderError(Box<dyn std::error::Error + Send + Sync>);

impl RecorderError {
    /// Wraps what the recorder met.
    pub fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

impl std::fmt::Display for RecorderError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the run cannot be recorded: {}", self.0)
    }
}

impl std::error::Error for RecorderError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.0.as_ref())
    }
}

/// Writes a run's events down. The runner takes exactly one.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Recorder: Send {
    /// Takes an event, in order. Never waits for a disk: a failure may be told only by a later call.
    ///
    /// Called also after a failure, so that the recorder still knows the whole run; then the answer is not heard.
    ///
    /// # Errors
    /// [`RecorderError`] when it, or one before it, could not be kept.
    fn record(&mut self, event: &Event) -> Result<(), RecorderError>;

    /// Ends when every event so far is on stable storage.
    ///
    /// # Errors
    /// [`RecorderError`] when that could not be done; it must not be tried again as if it had worked.
    async fn barrier(&mut self) -> Result<(), RecorderError>;

    /// Ends when every event so far survives the death of this process, and when those before the last call are on stable
    /// storage. It begins to bring the new ones there, beside whatever the run does next.
    ///
    /// # Errors
    /// As [`Recorder::barrier`].
    async fn pipeline(&mut self) -> Result<(), RecorderError> {
        self.barrier().await
    }
}
