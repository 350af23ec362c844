//! How long a record rests after an attempt: 5 seconds, then twice as long after each, at most 5 minutes, each shortened by up
//! to half so that a thousand records and a hundred stations do not come back in one second.

use benchtop_store::TargetState;
use chrono::{DateTime, TimeDelta, Utc};

const FIRST_S: i64 = 5;
const LONGEST_S: i64 = 300;

/// How long this run rests after so many attempts; none before the first.
fn rest(run_id: &str, attempts: u32) -> TimeDelta {
    if attempts == 0 {
        return TimeDelta::zero();
    }
    let doublings = (attempts - 1).min(16);
    let whole = FIRST_S.saturating_mul(1 << doublings).min(LONGEST_S) * 1000;
    // FNV-1a: the same run rests as long on every computer, two runs hardly ever
    let hash = run_id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let share = i64::try_from((hash ^ u64::from(attempts)) % 1000).unwrap_or(0);
    TimeDelta::milliseconds(whole / 2 + whole / 2 * share / 1000)
}

/// When the run is tried next.
pub(crate) fn next_try(run_id: &str, state: &TargetState) -> Option<DateTime<Utc>> {
    state.last_attempt?.checked_add_signed(rest(run_id, state.attempts))
}

/// True when it has rested long enough. A clock that was set back counts as time gone by: waiting for ever would be worse.
pub(crate) fn is_due(run_id: &str, state: &TargetState, now: DateTime<Utc>) -> bool {
    let rested = |last: DateTime<Utc>| (now - last).abs() >= rest(run_id, state.attempts);
    state.last_attempt.is_none_or(rested)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_grow_to_five_minutes_and_differ() {
        let run = "0198c0de-0000-7000-8000-000000000001";
        assert_eq!(rest(run, 0), TimeDelta::zero());
        for (attempts, longest) in [(1, 5), (2, 10), (3, 20), (7, 300), (40, 300), (u32::MAX, 300)] {
            let rest = rest(run, attempts);
            let longest = TimeDelta::seconds(longest);
            assert!(rest >= longest / 2 && rest <= longest, "{attempts}: {rest}");
        }
        assert_ne!(rest(run, 5), rest("0198c0de-0000-7000-8000-000000000002", 5));
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_make_it_wait() {
        let last: DateTime<Utc> = "2026-03-04T05:06:07Z".parse().unwrap();
        let state = TargetState {
            attempts: 3,
            last_attempt: Some(last),
            ..TargetState::default()
        };
        let at = |seconds| is_due("x", &state, last + TimeDelta::seconds(seconds));
        assert!(!at(5) && at(20) && at(-3600));
        assert!(next_try("x", &state).unwrap() > last);
        assert!(is_due("x", &TargetState::default(), last));
    }
}
