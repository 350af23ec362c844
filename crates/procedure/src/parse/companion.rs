//! The files that a procedure names: `include` and `limits`.

use super::draft::{Draft, Filed};
use super::vocabulary::{INCLUDED, LIMITS_FILE, LIMITS_OF_PART};
use crate::given::Given;
use crate::model::LimitsFile;
use benchtop_notation::{Diagnostic, Diagnostics, Document, Spanned, Table, Value, suggest};
use std::collections::BTreeSet;

/// The names of the files that a procedure, or a file that it includes, asks for itself.
pub(crate) fn files_of(document: &Document) -> Vec<String> {
    let mut unheard = Diagnostics::new();
    let root = document.root_of_any_keys();
    let included = root.value("include").and_then(|value| value.strings(&mut unheard));
    let limits = root.value("limits").and_then(|value| value.string(&mut unheard));
    let names = included.into_iter().flatten().chain(limits);
    names.map(|name| name.value).collect()
}

/// The included files, each behind those that it includes itself.
pub(super) fn included(sink: &mut Diagnostics, root: &Table<'_>, given: &Given) -> Vec<Document> {
    let mut found = Vec::new();
    let mut taken = BTreeSet::new();
    gather(sink, root, given, (&mut Vec::new(), &mut taken), &mut found);
    found
}

fn gather(
    sink: &mut Diagnostics,
    root: &Table<'_>,
    given: &Given,
    (open, taken): (&mut Vec<String>, &mut BTreeSet<String>),
    found: &mut Vec<Document>,
) {
    let names = root.value("include").and_then(|value| value.strings(sink));
    for name in names.into_iter().flatten() {
        if open.contains(&name.value) {
            sink.error(&name.span, &format!("{} includes itself", name.value));
            continue;
        }
        if !taken.insert(name.value.clone()) {
            sink.error(&name.span, &format!("{} is included for the second time", name.value));
            continue;
        }
        let Some(document) = document(sink, &name, given) else {
            continue;
        };
        open.push(name.value);
        gather(sink, &document.root_of_any_keys(), given, (open, taken), found);
        open.pop();
        found.push(document);
    }
}

/// The root of an included file.
pub(super) fn root_of_included<'d>(sink: &mut Diagnostics, document: &'d Document) -> Table<'d> {
    let root = document.root(sink, &INCLUDED.all());
    INCLUDED.refuse_planned(sink, &root);
    root
}

fn document(sink: &mut Diagnostics, name: &Spanned<String>, given: &Given) -> Option<Document> {
    let reason = match given.files.get(&name.value) {
        Some(companion) => match &companion.text {
            Ok(text) => match Document::parse(&companion.file, text) {
                Ok(document) => return Some(document),
                Err(findings) => {
                    sink.append(findings);
                    return None;
                }
            },
            Err(reason) => reason.as_str(),
        },
        None => "it was not looked for",
    };
    sink.error(&name.span, &format!("cannot read {}: {reason}", name.value));
    None
}

/// The limits file, with its limits for this part in the draft; and every part that it tells apart.
pub(super) fn limits(
    draft: &mut Draft,
    root: &Table<'_>,
    given: &Given,
    part: Option<&str>,
) -> (Option<LimitsFile>, BTreeSet<String>) {
    let mut parts = BTreeSet::new();
    if !root.contains("limits") {
        return (None, parts);
    }
    let Some(name) = root.string(&mut draft.sink, "limits") else {
        draft.is_unreadable = true;
        return (None, parts);
    };
    let Some(document) = document(&mut draft.sink, &name, given) else {
        draft.is_unreadable = true;
        return (None, parts);
    };
    let file = document.root(&mut draft.sink, &LIMITS_FILE.all());
    let revision = file.require_string(&mut draft.sink, "revision");
    if let Some(revision) = revision.as_ref().filter(|revision| revision.value.trim().is_empty()) {
        let message = "the limits have an empty `revision`: records could not say which limits were in force";
        draft.sink.error(&revision.span, message);
    }
    if let Some(value) = file.value("limits") {
        file_away(draft, value, true);
    }
    let variants = file.map(&mut draft.sink, "variants");
    for (part_number, value) in variants.iter().flat_map(Table::entries) {
        let is_chosen = part == Some(part_number.value.as_str());
        parts.insert(part_number.value);
        let Some(table) = LIMITS_OF_PART.open(&mut draft.sink, value) else {
            continue;
        };
        if let Some(value) = table.value("limits") {
            file_away(draft, value, is_chosen);
        }
    }
    let limits = revision.map(|revision| LimitsFile {
        name: name.value,
        revision: revision.value,
    });
    (limits, parts)
}

/// Keeps the limits of a table, where they are in force, over those that were kept before.
fn file_away(draft: &mut Draft, value: Value<'_>, in_force: bool) {
    let Some(table) = value.map(&mut draft.sink) else {
        draft.is_unreadable = true;
        return;
    };
    for (name, limit) in table.entries() {
        if in_force {
            let filed = Filed {
                limit: limit.replaced(&mut |_| None),
                place: limit.span().clone(),
            };
            draft.filed.insert(name.value.clone(), filed);
        }
        draft.filed_names.push(name);
    }
}

/// A limit of the file that is for no measurement, and a measurement that is judged for other parts than this one.
pub(super) fn without_a_measurement(draft: &mut Draft, part: Option<&str>) {
    if draft.is_unreadable {
        return;
    }
    let known: Vec<&str> = draft.measurement_names.keys().map(String::as_str).collect();
    let mut unjudged = BTreeSet::new();
    for name in &draft.filed_names {
        let exists = draft.measurement_names.contains_key(&name.value);
        let is_filed = draft.filed.contains_key(&name.value);
        if part.is_some() && exists && !is_filed && unjudged.insert(name.value.as_str()) {
            let message = format!("`{}` has no limit for this part, and another part has one", name.value);
            let help = "it would go unjudged: write its limit for this part too, or one for all under [limits]";
            draft.sink.push(Diagnostic::error(&name.span, &message).help(help));
        }
        if exists {
            let is_used = draft.filed_used.contains(&name.value) || draft.broken.contains(&name.value);
            if is_filed && !is_used {
                let message = format!("a limits file cannot judge `{}`", name.value);
                let help = "the answer that passes a `yes_no` is written with it, and a time to settle is judged by its `poll`";
                draft.sink.push(Diagnostic::error(&name.span, &message).help(help));
            }
            continue;
        }
        let message = format!("no measurement of the procedure is called `{}`", name.value);
        let mut finding = Diagnostic::error(&name.span, &message);
        if let Some(meant) = suggest(&name.value, known.iter().copied()) {
            finding = finding.help(&format!("did you mean `{meant}`?"));
        }
        draft.sink.push(finding);
    }
}
