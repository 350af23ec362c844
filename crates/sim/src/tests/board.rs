//! The physics of board-v3 as its instruments see it.

use super::{ask, board, definitions, number, on_virtual_clock};
use crate::{Bench, SimulatedBench};
use benchtop_instrument::{Clock, Session};
use std::sync::Arc;

/// The three instruments of the bench with one unit on it.
struct Stand {
    bench: SimulatedBench,
    clock: Arc<dyn Clock>,
    psu: Box<dyn Session>,
    dmm: Box<dyn Session>,
    ammeter: Box<dyn Session>,
}

impl Stand {
    fn new(bench: &Bench, clock: &Arc<dyn Clock>, serial_number: &str) -> Self {
        let bench = bench.build(Arc::clone(clock), serial_number);
        Self {
            psu: bench.session("psu").unwrap(),
            dmm: bench.session("dmm").unwrap(),
            ammeter: bench.session("ammeter").unwrap(),
            clock: Arc::clone(clock),
            bench,
        }
    }

    async fn power(&mut self, volts: &str, amperes: &str) {
        let message = format!("VOLT {volts},(@1);:CURR {amperes},(@1);:OUTP ON,(@1)");
        ask(&mut self.psu, &*self.clock, &message).await;
    }

    async fn volts(&mut self) -> f64 {
        number(&mut self.dmm, &*self.clock, "MEAS:VOLT:DC? 10").await
    }

    async fn milliamperes(&mut self) -> f64 {
        number(&mut self.ammeter, &*self.clock, "MEAS:CURR:DC? 0.1").await * 1e3
    }
}

fn near(found: f64, expected: f64, within: f64) {
    assert!((found - expected).abs() <= within, "{found}, not {expected}");
}

#[tokio::test]
async fn ordinary_units_pass_and_differ() {
    on_virtual_clock(|clock| async move {
        let mut seen = Vec::new();
        for serial in 5500..5560 {
            let mut stand = Stand::new(&board(), &clock, &format!("UNIT-{serial}"));
            stand.power("5", "0.5").await;
            let (volts, milliamperes) = (stand.volts().await, stand.milliamperes().await);
            assert!((3.289..=3.311).contains(&volts), "UNIT-{serial}: {volts} V");
            assert!(
                (41.0..=49.0).contains(&milliamperes),
                "UNIT-{serial}: {milliamperes} mA"
            );
            seen.push(volts);
        }
        let least = seen.iter().copied().fold(f64::MAX, f64::min);
        let most = seen.iter().copied().fold(f64::MIN, f64::max);
        assert!(most - least > 0.008, "{least} to {most}");
    })
    .await;
}

#[tokio::test]
async fn the_same_unit_reads_the_same_to_the_last_digit() {
    let read = |seed: i64, serial_number: &'static str| async move {
        on_virtual_clock(move |clock| async move {
            let text = super::BOARD.replace("= 1042 ", &format!("= {seed} "));
            let bench = Bench::parse("board-v3.toml", &text, &definitions).unwrap();
            let mut stand = Stand::new(&bench, &clock, serial_number);
            stand.power("5", "0.5").await;
            ask(&mut stand.dmm, &*clock, "CONF:VOLT:DC 10").await;
            ask(&mut stand.dmm, &*clock, "READ?").await.unwrap()
        })
        .await
    };
    let first = read(1042, "UNIT-5501").await;
    assert_eq!(first, read(1042, "UNIT-5501").await);
    assert_ne!(first, read(1043, "UNIT-5501").await);
    assert_ne!(first, read(1042, "UNIT-5502").await);
}

#[tokio::test]
async fn faulty_units_deviate_as_the_file_says() {
    on_virtual_clock(|clock| async move {
        for (serial_number, volts, milliamperes) in [
            ("UNIT-5599", 3.18, None),
            ("UNIT-5598", 3.30, Some(72.0)),
            ("UNIT-5597", 3.30, Some(9.9e40)),
            ("UNIT-5596", 0.0, Some(0.0)),
        ] {
            let mut stand = Stand::new(&board(), &clock, serial_number);
            stand.power("5", "0.5").await;
            near(stand.volts().await, volts, 0.011);
            if let Some(expected) = milliamperes {
                near(stand.milliamperes().await, expected, expected * 0.005 + 0.001);
            }
            assert_eq!(
                ask(&mut stand.ammeter, &*clock, "SYST:ERR?").await.unwrap(),
                "+0,\"No error\""
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_board_without_power_is_dead() {
    on_virtual_clock(|clock| async move {
        let mut stand = Stand::new(&board(), &clock, "UNIT-5501");
        near(stand.volts().await, 0.0, 1e-4);
        near(stand.milliamperes().await, 0.0, 1e-3);
        stand.power("2.9", "0.5").await;
        near(stand.volts().await, 0.0, 1e-4);
        // above the minimum input and in drop-out
        stand.power("3.1", "0.5").await;
        near(stand.volts().await, 2.72, 0.03);
        stand.power("5", "0.5").await;
        near(stand.volts().await, 3.3, 0.011);
        assert_eq!(stand.bench.output_enabled("psu", 1), Some(true));
        ask(&mut stand.psu, &*clock, "OUTP OFF,(@1)").await;
        assert_eq!(stand.bench.output_enabled("psu", 1), Some(false));
        near(stand.volts().await, 0.0, 1e-4);
    })
    .await;
}

#[tokio::test]
async fn the_supply_sees_what_the_board_draws_and_limits_it() {
    on_virtual_clock(|clock| async move {
        let mut stand = Stand::new(&board(), &clock, "UNIT-5598");
        stand.power("5", "0.5").await;
        near(number(&mut stand.psu, &*clock, "MEAS:VOLT? (@1)").await, 5.0, 1e-3);
        near(number(&mut stand.psu, &*clock, "MEAS:CURR? (@1)").await, 0.072, 1e-3);
        let regulation = "STAT:QUES:INST:ISUM1:COND?";
        assert_eq!(ask(&mut stand.psu, &*clock, regulation).await.unwrap(), "+2");
        stand.power("5", "0.05").await;
        assert_eq!(ask(&mut stand.psu, &*clock, regulation).await.unwrap(), "+1");
        assert!(number(&mut stand.psu, &*clock, "MEAS:VOLT? (@1)").await < 4.0);
        near(number(&mut stand.psu, &*clock, "MEAS:CURR? (@1)").await, 0.05, 1e-3);
        assert!(stand.volts().await < 2.9);
        // with overcurrent protection it switches off instead, also when it limits already
        ask(&mut stand.psu, &*clock, "CURR:PROT:STAT ON,(@1)").await;
        let tripped = ask(&mut stand.psu, &*clock, "CURR:PROT:TRIP? (@1);:OUTP? (@1)").await;
        assert_eq!(tripped.unwrap(), "1;0");
        assert_eq!(ask(&mut stand.psu, &*clock, regulation).await.unwrap(), "+8");
    })
    .await;
}

#[tokio::test]
async fn a_meter_on_a_small_range_starves_the_board() {
    // why a current meter in series should not autorange: it goes down while the board is off
    on_virtual_clock(|clock| async move {
        let mut stand = Stand::new(&board(), &clock, "UNIT-5501");
        near(number(&mut stand.ammeter, &*clock, "MEAS:CURR:DC?").await, 0.0, 1e-6);
        assert_eq!(
            number(&mut stand.ammeter, &*clock, "CURR:DC:RANG?").await.to_string(),
            "0.0001"
        );
        stand.power("5", "0.5").await;
        // 100 ohms hold it at its minimum input: it browns out
        let volts = stand.volts().await;
        assert!((1.0..2.0).contains(&volts), "{volts}");
        // the meter overranges and goes up, and the board starts
        ask(&mut stand.ammeter, &*clock, "READ?").await.unwrap();
        near(stand.volts().await, 3.3, 0.011);
        near(number(&mut stand.ammeter, &*clock, "READ?").await, 0.045, 0.004);
    })
    .await;
}

#[tokio::test]
async fn a_meter_that_is_not_wired_for_it_reads_nothing() {
    on_virtual_clock(|clock| async move {
        let mut stand = Stand::new(&board(), &clock, "UNIT-5501");
        stand.power("5", "0.5").await;
        near(number(&mut stand.dmm, &*clock, "MEAS:CURR:DC? 0.1").await, 0.0, 1e-6);
        near(number(&mut stand.ammeter, &*clock, "MEAS:VOLT:DC? 10").await, 0.0, 1e-4);
    })
    .await;
}

#[tokio::test]
async fn a_reading_is_taken_at_the_end_of_its_time() {
    on_virtual_clock(|clock| async move {
        let mut stand = Stand::new(&board(), &clock, "UNIT-5501");
        stand.power("5", "0.5").await;
        // two readings of 4 s each; the output goes off between them
        ask(
            &mut stand.dmm,
            &*clock,
            "CONF:VOLT:DC 10;:VOLT:DC:NPLC 100;:SAMP:COUN 2;:INIT",
        )
        .await;
        benchtop_instrument::ClockExt::sleep(&*clock, std::time::Duration::from_secs(6)).await;
        ask(&mut stand.psu, &*clock, "OUTP OFF,(@1)").await;
        benchtop_instrument::ClockExt::sleep(&*clock, std::time::Duration::from_secs(6)).await;
        let readings = ask(&mut stand.dmm, &*clock, "FETC?").await.unwrap();
        let readings: Vec<f64> = readings.split(',').map(|reading| reading.parse().unwrap()).collect();
        near(readings[0], 3.3, 0.011);
        near(readings[1], 0.0, 1e-4);
    })
    .await;
}

#[tokio::test]
async fn sessions_share_the_instrument_and_not_its_parser() {
    on_virtual_clock(|clock| async move {
        let mut stand = Stand::new(&board(), &clock, "UNIT-5501");
        let mut second = stand.bench.session("psu").unwrap();
        ask(&mut stand.psu, &*clock, "VOLT 5,(@1)").await;
        assert_eq!(
            ask(&mut second, &*clock, "VOLT? (@1)").await.unwrap(),
            "+5.00000000E+00"
        );
        let late = clock.now().after(super::SOON);
        stand.psu.write(b"*IDN?", late).await.unwrap();
        assert_eq!(ask(&mut second, &*clock, "OUTP? (@1)").await.unwrap(), "0");
        assert!(
            stand
                .psu
                .read(late)
                .await
                .unwrap()
                .starts_with(b"Keysight Technologies,E36312A,SIM-PSU,")
        );
        assert_eq!(stand.psu.resource().to_string(), "SIM::board-v3::psu");
        assert_eq!(
            stand.bench.heard("psu"),
            ["VOLT 5,(@1)", "VOLT? (@1)", "*IDN?", "OUTP? (@1)"]
        );
        assert!(stand.bench.session("scope").is_none());
        let names: Vec<&str> = stand.bench.instrument_names().collect();
        assert_eq!(names, ["psu", "dmm", "ammeter"]);
        assert_eq!(stand.bench.model_of("dmm"), Some("keysight/34461a"));
    })
    .await;
}
