//! Which runs are meant, on the command line of every `benchtop runs` that reads records.

use crate::exit::Failure;
use benchtop_report::{Filter, filter::PLACES};
use benchtop_run::{Purpose, RunOutcome};
use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use clap::Args;

/// Conditions that all hold. Texts may hold `*` for anything.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Which runs (all conditions hold; * in a text stands for anything)")]
pub(crate) struct FilterArguments {
    /// The procedure's id.
    #[arg(long, value_name = "ID")]
    procedure: Option<String>,

    /// The unit's serial number.
    #[arg(long, value_name = "SN")]
    serial: Option<String>,

    /// Its part number.
    #[arg(long, value_name = "PART")]
    part: Option<String>,

    /// Its batch.
    #[arg(long, value_name = "BATCH")]
    batch: Option<String>,

    /// The gauge study that it belongs to.
    #[arg(long, value_name = "NAME")]
    study: Option<String>,

    /// The station's id.
    #[arg(long = "on-station", value_name = "ID")]
    on_station: Option<String>,

    /// How the run ended: pass, fail, error, timeout, aborted; may be given several times.
    #[arg(long, value_name = "OUTCOME")]
    outcome: Vec<String>,

    /// Why it was made: production, engineering, golden, `gauge_study`, partial; may be given several times.
    #[arg(long, value_name = "PURPOSE")]
    purpose: Vec<String>,

    /// Where its record lies: pending, synced, parked, kept; may be given several times.
    #[arg(long, value_name = "STATE")]
    state: Vec<String>,

    /// Started then or later: a day (UTC), a moment as in 2026-03-04T05:06:07Z, or so long ago (12h, 7d). In statistics a unit
    /// whose first run was before counts as one that came back: not in yield, nor with its values.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,

    /// Started before then, written as for --since.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

impl FilterArguments {
    /// What they say; `now` is what times of the form `7d` count from.
    pub(crate) fn filter(&self, now: DateTime<Utc>) -> Result<Filter, Failure> {
        let time = |option: &str, text: &Option<String>| {
            match text {
            Some(text) => moment(text, now).map(Some).ok_or_else(|| {
                Failure::refused(format!(
                    "{option} {text}: expected a day such as 2026-03-04, a moment such as 2026-03-04T05:06:07Z, or so long ago: \
                     12h, 7d"
                ))
            }),
            None => Ok(None),
        }
        };
        Ok(Filter {
            sequence: None,
            run_id: None,
            procedure: self.procedure.clone(),
            serial: self.serial.clone(),
            part: self.part.clone(),
            batch: self.batch.clone(),
            study: self.study.clone(),
            station: self.on_station.clone(),
            outcomes: words("--outcome", &self.outcome, &outcomes())?,
            purposes: words("--purpose", &self.purpose, &purposes())?,
            simulated: None,
            since: time("--since", &self.since)?,
            until: time("--until", &self.until)?,
            places: words("--state", &self.state, PLACES)?,
        })
    }
}

fn outcomes() -> Vec<(&'static str, benchtop_store::record::RunOutcome)> {
    let all = [
        RunOutcome::Pass,
        RunOutcome::Fail,
        RunOutcome::Error,
        RunOutcome::Timeout,
        RunOutcome::Aborted,
    ];
    all.into_iter()
        .map(|outcome| (outcome.word(), outcome.into()))
        .collect()
}

fn purposes() -> Vec<(&'static str, benchtop_store::record::Purpose)> {
    let each = Purpose::ALL.iter();
    each.map(|(word, purpose)| (*word, (*purpose).into())).collect()
}

/// The things that the words stand for, however they are capitalised.
fn words<T: Copy>(option: &str, given: &[String], known: &[(&str, T)]) -> Result<Vec<T>, Failure> {
    let mut found = Vec::new();
    for given in given.iter().flat_map(|given| given.split(',')) {
        let thing = known.iter().find(|(word, _)| word.eq_ignore_ascii_case(given.trim()));
        let Some((_, thing)) = thing else {
            let words: Vec<String> = known.iter().map(|(word, _)| word.to_ascii_lowercase()).collect();
            return Err(Failure::refused(format!(
                "{option} {given}: expected {}",
                words.join(", ")
            )));
        };
        found.push(*thing);
    }
    Ok(found)
}

/// A day begins at midnight UTC; `12h` and `7d` count back from now.
fn moment(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Some(moment.with_timezone(&Utc));
    }
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Some(day.and_time(NaiveTime::MIN).and_utc());
    }
    let ago = match (text.strip_suffix('h'), text.strip_suffix('d')) {
        (Some(hours), _) => TimeDelta::try_hours(hours.parse().ok()?)?,
        (_, Some(days)) => TimeDelta::try_days(days.parse().ok()?)?,
        (None, None) => return None,
    };
    now.checked_sub_signed(ago)
}

#[cfg(test)]
mod tests {
    use super::*;
    use benchtop_store::{Place, record};
    use chrono::TimeZone;

    #[test]
    fn times_are_days_moments_or_so_long_ago() {
        let now = Utc.with_ymd_and_hms(2026, 3, 10, 12, 0, 0).unwrap();
        for (text, expected) in [
            ("2026-03-04", Some("2026-03-04T00:00:00+00:00")),
            ("2026-03-04T05:06:07Z", Some("2026-03-04T05:06:07+00:00")),
            ("2026-03-04T05:06:07+02:00", Some("2026-03-04T03:06:07+00:00")),
            ("12h", Some("2026-03-10T00:00:00+00:00")),
            ("7d", Some("2026-03-03T12:00:00+00:00")),
            ("yesterday", None),
            ("99999999999999d", None),
            ("d", None),
            ("", None),
        ] {
            let found = moment(text, now).map(|moment| moment.to_rfc3339());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn words_are_taken_several_at_once_and_a_wrong_one_is_refused_with_those_that_are_known() {
        let arguments = FilterArguments {
            outcome: vec!["fail,ERROR".to_owned()],
            state: vec!["kept".to_owned(), "pending".to_owned()],
            ..FilterArguments::default()
        };
        let filter = arguments.filter(Utc.timestamp_opt(0, 0).unwrap()).unwrap();
        assert_eq!(filter.outcomes, [record::RunOutcome::Fail, record::RunOutcome::Error]);
        assert_eq!(filter.places, [Place::Kept, Place::Pending]);
        let wrong = FilterArguments {
            state: vec!["queued".to_owned()],
            ..FilterArguments::default()
        };
        let failure = wrong.filter(Utc.timestamp_opt(0, 0).unwrap()).unwrap_err();
        assert_eq!(
            failure.message,
            "--state queued: expected pending, synced, parked, kept"
        );
    }
}
