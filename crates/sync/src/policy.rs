//! The policy: what an answer means for the record that was sent. One table, here and nowhere else.
//!
//! | answer | verdict |
//! |---|---|
//! | 2xx, `application/json`, a string `id` | Confirmed |
//! | any other 2xx (captive portal, 204, cut body) | Uncertain |
//! | 3xx | Pause: never followed |
//! | 401, 402, 403, 407 | Pause: key, quota, permission, proxy; nothing wrong with the record |
//! | 400, 404, 409, 413, 415, 422 | Park, in the server's words |
//! | the same as an HTML page (not 413), or 404 without JSON | Retry: not TofuPilot's answer, so no judgement of the record |
//! | 408 and 5xx but 503 | Retry, asking first; Uncertain where a repeat may be stored twice |
//! | 425, 429, 503 | Retry, after `Retry-After` (at most 5 minutes) |
//! | any other 4xx, any other number | Retry |
//! | refused or failed connection | Retry: nothing was sent |
//! | no answer, an answer cut before its status | Uncertain |

use crate::http::{Answer, Exchange, Media};
use crate::target::{Repeat, Verdict};
use crate::words::server_words;
use serde::Deserialize;

/// The proof of storage: everything else in the answer is the server's own business.
#[derive(Debug, Deserialize)]
struct Stored {
    id: String,
}

/// What an upload's exchange means.
pub(crate) fn verdict(exchange: Exchange, repeat: Repeat) -> Verdict {
    match exchange {
        Exchange::NotSent { reason } => Verdict::Retry {
            perhaps_stored: false,
            after: None,
            reason: format!("not sent: {reason}"),
        },
        Exchange::Lost { reason } => Verdict::Uncertain {
            reason: format!("no answer: {reason}"),
        },
        Exchange::Answered(answer) => judge(&answer, repeat),
    }
}

/// The table.
fn judge(answer: &Answer, repeat: Repeat) -> Verdict {
    match answer.status {
        200..=299 => stored(answer),
        300..=399 => Verdict::Pause {
            reason: format!("{}; {REDIRECT}", elsewhere(answer)),
        },
        401 => pause(answer, "is the API key right?"),
        402 | 403 => pause(answer, "permission or quota"),
        407 => pause(answer, "a proxy wants a login"),
        413 => park(answer),
        400 | 409 | 415 | 422 if answer.media != Media::Html => park(answer),
        404 if answer.media == Media::Json => park(answer),
        425 | 429 => retry(answer, false),
        // a gateway may say it after the server behind it has stored the run
        408 | 499 | 500..=599 if repeat == Repeat::MayDouble => Verdict::Uncertain { reason: said(answer) },
        503 => retry(answer, false),
        408 | 499 | 500..=599 => retry(answer, true),
        400 | 404 | 409 | 415 | 422 => Verdict::Retry {
            perhaps_stored: false,
            after: answer.retry_after,
            reason: format!("{}; this is not TofuPilot's answer: is the url right?", said(answer)),
        },
        _ => retry(answer, false),
    }
}

/// Why a redirect is not followed.
pub(crate) const REDIRECT: &str = "not followed: a captive portal, or the target's url is not its real address";

fn stored(answer: &Answer) -> Verdict {
    let unproven = |reason: &str| Verdict::Uncertain {
        reason: format!("status {}, but {reason}", answer.status),
    };
    let Some(body) = &answer.body else {
        return unproven("the answer was cut short");
    };
    match answer.media {
        Media::Json => match serde_json::from_slice::<Stored>(body) {
            Ok(stored) if is_usable_id(&stored.id) => Verdict::Confirmed { remote_id: stored.id },
            Ok(_) | Err(_) => unproven("without the id of a run"),
        },
        Media::Html => unproven("a page instead of TofuPilot's answer (captive portal?)"),
        Media::Other => unproven("not as application/json"),
    }
}

/// An id goes into receipts and later into URLs.
fn is_usable_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 200 && id.bytes().all(|byte| byte.is_ascii_graphic())
}

fn park(answer: &Answer) -> Verdict {
    Verdict::Park { reason: said(answer) }
}

fn pause(answer: &Answer, hint: &str) -> Verdict {
    Verdict::Pause {
        reason: format!("{}; {hint}", said(answer)),
    }
}

fn retry(answer: &Answer, perhaps_stored: bool) -> Verdict {
    Verdict::Retry {
        perhaps_stored,
        after: answer.retry_after,
        reason: said(answer),
    }
}

/// `400: msg (phases[0].outcome: issue text)`.
pub(crate) fn said(answer: &Answer) -> String {
    let words = match answer.media {
        Media::Html => "an HTML page".to_owned(),
        Media::Json | Media::Other => server_words(answer.body.as_deref().unwrap_or_default()),
    };
    match words.is_empty() {
        true => format!("status {}", answer.status),
        false => format!("status {}: {words}", answer.status),
    }
}

/// `status 302 to http://portal.example/`.
pub(crate) fn elsewhere(answer: &Answer) -> String {
    match &answer.location {
        Some(to) => format!("status {} to {to}", answer.status),
        None => format!("status {}", answer.status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn answer(status: u16, media: Media, body: &str) -> Answer {
        Answer {
            status,
            media,
            retry_after: None,
            location: None,
            body: Some(body.as_bytes().to_vec()),
        }
    }

    fn word(verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::Confirmed { .. } => "confirmed",
            Verdict::Retry { .. } => "retry",
            Verdict::Park { .. } => "park",
            Verdict::Pause { .. } => "pause",
            Verdict::Uncertain { .. } => "uncertain",
        }
    }

    const WORDS: &str = r#"{"message":"msg","issues":[{"message":"issue","path":["phases",0]}]}"#;

    #[test]
    fn every_status_has_its_verdict() {
        for (statuses, once, may_double) in [
            (&[400, 404, 409, 413, 415, 422][..], "park", "park"),
            (&[401, 402, 403, 407, 301, 302, 303, 307, 308], "pause", "pause"),
            (&[425, 429], "retry", "retry"),
            (&[408, 499, 500, 501, 502, 503, 504, 520, 599], "retry", "uncertain"),
            (&[405, 406, 410, 418, 431, 600], "retry", "retry"),
            (&[200, 201, 202, 204, 299], "uncertain", "uncertain"),
        ] {
            for &status in statuses {
                let answer = answer(status, Media::Json, WORDS);
                assert_eq!(word(&judge(&answer, Repeat::StoredOnce)), once, "{status}");
                assert_eq!(word(&judge(&answer, Repeat::MayDouble)), may_double, "{status}");
            }
        }
    }

    #[test]
    fn only_json_with_an_id_confirms() {
        let confirmed = |media, body: &str| word(&judge(&answer(200, media, body), Repeat::StoredOnce)) == "confirmed";
        assert!(confirmed(
            Media::Json,
            r#"{"id":"11111111-2222-4333-8444-555555555555","ids":null}"#
        ));
        for body in [
            "",
            "{}",
            "null",
            "[]",
            r#"{"id":7}"#,
            r#"{"id":""}"#,
            r#"{"id":"a b"}"#,
            r#"{"id":"x"} trailing"#,
            r#"{"id":"x""#,
        ] {
            assert!(!confirmed(Media::Json, body), "{body}");
        }
        assert!(!confirmed(Media::Html, r#"{"id":"x"}"#));
        assert!(!confirmed(Media::Other, r#"{"id":"x"}"#));
        let cut = Answer {
            body: None,
            ..answer(200, Media::Json, "")
        };
        assert_eq!(word(&judge(&cut, Repeat::StoredOnce)), "uncertain");
    }

    #[test]
    fn a_page_in_between_never_parks_a_record() {
        for status in [400, 404, 409, 415, 422] {
            let page = answer(status, Media::Html, "<html>");
            assert_eq!(word(&judge(&page, Repeat::StoredOnce)), "retry", "{status}");
        }
        assert_eq!(
            word(&judge(&answer(404, Media::Other, "Not Found"), Repeat::StoredOnce)),
            "retry"
        );
        assert_eq!(
            word(&judge(&answer(413, Media::Html, "<html>"), Repeat::StoredOnce)),
            "park"
        );
    }

    #[test]
    fn the_servers_words_and_its_rest_are_kept() {
        let parked = judge(&answer(400, Media::Json, WORDS), Repeat::StoredOnce);
        assert_eq!(
            parked,
            Verdict::Park {
                reason: "status 400: msg (phases[0]: issue)".into()
            }
        );
        let resting = Answer {
            retry_after: Some(Duration::from_secs(10)),
            ..answer(429, Media::Json, "{}")
        };
        assert_eq!(
            judge(&resting, Repeat::StoredOnce),
            Verdict::Retry {
                perhaps_stored: false,
                after: Some(Duration::from_secs(10)),
                reason: "status 429: {}".into()
            }
        );
    }
}
