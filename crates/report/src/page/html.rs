//! The frame of a page, and texts in it.

use crate::csv::harmless;
use std::borrow::Cow;

/// Most characters of a text on a page: a serial number of a megabyte is not for reading.
const MOST: usize = 2000;

/// A text of a record, so that it stays text in an element and in a quoted attribute.
pub(super) fn text(text: &str) -> String {
    let cut: Cow<'_, str> = if text.chars().nth(MOST).is_some() {
        Cow::Owned(format!("{} [...]", text.chars().take(MOST).collect::<String>()))
    } else {
        Cow::Borrowed(text)
    };
    let mut safe = String::with_capacity(cut.len());
    for c in harmless(&cut).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1a1a1a; --paper: #ffffff; --faint: #5a5a5a; --rule: #c8c8c8; --good: #0a6b2d;
  --bad: #b3141c; --doubt: #7a5200; --zone: #d5ead9; --guard: #f3e3b8; --bar: #33628f; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ececec; --paper: #16181b; --faint: #a9adb3; --rule: #44484e; --good: #6fd08c; --bad: #ff8a8a;
    --doubt: #e6c060; --zone: #234a2e; --guard: #5b4a1d; --bar: #7fb2e6; }
}
@page { margin: 15mm; }
* { box-sizing: border-box; }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0 auto; padding: 1.5rem;
  max-width: 60rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 1.75rem 0 .5rem; } h3 { font-size: 1rem; margin: 1.25rem 0 .4rem; }
p { margin: .3rem 0; } .faint { color: var(--faint); }
.PASS { color: var(--good); font-weight: 700; } .FAIL, .ERROR, .TIMEOUT { color: var(--bad); font-weight: 700; }
.ABORTED, .marginal, .simulated { color: var(--doubt); font-weight: 700; } .SKIP, .UNSET { color: var(--faint); }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--faint); padding-bottom: .25rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--rule); }
thead th { color: var(--faint); font-weight: 600; overflow-wrap: normal; } td.number, th.number { text-align: right; white-space: nowrap; padding: .3rem .5rem .3rem 0; }
svg { max-width: 100%; height: auto; display: block; } section > svg { margin: .2rem 0 1.1rem; } .picture { margin: .9rem 0 0; }
svg text { fill: var(--ink); font: 11px system-ui, sans-serif; }
.axis { stroke: var(--rule); } .zone { fill: var(--zone); } .guard { fill: var(--guard); } .bar { fill: var(--bar); }
.limit { stroke: var(--bad); stroke-dasharray: 5 3; fill: none; } .line { stroke: var(--bar); fill: none; stroke-width: 1.5; }
.centre { stroke: var(--faint); fill: none; } .course { stroke: var(--doubt); stroke-width: 2; stroke-dasharray: 2 3; } .mark { stroke: var(--ink); stroke-width: 2.5; } .out { fill: var(--bad); } .dot { fill: var(--bar); }
section { break-inside: avoid-page; }
@media screen { main { overflow-x: auto; } }
@media print { :root { --ink: #000; --paper: #fff; --faint: #444; --rule: #bbb; --good: #0a6b2d; --bad: #b3141c; --doubt: #7a5200;
  --zone: #d5ead9; --guard: #f3e3b8; --bar: #33628f; } body { padding: 0; max-width: none; font-size: 10pt; }
  section > svg { max-width: 29rem; margin: 0 0 .4rem; } .picture { margin: .4rem 0 0; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } tr, svg { break-inside: avoid; } }
";

/// A whole page; `title` is a text, `body` is made of safe parts.
pub(super) fn page(title: &str, body: &str) -> String {
    let title = text(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, \
         initial-scale=1\">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

/// A table: a caption, the heads of its columns (`>` in front: numbers), and rows of safe cells.
pub(super) fn table(caption: &str, heads: &[&str], rows: &[Vec<String>]) -> String {
    let is_number = |head: &str| head.starts_with('>');
    let class = |head: &str| if is_number(head) { " class=\"number\"" } else { "" };
    let head: String = heads
        .iter()
        .map(|head| {
            format!(
                "<th scope=\"col\"{}>{}</th>",
                class(head),
                text(head.trim_start_matches('>'))
            )
        })
        .collect();
    let rows: String = rows
        .iter()
        .map(|row| {
            let cells = row
                .iter()
                .zip(heads)
                .map(|(cell, head)| format!("<td{}>{cell}</td>", class(head)));
            format!("<tr>{}</tr>\n", cells.collect::<String>())
        })
        .collect();
    let caption = text(caption);
    format!(
        "<table>\n<caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n"
    )
}

/// An outcome's word in its colour.
pub(super) fn outcome(word: &str) -> String {
    format!("<span class=\"{word}\">{word}</span>")
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn a_text_stays_a_text() {
        for (given, expected) in [
            ("UNIT-5501", "UNIT-5501"),
            ("<b>&\"'", "&lt;b&gt;&amp;&quot;&#39;"),
            ("\u{202e}\u{1b}", "\\u{202e}\\u{1b}"),
            ("\" onload=\"x", "&quot; onload=&quot;x"),
            ("µV \u{3a9}", "µV \u{3a9}"),
        ] {
            assert_eq!(text(given), expected);
        }
        assert!(text(&"x".repeat(1 << 20)).len() < 3000);
    }
}
