//! Two bodies for the same run, and where they differ.

use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Whole numbers count as the floating-point numbers that they are equal to.
fn numbers_as_floats(value: &mut Value) {
    match value {
        Value::Number(number) => *value = json!(number.as_f64().unwrap()),
        Value::Array(items) => items.iter_mut().for_each(numbers_as_floats),
        Value::Object(members) => members.values_mut().for_each(numbers_as_floats),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// Arrays of things with names, by their names: a missing one moves no other.
fn by_name(value: Value) -> Value {
    match value {
        Value::Array(items) => {
            let name = |item: &Value| item.get("name").and_then(Value::as_str).map(str::to_owned);
            let names: BTreeSet<String> = items.iter().filter_map(name).collect();
            if items.is_empty() || names.len() != items.len() {
                return Value::Array(items.into_iter().map(by_name).collect());
            }
            let named = items.into_iter().map(|item| (name(&item).unwrap(), by_name(item)));
            Value::Object(named.collect())
        }
        Value::Object(members) => members.into_iter().map(|(key, value)| (key, by_name(value))).collect(),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => plain,
    }
}

/// Where the two differ.
fn differences(ours: &Value, theirs: &Value, at: &str, found: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(one), Value::Object(other)) => {
            let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for key in keys {
                let at = format!("{at}/{key}");
                match (one.get(key), other.get(key)) {
                    (Some(one), Some(other)) => differences(one, other, &at, found),
                    _ => found.push(at),
                }
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                differences(one, other, &format!("{at}/{index}"), found);
            }
        }
        _ if ours == theirs => {}
        _ => found.push(at.to_owned()),
    }
}

/// The two are equal but for what is named here, each with its reason; what is named differs.
pub(super) fn assert_equal_but(mut ours: Value, mut theirs: Value, exceptions: &[(&str, &str)]) {
    numbers_as_floats(&mut ours);
    numbers_as_floats(&mut theirs);
    let mut found = Vec::new();
    differences(&by_name(ours), &by_name(theirs), "", &mut found);
    let of = |place: &str, at: &str| at == place || at.starts_with(&format!("{place}/"));
    for at in &found {
        assert!(
            exceptions.iter().any(|(place, _)| of(place, at)),
            "{at} differs; all that does: {found:#?}"
        );
    }
    for (place, reason) in exceptions {
        assert!(
            found.iter().any(|at| of(place, at)),
            "{place} does not differ any more ({reason}); what does: {found:#?}"
        );
    }
}
