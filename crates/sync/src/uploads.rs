//! The three requests of an attachment that both versions of TofuPilot have: make room for it, put its bytes where the server
//! says (that URL lives for 60 seconds and holds a signature: it is kept nowhere), and tie it to its run.
//!
//! After a crash between making room and putting the bytes, room is made once more: the server may show an empty attachment
//! beside the real one, which no client can take back. Nothing that makes room is tried without end.

use crate::http::{Answer, Exchange, Http};
use crate::policy;
use crate::settle::is_never_answered;
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
    /// Where the run says which attachments it has; none where it does not.
    fn run(&self, http: &Http, enclosure: &Enclosure<'_>) -> Option<Url>;
}

/// The answer to a request for room; the two versions spell the URL differently.
#[derive(Deserialize)]
struct Room {
    id: String,
    upload_url: Option<String>,
    #[serde(rename = "uploadUrl")]
    upload_url_v1: Option<String>,
}

/// A run as it says which attachments it has.
#[derive(Deserialize)]
struct Run {
    attachments: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    id: String,
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
    match exchange {
        Exchange::Answered(answer) if is_done(&answer) => Ok(Verdict::Confirmed { remote_id: upload }),
        // a server that is older than the request, or one that lacks the attachment: its run says which
        Exchange::Answered(answer) if matches!(answer.status, 404 | 405) => {
            Ok(unknown(http, dialect.run(http, enclosure), answer, upload).await)
        }
        other @ (Exchange::Answered(_) | Exchange::NotSent { .. } | Exchange::Lost { .. }) => Ok(verdict(other)),
    }
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
    let to = match http.elsewhere(&to) {
        Ok(to) => to,
        Err(reason) => return Ok(Err(not_stored(Patience::Few, reason))),
    };
    let media = media_type(enclosure.name);
    let exchange = http.put_elsewhere(to, media, enclosure.bytes.clone()).await;
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
        after: None,
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
            after: answer.retry_after,
            patience: Patience::Few,
            reason: format!("the storage says {}", policy::said(&answer)),
        }),
        // the server itself is there: each try leaves it another empty room
        Exchange::NotSent { reason } | Exchange::Lost { reason } => {
            Err(not_stored(Patience::Many, format!("the storage: {reason}")))
        }
    }
}

fn not_stored(patience: Patience, reason: String) -> Verdict {
    Verdict::Retry {
        after: None,
        patience,
        reason,
    }
}

fn is_done(answer: &Answer) -> bool {
    match answer.status {
        204 => true,
        200..=299 => answer.media == crate::http::Media::Json,
        _ => false,
    }
}

/// The server does not know the last request, or not this attachment: only its run proves that it is there.
async fn unknown(http: &Http, run: Option<Url>, answer: Answer, upload: String) -> Verdict {
    let words = policy::said(&answer);
    let Some(run) = run else {
        return not_stored(Patience::Few, words);
    };
    let listed = match http.get(run).await {
        Exchange::Answered(listed) if (200..=299).contains(&listed.status) => listed,
        // no judgement of the other runs of its procedure
        Exchange::Answered(no) if is_never_answered(&no) => {
            let why = policy::said(&no);
            return not_stored(Patience::Few, format!("{words}; its run cannot be asked: {why}"));
        }
        other @ (Exchange::Answered(_) | Exchange::NotSent { .. } | Exchange::Lost { .. }) => return verdict(other),
    };
    let known = match policy::proof(&listed) {
        Ok(_) => serde_json::from_slice::<Run>(listed.body.as_deref().unwrap_or_default()).ok(),
        Err(_) => None,
    };
    match known {
        Some(run) if run.attachments.iter().any(|attachment| attachment.id == upload) => {
            Verdict::Confirmed { remote_id: upload }
        }
        Some(_) | None => not_stored(Patience::Few, format!("{words}; its run does not name it")),
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
