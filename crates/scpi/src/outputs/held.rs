//! What was set on a supply's outputs, and whether the supply still has it.
//!
//! - Only what was set and read back counts as held; a setting that failed on the way is forgotten.
//! - After a path was lost the supply may have lost its settings with it: what an output that is off was set to is set again;
//!   an output that is on must be as it was set, and one that should be on and is off is never turned on behind anybody's back.

use super::{Checked, Difference};
use crate::{definition::OutputsDefinition, driver::ScpiInstrument};
use benchtop_instrument::{Error, ErrorKind, Operation, OutputSetting, SessionState};

impl ScpiInstrument {
    /// What is about to be set is not known to be as it was.
    pub(super) fn forget(&mut self, setting: &OutputSetting) {
        let held = self.held(setting.channel);
        if setting.voltage_level.is_some() {
            held.voltage_level = None;
        }
        if setting.current_limit.is_some() {
            held.current_limit = None;
        }
        if setting.ovp_level.is_some() {
            held.ovp_level = None;
        }
        if setting.ocp_enabled.is_some() {
            held.ocp_enabled = None;
        }
    }

    /// What was set and read back.
    pub(super) fn remember(&mut self, setting: &OutputSetting) {
        let held = self.held(setting.channel);
        held.voltage_level = setting.voltage_level.or(held.voltage_level);
        held.current_limit = setting.current_limit.or(held.current_limit);
        held.ovp_level = setting.ovp_level.or(held.ovp_level);
        held.ocp_enabled = setting.ocp_enabled.or(held.ocp_enabled);
    }

    /// The output was proved to be on, or off.
    pub(super) fn remember_switch(&mut self, channel: u32, is_on: bool) {
        self.held(channel).output_enabled = Some(is_on);
    }

    fn held(&mut self, channel: u32) -> &mut OutputSetting {
        let nothing = OutputSetting::of_channel(channel);
        self.held.entry(channel).or_insert(nothing)
    }

    /// One switch for all outputs: one that is turned on must not take along another that was given a level and not turned on.
    pub(super) fn switch_takes_no_other_along(&self, setting: &OutputSetting) -> Result<(), Error> {
        if setting.output_enabled != Some(true) {
            return Ok(());
        }
        let charged = |held: &&OutputSetting| {
            let level = held.voltage_level.is_some_and(|level| !level.value.is_zero());
            held.channel != setting.channel && held.output_enabled != Some(true) && level
        };
        let Some(other) = self.held.values().find(charged) else {
            return Ok(());
        };
        let level = other.voltage_level.map(|level| level.to_string()).unwrap_or_default();
        let message = format!(
            "its outputs have one switch: output {} was set to {level} and not turned on, and would be on too",
            other.channel
        );
        Err(self.fail(ErrorKind::Unsupported, Operation::Set, message))
    }

    /// The other outputs that were turned on.
    pub(super) fn others_on(&self, channel: u32) -> Vec<u32> {
        let mut on = self.turned_on();
        on.retain(|other| *other != channel);
        on
    }

    /// Reads back each output that was turned on and not off since, or those among these: one question each.
    pub(crate) async fn find_outputs_among(&mut self, only: Option<&[u32]>) -> Result<(), Error> {
        let mut turned_on = self.turned_on();
        turned_on.retain(|channel| only.is_none_or(|only| only.contains(channel)));
        if turned_on.is_empty() {
            return Ok(());
        }
        if self.session.state() == SessionState::Disconnected {
            self.reconnect().await?;
        }
        match self.ask_outputs_on(&turned_on).await {
            Err(error) if self.session.state() == SessionState::Disconnected => {
                self.reconnect().await.map_err(|_again| error)?;
                self.ask_outputs_on(&turned_on).await
            }
            asked => asked,
        }
    }

    fn turned_on(&self) -> Vec<u32> {
        let on = self.held.values().filter(|held| held.output_enabled == Some(true));
        on.map(|held| held.channel).collect()
    }

    async fn ask_outputs_on(&mut self, turned_on: &[u32]) -> Result<(), Error> {
        let operation = Operation::ReadBack;
        let mut off = Vec::new();
        for channel in turned_on.iter().copied() {
            let (outputs, _) = self.output(channel, operation)?;
            let deadline = self.urgent_deadline();
            if !self.switch_state(channel, &outputs, operation, deadline).await? {
                off.push(self.went_off(channel, &outputs, operation).await);
            }
        }
        self.nothing_lost(operation, &off)
    }

    /// After a recovery: sets again what an output that is off has lost, and finds what cannot be set again unasked.
    pub(crate) async fn restore_outputs(&mut self) -> Result<(), Error> {
        let operation = Operation::Recover;
        let mut lost = Vec::new();
        for held in self.held.clone().into_values() {
            let channel = held.channel;
            let (outputs, capability) = self.output(channel, operation)?;
            let is_on = self.is_on(channel, &outputs, operation).await?;
            match (held.output_enabled, is_on) {
                (Some(true), false) => {
                    lost.push(self.went_off(channel, &outputs, operation).await);
                    continue;
                }
                (Some(false), true) => {
                    lost.push(format!("output {channel} was turned off and reads back as on"));
                    continue;
                }
                (Some(_) | None, _) => {}
            }
            for checked in self.checked(&held, &outputs, &capability)? {
                if is_on {
                    lost.extend(self.differs(&checked, channel).await?);
                } else {
                    self.set_again(&checked, channel).await?;
                }
            }
        }
        self.nothing_lost(operation, &lost)
    }

    fn nothing_lost(&self, operation: Operation, lost: &[String]) -> Result<(), Error> {
        if lost.is_empty() {
            return Ok(());
        }
        Err(self.fail(ErrorKind::Readback, operation, lost.join("; ")))
    }

    async fn set_again(&mut self, setting: &Checked, channel: u32) -> Result<(), Error> {
        if self.differs(setting, channel).await?.is_none() {
            return Ok(());
        }
        let operation = Operation::Recover;
        self.send_setting(operation, setting, channel).await?;
        self.check_errors(operation).await?;
        let differs = self.differs(setting, channel).await?;
        self.nothing_lost(operation, differs.as_slice())
    }

    /// How a setting reads back, where it is not what was set.
    async fn differs(&mut self, setting: &Checked, channel: u32) -> Result<Option<String>, Error> {
        let difference = self.difference(Operation::Recover, setting, channel).await?;
        Ok(difference.map(|Difference { wanted, present }| {
            let name = setting.name;
            format!("{name} of output {channel} was set to {wanted} and reads back as {present}")
        }))
    }

    async fn went_off(&mut self, channel: u32, outputs: &OutputsDefinition, operation: Operation) -> String {
        let why = self.why_off(channel, outputs, operation).await;
        let why = match why.as_str() {
            "" => ": it tripped, or the supply was switched off or restarted",
            why => why,
        };
        format!("output {channel} was turned on and reads back as off{why}")
    }
}
