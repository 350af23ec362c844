//! `for_each`: which values a parameter takes, one turn each.

use super::{quantity, vocabulary::FOR_EACH};
use crate::expression::{Parameter, long_time};
use benchtop_instrument::{BaseUnit, Decimal, Quantity, Unit};
use benchtop_notation::{Diagnostic, Diagnostics, Kind, Scalar, Spanned, Table, Value, one_of};

/// More turns than this are taken for a mistake.
const MOST_TURNS: usize = 10_000;

/// What a parameter is in one turn.
#[derive(Clone, Debug)]
pub(super) struct Binding {
    pub(super) name: String,
    /// What stands in place of `{ param = "name" }`.
    pub(super) scalar: Scalar,
    /// What it is in an expression and in the record.
    pub(super) value: Parameter,
}

/// The turns of a sweep, at least one; `None` where it is wrong.
pub(super) fn turns(sink: &mut Diagnostics, value: Value<'_>, taken: &[Binding]) -> Option<Vec<Binding>> {
    let table = FOR_EACH.open(sink, value)?;
    let name = table
        .require_string(sink, "param")
        .and_then(|name| plain_name(sink, &name));
    let values = match (table.value("values"), table.contains("start")) {
        (Some(values), false) => listed(sink, values),
        (None, true) => range(sink, &table),
        (Some(_), true) | (None, false) => {
            let message = "`for_each` takes `values`, or `start` and `stop` with `step` or `points`";
            sink.error(value.span(), message);
            None
        }
    };
    let (name, values) = (name?, values?);
    if taken.iter().any(|binding| binding.name == name.value) {
        let message = format!("an outer sweep has the parameter `{}` already", name.value);
        sink.error(&name.span, &message);
        return None;
    }
    let outer = taken.iter().map(|binding| &binding.value);
    let mut all = outer.chain(values.iter().map(|(_, value)| value));
    if let Some(text) = all.find_map(two_in_one).filter(|_| !taken.is_empty()) {
        let message = format!("in nested sweeps a value cannot be \"{text}\"");
        let help =
            "records write `name[one=value,other=value]`: with `,` and `=` in a value two turns could have one name";
        sink.push(Diagnostic::error(value.span(), &message).help(help));
        return None;
    }
    let binding = |(scalar, value)| Binding {
        name: name.value.clone(),
        scalar,
        value,
    };
    Some(values.into_iter().map(binding).collect())
}

/// A name that expressions can say.
pub(super) fn plain_name(sink: &mut Diagnostics, name: &Spanned<String>) -> Option<Spanned<String>> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts_well = name.value.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if starts_well && name.value.len() <= 60 && name.value.chars().all(is_plain) {
        return Some(name.clone());
    }
    let message = format!("a parameter cannot be called `{}`", name.value);
    sink.push(Diagnostic::error(&name.span, &message).help("letters, digits and `_`, at most 60, no digit first"));
    None
}

/// A text that could be taken for two parameters.
fn two_in_one(value: &Parameter) -> Option<&str> {
    match value {
        Parameter::Text(text) => Some(text.as_str()).filter(|text| text.contains(',') && text.contains('=')),
        Parameter::Quantity(_) | Parameter::Boolean(_) => None,
    }
}

type Turn = (Scalar, Parameter);

fn listed(sink: &mut Diagnostics, value: Value<'_>) -> Option<Vec<Turn>> {
    let items = value.items(sink)?;
    if items.is_empty() {
        sink.error(value.span(), "`values` is empty: there would be no turn");
        return None;
    }
    let mut turns: Vec<Turn> = Vec::with_capacity(items.len());
    for item in &items {
        let turn = turn(sink, *item)?;
        // records tell turns apart by what is written
        let written = turn.1.to_string();
        if turns
            .iter()
            .any(|(_, other)| *other == turn.1 || other.to_string() == written)
        {
            sink.error(item.span(), &format!("{} is here for the second time", turn.1));
            return None;
        }
        turns.push(turn);
    }
    Some(turns)
}

/// A text, a number or a boolean, as a parameter.
pub(super) fn turn(sink: &mut Diagnostics, value: Value<'_>) -> Option<Turn> {
    let Some(scalar) = value.scalar() else {
        let message = format!("a parameter is a text, a number or a boolean, not {}", value.kind());
        sink.error(value.span(), &message);
        return None;
    };
    let parameter = match value.kind() {
        Kind::String => Parameter::of_text(&value.string(sink)?.value),
        Kind::Boolean => Parameter::Boolean(value.bool(sink)?.value),
        Kind::Integer | Kind::Float | Kind::Datetime | Kind::Array | Kind::Table => {
            let number = value.number(sink)?;
            Parameter::Quantity(bare(quantity::decimal(sink, &number.value, &number.span)?))
        }
    };
    Some((scalar, parameter))
}

fn bare(number: Decimal) -> Quantity {
    Quantity::new(number, Unit::of(BaseUnit::One))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Spacing {
    Linear,
    Logarithmic,
}

/// `start`, `stop` and `step` or `points`; both ends are turns, the inner points of `points` have nine digits.
fn range(sink: &mut Diagnostics, table: &Table<'_>) -> Option<Vec<Turn>> {
    let start = end(sink, table, "start");
    let stop = end(sink, table, "stop");
    let spacing = match table.string(sink, "scale") {
        Some(word) => one_of(
            sink,
            "scale",
            &word,
            &[("linear", Spacing::Linear), ("log", Spacing::Logarithmic)],
        )?,
        None => Spacing::Linear,
    };
    let (start, stop) = (start?, stop?);
    let unit = start.value.unit;
    let Ok(last) = stop.value.in_unit(unit) else {
        let message = format!("`stop` {}, but `start` {}", in_what(stop.value.unit), in_what(unit));
        sink.error(&stop.span, &message);
        return None;
    };
    let first = start.value.value;
    if first == last {
        sink.error(&stop.span, "`stop` is where `start` is");
        return None;
    }
    let numbers = match (table.contains("step"), table.contains("points")) {
        (true, false) if spacing == Spacing::Logarithmic => {
            let place = table.value("step").map_or(table.span(), |step| step.span());
            sink.push(Diagnostic::error(place, "a logarithmic sweep has no `step`").help("say how many `points`"));
            None
        }
        (true, false) => {
            let step = end(sink, table, "step")?;
            let Ok(by) = step.value.in_unit(unit) else {
                let message = format!("`step` {}, but `start` {}", in_what(step.value.unit), in_what(unit));
                sink.error(&step.span, &message);
                return None;
            };
            let found = stepped(first, last, by.abs());
            if found.is_none() {
                let message = format!("`step` makes no sensible number of turns, at most {MOST_TURNS}");
                sink.error(&step.span, &message);
            }
            found
        }
        (false, true) => {
            let points = table.require_integer(sink, "points")?;
            let count = usize::try_from(points.value)
                .ok()
                .filter(|count| (2..=MOST_TURNS).contains(count));
            let Some(count) = count else {
                sink.error(&points.span, &format!("`points` must be between 2 and {MOST_TURNS}"));
                return None;
            };
            let signs_agree = first.is_negative() == last.is_negative() && !first.is_zero() && !last.is_zero();
            if spacing == Spacing::Logarithmic && !signs_agree {
                let help = "both ends above 0, or both below";
                sink.push(Diagnostic::error(&start.span, "a logarithmic sweep cannot reach 0").help(help));
                return None;
            }
            spread(first, last, count, spacing)
        }
        (true, true) | (false, false) => {
            sink.error(
                table.span(),
                "a sweep from `start` to `stop` takes `step` or `points`, one of them",
            );
            None
        }
    };
    let turn = |number| {
        let quantity = Quantity::new(number, unit);
        let text = quantity.to_string();
        let scalar = if unit.to_string().is_empty() {
            Scalar::number(&text)
        } else {
            Scalar::text(&text)
        };
        (scalar, Parameter::Quantity(quantity))
    };
    Some(numbers?.into_iter().map(turn).collect())
}

fn in_what(unit: Unit) -> String {
    if unit.base() == BaseUnit::One {
        return "is a bare number".to_owned();
    }
    format!("is in {unit}")
}

fn end(sink: &mut Diagnostics, table: &Table<'_>, key: &str) -> Option<Spanned<Quantity>> {
    let magnitude = table.require_magnitude_or_number(sink, key)?;
    let number = quantity::decimal(sink, &magnitude.number, &magnitude.number_span)?;
    if let Some(time) = long_time(number, &magnitude.unit) {
        return Some(Spanned::new(time, magnitude.span));
    }
    match magnitude.unit.parse() {
        Ok(unit) => Some(Spanned::new(Quantity::new(number, unit), magnitude.span)),
        Err(_unknown) => {
            sink.error(&magnitude.unit_span, &format!("unknown unit `{}`", magnitude.unit));
            None
        }
    }
}

/// Every `by` from `first` towards `last`, exact; the last turn lies on or before `last`.
fn stepped(first: Decimal, last: Decimal, by: Decimal) -> Option<Vec<Decimal>> {
    if by.is_zero() {
        return None;
    }
    let upwards = last > first;
    let by = if upwards { by } else { by.negated() };
    let mut numbers = vec![first];
    let mut next = first.checked_add(by)?;
    while (upwards && next <= last) || (!upwards && next >= last) {
        numbers.push(next);
        if numbers.len() > MOST_TURNS {
            return None;
        }
        next = next.checked_add(by)?;
    }
    Some(numbers)
}

/// So many points, the ends exact.
fn spread(first: Decimal, last: Decimal, count: usize, spacing: Spacing) -> Option<Vec<Decimal>> {
    let (from, to) = (first.to_f64(), last.to_f64());
    let gaps = f64::from(u32::try_from(count.checked_sub(1)?).ok()?);
    let mut numbers = vec![first];
    for at in 1..u32::try_from(count.checked_sub(1)?).ok()? {
        let part = f64::from(at) / gaps;
        let number = match spacing {
            Spacing::Linear => from + (to - from) * part,
            Spacing::Logarithmic => from * (to / from).powf(part),
        };
        // what is closer to 0 than the rounding of the sum is 0
        let number = if number.abs() < (to - from).abs() * 1e-12 {
            0.0
        } else {
            number
        };
        numbers.push(format!("{number:.8e}").parse().ok()?);
    }
    numbers.push(last);
    Some(numbers)
}
