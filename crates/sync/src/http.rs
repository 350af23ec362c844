//! One HTTP exchange with a target, told as what is certain: nothing was sent, the answer was lost, or an answer.
//!
//! No redirect is followed, no body is decompressed, no request is repeated, at most 1 MiB of an answer is read, and the
//! key goes nowhere but into the `Authorization` header.

use crate::config::{TargetConfig, TargetError, is_loopback, server_root, upload_url};
use crate::words::harmless;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Body, Certificate, Client, Method, Proxy, RequestBuilder, Response, Url};
use secrecy::{ExposeSecret, SecretString};
use std::error::Error as StdError;
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// Most that is read of an answer.
const BODY_CAP: usize = 1024 * 1024;
/// What stands in place of the key.
const REDACTED: &str = "[redacted]";
/// Longest rest that a server may ask for with `Retry-After`.
pub(crate) const LONGEST_REST: Duration = Duration::from_secs(300);

/// A client for one target.
pub(crate) struct Http {
    client: Client,
    root: Url,
    key: SecretString,
    /// What goes into `Authorization`; none where the key signs.
    bearer: Option<HeaderValue>,
}

/// What carries the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyUse {
    /// `Authorization: Bearer <key>`, in every request.
    Bearer,
    /// Nothing: the key signs, and never leaves.
    Signs,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http")
            .field("root", &self.root.as_str())
            .finish_non_exhaustive()
    }
}

/// What is certain after a request.
#[derive(Debug)]
pub(crate) enum Exchange {
    /// The target never saw the request.
    NotSent {
        /// Why.
        reason: String,
    },
    /// The request may have arrived; there is no answer.
    Lost {
        /// Why.
        reason: String,
    },
    /// There is an answer.
    Answered(Answer),
}

impl Exchange {
    /// The server's own time, where it answered and said it.
    pub(crate) fn said_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Answered(answer) => answer.said_at,
            Self::NotSent { .. } | Self::Lost { .. } => None,
        }
    }
}

/// An answer, with the key redacted from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// HTTP status.
    pub(crate) status: u16,
    /// What the body is.
    pub(crate) media: Media,
    /// How long the server asks to be left alone; at most five minutes.
    pub(crate) retry_after: Option<Duration>,
    /// The server's own time.
    pub(crate) said_at: Option<DateTime<Utc>>,
    /// What an object store says of the object's digest, as it was put.
    pub(crate) stored_sha256: Option<String>,
    /// Where a redirect points to.
    pub(crate) location: Option<String>,
    /// The body; `None` when it was cut short or too long.
    pub(crate) body: Option<Vec<u8>>,
}

/// What an answer's content type says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Media {
    /// `application/json`, parameters tolerated.
    Json,
    /// `text/html`: a proxy, a captive portal, or a page; never TofuPilot's API.
    Html,
    /// Anything else, or nothing.
    Other,
}

impl Http {
    /// A client that trusts the bundled, the system's and the configured authorities.
    pub(crate) fn new(config: &TargetConfig, key: &SecretString) -> Result<Self, TargetError> {
        Self::at(server_root(config)?, KeyUse::Bearer, config, key)
    }

    /// The same for any root and any use of the key.
    pub(crate) fn at(
        root: Url,
        key_use: KeyUse,
        config: &TargetConfig,
        key: &SecretString,
    ) -> Result<Self, TargetError> {
        let key = checked_key(config, key)?;
        install_crypto();
        let builder = Client::builder()
            .user_agent(concat!("benchtop/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(config.timeouts.connect)
            .read_timeout(config.timeouts.idle)
            .timeout(config.timeouts.total);
        let authorities = authorities(config)?;
        let builder = match is_loopback(&root) {
            // This machine: a machine without authorities of its own is no obstacle.
            true => builder.tls_certs_only(authorities),
            false => builder.tls_certs_merge(authorities),
        };
        let builder = match &config.proxy {
            Some(proxy) => builder.proxy(proxy_of(config, proxy)?),
            // no proxy of the environment may see the key of a server on this machine
            None if is_loopback(&root) => builder.no_proxy(),
            None => builder,
        };
        let client = builder.build().map_err(|source| TargetError::Client {
            target: config.name.clone(),
            source: source.without_url(),
        })?;
        let bearer = match key_use {
            KeyUse::Bearer => bearer(&key),
            KeyUse::Signs => None,
        };
        Ok(Self {
            client,
            root,
            key,
            bearer,
        })
    }

    /// The URL of a path below the server's root, with a query where there is one.
    pub(crate) fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.root.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// The root itself.
    pub(crate) fn root(&self) -> Url {
        self.root.clone()
    }

    /// Sends a JSON body.
    pub(crate) async fn post(&self, url: Url, body: Vec<u8>) -> Exchange {
        self.post_with(url, "application/json", &[], body).await
    }

    /// Sends a body with headers of its own.
    pub(crate) async fn post_with(
        &self,
        url: Url,
        media: &str,
        headers: &[(&str, String)],
        body: impl Into<Body>,
    ) -> Exchange {
        let request = self.client.request(Method::POST, url).header(CONTENT_TYPE, media);
        let request = headers
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, value));
        self.exchange(request.body(body)).await
    }

    /// Sends what was signed elsewhere.
    pub(crate) async fn raw(&self, method: Method, url: Url, headers: &[(&str, String)], body: Bytes) -> Exchange {
        let request = self.client.request(method, url);
        let request = headers
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, value));
        self.sent(request.body(body)).await
    }

    /// Posts without a body.
    pub(crate) async fn post_empty(&self, url: Url) -> Exchange {
        self.exchange(self.client.request(Method::POST, url)).await
    }

    /// Asks.
    pub(crate) async fn get(&self, url: Url) -> Exchange {
        self.exchange(self.client.request(Method::GET, url)).await
    }

    /// The URL that the server named for an upload, where bytes may go there.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn elsewhere(&self, url: &str) -> Result<Url, String> {
        upload_url(url, &self.root)
    }

    /// Puts bytes where the server said, without the key.
    pub(crate) async fn put_elsewhere(&self, url: Url, media: &str, bytes: Bytes) -> Exchange {
        let request = self.client.request(Method::PUT, url).header(CONTENT_TYPE, media);
        self.sent(request.body(bytes)).await
    }

    async fn exchange(&self, request: RequestBuilder) -> Exchange {
        let request = match &self.bearer {
            Some(bearer) => request.header(AUTHORIZATION, bearer),
            None => request,
        };
        let own = |value: &'static str| HeaderValue::from_static(value);
        let request = request
            .header(ACCEPT, own("application/json"))
            .header("x-client-type", own("benchtop"))
            .header("x-client-version", own(env!("CARGO_PKG_VERSION")));
        self.sent(request).await
    }

    async fn sent(&self, request: RequestBuilder) -> Exchange {
        match request.send().await {
            Ok(response) => Exchange::Answered(self.answer(response).await),
            // A request that could not be built or connected was not sent; everything else may have arrived.
            Err(error) if error.is_builder() || error.is_connect() => Exchange::NotSent {
                reason: self.told(error),
            },
            Err(error) => Exchange::Lost {
                reason: self.told(error),
            },
        }
    }

    async fn answer(&self, mut response: Response) -> Answer {
        let status = response.status().as_u16();
        let media = media(response.headers());
        let retry_after = retry_after(response.headers());
        let said_at = text(response.headers(), &DATE).and_then(|date| DateTime::parse_from_rfc2822(date).ok());
        let location = text(response.headers(), &LOCATION).map(|to| match self.is_hidden_in(to) {
            true => REDACTED.to_owned(),
            false => harmless(&self.redacted(to)),
        });
        let stored_sha256 = response.headers().get("x-amz-meta-benchtop-sha256");
        let stored_sha256 = stored_sha256.and_then(|digest| digest.to_str().ok()).map(str::to_owned);
        let body = whole_body(&mut response).await;
        let body = body.map(|bytes| self.redacted_bytes(bytes));
        Answer {
            status,
            media,
            retry_after,
            said_at: said_at.map(|time| time.with_timezone(&Utc)),
            stored_sha256,
            location,
            body,
        }
    }

    /// The error and its causes in one sentence, without URL and key.
    fn told(&self, error: reqwest::Error) -> String {
        let error = error.without_url();
        let mut told = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            let text = inner.to_string();
            if !told.contains(&text) {
                told = format!("{told}: {text}");
            }
            cause = inner.source();
        }
        harmless(&self.redacted(&told))
    }

    fn redacted(&self, text: &str) -> String {
        text.replace(self.key.expose_secret(), REDACTED)
    }

    /// A server may echo what it was sent, in whatever way it writes it; the key goes no further than this.
    fn redacted_bytes(&self, bytes: Vec<u8>) -> Vec<u8> {
        let text = String::from_utf8_lossy(&bytes);
        let redacted = self.redacted(&text);
        if !self.is_hidden_in(&redacted) {
            return match redacted == text {
                true => bytes,
                false => redacted.into_bytes(),
            };
        }
        let Ok(mut value) = serde_json::from_str(&redacted) else {
            return REDACTED.into();
        };
        self.redact(&mut value);
        let redacted = self.redacted(&value.to_string());
        match self.is_hidden_in(&redacted) {
            true => REDACTED.into(),
            false => redacted.into_bytes(),
        }
    }

    /// True where the key stands there with escapes, which are undone where it is read.
    fn is_hidden_in(&self, text: &str) -> bool {
        text.contains(['\\', '%']) && unescaped(text).contains(self.key.expose_secret())
    }

    fn redact(&self, value: &mut serde_json::Value) {
        match value {
            serde_json::Value::String(text) => *text = self.redacted(text),
            serde_json::Value::Array(values) => values.iter_mut().for_each(|value| self.redact(value)),
            serde_json::Value::Object(members) => members.values_mut().for_each(|value| self.redact(value)),
            serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
        }
    }
}

/// What a text says once the escapes of JSON strings and of URLs are undone, more or less.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        let digits = match character {
            '%' => 2,
            '\\' => match rest.next() {
                Some('u') => 4,
                Some(escaped) => {
                    out.push(escaped);
                    continue;
                }
                None => break,
            },
            plain => {
                out.push(plain);
                continue;
            }
        };
        let mut behind = rest.clone();
        let code: String = behind.by_ref().take(digits).collect();
        match u32::from_str_radix(&code, 16).ok().and_then(char::from_u32) {
            Some(meant) if code.len() == digits => {
                out.push(meant);
                rest = behind;
            }
            Some(_) | None => out.push(character),
        }
    }
    out
}

/// The body, or `None` when it was cut or is longer than the cap.
async fn whole_body(response: &mut Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= BODY_CAP => body.extend_from_slice(&chunk),
            Ok(None) => return Some(body),
            Ok(Some(_)) | Err(_) => return None,
        }
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &reqwest::header::HeaderName) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}

fn media(headers: &HeaderMap) -> Media {
    let essence = text(headers, &CONTENT_TYPE)
        .and_then(|value| value.split(';').next())
        .unwrap_or("");
    let essence = essence.trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Media::Json;
    }
    let html = ["text/html", "application/xhtml+xml"];
    match html.iter().any(|name| essence.eq_ignore_ascii_case(name)) {
        true => Media::Html,
        false => Media::Other,
    }
}

/// `Retry-After` in seconds, or as a date read against the server's own `Date`: an offline station's clock is no witness.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = text(headers, &RETRY_AFTER)?;
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit mean "very long".
        return Some(
            value
                .parse()
                .map_or(LONGEST_REST, Duration::from_secs)
                .min(LONGEST_REST),
        );
    }
    let until = DateTime::parse_from_rfc2822(value).ok()?;
    let said_at = DateTime::parse_from_rfc2822(text(headers, &DATE)?).ok()?;
    let rest = (until - said_at).to_std().unwrap_or(Duration::ZERO);
    Some(rest.min(LONGEST_REST))
}

/// What is wrong with what an HTTP target says beside its URL: its proxy, its authority.
pub(crate) fn faults(config: &TargetConfig) -> Vec<TargetError> {
    let proxy = config.proxy.as_deref().and_then(|proxy| proxy_of(config, proxy).err());
    proxy.into_iter().chain(own_authorities(config).err()).collect()
}

/// The key as it is sent.
///
/// # Errors
/// [`TargetError::Key`] for one that cannot stand in a header.
pub(crate) fn checked_key(config: &TargetConfig, key: &SecretString) -> Result<SecretString, TargetError> {
    let key = SecretString::from(key.expose_secret().trim().to_owned());
    match bearer(&key) {
        Some(_) => Ok(key),
        None => Err(TargetError::Key {
            target: config.name.clone(),
        }),
    }
}

/// The header's value; `None` for a key that cannot stand there.
fn bearer(key: &SecretString) -> Option<HeaderValue> {
    if key.expose_secret().is_empty() {
        return None;
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// reqwest is built without a crypto provider of its own; the first client of the process names ours.
fn install_crypto() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Losing the race to another thread is as good: it installed one too.
        drop(rustls::crypto::ring::default_provider().install_default());
    }
}

fn proxy_of(config: &TargetConfig, proxy: &str) -> Result<Proxy, TargetError> {
    let refuse = |reason: &str| TargetError::Proxy {
        target: config.name.clone(),
        reason: reason.to_owned(),
    };
    let url = Url::parse(proxy).map_err(|error| refuse(&error.to_string()))?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err(refuse("it must begin with http:// or https://"));
    }
    Proxy::all(url).map_err(|source| TargetError::Client {
        target: config.name.clone(),
        source: source.without_url(),
    })
}

/// A client's side of TLS for what is no HTTP: trusts the bundled and the configured authorities.
#[cfg(feature = "postgres")]
pub(crate) fn tls_client(config: &TargetConfig) -> Result<rustls::ClientConfig, TargetError> {
    install_crypto();
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
    add_own_authorities(&mut roots, config)?;
    Ok(rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn authorities(config: &TargetConfig) -> Result<Vec<Certificate>, TargetError> {
    let bundled = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
    let mut authorities = bundled
        .map(|der| Certificate::from_der(der))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| TargetError::Client {
            target: config.name.clone(),
            source,
        })?;
    authorities.extend(own_authorities(config)?);
    Ok(authorities)
}

/// Those of the configured file; none where there is none.
fn own_authorities(config: &TargetConfig) -> Result<Vec<Certificate>, TargetError> {
    let Some((path, pem)) = ca_file(config)? else {
        return Ok(Vec::new());
    };
    match Certificate::from_pem_bundle(&pem) {
        Ok(own) if !own.is_empty() => Ok(own),
        Ok(_) | Err(_) => Err(no_certificate(config, path)),
    }
}

/// Adds those of the configured file.
#[cfg(feature = "postgres")]
pub(crate) fn add_own_authorities(roots: &mut rustls::RootCertStore, config: &TargetConfig) -> Result<(), TargetError> {
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    let Some((path, pem)) = ca_file(config)? else {
        return Ok(());
    };
    let own: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let own = own.map_err(|_not_pem| no_certificate(config, path))?;
    match roots.add_parsable_certificates(own) {
        (0, _refused) => Err(no_certificate(config, path)),
        (_added, _refused) => Ok(()),
    }
}

fn ca_file(config: &TargetConfig) -> Result<Option<(&Path, Vec<u8>)>, TargetError> {
    let Some(path) = config.ca_file.as_deref() else {
        return Ok(None);
    };
    let pem = std::fs::read(path).map_err(|source| TargetError::CaFile {
        target: config.name.clone(),
        path: path.to_owned(),
        source,
    })?;
    Ok(Some((path, pem)))
}

fn no_certificate(config: &TargetConfig, path: &Path) -> TargetError {
    TargetError::Certificate {
        target: config.name.clone(),
        path: path.to_owned(),
    }
}
