//! What the computer knows about its own clocks, beside the time that callers pass in, and what speaks against that time.
//!
//! Nothing depends on the time of day: not order, not identity, not whether something is tried again. So a wrong clock
//! costs only what it says, and the record says why it is not to be believed.

use chrono::{DateTime, TimeDelta, TimeZone, Timelike, Utc};
use serde::{Deserialize, Serialize};

/// How far a time on this computer can be trusted, and how to order events when it cannot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClockFacts {
    /// Identifies this boot; monotonic readings compare only within one. `None` where the system has none.
    pub boot_id: Option<String>,
    /// Seconds since the boot, suspend included. `None` where the system does not tell.
    pub monotonic_s: Option<f64>,
    /// Whether UTC is synchronised; `None` where that cannot be known.
    pub utc_synchronised: Option<bool>,
    /// Why the time of day is not to be trusted, for people; empty where nothing speaks against it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubtful: Vec<String>,
}

/// When this store was last used, by the clocks of that moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LastSeen {
    /// A number and no date: it holds every time that a clock can show.
    pub(crate) unix_ms: i64,
    pub(crate) boot_id: Option<String>,
    pub(crate) monotonic_s: Option<f64>,
}

/// How far the time of day may run from a monotonic clock before somebody is said to have set it: a leap second is less.
const TOLERANCE_S: f64 = 2.0;
/// Which part of the time gone by a slewed clock may be off: twice the 500 ppm that a time daemon slews by at most.
const SLEW: f64 = 0.001;
/// No clock that is right says less: this program is younger.
const EARLIEST: (i32, u32, u32) = (2025, 1, 1);
/// A time within a leap second has more nanoseconds than a second.
const SECOND_NS: u32 = 1_000_000_000;

impl ClockFacts {
    /// Asks the system. Linux only; elsewhere nothing is known.
    #[must_use]
    pub fn read() -> Self {
        read()
    }

    /// The same, with what speaks against `now`, given when the store was last used.
    pub(crate) fn doubted(mut self, now: DateTime<Utc>, last: Option<&LastSeen>) -> Self {
        let (year, month, day) = EARLIEST;
        let earliest = Utc.with_ymd_and_hms(year, month, day, 0, 0, 0).earliest();
        if earliest.is_some_and(|earliest| now < earliest) {
            let date = now.format("%Y-%m-%d");
            let text = format!("the clock says {date}, which is long past: a real-time clock without a battery?");
            self.doubtful.push(text);
        }
        if now.nanosecond() >= SECOND_NS {
            let text = "the run began in a leap second, which not every clock counts alike";
            self.doubtful.push(text.to_owned());
        }
        if self.utc_synchronised == Some(false) {
            let text = "the clock was not synchronised since the computer was started";
            self.doubtful.push(text.to_owned());
        }
        self.doubtful.extend(last.and_then(|last| self.against(now, last)));
        self
    }

    fn against(&self, now: DateTime<Utc>, last: &LastSeen) -> Option<String> {
        let gone_by = seconds(now.signed_duration_since(DateTime::from_timestamp_millis(last.unix_ms)?));
        let same_boot = self.boot_id.is_some() && self.boot_id == last.boot_id;
        let readings = self.monotonic_s.filter(|_| same_boot).zip(last.monotonic_s);
        let elapsed = readings.map(|(now, last)| now - last);
        let set_by = elapsed.map(|elapsed| gone_by - elapsed);
        let tolerance = elapsed.map_or(TOLERANCE_S, |elapsed| TOLERANCE_S.max(elapsed * SLEW));
        // of two slots the one that came first may be numbered last: both clocks say so then
        if set_by.is_some_and(|set_by| set_by.abs() <= tolerance) {
            return None;
        }
        // the last one is kept to the millisecond
        if gone_by < -0.002 {
            let back = -gone_by;
            return Some(format!(
                "the clock is {back:.0} s behind the start of the run before this one"
            ));
        }
        set_by.map(|set_by| format!("the clock was set by {set_by:+.0} s since the run before this one"))
    }

    /// The moment that these are the facts of.
    pub(crate) fn seen(&self, now: DateTime<Utc>) -> LastSeen {
        LastSeen {
            unix_ms: now.timestamp_millis(),
            boot_id: self.boot_id.clone(),
            monotonic_s: self.monotonic_s,
        }
    }
}

/// What is worth saying of a time of day that ran `shift` seconds away from the run's own clock.
pub(crate) fn set_during_the_run(shift: f64) -> Option<String> {
    (shift.abs() > TOLERANCE_S)
        .then(|| format!("the clock was set by {shift:+.0} s during the run, or the computer slept"))
}

pub(crate) fn seconds(delta: TimeDelta) -> f64 {
    delta.as_seconds_f64()
}

#[cfg(target_os = "linux")]
fn read() -> ClockFacts {
    use std::path::Path;
    let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let since_boot = std::time::Duration::try_from(now).ok();
    // systemd-timesyncd's word for it (systemd-timesyncd.service(8)): its folder is there while it runs, the file once it has
    // synchronised. Other daemons leave no file that can be believed, and the kernel is asked only by unsafe code
    let folder = Path::new("/run/systemd/timesync");
    let synchronised = folder.is_dir().then(|| folder.join("synchronized").exists());
    ClockFacts {
        boot_id: boot_id.map(|id| id.trim().to_owned()),
        monotonic_s: since_boot.map(|time| time.as_secs_f64()),
        utc_synchronised: synchronised,
        doubtful: Vec::new(),
    }
}

#[cfg(not(target_os = "linux"))]
fn read() -> ClockFacts {
    ClockFacts::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn monotonic_readings_rise_within_one_boot() {
        let (first, second) = (ClockFacts::read(), ClockFacts::read());
        assert_eq!(first.boot_id.as_ref().map(String::len), Some(36));
        assert_eq!(first.boot_id, second.boot_id);
        assert!(first.monotonic_s.unwrap() <= second.monotonic_s.unwrap());
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_772_600_767 + seconds, 0).unwrap()
    }

    /// Now, and the monotonic seconds since the last run; in the same boot or another.
    fn check(now: i64, monotonic: f64, same_boot: bool, expected: &[&str]) {
        let facts = |boot: &str, monotonic_s| ClockFacts {
            boot_id: Some(boot.to_owned()),
            monotonic_s: Some(monotonic_s),
            ..ClockFacts::default()
        };
        let last = facts("a", 1000.0).seen(at(0));
        let facts = facts(if same_boot { "a" } else { "b" }, 1000.0 + monotonic);
        let found = facts.doubted(at(now), Some(&last)).doubtful;
        assert_eq!(found.len(), expected.len(), "{now}: {found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{now}: {found}");
        }
    }

    #[test]
    fn a_clock_that_was_set_is_doubted_and_one_that_was_slewed_is_not() {
        check(60, 60.0, true, &[]);
        // a leap second, or a slew
        check(61, 60.0, true, &[]);
        check(86_400 + 40, 86_400.0, true, &[]);
        check(3660, 60.0, true, &["set by +3600 s"]);
        check(60, 3660.0, true, &["set by -3600 s"]);
        check(-60, 60.0, true, &["60 s behind"]);
        // two slots at once, numbered the other way round
        check(-1, -1.0, true, &[]);
        check(-1, 0.5, true, &[]);
        // over a boot nothing says how long it was off
        check(1_000_000, -900.0, false, &[]);
        check(-60, -900.0, false, &["60 s behind"]);
    }

    #[test]
    fn a_clock_without_a_battery_a_leap_second_and_no_synchronisation_are_doubted() {
        let check = |now: DateTime<Utc>, synchronised, expected: &[&str]| {
            let facts = ClockFacts {
                utc_synchronised: synchronised,
                ..ClockFacts::default()
            };
            let found = facts.doubted(now, None).doubtful;
            assert_eq!(found.len(), expected.len(), "{found:?}");
            assert!(
                found.iter().zip(expected).all(|(found, word)| found.contains(word)),
                "{found:?}"
            );
        };
        check(at(0), Some(true), &[]);
        check(at(0), None, &[]);
        check(at(0), Some(false), &["not synchronised"]);
        check(DateTime::from_timestamp(12, 0).unwrap(), None, &["1970-01-01"]);
        let leap = "2028-12-31T23:59:60.500Z".parse().unwrap();
        check(leap, None, &["leap second"]);
    }
}
