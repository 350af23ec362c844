//! What clients call the instruments of a server.

use crate::bench::SimulatedInstrument;
use benchtop_instrument::Clock;
use std::{io, sync::Arc};

/// Instruments by logical name, and by number behind a prefix (`inst0`).
#[derive(Debug)]
pub(super) struct Names {
    prefix: &'static str,
    first: SimulatedInstrument,
    instruments: Vec<(String, SimulatedInstrument)>,
}

impl Names {
    /// Refuses to serve nothing.
    pub(super) fn new(prefix: &'static str, instruments: Vec<(String, SimulatedInstrument)>) -> io::Result<Self> {
        let first = instruments.first().map(|(_, instrument)| instrument.clone());
        Ok(Self {
            prefix,
            first: first.ok_or_else(|| io::Error::other("there is no instrument to serve"))?,
            instruments,
        })
    }

    pub(super) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.first.shared.clock)
    }

    /// The instrument of that name; the first one if nothing is said.
    pub(super) fn find(&self, name: &[u8]) -> Option<SimulatedInstrument> {
        let name = std::str::from_utf8(name).ok()?;
        if name.is_empty() {
            return Some(self.first.clone());
        }
        if let Some((_, instrument)) = self.instruments.iter().find(|(logical, _)| logical == name) {
            return Some(instrument.clone());
        }
        let (prefix, number) = name.split_at_checked(self.prefix.len())?;
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number || !prefix.eq_ignore_ascii_case(self.prefix) {
            return None;
        }
        let (_, instrument) = self.instruments.get(number.parse::<usize>().ok()?)?;
        Some(instrument.clone())
    }
}
