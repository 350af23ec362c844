//! What is wrong with the description of a target, all of it at once, as far as it can be known without the network.

use crate::config::{TargetConfig, TargetError, TargetKind, checked_url, server_root};
use crate::{directory, http, s3, tofupilot_v1, tofupilot_v2, webhook};
use secrecy::SecretString;

/// What [`open`](crate::open) would refuse, and everything of it. Reads the `ca_file`; sends nothing.
///
/// `key` is what the target's kind needs, where it is at hand: a missing one is for the caller to tell.
#[must_use]
pub fn faults(config: &TargetConfig, key: Option<&SecretString>) -> Vec<TargetError> {
    let url = match config.kind {
        TargetKind::TofuPilotV2 | TargetKind::TofuPilotV1 => server_root(config).err(),
        TargetKind::Webhook | TargetKind::S3 => checked_url(config).err(),
        TargetKind::Directory => directory::checked_path(config).err(),
        TargetKind::Postgres => None,
    };
    let procedures: Vec<TargetError> = match config.kind {
        TargetKind::TofuPilotV2 => tofupilot_v2::wrong_procedures(config).collect(),
        TargetKind::TofuPilotV1 => tofupilot_v1::wrong_procedures(config).collect(),
        TargetKind::Webhook | TargetKind::Directory | TargetKind::S3 | TargetKind::Postgres => Vec::new(),
    };
    let way = match config.kind {
        TargetKind::TofuPilotV2 | TargetKind::TofuPilotV1 | TargetKind::Webhook | TargetKind::S3 => {
            http::faults(config)
        }
        TargetKind::Postgres => database(config),
        TargetKind::Directory => Vec::new(),
    };
    let secret = key.and_then(|key| match config.kind {
        TargetKind::TofuPilotV2 | TargetKind::TofuPilotV1 => http::checked_key(config, key).err(),
        TargetKind::Webhook => webhook::checked_secret(config, key).err(),
        TargetKind::S3 => s3::checked_keys(config, key).err(),
        TargetKind::Postgres | TargetKind::Directory => None,
    });
    url.into_iter().chain(procedures).chain(way).chain(secret).collect()
}

#[cfg(feature = "postgres")]
fn database(config: &TargetConfig) -> Vec<TargetError> {
    crate::postgres::faults(config)
}

#[cfg(not(feature = "postgres"))]
fn database(config: &TargetConfig) -> Vec<TargetError> {
    vec![TargetError::NotBuilt {
        target: config.name.clone(),
    }]
}
