//! Locks and the interface's trigger over real sockets, against simulated instruments that know the standards by themselves.

use crate::{Options, drive};
use benchtop_instrument::{
    Clock, ClockExt, Error, ErrorKind, Function, LineSettings, Measure, RealClock, Resource, Sampling, Session,
    SessionExt, Trigger,
};
use benchtop_scpi::parse as parse_driver;
use benchtop_sim::{
    Fault, HislipModes, HislipServer, Model, SimulatedBench, Vxi11Server, VxiAddresses, serve_hislip, serve_vxi11,
};
use benchtop_transport::{MemoryTrace, TraceEvent, Traced};
use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

const MODEL: &str = "keysight/34461a";
const SOON: Duration = Duration::from_secs(10);
/// How long who asks for a lock waits that somebody else has.
const A_WHILE: Duration = Duration::from_millis(100);

struct Served {
    bench: SimulatedBench,
    name: String,
    clock: Arc<dyn Clock>,
    vxi11: Vxi11Server,
    hislip: HislipServer,
}

fn text(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file)).unwrap()
}

async fn served() -> Served {
    let clock = RealClock::shared();
    let file = format!("instruments/{MODEL}/sim.toml");
    let model = Model::parse(&file, &text(&file)).unwrap();
    let bench = SimulatedBench::lone(MODEL, &model, Arc::clone(&clock));
    let name = bench.instrument_names().next().unwrap().to_owned();
    let instruments = || vec![(name.clone(), bench.instrument(&name).unwrap())];
    let free: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let addresses = VxiAddresses {
        portmapper: free,
        core: free,
    };
    let vxi11 = serve_vxi11(addresses, instruments()).await.unwrap();
    let hislip = serve_hislip(free, instruments(), HislipModes::Both).await.unwrap();
    Served {
        name,
        bench,
        clock,
        vxi11,
        hislip,
    }
}

impl Served {
    fn resources(&self) -> [Resource; 2] {
        let (vxi11, hislip) = (self.vxi11.core_addr().port(), self.hislip.local_addr().port());
        [
            format!("TCPIP::127.0.0.1::inst0,{vxi11}::INSTR").parse().unwrap(),
            format!("TCPIP::127.0.0.1::hislip0,{hislip}::INSTR").parse().unwrap(),
        ]
    }

    async fn open(&self, resource: &Resource, exclusive: Option<Duration>) -> Result<Box<dyn Session>, Error> {
        let line = LineSettings {
            exclusive,
            ..LineSettings::default()
        };
        crate::open_session(resource, &line, &self.clock).await
    }

    async fn identity(&self, session: &mut Box<dyn Session>) -> Result<String, Error> {
        session.query("*IDN?", self.clock.now().after(SOON)).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_the_lock_keeps_others_out_until_it_is_given_back() {
    let served = served().await;
    let [vxi11, hislip] = served.resources();
    // whichever way the second one comes: the lock is the instrument's
    for (first, second) in [
        (&vxi11, &vxi11),
        (&hislip, &hislip),
        (&vxi11, &hislip),
        (&hislip, &vxi11),
    ] {
        let mut holder = served.open(first, Some(A_WHILE)).await.unwrap();
        let Err(refused) = served.open(second, Some(A_WHILE)).await else {
            panic!("{second} was locked twice");
        };
        let said = refused.to_string();
        assert_eq!(refused.kind(), ErrorKind::Io, "{said}");
        assert!(
            said.contains("locked by another") && said.contains("in 100 ms"),
            "{said}"
        );
        assert!(said.contains(&format!("open on {second}")), "{said}");
        assert!(served.identity(&mut holder).await.unwrap().contains("34461A"));
        // a device clear and a reconnection keep it
        holder.recover(served.clock.now().after(SOON)).await.unwrap();
        assert!(served.open(second, Some(A_WHILE)).await.is_err());
        holder.close().await.unwrap();
        let mut next = served.open(second, Some(A_WHILE)).await.unwrap();
        assert!(served.identity(&mut next).await.is_ok());
        next.close().await.unwrap();
    }
    let mut plain = served.open(&vxi11, None).await.unwrap();
    let mut holder = served.open(&vxi11, Some(A_WHILE)).await.unwrap();
    let refused = served.identity(&mut plain).await.unwrap_err();
    assert!(
        refused.to_string().contains("the instrument is locked by another link"),
        "{refused}"
    );
    holder.close().await.unwrap();
    plain.recover(served.clock.now().after(SOON)).await.unwrap();
    assert!(served.identity(&mut plain).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hung_session_of_ours_does_not_keep_the_next_one_out() {
    let served = served().await;
    for resource in served.resources() {
        let mut hung = served.open(&resource, Some(A_WHILE)).await.unwrap();
        assert!(served.bench.set_fault(&served.name, Fault::NoAnswer));
        let asked = || {
            let heard = served.bench.heard(&served.name);
            heard.iter().filter(|message| *message == "*IDN?").count()
        };
        let before = asked();
        let clock = Arc::clone(&served.clock);
        let task = tokio::spawn(async move {
            let answer = hung.query("*IDN?", clock.now().after(SOON * 60)).await;
            // it is never answered, and this is never reached
            (hung, answer)
        });
        while asked() == before {
            served.clock.sleep(Duration::from_millis(5)).await;
        }
        task.abort();
        served.bench.clear_faults(&served.name);
        let mut fresh = served.open(&resource, Some(SOON)).await.unwrap();
        assert!(
            served.identity(&mut fresh).await.unwrap().contains("34461A"),
            "{resource}"
        );
        fresh.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_whose_deadline_passed_has_its_lock_again_when_it_recovers() {
    let served = served().await;
    for resource in served.resources() {
        let mut session = served.open(&resource, Some(SOON)).await.unwrap();
        assert!(served.bench.set_fault(&served.name, Fault::NoAnswer));
        let late = session
            .query("*IDN?", served.clock.now().after(A_WHILE))
            .await
            .unwrap_err();
        assert_eq!(late.kind(), ErrorKind::Timeout, "{late}");
        served.bench.clear_faults(&served.name);
        session.recover(served.clock.now().after(SOON)).await.unwrap();
        assert!(served.identity(&mut session).await.unwrap().contains("34461A"));
        assert!(served.open(&resource, Some(A_WHILE)).await.is_err(), "{resource}");
        session.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_trigger_is_the_interfaces_own_where_it_has_one() {
    let served = served().await;
    let file = format!("instruments/{MODEL}/driver.toml");
    let definition = Arc::new(parse_driver(MODEL, &file, &text(&file)).unwrap());
    for resource in served.resources() {
        let trace = Arc::new(MemoryTrace::default());
        let session = served.open(&resource, None).await.unwrap();
        let sink = Arc::clone(&trace);
        let traced = Box::new(Traced::new(session, Arc::clone(&served.clock), sink));
        let mut meter = drive(traced, Arc::clone(&definition), Options::default(), &served.clock);
        let request = Measure {
            sampling: Sampling {
                trigger: Some(Trigger::Bus),
                ..Sampling::ONE
            },
            ..Measure::of(Function::DcVoltage)
        };
        meter.measure(&request).await.unwrap();
        let events = trace.events();
        assert!(events.contains(&TraceEvent::Triggered), "{resource}: {events:?}");
        assert!(
            !events.contains(&TraceEvent::Written(b"*TRG".to_vec())),
            "{resource}: {events:?}"
        );
        meter.close().await.unwrap();
    }
}

#[test]
fn where_there_is_no_lock_exclusive_is_refused_with_the_reason() {
    let station = |resource: &str, more: &str| {
        let text = format!(
            "[station]\nid = \"B\"\n[instruments.dmm]\ndriver = \"{MODEL}\"\nresource = \"{resource}\"\nexclusive = true\n{more}"
        );
        super::parse("s.toml", &text).map(|file| file.instruments.into_values().all(|known| known.exclusive))
    };
    for (resource, why) in [
        (
            "TCPIP::10.0.0.7::5025::SOCKET",
            "a plain socket has no lock; VXI-11, HiSLIP and VISA have",
        ),
        ("ASRL/dev/ttyUSB0::INSTR", "a serial line has no lock and needs none"),
        ("REPLAY::a.txt::dmm", "a transcript is nobody else's to use"),
    ] {
        let said = station(resource, "").unwrap_err().render_short();
        let expected = format!("s.toml:6:13: error: `exclusive` keeps nobody out here: {why}");
        assert!(said.contains(&expected), "{said}");
    }
    for resource in [
        "TCPIP::10.0.0.7::inst0::INSTR",
        "TCPIP::10.0.0.7::hislip0::INSTR",
        "GPIB0::22::INSTR",
        "USB0::0x2A8D::0x1301::MY1::INSTR",
    ] {
        assert!(station(resource, "").unwrap());
        let said = station(resource, "shared = true\n").unwrap_err().render_short();
        assert!(said.contains("keeps out those with whom it is `shared`"), "{said}");
    }
}
