//! The JSON Schema of a record, made of its types.

use super::Record;
use crate::sign::Signature;
use schemars::{JsonSchema, Schema, generate::SchemaSettings};

/// The record's last member, over the exact bytes before it.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "described here, written and read by `integrity` as text")]
struct Integrity {
    /// The algorithm of the digest: `sha256`.
    alg: String,
    /// How many bytes of the file are digested: all before the comma in front of this member.
    len: u64,
    /// The digest of those bytes in hex.
    hex: String,
    /// The station's signature of the digest, where it has a key.
    signature: Option<Signature>,
}

/// A record as it stands in its file.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "described here, written in two parts")]
struct SealedRecord {
    #[serde(flatten)]
    record: Record,
    /// The digest of everything before it; always the last member.
    integrity: Integrity,
}

/// The JSON Schema of a record's file, draft 07.
#[must_use]
pub fn json_schema() -> Schema {
    SchemaSettings::draft07()
        .into_generator()
        .into_root_schema_for::<SealedRecord>()
}
