//! The layout is a promise: arrows between crates, what a folder holds, how large a file may grow.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Which crate may use which. The root package may use all.
const ARROWS: &[(&str, &[&str])] = &[
    ("instrument", &[]),
    ("notation", &[]),
    ("transport", &["instrument"]),
    ("scpi", &["instrument", "notation"]),
    ("sim", &["instrument", "notation"]),
    ("procedure", &["instrument", "notation"]),
    ("run", &["procedure", "instrument"]),
    ("store", &["run"]),
    ("sync", &["store"]),
    ("report", &["store"]),
    (
        "station",
        &["instrument", "notation", "transport", "scpi", "sim", "procedure"],
    ),
    // anything at all, sent to either side of a dialogue
    ("fuzz", &["instrument", "transport", "scpi", "sim"]),
    // a VISA library that is none
    ("visa-double", &[]),
];

/// Called through C's interface, or calling through it, so that they cannot do without.
const MAY_BE_UNSAFE: &[&str] = &["tests/visa/double.rs", "crates/transport/src/visa/reading.rs"];

/// What tests may use beside that.
const TEST_ARROWS: &[(&str, &str)] = &[
    ("transport", "sim"),
    ("transport", "visa-double"),
    ("scpi", "sim"),
    ("run", "instrument"),
];

/// All that the simulator may know of `instrument`: it is a second witness.
const SIM_MAY_USE: &[&str] = &[
    "Session",
    "SessionExt",
    "SessionState",
    "Console",
    "Clock",
    "ClockExt",
    "Moment",
    "Elapsed",
    "Error",
    "ErrorKind",
    "Operation",
    "Resource",
    "RealClock",
    "VirtualClock",
    "spawn",
    "TaskHandle",
];

const MOST_LINES: usize = 600;
const MOST_MEDIAN_LINES: usize = 200;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[derive(Debug, PartialEq, Eq)]
struct Arrow {
    from: String,
    to: String,
    in_tests: bool,
}

fn forbidden(arrows: &[Arrow]) -> Vec<String> {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let is_allowed = |arrow: &Arrow| {
        let plain = allowed
            .get(arrow.from.as_str())
            .is_some_and(|to| to.contains(&arrow.to.as_str()));
        let in_tests = arrow.in_tests && TEST_ARROWS.contains(&(arrow.from.as_str(), arrow.to.as_str()));
        plain || in_tests || arrow.from == "benchtop"
    };
    let bad = arrows.iter().filter(|arrow| !is_allowed(arrow));
    bad.map(|arrow| {
        format!(
            "{} -> {}{}",
            arrow.from,
            arrow.to,
            if arrow.in_tests { " (tests)" } else { "" }
        )
    })
    .collect()
}

fn arrows() -> Vec<Arrow> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--locked",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let short = |name: &str| name.strip_prefix("benchtop-").unwrap_or(name).to_owned();
    let mut arrows = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        for dependency in package["dependencies"].as_array().unwrap() {
            let name = dependency["name"].as_str().unwrap();
            if name.starts_with("benchtop") {
                let in_tests = dependency["kind"].as_str() == Some("dev");
                arrows.push(Arrow {
                    from: short(package["name"].as_str().unwrap()),
                    to: short(name),
                    in_tests,
                });
            }
        }
    }
    arrows
}

#[test]
fn crates_use_each_other_only_along_the_arrows() {
    let arrows = arrows();
    assert!(arrows.len() > 15, "metadata names our crates");
    assert_eq!(forbidden(&arrows), Vec::<String>::new());
}

#[test]
fn a_forbidden_arrow_is_found() {
    let arrow = |from: &str, to: &str, in_tests| Arrow {
        from: from.to_owned(),
        to: to.to_owned(),
        in_tests,
    };
    let bad = [
        arrow("store", "sync", false),
        arrow("sim", "scpi", false),
        arrow("scpi", "sim", false),
        arrow("newcomer", "run", false),
        arrow("procedure", "run", true),
    ];
    assert_eq!(forbidden(&bad).len(), bad.len());
    assert!(forbidden(&[arrow("scpi", "sim", true), arrow("run", "procedure", false)]).is_empty());
}

/// Every Rust file of ours, with its text.
pub(crate) fn rust_files() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for folder in ["crates", "tests"] {
        collect(&root().join(folder), "rs", &mut files);
    }
    assert!(files.len() > 50);
    files
}

fn collect(folder: &Path, extension: &str, files: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, extension, files);
        } else if path.extension().is_some_and(|found| found == extension) {
            let text = fs::read_to_string(&path).unwrap();
            files.push((path.strip_prefix(root()).unwrap().to_owned(), text));
        }
    }
}

#[test]
fn no_file_outgrows_its_room() {
    let mut sizes: Vec<(usize, PathBuf)> = rust_files()
        .into_iter()
        .map(|(path, text)| (text.lines().count(), path))
        .collect();
    sizes.sort();
    let too_large: Vec<_> = sizes.iter().filter(|(lines, _)| *lines > MOST_LINES).collect();
    assert!(too_large.is_empty(), "over {MOST_LINES} lines: {too_large:?}");
    let (median, _) = sizes[sizes.len() / 2];
    assert!(median <= MOST_MEDIAN_LINES, "the median file has {median} lines");
}

#[test]
fn formats_live_at_the_edges_and_nothing_is_unsafe() {
    let needle_serialize = ["Serial", "ize"].concat();
    let needle_unsafe = [" uns", "afe "].concat();
    for (path, text) in rust_files() {
        let name = path.to_string_lossy().replace('\\', "/");
        let at_the_edge = ["crates/store/", "crates/sync/", "tests/"]
            .iter()
            .any(|edge| name.starts_with(edge));
        // what a library calls its reader of files is not ours to name
        let own = text
            .replace(&format!("{needle_serialize}dFile"), "")
            .replace(&format!("{needle_serialize}dColumn"), "");
        assert!(
            at_the_edge || !own.contains(&needle_serialize),
            "{name}: formats live in store and sync"
        );
        if MAY_BE_UNSAFE.contains(&name.as_str()) {
            continue;
        }
        let is_code = |line: &&str| !line.trim_start().starts_with("//") && !line.contains('"');
        assert!(
            !text.lines().filter(is_code).any(|line| line.contains(&needle_unsafe)),
            "{name}"
        );
    }
}

#[test]
fn the_simulator_is_a_second_witness() {
    let mut used = BTreeSet::new();
    for (path, text) in rust_files() {
        let is_test = path.components().any(|part| part.as_os_str() == "tests");
        if !path.starts_with("crates/sim") || is_test {
            continue;
        }
        for rest in text.split("benchtop_instrument::").skip(1) {
            let list = match rest.strip_prefix('{') {
                Some(inside) => inside.split_once('}').unwrap().0.to_owned(),
                None => rest
                    .split(|c: char| !c.is_alphanumeric() && c != '_')
                    .next()
                    .unwrap()
                    .to_owned(),
            };
            for item in list.split(',').map(str::trim).filter(|item| !item.is_empty()) {
                let name = item.split([':', ' ', '{']).next().unwrap().to_owned();
                used.insert((name, path.display().to_string()));
            }
        }
    }
    assert!(!used.is_empty());
    let strange: Vec<_> = used
        .iter()
        .filter(|(name, _)| !SIM_MAY_USE.contains(&name.as_str()))
        .collect();
    assert!(strange.is_empty(), "sim may not use {strange:?} of instrument");
}

#[test]
fn every_instrument_folder_has_its_three_files() {
    let mut models = 0;
    for vendor in fs::read_dir(root().join("instruments")).unwrap() {
        let vendor = vendor.unwrap().path();
        if !vendor.is_dir() {
            continue;
        }
        for model in fs::read_dir(&vendor).unwrap() {
            let model = model.unwrap().path();
            for file in ["driver.toml", "sim.toml", "transcript.txt"] {
                assert!(model.join(file).is_file(), "{} has no {file}", model.display());
            }
            models += 1;
        }
    }
    assert!(models >= 2);
}

#[test]
fn data_folders_say_what_they_are() {
    let text = fs::read_to_string(root().join("fixtures/README.md")).unwrap();
    assert_eq!(text.lines().next(), Some("This is data, not test hardware."));
}
