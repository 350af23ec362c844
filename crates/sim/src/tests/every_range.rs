//! Every function and every range of every multimeter gives a reading, and takes no longer than it may.

use super::{model, on_virtual_clock};
use crate::{SimulatedBench, model::ClassModel};
use benchtop_instrument::ClockExt;
use std::{sync::Arc, time::Duration};

/// The slowest reading of any of them: a filter for 3 Hz, autorange, a filter of readings.
const SLOWEST: Duration = Duration::from_secs(30);

/// Sends `template` with `{function}` filled in and the range, then `read`, for each range.
async fn check(name: &'static str, template: &'static str, read: &'static str) {
    let parsed = model(name);
    on_virtual_clock(move |clock| async move {
        let ClassModel::Dmm(dmm) = &parsed.0.class else {
            panic!("{name} is no multimeter")
        };
        let bench = SimulatedBench::lone(name, &parsed, Arc::clone(&clock));
        let mut session = bench.session("instrument").unwrap();
        let mut readings = 0;
        for function in &dmm.functions {
            let scales = function.ranges.iter().filter(|range| !range.high_current);
            let scales: Vec<Option<f64>> = scales.map(|range| Some(range.full_scale)).collect();
            for scale in if scales.is_empty() { vec![None] } else { scales } {
                let mut setup = template.replace("{function}", &function.answer);
                let settable = function.settings.contains(&crate::dmm::Group::Range);
                if let (Some(scale), true) = (scale, settable) {
                    setup = format!("{setup};:{}:RANG {scale:E}", function.answer);
                }
                let soon = clock.now().after(SLOWEST);
                session.write(setup.as_bytes(), soon).await.unwrap();
                session.write(read.as_bytes(), soon).await.unwrap();
                let answer = session.read(soon).await.unwrap();
                let answer = String::from_utf8(answer).unwrap();
                assert!(answer.parse::<f64>().is_ok(), "{setup};{read}: {answer}");
                readings += 1;
                session.write(b"SYST:ERR?", soon).await.unwrap();
                let error = session.read(soon).await.unwrap();
                let error = String::from_utf8(error).unwrap();
                assert!(
                    error.starts_with("0,") || error.starts_with("+0,"),
                    "{setup};{read}: {error}"
                );
                clock.sleep(Duration::from_millis(1)).await;
            }
        }
        assert!(readings > 20, "{readings}");
    })
    .await;
}

#[tokio::test]
async fn of_the_34401a() {
    check("hp/34401a", "FUNC \"{function}\"", "READ?").await;
}

#[tokio::test]
async fn of_the_2000() {
    check("keithley/2000", "FUNC \"{function}\"", "READ?").await;
}

#[tokio::test]
async fn of_the_dmm6500() {
    check("keithley/dmm6500", "FUNC \"{function}\"", "READ?").await;
}

#[tokio::test]
async fn of_the_34461a() {
    check("keysight/34461a", "FUNC \"{function}\"", "READ?").await;
}
