//! A switch: what opens is proved open before anything closes, and each channel is proved by a question of its own.

use crate::{
    definition::{Readback, RelaysDefinition},
    driver::ScpiInstrument,
};
use benchtop_instrument::{
    Error, ErrorKind, Instrument, Moment, Operation, OutputState, SafetyProof, SessionState, SwitchSetting,
};

impl ScpiInstrument {
    pub(crate) async fn set_relays(&mut self, setting: &SwitchSetting) -> Result<(), Error> {
        let operation = Operation::Set;
        let relays = self.relays(operation)?;
        self.check_switching(setting, &relays)?;
        let mut opening = setting.open.clone();
        if setting.exclusive {
            let others = relays
                .channels
                .iter()
                .filter(|channel| !setting.close.contains(channel));
            opening = others.copied().collect();
        }
        for channel in &opening {
            self.closed.remove(channel);
            let message = relays.open.fill(&[("channel", &channel.to_string())]);
            self.send(operation, &message).await?;
        }
        if !opening.is_empty() {
            self.wait_complete(operation).await?;
            self.check_errors(operation).await?;
            self.prove_relays(operation, &relays, &opening, false).await?;
        }
        if setting.close.is_empty() {
            return Ok(());
        }
        for channel in &setting.close {
            let message = relays.close.fill(&[("channel", &channel.to_string())]);
            self.send(operation, &message).await?;
        }
        self.wait_complete(operation).await?;
        self.check_errors(operation).await?;
        self.prove_relays(operation, &relays, &setting.close, true).await?;
        self.closed.extend(&setting.close);
        Ok(())
    }

    fn relays(&self, operation: Operation) -> Result<RelaysDefinition, Error> {
        self.definition.relays.clone().ok_or_else(|| {
            let message = format!("{} has nothing to close or open", self.capabilities().model);
            self.fail(ErrorKind::Unsupported, operation, message)
        })
    }

    /// Nothing has been sent.
    fn check_switching(&self, setting: &SwitchSetting, relays: &RelaysDefinition) -> Result<(), Error> {
        let refuse = |message: String| Err(self.fail(ErrorKind::OutOfRange, Operation::Set, message));
        let mut named = setting.close.iter().chain(&setting.open);
        if let Some(unknown) = named.find(|channel| !relays.channels.contains(channel)) {
            let capabilities = self.capabilities();
            return refuse(format!(
                "{} has {}, not {unknown}",
                capabilities.model,
                capabilities.channel_list()
            ));
        }
        match setting.contradiction() {
            Some(channel) => refuse(format!("channel {channel} is to close and to open")),
            None => Ok(()),
        }
    }

    async fn prove_relays(
        &mut self,
        operation: Operation,
        relays: &RelaysDefinition,
        channels: &[u32],
        closed: bool,
    ) -> Result<(), Error> {
        let mut wrong = Vec::new();
        for channel in channels.iter().copied() {
            let deadline = self.deadline();
            if self.is_closed(operation, relays, channel, deadline).await? != closed {
                wrong.push(match closed {
                    true => format!("channel {channel} was closed and reads back as open"),
                    false => format!("channel {channel} was opened and reads back as closed"),
                });
            }
        }
        if wrong.is_empty() {
            return Ok(());
        }
        Err(self.fail(ErrorKind::Readback, operation, wrong.join("; ")))
    }

    async fn is_closed(
        &mut self,
        operation: Operation,
        relays: &RelaysDefinition,
        channel: u32,
        deadline: Moment,
    ) -> Result<bool, Error> {
        let number = channel.to_string();
        let place = [("channel", number.as_str())];
        let question = relays.query.fill(&place);
        let answer = self.ask(operation, &question, deadline).await?;
        let says = |form: String| Readback::is_same(&answer, &form);
        if says(relays.closed.fill(&place)) {
            return Ok(true);
        }
        if says(relays.opened.fill(&place)) {
            return Ok(false);
        }
        let shown = benchtop_notation::brief(&answer);
        let message = format!("{question} answered `{shown}`, which is neither closed nor open");
        Err(self.fail(ErrorKind::Garbled, operation, message))
    }

    /// After a reset every channel must be open; where one is not, all are opened.
    pub(crate) async fn prove_relays_open(&mut self, operation: Operation) -> Result<(), Error> {
        let Some(relays) = self.definition.relays.clone() else {
            return Ok(());
        };
        for channel in relays.channels.iter().copied() {
            let deadline = self.deadline();
            if self.is_closed(operation, &relays, channel, deadline).await? {
                self.send(operation, &relays.open_all.fill(&[])).await?;
                self.wait_complete(operation).await?;
                self.check_errors(operation).await?;
                return self.prove_relays(operation, &relays, &relays.channels, false).await;
            }
        }
        Ok(())
    }

    /// Reads back each channel that was closed and not opened since; one that is open has lost what was behind it.
    pub(crate) async fn find_relays_closed(&mut self, operation: Operation) -> Result<(), Error> {
        let channels: Vec<u32> = self.closed.iter().copied().collect();
        if channels.is_empty() {
            return Ok(());
        }
        if self.session.state() == SessionState::Disconnected {
            self.reconnect().await?;
        }
        let relays = self.relays(operation)?;
        self.prove_relays(operation, &relays, &channels, true).await
    }

    /// Opens every channel before anything is asked, then proves each; twice, the second time on a fresh path.
    pub(crate) async fn all_relays_open(&mut self) -> Vec<OutputState> {
        let Some(relays) = self.definition.relays.clone() else {
            return Vec::new();
        };
        let all = |proof: &SafetyProof| {
            let one = |channel: &u32| OutputState {
                channel: *channel,
                proof: proof.clone(),
            };
            relays.channels.iter().map(one).collect::<Vec<_>>()
        };
        let not_proved = |reason: String| all(&SafetyProof::NotProved(reason));
        let mut states = not_proved("it was not tried".to_owned());
        self.closed.clear();
        for _attempt in 0..2 {
            if self.session.state() != SessionState::Ready {
                let deadline = self.urgent_deadline();
                if let Err(error) = self.session.recover(deadline).await {
                    states = not_proved(error.to_string());
                    continue;
                }
            }
            if let Some(error) = self.is_another().await {
                return not_proved(error.to_string());
            }
            let deadline = self.urgent_deadline();
            let message = relays.open_all.fill(&[]);
            // what cannot be reached cannot be told; the proof says so
            drop(self.session.write(message.as_bytes(), deadline).await);
            self.pause().await;
            states = self.prove_all_open(&relays).await;
            if states.iter().all(|state| state.proof == SafetyProof::Off) {
                break;
            }
        }
        states
    }

    async fn prove_all_open(&mut self, relays: &RelaysDefinition) -> Vec<OutputState> {
        let mut states = Vec::new();
        // where one question gets no answer the next would get none either, or the one before's
        let mut silent: Option<String> = None;
        for channel in relays.channels.iter().copied() {
            let proof = match &silent {
                Some(reason) => SafetyProof::NotProved(reason.clone()),
                None => {
                    let deadline = self.urgent_deadline();
                    match self.is_closed(Operation::MakeSafe, relays, channel, deadline).await {
                        Ok(false) => SafetyProof::Off,
                        Ok(true) => SafetyProof::NotProved("it was opened and reads back as closed".to_owned()),
                        Err(error) => {
                            silent = Some(error.to_string());
                            SafetyProof::NotProved(error.to_string())
                        }
                    }
                }
            };
            states.push(OutputState { channel, proof });
        }
        states
    }
}
