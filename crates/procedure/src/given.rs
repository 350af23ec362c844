//! What a procedure file is read with: what the run, the unit and the station say, and the files that it names.

use benchtop_notation::Spanned;
use std::collections::BTreeMap;

/// Everything beside the text of a procedure that decides what it becomes.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// The unit's part number; where there is none, the procedure's own.
    pub part_number: Option<String>,
    /// Parameters that the run was given, by name: they go before all others. One that the procedure does not have is refused.
    pub named: BTreeMap<String, Spanned<String>>,
    /// What the station says of parameters; those that the procedure does not have are not looked at.
    pub station: BTreeMap<String, Spanned<String>>,
    /// The files that the procedure names, by the names as written there.
    pub files: BTreeMap<String, Companion>,
}

/// A file that a procedure names.
#[derive(Clone, Debug)]
pub struct Companion {
    /// What messages call it.
    pub file: String,
    /// What it holds, or why it cannot be read.
    pub text: Result<String, String>,
}
