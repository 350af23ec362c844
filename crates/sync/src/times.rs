//! Times on the wire: ISO 8601 in UTC with `Z`, and an end that lies after its start.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

/// `2026-03-04T05:06:07.123456Z`, as the official clients write it.
pub(crate) fn wire(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// When something ran, with an end that servers accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// When it began.
    pub(crate) started: DateTime<Utc>,
    /// When it ended; always later by the millisecond.
    pub(crate) ended: DateTime<Utc>,
    /// True when the end is not the record's.
    pub(crate) moved: bool,
}

/// Moves an end that does not lie after its start to one millisecond after it.
///
/// A server may answer an end that is not later with 500 for ever. One millisecond, because its clock may count no finer.
pub(crate) fn span(started: DateTime<Utc>, ended: DateTime<Utc>) -> Span {
    let moved = ended.timestamp_millis() <= started.timestamp_millis();
    let one = TimeDelta::milliseconds(1);
    // The last representable instant has no later one; no run happens then.
    let after = started.checked_add_signed(one).unwrap_or(started);
    Span {
        started,
        ended: if moved { after } else { ended },
        moved,
    }
}

/// ISO 8601 duration as the v1 client writes it: `PT1M35.250000S`, `PT0S`, `P1DT1H0.500000S`.
pub(crate) fn iso_duration(span: Span) -> String {
    let micros = (span.ended - span.started).num_microseconds().unwrap_or(0).max(0);
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let seconds = seconds % 60;
    let part = |count: i64, unit: char| match count {
        0 => String::new(),
        _ => format!("{count}{unit}"),
    };
    let fraction = match micros {
        0 => String::new(),
        _ => format!(".{micros:06}"),
    };
    let day = part(days, 'D');
    let time = format!("{}{}", part(hours, 'H'), part(minutes, 'M'));
    match (seconds, micros) {
        (0, 0) if !time.is_empty() => format!("P{day}T{time}"),
        (0, 0) if !day.is_empty() => format!("P{day}"),
        _ => format!("P{day}T{time}{seconds}{fraction}S"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn lasting(micros: i64) -> Span {
        let started = at("2026-03-04T05:06:07.123456Z");
        Span {
            started,
            ended: started + TimeDelta::microseconds(micros),
            moved: false,
        }
    }

    #[test]
    fn durations_read_as_the_clients_do() {
        for (micros, expected) in [
            (95_250_000, "PT1M35.250000S"),
            (0, "PT0S"),
            (90_000_500_000, "P1DT1H0.500000S"),
            (60_000_000, "PT1M"),
            (86_400_000_000, "P1D"),
            (1, "PT0.000001S"),
        ] {
            assert_eq!(iso_duration(lasting(micros)), expected);
        }
    }

    #[test]
    fn an_end_lies_after_its_start_by_the_millisecond() {
        let start = at("2026-03-04T05:06:07.123456Z");
        for (end, moved) in [
            ("2026-03-04T05:06:07.123456Z", true),
            ("2026-03-04T05:06:07.123999Z", true),
            ("2026-03-04T05:06:06.000000Z", true),
            ("2026-03-04T05:06:07.124000Z", false),
        ] {
            let span = span(start, at(end));
            assert_eq!(span.moved, moved, "{end}");
            assert!(span.ended.timestamp_millis() > span.started.timestamp_millis(), "{end}");
        }
        assert_eq!(wire(start), "2026-03-04T05:06:07.123456Z");
    }
}
