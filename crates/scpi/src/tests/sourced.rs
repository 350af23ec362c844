//! Every function and every range says where it was read, and no file is vouched for by another.

use super::text;
use crate::{parse, parse_inheriting};
use benchtop_instrument::Function;

const METER: &str = "keysight/34461a";

fn file(name: &str) -> Option<(String, String)> {
    let file = format!("instruments/{name}/driver.toml");
    (name == METER).then(|| (file.clone(), text(&file)))
}

/// What is said of the shipped meter with one thing changed.
fn changed(from: &str, to: &str) -> String {
    let good = text("instruments/keysight/34461a/driver.toml");
    let bad = good.replacen(from, to, 1);
    assert_ne!(good, bad, "{from}");
    parse("x/y", "driver.toml", &bad).map_or_else(|findings| findings.render_short(), |_definition| String::new())
}

/// What is said of a file that inherits from it, and is called `child.toml`.
fn child(rest: &str) -> String {
    let text = format!("inherits = \"{METER}\"\n{rest}");
    let read = parse_inheriting("x/y", "child.toml", &text, &file);
    read.map_or_else(|findings| findings.render_short(), |_definition| String::new())
}

/// The line of the shipped meter that this is the n-th of.
fn line_of(line: &str, nth: usize) -> usize {
    let text = text("instruments/keysight/34461a/driver.toml");
    let mut lines = text.lines().enumerate().filter(|(_, found)| *found == line);
    lines.nth(nth).unwrap().0 + 1
}

#[test]
fn a_definition_keeps_where_each_range_was_read() {
    let row = "{ full_scale = \"100 Ohm\",  maximum = \"120 Ohm\"";
    let own = format!("{row}, source = \"qcodes, tried\"");
    let text = text("instruments/keysight/34461a/driver.toml").replacen(row, &own, 1);
    let definition = parse("x/y", "driver.toml", &text).unwrap();
    let resistance = &definition.functions[&Function::Resistance];
    assert_eq!(resistance.range_sources.len(), resistance.capability.ranges.len());
    // its own, and that of the list
    assert_eq!(resistance.range_sources[0], "qcodes, tried");
    assert!(
        resistance.range_sources[1].starts_with("data-sheet p.11"),
        "{resistance:?}"
    );
    assert!(resistance.source.starts_with("guide"), "{resistance:?}");
}

#[test]
fn a_range_without_a_source_is_refused_at_its_place() {
    let text = text("instruments/keysight/34461a/driver.toml");
    let sources: Vec<&str> = text.lines().filter(|line| line.starts_with("ranges_source")).collect();
    assert!(sources.len() > 6, "{sources:?}");
    let ohms = sources.iter().find(|line| line.contains("data-sheet p.11;")).unwrap();
    // the line that the source stood in is empty now; the rows are where they were
    let first = line_of(ohms, 0) + 2;
    let said = changed(ohms, "");
    let expected =
        format!("driver.toml:{first}:3: error: this range does not say where it was read; write `ranges_source`");
    assert!(said.starts_with(&expected), "{said}");
    assert_eq!(said.lines().count(), 7, "one for each row: {said}");
    for (to, expected) in [
        ("ranges_source = \"\"", "`` is not the id of a [[sources]] entry"),
        ("ranges_source = 11", "`ranges_source` must be a string, not an integer"),
        (
            "ranges_source = \"hearsay p.1\"",
            "`hearsay` is not the id of a [[sources]] entry",
        ),
    ] {
        let said = changed(ohms, to);
        let place = format!("driver.toml:{}:", line_of(ohms, 0));
        assert!(
            said.starts_with(&place) && said.contains(expected),
            "{expected}: {said}"
        );
    }
    let said = changed(
        "{ full_scale = \"1 V\",    maximum = \"1.2 V\",  ",
        "{ full_scale = \"1 V\",    maximum = \"1.2 V\", source = \"hearsay\", ",
    );
    assert!(
        said.contains("`hearsay` is not the id of a [[sources]] entry"),
        "{said}"
    );
}

#[test]
fn a_source_of_ranges_that_there_are_not_is_refused() {
    let said = child("without = [\"functions.resistance.ranges\"]\n");
    assert!(said.contains("there are no ranges that were read there"), "{said}");
    let said = child("without = [\"functions.resistance.ranges\", \"functions.resistance.ranges_source\"]\n");
    assert_eq!(said, "");
}

#[test]
fn what_is_inherited_does_not_vouch_for_what_is_written() {
    const ROWS: &str = "ranges = [\n  { full_scale = \"1 Ohm\", maximum = \"1 Ohm\" },\n]\n";
    let refused = "the range stands here, and the `ranges_source` in instruments/keysight/34461a/driver.toml";
    // instead of those that are inherited, taken away or not; or beside them
    let said = child(&format!("[functions.resistance]\n{ROWS}"));
    assert!(
        said.starts_with("child.toml:4:3: error: ") && said.contains(refused),
        "{said}"
    );
    let said = child(&format!(
        "without = [\"functions.resistance.ranges\"]\n[functions.resistance]\n{ROWS}"
    ));
    assert!(
        said.starts_with("child.toml:5:3: error: ") && said.contains(refused),
        "{said}"
    );
    let said = child("[[functions.resistance.ranges]]\nfull_scale = \"1 GOhm\"\nmaximum = \"1 GOhm\"\n");
    assert!(
        said.starts_with("child.toml:2:1: error: ") && said.contains(refused),
        "{said}"
    );
    let said = child(&format!(
        "without = [\"functions.resistance.ranges_source\"]\n[functions.resistance]\n{ROWS}"
    ));
    assert!(
        said.starts_with("child.toml:5:3: error: this range does not say where it was read"),
        "{said}"
    );
    // nor does what is written vouch for what is inherited
    let said = child("[functions.resistance]\nranges_source = \"guide p.1\"\n");
    assert!(
        said.contains("the range stands here, and the `ranges_source` in child.toml"),
        "{said}"
    );
    // and so it is right
    let said = child(&format!(
        "[functions.resistance]\nranges_source = \"guide p.1\"\n{ROWS}"
    ));
    assert_eq!(said, "");
    let own = "{ full_scale = \"1 Ohm\", source = \"guide p.1\",";
    let said = child(&format!(
        "[functions.resistance]\n{}",
        ROWS.replace("{ full_scale = \"1 Ohm\",", own)
    ));
    assert_eq!(said, "");
}

#[test]
fn a_function_that_is_changed_says_where_that_was_read() {
    let said = child("[functions.resistance]\nnplc_values = [1, 10]\n");
    assert!(
        said.starts_with("child.toml:3:1: error: `nplc_values` was written here, and the `source` is inherited"),
        "{said}"
    );
    let said = child("[functions.resistance.autozero]\non = \"X\"\n");
    assert!(said.contains("`autozero` was written here"), "{said}");
    let said = child("[functions.resistance]\nsource = \"guide p.1\"\nnplc_values = [1, 10]\n");
    assert_eq!(said, "");
    assert_eq!(child(""), "");
    let said = child("without = [\"functions.resistance.source\"]\n");
    assert!(
        said.contains("missing key `source` in [functions.resistance]"),
        "{said}"
    );
}
