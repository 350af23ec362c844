//! `PAINS.md` names tests that there are.

use crate::architecture::rust_files;
use std::{collections::BTreeSet, fs, path::Path};

/// How many pains there are.
const PAINS: usize = 26;

/// The functions of a text; and those of them that are tests.
fn functions(text: &str, all: &mut BTreeSet<String>, tests: &mut BTreeSet<String>) {
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        let name = line.split_once("fn ").and_then(|(before, name)| {
            let is_head = before.is_empty() || before.ends_with(' ');
            is_head.then(|| name.split(['(', '<']).next()).flatten()
        });
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some(name) = name {
            all.insert(name.to_owned());
            if std::mem::take(&mut is_test) {
                tests.insert(name.to_owned());
            }
        }
    }
}

#[test]
fn every_pain_has_a_test_that_exists() {
    let (mut all, mut tests, mut rules) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (path, text) in rust_files() {
        functions(&text, &mut all, &mut tests);
        if path.to_string_lossy().contains("/conformance/") {
            functions(&text, &mut rules, &mut BTreeSet::new());
        }
    }
    assert!(tests.len() > 500 && !tests.contains("functions") && all.contains("functions"));
    let table = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/PAINS.md")).unwrap();
    let (head, _) = table.split_once("\n| |").unwrap();
    let is_name = |word: &&str| word.matches('_').count() >= 3 && !word.contains('/');
    let names = |text: &str| -> Vec<String> {
        let quoted = text.split('`').skip(1).step_by(2);
        quoted.filter(is_name).map(str::to_owned).collect()
    };
    // the suites in which rules are checked
    let suites = names(head);
    assert!(suites.len() >= 8, "{suites:?}");
    assert!(suites.iter().all(|suite| tests.contains(suite)), "{suites:?}");
    let rows: Vec<&str> = table
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| |"))
        .collect();
    assert_eq!(rows.len(), PAINS);
    for (number, row) in (1..).zip(rows) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [written, pain, answer, named] = cells.as_slice() else {
            panic!("{number}: {cells:?}");
        };
        assert_eq!(*written, number.to_string());
        assert!(!pain.is_empty() && !answer.is_empty());
        let named_tests = names(named);
        assert!(!named_tests.is_empty(), "{number}: no test");
        for name in &named_tests {
            assert!(all.contains(name), "{number}: there is no {name}");
        }
        let is_held = named_tests
            .iter()
            .any(|name| tests.contains(name) || rules.contains(name));
        assert!(
            is_held,
            "{number}: none of these is a test or a rule of a suite: {named_tests:?}"
        );
    }
}
