//! Exports, read back by readers that are not ours.

use super::script;
use crate::{
    exports::{export, tested},
    testkit::{done, scratch, simulated_by},
};
use std::path::{Path, PathBuf};

/// A store with a run that passed and one that failed, and what is exported from it.
fn exported(folder: &Path, format: &str, more: &[&str]) -> (PathBuf, PathBuf) {
    let (store, file) = (folder.join("store"), folder.join(format!("runs.{format}")));
    tested(&store);
    let words = ["--format", format, "--output", file.to_str().unwrap()];
    let done = export(&store, &[&words, more].concat());
    assert_eq!(done.code, Some(0), "{done}");
    (store, file)
}

fn read_back(format: &str, script_name: &str, imports: &str, more: &[&str]) {
    let folder = scratch();
    let (store, file) = exported(folder.path(), format, more);
    let arguments = [file.to_str().unwrap(), store.to_str().unwrap()];
    let Some(read) = script(script_name, imports, &arguments) else {
        return;
    };
    assert!(read.code == Some(0) && read.out.contains("agrees"), "{read}");
}

#[test]
fn python_reads_the_csv_that_the_records_say() {
    read_back("csv", "export_csv.py", "csv", &[]);
}

#[test]
fn junitparser_reads_the_same_cases() {
    read_back("junit", "export_junit.py", "junitparser", &[]);
}

#[test]
fn duckdb_reads_the_same_rows_typed() {
    read_back("parquet", "export_parquet.py", "duckdb", &[]);
}

#[test]
fn wats_own_library_reads_the_same_report() {
    let one = ["--serial", "UNIT-5599", "--process-code", "10"];
    read_back("wsjf", "export_wsjf.py", "pywats", &one);
}

#[test]
fn an_xml_reader_finds_the_same_atml_results() {
    read_back("atml", "export_atml.py", "lxml", &[]);
}

#[test]
fn pystdf_reads_the_same_tests_and_limits() {
    read_back("stdf", "export_stdf_pystdf.py", "pystdf", &[]);
}

#[test]
fn semi_ate_reads_the_same_tests_and_limits() {
    read_back("stdf", "export_stdf_semi_ate.py", "Semi_ATE.STDF", &[]);
}

#[test]
fn the_same_readers_agree_on_texts_and_booleans() {
    let folder = scratch();
    let store = folder.path().join("store");
    let run = done(&mut simulated_by("procedures/firmware-board.toml", &store, "FW-0001"));
    assert_eq!(run.code, Some(0), "{run}");
    for (format, script_name, imports) in [
        ("csv", "export_csv.py", "csv"),
        ("parquet", "export_parquet.py", "duckdb"),
        ("wsjf", "export_wsjf.py", "pywats"),
        ("atml", "export_atml.py", "lxml"),
        ("stdf", "export_stdf_pystdf.py", "pystdf"),
        ("stdf", "export_stdf_semi_ate.py", "Semi_ATE.STDF"),
    ] {
        let file = folder.path().join(format);
        let words = ["--force", "--format", format, "--output", file.to_str().unwrap()];
        let code: &[&str] = if format == "wsjf" {
            &["--process-code", "10"]
        } else {
            &[]
        };
        let written = export(&store, &[&words, code].concat());
        assert_eq!(written.code, Some(0), "{written}");
        let arguments = [file.to_str().unwrap(), store.to_str().unwrap()];
        if let Some(read) = script(script_name, imports, &arguments) {
            assert!(
                read.code == Some(0) && read.out.contains("agrees"),
                "{script_name}: {read}"
            );
        }
    }
}
