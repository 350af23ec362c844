//! Whether a regular expression can match anything at all, and beyond a line: `a^b` compiles, and no text matches it.
//!
//! A text is followed as kinds of characters only. What is decided is exact for ASCII; of other characters everything is
//! taken for possible, so that an expression that can match is never said not to.

use regex_syntax::{
    Parser,
    hir::{Class, Hir, HirKind, Look, Repetition},
};
use std::collections::BTreeSet;

/// A kind of character, or the end of the text in either direction; one bit each.
type Kinds = u8;

const EDGE: Kinds = 1;
const LINE_FEED: Kinds = 1 << 1;
const CARRIAGE_RETURN: Kinds = 1 << 2;
/// ASCII letters, digits and `_`.
const WORD: Kinds = 1 << 3;
/// Letters and digits beyond ASCII.
const WIDE_WORD: Kinds = 1 << 4;
const OTHER: Kinds = 1 << 5;

const ALL: Kinds = EDGE | LINE_FEED | CARRIAGE_RETURN | WORD | WIDE_WORD | OTHER;
const CHARACTERS: [Kinds; 5] = [LINE_FEED, CARRIAGE_RETURN, WORD, WIDE_WORD, OTHER];

/// Repetitions beyond so many lead nowhere that fewer do not lead: there are no more situations than that.
const ENOUGH: u32 = 6 * 64;

/// Where a match stands: what is before it, and what may come next.
type Situation = (Kinds, Kinds);

/// True where some text matches all of the expression. One that cannot be read counts as such.
pub(crate) fn can_match_whole(pattern: &str) -> bool {
    let begin = BTreeSet::from([(EDGE, ALL)]);
    ends(pattern, &begin).is_none_or(|ends| ends.iter().any(|(_, next)| next & EDGE != 0))
}

/// True where the expression can be found in some text. One that cannot be read counts as such.
pub(crate) fn can_be_found(pattern: &str) -> bool {
    let begin = CHARACTERS.iter().chain([&EDGE]).map(|before| (*before, ALL)).collect();
    ends(pattern, &begin).is_none_or(|ends| !ends.is_empty())
}

/// True where no match of the expression has a line feed in it. One that cannot be read may have one.
pub(crate) fn stays_on_a_line(pattern: &str) -> bool {
    Parser::new().parse(pattern).is_ok_and(|hir| !takes_a_line_feed(&hir))
}

fn takes_a_line_feed(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => false,
        HirKind::Literal(literal) => literal.0.contains(&b'\n'),
        HirKind::Class(class) => kinds_in(class) & LINE_FEED != 0,
        HirKind::Repetition(repetition) => takes_a_line_feed(&repetition.sub),
        HirKind::Capture(capture) => takes_a_line_feed(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().any(takes_a_line_feed),
    }
}

fn ends(pattern: &str, begin: &BTreeSet<Situation>) -> Option<BTreeSet<Situation>> {
    let hir = Parser::new().parse(pattern).ok()?;
    Some(follow(&hir, begin))
}

/// Where a match of `hir` can stand at its end that stands in one of `from` at its beginning.
fn follow(hir: &Hir, from: &BTreeSet<Situation>) -> BTreeSet<Situation> {
    match hir.kind() {
        HirKind::Empty => from.clone(),
        HirKind::Literal(literal) => {
            let bytes = literal.0.iter();
            bytes.fold(from.clone(), |from, byte| step(&from, kinds_of(*byte)))
        }
        HirKind::Class(class) => step(from, kinds_in(class)),
        HirKind::Look(look) => {
            let narrowed = from
                .iter()
                .map(|(before, next)| (*before, next & allowed(*look, *before)));
            narrowed.filter(|(_, next)| *next != 0).collect()
        }
        HirKind::Repetition(repetition) => repeat(repetition, from),
        HirKind::Capture(capture) => follow(&capture.sub, from),
        HirKind::Concat(parts) => parts.iter().fold(from.clone(), |from, part| follow(part, &from)),
        HirKind::Alternation(parts) => parts.iter().flat_map(|part| follow(part, from)).collect(),
    }
}

fn step(from: &BTreeSet<Situation>, kinds: Kinds) -> BTreeSet<Situation> {
    let next = from.iter().fold(0, |all, (_, next)| all | next) & kinds;
    let possible = CHARACTERS.iter().filter(|kind| next & **kind != 0);
    possible.map(|kind| (*kind, ALL)).collect()
}

fn repeat(repetition: &Repetition, from: &BTreeSet<Situation>) -> BTreeSet<Situation> {
    let mut now = from.clone();
    for _ in 0..repetition.min.min(ENOUGH) {
        let next = follow(&repetition.sub, &now);
        if next == now {
            break;
        }
        now = next;
    }
    let more = match repetition.max {
        // after so many it does not matter any more how many there are
        Some(max) if repetition.min < ENOUGH => max.saturating_sub(repetition.min).min(ENOUGH),
        Some(_) | None => ENOUGH,
    };
    let mut all = now.clone();
    for _ in 0..more {
        now = follow(&repetition.sub, &now);
        let known = all.len();
        all.extend(&now);
        if all.len() == known {
            break;
        }
    }
    all
}

/// What may come next where `look` holds behind a character of the kind `before`.
fn allowed(look: Look, before: Kinds) -> Kinds {
    let unless = |holds: bool, next: Kinds| if holds { next } else { 0 };
    let ascii = |kinds: Kinds| kinds & WORD != 0;
    let unicode = |kinds: Kinds| kinds & (WORD | WIDE_WORD) != 0;
    let (ascii_words, unicode_words) = (WORD, WORD | WIDE_WORD);
    match look {
        Look::Start => unless(before == EDGE, ALL),
        Look::End => EDGE,
        Look::StartLF => unless(before == EDGE || before == LINE_FEED, ALL),
        Look::EndLF => EDGE | LINE_FEED,
        Look::StartCRLF => match before {
            EDGE | LINE_FEED => ALL,
            CARRIAGE_RETURN => ALL & !LINE_FEED,
            _ => 0,
        },
        Look::EndCRLF => EDGE | CARRIAGE_RETURN | unless(before != CARRIAGE_RETURN, LINE_FEED),
        Look::WordAscii if ascii(before) => ALL & !ascii_words,
        Look::WordAscii => ascii_words,
        Look::WordAsciiNegate if ascii(before) => ascii_words,
        Look::WordAsciiNegate => ALL & !ascii_words,
        Look::WordUnicode if unicode(before) => ALL & !unicode_words,
        Look::WordUnicode => unicode_words,
        Look::WordUnicodeNegate if unicode(before) => unicode_words,
        Look::WordUnicodeNegate => ALL & !unicode_words,
        Look::WordStartAscii => unless(!ascii(before), ascii_words),
        Look::WordEndAscii => unless(ascii(before), ALL & !ascii_words),
        Look::WordStartUnicode => unless(!unicode(before), unicode_words),
        Look::WordEndUnicode => unless(unicode(before), ALL & !unicode_words),
        Look::WordStartHalfAscii => unless(!ascii(before), ALL),
        Look::WordEndHalfAscii => ALL & !ascii_words,
        Look::WordStartHalfUnicode => unless(!unicode(before), ALL),
        Look::WordEndHalfUnicode => ALL & !unicode_words,
    }
}

/// What a byte of a text may be; one beyond ASCII is a part of some character.
const fn kinds_of(byte: u8) -> Kinds {
    match byte {
        b'\n' => LINE_FEED,
        b'\r' => CARRIAGE_RETURN,
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' => WORD,
        0..=0x7f => OTHER,
        0x80..=0xff => WIDE_WORD | OTHER,
    }
}

fn kinds_in(class: &Class) -> Kinds {
    let ranges: Vec<(u32, u32)> = match class {
        Class::Unicode(class) => class
            .iter()
            .map(|range| (range.start().into(), range.end().into()))
            .collect(),
        Class::Bytes(class) => class
            .iter()
            .map(|range| (range.start().into(), range.end().into()))
            .collect(),
    };
    let bytes = (0..=u8::MAX).filter(|byte| {
        let holds = |(start, end): &(u32, u32)| *start <= u32::from(*byte) && u32::from(*byte) <= *end;
        let beyond = *byte == u8::MAX && ranges.iter().any(|(_, end)| *end > u32::from(u8::MAX));
        beyond || ranges.iter().any(holds)
    });
    bytes.fold(0, |kinds, byte| kinds | kinds_of(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use regex::Regex;

    #[test]
    fn an_expression_that_no_text_matches_is_found_out() {
        for (pattern, whole, found) in [
            ("^UNIT-[0-9]{4}$", true, true),
            ("a^b", false, false),
            ("a$b", false, false),
            ("$a", false, false),
            ("(?:a|b)^", false, false),
            (r"\Aa\z\z", true, true),
            (r"(a|^)\b$", true, true),
            (r"a\bb", false, false),
            (r"a\Bb", true, true),
            (r"-\B-", true, true),
            (r"-\b-", false, false),
            ("[a&&b]", false, false),
            ("x[a&&b]*", true, true),
            ("(?m)a$\nb^", false, false),
            ("(?m)a$\n^b", true, true),
            ("(?m)^a$b", false, false),
            ("^^^", true, true),
            ("(^a){2}", false, false),
            ("(^a){1,2}", true, true),
            ("(a$)+", true, true),
            ("(a$){2,}", false, false),
            ("[^\\x{0}-\\x{10FFFF}]", false, false),
            ("é$\\w", false, false),
            ("", true, true),
            ("(?R)a\r$", true, true),
            // found inside of a text, and never as the whole of one
            (r"(?m)\n^a", true, true),
            ("a(?-u:\\b)b", false, false),
        ] {
            assert_eq!(can_match_whole(pattern), whole, "{pattern}");
            assert_eq!(can_be_found(pattern), found, "{pattern}");
        }
        let inside = r"\Ba";
        assert!(!can_match_whole(inside) && can_be_found(inside));
    }

    #[test]
    fn an_expression_that_takes_a_line_feed_is_found_out() {
        for (pattern, stays) in [
            (r"V=([\d.]+)", true),
            (".*$", true),
            (r"(?m)^a\b", true),
            ("", true),
            (r"(?s)a.*", false),
            (r"a\s+b", false),
            ("[^a]", false),
            ("a(?:b|(?:c\n)?)", false),
            ("(", false),
        ] {
            assert_eq!(stays_on_a_line(pattern), stays, "{pattern}");
        }
    }

    /// Every text of up to three of these characters.
    fn texts() -> Vec<String> {
        let mut all = vec![String::new()];
        let mut last = all.clone();
        for _ in 0..3 {
            last = last
                .iter()
                .flat_map(|text| ["a", "-", "\n", "\r", "é"].map(|character| format!("{text}{character}")))
                .collect();
            all.extend(last.iter().cloned());
        }
        all
    }

    proptest! {
        #[test]
        fn what_matches_some_text_is_never_said_not_to(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "a", "-", "\\n", "\\r", "[a-]", "[^a]", ".", "^", "$", "\\b", "\\B", "\\A", "\\z", "é", "(?:a|^)", "(?:$|-)",
                    "(?:a-?)*", "(?m:^)", "(?m:$)", "a{2}", "(?:^a)?", "(?:\\ba){1,2}",
                ]),
                1..6,
            ),
        ) {
            let pattern: String = parts.concat();
            let found = Regex::new(&pattern).unwrap();
            let whole = Regex::new(&format!(r"\A(?:{pattern})\z")).unwrap();
            for text in texts() {
                prop_assert!(!found.is_match(&text) || can_be_found(&pattern), "{} on {:?}", pattern, text);
                prop_assert!(!whole.is_match(&text) || can_match_whole(&pattern), "{} on {:?}", pattern, text);
                let mut matches = found.find_iter(&text);
                prop_assert!(
                    !stays_on_a_line(&pattern) || !matches.any(|found| found.as_str().contains('\n')),
                    "{} on {:?}",
                    pattern,
                    text
                );
            }
        }
    }
}
