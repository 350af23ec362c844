//! The addresses of hosts.

use benchtop_instrument::{Clock, ClockExt, Moment};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, ToSocketAddrs},
    thread,
};
use tokio::sync::mpsc;

/// Looks a host up on a thread that is not waited for: the system's own look-up cannot be called off. Nothing is told of one that is
/// not found, or where there is no thread.
pub(crate) fn look_up(host: String, tell: impl FnOnce(String, BTreeSet<IpAddr>) + Send + 'static) {
    let search = move || {
        if let Ok(found) = (host.as_str(), 0).to_socket_addrs() {
            let addresses = found.map(|address| address.ip().to_canonical()).collect();
            tell(host, addresses);
        }
    };
    drop(thread::Builder::new().name("host".to_owned()).spawn(search));
}

/// What was found out of each host's name.
#[derive(Default)]
pub(crate) struct Addresses(BTreeMap<String, BTreeSet<IpAddr>>);

impl Addresses {
    /// Looks all of them up at once, and takes what is there by `deadline`.
    pub(crate) async fn of(hosts: impl Iterator<Item = &str>, clock: &dyn Clock, deadline: Moment) -> Self {
        let names: BTreeSet<&str> = hosts.filter(|host| literal(host).is_none()).collect();
        let (tell, mut told) = mpsc::unbounded_channel();
        for name in names {
            let tell = tell.clone();
            // nobody listens after the deadline; one that is not found stays unknown, and is warned of
            look_up(name.to_owned(), move |name, addresses| {
                drop(tell.send((name, addresses)));
            });
        }
        drop(tell);
        let mut known = BTreeMap::new();
        while let Ok(Some((name, addresses))) = clock.within(deadline, told.recv()).await {
            known.insert(name, addresses);
        }
        Self(known)
    }

    /// One more address of a name; what is an address itself stays what it is.
    pub(crate) fn learn(&mut self, name: String, address: &str) {
        if literal(&name).is_none()
            && let Some(address) = literal(address)
        {
            self.0.entry(name).or_default().insert(address);
        }
    }

    /// Nothing where they could not be found out.
    pub(crate) fn get(&self, host: &str) -> Option<BTreeSet<IpAddr>> {
        let found = self.0.get(host).filter(|addresses| !addresses.is_empty());
        found.cloned().or_else(|| Some(BTreeSet::from([literal(host)?])))
    }

    pub(crate) fn knows(&self, host: &str) -> bool {
        self.get(host).is_some()
    }

    /// True where both names lead to one host, or where the one that was found may lead anywhere.
    pub(crate) fn may_share(&self, written: &str, found: &str) -> bool {
        let Some(found_at) = self.get(found) else { return true };
        written == found
            || self
                .get(written)
                .is_some_and(|written_at| !written_at.is_disjoint(&found_at))
    }
}

fn literal(host: &str) -> Option<IpAddr> {
    host.parse().ok().map(|address: IpAddr| address.to_canonical())
}
