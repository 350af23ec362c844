//! A parsed document: our own tree, in document order, with a place for everything.

use std::sync::Arc;
use std::{mem, thread};

use crate::nesting::{MAX_BRACKETS, outline};
use crate::parsed::whole;
use crate::pieces::in_pieces;
use crate::span::Source;
use crate::{Diagnostic, Diagnostics, Span, Table};

/// A larger file is refused before it is parsed.
pub const MAX_BYTES: usize = 1024 * 1024;

/// How many syntax errors are shown: one missing bracket makes a dozen, and only the first few are true.
pub const MAX_SYNTAX_ERRORS: usize = 3;

/// A TOML document that is free of syntax errors.
#[derive(Debug)]
pub struct Document {
    source: Arc<Source>,
    pub(crate) root: TableNode,
    span: Span,
    /// The last to go, and never touched: see [`LAST_TO_GO`].
    last: Vec<u8>,
}

/// What a document lets go of last, in bytes. A tree is very many small pieces, which glibc keeps apart for the next ones of their
/// size until something of 64 KiB or more is freed (its `FASTBIN_CONSOLIDATION_THRESHOLD`); only then does it join them, and give
/// back what lies free at the end. A thread keeps some pieces of each size at hand for itself as long as it lives (the `tcache`), and one
/// of them near the end is enough that nothing is given back: so a thread of its own lets go of the tree.
const LAST_TO_GO: usize = 80 * 1024;

/// A value with its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) content: Content,
    pub(crate) span: Span,
}

/// What a value is. Numbers stay text. A text is `None` where it is what stands at its place, as almost all are: only
/// [`Node::text`] and [`Node::digits`] read them.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// Without quotes, escapes resolved.
    String(Rare),
    /// Digits without `_` or prefix, and the base.
    Integer(Rare, u32),
    /// `1.50`, `-1e-3`, `nan`, `inf`.
    Float(Rare),
    Boolean(bool),
    Datetime(Box<Text>),
    Array(Box<Items>),
    Table(Box<TableNode>),
}

/// A text that is not what stands at its place.
pub(crate) type Rare = Option<Box<Text>>;

/// A text behind a thin pointer: a long procedure has very many values, and few of this kind.
#[derive(Debug, Clone)]
pub(crate) struct Text(pub(crate) String);

/// The items of an array, behind a thin pointer.
#[derive(Debug, Clone)]
pub(crate) struct Items(pub(crate) Vec<Node>);

impl Content {
    /// A text at its place.
    pub(crate) fn string(text: &str, span: &Span) -> Self {
        Self::String((between_quotes(span) != Some(text)).then(|| owned(text)))
    }

    /// A whole number at its place.
    pub(crate) fn integer(digits: &str, base: u32, span: &Span) -> Self {
        Self::Integer((span.text() != digits).then(|| owned(digits)), base)
    }

    /// A number at its place.
    pub(crate) fn float(digits: &str, span: &Span) -> Self {
        Self::Float((span.text() != digits).then(|| owned(digits)))
    }
}

impl Node {
    /// The text, where it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        if let Content::String(text) = &self.content {
            let text = text.as_deref().map(|text| text.0.as_str());
            return text.or_else(|| between_quotes(&self.span));
        }
        None
    }

    /// The digits of a number and their base, where it is one.
    pub(crate) fn digits(&self) -> Option<(&str, u32)> {
        let (digits, base) = match &self.content {
            Content::Integer(digits, base) => (digits, *base),
            Content::Float(digits) => (digits, 10),
            Content::String(_) | Content::Boolean(_) | Content::Datetime(_) | Content::Array(_) | Content::Table(_) => {
                return None;
            }
        };
        let digits = digits.as_deref().map(|digits| digits.0.as_str());
        Some((digits.unwrap_or_else(|| self.span.text()), base))
    }

    /// What it is, for another place.
    pub(crate) fn content_anywhere(&self) -> Content {
        match &self.content {
            Content::String(_) => Content::String(self.text().map(owned)),
            Content::Integer(_, base) => Content::Integer(self.digits().map(|(digits, _)| owned(digits)), *base),
            Content::Float(_) => Content::Float(self.digits().map(|(digits, _)| owned(digits))),
            content @ (Content::Boolean(_) | Content::Datetime(_) | Content::Array(_) | Content::Table(_)) => {
                content.clone()
            }
        }
    }
}

pub(crate) fn owned(text: &str) -> Box<Text> {
    Box::new(Text(text.to_owned()))
}

/// What stands between the first and the last byte of a place.
fn between_quotes(span: &Span) -> Option<&str> {
    let text = span.text();
    text.get(1..text.len().checked_sub(1)?)
}

/// A table with its entries in document order.
#[derive(Debug, Clone, Default)]
pub(crate) struct TableNode {
    /// How messages call it: `[procedure]`, `[[steps]]`, `` `limit` ``, `the file`.
    pub(crate) title: Arc<str>,
    pub(crate) entries: Vec<Entry>,
}

/// One key with its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: Arc<str>,
    pub(crate) key_span: Span,
    pub(crate) node: Node,
}

impl Drop for Document {
    fn drop(&mut self) {
        if self.last.capacity() == 0 {
            return;
        }
        let tree = mem::take(&mut self.root.entries);
        // without a thread it goes here and now
        if let Ok(thread) = thread::Builder::new().spawn(move || drop(tree)) {
            drop(thread.join());
        }
    }
}

impl Document {
    /// Parses `text`; `name` is what findings call the file. A byte order mark is skipped.
    ///
    /// # Errors
    /// A file over [`MAX_BYTES`], or the first [`MAX_SYNTAX_ERRORS`] syntax errors (duplicate keys are among them).
    pub fn parse(name: &str, text: &str) -> Result<Self, Diagnostics> {
        Self::parse_shared(name, &Arc::from(text))
    }

    /// As [`Document::parse`], of a text that its owner keeps too: it is not copied.
    ///
    /// # Errors
    /// As [`Document::parse`].
    pub fn parse_shared(name: &str, text: &Arc<str>) -> Result<Self, Diagnostics> {
        if text.len() > MAX_BYTES {
            let message = format!("the file is larger than {MAX_BYTES} bytes");
            return Err(Diagnostic::error(&Span::of_file(name), &message).into());
        }
        let source = match text.strip_prefix('\u{feff}') {
            Some(behind) => Source::new(name, behind),
            None => Source::new(name, Arc::clone(text)),
        };
        let outline = match outline(source.text()) {
            Ok(outline) => outline,
            Err(at) => {
                let message = format!("more than {MAX_BRACKETS} brackets are open here");
                return Err(Diagnostic::error(&Span::new(&source, at..at + 1), &message).into());
            }
        };
        let root = match in_pieces(&source, &outline) {
            Some(root) => root,
            None => whole(&source)?,
        };
        let last = if source.text().len() < LAST_TO_GO {
            0
        } else {
            LAST_TO_GO
        };
        Ok(Self {
            root,
            span: Span::new(&source, 0..0),
            source,
            last: Vec::with_capacity(last),
        })
    }

    /// The top of the document. Keys other than `keys` are reported.
    pub fn root<'d>(&'d self, sink: &mut Diagnostics, keys: &[&str]) -> Table<'d> {
        let table = self.root_of_any_keys();
        table.refuse_unknown(sink, keys);
        table
    }

    /// The top of a document whose keys are names that the author chooses.
    #[must_use]
    pub fn root_of_any_keys(&self) -> Table<'_> {
        Table::new(&self.root, &self.span)
    }

    /// The beginning of the document, for findings about all of it.
    #[must_use]
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// The name it was parsed under.
    #[must_use]
    pub fn name(&self) -> &str {
        self.source.name()
    }

    /// The text it was parsed from, without a byte order mark.
    #[must_use]
    pub fn text(&self) -> &str {
        self.source.text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_takes_little_room_and_a_plain_text_none_of_its_own() {
        assert_eq!(size_of::<Content>(), 16);
        assert_eq!(size_of::<Entry>(), 64);
        let text = "a = 'plain'\nb = \"esc\\u0041ped\"\nc = 1_000\nd = 3.30\ne = +1.5\nf = '''\nx'''\ng = \"\"\n";
        let document = Document::parse("x.toml", text).unwrap();
        let entries = document.root.entries.iter();
        let shown = entries.map(|entry| {
            let node = &entry.node;
            let aside = match &node.content {
                Content::String(rare) | Content::Integer(rare, _) | Content::Float(rare) => rare.is_some(),
                Content::Boolean(_) | Content::Datetime(_) | Content::Array(_) | Content::Table(_) => true,
            };
            let text = node.text().or_else(|| node.digits().map(|(digits, _)| digits));
            (text.unwrap_or_default(), aside)
        });
        let expected = [
            ("plain", false),
            ("escAped", true),
            ("1000", true),
            ("3.30", false),
            ("+1.5", false),
            ("x", true),
            ("", false),
        ];
        assert_eq!(shown.collect::<Vec<_>>(), expected);
    }
}
