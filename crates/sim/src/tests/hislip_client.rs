//! A HiSLIP client by hand.

use super::SOON;
use benchtop_instrument::{Clock, ClockExt, RealClock};
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

pub(super) const FIRST: u32 = 0xFFFF_FF00;

/// Type, control code, parameter, payload.
pub(super) type Message = (u8, u8, u32, Vec<u8>);

pub(super) fn message(kind: u8, control: u8, parameter: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = b"HS".to_vec();
    bytes.extend([kind, control]);
    bytes.extend(parameter.to_be_bytes());
    bytes.extend((payload.len() as u64).to_be_bytes());
    bytes.extend(payload);
    bytes
}

pub(super) struct Channel(pub(super) TcpStream);

impl Channel {
    pub(super) async fn new(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    pub(super) async fn send(&mut self, kind: u8, control: u8, parameter: u32, payload: &[u8]) {
        let bytes = message(kind, control, parameter, payload);
        self.0.write_all(&bytes).await.unwrap();
    }

    /// The next message, nothing if the connection is over.
    pub(super) async fn receive(&mut self) -> Option<Message> {
        let clock = RealClock::new();
        let message = async {
            let mut header = [0; 16];
            self.0.read_exact(&mut header).await.ok()?;
            assert_eq!(header[..2], *b"HS");
            let length = u64::from_be_bytes(header[8..].try_into().unwrap());
            let mut payload = vec![0; length.try_into().unwrap()];
            self.0.read_exact(&mut payload).await.ok()?;
            let parameter = u32::from_be_bytes(header[4..8].try_into().unwrap());
            Some((header[2], header[3], parameter, payload))
        };
        let deadline = clock.now().after(SOON);
        clock.within(deadline, message).await.expect("no message")
    }

    pub(super) async fn ask(&mut self, kind: u8, control: u8, parameter: u32, payload: &[u8]) -> Message {
        self.send(kind, control, parameter, payload).await;
        self.receive().await.expect("hung up")
    }
}

/// A session, and what its client has to remember.
pub(super) struct Client {
    pub(super) sync: Channel,
    pub(super) asynchronous: Channel,
    /// The number of the next message.
    pub(super) next: u32,
    pub(super) delivered: u8,
}

impl Client {
    pub(super) async fn new(address: SocketAddr, sub_address: &str) -> Self {
        let mut sync = Channel::new(address).await;
        let (kind, control, parameter, _) = sync.ask(0, 0, 0x0100_7878, sub_address.as_bytes()).await;
        assert_eq!((kind, control, parameter >> 16), (1, 0, 0x0100), "{sub_address}");
        let mut asynchronous = Channel::new(address).await;
        let initialized = asynchronous.ask(17, 0, parameter & 0xFFFF, b"").await;
        assert_eq!((initialized.0, initialized.1), (18, 0));
        Self {
            sync,
            asynchronous,
            next: FIRST,
            delivered: 0,
        }
    }

    /// Sends data (6), the end of data (7) or a trigger (12).
    pub(super) async fn send(&mut self, kind: u8, payload: &[u8]) {
        self.sync
            .send(kind, std::mem::take(&mut self.delivered), self.next, payload)
            .await;
        self.next = self.next.wrapping_add(2);
    }

    /// A whole answer to the last message.
    pub(super) async fn answer(&mut self) -> String {
        let mut answer = Vec::new();
        loop {
            let (kind, control, number, payload) = self.sync.receive().await.expect("hung up");
            assert_eq!((control, number), (0, self.next.wrapping_sub(2)), "{kind}");
            answer.extend(payload);
            match kind {
                6 => {}
                7 => break,
                kind => panic!("message {kind}"),
            }
        }
        self.delivered = 1;
        String::from_utf8(answer).unwrap()
    }

    pub(super) async fn ask(&mut self, text: &str) -> String {
        self.send(7, text.as_bytes()).await;
        self.answer().await
    }

    pub(super) async fn status_byte(&mut self) -> u8 {
        let last = self.next.wrapping_sub(2);
        let delivered = std::mem::take(&mut self.delivered);
        let (kind, status, _, _) = self.asynchronous.ask(21, delivered, last, b"").await;
        assert_eq!(kind, 22);
        status
    }

    pub(super) async fn lock(&mut self, timeout: u32, key: &str) -> u8 {
        let (kind, control, _, _) = self.asynchronous.ask(4, 1, timeout, key.as_bytes()).await;
        assert_eq!(kind, 5);
        control
    }

    pub(super) async fn release(&mut self) -> u8 {
        let last = self.next.wrapping_sub(2);
        let (kind, control, _, _) = self.asynchronous.ask(4, 0, last, b"").await;
        assert_eq!(kind, 5);
        control
    }
}
