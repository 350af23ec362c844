//! One client attached to one instrument of a bench that others use too.

use crate::{
    client::{Advanced, Client, Link, Progress},
    world::World,
};
use benchtop_instrument::{Clock, Moment};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// A bench that several clients share.
#[derive(Debug)]
pub(crate) struct Shared {
    world: Mutex<World>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Told whenever something on the bench may have changed.
    pub(crate) changed: Arc<Notify>,
}

impl Shared {
    pub(crate) fn new(world: World, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            world: Mutex::new(world),
            clock,
            changed: Arc::new(Notify::new()),
        })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something from outside of any client.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.notify_waiters();
        result
    }
}

/// The client.
#[derive(Debug)]
pub(crate) struct Attachment {
    pub(crate) shared: Arc<Shared>,
    instrument: usize,
    link: Link,
    client: Client,
}

impl Attachment {
    pub(crate) fn new(shared: Arc<Shared>, instrument: usize, link: Link) -> Option<Self> {
        let client = fresh(&shared, instrument, link)?;
        Some(Self {
            shared,
            instrument,
            link,
            client,
        })
    }

    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        self.client.receive(bytes);
    }

    pub(crate) fn end_message(&mut self) {
        self.client.end_message();
    }

    pub(crate) fn is_full(&self) -> bool {
        self.client.is_full()
    }

    /// Carries out what can be carried out now, and takes what has been said.
    pub(crate) fn advance(&mut self, into: &mut Vec<u8>) -> Progress {
        let now = self.shared.clock.now();
        let Advanced { progress, changed } = self.client.advance(&mut self.shared.lock(), now);
        if progress != Progress::Deaf {
            self.client.take_output(now, into);
        }
        if changed {
            self.shared.changed.notify_waiters();
        }
        progress
    }

    /// Device clear. False if the instrument does not react.
    pub(crate) fn clear(&mut self) -> bool {
        let Self { shared, client, .. } = self;
        shared.change(|world| client.clear(world))
    }

    /// Whether the instrument takes connections now; if not, when to ask again beside at every change.
    pub(crate) fn takes_connections(shared: &Shared, instrument: usize) -> Result<(), Option<Moment>> {
        let mut world = shared.lock();
        world.advance(shared.clock.now());
        match world.instruments.get(instrument).map(|instrument| &instrument.device) {
            Some(device) if !device.takes_connections() => Err(device.down_until),
            Some(_) | None => Ok(()),
        }
    }

    /// Connects anew. False if it refuses.
    pub(crate) fn reconnect(&mut self) -> bool {
        if Self::takes_connections(&self.shared, self.instrument).is_err() {
            return false;
        }
        let fresh = fresh(&self.shared, self.instrument, self.link);
        fresh.map(|client| self.client = client).is_some()
    }

    pub(crate) fn status_byte(&mut self) -> Option<u8> {
        self.client.status_byte(&self.shared.lock())
    }

    pub(crate) fn unterminated(&mut self) {
        self.client.unterminated(&mut self.shared.lock());
    }
}

fn fresh(shared: &Shared, instrument: usize, link: Link) -> Option<Client> {
    let world = shared.lock();
    let device = &world.instruments.get(instrument)?.device;
    Some(Client::new(instrument, link, device))
}
