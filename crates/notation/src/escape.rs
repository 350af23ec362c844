//! What a file may not do to a terminal.
//!
//! Covers the C0 and C1 controls (ESC among them), DEL, the bidirectional controls, zero-width and other invisible
//! formatting characters, and the line separators that some viewers honour: whatever could move the cursor, colour the
//! screen, ring, or make a line read other than it is stored.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Writes characters that a terminal would act on, or not show, as `\n`, `\u{1b}` and so on.
///
/// Every message, label and help text of this crate has been through it. For text of a file that another crate prints.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            hidden if is_hidden(hidden) => {
                // Writing to a String cannot fail.
                if write!(out, "\\u{{{:x}}}", u32::from(hidden)).is_err() {
                    out.push('\u{fffd}');
                }
            }
            plain => out.push(plain),
        }
    }
    Cow::Owned(out)
}

/// Characters of a text from elsewhere that a person is told in a sentence: a name or a number is not longer.
const BRIEF: usize = 160;

/// The same without blanks around it, cut where it is longer than what somebody reads: what an instrument says of itself may have
/// any length.
#[must_use]
pub fn brief(text: &str) -> String {
    // escaping only makes it longer
    let short: String = text.trim().chars().take(BRIEF + 1).collect();
    let escaped = escape(&short);
    if escaped.chars().count() <= BRIEF {
        return escaped.into_owned();
    }
    let mut cut: String = escaped.chars().take(BRIEF - 1).collect();
    cut.push('\u{2026}');
    cut
}

/// The same for a source line under which carets stand: one character for each, so that columns stay right.
pub(crate) fn picture(character: char) -> char {
    match character {
        '\t' => '\t',
        '\u{7f}' => '\u{2421}',
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(character)).unwrap_or('\u{fffd}'),
        hidden if is_hidden(hidden) => '\u{fffd}',
        plain => plain,
    }
}

fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::{BRIEF, brief, escape, picture};

    #[test]
    fn what_is_long_is_cut_and_what_is_short_is_kept() {
        assert_eq!(brief(" 34461A\n"), "34461A");
        assert_eq!(brief(&"x".repeat(BRIEF)), "x".repeat(BRIEF));
        for long in ["x".repeat(BRIEF + 1), "\u{1b}".repeat(1 << 20)] {
            let cut = brief(&long);
            assert_eq!((cut.chars().count(), cut.ends_with('\u{2026}')), (BRIEF, true), "{cut}");
        }
    }

    fn check(text: &str, escaped: &str, pictured: &str) {
        assert_eq!(escape(text), escaped);
        assert_eq!(text.chars().map(picture).collect::<String>(), pictured);
        assert_eq!(text.chars().count(), pictured.chars().count());
    }

    #[test]
    fn nothing_that_a_terminal_acts_on_gets_through() {
        check("plain µΩ", "plain µΩ", "plain µΩ");
        check("\u{1b}[2J", "\\u{1b}[2J", "␛[2J");
        check("a\tb", "a\\tb", "a\tb");
        check("a\r\nb", "a\\r\\nb", "a␍␊b");
        check("\u{9b}31m", "\\u{9b}31m", "\u{fffd}31m");
        check("\u{202e}abc\u{200b}", "\\u{202e}abc\\u{200b}", "\u{fffd}abc\u{fffd}");
        check(
            "\u{7f}\u{feff}\u{2066}",
            "\\u{7f}\\u{feff}\\u{2066}",
            "␡\u{fffd}\u{fffd}",
        );
    }
}
