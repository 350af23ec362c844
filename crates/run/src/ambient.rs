//! The ambient temperature of a run, where an instrument of the bench measures it.

use crate::{
    actor::Actor,
    bench::Bench,
    crew::Crew,
    event::{Log, LogLevel},
};
use benchtop_instrument::{Clock, ClockExt, Decimal, Function, Measure, ReadingKind, human_duration};
use benchtop_procedure::{Ambient, LogicalName, Metrology};
use std::time::Duration;

/// The temperature in degrees Celsius, and what to write down about it. Nothing where the station states it or says nothing.
pub(crate) async fn measure(
    metrology: &Metrology,
    crew: &Crew,
    bench: &dyn Bench,
    clock: &dyn Clock,
    patience: Duration,
) -> Option<(Option<Decimal>, Log)> {
    let Ambient::Measured { instrument, channel } = &metrology.ambient else {
        return None;
    };
    let deadline = clock.now().after(patience);
    let read = clock
        .within(deadline, read(instrument, *channel, crew, bench, clock))
        .await;
    let read = read.unwrap_or_else(|_elapsed| Err(format!("no temperature in {}", human_duration(patience))));
    let (celsius, level, message) = match read {
        Ok(celsius) => {
            let message = format!("{celsius} \u{b0}C ambient, by {instrument} channel {channel}");
            (Some(celsius), LogLevel::Info, message)
        }
        Err(reason) => {
            let message = format!("the ambient temperature is not known: {instrument} channel {channel}: {reason}");
            (None, LogLevel::Warning, message)
        }
    };
    let log = Log {
        level,
        source: "runner".to_owned(),
        message,
    };
    Some((celsius, log))
}

async fn read(
    name: &LogicalName,
    channel: u32,
    crew: &Crew,
    bench: &dyn Bench,
    clock: &dyn Clock,
) -> Result<Decimal, String> {
    let request = Measure {
        channel,
        ..Measure::of(Function::Temperature)
    };
    let reading = match crew.get(name) {
        Some(actor) => actor.measure(request).await.map_err(|error| error.to_string())?,
        None => {
            // it is none of the procedure's instruments: opened for this, and closed again
            let instrument = bench.open(name).await.map_err(|error| error.to_string())?;
            let actor = Actor::start(name.clone(), instrument, clock);
            let prepared = actor.prepare().await.map_err(|error| error.to_string());
            let reading = match prepared {
                Ok(_state) => actor.measure(request).await.map_err(|error| error.to_string()),
                Err(reason) => Err(reason),
            };
            drop(actor.close().await);
            actor.kill();
            reading?
        }
    };
    match reading.kind {
        ReadingKind::Value(quantity) => quantity
            .in_unit(Function::Temperature.unit())
            .map_err(|error| error.to_string()),
        ReadingKind::Overrange(_) | ReadingKind::NotANumber => Err("it gave no number".to_owned()),
    }
}
