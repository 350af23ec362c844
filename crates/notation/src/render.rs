//! Findings as people and editors read them.
//!
//! annotate-snippets draws the excerpts. It gets the one line that matters and not the file, so that its cost does not grow
//! with the file, and that line with every character a terminal would act on, and every one of a secret, replaced one for one,
//! so that columns stay right.

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use std::ops::Range;

use crate::escape::{escape, picture};
use crate::{Diagnostic, Diagnostics, Severity};

/// A line of more bytes is not drawn: nobody wrote it by hand, and each finding in it would cost as much as all of it.
const LONGEST: usize = 4096;

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
    let group = Group::with_title(level.primary_title(finding.message()));
    let source = finding.span().source();
    let excerpt = finding.span().excerpt();
    let group = if source.text().is_empty() {
        group.element(Origin::path(name))
    } else if excerpt.text.len() > LONGEST {
        let place = Origin::path(name).line(excerpt.line);
        group.element(place.char_column(finding.column()))
    } else {
        let secret_from = excerpt.secret_from(source).unwrap_or(excerpt.text.len());
        let drawn = |range: Range<usize>| {
            let shown = excerpt.text.char_indices().filter(move |(at, _)| range.contains(at));
            shown.map(
                move |(at, character)| match at >= secret_from && !character.is_whitespace() {
                    true => '*',
                    false => picture(character),
                },
            )
        };
        let place = |at: usize| drawn(0..at).map(char::len_utf8).sum();
        let caret = AnnotationKind::Primary
            .span(place(excerpt.range.start)..place(excerpt.range.end))
            .label(finding.label_text());
        let text: String = drawn(0..excerpt.text.len()).collect();
        group.element(
            Snippet::source(text)
                .line_start(excerpt.line)
                .path(name)
                .annotation(caret),
        )
    };
    match finding.help_text() {
        Some(help) => group.element(Level::HELP.message(help)),
        None => group,
    }
}
