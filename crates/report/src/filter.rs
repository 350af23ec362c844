//! Which runs are meant.

use crate::words::{moment, run_outcome};
use benchtop_store::{
    Place, Record,
    record::{Purpose, RunOutcome},
};
use chrono::{DateTime, Utc};

/// What a filter looks at: the head of a run.
#[derive(Clone, Copy, Debug)]
pub struct Headline<'a> {
    /// The folder that the record lies in.
    pub place: Place,
    /// The run's number on its station.
    pub sequence: u64,
    /// The run's id.
    pub run_id: &'a str,
    /// The procedure's `id`.
    pub procedure_id: &'a str,
    /// The unit's serial number.
    pub serial_number: &'a str,
    /// Its part number.
    pub part_number: Option<&'a str>,
    /// Its batch.
    pub batch: Option<&'a str>,
    /// The gauge study that the run belongs to.
    pub study: Option<&'a str>,
    /// The station's `id`.
    pub station: &'a str,
    /// How the run ended.
    pub outcome: RunOutcome,
    /// Why it was made.
    pub purpose: Purpose,
    /// True when anything in it is simulated.
    pub simulated: bool,
    /// When it started.
    pub started_at: DateTime<Utc>,
}

impl<'a> Headline<'a> {
    /// The head of a record that lies in `place`.
    #[must_use]
    pub fn of(record: &'a Record, place: Place) -> Self {
        let unit = &record.unit_under_test;
        Self {
            place,
            sequence: record.sequence,
            run_id: &record.run_id,
            procedure_id: &record.procedure_id,
            serial_number: &unit.serial_number,
            part_number: unit.part_number.as_deref(),
            batch: unit.batch.as_deref(),
            study: record.study.as_deref(),
            station: &record.station.id,
            outcome: record.outcome,
            purpose: record.purpose,
            simulated: record.simulated,
            started_at: record.started_at,
        }
    }
}

/// Which runs are meant: all conditions hold; an empty one always does. Texts may hold `*` for anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The run's number.
    pub sequence: Option<u64>,
    /// The run's id, or its beginning.
    pub run_id: Option<String>,
    /// The procedure's `id`.
    pub procedure: Option<String>,
    /// The unit's serial number.
    pub serial: Option<String>,
    /// Its part number.
    pub part: Option<String>,
    /// Its batch.
    pub batch: Option<String>,
    /// The gauge study that the run belongs to.
    pub study: Option<String>,
    /// The station's `id`.
    pub station: Option<String>,
    /// How the run ended, one of these.
    pub outcomes: Vec<RunOutcome>,
    /// Why it was made, one of these.
    pub purposes: Vec<Purpose>,
    /// Only simulated ones, or only others.
    pub simulated: Option<bool>,
    /// Started at this moment or later.
    pub since: Option<DateTime<Utc>>,
    /// Started before this moment.
    pub until: Option<DateTime<Utc>>,
    /// The folder that the record lies in, one of these.
    pub places: Vec<Place>,
}

impl Filter {
    /// True when the run is meant.
    #[must_use]
    pub fn accepts(&self, head: &Headline<'_>) -> bool {
        let text = |pattern: &Option<String>, text: Option<&str>| {
            let pattern = pattern.as_deref();
            pattern.is_none_or(|pattern| text.is_some_and(|text| is_like(text, pattern)))
        };
        text(&self.procedure, Some(head.procedure_id))
            && text(&self.serial, Some(head.serial_number))
            && text(&self.part, head.part_number)
            && text(&self.batch, head.batch)
            && text(&self.study, head.study)
            && text(&self.station, Some(head.station))
            && self.sequence.is_none_or(|sequence| sequence == head.sequence)
            && self.run_id.as_ref().is_none_or(|id| head.run_id.starts_with(id))
            && (self.outcomes.is_empty() || self.outcomes.contains(&head.outcome))
            && (self.purposes.is_empty() || self.purposes.contains(&head.purpose))
            && self.simulated.is_none_or(|simulated| simulated == head.simulated)
            && self.since.is_none_or(|since| head.started_at >= since)
            && self.until.is_none_or(|until| head.started_at < until)
            && (self.places.is_empty() || self.places.contains(&head.place))
    }
}

impl Filter {
    /// The conditions in words, in their order: `batch W7`, `serial number like UNIT-55*`. None of none.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let Self {
            sequence,
            run_id,
            procedure,
            serial,
            part,
            batch,
            study,
            station,
            outcomes,
            purposes,
            simulated,
            since,
            until,
            places,
        } = self;
        let text = |what: &str, pattern: &Option<String>| {
            let pattern = pattern.as_ref()?;
            let like = if pattern.contains('*') { " like" } else { "" };
            Some(format!("{what}{like} {pattern}"))
        };
        let one_of =
            |what: &str, words: Vec<&str>| (!words.is_empty()).then(|| format!("{what} {}", words.join(" or ")));
        let all = [
            sequence.map(|sequence| format!("number {sequence}")),
            run_id.as_ref().map(|id| format!("an id that begins with {id}")),
            text("procedure", procedure),
            text("serial number", serial),
            text("part", part),
            text("batch", batch),
            text("study", study),
            text("station", station),
            one_of(
                "outcome",
                outcomes.iter().map(|outcome| run_outcome(*outcome)).collect(),
            ),
            one_of(
                "purpose",
                purposes.iter().map(|purpose| purpose_word(*purpose)).collect(),
            ),
            simulated.map(|simulated| if simulated { "simulated" } else { "not simulated" }.to_owned()),
            since.map(|since| format!("since {}", moment(since))),
            until.map(|until| format!("until {}", moment(until))),
            one_of("state", places.iter().map(|place| place_word(*place)).collect()),
        ];
        all.into_iter().flatten().collect()
    }
}

/// True when all of `text` is what `pattern` says; `*` stands for anything, also for nothing.
#[must_use]
pub fn is_like(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        let Some((_skipped, behind)) = rest.split_once(part) else {
            return false;
        };
        rest = behind;
    }
    rest.ends_with(last)
}

/// Every folder of records with its word.
pub const PLACES: &[(&str, Place)] = &[
    ("pending", Place::Pending),
    ("synced", Place::Synced),
    ("parked", Place::Parked),
    ("kept", Place::Kept),
];

/// The word for a folder of records.
#[must_use]
pub const fn place_word(place: Place) -> &'static str {
    match place {
        Place::Pending => "pending",
        Place::Synced => "synced",
        Place::Parked => "parked",
        Place::Kept => "kept",
    }
}

/// The word for why a run was made.
#[must_use]
pub const fn purpose_word(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Production => "production",
        Purpose::Engineering => "engineering",
        Purpose::Golden => "golden",
        Purpose::GaugeStudy => "gauge_study",
        Purpose::Partial => "partial",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone;

    #[test]
    fn a_star_stands_for_anything_and_all_else_for_itself() {
        for (text, pattern, expected) in [
            ("UNIT-5501", "UNIT-5501", true),
            ("UNIT-5501", "UNIT-55", false),
            ("UNIT-5501", "unit-5501", false),
            ("UNIT-5501", "UNIT-*", true),
            ("UNIT-5501", "*01", true),
            ("UNIT-5501", "*-*-*", false),
            ("UNIT-5501", "U*T*1", true),
            ("UNIT-5501", "*", true),
            ("", "*", true),
            ("", "", true),
            ("a", "", false),
            ("aba", "ab*ba", false),
            ("abba", "ab*ba", true),
            ("a.c", "a?c", false),
            ("[x]", "[x]", true),
            ("\u{202e}x", "*x", true),
        ] {
            assert_eq!(is_like(text, pattern), expected, "{text:?} like {pattern:?}");
        }
    }

    fn head<'a>() -> Headline<'a> {
        Headline {
            place: Place::Pending,
            sequence: 42,
            run_id: "0195f000-0000-7000-8000-000000000042",
            procedure_id: "BOARD",
            serial_number: "UNIT-5501",
            part_number: Some("PCB-1042"),
            batch: None,
            study: Some("GAUGE-1"),
            station: "bench-7",
            outcome: RunOutcome::Pass,
            purpose: Purpose::Production,
            simulated: true,
            started_at: Utc.with_ymd_and_hms(2026, 3, 4, 5, 6, 7).unwrap(),
        }
    }

    #[test]
    fn conditions_are_said_as_they_were_given() {
        let some = |text: &str| Some(text.to_owned());
        let filter = Filter {
            serial: some("UNIT-55*"),
            batch: some("W7"),
            outcomes: vec![RunOutcome::Fail, RunOutcome::Error],
            since: Some(Utc.with_ymd_and_hms(2026, 3, 4, 5, 6, 7).unwrap()),
            places: vec![Place::Kept],
            ..Filter::default()
        };
        assert_eq!(
            filter.words().join(", "),
            "serial number like UNIT-55*, batch W7, outcome FAIL or ERROR, since 2026-03-04 05:06, state kept"
        );
        assert!(Filter::default().words().is_empty());
    }

    #[test]
    fn every_condition_can_refuse_alone() {
        let some = |text: &str| Some(text.to_owned());
        let day = |day| Some(Utc.with_ymd_and_hms(2026, 3, day, 5, 6, 7).unwrap());
        let refusing = [
            Filter {
                run_id: some("0195f1"),
                ..Filter::default()
            },
            Filter {
                procedure: some("BOAR"),
                ..Filter::default()
            },
            Filter {
                serial: some("*5502"),
                ..Filter::default()
            },
            Filter {
                part: some("PCB-1043"),
                ..Filter::default()
            },
            Filter {
                batch: some("*"),
                ..Filter::default()
            },
            Filter {
                study: some("GAUGE-2"),
                ..Filter::default()
            },
            Filter {
                station: some("bench"),
                ..Filter::default()
            },
            Filter {
                outcomes: vec![RunOutcome::Fail, RunOutcome::Error],
                ..Filter::default()
            },
            Filter {
                purposes: vec![Purpose::Golden],
                ..Filter::default()
            },
            Filter {
                simulated: Some(false),
                ..Filter::default()
            },
            Filter {
                since: day(5),
                ..Filter::default()
            },
            Filter {
                until: day(4),
                ..Filter::default()
            },
            Filter {
                places: vec![Place::Synced, Place::Kept],
                ..Filter::default()
            },
        ];
        for filter in refusing {
            assert!(!filter.accepts(&head()), "{filter:?}");
        }
        let accepting = Filter {
            sequence: Some(42),
            run_id: some("0195f0"),
            procedure: some("BOARD"),
            serial: some("UNIT-*"),
            part: some("PCB-*"),
            batch: None,
            study: some("GAUGE-*"),
            station: some("bench-7"),
            outcomes: vec![RunOutcome::Fail, RunOutcome::Pass],
            purposes: vec![Purpose::Production],
            simulated: Some(true),
            since: day(4),
            until: day(5),
            places: vec![Place::Pending],
        };
        assert!(accepting.accepts(&head()));
        assert!(Filter::default().accepts(&head()));
    }
}
