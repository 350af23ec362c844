//! The dialogue: what is sent, what is answered, what the instrument has to complain about.

use super::{answer, complete::Commands};
use crate::{
    byhand,
    terminal::{self, Line, PLAIN, QUIET},
};
use benchtop_instrument::{Clock, Error, ErrorKind, Moment, Resource, Session, SessionExt, SessionState};
use benchtop_scpi::{Definition, ErrorCheck, Template};
use std::{future::Future, sync::Arc, time::Duration};

/// One instrument and the person, or the file, that talks to it.
pub(super) struct Talk {
    pub(super) session: Box<dyn Session>,
    pub(super) definition: Option<Arc<Definition>>,
    /// What is known of its commands.
    pub(super) commands: Arc<Commands>,
    /// How it reports its errors, where that is known.
    pub(super) witness: Option<ErrorCheck>,
    /// How long each answer may take.
    pub(super) timeout: Duration,
    pub(super) clock: Arc<dyn Clock>,
    /// Somebody may press Ctrl-C.
    pub(super) interactive: bool,
    /// A line failed, or the instrument reported an error.
    pub(super) went_wrong: bool,
}

impl Talk {
    /// Brings the instrument to remote where it must be told, and shows the errors that it has from before.
    pub(super) async fn begin(&mut self) {
        if !self.is_ready().await {
            return;
        }
        let remote = self.serial_templates(|definition| definition.serial.as_ref().map(|serial| &serial.remote));
        if let Err(error) = self.send_all(&remote).await {
            return self.lost(&error).await;
        }
        for report in self.drained().await.unwrap_or_default() {
            terminal::say_aside(&answer::stale_line(&report));
        }
    }

    /// Sends a line, shows the answer if it asks for one, and then the instrument's errors.
    pub(super) async fn carry_out(&mut self, message: &str) {
        if !self.is_ready().await {
            return self.fail("the line was not sent");
        }
        let deadline = self.deadline();
        let exchange = byhand::exchange(self.session.as_mut(), message, deadline);
        match or_abandoned(self.interactive, exchange).await {
            Some(Ok(Some(answer))) => say_answer(&answer::shown(&answer)),
            Some(Ok(None)) => {}
            Some(Err(error)) => {
                self.lost(&error).await;
                // on a socket the error that it queued may have gone with the connection
                if let Some(unknown) = self.commands.first_unknown(message) {
                    note(&format!(
                        "{unknown} is none of the commands that are known of this model"
                    ));
                }
            }
            None => self.abandoned().await,
        }
        for report in self.drained().await.unwrap_or_default() {
            self.went_wrong = true;
            terminal::say_aside(&answer::error_line(&report));
        }
    }

    /// `.errors`
    pub(super) async fn show_errors(&mut self) {
        if self.witness.is_none() {
            return self.fail("its error query is not known: name it with --errors SYST:ERR?");
        }
        if !self.is_ready().await {
            return;
        }
        let Some(reports) = self.drained().await else { return };
        if reports.is_empty() {
            note("no errors");
        }
        for report in reports {
            self.went_wrong = true;
            terminal::say_aside(&answer::error_line(&report));
        }
    }

    /// `.clear`
    pub(super) async fn device_clear(&mut self) {
        let deadline = self.deadline();
        match self.session.clear(deadline).await {
            Ok(()) => note("device clear was sent"),
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                note("this transport has no device clear; the session is recovered instead");
                self.recover().await;
            }
            Err(error) => self.lost(&error).await,
        }
    }

    /// `.stb`
    pub(super) async fn status_byte(&mut self) {
        if !self.is_ready().await {
            return;
        }
        let deadline = self.deadline();
        let status = match self.session.status_byte(deadline).await {
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                // out of band there is none
                let answer = self.session.query("*STB?", deadline).await;
                match answer.map(|answer| (answer.trim().parse::<u8>(), answer)) {
                    Ok((Ok(status), _)) => Ok(status),
                    Ok((Err(_no_number), answer)) => {
                        return self.fail(&format!("*STB? answered `{}`, which is no status byte", answer.trim()));
                    }
                    Err(error) => Err(error),
                }
            }
            status => status,
        };
        match status {
            Ok(status) => say_answer(&answer::status_byte(status)),
            Err(error) => self.lost(&error).await,
        }
    }

    /// Says which outputs are on, returns the instrument to its front panel and ends the session. Changes nothing else.
    pub(super) async fn leave(&mut self) {
        self.say_outputs_on().await;
        if self.session.state() == SessionState::Ready {
            let local = match self.definition.as_deref() {
                Some(Definition {
                    serial: Some(serial), ..
                }) if self.is_serial() => serial.local.clone(),
                Some(definition) => definition.local.clone(),
                None => Vec::new(),
            };
            if let Err(error) = self.send_all(&local).await {
                terminal::warn(&error.to_string());
            }
        }
        if let Err(error) = self.session.close().await {
            terminal::warn(&error.to_string());
        }
    }

    async fn say_outputs_on(&mut self) {
        let Some(definition) = self.definition.clone() else {
            return;
        };
        let Some(outputs) = &definition.outputs else { return };
        for channel in outputs.channels.keys() {
            if self.session.state() != SessionState::Ready {
                return terminal::warn("it could not be asked which outputs are on");
            }
            let query = outputs.output_enabled.query.fill(&[("channel", &channel.to_string())]);
            let deadline = self.deadline();
            match self.session.query(&query, deadline).await {
                Ok(answer) => match outputs.output_enabled.is_on(*channel, &answer) {
                    Some(true) => terminal::warn(&format!("output {channel} is on, and stays on")),
                    Some(false) => {}
                    None => {
                        let answer = answer.trim();
                        terminal::warn(&format!(
                            "whether output {channel} is on is not known: it answered `{answer}`"
                        ));
                    }
                },
                Err(error) => terminal::warn(&format!("whether output {channel} is on is not known: {error}")),
            }
        }
    }

    /// Everything that the instrument has to report; nothing where it cannot be read, and then that was said.
    async fn drained(&mut self) -> Option<Vec<String>> {
        let witness = self.witness.clone()?;
        if self.session.state() != SessionState::Ready {
            return None;
        }
        let deadline = self.deadline();
        match or_abandoned(self.interactive, witness.drain(self.session.as_mut(), deadline)).await {
            Some(Ok(reports)) => {
                if reports.len() >= ErrorCheck::MOST {
                    note("there may be more errors; .errors reads on");
                }
                Some(reports)
            }
            Some(Err(error)) => {
                self.lost(&error).await;
                None
            }
            None => {
                self.abandoned().await;
                None
            }
        }
    }

    /// Says what failed, and brings the session back where it has to be.
    async fn lost(&mut self, error: &Error) {
        self.fail(&error.to_string());
        if self.session.state() != SessionState::Ready {
            self.recover().await;
        }
    }

    async fn abandoned(&mut self) {
        note("abandoned");
        self.recover().await;
    }

    /// True when the session can be used, after it was brought back if need be.
    async fn is_ready(&mut self) -> bool {
        self.session.state() == SessionState::Ready || self.recover().await
    }

    async fn recover(&mut self) -> bool {
        let mut deadline = self.deadline();
        if self.is_serial() {
            // nothing but silence says that an abandoned answer will not come
            let slowest = self.definition.as_ref().map(|definition| definition.slowest_answer());
            deadline = deadline.after(slowest.unwrap_or(self.timeout));
        }
        if let Err(error) = self.session.recover(deadline).await {
            self.fail(&error.to_string());
            return false;
        }
        let remote = self.serial_templates(|definition| definition.serial.as_ref().map(|serial| &serial.remote));
        if let Err(error) = self.send_all(&remote).await {
            self.fail(&error.to_string());
            return false;
        }
        note("the session was recovered: an answer that was still to come is dropped");
        true
    }

    /// What is sent on a serial line only.
    fn serial_templates(&self, of: impl Fn(&Definition) -> Option<&Vec<Template>>) -> Vec<Template> {
        let definition = self.definition.as_deref().filter(|_| self.is_serial());
        definition.and_then(of).cloned().unwrap_or_default()
    }

    async fn send_all(&mut self, templates: &[Template]) -> Result<(), Error> {
        for template in templates {
            let deadline = self.deadline();
            self.session.write(template.fill(&[]).as_bytes(), deadline).await?;
        }
        Ok(())
    }

    fn is_serial(&self) -> bool {
        matches!(self.session.resource(), Resource::Serial { .. })
    }

    fn deadline(&self) -> Moment {
        self.clock.now().after(self.timeout)
    }

    pub(super) fn fail(&mut self, message: &str) {
        self.went_wrong = true;
        terminal::complain(message);
    }
}

/// What a future comes to; nothing if Ctrl-C was pressed first. It is dropped then.
async fn or_abandoned<T>(interactive: bool, future: impl Future<Output = T>) -> Option<T> {
    if !interactive {
        return Some(future.await);
    }
    tokio::select! {
        biased;
        output = future => Some(output),
        // where it cannot be listened for, Ctrl-C ends the process
        Ok(()) = tokio::signal::ctrl_c() => None,
    }
}

fn say_answer(text: &str) {
    terminal::say(&Line::new().add(PLAIN, text));
}

fn note(text: &str) {
    terminal::say_aside(&Line::new().add(QUIET, text));
}
