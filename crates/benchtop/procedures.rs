//! Finds procedures: a path, or an id under `procedures/`.

use crate::{assets::read_text, exit::Failure};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A procedure's text and how messages call it.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) file: String,
    pub(crate) text: String,
}

/// Where ids are looked for.
const FOLDER: &str = "procedures";

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
        if benchtop_procedure::parse(&source.file, &source.text).is_ok_and(|procedure| procedure.id == name) {
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

/// Reads one file.
pub(crate) fn read(path: &Path) -> Result<Source, Failure> {
    Ok(Source {
        file: path.display().to_string(),
        text: read_text(path)?,
    })
}
