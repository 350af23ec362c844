//! What is refused by name.

use super::{alone, quantity};
use crate::ScpiInstrument;
use benchtop_instrument::{ErrorKind, Function, Instrument, Measure, RangeRequest};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_range_that_there_is_not_is_refused_by_name_on_both_ends() {
    let said = alone("keysight/34461a", async |mut instrument: ScpiInstrument, bench| {
        let mut said = Vec::new();
        for range in [
            RangeRequest::AtLeast(quantity("1.1 kV")),
            RangeRequest::Exactly(quantity("50 mV")),
            RangeRequest::Exactly(quantity("3 V")),
            RangeRequest::AtLeast(quantity("1 A")),
        ] {
            let request = Measure {
                range,
                ..Measure::of(Function::DcVoltage)
            };
            let error = instrument.measure(&request).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::OutOfRange);
            said.push(error.message().to_owned());
        }
        let request = Measure {
            range: RangeRequest::AtLeast(quantity("1 kHz")),
            ..Measure::of(Function::Frequency)
        };
        said.push(instrument.measure(&request).await.unwrap_err().message().to_owned());
        // before anything is sent
        assert_eq!(super::heard(&bench), Vec::<String>::new());
        said
    });
    let reach = "is not within its ranges: 100 mV, 1 V, 10 V, 100 V, 1000 V";
    let expected = [
        format!("dc_voltage: 1.1 kV {reach}"),
        format!("dc_voltage: 50 mV {reach}"),
        format!("dc_voltage: 3 V {reach}"),
        format!("dc_voltage: 1 A {reach}"),
        "frequency: 1 kHz was asked for, and this function has no ranges to choose from".to_owned(),
    ];
    assert_eq!(said.await, expected);
}
