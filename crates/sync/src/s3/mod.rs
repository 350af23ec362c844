//! S3 and what is compatible with it: one object for each record, put only where there is none, and asked for afterwards.
//!
//! `url` is `https://ENDPOINT/BUCKET[/PREFIX]`; a record lies there as `<run id>.json`, byte for byte as it was sealed, an
//! attachment as `attachments/<digest>`. Each object carries its digest as metadata, and only an object that says ours is a
//! confirmation: neither a proxy's page nor another object under that name is. `api_key_file` holds the access key id and
//! the secret access key, on a line each.

mod sign;

use crate::config::{TargetConfig, TargetError, checked_url};
use crate::http::{Answer, Exchange, Http, KeyUse, checked_key};
use crate::policy;
use crate::shelf::Shelf;
use crate::target::{Enclosure, Patience, Probe, Progress, Repeat, Verdict};
use async_trait::async_trait;
use benchtop_store::Sealed;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};
use sign::{Scope, authorization, sha256, time};
use std::sync::Mutex;
use std::sync::PoisonError;

/// The region of servers that have none.
const USUAL_REGION: &str = "us-east-1";

/// A bucket.
#[derive(Debug)]
pub struct S3 {
    config: TargetConfig,
    http: Http,
    access_key: String,
    secret_key: SecretString,
    /// The time of the last upload: questions outside of one are signed with it.
    last: Mutex<DateTime<Utc>>,
}

impl S3 {
    /// A target as configured; `keys` holds the two keys, a line each.
    ///
    /// # Errors
    /// [`TargetError`] for a URL, keys or a CA file that cannot be used.
    pub fn new(config: TargetConfig, keys: &SecretString) -> Result<Self, TargetError> {
        let root = checked_url(&config)?;
        let (access_key, secret_key) = checked_keys(&config, keys)?;
        let http = Http::at(root, KeyUse::Signs, &config, &secret_key)?;
        Ok(Self {
            config,
            http,
            access_key,
            secret_key,
            last: Mutex::default(),
        })
    }

    async fn request(&self, method: Method, url: Url, at: DateTime<Utc>, body: Bytes, put: Option<&str>) -> Exchange {
        let (date, payload) = (time(at), sha256(&body));
        let host = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (host, None | Some(_)) => host.unwrap_or_default().to_owned(),
        };
        let mut headers = vec![("host", host.as_str())];
        if put.is_some() {
            headers.push(("if-none-match", "*"));
        }
        headers.push(("x-amz-content-sha256", payload.as_str()));
        headers.push(("x-amz-date", date.as_str()));
        headers.extend(put.map(|digest| ("x-amz-meta-benchtop-sha256", digest)));
        let scope = Scope {
            access_key: &self.access_key,
            secret_key: self.secret_key.expose_secret(),
            region: self.config.region.as_deref().unwrap_or(USUAL_REGION),
            service: "s3",
        };
        let signed = authorization(scope, at, method.as_str(), url.path(), &headers, &payload);
        let mut sent: Vec<(&str, String)> = headers
            .iter()
            .filter(|(name, _)| *name != "host")
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        sent.push(("authorization", signed));
        self.http.raw(method, url, &sent, body).await
    }

    /// Puts an object where there is none, and asks what lies there.
    async fn put_object(&self, path: &[&str], bytes: Bytes, at: DateTime<Utc>) -> Verdict {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = at;
        let digest = sha256(&bytes);
        let url = self.http.url(path, &[]);
        let exchange = self.request(Method::PUT, url.clone(), at, bytes, Some(&digest)).await;
        match exchange {
            // 409: another put of it is under way; 412: it is there
            Exchange::Answered(answer) if matches!(answer.status, 200 | 409 | 412) => {}
            other @ (Exchange::Answered(_) | Exchange::NotSent { .. } | Exchange::Lost { .. }) => {
                return refused(other);
            }
        }
        match self.request(Method::HEAD, url, at, Bytes::new(), None).await {
            Exchange::Answered(answer) if answer.status == 200 => match answer.stored_sha256 {
                Some(stored) if stored == digest => Verdict::Confirmed {
                    remote_id: path.join("/"),
                },
                Some(_) => Verdict::Park {
                    reason: format!("another object lies there as {}", path.join("/")),
                },
                None => Verdict::Uncertain {
                    after: None,
                    patience: Patience::Few,
                    reason: "it was taken, but what lies there does not say whose it is".into(),
                },
            },
            Exchange::Answered(answer) if answer.status == 404 => Verdict::Uncertain {
                after: None,
                patience: Patience::Few,
                reason: "it was taken, but it is not there".into(),
            },
            other @ (Exchange::Answered(_) | Exchange::NotSent { .. } | Exchange::Lost { .. }) => refused(other),
        }
    }
}

/// The access key id and the secret access key.
///
/// # Errors
/// [`TargetError::Keys`] unless they stand on a line each; [`TargetError::Key`] for a secret one with characters that no key has.
pub(crate) fn checked_keys(config: &TargetConfig, keys: &SecretString) -> Result<(String, SecretString), TargetError> {
    let mut lines = keys.expose_secret().trim().lines().map(str::trim);
    let (Some(access_key), Some(secret_key), None) = (lines.next(), lines.next(), lines.next()) else {
        return Err(TargetError::Keys {
            target: config.name.clone(),
        });
    };
    let secret_key = checked_key(config, &SecretString::from(secret_key.to_owned()))?;
    Ok((access_key.to_owned(), secret_key))
}

/// Storage answers in XML: a bucket that is not there is no judgement of the record.
fn refused(exchange: Exchange) -> Verdict {
    let pause = |answer: &Answer| Verdict::Pause {
        reason: format!("{}; are bucket, region and keys right?", policy::said(answer)),
    };
    match exchange {
        Exchange::Answered(answer) if matches!(answer.status, 400 | 403 | 404) => pause(&answer),
        other @ (Exchange::Answered(_) | Exchange::NotSent { .. } | Exchange::Lost { .. }) => {
            policy::verdict(other, Repeat::StoredOnce)
        }
    }
}

#[async_trait]
impl Shelf for S3 {
    fn config(&self) -> &TargetConfig {
        &self.config
    }

    async fn put(&self, sealed: &Sealed, progress: &mut Progress) -> Verdict {
        let name = format!("{}.json", sealed.run_id);
        self.put_object(&[&name], sealed.bytes.clone().into(), progress.time())
            .await
    }

    async fn put_attachment(&self, enclosure: &Enclosure<'_>) -> Verdict {
        let path = ["attachments", enclosure.sha256];
        self.put_object(&path, enclosure.bytes.clone(), enclosure.at).await
    }

    async fn look(&self) -> Probe {
        let at = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let url = self.http.url(&["benchtop-probe"], &[]);
        match self.request(Method::HEAD, url, at, Bytes::new(), None).await {
            Exchange::NotSent { reason } | Exchange::Lost { reason } => Probe::Unreachable { reason },
            Exchange::Answered(answer) if matches!(answer.status, 300..=399 | 500..=599) => Probe::Unreachable {
                reason: policy::said(&answer),
            },
            // who may not look may still put
            Exchange::Answered(_) => Probe::Ready { identity: None },
        }
    }
}
