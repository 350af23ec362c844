//! For how long a pass waits for a target that trickles, when the others are through with what there is.

use crate::deliver::Now;
use chrono::{DateTime, TimeDelta, Utc};

/// For so long it is looked for records that came meanwhile.
const LONG: TimeDelta = TimeDelta::seconds(20);

/// Since when a pass waits for a target that the others have left behind.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// For the first time; all that was there is in hand.
    at_end: Option<DateTime<Utc>>,
    /// Without a break; so much is in hand that no more may be.
    full: Option<DateTime<Utc>>,
}

impl Waiting {
    /// True where the pass waits.
    pub(crate) fn begin(&mut self, is_at_end: bool, is_full: bool, now: Now<'_>) -> bool {
        if is_at_end && self.at_end.is_none() {
            self.at_end = Some(now());
        }
        self.full = match is_full {
            true => self.full.or_else(|| Some(now())),
            false => None,
        };
        is_at_end || is_full
    }

    /// True where it waits for so long that it is not worth it any more.
    pub(crate) fn is_long(&self, now: DateTime<Utc>) -> bool {
        let is_long = |since: DateTime<Utc>| (now - since).abs() > LONG;
        self.at_end.is_some_and(is_long) || self.full.is_some_and(is_long)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_end_is_seen_once_and_a_full_window_from_when_it_is_full() {
        let at = |seconds: i64| DateTime::from_timestamp(1_772_000_000 + seconds, 0).unwrap();
        let mut waiting = Waiting::default();
        let mut seen = |is_at_end, is_full, seconds| {
            let waits = waiting.begin(is_at_end, is_full, &|| at(seconds));
            (waits, waiting.is_long(at(seconds)))
        };
        assert_eq!(seen(false, false, 0), (false, false));
        assert_eq!(seen(false, true, 10), (true, false));
        assert_eq!(seen(false, true, 31), (true, true));
        assert_eq!(seen(false, false, 72), (false, false));
        assert_eq!(seen(false, true, 73), (true, false));
        assert_eq!(seen(true, false, 80), (true, false));
        assert_eq!(seen(false, false, 100), (false, false));
        assert_eq!(seen(true, false, 101), (true, true));
    }
}
