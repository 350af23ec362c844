//! Dialogues with the DMM6500, from its reference manual ("RM"). Readings of open inputs are noise around zero.

use super::{dialogue, legal, reading_times};

const MODEL: &str = "keithley/dmm6500";

#[tokio::test]
async fn reset_state_is_that_of_the_manual() {
    dialogue(
        MODEL,
        r#"
        > *IDN?
        < KEITHLEY INSTRUMENTS,MODEL DMM6500,SIM-*,1.7.12b
        > *LANG?;*OPC?;:SYST:LFR?;:ROUT:TERM?
        < SCPI;1;50;FRON
        > SYST:ERR?
        < 0,"No error;0;0 0"
        > *RST;:FUNC?;:COUN?;:FORM:DATA?;:FORM:ASC:PREC?
        < VOLT:DC;1;ASC;0
        > VOLT:RANG:AUTO?;:VOLT:NPLC?;AZER?;INP?;APER?
        < 1;1;1;MOHM10;0.02
        > VOLT:AVER?;AVER:TCON?;COUN?;:VOLT:REL?;REL:STAT?;:DISP:VOLT:DIG?
        < 0;REP;10;0;0;6
        > FREQ:APER?;THR:RANG:AUTO?;:VOLT:AC:DET:BAND?;:TRAC:POIN?;POIN? "defbuffer2"
        < 0.2;1;3;100000;100000
        > SYST:TIME? 1;TIME?
        < Thu Jan  1 00:00:00 2026;1767225600
        "#,
    )
    .await;
}

#[tokio::test]
async fn what_third_party_drivers_send_is_legal() {
    // PyMeasure, QCoDeS, fixate, MSL: those of their messages that the manual allows
    legal(
        MODEL,
        &[
            "*LANG SCPI",
            "*LANG TSP",
            ":SENS:FUNC?",
            ":SENS:FUNC \"CURR:DC\"",
            ":SENS1:FUNC:ON 'VOLT:AC'",
            ":SENS:FUNC \"FREQ:VOLT\"",
            "SENS:FUNC 'PER'",
            ":SENS:FUNC \"CAP\"",
            "FUNC \"VOLT:DC:RAT\"",
            "CURR:DC:APER 0.0015",
            "CURR:DC:RANG:AUTO 1",
            "CURR:DC:RANG:AUTO 0;UPP 1.0",
            ":SENS:CURR:RANG:AUTO 0;:SENS:CURR:RANG 0.01",
            ":SENS:CURR:AC:RANG:AUTO 0;:SENS:CURR:AC:RANG 0.01",
            ":SENS:RES:RANG:AUTO 0;:SENS:RES:RANG 1e+07",
            ":SENS:FRES:RANG:AUTO 0;:SENS:FRES:RANG 1e+07",
            ":SENS:VOLT:RANG:AUTO 0;:SENS:VOLT:AC:RANG 1",
            "CURR:DC:AZER 0",
            "AZER:ONCE",
            "CURR:AC:DET:BAND 30",
            ":DISP:CURR:AC:DIG?",
            ":DISP:CURR:DC:DIG 3",
            ":DISP:FREQ:DIG?",
            ":DISP:PER:DIG?",
            "CURR:DC:NPLC 2",
            "CURR:DC:REL 0.5",
            "CURR:DC:REL:STAT 1",
            ":SENS:FREQ:REL?",
            ":SENS:PER:REL:STAT?",
            ":SENS:FREQ:THR:RANG 5",
            ":SENS:PER:THR:RANG:AUTO 0",
            ":SENS:FREQ:APER 0.1",
            ":SYST:TIME? 1",
            "ROUT:TERM?",
            ":DISP:CLE",
            ":DISP:SCR SWIPE_USER",
            ":DISP:USER1:TEXT \"Hello\"",
            ":DISP:USER2:TEXT \"DMM6500\"",
            "*SAV 0",
            ":READ?",
            "READ? \"defbuffer1\", READ",
            "FETC?",
            ":MEAS:VOLT:DC?",
            "MEAS:FREQ?",
            "TRAC:CLE",
            "TRAC:CLE \"defbuffer2\"",
            "TRAC:ACTual?",
            "TRAC:POIN 10, \"defbuffer1\"",
            "TRAC:MAKE \"voltMeasBuffer\", 10000",
            "TRIG:LOAD \"SimpleLoop\", 10",
            "TRIG:STAT?",
            "FORM:DATA SRE",
            ":FORM REAL",
            "FORM:ASC:PREC 16",
            "VOLT:DC:LINE:SYNC 1",
            "FRES:OCOM ON",
            "VOLT:INP AUTO",
            "TEMP:TRAN RTD",
            "SYST:BEEP 500,0.1",
            "SENS:FUNC 'VOLT:DC'; :SENS:VOLT:DC:RANGE 10; :SENS:VOLT:DC:INP MOHM10",
            "VOLT:AVER:TCON MOV",
        ],
    )
    .await;
}

#[tokio::test]
async fn what_is_not_in_the_native_set_is_refused() {
    dialogue(
        MODEL,
        r#"
        > *CLS
        > CONF:VOLT:DC
        > SAMP:COUN 1
        > TRIG:SOUR BUS
        > INIT:CONT OFF
        > FORM:ELEM READ
        > SYST:AZER:STAT 1
        > VOLT:AC:NPLC 1
        > VOLT:DC:REF 1
        > SYST:REM
        > SYST:ERR:COUN?
        < 9
        > SYST:ERR?
        < -113,"Undefined header;1;2026/01/01 00:00:00.000"
        > SYST:ERR:CODE?
        < -113
        > SYST:CLE;ERR?
        < 0,"No error;0;0 0"
        > *LANG BASIC
        > SYST:EVEN:NEXT?
        < -224,"Illegal parameter value;1;*"
        > *LANG SCPI2000
        > *LANG?
        < SCPI
        "#,
    )
    .await;
}

#[tokio::test]
async fn settings_are_as_short_as_they_can_be() {
    // what PyMeasure recorded; RM 108-115
    dialogue(
        MODEL,
        r#"
        > *RST;:CURR:AC:RANG 0.005;RANG?;RANG:AUTO?
        < 0.01;0
        > FRES:RANG 2e6;RANG?
        < 1E+07
        > CURR:DC:NPLC 2;NPLC?;APER?
        < 2;0.04
        > CURR:DC:APER 0.0015;APER?;NPLC?
        < 0.0015;0.075
        > VOLT:RANG? MIN;RANG? MAX;RANG? DEF
        < 0.1;1000;1000
        > VOLT:NPLC? MIN;NPLC? MAX;NPLC? DEF;NPLC MAX;NPLC?
        < 0.0005;12;1;12
        > VOLT:NPLC 12.1;:VOLT:RANG 10000;:CURR:RANG 10;:COUN 1000001;:COUN 0
        > SYST:ERR:CODE?;CODE?;CODE?;CODE?;CODE?;CODE?
        < -222;-222;-222;-222;-222;0
        "#,
    )
    .await;
}

#[tokio::test]
async fn read_takes_count_readings_and_hands_over_the_last() {
    // RM 175-203; sibling: READ?
    dialogue(
        MODEL,
        r#"
        > *RST;:FETC?
        > SYST:ERR:CODE?
        < -230
        > *CLS;:FUNC "RES";:COUN 5;:READ?
        < 9.900000E+37
        > TRAC:ACT?;ACT:STAR?;:TRAC:ACT:END?;:TRAC:DATA? 4, 5
        < 5;1;5;9.900000E+37,9.900000E+37
        > READ?;:TRAC:ACT?
        < 9.900000E+37;10
        > TRAC:DATA? 1,11
        > SYST:ERR:CODE?
        < -222
        > *CLS;:FETC?;:FETC? "defbuffer1",READ,UNIT,DATE
        < 9.900000E+37;9.900000E+37,Ohm,01/01/2026
        > TRAC:MAKE "own",10
        > COUN 3;:READ? "own",REL
        < 8.000000E-02
        > TRAC:ACT? "own";:TRAC:FILL:MODE? "own";MODE?
        < 3;ONCE;CONT
        > COUN 9;:READ? "own"
        < 9.900000E+37
        > SYST:ERR?
        < 4915,"Attempting to store past capacity of reading buffer;1;*"
        > TRAC:DEL "own";ACT? "own"
        > SYST:ERR:CODE?
        < -224
        > TRAC:CLE;ACT?
        < 0
        > *CLS;:TRAC:POIN 9
        > SYST:ERR:CODE?
        < -222
        "#,
    )
    .await;
}

#[tokio::test]
async fn the_trigger_model_runs_in_the_background() {
    dialogue(
        MODEL,
        r#"
        > *RST;*CLS;:FUNC "VOLT:DC";:VOLT:RANG 10;:TRIG:LOAD "SimpleLoop",20;:INIT
        > TRIG:STAT?;:SYST:VERS?
        < RUNNING;RUNNING;3;1999.0
        > VOLT:NPLC 2
        > SYST:ERR:CODE?
        < -221
        > *WAI;:TRAC:ACT?;:TRIG:STAT?
        < 20;IDLE;IDLE;4
        > TRAC:STAT:MIN?;MAX?;AVER?;STDD?;SPAN?
        < *E-0*;*E-0*;*E-0*;*E-0*;*E-0*
        > TRIG:LOAD "Empty";:INIT;*WAI;:TRAC:ACT?
        < 21
        > INIT;:ABOR;:TRIG:STAT?
        < EMPTY;EMPTY;0
        > COUN 1;:READ?
        < *
        > TRIG:BLOC:BUFF:CLE 1;:TRIG:BLOC:DEL:CONS 2,0.5;:TRIG:BLOC:MDIG 3,"defbuffer1",2;:TRIG:BLOC:BRAN:COUN 4,5,2;:INIT
        > *WAI;:TRAC:ACT?;:TRAC:DATA? 3,3,"defbuffer1",REL
        < 10;5.*E-01
        > TRIG:BLOC:BRAN:ALW 4,2;:TRIG:BLOC:BRAN:EVEN 5,DISP,1;:INIT
        ~ 3
        > TRIG:STAT?;:ABOR;:TRIG:STAT?
        < RUNNING;RUNNING;3;IDLE;IDLE;5
        > INIT;*TRG;:TRIG:STAT?
        < IDLE;IDLE;5
        > TRIG:LOAD "SimpleLoop"
        > SYST:ERR:CODE?
        < -109
        > TRIG:LOAD "Foo";:TRIG:BLOC:NOP 64
        > SYST:ERR:CODE?;CODE?
        < -224;-222
        > SYST:ERR:CODE?
        < 0
        "#,
    )
    .await;
}

#[tokio::test]
async fn measure_uses_what_is_set() {
    dialogue(
        MODEL,
        r#"
        > *RST;:RES:RANG 100;:RES:NPLC 5;:MEAS:RES?
        < 9.900000E+37
        > FUNC?;:RES:RANG?;NPLC?
        < RES;100;5
        > AZER:ONCE;:RES:AZER?;:VOLT:AZER?
        < 0;1
        > VOLT:REL 1;REL:STAT 1;:MEAS:VOLT?
        < -1.0*E+00
        > FORM:ASC:PREC 3;:READ?
        < -1.00E+00
        > VOLT:REL:ACQ;:VOLT:REL?
        < 0
        > MEAS:FREQ?;:FUNC?
        < 0.00E+00;FREQ:VOLT
        > SYST:ERR?
        < 0,"No error;0;0 0"
        "#,
    )
    .await;
}

#[tokio::test]
async fn an_error_says_when_it_happened() {
    dialogue(
        MODEL,
        r#"
        ~ 90061.5
        > FOO
        > SYST:ERR?
        < -113,"Undefined header;1;2026/01/02 01:01:01.500"
        "#,
    )
    .await;
}

#[tokio::test]
async fn a_reading_takes_its_time_on_the_clock() {
    // at 50 Hz, twice the aperture with autozero
    reading_times(
        MODEL,
        &[
            ("*RST;:VOLT:RANG 10", 0.04),
            ("*RST;:VOLT:RANG 10;:VOLT:AZER 0", 0.02),
            ("*RST;:VOLT:RANG 10;:VOLT:APER 0.1;AZER 0;:COUN 3", 0.3),
            ("*RST;:VOLT:RANG 10;:VOLT:NPLC 12", 0.48),
            ("*RST;:FUNC 'FREQ';:FREQ:APER 0.002", 0.002),
        ],
    )
    .await;
}
