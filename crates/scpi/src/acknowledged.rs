//! Instruments that answer every message with a prompt: a session on which it is read and judged.
//!
//! A message without a question is over with its prompt, a question with the prompt behind its answer; an error's stands in place
//! of the answer. One that does not come by the deadline is a timeout, as an answer is.

use async_trait::async_trait;
use benchtop_instrument::{Error, ErrorKind, Moment, Operation, Prompt, Prompts, Resource, Session, SessionState};
use std::time::Duration;

/// So many lines are taken at most from an instrument that is out of step.
const MOST_LINES: usize = 32;

/// So much of a message is shown, in characters.
const SHOWN: usize = 60;

/// A session to such an instrument.
pub(crate) struct Acknowledged {
    session: Box<dyn Session>,
    prompts: Prompts,
    /// The message that was sent last, as it is shown.
    last: String,
}

impl Acknowledged {
    pub(crate) const fn new(session: Box<dyn Session>, prompts: Prompts) -> Self {
        Self {
            session,
            prompts,
            last: String::new(),
        }
    }

    fn fail(&self, kind: ErrorKind, operation: Operation, message: String) -> Error {
        Error::new(kind, operation, self.session.resource(), message)
    }

    /// Reads the prompt that ends the message.
    async fn acknowledge(&mut self, operation: Operation, deadline: Moment) -> Result<(), Error> {
        let line = self.session.read(deadline).await;
        let line = line.map_err(|error| error.during(operation))?;
        match self.prompts.meaning(&line) {
            Some(prompt) => self.judge(operation, prompt),
            None => {
                self.leave_out_of_step().await;
                let message = format!("expected a prompt behind `{}`, got `{}`", self.last, shown(&line));
                Err(self.fail(ErrorKind::Garbled, operation, message))
            }
        }
    }

    fn judge(&self, operation: Operation, prompt: Prompt) -> Result<(), Error> {
        let (text, what) = match prompt {
            Prompt::Ok => return Ok(()),
            Prompt::CommandError => (&self.prompts.command_error, "command error: it was not understood"),
            Prompt::ExecutionError => (
                &self.prompts.execution_error,
                "execution error: it could not be carried out",
            ),
        };
        let message = format!("the instrument answers `{}` with {text}, {what}", self.last);
        Err(self.fail(ErrorKind::Instrument, operation, message))
    }

    /// What the instrument says belongs to nothing that was asked. A read whose time is over leaves any session desynchronised.
    async fn leave_out_of_step(&mut self) {
        for _ in 0..MOST_LINES {
            if self.session.read(Moment::from_start(Duration::ZERO)).await.is_err() {
                return;
            }
        }
    }
}

fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let short: String = text.chars().take(SHOWN).collect();
    benchtop_notation::escape(&short).into_owned()
}

/// The interface's own trigger has no prompt: `*TRG` is sent instead.
#[async_trait]
impl Session for Acknowledged {
    fn resource(&self) -> &Resource {
        self.session.resource()
    }

    fn state(&self) -> SessionState {
        self.session.state()
    }

    async fn write(&mut self, message: &[u8], deadline: Moment) -> Result<(), Error> {
        self.last = shown(message);
        self.session.write(message, deadline).await?;
        if message.contains(&b'?') {
            return Ok(());
        }
        self.acknowledge(Operation::Write, deadline).await
    }

    async fn read(&mut self, deadline: Moment) -> Result<Vec<u8>, Error> {
        let operation = Operation::Read;
        let answer = self.session.read(deadline).await?;
        let Some(prompt) = self.prompts.meaning(&answer) else {
            self.acknowledge(operation, deadline).await?;
            return Ok(answer);
        };
        self.judge(operation, prompt)?;
        let message = format!("`{}` was carried out and not answered", self.last);
        Err(self.fail(ErrorKind::Garbled, operation, message))
    }

    async fn clear(&mut self, deadline: Moment) -> Result<(), Error> {
        self.session.clear(deadline).await
    }

    async fn status_byte(&mut self, deadline: Moment) -> Result<u8, Error> {
        self.session.status_byte(deadline).await
    }

    async fn recover(&mut self, deadline: Moment) -> Result<(), Error> {
        self.session.recover(deadline).await
    }

    async fn close(&mut self) -> Result<(), Error> {
        self.session.close().await
    }
}
