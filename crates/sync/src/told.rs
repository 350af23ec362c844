//! What a drain tells, as JSON: one object for each event and one for the summary, for `--format json`.

use crate::summary::{DrainEvent, Summary};
use serde_json::{Map, Value, json};

impl DrainEvent {
    /// One line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let value = match self {
            Self::Synced {
                record,
                remote_ids,
                notes,
            } => json!({"event": "synced", "record": record, "remote_ids": pairs(remote_ids), "notes": notes}),
            Self::Waiting {
                record,
                reasons,
                refused,
            } => {
                json!({"event": "pending", "record": record, "reasons": pairs(reasons), "refused": pairs(refused)})
            }
            Self::Parked { record, reasons } => json!({"event": "parked", "record": record, "reasons": pairs(reasons)}),
            Self::Quarantined { record, reason } => {
                json!({"event": "quarantined", "record": record, "reason": reason})
            }
            Self::Kept { record, reasons } => json!({"event": "kept", "record": record, "reasons": pairs(reasons)}),
            Self::TargetStopped { target, reason } => {
                json!({"event": "target_stopped", "target": target, "reason": reason})
            }
        };
        value.to_string()
    }
}

impl Summary {
    /// One line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let stopped = self.stopped.iter().map(|(target, stop)| {
            let after = stop.after.map(|after| after.as_secs());
            (target.clone(), json!({"reason": stop.reason, "after_s": after}))
        });
        json!({
            "event": "summary",
            "synced": self.synced,
            "pending": self.pending,
            "parked": self.parked,
            "quarantined": self.quarantined,
            "kept": self.kept,
            "refused": self.refused,
            "need_a_person": self.need_a_person,
            "stopped": stopped.collect::<Map<String, Value>>(),
        })
        .to_string()
    }
}

fn pairs(pairs: &[(String, String)]) -> Value {
    pairs
        .iter()
        .map(|(target, words)| (target.clone(), Value::from(words.as_str())))
        .collect::<Map<String, Value>>()
        .into()
}
