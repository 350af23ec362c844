//! Process groups, pipes and ends of processes on Unix.

#[cfg(target_os = "linux")]
mod fled;
/// Elsewhere nobody knows what has left the group.
#[cfg(not(target_os = "linux"))]
mod fled {
    use rustix::process::Pid;

    pub(super) const MARK: &str = "BENCHTOP_COMMAND";

    pub(super) const fn new_mark() -> String {
        String::new()
    }

    pub(super) const fn descendants(_of: Pid) -> [(); 0] {
        []
    }

    pub(super) const fn kill(_descendants: &[()], _mark: &str) {}
}

use super::{Completed, Ending, Program, command};
use benchtop_instrument::Kept;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::{
    io,
    os::{
        fd::OwnedFd,
        unix::{
            fs::PermissionsExt,
            process::{CommandExt, ExitStatusExt},
        },
    },
    path::Path,
    process::{Child, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::unix::pipe,
    sync::oneshot,
};

/// Bytes taken from a pipe at once.
const CHUNK: usize = 64 * 1024;

/// True for a file that somebody may execute.
pub(super) fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// A process group. Dropping it while its leader runs kills all of it, and what has left it.
#[derive(Debug)]
pub(crate) struct Group {
    mark: String,
    leader: Arc<Mutex<Leader>>,
    ended: oneshot::Receiver<io::Result<ExitStatus>>,
}

#[derive(Clone, Copy, Debug)]
enum Leader {
    /// Its number is its own, and its group's.
    Here(Pid),
    /// It was waited for: the number may be another's by now.
    Gone,
}

impl Group {
    /// Takes a leader of a group of its own, and watches for its end.
    fn of(child: Child, mark: String) -> io::Result<Self> {
        let raw = i32::try_from(child.id()).map_err(io::Error::other)?;
        let pid = Pid::from_raw(raw).ok_or(io::ErrorKind::InvalidData)?;
        let leader = Arc::new(Mutex::new(Leader::Here(pid)));
        let (sender, ended) = oneshot::channel();
        let group = Self {
            mark,
            leader: Arc::clone(&leader),
            ended,
        };
        thread::Builder::new().name(format!("wait {raw}")).spawn(move || {
            // whoever no longer waits for it has killed it
            drop(sender.send(watch(child, pid, &leader)));
        })?;
        Ok(group)
    }

    /// Ends with the leader's end.
    async fn end(&mut self) -> io::Result<ExitStatus> {
        (&mut self.ended)
            .await
            .unwrap_or_else(|_gone| Err(io::ErrorKind::BrokenPipe.into()))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let leader = self.leader.lock().unwrap_or_else(PoisonError::into_inner);
        match *leader {
            Leader::Here(pid) => {
                let descendants = fled::descendants(pid);
                kill_all(pid);
                fled::kill(&descendants, &self.mark);
            }
            Leader::Gone => {}
        }
    }
}

/// Sees the leader's end before it is waited for: until then its group is nobody else's, and what is left of that is killed.
fn watch(mut child: Child, pid: Pid, leader: &Mutex<Leader>) -> io::Result<ExitStatus> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while let Err(error) = waitid(WaitId::Pid(pid), options) {
        if error != rustix::io::Errno::INTR {
            break;
        }
    }
    let mut leader = leader.lock().unwrap_or_else(PoisonError::into_inner);
    kill_all(pid);
    let status = child.wait();
    *leader = Leader::Gone;
    status
}

fn kill_all(group: Pid) {
    match kill_process_group(group, Signal::KILL) {
        // there may be nobody left in it
        Ok(()) | Err(_) => {}
    }
}

/// A command that runs.
#[derive(Debug)]
pub(super) struct Running {
    group: Group,
    output: pipe::Receiver,
    error_output: pipe::Receiver,
}

pub(super) fn start(program: &Program) -> io::Result<Running> {
    let mark = fled::new_mark();
    let mut child = command(program)?
        .process_group(0)
        .env(fled::MARK, &mark)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (output, error_output) = (child.stdout.take(), child.stderr.take());
    let group = Group::of(child, mark)?;
    Ok(Running {
        output: receiver(output.map(OwnedFd::from))?,
        error_output: receiver(error_output.map(OwnedFd::from))?,
        group,
    })
}

fn receiver(pipe: Option<OwnedFd>) -> io::Result<pipe::Receiver> {
    pipe::Receiver::from_owned_fd(pipe.ok_or(io::ErrorKind::BrokenPipe)?)
}

impl Running {
    pub(super) async fn finish(mut self, most: usize) -> io::Result<Completed> {
        let (mut output, mut error_output) = (Kept::at_most(most), Kept::at_most(most));
        let status = {
            let reading = async {
                tokio::join!(
                    take_all(&mut self.output, &mut output),
                    take_all(&mut self.error_output, &mut error_output)
                );
                std::future::pending::<()>().await;
            };
            tokio::select! {
                status = self.group.end() => status?,
                () = reading => return Err(io::ErrorKind::BrokenPipe.into()),
            }
        };
        // its writers are dead; a process that fled from the group may hold the pipe open and is not waited for
        take_rest(&self.output, &mut output);
        take_rest(&self.error_output, &mut error_output);
        let ending = match status.code() {
            Some(code) => Ending::Code(code),
            None => Ending::Signal(status.signal().unwrap_or_default()),
        };
        Ok(Completed {
            ending,
            output,
            error_output,
        })
    }
}

/// Takes all there is until the other end closes it. A pipe that cannot be read any more is at its end.
async fn take_all(pipe: &mut pipe::Receiver, into: &mut Kept) {
    let mut chunk = vec![0; CHUNK];
    while let Ok(length @ 1..) = pipe.read(&mut chunk).await {
        into.push(chunk.get(..length).unwrap_or_default());
    }
}

/// Takes what lies there, past tokio, which may not have heard of it yet.
fn take_rest(pipe: &pipe::Receiver, into: &mut Kept) {
    let mut chunk = vec![0; CHUNK];
    while let Ok(length @ 1..) = rustix::io::read(pipe, &mut chunk) {
        into.push(chunk.get(..length).unwrap_or_default());
    }
}

/// A command that is talked to through its standard input and output; what it says on standard error comes with the rest.
#[derive(Debug)]
pub(crate) struct Talk {
    _group: Group,
    input: pipe::Sender,
    output: pipe::Receiver,
}

impl Talk {
    pub(crate) fn start(program: &Program) -> io::Result<Self> {
        let (ours, theirs) = io::pipe()?;
        let mark = fled::new_mark();
        let mut child = command(program)?
            .process_group(0)
            .env(fled::MARK, &mark)
            .stdin(Stdio::piped())
            .stderr(theirs.try_clone()?)
            .stdout(theirs)
            .spawn()?;
        let input = child.stdin.take().map(OwnedFd::from);
        let group = Group::of(child, mark)?;
        Ok(Self {
            _group: group,
            input: pipe::Sender::from_owned_fd(input.ok_or(io::ErrorKind::BrokenPipe)?)?,
            output: pipe::Receiver::from_owned_fd(ours.into())?,
        })
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.input.write_all(bytes).await
    }

    /// What comes next, nothing at the end. Nothing is lost when it is dropped.
    pub(crate) async fn receive(&mut self, chunk: &mut [u8]) -> io::Result<usize> {
        self.output.read(chunk).await
    }
}
