//! From TOML to our tree.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned as TomlSpanned;
use toml::de::{DeArray, DeTable, DeValue};

use crate::document::{Content, Entry, Items, MAX_SYNTAX_ERRORS, Node, TableNode, Text};
use crate::pieces::Piece;
use crate::span::Source;
use crate::{Diagnostic, Diagnostics, Span};

/// Deeper nesting is refused; no file of ours needs a tenth of it.
const MAX_DEPTH: usize = 64;

/// The text parsed as it is.
pub(crate) fn whole(source: &Arc<Source>) -> Result<TableNode, Diagnostics> {
    let (parsed, errors) = DeTable::parse_recoverable(source.text());
    if !errors.is_empty() {
        return Err(syntax_errors(source, &errors));
    }
    let mut converter = Converter::new(source);
    converter.root(parsed.into_inner()).map_err(|TooDeep(span)| {
        let message = format!("nested more than {MAX_DEPTH} levels deep");
        Diagnostic::error(&span, &message).into()
    })
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

/// Where it is nested too deep.
pub(crate) struct TooDeep(Span);

/// Makes our tree of toml's, and takes that apart on the way.
pub(crate) struct Converter<'s> {
    source: &'s Arc<Source>,
    /// What is being converted.
    pub(crate) piece: Piece,
    /// Keys and titles, which are few and come again and again.
    names: BTreeSet<Arc<str>>,
}

impl<'s> Converter<'s> {
    pub(crate) const fn new(source: &'s Arc<Source>) -> Self {
        Self {
            source,
            piece: Piece::whole(),
            names: BTreeSet::new(),
        }
    }

    pub(crate) fn text(&self) -> &'s str {
        self.source.text()
    }

    pub(crate) fn root(&mut self, table: DeTable<'_>) -> Result<TableNode, TooDeep> {
        self.table(table, "the file", &mut Vec::new())
    }

    fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.source, self.piece.place(range.start)..self.piece.place(range.end))
    }

    fn name(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.names.get(name) {
            return Arc::clone(known);
        }
        let name: Arc<str> = name.into();
        self.names.insert(Arc::clone(&name));
        name
    }

    fn table(&mut self, table: DeTable<'_>, title: &str, path: &mut Vec<Arc<str>>) -> Result<TableNode, TooDeep> {
        let mut entries = Vec::with_capacity(table.len());
        for (key, value) in table {
            let key_span = self.span(key.span());
            let key = self.name(key.get_ref());
            path.push(Arc::clone(&key));
            let node = self.node(value, path)?;
            path.pop();
            entries.push(Entry { key, key_span, node });
        }
        entries.sort_by_key(|entry| entry.key_span.bytes().start);
        let title = self.name(title);
        Ok(TableNode { title, entries })
    }

    fn node(&mut self, value: TomlSpanned<DeValue<'_>>, path: &mut Vec<Arc<str>>) -> Result<Node, TooDeep> {
        let span = self.span(value.span());
        if path.len() > MAX_DEPTH {
            return Err(TooDeep(span));
        }
        let content = match value.into_inner() {
            DeValue::String(text) => Content::string(&text, &span),
            DeValue::Integer(number) => Content::integer(number.as_str(), number.radix(), &span),
            DeValue::Float(number) => Content::float(number.as_str(), &span),
            DeValue::Boolean(value) => Content::Boolean(value),
            DeValue::Datetime(moment) => Content::Datetime(Box::new(Text(moment.to_string()))),
            DeValue::Array(items) => Content::Array(Box::new(Items(match self.piece.take_emptied(&span) {
                Some(array) => self.items(&array, path)?,
                None => self.array(items, path)?,
            }))),
            DeValue::Table(table) => Content::Table(Box::new(self.table(table, &title(&span, path), path)?)),
        };
        Ok(Node { content, span })
    }

    pub(crate) fn array(&mut self, items: DeArray<'_>, path: &mut Vec<Arc<str>>) -> Result<Vec<Node>, TooDeep> {
        let mut nodes = Vec::with_capacity(items.len());
        // An array is a level too, though it has no name: `[[[[...]]]]`.
        path.push(self.name(""));
        for item in items {
            nodes.push(self.node(item, path)?);
        }
        path.pop();
        Ok(nodes)
    }
}

/// How an author would point at a table: by its header, or by its key where it has no header.
fn title(span: &Span, path: &[Arc<str>]) -> String {
    let names: Vec<&str> = path
        .iter()
        .map(|name| &**name)
        .filter(|name| !name.is_empty())
        .collect();
    let dotted = names.join(".");
    match span.text() {
        text if text.starts_with("[[") => format!("[[{dotted}]]"),
        text if text.starts_with('[') => format!("[{dotted}]"),
        _ => format!("`{}`", names.last().copied().unwrap_or_default()),
    }
}
