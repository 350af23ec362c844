//! TofuPilot v2: `POST /api/v2/runs`, idempotent by `client_run_ref`, which is our run id.
//!
//! After a lost answer the run is first looked for; what is not found is sent again under the same reference. A self-hosted
//! server may be older than `client_run_ref` (2.19) and store a repeat twice: one that does not know `whoami` (2.22) is treated as
//! v1 is, those of 2.19 to 2.21 among them, which nothing else tells apart.

pub(crate) mod convert;
mod wire;

use crate::config::{TargetConfig, TargetError};
use crate::http::{Exchange, Http, Media};
use crate::policy;
use crate::reading::body;
use crate::settle::found_in_list;
use crate::target::{Enclosure, Probe, Progress, Repeat, Settled, Steps, Target, Verdict, Wants};
use crate::times::span;
use crate::uploads::{self, Dialect};
use async_trait::async_trait;
use benchtop_store::{Record, Sealed, StoreError};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use secrecy::SecretString;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A TofuPilot server spoken to in v2.
#[derive(Debug)]
pub struct TofuPilotV2 {
    config: TargetConfig,
    http: Http,
    /// What the server last said of itself; none as long as it has said nothing.
    repeat: Mutex<Option<Repeat>>,
}

impl TofuPilotV2 {
    /// A target as configured.
    ///
    /// # Errors
    /// [`TargetError`] for a URL, a procedure mapping, a key or a CA file that cannot be used.
    pub fn new(config: TargetConfig, key: &SecretString) -> Result<Self, TargetError> {
        if let Some(wrong) = wrong_procedures(&config).next() {
            return Err(wrong);
        }
        let http = Http::new(&config, key)?;
        let repeat = Mutex::default();
        Ok(Self { config, http, repeat })
    }

    fn known(&self) -> MutexGuard<'_, Option<Repeat>> {
        self.repeat.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks who we are, and takes from it how old the server is: another version may run there since the last question.
    async fn whoami(&self) -> Exchange {
        let exchange = self.http.get(self.http.url(&["api", "v2", "whoami"], &[])).await;
        if let Some(repeat) = repeat_of(&exchange) {
            *self.known() = Some(repeat);
        }
        exchange
    }
}

/// The entries of the procedure mapping that v2 cannot mean.
pub(crate) fn wrong_procedures(config: &TargetConfig) -> impl Iterator<Item = TargetError> {
    let wrong = config.procedures.iter().filter(|(_, uuid)| !is_uuid(uuid));
    wrong.map(|(procedure, uuid)| TargetError::Procedure {
        target: config.name.clone(),
        procedure: procedure.clone(),
        value: uuid.clone(),
        reason: "is not a UUID; TofuPilot shows it on the procedure's page",
    })
}

/// What a server that answers so does with a repeat; none where the answer does not tell.
fn repeat_of(exchange: &Exchange) -> Option<Repeat> {
    let answer = match exchange {
        Exchange::Answered(answer) => answer,
        Exchange::NotSent { .. } | Exchange::Lost { .. } => return None,
    };
    match (answer.status, answer.media) {
        (200, Media::Json) => identity(answer.body.as_deref()?).map(|_| Repeat::StoredOnce),
        (404 | 405, Media::Json | Media::Other) => Some(Repeat::MayDouble),
        _ => None,
    }
}

#[async_trait]
impl Target for TofuPilotV2 {
    fn name(&self) -> &str {
        &self.config.name
    }

    async fn repeat(&self) -> Repeat {
        let known = *self.known();
        if known.is_none() {
            self.whoami().await;
        }
        // as long as nobody has said otherwise
        self.known().unwrap_or(Repeat::MayDouble)
    }

    fn wants(&self, record: &Record) -> Wants {
        match self.config.lacks(&record.procedure_id) {
            None => self.config.wants_simulated(record),
            Some(_) if record.simulated && !self.config.accept_simulated => self.config.wants_simulated(record),
            Some(reason) => Wants::NotConfigured { reason },
        }
    }

    async fn upload(&self, sealed: &Sealed, progress: &mut Progress) -> Verdict {
        let record = &sealed.record;
        let Some(procedure_id) = self.config.procedures.get(&record.procedure_id) else {
            return Verdict::Pause {
                reason: "[sync.targets.procedures] lacks the procedure".into(),
            };
        };
        let body = match body(convert::run(record, procedure_id)) {
            Ok(body) => body,
            Err(verdict) => return verdict,
        };
        note_differences(record, progress);
        let url = self.http.url(&["api", "v2", "runs"], &[]);
        let exchange = self.http.post(url, body).await;
        progress.said_at(exchange.said_at());
        let repeat = match policy::depends_on_repeat(&exchange) {
            true => self.repeat().await,
            false => Repeat::StoredOnce,
        };
        policy::verdict(exchange, repeat)
    }

    async fn attach(&self, enclosure: &Enclosure<'_>, steps: Steps<'_>) -> Result<Verdict, StoreError> {
        uploads::attach(&self.http, &V2, enclosure, steps).await
    }

    async fn settle(&self, sealed: &Sealed) -> Settled {
        let record = &sealed.record;
        let near = TimeDelta::seconds(1);
        let (after, before) = (record.started_at - near, record.started_at + near);
        let (after, before) = (query_time(after), query_time(before));
        // of whatever procedure: its id may have been another when the run was sent
        let query = [
            ("serial_numbers", record.unit_under_test.serial_number.as_str()),
            ("started_after", after.as_str()),
            ("started_before", before.as_str()),
            ("limit", "50"),
            ("sort_by", "started_at"),
            ("sort_order", "desc"),
        ];
        let url = self.http.url(&["api", "v2", "runs"], &query);
        found_in_list(self.http.get(url).await, record.started_at, &record.run_id)
    }

    async fn probe(&self) -> Probe {
        let exchange = self.whoami().await;
        let is_well = matches!(&exchange, Exchange::Answered(answer) if (200..=299).contains(&answer.status));
        match probe(exchange) {
            // a gateway says "200" to everything, and would have each run parked
            Probe::Ready { identity: None } if is_well => Probe::Unreachable {
                reason: "it says who it is in another way than TofuPilot does: a gateway, or the url of something else"
                    .into(),
            },
            probe @ (Probe::Ready { .. } | Probe::Refused { .. } | Probe::Unreachable { .. }) => probe,
        }
    }
}

struct V2;

impl Dialect for V2 {
    fn begin(&self, http: &Http, enclosure: &Enclosure<'_>) -> (reqwest::Url, Vec<u8>) {
        let url = http.url(&["api", "v2", "runs", enclosure.remote_id, "attachments"], &[]);
        (
            url,
            serde_json::json!({ "name": enclosure.name }).to_string().into_bytes(),
        )
    }

    fn finish(&self, http: &Http, _: &Enclosure<'_>, upload: &str) -> (reqwest::Url, Option<Vec<u8>>) {
        (http.url(&["api", "v2", "attachments", upload, "finalize"], &[]), None)
    }

    fn run(&self, http: &Http, enclosure: &Enclosure<'_>) -> Option<reqwest::Url> {
        Some(http.url(&["api", "v2", "runs", enclosure.remote_id], &[]))
    }
}

/// Says in what the body differs from the record.
pub(crate) fn note_differences(record: &Record, progress: &mut Progress) {
    if span(record.started_at, record.ended_at).moved {
        progress.note(convert::END_MOVED);
    }
}

/// The official clients ask in milliseconds.
fn query_time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// What an answer to a harmless question says. A server that does not know the question is there all the same.
pub(crate) fn probe(exchange: Exchange) -> Probe {
    let answer = match exchange {
        Exchange::NotSent { reason } | Exchange::Lost { reason } => return Probe::Unreachable { reason },
        Exchange::Answered(answer) => answer,
    };
    match (answer.status, answer.media) {
        (300..=399, _) => Probe::Unreachable {
            reason: format!("{}; {}", policy::elsewhere(&answer), policy::REDIRECT),
        },
        (_, Media::Html) => Probe::Unreachable {
            reason: format!(
                "status {}: a page instead of TofuPilot's answer (captive portal?)",
                answer.status
            ),
        },
        // 402 and 403 are about what one may do, not about being there: the upload itself will say.
        (401 | 407, _) => Probe::Refused {
            reason: policy::said(&answer),
        },
        (500..=599 | 429, _) => Probe::Unreachable {
            reason: policy::said(&answer),
        },
        (200..=299, media) if media != Media::Json => Probe::Unreachable {
            reason: format!("status {} without JSON: not TofuPilot's answer", answer.status),
        },
        _ => Probe::Ready {
            identity: identity(answer.body.as_deref().unwrap_or_default()),
        },
    }
}

/// `station STA1 of Acme`.
fn identity(body: &[u8]) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    let kind = body.get("type")?.as_str()?;
    let name = |of: &str| Some(body.get(of)?.get("name")?.as_str()?.to_owned());
    let who = name(kind).unwrap_or_default();
    let organization = name("organization").unwrap_or_default();
    Some(crate::words::harmless(&format!("{kind} {who} of {organization}")))
}

/// 8-4-4-4-12 hexadecimal digits.
fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    lengths == [8, 4, 4, 4, 12]
        && groups
            .iter()
            .all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::is_uuid;

    #[test]
    fn a_uuid_is_known_by_its_form() {
        assert!(is_uuid("550e8400-e29b-41d4-a716-446655440000"));
        for text in [
            "",
            "FVT1",
            "550e8400-e29b-41d4-a716-44665544000",
            "550e8400e29b41d4a716446655440000",
            "g50e8400-e29b-41d4-a716-446655440000",
        ] {
            assert!(!is_uuid(text), "{text}");
        }
    }
}
