//! The device's side of IEEE 488.2 and SCPI: simulated instruments wired to a simulated unit.
//!
//! The second witness: this crate shares no parser, no command table and no number formatting with the controller's
//! side; of `benchtop-instrument` it uses what a session needs and nothing else. Instruments are described by their
//! `sim.toml`, benches by theirs; the crate opens no file, callers hand over names and texts.
//!
//! From the outside in:
//! - [`Bench`] reads a bench file; [`SimulatedBench`] is one unit on that bench, with [`Fault`]s to set.
//! - `session` and `dialogue` (in this process) and `serve` ([`serve_tcp`], [`serve_pty`], [`serve_vxi11`],
//!   [`serve_hislip`]) carry bytes between clients and instruments.
//! - `client` is one client's message exchange, `device` one instrument, `world` everything on the bench at once.
//! - `dmm`, `dc_power` and `switch` are the classes; `parser` and `status` are the standards; `circuit` is the unit's physics.
//!
//! Everything under `world` is synchronous and is told the time, so a bench on a virtual clock runs as fast as it can
//! and a seed reproduces every digit.

mod answer;
mod attachment;
mod bench;
mod calendar;
mod circuit;
mod client;
mod console;
mod dc_power;
mod device;
mod dialogue;
mod dmm;
mod fault;
mod framing;
mod keys;
mod model;
mod parser;
mod quantity;
mod random;
mod serve;
mod session;
mod status;
mod switch;
mod world;

pub use bench::{Bench, Deviation, Models, SimulatedBench, SimulatedExec, SimulatedInstrument};
pub use dialogue::{Dialogue, Line};
pub use dmm::MeterState;
pub use fault::{Drift, Fault, FaultOrder};
pub use keys::{BENCH as BENCH_KEYS, model_keys};
pub use model::Model;
pub use serve::{
    HislipModes, HislipServer, LineSettings, Parity, PtyServer, TcpServer, Vxi11Server, VxiAddresses, serve_hislip,
    serve_pty, serve_tcp, serve_vxi11,
};

#[cfg(test)]
mod tests;
