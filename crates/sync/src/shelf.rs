//! Places that keep sealed records as they are, each once under its run id: what they have in common as targets.

use crate::config::TargetConfig;
use crate::target::{Enclosure, Probe, Progress, Repeat, Settled, Steps, Target, Verdict, Wants};
use async_trait::async_trait;
use benchtop_store::{Record, Sealed, StoreError};

/// A place that takes any record and any attachment as they are, and keeps what comes twice once.
#[async_trait]
pub trait Shelf: Send + Sync {
    /// How it is described.
    fn config(&self) -> &TargetConfig;

    /// Puts a record there, in one piece.
    async fn put(&self, sealed: &Sealed, progress: &mut Progress) -> Verdict;

    /// Puts an attachment there, in one piece.
    async fn put_attachment(&self, enclosure: &Enclosure<'_>) -> Verdict;

    /// Asks whether anybody is there. Sends nothing.
    async fn look(&self) -> Probe;
}

#[async_trait]
impl<S: Shelf> Target for S {
    fn name(&self) -> &str {
        &self.config().name
    }

    async fn repeat(&self) -> Repeat {
        Repeat::StoredOnce
    }

    fn wants(&self, record: &Record) -> Wants {
        self.config().wants_simulated(record)
    }

    async fn upload(&self, sealed: &Sealed, progress: &mut Progress) -> Verdict {
        self.put(sealed, progress).await
    }

    async fn attach(&self, enclosure: &Enclosure<'_>, _steps: Steps<'_>) -> Result<Verdict, StoreError> {
        Ok(self.put_attachment(enclosure).await)
    }

    /// Putting it there again is the question.
    async fn settle(&self, _sealed: &Sealed) -> Settled {
        Settled::Absent
    }

    async fn probe(&self) -> Probe {
        self.look().await
    }
}
