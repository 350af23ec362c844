//! TOML to a procedure, with everything refused that can be known without a station.
//!
//! Reading goes on behind every mistake: a part that is wrong is reported and left out, and counts as written for the
//! checks that look across steps, so that one mistake makes one finding.

mod across;
mod condition;
mod draft;
mod head;
mod kinds;
mod limit;
mod measurement;
mod plan;
mod quantity;
mod range;
mod sampling;
mod setting;
mod steps;
mod sweep;
mod unit;
mod vocabulary;

use crate::model::{Plan, Procedure};
use benchtop_notation::{Diagnostics, Document, Keys};
use draft::{Draft, Section};

/// What a procedure file may hold, for editors.
#[must_use]
pub fn keys() -> &'static Keys {
    vocabulary::FILE.keys
}

/// Reads and checks a procedure; `name` is what messages call the file.
///
/// Warnings come with the procedure: [`Procedure::warnings`].
///
/// # Errors
/// Every mistake in the file, in document order; warnings are among them.
pub fn parse(name: &str, text: &str) -> Result<Procedure, Diagnostics> {
    let (procedure, findings) = read(name, text);
    match procedure {
        Some(procedure) if !findings.has_errors() => Ok(Procedure {
            warnings: findings,
            ..procedure
        }),
        Some(_) | None => Err(findings),
    }
}

/// The `id` of a procedure that may have mistakes elsewhere, `None` where it cannot be read.
#[must_use]
pub fn id_of(name: &str, text: &str) -> Option<String> {
    let (procedure, _mistakes) = read(name, text);
    procedure.map(|procedure| procedure.id)
}

/// Reads as much as can be read, which is whole only if there is no error; nothing where it is not even TOML.
pub(crate) fn read(name: &str, text: &str) -> (Option<Procedure>, Diagnostics) {
    let document = match Document::parse(name, text) {
        Ok(document) => document,
        Err(findings) => return (None, findings),
    };
    let mut draft = Draft::default();
    let root = document.root(&mut draft.sink, &vocabulary::FILE.all());
    vocabulary::FILE.refuse_planned(&mut draft.sink, &root);
    let head = head::procedure(&mut draft.sink, &root).unwrap_or_default();
    let unit_under_test = unit::unit_under_test(&mut draft.sink, &root);
    head::instruments(&mut draft, &root);
    let (setup, setup_plan) = plan::section(&mut draft, &root, Section::Setup);
    let (main, main_plan) = plan::section(&mut draft, &root, Section::Main);
    let (teardown, teardown_plan) = plan::section(&mut draft, &root, Section::Teardown);
    across::check(&mut draft, &root, document.span());

    let instruments = draft
        .instruments
        .into_iter()
        .filter_map(|(name, need)| Some((name, need?)));
    let procedure = Procedure {
        id: head.id,
        version: head.version,
        name: head.name,
        timeout: head.timeout.as_ref().map(|timeout| timeout.value),
        unit_under_test,
        instruments: instruments.collect(),
        setup,
        steps: main,
        teardown,
        plan: Plan {
            setup: setup_plan,
            steps: main_plan,
            teardown: teardown_plan,
        },
        warnings: Diagnostics::new(),
    };
    across::too_little_time(&mut draft.sink, &procedure, head.timeout.as_ref());
    (Some(procedure), draft.sink)
}
