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
    tables: Vec<PathBuf>,
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
        Self::of(
            store.root().join("pending"),
            NETWORK.iter().map(PathBuf::from).collect(),
        )
    }

    fn of(pending: PathBuf, tables: Vec<PathBuf>) -> Self {
        Self {
            changed: changed(&pending),
            network: network(&tables),
            pending,
            tables,
        }
    }

    /// What came in until now is about to be looked at.
    pub(super) fn forget(&mut self) {
        self.changed = changed(&self.pending);
    }

    /// Waits for a sign, at most until `until`.
    pub(super) async fn wait(&mut self, clock: &RealClock, until: Moment) -> Sign {
        loop {
            let network = network(&self.tables);
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

fn network(tables: &[PathBuf]) -> Vec<Option<Vec<u8>>> {
    tables.iter().map(|path| fs::read(path).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[tokio::test]
    async fn another_network_and_a_new_record_are_seen_before_it_is_time() {
        let folder = tempfile::tempdir().unwrap();
        let (pending, table) = (folder.path().join("pending"), folder.path().join("route"));
        fs::create_dir(&pending).unwrap();
        let clock = RealClock::new();
        let mut signs = Signs::of(pending.clone(), vec![table.clone(), folder.path().join("missing")]);
        assert_eq!(
            signs.wait(&clock, clock.now()).await,
            Sign::Timer,
            "nothing has changed"
        );
        let later = clock.now().after(Duration::from_secs(600));
        // a route came, a route went, and the table itself went
        for text in ["eth0 0", "eth0 1", "lo"] {
            fs::File::create(&table).unwrap().write_all(text.as_bytes()).unwrap();
            assert_eq!(signs.wait(&clock, later).await, Sign::Network, "{text}");
            assert_eq!(signs.wait(&clock, clock.now()).await, Sign::Timer, "each is told once");
        }
        fs::remove_file(&table).unwrap();
        assert_eq!(signs.wait(&clock, later).await, Sign::Network);
        // a file system tells times apart only so finely
        let comes_at = |seconds| {
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            fs::File::open(&pending).unwrap().set_modified(at).unwrap();
        };
        comes_at(1);
        assert_eq!(signs.wait(&clock, later).await, Sign::NewRecord);
        comes_at(2);
        signs.forget();
        assert_eq!(signs.wait(&clock, clock.now()).await, Sign::Timer);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_tables_of_this_system_are_there() {
        let tables: Vec<PathBuf> = NETWORK.iter().map(PathBuf::from).collect();
        assert!(network(&tables).iter().any(Option::is_some));
    }
}
