//! Sending an instrument a raw program message.

use super::{Absent, Attempt};
use crate::{
    outcome::StepOutcome,
    outside::Content,
    steps::{Ended, NotRecorded, actor},
};
use benchtop_procedure::{Query, payload};

/// Sends the message; what is measured is in the answer, and the answer is kept where the step wants it. The instrument's error
/// report is read behind it.
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
    // before it is judged: of a unit that fails the answer is the evidence
    let not_kept = match (&query.attachment, &answered) {
        (Some(file), Ok(Some(answer))) => keep(attempt, file, answer).await?.err(),
        (Some(file), Ok(None)) => Some(format!("{file}: the message has no answer")),
        (Some(_), Err(_)) | (None, _) => None,
    };
    let ended = match (answered, query.measurements.as_slice()) {
        (Ok(_), []) => (StepOutcome::Pass, None),
        (Err(reason), []) => (StepOutcome::Error, Some(reason)),
        (answered, measurements) => attempt.judge_all(measurements, Absent::IsAnError, |measurement, extract| {
            let answer = answered.as_ref().map_err(Clone::clone)?;
            let answer = answer.as_ref().ok_or("the message has no answer")?;
            extract.value_in(answer, measurement.kind, measurement.unit, overrange)
        })?,
    };
    Ok(match not_kept {
        Some(reason) if ended.0 != StepOutcome::Error => (StepOutcome::Error, Some(reason)),
        Some(_) | None => ended,
    })
}

async fn keep(attempt: Attempt<'_>, file: &str, answer: &[u8]) -> Result<Result<(), String>, NotRecorded> {
    match payload(answer) {
        Ok(bytes) => {
            let content = Content::Bytes(bytes.to_vec());
            let kept = attempt.keep(file.to_owned(), content, Query::MOST_BYTES).await?;
            Ok(kept.map_err(|error| error.to_string()))
        }
        Err(reason) => Ok(Err(format!("{file}: {reason}"))),
    }
}
