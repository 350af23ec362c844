//! A VISA library for tests: what VPP-4.3.2 asks of the calls that Benchtop makes, and nothing else.
//!
//! `TCPIP0::127.0.0.1::<port>::SOCKET` is a byte stream. `USB0::...::TCP<port>::INSTR` and `GPIB0::TCP<port>::INSTR` are message
//! based: a message has an end, there is a status byte, device clear and a trigger (the port hears `*TRG`); behind them lies the
//! same TCP port. A message ends there with a line feed; behind `USB0::...::END<port>::INSTR` it ends where the port says so, with
//! or without one: what comes from there is frames of a length in four bytes, its highest bit for the end, and so many bytes.
//! `GPIB0::<n>::INSTR` fails in the way of number `n`: see `Fault`. Locks keep the other sessions of one name out.
#![expect(unsafe_code, reason = "it is called from C's side of an interface")]
#![expect(missing_docs, clippy::missing_safety_doc, reason = "VPP-4.3.2 documents the calls")]
#![expect(clippy::disallowed_methods, reason = "a library from elsewhere has its own clock")]

use std::{
    collections::{HashMap, VecDeque},
    ffi::{CStr, CString, c_char, c_void},
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

type Status = i32;

const SUCCESS: Status = 0;
const SUCCESS_TERMINATOR: Status = 0x3FFF_0005;
const SUCCESS_COUNT: Status = 0x3FFF_0006;
const NO_OBJECT: Status = error(0x0E);
const LOCKED: Status = error(0x0F);
const NOT_FOUND: Status = error(0x11);
const TIMEOUT: Status = error(0x15);
const LOST: Status = error(0xA6);
const NOT_SUPPORTED: Status = error(0x67);
const NOT_LOCKED: Status = error(0x9C);
/// No status that a VISA library may answer with.
const NONSENSE: Status = error(0xFFF);

const fn error(code: u32) -> Status {
    (0xBFFF_0000_u32 | code).cast_signed()
}

const ATTRIBUTE_TIMEOUT: u32 = 0x3FFF_001A;
const ATTRIBUTE_TERMINATOR: u32 = 0x3FFF_0018;
const ATTRIBUTE_TERMINATOR_ENABLED: u32 = 0x3FFF_0038;

/// What goes wrong on `GPIB0::<n>::INSTR`.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// 1: reading answers a status that there is none.
    UnknownStatus,
    /// 2: reading does not keep its timeout, by far.
    Hangs,
    /// 3: half of what is written goes out.
    ShortWrites,
    /// 4: the status byte does not keep its timeout, by far.
    StatusHangs,
    /// 5: it has no trigger and no lock.
    Bare,
}

struct Session {
    port: u16,
    stream: Option<TcpStream>,
    /// What came and was not read.
    pending: Vec<u8>,
    /// What is left of a message that was read in part.
    left: Option<usize>,
    timeout: Duration,
    terminator: Option<u8>,
    enabled: bool,
    message_based: bool,
    /// Its messages end where its frames say so: how they came, and behind how many bytes of `pending` one ends.
    frames: Option<Frames>,
    fault: Fault,
}

#[derive(Default)]
struct Frames {
    raw: Vec<u8>,
    ends: VecDeque<usize>,
}

static NEXT: AtomicU32 = AtomicU32::new(1);
/// What is left of each list.
static LISTS: Mutex<Option<HashMap<u32, VecDeque<CString>>>> = Mutex::new(None);
static SESSIONS: Mutex<Option<HashMap<u32, Arc<Mutex<Session>>>>> = Mutex::new(None);
/// What each session is called, and which session has the lock of that name.
static NAMES: Mutex<Option<HashMap<u32, String>>> = Mutex::new(None);
static LOCKS: Mutex<Option<HashMap<String, u32>>> = Mutex::new(None);

fn sessions<T>(work: impl FnOnce(&mut HashMap<u32, Arc<Mutex<Session>>>) -> T) -> T {
    let mut all = SESSIONS.lock().unwrap_or_else(PoisonError::into_inner);
    work(all.get_or_insert_default())
}

fn name_of(id: u32) -> Option<String> {
    let names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    names.as_ref()?.get(&id).cloned()
}

fn locks<T>(work: impl FnOnce(&mut HashMap<String, u32>) -> T) -> T {
    let mut all = LOCKS.lock().unwrap_or_else(PoisonError::into_inner);
    work(all.get_or_insert_default())
}

/// Another session of the same name has the lock.
fn is_locked_out(id: u32) -> bool {
    let name = name_of(id).unwrap_or_default();
    locks(|all| all.get(&name).is_some_and(|holder| *holder != id))
}

/// Input and output, which a lock of another session forbids.
fn operation(id: u32, work: impl FnOnce(&mut Session) -> Status) -> Status {
    if is_locked_out(id) {
        return LOCKED;
    }
    with(id, work)
}

fn with(id: u32, work: impl FnOnce(&mut Session) -> Status) -> Status {
    // others go on while one session waits
    let found = sessions(|all| all.get(&id).cloned());
    found.map_or(NO_OBJECT, |session| {
        work(&mut session.lock().unwrap_or_else(PoisonError::into_inner))
    })
}

impl Session {
    fn named(name: &str) -> Option<Self> {
        let parts: Vec<&str> = name.split("::").collect();
        let fault = |number: &str| match number {
            "1" => Some(Fault::UnknownStatus),
            "2" => Some(Fault::Hangs),
            "3" => Some(Fault::ShortWrites),
            "4" => Some(Fault::StatusHangs),
            "5" => Some(Fault::Bare),
            _ => None,
        };
        let framed = |place: &str| place.strip_prefix("END").and_then(|port| port.parse().ok());
        let mut frames = None;
        let (port, message_based, fault) = match parts.as_slice() {
            ["TCPIP0", "127.0.0.1", port, "SOCKET"] => (port.parse().ok()?, false, Fault::None),
            ["GPIB0", number, "INSTR"] if fault(number).is_some() => (0, true, fault(number)?),
            ["GPIB0" | "USB0", .., place, "INSTR"] if framed(place).is_some() => {
                frames = Some(Frames::default());
                (framed(place)?, true, Fault::None)
            }
            ["GPIB0" | "USB0", .., place, "INSTR"] => (place.strip_prefix("TCP")?.parse().ok()?, true, Fault::None),
            _ => return None,
        };
        Some(Self {
            port,
            stream: None,
            pending: Vec::new(),
            left: None,
            timeout: Duration::from_secs(2),
            terminator: Some(b'\n'),
            enabled: false,
            message_based,
            frames,
            fault,
        })
    }

    fn connect(&mut self) -> bool {
        self.pending.clear();
        self.left = None;
        self.frames = self.frames.take().map(|_| Frames::default());
        self.stream = TcpStream::connect(("127.0.0.1", self.port)).ok();
        if let Some(stream) = &self.stream {
            drop(stream.set_nodelay(true));
        }
        self.stream.is_some()
    }

    /// Where what is pending may be handed over, and why there.
    fn end(&mut self, most: usize) -> Option<(usize, Status)> {
        let at_most = |end: usize, why: Status| Some(if end <= most { (end, why) } else { (most, SUCCESS_COUNT) });
        if let Some(frames) = &self.frames {
            return match frames.ends.front() {
                Some(end) => at_most(*end, SUCCESS),
                None => (self.pending.len() >= most).then_some((most, SUCCESS_COUNT)),
            };
        }
        if self.message_based {
            let left = self.left.or_else(|| end_of_message(&self.pending))?;
            self.left = left.checked_sub(most).filter(|left| *left > 0);
            return at_most(left, SUCCESS);
        }
        if let (true, Some(terminator)) = (self.enabled, self.terminator)
            && let Some(place) = self.pending.iter().position(|byte| *byte == terminator)
        {
            return at_most(place + 1, SUCCESS_TERMINATOR);
        }
        (self.pending.len() >= most).then_some((most, SUCCESS_COUNT))
    }

    fn fill(&mut self, until: Instant) -> Result<(), Status> {
        let Some(stream) = &mut self.stream else {
            return Err(LOST);
        };
        let left = until
            .saturating_duration_since(Instant::now())
            .max(Duration::from_micros(100));
        drop(stream.set_read_timeout(Some(left)));
        let mut chunk = [0; 65536];
        match stream.read(&mut chunk) {
            Ok(0) => Err(LOST),
            Ok(count) => {
                let came = chunk.get(..count).unwrap_or_default();
                match &mut self.frames {
                    Some(frames) => frames.take(came, &mut self.pending),
                    None => self.pending.extend_from_slice(came),
                }
                Ok(())
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Err(TIMEOUT),
            Err(_) => Err(LOST),
        }
    }

    fn read(&mut self, most: usize) -> (Vec<u8>, Status) {
        let until = Instant::now() + self.timeout;
        match self.fault {
            Fault::UnknownStatus => return (Vec::new(), NONSENSE),
            Fault::Hangs => {
                thread::sleep(self.timeout + Duration::from_secs(3));
                return (Vec::new(), TIMEOUT);
            }
            Fault::None | Fault::ShortWrites | Fault::StatusHangs | Fault::Bare => {}
        }
        loop {
            if let Some((end, status)) = self.end(most) {
                if let Some(frames) = &mut self.frames {
                    frames.handed_over(end);
                }
                return (self.pending.drain(..end).collect(), status);
            }
            if let Err(status) = self.fill(until) {
                return (Vec::new(), status);
            }
        }
    }
}

impl Frames {
    /// Takes what came, and puts what is whole of it behind what is pending.
    fn take(&mut self, came: &[u8], pending: &mut Vec<u8>) {
        self.raw.extend_from_slice(came);
        while let Some((head, rest)) = self.raw.split_first_chunk::<4>() {
            let head = u32::from_be_bytes(*head);
            let length = usize::try_from(head & 0x7FFF_FFFF).unwrap_or(usize::MAX);
            let Some(bytes) = rest.get(..length) else {
                return;
            };
            pending.extend_from_slice(bytes);
            if head & 0x8000_0000 != 0 {
                self.ends.push_back(pending.len());
            }
            drop(self.raw.drain(..4 + length));
        }
    }

    fn handed_over(&mut self, count: usize) {
        for end in &mut self.ends {
            *end -= count;
        }
        while self.ends.front() == Some(&0) {
            self.ends.pop_front();
        }
    }
}

/// Behind the first line feed outside a definite-length block. Nothing in quotes begins a block.
fn end_of_message(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut quoted) = (0, false);
    loop {
        let byte = *bytes.get(at)?;
        quoted ^= byte == b'"';
        match byte {
            b'\n' => return Some(at + 1),
            b'#' if !quoted => at = end_of_block(bytes, at).unwrap_or(at + 1),
            _ => at += 1,
        }
    }
}

/// `#<n><length, n digits><bytes>`
fn end_of_block(bytes: &[u8], at: usize) -> Option<usize> {
    let digits = usize::from(bytes.get(at + 1)?.checked_sub(b'0')?);
    let begin = at + 2 + digits;
    let length = str::from_utf8(bytes.get(at + 2..begin)?).ok()?;
    Some(begin + length.parse::<usize>().ok()?)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn viOpenDefaultRM(manager: *mut u32) -> Status {
    // SAFETY: the caller hands over a place for a session, as VPP-4.3.2 asks
    unsafe { *manager = NEXT.fetch_add(1, Ordering::Relaxed) };
    SUCCESS
}

/// What is listed: what the variable names, blanks between, else an instrument, a serial port, and another instrument.
fn listed() -> VecDeque<CString> {
    let named = std::env::var("BENCHTOP_VISA_DOUBLE_LIST");
    let names = named
        .as_deref()
        .unwrap_or("GPIB0::1::INSTR ASRL1::INSTR USB0::0x2A8D::0x1301::TCP1::INSTR");
    names
        .split_whitespace()
        .filter_map(|name| CString::new(name).ok())
        .collect()
}

/// Hands over the next name of a list, if there is one.
///
/// # Safety
/// `place` has room for 256 bytes.
unsafe fn hand_over(names: &mut VecDeque<CString>, place: *mut c_char) -> Status {
    let Some(name) = names.pop_front() else {
        return NOT_FOUND;
    };
    let name = name.as_bytes_with_nul();
    if name.len() > 256 {
        return NOT_FOUND;
    }
    // SAFETY: there is room, says the caller, and the name is not longer
    unsafe { std::ptr::copy_nonoverlapping(name.as_ptr().cast(), place, name.len()) };
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn viFindRsrc(
    _manager: u32,
    _expression: *const c_char,
    list: *mut u32,
    count: *mut u32,
    first: *mut c_char,
) -> Status {
    let mut names = listed();
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    // SAFETY: the caller hands over places for both numbers, and 256 bytes for a name
    let status = unsafe {
        *list = id;
        *count = u32::try_from(names.len()).unwrap_or_default();
        hand_over(&mut names, first)
    };
    let mut lists = LISTS.lock().unwrap_or_else(PoisonError::into_inner);
    lists.get_or_insert_default().insert(id, names);
    status
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn viFindNext(list: u32, next: *mut c_char) -> Status {
    let mut lists = LISTS.lock().unwrap_or_else(PoisonError::into_inner);
    match lists.get_or_insert_default().get_mut(&list) {
        // SAFETY: the caller hands over 256 bytes for a name
        Some(names) => unsafe { hand_over(names, next) },
        None => NO_OBJECT,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn viOpen(
    _manager: u32,
    name: *const c_char,
    _mode: u32,
    _timeout: u32,
    opened: *mut u32,
) -> Status {
    // SAFETY: the caller hands over a string that ends in NUL
    let name = unsafe { CStr::from_ptr(name) }.to_string_lossy();
    let Some(mut session) = Session::named(&name) else {
        return NOT_FOUND;
    };
    if session.fault == Fault::None && !session.connect() {
        return NOT_FOUND;
    }
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    sessions(|all| all.insert(id, Arc::new(Mutex::new(session))));
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    names.get_or_insert_default().insert(id, name.to_string());
    drop(names);
    // SAFETY: the caller hands over a place for a session
    unsafe { *opened = id };
    SUCCESS
}

#[unsafe(no_mangle)]
pub extern "C" fn viClose(object: u32) -> Status {
    drop(sessions(|all| all.remove(&object)));
    // its lock goes with it
    locks(|all| all.retain(|_, holder| *holder != object));
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    drop(names.get_or_insert_default().remove(&object));
    SUCCESS
}

/// A lock of its own (1); shared ones are not here.
#[unsafe(no_mangle)]
pub extern "C" fn viLock(object: u32, mode: u32, timeout: u32, _asked: *const c_char, _key: *mut c_char) -> Status {
    let mut fault = Fault::None;
    let status = with(object, |session| {
        fault = session.fault;
        SUCCESS
    });
    let Some(name) = name_of(object).filter(|_| status == SUCCESS) else {
        return NO_OBJECT;
    };
    if mode != 1 || fault == Fault::Bare {
        return NOT_SUPPORTED;
    }
    let until = Instant::now() + Duration::from_millis(timeout.into());
    loop {
        let holder = locks(|all| *all.entry(name.clone()).or_insert(object));
        if holder == object {
            return SUCCESS;
        }
        if Instant::now() >= until {
            return TIMEOUT;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn viUnlock(object: u32) -> Status {
    let name = name_of(object).unwrap_or_default();
    locks(|all| match all.get(&name) {
        Some(holder) if *holder == object => {
            all.remove(&name);
            SUCCESS
        }
        _ => NOT_LOCKED,
    })
}

/// The trigger of the interface, which the port hears as the message that means the same.
#[unsafe(no_mangle)]
pub extern "C" fn viAssertTrigger(object: u32, protocol: u16) -> Status {
    operation(object, |session| {
        if !session.message_based || protocol != 0 || session.fault == Fault::Bare {
            return NOT_SUPPORTED;
        }
        let sent = session.stream.as_mut().map(|stream| stream.write_all(b"*TRG\n"));
        if sent.is_some_and(|sent| sent.is_ok()) {
            SUCCESS
        } else {
            LOST
        }
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn viSetAttribute(object: u32, attribute: u32, value: u64) -> Status {
    with(object, |session| {
        match attribute {
            ATTRIBUTE_TIMEOUT => session.timeout = Duration::from_millis(value),
            ATTRIBUTE_TERMINATOR => session.terminator = u8::try_from(value).ok(),
            ATTRIBUTE_TERMINATOR_ENABLED => session.enabled = value != 0,
            _ => {}
        }
        SUCCESS
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn viGetAttribute(_object: u32, _attribute: u32, _value: *mut c_void) -> Status {
    NOT_SUPPORTED
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn viRead(object: u32, buffer: *mut u8, count: u32, taken: *mut u32) -> Status {
    operation(object, |session| {
        let (bytes, status) = session.read(usize::try_from(count).unwrap_or_default());
        // SAFETY: the buffer holds `count` bytes, and no more are taken; `taken` is a place for their number
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), buffer, bytes.len());
            *taken = u32::try_from(bytes.len()).unwrap_or_default();
        }
        status
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn viWrite(object: u32, buffer: *const u8, count: u32, sent: *mut u32) -> Status {
    // SAFETY: the buffer holds `count` bytes
    let bytes = unsafe { std::slice::from_raw_parts(buffer, usize::try_from(count).unwrap_or_default()) };
    operation(object, |session| {
        let all = bytes.len();
        let (written, status) = match (&mut session.stream, session.fault) {
            (_, Fault::ShortWrites) => (all / 2, SUCCESS),
            (_, Fault::UnknownStatus | Fault::Hangs | Fault::StatusHangs | Fault::Bare) => (all, SUCCESS),
            (Some(stream), Fault::None) => match stream.write_all(bytes) {
                Ok(()) => (all, SUCCESS),
                Err(_) => (0, LOST),
            },
            (None, Fault::None) => (0, LOST),
        };
        // SAFETY: `sent` is a place for a number
        unsafe { *sent = u32::try_from(written).unwrap_or_default() };
        status
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn viReadSTB(object: u32, status: *mut u16) -> Status {
    operation(object, |session| {
        if !session.message_based {
            return NOT_SUPPORTED;
        }
        if session.fault == Fault::StatusHangs {
            thread::sleep(session.timeout + Duration::from_secs(3));
            return TIMEOUT;
        }
        if session.fault == Fault::None
            && let Err(error) = session.fill(Instant::now())
            && error != TIMEOUT
        {
            return error;
        }
        // SAFETY: `status` is a place for a number
        unsafe { *status = if session.pending.is_empty() { 0 } else { 16 } };
        SUCCESS
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn viClear(object: u32) -> Status {
    operation(object, |session| match (session.message_based, session.fault) {
        (false, _) => NOT_SUPPORTED,
        // who hangs up forgets what it wanted to say, as an instrument does that was cleared
        (true, Fault::None) if !session.connect() => LOST,
        (true, _) => SUCCESS,
    })
}
