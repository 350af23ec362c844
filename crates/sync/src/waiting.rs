//! For how long a pass waits for a target that trickles, when the others are through with what there is.

use crate::deliver::Now;
use chrono::{DateTime, TimeDelta, Utc};

/// How often it is looked for records that came meanwhile.
const OFTEN: TimeDelta = TimeDelta::seconds(1);
/// And for how long.
const LONG: TimeDelta = TimeDelta::seconds(20);

/// Since when a pass waits for a target that the others have left behind.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// Since all that was there is in hand, for the first time.
    since: Option<DateTime<Utc>>,
    looked: Option<DateTime<Utc>>,
}

impl Waiting {
    /// True where the pass waits.
    pub(crate) fn begin(&mut self, is_at_end: bool, now: Now<'_>) -> bool {
        if is_at_end && self.since.is_none() {
            self.since = Some(now());
        }
        is_at_end
    }

    /// True where it is time to look, or `nothing` else came.
    pub(crate) fn is_time(&mut self, now: DateTime<Utc>, nothing: bool) -> bool {
        let last = self.looked.or(self.since);
        let is_time = nothing || last.is_some_and(|last| (now - last).abs() >= OFTEN);
        if is_time {
            self.looked = Some(now);
        }
        is_time
    }

    /// True where it waits for so long that it is not worth it any more.
    pub(crate) fn is_long(&self, now: DateTime<Utc>) -> bool {
        self.since.is_some_and(|since| (now - since).abs() > LONG)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_end_is_seen_once_and_it_looks_each_second_for_twenty() {
        let at = |milliseconds: i64| DateTime::from_timestamp_millis(1_772_000_000_000 + milliseconds).unwrap();
        let mut waiting = Waiting::default();
        assert!(!waiting.begin(false, &|| at(0)) && !waiting.is_long(at(90_000)));
        assert!(waiting.begin(true, &|| at(1000)));
        assert_eq!(
            [1900, 2000, 2900, 3000].map(|moment| waiting.is_time(at(moment), false)),
            [false, true, false, true]
        );
        assert!(waiting.is_time(at(3100), true) && !waiting.is_time(at(4000), false));
        assert!(!waiting.begin(false, &|| at(5000)) && waiting.begin(true, &|| at(6000)));
        assert_eq!(
            [21_000, 21_001].map(|moment| waiting.is_long(at(moment))),
            [false, true]
        );
    }
}
