//! Running a command of the station's computer.

use super::{Absent, Attempt, Finding, graver};
use crate::{
    outcome::StepOutcome,
    outside::{Content, Output, ProgramEnding},
    steps::{Ended, NotRecorded},
};
use benchtop_procedure::{Exec, Extract, Measurement, Speaker, value_of};

/// Of each of a command's streams so much is kept at most, in bytes; what runs it keeps no more.
const MOST_OF_A_STREAM: u64 = 2 * 1024 * 1024;

/// Runs the command, keeps what it said and the files that the step names, and judges its exit code and its output.
pub(crate) async fn exec(attempt: Attempt<'_>, exec: &Exec) -> Result<Ended, NotRecorded> {
    let ended = match attempt.floor.outside.programs.run(attempt.step, exec).await {
        Ok(ended) => ended,
        Err(error) => {
            let reason = error.to_string();
            return attempt.judge_all(&exec.measurements, Absent::IsAnError, |_, _| Err(reason.clone()));
        }
    };
    let mut not_kept = None;
    for (stream, text) in [("stdout", &ended.output), ("stderr", &ended.error_output)] {
        if !text.text.is_empty() {
            let name = format!("{}.{stream}.txt", attempt.step);
            let content = Content::Bytes(text.text.clone().into_bytes());
            let kept = attempt.keep(name, content, MOST_OF_A_STREAM).await?;
            not_kept = not_kept.or(kept.err());
        }
    }
    let find = |measurement: &Measurement, extract: &Extract| match (extract.speaker, ended.ending) {
        (Speaker::ExitCode, ProgramEnding::Code(code)) => {
            let text = code.to_string();
            let value = value_of(std::slice::from_ref(&text), measurement.kind, measurement.unit)?;
            Ok((value, text))
        }
        (Speaker::ExitCode, ProgramEnding::Signal(signal)) => {
            Err(format!("there is no exit code: a signal ended it ({signal})"))
        }
        (Speaker::ErrorOutput, _) => found_in(&ended.error_output, measurement, extract),
        (Speaker::Output | Speaker::Operator | Speaker::Instrument | Speaker::Unit, _) => {
            found_in(&ended.output, measurement, extract)
        }
    };
    let (exit_code, others) = exec.measurements.split_at(1);
    let judged = attempt.judge_all(exit_code, Absent::IsAnError, find)?;
    // a command that says that it failed need not say more
    let absent = if judged.0 == StepOutcome::Fail {
        Absent::IsAFail
    } else {
        Absent::IsAnError
    };
    let judged = graver(judged, attempt.judge_all(others, absent, find)?);
    // what it should have written matters only where it did its work
    if judged.0 == StepOutcome::Pass {
        for (request, content) in exec.attachments.iter().zip(ended.files) {
            let kept = attempt.keep(request.path.clone(), content, request.most).await?;
            not_kept = not_kept.or(kept.err());
        }
    }
    Ok(match not_kept {
        Some(error) if judged.0 != StepOutcome::Error => (StepOutcome::Error, Some(error.to_string())),
        Some(_) | None => judged,
    })
}

/// Looks for a value in what a command wrote. Where something was left out of it, nothing is known of what stood there.
fn found_in(output: &Output, measurement: &Measurement, extract: &Extract) -> Finding {
    let pieces = match output.cut {
        None => extract.find(&output.text, measurement.kind)?,
        Some(at) => {
            let beginning = output.text.get(..at).unwrap_or_default();
            extract.find_in_beginning(beginning, measurement.kind)?
        }
    };
    let value = value_of(&pieces, measurement.kind, measurement.unit)?;
    Ok((value, pieces.join(",")))
}
