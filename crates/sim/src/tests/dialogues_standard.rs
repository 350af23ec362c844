//! What the standards demand of any instrument, where a probe of ours once found it missing.

use super::dialogue;

#[tokio::test]
async fn registers_are_rounded_before_they_are_limited_and_take_no_words() {
    dialogue(
        "keysight/34461a",
        r#"
        > *CLS;*ESE 255.4;*SRE -0.4;*ESE?;*SRE?
        < +255;+0
        > *ESE MAX
        > SYST:ERR?
        < -104,"Data type error"
        > *ESE 256
        > SYST:ERR?
        < -222,"Data out of range"
        > *ESE #HFFFFFFFFFFFFFFFFFFFFFF
        > SYST:ERR?
        < -222,"Data out of range"
        > SAMP:COUN #HG
        > SYST:ERR?
        < -121,"Invalid character in number"
        "#,
    )
    .await;
}

#[tokio::test]
async fn the_first_of_one_may_be_numbered_and_no_other() {
    dialogue(
        "keysight/34461a",
        r#"
        > SENS1:VOLT1:NPLC 1;NPLC?;:TRIG1:COUN?
        < +1.00000000E+00;+1.00000000E+00
        > SENS2:VOLT:NPLC 1
        > SYST:ERR?
        < -114,"Header suffix out of range"
        > VOLT:RANG 10 ABCDEFGHIJKLMNOP
        > SYST:ERR?
        < -134,"Suffix too long"
        "#,
    )
    .await;
}

#[tokio::test]
async fn an_overflow_of_the_queue_and_an_abort_are_events_at_once() {
    dialogue(
        "keysight/34461a",
        r#"
        > *CLS;FOO
        > *ESR?
        < +32
        > TRIG:SOUR BUS;:INIT;*OPC;:ABOR;*ESR?
        < +1
        > *CLS
        > A1
        > A2
        > A3
        > A4
        > A5
        > A6
        > A7
        > A8
        > A9
        > B1
        > B2
        > B3
        > B4
        > B5
        > B6
        > B7
        > B8
        > B9
        > C1
        > C2
        > *ESR?
        < +32
        > C3
        > *ESR?
        < +40
        "#,
    )
    .await;
}

#[tokio::test]
async fn small_values_ask_for_the_smallest_range() {
    for name in ["keysight/34461a", "hp/34401a"] {
        dialogue(
            name,
            r#"
            > CONF:VOLT:DC 0.05;:VOLT:DC:RANG?;RANG:AUTO?
            < +1.00000000E-01;0
            > CONF:RES 50;:RES:RANG?
            < +1.00000000E+02
            > CONF:VOLT:DC 0;:VOLT:DC:RANG?
            < +1.00000000E-01
            > CONF:VOLT:DC -1
            > SYST:ERR?
            < -222,"Data out of range"
            > CONF:FREQ 1E9
            > SYST:ERR?
            < -222,"Data out of range"
            > CONF:FREQ 1 KHZ;:CONF?
            < "FREQ +3.00000000E+00,+3.00000000E-05"
            > DISP:TEXT "HI";:DISP:TEXT?;:DISP:TEXT:CLE;:DISP:TEXT?
            < "HI";""
            > SYST:BEEP 1
            > SYST:ERR?
            < -108,"Parameter not allowed"
            "#,
        )
        .await;
    }
}

#[tokio::test]
async fn a_memory_that_forgets_says_so() {
    dialogue(
        "keysight/34461a",
        r#"
        > *CLS;*RST;:SAMP:COUN 10001;:VOLT:NPLC 0.02;:VOLT:ZERO:AUTO 0;:VOLT:RANG 10;:TRIG:DEL 0
        > INIT
        ~ 30
        > DATA:POIN?;:STAT:QUES?;:STAT:QUES?
        < +10000;+16384;+0
        "#,
    )
    .await;
}

#[tokio::test]
async fn nothing_is_answered_behind_a_block_without_a_length() {
    dialogue(
        "keithley/dmm6500",
        r#"
        > FORM REAL;:READ?;*OPC?
        < #0*
        > SYST:ERR:CODE?;CODE?
        < -440;0
        > FORM ASC;:VOLT:NPLC 3;*SAV 1;:VOLT:NPLC 5;*RCL 1;:VOLT:NPLC?
        < 3
        > *SAV
        > *RCL 99
        > SYST:ERR:CODE?;CODE?
        < -109;-222
        > SENSE:VOLTAGE:DC:INPUTIMPEDANCE MOHM10;INP?;:SYST:CARD1:IDN?;:SYST:EVEN:NEXT? ALL
        < MOHM10;Empty Slot;0,"No error;0;*"
        "#,
    )
    .await;
}

#[tokio::test]
async fn clearing_the_status_clears_what_is_summarised_in_it() {
    dialogue(
        "keysight/e36312a",
        r#"
        > *RST;*CLS;:STAT:PRES;:STAT:QUES:ENAB 8192;*SRE 8;:VOLT 1,(@1);:OUTP ON,(@1)
        > *STB?;:STAT:QUES:INST:ISUM1:ENAB?
        < +72;+32767
        > *CLS;*STB?
        < +0
        > VOLT:PROT 0.5,(@1)
        > *STB?;:STAT:QUES?
        < +72;+8192
        "#,
    )
    .await;
}
