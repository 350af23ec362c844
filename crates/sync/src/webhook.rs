//! A webhook: the record as it is sealed, sent to a URL of the user's own, signed.
//!
//! `Idempotency-Key` is the run id (an attachment's is `<run id>.<place>`), the same at every repeat: the receiver stores it
//! once. `Benchtop-Timestamp` is the time of sending in Unix seconds, `Benchtop-Signature` is `v1=` and the HMAC-SHA256, in
//! hexadecimal, of the timestamp, a full stop and the body, under the secret that the target's `api_key_file` holds; the
//! secret itself never leaves. The receiver answers 2xx with `{"id": "..."}`: anything else is no success, for a captive
//! portal answers 200 too.

use crate::config::{TargetConfig, TargetError, checked_url};
use crate::hmac::{hex, hmac};
use crate::http::{Http, KeyUse};
use crate::policy;
use crate::shelf::Shelf;
use crate::target::{Enclosure, Probe, Progress, Repeat, Verdict};
use crate::tofupilot_v2::probe;
use async_trait::async_trait;
use benchtop_store::Sealed;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};

/// A receiver of signed records.
#[derive(Debug)]
pub struct Webhook {
    config: TargetConfig,
    http: Http,
    secret: SecretString,
}

impl Webhook {
    /// A target as configured; `secret` signs.
    ///
    /// # Errors
    /// [`TargetError`] for a URL, a secret or a CA file that cannot be used.
    pub fn new(config: TargetConfig, secret: &SecretString) -> Result<Self, TargetError> {
        let root = checked_url(&config)?;
        let secret = checked_secret(&config, secret)?;
        let http = Http::at(root, KeyUse::Signs, &config, &secret)?;
        Ok(Self { config, http, secret })
    }

    fn headers(&self, key: String, at: DateTime<Utc>, body: &[u8]) -> Vec<(&'static str, String)> {
        let time = at.timestamp().to_string();
        let secret = self.secret.expose_secret().as_bytes();
        let code = hmac(secret, &[time.as_bytes(), b".", body]);
        vec![
            ("idempotency-key", key),
            ("benchtop-timestamp", time),
            ("benchtop-signature", format!("v1={}", hex(&code))),
        ]
    }
}

/// The secret as it signs.
///
/// # Errors
/// [`TargetError::Secret`] for one that is too short.
pub(crate) fn checked_secret(config: &TargetConfig, secret: &SecretString) -> Result<SecretString, TargetError> {
    let secret = secret.expose_secret().trim();
    if secret.len() < 16 {
        return Err(TargetError::Secret {
            target: config.name.clone(),
        });
    }
    Ok(SecretString::from(secret.to_owned()))
}

#[async_trait]
impl Shelf for Webhook {
    fn config(&self) -> &TargetConfig {
        &self.config
    }

    async fn put(&self, sealed: &Sealed, progress: &mut Progress) -> Verdict {
        let headers = self.headers(sealed.run_id.clone(), progress.time(), &sealed.bytes);
        let body = sealed.bytes.clone();
        let exchange = self
            .http
            .post_with(self.http.root(), "application/json", &headers, body)
            .await;
        progress.said_at(exchange.said_at());
        policy::verdict(exchange, Repeat::StoredOnce)
    }

    async fn put_attachment(&self, enclosure: &Enclosure<'_>) -> Verdict {
        let key = format!("{}.{}", enclosure.run_id, enclosure.index);
        let mut headers = self.headers(key, enclosure.at, &enclosure.bytes);
        headers.push(("benchtop-run", enclosure.run_id.to_owned()));
        headers.push(("benchtop-attachment-sha256", enclosure.sha256.to_owned()));
        let media = crate::uploads::media_type(enclosure.name);
        let body = enclosure.bytes.clone();
        let exchange = self.http.post_with(self.http.root(), media, &headers, body).await;
        policy::verdict(exchange, Repeat::StoredOnce)
    }

    async fn look(&self) -> Probe {
        probe(self.http.get(self.http.root()).await)
    }
}
