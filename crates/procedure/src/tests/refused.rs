//! Every file of `fixtures/procedures/refused` is refused with exactly the lines that stand beside it.

use super::bench;
use crate::{Given, bind, check_slots, check_text, parse};
use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/procedures/refused")
}

/// The names without extension, sorted.
fn fixtures(extension: &str) -> Vec<String> {
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<String> = entries
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

/// Sound in itself: refused for what two slots would do to each other.
fn is_for_slots(name: &str) -> bool {
    name.contains("-slots-")
}

#[test]
fn every_refused_fixture_produces_its_message() {
    let instruments = bench::instruments();
    let mut differences = String::new();
    for name in fixtures("toml") {
        let file = format!("{name}.toml");
        let text = fs::read_to_string(folder().join(&file)).unwrap();
        let expected = fs::read_to_string(folder().join(format!("{name}.message"))).unwrap_or_default();
        let checked = match is_for_slots(&name) {
            true => check_slots(&file, &text, &Given::default(), &instruments, &bench::slots()).map(drop),
            false => check_text(&file, &text, &instruments).map(drop),
        };
        let found = match checked {
            Ok(()) => "(not refused)\n".to_owned(),
            Err(findings) => findings.render_short(),
        };
        if found != expected {
            differences.push_str(&format!("--- {name}.message\n{expected}+++ found\n{found}"));
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn every_fixture_has_a_message() {
    let names = fixtures("toml");
    assert!(names.len() >= 60, "{}", names.len());
    assert_eq!(names, fixtures("message"));
}

#[test]
fn one_go_finds_what_parse_and_bind_find_apart() {
    let instruments = bench::instruments();
    for name in fixtures("toml").into_iter().filter(|name| !is_for_slots(name)) {
        let text = fs::read_to_string(folder().join(format!("{name}.toml"))).unwrap();
        match parse("x.toml", &text) {
            Ok(procedure) => {
                let alone = bind(procedure, &instruments).unwrap_err();
                assert_eq!(alone, check_text("x.toml", &text, &instruments).unwrap_err(), "{name}");
            }
            Err(findings) => {
                let all = check_text("x.toml", &text, &instruments).unwrap_err();
                assert!(
                    findings.iter().all(|finding| all.iter().any(|other| other == finding)),
                    "{name}"
                );
            }
        }
    }
}
