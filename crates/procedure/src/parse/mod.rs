//! TOML to a procedure, with everything refused that can be known without a station.
//!
//! Reading goes on behind every mistake: a part that is wrong is reported and left out, and counts as written for the
//! checks that look across steps, so that one mistake makes one finding.

mod across;
mod companion;
mod condition;
mod draft;
mod head;
mod judging;
mod kinds;
mod limit;
mod lock;
mod measurement;
mod parameter;
mod plan;
mod quantity;
mod range;
mod reduce;
mod sampling;
mod setting;
mod steps;
mod sweep;
mod switching;
mod unit;
mod vocabulary;

use crate::given::Given;
use crate::model::{Plan, Procedure};
use crate::slots::FixtureSteps;
use crate::written::Written;
use benchtop_notation::{Diagnostic, Diagnostics, Document, Keys, Table};
pub(crate) use companion::files_of;
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
    parse_with(name, text, &Given::default())
}

/// As [`parse`], with what the run and the station say and the files that the procedure names.
///
/// # Errors
/// Every mistake in the files and in what was given; warnings are among them.
pub fn parse_with(name: &str, text: &str, given: &Given) -> Result<Procedure, Diagnostics> {
    Written::new(name, text).read(given).into_result()
}

/// The `id` of a procedure that may have mistakes elsewhere, empty where its head is wrong.
pub(crate) fn id_of(document: &Document) -> String {
    let mut unheard = Diagnostics::new();
    let root = document.root_of_any_keys();
    head::procedure(&mut unheard, &root).unwrap_or_default().id
}

/// Reads as much as can be read, which is whole only if there is no error.
pub(crate) fn read(document: &Document, given: &Given) -> (Procedure, Diagnostics) {
    let mut draft = Draft::default();
    let root = document.root(&mut draft.sink, &vocabulary::FILE.all());
    vocabulary::FILE.refuse_planned(&mut draft.sink, &root);
    let head = head::procedure(&mut draft.sink, &root).unwrap_or_default();
    let unit_under_test = unit::unit_under_test(&mut draft.sink, &root);
    head::instruments(&mut draft, &root);
    let part = given.part_number.as_ref().or(unit_under_test.part_number.as_ref());
    let part = part.map(String::as_str);
    let chosen = parameter::all(&mut draft.sink, &root, given, part);
    let parameters = chosen.bindings.iter();
    let parameters = parameters.map(|binding| (binding.name.clone(), binding.value.clone()));
    let parameters = parameters.collect();
    draft.given = chosen.bindings;
    let (limits, mut parts) = companion::limits(&mut draft, &root, given, part);
    parts.extend(chosen.parts);
    let variant = part.filter(|_| !parts.is_empty());
    if let Some(part) = variant.filter(|part| !parts.contains(*part)) {
        let known: Vec<&str> = parts.iter().map(String::as_str).collect();
        let place = ["variants", "limits"].into_iter().find_map(|key| root.key_span(key));
        let finding = Diagnostic::error(
            place.unwrap_or_else(|| document.span()),
            &format!("there is no variant for part `{part}`"),
        );
        let help = format!("there are {}", known.join(", "));
        draft.sink.push(finding.help(&help));
    }
    let documents = companion::included(&mut draft.sink, &root, given);
    let included: Vec<Table<'_>> = documents
        .iter()
        .map(|document| companion::root_of_included(&mut draft.sink, document))
        .collect();
    // what is shared is set up first and put back last
    let before: Vec<Table<'_>> = included.iter().copied().chain([root]).collect();
    let behind: Vec<Table<'_>> = before.iter().rev().copied().collect();
    let setup = plan::section(&mut draft, &before, Section::Setup);
    let main = plan::section(&mut draft, &before, Section::Main);
    let teardown = plan::section(&mut draft, &behind, Section::Teardown);
    companion::without_a_measurement(&mut draft, variant);
    across::check(
        &mut draft,
        &before,
        root.key_span("procedure").unwrap_or(document.span()),
    );
    let variant = variant.map(str::to_owned);

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
        fixture: FixtureSteps {
            setup: setup.fixture_steps,
            setup_nodes: setup.fixture_nodes,
            teardown: teardown.fixture_steps,
            teardown_nodes: teardown.fixture_nodes,
        },
        setup: setup.steps,
        steps: main.steps,
        teardown: teardown.steps,
        plan: Plan {
            setup: setup.nodes,
            steps: main.nodes,
            teardown: teardown.nodes,
        },
        parameters,
        parts,
        variant,
        limits,
        warnings: Diagnostics::new(),
    };
    lock::check(&mut draft.sink, &procedure);
    across::too_little_time(&mut draft.sink, &procedure, head.timeout.as_ref());
    (procedure, draft.sink)
}
