//! Places in a document, each knowing which document.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use crate::veil::{private_lines, secret_from};

/// The text of one file, with what is needed to turn a byte into a line and a column.
#[derive(Debug)]
pub(crate) struct Source {
    name: String,
    text: Arc<str>,
    /// The byte at which each line begins; the first is 0.
    lines: Vec<usize>,
    /// The lines, counted from 0, in tables where secrets have their place.
    private: OnceLock<Vec<Range<usize>>>,
}

/// One line of a source with the place of a span in it.
#[derive(Debug)]
pub(crate) struct Excerpt<'s> {
    /// 1-based.
    pub(crate) line: usize,
    /// Without its line ending.
    pub(crate) text: &'s str,
    /// Bytes of `text`, cut at the end of the line.
    pub(crate) range: Range<usize>,
}

impl Source {
    pub(crate) fn new(name: &str, text: impl Into<Arc<str>>) -> Arc<Self> {
        let text: Arc<str> = text.into();
        let starts = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = std::iter::once(0).chain(starts.map(|(at, _)| at + 1)).collect();
        Arc::new(Self {
            name: name.to_owned(),
            text,
            lines,
            private: OnceLock::new(),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn excerpt(&self, range: &Range<usize>) -> Excerpt<'_> {
        let start = floor(&self.text, range.start);
        let end = floor(&self.text, range.end).max(start);
        let line = self.lines.partition_point(|begin| *begin <= start).max(1);
        let begin = self.lines.get(line - 1).copied().unwrap_or(0);
        let rest = self.text.get(begin..).unwrap_or("");
        let text = rest.split('\n').next().unwrap_or("");
        let text = text.strip_suffix('\r').unwrap_or(text);
        let range = (start - begin).min(text.len())..(end - begin).min(text.len());
        Excerpt { line, text, range }
    }
}

impl Excerpt<'_> {
    /// The byte of the line from which on it is not drawn.
    pub(crate) fn secret_from(&self, source: &Source) -> Option<usize> {
        let private = source.private.get_or_init(|| private_lines(&source.text));
        let is_private = private.iter().any(|lines| lines.contains(&(self.line - 1)));
        secret_from(self.text, is_private)
    }
}

/// The nearest character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// A place in a document: a range of bytes and the document they belong to.
///
/// Cloning is cheap (a counted reference). Two spans are equal when they have the same bytes of a document of the same name.
#[derive(Clone)]
pub struct Span {
    source: Arc<Source>,
    /// A document has at most 1 MiB, and a procedure very many places.
    start: u32,
    end: u32,
}

impl Span {
    pub(crate) fn new(source: &Arc<Source>, range: Range<usize>) -> Self {
        Self {
            source: Arc::clone(source),
            start: place(range.start),
            end: place(range.end.max(range.start)),
        }
    }

    /// A file as a whole, for what is wrong with none of its lines: it cannot be read, or it is too large.
    ///
    /// Also what tests and generated values use in place of a place.
    #[must_use]
    pub fn of_file(name: &str) -> Self {
        Self::new(&Source::new(name, ""), 0..0)
    }

    /// The name of the file, as it was given to [`Document::parse`](crate::Document::parse) and not escaped.
    #[must_use]
    pub fn file(&self) -> &str {
        self.source.name()
    }

    /// The bytes of the document's text.
    #[must_use]
    pub fn bytes(&self) -> Range<usize> {
        at(self.start)..at(self.end)
    }

    /// The line on which it begins, counted from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.excerpt().line
    }

    /// The column at which it begins, counted in characters from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        let excerpt = self.excerpt();
        characters(excerpt.text, excerpt.range.start) + 1
    }

    /// The column behind its last character on its first line, counted in characters from 1.
    #[must_use]
    pub fn end_column(&self) -> usize {
        let excerpt = self.excerpt();
        characters(excerpt.text, excerpt.range.end) + 1
    }

    /// A part of this span, in bytes counted from its beginning.
    pub(crate) fn part(&self, range: Range<usize>) -> Self {
        let start = at(self.start);
        Self::new(&self.source, start + range.start..start + range.end)
    }

    pub(crate) fn text(&self) -> &str {
        self.source.text().get(self.bytes()).unwrap_or("")
    }

    pub(crate) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    pub(crate) fn excerpt(&self) -> Excerpt<'_> {
        self.source.excerpt(&self.bytes())
    }
}

fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn at(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

fn characters(text: &str, bytes: usize) -> usize {
    text.get(..bytes).unwrap_or(text).chars().count()
}

impl PartialEq for Span {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes() && self.file() == other.file()
    }
}

impl Eq for Span {}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file(), self.line(), self.column())
    }
}

/// A value and the place where the author wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spanned<T> {
    /// What was written.
    pub value: T,
    /// Where.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Puts a value and its place together.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }

    /// Makes something else of the value and keeps the place.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned {
            value: make(self.value),
            span: self.span,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Source, Span};

    fn check(text: &str, bytes: std::ops::Range<usize>, expected: (usize, usize, usize)) {
        let span = Span::new(&Source::new("x.toml", text), bytes);
        assert_eq!((span.line(), span.column(), span.end_column()), expected, "{text:?}");
    }

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        check("", 0..0, (1, 1, 1));
        check("a = 1", 4..5, (1, 5, 6));
        check("a = 1\nb = 2", 6..7, (2, 1, 2));
        check("a = 1\r\nb = 2\r\n", 11..12, (2, 5, 6));
        check("µ = 'Ω'\nx", 5..9, (1, 5, 8));
        check("a\n", 2..2, (2, 1, 1));
    }

    #[test]
    fn a_span_that_does_not_fit_its_text_is_cut_not_a_panic() {
        check("a\nb", 0..99, (1, 1, 2));
        check("ab", 99..120, (1, 3, 3));
        check("µ", 1..1, (1, 1, 1));
    }
}
