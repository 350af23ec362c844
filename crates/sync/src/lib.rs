//! What leaves: the outbox, upload targets, wire formats. The only crate that knows TofuPilot's words.
//!
//! - [`drain`] walks the pending records, oldest first, and offers each to every target that wants it. An upload is named
//!   durably before it begins, and what came of it is durable before the record moves, so that a crash at any point is settled
//!   by the next drain.
//! - [`Target`] is what a place that takes records must do; [`open`] makes one from a station file's words.
//! - The policy, what an answer means for a record, is one table in `policy`.
//!
//! Nothing here prints, sleeps or reads the clock: observers are told, times are passed in.

mod ahead;
mod bundle;
mod config;
mod deadline;
mod deliver;
mod directory;
mod drain;
mod enclose;
mod faults;
mod hmac;
mod http;
mod ledger;
mod limits;
mod neighbours;
mod one;
mod outbox;
mod phases;
mod policy;
#[cfg(feature = "postgres")]
mod postgres;
mod reading;
mod rest;
mod s3;
mod settle;
mod shelf;
mod stops;
mod summary;
mod target;
mod times;
mod tofupilot_v1;
mod tofupilot_v2;
mod told;
mod uploads;
mod waiting;
mod webhook;
mod window;
mod words;

#[cfg(test)]
mod tests;

pub use bundle::{BundleError, Carried, Confirmations, confirmations, export, import, take_confirmations};
pub use config::{KeyNeed, TargetConfig, TargetError, TargetKind, Timeouts};
pub use deliver::Now;
pub use directory::Directory;
pub use drain::{Observer, Pace, drain};
pub use faults::faults;
pub use outbox::{Chosen, Count, Dealt, Status, TargetStatus, drop_records, requeue, retry, send_again, status};
pub use policy::policy_table;
#[cfg(feature = "postgres")]
pub use postgres::Postgres;
pub use s3::S3;
pub use secrecy::SecretString;
pub use shelf::Shelf;
pub use stops::left_alone;
pub use summary::{DrainEvent, Stopped, Summary};
pub use target::{Enclosure, Patience, Probe, Progress, Repeat, Settled, Step, Steps, Target, Verdict, Wants};
pub use tofupilot_v1::TofuPilotV1;
pub use tofupilot_v2::TofuPilotV2;
pub use webhook::Webhook;

/// The target that a station file describes. `key` is not looked at where the kind needs none.
///
/// # Errors
/// [`TargetError`] for a description that cannot be used; nothing has been sent.
pub fn open(config: TargetConfig, key: &SecretString) -> Result<Box<dyn Target>, TargetError> {
    Ok(match config.kind {
        TargetKind::TofuPilotV2 => Box::new(TofuPilotV2::new(config, key)?),
        TargetKind::TofuPilotV1 => Box::new(TofuPilotV1::new(config, key)?),
        TargetKind::Webhook => Box::new(Webhook::new(config, key)?),
        #[cfg(feature = "postgres")]
        TargetKind::Postgres => Box::new(Postgres::new(config, key)?),
        #[cfg(not(feature = "postgres"))]
        TargetKind::Postgres => return Err(TargetError::NotBuilt { target: config.name }),
        TargetKind::S3 => Box::new(S3::new(config, key)?),
        TargetKind::Directory => Box::new(Directory::new(config)?),
    })
}
