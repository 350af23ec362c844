//! A value at a pointer into JSON, with its digits as they are written and its kind as JSON has it.

use crate::value::ValueKind;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The words of the value at `pointer` (RFC 6901) into `text`: one piece, or those of an array. What is a text in JSON is no
/// number and no truth, whatever stands in it; as a text, a number is what was written.
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
                let mut members: BTreeMap<String, &RawValue> = serde_json::from_str(found.get()).map_err(no_json)?;
                members.remove(&key)
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
