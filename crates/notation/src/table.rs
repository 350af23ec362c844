//! A table, read key by key.

use crate::document::TableNode;
use crate::suggest::advice;
use crate::{Diagnostic, Diagnostics, Magnitude, Span, Spanned, Value};

/// A table somewhere in a document. Unknown keys were reported when it was opened.
///
/// Every reading method comes in two forms: the plain one returns `None` for a missing key, the `require_` one reports it.
/// Both report a value of the wrong type and return `None` for it.
#[derive(Debug, Clone, Copy)]
pub struct Table<'d> {
    node: &'d TableNode,
    span: &'d Span,
}

/// Writes the plain and the `require_` form of a reading method of [`Value`].
macro_rules! readers {
    ($($(#[$doc:meta])* $name:ident, $require:ident $(, $argument:ident: $type:ty)* => $out:ty;)*) => {
        impl<'d> Table<'d> {
            $(
                $(#[$doc])*
                pub fn $name(&self, sink: &mut Diagnostics, key: &str $(, $argument: $type)*) -> Option<$out> {
                    self.value(key)?.$name(sink $(, $argument)*)
                }

                $(#[$doc])*
                /// A missing key is reported.
                pub fn $require(&self, sink: &mut Diagnostics, key: &str $(, $argument: $type)*) -> Option<$out> {
                    self.require(sink, key)?.$name(sink $(, $argument)*)
                }
            )*
        }
    };
}

readers! {
    /// Text in quotes.
    string, require_string => Spanned<String>;
    /// `true` or `false`.
    bool, require_bool => Spanned<bool>;
    /// A date, a time or both, without quotes.
    datetime, require_datetime => Spanned<String>;
    /// A whole number.
    integer, require_integer => Spanned<i64>;
    /// A finite number as the decimal text that the author wrote. See [`Value::number`].
    number, require_number => Spanned<String>;
    /// A quantity in text, such as `"250 ms"`.
    magnitude, require_magnitude => Magnitude;
    /// A bare number or a quantity in text.
    magnitude_or_number, require_magnitude_or_number => Magnitude;
    /// A table with these keys; others are reported.
    table, require_table, keys: &[&str] => Table<'d>;
    /// A table whose keys are names that the author chooses: see [`Table::entries`].
    map, require_map => Table<'d>;
    /// The items of an array, whatever they are.
    items, require_items => Vec<Value<'d>>;
    /// The strings of an array.
    strings, require_strings => Vec<Spanned<String>>;
    /// The tables of an array, each with these keys.
    tables, require_tables, keys: &[&str] => Vec<Table<'d>>;
}

impl<'d> Table<'d> {
    pub(crate) fn new(node: &'d TableNode, span: &'d Span) -> Self {
        Self { node, span }
    }

    /// How messages call it: `[procedure]`, `[[steps]]`, `` `limit` ``.
    #[must_use]
    pub fn title(&self) -> &'d str {
        &self.node.title
    }

    /// Where it is: its header, or its braces where it is inline.
    #[must_use]
    pub fn span(&self) -> &'d Span {
        self.span
    }

    /// Whether the key is there.
    #[must_use]
    pub fn contains(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// Where the key itself is.
    #[must_use]
    pub fn key_span(&self, key: &str) -> Option<&'d Span> {
        self.node
            .entries
            .iter()
            .find(|entry| &*entry.key == key)
            .map(|entry| &entry.key_span)
    }

    /// The value under a key.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<Value<'d>> {
        let entry = self.node.entries.iter().find(|entry| &*entry.key == key)?;
        Some(Value::of_key(&entry.key, &entry.node))
    }

    /// The value under a key; a missing one is reported.
    pub fn require(&self, sink: &mut Diagnostics, key: &str) -> Option<Value<'d>> {
        let value = self.value(key);
        if value.is_none() {
            sink.push(Diagnostic::error(
                self.span,
                &format!("missing key `{key}` in {}", self.title()),
            ));
        }
        value
    }

    /// The value under a key that is the only one.
    #[must_use]
    pub fn only(&self, key: &str) -> Option<Value<'d>> {
        self.value(key).filter(|_| self.node.entries.len() == 1)
    }

    /// All keys with their values, in document order.
    pub fn entries(&self) -> impl Iterator<Item = (Spanned<String>, Value<'d>)> + use<'d> {
        self.node.entries.iter().map(|entry| {
            let key = Spanned::new(entry.key.to_string(), entry.key_span.clone());
            (key, Value::of_key(&entry.key, &entry.node))
        })
    }

    /// A table of named tables such as `[instruments.<name>]`, in document order, each with these keys. Empty if missing.
    pub fn tables_by_name(&self, sink: &mut Diagnostics, key: &str, keys: &[&str]) -> Vec<(Spanned<String>, Self)> {
        let Some(map) = self.map(sink, key) else {
            return Vec::new();
        };
        map.entries()
            .filter_map(|(name, value)| Some((name, value.table(sink, keys)?)))
            .collect()
    }

    /// Reports every key but these, for a table that was opened with [`Table::map`] and turned out to have fixed ones.
    pub fn refuse_unknown(&self, sink: &mut Diagnostics, keys: &[&str]) {
        for entry in &self.node.entries {
            if keys.contains(&&*entry.key) {
                continue;
            }
            let message = format!("unknown key `{}` in {}", entry.key, self.title());
            sink.push(Diagnostic::error(&entry.key_span, &message).help(&advice(&entry.key, keys)));
        }
    }
}
