//! What a run reaches beside its instruments: the person at the bench, the computer's commands, a place for files.

use async_trait::async_trait;
use benchtop_procedure::{Exec, Prompt};
use std::{fmt, path::PathBuf, sync::Arc};

/// The person at the bench, or whoever speaks for them.
#[async_trait]
pub trait Operator: Send + Sync {
    /// Asks, and gives the answer as it was given; it is one that [`PromptKind::read`](benchtop_procedure::PromptKind::read)
    /// takes. The question was shown by whoever listens to the run's events. Dropping the future withdraws it.
    ///
    /// # Errors
    /// [`NoAnswer`] when there is nobody who could be asked.
    async fn ask(&self, prompt: &Prompt) -> Result<String, NoAnswer>;
}

/// Nobody answers: why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoAnswer(pub String);

/// The commands of the station's computer.
#[async_trait]
pub trait Programs: Send + Sync {
    /// Runs the command of the step `step` to its end. Dropping the future kills it and what it has started.
    ///
    /// # Errors
    /// [`NotRun`] when it could not be started.
    async fn run(&self, step: &str, exec: &Exec) -> Result<ProgramEnded, NotRun>;
}

/// A command could not be run: why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotRun(pub String);

/// A command that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramEnded {
    /// How.
    pub ending: ProgramEnding,
    /// What it wrote to its standard output.
    pub output: Output,
    /// What it wrote to its standard error.
    pub error_output: Output,
    /// The files that are to be kept, in the order in which the step names them.
    pub files: Vec<Content>,
}

/// What a command wrote, as much as is kept of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// The words, with a line in the place of those that were left out.
    pub text: String,
    /// Where in the text the beginning ends, in bytes, if anything was left out behind it.
    pub cut: Option<usize>,
}

impl Output {
    /// All of what a command wrote.
    #[must_use]
    pub fn whole(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            cut: None,
        }
    }
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgramEnding {
    /// With this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

/// What is to be kept with the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A file in this folder, or below it: no link leads to it from there.
    File {
        /// The folder.
        folder: PathBuf,
        /// The file's path from there.
        path: PathBuf,
    },
    /// These bytes.
    Bytes(Vec<u8>),
}

/// Where files that belong to a run are kept.
#[async_trait]
pub trait Attachments: Send + Sync {
    /// Keeps something of at most `most` bytes, by its digest, on stable storage; `name` is for people.
    ///
    /// # Errors
    /// [`NotKept`] when it is not there, is too large, or could not be saved.
    async fn keep(&self, name: &str, content: Content, most: u64) -> Result<Kept, NotKept>;
}

/// Something that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256 in hex.
    pub sha256: String,
}

/// Something was not kept: why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotKept(pub String);

/// Everything that a run reaches beside its instruments.
#[derive(Clone)]
pub struct Surroundings {
    /// Who answers prompts.
    pub operator: Arc<dyn Operator>,
    /// What runs commands.
    pub programs: Arc<dyn Programs>,
    /// What keeps files.
    pub attachments: Arc<dyn Attachments>,
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Surroundings")
    }
}

impl Surroundings {
    /// A run that reaches nothing: every prompt, command and attachment is an Error.
    #[must_use]
    pub fn nothing() -> Self {
        Self {
            operator: Arc::new(Nothing),
            programs: Arc::new(Nothing),
            attachments: Arc::new(Nothing),
        }
    }
}

struct Nothing;

#[async_trait]
impl Operator for Nothing {
    async fn ask(&self, _prompt: &Prompt) -> Result<String, NoAnswer> {
        Err(NoAnswer("there is nobody to ask".to_owned()))
    }
}

#[async_trait]
impl Programs for Nothing {
    async fn run(&self, _step: &str, _exec: &Exec) -> Result<ProgramEnded, NotRun> {
        Err(NotRun("there are no commands here".to_owned()))
    }
}

#[async_trait]
impl Attachments for Nothing {
    async fn keep(&self, _name: &str, _content: Content, _most: u64) -> Result<Kept, NotKept> {
        Err(NotKept("there is no place to keep it".to_owned()))
    }
}
