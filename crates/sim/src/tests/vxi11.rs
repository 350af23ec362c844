//! Simulated instruments over VXI-11: links, and what is done on them.

use super::vxi11_client::{ABORT, CORE, END, LONG, Rpc, bench, call, meter, opaque, serve, word_at, words};
use crate::Fault;
use benchtop_instrument::{ClockExt, RealClock};
use std::time::Duration;

#[tokio::test]
async fn instruments_answer_by_number_and_by_name() {
    let bench = bench();
    let server = serve(&bench).await;
    let mut rpc = Rpc::new(server.core_addr()).await;
    for (name, model) in [
        ("inst0", "34461A"),
        ("INST0", "34461A"),
        ("", "34461A"),
        ("dmm", "34461A"),
        ("inst1", "E36312A"),
        ("psu", "E36312A"),
    ] {
        let link = rpc.link(name).await.unwrap();
        let identity = rpc.ask(link, "*IDN?").await;
        assert!(
            identity.contains(model) && identity.contains("SIM-") && identity.ends_with('\n'),
            "{name}"
        );
    }
    for name in [
        "inst2",
        "inst",
        "inst-1",
        "gpib0,5",
        "hislip0",
        "inst99999999999999999999",
    ] {
        assert_eq!(rpc.link(name).await, Err(3), "{name}");
    }
    let link = rpc.link("dmm").await.unwrap();
    let reading: f64 = rpc.ask(link, "MEAS:VOLT:DC? 10\n").await.trim().parse().unwrap();
    assert!(reading.abs() < 1e-3);
    server.stop().await;
}

#[tokio::test]
async fn a_serial_poll_reports_a_request_once_and_a_supply_has_no_trigger() {
    let bench = bench();
    let server = serve(&bench).await;
    let mut rpc = Rpc::new(server.core_addr()).await;
    let link = rpc.link("dmm").await.unwrap();
    assert_eq!(rpc.write(link, END, b"*CLS;*ESE 32;*SRE 32").await, 0);
    assert_eq!(rpc.write(link, END, b"FOO").await, 0);
    assert_eq!(rpc.status_byte(link).await, 100);
    assert_eq!(rpc.status_byte(link).await, 36);
    assert_eq!(rpc.ask(link, "*STB?").await, "+100\n");
    let supply = rpc.link("psu").await.unwrap();
    assert_eq!(rpc.generic(14, supply).await, words(&[8]));
    assert_eq!(rpc.ask(supply, "SYST:ERR?").await, "+0,\"No error\"\n");
    server.stop().await;
}

#[tokio::test]
async fn links_have_their_own_parser_and_one_instrument() {
    let bench = bench();
    let server = serve(&bench).await;
    let mut rpc = Rpc::new(server.core_addr()).await;
    let mut other = Rpc::new(server.core_addr()).await;
    let links = [rpc.link("psu").await.unwrap(), rpc.link("psu").await.unwrap()];
    let third = other.link("psu").await.unwrap();
    assert_eq!(rpc.write(links[0], 0, b"VOLT 5,(@1);:OU").await, 0);
    assert_eq!(rpc.write(links[1], END, b"FOO").await, 0);
    assert_eq!(other.ask(third, "*OPC?").await, "1\n");
    assert_eq!(rpc.write(links[0], 0, b"TP ON").await, 0);
    assert_eq!(rpc.write(links[0], END, b",(@1);*OPC?").await, 0);
    assert_eq!(other.ask(third, "OUTP? (@1);:VOLT? (@1)").await, "1;+5.00000000E+00\n");
    assert_eq!(rpc.read(links[0], 100, LONG, None).await.unwrap().0, b"1\n");
    // a link is its connection's
    assert_eq!(other.write(links[0], END, b"*RST").await, 4);
    assert_eq!(rpc.core(23, &words(&[links[0]])).await, words(&[0]));
    assert_eq!(rpc.core(23, &words(&[links[0]])).await, words(&[4]));
    assert_eq!(rpc.write(links[0], END, b"*RST").await, 4);
    server.stop().await;
}

#[tokio::test]
async fn an_answer_is_read_in_parts_that_say_why_they_end() {
    let bench = bench();
    let server = serve(&bench).await;
    let (mut rpc, link) = meter(&server).await;
    assert_eq!(rpc.write(link, END, b"SYST:VERS?;*OPC?").await, 0);
    let parts = [
        (2, None, &b"19"[..], 1),
        (100, Some(b'4'), b"94", 2),
        (1, Some(b'.'), b".", 3),
        (0, None, b"", 1),
        (3, None, b"0;1", 1),
        (1, Some(b'\n'), b"\n", 7),
    ];
    for (most, stop, bytes, reason) in parts {
        assert_eq!(rpc.status_byte(link).await & 16, 16);
        let part = rpc.read(link, most, LONG, stop).await;
        assert_eq!(part, Ok((bytes.to_vec(), reason)));
    }
    assert_eq!(rpc.status_byte(link).await & 16, 0);
    // a rest that is not read is interrupted by the next message
    assert_eq!(rpc.write(link, END, b"SYST:VERS?").await, 0);
    rpc.read(link, 2, LONG, None).await.unwrap();
    assert_eq!(rpc.ask(link, "SYST:ERR?").await, "-410,\"Query INTERRUPTED\"\n");
    server.stop().await;
}

#[tokio::test]
async fn a_read_that_takes_too_long_is_a_timeout_and_the_answer_stays() {
    let bench = bench();
    let server = serve(&bench).await;
    let (mut rpc, link) = meter(&server).await;
    assert_eq!(rpc.read(link, 100, 10, None).await, Err(15));
    assert_eq!(rpc.status_byte(link).await, 4);
    assert_eq!(rpc.ask(link, "SYST:ERR?").await, "-420,\"Query UNTERMINATED\"\n");
    assert_eq!(rpc.write(link, END, b"CONF:VOLT:DC 10;:VOLT:NPLC 10;:READ?").await, 0);
    assert_eq!(rpc.read(link, 100, 10, None).await, Err(15));
    assert_eq!(rpc.read(link, 100, 0, None).await, Err(15));
    let (answer, reason) = rpc.read(link, 100, LONG, None).await.unwrap();
    assert_eq!((answer.len(), reason), (16, 4));
    assert_eq!(rpc.ask(link, "SYST:ERR?").await, "+0,\"No error\"\n");
    bench.set_fault("dmm", Fault::HangForever);
    for procedure in [13, 15] {
        let results = rpc.core(procedure, &words(&[link, 0, 0, 10])).await;
        assert_eq!(word_at(&results, 0), 15);
    }
    // one that comes to its senses in time
    rpc.send(&call(CORE, 1, 15, &words(&[link, 0, 0, LONG]))).await;
    RealClock::new().sleep(Duration::from_millis(20)).await;
    bench.clear_faults("dmm");
    assert_eq!(rpc.receive().await.unwrap()[24..], words(&[0]));
    server.stop().await;
}

#[tokio::test]
async fn the_abort_channel_ends_a_read() {
    let bench = bench();
    let server = serve(&bench).await;
    let (mut rpc, link) = meter(&server).await;
    assert_eq!(
        rpc.write(link, END, b"CONF:VOLT:DC 10,MIN;:SAMP:COUN 1000;:READ?")
            .await,
        0
    );
    let mut abort = Rpc::new(server.abort_addr()).await;
    assert_eq!(abort.call(ABORT, 1, 1, &words(&[link + 1])).await.unwrap(), words(&[4]));
    let reading = tokio::spawn(async move {
        let read = rpc.read(link, 100, 600_000, None).await;
        (rpc, read)
    });
    while !reading.is_finished() {
        assert_eq!(abort.call(ABORT, 1, 1, &words(&[link])).await.unwrap(), words(&[0]));
    }
    let (mut rpc, read) = reading.await.unwrap();
    assert_eq!(read, Err(23));
    assert_eq!(rpc.generic(15, link).await, words(&[0]));
    assert_eq!(rpc.ask(link, "*OPC?").await, "1\n");
    assert_eq!(abort.call(ABORT, 1, 2, &[]).await, Err(3));
    assert_eq!(abort.call(ABORT, 1, 1, &[]).await, Err(4));
    server.stop().await;
}

#[tokio::test]
async fn device_clear_ends_a_reading_and_drops_what_was_half_said() {
    let bench = bench();
    let server = serve(&bench).await;
    let (mut rpc, link) = meter(&server).await;
    assert_eq!(
        rpc.write(link, END, b"CONF:VOLT:DC 10,MIN;:SAMP:COUN 1000;:READ?")
            .await,
        0
    );
    assert_eq!(rpc.write(link, 0, b"SYST:VE").await, 0);
    assert_eq!(rpc.generic(15, link).await, words(&[0]));
    assert_eq!(rpc.status_byte(link).await & 16, 0);
    assert_eq!(rpc.ask(link, "STAT:OPER:COND?;:SAMP:COUN?").await, "+0;+1000\n");
    assert_eq!(rpc.ask(link, "SYST:ERR?").await, "+0,\"No error\"\n");
    server.stop().await;
}

#[tokio::test]
async fn a_trigger_is_one_between_messages_and_an_error_inside_of_one() {
    let bench = bench();
    let server = serve(&bench).await;
    let (mut rpc, link) = meter(&server).await;
    assert_eq!(rpc.write(link, END, b"CONF:VOLT:DC 10;:TRIG:SOUR BUS;:INIT").await, 0);
    assert_eq!(rpc.generic(14, link).await, words(&[0]));
    assert_eq!(rpc.ask(link, "FETC?").await.len(), 16);
    assert!(bench.heard("dmm").contains(&"*TRG".to_owned()));
    assert_eq!(rpc.write(link, 0, b"*RS").await, 0);
    assert_eq!(rpc.generic(14, link).await, words(&[0]));
    assert_eq!(rpc.write(link, END, b"T").await, 0);
    assert_eq!(
        rpc.ask(link, "SYST:ERR?;ERR?;:TRIG:SOUR?").await,
        "-105,\"GET not allowed\";+0,\"No error\";BUS\n"
    );
    server.stop().await;
}

#[tokio::test]
async fn a_lock_keeps_others_out_until_it_is_given_back() {
    let bench = bench();
    let server = serve(&bench).await;
    let (mut first, mine) = meter(&server).await;
    let (mut second, theirs) = meter(&server).await;
    assert_eq!(first.core(19, &words(&[mine])).await, words(&[12]));
    assert_eq!(first.core(18, &words(&[mine, 0, 0])).await, words(&[0]));
    assert_eq!(second.core(18, &words(&[theirs, 0, 0])).await, words(&[11]));
    assert_eq!(second.core(18, &words(&[theirs, 1, 20])).await, words(&[11]));
    assert_eq!(second.write(theirs, END, b"*RST").await, 11);
    assert_eq!(second.read(theirs, 10, 10, None).await, Err(11));
    for procedure in 13..=17 {
        assert_eq!(word_at(&second.generic(procedure, theirs).await, 0), 11);
    }
    assert_eq!(first.ask(mine, "*OPC?").await, "1\n");
    // somebody who waits for it gets it when its holder is gone, also while that one waits in a call
    assert_eq!(
        first
            .write(mine, END, b"CONF:VOLT:DC 10,MIN;:SAMP:COUN 1000;:READ?")
            .await,
        0
    );
    first
        .send(&call(CORE, 1, 12, &words(&[mine, 100, 600_000, 0, 0, 0])))
        .await;
    let waiting = tokio::spawn(async move {
        let locked = second.core(18, &words(&[theirs, 1, LONG])).await;
        (second, locked)
    });
    RealClock::new().sleep(Duration::from_millis(20)).await;
    drop(first);
    let (mut second, locked) = waiting.await.unwrap();
    assert_eq!(locked, words(&[0]));
    assert_eq!(second.core(19, &words(&[theirs])).await, words(&[0]));

    let locking = [words(&[1, 1, 0]), opaque(b"dmm")].concat();
    assert_eq!(word_at(&second.core(10, &locking).await, 0), 0);
    let mut third = Rpc::new(server.core_addr()).await;
    assert_eq!(word_at(&third.core(10, &locking).await, 0), 11);
    server.stop().await;
}
