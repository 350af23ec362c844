//! What may stand in a table, as data: readers open tables with it, and editors learn from it.

/// What may stand under a key.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Text in quotes.
    Text,
    /// Text in quotes that is a regular expression.
    Pattern,
    /// One of these words.
    Word(fn() -> Vec<&'static str>),
    /// `true` or `false`.
    Boolean,
    /// A whole number, no smaller than this.
    Integer(i64),
    /// A number.
    Number,
    /// A number and a unit in quotes, such as `"250 ms"`.
    Quantity,
    /// A bare number, whose unit is said elsewhere, or a number and a unit in quotes.
    NumberOrQuantity,
    /// A date without quotes.
    Date,
    /// An array of such values.
    List(&'static Self),
    /// A table with these keys.
    Table(&'static Keys),
    /// An array of tables with these keys, `[[steps]]`.
    Tables(&'static Keys),
    /// Tables with these keys under names that the author chooses, `[instruments.<name>]`.
    Named(&'static Keys),
    /// Such values under names that the author chooses.
    Map(&'static Self),
    /// Any one of these.
    Either(&'static [Self]),
}

/// A key that a table may have.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What may stand under it.
    pub shape: Shape,
    /// What it means, for whoever writes the file.
    pub description: &'static str,
    /// Whether a table without it is refused.
    pub is_required: bool,
}

impl Key {
    /// A key that may be left out.
    #[must_use]
    pub const fn new(name: &'static str, shape: Shape, description: &'static str) -> Self {
        Self {
            name,
            shape,
            description,
            is_required: false,
        }
    }

    /// The same key, which must be there.
    #[must_use]
    pub const fn required(self) -> Self {
        Self {
            is_required: true,
            ..self
        }
    }
}

/// The keys of one kind of table.
#[derive(Debug)]
pub struct Keys {
    /// What this kind of table is called in a schema; no two kinds of one file have the same.
    pub title: &'static str,
    /// The keys.
    pub keys: &'static [Key],
}

impl Keys {
    /// The names of the keys, as [`Table`](crate::Table)'s methods take them.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.keys.iter().map(|key| key.name).collect()
    }
}
