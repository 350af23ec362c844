//! Talking with the unit on its own link.

use super::{Absent, Attempt};
use crate::{
    line::{Line, Missed},
    outcome::StepOutcome,
    steps::{Ended, NotRecorded},
};
use benchtop_instrument::human_duration;
use benchtop_procedure::{CaptureGroup, Expect, LogicalName, Place, Transmit, value_of};
use std::time::Duration;

/// How long the other end may take to take what is sent.
const TAKING: Duration = Duration::from_secs(10);

fn line<'f>(attempt: Attempt<'f>, name: &LogicalName) -> Result<&'f Line, String> {
    let floor = attempt.floor;
    floor.lines.get(name).ok_or_else(|| match floor.missing.get(name) {
        Some(reason) => format!("not open: {reason}"),
        None => format!("{name} is not open"),
    })
}

/// A fact about the unit on its own link, else one about the station.
const fn outcome(line: &Line) -> (StepOutcome, Absent) {
    if line.belongs_to_unit {
        (StepOutcome::Fail, Absent::IsAFail)
    } else {
        (StepOutcome::Error, Absent::IsAnError)
    }
}

/// Sends a text.
pub(crate) async fn send(attempt: Attempt<'_>, transmit: &Transmit) -> Result<Ended, NotRecorded> {
    let line = match line(attempt, &transmit.instrument) {
        Ok(line) => line,
        Err(reason) => return Ok((StepOutcome::Error, Some(reason))),
    };
    if transmit.discard_unread {
        line.discard_unread();
    }
    let clock = attempt.floor.clock.as_ref();
    Ok(match line.send(transmit.text.as_bytes(), TAKING, clock).await {
        Ok(()) => (StepOutcome::Pass, None),
        Err(reason) => (outcome(line).0, Some(format!("{}: {reason}", transmit.instrument))),
    })
}

/// Waits for what the unit should say, and judges what is taken from it.
pub(crate) async fn expect(attempt: Attempt<'_>, expect: &Expect) -> Result<Ended, NotRecorded> {
    let line = match line(attempt, &expect.instrument) {
        Ok(line) => line,
        Err(reason) => {
            let refused = attempt.judge_all(&expect.measurements, Absent::IsAnError, |_, _| Err(reason.clone()))?;
            return Ok(if refused.0 == StepOutcome::Error {
                refused
            } else {
                (StepOutcome::Error, Some(reason.clone()))
            });
        }
    };
    let (missed, absent) = outcome(line);
    let groups = groups(expect);
    let found = line.expect(expect, &groups, attempt.floor.clock.as_ref()).await;
    let groups_found = match found {
        Ok(groups_found) => groups_found,
        Err(why) => {
            let reason = format!("{}: {}", expect.instrument, worded(expect, &why));
            let not_said = reason.clone();
            let ended = attempt.judge_all(&expect.measurements, absent, |_, _| Err(not_said.clone()))?;
            let outcome = if ended.0 == StepOutcome::Pass { missed } else { ended.0 };
            return Ok((outcome, Some(reason)));
        }
    };
    attempt.judge_all(&expect.measurements, absent, |measurement, extract| {
        let place = match &extract.place {
            Place::Expected(group) => groups.iter().position(|known| *known == group),
            Place::Whole | Place::Match(..) | Place::Json(_) | Place::Block(_) => None,
        };
        let said = place.and_then(|place| groups_found.get(place)).cloned().flatten();
        let said = said.ok_or("its group took no part in the match")?;
        let pieces = extract.find(&said, measurement.kind)?;
        Ok((value_of(&pieces, measurement.kind, measurement.unit)?, said))
    })
}

/// The groups that the measurements need.
fn groups(expect: &Expect) -> Vec<&CaptureGroup> {
    let sources = expect.measurements.iter().filter_map(|measurement| measurement.said());
    sources
        .filter_map(|extract| match &extract.place {
            Place::Expected(group) => Some(group),
            Place::Whole | Place::Match(..) | Place::Json(_) | Place::Block(_) => None,
        })
        .collect()
}

fn worded(expect: &Expect, missed: &Missed) -> String {
    let Expect { pattern, within, .. } = expect;
    match missed {
        Missed::Silent { heard } => {
            let within = human_duration(*within);
            format!("nothing matched {pattern} in {within}; {heard}")
        }
        Missed::Ended { reason, heard } => format!("nothing matched {pattern} before the end ({reason}); {heard}"),
        Missed::Refused { found, heard } => format!("it said {found}, which fails; {heard}"),
    }
}
