//! Receipts of many records at once: each waits until its own is durable, and the disk is waited for once for all that came
//! together. While it writes, more come together: the batches find their own size.

use benchtop_store::{Receipt, Receipts, Store, StoreError};
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// The receipts that wait to be written.
pub(crate) struct Ledger {
    receipts: Receipts,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<(String, Receipt)>,
    wakers: Vec<Waker>,
    /// How many batches are durable.
    written: u64,
}

impl Ledger {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            receipts: store.receipts(),
            queue: Mutex::default(),
        }
    }

    /// Nothing panics while it is held; if something did, the queue would still be whole.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends when the receipt is durable. When it cannot be made so, the drain ends, and this never does.
    pub(crate) async fn append(&self, run_id: &str, receipt: Receipt) {
        let before = {
            let mut queue = self.queue();
            queue.waiting.push((run_id.to_owned(), receipt));
            queue.written
        };
        poll_fn(|context| {
            let mut queue = self.queue();
            if queue.written > before {
                return Poll::Ready(());
            }
            queue.wakers.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Makes what waits durable; false when nothing waits. Blocks on the disk.
    ///
    /// # Errors
    /// [`StoreError`] when one of them could not be made durable: then nobody may go on.
    pub(crate) fn flush(&self) -> Result<bool, StoreError> {
        let waiting = std::mem::take(&mut self.queue().waiting);
        if waiting.is_empty() {
            return Ok(false);
        }
        self.receipts.append_all(&waiting)?;
        let wakers = {
            let mut queue = self.queue();
            queue.written += 1;
            std::mem::take(&mut queue.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
        Ok(true)
    }
}
