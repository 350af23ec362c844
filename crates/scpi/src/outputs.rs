//! A supply's outputs: one order of sending, whatever order the file has, and a read-back of everything.
//!
//! Turning on: `ovp_level`, `current_limit`, `ocp_enabled`, `voltage_level`, error check, read-back of each, output last.
//! Turning off: output first. A level that changes under a live output by more than its resolution takes the output off first,
//! unless `hot`.

mod held;
mod mode;

use crate::{
    definition::{OutputsDefinition, SettingDefinition, SwitchDefinition, plain},
    driver::ScpiInstrument,
};
use benchtop_instrument::{
    Bounds, Decimal, Error, ErrorKind, Instrument, Moment, Operation, OutputCapability, OutputSetting, OutputState,
    Quantity, SafetyProof, SessionState, Unit,
};

/// A setting that the supply takes.
struct Checked {
    name: &'static str,
    wanted: Wanted,
}

/// What it is to be set to, and how.
enum Wanted {
    /// Found within its bounds.
    Level {
        level: Quantity,
        bounds: Bounds,
        how: SettingDefinition,
    },
    Switch {
        on: bool,
        how: SwitchDefinition,
    },
}

/// What was set, and what it reads back as instead.
struct Difference {
    wanted: String,
    present: String,
}

impl ScpiInstrument {
    pub(crate) async fn set_output(&mut self, setting: &OutputSetting) -> Result<(), Error> {
        let operation = Operation::Set;
        let (outputs, capability) = self.output(setting.channel, operation)?;
        let checked = self.checked(setting, &outputs, &capability)?;
        if outputs.output_enabled.shared {
            self.switch_takes_no_other_along(setting)?;
        }
        self.forget(setting);
        let is_off = match setting.output_enabled {
            Some(false) => {
                self.output_off(setting.channel)
                    .await
                    .map_err(|error| error.during(operation))?;
                true
            }
            Some(true) | None => false,
        };
        let mut turn_on = setting.output_enabled == Some(true);
        if !is_off && !setting.hot && self.level_would_jump(setting, &outputs, &capability).await? {
            if outputs.output_enabled.shared && !self.others_on(setting.channel).is_empty() {
                let message = "its outputs have one switch, and another one is on: a level changes under way with `hot = true` only";
                return Err(self.fail(ErrorKind::Unsupported, operation, message));
            }
            turn_on = turn_on || setting.output_enabled.is_none();
            self.output_off(setting.channel)
                .await
                .map_err(|error| error.during(operation))?;
        }
        for checked in &checked {
            self.send_setting(operation, checked, setting.channel).await?;
        }
        self.check_errors(operation).await?;
        for checked in &checked {
            self.read_back(checked, setting.channel).await?;
        }
        self.remember(setting);
        if turn_on {
            self.output_on(setting.channel, &outputs).await?;
        }
        Ok(())
    }

    fn output(&self, channel: u32, operation: Operation) -> Result<(OutputsDefinition, OutputCapability), Error> {
        let capabilities = self.capabilities();
        let Some(outputs) = &self.definition.outputs else {
            let message = format!("{} has no outputs", capabilities.model);
            return Err(self.fail(ErrorKind::Unsupported, operation, message));
        };
        let Some(capability) = capabilities.outputs.get(&channel) else {
            let message = format!(
                "{} has {}, not {channel}",
                capabilities.model,
                capabilities.channel_list()
            );
            return Err(self.fail(ErrorKind::OutOfRange, operation, message));
        };
        Ok((outputs.clone(), capability.clone()))
    }

    /// Every setting that is given, in the order of sending, or why one is refused. Nothing has been sent.
    fn checked(
        &self,
        setting: &OutputSetting,
        outputs: &OutputsDefinition,
        capability: &OutputCapability,
    ) -> Result<Vec<Checked>, Error> {
        let given = [
            (
                "ovp_level",
                setting.ovp_level,
                capability.ovp_level,
                outputs.ovp_level.as_ref(),
            ),
            (
                "current_limit",
                setting.current_limit,
                Some(capability.current_limit),
                Some(&outputs.current_limit),
            ),
            (
                "voltage_level",
                setting.voltage_level,
                Some(capability.voltage_level),
                Some(&outputs.voltage_level),
            ),
        ];
        let missing = |name: &str| {
            let message = format!("{} has no {name} to set", self.capabilities().model);
            self.fail(ErrorKind::Unsupported, Operation::Set, message)
        };
        let mut checked = Vec::new();
        for (name, wanted, bounds, how) in given {
            if name == "voltage_level"
                && let Some(on) = setting.ocp_enabled
            {
                let how = outputs.ocp_enabled.clone().ok_or_else(|| missing("ocp_enabled"))?;
                let wanted = Wanted::Switch { on, how };
                checked.push(Checked {
                    name: "ocp_enabled",
                    wanted,
                });
            }
            let Some(level) = wanted else { continue };
            let (Some(bounds), Some(how)) = (bounds, how) else {
                return Err(missing(name));
            };
            if !bounds.contain(level) {
                let Bounds { minimum, maximum, .. } = bounds;
                let message = format!(
                    "{name} {level} is outside {minimum} to {maximum} of channel {}",
                    setting.channel
                );
                return Err(self.fail(ErrorKind::OutOfRange, Operation::Set, message));
            }
            let how = how.clone();
            let wanted = Wanted::Level { level, bounds, how };
            checked.push(Checked { name, wanted });
        }
        Ok(checked)
    }

    /// True when the output is on and its level would change by more than the supply's step.
    async fn level_would_jump(
        &mut self,
        setting: &OutputSetting,
        outputs: &OutputsDefinition,
        capability: &OutputCapability,
    ) -> Result<bool, Error> {
        let Some(wanted) = setting.voltage_level else {
            return Ok(false);
        };
        if !self.is_on(setting.channel, outputs, Operation::Set).await? {
            return Ok(false);
        }
        let query = outputs
            .voltage_level
            .query
            .fill(&[("channel", &setting.channel.to_string())]);
        let present = self.ask_number(Operation::Set, &query).await?;
        Ok(!is_close(wanted, present, capability.voltage_level.resolution))
    }

    async fn send_setting(&mut self, operation: Operation, setting: &Checked, channel: u32) -> Result<(), Error> {
        let channel = channel.to_string();
        let message = match &setting.wanted {
            Wanted::Level { level, how, .. } => {
                let value =
                    plain(*level).map_err(|error| self.fail(ErrorKind::OutOfRange, operation, error.to_string()))?;
                how.set.fill(&[("value", &value), ("channel", &channel)])
            }
            Wanted::Switch { on: true, how } => how.on.fill(&[("channel", &channel)]),
            Wanted::Switch { on: false, how } => how.off.fill(&[("channel", &channel)]),
        };
        self.send(operation, &message).await
    }

    /// What a setting is now, where that is not what was set.
    async fn difference(
        &mut self,
        operation: Operation,
        setting: &Checked,
        channel: u32,
    ) -> Result<Option<Difference>, Error> {
        match &setting.wanted {
            Wanted::Level { level, bounds, how } => {
                let query = how.query.fill(&[("channel", &channel.to_string())]);
                let present = self.ask_number(operation, &query).await?;
                Ok((!is_close(*level, present, bounds.resolution)).then(|| Difference {
                    wanted: level.to_string(),
                    present: Quantity::new(present, Unit::of(level.unit.base())).to_string(),
                }))
            }
            Wanted::Switch { on, how } => {
                let deadline = self.deadline();
                let present = self.ask_switch(channel, how, operation, deadline).await?;
                let word = |on: bool| if on { "on" } else { "off" }.to_owned();
                Ok((present != *on).then(|| Difference {
                    wanted: word(*on),
                    present: word(present),
                }))
            }
        }
    }

    async fn read_back(&mut self, setting: &Checked, channel: u32) -> Result<(), Error> {
        let Some(Difference { wanted, present }) = self.difference(Operation::Set, setting, channel).await? else {
            return Ok(());
        };
        let message = format!("{} was set to {wanted} and reads back as {present}", setting.name);
        Err(self.fail(ErrorKind::Readback, Operation::Set, message))
    }

    async fn output_on(&mut self, channel: u32, outputs: &OutputsDefinition) -> Result<(), Error> {
        let operation = Operation::Set;
        let message = outputs.output_enabled.on.fill(&[("channel", &channel.to_string())]);
        self.send(operation, &message).await?;
        self.wait_complete(operation).await?;
        self.check_errors(operation).await?;
        if self.is_on(channel, outputs, operation).await? {
            self.remember_switch(channel, true);
            return Ok(());
        }
        let why = self.why_off(channel, outputs, operation).await;
        let message = format!("output {channel} was turned on and reads back as off{why}");
        Err(self.fail(ErrorKind::Readback, operation, message))
    }

    async fn is_on(&mut self, channel: u32, outputs: &OutputsDefinition, operation: Operation) -> Result<bool, Error> {
        let deadline = self.deadline();
        self.switch_state(channel, outputs, operation, deadline).await
    }

    /// True when the output is on, before something is asked of it that only an output that is on can do.
    pub(crate) async fn output_is_on(&mut self, channel: u32) -> Result<bool, Error> {
        let operation = Operation::Measure;
        let (outputs, _) = self.output(channel, operation)?;
        self.is_on(channel, &outputs, operation).await
    }

    async fn switch_state(
        &mut self,
        channel: u32,
        outputs: &OutputsDefinition,
        operation: Operation,
        deadline: Moment,
    ) -> Result<bool, Error> {
        self.ask_switch(channel, &outputs.output_enabled, operation, deadline)
            .await
    }

    /// A number, of which 0 is off, or a word.
    async fn ask_switch(
        &mut self,
        channel: u32,
        switch: &SwitchDefinition,
        operation: Operation,
        deadline: Moment,
    ) -> Result<bool, Error> {
        let query = switch.query.fill(&[("channel", &channel.to_string())]);
        let answer = self.ask(operation, &query, deadline).await?;
        switch.is_on(channel, &answer).ok_or_else(|| {
            let shown = benchtop_notation::brief(&answer);
            let message = format!("{query} answered `{shown}`; expected a number, ON, OFF or a status word");
            self.fail(ErrorKind::Garbled, operation, message)
        })
    }

    /// Turns one output off and proves it, once more on a fresh path where the first was lost: off is never wrong twice.
    pub(crate) async fn output_off(&mut self, channel: u32) -> Result<(), Error> {
        match self.try_output_off(channel).await {
            Err(lost) if self.session.state() != SessionState::Ready => match self.reconnect().await {
                Ok(()) => self.try_output_off(channel).await,
                Err(_again) => Err(lost),
            },
            tried => tried,
        }
    }

    async fn try_output_off(&mut self, channel: u32) -> Result<(), Error> {
        let operation = Operation::MakeSafe;
        let (outputs, _) = self.output(channel, operation)?;
        self.send(operation, &off_message(&outputs, channel)).await?;
        self.wait_complete(operation).await?;
        if self.is_on(channel, &outputs, operation).await? {
            let message = format!("output {channel} was turned off and reads back as on");
            return Err(self.fail(ErrorKind::Readback, operation, message));
        }
        // the state is what counts; errors from before are not this command's
        self.remember_switch(channel, false);
        Ok(())
    }

    /// Tells every output to go off before anything is asked, then proves each; twice, the second time on a fresh path.
    ///
    /// A supply that still obeys but no longer answers goes off, and counts as not proved.
    pub(crate) async fn all_outputs_off(&mut self) -> Vec<OutputState> {
        let channels: Vec<u32> = self.capabilities().outputs.keys().copied().collect();
        let all = |reason: &str| {
            let one = |channel: &u32| OutputState {
                channel: *channel,
                proof: SafetyProof::NotProved(reason.to_owned()),
            };
            channels.iter().map(one).collect::<Vec<_>>()
        };
        let mut states = all("it was not tried");
        self.held.clear();
        for _attempt in 0..2 {
            if self.session.state() != SessionState::Ready {
                let deadline = self.urgent_deadline();
                if let Err(error) = self.session.recover(deadline).await {
                    states = all(&error.to_string());
                    continue;
                }
            }
            if let Some(error) = self.is_another().await {
                return all(&error.to_string());
            }
            self.tell_all_off(&channels).await;
            states = self.prove_all_off(&channels).await;
            if states.iter().all(|state| state.proof == SafetyProof::Off) {
                break;
            }
        }
        states
    }

    /// Writes only. A session that the identity question left waiting is reopened first.
    async fn tell_all_off(&mut self, channels: &[u32]) {
        let Some(outputs) = self.definition.outputs.clone() else {
            return;
        };
        for channel in channels {
            if self.session.state() != SessionState::Ready {
                let deadline = self.urgent_deadline();
                // what cannot be reached cannot be told; the proof says so
                drop(self.session.recover(deadline).await);
            }
            let deadline = self.urgent_deadline();
            let message = off_message(&outputs, *channel);
            drop(self.session.write(message.as_bytes(), deadline).await);
            self.pause().await;
        }
    }

    async fn prove_all_off(&mut self, channels: &[u32]) -> Vec<OutputState> {
        let mut states = Vec::new();
        // where one question gets no answer the next would get none either, or the one before's
        let mut silent: Option<String> = None;
        for channel in channels {
            let proof = match &silent {
                Some(reason) => SafetyProof::NotProved(reason.clone()),
                None => match self.reads_as_off(*channel).await {
                    Ok(true) => SafetyProof::Off,
                    Ok(false) => SafetyProof::NotProved("it was turned off and reads back as on".to_owned()),
                    Err(error) => {
                        silent = Some(error.to_string());
                        SafetyProof::NotProved(error.to_string())
                    }
                },
            };
            states.push(OutputState {
                channel: *channel,
                proof,
            });
        }
        states
    }

    async fn reads_as_off(&mut self, channel: u32) -> Result<bool, Error> {
        let operation = Operation::MakeSafe;
        let (outputs, _) = self.output(channel, operation)?;
        let deadline = self.urgent_deadline();
        let is_on = self.switch_state(channel, &outputs, operation, deadline).await?;
        Ok(!is_on)
    }

    /// After a reset every output must be off; one that is not is turned off.
    pub(crate) async fn prove_outputs_off(&mut self, operation: Operation) -> Result<(), Error> {
        let channels: Vec<u32> = self.capabilities().outputs.keys().copied().collect();
        for channel in channels {
            let (outputs, _) = self.output(channel, operation)?;
            if self.is_on(channel, &outputs, operation).await? {
                self.output_off(channel)
                    .await
                    .map_err(|error| error.during(operation))?;
            }
        }
        Ok(())
    }
}

fn off_message(outputs: &OutputsDefinition, channel: u32) -> String {
    outputs.output_enabled.off.fill(&[("channel", &channel.to_string())])
}

/// True when `present`, in the base unit, differs from `wanted` by no more than `resolution`.
fn is_close(wanted: Quantity, present: Decimal, resolution: Quantity) -> bool {
    let base = Unit::of(wanted.unit.base());
    let difference = wanted.in_unit(base).ok().and_then(|wanted| wanted.checked_sub(present));
    let step = resolution.in_unit(base).ok();
    difference
        .zip(step)
        .is_some_and(|(difference, step)| difference.abs() <= step)
}
