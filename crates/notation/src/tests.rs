//! What the crate promises as a whole: every mistake at once, in order, in the right place, safe to print.

use proptest::prelude::*;

use crate::{Diagnostic, Diagnostics, Document, MAX_BYTES, MAX_FINDINGS, Severity, Span, one_of};

const FIVE_MISTAKES: &str = r#"[procedure]
verison = "1.0"
id = 7

[[step]]
name = "Rail"
uper = "3.4 V"

[[step]]
measure = "voltge"
limit = { low = "5", colour = true }
"#;

/// Reads the document above as a procedure-like reader would.
fn read(name: &str, text: &str) -> Diagnostics {
    let mut sink = Diagnostics::new();
    let document = match Document::parse(name, text) {
        Ok(document) => document,
        Err(findings) => return findings,
    };
    let root = document.root(&mut sink, &["procedure", "step"]);
    if let Some(head) = root.require_table(&mut sink, "procedure", &["version", "id"]) {
        head.string(&mut sink, "version");
        head.require_string(&mut sink, "id");
    }
    for step in root
        .tables(&mut sink, "step", &["name", "measure", "upper", "limit"])
        .unwrap_or_default()
    {
        step.require_string(&mut sink, "name");
        step.magnitude(&mut sink, "upper");
        if let Some(word) = step.string(&mut sink, "measure") {
            one_of(&mut sink, "measure", &word, &[("voltage", 1), ("current", 2)]);
        }
        if let Some(limit) = step.table(&mut sink, "limit", &["low", "high"]) {
            limit.magnitude_or_number(&mut sink, "low");
        }
    }
    sink
}

#[test]
fn all_mistakes_come_out_in_one_go_and_in_document_order() {
    let expected = "\
bad.toml:2:1: error: unknown key `verison` in [procedure]; did you mean `version`?
bad.toml:3:6: error: `id` must be a string, not an integer
bad.toml:7:1: error: unknown key `uper` in [[step]]; did you mean `upper`?
bad.toml:9:1: error: missing key `name` in [[step]]
bad.toml:10:11: error: unknown measure `voltge`; did you mean `voltage`?
bad.toml:11:17: error: `low` must be a number and a unit, not `5`; the unit is missing: \"5 V\", for example; a number without a unit has no quotes: 5
bad.toml:11:22: error: unknown key `colour` in `limit`; expected one of `low`, `high`
";
    assert_eq!(read("bad.toml", FIVE_MISTAKES).render_short(), expected);
    let windows = FIVE_MISTAKES.replace('\n', "\r\n");
    assert_eq!(read("bad.toml", &windows).render_short(), expected);
    let marked = format!("\u{feff}{FIVE_MISTAKES}");
    assert_eq!(read("bad.toml", &marked).render_short(), expected);
}

#[test]
fn people_get_an_excerpt_with_carets() {
    let found = read(
        "bad.toml",
        "[procedure]\r\nid = \"µΩ\" # Ω\r\nverison = \"1.0\"\r\n[[step]]\r\nname='µ'\r\nuper = 1",
    );
    let expected = "\
error: unknown key `verison` in [procedure]
 --> bad.toml:3:1
  |
3 | verison = \"1.0\"
  | ^^^^^^^
  |
  = help: did you mean `version`?

error: unknown key `uper` in [[step]]
 --> bad.toml:6:1
  |
6 | uper = 1
  | ^^^^
  |
  = help: did you mean `upper`?

";
    assert_eq!(found.render_human(false), expected);
    assert!(found.render_human(true).contains("\u{1b}["));
}

#[test]
fn carets_stand_under_the_characters_after_multi_byte_ones() {
    let document = Document::parse("x.toml", "a = 'µµµ'\nb = ['Ω', 7]\n").unwrap();
    let mut sink = Diagnostics::new();
    document.root(&mut sink, &["a", "b"]).strings(&mut sink, "b");
    let expected = "\
error: every item of `b` must be a string, not an integer
 --> x.toml:2:11
  |
2 | b = ['Ω', 7]
  |           ^

";
    assert_eq!(sink.render_human(false), expected);
}

#[test]
fn what_a_terminal_would_act_on_is_escaped_in_every_rendering() {
    let name = "evil\u{1b}]0;x\u{7}.toml";
    let text = "\"k\\u001b[2J\\u202e\" = 1\n'z\u{200b}\u{202e}\u{9b}' = 'a\u{ad}'\n";
    let found = read(name, text);
    let renderings = [found.render_short(), found.render_human(false), found.to_string()];
    for rendering in renderings {
        let hidden: Vec<char> = rendering
            .chars()
            .filter(|c| (c.is_control() && *c != '\n') || "\u{200b}\u{202e}\u{ad}".contains(*c))
            .collect();
        assert!(hidden.is_empty(), "{hidden:?} in {rendering:?}");
        assert!(rendering.contains("unknown key `k\\u{1b}[2J\\u{202e}`"), "{rendering}");
    }
    assert!(found.iter().all(|finding| finding.file() == name));
}

#[test]
fn a_syntax_error_stops_before_any_meaning_is_read() {
    let found = read("bad.toml", "[procedure\nid = = 3\nverison = 1\n= =\n[[[[\n'");
    assert!(found.count(Severity::Error) <= crate::MAX_SYNTAX_ERRORS);
    assert!(found.render_short().starts_with("bad.toml:1:11: error: "), "{found}");
    assert!(!found.render_short().contains("verison"));
}

#[test]
fn a_key_written_twice_is_named_at_its_second_place() {
    let found = read("bad.toml", "[procedure]\nid = 'a'\nid = 'b'\n");
    assert_eq!(
        found.render_short(),
        "bad.toml:3:1: error: the key `id` is here for the second time\n"
    );
}

#[test]
fn a_file_over_the_size_cap_is_refused_unparsed() {
    let found = read("big.toml", &" ".repeat(MAX_BYTES + 1));
    assert_eq!(
        found.render_short(),
        "big.toml:1:1: error: the file is larger than 1048576 bytes\n"
    );
    assert_eq!(
        found.render_human(false),
        "error: the file is larger than 1048576 bytes\n--> big.toml\n\n"
    );
    assert!(Document::parse("big.toml", &" ".repeat(MAX_BYTES)).is_ok());
}

#[test]
fn nesting_beyond_reason_is_refused_not_a_stack_overflow() {
    let dotted = vec!["a"; 79].join(".");
    let nest = |depth: usize| format!("x = {}1{}", format!("{{{dotted}=").repeat(depth), "}".repeat(depth));
    for text in [
        format!("x = {}{}", "[".repeat(70), "]".repeat(70)),
        format!("{dotted} = 1"),
        format!("[{}]", vec!["a"; 200_000].join(".")),
        nest(16),
        nest(79),
        "[".repeat(MAX_BYTES),
        "x=".to_owned() + &"{a=".repeat(MAX_BYTES / 4),
    ] {
        assert!(Document::parse("deep.toml", &text).is_err());
    }
}

#[test]
fn one_report_holds_findings_of_two_files() {
    let mut both = read("b.toml", "[procedure]\nx = 1\nid = 'a'");
    both.append(read("a.toml", "[procedure]\ny = 1\nid = 'a'"));
    both.push(
        Diagnostic::warning(&Span::of_file("b.toml"), "late")
            .label("beside")
            .help("do this"),
    );
    let expected = "\
b.toml:1:1: warning: late; do this
b.toml:2:1: error: unknown key `x` in [procedure]; expected one of `version`, `id`
a.toml:2:1: error: unknown key `y` in [procedure]; expected one of `version`, `id`
";
    assert_eq!(both.render_short(), expected);
    assert_eq!((both.count(Severity::Error), both.count(Severity::Warning)), (2, 1));
    assert!(both.into_result().is_err());
}

#[test]
fn the_same_finding_twice_is_one_finding() {
    let mut sink = Diagnostics::new();
    for _ in 0..3 {
        sink.error(&Span::of_file("x"), "again");
    }
    assert_eq!(sink.iter().count(), 1);
}

#[test]
fn findings_beyond_the_cap_are_counted_and_still_refuse() {
    let text: String = (0..MAX_FINDINGS + 5).map(|n| format!("k{n} = 1\n")).collect();
    let found = read("x.toml", &format!("procedure.id = 'a'\n{text}"));
    assert_eq!(found.iter().count(), MAX_FINDINGS);
    assert_eq!(found.count(Severity::Error), MAX_FINDINGS + 5);
    assert!(found.render_short().ends_with("and 5 more findings, not shown\n"));
}

#[test]
fn entries_come_in_document_order() {
    let document = Document::parse("x.toml", "z = 1\na = 2\n[m]\n[b]\n").unwrap();
    let names: Vec<String> = document
        .root_of_any_keys()
        .entries()
        .map(|(key, _)| key.value)
        .collect();
    assert_eq!(names, ["z", "a", "m", "b"]);
}

#[test]
fn tables_are_called_what_their_author_calls_them() {
    let text = "[a.b]\n[[c]]\n[[c.d]]\ne = { f = {} }\ng.h = 1\n";
    let document = Document::parse("x.toml", text).unwrap();
    let mut sink = Diagnostics::new();
    let root = document.root_of_any_keys();
    let a = root.map(&mut sink, "a").unwrap();
    let c = root.require_tables(&mut sink, "c", &["d"]).unwrap()[0];
    let d = c.tables(&mut sink, "d", &["e", "g"]).unwrap()[0];
    let e = d.map(&mut sink, "e").unwrap();
    let titles = [
        root.title(),
        a.title(),
        a.map(&mut sink, "b").unwrap().title(),
        c.title(),
        d.title(),
        e.title(),
        e.map(&mut sink, "f").unwrap().title(),
        d.map(&mut sink, "g").unwrap().title(),
    ];
    assert_eq!(
        titles,
        ["the file", "`a`", "[a.b]", "[[c]]", "[[c.d]]", "`e`", "`f`", "`g`"]
    );
    assert!(sink.is_empty());
}

/// `None` where the value is refused.
fn number(toml: &str) -> Option<String> {
    let document = Document::parse("x.toml", toml).ok()?;
    let mut sink = Diagnostics::new();
    let number = document.root_of_any_keys().number(&mut sink, "n");
    assert_eq!(number.is_none(), sink.has_errors());
    number.map(|number| number.value)
}

#[test]
fn a_number_stays_the_text_that_was_written() {
    for (toml, expected) in [
        ("n = 3.30", Some("3.30")),
        ("n = +3.30", Some("3.30")),
        ("n = -0.0", Some("-0.0")),
        ("n = 1_000", Some("1000")),
        ("n = 9.9e37", Some("9.9e37")),
        ("n = 1E-3", Some("1E-3")),
        ("n = nan", None),
        ("n = -inf", None),
        ("n = 0x10", None),
        ("n = '3'", None),
        ("n = true", None),
    ] {
        assert_eq!(number(toml).as_deref(), expected, "{toml}");
    }
}

#[test]
fn a_wrong_type_says_what_is_there_and_what_belongs_there() {
    let text = "a = 1\nb = 'x'\nc = 1.5\nd = {}\ne = []\nf = 99999999999999999999\ng = 2026-11-22\nh = 'soon'\n[[i]]\n";
    let document = Document::parse("x.toml", text).unwrap();
    let mut sink = Diagnostics::new();
    let root = document.root_of_any_keys();
    root.string(&mut sink, "a");
    root.bool(&mut sink, "b");
    root.integer(&mut sink, "c");
    root.tables(&mut sink, "d", &[]);
    root.map(&mut sink, "e");
    root.integer(&mut sink, "f");
    assert_eq!(root.datetime(&mut sink, "g").unwrap().value, "2026-11-22");
    root.datetime(&mut sink, "h");
    root.table(&mut sink, "i", &[]);
    let expected = "\
x.toml:1:5: error: `a` must be a string, not an integer
x.toml:2:5: error: `b` must be `true` or `false`, not a string
x.toml:3:5: error: `c` must be an integer, not a decimal number
x.toml:4:5: error: `d` must be an array of tables, [[d]], not a table
x.toml:5:5: error: `e` must be a table, not an array
x.toml:6:5: error: `f` is too large a number
x.toml:8:5: error: `h` must be a date or time without quotes, such as 2026-11-22, not a string
x.toml:9:1: error: `i` must be a table, not an array
";
    assert_eq!(sink.render_short(), expected);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}|([\\[\\]{}=\"'.,#a-c0-9 \n\r\t\u{1b}µ]{0,80})") {
        let found = read("x.toml", &text);
        drop((found.render_short(), found.render_human(true)));
    }

    #[test]
    fn no_value_makes_it_panic(value in "\"[^\"\\\\\n]{0,20}\"|[-+0-9._eE]{1,12}|\\[[0-9, ]{0,9}\\]") {
        let text = format!("[procedure]\nid = {value}\n[[step]]\nname='a'\nupper = {value}\nlimit = {{ low = {value} }}\n");
        let found = read("x.toml", &text);
        drop((found.render_short(), found.render_human(false)));
    }
}
