//! What is embedded in the binary, and the user's directory that adds to it.
//!
//! `scpi` receives only driver.toml, `sim` only sim.toml and benches; neither opens a file, and nothing is parsed before it is
//! asked for.

use crate::exit::Failure;
use benchtop_station::{Catalogue, Entry, EntryText, Origin};
use rust_embed::RustEmbed;
use std::{
    borrow::Cow,
    fs,
    path::{Path, PathBuf},
};

#[derive(RustEmbed)]
#[folder = "instruments"]
struct Instruments;

#[derive(RustEmbed)]
#[folder = "fixtures/benches"]
struct Benches;

/// Largest definition or bench that is read from the user's directory, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// The shipped definitions and benches, with `directory` over them.
pub(crate) fn catalogue(directory: Option<&Path>) -> Result<Catalogue, Failure> {
    let mut catalogue = Catalogue::default();
    for path in Instruments::iter() {
        if let Some(file) = Instruments::get(&path) {
            add(&mut catalogue, &path, shipped(format!("instruments/{path}"), file.data));
        }
    }
    for path in Benches::iter() {
        if let Some(file) = Benches::get(&path) {
            let entry = shipped(format!("fixtures/benches/{path}"), file.data);
            if let Some(name) = path.strip_suffix(".toml") {
                catalogue.benches.insert(name.to_owned(), entry);
            }
        }
    }
    if let Some(directory) = directory {
        add_directory(&mut catalogue, directory)?;
    }
    Ok(catalogue)
}

/// A text as it lies in the binary.
fn shipped(file: String, bytes: Cow<'static, [u8]>) -> Entry {
    Entry {
        file,
        text: EntryText::of(bytes),
        origin: Origin::Shipped,
    }
}

/// `path` is `<vendor>/<model>/<file>`.
fn add(catalogue: &mut Catalogue, path: &str, entry: Entry) {
    if let Some(name) = path.strip_suffix("/driver.toml") {
        catalogue.drivers.insert(name.to_owned(), entry);
    } else if let Some(name) = path.strip_suffix("/sim.toml") {
        catalogue.models.insert(name.to_owned(), entry);
    } else if let Some(name) = path.strip_suffix("/transcript.txt") {
        catalogue.transcripts.insert(name.to_owned(), entry);
    }
}

fn add_directory(catalogue: &mut Catalogue, directory: &Path) -> Result<(), Failure> {
    for vendor in folders(directory)? {
        for model in folders(&vendor)? {
            for file in ["driver.toml", "sim.toml", "transcript.txt"] {
                let path = model.join(file);
                if !path.is_file() {
                    continue;
                }
                let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let short = format!("{}/{}/{file}", name(&vendor), name(&model));
                let origin = Origin::User(directory.display().to_string());
                let file = path.display().to_string();
                let text = read_text(&path)?.into();
                add(catalogue, &short, Entry { file, text, origin });
            }
        }
    }
    Ok(())
}

fn folders(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let refuse = |error: std::io::Error| Failure::refused(format!("cannot read {}: {error}", directory.display()));
    let mut folders = Vec::new();
    for entry in fs::read_dir(directory).map_err(refuse)? {
        let path = entry.map_err(refuse)?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

/// Reads a text file that a person wrote.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    let refuse = |error: std::io::Error| Failure::refused(format!("cannot read {}: {error}", path.display()));
    let size = fs::metadata(path).map_err(refuse)?.len();
    if size > MAX_FILE {
        return Err(Failure::refused(format!(
            "{} has {size} bytes; at most 1 MiB is read",
            path.display()
        )));
    }
    let bytes = fs::read(path).map_err(refuse)?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::refused(format!("{} is not UTF-8 text (byte {at})", path.display()))
    })
}
