//! Regular expressions that match a whole text, with ASCII `\d`, `\w` and `\s`.

use crate::satisfiable::can_match_whole;
use regex::Regex;

/// A regular expression that matches a whole text or not at all. Prints as its author wrote it.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    regex: Regex,
}

impl Pattern {
    /// Compiles `text`.
    ///
    /// # Errors
    /// What is wrong with it, in one line for people.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let regex = whole(text)?;
        Ok(Self {
            text: text.to_owned(),
            regex,
        })
    }

    /// True where some text matches.
    pub(crate) fn can_match(&self) -> bool {
        can_match_whole(&ascii_classes(&self.text))
    }

    /// True when all of `text` matches.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

/// Two are equal when their authors wrote the same.
impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// Compiles `pattern` so that it matches a whole text or not at all.
///
/// # Errors
/// What is wrong with the pattern, in one line for people.
fn whole(pattern: &str) -> Result<Regex, String> {
    let ascii = ascii_classes(pattern);
    // Alone first: `a)|(b` compiles in a group and means something else there.
    Regex::new(&ascii).map_err(|error| reason(&error))?;
    Regex::new(&format!(r"\A(?:{ascii})\z"))
        .map_err(|_unclosed| "comments (`(?x)` with `#`) are not possible here".to_owned())
}

/// Writes `\d \w \s` and their opposites as ASCII classes, which mean the same inside and outside of brackets.
///
/// The regex crate's own switch (`unicode(false)`) would refuse `.` and `[^-]` too.
pub(crate) fn ascii_classes(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            out.push(character);
            continue;
        }
        match characters.next() {
            Some('d') => out.push_str("[0-9]"),
            Some('D') => out.push_str("[^0-9]"),
            Some('w') => out.push_str("[0-9A-Za-z_]"),
            Some('W') => out.push_str("[^0-9A-Za-z_]"),
            Some('s') => out.push_str(r"[\t\n\x0b\x0c\r\x20]"),
            Some('S') => out.push_str(r"[^\t\n\x0b\x0c\r\x20]"),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out
}

/// The last line of the crate's message says what is wrong; those before it draw the pattern.
pub(crate) fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default().trim();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

#[cfg(test)]
mod tests {
    use super::whole;

    fn check(pattern: &str, matching: &[&str], other: &[&str]) {
        let regex = whole(pattern).expect(pattern);
        for text in matching {
            assert!(regex.is_match(text), "{pattern} on {text:?}");
        }
        for text in other {
            assert!(!regex.is_match(text), "{pattern} on {text:?}");
        }
    }

    #[test]
    fn a_pattern_matches_the_whole_text() {
        check(
            r"^UNIT-\d{4}$",
            &["UNIT-5501"],
            &["UNIT-55011", "xUNIT-5501", "UNIT-5501\n", "UNIT-550", ""],
        );
        check(r"UNIT-\d{4}", &["UNIT-5501"], &["UNIT-5501 ", "1UNIT-5501"]);
        check("a|ab", &["a", "ab"], &["abc", "b"]);
        check("(?m)^a$", &["a"], &["a\nb", "b\na"]);
        check("(?s)a.b", &["a\nb"], &["a\nbb"]);
    }

    #[test]
    fn digit_word_and_space_are_ascii_everywhere() {
        check(r"\d+", &["42"], &["٤٢", "４２"]);
        check(r"[\d-]+", &["4-2"], &["٤", "[", "]"]);
        check(r"[^\d]", &["x", "٤"], &["4"]);
        check(r"\w\s\w", &["a b", "a\tb"], &["ä b", "a\u{a0}b"]);
        check(r"\D\W\S", &["x-x"], &["4-x", "xxx", "x- "]);
        check(r"\\d", &[r"\d"], &["4"]);
        check("UNIT-.{4}", &["UNIT-abµ1"], &["UNIT-abc"]);
        check(r"(?x) a \s b", &["a b"], &["ab"]);
    }

    #[test]
    fn a_broken_pattern_is_refused_with_its_reason() {
        for (pattern, expected) in [
            ("UNIT-(", "unclosed group"),
            ("a)|(?:b", "unopened group"),
            ("[z-a]", "invalid character class range, the start must be <= the end"),
            ("a{99999999}", "exceeds size limit"),
            ("(?x)a # b", "comments (`(?x)` with `#`) are not possible here"),
        ] {
            let reason = whole(pattern).expect_err(pattern);
            assert!(reason.contains(expected), "{pattern}: {reason}");
        }
        assert!(whole(r"\w{1000}{1000}{1000}").is_err());
    }
}
