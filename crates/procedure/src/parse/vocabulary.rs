//! Every key of the language: those that are read now, and those that are planned and refused by name until then.
//!
//! A planned key is never unknown and never ignored: whoever writes one learns that this version cannot do it.

use benchtop_notation::{Diagnostic, Diagnostics, Table, Value};

/// The keys of one kind of table.
#[derive(Debug)]
pub(super) struct Vocabulary {
    /// Read by this version.
    pub(super) keys: &'static [&'static str],
    /// Planned: the key, and what to call it in the refusal.
    later: &'static [(&'static str, &'static str)],
}

pub(super) const FILE: Vocabulary = Vocabulary {
    keys: &[
        "procedure",
        "unit_under_test",
        "instruments",
        "setup",
        "steps",
        "teardown",
    ],
    later: &[
        ("include", "including another file"),
        ("parameters", "a table of parameters"),
        ("variants", "a table of variants"),
        ("limits", "a limits file"),
        ("fixture_setup", "a setup shared by slots"),
        ("fixture_teardown", "a teardown shared by slots"),
    ],
};

pub(super) const PROCEDURE: Vocabulary = Vocabulary {
    keys: &["id", "version", "name"],
    later: &[],
};

pub(super) const UNIT_UNDER_TEST: Vocabulary = Vocabulary {
    keys: &["serial_number", "part_number"],
    later: &[
        ("revision", "asking for a revision"),
        ("batch_number", "asking for a batch"),
        ("sub_units", "sub-units"),
        ("retest", "a retest rule"),
    ],
};

pub(super) const INSTRUMENT: Vocabulary = Vocabulary {
    keys: &["class", "needs"],
    later: &[("belongs_to", "the unit's own link")],
};

pub(super) const STEP: Vocabulary = Vocabulary {
    keys: &["name", "measurements", "set", "wait", "timeout", "retry", "on_fail"],
    later: &[
        ("prompt", "a `prompt` step"),
        ("exec", "an `exec` step"),
        ("query", "a `query` step"),
        ("send", "a `send` step"),
        ("expect", "an `expect` step"),
        ("steps", "a group of steps"),
        ("when", "a condition (`when`)"),
        ("for_each", "a sweep (`for_each`)"),
        ("lock", "locking instruments (`lock`)"),
    ],
};

/// What a step can be; it holds exactly one of these keys.
pub(super) const STEP_KINDS: &[&str] = &["measurements", "set", "wait"];

/// Planned keys that make a step what it is: it needs no other kind then.
pub(super) const LATER_STEP_KINDS: &[&str] = &["prompt", "exec", "query", "send", "expect", "steps"];

pub(super) const MEASUREMENT: Vocabulary = Vocabulary {
    keys: &[
        "name",
        "instrument",
        "channel",
        "function",
        "range",
        "range_exact",
        "allow_autorange_in_series",
        "nplc",
        "autozero",
        "input_impedance",
        "unit",
        "limit",
    ],
    later: &[
        ("compute", "a computed measurement (`compute`)"),
        ("samples", "averaging (`samples`)"),
        ("discard", "discarding samples (`discard`)"),
        ("delay", "a trigger delay (`delay`)"),
        ("poll", "waiting for a value (`poll`)"),
        ("aperture", "an integration time in seconds (`aperture`)"),
    ],
};

pub(super) const LIMIT: Vocabulary = Vocabulary {
    keys: &["low", "high", "overrange"],
    later: &[
        ("nominal", "a nominal value (`nominal`)"),
        ("tolerance", "a tolerance (`tolerance`)"),
        ("outside", "a forbidden band (`outside`)"),
        ("equals", "an exact value (`equals`)"),
        ("one_of", "a list of values (`one_of`)"),
        ("matches", "a pattern (`matches`)"),
        ("marginal", "a warning band (`marginal`)"),
        ("guard_band", "a guard band (`guard_band`)"),
    ],
};

pub(super) const SET: Vocabulary = Vocabulary {
    keys: &[
        "instrument",
        "channel",
        "voltage_level",
        "current_limit",
        "ovp_level",
        "output_enabled",
        "hot",
    ],
    later: &[
        ("expect_regulation", "checking the regulation (`expect_regulation`)"),
        ("settle", "a settling time (`settle`)"),
    ],
};

pub(super) const RETRY: Vocabulary = Vocabulary {
    keys: &["attempts", "on", "delay"],
    later: &[],
};

/// Classes of instruments that are planned.
pub(super) const LATER_CLASSES: &[&str] = &[
    "switch",
    "console",
    "dc_load",
    "ac_power",
    "counter",
    "oscilloscope",
    "scanner",
];

impl Vocabulary {
    /// All keys that are not a slip of the pen.
    pub(super) fn all(&self) -> Vec<&'static str> {
        self.keys
            .iter()
            .copied()
            .chain(self.later.iter().map(|(key, _)| *key))
            .collect()
    }

    /// Opens a table, reporting unknown and planned keys.
    pub(super) fn open<'d>(&self, sink: &mut Diagnostics, value: Value<'d>) -> Option<Table<'d>> {
        let table = value.table(sink, &self.all())?;
        self.refuse_planned(sink, &table);
        Some(table)
    }

    /// Opens an array of tables, reporting unknown and planned keys.
    pub(super) fn open_each<'d>(&self, sink: &mut Diagnostics, value: Value<'d>) -> Option<Vec<Table<'d>>> {
        let tables = value.tables(sink, &self.all())?;
        for table in &tables {
            self.refuse_planned(sink, table);
        }
        Some(tables)
    }

    /// Reports the planned keys of a table.
    pub(super) fn refuse_planned(&self, sink: &mut Diagnostics, table: &Table<'_>) {
        for (key, name) in self.later {
            if let Some(span) = table.key_span(key) {
                let message = format!("{name} is not supported yet in this version");
                sink.push(Diagnostic::error(span, &message));
            }
        }
    }
}
