//! The value of a measurement at the edge: a JSON number, string, boolean or array of numbers.

use super::number;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeSeq as _};
use std::{borrow::Cow, fmt};

/// What was measured.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number, always finite.
    Number(f64),
    /// A text.
    Text(String),
    /// True or false.
    Boolean(bool),
    /// Numbers in a row, all finite.
    Numbers(Vec<f64>),
}

impl Value {
    /// The number, where it is one.
    #[must_use]
    pub const fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(_) | Self::Boolean(_) | Self::Numbers(_) => None,
        }
    }
}

impl From<benchtop_run::Value> for Value {
    fn from(value: benchtop_run::Value) -> Self {
        match value {
            benchtop_run::Value::Number(number) => Self::Number(number.to_f64()),
            benchtop_run::Value::Text(text) => Self::Text(text),
            benchtop_run::Value::Boolean(truth) => Self::Boolean(truth),
            benchtop_run::Value::Numbers(numbers) => {
                Self::Numbers(numbers.into_iter().map(benchtop_run::Decimal::to_f64).collect())
            }
        }
    }
}

impl JsonSchema for Value {
    fn schema_name() -> Cow<'static, str> {
        "Value".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "What was measured.",
            "type": ["number", "string", "boolean", "array"],
            "items": { "type": "number" },
        })
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => number::finite(number, serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Boolean(truth) => serializer.serialize_bool(*truth),
            Self::Numbers(numbers) => {
                let mut row = serializer.serialize_seq(Some(numbers.len()))?;
                for number in numbers {
                    row.serialize_element(&Finite(*number))?;
                }
                row.end()
            }
        }
    }
}

struct Finite(f64);

impl Serialize for Finite {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        number::finite(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, a text, a boolean or an array of numbers")
    }

    fn visit_bool<E: serde::de::Error>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Boolean(truth))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Number(number))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a number in a record is the nearest f64, however it is written"
    )]
    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number as f64))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a number in a record is the nearest f64, however it is written"
    )]
    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number as f64))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut row: A) -> Result<Value, A::Error> {
        let mut numbers = Vec::new();
        while let Some(value) = row.next_element::<Value>()? {
            let number = value.number();
            numbers.push(number.ok_or_else(|| A::Error::custom("an array of a record holds numbers only"))?);
        }
        Ok(Value::Numbers(numbers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: Value, json: &str) {
        assert_eq!(serde_json::to_string(&value).unwrap(), json);
        assert_eq!(serde_json::from_str::<Value>(json).unwrap(), value);
    }

    #[test]
    fn each_kind_of_value_is_its_own_kind_of_json() {
        check(Value::Number(3.3), "3.3");
        check(Value::Text("1.4.2".to_owned()), "\"1.4.2\"");
        check(Value::Text("3.3".to_owned()), "\"3.3\"");
        check(Value::Boolean(true), "true");
        check(Value::Numbers(vec![]), "[]");
        check(Value::Numbers(vec![0.1, -2.5e-9]), "[0.1,-2.5e-9]");
        assert_eq!(serde_json::from_str::<Value>("-3").unwrap(), Value::Number(-3.0));
        assert_eq!(serde_json::from_str::<Value>("3").unwrap(), Value::Number(3.0));
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for json in ["null", "{}", "[\"a\"]", "[null]", "[[1]]", "[true]"] {
            assert!(serde_json::from_str::<Value>(json).is_err(), "{json}");
        }
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(serde_json::to_string(&Value::Number(number)).is_err());
            assert!(serde_json::to_string(&Value::Numbers(vec![1.0, number])).is_err());
        }
    }
}
