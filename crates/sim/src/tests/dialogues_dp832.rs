//! Dialogues with the DP832: channels by name and by number, words for what is on, digits behind the point.

use super::dialogue;

const MODEL: &str = "rigol/dp832";

#[tokio::test]
async fn a_channel_is_named_before_the_arguments_numbered_in_the_header_or_selected() {
    dialogue(
        MODEL,
        r#"
        > :OUTP CH2,ON
        > :OUTP? CH1;:OUTP? CH2;:OUTP?
        < OFF;ON;OFF
        > :SOUR2:VOLT 5.5;CURR 0.1
        > :SOUR2:VOLT?;:SOUR2:CURR?;:VOLT?
        < 5.500;0.100;0.000
        > :INST CH2;:OUTP?;:SOUR:VOLT?;:INST?;:INST:NSEL?
        < ON;5.500;CH2;2
        > :APPL CH3,3.3,0.25;:APPL? CH3
        < CH3:5V/3A,3.300,0.250
        > :APPL 5;:APPL?
        < CH3:5V/3A,5.000,0.250
        > :MEAS:VOLT? CH3;:MEAS:CURR? CH3
        < 0.000*;0.000*
        > :STAT:QUES:INST:ISUM2:COND?
        < 2
        > :SYST:ERR?
        < 0,"No error"
        "#,
    )
    .await;
}

#[tokio::test]
async fn a_channel_that_is_not_there_or_in_another_form_is_refused() {
    dialogue(
        MODEL,
        r#"
        > :SOUR4:VOLT 1
        > :OUTP CH4,ON
        > :OUTP ON,(@1)
        > :SOUR1:VOLT CH1,5
        > :VOLT CH1,5
        > :SOUR3:VOLT 5.4
        > :SYST:ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?
        < -114,"Header suffix out of range";-224,"Illegal parameter value";-108,"Parameter not allowed";-108,"Parameter not allowed";-108,"Parameter not allowed";-222,"Data out of range";0,"No error"
        > :OUTP? CH1;:SOUR1:VOLT?;:SOUR3:VOLT?
        < OFF;0.000;0.000
        "#,
    )
    .await;
}

#[tokio::test]
async fn overvoltage_protection_acts_once_it_is_switched_on() {
    dialogue(
        MODEL,
        r#"
        > :SOUR1:VOLT:PROT 4;:SOUR1:VOLT 5;:OUTP CH1,ON
        > :OUTP:OVP? CH1;:OUTP:OVP:VAL? CH1;:OUTP? CH1
        < OFF;4.000;ON
        > :SOUR1:VOLT:PROT:STAT ON
        > :OUTP? CH1;:OUTP:OVP:ALAR? CH1;:OUTP:OVP:ALAR? CH2
        < OFF;YES;NO
        > :OUTP:OVP:CLE CH1;:SOUR1:VOLT 3;:OUTP CH1,ON;:OUTP? CH1
        < ON
        > *RST;:OUTP:OVP? CH1;:SOUR1:VOLT:PROT:LEV?
        < OFF;33.000
        > :SYST:ERR?
        < 0,"No error"
        "#,
    )
    .await;
}
