//! Every shipped definition on its own simulated instrument, and that one on what real ones said; and definitions that are wrong.

use crate::testkit::{Done, benchtop, done, scratch, write};
use std::{fs, path::Path};

fn check(directory: &Path, model: &str) -> Done {
    done(
        benchtop()
            .args(["instruments", "check", model, "--instruments"])
            .arg(directory),
    )
}

/// The names of the shipped models.
fn models() -> Vec<String> {
    let list = done(benchtop().args(["instruments", "list", "--format", "json"]));
    assert_eq!(list.code, Some(0), "{list}");
    let rows = list.json().into_iter();
    rows.map(|row| {
        // we own no instruments
        assert_ne!(row["evidence"], "hardware", "{row}");
        row["name"].as_str().unwrap().to_owned()
    })
    .collect()
}

#[test]
fn every_definition_drives_its_own_simulator_which_answers_as_its_transcript_does() {
    let all = done(benchtop().args(["instruments", "check"]));
    assert_eq!(all.code, Some(0), "{all}");
    for name in models() {
        let line = all.out.lines().find(|line| line.contains(&format!(" {name} ")));
        let line = line.unwrap_or_else(|| panic!("{name}: {all}"));
        assert!(line.contains("of its transcript taken"), "{line}");
    }
}

#[test]
fn every_model_is_listed_with_what_it_rests_on() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("instruments/MODELS.md");
    let readme = fs::read_to_string(path).unwrap();
    let list = done(benchtop().args(["instruments", "list", "--format", "json"]));
    for line in list.out.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let word = |key: &str| row[key].as_str().unwrap().to_owned();
        let expected = format!("| `{}` | {} | {} |", word("name"), word("class"), word("evidence"));
        assert!(readme.contains(&expected), "{expected}");
    }
    let rows = readme
        .lines()
        .filter(|line| line.starts_with("| `") && line.contains('/'));
    assert_eq!(rows.count(), list.out.lines().count(), "models that there are not");
}

#[test]
fn a_model_is_shown_with_what_it_can_do_and_what_that_rests_on() {
    let shown = done(benchtop().args(["instruments", "show", "keysight/34461a"]));
    assert_eq!(shown.code, Some(0), "{shown}");
    for expected in [
        "dc_voltage",
        "100 mV, 1 V, 10 V, 100 V, 1000 V",
        "nplc 0.02",
        "dc_voltage accuracy   90 d from 18 to 28 \u{b0}C, k2, on for 3600 s, autozero on, nplc 10 or more: 100 mV 0.004 % of reading",
        "source guide",
        "evidence: manual",
    ] {
        assert!(shown.out.contains(expected), "{expected}: {shown}");
    }
    let unknown = done(benchtop().args(["instruments", "show", "keysight/34461b"]));
    assert_eq!(unknown.code, Some(2), "{unknown}");
    assert!(unknown.err.contains("did you mean `keysight/34461a`?"), "{unknown}");
}

/// A directory of the user's with one model, which inherits from a shipped one.
fn own(name: &str, driver: &str, sim: &str, transcript: &str) -> Done {
    let folder = scratch();
    let model = folder.path().join("acme").join(name);
    fs::create_dir_all(&model).unwrap();
    let inherits = "inherits = \"keysight/34461a\"\n";
    write(&model.join("driver.toml"), &format!("{inherits}{driver}"));
    write(&model.join("sim.toml"), &format!("{inherits}{sim}"));
    write(&model.join("transcript.txt"), transcript);
    check(folder.path(), &format!("acme/{name}"))
}

const TRANSCRIPT: &str = "# source: the manual - kind: manual example\n> *IDN?\n";

#[test]
fn a_definition_of_ones_own_is_tried_in_the_same_way() {
    let sound = own("sound", "", "", TRANSCRIPT);
    assert_eq!(sound.code, Some(0), "{sound}");
    assert!(sound.out.contains("1 messages of its transcript taken"), "{sound}");
}

#[test]
fn a_definition_that_its_simulator_does_not_understand_is_refused() {
    for (driver, expected) in [
        // a header that the manual does not have
        (
            "[functions.dc_voltage]\nsource = \"guide\"\nnplc = \"VOLT:DC:CYCLES {nplc}\"\n",
            "the instrument reports -113",
        ),
        // a reading that is waited for less than it takes
        (
            "[functions.dc_voltage]\nsource = \"guide\"\nslowest = \"1 us\"\nintegrations = 1\n",
            "driver.toml:2: dc_voltage, range 100 mV: a reading takes",
        ),
        // a range that is set and not the one in use
        (
            "[functions.dc_voltage]\nsource = \"guide\"\nrange = \"VOLT:DC:RANG 10;*WAI\"\n",
            "the range 100 mV was set, and 10 V is read back",
        ),
        (
            "[functions.resistance]\nsource = \"hearsay\"\n",
            "`hearsay` is not the id of a [[sources]] entry",
        ),
        (
            "[driver]\nidentity = \"ACME,.*\"\n",
            "expected Keysight 34461A, but Keysight Technologies",
        ),
    ] {
        let wrong = own("wrong", driver, "", TRANSCRIPT);
        assert_eq!(wrong.code, Some(2), "{wrong}");
        assert!(wrong.err.contains(expected), "{expected}: {wrong}");
    }
}

/// A driver that measures something else than it says is caught by what the simulated meter was set to.
#[test]
fn a_definition_that_sets_the_meter_to_something_else_is_refused() {
    for (right, wrong, words) in [
        (
            "CONF:FRES",
            "CONF:RES",
            "four_wire_resistance, range 100 Ohm: the simulated meter measures resistance",
        ),
        (
            "CONF:CURR:AC",
            "CONF:CURR:DC",
            "the simulated meter measures dc_current",
        ),
        (
            "RANG:AUTO ON",
            "RANG:AUTO OFF",
            "dc_voltage, autorange: the simulated meter does not choose its range",
        ),
        (
            "[0.02, 0.2, 1,",
            "[0.02, 0.3, 1,",
            "nplc 0.3: the simulated meter integrates over 1",
        ),
        (
            "\"12 V\"",
            "\"15 V\"",
            "dc_voltage, range 10 V: the simulated meter reads up to 12 only",
        ),
        (
            "overrange = 9.9E37",
            "overrange = 1E20",
            "overload is 1e20 here and 9.9e37 on the simulated meter",
        ),
        (
            "off = \"VOLT:DC:ZERO:AUTO OFF\"",
            "off = \"VOLT:DC:ZERO:AUTO ON\"",
            "the autozero of the simulated meter",
        ),
        (
            "high = \"VOLT:DC:IMP:AUTO ON\"",
            "high = \"VOLT:DC:IMP:AUTO OFF\"",
            "the input impedance of the simulated meter",
        ),
    ] {
        let checked = mutated("keysight/34461a", right, wrong);
        assert_eq!(checked.code, Some(2), "{wrong}: {checked}");
        assert!(checked.err.contains(words), "{wrong}: {checked}");
        assert!(checked.err.contains("what was said last:"), "{checked}");
        // each message with the line that has it said, in the copy that was changed
        let said = checked.err.lines().find(|line| line.trim_start().starts_with("> "));
        assert!(said.is_some_and(|line| line.contains("driver.toml:")), "{checked}");
    }
}

/// A copy of a shipped model with one thing of its driver changed, tried.
fn mutated(model: &str, right: &str, wrong: &str) -> Done {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("instruments").join(model);
    let folder = scratch();
    let copy = folder.path().join("acme/wrong");
    fs::create_dir_all(&copy).unwrap();
    for file in ["driver.toml", "sim.toml", "transcript.txt"] {
        let text = fs::read_to_string(shipped.join(file)).unwrap();
        let text = match file {
            "driver.toml" => {
                assert!(text.contains(right), "{model}: {right}");
                text.replace(right, wrong)
            }
            _ => text,
        };
        write(&copy.join(file), &text);
    }
    check(folder.path(), "acme/wrong")
}

/// What lies at the terminals is read as that number, and what is open or beyond a range as overrange: for every function and
/// range of every definition. Here are some that are wrong in what no setting shows.
#[test]
fn a_definition_that_reads_something_else_than_lies_at_its_terminals_is_refused() {
    for (model, right, wrong, words) in [
        // the overload value: another, none
        (
            "owon/xdm1041",
            "overrange = 1E9",
            "overrange = 1E8",
            "dc_voltage, range 50 mV: overload is 1e8 here and 1e9 on the simulated meter",
        ),
        (
            "owon/xdm1041",
            "[numbers]\nsource    = \"sigrok\"\noverrange = 1E9\n",
            "",
            "dc_voltage, range 50 mV: overload is 9.9e37 here and 1e9 on the simulated meter",
        ),
        (
            "fluke/45",
            "[numbers]\nsource    = \"libsigrok: +1E+9\"\noverrange = 1E9\n",
            "",
            "overload is 9.9e37 here and 1e9 on the simulated meter",
        ),
        // an answer that is no reading
        (
            "keysight/34405a",
            "range_query = \"RES:RANG?\"\nread        = \"READ?\"",
            "range_query = \"RES:RANG?\"\nread        = \"RES:RANG?\"",
            "resistance, range 100 Ohm: with open terminals it reads 100 Ohm (`+1.00000000E+02`), not overrange",
        ),
        (
            "keysight/34405a",
            "range_query = \"VOLT:DC:RANG?\"\nread        = \"READ?\"",
            "range_query = \"VOLT:DC:RANG?\"\nread        = \"VOLT:DC:RANG?\"",
            "dc_voltage, range 100 mV: 0.0432 V at its terminals is read as 0.1 V (`+1.00000000E-01`)",
        ),
        // another output's, or another quantity
        (
            "keysight/e36312a",
            "MEAS:VOLT? (@{channel})",
            "MEAS:CURR? (@{channel})",
            "dc_voltage, output 1: ",
        ),
    ] {
        let checked = mutated(model, right, wrong);
        assert_eq!(checked.code, Some(2), "{model}, {wrong}: {checked}");
        assert!(checked.err.contains(words), "{model}, {words}: {checked}");
    }
}

#[test]
fn every_function_range_and_accuracy_row_of_every_model_says_where_it_was_read() {
    let (mut functions, mut ranges, mut rows) = (0, 0, 0);
    for name in models() {
        let shown = done(benchtop().args(["instruments", "show", &name, "--format", "json"]));
        assert_eq!(shown.code, Some(0), "{shown}");
        let model: serde_json::Value = serde_json::from_str(&shown.out).unwrap();
        let ids: Vec<&str> = model["sources"]
            .as_array()
            .unwrap()
            .iter()
            .map(|source| source["id"].as_str().unwrap())
            .collect();
        let sourced = |row: &serde_json::Value| {
            let source = row["source"].as_str().unwrap_or_default();
            let id = source.split([' ', ',', ';', ':']).next().unwrap_or_default();
            assert!(ids.contains(&id), "{name}: {row}");
            let mut words = source.split(|c: char| !c.is_alphanumeric());
            assert!(
                !words.any(|word| word == "ours"),
                "{name}: a number of ours has no source: {row}"
            );
        };
        for (function, row) in model["functions"].as_object().unwrap() {
            sourced(row);
            functions += 1;
            for list in ["ranges", "accuracy"] {
                let list = row[list].as_array().unwrap_or_else(|| panic!("{name}, {function}"));
                list.iter().for_each(sourced);
            }
            ranges += row["ranges"].as_array().unwrap().len();
            rows += row["accuracy"].as_array().unwrap().len();
        }
    }
    // none of them is there no more
    assert!(
        functions > 290 && ranges > 880 && rows > 220,
        "{functions} {ranges} {rows}"
    );
}

#[test]
fn these_meters_measure_all_that_was_read_of_them() {
    let common =
        "ac_current ac_voltage continuity dc_current dc_voltage diode four_wire_resistance frequency period resistance";
    for (model, more) in [
        ("hp/34401a", None),
        ("keithley/2000", None),
        ("keithley/dmm6500", Some("capacitance")),
        ("keysight/34461a", Some("capacitance temperature")),
    ] {
        let shown = done(benchtop().args(["instruments", "show", model, "--format", "json"]));
        assert_eq!(shown.code, Some(0), "{shown}");
        let shown: serde_json::Value = serde_json::from_str(&shown.out).unwrap();
        let functions: Vec<&String> = shown["functions"].as_object().unwrap().keys().collect();
        let words = common
            .split(' ')
            .chain(more.into_iter().flat_map(|more| more.split(' ')));
        let mut expected: Vec<&str> = words.collect();
        expected.sort_unstable();
        assert_eq!(functions, expected, "{model}");
    }
}

#[test]
fn a_range_that_nobody_says_where_it_was_read_is_refused() {
    let refused = mutated("hp/34401a", "ranges_source = \"guide p.218\"\n", "");
    assert_eq!(refused.code, Some(2), "{refused}");
    let place = "acme/wrong/driver.toml:";
    let said = refused
        .err
        .lines()
        .find(|line| line.contains("does not say where it was read"))
        .unwrap();
    let column = said.split(place).nth(1).unwrap_or_default().split(':').take(2);
    assert_eq!(
        column.filter(|part| part.parse::<u32>().is_ok()).count(),
        2,
        "{refused}"
    );
    // nor does an inherited source vouch for ranges of one's own
    let ranges = "ranges = [{ full_scale = \"1 V\", maximum = \"1 V\" }]\n";
    let refused = own("wrong", &format!("[functions.ac_voltage]\n{ranges}"), "", TRANSCRIPT);
    assert_eq!(refused.code, Some(2), "{refused}");
    let words = "driver.toml:3:11: error: the range stands here, and the `ranges_source` in instruments/keysight/34461a/driver.toml";
    assert!(refused.err.contains(words), "{refused}");
}

#[test]
fn a_transcript_is_evidence_only_if_somebody_else_wrote_it() {
    for (transcript, expected) in [
        ("> *IDN?\n", "transcript.txt:1: there is no `# source:` above it"),
        ("# source: benchtop sim\n> *IDN?\n", "our own simulator is no evidence"),
        (
            "# source: a bench - kind: real unit\n> *IDN?\n< A,B,SIM-1,1\n",
            "a simulated instrument answered this",
        ),
        (
            "# source: my bench - kind: real unit\n@ dmm TCPIP0::127.0.0.1::5025::SOCKET\n> VOLT:DC:NPLC?\n< +1.00000000E+01\n",
            "transcript.txt:2: nothing in this recording says that a real instrument answered",
        ),
        (
            "# source: my bench - kind: real unit\n@ dmm TCPIP0::127.0.0.1::5025::SOCKET\n> READ?\n< 1,2,3,4\n",
            "transcript.txt:2: nothing in this recording says that a real instrument answered",
        ),
        (
            "# source: my bench - kind: real unit\n@ dmm SIM::board-v3::dmm\n> *IDN?\n< A,B,1,1\n",
            "transcript.txt:2: a simulated instrument is no evidence",
        ),
        ("# source: nothing said\n", "there is no dialogue in it"),
        (
            "# source: x\n? *IDN?\n",
            "transcript.txt:2: expected a line that begins with",
        ),
        (
            "# source: a manual - kind: manual example\n> VOLT:DC:NPLC?\n< 1\n",
            "`> VOLT:DC:NPLC?`: answers `+1.00000000E+01`, and a real one `1`",
        ),
        (
            "# source: a driver\n> VOLT:CYCLES 1\n",
            "the simulated one reports -113,\"Undefined header\"",
        ),
        (
            "# source: a driver\n# not simulated: so they say\n> *RST\n",
            "it is simulated: take the note away",
        ),
    ] {
        let refused = own("doubtful", "", "", transcript);
        assert_eq!(refused.code, Some(2), "{refused}");
        assert!(refused.err.contains(expected), "{expected}: {refused}");
    }
}
