//! The session suite, which plays the device's end of the same pipe that simulated instruments sit at.

use crate::{client::Progress, session::DeviceEnd, session::PipeSession};
use async_trait::async_trait;
use benchtop_instrument::{
    Clock, RealClock, Resource, Session,
    conformance::{FarEnd, OutOfBand, SessionRig, endurance, session},
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};
use tokio::sync::Notify;

#[derive(Default)]
struct Line {
    to_device: VecDeque<Vec<u8>>,
    to_host: Vec<u8>,
    hung_up: bool,
}

/// The device's end as the session sees it.
#[derive(Clone)]
struct Played {
    line: Arc<Mutex<Line>>,
    /// The host has something to look at.
    for_host: Arc<Notify>,
    /// The suite has something to look at.
    for_device: Arc<Notify>,
}

impl DeviceEnd for Played {
    fn message(&mut self, message: &[u8]) {
        self.line.lock().unwrap().to_device.push_back(message.to_vec());
        self.for_device.notify_one();
    }

    fn collect(&mut self, into: &mut Vec<u8>) -> Progress {
        let mut line = self.line.lock().unwrap();
        into.append(&mut line.to_host);
        if line.hung_up { Progress::Gone } else { Progress::Idle }
    }

    fn changed(&self) -> Arc<Notify> {
        Arc::clone(&self.for_host)
    }

    fn clear(&mut self) -> bool {
        self.line.lock().unwrap().to_host.clear();
        true
    }

    fn status_byte(&mut self, underway: bool) -> Option<u8> {
        let waits = underway || !self.line.lock().unwrap().to_host.is_empty();
        Some(if waits { 0x10 } else { 0 })
    }

    fn unterminated(&mut self) {}

    fn reconnect(&mut self) -> bool {
        *self.line.lock().unwrap() = Line::default();
        true
    }
}

#[async_trait]
impl FarEnd for Played {
    async fn receive(&mut self) -> Option<Vec<u8>> {
        loop {
            let waiting = self.for_device.notified();
            if let Some(message) = self.line.lock().unwrap().to_device.pop_front() {
                return Some(message);
            }
            waiting.await;
        }
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.line.lock().unwrap().to_host.extend_from_slice(bytes);
        self.for_host.notify_waiters();
    }

    async fn hang_up(&mut self) {
        self.line.lock().unwrap().hung_up = true;
        self.for_host.notify_waiters();
    }
}

struct Rig(Arc<dyn Clock>);

#[async_trait]
impl SessionRig for Rig {
    async fn open(&self) -> (Box<dyn Session>, Box<dyn FarEnd>) {
        let played = Played {
            line: Arc::default(),
            for_host: Arc::default(),
            for_device: Arc::default(),
        };
        let resource = Resource::Simulated {
            bench: "suite".to_owned(),
            name: "played".to_owned(),
        };
        let session = PipeSession::new(resource, Arc::clone(&self.0), played.clone());
        (Box::new(session), Box::new(played))
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.0)
    }

    fn out_of_band(&self) -> OutOfBand {
        OutOfBand::ALL
    }
}

#[tokio::test]
async fn an_in_process_session_conforms() {
    session(&Rig(RealClock::shared())).await.unwrap();
}

#[test]
fn in_process_sessions_leave_nothing_behind() {
    let test = "tests::conformance::in_process_sessions_leave_nothing_behind";
    println!("{}", endurance(test, &Rig(RealClock::shared())).unwrap());
}
