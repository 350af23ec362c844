//! A long text parsed piece by piece, so that what toml needs on the way, some forty times the text, is needed for one piece at a
//! time.

use std::borrow::Cow;
use std::mem;
use std::ops::Range;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use crate::Span;
use crate::document::{Content, Entry, Items, Node, TableNode};
use crate::nesting::{LongArray, Outline};
use crate::parsed::{Converter, TooDeep};
use crate::span::Source;

/// The text parsed from one `[[name]]` of its top level to the next, and a long array from one of its commas to another. `None`
/// where that might not come to the same: something is wrong, or a piece says more than its array.
pub(crate) fn in_pieces(source: &Arc<Source>, outline: &Outline) -> Option<TableNode> {
    let (first, others) = outline.headers.split_first()?;
    let mut converter = Converter::new(source);
    let mut root = converter.piece(0..*first, &outline.long)?;
    let taken = root.entries.len();
    let ends = others.iter().copied().chain([source.text().len()]);
    for (start, end) in outline.headers.iter().zip(ends) {
        let mut piece = converter.piece(*start..end, &outline.long)?;
        let entry = piece.entries.pop()?;
        let known = root.entries.iter().position(|known| known.key == entry.key);
        if !piece.entries.is_empty() || known.is_some_and(|known| known < taken) {
            return None;
        }
        let more = entry.node.content.into_array()?;
        match known.and_then(|known| root.entries.get_mut(known)) {
            Some(known) => known.node.content.as_array()?.extend(more),
            None => root.entries.push(Entry {
                node: Node {
                    content: Content::Array(Box::new(Items(more))),
                    ..entry.node
                },
                ..entry
            }),
        }
    }
    Some(root)
}

impl Content {
    fn into_array(self) -> Option<Vec<Node>> {
        if let Self::Array(items) = self {
            Some(items.0)
        } else {
            None
        }
    }

    fn as_array(&mut self) -> Option<&mut Vec<Node>> {
        if let Self::Array(items) = self {
            Some(&mut items.0)
        } else {
            None
        }
    }
}

/// What toml was given of the text, to tell where what it found stands.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    /// Where it begins.
    start: usize,
    /// The arrays that it was given empty. One without commas was met.
    emptied: Vec<LongArray>,
    /// A part of an array was no list of items.
    is_doubtful: bool,
}

impl Piece {
    pub(crate) const fn whole() -> Self {
        Self {
            start: 0,
            emptied: Vec::new(),
            is_doubtful: false,
        }
    }

    fn beginning_at(start: usize) -> Self {
        Self {
            start,
            ..Self::default()
        }
    }

    /// The byte of the text for one of the piece.
    pub(crate) fn place(&self, at: usize) -> usize {
        self.emptied.iter().fold(self.start + at, |at, array| {
            let left_out = array.close - array.open - 1;
            if at > array.open { at + left_out } else { at }
        })
    }

    /// The array that stands there, if it was given empty.
    pub(crate) fn take_emptied(&mut self, span: &Span) -> Option<LongArray> {
        let place = span.bytes();
        let mut emptied = self.emptied.iter_mut();
        let array = emptied.find(|array| array.open == place.start && !array.commas.is_empty())?;
        Some(LongArray {
            commas: mem::take(&mut array.commas),
            ..*array
        })
    }

    fn is_sure(&self) -> bool {
        !self.is_doubtful && self.emptied.iter().all(|array| array.commas.is_empty())
    }
}

/// Stands before a part of an array, that it is a document.
const BEFORE: &str = "x=[";

impl Converter<'_> {
    /// A part of the text by itself; `None` where it has mistakes.
    fn piece(&mut self, range: Range<usize>, long: &[LongArray]) -> Option<TableNode> {
        let inside = long
            .iter()
            .filter(|array| range.contains(&array.open) && range.contains(&array.close));
        let emptied: Vec<LongArray> = inside.cloned().collect();
        let text = without_items(self.text().get(range.clone())?, range.start, &emptied)?;
        self.piece = Piece {
            start: range.start,
            emptied,
            is_doubtful: false,
        };
        let (parsed, errors) = DeTable::parse_recoverable(&text);
        if !errors.is_empty() {
            return None;
        }
        let root = self.root(parsed.into_inner()).ok()?;
        self.piece.is_sure().then_some(root)
    }

    /// The items of an array that was given empty.
    pub(crate) fn items(&mut self, array: &LongArray, path: &mut Vec<Arc<str>>) -> Result<Vec<Node>, TooDeep> {
        let mut around = mem::take(&mut self.piece);
        let mut items = Vec::new();
        let mut begin = array.open + 1;
        for comma in &array.commas {
            let part = self.part(begin..*comma, Ends::AtComma, path)?;
            around.is_doubtful |= part.is_none();
            items.extend(part.unwrap_or_default());
            begin = comma + 1;
        }
        let last = self.part(begin..array.close, Ends::Array, path)?;
        around.is_doubtful |= last.is_none();
        items.extend(last.unwrap_or_default());
        items.shrink_to_fit();
        self.piece = around;
        Ok(items)
    }

    /// `None` where it is not items with commas between them, and at the end of the array perhaps one more.
    fn part(
        &mut self,
        range: Range<usize>,
        ends: Ends,
        path: &mut Vec<Arc<str>>,
    ) -> Result<Option<Vec<Node>>, TooDeep> {
        let (Some(start), Some(items)) = (range.start.checked_sub(BEFORE.len()), self.text().get(range)) else {
            return Ok(None);
        };
        let text = format!("{BEFORE}{items}]");
        let (parsed, errors) = DeTable::parse_recoverable(&text);
        let mut entries = parsed.into_inner().into_iter();
        let (Some((_, value)), None, true) = (entries.next(), entries.next(), errors.is_empty()) else {
            return Ok(None);
        };
        if value.span() != (BEFORE.len() - 1..text.len()) {
            return Ok(None);
        }
        let DeValue::Array(items) = value.into_inner() else {
            return Ok(None);
        };
        let behind = items.iter().last().and_then(|item| text.get(item.span().end..));
        match (ends, behind) {
            (Ends::AtComma, None) => return Ok(None),
            (Ends::AtComma, Some(behind)) if behind.contains(',') => return Ok(None),
            (Ends::AtComma | Ends::Array, _) => {}
        }
        self.piece = Piece::beginning_at(start);
        self.array(items, path).map(Some)
    }
}

/// What follows a part of an array.
#[derive(Clone, Copy)]
enum Ends {
    AtComma,
    Array,
}

/// The text, which begins at `start`, with these arrays empty.
fn without_items<'t>(text: &'t str, start: usize, arrays: &[LongArray]) -> Option<Cow<'t, str>> {
    if arrays.is_empty() {
        return Some(Cow::Borrowed(text));
    }
    let mut brief = String::new();
    let mut from = 0;
    for array in arrays {
        brief.push_str(text.get(from..=array.open - start)?);
        from = array.close - start;
    }
    brief.push_str(text.get(from..)?);
    Some(Cow::Owned(brief))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nesting::{PART, outline};
    use crate::parsed::whole;
    use proptest::prelude::*;

    /// The tree of the text in pieces, and of the whole.
    fn both(text: &str) -> (Option<String>, Option<String>) {
        let source = Source::new("x.toml", text);
        let pieces = in_pieces(&source, &outline(text).unwrap_or_default());
        let whole = whole(&source).ok();
        let shown = |root: TableNode| format!("{root:?}");
        (pieces.map(shown), whole.map(shown))
    }

    #[test]
    fn pieces_come_to_the_same_as_the_whole() {
        let text = "a = 1\n[p]\nid = 'x'\n[[s]]\nn = 1\n[[s.m]]\nlow = { a = 1, b = [2] }\n[s.x]\n\
                    [[t]]\n  [[s]]\nn = 2 # [[s]]\n";
        let (pieces, whole) = both(text);
        assert_eq!(pieces, whole);
        assert!(pieces.is_some());
    }

    #[test]
    fn what_a_piece_could_not_see_is_left_to_the_whole() {
        for text in [
            "s = []\n[[s]]\n",
            "s.a = 1\n[[s]]\n",
            "[s]\n[[s]]\n",
            "[[s]]\n[p]\na = 1\n[[s]]\n[p]\n",
            "[[s]]\na = 1\na = 2\n",
            "[[s]]\n[[t]]\n[s.x]\n",
            "[[s]]\n[p]\na = 1\n",
            "a = 1",
        ] {
            assert_eq!(both(text).0, None, "{text:?}");
        }
    }

    /// So long that an array is divided behind it.
    fn long(item: &str) -> String {
        format!("{item} # {}\n", "x".repeat(PART))
    }

    #[test]
    fn a_long_array_in_parts_comes_to_the_same_as_the_whole() {
        let item = long("{ a = 1, b = [{ c = '],' }, 2.50] }");
        for text in [
            format!("[[s]]\nm = [{item},{item},{item}]\nn = 1\n"),
            format!("[[s]]\nm = [{item},{item},\n]\nn = '\\'\n[[s]]\nm = [1]\n"),
            format!("k = [{item},{item},{item}]\nl = [{item},2,{item},3] # l\n[[s]]\no = 1\n"),
            format!("[[s]]\no = {{ m = 1 }}\np.q = [{item},2,{item},3]\n[s.r]\nm = [{item},1]\nz = 1979-05-27\n"),
        ] {
            let (pieces, whole) = both(&text);
            assert_eq!(pieces, whole, "{text}");
            let divided = outline(&text).unwrap().long;
            assert!(pieces.is_some() && !divided.is_empty(), "{text}");
        }
    }

    #[test]
    fn what_only_its_parts_make_an_array_is_none() {
        let (item, short) = (long("1"), "1");
        for array in [
            format!("[{item},,{short}]"),
            format!("[{item},{item},,{short}]"),
            format!("[{short},,{item},{short}]"),
            format!("[{short}, # {item},{short}]"),
            format!("[,{item},{short}]"),
            format!("[{item},{short},,]"),
            format!("[{item} {item},{short}]"),
            format!("[{item},{short} {short}]"),
        ] {
            let text = format!("[[s]]\nm = {array}\n");
            assert!(!outline(&text).unwrap().long.is_empty(), "{text}");
            assert_eq!(both(&text).0, None, "{text}");
        }
    }

    const LINES: &[&str] = &[
        "[[s]]",
        "[[s]]",
        "[[t]]",
        "[[s.m]]",
        "[s.x]",
        "[p]",
        "[s]",
        "a = 1",
        "b = [[1], [2]]",
        "c = { a = 1 }",
        "s = 1",
        "d.e = '[[s]]'",
        "f = \"\"\"\n[[s]]\n\"\"\"",
        "g = [",
        "]",
        "h = '",
        "\"\"\"",
        "# [[s]]",
        "[[ s ]]",
        "\r",
        "\u{3a9} = 1",
    ];

    const TOKENS: &[&str] = &[
        "1",
        "1",
        "'a'",
        "\"],\"",
        "{ a = 1, b = [2, 3] }",
        "{ a = [",
        "[",
        "]",
        "}",
        ",",
        ",",
        ",",
        "LONG",
        "LONG",
        "\n",
        "# c\n",
        "x = [",
        "'",
        "\u{3a9}",
        "\"\"\"",
    ];

    proptest! {
        #[test]
        fn pieces_that_are_taken_are_the_whole(
            lines in proptest::collection::vec(proptest::sample::select(LINES), 0..12),
        ) {
            let (pieces, whole) = both(&lines.join("\n"));
            if pieces.is_some() {
                prop_assert_eq!(pieces, whole);
            }
        }

        #[test]
        fn an_array_whose_parts_are_taken_is_the_whole(
            tokens in proptest::collection::vec(proptest::sample::select(TOKENS), 0..12),
        ) {
            let comment = format!("# {}\n", "x".repeat(PART));
            let items = tokens.join(" ").replace("LONG", &comment);
            let (pieces, whole) = both(&format!("[[s]]\nm = [{items}]\nn = [1]\n"));
            if pieces.is_some() {
                prop_assert_eq!(pieces, whole);
            }
        }
    }
}
