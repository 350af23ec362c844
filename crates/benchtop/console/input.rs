//! Where the lines come from: a person at a terminal, or a pipe.

use super::{
    complete::{Commands, Completion},
    short,
};
use crate::{exit::Failure, stores, terminal};
use benchtop_instrument::Resource;
use benchtop_notation::escape;
use rustyline::{CompletionType, Config, Editor, error::ReadlineError, history::FileHistory};
use std::{
    fs, io,
    io::{BufRead, IsTerminal, Read, StdinLock},
    path::PathBuf,
    sync::Arc,
};

/// The longest line that is taken from a pipe, in bytes: as much as an instrument takes at once, and more.
const LONGEST: u64 = 1024 * 1024;

/// So many lines are remembered.
const HISTORY: usize = 1000;

/// What was entered.
pub(super) enum Entered {
    /// A line, or several that were pasted.
    Text(String),
    /// A line that is no text, or far too long.
    NotText,
    /// A line that was given up.
    Abandoned,
    /// There is no more.
    End,
}

/// A source of lines.
pub(super) enum Input {
    Pipe(StdinLock<'static>),
    Terminal(Box<Prompted>),
}

/// A line editor with its prompt and its history.
pub(super) struct Prompted {
    editor: Editor<Completion, FileHistory>,
    prompt: String,
    /// Where the lines are kept; nowhere after that has failed.
    history: Option<PathBuf>,
}

/// True when a person types, and sees what is printed.
pub(super) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

impl Input {
    pub(super) fn piped() -> Self {
        Self::Pipe(io::stdin().lock())
    }

    pub(super) fn editor(resource: &Resource, commands: Arc<Commands>) -> Result<Self, Failure> {
        let refuse = |error: ReadlineError| Failure::error(format!("the terminal cannot be used: {error}"));
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .max_history_size(HISTORY)
            .map_err(refuse)?
            .history_ignore_dups(true)
            .map_err(refuse)?
            .build();
        let mut editor = Editor::with_config(config).map_err(refuse)?;
        editor.set_helper(Some(Completion(commands)));
        let mut prompted = Prompted {
            editor,
            prompt: format!("{}> ", escape(&short(resource))),
            history: stores::data_directory().map(|data| data.join("benchtop").join("console-history")),
        };
        prompted.remember();
        Ok(Self::Terminal(Box::new(prompted)))
    }

    /// The next line, however long that takes: nothing else goes on meanwhile.
    pub(super) fn next(&mut self) -> Result<Entered, Failure> {
        tokio::task::block_in_place(|| match self {
            Self::Pipe(lines) => {
                next_of(lines).map_err(|error| Failure::error(format!("standard input cannot be read: {error}")))
            }
            Self::Terminal(prompted) => prompted.next(),
        })
    }
}

fn next_of(lines: &mut impl BufRead) -> io::Result<Entered> {
    let mut line = Vec::new();
    lines.by_ref().take(LONGEST).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(Entered::End);
    }
    let is_whole = line.ends_with(b"\n");
    let cut = !is_whole && !lines.fill_buf()?.is_empty();
    if cut {
        lines.skip_until(b'\n')?;
    }
    Ok(match String::from_utf8(line) {
        Ok(text) if !cut => Entered::Text(text),
        Ok(_) | Err(_) => Entered::NotText,
    })
}

impl Prompted {
    fn next(&mut self) -> Result<Entered, Failure> {
        match self.editor.readline(&self.prompt) {
            Ok(text) => {
                self.keep(&text);
                Ok(Entered::Text(text))
            }
            Err(ReadlineError::Interrupted) => Ok(Entered::Abandoned),
            Err(ReadlineError::Eof) => Ok(Entered::End),
            Err(error) => Err(Failure::error(format!("the terminal cannot be read: {error}"))),
        }
    }

    /// Brings back what earlier sessions kept.
    fn remember(&mut self) {
        let Some(path) = &self.history else { return };
        if !path.exists() {
            return;
        }
        let path = path.clone();
        if let Err(error) = self.editor.load_history(&path) {
            terminal::warn(&format!(
                "earlier lines cannot be read from {}: {error}",
                path.display()
            ));
        }
    }

    /// Keeps a line at once, so that it is there whatever happens next.
    fn keep(&mut self, text: &str) {
        let worth = |line: &&str| !line.is_empty() && *line != ".quit";
        for line in text.lines().map(str::trim).filter(worth) {
            if let Err(error) = self.add(line) {
                terminal::warn(&format!("what is typed is not kept for the next time: {error}"));
                self.history = None;
            }
        }
    }

    fn add(&mut self, line: &str) -> Result<(), ReadlineError> {
        self.editor.add_history_entry(line)?;
        let Some(path) = &self.history else { return Ok(()) };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        self.editor.append_history(path)
    }
}

#[cfg(test)]
mod tests {
    use super::{Entered, LONGEST, next_of};

    #[test]
    fn lines_come_one_by_one_and_what_is_no_text_is_left_out() {
        let long = vec![b'x'; usize::try_from(LONGEST).unwrap() + 5];
        let bytes = [b"*IDN?\r\n\n\xff\n", long.as_slice(), b"\nlast"].concat();
        let mut lines = bytes.as_slice();
        let mut seen = Vec::new();
        loop {
            match next_of(&mut lines).unwrap() {
                Entered::Text(text) => seen.push(text),
                Entered::NotText => seen.push("?".to_owned()),
                Entered::Abandoned => unreachable!(),
                Entered::End => break,
            }
        }
        assert_eq!(seen, ["*IDN?\r\n", "\n", "?", "?", "last"]);
    }
}
