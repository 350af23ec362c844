//! Comma-separated values (RFC 4180) that no spreadsheet takes for a formula and no terminal for a command.

use std::borrow::Cow;

/// What a spreadsheet may take for the beginning of a formula, also in the wide forms of East Asian keyboards.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// One line of text fields, without its line end.
#[must_use]
pub fn line<'a>(fields: impl IntoIterator<Item = &'a str>) -> String {
    let fields: Vec<Cow<'a, str>> = fields.into_iter().map(field).collect();
    fields.join(",")
}

/// A field, quoted where it must be.
///
/// A text that could be a formula gets an apostrophe in front, as spreadsheets write texts; a plain number stays one. What would move a cursor or turn the direction of writing is written out.
#[must_use]
pub fn field(text: &str) -> Cow<'_, str> {
    let text = harmless(text);
    let is_formula = text.trim_start().starts_with(FORMULA) && !is_number(&text);
    let text = if is_formula {
        Cow::Owned(format!("'{text}"))
    } else {
        text
    };
    if text.contains(['"', ',', ';', '\'']) || text.starts_with(' ') || text.ends_with(' ') {
        return Cow::Owned(format!("\"{}\"", text.replace('"', "\"\"")));
    }
    text
}

/// The decimal numbers that records hold; `-1+cmd` is none.
fn is_number(text: &str) -> bool {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    plain && text.parse::<f64>().is_ok_and(f64::is_finite)
}

/// True for characters that say nothing and do something: controls, marks of direction, line separators.
#[must_use]
pub fn is_active(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The same text with every active character written out: `\u{1b}`.
#[must_use]
pub fn harmless(text: &str) -> Cow<'_, str> {
    if !text.contains(is_active) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if is_active(c) {
            plain.extend(c.escape_unicode());
        } else {
            plain.push(c);
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_neither_a_formula_nor_a_command() {
        for (text, expected) in [
            ("UNIT-5501", "UNIT-5501"),
            ("", ""),
            ("-3.25", "-3.25"),
            ("+1e-3", "+1e-3"),
            ("=1+1", "\"'=1+1\""),
            (" =1+1", "\"' =1+1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("-1+cmd|' /C calc'!A0", "\"'-1+cmd|' /C calc'!A0\""),
            ("+nan", "\"'+nan\""),
            ("\u{ff1d}1", "\"'\u{ff1d}1\""),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("a\nb", "a\\u{a}b"),
            ("\t=1", "\\u{9}=1"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("\u{202e}gpj", "\\u{202e}gpj"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("Größe µV Ω", "Größe µV Ω"),
        ] {
            assert_eq!(field(text), expected, "{text:?}");
        }
        assert_eq!(line(["a", "=b", "c,d"]), "a,\"'=b\",\"c,d\"");
    }
}
