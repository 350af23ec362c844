//! A parsed document: our own tree, in document order, with a place for everything.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned as TomlSpanned;
use toml::de::{DeArray, DeTable, DeValue};

use crate::nesting::{MAX_BRACKETS, too_deep};
use crate::span::Source;
use crate::{Diagnostic, Diagnostics, Span, Table};

/// A larger file is refused before it is parsed.
pub const MAX_BYTES: usize = 1024 * 1024;

/// How many syntax errors are shown: one missing bracket makes a dozen, and only the first few are true.
pub const MAX_SYNTAX_ERRORS: usize = 3;

/// Deeper nesting is refused; no file of ours needs a tenth of it.
const MAX_DEPTH: usize = 64;

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
    String(String),
    /// Digits without `_` or prefix, and the base.
    Integer(String, u32),
    /// `1.50`, `-1e-3`, `nan`, `inf`.
    Float(String),
    Boolean(bool),
    Datetime(String),
    Array(Vec<Node>),
    Table(TableNode),
}

/// A table with its entries in document order.
#[derive(Debug, Clone)]
pub(crate) struct TableNode {
    /// How messages call it: `[procedure]`, `[[steps]]`, `` `limit` ``, `the file`.
    pub(crate) title: String,
    pub(crate) entries: Vec<Entry>,
}

/// One key with its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
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
        if let Some(at) = too_deep(source.text()) {
            let message = format!("more than {MAX_BRACKETS} brackets are open here");
            return Err(Diagnostic::error(&Span::new(&source, at..at + 1), &message).into());
        }
        let (parsed, errors) = DeTable::parse_recoverable(source.text());
        if !errors.is_empty() {
            return Err(syntax_errors(&source, &errors));
        }
        let converter = Converter { source: &source };
        let mut path = Vec::new();
        match converter.table(parsed.get_ref(), "the file".to_owned(), &mut path) {
            Ok(root) => Ok(Self {
                root,
                span: Span::new(&source, 0..0),
                source,
            }),
            Err(TooDeep(span)) => {
                let message = format!("nested more than {MAX_DEPTH} levels deep");
                Err(Diagnostic::error(&span, &message).into())
            }
        }
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

fn syntax_errors(source: &Arc<Source>, errors: &[toml::de::Error]) -> Diagnostics {
    let mut errors: Vec<_> = errors.iter().collect();
    errors.sort_by_key(|error| error.span().map_or(0, |span| span.start));
    let mut findings = Diagnostics::new();
    for error in errors.iter().take(MAX_SYNTAX_ERRORS) {
        let span = Span::new(source, error.span().unwrap_or(0..0));
        let message = match (error.message(), span.text()) {
            ("duplicate key", key) if !key.is_empty() => {
                format!("the key `{key}` is here for the second time")
            }
            (message, _) => message.to_owned(),
        };
        findings.push(Diagnostic::error(&span, &message));
    }
    findings
}

struct TooDeep(Span);

struct Converter<'s> {
    source: &'s Arc<Source>,
}

impl Converter<'_> {
    fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.source, range)
    }

    fn table(&self, table: &DeTable<'_>, title: String, path: &mut Vec<String>) -> Result<TableNode, TooDeep> {
        let mut entries = Vec::with_capacity(table.len());
        for (key, value) in table {
            path.push(key.get_ref().to_string());
            let node = self.node(value, path)?;
            path.pop();
            entries.push(Entry {
                key: key.get_ref().to_string(),
                key_span: self.span(key.span()),
                node,
            });
        }
        entries.sort_by_key(|entry| entry.key_span.bytes().start);
        Ok(TableNode { title, entries })
    }

    fn node(&self, value: &TomlSpanned<DeValue<'_>>, path: &mut Vec<String>) -> Result<Node, TooDeep> {
        let span = self.span(value.span());
        if path.len() > MAX_DEPTH {
            return Err(TooDeep(span));
        }
        let content = match value.get_ref() {
            DeValue::String(text) => Content::String(text.to_string()),
            DeValue::Integer(number) => Content::Integer(number.as_str().to_owned(), number.radix()),
            DeValue::Float(number) => Content::Float(number.as_str().to_owned()),
            DeValue::Boolean(value) => Content::Boolean(*value),
            DeValue::Datetime(moment) => Content::Datetime(moment.to_string()),
            DeValue::Array(items) => Content::Array(self.array(items, path)?),
            DeValue::Table(table) => Content::Table(self.table(table, title(&span, path), path)?),
        };
        Ok(Node { content, span })
    }

    fn array(&self, items: &DeArray<'_>, path: &mut Vec<String>) -> Result<Vec<Node>, TooDeep> {
        let mut nodes = Vec::with_capacity(items.len());
        // An array is a level too, though it has no name: `[[[[...]]]]`.
        path.push(String::new());
        for item in items {
            nodes.push(self.node(item, path)?);
        }
        path.pop();
        Ok(nodes)
    }
}

/// How an author would point at a table: by its header, or by its key where it has no header.
fn title(span: &Span, path: &[String]) -> String {
    let names: Vec<&str> = path
        .iter()
        .map(String::as_str)
        .filter(|name| !name.is_empty())
        .collect();
    let dotted = names.join(".");
    match span.text() {
        text if text.starts_with("[[") => format!("[[{dotted}]]"),
        text if text.starts_with('[') => format!("[{dotted}]"),
        _ => format!("`{}`", names.last().copied().unwrap_or_default()),
    }
}
