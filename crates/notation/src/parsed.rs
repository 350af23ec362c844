//! From TOML to our tree.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned as TomlSpanned;
use toml::de::{DeArray, DeTable, DeValue};

use crate::document::{Content, Entry, Items, MAX_SYNTAX_ERRORS, Node, TableNode, Text};
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

/// The text parsed from one `[[name]]` of its top level to the next, so that what toml needs on the way, some forty times the
/// text, is needed for one piece at a time. `None` where that might not come to the same: something is wrong, or a piece says
/// more than its array.
pub(crate) fn in_pieces(source: &Arc<Source>, headers: &[usize]) -> Option<TableNode> {
    let (first, others) = headers.split_first()?;
    let mut converter = Converter::new(source);
    let mut root = converter.piece(0..*first)?;
    let taken = root.entries.len();
    let ends = others.iter().copied().chain([source.text().len()]);
    for (start, end) in headers.iter().zip(ends) {
        let mut piece = converter.piece(*start..end)?;
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

/// Makes our tree of toml's, and takes that apart on the way.
struct Converter<'s> {
    source: &'s Arc<Source>,
    /// Where the piece that is being converted begins.
    start: usize,
    /// Keys and titles, which are few and come again and again.
    names: BTreeSet<Arc<str>>,
}

impl<'s> Converter<'s> {
    const fn new(source: &'s Arc<Source>) -> Self {
        Self {
            source,
            start: 0,
            names: BTreeSet::new(),
        }
    }

    /// A part of the text by itself; `None` where it has mistakes.
    fn piece(&mut self, range: Range<usize>) -> Option<TableNode> {
        self.start = range.start;
        let (parsed, errors) = DeTable::parse_recoverable(self.source.text().get(range)?);
        if !errors.is_empty() {
            return None;
        }
        self.root(parsed.into_inner()).ok()
    }

    fn root(&mut self, table: DeTable<'_>) -> Result<TableNode, TooDeep> {
        self.table(table, "the file", &mut Vec::new())
    }

    fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.source, self.start + range.start..self.start + range.end)
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
            DeValue::Array(items) => Content::Array(Box::new(Items(self.array(items, path)?))),
            DeValue::Table(table) => Content::Table(Box::new(self.table(table, &title(&span, path), path)?)),
        };
        Ok(Node { content, span })
    }

    fn array(&mut self, items: DeArray<'_>, path: &mut Vec<Arc<str>>) -> Result<Vec<Node>, TooDeep> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nesting::outline;
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
    }
}
