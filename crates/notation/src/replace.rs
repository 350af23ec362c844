//! Copies of a value in which some tables are replaced by plain values: how a reader fills in what an author only named.

use crate::document::{Content, Entry, Items, Node, TableNode, owned};
use crate::{Kind, Table, Value};

/// A text, a number or a boolean, as its author wrote it.
#[derive(Debug, Clone)]
pub struct Scalar(Content);

/// A value that is no part of a document, though its places are.
#[derive(Debug, Clone)]
pub struct OwnedValue {
    node: Node,
    key: String,
    is_item: bool,
}

impl Scalar {
    /// A text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self(Content::String(Some(owned(text))))
    }

    /// A number, in decimal digits as TOML writes them.
    #[must_use]
    pub fn number(digits: &str) -> Self {
        Self(Content::Float(Some(owned(digits))))
    }

    /// A truth value.
    #[must_use]
    pub const fn boolean(truth: bool) -> Self {
        Self(Content::Boolean(truth))
    }
}

impl OwnedValue {
    /// The value, to be read like any other.
    #[must_use]
    pub fn value(&self) -> Value<'_> {
        match self.is_item {
            true => Value::of_item(&self.key, &self.node),
            false => Value::of_key(&self.key, &self.node),
        }
    }
}

impl Value<'_> {
    /// The text, number or boolean that it is; `None` for dates, arrays and tables.
    #[must_use]
    pub fn scalar(&self) -> Option<Scalar> {
        match self.kind() {
            Kind::String | Kind::Integer | Kind::Float | Kind::Boolean => Some(Scalar(self.node().content_anywhere())),
            Kind::Datetime | Kind::Array | Kind::Table => None,
        }
    }

    /// Calls `see` with every table in the value, itself included, from the outside inwards.
    pub fn each_table(&self, see: &mut dyn FnMut(&Table<'_>)) {
        look(self.node(), see);
    }

    /// A copy in which each table for which `replace` answers with something is that, at the table's place.
    ///
    /// `replace` is asked from the outside inwards, and not for what lies in a table that it has replaced.
    pub fn replaced(&self, replace: &mut dyn FnMut(&Table<'_>) -> Option<Scalar>) -> OwnedValue {
        OwnedValue {
            node: copy(self.node(), replace),
            key: self.key().to_owned(),
            is_item: self.is_item(),
        }
    }
}

fn look(node: &Node, see: &mut dyn FnMut(&Table<'_>)) {
    match &node.content {
        Content::Table(table) => {
            see(&Table::new(table, &node.span));
            table.entries.iter().for_each(|entry| look(&entry.node, see));
        }
        Content::Array(items) => items.0.iter().for_each(|item| look(item, see)),
        Content::String(_) | Content::Integer(..) | Content::Float(_) | Content::Boolean(_) | Content::Datetime(_) => {}
    }
}

fn copy(node: &Node, replace: &mut dyn FnMut(&Table<'_>) -> Option<Scalar>) -> Node {
    let content = match &node.content {
        Content::Table(table) => match replace(&Table::new(table, &node.span)) {
            Some(Scalar(content)) => content,
            None => Content::Table(Box::new(TableNode {
                title: table.title.clone(),
                entries: table
                    .entries
                    .iter()
                    .map(|entry| Entry {
                        key: entry.key.clone(),
                        key_span: entry.key_span.clone(),
                        node: copy(&entry.node, replace),
                    })
                    .collect(),
            })),
        },
        Content::Array(items) => {
            let items = items.0.iter().map(|item| copy(item, replace));
            Content::Array(Box::new(Items(items.collect())))
        }
        plain @ (Content::String(_)
        | Content::Integer(..)
        | Content::Float(_)
        | Content::Boolean(_)
        | Content::Datetime(_)) => plain.clone(),
    };
    Node {
        content,
        span: node.span.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Diagnostics, Document};

    #[test]
    fn a_replaced_table_is_read_as_what_it_stands_for_at_its_own_place() {
        let text =
            "step = { level = { param = 'vin' }, limits = [{ low = { param = 'vin' } }], other = { param = 'x' } }";
        let document = Document::parse("x.toml", text).unwrap();
        let mut sink = Diagnostics::new();
        let root = document.root(&mut sink, &["step"]);
        let owned = root.value("step").unwrap().replaced(&mut |table| {
            let name = table.string(&mut Diagnostics::new(), "param")?;
            (name.value == "vin").then(|| Scalar::text("5 V"))
        });
        let mut seen = Vec::new();
        root.value("step")
            .unwrap()
            .each_table(&mut |table| seen.push(table.title().to_owned()));
        assert_eq!(seen, ["`step`", "`level`", "`limits`", "`low`", "`other`"]);
        let step = owned.value().table(&mut sink, &["level", "limits", "other"]).unwrap();
        let level = step.magnitude(&mut sink, "level").unwrap();
        assert_eq!((level.number.as_str(), level.unit.as_str()), ("5", "V"));
        assert_eq!((level.span.line(), level.span.column()), (1, 18));
        let limits = step.tables(&mut sink, "limits", &["low"]).unwrap();
        assert!(limits[0].magnitude(&mut sink, "low").is_some());
        assert_eq!(step.value("other").unwrap().kind(), Kind::Table);
        assert!(sink.is_empty(), "{sink}");
    }
}
