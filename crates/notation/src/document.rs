//! A parsed document: our own tree, in document order, with a place for everything.

use std::sync::Arc;

use crate::nesting::{MAX_BRACKETS, outline};
use crate::parsed::{in_pieces, whole};
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
}

/// A value with its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) content: Content,
    pub(crate) span: Span,
}

/// What a value is. Numbers stay text.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// Without quotes, escapes resolved.
    String(Box<str>),
    /// Digits without `_` or prefix, and the base.
    Integer(Box<str>, u32),
    /// `1.50`, `-1e-3`, `nan`, `inf`.
    Float(Box<str>),
    Boolean(bool),
    Datetime(Box<str>),
    Array(Vec<Node>),
    Table(Box<TableNode>),
}

/// A table with its entries in document order.
#[derive(Debug, Clone)]
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

impl Document {
    /// Parses `text`; `name` is what findings call the file. A byte order mark is skipped.
    ///
    /// # Errors
    /// A file over [`MAX_BYTES`], or the first [`MAX_SYNTAX_ERRORS`] syntax errors (duplicate keys are among them).
    pub fn parse(name: &str, text: &str) -> Result<Self, Diagnostics> {
        if text.len() > MAX_BYTES {
            let message = format!("the file is larger than {MAX_BYTES} bytes");
            return Err(Diagnostic::error(&Span::of_file(name), &message).into());
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let source = Source::new(name, text);
        let headers = match outline(source.text()) {
            Ok(headers) => headers,
            Err(at) => {
                let message = format!("more than {MAX_BRACKETS} brackets are open here");
                return Err(Diagnostic::error(&Span::new(&source, at..at + 1), &message).into());
            }
        };
        let root = match in_pieces(&source, &headers) {
            Some(root) => root,
            None => whole(&source)?,
        };
        Ok(Self {
            root,
            span: Span::new(&source, 0..0),
            source,
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
