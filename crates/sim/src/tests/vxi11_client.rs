//! A VXI-11 client by hand.

use super::{SOON, board};
use crate::{SimulatedBench, Vxi11Server, VxiAddresses, serve_vxi11};
use benchtop_instrument::{Clock, ClockExt, RealClock};
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

pub(super) const CORE: u32 = 395_183;
pub(super) const ABORT: u32 = 395_184;
pub(super) const PORTMAPPER: u32 = 100_000;
pub(super) const END: u32 = 8;
/// Milliseconds that are as good as for ever in a test.
pub(super) const LONG: u32 = 5000;

pub(super) const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

pub(super) fn bench() -> SimulatedBench {
    board().build(RealClock::shared(), "UNIT-5501")
}

pub(super) async fn serve(bench: &SimulatedBench) -> Vxi11Server {
    let instruments = ["dmm", "psu"].map(|name| (name.to_owned(), bench.instrument(name).unwrap()));
    let addresses = VxiAddresses {
        portmapper: ANY_PORT,
        core: ANY_PORT,
    };
    serve_vxi11(addresses, instruments.to_vec()).await.unwrap()
}

/// A connection with a link to the meter.
pub(super) async fn meter(server: &Vxi11Server) -> (Rpc, u32) {
    let mut rpc = Rpc::new(server.core_addr()).await;
    let link = rpc.link("inst0").await.unwrap();
    (rpc, link)
}

pub(super) fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

pub(super) fn opaque(bytes: &[u8]) -> Vec<u8> {
    let mut whole = words(&[bytes.len().try_into().unwrap()]);
    whole.extend_from_slice(bytes);
    whole.resize(whole.len().next_multiple_of(4), 0);
    whole
}

pub(super) fn word_at(bytes: &[u8], place: usize) -> u32 {
    u32::from_be_bytes(bytes[place * 4..place * 4 + 4].try_into().unwrap())
}

/// A call without its record mark.
pub(super) fn call(program: u32, version: u32, procedure: u32, arguments: &[u8]) -> Vec<u8> {
    let mut call = words(&[7, 0, 2, program, version, procedure, 0, 0, 0, 0]);
    call.extend_from_slice(arguments);
    call
}

pub(super) struct Rpc(pub(super) TcpStream);

impl Rpc {
    pub(super) async fn new(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    pub(super) async fn send(&mut self, record: &[u8]) {
        let mark = 0x8000_0000 | u32::try_from(record.len()).unwrap();
        self.0.write_all(&mark.to_be_bytes()).await.unwrap();
        self.0.write_all(record).await.unwrap();
    }

    /// The next reply, nothing if the connection is over.
    pub(super) async fn receive(&mut self) -> Option<Vec<u8>> {
        let clock = RealClock::new();
        let reply = async {
            let mark = self.0.read_u32().await.ok()?;
            assert_ne!(mark & 0x8000_0000, 0);
            let mut reply = vec![0; (mark & 0x7FFF_FFFF) as usize];
            self.0.read_exact(&mut reply).await.ok()?;
            Some(reply)
        };
        clock
            .within(clock.now().after(SOON * 2), reply)
            .await
            .expect("no reply")
    }

    /// The results of an accepted call, or how it was refused.
    pub(super) async fn call(
        &mut self,
        program: u32,
        version: u32,
        procedure: u32,
        arguments: &[u8],
    ) -> Result<Vec<u8>, u32> {
        self.send(&call(program, version, procedure, arguments)).await;
        let reply = self.receive().await.expect("hung up");
        assert_eq!(reply[..20], words(&[7, 1, 0, 0, 0]));
        match word_at(&reply, 5) {
            0 => Ok(reply[24..].to_vec()),
            refused => Err(refused),
        }
    }

    pub(super) async fn core(&mut self, procedure: u32, arguments: &[u8]) -> Vec<u8> {
        self.call(CORE, 1, procedure, arguments).await.unwrap()
    }

    /// The link, or the error.
    pub(super) async fn link(&mut self, name: &str) -> Result<u32, u32> {
        let arguments = [words(&[1, 0, 0]), opaque(name.as_bytes())].concat();
        let made = self.core(10, &arguments).await;
        match word_at(&made, 0) {
            0 => Ok(word_at(&made, 1)),
            error => Err(error),
        }
    }

    /// The error.
    pub(super) async fn write(&mut self, link: u32, flags: u32, bytes: &[u8]) -> u32 {
        let arguments = [words(&[link, LONG, 0, flags]), opaque(bytes)].concat();
        let written = self.core(11, &arguments).await;
        let error = word_at(&written, 0);
        let length = if error == 0 { bytes.len() } else { 0 };
        assert_eq!(word_at(&written, 1) as usize, length);
        error
    }

    /// Bytes and reason, or the error.
    pub(super) async fn read(
        &mut self,
        link: u32,
        most: u32,
        timeout: u32,
        stop: Option<u8>,
    ) -> Result<(Vec<u8>, u32), u32> {
        let flags = if stop.is_some() { 128 } else { 0 };
        let arguments = words(&[link, most, timeout, 0, flags, stop.unwrap_or(0).into()]);
        let read = self.core(12, &arguments).await;
        match word_at(&read, 0) {
            0 => Ok((read[12..12 + word_at(&read, 2) as usize].to_vec(), word_at(&read, 1))),
            error => Err(error),
        }
    }

    /// A call with the arguments that most have: the results.
    pub(super) async fn generic(&mut self, procedure: u32, link: u32) -> Vec<u8> {
        self.core(procedure, &words(&[link, 0, 0, LONG])).await
    }

    pub(super) async fn status_byte(&mut self, link: u32) -> u32 {
        let results = self.generic(13, link).await;
        assert_eq!(word_at(&results, 0), 0);
        word_at(&results, 1)
    }

    pub(super) async fn ask(&mut self, link: u32, message: &str) -> String {
        assert_eq!(self.write(link, END, message.as_bytes()).await, 0);
        let (answer, reason) = self.read(link, 1 << 20, LONG, None).await.unwrap();
        assert_eq!(reason, 4);
        String::from_utf8(answer).unwrap()
    }
}
