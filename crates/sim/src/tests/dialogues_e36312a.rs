//! Dialogues with the E36312A, from its manual and from drivers that were written for it. Nothing is connected to it.

use super::dialogue;

const MODEL: &str = "keysight/e36312a";

#[tokio::test]
async fn it_says_who_it_is_and_how_it_was_reset() {
    dialogue(
        MODEL,
        r#"
        > *IDN?
        < Keysight Technologies,E36312A,SIM-*,2.1.0-1.0.4-1.12
        > *RST
        > VOLT? (@1:3)
        < +0.00000000E+00,+0.00000000E+00,+0.00000000E+00
        > CURR? (@1,2,3)
        < +5.00000000E+00,+1.00000000E+00,+1.00000000E+00
        > OUTP? (@1,2,3)
        < 0,0,0
        > INST:SEL?;NSEL?
        < P6V;+1
        > VOLT:PROT? (@1:3)
        < +6.60000000E+00,+2.75000000E+01,+2.75000000E+01
        > CURR:PROT:STAT? (@1)
        < 0
        > OUTP:PAIR?;:VOLT:MODE? (@2);:VOLT:SENS? (@1)
        < OFF;FIX;INT
        > SYST:ERR?
        < +0,"No error"
        "#,
    )
    .await;
}

#[tokio::test]
async fn commands_act_on_their_list_or_on_the_selected_channel() {
    dialogue(
        MODEL,
        r#"
        > VOLT 1.5, (@1)
        > SOURCE:VOLTAGE 5.12345, (@2,3)
        > VOLT? (@1:3)
        < +1.50000000E+00,+5.12345000E+00,+5.12345000E+00
        > INST P25V
        > INST:NSEL?
        < +2
        > VOLT 12
        > VOLT?
        < +1.20000000E+01
        > INST:NSEL 3;:CURR 0.25
        > CURR? (@1:3)
        < +5.00000000E+00,+1.00000000E+00,+2.50000000E-01
        > INST CH1
        > :OUTPUT:STATE ON
        > :OUTPUT:STATE?
        < 1
        > OUTP? (@1:3)
        < 1,0,0
        > OUTP ON,(@2,3);:OUTP OFF,(@1)
        > OUTP? (@1:3)
        < 0,1,1
        > *RST
        > OUTP? (@1:3)
        < 0,0,0
        > APPL CH2,12.5,0.3
        > APPL? CH2
        < "+1.25000000E+01,+3.00000000E-01"
        > INST?
        < P25V
        > APPL P6V,MAX,DEF
        > VOLT?;CURR?
        < +6.18000000E+00;+5.00000000E+00
        > SYST:ERR?
        < +0,"No error"
        "#,
    )
    .await;
}

#[tokio::test]
async fn a_level_out_of_range_is_refused_and_changes_nothing() {
    dialogue(
        MODEL,
        r#"
        > VOLT 5,(@1)
        > VOLT 6.19,(@1)
        > VOLT 7,(@1:3)
        > VOLT -1,(@2)
        > CURR 1.04,(@2)
        > VOLT 1,(@4)
        > APPL CH1,7,1
        > APPL CH9,1
        > VOLT? (@1:3)
        < +5.00000000E+00,+0.00000000E+00,+0.00000000E+00
        > SYST:ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?
        < -222,"Data out of range";-222,"Data out of range";-222,"Data out of range";-222,"Data out of range";-222,"Data out of range";-222,"Data out of range";-224,"Illegal parameter value";+0,"No error"
        > VOLT? MAX,(@1);:VOLT? MAX,(@2);:CURR? MIN,(@1)
        < +6.18000000E+00;+2.57500000E+01;+1.00000000E-03
        > VOLT MAX,(@1);VOLT? (@1)
        < +6.18000000E+00
        > VOLT 500 MV,(@1);VOLT? (@1)
        < +5.00000000E-01
        > VOLT:PROT:STAT ON
        > SYST:ERR?
        < -113,"Undefined header"
        > VOLT
        > VOLT 1,2,(@1)
        > VOLT (@1)
        > OUTP:PAIR SER
        > SYST:ERR?;ERR?;ERR?;ERR?
        < -109,"Missing parameter";-108,"Parameter not allowed";-109,"Missing parameter";-224,"Illegal parameter value"
        "#,
    )
    .await;
}

#[tokio::test]
async fn an_open_output_holds_its_voltage_and_says_so() {
    dialogue(
        MODEL,
        r#"
        > VOLT 5,(@1)
        > STAT:QUES:INST:ISUM1:COND?
        < +0
        > OUTP ON,(@1)
        > STAT:QUES:INST:ISUM1:COND?;:STAT:QUES:INST:ISUM2:COND?
        < +2;+0
        > MEASURE:VOLTAGE? (@1)
        < +*E+00
        > MEAS:CURR? (@1,2)
        < +*E*,+*E*
        > STAT:QUES:INST:ISUM4:COND?
        > SYST:ERR?
        < -114,"Header suffix out of range"
        "#,
    )
    .await;
}

#[tokio::test]
async fn overvoltage_protection_switches_off_until_it_is_cleared() {
    dialogue(
        MODEL,
        r#"
        > VOLT:PROT 4,(@1);:VOLT 5,(@1)
        > VOLT:PROT:TRIP? (@1)
        < 0
        > OUTP ON,(@1)
        > OUTP? (@1);:VOLT:PROT:TRIP? (@1)
        < 0;1
        > OUTP ON,(@1)
        > OUTP? (@1)
        < 0
        > OUTP:PROT:CLE (@1)
        > VOLT:PROT:TRIP? (@1)
        < 0
        > VOLT 3,(@1);:OUTP ON,(@1)
        > OUTP? (@1)
        < 1
        > VOLT:PROT 2,(@1)
        > OUTP? (@1);:VOLT:PROT:TRIP? (@1)
        < 0;1
        > VOLT:PROT:CLE (@1)
        > SYST:ERR?
        < +0,"No error"
        "#,
    )
    .await;
}
