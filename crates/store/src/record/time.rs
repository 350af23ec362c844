//! Times at the edge: RFC 3339 in UTC with `Z` and microseconds.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serializer, de::Visitor};
use std::fmt;

/// As a record writes it: `2026-03-04T05:06:07.123456Z`.
pub(crate) fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

pub(crate) fn serialize<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text(*time))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
    Time::deserialize(deserializer).map(|Time(time)| time)
}

/// A time, read from the text where it stands.
struct Time(DateTime<Utc>);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(AnyTime)
    }
}

struct AnyTime;

impl Visitor<'_> for AnyTime {
    type Value = Time;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an RFC 3339 time")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Time, E> {
        DateTime::parse_from_rfc3339(text)
            .map(|time| Time(time.with_timezone(&Utc)))
            .map_err(|error| E::custom(format!("`{text}` is not an RFC 3339 time: {error}")))
    }
}

/// The same for a time that may be null.
pub(crate) mod option {
    use super::{DateTime, Deserialize as _, Deserializer, Serializer, Time, Utc};

    pub(crate) fn serialize<S: Serializer>(time: &Option<DateTime<Utc>>, serializer: S) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => super::serialize(time, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error> {
        Ok(Option::<Time>::deserialize(deserializer)?.map(|Time(time)| time))
    }
}
