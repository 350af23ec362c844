//! The three requests of an attachment that both versions of TofuPilot have: make room for it, put its bytes where the server
//! says (that URL lives for 60 seconds and holds a signature: it is kept nowhere), and tie it to its run.
//!
//! After a crash between making room and putting the bytes, room is made once more: the server may show an empty attachment
//! beside the real one, which no client can take back.

use crate::http::{Answer, Exchange, Http};
use crate::policy;
use crate::target::{Enclosure, Patience, Repeat, Step, Steps, Verdict};
use benchtop_store::{AttachmentStep, StoreError};
use reqwest::Url;
use serde::Deserialize;

/// How the two versions differ.
pub(crate) trait Dialect: Sync {
    /// The request that makes room: URL and body.
    fn begin(&self, http: &Http, enclosure: &Enclosure<'_>) -> (Url, Vec<u8>);
    /// The request that ties it to its run: URL and body, where it has one.
    fn finish(&self, http: &Http, enclosure: &Enclosure<'_>, upload: &str) -> (Url, Option<Vec<u8>>);
}

/// The answer to a request for room; the two versions spell the URL differently.
#[derive(Deserialize)]
struct Room {
    id: String,
    upload_url: Option<String>,
    #[serde(rename = "uploadUrl")]
    upload_url_v1: Option<String>,
}

/// Goes from where it came to until the end.
pub(crate) async fn attach(
    http: &Http,
    dialect: &dyn Dialect,
    enclosure: &Enclosure<'_>,
    steps: Steps<'_>,
) -> Result<Verdict, StoreError> {
    let sent = enclosure.reached.filter(|state| state.reached == AttachmentStep::Sent);
    let upload = match sent {
        Some(state) => state.remote_id.clone(),
        None => match bring(http, dialect, enclosure, steps).await? {
            Ok(upload) => upload,
            Err(verdict) => return Ok(verdict),
        },
    };
    let (url, body) = dialect.finish(http, enclosure, &upload);
    let exchange = match body {
        Some(body) => http.post(url, body).await,
        None => http.post_empty(url).await,
    };
    Ok(done(exchange, upload))
}

/// Room, and the bytes in it.
async fn bring(
    http: &Http,
    dialect: &dyn Dialect,
    enclosure: &Enclosure<'_>,
    steps: Steps<'_>,
) -> Result<Result<String, Verdict>, StoreError> {
    let (url, body) = dialect.begin(http, enclosure);
    let (upload, to) = match room(http.post(url, body).await) {
        Ok(room) => room,
        Err(verdict) => return Ok(Err(verdict)),
    };
    steps(Step::Begun {
        remote_id: upload.clone(),
    })?;
    let media = media_type(enclosure.name);
    let exchange = http.put_elsewhere(&to, media, enclosure.bytes.clone()).await;
    if let Err(verdict) = put(exchange) {
        return Ok(Err(verdict));
    }
    steps(Step::Sent)?;
    Ok(Ok(upload))
}

/// The upload's id, and where its bytes go.
fn room(exchange: Exchange) -> Result<(String, String), Verdict> {
    let answer = match exchange {
        Exchange::Answered(answer) if (200..=299).contains(&answer.status) => answer,
        other @ (Exchange::Answered(_) | Exchange::NotSent { .. } | Exchange::Lost { .. }) => {
            return Err(verdict(other));
        }
    };
    let room = answer.body.as_deref().map(serde_json::from_slice::<Room>);
    let url = |room: Room| room.upload_url.or(room.upload_url_v1).map(|url| (room.id, url));
    match (policy::proof(&answer), room.and_then(Result::ok).and_then(url)) {
        (Ok(_usable), Some(room)) => Ok(room),
        (Ok(_), None) => Err(unproven(&answer, "without an upload URL")),
        (Err(reason), Some(_) | None) => Err(unproven(&answer, reason)),
    }
}

fn unproven(answer: &Answer, reason: &str) -> Verdict {
    Verdict::Uncertain {
        patience: Patience::Few,
        reason: format!("status {}, but {reason}", answer.status),
    }
}

/// Storage answers in its own words: any 2xx will do, and what it refuses may be an old URL, so that it is asked for anew.
fn put(exchange: Exchange) -> Result<(), Verdict> {
    match exchange {
        Exchange::Answered(answer) if (200..=299).contains(&answer.status) => Ok(()),
        Exchange::Answered(answer) if answer.status == 413 => Err(Verdict::Park {
            reason: policy::said(&answer),
        }),
        Exchange::Answered(answer) => Err(Verdict::Retry {
            perhaps_stored: false,
            after: answer.retry_after,
            patience: Patience::Few,
            reason: format!("the storage says {}", policy::said(&answer)),
        }),
        exchange @ (Exchange::NotSent { .. } | Exchange::Lost { .. }) => Err(verdict(exchange)),
    }
}

fn done(exchange: Exchange, upload: String) -> Verdict {
    let is_done = |answer: &Answer| match answer.status {
        200..=299 => answer.media == crate::http::Media::Json || answer.status == 204,
        // a server that is older than the request: the bytes are there
        404 | 405 => true,
        _ => false,
    };
    match exchange {
        Exchange::Answered(answer) if is_done(&answer) => Verdict::Confirmed { remote_id: upload },
        other @ (Exchange::Answered(_) | Exchange::NotSent { .. } | Exchange::Lost { .. }) => verdict(other),
    }
}

fn verdict(exchange: Exchange) -> Verdict {
    policy::verdict(exchange, Repeat::StoredOnce)
}

/// What the official clients guess from the name.
pub(crate) fn media_type(name: &str) -> &'static str {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "txt" | "log" => "text/plain",
        "csv" => "text/csv",
        "json" => "application/json",
        "pdf" => "application/pdf",
        "html" => "text/html",
        _ => "application/octet-stream",
    }
}
