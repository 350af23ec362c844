//! What a station file says of a target, and what is refused before anything is sent.

use crate::target::Wants;
use crate::words::harmless;
use benchtop_store::Record;
use reqwest::Url;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

/// Stands between the name of a target and the URL of a server that stands in for its own.
pub(crate) const STANDS_IN: &str = " at ";

/// One `[[sync.targets]]` of a station file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetConfig {
    /// Its name in receipts and messages; stable for the life of the store.
    pub name: String,
    /// Which words it understands.
    pub kind: TargetKind,
    /// Where it is. TofuPilot v2 with or without `/api`; v1 without.
    pub url: String,
    /// True when simulated runs may go there.
    pub accept_simulated: bool,
    /// Procedure id of ours to the target's: a UUID for TofuPilot v2, an identifier such as `FVT1` for v1.
    pub procedures: BTreeMap<String, String>,
    /// PEM file with the certificate authority of a private server, beside the bundled and the system's ones.
    pub ca_file: Option<PathBuf>,
    /// The region of an object store; `us-east-1` where none is said.
    pub region: Option<String>,
    /// The proxy to go through, in place of the environment's.
    pub proxy: Option<String>,
    /// How long to wait.
    pub timeouts: Timeouts,
}

/// The kinds of target there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TargetKind {
    /// `POST /api/v2/runs`, idempotent by `client_run_ref`.
    TofuPilotV2,
    /// `POST /api/v1/runs` of old self-hosted servers; a repeat may be stored twice.
    TofuPilotV1,
    /// A signed `POST` of the record to any receiver.
    Webhook,
    /// A folder elsewhere.
    Directory,
    /// A bucket.
    S3,
    /// A Postgres database.
    Postgres,
}

impl TargetConfig {
    /// Why runs of a procedure wait here until the station file says more; none where they do not.
    #[must_use]
    pub fn lacks(&self, procedure_id: &str) -> Option<String> {
        let is_mapped = match self.kind {
            TargetKind::TofuPilotV2 => self.procedures.contains_key(procedure_id),
            TargetKind::TofuPilotV1
            | TargetKind::Webhook
            | TargetKind::Directory
            | TargetKind::S3
            | TargetKind::Postgres => true,
        };
        (!is_mapped).then(|| {
            format!(
                "procedure {procedure_id} has no TofuPilot UUID: add it to [sync.targets.procedures] of target {} in the station file",
                self.name
            )
        })
    }

    /// Where it is, in one spelling for one place: targets that agree in this and in their key get each run into the same place.
    /// TofuPilot's versions are one place, for one server has both.
    #[must_use]
    pub fn place(&self) -> String {
        let (what, place) = match self.kind {
            TargetKind::TofuPilotV2 | TargetKind::TofuPilotV1 => {
                ("tofupilot", server_root(self).ok().map(String::from))
            }
            TargetKind::Webhook => ("webhook", checked_url(self).ok().map(String::from)),
            TargetKind::S3 => ("s3", checked_url(self).ok().map(String::from)),
            TargetKind::Directory => ("directory", None),
            TargetKind::Postgres => ("postgres", self.database()),
        };
        let place = place.unwrap_or_else(|| self.url.trim().to_owned());
        format!("{what} {}", place.trim_end_matches('/'))
    }

    /// What the target is called in the receipts while the server at this URL stands in for its own: what that one confirms, its own
    /// has not got.
    #[must_use]
    pub fn stand_in(&self) -> String {
        let place = self.place();
        let url = place.split_once(' ').map_or(place.as_str(), |(_kind, url)| url);
        // credentials are refused where they stand, and are written down nowhere
        harmless(&format!("{}{STANDS_IN}{}", self.name, without_credentials(url)))
    }

    #[cfg(feature = "postgres")]
    fn database(&self) -> Option<String> {
        crate::postgres::place(self)
    }

    #[cfg(not(feature = "postgres"))]
    const fn database(&self) -> Option<String> {
        None
    }

    /// Yes, unless it is simulated and the target does not ask for such.
    pub(crate) fn wants_simulated(&self, record: &Record) -> Wants {
        match record.simulated && !self.accept_simulated {
            true => Wants::No {
                reason: "simulated, and accept_simulated is not set".into(),
            },
            false => Wants::Yes,
        }
    }
}

impl TargetKind {
    /// Every kind with its word in station files.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("tofupilot-v2", Self::TofuPilotV2),
        ("tofupilot-v1", Self::TofuPilotV1),
        ("webhook", Self::Webhook),
        ("directory", Self::Directory),
        ("s3", Self::S3),
        ("postgres", Self::Postgres),
    ];

    /// What the key that a target needs is for; none where it needs none.
    #[must_use]
    pub const fn needs_key(self) -> Option<KeyNeed> {
        match self {
            Self::TofuPilotV2 | Self::TofuPilotV1 => Some(KeyNeed::ApiKey),
            Self::Webhook | Self::S3 => Some(KeyNeed::SigningSecret),
            Self::Postgres => Some(KeyNeed::Password),
            Self::Directory => None,
        }
    }

    /// The kind that a station file's word names.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(known, _)| *known == word)
            .map(|(_, kind)| *kind)
    }
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyNeed {
    /// TofuPilot's, which the environment may hold.
    ApiKey,
    /// A secret of this target alone: only a file will do.
    SigningSecret,
    /// A password of this target alone: a file, or none where the server asks for none.
    Password,
}

/// How long to wait for a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// Between two pieces of an answer.
    pub idle: Duration,
    /// For one whole request, from connecting to the last byte of the answer.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            total: Duration::from_secs(60),
        }
    }
}

/// Why a target cannot be used as it is configured. Never holds the API key.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The `url` is refused.
    #[error("target {target}: url `{url}`: {reason}")]
    Url {
        /// The target's name.
        target: String,
        /// As configured.
        url: String,
        /// Why.
        reason: String,
    },
    /// An entry of `[sync.targets.procedures]` is refused.
    #[error("target {target}: [sync.targets.procedures] `{procedure}` = `{value}`: {reason}")]
    Procedure {
        /// The target's name.
        target: String,
        /// The procedure's id.
        procedure: String,
        /// As configured.
        value: String,
        /// Why.
        reason: &'static str,
    },
    /// The API key cannot stand in a header.
    #[error("target {target}: the API key is empty or holds characters that no key has")]
    Key {
        /// The target's name.
        target: String,
    },
    /// The file of an object store's keys does not hold two lines.
    #[error("target {target}: expected the access key id and the secret access key in api_key_file, a line each")]
    Keys {
        /// The target's name.
        target: String,
    },
    /// The `proxy` is refused.
    #[error("target {target}: proxy: {reason}")]
    Proxy {
        /// The target's name.
        target: String,
        /// Why; without the proxy's URL, which may hold a password.
        reason: String,
    },
    /// This program was built without the target's kind.
    #[error("target {target}: this benchtop was built without it (the cargo feature `postgres`)")]
    NotBuilt {
        /// The target's name.
        target: String,
    },
    /// The secret is too short to sign with.
    #[error("target {target}: the secret in api_key_file has fewer than 16 characters")]
    Secret {
        /// The target's name.
        target: String,
    },
    /// The `ca_file` cannot be read.
    #[error("target {target}: ca_file {}: {source}", path.display())]
    CaFile {
        /// The target's name.
        target: String,
        /// As configured.
        path: PathBuf,
        /// What was met.
        source: std::io::Error,
    },
    /// The `ca_file` holds no usable certificate.
    #[error("target {target}: ca_file {}: no usable certificate in PEM form", path.display())]
    Certificate {
        /// The target's name.
        target: String,
        /// As configured.
        path: PathBuf,
    },
    /// The HTTP client cannot be made.
    #[error("target {target}: the HTTP client cannot be made: {source}")]
    Client {
        /// The target's name.
        target: String,
        /// What was met.
        source: reqwest::Error,
    },
}

/// The server's root from the configured URL, without `/api` and without a slash at the end.
///
/// # Errors
/// [`TargetError::Url`] for anything but https, for http outside loopback, for credentials, a query or a fragment
/// in the URL, and for link-local hosts (cloud metadata services live there).
pub(crate) fn server_root(config: &TargetConfig) -> Result<Url, TargetError> {
    let mut url = checked_url(config)?;
    let path = url.path().trim_end_matches('/').to_owned();
    let versions = ["/v1", "/v2"];
    let unversioned = versions.iter().find_map(|end| path.strip_suffix(end)).unwrap_or(&path);
    url.set_path(unversioned.strip_suffix("/api").unwrap_or(unversioned));
    Ok(url)
}

/// The configured URL, where it is fit to send anything to.
///
/// # Errors
/// As [`server_root`].
pub(crate) fn checked_url(config: &TargetConfig) -> Result<Url, TargetError> {
    let refuse = |reason: String| TargetError::Url {
        target: config.name.clone(),
        url: without_credentials(&config.url),
        reason,
    };
    let url = Url::parse(config.url.trim()).map_err(|error| refuse(format!("{error}: expected https://HOST")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse(
            "holds credentials; the key comes from TOFUPILOT_API_KEY or its file".into(),
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refuse("must end with its path".into()));
    }
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => return Err(refuse("http would show the API key to the network; use https".into())),
        other => return Err(refuse(format!("`{other}` is not https"))),
    }
    if is_link_local(&url) {
        return Err(refuse("link-local addresses are refused".into()));
    }
    Ok(url)
}

/// The URL that a server names for an upload, where bytes may go there.
///
/// # Errors
/// Why not: it is no https (unless the server itself is on this machine), holds credentials, or points at this machine or
/// a link-local address although the server is elsewhere.
pub(crate) fn upload_url(text: &str, server: &Url) -> Result<Url, String> {
    let refuse = |why: &str| {
        Err(format!(
            "the server names an upload URL that {why}: nothing was sent there"
        ))
    };
    let Ok(url) = server.join(text) else {
        return refuse("is none");
    };
    let at_home = is_loopback(server);
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("holds credentials");
    }
    if is_link_local(&url) || (is_loopback(&url) && !at_home) {
        return refuse("points back at this machine or its link");
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if at_home && is_loopback(&url) => Ok(url),
        _ => refuse("is not https"),
    }
}

/// True for hosts that are this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match host_address(url) {
        Some(address) => address.is_loopback(),
        None => url.host_str() == Some("localhost"),
    }
}

fn is_link_local(url: &Url) -> bool {
    match host_address(url) {
        Some(IpAddr::V4(address)) => address.is_link_local(),
        Some(IpAddr::V6(address)) => address.is_unicast_link_local(),
        None => false,
    }
}

fn host_address(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let v4 = bare.parse::<Ipv4Addr>().ok().map(IpAddr::V4);
    v4.or_else(|| {
        let v6 = bare.parse::<Ipv6Addr>().ok()?;
        Some(v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4))
    })
}

/// True for a URL that may hold a secret: before an `@`, in a query or a fragment, or after the word `password`.
fn may_hold_a_secret(url: &str) -> bool {
    url.contains(['@', '?', '#']) || names_a_password(url)
}

/// True for what says `password` in whatever case, as the settings of a database do.
pub(crate) fn names_a_password(url: &str) -> bool {
    url.to_ascii_lowercase().contains("password")
}

/// What in a refused URL may be a secret is not repeated.
pub(crate) fn without_credentials(url: &str) -> String {
    let (beginning, rest) = match url.split_once("://") {
        Some((scheme, rest)) if !may_hold_a_secret(scheme) => (format!("{scheme}://"), rest),
        Some(_) | None => (String::new(), url),
    };
    let is_in_doubt = |before: &str| names_a_password(rest) || before.contains(['?', '#']);
    match rest.rsplit_once('@') {
        Some((before, after)) if !is_in_doubt(before) => format!("{beginning}[redacted]@{}", without_query(after)),
        None if !names_a_password(rest) => format!("{beginning}{}", without_query(rest)),
        Some(_) | None => format!("{beginning}[redacted]"),
    }
}

fn without_query(url: &str) -> String {
    match url.split_inclusive(['?', '#']).next() {
        Some(shown) if shown.len() < url.len() => format!("{shown}[redacted]"),
        Some(_) | None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str) -> TargetConfig {
        TargetConfig {
            name: "fleet".into(),
            kind: TargetKind::TofuPilotV2,
            url: url.into(),
            accept_simulated: false,
            procedures: BTreeMap::new(),
            ca_file: None,
            region: None,
            proxy: None,
            timeouts: Timeouts::default(),
        }
    }

    #[test]
    fn an_upload_goes_only_where_it_may() {
        let away = Url::parse("https://lab.example/").unwrap();
        let home = Url::parse("http://127.0.0.1:8080/").unwrap();
        assert!(upload_url("https://storage.example/x?sig=1", &away).is_ok());
        assert!(upload_url("/storage/x", &away).is_ok());
        assert!(upload_url("http://127.0.0.1:9/x", &home).is_ok());
        for url in [
            "http://storage.example/x",
            "https://127.0.0.1/x",
            "https://localhost/x",
            "https://[::1]/x",
            "https://169.254.169.254/latest/meta-data",
            "https://user:pass@storage.example/x",
            "file:///etc/passwd",
        ] {
            assert!(upload_url(url, &away).is_err(), "{url}");
        }
        assert!(upload_url("http://10.0.0.1/x", &home).is_err());
    }

    #[test]
    fn the_root_is_the_same_with_and_without_api() {
        for url in [
            "https://www.tofupilot.app",
            "https://www.tofupilot.app/",
            "https://www.tofupilot.app/api",
            "https://www.tofupilot.app/api/",
            "https://www.tofupilot.app/api/v2/",
        ] {
            assert_eq!(
                server_root(&config(url)).unwrap().as_str(),
                "https://www.tofupilot.app/",
                "{url}"
            );
        }
        let below = server_root(&config("https://lab.example/tofu/api")).unwrap();
        assert_eq!(below.as_str(), "https://lab.example/tofu");
        for url in [
            "http://127.0.0.1:8080",
            "http://localhost:1",
            "http://[::1]:1",
            "http://[::ffff:127.0.0.1]:1",
        ] {
            assert!(server_root(&config(url)).is_ok(), "{url}");
        }
    }

    #[test]
    fn what_would_leak_or_reach_elsewhere_is_refused() {
        for url in [
            "http://www.tofupilot.app",
            "http://10.0.0.7",
            "http://localhost.evil.example",
            "ftp://127.0.0.1",
            "https://user:hunter2@host/api",
            "https://host/api?x=1",
            "https://169.254.169.254/",
            "https://[fe80::1]/",
            "www.tofupilot.app",
            "",
        ] {
            let error = server_root(&config(url)).unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn no_secret_of_a_url_is_repeated() {
        for (url, shown) in [
            ("https://lab.example/in", "https://lab.example/in"),
            ("https://me:hunter2@lab.example/in", "https://[redacted]@lab.example/in"),
            ("https://me:hun@ter2@lab.example", "https://[redacted]@lab.example"),
            (
                "https://lab.example/in?token=hunter2",
                "https://lab.example/in?[redacted]",
            ),
            ("https://lab.example/in#hunter2", "https://lab.example/in#[redacted]"),
            (
                "https://me@lab.example/in?token=hunter2",
                "https://[redacted]@lab.example/in?[redacted]",
            ),
            ("https://lab.example/in?to=me@x&token=hunter2", "https://[redacted]"),
            ("https://me:hun?ter2@lab.example", "https://[redacted]"),
            ("me:hunter2@lab.example", "[redacted]@lab.example"),
            ("me:hunter2@https://lab.example", "[redacted]@https://lab.example"),
            ("postgres://me@db/x?PASSWORD=hunter2", "postgres://[redacted]"),
            ("host=db user=me password=hun@ter2", "[redacted]"),
        ] {
            assert_eq!(without_credentials(url), shown, "{url}");
            assert_eq!(may_hold_a_secret(url), url != shown, "{url}");
        }
    }
}
