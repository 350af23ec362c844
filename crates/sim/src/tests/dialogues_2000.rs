//! Dialogues with the Keithley 2000, from its user's manual ("UM"). Readings of open inputs are noise around zero.

use super::{dialogue, legal, model, reading_times};
use crate::{SimulatedBench, attachment::Attachment, client::Link};
use benchtop_instrument::{Clock, Moment, VirtualClock};
use std::{sync::Arc, time::Duration};

const MODEL: &str = "keithley/2000";

#[tokio::test]
async fn reset_state_is_that_of_the_manual() {
    dialogue(
        MODEL,
        r#"
        > *IDN?
        < KEITHLEY INSTRUMENTS INC.,MODEL 2000,SIM-*,A20  /A02
        > *OPT?;:SYST:VERS?;*TST?;:SYST:FRSW?
        < 0;1991.0;0;1
        > SYST:LFR?
        < 50
        > :SYST:ERR?
        < 0,"No error"
        > INIT:CONT?
        < 1
        > *RST
        > INIT:CONT?;:SENS:FUNC?;:CONF?
        < 0;"VOLT:DC";"VOLT:DC"
        > VOLT:RANG:AUTO?;:VOLT:DC:NPLC?;:VOLT:DIG?;:SYST:AZER:STAT?
        < 1;+1.00000000E+00;7;1
        > VOLT:AVER:STAT?;TCON?;COUN?;:VOLT:REF:STAT?;:VOLT:REF?
        < 0;REP;10;0;+0.00000000E+00
        > SAMP:COUN?;:TRIG:COUN?;SOUR?;DEL:AUTO?
        < 1;1;IMM;1
        > FORM?;FORM:ELEM?
        < ASC;READ
        > STAT:QUE?
        < 0,"No error"
        > SYST:PRES;:INIT:CONT?
        < 1
        "#,
    )
    .await;
}

#[tokio::test]
async fn what_third_party_drivers_send_is_legal() {
    // PyMeasure, QCoDeS, QTLab, pyacquisition: those of their messages that the manual allows
    legal(
        MODEL,
        &[
            ":READ?",
            ":FETC?",
            ":CONF?",
            ":CONF:FRES",
            ":CONF:VOLT:AC",
            "CONF:VOLT:DC",
            ":MEAS:VOLT:DC?",
            ":SENS:VOLT:RANG?",
            ":SENS:VOLT:RANG:AUTO 0;:SENS:VOLT:RANG 234",
            ":SENS:VOLT:RANG:AUTO 0;:SENS:VOLT:RANG 1010",
            ":SENS:VOLT:RANG:AUTO 0;:SENS:VOLT:AC:RANG 300",
            ":SENS:VOLT:AC:AVER:STAT 1",
            ":SENS:VOLT:AC:AVER:TCON repeat",
            ":SENS:VOLT:AC:AVER:COUN 10",
            "SENS:FUNC \"VOLT:DC\"",
            ":SENS1:FUNC 'CURR:AC'",
            "FUNC \"TEMP\"",
            "SENSE:DATA:FRESH?",
            "SENS:DATA?",
            "FORM:DATA ASCII",
            "FORM:ELEM READ",
            "FORM:ELEM READ,UNIT,CHAN",
            "FORM:DATA SREAL",
            "FORM:BORD SWAP",
            "SENSE:VOLT:DC:NPLC 0.5",
            "VOLT:DC:NPLC 10",
            "SENS:CURR:DC:RANG:UPP 0.05",
            "RES:RANG 120e6",
            "SENS:RES:DIG 5",
            "SENS:FREQ:DIG 7",
            "VOLT:DC:REF 0.5",
            "VOLT:DC:REF:STAT ON",
            "VOLT:AC:DET:BAND 300",
            "FREQ:APER 0.1",
            "PER:THR:VOLT:RANG 10",
            "TEMP:TC:TYPE K",
            "TEMP:NPLC 1",
            "INIT:CONT OFF",
            "INIT:CONT ON",
            "TRIG:COUN INF",
            "TRIG:SOUR TIM",
            "TRIG:TIM 0.5",
            "TRIG:DEL 0.1",
            "TRIG:DEL:AUTO ON",
            "TRIG:SOUR EXT",
            "SAMP:COUN 1024",
            "SYST:AZER:STAT OFF",
            ":TRAC:CLEAR;",
            ":TRAC:POIN 10",
            ":TRAC:FEED SENSE;FEED:CONT NEXT",
            ":STAT:PRES;*CLS;*SRE 1;:STAT:MEAS:ENAB 512;",
            "STAT:MEAS:COND?",
            "STAT:QUE:CLE",
            "SYST:BEEP:STAT 0",
            "SYST:REM",
            "SYST:LOC",
            "DISP:ENAB 0",
            "DISP:TEXT:DATA 'HELLO'",
            "DISP:WIND1:TEXT:STAT 1",
            "UNIT:TEMP K",
            "SYST:KEY 2",
            "SYST:POS RST",
            "CALC:STAT OFF",
            "TRAC:FREE?",
        ],
    )
    .await;
}

#[tokio::test]
async fn ranges_are_chosen_upwards_up_to_the_limits_of_the_manual() {
    // UM p.5-41
    dialogue(
        MODEL,
        r#"
        > *RST;:VOLT:RANG 0.05;RANG?;RANG:AUTO?
        < +1.00000000E-01;0
        > VOLT:RANG 1010;RANG?;RANG? MIN;RANG? MAX;RANG? DEF
        < +1.00000000E+03;+0.00000000E+00;+1.00000000E+03;+1.00000000E+03
        > VOLT:AC:RANG MAX;RANG?;RANG? MAX
        < +7.50000000E+02;+7.57500000E+02
        > CURR:RANG 3.1;RANG?;:RES:RANG 1e8;RANG?
        < +3.00000000E+00;+1.00000000E+08
        > VOLT:RANG 1011;RANG -1
        > NPLC 11
        > VOLT:NPLC 11
        > VOLT:NPLC 0.5;NPLC?;NPLC? MAX;NPLC MIN;NPLC?
        < +5.00000000E-01;+1.00000000E+01;+1.00000000E-02
        > FUNC VOLT:DC
        > FUNC "CAP"
        > VOLT:RANG
        > SENS2:FUNC?
        > SYST:ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?
        < -222,"Parameter data out of range";-222,*;-113,*;-222,*;-224,"Illegal parameter value";-224,*;-109,*;-114,*;-420,*
        "#,
    )
    .await;
}

#[tokio::test]
async fn an_autozero_serves_all_functions_and_the_rest_is_kept_per_function() {
    dialogue(
        MODEL,
        r#"
        > *RST;:SYST:AZER:STAT OFF;:VOLT:NPLC 10;:VOLT:RANG 1
        > FUNC "RES";:SYST:AZER:STAT?;:RES:NPLC?
        < 0;+1.00000000E+00
        > FUNC "VOLT:DC";:VOLT:NPLC?;RANG?
        < +1.00000000E+01;+1.00000000E+00
        > CONF:VOLT:DC;:VOLT:NPLC?;RANG:AUTO?;:SYST:AZER:STAT?
        < +1.00000000E+00;1;1
        > SYST:ERR?
        < 0,"No error"
        "#,
    )
    .await;
}

#[tokio::test]
async fn latest_and_fresh_readings_are_told_apart() {
    // UM p.5-38
    dialogue(
        MODEL,
        r#"
        > *RST;:FETC?
        > SENS:DATA?
        > DATA:FRES?
        > SYST:ERR?;ERR?;ERR?;ERR?;ERR?
        < -230,"Data corrupt or stale";-420,*;-230,*;-420,*;-230,*
        > *CLS;:CONF:RES;:READ?
        < +9.90000000E+37
        > FETC?;:SENS:DATA?;DATA:FRES?
        < +9.90000000E+37;+9.90000000E+37;+9.90000000E+37
        > DATA:FRES?
        > *CLS
        > INIT;:SENS:DATA:FRES?
        < +9.90000000E+37
        > SAMP:COUN 3;:READ?
        < +9.90000000E+37,+9.90000000E+37,+9.90000000E+37
        > RES:RANG 100
        > FETC?
        > SYST:ERR?
        < -230,"Data corrupt or stale"
        "#,
    )
    .await;
}

#[tokio::test]
async fn continuous_measurement_goes_on_by_itself() {
    dialogue(
        MODEL,
        r#"
        > *CLS;:INIT
        > SYST:ERR?
        < -213,"Init ignored"
        > FUNC "RES"
        > FETC?
        < +9.90000000E+37
        ~ 1000
        > DATA:FRES?;FRES?;:READ?;*OPC?
        < +9.90000000E+37;+9.90000000E+37;+9.90000000E+37;1
        > ABOR;:SENS:DATA:FRES?
        < +9.90000000E+37
        > STAT:OPER:COND?
        < 16
        > INIT:CONT OFF;:STAT:OPER:COND?
        < 1024
        > TRIG:SOUR BUS;:INIT;:STAT:OPER:COND?
        < 32
        > *TRG;:FETC?
        < +9.90000000E+37
        > TRIG:SOUR MAN;:INIT;*TRG;:TRIG:SIGN;:FETC?
        < +9.90000000E+37
        > TRIG:COUN INF;COUN?
        < +9.9e37
        > SYST:ERR?;ERR?
        < -211,"Trigger ignored";0,"No error"
        "#,
    )
    .await;
}

#[tokio::test]
async fn elements_are_written_in_their_own_order_and_an_overflow_has_no_unit() {
    // UM p.5-31
    dialogue(
        MODEL,
        r#"
        > *RST;:FORM:ELEM CHAN,UNIT,READ;ELEM?
        < READ,UNIT,CHAN
        > READ?
        < *VDC,0
        > CONF:RES;:READ?
        < +9.90000000E+37,0
        > FORM:ELEM READ;:FUNC "CURR:DC";:READ?
        < *E-*
        > FORM:DATA SRE;DATA?;BORD?
        < SRE;SWAP
        > FORM:DATA DREAL;DATA?;BORD NORM;BORD?
        < DRE;NORM
        > FORM:DATA REAL
        > SYST:ERR?
        < -224,"Illegal parameter value"
        "#,
    )
    .await;
}

#[test]
fn binary_readings_are_an_indefinite_block() {
    // sibling 2002, p.3-81
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new());
    let bench = SimulatedBench::lone(MODEL, &model(MODEL), clock);
    let instrument = bench.instrument("instrument").unwrap();
    for (format, expected) in [
        ("SRE", 9.9e37_f32.to_le_bytes().to_vec()),
        ("DRE", 9.9e37_f64.to_le_bytes().to_vec()),
        ("DRE;BORD NORM", 9.9e37_f64.to_be_bytes().to_vec()),
    ] {
        let mut client = Attachment::new(Arc::clone(&instrument.shared), instrument.number, Link::Serial).unwrap();
        let mut said = Vec::new();
        // CR ends a message too
        client.receive(format!("*RST;:FUNC \"RES\";:FORM:DATA {format}\rINIT\r").as_bytes());
        client.advance(&mut said);
        let second = Moment::from_start(Duration::from_secs(1));
        instrument.shared.change(|world| world.advance(second));
        client.receive(b"FETC?\n");
        client.advance(&mut said);
        let block = [b"#0".to_vec(), expected, b"\n".to_vec()].concat();
        assert_eq!(said, block, "{format}");
    }
}

#[tokio::test]
async fn the_filter_averages_and_repeats() {
    // at 50 Hz, twice the aperture with autozero
    reading_times(
        MODEL,
        &[
            ("*RST;:VOLT:RANG 10", 0.04),
            ("*RST;:VOLT:RANG 10;:SYST:AZER:STAT 0;:VOLT:NPLC 10", 0.2),
            ("*RST;:VOLT:RANG 10;:VOLT:NPLC 0.5", 0.02),
            ("*RST;:VOLT:RANG 10;:VOLT:AVER:COUN 20;STAT 1", 0.8),
            ("*RST;:VOLT:RANG 10;:VOLT:AVER:COUN 20;STAT 1;TCON MOV", 0.04),
            ("*RST;:VOLT:RANG 10;:TRIG:DEL 1.5", 1.54),
            ("*RST;:VOLT:RANG 10;:TRIG:SOUR TIM;TIM 2", 2.0),
        ],
    )
    .await;
}

#[tokio::test]
async fn the_reference_is_taken_away_from_every_reading() {
    // UM p.5-43
    dialogue(
        MODEL,
        r#"
        > *RST;:VOLT:RANG 10;:VOLT:REF 2;REF:STAT ON;:READ?
        < -2.0*E+00
        > VOLT:REF:STAT OFF;:READ?
        < *E-0*
        > VOLT:REF:ACQ;STAT ON
        > VOLT:REF?
        < *E-0*
        > CURR:REF:ACQ
        > SYST:ERR?
        < -230,"Data corrupt or stale"
        "#,
    )
    .await;
}

#[tokio::test]
async fn the_buffer_fills_once_and_says_so() {
    // UM p.5-53; the way PyMeasure goes
    dialogue(
        MODEL,
        r#"
        > *RST;:STAT:PRES;*CLS;*SRE 1;:STAT:MEAS:ENAB 512;
        > TRAC:CLEAR;:TRAC:POIN 10;:TRIG:COUN 20;:TRAC:FEED SENSE;FEED:CONT NEXT
        > FUNC "RES";:INIT
        > *STB?
        < 0
        ~ 3
        > *STB?
        < 65
        > TRAC:FEED:CONT?;:TRAC:POIN?;:TRAC:FREE?
        < NEV;10;12168,120
        > TRAC:DATA?
        < +9.90000000E+37,+9.90000000E+37,*+9.90000000E+37
        > STAT:MEAS?
        < 929
        > *STB?
        < 0
        > TRAC:CLE;DATA?
        > SYST:ERR?
        < -230,"Data corrupt or stale"
        "#,
    )
    .await;
}

#[tokio::test]
async fn the_queue_is_ten_deep() {
    // UM p.5-63
    dialogue(
        MODEL,
        r#"
        > *CLS
        > SAMP:COUN 0;COUN 0;COUN 0;COUN 0;COUN 0;COUN 0;COUN 0;COUN 0;COUN 0;COUN 0;COUN 0;COUN 0
        > *STB?
        < 4
        > SYST:ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?
        < -222*
        > SYST:ERR?;ERR?
        < -350,"Queue overflow";0,"No error"
        > FOO
        > SYST:CLE;ERR?
        < 0,"No error"
        "#,
    )
    .await;
}
