//! `benchtop measure`: readings by hand, one or many.

use crate::{
    args::{Format, MeasureArguments},
    byhand::{Place, failed, open, parse_resource},
    exit::{Exit, Failure},
    interrupt, locks,
    terminal::{self, Line, PLAIN, QUIET},
};
use benchtop_instrument::{
    BaseUnit, Choices, Clock, Decimal, Function, InputImpedance, Instrument, Measure, Moment, Polarity, Quantity,
    RangeRequest, Reading, ReadingKind, RealClock, Sampling, Trigger, Unit,
};
use benchtop_notation::suggest;
use benchtop_run::Interrupt;
use benchtop_station::{Catalogue, Recorder};
use std::{sync::Arc, time::Duration};

pub(crate) async fn measure(
    arguments: MeasureArguments,
    catalogue: &Catalogue,
    recorder: Option<Arc<Recorder>>,
) -> Result<Exit, Failure> {
    let resource = parse_resource(&arguments.resource)?;
    let mut request = request(&arguments)?;
    let samples = Samples::of(&arguments)?;
    let clock = RealClock::shared();
    let _lock = locks::take("the instrument", &resource)?;
    let place = Place {
        resource: &resource,
        baud: arguments.baud,
        recorder,
        clock: &clock,
    };
    let (definition, mut instrument) = open(&place, arguments.driver.as_deref(), catalogue).await?;
    let has_ranges = definition
        .functions
        .get(&request.function)
        .is_some_and(|function| !function.capability.ranges.is_empty());
    if request.range == RangeRequest::Auto && !has_ranges {
        request.range = RangeRequest::Default;
    }
    // by hand nothing is reset: a supply would switch off; only what an earlier user left in the queue is dropped
    instrument.recover().await.map_err(failed)?;
    let taken = samples.take(instrument.as_mut(), &request, &clock).await;
    let closed = instrument.close().await;
    let exit = taken?;
    closed.map_err(failed)?;
    Ok(exit)
}

fn request(arguments: &MeasureArguments) -> Result<Measure, Failure> {
    let known = Function::ALL.iter().find(|(word, _)| *word == arguments.function);
    let Some((_, function)) = known else {
        let near = suggest(&arguments.function, Function::ALL.iter().map(|(word, _)| *word));
        let help = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        return Err(Failure::refused(format!(
            "there is no function `{}`{help}",
            arguments.function
        )));
    };
    let range = match arguments.range.as_str() {
        "auto" => RangeRequest::Auto,
        text => {
            let quantity: Quantity = text
                .parse()
                .map_err(|error| Failure::refused(format!("--range {text}: {error}")))?;
            RangeRequest::AtLeast(quantity)
        }
    };
    let nplc = match &arguments.nplc {
        Some(text) => Some(
            text.parse()
                .map_err(|error| Failure::refused(format!("--nplc {text}: {error}")))?,
        ),
        None => None,
    };
    Ok(Measure {
        channel: arguments.channel,
        function: *function,
        range,
        nplc,
        choices: Choices {
            autozero: word(
                "--autozero",
                arguments.autozero.as_deref(),
                &[("on", true), ("off", false)],
            )?,
            input_impedance: word(
                "--input-impedance",
                arguments.input_impedance.as_deref(),
                InputImpedance::ALL,
            )?,
        },
        sampling: sampling(arguments)?,
    })
}

fn sampling(arguments: &MeasureArguments) -> Result<Sampling, Failure> {
    let time = |option: &str, text: &Option<String>| match text {
        Some(text) => interval(text).map(Some).ok_or_else(|| {
            Failure::refused(format!(
                "{option} {text}: expected a time from 0 s to a day, \"20 ms\" for example"
            ))
        }),
        None => Ok(None),
    };
    let resolution = match &arguments.resolution {
        Some(text) => Some(
            text.parse()
                .map_err(|error| Failure::refused(format!("--resolution {text}: {error}")))?,
        ),
        None => None,
    };
    let seconds = |time: Duration| Decimal::new(i128::try_from(time.as_nanos()).ok()?, -9);
    Ok(Sampling {
        samples: arguments.burst,
        discard: arguments.discard,
        delay: time("--delay", &arguments.delay)?,
        trigger: word("--trigger", arguments.trigger.as_deref(), Trigger::ALL)?,
        aperture: time("--aperture", &arguments.aperture)?.and_then(seconds),
        resolution,
        statistics: arguments.statistics,
    })
}

fn word<T: Copy>(option: &str, written: Option<&str>, words: &[(&str, T)]) -> Result<Option<T>, Failure> {
    let Some(written) = written else { return Ok(None) };
    let found = words.iter().find(|(word, _)| *word == written);
    let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let message = format!("{option} {written}: expected {}", known.join(" or "));
    found
        .map(|(_, value)| Some(*value))
        .ok_or_else(|| Failure::refused(message))
}

/// How readings are shown.
#[derive(Clone, Copy, PartialEq)]
enum Show {
    /// A line each, and statistics behind several.
    People,
    /// A JSON object each.
    Json,
    /// Comma-separated, under a heading.
    Csv,
}

struct Samples {
    count: u64,
    interval: Duration,
    show: Show,
}

impl Samples {
    fn of(arguments: &MeasureArguments) -> Result<Self, Failure> {
        let interval = match &arguments.interval {
            Some(text) => interval(text).ok_or_else(|| {
                Failure::refused(format!(
                    "--interval {text}: expected a time from 0 s to a day, \"0.5 s\" for example"
                ))
            })?,
            None => Duration::ZERO,
        };
        if arguments.samples == 0 {
            return Err(Failure::refused("--samples 0: expected at least 1"));
        }
        Ok(Self {
            count: arguments.samples,
            interval,
            show: match (arguments.csv, arguments.format) {
                (true, _) => Show::Csv,
                (false, Format::Human) => Show::People,
                (false, Format::Json) => Show::Json,
            },
        })
    }

    /// Takes the readings, one beginning an interval after the other, or at once where that is over. Ctrl-C ends it behind a
    /// reading.
    async fn take(
        &self,
        instrument: &mut dyn Instrument,
        request: &Measure,
        clock: &Arc<dyn Clock>,
    ) -> Result<Exit, Failure> {
        let mut interrupt = interrupt::listen();
        let begun = clock.now();
        let mut statistics = Statistics::default();
        if self.show == Show::Csv {
            terminal::emit("time,value,unit,reading,range,nplc");
        }
        let mut next = begun;
        for number in 1..=self.count {
            tokio::select! {
                biased;
                _ = interrupt.wait_for(|wanted| *wanted != Interrupt::None) => {
                    self.summary(&statistics);
                    return Ok(Exit::Aborted);
                }
                () = clock.sleep_until(next) => {}
            }
            let (at, utc) = (clock.now(), clock.utc());
            let reading = tokio::select! {
                reading = instrument.measure(request) => reading.map_err(failed)?,
                // who asks twice does not wait for a reading
                _ = interrupt.wait_for(|wanted| *wanted == Interrupt::SafeNow) => return Ok(Exit::Aborted),
            };
            let taken = Taken {
                number,
                after: at.since(begun),
                utc: utc.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
                reading: &reading,
            };
            self.print(&taken);
            statistics.add(&reading);
            next = next_after(next, self.interval, clock.now());
        }
        self.summary(&statistics);
        Ok(Exit::Success)
    }

    fn print(&self, taken: &Taken<'_>) {
        match self.show {
            Show::People if self.count == 1 => terminal::say(&taken.line(Line::new())),
            Show::People => {
                let head = format!("{:>6}  {:>10.3} s  ", taken.number, taken.after.as_secs_f64());
                terminal::say(&taken.line(Line::new().add(QUIET, &head)));
            }
            Show::Json => terminal::emit(&terminal::ascii_json(&taken.json())),
            Show::Csv => terminal::emit(&taken.csv()),
        }
    }

    fn summary(&self, statistics: &Statistics) {
        if self.show == Show::People && self.count > 1 {
            terminal::say(&Line::new().add(PLAIN, &statistics.sentence()));
        }
    }
}

/// The next beginning: an interval on, but never in the past.
fn next_after(last: Moment, interval: Duration, now: Moment) -> Moment {
    last.after(interval).max(now)
}

fn interval(text: &str) -> Option<Duration> {
    const DAY: f64 = 86_400.0;
    let quantity: Quantity = text.parse().ok()?;
    let seconds = quantity.in_unit(Unit::of(BaseUnit::Second)).ok()?.to_f64();
    (0.0..=DAY).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

/// One reading, and when it began.
struct Taken<'a> {
    number: u64,
    after: Duration,
    utc: String,
    reading: &'a Reading,
}

impl Taken<'_> {
    fn value(&self) -> Option<Quantity> {
        match self.reading.kind {
            ReadingKind::Value(quantity) => Some(quantity),
            ReadingKind::Overrange(_) | ReadingKind::NotANumber => None,
        }
    }

    fn words(&self) -> String {
        match self.reading.kind {
            ReadingKind::Value(quantity) => quantity.to_string(),
            ReadingKind::Overrange(Polarity::Positive) => "overrange".to_owned(),
            ReadingKind::Overrange(Polarity::Negative) => "overrange (negative)".to_owned(),
            ReadingKind::NotANumber => "not a number".to_owned(),
        }
    }

    fn line(&self, line: Line) -> Line {
        let range = self.reading.range_in_use.map(|range| format!("  range {range}"));
        let nplc = self.reading.nplc.map(|nplc| format!("  nplc {nplc}"));
        let several = self.reading.samples.as_ref().map(|samples| {
            let deviation = samples
                .s
                .map(|s| format!("  standard deviation {}", significant(s.to_f64(), 3)));
            format!(
                "  n {}{}  min {}  max {}",
                samples.n,
                deviation.unwrap_or_default(),
                samples.min,
                samples.max
            )
        });
        let rest = [range, nplc, several].into_iter().flatten().collect::<String>();
        line.add(PLAIN, &self.words()).add(QUIET, &rest)
    }

    fn json(&self) -> serde_json::Value {
        let value = self.value();
        let samples = self.reading.samples.as_ref().map(|samples| {
            serde_json::json!({
                "n": samples.n,
                "s": samples.s.map(|s| s.to_f64()),
                "min": samples.min.to_f64(),
                "max": samples.max.to_f64(),
                "by": samples.by.word(),
            })
        });
        serde_json::json!({
            "time": self.utc,
            "value": value.map(|quantity| quantity.value.to_f64()),
            "unit": value.map(|quantity| quantity.unit.to_string()),
            "reading": self.words(),
            "raw": self.reading.text,
            "range": self.reading.range_in_use.map(|range| range.to_string()),
            "nplc": self.reading.nplc.map(|nplc| nplc.to_f64()),
            "samples": samples,
        })
    }

    /// Nothing in it is the instrument's own text: a spreadsheet finds no formula.
    fn csv(&self) -> String {
        let kind = match self.reading.kind {
            ReadingKind::Value(_) => "value",
            ReadingKind::Overrange(Polarity::Positive) => "overrange",
            ReadingKind::Overrange(Polarity::Negative) => "overrange_negative",
            ReadingKind::NotANumber => "not_a_number",
        };
        let value = self.value();
        let columns = [
            self.utc.clone(),
            value.map(|quantity| quantity.value.to_string()).unwrap_or_default(),
            value.map(|quantity| quantity.unit.to_string()).unwrap_or_default(),
            kind.to_owned(),
            self.reading
                .range_in_use
                .map(|range| range.to_string())
                .unwrap_or_default(),
            self.reading.nplc.map(|nplc| nplc.to_string()).unwrap_or_default(),
        ];
        columns.join(",")
    }
}

/// Of the readings that are numbers.
#[derive(Default)]
struct Statistics {
    values: Vec<f64>,
    unit: Option<Unit>,
    others: u64,
}

impl Statistics {
    fn add(&mut self, reading: &Reading) {
        match reading.kind {
            ReadingKind::Value(quantity) => {
                self.values.push(quantity.value.to_f64());
                self.unit = Some(quantity.unit);
            }
            ReadingKind::Overrange(_) | ReadingKind::NotANumber => self.others += 1,
        }
    }

    /// Mean, and the standard deviation of a sample (n - 1).
    fn sentence(&self) -> String {
        let others = match self.others {
            0 => String::new(),
            others => format!("; {others} not counted: no number"),
        };
        let Some(unit) = self.unit else {
            return format!("n 0{others}");
        };
        #[expect(clippy::cast_precision_loss, reason = "nobody takes 2^52 readings by hand")]
        let count = self.values.len() as f64;
        let mean = self.values.iter().sum::<f64>() / count;
        let squares: f64 = self.values.iter().map(|value| (value - mean).powi(2)).sum();
        let deviation = match self.values.len() {
            0 | 1 => "-".to_owned(),
            _ => format!("{} {unit}", significant((squares / (count - 1.0)).sqrt(), 3)),
        };
        let [least, most] = [f64::min, f64::max].map(|of| self.values.iter().copied().reduce(of).unwrap_or(mean));
        format!(
            "n {}  mean {} {unit}  standard deviation {deviation}  min {} {unit}  max {} {unit}{others}",
            self.values.len(),
            significant(mean, 8),
            significant(least, 8),
            significant(most, 8),
        )
    }
}

/// A number with so many significant digits; with an exponent where it would have many zeros.
fn significant(value: f64, digits: usize) -> String {
    let magnitude = value.abs().log10().floor();
    if value == 0.0 || !(-5.0..9.0).contains(&magnitude) {
        return if value == 0.0 {
            "0".to_owned()
        } else {
            format!("{value:.*e}", digits.saturating_sub(1))
        };
    }
    #[expect(clippy::cast_possible_truncation, reason = "between -5 and 8")]
    let whole = magnitude as i32 + 1;
    let decimals = i32::try_from(digits).unwrap_or(0) - whole;
    format!("{value:.*}", usize::try_from(decimals).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::{interval, significant};
    use std::time::Duration;

    #[test]
    fn numbers_keep_their_significant_digits() {
        for (value, digits, expected) in [
            (3.299_162_631, 8, "3.2991626"),
            (0.043_863_645_7, 8, "0.043863646"),
            (-1234.5, 3, "-1234"),
            (0.0, 3, "0"),
            (9.9e37, 3, "9.90e37"),
            (1.234e-7, 3, "1.23e-7"),
        ] {
            assert_eq!(significant(value, digits), expected);
        }
    }

    #[test]
    fn an_interval_is_a_time() {
        assert_eq!(interval("500 ms"), Some(Duration::from_millis(500)));
        assert_eq!(interval("0 s"), Some(Duration::ZERO));
        for wrong in ["-1 s", "1 V", "1", "soon", "2 d", "1e9 s"] {
            assert_eq!(interval(wrong), None, "{wrong}");
        }
    }
}
