//! What a station file says beside its instruments: which procedures test units here, and what they may ask of the station.

use crate::keys::ALLOWED;
use benchtop_notation::{Diagnostic, Diagnostics, Kind, Spanned, Table};
use std::collections::BTreeMap;

/// A procedure that tests units on this station.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedProcedure {
    /// The version that is allowed; any, where none is said.
    pub version: Option<Spanned<String>>,
    /// The digest that is allowed, SHA-256 in hex; any, where none is said.
    pub sha256: Option<Spanned<String>>,
}

/// What a procedure may ask of the station.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StationParameter {
    /// A number, as written.
    Number(String),
    /// A text; one that is a number and a unit may stand for a quantity.
    Text(String),
    /// `true` or `false`.
    Boolean(bool),
}

/// `[procedures]`; `None` where every procedure is allowed.
pub(crate) fn procedures(
    root: &Table<'_>,
    sink: &mut Diagnostics,
) -> Option<Spanned<BTreeMap<String, AllowedProcedure>>> {
    let place = root.key_span("procedures")?.clone();
    let mut allowed = BTreeMap::new();
    for (id, table) in root.tables_by_name(sink, "procedures", &ALLOWED.names()) {
        let sha256 = table.string(sink, "sha256");
        let is_digest = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if let Some(text) = sha256.as_ref().filter(|text| !is_digest(&text.value)) {
            let help = "64 hexadecimal digits; the records hold it as procedure_sha256";
            sink.push(Diagnostic::error(&text.span, "this is no SHA-256").help(help));
        }
        let version = table.string(sink, "version");
        allowed.insert(id.value, AllowedProcedure { version, sha256 });
    }
    Some(Spanned::new(allowed, place))
}

/// `[parameters]`.
pub(crate) fn parameters(root: &Table<'_>, sink: &mut Diagnostics) -> BTreeMap<String, Spanned<StationParameter>> {
    let mut parameters = BTreeMap::new();
    let Some(table) = root.map(sink, "parameters") else {
        return parameters;
    };
    for (name, value) in table.entries() {
        let read = match value.kind() {
            Kind::String => value.string(sink).map(|text| text.map(StationParameter::Text)),
            Kind::Boolean => value.bool(sink).map(|truth| truth.map(StationParameter::Boolean)),
            Kind::Integer | Kind::Float => value.number(sink).map(|number| number.map(StationParameter::Number)),
            Kind::Datetime | Kind::Array | Kind::Table => {
                let message = format!("the parameter `{}` is none", name.value);
                let help = "a number, a quantity in quotes, a text, true or false";
                sink.push(Diagnostic::error(value.span(), &message).help(help));
                None
            }
        };
        if let Some(read) = read {
            parameters.insert(name.value, read);
        }
    }
    parameters
}
