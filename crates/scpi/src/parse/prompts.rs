//! `[commands.prompts]`: what an instrument says behind every message.

use super::check_source;
use crate::{definition::Source, keys};
use benchtop_instrument::Prompts;
use benchtop_notation::{Diagnostic, Diagnostics, Span, Table};

/// Three lines that differ: `ok`, `command_error`, `execution_error`.
pub(super) fn read_prompts(
    commands: &Table<'_>,
    sink: &mut Diagnostics,
    sources: &[Source],
    error_check: &Span,
) -> Option<Prompts> {
    let Some(table) = commands.table(sink, "prompts", &keys::PROMPTS.names()) else {
        let message = "`error_check = \"acknowledge\"` needs [commands.prompts], what it says behind a message";
        sink.push(Diagnostic::error(error_check, message).help("ok, command_error and execution_error, with a source"));
        return None;
    };
    check_source(&table, sink, sources);
    let mut prompt = |key: &str| {
        let text = table.require_string(sink, key)?;
        let is_line =
            !text.value.is_empty() && text.value.trim() == text.value && !text.value.chars().any(char::is_control);
        if !is_line {
            sink.error(
                &text.span,
                "a prompt is a line with something in it, without blanks around it",
            );
        }
        is_line.then_some(text.value)
    };
    let (ok, command_error, execution_error) = (prompt("ok"), prompt("command_error"), prompt("execution_error"));
    let (ok, command_error, execution_error) = (ok?, command_error?, execution_error?);
    if ok == command_error || ok == execution_error || command_error == execution_error {
        sink.error(table.span(), "prompts that are the same say nothing");
        return None;
    }
    Some(Prompts {
        ok,
        command_error,
        execution_error,
    })
}
