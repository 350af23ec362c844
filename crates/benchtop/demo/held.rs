//! What the demo server holds.

use super::faults::{Fault, Faults};
use benchtop_instrument::{Clock, RealClock};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The faults that it knows, for people.
pub(super) const WORDS: &str =
    "a status (500), rest:SECONDS, slow:MILLISECONDS, cut, lost, twice, hang_up, redirect, html or wrong_json";

/// How long an upload URL lives.
const UPLOAD_LIVES: TimeDelta = TimeDelta::seconds(60);

/// Everything.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Where it listens.
    pub(super) address: String,
    /// In the order in which they came.
    pub(super) runs: Vec<Run>,
    /// Where a run stands in `runs`, by its reference.
    by_reference: BTreeMap<String, usize>,
    /// By id.
    pub(super) attachments: BTreeMap<String, Attached>,
    pub(super) faults: Faults,
    /// How many requests came.
    pub(super) requests: u64,
    /// Plays a v2 server that is older than `whoami` and than the reference of a run.
    pub(super) is_old: bool,
}

/// A run that was kept.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) id: String,
    pub(super) version: u8,
    pub(super) body: Value,
}

impl Run {
    pub(super) fn serial_number(&self) -> &str {
        let unit = self.body.get("unit_under_test").unwrap_or(&self.body);
        unit.get("serial_number").and_then(Value::as_str).unwrap_or_default()
    }

    /// PASS and so on, as v2 has it; v1 knows two.
    pub(super) fn outcome(&self) -> &str {
        match (
            self.body.get("outcome").and_then(Value::as_str),
            self.body.get("run_passed"),
        ) {
            (Some(outcome), _) => outcome,
            (None, Some(Value::Bool(true))) => "PASS",
            (None, Some(_) | None) => "FAIL",
        }
    }
}

/// An attachment, and how far it came.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) run_id: Option<String>,
    pub(super) name: String,
    pub(super) bytes: Option<Vec<u8>>,
    pub(super) finished: bool,
    since: DateTime<Utc>,
}

impl Attached {
    pub(super) fn is_expired(&self) -> bool {
        RealClock::new().utc() - self.since > UPLOAD_LIVES
    }
}

/// Nothing panics while it is held; if something did, what is held would still be whole.
pub(super) fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Held {
    /// Keeps a run; one with a reference only once.
    pub(super) fn keep(&mut self, version: u8, body: Value) -> String {
        let reference = body.get("client_run_ref").and_then(Value::as_str).map(str::to_owned);
        let reference = reference.filter(|_| version == 2);
        let known = reference.as_ref().and_then(|one| self.by_reference.get(one));
        if let Some(run) = known.and_then(|at| self.runs.get(*at)) {
            return run.id.clone();
        }
        if let Some(reference) = reference {
            self.by_reference.insert(reference, self.runs.len());
        }
        self.keep_anyway(version, body)
    }

    /// Keeps a run, also one that is here.
    pub(super) fn keep_anyway(&mut self, version: u8, body: Value) -> String {
        let id = format!("11111111-2222-4333-8444-{:012}", self.runs.len() + 1);
        self.runs.push(Run {
            id: id.clone(),
            version,
            body,
        });
        id
    }

    /// Makes room for an attachment; its id.
    pub(super) fn room(&mut self, run_id: Option<String>, name: String) -> String {
        let id = format!("99999999-8888-4777-8666-{:012}", self.attachments.len() + 1);
        self.attachments.insert(
            id.clone(),
            Attached {
                run_id,
                name,
                bytes: None,
                finished: false,
                since: RealClock::new().utc(),
            },
        );
        id
    }

    /// Sets faults: `{"next": ["500", "lost"]}`, or `{"percent": 20, "of": ["500", "lost"], "seed": 7}`.
    pub(super) fn set_faults(&mut self, order: &Value) -> Result<(), String> {
        let faults = |key: &str| -> Result<Vec<Fault>, String> {
            let words = order.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
            let parse = |word: &Value| {
                let fault = word.as_str().and_then(Fault::parse);
                fault.ok_or_else(|| format!("{word}: expected {WORDS}"))
            };
            words.iter().map(parse).collect()
        };
        self.faults.script(faults("next")?);
        if let Some(percent) = order.get("percent").and_then(Value::as_u64) {
            let seed = order.get("seed").and_then(Value::as_u64).unwrap_or(1);
            self.faults.random(percent, faults("of")?, seed);
        }
        Ok(())
    }

    /// Everything that arrived, for tests.
    pub(super) fn arrived(&self) -> Value {
        let runs: Vec<Value> = self
            .runs
            .iter()
            .map(|run| json!({"id": run.id, "version": run.version, "body": run.body}))
            .collect();
        let attachments: Vec<Value> = self
            .attachments
            .iter()
            .map(|(id, attached)| {
                let size = attached.bytes.as_ref().map(Vec::len);
                json!({"id": id, "run_id": attached.run_id, "name": attached.name, "size": size,
                       "finished": attached.finished})
            })
            .collect();
        json!({"runs": runs, "attachments": attachments, "requests": self.requests})
    }
}
