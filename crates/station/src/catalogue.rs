//! What instruments there are: texts by name, parsed when they are asked for.
//!
//! The shipped definitions come embedded in the binary; a directory of the user's adds to them or overrides them by name.
//! Nothing here opens a file: callers hand over (name, text) pairs.

use benchtop_notation::{Diagnostic, Diagnostics, Spanned, suggest};
use benchtop_scpi::Definition;
use std::{collections::BTreeMap, sync::Arc};

/// Where a text came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Shipped in the binary.
    Shipped,
    /// The user's directory.
    User(String),
}

/// One text of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// How messages call it: `instruments/keysight/34461a/driver.toml`.
    pub file: String,
    /// The text.
    pub text: String,
    /// Its SHA-256 in hex, for the record.
    pub sha256: String,
    /// Where it came from.
    pub origin: Origin,
}

/// The texts by kind and name.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// `driver.toml` by `<vendor>/<model>`.
    pub drivers: BTreeMap<String, Entry>,
    /// `sim.toml` by `<vendor>/<model>`.
    pub models: BTreeMap<String, Entry>,
    /// Simulated benches by name.
    pub benches: BTreeMap<String, Entry>,
}

impl Catalogue {
    /// Parses the driver that `name` names.
    ///
    /// # Errors
    /// An unknown name at its place in the file that wrote it, or every mistake of the definition.
    pub fn driver(&self, name: &Spanned<String>) -> Result<Arc<Definition>, Diagnostics> {
        let Some(entry) = self.drivers.get(&name.value) else {
            let mut sink = Diagnostics::new();
            let finding = Diagnostic::error(&name.span, &format!("there is no driver `{}`", name.value));
            let known = self.drivers.keys().map(String::as_str);
            let help = match suggest(&name.value, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known: {}", self.drivers.keys().cloned().collect::<Vec<_>>().join(", ")),
            };
            sink.push(finding.help(&help));
            return Err(sink);
        };
        benchtop_scpi::parse(&name.value, &entry.file, &entry.text).map(Arc::new)
    }
}
