//! Finds procedures: a path, or an id under `procedures/`.

use crate::{assets::read_text, exit::Failure};
use benchtop_notation::{Span, Spanned};
use benchtop_procedure::{Companion, Given, Procedure, Written};
use benchtop_station::{StationFile, StationParameter, sha256};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

/// A procedure's text and how messages call it.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) file: String,
    pub(crate) text: Arc<str>,
    /// The files that it names, and those that these name, by the names as written.
    pub(crate) files: BTreeMap<String, Companion>,
    written: Option<Arc<Written>>,
}

impl Source {
    /// Its text as TOML.
    pub(crate) fn written(&self) -> Arc<Written> {
        let written = self.written.clone();
        written.unwrap_or_else(|| Arc::new(as_toml(&self.file, &self.text)))
    }

    /// The same source without what was made of its text: for a run that lasts, and rarely asks again.
    pub(crate) fn at_rest(self) -> Self {
        Self { written: None, ..self }
    }

    /// What the procedure is read with where nothing more is known than its files.
    pub(crate) fn given(&self) -> Given {
        Given {
            files: self.files.clone(),
            ..Given::default()
        }
    }

    /// What it is read with for a run.
    pub(crate) fn given_for(
        &self,
        part_number: Option<&String>,
        named: &[(String, String)],
        station: Option<&StationFile>,
    ) -> Given {
        let place = Span::of_file("--param");
        let named = named.iter();
        let station = station.iter().flat_map(|file| &file.parameters);
        Given {
            part_number: part_number.cloned(),
            named: named
                .map(|(name, value)| (name.clone(), Spanned::new(value.clone(), place.clone())))
                .collect(),
            station: station
                .map(|(name, value)| (name.clone(), value.clone().map(as_written)))
                .collect(),
            ..self.given()
        }
    }

    /// Digest of the resolved procedure, SHA-256 in hex: of its text alone, where nothing else decides what it is; else of
    /// the digests of all texts, the variant and the parameters.
    pub(crate) fn digest(&self, procedure: &Procedure) -> String {
        let text = sha256(self.text.as_bytes());
        if self.files.is_empty() && procedure.variant.is_none() && procedure.parameters.is_empty() {
            return text;
        }
        let files = self.files.iter().map(|(name, companion)| {
            let digest = companion.text.as_ref().ok().map(|text| sha256(text.as_bytes()));
            serde_json::json!([name, digest])
        });
        let parameters = procedure.parameters.iter();
        let parameters = parameters.map(|(name, value)| serde_json::json!([name, value.to_string()]));
        let resolved = serde_json::json!([
            text,
            files.collect::<Vec<_>>(),
            procedure.variant,
            parameters.collect::<Vec<_>>(),
        ]);
        sha256(resolved.to_string().as_bytes())
    }
}

fn as_written(parameter: StationParameter) -> String {
    match parameter {
        StationParameter::Number(text) | StationParameter::Text(text) => text,
        StationParameter::Boolean(truth) => truth.to_string(),
    }
}

/// More files than this are a mistake.
const MOST_FILES: usize = 100;

/// Where ids are looked for.
pub(crate) const FOLDER: &str = "procedures";

/// The procedure that `name` names: a file, or an id under `procedures/`.
pub(crate) fn find(name: &str) -> Result<Source, Failure> {
    let path = Path::new(name);
    if path.is_file() {
        return read(path);
    }
    if path.extension().is_some_and(|extension| extension == "toml") {
        return Err(Failure::refused(format!("there is no file {name}")));
    }
    for path in all()? {
        let source = read(&path)?;
        if source.written().id().as_deref() == Some(name) {
            return Ok(source);
        }
    }
    Err(Failure::refused(format!(
        "{name} is neither a file nor the id of a procedure under {FOLDER}/"
    )))
}

/// Every procedure under `procedures/`, by path.
pub(crate) fn all() -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    collect(Path::new(FOLDER), &mut found, 4)?;
    found.sort();
    Ok(found)
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>, depth: u32) -> Result<(), Failure> {
    if depth == 0 || !folder.is_dir() {
        return Ok(());
    }
    let refuse = |error: std::io::Error| Failure::refused(format!("cannot read {}: {error}", folder.display()));
    for entry in fs::read_dir(folder).map_err(refuse)? {
        let path = entry.map_err(refuse)?.path();
        if path.is_dir() {
            collect(&path, found, depth - 1)?;
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path);
        }
    }
    Ok(())
}

/// A text from this length on is read on a thread of its own.
const LONG_TEXT: usize = 64 * 1024;

/// The text as TOML. What that takes of a long one is large and lives short: on a thread of its own it comes from a region of
/// its own, which goes back to the system as a whole when it is let go of.
fn as_toml(file: &str, text: &Arc<str>) -> Written {
    let read = || Written::shared(file, text);
    if text.len() < LONG_TEXT {
        return read();
    }
    thread::scope(|scope| match thread::Builder::new().spawn_scoped(scope, read) {
        Ok(reading) => reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
        Err(_no_thread) => read(),
    })
}

/// Reads one file.
pub(crate) fn read(path: &Path) -> Result<Source, Failure> {
    let text: Arc<str> = read_text(path)?.into();
    let file = path.display().to_string();
    let written = as_toml(&file, &text);
    let mut files = BTreeMap::new();
    let mut wanted = written.files();
    while let Some(name) = wanted.pop() {
        if files.len() >= MOST_FILES || files.contains_key(&name) {
            continue;
        }
        // every name is seen from the procedure's folder
        let beside = path.with_file_name(&name);
        let text = read_text(&beside).map_err(|failure| failure.message);
        wanted.extend(text.iter().flat_map(|text| Written::new(&name, text).files()));
        let companion = Companion {
            file: beside.display().to_string(),
            text,
        };
        files.insert(name, companion);
    }
    Ok(Source {
        file,
        text,
        files,
        written: Some(Arc::new(written)),
    })
}
