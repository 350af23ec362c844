//! One value, read as what the reader expects or refused with what it is instead.

use std::fmt;

use crate::document::{Content, Node};
use crate::{Diagnostic, Diagnostics, Magnitude, Span, Spanned, Table, magnitude};

/// What a value is, for readers that accept several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Text in quotes.
    String,
    /// A whole number.
    Integer,
    /// A number with a point or an exponent, `nan` or `inf`.
    Float,
    /// `true` or `false`.
    Boolean,
    /// A date, a time or both.
    Datetime,
    /// Values in brackets, or an array of tables.
    Array,
    /// A table, inline or with a header.
    Table,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::String => "a string",
            Self::Integer => "an integer",
            Self::Float => "a decimal number",
            Self::Boolean => "a boolean",
            Self::Datetime => "a date or time",
            Self::Array => "an array",
            Self::Table => "a table",
        })
    }
}

/// A value somewhere in a document, with the key that it stands under.
#[derive(Debug, Clone, Copy)]
pub struct Value<'d> {
    node: &'d Node,
    key: &'d str,
    is_item: bool,
}

impl<'d> Value<'d> {
    pub(crate) fn of_key(key: &'d str, node: &'d Node) -> Self {
        Self {
            node,
            key,
            is_item: false,
        }
    }

    pub(crate) fn node(&self) -> &'d Node {
        self.node
    }

    pub(crate) fn of_item(key: &'d str, node: &'d Node) -> Self {
        Self {
            node,
            key,
            is_item: true,
        }
    }

    /// It stands in an array.
    pub(crate) const fn is_item(&self) -> bool {
        self.is_item
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match &self.node.content {
            Content::String(_) => Kind::String,
            Content::Integer(..) => Kind::Integer,
            Content::Float(_) => Kind::Float,
            Content::Boolean(_) => Kind::Boolean,
            Content::Datetime(_) => Kind::Datetime,
            Content::Array(_) => Kind::Array,
            Content::Table(_) => Kind::Table,
        }
    }

    /// Where it is. A table's or an array of tables' place is its header.
    #[must_use]
    pub fn span(&self) -> &'d Span {
        &self.node.span
    }

    /// The key that it stands under; for an item of an array, the array's.
    #[must_use]
    pub fn key(&self) -> &'d str {
        self.key
    }

    /// Text in quotes.
    pub fn string(&self, sink: &mut Diagnostics) -> Option<Spanned<String>> {
        let Some(text) = self.node.text() else {
            return self.refuse(sink, "a string");
        };
        Some(self.spanned(text.to_owned()))
    }

    /// `true` or `false`.
    pub fn bool(&self, sink: &mut Diagnostics) -> Option<Spanned<bool>> {
        let Content::Boolean(value) = &self.node.content else {
            return self.refuse(sink, "`true` or `false`");
        };
        Some(self.spanned(*value))
    }

    /// A date, a time or both, as TOML writes them: `2026-11-22`, `2026-11-22T08:00:00Z`.
    pub fn datetime(&self, sink: &mut Diagnostics) -> Option<Spanned<String>> {
        let Content::Datetime(text) = &self.node.content else {
            return self.refuse(sink, "a date or time without quotes, such as 2026-11-22");
        };
        Some(self.spanned(text.0.clone()))
    }

    /// A whole number, in any base that TOML knows.
    pub fn integer(&self, sink: &mut Diagnostics) -> Option<Spanned<i64>> {
        let (Content::Integer(..), Some((digits, base))) = (&self.node.content, self.node.digits()) else {
            return self.refuse(sink, "an integer");
        };
        match i64::from_str_radix(digits, base) {
            Ok(number) => Some(self.spanned(number)),
            Err(_) => self.refuse_because(sink, "is too large a number"),
        }
    }

    /// A finite number, as the decimal text that the author wrote (`3.30`), without `_` and a leading `+`.
    pub fn number(&self, sink: &mut Diagnostics) -> Option<Spanned<String>> {
        match self.node.digits() {
            Some((digits, 10)) => self.finite(sink, digits),
            Some(_) => self.refuse_because(sink, "must be written in decimal"),
            None => self.refuse(sink, "a number"),
        }
    }

    /// A quantity in text, such as `"250 ms"`.
    pub fn magnitude(&self, sink: &mut Diagnostics) -> Option<Magnitude> {
        let Some(text) = self.node.text() else {
            return self.refuse(sink, "a quantity in quotes, such as \"250 ms\"");
        };
        self.split(sink, text)
    }

    /// A bare number (then the unit is empty) or a quantity in text.
    pub fn magnitude_or_number(&self, sink: &mut Diagnostics) -> Option<Magnitude> {
        match &self.node.content {
            Content::String(_) => self.split(sink, self.node.text()?),
            Content::Integer(..) | Content::Float(_) => {
                let number = self.number(sink)?;
                Some(Magnitude {
                    number: number.value,
                    unit: String::new(),
                    span: number.span.clone(),
                    number_span: number.span.clone(),
                    unit_span: number.span,
                })
            }
            Content::Boolean(_) | Content::Datetime(_) | Content::Array(_) | Content::Table(_) => {
                self.refuse(sink, "a number, or a quantity in quotes such as \"3.3 V\"")
            }
        }
    }

    /// A table with these keys; others are reported.
    pub fn table(&self, sink: &mut Diagnostics, keys: &[&str]) -> Option<Table<'d>> {
        let table = self.map(sink)?;
        table.refuse_unknown(sink, keys);
        Some(table)
    }

    /// A table whose keys are names that the author chooses.
    pub fn map(&self, sink: &mut Diagnostics) -> Option<Table<'d>> {
        let Content::Table(table) = &self.node.content else {
            return self.refuse(sink, "a table");
        };
        Some(Table::new(table, &self.node.span))
    }

    /// The items of an array, whatever they are.
    pub fn items(&self, sink: &mut Diagnostics) -> Option<Vec<Self>> {
        let Content::Array(items) = &self.node.content else {
            return self.refuse(sink, "an array");
        };
        Some(
            items
                .0
                .iter()
                .map(|node| Self {
                    node,
                    key: self.key,
                    is_item: true,
                })
                .collect(),
        )
    }

    /// The strings of an array. Items that are something else are reported and left out.
    pub fn strings(&self, sink: &mut Diagnostics) -> Option<Vec<Spanned<String>>> {
        let items = self.items(sink)?;
        Some(items.iter().filter_map(|item| item.string(sink)).collect())
    }

    /// The tables of an array, each with these keys. Items that are something else are reported and left out.
    pub fn tables(&self, sink: &mut Diagnostics, keys: &[&str]) -> Option<Vec<Table<'d>>> {
        let Content::Array(_) = &self.node.content else {
            return self.refuse(sink, &format!("an array of tables, [[{}]]", self.key));
        };
        let items = self.items(sink)?;
        Some(items.iter().filter_map(|item| item.table(sink, keys)).collect())
    }

    fn spanned<T>(&self, value: T) -> Spanned<T> {
        Spanned::new(value, self.node.span.clone())
    }

    fn finite(&self, sink: &mut Diagnostics, digits: &str) -> Option<Spanned<String>> {
        let plain = digits.strip_prefix('+').unwrap_or(digits);
        if plain.contains(|c: char| c.is_ascii_alphabetic() && !matches!(c, 'e' | 'E')) {
            return self.refuse_because(sink, &format!("must be a finite number, not `{digits}`"));
        }
        Some(self.spanned(plain.to_owned()))
    }

    fn split(&self, sink: &mut Diagnostics, text: &str) -> Option<Magnitude> {
        // The text stands between one quote on either side, unless escapes or a multi-line string changed it.
        let inner = self.node.span.part(1..text.len() + 1);
        let inner = (inner.text() == text && self.node.span.text().len() == text.len() + 2).then_some(inner);
        magnitude::split(sink, &self.what(), text, &self.node.span, inner.as_ref())
    }

    fn what(&self) -> String {
        if self.is_item {
            format!("every item of `{}`", self.key)
        } else {
            format!("`{}`", self.key)
        }
    }

    fn refuse<T>(&self, sink: &mut Diagnostics, expected: &str) -> Option<T> {
        self.refuse_because(sink, &format!("must be {expected}, not {}", self.kind()))
    }

    fn refuse_because<T>(&self, sink: &mut Diagnostics, reason: &str) -> Option<T> {
        sink.push(Diagnostic::error(&self.node.span, &format!("{} {reason}", self.what())));
        None
    }
}
