//! How a model behaves on its serial interface, where it has one.

use benchtop_notation::{Diagnostics, Table, one_of};

/// What its answers end in: `[serial] answers_end_in`, LF where nothing is said.
pub(super) fn terminator(root: &Table<'_>, sink: &mut Diagnostics) -> &'static [u8] {
    let choices: [(&str, &'static [u8]); 3] = [("LF", b"\n"), ("CRLF", b"\r\n"), ("CR", b"\r")];
    let said = root
        .table(sink, "serial", &["answers_end_in"])
        .and_then(|serial| serial.require_string(sink, "answers_end_in"))
        .and_then(|word| one_of(sink, "terminator", &word, &choices));
    said.unwrap_or(b"\n")
}
