//! One simulated instrument: its settings, status and faults, shared by all who talk to it.
//!
//! A command is carried out at once or says what it waits for ([`Outcome::Pending`]); it is asked again then. Nothing
//! here sleeps, reads a clock or knows who asks.

mod standard;

pub(crate) use standard::mask;

use crate::{
    answer::{Numbers, whole},
    calendar::Date,
    client::Link,
    dc_power::{self, DcPower, Output},
    dmm::{self, Dmm, Inputs, Trace},
    fault::{Fault, Faults},
    model::{Behaviour, ClassModel, Command, Definition, Model, Remembered, Stored},
    parser::{Argument, Arguments, is_form_of},
    status::{
        ErrorQueue, ILLEGAL_PARAMETER_VALUE, IN_LOCAL, OPERATION_COMPLETE, SERIAL_ONLY, ScpiError, Status,
        UNDEFINED_HEADER,
    },
    switch::{self, Relays},
};
use benchtop_instrument::Moment;
use rand_chacha::ChaCha8Rng;
use std::time::Duration;

/// One instrument.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) model: Model,
    pub(crate) serial_number: String,
    pub(crate) class: ClassState,
    pub(crate) status: Status,
    /// The error queue, where all clients share one.
    pub(crate) errors: ErrorQueue,
    pub(crate) faults: Faults,
    /// Up to when it was brought.
    pub(crate) now: Moment,
    /// It was told to go to remote.
    remote: bool,
    /// Clients of an earlier one have been forgotten.
    pub(crate) generation: u64,
    /// It has no power until then.
    pub(crate) down_until: Option<Moment>,
    stored: Stored,
    /// By the number that they were saved under.
    saved: std::collections::BTreeMap<u8, dmm::Saved>,
    /// `*OPC` waits for the end of what runs.
    completion_wanted: bool,
}

/// The settings of its class.
#[derive(Debug)]
pub(crate) enum ClassState {
    Dmm(Box<Dmm>),
    DcPower(Box<DcPower>),
    Switch(Relays),
}

/// What surrounds an instrument while a command is carried out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Around {
    pub(crate) mains_hertz: f64,
    /// What lies at a meter's terminals.
    pub(crate) inputs: Inputs,
    /// What lay there, as far as somebody still looks back.
    pub(crate) trace: Trace,
    /// What a supply's outputs really do.
    pub(crate) outputs: Vec<Output>,
}

/// One command as it reaches the instrument.
#[derive(Debug)]
pub(crate) struct Call<'c> {
    pub(crate) query: bool,
    pub(crate) suffix: Suffix,
    /// How the client is connected.
    pub(crate) link: Link,
    /// The function in the header.
    pub(crate) function: usize,
    pub(crate) arguments: Arguments<'c>,
    /// It was carried out before and had to wait.
    pub(crate) resumed: bool,
    pub(crate) started: Moment,
    pub(crate) now: Moment,
    pub(crate) numbers: Numbers,
    pub(crate) around: Around,
    /// The error queue of the client, where each has its own.
    pub(crate) own_errors: Option<&'c mut ErrorQueue>,
    /// The answers of this message lie unread.
    pub(crate) message_available: bool,
}

/// The number in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suffix {
    /// The header has no place for one.
    NoPlace,
    /// It has, and none was sent.
    Omitted,
    Sent(u32),
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    Done,
    Answer(String),
    /// A block of binary data.
    Bytes(Vec<u8>),
    Pending(Wait),
    /// It has not begun, and is to be asked as if for the first time.
    Held(Wait),
}

/// What has to happen before a command can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    Until(Moment),
    /// Another command to the same bench.
    ForChange,
}

impl Device {
    /// A new one, just switched on. `noise` is what its readings have, `chance` what goes wrong with it.
    pub(crate) fn new(model: &Model, serial_number: String, noise: ChaCha8Rng, chance: ChaCha8Rng) -> Self {
        let definition = &model.0;
        let class = match &definition.class {
            ClassModel::Dmm(model) => ClassState::Dmm(Box::new(Dmm::new(model, noise))),
            ClassModel::DcPower(model) => ClassState::DcPower(Box::new(DcPower::new(model, noise))),
            ClassModel::Switch(_) => ClassState::Switch(Relays::default()),
        };
        Self {
            model: model.clone(),
            serial_number,
            class,
            status: Status::default(),
            errors: ErrorQueue::new(definition.reporting.depth),
            faults: Faults::new(chance),
            now: Moment::from_start(Duration::ZERO),
            remote: false,
            generation: 0,
            down_until: None,
            stored: Stored::new(),
            saved: std::collections::BTreeMap::new(),
            completion_wanted: false,
        }
    }

    /// Lets time pass up to `now`.
    pub(crate) fn advance(&mut self, around: &Around, now: Moment) {
        self.now = now;
        if let (ClassState::Dmm(dmm), ClassModel::Dmm(model)) = (&mut self.class, &self.model.0.class) {
            dmm.advance(model, &around.trace, around.mains_hertz, now, &mut self.status);
            for error in dmm.raised.drain(..) {
                self.status.events |= error.event_bit() | self.errors.push(error, now);
            }
        }
        self.complete();
    }

    /// The earliest moment of its terminals that still matters at `now`.
    pub(crate) fn looks_back(&self, mains_hertz: f64, now: Moment) -> Moment {
        match (&self.class, &self.model.0.class) {
            (ClassState::Dmm(dmm), ClassModel::Dmm(model)) => {
                dmm.looks_back(model, mains_hertz).unwrap_or(now).min(now)
            }
            (
                ClassState::Dmm(_) | ClassState::DcPower(_) | ClassState::Switch(_),
                ClassModel::Dmm(_) | ClassModel::DcPower(_) | ClassModel::Switch(_),
            ) => now,
        }
    }

    /// Makes a meter as inaccurate as its specification allows.
    pub(crate) fn age(&mut self, stream: ChaCha8Rng) {
        if let (ClassState::Dmm(dmm), ClassModel::Dmm(model)) = (&mut self.class, &self.model.0.class) {
            dmm.age(model, stream);
        }
    }

    /// What somebody has to wait for who waits for all overlapped commands.
    fn busy(&self) -> Option<Wait> {
        match &self.class {
            ClassState::Dmm(dmm) => dmm.busy(),
            ClassState::DcPower(_) | ClassState::Switch(_) => None,
        }
    }

    /// Ends what runs, as device clear does (Truevolt guide, Device Clear). Settings, status and errors stay.
    pub(crate) fn abort(&mut self) {
        self.completion_wanted = false;
        if let (ClassState::Dmm(dmm), ClassModel::Dmm(model)) = (&mut self.class, &self.model.0.class) {
            dmm::abort(dmm, model, &mut self.status);
        }
    }

    /// Carries out the command of this number.
    pub(crate) fn execute(&mut self, number: usize, call: &mut Call<'_>) -> Result<Outcome, ScpiError> {
        let outcome = self.carry_out(number, call);
        self.complete();
        outcome
    }

    /// Tells who has asked for it that everything is done.
    fn complete(&mut self) {
        if self.completion_wanted && self.busy().is_none() {
            self.completion_wanted = false;
            self.status.events |= OPERATION_COMPLETE;
        }
    }

    fn carry_out(&mut self, number: usize, call: &mut Call<'_>) -> Result<Outcome, ScpiError> {
        let model = self.model.clone();
        let definition: &Definition = &model.0;
        let Command {
            behaviour,
            function,
            numbered,
        } = definition.commands.get(number).ok_or(UNDEFINED_HEADER)?;
        call.function = *function;
        if *numbered && call.suffix == Suffix::NoPlace {
            call.suffix = Suffix::Omitted;
        }
        call.numbers = definition.reporting.numbers;
        if let Some(wait) = self.holds(behaviour, call.resumed) {
            return Ok(Outcome::Held(wait));
        }
        self.check_link(behaviour, call.link)?;
        match behaviour {
            Behaviour::Standard(standard) => standard::execute(self, *standard, call),
            Behaviour::Dmm(behaviour) => match (&mut self.class, &definition.class) {
                (ClassState::Dmm(dmm), ClassModel::Dmm(model)) => {
                    dmm::execute(dmm, model, *behaviour, call, &mut self.status)
                }
                _ => Err(UNDEFINED_HEADER),
            },
            Behaviour::DcPower(behaviour) => match (&mut self.class, &definition.class) {
                (ClassState::DcPower(supply), ClassModel::DcPower(model)) => {
                    dc_power::execute(supply, model, *behaviour, call)
                }
                _ => Err(UNDEFINED_HEADER),
            },
            Behaviour::Switch(behaviour) => match (&mut self.class, &definition.class) {
                (ClassState::Switch(relays), ClassModel::Switch(model)) => {
                    switch::execute(relays, model, *behaviour, call)
                }
                _ => Err(UNDEFINED_HEADER),
            },
            Behaviour::Setting(setting) => self.setting(*setting, call),
            Behaviour::Constant(answer) => {
                call.arguments.end()?;
                Ok(Outcome::Answer(answer.clone()))
            }
            Behaviour::Ignored(most) => {
                for _ in 0..*most {
                    call.arguments.optional();
                }
                call.arguments.end()?;
                Ok(Outcome::Done)
            }
            Behaviour::Clear(name) => {
                call.arguments.end()?;
                let settings = &definition.settings;
                let named = |number: usize| {
                    settings
                        .get(number)
                        .is_some_and(|setting| setting.name.as_ref() == Some(name))
                };
                self.stored.retain(|(number, _), _| !named(*number));
                Ok(Outcome::Done)
            }
            Behaviour::Accepts(words) => {
                let argument = call.arguments.required()?;
                call.arguments.end()?;
                let word = argument.word()?;
                let known = words.iter().any(|name| is_form_of(name, word));
                known.then_some(Outcome::Done).ok_or(ILLEGAL_PARAMETER_VALUE)
            }
            Behaviour::Remote(on) => {
                call.arguments.end()?;
                self.remote = *on;
                Ok(Outcome::Done)
            }
            Behaviour::Preset => {
                call.arguments.end()?;
                self.reset();
                if let (ClassState::Dmm(dmm), ClassModel::Dmm(model)) = (&mut self.class, &definition.class) {
                    dmm::preset(dmm, model, &mut self.status);
                }
                Ok(Outcome::Done)
            }
            Behaviour::Time => {
                let date = Date::of(call.now);
                let text = call.arguments.optional().is_some();
                call.arguments.end()?;
                let unix = i64::try_from(date.unix()).unwrap_or(i64::MAX);
                Ok(Outcome::Answer(if text {
                    date.text()
                } else {
                    call.numbers.integer(unix)
                }))
            }
            Behaviour::LineFrequency => {
                call.arguments.end()?;
                let hertz = whole(call.around.mains_hertz).and_then(|hertz| i64::try_from(hertz).ok());
                let hertz = call.numbers.integer(hertz.unwrap_or_default());
                Ok(Outcome::Answer(hertz))
            }
        }
    }

    /// What a command has to wait for that is not taken in hand while the instrument measures.
    fn holds(&self, behaviour: &Behaviour, begun: bool) -> Option<Wait> {
        match (&self.class, &self.model.0.class, behaviour) {
            (ClassState::Dmm(dmm), ClassModel::Dmm(model), Behaviour::Dmm(behaviour)) => {
                dmm.holds(model, Some(*behaviour), begun)
            }
            (ClassState::Dmm(dmm), ClassModel::Dmm(model), _) => dmm.holds(model, None, begun),
            (
                ClassState::Dmm(_) | ClassState::DcPower(_) | ClassState::Switch(_),
                ClassModel::Dmm(_) | ClassModel::DcPower(_) | ClassModel::Switch(_),
                _,
            ) => None,
        }
    }

    /// Refuses what is not taken from this kind of connection.
    fn check_link(&self, behaviour: &Behaviour, link: Link) -> Result<(), ScpiError> {
        let Some(serial) = &self.model.0.serial else {
            return Ok(());
        };
        match (behaviour, link) {
            (Behaviour::Remote(_), Link::Bus) if serial.only_here => Err(SERIAL_ONLY),
            (Behaviour::Dmm(behaviour), Link::Serial)
                if serial.needs_remote && !self.remote && behaviour.takes_readings() =>
            {
                Err(IN_LOCAL)
            }
            _ => Ok(()),
        }
    }

    /// `*RST`: settings go to their defaults; status, errors and faults stay.
    fn reset(&mut self) {
        self.completion_wanted = false;
        let definition = &self.model.0;
        self.stored.retain(|(setting, _), _| {
            let setting = definition.settings.get(*setting);
            setting.is_some_and(|setting| setting.survives_reset)
        });
        match (&mut self.class, &definition.class) {
            (ClassState::Dmm(dmm), ClassModel::Dmm(model)) => dmm::reset(dmm, model, &mut self.status),
            (ClassState::DcPower(supply), ClassModel::DcPower(model)) => supply.reset(model),
            (ClassState::Switch(relays), _) => relays.reset(),
            (ClassState::Dmm(_), ClassModel::DcPower(_) | ClassModel::Switch(_))
            | (ClassState::DcPower(_), ClassModel::Dmm(_) | ClassModel::Switch(_)) => {}
        }
    }

    /// The numbers of the channels that a command is for.
    fn addressed(&self, call: &mut Call<'_>) -> Result<Vec<u32>, ScpiError> {
        match (&self.class, &self.model.0.class) {
            (ClassState::DcPower(supply), ClassModel::DcPower(model)) => {
                let places = dc_power::channels(supply, model, call)?;
                let numbers = places
                    .into_iter()
                    .map(|place| u32::try_from(place + 1).unwrap_or(u32::MAX));
                Ok(numbers.collect())
            }
            (
                ClassState::Dmm(_) | ClassState::DcPower(_) | ClassState::Switch(_),
                ClassModel::Dmm(_) | ClassModel::DcPower(_) | ClassModel::Switch(_),
            ) => {
                let list = call.arguments.channels(self.model.outputs())?;
                Ok(list.unwrap_or_else(|| vec![1]))
            }
        }
    }

    /// A setting that is only kept and answered.
    fn setting(&mut self, number: usize, call: &mut Call<'_>) -> Result<Outcome, ScpiError> {
        let model = self.model.clone();
        let setting = model.0.settings.get(number).ok_or(UNDEFINED_HEADER)?;
        let channels = if setting.per_channel {
            self.addressed(call)?
        } else {
            vec![0]
        };
        if !call.query {
            let value = setting.accept(&call.arguments.required()?)?;
            call.arguments.end()?;
            if let Some(value) = value {
                for channel in channels {
                    self.stored.insert((number, channel), value.clone());
                }
            }
            return Ok(Outcome::Done);
        }
        let bound = call.arguments.optional().map(|argument: Argument<'_>| {
            let word = argument.word()?;
            setting.named(word).ok_or(ILLEGAL_PARAMETER_VALUE)
        });
        let bound: Option<Remembered> = bound.transpose()?;
        call.arguments.end()?;
        let texts: Vec<String> = channels
            .into_iter()
            .map(|channel| {
                let kept = self.stored.get(&(number, channel)).unwrap_or(&setting.default);
                bound.as_ref().unwrap_or(kept).answer(call.numbers)
            })
            .collect();
        Ok(Outcome::Answer(texts.join(",")))
    }

    /// Everything that it measures is off by so much.
    pub(crate) fn shift(&mut self, amount: f64) {
        match &mut self.class {
            ClassState::Dmm(dmm) => dmm.shift = amount,
            ClassState::DcPower(supply) => supply.shift = amount,
            ClassState::Switch(_) => {}
        }
    }

    /// Does what has begun and ended of its faults by `now`. True if the unit may notice.
    pub(crate) fn follow_faults(&mut self, now: Moment) -> bool {
        if self.down_until.is_some_and(|until| until <= now) {
            self.down_until = None;
            self.faults.end_reboots();
        }
        let Some(begun) = self.faults.changes(now) else {
            return false;
        };
        let has = |fault| self.faults.has(fault);
        match &mut self.class {
            ClassState::Dmm(dmm) => dmm.spoil(has(Fault::StuckReading), has(Fault::LeadOff), self.faults.drift()),
            ClassState::DcPower(supply) => {
                (supply.stuck, supply.trips) = (has(Fault::StuckOutput), has(Fault::OvpTrip));
            }
            ClassState::Switch(_) => {}
        }
        if self.faults.take_forgotten() {
            self.generation += 1;
        }
        for fault in begun {
            if let Fault::Reboot(duration) = fault {
                self.lose_power();
                self.down_until = Some(now.after(duration));
            }
        }
        true
    }

    /// Settings and status go to what they are after power-on; whoever is connected is forgotten.
    fn lose_power(&mut self) {
        self.reset();
        self.stored.clear();
        self.remote = false;
        self.status = Status::default();
        if let (ClassState::Dmm(dmm), ClassModel::Dmm(model)) = (&mut self.class, &self.model.0.class) {
            dmm::power_on(dmm, model, &mut self.status);
        }
        self.errors.clear();
        self.generation += 1;
    }

    /// Whether anybody can connect to it.
    pub(crate) fn takes_connections(&self) -> bool {
        self.down_until.is_none() && !self.faults.has(Fault::Refused)
    }

    /// It was told to go to remote, and not to go back since.
    pub(crate) const fn is_remote(&self) -> bool {
        self.remote
    }

    /// What a meter is set to; nothing for anything else.
    pub(crate) fn meter_state(&self, channel: u32) -> Option<dmm::MeterState> {
        match (&self.class, &self.model.0.class) {
            (ClassState::Dmm(dmm), ClassModel::Dmm(model)) => dmm.witness(model, channel),
            (ClassState::Dmm(_) | ClassState::DcPower(_) | ClassState::Switch(_), _) => None,
        }
    }

    /// Whether a channel's output is on.
    pub(crate) fn output_enabled(&self, channel: u32) -> Option<bool> {
        let place = usize::try_from(channel).ok()?.checked_sub(1)?;
        match &self.class {
            ClassState::DcPower(supply) => supply.channels.get(place).map(|channel| channel.enabled),
            ClassState::Dmm(_) | ClassState::Switch(_) => None,
        }
    }
}
