//! The invariants in the crate's documentation name tests that exist.

use std::path::Path;

fn sources(folder: &Path, found: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.file_name().is_some_and(|name| name != "lib.rs") {
            found.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_invariant_names_a_test_that_exists() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = String::new();
    sources(&folder, &mut found);
    let documentation = std::fs::read_to_string(folder.join("lib.rs")).unwrap();
    let invariants = documentation.split_once("# Invariants").unwrap().1;
    let invariants = invariants.split_once("\nmod ").unwrap().0;
    let named: Vec<&str> = invariants
        .split('`')
        .filter_map(|quoted| quoted.rsplit_once("::"))
        .map(|(_, test)| test)
        .collect();
    assert!(named.len() > 30, "{named:?}");
    for test in named {
        assert!(found.contains(&format!("fn {test}(")), "{test}");
    }
}
