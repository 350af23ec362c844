//! The core channel: one connection's links and calls (VXI-11, B.6).

use super::{
    CORE, VERSION,
    link::{Code, Failure, Link, Links, MAX_RECEIVE, Patience},
};
use crate::serve::{
    names::Names,
    rpc::{Answer, Call, MAX_RECORD, Program, Reader, Writer},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// How many links one connection may have.
const MAX_LINKS: usize = 256;
/// The longest device name that is looked at.
const MAX_NAME: usize = 256;

/// Flag: wait for the lock.
const WAIT_LOCK: i32 = 1;
/// Flag: the message ends here.
const END: i32 = 8;
/// Flag: stop at the termination character.
const TERMINATION_CHARACTER: i32 = 128;

/// Reason: as much as was asked for.
const REQUESTED_COUNT: u32 = 1;
/// Reason: the termination character.
const CHARACTER: u32 = 2;
/// Reason: the message ends here.
const ENDED: u32 = 4;

/// The calls of a link that take the same arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Generic {
    StatusByte,
    Trigger,
    Clear,
    /// To remote and to local: there is no front panel to lock.
    RemoteOrLocal,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Core {
    names: Arc<Names>,
    links: Arc<Links>,
    abort_port: u16,
    own: BTreeMap<i32, Link>,
}

/// Arguments that are not there are nothing.
type Called = Option<Result<Writer, Failure>>;

impl Program for Core {
    async fn call(&mut self, call: Call<'_>) -> Answer {
        match (call.program, call.version) {
            (CORE, VERSION) => {}
            (CORE, _) => return Answer::OtherVersion(VERSION),
            _ => return Answer::NoSuchProgram,
        }
        let arguments = call.arguments;
        let mut nothing = Writer::default();
        let called = match call.procedure {
            0 => return Answer::Results(nothing),
            10 => {
                nothing = nothing.int(0).word(0).word(0);
                self.create_link(arguments).await
            }
            11 => {
                nothing = nothing.word(0);
                self.write(arguments).await
            }
            12 => {
                nothing = nothing.word(0).opaque(&[]);
                self.read(arguments).await
            }
            13 => {
                nothing = nothing.word(0);
                self.generic(Generic::StatusByte, arguments).await
            }
            14 => self.generic(Generic::Trigger, arguments).await,
            15 => self.generic(Generic::Clear, arguments).await,
            16 | 17 => self.generic(Generic::RemoteOrLocal, arguments).await,
            18 => self.lock(arguments).await,
            19 => self.unlock(arguments),
            20 | 25 => Some(Err(Code::NotSupported.into())),
            22 => {
                nothing = nothing.opaque(&[]);
                self.command(arguments)
            }
            23 => self.destroy_link(arguments),
            26 => Some(Err(Code::NoChannel.into())),
            _ => return Answer::NoSuchProcedure,
        };
        match called {
            None => Answer::GarbageArguments,
            Some(Err(Failure::Dropped)) => Answer::HangUp,
            Some(Ok(results)) => Answer::Results(with_code(0, &results)),
            Some(Err(Failure::Code(code))) => Answer::Results(with_code(code.number(), &nothing)),
        }
    }
}

/// Every result begins with its error.
fn with_code(code: u32, results: &Writer) -> Writer {
    let mut whole = Writer::default().word(code);
    whole.0.extend_from_slice(&results.0);
    whole
}

impl Core {
    pub(super) const fn new(names: Arc<Names>, links: Arc<Links>, abort_port: u16) -> Self {
        Self {
            names,
            links,
            abort_port,
            own: BTreeMap::new(),
        }
    }

    fn link(&mut self, number: i32) -> Result<&mut Link, Code> {
        self.own.get_mut(&number).ok_or(Code::InvalidLink)
    }

    async fn create_link(&mut self, mut arguments: Reader<'_>) -> Called {
        let _client = arguments.int()?;
        let lock = arguments.bool()?;
        let lock_timeout = milliseconds(arguments.word()?);
        let name = arguments.opaque(MAX_NAME)?;
        Some(self.linked(lock, lock_timeout, name).await.map_err(Failure::Code))
    }

    async fn linked(&mut self, lock: bool, lock_timeout: Duration, name: &[u8]) -> Result<Writer, Code> {
        if self.own.len() >= MAX_LINKS {
            return Err(Code::OutOfResources);
        }
        let instrument = self.names.find(name).ok_or(Code::NotAccessible)?;
        let mut link = Link::open(&self.links, instrument)?;
        if lock {
            link.lock(Some(lock_timeout)).await?;
        }
        let number = link.number;
        self.own.insert(number, link);
        let most = u32::try_from(MAX_RECEIVE).unwrap_or(u32::MAX);
        Ok(Writer::default()
            .int(number)
            .word(u32::from(self.abort_port))
            .word(most))
    }

    async fn write(&mut self, mut arguments: Reader<'_>) -> Called {
        let number = arguments.int()?;
        let [io, lock] = [arguments.word()?, arguments.word()?];
        let flags = arguments.int()?;
        let bytes = arguments.opaque(MAX_RECORD)?;
        let link = match self.link(number) {
            Ok(link) => link,
            Err(code) => return Some(Err(code.into())),
        };
        let written = link.write(bytes, flags & END != 0, patience(flags, io, lock)).await;
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        Some(written.map(|()| Writer::default().word(length)))
    }

    async fn read(&mut self, mut arguments: Reader<'_>) -> Called {
        let number = arguments.int()?;
        let requested = arguments.word()?;
        let [io, lock] = [arguments.word()?, arguments.word()?];
        let flags = arguments.int()?;
        let [.., stop] = arguments.word()?.to_be_bytes();
        let stop = (flags & TERMINATION_CHARACTER != 0).then_some(stop);
        let link = match self.link(number) {
            Ok(link) => link,
            Err(code) => return Some(Err(code.into())),
        };
        let limit = usize::try_from(requested).unwrap_or(usize::MAX);
        let part = link.read(limit, stop, patience(flags, io, lock)).await;
        Some(part.map(|part| {
            let reason = [
                (part.bytes.len() == limit, REQUESTED_COUNT),
                (stop.is_some() && part.bytes.last() == stop.as_ref(), CHARACTER),
                (part.ends, ENDED),
            ];
            let reason = reason.into_iter().filter(|(applies, _)| *applies);
            Writer::default()
                .word(reason.fold(0, |all, (_, reason)| all | reason))
                .opaque(&part.bytes)
        }))
    }

    async fn generic(&mut self, generic: Generic, mut arguments: Reader<'_>) -> Called {
        let number = arguments.int()?;
        let flags = arguments.int()?;
        let [lock, io] = [arguments.word()?, arguments.word()?];
        let link = match self.link(number) {
            Ok(link) => link,
            Err(code) => return Some(Err(code.into())),
        };
        let patience = patience(flags, io, lock);
        let done = match generic {
            Generic::StatusByte => {
                let byte = link.status_byte(patience).await;
                return Some(byte.map(|byte| Writer::default().word(u32::from(byte))));
            }
            Generic::Trigger => link.trigger(patience).await,
            Generic::Clear => link.clear(patience).await,
            Generic::RemoteOrLocal => link.pass(patience.lock).await,
        };
        Some(done.map(|()| Writer::default()))
    }

    async fn lock(&mut self, mut arguments: Reader<'_>) -> Called {
        let number = arguments.int()?;
        let flags = arguments.int()?;
        let timeout = arguments.word()?;
        let locked = match self.link(number) {
            Ok(link) => link.lock(patience(flags, 0, timeout).lock).await,
            Err(code) => Err(code),
        };
        Some(locked.map(|()| Writer::default()).map_err(Failure::Code))
    }

    fn unlock(&mut self, mut arguments: Reader<'_>) -> Called {
        let number = arguments.int()?;
        let unlocked = self.link(number).and_then(Link::unlock);
        Some(unlocked.map(|()| Writer::default()).map_err(Failure::Code))
    }

    /// Low-level commands are for gateways to other buses; an instrument has none.
    fn command(&mut self, mut arguments: Reader<'_>) -> Called {
        let number = arguments.int()?;
        let code = self.link(number).map_or_else(|code| code, |_| Code::NotSupported);
        Some(Err(code.into()))
    }

    fn destroy_link(&mut self, mut arguments: Reader<'_>) -> Called {
        let number = arguments.int()?;
        let destroyed = self.own.remove(&number).ok_or(Code::InvalidLink);
        Some(destroyed.map(|_| Writer::default()).map_err(Failure::Code))
    }
}

fn milliseconds(count: u32) -> Duration {
    Duration::from_millis(u64::from(count))
}

fn patience(flags: i32, io: u32, lock: u32) -> Patience {
    Patience {
        io: milliseconds(io),
        lock: (flags & WAIT_LOCK != 0).then(|| milliseconds(lock)),
    }
}
