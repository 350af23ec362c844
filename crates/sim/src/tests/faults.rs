//! Faults of instruments, set while they run or planned by the bench file.

use super::{SOON, ask, board, definitions, on_virtual_clock};
use crate::{Bench, Fault, SimulatedBench};
use benchtop_instrument::{Clock, ClockExt, ErrorKind, Session, SessionExt, SessionState};
use std::{sync::Arc, time::Duration};

const UNIT: &str = "UNIT-5501";

async fn with_fault<F>(
    name: &'static str,
    fault: Fault,
    test: impl FnOnce(SimulatedBench, Box<dyn Session>, Arc<dyn Clock>) -> F + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    on_virtual_clock(move |clock| async move {
        let bench = board().build(Arc::clone(&clock), UNIT);
        assert!(bench.set_fault(name, fault));
        let session = bench.session(name).unwrap();
        test(bench, session, clock).await;
    })
    .await;
}

async fn kind(session: &mut Box<dyn Session>, clock: &dyn Clock, message: &str) -> Result<String, ErrorKind> {
    session
        .query(message, clock.now().after(SOON))
        .await
        .map_err(|error| error.kind())
}

#[tokio::test]
async fn no_answer_is_a_timeout_at_the_deadline_and_clears_up() {
    with_fault("dmm", Fault::NoAnswer, |bench, mut dmm, clock| async move {
        let begun = clock.now();
        assert_eq!(kind(&mut dmm, &*clock, "*IDN?").await, Err(ErrorKind::Timeout));
        assert_eq!(clock.now().since(begun), SOON);
        assert_eq!(dmm.state(), SessionState::Desynchronised);
        assert_eq!(kind(&mut dmm, &*clock, "*IDN?").await, Err(ErrorKind::Desynchronised));
        bench.clear_faults("dmm");
        dmm.recover(clock.now().after(SOON)).await.unwrap();
        assert!(kind(&mut dmm, &*clock, "*IDN?").await.unwrap().starts_with("Keysight"));
    })
    .await;
}

#[tokio::test]
async fn a_late_answer_comes_late_and_is_never_the_next_one() {
    with_fault(
        "dmm",
        Fault::LateAnswer(Duration::from_secs(3)),
        |bench, mut dmm, clock| async move {
            let begun = clock.now();
            assert!(kind(&mut dmm, &*clock, "*IDN?").await.unwrap().starts_with("Keysight"));
            assert_eq!(clock.now().since(begun), Duration::from_secs(3));
            bench.clear_faults("dmm");
            bench.set_fault("dmm", Fault::LateAnswer(SOON * 2));
            assert_eq!(kind(&mut dmm, &*clock, "*IDN?").await, Err(ErrorKind::Timeout));
            clock.sleep(SOON * 3).await;
            assert_eq!(kind(&mut dmm, &*clock, "FUNC?").await, Err(ErrorKind::Desynchronised));
            dmm.recover(clock.now().after(SOON)).await.unwrap();
            bench.clear_faults("dmm");
            assert_eq!(kind(&mut dmm, &*clock, "FUNC?").await.unwrap(), "\"VOLT\"");
        },
    )
    .await;
}

#[tokio::test]
async fn a_garbled_answer_is_no_number() {
    with_fault("dmm", Fault::GarbledAnswer, |_, mut dmm, clock| async move {
        for message in ["MEAS:VOLT:DC?", "*OPC?", "SYST:ERR?", "*ESR?"] {
            let answer = kind(&mut dmm, &*clock, message).await.unwrap();
            assert!(
                answer.ends_with("\u{15}?~") && answer.parse::<f64>().is_err(),
                "{answer:?}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_dropped_connection_is_noticed_at_once_and_settings_stay() {
    on_virtual_clock(|clock| async move {
        let bench = board().build(Arc::clone(&clock), UNIT);
        let mut psu = bench.session("psu").unwrap();
        ask(&mut psu, &*clock, "VOLT 5,(@1);:OUTP ON,(@1)").await;
        bench.set_fault("psu", Fault::DropConnection);
        let begun = clock.now();
        assert_eq!(
            kind(&mut psu, &*clock, "OUTP OFF,(@1);OUTP? (@1)").await,
            Err(ErrorKind::Disconnected)
        );
        assert_eq!(clock.now(), begun);
        assert_eq!(psu.state(), SessionState::Disconnected);
        assert_eq!(bench.output_enabled("psu", 1), Some(true));
        bench.clear_faults("psu");
        psu.recover(clock.now().after(SOON)).await.unwrap();
        assert_eq!(kind(&mut psu, &*clock, "OUTP? (@1)").await.unwrap(), "1");
    })
    .await;
}

#[tokio::test]
async fn a_connection_drops_in_the_middle_of_a_reading() {
    on_virtual_clock(|clock| async move {
        let bench = board().build(Arc::clone(&clock), UNIT);
        let mut dmm = bench.session("dmm").unwrap();
        let (saboteur, ticking) = (bench.clone(), Arc::clone(&clock));
        let sabotage = benchtop_instrument::spawn(&*clock, async move {
            ticking.sleep(Duration::from_secs(1)).await;
            saboteur.set_fault("dmm", Fault::DropConnection);
        });
        ask(&mut dmm, &*clock, "CONF:VOLT:DC 10,MIN").await;
        assert_eq!(kind(&mut dmm, &*clock, "READ?").await, Err(ErrorKind::Disconnected));
        assert_eq!(clock.now().since_start(), Duration::from_secs(1));
        sabotage.await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_hung_instrument_does_nothing_and_device_clear_does_not_help() {
    on_virtual_clock(|clock| async move {
        let bench = board().build(Arc::clone(&clock), UNIT);
        let mut psu = bench.session("psu").unwrap();
        ask(&mut psu, &*clock, "VOLT 5,(@1);:OUTP ON,(@1)").await;
        bench.set_fault("psu", Fault::HangForever);
        psu.write(b"OUTP OFF,(@1)", clock.now().after(SOON)).await.unwrap();
        let clear = psu.clear(clock.now().after(SOON)).await.unwrap_err();
        assert_eq!(clear.kind(), ErrorKind::Timeout);
        assert_eq!(
            psu.recover(clock.now().after(SOON)).await.unwrap_err().kind(),
            ErrorKind::Timeout
        );
        let mut second = bench.session("psu").unwrap();
        assert_eq!(kind(&mut second, &*clock, "*IDN?").await, Err(ErrorKind::Timeout));
        assert_eq!(bench.output_enabled("psu", 1), Some(true));
    })
    .await;
}

#[tokio::test]
async fn a_wrong_identity_is_another_instrument_that_is_simulated_too() {
    with_fault("dmm", Fault::WrongIdentity, |_, mut dmm, clock| async move {
        let answer = kind(&mut dmm, &*clock, "*IDN?").await.unwrap();
        let fields: Vec<&str> = answer.split(',').collect();
        assert!(
            fields.len() == 4 && fields[1] != "34461A" && fields[2].starts_with("SIM-"),
            "{answer}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_stuck_output_stays_on_and_admits_it() {
    with_fault("psu", Fault::StuckOutput, |bench, mut psu, clock| async move {
        ask(&mut psu, &*clock, "VOLT 5,(@1);:OUTP ON,(@1)").await;
        ask(&mut psu, &*clock, "OUTP OFF,(@1);*RST").await;
        assert_eq!(kind(&mut psu, &*clock, "OUTP? (@1:3)").await.unwrap(), "1,0,0");
        assert_eq!(bench.output_enabled("psu", 1), Some(true));
        bench.clear_faults("psu");
        ask(&mut psu, &*clock, "OUTP OFF,(@1)").await;
        assert_eq!(bench.output_enabled("psu", 1), Some(false));
    })
    .await;
}

#[tokio::test]
async fn the_file_plans_faults_for_units_and_after_messages() {
    let text = format!(
        "{}\n[[faults]]\ninstrument = \"ammeter\"\nkind = \"late_answer\"\ndelay = \"1 s\"\nafter_messages = 2\n",
        super::BOARD
    );
    on_virtual_clock(move |clock| async move {
        let bench = Bench::parse("board-v3.toml", &text, &definitions).unwrap();
        let silent = bench.build(Arc::clone(&clock), "UNIT-5589");
        let mut dmm = silent.session("dmm").unwrap();
        for _ in 0..10 {
            assert!(kind(&mut dmm, &*clock, "*IDN?").await.is_ok());
        }
        assert_eq!(kind(&mut dmm, &*clock, "*IDN?").await, Err(ErrorKind::Timeout));

        let ordinary = bench.build(Arc::clone(&clock), UNIT);
        let mut ammeter = ordinary.session("ammeter").unwrap();
        for seconds in [0, 0, 1, 1] {
            let begun = clock.now();
            assert!(kind(&mut ammeter, &*clock, "*IDN?").await.is_ok());
            assert_eq!(clock.now().since(begun), Duration::from_secs(seconds));
        }
        assert!(!ordinary.set_fault("scope", Fault::NoAnswer) && !ordinary.clear_faults("scope"));
    })
    .await;
}
