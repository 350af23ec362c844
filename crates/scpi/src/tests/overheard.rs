//! Simulated instruments of the shipped models, and sessions whose messages are written down.

use super::root;
use crate::{Definition, parse_inheriting};
use async_trait::async_trait;
use benchtop_instrument::{Clock, Error, Moment, Resource, Session, SessionState};
use benchtop_sim::{Model, SimulatedBench};
use std::sync::{Arc, Mutex};

fn document(name: &str, file: &str) -> Option<(String, String)> {
    let path = format!("instruments/{name}/{file}");
    std::fs::read_to_string(root().join(&path))
        .ok()
        .map(|text| (path, text))
}

/// The definition of a model, with what it inherits.
pub(super) fn inherited(name: &str) -> Arc<Definition> {
    let (file, text) = document(name, "driver.toml").unwrap();
    let read = parse_inheriting(name, &file, &text, &|name| document(name, "driver.toml"));
    Arc::new(read.unwrap_or_else(|findings| panic!("{findings}")))
}

/// A simulated instrument of a model, alone.
pub(super) fn lone(name: &str, clock: &Arc<dyn Clock>) -> SimulatedBench {
    let (file, text) = document(name, "sim.toml").unwrap();
    let model = Model::parse_inheriting(&file, &text, &|name| document(name, "sim.toml"));
    let model = model.unwrap_or_else(|findings| panic!("{}", findings.render_human(false)));
    SimulatedBench::lone(name, &model, Arc::clone(clock))
}

/// A session whose messages are written down.
pub(super) struct Overheard {
    inner: Box<dyn Session>,
    /// In place of the inner one's.
    resource: Option<Resource>,
    hears: Box<dyn Fn(String) + Send + Sync>,
}

impl Overheard {
    pub(super) fn new(inner: Box<dyn Session>, sent: &Arc<Mutex<Vec<String>>>) -> Self {
        let sent = Arc::clone(sent);
        Self::by(inner, move |message| sent.lock().unwrap().push(message))
    }

    /// One that tells each message as it goes out.
    pub(super) fn by(inner: Box<dyn Session>, hears: impl Fn(String) + Send + Sync + 'static) -> Self {
        Self {
            inner,
            resource: None,
            hears: Box::new(hears),
        }
    }

    /// As on a serial line.
    pub(super) fn on_a_line(self) -> Self {
        let resource = Some("ASRL1::INSTR".parse().unwrap());
        Self { resource, ..self }
    }

    fn note(&self, message: &[u8]) {
        (self.hears)(String::from_utf8(message.to_vec()).unwrap());
    }
}

#[async_trait]
impl Session for Overheard {
    fn resource(&self) -> &Resource {
        self.resource.as_ref().unwrap_or_else(|| self.inner.resource())
    }

    fn state(&self) -> SessionState {
        self.inner.state()
    }

    async fn write(&mut self, message: &[u8], deadline: Moment) -> Result<(), Error> {
        self.note(message);
        self.inner.write(message, deadline).await
    }

    async fn read(&mut self, deadline: Moment) -> Result<Vec<u8>, Error> {
        self.inner.read(deadline).await
    }

    async fn clear(&mut self, deadline: Moment) -> Result<(), Error> {
        self.inner.clear(deadline).await
    }

    async fn status_byte(&mut self, deadline: Moment) -> Result<u8, Error> {
        self.inner.status_byte(deadline).await
    }

    async fn trigger(&mut self, deadline: Moment) -> Result<(), Error> {
        self.note(b"*TRG");
        self.inner.trigger(deadline).await
    }

    async fn recover(&mut self, deadline: Moment) -> Result<(), Error> {
        self.inner.recover(deadline).await
    }

    async fn close(&mut self) -> Result<(), Error> {
        self.inner.close().await
    }
}
