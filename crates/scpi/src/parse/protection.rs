//! `[outputs.protection]` and `[outputs.regulation]`: how a supply says what took an output off, and what one holds.

use super::{check_source, require_template};
use crate::{
    definition::{ProtectionDefinition, RegulationAnswers, RegulationDefinition, Source},
    keys,
};
use benchtop_instrument::Protection;
use benchtop_notation::{Diagnostics, Table};
use std::collections::BTreeMap;

/// A table for each protection that can be asked: `ovp`, `ocp`.
pub(super) fn read_protection(
    outputs: &Table<'_>,
    sink: &mut Diagnostics,
    sources: &[Source],
) -> BTreeMap<Protection, ProtectionDefinition> {
    let Some(table) = outputs.table(sink, "protection", &keys::PROTECTIONS.names()) else {
        return BTreeMap::new();
    };
    let mut known = BTreeMap::new();
    for (word, protection) in Protection::ALL {
        let Some(row) = table.table(sink, word, &keys::PROTECTION.names()) else {
            continue;
        };
        check_source(&row, sink, sources);
        let (query, tripped) = (
            require_template(&row, sink, "query"),
            row.require_string(sink, "tripped"),
        );
        if let (Some(query), Some(tripped)) = (query, tripped) {
            let tripped = tripped.value;
            known.insert(*protection, ProtectionDefinition { query, tripped });
        }
    }
    known
}

/// In words (`cv`, `cc`) or as bits of a status word (`cv_bit`, `cc_bit`).
pub(super) fn read_regulation(
    outputs: &Table<'_>,
    sink: &mut Diagnostics,
    sources: &[Source],
) -> Option<RegulationDefinition> {
    let row = outputs.table(sink, "regulation", &keys::REGULATION.names())?;
    check_source(&row, sink, sources);
    let query = require_template(&row, sink, "query");
    let (cv, cc) = (row.string(sink, "cv"), row.string(sink, "cc"));
    let mut bit = |key: &str| {
        let bit = row.integer(sink, key)?;
        let place = u32::try_from(bit.value).ok().filter(|bit| *bit < u32::BITS);
        if place.is_none() {
            sink.error(&bit.span, "a status word has bits 0 to 31");
        }
        place
    };
    let (cv_bit, cc_bit) = (bit("cv_bit"), bit("cc_bit"));
    let answers = match (cv, cc, cv_bit, cc_bit) {
        (Some(cv), Some(cc), None, None) => RegulationAnswers::Words {
            cv: cv.value,
            cc: cc.value,
        },
        (None, None, Some(cv), Some(cc)) => RegulationAnswers::Bits { cv, cc },
        (Some(_) | None, Some(_) | None, Some(_) | None, Some(_) | None) => {
            let message = "it takes `cv` and `cc`, the words of its answers, or `cv_bit` and `cc_bit`";
            sink.error(row.span(), message);
            return None;
        }
    };
    Some(RegulationDefinition { query: query?, answers })
}
