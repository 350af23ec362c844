//! TofuPilot v1, for old self-hosted servers: `POST /api/v1/runs`.
//!
//! v1 stores a repeated run twice, so that nothing is sent again after a lost answer before a query has said that it is
//! not there; when the query cannot say, the run is parked for a person. It knows no ERROR, TIMEOUT or ABORTED (they go
//! out as not passed, with a log line) and no retry count.

pub(crate) mod convert;
mod wire;

use crate::config::{TargetConfig, TargetError};
use crate::http::{Exchange, Http};
use crate::policy;
use crate::reading::body;
use crate::settle::{found_in_list, runs_in};
use crate::target::{Enclosure, Probe, Progress, Repeat, Settled, Steps, Target, Verdict, Wants};
use crate::tofupilot_v2::{note_differences, probe};
use crate::uploads::{self, Dialect};
use async_trait::async_trait;
use benchtop_store::{Record, Sealed, StoreError};
use secrecy::SecretString;

/// A TofuPilot server spoken to in v1.
#[derive(Debug)]
pub struct TofuPilotV1 {
    config: TargetConfig,
    http: Http,
}

impl TofuPilotV1 {
    /// A target as configured.
    ///
    /// # Errors
    /// [`TargetError`] for a URL, a procedure mapping, a key or a CA file that cannot be used.
    pub fn new(config: TargetConfig, key: &SecretString) -> Result<Self, TargetError> {
        if let Some(wrong) = wrong_procedures(&config).next() {
            return Err(wrong);
        }
        let http = Http::new(&config, key)?;
        Ok(Self { config, http })
    }

    /// v1 goes by identifiers such as `FVT1`: a procedure that is not mapped goes by its own id.
    fn procedure_id<'a>(&'a self, record: &'a Record) -> &'a str {
        let mapped = self.config.procedures.get(&record.procedure_id);
        mapped.unwrap_or(&record.procedure_id)
    }

    fn runs_of(&self, serial_number: &str) -> reqwest::Url {
        self.http
            .url(&["api", "v1", "runs"], &[("serial_number", serial_number)])
    }
}

/// The entries of the procedure mapping that v1 cannot mean.
pub(crate) fn wrong_procedures(config: &TargetConfig) -> impl Iterator<Item = TargetError> {
    let wrong = config.procedures.iter().filter(|(_, id)| id.trim().is_empty());
    wrong.map(|(procedure, id)| TargetError::Procedure {
        target: config.name.clone(),
        procedure: procedure.clone(),
        value: id.clone(),
        reason: "is empty; v1 goes by identifiers such as FVT1",
    })
}

#[async_trait]
impl Target for TofuPilotV1 {
    fn name(&self) -> &str {
        &self.config.name
    }

    async fn repeat(&self) -> Repeat {
        Repeat::MayDouble
    }

    fn wants(&self, record: &Record) -> Wants {
        self.config.wants_simulated(record)
    }

    async fn upload(&self, sealed: &Sealed, progress: &mut Progress) -> Verdict {
        let record = &sealed.record;
        let body = match body(convert::run(record, self.procedure_id(record))) {
            Ok(body) => body,
            Err(verdict) => return verdict,
        };
        note_differences(record, progress);
        let url = self.http.url(&["api", "v1", "runs"], &[]);
        let exchange = self.http.post(url, body).await;
        progress.said_at(exchange.said_at());
        policy::verdict(exchange, Repeat::MayDouble)
    }

    async fn attach(&self, enclosure: &Enclosure<'_>, steps: Steps<'_>) -> Result<Verdict, StoreError> {
        // what the official client refuses before it sends anything
        if enclosure.bytes.len() > MOST_ATTACHMENT_BYTES {
            return Ok(Verdict::Park {
                reason: "TofuPilot v1 takes at most 10 MiB".into(),
            });
        }
        uploads::attach(&self.http, &V1, enclosure, steps).await
    }

    async fn settle(&self, sealed: &Sealed) -> Settled {
        let record = &sealed.record;
        let url = self.runs_of(&record.unit_under_test.serial_number);
        found_in_list(self.http.get(url).await, record.started_at, &record.run_id)
    }

    /// v1 has no question about the key: it is asked for the runs of a unit that nobody has.
    async fn probe(&self) -> Probe {
        let exchange = self.http.get(self.runs_of("BENCHTOP-PROBE")).await;
        let is_its_own = lists_runs(&exchange);
        match probe(exchange) {
            Probe::Ready { .. } if !is_its_own => Probe::Unreachable {
                reason: "it lists no runs, and does not say why: a gateway, or the url of something else".into(),
            },
            probe @ (Probe::Ready { .. } | Probe::Refused { .. } | Probe::Unreachable { .. }) => probe,
        }
    }
}

/// True of a list of runs; and of what is no success, which says for itself.
fn lists_runs(exchange: &Exchange) -> bool {
    match exchange {
        Exchange::Answered(answer) if (200..=299).contains(&answer.status) => {
            let list = serde_json::from_slice(answer.body.as_deref().unwrap_or_default());
            list.is_ok_and(|list| runs_in(&list).is_some())
        }
        Exchange::Answered(_) | Exchange::NotSent { .. } | Exchange::Lost { .. } => true,
    }
}

/// Largest attachment of the official v1 client.
const MOST_ATTACHMENT_BYTES: usize = 10 * 1024 * 1024;

struct V1;

impl Dialect for V1 {
    fn begin(&self, http: &Http, enclosure: &Enclosure<'_>) -> (reqwest::Url, Vec<u8>) {
        let body = serde_json::json!({
            "name": enclosure.name,
            "mimeType": uploads::media_type(enclosure.name),
            "sizeBytes": enclosure.bytes.len(),
        });
        let url = http.url(&["api", "v1", "uploads", "initialize"], &[]);
        (url, body.to_string().into_bytes())
    }

    fn finish(&self, http: &Http, enclosure: &Enclosure<'_>, upload: &str) -> (reqwest::Url, Option<Vec<u8>>) {
        let body = serde_json::json!({ "upload_id": upload, "run_id": enclosure.remote_id });
        let url = http.url(&["api", "v1", "uploads", "sync"], &[]);
        (url, Some(body.to_string().into_bytes()))
    }

    /// v1 has no question for it: the last request is what ties the bytes to their run.
    fn run(&self, _http: &Http, _enclosure: &Enclosure<'_>) -> Option<reqwest::Url> {
        None
    }
}
