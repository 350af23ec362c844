//! Every file of `fixtures/procedures/refused` is refused with exactly the lines that stand beside it.

use super::bench;
use crate::{Companion, Given, Written, bind, check_with, parse_with, ratios};
use benchtop_instrument::NaiveDate;
use benchtop_notation::Diagnostics;
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

/// A fixture's text, and what it is read with: the files that it names.
fn fixture(name: &str) -> (Written, String, Given) {
    let file = format!("{name}.toml");
    let text = fs::read_to_string(folder().join(&file)).unwrap();
    let written = Written::new(&file, &text);
    let mut given = Given::default();
    let mut wanted = written.files();
    while let Some(name) = wanted.pop() {
        let text = fs::read_to_string(folder().join(&name)).map_err(|_missing| "there is no such file".to_owned());
        wanted.extend(text.iter().flat_map(|text| Written::new(&name, text).files()));
        wanted.retain(|name| !given.files.contains_key(name));
        let file = name.clone();
        given.files.insert(name, Companion { file, text });
    }
    (written, text, given)
}

/// Everything that is wrong with a fixture on the test bench, for every part that it tells apart.
fn found(name: &str) -> Diagnostics {
    let instruments = bench::instruments();
    let (written, _, given) = fixture(name);
    let readings = written.readings(&given).into_iter();
    let cases = readings.map(|(part, read)| {
        let bound = match is_for_slots(name) {
            true => read
                .bind_slots(&instruments, &bench::slots())
                .map(|bound| bound.into_values().next()),
            false => read.bind(&instruments).bound.map(Some),
        };
        let findings = bound.map_or_else(std::convert::identity, |bound| {
            let bound = bound.unwrap();
            let today = NaiveDate::from_ymd_opt(2026, 3, 4).unwrap();
            let (_, mut findings) = ratios(&bound, &bench::metrology(), today);
            findings.append(bound.warnings().clone());
            findings
        });
        let part = part.map_or_else(String::new, |part| format!("part {part}"));
        (part, findings)
    });
    Diagnostics::of_cases(cases.collect())
}

#[test]
fn every_refused_fixture_produces_its_message() {
    let mut differences = String::new();
    for name in fixtures("toml") {
        let expected = fs::read_to_string(folder().join(format!("{name}.message"))).unwrap_or_default();
        let findings = found(&name);
        let found = match findings.has_errors() {
            false => "(not refused)\n".to_owned(),
            true => findings.render_short(),
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
        let (_, text, given) = fixture(&name);
        let all = check_with("x.toml", &text, &given, &instruments).err();
        match parse_with("x.toml", &text, &given) {
            Ok(procedure) => assert_eq!(bind(procedure, &instruments).err(), all, "{name}"),
            Err(findings) => {
                let all = all.unwrap();
                assert!(
                    findings.iter().all(|finding| all.iter().any(|other| other == finding)),
                    "{name}"
                );
            }
        }
    }
}
