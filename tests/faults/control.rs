//! The control line of a served bench: what it takes, what it refuses and how it says so.

use crate::testkit::{Served, benchtop, done};
use serde_json::Value;

#[test]
fn the_control_line_says_what_it_expected() {
    let served = Served::bench("UNIT-5501");
    for (words, expected) in [
        (&["scope", "no_answer"][..], "there are psu, dmm, ammeter"),
        (&["dmm", "late_answr"], "did you mean `late_answer`?"),
        (&["dmm", "late_answer"], "missing key `delay`"),
        (&["dmm", "no_answer", "--delay=5s"], "a `no_answer` has no `delay`"),
        (
            &["dmm", "ovp_trip"],
            "a fault of an instrument with outputs, which dmm is not",
        ),
        (&["dmm"], "say what to do: clear, list, or a fault"),
    ] {
        let refused = served.ctl(words);
        assert_eq!(refused.code, Some(2), "{words:?}: {refused}");
        assert!(refused.err.contains(expected), "{words:?}: {refused}");
    }
    served.fault("dmm", "late_answer --delay=5s --after-messages=1000");
    let listed = served.ctl(&["list"]);
    let listed: Value = serde_json::from_str(&listed.out).unwrap();
    assert_eq!(
        listed["faults"],
        serde_json::json!([{ "instrument": "dmm", "fault": "late_answer", "begun": false }])
    );
    served.fault("dmm", "clear");
    assert!(served.ctl(&["dmm", "list"]).out.contains("\"faults\":[]"));
    let gone = done(benchtop().args(["sim", "ctl", "127.0.0.1:9", "list"]));
    assert_eq!(gone.code, Some(3), "{gone}");
    let open = done(benchtop().args(["sim", "board-v3", "--control", "0.0.0.0:0"]));
    assert_eq!(open.code, Some(2), "{open}");
    for (line, expected) in [
        ("foo", "this is no JSON object"),
        ("{\"instrument\": \"dmm\"}", "expected {"),
        ("{\"instrument\": 3, \"list\": true}", "`instrument` is a logical name"),
        (
            "{\"instrument\": \"dmm\", \"fault\": \"no_answer\", \"colour\": \"red\"}",
            "unknown key `colour`",
        ),
        (
            "{\"instrument\": \"dmm\", \"fault\": \"no_answer\", \"delay\": []}",
            "`delay` is text or a number",
        ),
        ("{\"instrument\": \"dmm\", \"fault\": 3}", "`fault` must be a string"),
    ] {
        let answer = served.tell(line);
        assert!(answer["error"].as_str().unwrap().contains(expected), "{line}: {answer}");
    }
}
