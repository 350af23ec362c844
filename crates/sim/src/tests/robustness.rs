//! Anything at all, sent to an instrument.

use super::{SOON, ask, model, on_virtual_clock};
use crate::{
    SimulatedBench,
    attachment::Attachment,
    client::{Link, Progress},
};
use benchtop_instrument::{Clock, ClockExt, ErrorKind, VirtualClock};
use proptest::prelude::*;
use std::sync::Arc;

const MODELS: [&str; 5] = [
    "hp/34401a",
    "keithley/2000",
    "keithley/dmm6500",
    "keysight/34461a",
    "keysight/e36312a",
];

fn attached(model_name: &str, link: Link) -> Attachment {
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new());
    let bench = SimulatedBench::lone(model_name, &model(model_name), clock);
    let instrument = bench.instrument("instrument").unwrap();
    Attachment::new(instrument.shared, instrument.number, link).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_make_an_instrument_panic(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..100), 0..20)) {
        for name in MODELS {
            let mut client = attached(name, Link::Stream);
            let mut said = Vec::new();
            for piece in &pieces {
                client.receive(piece);
                client.advance(&mut said);
            }
        }
    }

    #[test]
    fn no_commands_make_an_instrument_panic(
        lines in proptest::collection::vec(
            proptest::collection::vec((0..HEADERS.len(), any::<bool>(), "(MAX|MIN|DEF|ON|OFF|AUTO|INF|[-+0-9.Ee]{1,6}|\"VOLT\"|\\(@[0-9:,]{0,5}\\)|,| ){0,4}"), 1..4),
            0..12,
        ),
    ) {
        for name in MODELS {
            let mut client = attached(name, Link::Bus);
            let mut said = Vec::new();
            for line in &lines {
                let units: Vec<String> = line
                    .iter()
                    .map(|(header, query, arguments)| format!("{}{} {arguments}", HEADERS[*header], if *query { "?" } else { "" }))
                    .collect();
                client.receive(units.join(";:").as_bytes());
                client.end_message();
                client.advance(&mut said);
                prop_assert!(said.len() < 4 * 1024 * 1024);
            }
        }
    }
}

const HEADERS: [&str; 60] = [
    "COUN",
    "TRAC:ACT",
    "TRAC:MAKE",
    "TRAC:DEL",
    "TRAC:STAT:STDD",
    "TRIG:LOAD",
    "VOLT:APER",
    "SYST:TIME",
    "INIT:CONT",
    "SENS:DATA:FRES",
    "FORM:DATA",
    "FORM:ELEM",
    "FORM:BORD",
    "TRAC:CLE",
    "TRAC:POIN",
    "TRAC:FEED:CONT",
    "TRAC:DATA",
    "VOLT:AVER:COUN",
    "VOLT:REF:ACQ",
    "VOLT:DIG",
    "TRIG:SIGN",
    "SYST:PRES",
    "CALC:FUNC",
    "CALC:STAT",
    "CALC:NULL:OFFS",
    "CALC:AVER:AVER",
    "FREQ:APER",
    "DATA:FEED",
    "CONF:VOLT:DC",
    "MEAS:RES",
    "READ",
    "FETC",
    "INIT",
    "ABOR",
    "*TRG",
    "FUNC",
    "VOLT:RANG",
    "VOLT:RANG:AUTO",
    "VOLT:NPLC",
    "VOLT:RES",
    "VOLT:AC:BAND",
    "VOLT:NULL:VAL",
    "CURR:TERM",
    "SAMP:COUN",
    "TRIG:SOUR",
    "TRIG:COUN",
    "TRIG:DEL",
    "R",
    "DATA:REM",
    "VOLT",
    "CURR",
    "OUTP",
    "APPL",
    "INST",
    "INST:NSEL",
    "VOLT:PROT",
    "CURR:PROT:STAT",
    "STAT:QUES:INST:ISUM2:ENAB",
    "*RST",
    "*OPC",
];

#[test]
fn an_endless_line_costs_no_memory_and_is_one_error() {
    let mut client = attached("keysight/34461a", Link::Stream);
    let mut said = Vec::new();
    let piece = vec![b'A'; 64 * 1024];
    for _ in 0..1024 {
        client.receive(&piece);
        assert_eq!(client.advance(&mut said), Progress::Idle);
    }
    client.receive(b"\nSYST:ERR?;ERR?\n");
    client.advance(&mut said);
    assert_eq!(
        String::from_utf8(said).unwrap(),
        "-363,\"Input buffer overrun\";+0,\"No error\"\n"
    );
}

#[test]
fn messages_may_share_a_packet_and_a_message_many_packets() {
    let mut client = attached("keysight/34461a", Link::Stream);
    let mut said = Vec::new();
    client.receive(b"*CLS\nSYST:VERS?\r\n*OPC?;:SYST:VE");
    client.advance(&mut said);
    client.receive(b"RS?");
    client.advance(&mut said);
    client.receive(b"\n\n");
    client.advance(&mut said);
    assert_eq!(String::from_utf8(said).unwrap(), "1994.0\n1;1994.0\n");
}

#[test]
fn a_block_is_taken_whole_whatever_is_in_it() {
    let mut client = attached("keysight/34461a", Link::Stream);
    let mut said = Vec::new();
    client.receive(b"*CLS;*ESE #15a\n*RS;*OPC?\n*ESE #15ab");
    client.advance(&mut said);
    client.receive(b"\ncd\nSYST:ERR?;ERR?;ERR?\n*ESE #x;:SYST:ERR?\nDISP:TEXT \"#15\";TEXT?\n");
    client.advance(&mut said);
    assert_eq!(
        String::from_utf8(said).unwrap(),
        "-168,\"Block data not allowed\";-168,\"Block data not allowed\";+0,\"No error\"\n\"#15\"\n"
    );
}

#[test]
fn a_large_answer_arrives_whole() {
    let mut client = attached("keysight/e36312a", Link::Stream);
    let mut said = Vec::new();
    let query = format!("VOLT? (@1{})\n", ",1".repeat(30_000));
    client.receive(query.as_bytes());
    client.advance(&mut said);
    assert_eq!(said.len(), 30_001 * 16);
    said.clear();
    let piece = format!("VOLT? (@1{});", ",1".repeat(3_000));
    client.receive(format!("{}\n", piece.repeat(10)).as_bytes());
    client.receive(b"SYST:ERR?\n");
    client.advance(&mut said);
    assert_eq!(
        String::from_utf8(said).unwrap().len(),
        10 * 3_001 * 16 + "+0,\"No error\"\n".len()
    );
}

#[tokio::test]
async fn answers_without_end_are_given_up() {
    on_virtual_clock(|clock| async move {
        let bench = SimulatedBench::lone("keysight/34461a", &model("keysight/34461a"), Arc::clone(&clock));
        let mut session = bench.session("instrument").unwrap();
        ask(&mut session, &*clock, "CONF:RES 100,MAX;:SAMP:COUN 10000;:INIT").await;
        clock.sleep(SOON * 10).await;
        let fetches = format!("FETC?{}", ";FETC?".repeat(1000));
        assert_eq!(ask(&mut session, &*clock, &fetches).await, None);
        assert_eq!(
            ask(&mut session, &*clock, "SYST:ERR?").await.unwrap(),
            "-430,\"Query DEADLOCKED\""
        );
    })
    .await;
}

#[test]
fn a_message_before_the_answer_was_taken_interrupts_it() {
    let mut client = attached("keysight/e36312a", Link::Bus);
    let mut said = Vec::new();
    client.receive(b"*OPC?\n*OPC?\n");
    client.receive(b"SYST:ERR?\n");
    client.advance(&mut said);
    assert_eq!(String::from_utf8(said).unwrap(), "-410,\"Query INTERRUPTED\"\n");
}

#[tokio::test]
async fn reading_with_nothing_to_say_is_unterminated_and_a_timeout() {
    on_virtual_clock(|clock| async move {
        let bench = SimulatedBench::lone("keysight/34461a", &model("keysight/34461a"), Arc::clone(&clock));
        let mut session = bench.session("instrument").unwrap();
        let begun = clock.now();
        let error = session.read(begun.after(SOON)).await.unwrap_err();
        assert_eq!((error.kind(), clock.now().since(begun)), (ErrorKind::Timeout, SOON));
        assert_eq!(
            session.status_byte(begun.after(SOON * 2)).await.unwrap_err().kind(),
            ErrorKind::Desynchronised
        );
        session.recover(clock.now().after(SOON)).await.unwrap();
        assert_eq!(session.status_byte(clock.now().after(SOON)).await.unwrap(), 4);
        let error = ask(&mut session, &*clock, "SYST:ERR?").await.unwrap();
        assert_eq!(error, "-420,\"Query UNTERMINATED\"");
        assert_eq!(session.status_byte(clock.now().after(SOON)).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn device_clear_ends_a_reading_and_keeps_the_settings() {
    on_virtual_clock(|clock| async move {
        let bench = SimulatedBench::lone("keysight/34461a", &model("keysight/34461a"), Arc::clone(&clock));
        let mut session = bench.session("instrument").unwrap();
        ask(&mut session, &*clock, "CONF:VOLT:DC 10,MIN;:SAMP:COUN 1000").await;
        let soon = clock.now().after(SOON);
        session.write(b"READ?", soon).await.unwrap();
        assert_eq!(session.read(soon).await.unwrap_err().kind(), ErrorKind::Timeout);
        session.recover(clock.now().after(SOON)).await.unwrap();
        let answer = ask(&mut session, &*clock, "STAT:OPER:COND?;:SAMP:COUN?;:VOLT:NPLC?").await;
        assert_eq!(answer.unwrap(), "+0;+1000;+1.00000000E+02");
        assert_eq!(
            ask(&mut session, &*clock, "SYST:ERR?").await.unwrap(),
            "+0,\"No error\""
        );
    })
    .await;
}
