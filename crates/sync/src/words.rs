//! What a server said, made fit for a receipt and a terminal: short, on one line, harmless, without the key.

use serde::Deserialize;
use std::fmt::Write as _;

/// Longest text of a server that is repeated, in characters.
const LONGEST: usize = 600;

/// The answer of TofuPilot to a request that it refused; both versions in one.
#[derive(Debug, Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    message: Option<serde_json::Value>,
    #[serde(default)]
    error: Option<serde_json::Value>,
    #[serde(default)]
    issues: Vec<Issue>,
}

#[derive(Debug, Deserialize)]
struct Issue {
    #[serde(default)]
    message: Option<serde_json::Value>,
    #[serde(default)]
    path: Vec<serde_json::Value>,
}

/// The server's words: `message (phases[0].outcome: issue text)`, or the start of the body where it is no JSON.
pub(crate) fn server_words(body: &[u8]) -> String {
    let refusal = serde_json::from_slice::<Refusal>(body).unwrap_or_default();
    let message = refusal
        .message
        .as_ref()
        .and_then(serde_json::Value::as_str)
        .or_else(|| refusal.error.as_ref().and_then(error_text));
    let issues: Vec<String> = refusal.issues.iter().map(issue_text).collect();
    let said = match (message, issues.is_empty()) {
        (Some(message), true) => message.to_owned(),
        (Some(message), false) => format!("{message} ({})", issues.join("; ")),
        (None, false) => issues.join("; "),
        (None, true) => String::from_utf8_lossy(body).into_owned(),
    };
    harmless(&said)
}

/// v1 says `{"error":{"message":".."}}`, some proxies `{"error":".."}`.
fn error_text(error: &serde_json::Value) -> Option<&str> {
    error.as_str().or_else(|| error.get("message")?.as_str())
}

fn issue_text(issue: &Issue) -> String {
    let mut path = String::new();
    for part in &issue.path {
        let separator = if path.is_empty() { "" } else { "." };
        // Writing to a String cannot fail.
        let written = match (part.as_str(), part.as_u64()) {
            (Some(name), _) => write!(path, "{separator}{name}"),
            (None, Some(index)) => write!(path, "[{index}]"),
            (None, None) => write!(path, "{separator}?"),
        };
        debug_assert!(written.is_ok());
    }
    let message = issue
        .message
        .as_ref()
        .and_then(serde_json::Value::as_str)
        .unwrap_or("?");
    match path.is_empty() {
        true => message.to_owned(),
        false => format!("{path}: {message}"),
    }
}

/// One line, no control or direction characters, not too long.
pub(crate) fn harmless(text: &str) -> String {
    let mut out = String::new();
    for (count, c) in text.trim().chars().enumerate() {
        if count == LONGEST {
            out.push_str("...");
            break;
        }
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            _ if c.is_control() || is_invisible(c) => out.extend(c.escape_unicode()),
            _ => out.push(c),
        }
    }
    out
}

/// Characters that reorder or hide text: bidirectional controls, zero-width ones, the byte order mark.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expected: &str) {
        assert_eq!(server_words(body.as_bytes()), expected);
    }

    #[test]
    fn the_servers_words_are_kept() {
        check(
            r#"{"message":"msg 400","code":"BAD_REQUEST","issues":[{"message":"issue text","path":["phases",0,"outcome"]}]}"#,
            "msg 400 (phases[0].outcome: issue text)",
        );
        check(
            r#"{"error":{"message":"no part number"},"warnings":["w1"]}"#,
            "no part number",
        );
        check(r#"{"error":"plain"}"#, "plain");
        check(
            r#"{"issues":[{"message":"too long","path":["serial_number"]}]}"#,
            "serial_number: too long",
        );
        check("Bad Gateway", "Bad Gateway");
        check(r#"{"other":1}"#, r#"{"other":1}"#);
        check("", "");
    }

    #[test]
    fn a_hostile_servers_words_do_nothing_to_a_terminal() {
        let words = server_words("{\"message\":\"a\\u001b[2Jb\\u202ec\\r\\nd\"}".as_bytes());
        assert_eq!(words, "a\\u{1b}[2Jb\\u{202e}c  d");
        assert!(server_words(&vec![b'x'; 100_000]).len() < 700);
    }
}
