//! Commands where there are no process groups: the command alone is killed, by hand, and read on threads that block.

use super::{Completed, Ending, Program, command};
use benchtop_instrument::Kept;
use std::{
    io::{self, Read, Write},
    path::Path,
    process::{Child, ChildStdin, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
};
use tokio::sync::mpsc;

/// Bytes taken from a pipe at once.
const CHUNK: usize = 64 * 1024;
/// Chunks that wait to be taken.
const CHUNKS: usize = 16;

/// Which endings of a name are tried is the system's affair.
pub(super) const fn is_program(_path: &Path) -> bool {
    true
}

/// A command. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Group(Arc<Mutex<Child>>);

impl Drop for Group {
    fn drop(&mut self) {
        let mut child = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // it may have ended by itself
        drop(child.kill().and_then(|()| child.wait()));
    }
}

/// A command that runs.
#[derive(Debug)]
pub(super) struct Running {
    group: Group,
    output: mpsc::Receiver<Vec<u8>>,
    error_output: mpsc::Receiver<Vec<u8>>,
}

pub(super) fn start(program: &Program) -> io::Result<Running> {
    let mut child = command(program)?
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (output, error_output) = (child.stdout.take(), child.stderr.take());
    Ok(Running {
        group: Group(Arc::new(Mutex::new(child))),
        output: pump(output.ok_or(io::ErrorKind::BrokenPipe)?)?,
        error_output: pump(error_output.ok_or(io::ErrorKind::BrokenPipe)?)?,
    })
}

fn pump(mut pipe: impl Read + Send + 'static) -> io::Result<mpsc::Receiver<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel(CHUNKS);
    thread::Builder::new().spawn(move || {
        let mut chunk = vec![0; CHUNK];
        while let Ok(length @ 1..) = pipe.read(&mut chunk) {
            let bytes = chunk.get(..length).unwrap_or_default().to_vec();
            if sender.blocking_send(bytes).is_err() {
                return;
            }
        }
    })?;
    Ok(receiver)
}

impl Running {
    pub(super) async fn finish(mut self, most: usize) -> io::Result<Completed> {
        let (mut output, mut error_output) = (Kept::at_most(most), Kept::at_most(most));
        tokio::join!(
            take_all(&mut self.output, &mut output),
            take_all(&mut self.error_output, &mut error_output)
        );
        let child = Arc::clone(&self.group.0);
        let waiting = move || child.lock().unwrap_or_else(PoisonError::into_inner).wait();
        let status = tokio::task::spawn_blocking(waiting).await.map_err(io::Error::other)??;
        Ok(Completed {
            ending: Ending::Code(status.code().unwrap_or(-1)),
            output,
            error_output,
        })
    }
}

async fn take_all(pipe: &mut mpsc::Receiver<Vec<u8>>, into: &mut Kept) {
    while let Some(bytes) = pipe.recv().await {
        into.push(&bytes);
    }
}

/// A command that is talked to through its standard input and output; what it says on standard error comes with the rest.
#[derive(Debug)]
pub(crate) struct Talk {
    _group: Group,
    input: Arc<Mutex<ChildStdin>>,
    output: mpsc::Receiver<Vec<u8>>,
    unread: Vec<u8>,
}

impl Talk {
    pub(crate) fn start(program: &Program) -> io::Result<Self> {
        let (ours, theirs) = io::pipe()?;
        let mut child = command(program)?
            .stdin(Stdio::piped())
            .stderr(theirs.try_clone()?)
            .stdout(theirs)
            .spawn()?;
        let input = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Self {
            _group: Group(Arc::new(Mutex::new(child))),
            input: Arc::new(Mutex::new(input)),
            output: pump(ours)?,
            unread: Vec::new(),
        })
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (input, bytes) = (Arc::clone(&self.input), bytes.to_vec());
        let writing = move || {
            let mut input = input.lock().unwrap_or_else(PoisonError::into_inner);
            input.write_all(&bytes).and_then(|()| input.flush())
        };
        tokio::task::spawn_blocking(writing).await.map_err(io::Error::other)?
    }

    /// What comes next, nothing at the end. Nothing is lost when it is dropped.
    pub(crate) async fn receive(&mut self, chunk: &mut [u8]) -> io::Result<usize> {
        if self.unread.is_empty() {
            self.unread = self.output.recv().await.unwrap_or_default();
        }
        let length = self.unread.len().min(chunk.len());
        for (to, from) in chunk.iter_mut().zip(self.unread.drain(..length)) {
            *to = from;
        }
        Ok(length)
    }
}
