//! Findings as people and editors read them.
//!
//! annotate-snippets draws the excerpts. It gets the one line that matters and not the file, so that its cost does not grow
//! with the file, and that line with every character a terminal would act on, and every one of a secret, replaced one for one,
//! so that columns stay right.

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::escape::{escape, picture};
use crate::veil::secrets;
use crate::{Diagnostic, Diagnostics, Severity};

pub(crate) fn short(findings: &Diagnostics) -> String {
    let mut out = String::new();
    for finding in findings {
        let name = escape(finding.file());
        let (line, column, severity) = (finding.line(), finding.column(), finding.severity());
        out.push_str(&format!("{name}:{line}:{column}: {severity}: {}", finding.message()));
        if let Some(help) = finding.help_text() {
            out.push_str("; ");
            out.push_str(help);
        }
        out.push('\n');
    }
    out.push_str(&rest(findings));
    out
}

pub(crate) fn human(findings: &Diagnostics, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut out = String::new();
    for finding in findings {
        out.push_str(&renderer.render(&[report(finding)]));
        out.push_str("\n\n");
    }
    out.push_str(&rest(findings));
    out
}

fn rest(findings: &Diagnostics) -> String {
    match findings.left_out() {
        0 => String::new(),
        more => format!("and {more} more findings, not shown\n"),
    }
}

fn report(finding: &Diagnostic) -> Group<'_> {
    let level = match finding.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let name = escape(finding.file());
    let mut group = Group::with_title(level.primary_title(finding.message()));
    if finding.span().source().text().is_empty() {
        group = group.element(Origin::path(name));
    } else {
        let excerpt = finding.span().excerpt();
        let drawn = drawn(excerpt.text);
        let place = |at: usize| drawn.iter().filter(|(of, _)| *of < at).map(|(_, c)| c.len_utf8()).sum();
        let caret = AnnotationKind::Primary
            .span(place(excerpt.range.start)..place(excerpt.range.end))
            .label(finding.label_text());
        let text: String = drawn.iter().map(|(_, character)| character).collect();
        group = group.element(
            Snippet::source(text)
                .line_start(excerpt.line)
                .path(name)
                .annotation(caret),
        );
    }
    match finding.help_text() {
        Some(help) => group.element(Level::HELP.message(help)),
        None => group,
    }
}

/// What is shown of a line: a character for each of its own, with the byte at which that begins.
fn drawn(line: &str) -> Vec<(usize, char)> {
    let mut secrets = secrets(line).into_iter().peekable();
    let mut hidden_until = 0;
    let shown = line.char_indices().map(|(at, character)| {
        while let Some(secret) = secrets.next_if(|secret| secret.start <= at) {
            hidden_until = hidden_until.max(secret.end);
        }
        match at < hidden_until {
            true => (at, '*'),
            false => (at, picture(character)),
        }
    });
    shown.collect()
}
