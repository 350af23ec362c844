//! The JSON Schemas that editors use are those of this version, and what is shipped fits them.

use crate::testkit::{benchtop, done};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What kind of file, where its schema lies, and the folder of the files that are shipped.
const SCHEMAS: &[(&str, &str, &str)] = &[
    ("procedure", "procedures/procedure.schema.json", "procedures"),
    ("station", "fixtures/stations/station.schema.json", "fixtures/stations"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_committed_schemas_are_those_of_this_version() {
    for (kind, file, _) in SCHEMAS {
        let made = done(benchtop().args(["schema", kind]));
        assert_eq!(made.code, Some(0), "{made}");
        let committed = fs::read_to_string(root().join(file)).unwrap_or_default();
        assert!(
            made.out == committed,
            "{file} is stale: benchtop schema {kind} > {file}"
        );
    }
}

#[test]
fn every_key_of_a_schema_is_described() {
    for (kind, _, _) in SCHEMAS {
        let made = done(benchtop().args(["schema", kind]));
        let schema: serde_json::Value = serde_json::from_str(&made.out).unwrap();
        let tables = schema["definitions"].as_object().unwrap();
        let mut keys = 0;
        for (table, object) in tables.iter().chain([(&"root".to_owned(), &schema)]) {
            for (key, value) in object["properties"].as_object().unwrap() {
                let description = value["description"].as_str().unwrap_or_default();
                assert!(
                    description.len() > 10 && description.ends_with('.'),
                    "{kind}: {table}.{key}: {description:?}"
                );
                keys += 1;
            }
        }
        assert!(keys > 20, "{kind}: {keys} keys");
    }
}

fn toml_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            toml_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path);
        }
    }
}

/// What a validator that is not ours says of a file.
fn validated(taplo: &Path, schema: &Path, file: &Path) -> (bool, String) {
    let output = Command::new(taplo)
        .args(["check", "--colors", "never", "--schema"])
        .arg(format!("file://{}", schema.display()))
        .arg(file)
        .output()
        .unwrap();
    (
        output.status.success(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
fn a_validator_that_is_not_ours_takes_every_shipped_file() {
    let taplo = std::env::var_os("BENCHTOP_PYTHON").map(|python| Path::new(&python).with_file_name("taplo"));
    let Some(taplo) = taplo.filter(|taplo| taplo.is_file()) else {
        println!("skipped: taplo is not installed; .ci/run installs it");
        return;
    };
    for (kind, schema, folder) in SCHEMAS {
        let schema = root().join(schema);
        let mut files = Vec::new();
        toml_files(&root().join(folder), &mut files);
        assert!(!files.is_empty(), "{folder}");
        for file in files {
            let (fits, said) = validated(&taplo, &schema, &file);
            assert!(fits, "{kind}: {}: {said}", file.display());
        }
    }
    // it does find mistakes
    let schema = root().join("procedures/procedure.schema.json");
    let wrong = root().join("fixtures/procedures/refused/007-unknown-procedure-key.toml");
    let (fits, said) = validated(&taplo, &schema, &wrong);
    assert!(!fits, "{said}");
}
