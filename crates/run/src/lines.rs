//! The unit's own links of a run: opened before its steps, ended behind them, and what was heard on them kept.

use crate::{
    bench::Bench,
    event::{Attached, EventKind, Log, LogLevel},
    line::Line,
    outcome::RunOutcome,
    outside::{Content, Surroundings},
    recorder::Recorder,
    scribe::Scribe,
};
use benchtop_instrument::{Class, Clock, ClockExt, human_duration};
use benchtop_procedure::{BelongsTo, BoundProcedure, InstrumentNeed, LogicalName};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// How long ending one may take.
const CLOSE: Duration = Duration::from_secs(5);

/// The unit's own links, opened.
pub(crate) type Lines = BTreeMap<LogicalName, Line>;

/// What a procedure says of a console; nothing for any other instrument.
pub(crate) fn console_of<'p>(procedure: &'p BoundProcedure, name: &LogicalName) -> Option<&'p InstrumentNeed> {
    let need = procedure.procedure().instruments.get(name)?;
    (need.class == Class::Console).then_some(need)
}

/// Opens one of the unit's own links. One that belongs to the unit may not be there before the unit has power.
pub(crate) async fn open_line(
    name: &LogicalName,
    need: &InstrumentNeed,
    bench: &Arc<dyn Bench>,
    clock: &Arc<dyn Clock>,
    patience: Duration,
) -> Result<Line, String> {
    let belongs_to_unit = need.belongs_to == BelongsTo::Uut;
    let opening = clock.within(clock.now().after(patience), bench.open_console(name));
    let console = match opening.await {
        Ok(Err(error)) if !belongs_to_unit => return Err(format!("{name}: {error}")),
        Ok(console) => console,
        Err(_elapsed) => return Err(format!("{name}: not open in {}", human_duration(patience))),
    };
    let bench = Arc::clone(bench);
    Ok(Line::start(name.clone(), console, belongs_to_unit, bench, clock))
}

/// Ends the unit's own links, and keeps all that was heard on them with the record.
pub(crate) async fn keep_what_was_heard<R: Recorder>(
    lines: &Lines,
    outside: &Surroundings,
    clock: &dyn Clock,
    scribe: &mut Scribe<R>,
) {
    for (name, line) in lines {
        let heard = line.close(clock, CLOSE).await;
        if heard.is_empty() || scribe.error.is_some() {
            continue;
        }
        let busy = clock.busy();
        let file = format!("{name}.log");
        let kept = outside.attachments.keep(&file, Content::Bytes(heard), u64::MAX).await;
        drop(busy);
        match kept {
            Ok(kept) => scribe.emit(EventKind::Attached(Attached {
                address: None,
                name: file,
                size: kept.size,
                sha256: kept.sha256,
            })),
            Err(error) => {
                let message = format!("what was heard on {name} is not kept: {error}");
                scribe.at_least(RunOutcome::Error, &message);
                scribe.emit(EventKind::Log(Log {
                    level: LogLevel::Error,
                    source: name.to_string(),
                    message,
                }));
            }
        }
    }
}
