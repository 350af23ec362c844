//! The page that shows what arrived.

use super::held::Held;
use crate::http::Reply;
use std::fmt::Write as _;

/// Most runs that the page shows, the newest first.
const MOST: usize = 200;

pub(super) fn page(held: &Held) -> Reply {
    let mut rows = String::new();
    for run in held.runs.iter().rev().take(MOST) {
        let files = held
            .attachments
            .values()
            .filter(|attached| attached.run_id.as_deref() == Some(run.id.as_str()))
            .map(|attached| escaped(&attached.name))
            .collect::<Vec<_>>()
            .join(", ");
        // Writing to a String cannot fail.
        let written = write!(
            rows,
            "<tr><td>{}</td><td>{}</td><td>v{}</td><td>{files}</td><td>{}</td></tr>",
            escaped(run.serial_number()),
            escaped(run.outcome()),
            run.version,
            escaped(&run.id)
        );
        debug_assert!(written.is_ok());
    }
    let body = format!(
        "<!doctype html><meta charset=utf-8><title>Benchtop demo server</title>\
         <h1>What arrived: {} runs</h1><p>This is a stand-in for TofuPilot, for tests and demonstrations. It is no product: \
         it forgets everything when it ends, and believes any key.</p>\
         <table border=1><tr><th>unit</th><th>outcome</th><th>API</th><th>attachments</th><th>id</th></tr>{rows}</table>",
        held.runs.len()
    );
    let mut reply = Reply::new(200, "text/html; charset=utf-8", body.into_bytes());
    reply
        .headers
        .push(("content-security-policy", "default-src 'none'".to_owned()));
    reply
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}
