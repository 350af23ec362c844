//! `exec = { ... }`: a command of the station's computer.

use super::{
    super::{
        draft::Draft,
        head,
        judging::{limit_of_no_reading, limit_place},
        limit,
    },
    extract,
    keys::{ATTACHMENT, EXEC, EXEC_MEASUREMENT, EXIT_CODE},
};
use crate::{
    kinds::{AttachmentRequest, Exec},
    limit::Limit,
    model::Measurement,
    said::{Extract, Place, Speaker},
    value::{Value as Measured, ValueKind},
};
use benchtop_instrument::{BaseUnit, Decimal, Unit};
use benchtop_notation::{Diagnostic, Diagnostics, Span, Spanned, Table, Value, one_of};
use std::path::{Component, Path};

/// A file that is kept has at most so many bytes, unless the procedure says otherwise.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// Reads an `exec`. `None` where it is wrong, which was reported.
pub(in crate::parse) fn exec(
    draft: &mut Draft,
    value: Value<'_>,
    step: &str,
    name: Option<&Spanned<String>>,
) -> Option<Exec> {
    let table = EXEC.open(&mut draft.sink, value)?;
    // an exit code is always judged
    draft.has_limit = true;
    let argv = argv(&mut draft.sink, &table, step);
    let exit_code = exit_code(draft, &table, name);
    let measurements = extract::all(draft, &table, &EXEC_MEASUREMENT, step, place);
    let attachments = attachments(&mut draft.sink, &table, step);
    let mut all = vec![exit_code?];
    all.extend(measurements?);
    let (argv, place) = argv?;
    Some(Exec {
        argv,
        place,
        attachments: attachments?,
        measurements: all,
    })
}

fn argv(sink: &mut Diagnostics, table: &Table<'_>, step: &str) -> Option<(Vec<String>, Span)> {
    let value = table.require(sink, "argv")?;
    let argv = value.strings(sink)?;
    let Some(program) = argv.first() else {
        sink.error(value.span(), &format!("{step}: `argv` is empty"));
        return None;
    };
    if program.value.trim().is_empty() {
        sink.error(&program.span, &format!("{step}: the program has no name"));
        return None;
    }
    if argv.len() == 1 && program.value.contains(' ') {
        let message = format!("{step}: there is no program of this name, and no shell that takes it apart");
        let words: Vec<String> = program
            .value
            .split_whitespace()
            .map(|word| format!("\"{word}\""))
            .collect();
        let help = format!("write each argument by itself: argv = [{}]", words.join(", "));
        sink.push(Diagnostic::error(&program.span, &message).help(&help));
        return None;
    }
    if let Some(strange) = argv.iter().find(|word| word.value.contains('\0')) {
        sink.error(&strange.span, &format!("{step}: an argument cannot hold a NUL"));
        return None;
    }
    let place = program.span.clone();
    Some((argv.into_iter().map(|word| word.value).collect(), place))
}

fn exit_code(draft: &mut Draft, table: &Table<'_>, step_name: Option<&Spanned<String>>) -> Option<Measurement> {
    let zero = Limit {
        equals: Some(Measured::Number(Decimal::ZERO)),
        ..Limit::default()
    };
    let written = match table.value("exit_code") {
        Some(value) => Some(EXIT_CODE.open(&mut draft.sink, value)?),
        None => None,
    };
    let own = written.filter(|table| table.contains("name"));
    let name = match &own {
        Some(own) => own
            .string(&mut draft.sink, "name")
            .and_then(|name| head::title(&mut draft.sink, "name", name))?,
        None => step_name?.clone().map(|name| format!("{name} exit code")),
    };
    draft.claim_measurement_name(&name);
    let label = format!("measurement \"{}\"", name.value);
    let unit = Unit::of(BaseUnit::One);
    let reader = limit::Reader {
        label: &label,
        kind: ValueKind::Number,
        unit: Some(unit),
    };
    // where it is not written at all, the limits file may have one
    let holder = written.unwrap_or(*table);
    let limit = limit_of_no_reading(draft, &holder, Some(&name), reader)?.map_or(zero, |written| written.limit);
    let judged_at = limit_place(draft, &holder, Some(&name));
    let source = Extract {
        speaker: Speaker::ExitCode,
        place: Place::Whole,
    };
    let place = written.map_or(table.span(), |written| written.span());
    let measurement = Measurement::of_words(name.value, source, ValueKind::Number, unit, Some(limit), place);
    Some(measurement.judged_at(judged_at))
}

/// Where in a command's output a value is.
fn place(sink: &mut Diagnostics, table: &Table<'_>, label: &str) -> Option<(Speaker, Place)> {
    let speaker = match table.contains("from") {
        true => {
            let word = table.string(sink, "from")?;
            let streams = [("stdout", Speaker::Output), ("stderr", Speaker::ErrorOutput)];
            one_of(sink, "stream", &word, &streams)?
        }
        false => Speaker::Output,
    };
    match (table.contains("pattern"), table.contains("json")) {
        (true, true) => {
            let place = table.key_span("json").unwrap_or(table.span());
            sink.error(
                place,
                &format!("{label}: a value is found by `pattern` or by `json`, not by both"),
            );
            None
        }
        (false, false) => {
            let message = format!("{label}: where in the output is it?");
            let help = "`pattern` finds it by a regular expression, `json` by a JSON pointer";
            sink.push(Diagnostic::error(table.span(), &message).help(help));
            None
        }
        (true, false) => {
            let search = extract::search(sink, table, "pattern", label)?;
            let group = extract::group(sink, table, &search, label)?;
            Some((speaker, Place::Match(search, group)))
        }
        (false, true) => {
            let pointer = table.string(sink, "json")?;
            if let Some(span) = table.key_span("group") {
                sink.error(span, &format!("{label}: `group` is for a `pattern`"));
                return None;
            }
            if !pointer.value.is_empty() && !pointer.value.starts_with('/') {
                let message = format!("{label}: a JSON pointer begins with a /");
                sink.push(Diagnostic::error(&pointer.span, &message).help("\"/rails/0/voltage\", for example"));
                return None;
            }
            Some((speaker, Place::Json(pointer.value)))
        }
    }
}

fn attachments(sink: &mut Diagnostics, table: &Table<'_>, step: &str) -> Option<Vec<AttachmentRequest>> {
    let Some(value) = table.value("attachments") else {
        return Some(Vec::new());
    };
    let tables = ATTACHMENT.open_each(sink, value)?;
    let mut attachments: Vec<AttachmentRequest> = Vec::new();
    for table in &tables {
        let path = table.require_string(sink, "path")?;
        let is_inside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if path.value.is_empty() || !Path::new(&path.value).components().all(is_inside) {
            let message = format!("{step}: an attachment lies in the procedure's folder, or below it");
            sink.push(Diagnostic::error(&path.span, &message).help("a relative path without `..`"));
            return None;
        }
        if attachments.iter().any(|known| known.path == path.value) {
            sink.error(
                &path.span,
                &format!("{step}: this attachment is here for the second time"),
            );
            return None;
        }
        let most = match table.contains("most_bytes") {
            true => {
                let most = table.integer(sink, "most_bytes")?;
                let bytes = u64::try_from(most.value).ok().filter(|bytes| *bytes > 0);
                if bytes.is_none() {
                    sink.error(&most.span, "`most_bytes` is above 0");
                }
                bytes?
            }
            false => MOST_BYTES,
        };
        attachments.push(AttachmentRequest { path: path.value, most });
    }
    Some(attachments)
}
