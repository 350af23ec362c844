//! What proving a test has shown, for people and for programs.

use super::{Proof, ProvedLimit};
use crate::{
    args::CheckFormat,
    check::as_annotation,
    terminal::{self, BAD, DOUBTFUL, GOOD, Line, PLAIN, QUIET},
};
use benchtop_notation::{Diagnostic, Span};
use benchtop_run::RunOutcome;

/// How many faults are named behind a limit.
const NAMED: usize = 2;

pub(crate) fn show(proof: &Proof, file: &str, format: CheckFormat) {
    match format {
        CheckFormat::Human => show_human(proof),
        CheckFormat::Json => {
            proof.limits.iter().for_each(|limit| terminal::emit(&as_json(limit)));
            for fault in &proof.uncaught {
                terminal::emit(&serde_json::json!({ "file": file, "not_caught": fault }).to_string());
            }
        }
        CheckFormat::Github => {
            for fault in &proof.uncaught {
                let message = format!("no limit catches this fault: {fault}");
                terminal::emit(&as_annotation(&Diagnostic::warning(&Span::of_file(file), &message)));
            }
        }
    }
}

fn show_human(proof: &Proof) {
    let head = format!(
        "{} limits, {} faults of units and instruments, {} runs on {}",
        proof.limits.len(),
        proof.faults,
        proof.trials,
        proof.bench
    );
    terminal::say(&Line::new().add(PLAIN, &head));
    let width = |text: &dyn Fn(&ProvedLimit) -> String| {
        let widths = proof.limits.iter().map(|limit| text(limit).chars().count());
        widths.max().unwrap_or_default() + 2
    };
    let name = width(&ProvedLimit::called);
    let bound = width(&|limit| limit.bound.to_string());
    for limit in &proof.limits {
        let (style, word) = match (limit.moved, limit.tripped_by.is_empty()) {
            (RunOutcome::Fail, false) => (GOOD, "proved"),
            (RunOutcome::Fail, true) => (DOUBTFUL, "no fault"),
            (RunOutcome::Pass | RunOutcome::Error | RunOutcome::Timeout | RunOutcome::Aborted, _) => {
                (BAD, "not judged")
            }
        };
        let line = Line::new()
            .add(PLAIN, "  ")
            .column(style, word, 12)
            .column(PLAIN, &limit.called(), name)
            .column(PLAIN, limit.side.word(), 6)
            .column(PLAIN, &limit.bound.to_string(), bound);
        terminal::say(&line.add(QUIET, &tripped_by(limit)));
    }
    for fault in &proof.uncaught {
        let line = Line::new().add(PLAIN, "  ").column(DOUBTFUL, "not caught", 12);
        terminal::say(&line.add(PLAIN, fault));
    }
}

fn tripped_by(limit: &ProvedLimit) -> String {
    let named: Vec<&str> = limit.tripped_by.iter().take(NAMED).map(String::as_str).collect();
    match limit.tripped_by.len().saturating_sub(NAMED) {
        0 => named.join("; "),
        more => format!("{}; and {more} more", named.join("; ")),
    }
}

fn as_json(limit: &ProvedLimit) -> String {
    serde_json::json!({
        "slot": limit.slot,
        "measurement": limit.measurement,
        "limit": limit.side.word(),
        "bound": limit.bound.to_string(),
        "moved_across": limit.moved.word(),
        "tripped_by": limit.tripped_by,
    })
    .to_string()
}
