//! What instruments there are: texts by name, parsed when they are asked for.
//!
//! The shipped definitions come embedded in the binary; a directory of the user's adds to them or overrides them by name.
//! Nothing here opens a file: callers hand over (name, text) pairs.

use benchtop_notation::{Diagnostic, Diagnostics, Document, Spanned, suggest};
use benchtop_scpi::Definition;
use benchtop_sim::{Bench, Model};
use sha2::{Digest, Sha256};
use std::{borrow::Cow, collections::BTreeMap, ops::Deref, sync::Arc};

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
    pub text: EntryText,
    /// Where it came from.
    pub origin: Origin,
}

/// A text of the catalogue, read as a `str`. A shipped one is not copied out of the binary, nor looked at before it is asked
/// for: a run uses few of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryText(Cow<'static, [u8]>);

impl EntryText {
    /// Of bytes that are UTF-8; anything else reads as nothing.
    #[must_use]
    pub const fn of(bytes: Cow<'static, [u8]>) -> Self {
        Self(bytes)
    }
}

impl From<String> for EntryText {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text.into_bytes()))
    }
}

impl From<&'static str> for EntryText {
    fn from(text: &'static str) -> Self {
        Self(Cow::Borrowed(text.as_bytes()))
    }
}

impl Deref for EntryText {
    type Target = str;

    fn deref(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Entry {
    /// The SHA-256 of the text in hex, for the record.
    #[must_use]
    pub fn sha256(&self) -> String {
        sha256(self.text.as_bytes())
    }
}

/// The texts by kind and name.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// `driver.toml` by `<vendor>/<model>`.
    pub drivers: BTreeMap<String, Entry>,
    /// `sim.toml` by `<vendor>/<model>`.
    pub models: BTreeMap<String, Entry>,
    /// `transcript.txt` by `<vendor>/<model>`.
    pub transcripts: BTreeMap<String, Entry>,
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
        benchtop_scpi::parse_inheriting(&name.value, &entry.file, &entry.text, &|base| text(&self.drivers, base))
            .map(Arc::new)
    }

    /// Parses a simulated model; nothing if there is none of that name.
    ///
    /// # Errors
    /// Every mistake of the model.
    pub fn model(&self, name: &str) -> Option<Result<Model, Diagnostics>> {
        let entry = self.models.get(name)?;
        Some(Model::parse_inheriting(&entry.file, &entry.text, &|base| {
            text(&self.models, base)
        }))
    }

    /// Parses a simulated bench.
    ///
    /// # Errors
    /// Every mistake of the bench, and of the models on it.
    pub fn bench(&self, entry: &Entry) -> Result<Bench, Diagnostics> {
        Bench::parse(&entry.file, &entry.text, &|name| text(&self.models, name))
    }

    /// The SHA-256 of a driver's text in hex; of all of them, where it inherits from others. Empty for an unknown name.
    #[must_use]
    pub fn driver_sha256(&self, name: &str) -> String {
        let Some(entry) = self.drivers.get(name) else {
            return String::new();
        };
        let family = self.driver_family(name);
        if family.len() <= 1 {
            return entry.sha256();
        }
        let digests: Vec<String> = family.iter().map(|entry| entry.sha256()).collect();
        sha256(digests.join("\n").as_bytes())
    }

    /// A driver's text and those that it inherits from, the nearest first. Empty for an unknown name.
    #[must_use]
    pub fn driver_family(&self, name: &str) -> Vec<&Entry> {
        let Some(entry) = self.drivers.get(name) else {
            return Vec::new();
        };
        let ancestors = Document::ancestors(&entry.text, &|base| text(&self.drivers, base));
        let others = ancestors.iter().filter_map(|name| self.drivers.get(name));
        std::iter::once(entry).chain(others).collect()
    }
}

/// File and text of an entry, for those that build on it.
fn text(entries: &BTreeMap<String, Entry>, name: &str) -> Option<(String, String)> {
    let entry = entries.get(name)?;
    Some((entry.file.clone(), entry.text.to_string()))
}

/// SHA-256 in hex.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
