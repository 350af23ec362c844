//! A value at a pointer into JSON, with its digits as they are written and its kind as JSON has it.

use crate::value::ValueKind;
use serde::{
    Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{collections::BTreeMap, fmt};

/// The words of the value at `pointer` (RFC 6901) into `text`: one piece, or those of an array. What is a text in JSON is no
/// number and no truth, whatever stands in it; as a text, a number is what was written. An object on the way that has a key
/// twice says two things, and is not read.
///
/// # Errors
/// Why it is not there, or of another kind, in one line for people.
pub(crate) fn find(text: &str, pointer: &str, kind: ValueKind) -> Result<Vec<String>, String> {
    let no_json = |error: serde_json::Error| format!("it is not JSON: {error}");
    let mut found: &RawValue = serde_json::from_str(text).map_err(no_json)?;
    for key in pointer.split('/').skip(1) {
        let key = key.replace("~1", "/").replace("~0", "~");
        let inner = match found.get().as_bytes().first() {
            Some(b'{') => {
                let mut reader = serde_json::Deserializer::from_str(found.get());
                reader.deserialize_map(Members).map_err(no_json)??.remove(&key)
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(found.get()).map_err(no_json)?;
                let is_plain = key == "0" || !key.starts_with(['0', '+']);
                let index = key.parse::<usize>().ok().filter(|_| is_plain);
                index.and_then(|index| items.get(index).copied())
            }
            Some(_) | None => None,
        };
        found = inner.ok_or_else(|| format!("there is nothing at {pointer}"))?;
    }
    if found.get().starts_with('[') {
        let items: Vec<&RawValue> = serde_json::from_str(found.get()).map_err(no_json)?;
        return items.into_iter().map(|item| piece(item, pointer, kind)).collect();
    }
    Ok(vec![piece(found, pointer, kind)?])
}

/// The members of an object, or which key it has twice.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Result<BTreeMap<String, &'de RawValue>, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut members, mut twice) = (BTreeMap::new(), None);
        while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
            if members.insert(key.clone(), value).is_some() {
                twice.get_or_insert(key);
            }
        }
        Ok(match twice {
            Some(key) => Err(format!("the key \"{}\" is there twice", key.escape_debug())),
            None => Ok(members),
        })
    }
}

fn piece(value: &RawValue, pointer: &str, kind: ValueKind) -> Result<String, String> {
    let text = value.get();
    let (is, piece) = match text.as_bytes().first() {
        Some(b'"') => {
            let said: String = serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
            (ValueKind::Text, said)
        }
        Some(b't' | b'f') => (ValueKind::Boolean, text.to_owned()),
        Some(b'n') => return Err(format!("{pointer} is null")),
        Some(b'{' | b'[') | None => return Err(format!("{pointer} is no single value")),
        Some(_) => (ValueKind::Number, text.to_owned()),
    };
    let wanted = match kind {
        ValueKind::Numbers => ValueKind::Number,
        ValueKind::Number | ValueKind::Boolean => kind,
        ValueKind::Text => return Ok(piece),
    };
    if is == wanted {
        return Ok(piece);
    }
    Err(format!("{text} at {pointer} is {is}, {wanted} was expected"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, pointer: &str, expected: Result<&str, &str>) {
        let found = find(text, pointer, ValueKind::Number);
        let found = found.as_deref().map(|pieces| pieces[0].as_str());
        assert_eq!(found.map_err(String::as_str), expected, "{text} {pointer}");
    }

    #[test]
    fn an_object_that_has_a_key_twice_is_not_read() {
        let refused = Err("the key \"a\" is there twice");
        check(r#"{"a":50,"a":5}"#, "/a", refused);
        check(r#"{"a":5,"a":5}"#, "/a", refused);
        check(r#"{"a":5,"\u0061":50}"#, "/a", refused);
        check(r#"{"b":5,"a":1,"a":2,"c":3,"c":4}"#, "/b", refused);
        check(r#"{"a":{"b":50},"a":{"b":5}}"#, "/a/b", refused);
        check(r#"[{"a":5,"a":50}]"#, "/0/a", refused);
        check(
            r#"{"a\u001b[2J":5,"a\u001b[2J":5}"#,
            "/b",
            Err("the key \"a\\u{1b}[2J\" is there twice"),
        );
        check(r#"{"a":5,"A":50}"#, "/a", Ok("5"));
        check(r#"{"a":{"b":5},"b":{"b":6}}"#, "/a/b", Ok("5"));
        check(r#"[{"a":5},{"a":6}]"#, "/0/a", Ok("5"));
    }
}
