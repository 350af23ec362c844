//! `[parameters]` and `[variants.<part number>]`: what a run may choose, and what it chose.

use super::sweep::{self, Binding, plain_name};
use super::vocabulary::PARAMETER;
use crate::expression::Parameter;
use crate::given::Given;
use benchtop_instrument::{Decimal, Quantity};
use benchtop_notation::{Diagnostic, Diagnostics, Document, Scalar, Span, Spanned, Table, Value, suggest};
use std::collections::{BTreeMap, BTreeSet};

/// What the parameters of a run are.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    pub(super) bindings: Vec<Binding>,
    /// Every part that has a variant here.
    pub(super) parts: BTreeSet<String>,
}

type Setting = (Scalar, Parameter);

/// A parameter as the procedure declares it.
struct Declared {
    name: String,
    default: Setting,
    low: Option<Quantity>,
    high: Option<Quantity>,
    listed: Vec<Parameter>,
}

/// The parameters of a run for this part: the run's word goes before the variant's, that before the station's, and the
/// default comes last. Every mistake is reported, also in the variants that are not chosen.
pub(super) fn all(sink: &mut Diagnostics, root: &Table<'_>, given: &Given, part: Option<&str>) -> Chosen {
    let declared = declarations(sink, root);
    let mut of_part = BTreeMap::new();
    let mut parts = BTreeSet::new();
    for (name, value) in root
        .map(sink, "variants")
        .iter()
        .flat_map(Table::entries)
        .collect::<Vec<_>>()
    {
        let Some(table) = value.map(sink) else { continue };
        let is_chosen = part == Some(name.value.as_str());
        parts.insert(name.value);
        for (key, value) in table.entries() {
            let Some(parameter) = known(sink, &declared, &key.value, &key.span) else {
                continue;
            };
            let setting = sweep::turn(sink, value).filter(|setting| parameter.accepts(sink, setting, value.span()));
            if let (Some(setting), true) = (setting, is_chosen) {
                of_part.insert(key.value, setting);
            }
        }
    }
    for (name, text) in &given.named {
        known(sink, &declared, name, &text.span);
    }
    let mut bindings = Vec::with_capacity(declared.len());
    for parameter in declared {
        let name = &parameter.name;
        let said = given.named.get(name).map(|text| parameter.read(sink, text));
        let said = said.or_else(|| of_part.remove(name).map(Some));
        let said = said.or_else(|| given.station.get(name).map(|text| parameter.read(sink, text)));
        let (scalar, value) = said.flatten().unwrap_or(parameter.default);
        bindings.push(Binding {
            name: parameter.name,
            scalar,
            value,
        });
    }
    Chosen { bindings, parts }
}

fn declarations(sink: &mut Diagnostics, root: &Table<'_>) -> Vec<Declared> {
    let Some(table) = root.map(sink, "parameters") else {
        return Vec::new();
    };
    let entries = table.entries();
    entries
        .filter_map(|(name, value)| declared(sink, &name, value))
        .collect()
}

fn declared(sink: &mut Diagnostics, name: &Spanned<String>, value: Value<'_>) -> Option<Declared> {
    let name = plain_name(sink, name);
    let table = PARAMETER.open(sink, value)?;
    let default = table.require(sink, "default")?;
    let setting = sweep::turn(sink, default)?;
    let mut declared = Declared {
        name: name?.value,
        default: setting,
        low: None,
        high: None,
        listed: Vec::new(),
    };
    declared.low = declared.bound(sink, &table, "min");
    declared.high = declared.bound(sink, &table, "max");
    let items = table.value("one_of").and_then(|listed| listed.items(sink));
    for item in items.into_iter().flatten() {
        let setting = sweep::turn(sink, item).filter(|setting| declared.is_of_its_kind(sink, setting, item.span()));
        declared.listed.extend(setting.map(|(_, value)| value));
    }
    let setting = declared.default.clone();
    declared.accepts(sink, &setting, default.span());
    Some(declared)
}

fn known<'d>(sink: &mut Diagnostics, declared: &'d [Declared], name: &str, place: &Span) -> Option<&'d Declared> {
    let found = declared.iter().find(|parameter| parameter.name == name);
    if found.is_none() {
        let message = format!("there is no parameter `{name}` in this procedure");
        let names: Vec<&str> = declared.iter().map(|parameter| parameter.name.as_str()).collect();
        let help = match suggest(name, names.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if names.is_empty() => "it has none".to_owned(),
            None => format!("there are {}", names.join(", ")),
        };
        sink.push(Diagnostic::error(place, &message).help(&help));
    }
    found
}

impl Declared {
    /// `min` or `max`.
    fn bound(&self, sink: &mut Diagnostics, table: &Table<'_>, key: &str) -> Option<Quantity> {
        let value = table.value(key)?;
        let setting = sweep::turn(sink, value)?;
        match (&setting.1, &self.default.1) {
            (Parameter::Quantity(bound), Parameter::Quantity(_)) => {
                let bound = *bound;
                self.is_of_its_kind(sink, &setting, value.span()).then_some(bound)
            }
            (
                Parameter::Quantity(_) | Parameter::Text(_) | Parameter::Boolean(_),
                Parameter::Quantity(_) | Parameter::Text(_) | Parameter::Boolean(_),
            ) => {
                sink.error(value.span(), &format!("`{key}` is for a number, and bounds a number"));
                None
            }
        }
    }

    /// What the command line or the station says, read as what the parameter is.
    fn read(&self, sink: &mut Diagnostics, text: &Spanned<String>) -> Option<Setting> {
        let setting = match &self.default.1 {
            Parameter::Text(_) => Some((Scalar::text(&text.value), Parameter::Text(text.value.clone()))),
            Parameter::Quantity(quantity) if !quantity.unit.to_string().is_empty() => {
                Some((Scalar::text(&text.value), Parameter::of_text(&text.value)))
            }
            Parameter::Quantity(_) | Parameter::Boolean(_) => Some(plain(&text.value)),
        };
        setting.filter(|setting| self.accepts(sink, setting, &text.span))
    }

    fn accepts(&self, sink: &mut Diagnostics, setting: &Setting, place: &Span) -> bool {
        if !self.is_of_its_kind(sink, setting, place) {
            return false;
        }
        let name = &self.name;
        let value = &setting.1;
        let is_listed = self.listed.is_empty() || self.listed.iter().any(|listed| same(listed, value));
        let (below, above) = match value {
            Parameter::Quantity(number) => {
                let beyond = |bound: &Quantity| Some((number.in_unit(bound.unit).ok()?, bound.value));
                let low = self.low.as_ref().and_then(beyond);
                let high = self.high.as_ref().and_then(beyond);
                (
                    low.is_some_and(|(number, low)| number < low),
                    high.is_some_and(|(number, high)| number > high),
                )
            }
            Parameter::Text(_) | Parameter::Boolean(_) => (false, false),
        };
        let bounds = |word: &str, bound: &Option<Quantity>| {
            let bound = bound.map_or_else(String::new, |bound| bound.to_string());
            format!("the parameter `{name}` cannot be {value}: {word} {bound}")
        };
        if below {
            sink.error(place, &bounds("it is at least", &self.low));
        } else if above {
            sink.error(place, &bounds("it is at most", &self.high));
        } else if !is_listed {
            let listed: Vec<String> = self.listed.iter().map(ToString::to_string).collect();
            let message = format!("the parameter `{name}` cannot be {value}");
            let help = format!("one of {}", listed.join(", "));
            sink.push(Diagnostic::error(place, &message).help(&help));
        }
        !below && !above && is_listed
    }

    fn is_of_its_kind(&self, sink: &mut Diagnostics, setting: &Setting, place: &Span) -> bool {
        let (wanted, fits) = match (&self.default.1, &setting.1) {
            (Parameter::Quantity(own), Parameter::Quantity(other)) => (self.kind(), other.in_unit(own.unit).is_ok()),
            (Parameter::Text(_), Parameter::Text(_)) | (Parameter::Boolean(_), Parameter::Boolean(_)) => {
                (self.kind(), true)
            }
            (
                Parameter::Quantity(_) | Parameter::Text(_) | Parameter::Boolean(_),
                Parameter::Quantity(_) | Parameter::Text(_) | Parameter::Boolean(_),
            ) => (self.kind(), false),
        };
        if !fits {
            let found = match &setting.1 {
                Parameter::Text(text) => format!("\"{text}\""),
                plain @ (Parameter::Quantity(_) | Parameter::Boolean(_)) => plain.to_string(),
            };
            let message = format!("the parameter `{}` is {wanted}, not {found}", self.name);
            sink.error(place, &message);
        }
        fits
    }

    fn kind(&self) -> String {
        match &self.default.1 {
            Parameter::Quantity(quantity) if quantity.unit.to_string().is_empty() => "a number".to_owned(),
            Parameter::Quantity(quantity) => format!("a quantity in {}", quantity.unit),
            Parameter::Text(_) => "a text".to_owned(),
            Parameter::Boolean(_) => "true or false".to_owned(),
        }
    }
}

/// A number or a truth value as TOML would read it; anything else stays a text.
fn plain(text: &str) -> Setting {
    let as_text = || (Scalar::text(text), Parameter::Text(text.to_owned()));
    if text.parse::<bool>().is_err() && text.parse::<Decimal>().is_err() {
        return as_text();
    }
    let mut unheard = Diagnostics::new();
    let Ok(document) = Document::parse("", &format!("value = {text}")) else {
        return as_text();
    };
    let value = document.root_of_any_keys().value("value");
    value
        .and_then(|value| sweep::turn(&mut unheard, value))
        .unwrap_or_else(as_text)
}

fn same(left: &Parameter, right: &Parameter) -> bool {
    match (left, right) {
        (Parameter::Quantity(left), Parameter::Quantity(right)) => right.in_unit(left.unit) == Ok(left.value),
        (
            Parameter::Quantity(_) | Parameter::Text(_) | Parameter::Boolean(_),
            Parameter::Quantity(_) | Parameter::Text(_) | Parameter::Boolean(_),
        ) => left == right,
    }
}
