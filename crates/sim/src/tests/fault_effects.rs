//! What faults do to readings, outputs, connections and settings, and that it is over when they are.

use super::{SOON, ask, board, number, on_virtual_clock};
use crate::{Fault, FaultOrder, SimulatedBench};
use benchtop_instrument::{Clock, ClockExt, ErrorKind, Session, SessionExt};
use std::{sync::Arc, time::Duration};

const UNIT: &str = "UNIT-5501";

struct Powered {
    bench: SimulatedBench,
    dmm: Box<dyn Session>,
    ammeter: Box<dyn Session>,
    psu: Box<dyn Session>,
    clock: Arc<dyn Clock>,
}

impl Powered {
    fn set(&self, name: &str, text: &str) {
        self.bench.order_fault(name, FaultOrder::parse(text).unwrap()).unwrap();
    }

    async fn volts(&mut self) -> f64 {
        number(&mut self.dmm, &*self.clock, "MEAS:VOLT:DC? 10").await
    }

    async fn milliamperes(&mut self) -> f64 {
        number(&mut self.ammeter, &*self.clock, "MEAS:CURR:DC? 0.1").await * 1e3
    }

    async fn psu(&mut self, message: &str) -> Option<String> {
        ask(&mut self.psu, &*self.clock, message).await
    }
}

/// The board with its supply on.
async fn powered<F: Future<Output = ()> + Send + 'static>(test: impl FnOnce(Powered) -> F + Send + 'static) {
    on_virtual_clock(move |clock| async move {
        let bench = board().build(Arc::clone(&clock), UNIT);
        let session = |name| bench.session(name).unwrap();
        let (dmm, ammeter, psu) = (session("dmm"), session("ammeter"), session("psu"));
        let mut powered = Powered {
            bench,
            dmm,
            ammeter,
            psu,
            clock,
        };
        powered.psu("VOLT 5,(@1);:OUTP ON,(@1)").await;
        test(powered).await;
    })
    .await;
}

async fn failure(session: &mut Box<dyn Session>, clock: &dyn Clock, message: &str) -> ErrorKind {
    session
        .query(message, clock.now().after(SOON))
        .await
        .unwrap_err()
        .kind()
}

#[tokio::test]
async fn answers_without_their_end_are_timeouts() {
    for kind in ["cut_answer", "wrong_terminator", "no_terminator"] {
        powered(move |mut bench| async move {
            bench.set("dmm", &format!("kind = '{kind}'\nfor_messages = 1"));
            assert_eq!(
                failure(&mut bench.dmm, &*bench.clock, "*IDN?").await,
                ErrorKind::Timeout,
                "{kind}"
            );
            bench.dmm.recover(bench.clock.now().after(SOON)).await.unwrap();
            assert!((bench.volts().await - 3.3).abs() < 0.05, "over after one message");
        })
        .await;
    }
}

#[tokio::test]
async fn a_stuck_reading_is_the_last_one_whatever_becomes_of_the_unit() {
    powered(|mut bench| async move {
        let stuck_at = bench.volts().await;
        bench.set("dmm", "kind = 'stuck_reading'");
        bench.psu("OUTP OFF,(@1)").await;
        ask(&mut bench.dmm, &*bench.clock, "*RST").await;
        for _ in 0..3 {
            assert_eq!(bench.volts().await.to_bits(), stuck_at.to_bits());
        }
        bench.bench.clear_faults("dmm");
        assert!(bench.volts().await.abs() < 1e-3);
    })
    .await;
}

#[tokio::test]
async fn drift_grows_with_time_and_stays_with_its_quantity() {
    powered(|mut bench| async move {
        let right = bench.volts().await;
        bench.set("dmm", "kind = 'drift'\nper_second = '10 mV'");
        bench.set("ammeter", "kind = 'drift'\nper_second = '10 mV'");
        bench.clock.sleep(Duration::from_secs(10)).await;
        assert!((bench.volts().await - right - 0.1).abs() < 0.02);
        assert!((41.0..49.0).contains(&bench.milliamperes().await));
    })
    .await;
}

#[tokio::test]
async fn a_full_error_queue_stays_full() {
    powered(|mut bench| async move {
        bench.set("psu", "kind = 'error_queue_full'");
        let mut last = String::new();
        for _ in 0..40 {
            last = bench.psu("SYST:ERR?").await.unwrap();
            assert!(last.starts_with("-3"), "{last}");
        }
        assert_eq!(last, "-350,\"Queue overflow\"");
        bench.psu("*CLS").await;
        assert!(bench.psu("SYST:ERR?").await.unwrap().starts_with("-310"));
        bench.bench.clear_faults("psu");
        bench.psu("*CLS").await;
        assert_eq!(bench.psu("SYST:ERR?").await.unwrap(), "+0,\"No error\"");
    })
    .await;
}

#[tokio::test]
async fn refused_connections_leave_those_that_there_are() {
    powered(|mut bench| async move {
        bench.set("dmm", "kind = 'refused'");
        assert!((bench.volts().await - 3.3).abs() < 0.05);
        let mut second = bench.bench.session("dmm").unwrap();
        let error = second.write(b"*IDN?", bench.clock.now().after(SOON)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected);
        assert!(error.to_string().contains("refuses connections"), "{error}");
        assert!(second.recover(bench.clock.now().after(SOON)).await.is_err());
        bench.bench.clear_faults("dmm");
        second.recover(bench.clock.now().after(SOON)).await.unwrap();
        assert!(ask(&mut second, &*bench.clock, "*IDN?").await.is_some());
    })
    .await;
}

#[tokio::test]
async fn a_half_open_connection_is_silent_and_lost_afterwards() {
    powered(|mut bench| async move {
        bench.set("psu", "kind = 'half_open'");
        assert_eq!(
            failure(&mut bench.psu, &*bench.clock, "OUTP OFF,(@1);OUTP? (@1)").await,
            ErrorKind::Timeout
        );
        let mut second = bench.bench.session("psu").unwrap();
        assert_eq!(failure(&mut second, &*bench.clock, "*IDN?").await, ErrorKind::Timeout);
        assert_eq!(bench.bench.output_enabled("psu", 1), Some(true));
        bench.bench.clear_faults("psu");
        assert_eq!(
            bench.bench.output_enabled("psu", 1),
            Some(true),
            "what was sent is lost"
        );
        let mut third = bench.bench.session("psu").unwrap();
        assert_eq!(ask(&mut third, &*bench.clock, "OUTP? (@1)").await.unwrap(), "1");
    })
    .await;
}

#[tokio::test]
async fn a_reboot_drops_everybody_switches_off_and_ends() {
    powered(|mut bench| async move {
        bench.psu("BOGUS").await;
        let mut idle = bench.bench.session("psu").unwrap();
        bench.set("psu", "kind = 'reboot'\ndelay = '8 s'");
        assert_eq!(bench.bench.output_enabled("psu", 1), Some(false));
        for session in [&mut bench.psu, &mut idle] {
            assert_eq!(failure(session, &*bench.clock, "*IDN?").await, ErrorKind::Disconnected);
        }
        assert!(bench.psu.recover(bench.clock.now().after(SOON)).await.is_err());
        bench.clock.sleep(Duration::from_secs(8)).await;
        bench.psu.recover(bench.clock.now().after(SOON)).await.unwrap();
        assert_eq!(
            bench.psu("VOLT? (@1);:SYST:ERR?;*ESR?").await.unwrap(),
            "+0.00000000E+00;+0,\"No error\";+128"
        );
        assert_eq!(bench.bench.faults("psu").unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_reboot_begins_with_its_message() {
    powered(|mut bench| async move {
        bench.set("dmm", "kind = 'reboot'\ndelay = '1 s'\nafter_messages = 2");
        assert!(bench.volts().await > 3.0);
        assert!(bench.volts().await > 3.0);
        assert_eq!(
            failure(&mut bench.dmm, &*bench.clock, "MEAS:VOLT:DC? 10").await,
            ErrorKind::Disconnected
        );
    })
    .await;
}

#[tokio::test]
async fn a_blown_fuse_and_a_loose_lead_open_the_branch() {
    for kind in ["blown_current_fuse", "lead_off"] {
        powered(move |mut bench| async move {
            bench.set("ammeter", &format!("kind = '{kind}'"));
            assert!(bench.milliamperes().await.abs() < 1e-3, "{kind}");
            assert!(bench.volts().await.abs() < 1e-3, "{kind}");
            bench.bench.clear_faults("ammeter");
            assert!((41.0..49.0).contains(&bench.milliamperes().await), "{kind}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_loose_lead_reads_what_it_picks_up() {
    powered(|mut bench| async move {
        bench.set("dmm", "kind = 'lead_off'");
        let (first, second) = (bench.volts().await, bench.volts().await);
        assert!(first.abs() < 0.02 && second.abs() < 0.02 && (first - second).abs() > 1e-6);
        assert!(
            (41.0..49.0).contains(&bench.milliamperes().await),
            "the unit does not notice"
        );
        assert!(number(&mut bench.dmm, &*bench.clock, "MEAS:RES? 1000").await > 9e37);
    })
    .await;
}

#[tokio::test]
async fn overvoltage_protection_trips_at_once_and_again() {
    powered(|mut bench| async move {
        bench.set("psu", "kind = 'ovp_trip'");
        assert_eq!(bench.bench.output_enabled("psu", 1), Some(false));
        assert_eq!(bench.psu("VOLT:PROT:TRIP? (@1)").await.unwrap(), "1");
        bench.psu("VOLT:PROT:CLE (@1);:OUTP ON,(@1)").await;
        assert_eq!(bench.psu("OUTP? (@1);:VOLT:PROT:TRIP? (@1)").await.unwrap(), "0;1");
        bench.bench.clear_faults("psu");
        bench.psu("OUTP ON,(@1)").await;
        assert_eq!(
            bench.psu("OUTP? (@1)").await.unwrap(),
            "0",
            "a trip stays until it is cleared"
        );
        bench.psu("VOLT:PROT:CLE (@1);:OUTP ON,(@1)").await;
        assert_eq!(bench.psu("OUTP? (@1)").await.unwrap(), "1");
    })
    .await;
}

#[tokio::test]
async fn chance_is_the_seeds() {
    async fn story(serial: &'static str) -> Vec<Result<String, ErrorKind>> {
        on_virtual_clock(move |clock| async move {
            let bench = board().build(Arc::clone(&clock), serial);
            bench.set_fault("dmm", Fault::Random(0.3));
            let mut story = Vec::new();
            let mut dmm = bench.session("dmm").unwrap();
            for _ in 0..40 {
                let answer = dmm.query("*IDN?", clock.now().after(SOON)).await;
                if answer.is_err() {
                    dmm.recover(clock.now().after(SOON)).await.unwrap();
                }
                story.push(answer.map_err(|error| error.kind()));
            }
            story
        })
        .await
    }
    let first = story(UNIT).await;
    assert_eq!(first, story(UNIT).await);
    assert_ne!(first, story("UNIT-5502").await);
    let failed = first.iter().filter(|answer| answer.is_err()).count();
    assert!((3..25).contains(&failed), "{failed}");
    assert!(first.contains(&Err(ErrorKind::Disconnected)) || first.contains(&Err(ErrorKind::Timeout)));
}

#[tokio::test]
async fn what_cannot_be_set_says_what_could() {
    powered(|bench| async move {
        let order = |name, fault: Fault| bench.bench.order_fault(name, fault.into()).unwrap_err();
        assert_eq!(
            order("scope", Fault::NoAnswer),
            "there is no instrument `scope`; there are psu, dmm, ammeter"
        );
        assert_eq!(
            order("dmm", Fault::StuckOutput),
            "`stuck_output` is a fault of an instrument with outputs, which dmm is not"
        );
        bench.set("dmm", "kind = 'no_answer'\nafter_messages = 5");
        assert_eq!(bench.bench.faults("dmm").unwrap(), [(Fault::NoAnswer, false)]);
        assert!(bench.bench.faults("scope").is_err());
    })
    .await;
}
