//! Signs that something changed, cheap enough to look for every second: a new record in `pending/`, another network.

use benchtop_instrument::RealClock;
use benchtop_instrument::{Clock, Moment};
use benchtop_store::Store;
use std::{
    fs,
    path::PathBuf,
    time::{Duration, SystemTime},
};

/// How often it is looked.
const BEAT: Duration = Duration::from_secs(1);
/// Linux's tables of routes and addresses: their text changes with the network.
const NETWORK: &[&str] = &["/proc/net/route", "/proc/net/if_inet6", "/proc/net/fib_trie"];

/// What was seen last.
#[derive(Debug)]
pub(super) struct Signs {
    pending: PathBuf,
    changed: Option<SystemTime>,
    network: Vec<Option<Vec<u8>>>,
}

/// Why it is time to look after the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// A record came in.
    NewRecord,
    /// The network is not what it was.
    Network,
    /// It is time.
    Timer,
}

impl Signs {
    pub(super) fn new(store: &Store) -> Self {
        let pending = store.root().join("pending");
        Self {
            changed: changed(&pending),
            network: network(),
            pending,
        }
    }

    /// What came in until now is about to be looked at.
    pub(super) fn forget(&mut self) {
        self.changed = changed(&self.pending);
    }

    /// Waits for a sign, at most until `until`.
    pub(super) async fn wait(&mut self, clock: &RealClock, until: Moment) -> Sign {
        loop {
            let network = network();
            if network != self.network {
                self.network = network;
                return Sign::Network;
            }
            let changed = changed(&self.pending);
            if changed != self.changed {
                self.changed = changed;
                return Sign::NewRecord;
            }
            let now = clock.now();
            if now >= until {
                return Sign::Timer;
            }
            clock.sleep_until(now.after(BEAT).min(until)).await;
        }
    }
}

/// When the folder's list of names last changed.
fn changed(folder: &PathBuf) -> Option<SystemTime> {
    fs::metadata(folder).and_then(|facts| facts.modified()).ok()
}

fn network() -> Vec<Option<Vec<u8>>> {
    NETWORK.iter().map(|path| fs::read(path).ok()).collect()
}
