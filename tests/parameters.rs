//! What a run chooses: parameters, the part, and limits from a file of their own.

use crate::testkit::{BOARD, Done, benchtop, done, only_record, records, scratch, write};
use serde_json::json;
use std::{fs, path::Path};

fn run(folder: &Path, extra: &[&str]) -> Done {
    let mut command = benchtop();
    command
        .arg("run")
        .arg(folder.join("board.toml"))
        .args(["--serial", "UNIT-5501", "--simulate", "--store"])
        .arg(folder.join("store"));
    done(command.args(extra))
}

#[test]
fn what_a_run_chose_is_in_its_record_and_in_its_digest() {
    let folder = scratch();
    let text = fs::read_to_string(BOARD).unwrap();
    let changed = text
        .replacen("limit      = { low = 3.25, high = 3.35 }", "", 1)
        .replacen("wait = \"250 ms\"", "wait = { param = \"settle\" }", 1);
    let head = "limits = \"limits.toml\"\n";
    let tail = "\n[parameters.settle]\ndefault = \"250 ms\"\nmax = \"1 s\"\n[variants.PCB-1042]\n[variants.PCB-1043]\nsettle = \"300 ms\"\n";
    write(&folder.path().join("board.toml"), &format!("{head}{changed}{tail}"));
    write(
        &folder.path().join("limits.toml"),
        "revision = \"C\"\nlimits.vcc_3v3 = { low = 3.25, high = 3.35 }\nvariants.PCB-1043.limits.vcc_3v3 = { low = 3.4 }\n",
    );
    let store = folder.path().join("store");
    for (extra, expected) in [
        (["--param", "settle=2 s"], "it is at most 1 s"),
        (["--param", "setle=1 s"], "did you mean `settle`?"),
        (["--part", "PCB-1"], "there is no variant for part `PCB-1`"),
    ] {
        let refused = run(folder.path(), &extra);
        assert_eq!(refused.code, Some(2), "{refused}");
        assert!(refused.err.contains(expected), "{refused}");
        assert!(records(&store, "pending").is_empty());
    }

    let passed = run(folder.path(), &["--param", "settle=400 ms"]);
    assert_eq!(passed.code, Some(0), "{passed}");
    let record = only_record(&store);
    assert_eq!(record["parameters"], json!({ "settle": "400 ms" }));
    assert_eq!(record["variant"], "PCB-1042");
    assert_eq!(record["limits"]["revision"], "C");
    fs::remove_dir_all(&store).unwrap();

    let failed = run(folder.path(), &["--part", "PCB-1043"]);
    assert_eq!(failed.code, Some(1), "{failed}");
    let other = only_record(&store);
    assert_eq!(other["parameters"], json!({ "settle": "300 ms" }));
    assert_eq!(other["failed_measurements"], json!(["vcc_3v3"]));
    assert_ne!(other["procedure_sha256"], record["procedure_sha256"]);
    assert_eq!(other["limits"], record["limits"]);
}
