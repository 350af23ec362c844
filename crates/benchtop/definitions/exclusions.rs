//! What a scan must not open, told by what a name means and not by how it is written.
//!
//! `VISA::` before a name, the number of a board that is 0, the case of letters and the name of a host say nothing of their
//! own. What may be an excluded instrument is taken for it: one ask too few is a row without an identity, one too many a
//! message to an instrument that was to be left alone.

#[cfg(test)]
mod tests;

use crate::{
    addresses::Addresses,
    exit::Failure,
    place::{self, Place},
    terminal,
};
use benchtop_instrument::{Clock, Moment, Resource};
use benchtop_station::StationFile;

/// One name that the user wrote.
struct Exclusion {
    /// `--exclude NAME`, or which instrument of the station.
    called: String,
    /// What it may be: a bare word is a host or a serial port.
    places: Vec<Place>,
    /// The station's are many, and most are elsewhere: one that was not found is nothing to warn of.
    by_hand: bool,
}

/// What must not be opened: resources, serial ports under any of their names, hosts.
pub(super) struct Exclusions {
    all: Vec<Exclusion>,
    addresses: Addresses,
}

impl Exclusions {
    /// What `--exclude` names, and what the station marks `read_only`.
    ///
    /// # Errors
    /// Refuses an `--exclude` that is understood as nothing: it would protect nothing.
    pub(super) fn new(written: &[String], station: Option<&StationFile>) -> Result<Self, Failure> {
        let mut all = Vec::new();
        for name in written {
            let called = format!("--exclude {name}");
            let places = place::named(name).map_err(|reason| Failure::refused(format!("{called}: {reason}")))?;
            all.push(Exclusion {
                called,
                places,
                by_hand: true,
            });
        }
        let instruments = station.into_iter().flat_map(|station| &station.instruments);
        for (name, instrument) in instruments.filter(|(_, instrument)| instrument.read_only) {
            let place = match Place::of(&instrument.resource) {
                // an instrument answers in more than one way
                Place::Host { host, .. } => Place::Host { host, spot: None },
                other @ (Place::Serial(_) | Place::Usb(_) | Place::Gpib(_) | Place::Elsewhere | Place::Unknown) => {
                    other
                }
            };
            all.push(Exclusion {
                called: format!("read_only `{name}` ({})", instrument.resource),
                places: vec![place],
                by_hand: false,
            });
        }
        Ok(Self {
            all,
            addresses: Addresses::default(),
        })
    }

    /// Finds out the addresses of the hosts, by `deadline`; of none where no host was found.
    pub(super) async fn resolve(&mut self, found: &[&Resource], clock: &dyn Clock, deadline: Moment) {
        let found: Vec<Place> = found.iter().map(|resource| Place::of(resource)).collect();
        let hosts: Vec<&str> = found.iter().filter_map(Place::host).collect();
        let written: Vec<&str> = self.written().filter_map(Place::host).collect();
        if !hosts.is_empty() && !written.is_empty() {
            self.addresses = Addresses::of(hosts.into_iter().chain(written), clock, deadline).await;
        }
    }

    /// Takes in the name that an instrument's host gives itself: the system may not know it. Whoever lies about it is asked less.
    pub(super) fn learn(&mut self, name: &str, found: &Resource) {
        if let Place::Host { host, .. } = Place::of(found) {
            self.addresses.learn(place::plain(name), &host);
        }
    }

    fn written(&self) -> impl Iterator<Item = &Place> {
        self.all.iter().flat_map(|one| &one.places)
    }

    /// True for what is excluded, and for what may be.
    pub(super) fn fits(&self, resource: &Resource) -> bool {
        let found = Place::of(resource);
        self.written().any(|place| place.may_be(&found, &self.addresses))
    }

    /// A misspelt exclusion protects nothing; one that is not understood protects more than it should.
    pub(super) fn warn(&self, found: &[&Resource]) {
        for line in self.doubts(found) {
            terminal::warn(&line);
        }
    }

    fn doubts(&self, found: &[&Resource]) -> Vec<String> {
        let found: Vec<Place> = found.iter().map(|resource| Place::of(resource)).collect();
        let on_network = found.iter().any(|place| place.host().is_some());
        let mut doubts = Vec::new();
        for one in &self.all {
            let called = &one.called;
            let fits = |place: &Place| found.iter().any(|found| place.may_be(found, &self.addresses));
            let fitting: Vec<&Place> = one.places.iter().filter(|place| fits(place)).collect();
            if let Some(kind) = fitting.iter().find_map(|place| place.vague()) {
                doubts.push(format!(
                    "{called}: which of the {kind} that is cannot be told, so none of them is asked: name it as `instruments scan \
                     --list-only` shows it"
                ));
            }
            let mut hosts = one.places.iter().filter_map(Place::host);
            let nameless = hosts.find(|host| on_network && !self.addresses.knows(host));
            // a word that is the name of a port needs no address
            let is_port = fitting.iter().any(|place| place.host().is_none());
            if let Some(host) = nameless.filter(|_| !is_port) {
                doubts.push(format!(
                    "{called}: no address of the host {host} could be found out, so it excludes nothing that was found by \
                     its address: exclude that"
                ));
            } else if fitting.is_empty() && one.by_hand {
                doubts.push(format!("{called}: nothing that was found is called so"));
            }
        }
        doubts
    }
}
