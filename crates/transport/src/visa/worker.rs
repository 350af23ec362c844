//! The thread that blocks in a VISA library.

use super::{attributes, library};
use benchtop_instrument::{ErrorKind, LineSettings, human_duration};
use std::{
    cell::Cell,
    fmt,
    io::{self, Read},
    panic::{self, AssertUnwindSafe, catch_unwind},
    sync::{Once, mpsc},
    thread,
    time::Duration,
};
use tokio::sync::oneshot;
use visa_rs::{AsResourceManager, DefaultRM, Instrument, VisaString, enums::status::ErrorCode, flags::AccessMode};

/// Bytes that one look takes.
const CHUNK: usize = 4096;

/// What went wrong in a call.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The library's own status.
    Status(ErrorCode),
    /// The call panicked.
    Panicked(String),
    /// In words.
    Told(String),
    /// There is no library.
    NoLibrary(String),
    /// Another session has the lock, and kept it for so long.
    Locked(Duration),
    /// There is no lock to take.
    NoLock,
    /// The thread has ended.
    Gone,
}

impl Trouble {
    pub(super) fn kind(&self) -> ErrorKind {
        match self {
            Self::Status(ErrorCode::ErrorTmo) => ErrorKind::Timeout,
            Self::Status(
                ErrorCode::ErrorConnLost | ErrorCode::ErrorInvObject | ErrorCode::ErrorRsrcNfound | ErrorCode::ErrorIo,
            )
            | Self::Gone => ErrorKind::Disconnected,
            Self::Status(ErrorCode::ErrorNsupOper | ErrorCode::ErrorNimplOper) | Self::NoLibrary(_) | Self::NoLock => {
                ErrorKind::Unsupported
            }
            Self::Status(_) | Self::Panicked(_) | Self::Told(_) | Self::Locked(_) => ErrorKind::Io,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(code) => write!(f, "VISA says: {code}"),
            Self::Panicked(message) => write!(f, "the VISA library did what its interface does not allow: {message}"),
            Self::Told(message) | Self::NoLibrary(message) => f.write_str(message),
            Self::Locked(waited) => write!(
                f,
                "the instrument is locked by another session; it did not let go in {}",
                human_duration(*waited)
            ),
            Self::NoLock => f.write_str("the instrument cannot be locked through this VISA library"),
            Self::Gone => f.write_str("the VISA session has ended"),
        }
    }
}

impl From<visa_rs::Error> for Trouble {
    fn from(error: visa_rs::Error) -> Self {
        Self::Status(error.0)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        match visa_rs::Error::try_from(error) {
            Ok(error) => error.into(),
            Err(error) => Self::Told(error.to_string()),
        }
    }
}

type Job = Box<dyn FnOnce(&Instrument) + Send>;

/// A session, and the thread that it lives on.
#[derive(Debug)]
pub(super) struct Worker {
    jobs: mpsc::Sender<Job>,
    ended: oneshot::Receiver<()>,
}

impl Worker {
    /// Opens a session on a thread of its own.
    pub(super) async fn open(
        name: &str,
        line: &LineSettings,
        stream: bool,
        patience: Duration,
    ) -> Result<Self, Trouble> {
        let (jobs, taken) = mpsc::channel::<Job>();
        let (opened, opening) = oneshot::channel();
        let (alive, ended) = oneshot::channel::<()>();
        let (visa_name, line) = (name.to_owned(), line.clone());
        let started = thread::Builder::new().name(format!("visa {name}")).spawn(move || {
            let _alive = alive;
            match contained(|| open(&visa_name, &line, stream, patience)) {
                Ok(session) => {
                    let (_manager, instrument) = &session;
                    // where nobody waits any more, there are no jobs either
                    drop(opened.send(Ok(())));
                    while let Ok(job) = taken.recv() {
                        job(instrument);
                    }
                    let closed = contained(move || {
                        drop(session);
                        Ok(())
                    });
                    drop(closed);
                }
                Err(trouble) => drop(opened.send(Err(trouble))),
            }
        });
        started.map_err(|error| Trouble::Told(error.to_string()))?;
        opening.await.unwrap_or(Err(Trouble::Gone))?;
        Ok(Self { jobs, ended })
    }

    /// Does something with the session, which may take so long.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        patience: Duration,
        work: impl FnOnce(&Instrument) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Trouble> {
        let (done, doing) = oneshot::channel();
        let job: Job = Box::new(move |instrument| {
            let result = contained(|| {
                attributes::set_timeout(instrument, patience)?;
                work(instrument)
            });
            drop(done.send(result));
        });
        self.jobs.send(job).map_err(|_ended| Trouble::Gone)?;
        doing.await.unwrap_or(Err(Trouble::Gone))
    }

    /// Closes the session and waits until that is done.
    pub(super) async fn close(self) {
        drop(self.jobs);
        drop(self.ended.await);
    }
}

thread_local! {
    /// This thread is in a call whose panic becomes an error.
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Keeps panics of contained calls from being printed; others are told as before.
fn tell_no_contained_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let tell = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !CONTAINED.get() {
                tell(panic);
            }
        }));
    });
}

/// What a call says, a panic included.
fn contained<T>(call: impl FnOnce() -> Result<T, Trouble>) -> Result<T, Trouble> {
    tell_no_contained_panics();
    CONTAINED.set(true);
    let ended = catch_unwind(AssertUnwindSafe(call));
    CONTAINED.set(false);
    ended.unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        Err(Trouble::Panicked(text.unwrap_or("no reason given").to_owned()))
    })
}

/// The names that the library lists, from a thread of its own: it may not come back.
pub(super) async fn list() -> Result<Vec<String>, Trouble> {
    let (done, doing) = oneshot::channel();
    let started = thread::Builder::new()
        .name("visa list".to_owned())
        .spawn(move || drop(done.send(contained(names))));
    started.map_err(|error| Trouble::Told(error.to_string()))?;
    doing.await.unwrap_or(Err(Trouble::Gone))
}

fn names() -> Result<Vec<String>, Trouble> {
    library::load().map_err(Trouble::NoLibrary)?;
    let manager = DefaultRM::new()?;
    let expression = VisaString::from_string("?*INSTR".to_owned());
    let expression = expression.ok_or_else(|| Trouble::Told("a pattern has no NUL in it".to_owned()))?;
    let mut list = match manager.find_res_list(&expression) {
        Ok(list) => list,
        // nothing there is no trouble
        Err(visa_rs::Error(ErrorCode::ErrorRsrcNfound)) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut names = Vec::new();
    while let Some(name) = list.find_next()? {
        names.push(name.to_string_lossy().into_owned());
    }
    Ok(names)
}

fn open(name: &str, line: &LineSettings, stream: bool, patience: Duration) -> Result<(DefaultRM, Instrument), Trouble> {
    library::load().map_err(Trouble::NoLibrary)?;
    let manager = DefaultRM::new()?;
    let resource = VisaString::from_string(name.to_owned());
    let resource = resource.ok_or_else(|| Trouble::Told("a resource name has no NUL in it".to_owned()))?;
    let instrument = manager.open(&resource, AccessMode::NO_LOCK, patience)?;
    if let Some(longest) = line.exclusive {
        // a refusal comes before the deadline
        lock(&instrument, longest.min(patience.saturating_sub(patience / 20)))?;
    }
    if stream {
        attributes::set_stream(&instrument, line, name.to_ascii_uppercase().starts_with("ASRL"))?;
    }
    Ok((manager, instrument))
}

/// Takes the lock, which goes with the session: whoever closes it lets go.
fn lock(instrument: &Instrument, patience: Duration) -> Result<(), Trouble> {
    let refused = |visa_rs::Error(code): visa_rs::Error| {
        if matches!(code, ErrorCode::ErrorTmo | ErrorCode::ErrorRsrcLocked) {
            return Trouble::Locked(patience);
        }
        let trouble = Trouble::Status(code);
        if trouble.kind() == ErrorKind::Unsupported {
            Trouble::NoLock
        } else {
            trouble
        }
    };
    instrument.lock_exclusive(patience).map_err(refused)
}

/// What has come, without waiting for more.
pub(super) fn read_what_is_there(mut instrument: &Instrument) -> Result<Vec<u8>, Trouble> {
    attributes::set_timeout(instrument, Duration::ZERO)?;
    let mut chunk = vec![0; CHUNK];
    match instrument.read(&mut chunk).map_err(Trouble::from) {
        Ok(count) => {
            chunk.truncate(count);
            Ok(chunk)
        }
        Err(trouble) if trouble.kind() == ErrorKind::Timeout => Ok(Vec::new()),
        Err(trouble) => Err(trouble),
    }
}
