//! The policy: what an answer means for the record that was sent. One table, [`POLICY`], here and nowhere else; the README
//! shows it, and a test holds the two equal.

use crate::http::{Answer, Exchange, Media};
use crate::target::{Patience, Repeat, Verdict};
use crate::words::server_words;
use serde::Deserialize;

/// The proof of storage: everything else in the answer is the server's own business.
#[derive(Debug, Deserialize)]
struct Stored {
    id: String,
}

/// What may come back, in the order of [`POLICY`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    Stored,
    Unproven,
    Redirect,
    NoEntry,
    Refused,
    Clash,
    NotItsAnswer,
    Busy,
    Broken,
    Odd,
    NotSent,
    Lost,
}

/// The table: each case with what comes back, and what becomes of the record.
const POLICY: [(Case, &str, &str); 12] = [
    (
        Case::Stored,
        "2xx, JSON, with an id",
        "confirmed: `synced/` as soon as every target has it",
    ),
    (
        Case::Unproven,
        "any other 2xx: a captive portal's page, 204, an answer that was cut",
        "uncertain: the server is asked for the run, then it is sent again under the same key; where a repeat may be stored twice, only if it says that it has none; five times: `parked/`",
    ),
    (
        Case::Redirect,
        "3xx",
        "never followed; the target rests, the record waits",
    ),
    (
        Case::NoEntry,
        "401 402 403 407: key, permission, quota, proxy",
        "the target rests, or only runs of this procedure; the record waits",
    ),
    (
        Case::Refused,
        "400 404 413 415 422",
        "`parked/` with the server's words",
    ),
    (
        Case::Clash,
        "409",
        "the server is asked for the run: confirmed if it has it, else `parked/` with its words",
    ),
    (
        Case::NotItsAnswer,
        "the same as an HTML page (not 413), or 404 without JSON",
        "waits: it is not the target's answer; twenty times although the server is there: `parked/`",
    ),
    (
        Case::Busy,
        "425 429 503",
        "waits, after `Retry-After` (at most 5 minutes); where a repeat may be stored twice, 503 is as the next row",
    ),
    (Case::Broken, "408 499 5xx", "as any other 2xx, after `Retry-After`"),
    (Case::Odd, "anything else", "waits; five times: `parked/`"),
    (Case::NotSent, "no connection", "waits, for ever: nothing was sent"),
    (
        Case::Lost,
        "nothing, after it was sent",
        "uncertain, as above; twenty times although the server is there: `parked/`",
    ),
];

/// The policy as the README shows it.
#[must_use]
pub fn policy_table() -> String {
    let rows = POLICY
        .iter()
        .map(|(_, answer, becomes)| format!("| {answer} | {becomes} |\n"));
    format!(
        "| the server says | what becomes of the record |\n|---|---|\n{}",
        rows.collect::<String>()
    )
}

impl Case {
    fn of(answer: &Answer) -> Self {
        match answer.status {
            200..=299 if proof(answer).is_ok() => Self::Stored,
            200..=299 => Self::Unproven,
            300..=399 => Self::Redirect,
            401 | 402 | 403 | 407 => Self::NoEntry,
            413 => Self::Refused,
            409 if answer.media != Media::Html => Self::Clash,
            400 | 415 | 422 if answer.media != Media::Html => Self::Refused,
            404 if answer.media == Media::Json => Self::Refused,
            400 | 404 | 409 | 415 | 422 => Self::NotItsAnswer,
            425 | 429 | 503 => Self::Busy,
            408 | 499 | 500..=599 => Self::Broken,
            _ => Self::Odd,
        }
    }
}

/// What an upload's exchange means.
pub(crate) fn verdict(exchange: Exchange, repeat: Repeat) -> Verdict {
    match exchange {
        Exchange::NotSent { reason } => Verdict::Retry {
            after: None,
            patience: Patience::Endless,
            reason: format!("not sent: {reason}"),
        },
        Exchange::Lost { reason } => Verdict::Uncertain {
            after: None,
            patience: Patience::Many,
            reason: format!("no answer: {reason}"),
        },
        Exchange::Answered(answer) => judge(&answer, repeat),
    }
}

fn judge(answer: &Answer, repeat: Repeat) -> Verdict {
    match Case::of(answer) {
        Case::Stored | Case::Unproven => match proof(answer) {
            Ok(remote_id) => Verdict::Confirmed { remote_id },
            Err(reason) => Verdict::Uncertain {
                after: None,
                patience: Patience::Few,
                reason: format!("status {}, but {reason}", answer.status),
            },
        },
        Case::Redirect => Verdict::Pause {
            reason: format!("{}; {REDIRECT}", elsewhere(answer)),
        },
        Case::NoEntry => Verdict::Pause {
            reason: format!("{}; {}", said(answer), what_is_missing(answer.status)),
        },
        Case::Refused => Verdict::Park { reason: said(answer) },
        Case::Clash => Verdict::Clash { reason: said(answer) },
        // a gateway may say it after the server behind it has stored the run
        Case::Broken => broken(answer),
        Case::Busy if answer.status == 503 && repeat == Repeat::MayDouble => broken(answer),
        Case::Busy => retry(answer, Patience::Endless),
        Case::NotItsAnswer => Verdict::Retry {
            after: answer.retry_after,
            patience: Patience::Many,
            reason: format!("{}; this is not the target's answer: is the url right?", said(answer)),
        },
        Case::Odd | Case::NotSent | Case::Lost => retry(answer, Patience::Few),
    }
}

const fn what_is_missing(status: u16) -> &'static str {
    match status {
        401 => "is the API key right?",
        407 => "a proxy wants a login",
        _ => "permission or quota",
    }
}

fn broken(answer: &Answer) -> Verdict {
    Verdict::Uncertain {
        after: answer.retry_after,
        patience: Patience::Few,
        reason: said(answer),
    }
}

/// True where the answer means another thing for a target that may store a repeat twice.
pub(crate) fn depends_on_repeat(exchange: &Exchange) -> bool {
    match exchange {
        Exchange::Answered(answer) => answer.status == 503,
        Exchange::NotSent { .. } | Exchange::Lost { .. } => false,
    }
}

/// Why a redirect is not followed.
pub(crate) const REDIRECT: &str = "not followed: a captive portal, or the target's url is not its real address";

/// The target's name for the run, or why the answer proves nothing.
pub(crate) fn proof(answer: &Answer) -> Result<String, &'static str> {
    let Some(body) = &answer.body else {
        return Err("the answer was cut short");
    };
    match answer.media {
        Media::Json => match serde_json::from_slice::<Stored>(body) {
            Ok(stored) if is_usable_id(&stored.id) => Ok(stored.id),
            Ok(_) | Err(_) => Err("without the id of a run"),
        },
        Media::Html => Err("a page instead of the target's answer (captive portal?)"),
        Media::Other => Err("not as application/json"),
    }
}

/// An id goes into receipts and later into URLs.
pub(crate) fn is_usable_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 200 && id.bytes().all(|byte| byte.is_ascii_graphic())
}

fn retry(answer: &Answer, patience: Patience) -> Verdict {
    Verdict::Retry {
        after: answer.retry_after,
        patience,
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
            said_at: None,
            stored_sha256: None,
            location: None,
            body: Some(body.as_bytes().to_vec()),
        }
    }

    fn word(verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::Confirmed { .. } => "confirmed",
            Verdict::Retry { .. } => "retry",
            Verdict::Park { .. } => "park",
            Verdict::Clash { .. } => "clash",
            Verdict::Pause { .. } => "pause",
            Verdict::Uncertain { .. } => "uncertain",
        }
    }

    const WORDS: &str = r#"{"message":"msg","issues":[{"message":"issue","path":["phases",0]}]}"#;

    #[test]
    fn every_status_has_its_verdict() {
        for (statuses, once, may_double) in [
            (&[400, 404, 413, 415, 422][..], "park", "park"),
            (&[409], "clash", "clash"),
            (&[401, 402, 403, 407, 301, 302, 303, 307, 308], "pause", "pause"),
            (&[425, 429], "retry", "retry"),
            (&[408, 499, 500, 501, 502, 504, 520, 599], "uncertain", "uncertain"),
            (&[503], "retry", "uncertain"),
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
                after: Some(Duration::from_secs(10)),
                patience: Patience::Endless,
                reason: "status 429: {}".into()
            }
        );
    }

    #[test]
    fn the_readme_shows_this_table() {
        let readme = include_str!("../../../README.md");
        assert!(
            readme.contains(&policy_table()),
            "the README lacks:\n{}",
            policy_table()
        );
        // in the order of the cases, none left out
        let cases = POLICY.map(|(case, _, _)| case as usize);
        assert!(cases.into_iter().eq(0..POLICY.len()));
    }
}
