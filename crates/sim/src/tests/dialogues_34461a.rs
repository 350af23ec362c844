//! Dialogues with the 34461A, from its manual. Readings of open inputs are noise around zero.

use super::{dialogue, number, on_virtual_clock};
use crate::SimulatedBench;
use std::sync::Arc;

const MODEL: &str = "keysight/34461a";

#[tokio::test]
async fn it_says_who_it_is_and_that_it_is_simulated() {
    dialogue(
        MODEL,
        r#"
        > *IDN?
        < Keysight Technologies,34461A,SIM-*,A.03.03-02.40-03.03-00.52-01-01
        > SYST:VERS?
        < 1994.0
        > syst:err?
        < +0,"No error"
        > *TST?;*OPT?;:ROUT:TERM?
        < +0;0,0,0;FRON
        > SYST:LFR?
        < +50
        "#,
    )
    .await;
}

#[tokio::test]
async fn reset_state_is_that_of_the_manual() {
    dialogue(
        MODEL,
        r#"
        > *RST
        > FUNC?
        < "VOLT"
        > CONF?
        < "VOLT +1.00000000E+01,+1.00000000E-05"
        > VOLT:DC:RANG:AUTO?;NPLC?
        < 1
        > VOLT:RANG:AUTO?;:VOLT:NPLC?;ZERO:AUTO?;:VOLT:IMP:AUTO?;:VOLT:NULL?
        < 1;+1.00000000E+01;1;0;0
        > SAMP:COUN?;:TRIG:COUN?;SOUR?;DEL:AUTO?
        < +1;+1.00000000E+00;IMM;1
        > SYST:ERR?
        < -113,"Undefined header"
        > SYST:ERR?
        < +0,"No error"
        "#,
    )
    .await;
}

#[tokio::test]
async fn the_guides_examples_run() {
    // AG p.102, p.192, p.193, p.197; KG p.247
    dialogue(
        MODEL,
        r#"
        > TRIG:SOUR EXT;COUNT 10
        > TRIG:COUN?
        < +1.00000000E+01
        > TRIG:COUN MIN;:SAMP:COUN MIN
        > TRIG:COUN?;:SAMP:COUN?
        < +1.00000000E+00;+1
        > SYST:ERR?
        < +0,"No error"
        > TRIG:COUN MIN;SAMP:COUN MIN
        > SYST:ERR?
        < -113,"Undefined header"
        > TRIG:COUN? MIN;COUN? MAX
        < +1.00000000E+00;+1.00000000E+06
        > CONF:VOLT:DC 10,0.003
        > CONF?
        < "VOLT +1.00000000E+01,+1.00000000E-03"
        > VOLT:IMP:AUTO OFF
        > CONF:CURR:AC 1
        > SAMP:COUN 2
        > READ?
        < +*E*,*E*
        > CONF:CURR:DC 1,0.001
        > CURR:DC:NPLC?
        < +2.00000000E-02
        > TRIG:SOUR EXT;SLOP POS
        > TRIG:SLOP?
        < POS
        > INIT
        > ABOR
        > CONF:CURR:DC 1
        > CURR:DC:ZERO:AUTO ONCE
        > CURR:DC:ZERO:AUTO?
        < 0
        > CURR:DC:RANG 0.1
        > CURR:DC:RANG?
        < +1.00000000E-01
        > CURR:DC:NPLC 1
        > CURR:DC:NPLC?
        < +1.00000000E+00
        > SYST:ERR?
        < +0,"No error"
        "#,
    )
    .await;
}

#[tokio::test]
async fn func_keeps_range_and_nplc_and_conf_resets_them() {
    dialogue(
        MODEL,
        r#"
        > SENS:VOLT:DC:RANG 1;NPLC 100
        > FUNC "CURR:AC"
        > FUNC?
        < "CURR:AC"
        > FUNC 'VOLT:DC'
        > CONF?
        < "VOLT +1.00000000E+00,+3.00000000E-07"
        > CONF:VOLT:DC
        > VOLT:DC:RANG:AUTO?
        < 1
        > VOLT:DC:NPLC?
        < +1.00000000E+01
        > CONF:DC 1, MAX
        > CONF?
        < "VOLT +1.00000000E+00,+1.00000000E-04"
        > VOLT:ZERO:AUTO?
        < 0
        > FUNC "VOLTS"
        > FUNC VOLT
        > FUNC?
        < "VOLT"
        > SYST:ERR?
        < -224,"Illegal parameter value"
        > SYST:ERR?
        < -148,"Character data not allowed"
        "#,
    )
    .await;
}

#[tokio::test]
async fn ranges_are_chosen_upwards_and_never_clipped() {
    dialogue(
        MODEL,
        r#"
        > VOLT:DC:RANG 5
        > VOLT:DC:RANG?
        < +1.00000000E+01
        > VOLT:DC:RANG:AUTO?
        < 0
        > VOLT:DC:RANG 100 mV
        > VOLT:DC:RANG?
        < +1.00000000E-01
        > VOLT:DC:RANG 1001
        > VOLT:DC:RANG?
        < +1.00000000E-01
        > SYST:ERR?
        < -222,"Data out of range"
        > VOLT:DC:RANG? MIN
        < +1.00000000E-01
        > VOLT:DC:RANG? MAX
        < +1.00000000E+03
        > RES:RANG 2 MOHM
        > RES:RANG?
        < +1.00000000E+07
        > VOLT:DC:NPLC 0.5
        > VOLT:DC:NPLC?
        < +1.00000000E+00
        > VOLT:DC:NPLC 101
        > SYST:ERR?
        < -222,"Data out of range"
        > CURR:DC:RANG 10
        > SYST:ERR?
        < -222,"Data out of range"
        > CONF:CURR:DC 10
        > CURR:DC:TERM?
        < +10
        > CONF?
        < "CURR +1.00000000E+01,+1.00000000E-05"
        > CONF:CURR:DC 3
        > CURR:DC:TERM?
        < +3
        > CONF:VOLT:DC AUTO,0.001
        > SYST:ERR?
        < -221,"Settings conflict"
        > CONF:CONT 1
        > SYST:ERR?
        < -108,"Parameter not allowed"
        "#,
    )
    .await;
}

#[tokio::test]
async fn open_inputs_read_zero_volts_and_infinite_ohms() {
    dialogue(
        MODEL,
        r#"
        > MEAS:VOLT:DC?
        < *E-0*
        > MEAS:RES?
        < +9.90000000E+37
        > STAT:QUES?
        < +512
        > STAT:QUES?
        < +0
        > MEAS:CONT?;:MEAS:DIOD?
        < +9.90000000E+37;+9.90000000E+37
        > SYST:ERR?
        < +0,"No error"
        "#,
    )
    .await;
}

#[tokio::test]
async fn readings_stay_until_they_are_taken_or_the_settings_change() {
    dialogue(
        MODEL,
        r#"
        > FETC?
        > SYST:ERR?
        < -230,"Data corrupt or stale"
        > SYST:ERR?
        < -420,"Query UNTERMINATED"
        > CONF:RES 100
        > SAMP:COUN 3
        > INIT
        > *OPC?
        < 1
        > DATA:POIN?
        < +3
        > FETC?
        < +9.90000000E+37,+9.90000000E+37,+9.90000000E+37
        > FETC?
        < +9.90000000E+37,+9.90000000E+37,+9.90000000E+37
        > DATA:LAST?
        < +9.90000000E+37 OHM
        > R? 1
        < #215+9.90000000E+37
        > DATA:REM? 1
        < +9.90000000E+37
        > R?
        < #215+9.90000000E+37
        > R?
        < #10
        > DATA:REM? 1
        > SYST:ERR?
        < -222,"Data out of range"
        > SYST:ERR?
        < -420,"Query UNTERMINATED"
        > READ?
        < +9.90000000E+37,+9.90000000E+37,+9.90000000E+37
        > RES:RANG 1E3
        > DATA:POIN?
        < +0
        "#,
    )
    .await;
}

#[tokio::test]
async fn the_trigger_system_waits_for_its_source() {
    dialogue(
        MODEL,
        r#"
        > CONF:RES
        > *TRG
        > SYST:ERR?
        < -211,"Trigger ignored"
        > TRIG:SOUR BUS;COUN 2
        > READ?
        > SYST:ERR?
        < -214,"Trigger deadlock"
        > *CLS
        > INIT
        > STAT:OPER:COND?
        < +32
        > INIT
        > SYST:ERR?
        < -213,"Init ignored"
        > *TRG
        > STAT:OPER:COND?
        < +16
        > RES:RANG 100
        > SYST:ERR?
        < +263,"Not able to execute while instrument is measuring"
        ~ 1
        > STAT:OPER:COND?;:DATA:POIN?
        < +32;+1
        > *TRG
        > FETC?
        < +9.90000000E+37,+9.90000000E+37
        > STAT:OPER:COND?
        < +0
        > INIT
        > ABOR
        > FETC?
        > SYST:ERR?
        < -230,"Data corrupt or stale"
        "#,
    )
    .await;
}

#[tokio::test]
async fn operation_complete_comes_with_the_last_reading() {
    dialogue(
        MODEL,
        r#"
        > *CLS
        > CONF:RES
        > INIT;*OPC
        > *ESR?
        < +0
        ~ 1
        > *ESR?
        < +1
        > INIT;*WAI;:DATA:POIN?
        < +1
        "#,
    )
    .await;
}

#[tokio::test]
async fn null_takes_the_first_reading_or_a_given_value_away() {
    dialogue(
        MODEL,
        r#"
        > CONF:VOLT:DC 1
        > VOLT:DC:NULL:STAT ON
        > READ?
        < +0.00000000E+00
        > VOLT:DC:NULL:VAL 0.5
        > VOLT:DC:NULL:VAL?
        < +5.00000000E-01
        > READ?
        < -*E-01
        > CONF:VOLT:DC 1
        > VOLT:DC:NULL?
        < 0
        "#,
    )
    .await;
}

#[tokio::test]
async fn errors_are_those_of_the_manual() {
    dialogue(
        MODEL,
        r#"
        > *CLS
        > FOO:BAR 1
        > VOLT:DC:NPLC
        > VOLT:DC:NPLC 1,2
        > VOLT:DC:NPLC 1 V
        > VOLT:DC:RANG 1 A
        > VOLT:DC:RANG one
        > SAMP:COUN 0
        > TRIG:SOUR INT
        > SYST:REM
        > MEAS:VOLT?
        > VOLT:DC:ZERO:AUTO "ON"
        > SYST:ERR?
        < -113,"Undefined header"
        > SYST:ERR?
        < -109,"Missing parameter"
        > SYST:ERR?
        < -108,"Parameter not allowed"
        > SYST:ERR?
        < -138,"Suffix not allowed"
        > SYST:ERR?
        < -131,"Invalid suffix"
        > SYST:ERR?
        < -224,"Illegal parameter value"
        > SYST:ERR?
        < -222,"Data out of range"
        > SYST:ERR?
        < -224,"Illegal parameter value"
        > SYST:ERR?
        < -113,"Undefined header"
        > SYST:ERR?
        < -113,"Undefined header"
        > SYST:ERR?
        < -420,"Query UNTERMINATED"
        > SYST:ERR?
        < -158,"String data not allowed"
        > *ESR?
        < +52
        > SYST:ERR?
        < +0,"No error"
        "#,
    )
    .await;
}

#[tokio::test]
async fn a_command_error_ends_the_message_and_an_execution_error_does_not() {
    dialogue(
        MODEL,
        r#"
        > VOLT:DC:RANG 2000;NPLC 1;:FUNC?
        < "VOLT"
        > VOLT:DC:NPLC?
        < +1.00000000E+00
        > VOLT:DC:NPLC 10;FOO;NPLC 100
        > VOLT:DC:NPLC?
        < +1.00000000E+01
        > *IDN?;*OPC?
        < Keysight*
        > SYST:ERR?;ERR?;ERR?;ERR?
        < -222,"Data out of range";-113,"Undefined header";-440,"Query UNTERMINATED after indefinite response";+0,"No error"
        "#,
    )
    .await;
}

#[tokio::test]
async fn the_queue_holds_twenty_errors_and_says_that_there_were_more() {
    dialogue(
        MODEL,
        r#"
        > A;*CLS
        > SYST:ERR?
        < -113,"Undefined header"
        > SAMP:COUN 0;COUN 0;COUN 0;COUN 0;COUN 0;COUN 0;COUN 0;COUN 0;COUN 0;COUN 0;COUN 0
        > SAMP:COUN 0;COUN 0;COUN 0;COUN 0;COUN 0;COUN 0;COUN 0;COUN 0;COUN 0;COUN 0;COUN 0
        > SYST:ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?
        < -222*
        > SYST:ERR?
        < -350,"Queue overflow"
        > SYST:ERR?
        < +0,"No error"
        > *RST;*CLS
        > *STB?
        < +0
        > FOO
        > *STB?
        < +4
        > *ESE 32;*SRE 32;*STB?
        < +100
        > *ESE?;*SRE?;*ESR?
        < +32;+32;+32
        > *CLS;*STB?
        < +0
        "#,
    )
    .await;
}

#[tokio::test]
async fn a_reading_takes_its_time_on_the_clock() {
    let model = super::model(MODEL);
    on_virtual_clock(move |clock| async move {
        let bench = SimulatedBench::lone(MODEL, &model, Arc::clone(&clock));
        let mut meter = bench.session("instrument").unwrap();
        // at 50 Hz: two apertures with autozero and 160 us of delay, KG p.452 and p.458
        for (setup, seconds) in [
            ("CONF:VOLT:DC 10;:VOLT:DC:NPLC 10", 0.400_16),
            ("CONF:VOLT:DC 10;:VOLT:DC:NPLC 100", 4.000_16),
            ("CONF:VOLT:DC 10;:VOLT:DC:NPLC 0.02;ZERO:AUTO OFF", 0.000_4),
            (
                "CONF:VOLT:DC 10;:VOLT:DC:NPLC 1;:SAMP:COUN 5;:VOLT:DC:ZERO:AUTO OFF",
                0.100_8,
            ),
            ("CONF:VOLT:DC 10;:VOLT:DC:NPLC 1;ZERO:AUTO OFF;:TRIG:DEL 2", 2.02),
        ] {
            super::ask(&mut meter, &*clock, setup).await;
            let begun = clock.now();
            super::ask(&mut meter, &*clock, "READ?").await.unwrap();
            let took = clock.now().since(begun).as_secs_f64();
            assert!((took - seconds).abs() < 1e-6, "{setup}: {took}");
        }
    })
    .await;
}

#[tokio::test]
async fn noise_falls_with_nplc() {
    let model = super::model(MODEL);
    on_virtual_clock(move |clock| async move {
        let bench = SimulatedBench::lone(MODEL, &model, Arc::clone(&clock));
        let mut meter = bench.session("instrument").unwrap();
        let mut deviations = Vec::new();
        for nplc in ["0.02", "1", "100"] {
            super::ask(&mut meter, &*clock, &format!("CONF:VOLT:DC 10;:VOLT:DC:NPLC {nplc}")).await;
            let mut sum = 0.0;
            for _ in 0..50 {
                sum += number(&mut meter, &*clock, "READ?").await.powi(2);
            }
            deviations.push((sum / 50.0_f64).sqrt());
        }
        assert!(
            deviations[0] > 5.0 * deviations[1] && deviations[1] > 3.0 * deviations[2],
            "{deviations:?}"
        );
        assert!(deviations[0] < 1e-3, "{deviations:?}");
    })
    .await;
}

#[tokio::test]
async fn the_memory_keeps_the_newest_readings_of_an_endless_measurement() {
    dialogue(
        MODEL,
        r#"
        > CONF:VOLT:DC 10,MAX
        > TRIG:COUN INF
        > TRIG:COUN?
        < +9.90000000E+37
        > INIT
        ~ 100000
        > DATA:POIN?
        < +10000
        > ABOR
        > R? 1
        < #215*
        "#,
    )
    .await;
}
