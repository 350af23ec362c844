//! Commands of this computer, each in a process group of its own: run to their end, or talked to.
//!
//! A command is an argument vector, never a line for a shell. When it ends, whatever it left behind in its group is killed
//! with it; when whoever waits for it gives up, the whole group is, and on Linux what has moved to a group of its own too. What a
//! command that ended by itself has left in another group goes on: a debug server, say. After this process was killed with
//! SIGKILL all are out of reach.
//!
//! On Unix the group is the kernel's. The portable form behind the same functions kills the command alone; it was not run.

#[cfg(not(unix))]
#[path = "process/portable.rs"]
mod system;
#[cfg(unix)]
#[path = "process/unix.rs"]
mod system;

pub(crate) use system::Talk;

use benchtop_instrument::Kept;
use std::{
    env, fmt, io,
    path::{Path, PathBuf},
    process,
};

/// A command and its surroundings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// What is started, and its arguments. What has a `/` in its name and is relative lies in `folder`; anything else is
    /// looked up as the system does it.
    pub argv: Vec<String>,
    /// Where it works; otherwise where this process does.
    pub folder: Option<PathBuf>,
    /// Variables that it gets beside those of this process.
    pub variables: Vec<(String, String)>,
    /// Variables of this process that it does not get.
    pub withheld: Vec<String>,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

/// A command that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completed {
    /// How.
    pub ending: Ending,
    /// What it wrote to its standard output.
    pub output: Kept,
    /// What it wrote to its standard error.
    pub error_output: Kept,
}

/// A command that could not be started or waited for.
#[derive(Debug)]
pub struct ProgramError {
    operation: &'static str,
    program: String,
    source: io::Error,
}

impl fmt::Display for ProgramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            operation,
            program,
            source,
        } = self;
        write!(f, "{operation} `{program}`: {source}")
    }
}

impl std::error::Error for ProgramError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Runs a command to its end with nothing on its standard input. Of each stream the first and the last halves of `most` bytes
/// are kept; all of it is taken, so that it never waits for us.
///
/// Dropping the future kills the command's whole group.
///
/// # Errors
/// [`ProgramError`] when it cannot be started, or its output not be read.
pub async fn run(program: &Program, most: usize) -> Result<Completed, ProgramError> {
    let failed = |operation| {
        let program = program.argv.first().cloned().unwrap_or_default();
        move |source| ProgramError {
            operation,
            program,
            source,
        }
    };
    let running = system::start(program).map_err(failed("cannot start"))?;
    running.finish(most).await.map_err(failed("lost sight of"))
}

/// The command as std knows it, without its streams.
fn command(program: &Program) -> io::Result<process::Command> {
    let Some((name, arguments)) = program.argv.split_first() else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "there is no program to start",
        ));
    };
    let mut command = process::Command::new(place(name, program.folder.as_deref()));
    command.args(arguments);
    if let Some(folder) = &program.folder {
        command.current_dir(folder);
    }
    for name in &program.withheld {
        command.env_remove(name);
    }
    command.envs(program.variables.iter().map(|(name, value)| (name, value)));
    Ok(command)
}

/// Whether std looks in the old folder or in the new one is not the same everywhere, so it is said.
fn place(name: &str, folder: Option<&Path>) -> PathBuf {
    let is_path = Path::new(name).components().count() > 1;
    match folder {
        Some(folder) if is_path => std::path::absolute(folder.join(name)).unwrap_or_else(|_| folder.join(name)),
        Some(_) | None => PathBuf::from(name),
    }
}

/// True unless it is sure that there is no program of this `name` to start in `folder`, where there is none: nothing at its path,
/// nothing on the search path of this process. Looks, and starts nothing.
#[must_use]
pub fn may_start(name: &str, folder: &Path) -> bool {
    let placed = place(name, Some(folder));
    if placed.components().count() > 1 {
        return system::is_program(&placed);
    }
    // an unset path is the system's own; an entry that is relative is so to where the command works
    env::var_os("PATH")
        .is_none_or(|path| env::split_paths(&path).any(|entry| system::is_program(&folder.join(entry).join(name))))
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
