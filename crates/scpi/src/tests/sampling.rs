//! Several readings, triggers, delays and integration times, as the meter hears them, and answers that are none.

use super::{DMM, alone, definition, heard, meter_that_reads, quantity, scripted, volts};
use crate::{Options, ScpiInstrument};
use benchtop_instrument::{
    ErrorKind, Function, Instrument, Measure, Polarity, Reading, ReadingKind, RealClock, SampledBy, Sampling, Trigger,
};
use std::time::Duration;

/// The reading, and what the simulated meter heard between its configuration and the range query.
async fn taken(model: &'static str, sampling: Sampling) -> (Reading, Vec<String>) {
    alone(model, async move |mut instrument: ScpiInstrument, bench| {
        let request = Measure {
            sampling,
            nplc: None,
            ..volts("10 V")
        };
        let reading = instrument.measure(&request).await.unwrap();
        let messages = heard(&bench);
        let range = messages
            .iter()
            .position(|message| message.contains(":RANG "))
            .unwrap_or(0);
        let end = messages
            .iter()
            .rposition(|message| message.contains(":RANG?"))
            .unwrap_or(messages.len());
        (reading, messages[range + 1..end].to_vec())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_meter_that_counts_samples_takes_them_on_one_command() {
    let sampling = Sampling {
        samples: Some(3),
        discard: Some(2),
        delay: Some(Duration::from_millis(20)),
        trigger: Some(Trigger::Bus),
        ..Sampling::ONE
    };
    let (reading, messages) = taken(DMM, sampling).await;
    let expected = [
        "TRIG:DEL 0.02",
        "TRIG:SOUR BUS",
        "SAMP:COUN 5",
        "SYST:ERR?",
        "INIT",
        "*TRG",
        "FETC?",
        "SYST:ERR?",
    ];
    assert_eq!(messages, expected);
    assert_eq!(reading.text.split(',').count(), 5, "all that was said is kept");
    let samples = reading.samples.unwrap();
    assert_eq!(
        (samples.n, samples.values.len(), samples.by),
        (3, 3, SampledBy::Instrument)
    );
    assert_eq!(
        reading.kind,
        ReadingKind::Value(benchtop_instrument::Quantity::new(samples.mean, "V".parse().unwrap()))
    );
    assert_eq!(reading.sampling, sampling);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_meter_that_does_not_is_read_once_for_each() {
    let sampling = Sampling {
        samples: Some(3),
        discard: Some(1),
        ..Sampling::ONE
    };
    let (reading, messages) = taken("keysight/34405a", sampling).await;
    let reads = messages.iter().filter(|message| *message == "READ?").count();
    assert_eq!(reads, 4, "{messages:?}");
    let samples = reading.samples.unwrap();
    assert_eq!((samples.n, samples.by), (3, SampledBy::Repeated));
    assert_eq!(reading.text.split(',').count(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delay_that_the_meter_has_not_is_waited_for_before_each_reading() {
    let sampling = Sampling {
        samples: Some(3),
        delay: Some(Duration::from_secs(100)),
        ..Sampling::ONE
    };
    let took = alone(
        "keysight/34405a",
        async move |mut instrument: ScpiInstrument, _bench| {
            let before = instrument.clock().now();
            let request = Measure {
                sampling,
                nplc: None,
                ..volts("10 V")
            };
            instrument.measure(&request).await.unwrap();
            instrument.clock().now().since(before)
        },
    )
    .await;
    assert!((300..310).contains(&took.as_secs()), "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statistics_are_the_meters_own_and_no_reading_is_transferred() {
    let sampling = Sampling {
        samples: Some(10),
        statistics: true,
        ..Sampling::ONE
    };
    for (model, expected) in [
        (
            "hp/34401a",
            &[
                "CALC:FUNC AVER",
                "CALC:STAT ON",
                "SAMP:COUN 10",
                "SYST:ERR?",
                "INIT",
                "*OPC?",
                "CALC:AVER:AVER?",
                "CALC:AVER:MIN?",
                "CALC:AVER:MAX?",
                "CALC:AVER:COUN?",
                "SYST:ERR?",
            ][..],
        ),
        (
            "keithley/dmm6500",
            &[
                "TRAC:CLE \"defbuffer1\"",
                "SENS:COUN 10",
                "TRAC:CLE \"defbuffer1\"",
                "SYST:ERR?",
                "READ? \"defbuffer1\"",
                "TRAC:STAT:AVER? \"defbuffer1\"",
                "TRAC:STAT:MIN? \"defbuffer1\"",
                "TRAC:STAT:MAX? \"defbuffer1\"",
                "TRAC:STAT:STDD? \"defbuffer1\"",
                "SYST:ERR?",
            ][..],
        ),
    ] {
        let (reading, messages) = taken(model, sampling).await;
        assert_eq!(messages, expected, "{model}");
        let samples = reading.samples.unwrap();
        assert_eq!((samples.n, samples.by), (10, SampledBy::Statistics));
        assert!(samples.min <= samples.mean && samples.mean <= samples.max && samples.values.is_empty());
        assert_eq!(
            samples.s.is_some(),
            model == "keithley/dmm6500",
            "only where the meter says it"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resolution_stands_in_place_of_an_integration_time_and_is_read_back() {
    let sampling = Sampling {
        resolution: Some(quantity("20 uV")),
        ..Sampling::ONE
    };
    let (reading, messages) = taken(DMM, sampling).await;
    assert_eq!(
        messages,
        ["VOLT:DC:RES 0.00002", "SYST:ERR?", "READ?", "SYST:ERR?", "VOLT:DC:RES?"]
    );
    // the meter takes the next finer one: 10 power-line cycles
    assert_eq!(reading.sampling.resolution, Some(quantity("0.00001 V")));
    assert_eq!(reading.nplc, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trigger_that_never_comes_is_an_error_that_says_so_and_the_meter_goes_on() {
    let (error, after) = alone(DMM, async |mut instrument: ScpiInstrument, _bench| {
        let external = Measure {
            sampling: Sampling {
                trigger: Some(Trigger::External),
                ..Sampling::ONE
            },
            ..volts("10 V")
        };
        let error = instrument.measure(&external).await.unwrap_err();
        instrument.recover().await.unwrap();
        (error, instrument.measure(&volts("10 V")).await.is_ok())
    })
    .await;
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().contains("no external trigger came"), "{error}");
    assert!(after);
}

fn three() -> Measure {
    Measure {
        sampling: Sampling {
            samples: Some(3),
            ..Sampling::ONE
        },
        ..volts("10 V")
    }
}

/// One sample beyond the range is enough: there is no mean of it.
#[tokio::test]
async fn a_mean_is_only_of_numbers() {
    for (answer, expected) in [
        ("1,2,+9.90000000E+37", ReadingKind::Overrange(Polarity::Positive)),
        ("1,-1.30000000E+01,2", ReadingKind::Overrange(Polarity::Negative)),
        ("1,2,+9.91000000E+37", ReadingKind::NotANumber),
        ("1,2,4", ReadingKind::Value(quantity("2.333333 V"))),
    ] {
        let reading = meter_that_reads(answer).measure(&three()).await.unwrap();
        assert_eq!(reading.kind, expected, "{answer}");
        assert_eq!(reading.samples.is_some(), matches!(expected, ReadingKind::Value(_)));
    }
}

#[tokio::test]
async fn fewer_or_more_readings_than_asked_for_are_none() {
    for answer in ["1,2", "1,2,3,4", "1,2,", "1,2,x", ""] {
        let error = meter_that_reads(answer).measure(&three()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Garbled, "{answer}: {error}");
    }
}

#[tokio::test]
async fn statistics_of_another_count_are_refused() {
    let (session, _sent) = scripted(|message| match message {
        "*OPC?" => "1",
        "CALC:AVER:AVER?" | "CALC:AVER:MIN?" | "CALC:AVER:MAX?" => "+1.0",
        "CALC:AVER:COUN?" => "+9",
        _ => "+0,\"No error\"",
    });
    let mut meter = ScpiInstrument::new(
        Box::new(session),
        definition("hp/34401a"),
        RealClock::shared(),
        Options::default(),
    );
    let request = Measure {
        sampling: Sampling {
            samples: Some(10),
            statistics: true,
            ..Sampling::ONE
        },
        ..Measure::of(Function::DcVoltage)
    };
    let error = meter.measure(&request).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Readback);
    assert!(
        error
            .to_string()
            .contains("10 readings were asked for, and the meter counted 9"),
        "{error}"
    );
}
