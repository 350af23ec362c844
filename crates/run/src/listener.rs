//! Those who watch a run: they hear of every outcome, and of progress as far as they keep up.

use crate::event::{Event, EventKind};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tokio::sync::mpsc;

/// Progress events that may wait for a listener; more are dropped.
const MAX_WAITING: usize = 1024;

/// The runner's end of a listener.
#[derive(Clone, Debug)]
pub struct Listener {
    events: mpsc::UnboundedSender<Arc<Event>>,
    waiting: Arc<AtomicUsize>,
}

/// The listener's end.
#[derive(Debug)]
pub struct Events {
    events: mpsc::UnboundedReceiver<Arc<Event>>,
    waiting: Arc<AtomicUsize>,
}

/// A listener and the events that it will hear.
#[must_use]
pub fn listen() -> (Listener, Events) {
    let (sender, events) = mpsc::unbounded_channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    let listener = Listener {
        events: sender,
        waiting: Arc::clone(&waiting),
    };
    (listener, Events { events, waiting })
}

impl Listener {
    /// Tells of `event`. Never waits: a listener that hangs must not hold a run up.
    pub(crate) fn tell(&self, event: &Arc<Event>) {
        let waiting = self.waiting.fetch_add(1, Ordering::Relaxed);
        let dropped = waiting >= MAX_WAITING && is_progress(&event.kind);
        // a listener that is gone hears nothing
        if dropped || self.events.send(Arc::clone(event)).is_err() {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Events {
    /// The next event, `None` when the run is over; blocks its thread.
    pub fn next_blocking(&mut self) -> Option<Arc<Event>> {
        let event = self.events.blocking_recv()?;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        Some(event)
    }

    /// The next event, `None` when the run is over.
    pub async fn next(&mut self) -> Option<Arc<Event>> {
        let event = self.events.recv().await?;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        Some(event)
    }
}

const fn is_progress(kind: &EventKind) -> bool {
    match kind {
        EventKind::StepStarted(_) | EventKind::Log(_) | EventKind::InstrumentReady(_) => true,
        EventKind::RunStarted(_)
        | EventKind::PromptShown(_)
        | EventKind::MeasurementTaken(_)
        | EventKind::StepEnded(_)
        | EventKind::MadeSafe(_)
        | EventKind::Attached(_)
        | EventKind::RunEnded(_) => false,
    }
}
