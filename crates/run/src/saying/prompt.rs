//! Asking the operator.

use super::{Absent, Attempt};
use crate::{
    event::{EventKind, PromptShown},
    steps::{Ended, NotRecorded},
};
use benchtop_procedure::Prompt;

/// Asks; the answer is judged. A virtual clock stands still while a person thinks.
pub(crate) async fn prompt(attempt: Attempt<'_>, prompt: &Prompt) -> Result<Ended, NotRecorded> {
    let floor = attempt.floor;
    floor.report(EventKind::PromptShown(PromptShown {
        address: attempt.address,
        attempt: attempt.number,
        name: prompt.measurement.name.clone(),
        message: prompt.message.clone(),
        image: prompt.image.as_ref().map(|(image, _)| image.clone()),
        kind: prompt.kind.clone(),
        unit: prompt.measurement.unit,
    }))?;
    let busy = floor.clock.busy();
    let answer = floor.outside.operator.ask(prompt).await;
    drop(busy);
    attempt.judge_all(
        std::slice::from_ref(&prompt.measurement),
        Absent::IsAnError,
        |measurement, _| {
            let answer = answer.as_ref().map_err(ToString::to_string)?;
            let value = prompt.kind.read(answer, measurement.unit)?;
            Ok((value, answer.clone()))
        },
    )
}
