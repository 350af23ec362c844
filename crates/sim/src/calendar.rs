//! The clocks of instruments that have one. They all say that they were switched on as the year 2026 began.

use benchtop_instrument::Moment;

/// 2026-01-01 00:00:00 UTC, in seconds since 1970.
const SWITCHED_ON: u64 = 1_767_225_600;
const SECONDS_A_DAY: u64 = 86_400;
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// A date and a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Date {
    seconds: u64,
    millis: u32,
    year: u64,
    month: u64,
    day: u64,
}

impl Date {
    pub(crate) fn of(moment: Moment) -> Self {
        let since = moment.since(Moment::from_start(std::time::Duration::ZERO));
        let seconds = SWITCHED_ON.saturating_add(since.as_secs());
        // years that begin in March, eras of 400 of them: the leap day is the last of its year
        let days = seconds / SECONDS_A_DAY + 719_468;
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * of_year + 2) / 153;
        let month = if from_march < 10 {
            from_march + 3
        } else {
            from_march - 9
        };
        Self {
            seconds,
            millis: since.subsec_millis(),
            year: era * 400 + year_of_era + u64::from(month <= 2),
            month,
            day: of_year - (153 * from_march + 2) / 5 + 1,
        }
    }

    /// Seconds since 1970.
    pub(crate) const fn unix(self) -> u64 {
        self.seconds
    }

    /// `2018/05/26 14:00:14.871`
    pub(crate) fn stamp(self) -> String {
        let Self {
            millis,
            year,
            month,
            day,
            ..
        } = self;
        format!("{year:04}/{month:02}/{day:02} {}.{millis:03}", self.time())
    }

    /// `10/14/2014`
    pub(crate) fn american(self) -> String {
        format!("{:02}/{:02}/{:04}", self.month, self.day, self.year)
    }

    /// `Thu Sep 21 09:06:41 2023`
    pub(crate) fn text(self) -> String {
        let name = |names: &'static [&'static str], number: u64| {
            let number = usize::try_from(number).unwrap_or_default();
            names.get(number).copied().unwrap_or_default()
        };
        let weekday = name(&WEEKDAYS, self.seconds / SECONDS_A_DAY % 7);
        let month = name(&MONTHS, self.month.saturating_sub(1));
        format!("{weekday} {month} {:2} {} {}", self.day, self.time(), self.year)
    }

    /// `14:00:14`
    fn time(self) -> String {
        let of_day = self.seconds % SECONDS_A_DAY;
        format!("{:02}:{:02}:{:02}", of_day / 3600, of_day / 60 % 60, of_day % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (days, stamp, text) in [
            (0, "2026/01/01 00:00:00.250", "Thu Jan  1 00:00:00 2026"),
            (58, "2026/02/28 00:00:00.250", "Sat Feb 28 00:00:00 2026"),
            (59, "2026/03/01 00:00:00.250", "Sun Mar  1 00:00:00 2026"),
            (364, "2026/12/31 00:00:00.250", "Thu Dec 31 00:00:00 2026"),
            (789, "2028/02/29 00:00:00.250", "Tue Feb 29 00:00:00 2028"),
        ] {
            let date = Date::of(Moment::from_start(Duration::new(days * SECONDS_A_DAY, 250_000_000)));
            assert_eq!((date.stamp().as_str(), date.text().as_str()), (stamp, text));
        }
        let date = Date::of(Moment::from_start(Duration::from_secs(45_296)));
        assert_eq!(date.stamp(), "2026/01/01 12:34:56.000");
        assert_eq!((date.american().as_str(), date.unix()), ("01/01/2026", 1_767_270_896));
    }
}
