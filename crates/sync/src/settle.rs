//! What the list of a unit's runs says about one of ours.
//!
//! A run is known by the instant at which it started, to the millisecond (servers keep no more): one unit cannot start
//! twice in it. The list is `{"data":[..]}` in v2, `[..]` or `{"result":[..]}` in v1.

use crate::http::{Answer, Exchange, Media};
use crate::policy::{REDIRECT, elsewhere, is_usable_id, said};
use crate::target::Settled;
use chrono::{DateTime, Utc};
use serde_json::Value;

/// Looks for the run of this id, which started at `started_at`.
pub(crate) fn found_in_list(exchange: Exchange, started_at: DateTime<Utc>, run_id: &str) -> Settled {
    let answer = match exchange {
        Exchange::NotSent { reason } | Exchange::Lost { reason } => return Settled::NotNow { reason },
        Exchange::Answered(answer) => answer,
    };
    match (answer.status, answer.media) {
        (200..=299, Media::Json) => match &answer.body {
            Some(body) => listed(body, started_at, run_id),
            // what was cut now need not be cut the next time; one that is too long is asked for only so often
            None => Settled::NotNow {
                reason: "the list of the unit's runs was cut short or is too long".into(),
            },
        },
        (300..=399, _) => Settled::NotNow {
            reason: format!("{}; {REDIRECT}", elsewhere(&answer)),
        },
        _ if is_never_answered(&answer) => unknown(&answer),
        _ => Settled::NotNow { reason: said(&answer) },
    }
}

/// The question is not allowed or not known: it will not be tomorrow either.
pub(crate) fn is_never_answered(answer: &Answer) -> bool {
    matches!(
        (answer.status, answer.media),
        (400 | 403..=405 | 422, Media::Json | Media::Other)
    )
}

fn unknown(answer: &Answer) -> Settled {
    Settled::Unknown {
        reason: format!("the server does not list the unit's runs: {}", said(answer)),
    }
}

fn listed(body: &[u8], started_at: DateTime<Utc>, run_id: &str) -> Settled {
    let Ok(list) = serde_json::from_slice::<Value>(body) else {
        return Settled::Unknown {
            reason: "the list of the unit's runs is not JSON".into(),
        };
    };
    let Some(runs) = runs_in(&list) else {
        return Settled::Unknown {
            reason: "the server's answer holds no list of runs".into(),
        };
    };
    let ours = runs
        .iter()
        .find(|run| started(run) == Some(started_at.timestamp_millis()) && !is_anothers(run, run_id));
    let id = ours.and_then(|run| run.get("id")?.as_str());
    if let Some(remote_id) = id.filter(|id| is_usable_id(id)) {
        return Settled::Confirmed {
            remote_id: remote_id.to_owned(),
        };
    }
    let more = list.get("meta").and_then(|meta| meta.get("has_more")?.as_bool());
    // a list that does not say that it is whole may be the first page of many
    let is_whole = runs.is_empty() || more == Some(false);
    if ours.is_some() || !is_whole || runs.iter().any(|run| started(run).is_none()) {
        return Settled::Unknown {
            reason: "the server's list of the unit's runs does not tell them apart".into(),
        };
    }
    Settled::Absent
}

/// The runs that an answer lists; nothing where it is no list of them.
pub(crate) fn runs_in(list: &Value) -> Option<&Vec<Value>> {
    let runs = [Some(list), list.get("data"), list.get("result")];
    runs.into_iter().flatten().find_map(Value::as_array)
}

/// True of a listed run that says that it is another one's: a clock that stands still lets a unit start twice in one instant.
fn is_anothers(run: &Value, run_id: &str) -> bool {
    let named = [
        run.get("client_run_ref"),
        run.get("metadata").and_then(|all| all.get("run_uid")),
    ];
    named
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .any(|id| id != run_id)
}

/// When a listed run started, in Unix milliseconds.
fn started(run: &Value) -> Option<i64> {
    let text = run.get("started_at").or_else(|| run.get("startedAt"))?.as_str()?;
    let time = DateTime::parse_from_rfc3339(text).ok()?;
    Some(time.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

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

    fn check(status: u16, media: Media, body: &str, expected: &str) {
        let answer = answer(status, media, body);
        let started_at = "2026-03-04T05:06:07.123456Z".parse().unwrap();
        let word = match found_in_list(Exchange::Answered(answer), started_at, "ours-1") {
            Settled::Confirmed { remote_id } => remote_id,
            Settled::Absent => "absent".into(),
            Settled::Unknown { .. } => "unknown".into(),
            Settled::NotNow { .. } => "not now".into(),
        };
        assert_eq!(word, expected, "{status} {body}");
    }

    #[test]
    fn a_run_is_known_by_its_start() {
        let ours = r#"{"id":"ours","started_at":"2026-03-04T05:06:07.123Z"}"#;
        let other = r#"{"id":"other","started_at":"2026-03-04T05:06:07.124Z"}"#;
        let json = Media::Json;
        check(200, json, &format!("[{other},{ours}]"), "ours");
        check(
            200,
            json,
            &format!(r#"{{"data":[{ours}],"meta":{{"has_more":true}}}}"#),
            "ours",
        );
        check(200, json, &format!(r#"{{"success":true,"result":[{ours}]}}"#), "ours");
        check(200, json, "[]", "absent");
        // it began in the same instant, and says that it is another one
        let twin = r#"{"id":"twin","started_at":"2026-03-04T05:06:07.123Z","client_run_ref":"ours-2"}"#;
        check(200, json, &format!("[{twin},{ours}]"), "ours");
        let twin = twin.replace(r#""client_run_ref":"ours-2""#, r#""metadata":{"run_uid":"ours-2"}"#);
        check(
            200,
            json,
            &format!(r#"{{"data":[{twin}],"meta":{{"has_more":false}}}}"#),
            "absent",
        );
        let named = ours.replace('}', r#","client_run_ref":"ours-1"}"#);
        check(200, json, &format!("[{named}]"), "ours");
        check(
            200,
            json,
            &format!(r#"{{"data":[{other}],"meta":{{"has_more":false}}}}"#),
            "absent",
        );
        check(
            200,
            json,
            &format!(r#"{{"data":[{other}],"meta":{{"has_more":true}}}}"#),
            "unknown",
        );
        check(200, json, r#"[{"id":"x"}]"#, "unknown");
        check(200, json, r#"[{"started_at":"2026-03-04T05:06:07.123Z"}]"#, "unknown");
        for id in ["", " ", "a/../b c", "\u{e9}"] {
            let hollow = format!(r#"[{{"id":"{id}","started_at":"2026-03-04T05:06:07.123Z"}}]"#);
            check(200, json, &hollow, "unknown");
        }
        check(200, json, "{}", "unknown");
        check(403, json, r#"{"message":"Stations cannot read runs"}"#, "unknown");
        check(404, Media::Other, "", "unknown");
        let cut = Answer {
            body: None,
            ..answer(200, json, "")
        };
        assert!(matches!(
            found_in_list(Exchange::Answered(cut), DateTime::default(), "ours-1"),
            Settled::NotNow { .. }
        ));
        for (status, media) in [
            (401, json),
            (500, json),
            (302, json),
            (200, Media::Html),
            (404, Media::Html),
            (429, json),
        ] {
            check(status, media, "[]", "not now");
        }
    }
}
