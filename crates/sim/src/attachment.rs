//! One client attached to one instrument of a bench that others use too.

use crate::{
    client::{Advanced, Client, Link, Part, Progress, Unfetched},
    serve::Locks,
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
    /// Who has an instrument for itself.
    pub(crate) locks: Mutex<Locks>,
}

impl Shared {
    pub(crate) fn new(world: World, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            world: Mutex::new(world),
            clock,
            changed: Arc::new(Notify::new()),
            locks: Mutex::default(),
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

    /// A client that connects over a network. Nothing if the instrument takes no connections now.
    pub(crate) fn connect(shared: Arc<Shared>, instrument: usize, link: Link) -> Option<Self> {
        Self::takes_connections(&shared, instrument).ok()?;
        Self::new(shared, instrument, link)
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
        let progress = self.work();
        if progress != Progress::Deaf {
            self.client.take_output(self.shared.clock.now(), into);
        }
        progress
    }

    /// Carries out what can be carried out now, and leaves what has been said.
    pub(crate) fn work(&mut self) -> Progress {
        let now = self.shared.clock.now();
        let Advanced { progress, changed } = self.client.advance(&mut self.shared.lock(), now);
        if changed {
            self.shared.changed.notify_waiters();
        }
        progress
    }

    /// Device clear. False if the instrument does not react.
    pub(crate) fn clear(&mut self) -> bool {
        let cleared = self.client.clear(&mut self.shared.lock());
        // who waits for the instrument to react is not to be woken by its own try
        if cleared {
            self.shared.changed.notify_waiters();
        }
        cleared
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

    /// Takes at most `limit` bytes of what has been said, none behind `stop`.
    pub(crate) fn take_part(&mut self, limit: usize, stop: Option<u8>) -> Option<Part> {
        self.client.take_part(self.shared.clock.now(), limit, stop)
    }

    /// What has been said, left where it is.
    pub(crate) fn answer(&self) -> Option<&[u8]> {
        self.client.answer(self.shared.clock.now())
    }

    /// The client has taken the answer.
    pub(crate) fn taken(&mut self) {
        self.client.taken();
    }

    /// The client has said something before it took the answer.
    pub(crate) fn interrupt(&mut self) {
        self.client.interrupt(&mut self.shared.lock());
    }

    /// The bus's trigger. False if the model has none.
    pub(crate) fn trigger(&mut self) -> bool {
        self.client.trigger(&mut self.shared.lock())
    }

    /// Connects anew. False if it refuses.
    pub(crate) fn reconnect(&mut self) -> bool {
        if Self::takes_connections(&self.shared, self.instrument).is_err() {
            return false;
        }
        let fresh = fresh(&self.shared, self.instrument, self.link);
        fresh.map(|client| self.client = client).is_some()
    }

    /// Nothing if the instrument does not react. `underway` is whether answers have left that did not arrive yet.
    pub(crate) fn status_byte(&mut self, underway: bool) -> Option<u8> {
        self.client.status_byte(&self.shared.lock(), underway)
    }

    /// What becomes from now on of an answer that is not fetched before the next message.
    pub(crate) const fn treat(&mut self, unfetched: Unfetched) {
        self.client.treat(unfetched);
    }

    /// Whether an answer was interrupted before it could be fetched, since this was last asked.
    pub(crate) const fn was_cut_off(&mut self) -> bool {
        self.client.was_cut_off()
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
