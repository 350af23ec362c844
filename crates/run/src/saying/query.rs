//! Sending an instrument a raw program message.

use super::{Absent, Attempt};
use crate::{
    outcome::StepOutcome,
    steps::{Ended, NotRecorded, actor},
};
use benchtop_procedure::Query;

/// Sends the message; what is measured is in the answer. The instrument's error report is read behind it.
pub(crate) async fn query(attempt: Attempt<'_>, query: &Query) -> Result<Ended, NotRecorded> {
    let name = &query.instrument;
    let actor = actor(attempt.floor, name);
    let overrange = actor.as_ref().ok().and_then(|actor| actor.overrange());
    let answered = match actor {
        Err(reason) => Err(reason),
        Ok(actor) => actor.query(query.message.clone()).await.map_err(|error| {
            attempt.floor.failed_on(name);
            format!("{name}: {error}")
        }),
    };
    match (answered, query.measurements.as_slice()) {
        (Ok(_), []) => Ok((StepOutcome::Pass, None)),
        (Err(reason), []) => Ok((StepOutcome::Error, Some(reason))),
        (answered, measurements) => attempt.judge_all(measurements, Absent::IsAnError, |measurement, extract| {
            let answer = answered.as_ref().map_err(Clone::clone)?;
            let answer = answer.as_ref().ok_or("the message has no answer")?;
            extract.value_in(answer, measurement.kind, measurement.unit, overrange)
        }),
    }
}
