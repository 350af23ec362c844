//! Taking the readings of one measurement: one or several, by the meter's own sample count or one after the other.

use crate::{
    definition::FunctionDefinition,
    driver::ScpiInstrument,
    response::{self, Number},
    sampling::StatisticsDefinition,
    template::Template,
};
use benchtop_instrument::{
    ClockExt, Decimal, Error, ErrorKind, Measure, Operation, Quantity, ReadingKind, SampledBy, Samples, Sampling,
    Trigger, Unit,
};
use std::{sync::Arc, time::Duration};

/// How long an external trigger may be waited for; a step's `timeout` may be shorter.
const EXTERNAL_TRIGGER: Duration = Duration::from_secs(60);

/// What was said, and what it means, each number for itself.
pub(crate) struct Taken {
    /// As received.
    text: String,
    /// Those that count, or what the meter computed of them.
    numbers: Numbers,
}

enum Numbers {
    Each(Vec<Number>, SampledBy),
    Computed {
        mean: Number,
        minimum: Number,
        maximum: Number,
        deviation: Option<Decimal>,
        count: u32,
    },
}

impl ScpiInstrument {
    /// What determines how readings are taken, sent with the rest of the configuration; nothing for one reading as usual.
    pub(crate) async fn configure_sampling(
        &mut self,
        function: &FunctionDefinition,
        request: &Measure,
    ) -> Result<(), Error> {
        let operation = Operation::Measure;
        let definition = Arc::clone(&self.definition);
        let (sampling, wanted) = (&definition.sampling, &request.sampling);
        let channel = request.channel.to_string();
        if let (Some(resolution), Some(wanted)) = (&function.resolution, wanted.resolution) {
            let value = wanted.in_unit(Unit::of(wanted.unit.base()));
            let value = value.map_err(|error| self.fail(ErrorKind::OutOfRange, operation, error.to_string()))?;
            let message = resolution
                .set
                .fill(&[("value", &value.to_string()), ("channel", &channel)]);
            self.send(operation, &message).await?;
        }
        if let (Some(aperture), Some(wanted)) = (&function.aperture, wanted.aperture) {
            let message = aperture
                .set
                .fill(&[("value", &wanted.to_string()), ("channel", &channel)]);
            self.send(operation, &message).await?;
        }
        if let (Some(delay), Some(wanted)) = (&sampling.delay, wanted.delay.filter(|delay| self.delays(*delay))) {
            let seconds = Decimal::from_f64(wanted.as_secs_f64()).unwrap_or(Decimal::ZERO);
            let message = delay
                .set
                .fill(&[("value", &seconds.to_string()), ("channel", &channel)]);
            self.send(operation, &message).await?;
        }
        if let Some(trigger) = sampling.trigger(wanted.trigger) {
            self.send_each(&trigger.set, &channel, "").await?;
        }
        if wanted.statistics
            && let Some(statistics) = &sampling.statistics
        {
            self.send_each(&statistics.set, &channel, "").await?;
        }
        if let Some(count) = self.counts(wanted)
            && let Some(samples) = &sampling.samples
        {
            self.send_each(&samples.set, &channel, &count.to_string()).await?;
        }
        Ok(())
    }

    /// True when the meter waits for a delay itself.
    fn delays(&self, delay: Duration) -> bool {
        let own = self.definition.sampling.delay.as_ref();
        own.is_some_and(|own| delay <= own.longest)
    }

    /// How many readings the meter takes on one command, where it takes several.
    fn counts(&self, wanted: &Sampling) -> Option<u32> {
        let most = self.definition.sampling.samples.as_ref()?.most;
        Some(wanted.count()).filter(|count| (2..=most).contains(count))
    }

    async fn send_each(&mut self, templates: &[Template], channel: &str, samples: &str) -> Result<(), Error> {
        for template in templates {
            let message = template.fill(&[("channel", channel), ("samples", samples)]);
            self.send(Operation::Measure, &message).await?;
        }
        Ok(())
    }

    /// Lets the readings be taken; a query among the messages is waited for, and its answer not used.
    async fn take_each(
        &mut self,
        templates: &[Template],
        channel: &str,
        samples: &str,
        patience: Duration,
    ) -> Result<(), Error> {
        for template in templates {
            let message = template.fill(&[("channel", channel), ("samples", samples)]);
            if template.is_query() {
                let deadline = self.deadline().after(patience);
                self.ask(Operation::Measure, &message, deadline).await?;
            } else {
                self.pull(Operation::Measure, &message).await?;
            }
        }
        Ok(())
    }

    /// Takes what was configured.
    pub(crate) async fn take(
        &mut self,
        function: &FunctionDefinition,
        request: &Measure,
        nplc: Option<Decimal>,
    ) -> Result<Taken, Error> {
        let definition = Arc::clone(&self.definition);
        let wanted = &request.sampling;
        let counted = self.counts(wanted);
        let trigger = definition.sampling.trigger(wanted.trigger);
        let (turns, each_turn) = match counted {
            Some(count) => (1, count),
            None => (wanted.count(), 1),
        };
        let one = function.sample_time(nplc, wanted);
        let waits = match wanted.trigger {
            Some(Trigger::External) => EXTERNAL_TRIGGER,
            Some(Trigger::Bus | Trigger::Immediate) | None => Duration::ZERO,
        };
        let patience = one.saturating_mul(each_turn).saturating_add(waits);
        let (channel, samples) = (request.channel.to_string(), each_turn.to_string());
        let several = definition.sampling.samples.as_ref().filter(|_| counted.is_some());
        let own_delay = wanted.delay.filter(|delay| !self.delays(*delay));
        if let (true, Some(statistics), Some(count)) = (wanted.statistics, &definition.sampling.statistics, counted) {
            if let Some(delay) = own_delay {
                self.clock().sleep(delay).await;
            }
            self.take_each(&statistics.take, &channel, &samples, patience).await?;
            return self.computed(statistics, &channel, count).await;
        }
        let take = trigger
            .map(|trigger| trigger.take.as_slice())
            .filter(|take| !take.is_empty())
            .or(several.map(|several| several.take.as_slice()))
            .unwrap_or_default();
        let read = trigger
            .and_then(|trigger| trigger.read.as_ref())
            .or(several.and_then(|several| several.read.as_ref()))
            .unwrap_or(&function.read);
        let (mut texts, mut numbers) = (Vec::new(), Vec::new());
        for _turn in 0..turns {
            if let Some(delay) = own_delay {
                self.clock().sleep(delay).await;
            }
            self.take_each(take, &channel, &samples, patience)
                .await
                .map_err(|error| self.untriggered(error, wanted))?;
            let deadline = self.deadline().after(patience);
            let message = read.fill(&[("channel", &channel), ("samples", &samples)]);
            let text = self
                .ask(Operation::Measure, &message, deadline)
                .await
                .map_err(|error| self.untriggered(error, wanted))?;
            numbers.extend(self.numbers_in(&text, counted)?);
            texts.push(text);
        }
        let discarded = usize::try_from(wanted.discard.unwrap_or(0)).unwrap_or(usize::MAX);
        let by = if counted.is_some() {
            SampledBy::Instrument
        } else {
            SampledBy::Repeated
        };
        Ok(Taken {
            text: texts.join(","),
            numbers: Numbers::Each(numbers.into_iter().skip(discarded).collect(), by),
        })
    }

    /// A trigger that did not come, in place of an answer that did not.
    fn untriggered(&self, error: Error, wanted: &Sampling) -> Error {
        if error.kind() == ErrorKind::Timeout && wanted.trigger == Some(Trigger::External) {
            let message = format!("no external trigger came ({})", error.message());
            return self.fail(ErrorKind::Timeout, Operation::Measure, message);
        }
        error
    }

    /// The numbers of one answer: one, or as many as were asked for.
    fn numbers_in(&self, text: &str, counted: Option<u32>) -> Result<Vec<Number>, Error> {
        let garbled = |message: String| self.fail(ErrorKind::Garbled, Operation::Measure, message);
        let overrange = self.definition.overrange;
        let one = |text: &str| response::number(text, overrange).map_err(|error| garbled(error.to_string()));
        let Some(count) = counted else {
            return Ok(vec![one(text)?]);
        };
        let numbers = response::values(text)
            .into_iter()
            .map(one)
            .collect::<Result<Vec<_>, _>>()?;
        if u32::try_from(numbers.len()) == Ok(count) {
            return Ok(numbers);
        }
        Err(garbled(format!("expected {count} readings, got {}", numbers.len())))
    }

    async fn computed(&mut self, statistics: &StatisticsDefinition, channel: &str, taken: u32) -> Result<Taken, Error> {
        let operation = Operation::Measure;
        let mut said = Vec::new();
        let mut ask = async |template: &Template| {
            let message = template.fill(&[("channel", channel)]);
            let deadline = self.deadline();
            let text = self.ask(operation, &message, deadline).await?;
            let number = response::number(&text, self.definition.overrange)
                .map_err(|error| self.fail(ErrorKind::Garbled, operation, format!("{message}: {error}")))?;
            said.push(text);
            Ok::<Number, Error>(number)
        };
        let mean = ask(&statistics.mean).await?;
        let minimum = ask(&statistics.minimum).await?;
        let maximum = ask(&statistics.maximum).await?;
        let deviation = match &statistics.deviation {
            Some(template) => ask(template).await?.value(),
            None => None,
        };
        let counted = match &statistics.count {
            Some(template) => Some(ask(template).await?),
            None => None,
        };
        let expected = Number::Value(Decimal::from_integer(i64::from(taken)));
        if let Some(counted) = counted.filter(|counted| *counted != expected) {
            let message = match counted.value() {
                Some(counted) => format!("{taken} readings were asked for, and the meter counted {counted}"),
                None => format!("{taken} readings were asked for, and the meter counted none"),
            };
            return Err(self.fail(ErrorKind::Readback, operation, message));
        }
        Ok(Taken {
            text: said.join(","),
            numbers: Numbers::Computed {
                mean,
                minimum,
                maximum,
                deviation,
                count: taken,
            },
        })
    }

    /// What the meter says it uses, where it can be asked: of a resolution, or an aperture.
    pub(crate) async fn sampling_in_use(
        &mut self,
        function: &FunctionDefinition,
        request: &Measure,
    ) -> Result<Sampling, Error> {
        let operation = Operation::Measure;
        let mut in_use = request.sampling;
        let channel = request.channel.to_string();
        if let (Some(resolution), Some(_)) = (&function.resolution, in_use.resolution)
            && let Some(query) = &resolution.query
        {
            let value = self
                .ask_number(operation, &query.fill(&[("channel", &channel)]))
                .await?;
            in_use.resolution = Some(Quantity::new(value, request.function.unit()));
        }
        if let (Some(aperture), Some(wanted)) = (&function.aperture, in_use.aperture)
            && let Some(query) = &aperture.query
        {
            let value = self
                .ask_number(operation, &query.fill(&[("channel", &channel)]))
                .await?;
            if value != wanted {
                let message = format!("an aperture of {wanted} s was set, and {value} s is read back");
                return Err(self.fail(ErrorKind::Readback, operation, message));
            }
        }
        Ok(in_use)
    }
}

impl Taken {
    /// What it is as one reading in `unit`, and the samples behind it. `judged` tells a number from one beyond the range.
    pub(crate) fn reading(
        self,
        unit: Unit,
        judged: impl Fn(ReadingKind) -> ReadingKind,
    ) -> (String, ReadingKind, Option<Samples>) {
        let kind = |number: Number| {
            judged(match number {
                Number::Value(value) => ReadingKind::Value(Quantity::new(value, unit)),
                Number::Overrange(polarity) => ReadingKind::Overrange(polarity),
                Number::NotANumber => ReadingKind::NotANumber,
            })
        };
        let (kind, samples) = match self.numbers {
            Numbers::Each(numbers, by) => together(numbers.into_iter().map(kind).collect(), by),
            Numbers::Computed {
                mean,
                minimum,
                maximum,
                deviation,
                count,
            } => {
                let (kind, _) = together([mean, minimum, maximum].map(kind).to_vec(), SampledBy::Statistics);
                match (kind, mean.value(), minimum.value(), maximum.value()) {
                    (ReadingKind::Value(_), Some(mean), Some(min), Some(max)) => {
                        let samples = Samples {
                            values: Vec::new(),
                            n: count,
                            mean,
                            s: deviation,
                            min,
                            max,
                            by: SampledBy::Statistics,
                        };
                        (ReadingKind::Value(Quantity::new(mean, unit)), Some(samples))
                    }
                    (kind, ..) => (kind, None),
                }
            }
        };
        (self.text, kind, samples)
    }
}

/// The mean, where all are numbers; else the first that is none: there is no mean of something beyond the range.
fn together(kinds: Vec<ReadingKind>, by: SampledBy) -> (ReadingKind, Option<Samples>) {
    // worse than one beyond the range: no limit accepts it by name
    if kinds.contains(&ReadingKind::NotANumber) {
        return (ReadingKind::NotANumber, None);
    }
    let mut values = Vec::new();
    let mut unit = None;
    for kind in &kinds {
        match kind {
            ReadingKind::Value(quantity) => {
                values.push(quantity.value);
                unit = Some(quantity.unit);
            }
            ReadingKind::Overrange(_) | ReadingKind::NotANumber => return (*kind, None),
        }
    }
    let samples = Samples::of(values, by);
    match (&samples, unit, kinds.first()) {
        (Some(samples), Some(unit), _) => (
            ReadingKind::Value(Quantity::new(samples.mean, unit)),
            Some(samples.clone()),
        ),
        (None, _, Some(only)) => (*only, None),
        (_, _, _) => (ReadingKind::NotANumber, None),
    }
}
