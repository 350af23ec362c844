//! The JSON Schemas that editors use are those of this version, and what is shipped fits them.

use crate::testkit::{benchtop, done, records, scratch, simulated};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What kind of file, where its schema lies, the folder of the files that are shipped, and how their names end.
const SCHEMAS: &[(&str, &str, &str, &str)] = &[
    ("procedure", "procedures/procedure.schema.json", "procedures", ".toml"),
    (
        "station",
        "fixtures/stations/station.schema.json",
        "fixtures/stations",
        ".toml",
    ),
    (
        "record",
        "fixtures/records/record.schema.json",
        "fixtures/records",
        ".json",
    ),
    (
        "instrument",
        "instruments/driver.schema.json",
        "instruments",
        "driver.toml",
    ),
    ("simulation", "instruments/sim.schema.json", "instruments", "sim.toml"),
    (
        "bench",
        "fixtures/benches/bench.schema.json",
        "fixtures/benches",
        ".toml",
    ),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_committed_schemas_are_those_of_this_version() {
    for (kind, file, ..) in SCHEMAS {
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
    for (kind, ..) in SCHEMAS {
        let made = done(benchtop().args(["schema", kind]));
        let schema: serde_json::Value = serde_json::from_str(&made.out).unwrap();
        let tables = schema["definitions"].as_object().unwrap();
        let mut keys = 0;
        for (table, object) in tables.iter().chain([(&"root".to_owned(), &schema)]) {
            // words have no keys
            for (key, value) in object["properties"].as_object().into_iter().flatten() {
                let description = value["description"].as_str().unwrap_or_default();
                assert!(
                    description.len() > 8 && description.ends_with('.'),
                    "{kind}: {table}.{key}: {description:?}"
                );
                keys += 1;
            }
        }
        assert!(keys > 20, "{kind}: {keys} keys");
    }
}

fn files_that_end(folder: &Path, end: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_that_end(&path, end, found);
        } else if path.to_string_lossy().ends_with(end) {
            found.push(path);
        }
    }
}

/// What a validator that is not ours says of files.
fn validated(taplo: &Path, schema: &Path, files: &[PathBuf]) -> (bool, String) {
    let output = Command::new(taplo)
        .args(["check", "--colors", "never", "--schema"])
        .arg(format!("file://{}", schema.display()))
        .args(files)
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
    for (kind, schema, folder, end) in SCHEMAS.iter().filter(|(kind, ..)| *kind != "record") {
        let schema = root().join(schema);
        let mut files = Vec::new();
        files_that_end(&root().join(folder), end, &mut files);
        assert!(!files.is_empty(), "{folder}");
        let (fits, said) = validated(&taplo, &schema, &files);
        assert!(fits, "{kind}: {said}");
    }
    // it does find mistakes
    let schema = root().join("procedures/procedure.schema.json");
    let wrong = root().join("fixtures/procedures/refused/007-unknown-procedure-key.toml");
    let (fits, said) = validated(&taplo, &schema, &[wrong]);
    assert!(!fits, "{said}");
    let folder = scratch();
    for (schema, file, right, mistaken) in [
        (
            "instruments/driver.schema.json",
            "instruments/keysight/e36312a/driver.toml",
            "query ",
            "qurey ",
        ),
        (
            "instruments/driver.schema.json",
            "instruments/keysight/34461a/driver.toml",
            "\"manual\"",
            "\"hearsay\"",
        ),
        (
            "instruments/sim.schema.json",
            "instruments/keysight/34461a/sim.toml",
            "full_scale",
            "fullscale",
        ),
        (
            "fixtures/benches/bench.schema.json",
            "fixtures/benches/board-v3.toml",
            "dropout",
            "drop_out",
        ),
    ] {
        let text = fs::read_to_string(root().join(file)).unwrap();
        assert!(text.contains(right), "{file}");
        let wrong = folder.path().join("wrong.toml");
        crate::testkit::write(&wrong, &text.replacen(right, mistaken, 1));
        let (fits, said) = validated(&taplo, &root().join(schema), &[wrong]);
        assert!(!fits, "{file} with {mistaken}: {said}");
    }
}

const VALIDATE: &str = "import json, sys, jsonschema
schema = jsonschema.Draft7Validator(json.load(open(sys.argv[1])))
for path in sys.argv[2:]:
    schema.validate(json.load(open(path)))
";

#[test]
fn a_validator_that_is_not_ours_takes_every_record() {
    let python = std::env::var_os("BENCHTOP_PYTHON");
    let has = |python: &std::ffi::OsString| {
        let import = Command::new(python).args(["-c", "import jsonschema"]).output();
        import.is_ok_and(|output| output.status.success())
    };
    let Some(python) = python.filter(has) else {
        println!("skipped: jsonschema is not installed; .ci/run installs it");
        return;
    };
    let schema = root().join("fixtures/records/record.schema.json");
    let store = scratch();
    for serial in ["UNIT-5501", "UNIT-5597", "UNIT-5599"] {
        assert!(matches!(done(&mut simulated(store.path(), serial)).code, Some(0 | 1)));
    }
    let mut files = records(store.path(), "pending");
    assert_eq!(files.len(), 3);
    let shipped = fs::read_dir(root().join("fixtures/records")).unwrap();
    files.extend(shipped.map(|entry| entry.unwrap().path()).filter(|path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with("run-")
    }));
    let validated = |files: &[PathBuf]| {
        Command::new(&python)
            .args(["-c", VALIDATE])
            .arg(&schema)
            .args(files)
            .output()
            .unwrap()
    };
    let said = validated(&files);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    // it does find what is no record
    assert!(
        !validated(&[root().join("procedures/procedure.schema.json")])
            .status
            .success()
    );
}
