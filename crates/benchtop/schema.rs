//! `benchtop schema`: JSON Schemas of the files that people write, for editors; made of the tables that the readers use.
//!
//! Draft 07, which taplo, tombi and the editors' YAML and JSON servers all take.

use crate::{
    args::{Arguments, CompletionsArguments, SchemaArguments, SchemaKind},
    exit::Exit,
    terminal,
};
use benchtop_notation::{INHERITANCE, Key, Keys, Shape};
use clap::CommandFactory as _;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

pub(crate) fn schema(arguments: &SchemaArguments) -> Exit {
    let text = match arguments.kind {
        SchemaKind::Procedure => of("Benchtop procedure", benchtop_procedure::keys(), &[]),
        SchemaKind::Station => of("Benchtop station file", benchtop_station::keys(), &[]),
        SchemaKind::Instrument => of("Benchtop driver.toml", benchtop_scpi::keys(), INHERITANCE),
        SchemaKind::Simulation => of("Benchtop sim.toml", benchtop_sim::model_keys(), INHERITANCE),
        SchemaKind::Bench => of("Benchtop bench file", benchtop_station::bench_keys(), &[]),
        SchemaKind::Record => serde_json::to_string_pretty(&benchtop_store::record::json_schema()).unwrap_or_default(),
    };
    terminal::emit(&text);
    Exit::Success
}

/// `benchtop completions`: what a shell needs to complete our command line.
pub(crate) fn completions(arguments: &CompletionsArguments) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "benchtop", &mut script);
    terminal::emit(String::from_utf8_lossy(&script).trim_end());
    Exit::Success
}

/// The schema of a file whose root has these keys, and `others` that its reader does not see.
fn of(title: &str, root: &'static Keys, others: &[Key]) -> String {
    let mut definitions = Definitions::default();
    let mut schema = definitions.object(root);
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.extend(
            others
                .iter()
                .map(|key| (key.name.to_owned(), definitions.property(key, false))),
        );
    }
    if let Value::Object(members) = &mut schema {
        members.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
        members.insert("title".to_owned(), json!(title));
        let tables = definitions.finish();
        if !tables.is_empty() {
            members.insert("definitions".to_owned(), Value::Object(tables));
        }
    }
    // every value is a string, a number or a tree of them
    serde_json::to_string_pretty(&schema).unwrap_or_default()
}

/// The kinds of tables that were met, by name.
#[derive(Default)]
struct Definitions {
    known: BTreeMap<&'static str, Option<Value>>,
}

impl Definitions {
    fn finish(self) -> Map<String, Value> {
        let whole = self
            .known
            .into_iter()
            .filter_map(|(name, value)| Some((name.replace(' ', "_"), value?)));
        whole.collect()
    }

    fn object(&mut self, keys: &'static Keys) -> Value {
        let properties: Map<String, Value> = keys
            .keys
            .iter()
            .map(|key| (key.name.to_owned(), self.property(key, FILLED.contains(&keys.title))))
            .collect();
        let required: Vec<&str> = keys
            .keys
            .iter()
            .filter(|key| key.is_required)
            .map(|key| key.name)
            .collect();
        let mut object = json!({ "type": "object", "additionalProperties": false, "properties": properties });
        if let (Value::Object(members), false) = (&mut object, required.is_empty()) {
            members.insert("required".to_owned(), json!(required));
        }
        object
    }

    fn property(&mut self, key: &Key, filled: bool) -> Value {
        let described = json!({ "description": key.description });
        let Value::Object(mut members) = described else {
            return described;
        };
        let shape = match self.shape(key.shape) {
            shape if filled && is_scalar(key.shape) => json!({ "anyOf": [shape, parameter()] }),
            shape => shape,
        };
        match shape {
            // a reference takes no neighbours in this draft
            reference if reference.get("$ref").is_some() => {
                members.insert("allOf".to_owned(), json!([reference]));
            }
            Value::Object(shape) => members.extend(shape),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {}
        }
        Value::Object(members)
    }

    fn shape(&mut self, shape: Shape) -> Value {
        match shape {
            Shape::Text => json!({ "type": "string" }),
            Shape::Pattern => json!({ "type": "string", "format": "regex" }),
            Shape::Word(words) => json!({ "enum": words() }),
            Shape::Boolean => json!({ "type": "boolean" }),
            Shape::Integer(least) => json!({ "type": "integer", "minimum": least }),
            Shape::Number => json!({ "type": "number" }),
            Shape::Quantity => json!({ "type": "string", "pattern": r"^\s*[+-]?\s*\.?[0-9]" }),
            Shape::NumberOrQuantity => {
                json!({ "type": ["number", "string"], "pattern": r"^\s*[+-]?\s*\.?[0-9]" })
            }
            // validators of TOML hand dates over as text
            Shape::Date => json!({ "type": "string" }),
            Shape::List(item) => json!({ "type": "array", "items": self.shape(*item) }),
            Shape::Table(keys) => self.reference(keys),
            Shape::Tables(keys) => json!({ "type": "array", "items": self.reference(keys) }),
            Shape::Named(keys) => json!({ "type": "object", "additionalProperties": self.reference(keys) }),
            Shape::Map(value) => json!({ "type": "object", "additionalProperties": self.shape(*value) }),
            Shape::Either(shapes) => {
                let any: Vec<Value> = shapes.iter().map(|shape| self.shape(*shape)).collect();
                json!({ "anyOf": any })
            }
        }
    }

    fn reference(&mut self, keys: &'static Keys) -> Value {
        if !self.known.contains_key(keys.title) {
            // known from here on, so that a table may hold its own kind
            self.known.insert(keys.title, None);
            let object = self.object(keys);
            self.known.insert(keys.title, Some(object));
        }
        json!({ "$ref": format!("#/definitions/{}", keys.title.replace(' ', "_")) })
    }
}

/// The kinds of tables of a step, in which a parameter may stand in place of any plain value.
const FILLED: &[&str] = &[
    "step",
    "measurement",
    "limit",
    "outside",
    "marginal",
    "set",
    "retry",
    "for each",
    "prompt",
    "exec",
    "exit code",
    "attachment",
    "exec measurement",
    "query",
    "query measurement",
    "reduction",
    "block",
    "send",
    "expect",
    "expect measurement",
];

/// `{ param = "name" }`.
fn parameter() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": { "param": { "type": "string" } },
        "required": ["param"],
    })
}

const fn is_scalar(shape: Shape) -> bool {
    match shape {
        Shape::Text
        | Shape::Pattern
        | Shape::Word(_)
        | Shape::Boolean
        | Shape::Integer(_)
        | Shape::Number
        | Shape::Quantity
        | Shape::NumberOrQuantity
        | Shape::Date
        | Shape::Either(_) => true,
        Shape::List(_) | Shape::Table(_) | Shape::Tables(_) | Shape::Named(_) | Shape::Map(_) => false,
    }
}
