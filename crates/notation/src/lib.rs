//! One TOML document read into spanned tables, with every mistake in one go.
//!
//! This crate knows TOML, places in a text and words; it knows no instrument, no unit and no procedure.
//! A reader opens a [`Document`], asks its [`Table`]s for what it needs and hands one [`Diagnostics`] through:
//! every mistake ends up there, nothing stops at the first one. A value that was refused comes back as `None`,
//! so a reader goes on with `?` or `let ... else` and looks at [`Diagnostics::has_errors`] once, at the end.
//!
//! Invariants:
//!
//! - Every [`Span`] carries the document it points into, so findings about a procedure and about a station file
//!   may share one [`Diagnostics`] and none can point into the wrong file.
//! - Opening a table names its keys, so no reader can forget to refuse unknown ones.
//! - A number that is not a count stays the text that the author wrote: this crate never makes an `f64`.
//! - Whatever a file contains, no rendering lets a terminal control character of it through.
//!
//! ```
//! use benchtop_notation::{Diagnostics, Document, one_of};
//!
//! #[derive(Debug, Clone, Copy, PartialEq)]
//! enum Class { Dmm, Supply }
//!
//! let text = r#"
//! [instruments.dmm]
//! class = "dnm"
//! timeout = "2 s"
//! adress = "10.0.0.7"
//! "#;
//! let document = Document::parse("bench.toml", text)?;
//! let mut sink = Diagnostics::new();
//!
//! let root = document.root(&mut sink, &["instruments"]);
//! for (name, table) in root.tables_by_name(&mut sink, "instruments", &["class", "timeout", "address"]) {
//!     assert_eq!(name.value, "dmm");
//!     let class = table
//!         .require_string(&mut sink, "class")
//!         .and_then(|word| one_of(&mut sink, "class", &word, &[("dmm", Class::Dmm), ("dc_power", Class::Supply)]));
//!     assert_eq!(class, None);
//!     let timeout = table.magnitude(&mut sink, "timeout").unwrap();
//!     assert_eq!((timeout.number.as_str(), timeout.unit.as_str()), ("2", "s"));
//! }
//!
//! assert!(sink.has_errors());
//! assert_eq!(
//!     sink.render_short(),
//!     "bench.toml:3:9: error: unknown class `dnm`; did you mean `dmm`?\n\
//!      bench.toml:5:1: error: unknown key `adress` in [instruments.dmm]; did you mean `address`?\n",
//! );
//! # Ok::<(), Diagnostics>(())
//! ```

mod cases;
mod diagnostic;
mod document;
mod escape;
mod inherit;
mod key;
mod magnitude;
mod nesting;
mod parsed;
mod pieces;
mod render;
mod replace;
mod span;
mod suggest;
mod table;
mod value;
mod veil;

pub use cases::in_cases;
pub use diagnostic::{Diagnostic, Diagnostics, MAX_FINDINGS, Severity};
pub use document::{Document, MAX_BYTES, MAX_SYNTAX_ERRORS};
pub use escape::{brief, escape};
pub use inherit::{Documents, INHERITANCE};
pub use key::{Key, Keys, Shape};
pub use magnitude::Magnitude;
pub use replace::{OwnedValue, Scalar};
pub use span::{Span, Spanned};
pub use suggest::{one_of, suggest};
pub use table::Table;
pub use value::{Kind, Value};

#[cfg(test)]
mod tests;
