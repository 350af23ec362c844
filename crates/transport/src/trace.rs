//! What goes over a session, as a wrapper around any other tells it.

use async_trait::async_trait;
use benchtop_instrument::{Clock, Error, ErrorKind, Moment, Operation, Resource, Session, SessionState};
use std::{
    fmt::Debug,
    sync::{Arc, Mutex, PoisonError},
};

/// Which way bytes went, or what else was done. Its text is a line of a transcript ([`crate::transcript`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TraceEvent {
    /// A program message went out.
    Written(Vec<u8>),
    /// A response message came in.
    Read(Vec<u8>),
    /// The status byte was read.
    StatusByte(u8),
    /// Device clear was sent.
    Cleared,
    /// The interface's trigger was sent.
    Triggered,
    /// The session was recovered.
    Recovered,
    /// The session was closed.
    Closed,
    /// An operation failed.
    Failed {
        /// What was tried.
        operation: Operation,
        /// How it failed.
        kind: ErrorKind,
        /// For people.
        message: String,
    },
}

/// Takes what a [`Traced`] session does.
pub trait TraceSink: Debug + Send + Sync {
    /// `event` happened on `resource` at `at`.
    fn trace(&self, resource: &Resource, at: Moment, event: TraceEvent);
}

/// Keeps the trace in memory.
#[derive(Debug, Default)]
pub struct MemoryTrace(Mutex<Vec<(Moment, TraceEvent)>>);

impl MemoryTrace {
    /// What happened so far.
    #[must_use]
    pub fn events(&self) -> Vec<TraceEvent> {
        let events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        events.iter().map(|(_, event)| event.clone()).collect()
    }
}

impl TraceSink for MemoryTrace {
    fn trace(&self, _resource: &Resource, at: Moment, event: TraceEvent) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((at, event));
    }
}

/// A session whose traffic goes to a sink as well.
#[derive(Debug)]
pub struct Traced<S> {
    inner: S,
    clock: Arc<dyn Clock>,
    sink: Arc<dyn TraceSink>,
}

impl<S: Session> Traced<S> {
    /// Wraps `inner`.
    pub fn new(inner: S, clock: Arc<dyn Clock>, sink: Arc<dyn TraceSink>) -> Self {
        Self { inner, clock, sink }
    }

    fn trace<T>(&self, operation: Operation, result: &Result<T, Error>, event: impl FnOnce(&T) -> TraceEvent) {
        let event = match result {
            Ok(value) => event(value),
            Err(error) => TraceEvent::Failed {
                operation,
                kind: error.kind(),
                message: error.message().to_owned(),
            },
        };
        self.sink.trace(self.inner.resource(), self.clock.now(), event);
    }
}

#[async_trait]
impl<S: Session> Session for Traced<S> {
    fn resource(&self) -> &Resource {
        self.inner.resource()
    }

    fn state(&self) -> SessionState {
        self.inner.state()
    }

    async fn write(&mut self, message: &[u8], deadline: Moment) -> Result<(), Error> {
        let result = self.inner.write(message, deadline).await;
        self.trace(Operation::Write, &result, |()| TraceEvent::Written(message.to_vec()));
        result
    }

    async fn read(&mut self, deadline: Moment) -> Result<Vec<u8>, Error> {
        let result = self.inner.read(deadline).await;
        self.trace(Operation::Read, &result, |message| TraceEvent::Read(message.clone()));
        result
    }

    async fn clear(&mut self, deadline: Moment) -> Result<(), Error> {
        let result = self.inner.clear(deadline).await;
        self.trace(Operation::Clear, &result, |()| TraceEvent::Cleared);
        result
    }

    async fn status_byte(&mut self, deadline: Moment) -> Result<u8, Error> {
        let result = self.inner.status_byte(deadline).await;
        self.trace(Operation::StatusByte, &result, |byte| TraceEvent::StatusByte(*byte));
        result
    }

    async fn trigger(&mut self, deadline: Moment) -> Result<(), Error> {
        let result = self.inner.trigger(deadline).await;
        // where there is none nothing was done
        if !result
            .as_ref()
            .is_err_and(|error| error.kind() == ErrorKind::Unsupported)
        {
            self.trace(Operation::Trigger, &result, |()| TraceEvent::Triggered);
        }
        result
    }

    async fn recover(&mut self, deadline: Moment) -> Result<(), Error> {
        let result = self.inner.recover(deadline).await;
        self.trace(Operation::Recover, &result, |()| TraceEvent::Recovered);
        result
    }

    async fn close(&mut self) -> Result<(), Error> {
        let result = self.inner.close().await;
        self.trace(Operation::Close, &result, |()| TraceEvent::Closed);
        result
    }
}
