//! Dialogues with the 34401A, from its user's guide ("UG"). Readings of open inputs are noise around zero.

use super::{dialogue, legal, model, reading_times, serial_dialogue};
use crate::{SimulatedBench, attachment::Attachment, client::Link};
use benchtop_instrument::{Clock, VirtualClock};
use std::sync::Arc;

const MODEL: &str = "hp/34401a";

#[tokio::test]
async fn reset_state_is_that_of_the_manual() {
    // UG p.89, p.101
    dialogue(
        MODEL,
        r#"
        > *IDN?
        < HEWLETT-PACKARD,34401A,SIM-*,11-5-2
        > SYST:VERS?;*TST?;*OPC?
        < 1991.0;+0;1
        > *RST
        > FUNC?
        < "VOLT"
        > CONF?
        < "VOLT +1.00000000E+01,+1.00000000E-05"
        > VOLT:DC:RANG:AUTO?;NPLC?;:ZERO:AUTO?;:INP:IMP:AUTO?;:DET:BAND?;:FREQ:APER?
        < 1
        > SYST:ERR?
        < -113,"Undefined header"
        > VOLT:DC:RANG:AUTO?;:VOLT:DC:NPLC?;:ZERO:AUTO?;:INP:IMP:AUTO?;:DET:BAND?;:FREQ:APER?
        < 1;+1.00000000E+01;1;0;+2.00000000E+01;+1.00000000E-01
        > SAMP:COUN?;:TRIG:COUN?;SOUR?;DEL:AUTO?
        < +1;+1.00000000E+00;IMM;1
        > CALC:FUNC?;STAT?;:DATA:FEED?;:DISP?;:ROUT:TERM?;:SYST:BEEP:STAT?;*PSC?
        < NULL;0;"CALC";1;FRON;1;1
        > SYST:ERR?
        < +0,"No error"
        "#,
    )
    .await;
}

#[tokio::test]
async fn what_third_party_drivers_send_is_legal() {
    // PyMeasure HP34401A, libsigrok scpi-dmm, instro: those of their messages that the guide allows
    legal(
        MODEL,
        &[
            "FUNC \"VOLT\"",
            "FUNC \"VOLT:RAT\"",
            "FUNC \"VOLT:AC\"",
            "FUNC \"CURR\"",
            "FUNC \"CURR:AC\"",
            "FUNC \"RES\"",
            "FUNC \"FRES\"",
            "FUNC \"FREQ\"",
            "FUNC \"PER\"",
            "FUNC \"CONT\"",
            "FUNC \"DIOD\"",
            "FUNC 'VOLTage:DC'",
            "VOLT:RANG 1",
            "VOLT:RANG:AUTO 1",
            "VOLT:RANG:AUTO 0",
            "FREQ:VOLT:RANG 1",
            "FREQ:VOLT:RANG:AUTO 0",
            "VOLT:RES 1",
            "VOLT:AC:RES 1",
            "CURR:RES 1",
            "CURR:AC:RES 1",
            "RES:RES 1",
            "FRES:RES 1",
            "VOLT:NPLC 1",
            "CURR:NPLC 1",
            "RES:NPLC 1",
            "FRES:NPLC 1",
            "FREQ:APER 1",
            "PER:APER 1",
            "DET:BAND 3",
            "ZERO:AUTO 1",
            "ZERO:AUTO ONCE",
            "INP:IMP:AUTO 1",
            "TRIG:SOUR BUS",
            "TRIG:SOUR EXT",
            "TRIG:DEL 1",
            "TRIG:DEL:AUTO 0",
            "SAMP:COUN 1",
            "TRIG:COUN 1",
            "DISP 0",
            "DISP:TEXT \"HELLO\"",
            "SYST:BEEP",
            "SYST:BEEP:STAT 1",
            "CONF:VOLT:DC 10,0.003",
            "CONF:FREQ 1 KHZ,0.1 Hz",
            "CONF:CURR:AC 1A,0.001MA",
            "CONF:RES",
            "CONF:CONT",
            "CONF:VOLT:DC:RAT",
            "CALC:DBM:REF 50",
        ],
    )
    .await;
}

#[tokio::test]
async fn what_the_guide_does_not_have_is_refused() {
    dialogue(
        MODEL,
        r#"
        > VOLT:ZERO:AUTO 1;*CLS
        > VOLT:IMP:AUTO 1;*CLS
        > VOLT:AC:BAND 20
        > VOLT:NULL:STAT ON
        > SYST:PRES
        > CAP:RANG 1
        > VOLT:AC:NPLC 1
        > FREQ:RES 1
        > MEAS:VOLT:DC
        > ABOR
        > SYST:ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?
        < -113,"Undefined header";-113,*;-113,*;-113,*;-113,*;-113,*;-113,*;-113,*;-113,*;-113,"Undefined header"
        > SYST:ERR?
        < +0,"No error"
        "#,
    )
    .await;
}

#[tokio::test]
async fn one_autozero_one_filter_and_one_impedance_serve_all_functions() {
    // UG p.123; p.59: ONCE leaves it off
    dialogue(
        MODEL,
        r#"
        > ZERO:AUTO OFF;:DET:BAND 200;:INP:IMP:AUTO ON
        > FUNC "RES"
        > ZERO:AUTO?;:DET:BAND?;:INP:IMP:AUTO?
        < 0;+2.00000000E+02;1
        > CONF:CURR:DC 1,1E-6
        > ZERO:AUTO?;:DET:BAND?;:INP:IMP:AUTO?
        < 1;+2.00000000E+01;0
        > CONF:VOLT:DC 10,0.001
        > ZERO:AUTO?;:VOLT:DC:NPLC?
        < 0;+2.00000000E-02
        > ZERO:AUTO ONCE
        > ZERO:AUTO?
        < 0
        > SYST:ERR?
        < +0,"No error"
        "#,
    )
    .await;
}

#[tokio::test]
async fn ranges_are_chosen_upwards_and_never_clipped() {
    // UG p.17-18, p.114, p.176, p.178
    dialogue(
        MODEL,
        r#"
        > VOLT:DC:RANG 5;:VOLT:DC:RANG?;RANG:AUTO?
        < +1.00000000E+01;0
        > CURR:AC:RANG 0.01;:CURR:AC:RANG?;:CURR:DC:RANG 0.05;:CURR:DC:RANG?
        < +1.00000000E+00;+1.00000000E-01
        > VOLT:AC:RANG? MAX;:RES:RANG? MAX;:CURR:DC:RANG? MIN
        < +7.50000000E+02;+1.00000000E+08;+1.00000000E-02
        > FREQ:VOLT:RANG 5;RANG?;:FREQ:APER 0.5;APER?
        < +1.00000000E+01;+1.00000000E+00
        > VOLT:DC:RANG 1001
        > CONF:VOLT:DC 10,1E-9
        > CONF:VOLT:DC DEF,0.1
        > VOLT:NPLC 101
        > SYST:ERR?;ERR?;ERR?;ERR?;ERR?
        < -222,"Data out of range";+532,"Cannot achieve requested resolution";-221,"Settings conflict";-222,*;+0,*
        > CONF:VOLT:DC 10,0.1;:VOLT:NPLC?
        < +2.00000000E-02
        "#,
    )
    .await;
}

#[tokio::test]
async fn an_overload_queues_no_error_and_shows_in_both_registers() {
    // UG p.61, p.140, p.142
    dialogue(
        MODEL,
        r#"
        > *CLS
        > MEAS:RES?
        < +9.90000000E+37
        > *ESR?;:STAT:QUES:EVEN?
        < +8;+512
        > *ESR?;:STAT:QUES?;:SYST:ERR?
        < +0;+0;+0,"No error"
        > MEAS:VOLT:DC?
        < *E-0*
        > MEAS:CONT?;DIOD?
        < +9.90000000E+37;+9.90000000E+37
        "#,
    )
    .await;
}

#[tokio::test]
async fn the_memory_holds_512_readings_of_initiate_and_none_of_read() {
    // UG p.114-116, p.176, p.178
    dialogue(
        MODEL,
        r#"
        > FETC?
        > SYST:ERR?
        < -230,"Data stale"
        > *CLS
        > CONF:RES 100;:SAMP:COUN 3;:READ?
        < +9.90000000E+37,+9.90000000E+37,+9.90000000E+37
        > DATA:POIN?
        < +0
        > INIT;:DATA:POIN?
        < +3
        > FETC?
        < +9.90000000E+37,+9.90000000E+37,+9.90000000E+37
        > FETC?
        < +9.90000000E+37,+9.90000000E+37,+9.90000000E+37
        > SAMP:COUN 512;:CONF:RES 100,MAX;:SAMP:COUN 513
        > INIT
        > SYST:ERR?
        < +531,"Insufficient memory"
        > SAMP:COUN 50000;COUN?;COUN 50001
        < +50000
        > SYST:ERR?
        < -222,"Data out of range"
        > SAMP:COUN 2;:DATA:FEED RDG_STORE,"";:DATA:FEED?
        < ""
        > INIT;:DATA:POIN?
        < +0
        > FETC?
        > SYST:ERR?
        < -230,"Data stale"
        > CONF:VOLT:DC;:DATA:FEED?
        < "CALC"
        "#,
    )
    .await;
}

#[tokio::test]
async fn nothing_but_a_trigger_is_heard_while_it_measures() {
    // UG p.116, p.175
    dialogue(
        MODEL,
        r#"
        > CONF:RES;*TRG
        > TRIG:SOUR BUS
        > READ?
        > SYST:ERR?;ERR?
        < -211,"Trigger ignored";-214,"Trigger deadlock"
        > *CLS
        > SAMP:COUN 2;:TRIG:COUN 2;:INIT;*TRG
        ~ 2
        > *TRG
        > DATA:POIN?
        < +4
        > *CLS;:TRIG:SOUR IMM;:INIT;*OPC
        > *ESR?
        < +*
        > TRIG:COUN INF;COUN?
        < +9.90000000E+37
        "#,
    )
    .await;
}

#[tokio::test]
async fn math_is_that_of_the_guide() {
    // UG p.63-69, p.124-126, p.178
    dialogue(
        MODEL,
        r#"
        > CONF:VOLT:DC 10;:CALC:FUNC NULL;STAT ON;:READ?
        < +0.00000000E+00
        > CALC:NULL:OFFS -2.0;OFFS?
        < -2.00000000E+00
        > READ?
        < +*E+00
        > CALC:FUNC AVER;STAT OFF;STAT ON
        > SAMP:COUN 5;:READ?
        < *,*,*,*,*
        > CALC:AVER:COUN?;MIN?;MAX?;AVER?
        < +5;*E-0*;*E-0*;*E-0*
        > CALC:FUNC LIM;LIM:LOW 1;UPP 2;:CALC:STAT ON;:SAMP:COUN 1;:STAT:QUES?
        < +0
        > READ?
        < *E-0*
        > STAT:QUES?
        < +2048
        > FUNC "RES"
        > CALC:STAT?;LIM:UPP?
        < 0;+0.00000000E+00
        > CALC:FUNC DBM;STAT ON
        > SYST:ERR?
        < -221,"Settings conflict"
        > CALC:FUNC NULL;STAT ON;:READ?
        < +9.90000000E+37
        > SYST:ERR?;:CALC:STAT?
        < +540,"Cannot use overload as math reference";0
        > CALC:DBM:REF?;REF 50;:*RST;:CALC:DBM:REF?
        < +6.00000000E+02
        > SYST:ERR?
        < -102,"Syntax error"
        > CALC:DBM:REF 50;*RST;:CALC:DBM:REF?
        < +5.00000000E+01
        "#,
    )
    .await;
}

#[tokio::test]
async fn the_serial_line_has_to_be_taken_to_remote() {
    // UG p.153, p.178; RU
    serial_dialogue(
        MODEL,
        r#"
        > READ?
        > SYST:ERR?
        < +550,"Command not allowed in local"
        > MEAS:VOLT:DC?
        > SYST:ERR?
        < +550,"Command not allowed in local"
        > SYST:REM
        > READ?
        < *E-0*
        > SYST:LOC
        > READ?
        > SYST:ERR?
        < +550,"Command not allowed in local"
        > SYST:RWL;:READ?
        < *E-0*
        > SYST:ERR?
        < +0,"No error"
        "#,
    )
    .await;
    dialogue(
        MODEL,
        r#"
        > SYST:REM;LOC;RWL
        > SYST:ERR?;ERR?;ERR?;ERR?
        < +514,"Command allowed only with RS-232";+514,*;+514,*;+0,"No error"
        > READ?
        < *E-0*
        "#,
    )
    .await;
}

#[tokio::test]
async fn answers_on_the_serial_line_end_in_cr_lf_and_control_c_clears() {
    // UG p.153, p.159-160
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new());
    let bench = SimulatedBench::lone(MODEL, &model(MODEL), clock);
    let instrument = bench.instrument("instrument").unwrap();
    for (link, expected) in [
        (Link::Serial, "1\r\n+0,\"No error\"\r\n"),
        (Link::Stream, "1\n+0,\"No error\"\n"),
    ] {
        let mut client = Attachment::new(Arc::clone(&instrument.shared), instrument.number, link).unwrap();
        let mut said = Vec::new();
        client.receive(b"SYST:REM\nTRIG:SOUR BUS\r\nINIT\n");
        client.advance(&mut said);
        client.receive(b"*IDN?\nDISP:TE");
        client.advance(&mut said);
        assert!(said.is_empty());
        if link == Link::Serial {
            client.receive(b"\x03*OPC?\nSYST:ERR?\n");
        } else {
            client.clear();
            client.receive(b"*OPC?\nSYST:ERR?\n");
        }
        client.advance(&mut said);
        assert_eq!(String::from_utf8(said).unwrap(), expected);
    }
}

#[tokio::test]
async fn the_queue_is_twenty_deep_and_the_status_byte_does_not_show_it() {
    // UG p.136, p.172
    dialogue(
        MODEL,
        r#"
        > *CLS
        > SAMP:COUN 0;COUN 0;COUN 0;COUN 0;COUN 0;COUN 0;COUN 0;COUN 0;COUN 0;COUN 0;COUN 0;COUN 0
        > SAMP:COUN 0;COUN 0;COUN 0;COUN 0;COUN 0;COUN 0;COUN 0;COUN 0;COUN 0;COUN 0;COUN 0;COUN 0
        > *STB?
        < +0
        > SYST:ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?
        < -222*
        > SYST:ERR?;ERR?
        < -350,"Too many errors";+0,"No error"
        > *IDN?;:SYST:VERS?
        < HEWLETT*
        > SYST:ERR?
        < -440,"Query UNTERMINATED after indefinite response"
        "#,
    )
    .await;
}

#[tokio::test]
async fn a_reading_takes_its_time_on_the_clock() {
    // at 50 Hz; UG p.57, p.81, p.122, p.213
    reading_times(
        MODEL,
        &[
            ("CONF:VOLT:DC 10", 0.401_5),
            ("CONF:VOLT:DC 10;:ZERO:AUTO OFF", 0.201_5),
            ("CONF:VOLT:DC 10;:VOLT:NPLC 100", 4.001_5),
            ("CONF:VOLT:DC 10,0.001", 0.001_4),
            ("CONF:FRES 100", 0.401_5),
            ("CONF:FREQ;:FREQ:APER 1", 1.001_5),
            ("CONF:VOLT:AC 10;:DET:BAND 3", 7.001_5),
        ],
    )
    .await;
}
