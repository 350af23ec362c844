//! An instrument driven by its definition.

mod reconnect;

use crate::{
    Options,
    definition::{Definition, FunctionDefinition, InputsDefinition, Readback},
    response::{self, Number},
    template::Template,
};
use async_trait::async_trait;
use benchtop_instrument::{
    Capabilities, Clock, ClockExt, Decimal, Error, ErrorKind, Function, FunctionCapability, Identity, Instrument,
    Measure, Moment, Operation, OutputMode, OutputSetting, OutputState, Polarity, Quantity, Range, Reading,
    ReadingKind, Resource, Session, SessionExt, SessionState, Setting, StartState,
};
use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

/// Longest wait for one answer while making safe.
const MOST_URGENT: Duration = Duration::from_secs(5);

/// What triggers an instrument, where its interface does not (IEEE 488.2, 10.37).
const TRIGGER: &str = "*TRG";

/// One instrument, its definition and the session to it.
pub struct ScpiInstrument {
    pub(crate) session: Box<dyn Session>,
    pub(crate) definition: Arc<Definition>,
    capabilities: Capabilities,
    clock: Arc<dyn Clock>,
    options: Options,
    /// Who answers is known to be who should.
    identified: bool,
    /// What was set on its outputs.
    pub(crate) held: BTreeMap<u32, OutputSetting>,
    /// The channels of a switch that were closed.
    pub(crate) closed: BTreeSet<u32>,
}

impl std::fmt::Debug for ScpiInstrument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "ScpiInstrument({} on {})",
            self.definition.name,
            self.session.resource()
        )
    }
}

impl ScpiInstrument {
    /// Drives what `session` leads to by `definition`. Sends nothing yet.
    #[must_use]
    pub fn new(
        session: Box<dyn Session>,
        definition: Arc<Definition>,
        clock: Arc<dyn Clock>,
        options: Options,
    ) -> Self {
        let capabilities = options.capabilities(&definition);
        Self {
            session: definition.error_check.over(session),
            definition,
            capabilities,
            clock,
            options,
            identified: false,
            held: BTreeMap::new(),
            closed: BTreeSet::new(),
        }
    }

    pub(crate) fn deadline(&self) -> Moment {
        self.clock.now().after(self.timeout())
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    fn timeout(&self) -> Duration {
        self.options.timeout.unwrap_or(self.definition.timeout)
    }

    /// The deadline of one exchange while making safe: short, since the outputs may be on meanwhile.
    pub(crate) fn urgent_deadline(&self) -> Moment {
        self.clock.now().after(self.timeout().min(MOST_URGENT))
    }

    /// True when another instrument than the station's answers here. One that does not answer, or not in its form, is
    /// no other one.
    pub(crate) async fn is_another(&mut self) -> Option<Error> {
        if self.identified {
            return None;
        }
        match self.identify().await {
            Err(error) if error.kind() == ErrorKind::WrongIdentity => Some(error),
            Ok(_) | Err(_) => None,
        }
    }

    pub(crate) fn fail(&self, kind: ErrorKind, operation: Operation, message: impl Into<String>) -> Error {
        Error::new(kind, operation, self.session.resource(), message)
    }

    pub(crate) async fn send(&mut self, operation: Operation, message: &str) -> Result<(), Error> {
        let deadline = self.deadline();
        let sent = self.session.write(message.as_bytes(), deadline).await;
        self.pause().await;
        sent.map_err(|error| error.during(operation))
    }

    /// Sends what lets a reading be taken; `*TRG` as the interface's own trigger where it has one.
    pub(crate) async fn pull(&mut self, operation: Operation, message: &str) -> Result<(), Error> {
        if message != TRIGGER {
            return self.send(operation, message).await;
        }
        let deadline = self.deadline();
        match self.session.trigger(deadline).await {
            Err(error) if error.kind() == ErrorKind::Unsupported => self.send(operation, message).await,
            triggered => {
                self.pause().await;
                triggered.map_err(|error| error.during(operation))
            }
        }
    }

    /// Some instruments lose what comes too soon behind a message that they do not answer.
    pub(crate) async fn pause(&mut self) {
        if !self.definition.pause.is_zero() {
            self.clock.sleep(self.definition.pause).await;
        }
    }

    pub(crate) async fn send_all(&mut self, operation: Operation, templates: &[Template]) -> Result<(), Error> {
        for template in templates {
            self.send(operation, &template.fill(&[])).await?;
        }
        Ok(())
    }

    pub(crate) async fn ask(&mut self, operation: Operation, message: &str, deadline: Moment) -> Result<String, Error> {
        self.session
            .query(message, deadline)
            .await
            .map_err(|error| error.during(operation))
    }

    /// Sends a raw message, and reads the answer if it asks for one.
    async fn answer_to(&mut self, message: &str) -> Result<Option<Vec<u8>>, Error> {
        let deadline = self.deadline();
        self.session.write(message.as_bytes(), deadline).await?;
        if !message.contains('?') {
            return Ok(None);
        }
        self.session.read(deadline).await.map(Some)
    }

    pub(crate) async fn ask_number(&mut self, operation: Operation, message: &str) -> Result<Decimal, Error> {
        let deadline = self.deadline();
        let answer = self.ask(operation, message, deadline).await?;
        match response::number(&answer, None) {
            Ok(Number::Value(value)) => Ok(value),
            Ok(Number::Overrange(_) | Number::NotANumber) => Err(self.fail(
                ErrorKind::Garbled,
                operation,
                format!("{message} answered {answer}, which is no setting"),
            )),
            Err(error) => Err(self.fail(ErrorKind::Garbled, operation, format!("{message}: {error}"))),
        }
    }

    pub(crate) async fn check_errors(&mut self, operation: Operation) -> Result<(), Error> {
        let deadline = self.deadline();
        let definition = Arc::clone(&self.definition);
        definition
            .error_check
            .check(self.session.as_mut(), operation, deadline)
            .await
    }

    /// Ends when overlapped commands are done, on models that can say so.
    pub(crate) async fn wait_complete(&mut self, operation: Operation) -> Result<(), Error> {
        let Some(query) = self.definition.operation_complete.clone() else {
            return Ok(());
        };
        let done = self.ask_number(operation, &query.fill(&[])).await?;
        if done == Decimal::ONE {
            return Ok(());
        }
        Err(self.fail(
            ErrorKind::Garbled,
            operation,
            format!("{} answered {done}, not 1", query.text()),
        ))
    }

    async fn identify(&mut self) -> Result<Identity, Error> {
        let deadline = self.deadline();
        let answer = self.ask(Operation::Identify, "*IDN?", deadline).await?;
        let identity: Identity = answer
            .parse()
            .map_err(|error| self.fail(ErrorKind::Garbled, Operation::Identify, format!("*IDN?: {error}")))?;
        let shown = benchtop_notation::brief(&answer);
        if !self.definition.identity.is_match(answer.trim()) {
            let message = format!("expected {}, but {shown} answers", self.capabilities.model);
            return Err(self.fail(ErrorKind::WrongIdentity, Operation::Identify, message));
        }
        if let Some(expected) = self
            .options
            .serial_number
            .as_ref()
            .filter(|expected| **expected != identity.serial_number)
        {
            let message = format!("expected serial number {expected}, but {shown} answers");
            return Err(self.fail(ErrorKind::WrongIdentity, Operation::Identify, message));
        }
        self.identified = true;
        Ok(identity)
    }

    fn is_serial(&self) -> bool {
        matches!(self.session.resource(), Resource::Serial { .. })
    }

    /// On a bus an instrument goes to remote by itself; on a serial line some have to be told.
    async fn go_remote(&mut self, operation: Operation) -> Result<(), Error> {
        let definition = Arc::clone(&self.definition);
        match &definition.serial {
            Some(serial) if self.is_serial() => self.send_all(operation, &serial.remote).await,
            Some(_) | None => Ok(()),
        }
    }

    /// The function's definition, if the request lies within it; what to send for range and integration time.
    fn plan(&self, request: &Measure) -> Result<(FunctionDefinition, Option<Range>), Error> {
        let Measure {
            channel,
            function,
            range,
            nplc,
            choices,
            sampling,
        } = *request;
        let refuse = |kind, message: String| Err(self.fail(kind, Operation::Measure, message));
        let Some(definition) = self.definition.functions.get(&function) else {
            return refuse(
                ErrorKind::Unsupported,
                format!("{} cannot measure {function}", self.capabilities.model),
            );
        };
        let is_known = definition.capability.channels.contains(&channel);
        if !is_known || !self.capabilities.channels.contains(&channel) {
            let message = format!(
                "{} has {}, not {channel}",
                self.capabilities.model,
                self.capabilities.channel_list()
            );
            return refuse(ErrorKind::OutOfRange, message);
        }
        let chosen = match definition.capability.choose(range) {
            Ok(chosen) => chosen,
            Err(error) => return refuse(ErrorKind::OutOfRange, format!("{function}: {error}")),
        };
        if let Some(nplc) = nplc
            && !definition.capability.nplc.contains(&nplc)
        {
            let list: Vec<String> = definition.capability.nplc.iter().map(ToString::to_string).collect();
            let message = match list.as_slice() {
                [] => format!("{function} has no integration time to set"),
                list => format!("{function}: nplc {nplc} is not one of {}", list.join(", ")),
            };
            return refuse(ErrorKind::OutOfRange, message);
        }
        if let Some(lacking) = definition.capability.choices.lacks(choices) {
            let message = format!("{function} has no {lacking} to choose");
            return refuse(ErrorKind::OutOfRange, message);
        }
        if let Some(lacking) = definition.capability.sampling.lacks(&sampling, nplc, chosen) {
            let message = format!("{function}: {}: {}", lacking.key, lacking.reason);
            return refuse(ErrorKind::OutOfRange, message);
        }
        Ok((definition.clone(), chosen))
    }

    /// Sends everything that determines the reading.
    async fn configure(
        &mut self,
        function: &FunctionDefinition,
        choosing: &[Template],
        request: &Measure,
        range: Option<Range>,
        nplc: Option<Decimal>,
    ) -> Result<(), Error> {
        let channel = request.channel.to_string();
        let operation = Operation::Measure;
        let definition = Arc::clone(&self.definition);
        if let Some(inputs) = &definition.inputs {
            self.send(operation, &inputs.open.fill(&[])).await?;
        }
        for template in function.configure.iter().chain(&function.defaults).chain(choosing) {
            self.send(operation, &template.fill(&[("channel", &channel)])).await?;
        }
        if let (Some(template), Some(nplc)) = (&function.nplc, nplc) {
            self.send(
                operation,
                &template.fill(&[("nplc", &nplc.to_string()), ("channel", &channel)]),
            )
            .await?;
        }
        let ranging = match range {
            Some(range) => function.range.as_ref().zip(function.argument(range)),
            None => function.autorange.as_ref().map(|template| (template, "")),
        };
        if let Some((template, range)) = ranging {
            self.send(operation, &template.fill(&[("range", range), ("channel", &channel)]))
                .await?;
        }
        self.configure_sampling(function, request).await?;
        self.check_errors(operation).await?;
        self.read_back_function(function, &channel, nplc).await?;
        match &definition.inputs {
            Some(inputs) => self.connect(inputs, &channel).await,
            None => Ok(()),
        }
    }

    /// Asks for what was set, on models that report no errors.
    async fn read_back_function(
        &mut self,
        function: &FunctionDefinition,
        channel: &str,
        nplc: Option<Decimal>,
    ) -> Result<(), Error> {
        let operation = Operation::Measure;
        let nplc = nplc.map(|nplc| nplc.to_string()).unwrap_or_default();
        let places = [("channel", channel), ("nplc", nplc.as_str())];
        for Readback { query, answer } in &function.readback {
            let (question, expected, deadline) = (query.fill(&places), answer.fill(&places), self.deadline());
            let answer = self.ask(operation, &question, deadline).await?;
            if !Readback::is_same(&answer, &expected) {
                let shown = benchtop_notation::brief(&answer);
                let message = format!("{question} answers {shown} after it was set to {expected}");
                return Err(self.fail(ErrorKind::Readback, operation, message));
            }
        }
        Ok(())
    }

    /// The range that the instrument says it uses.
    async fn range_in_use(
        &mut self,
        function: &FunctionDefinition,
        measured: Function,
        question: &str,
    ) -> Result<Quantity, Error> {
        let operation = Operation::Measure;
        let deadline = self.deadline();
        let answer = self.ask(operation, question, deadline).await?;
        if let Some(range) = function.range_called(&answer) {
            return Ok(range.full_scale);
        }
        match response::number(&answer, None) {
            // one that the definition does not have, by its full scale
            Ok(Number::Value(value)) if !function.ranges_have_names() => Ok(Quantity::new(value, measured.unit())),
            Ok(_) | Err(_) => {
                let shown = benchtop_notation::brief(&answer);
                let message = format!("{question} answered {shown}, which is no range of {measured}");
                Err(self.fail(ErrorKind::Garbled, operation, message))
            }
        }
    }

    /// Connects an input, and lets the instrument say that it is the one.
    async fn connect(&mut self, inputs: &InputsDefinition, channel: &str) -> Result<(), Error> {
        let operation = Operation::Measure;
        let place = [("channel", channel)];
        self.send(operation, &inputs.close.fill(&place)).await?;
        self.check_errors(operation).await?;
        let (question, deadline) = (inputs.closed.fill(&place), self.deadline());
        let answer = self.ask(operation, &question, deadline).await?;
        let said: String = answer.split_whitespace().collect();
        if said == inputs.answer.fill(&place) {
            return Ok(());
        }
        let shown = benchtop_notation::brief(&answer);
        let message = format!("channel {channel} was connected, and {question} answers {shown}");
        Err(self.fail(ErrorKind::Readback, operation, message))
    }
}

/// No bench measures so many volts, amperes, ohms, hertz, seconds or farads: where the range is not known, it is overrange.
const NO_MEASUREMENT: f64 = 1e18;

/// A number beyond the largest reading of the range in use is overrange, whatever the instrument calls it: meters have other
/// values for it than their definition knows, and none may be taken for a voltage.
fn beyond_its_range(kind: ReadingKind, function: &FunctionCapability, in_use: Option<Quantity>) -> ReadingKind {
    let ReadingKind::Value(value) = kind else {
        return kind;
    };
    let is_in_use =
        |range: &&Range| in_use.is_some_and(|used| range.full_scale.compare(used).is_some_and(Ordering::is_eq));
    let magnitude = Quantity::new(value.value.abs(), value.unit);
    let is_beyond = match function.ranges.iter().find(is_in_use) {
        Some(range) => magnitude.compare(range.maximum).is_some_and(Ordering::is_gt),
        None => magnitude.value.to_f64() >= NO_MEASUREMENT,
    };
    match is_beyond {
        true if value.value.is_negative() => ReadingKind::Overrange(Polarity::Negative),
        true => ReadingKind::Overrange(Polarity::Positive),
        false => kind,
    }
}

#[async_trait]
impl Instrument for ScpiInstrument {
    fn resource(&self) -> &Resource {
        self.session.resource()
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn prepare(&mut self) -> Result<StartState, Error> {
        let operation = Operation::Prepare;
        let deadline = self.deadline();
        self.held.clear();
        self.closed.clear();
        match self.session.clear(deadline).await {
            Ok(()) => {}
            // a fresh session has nothing to clear; one that was used is put right by reopening
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                if self.session.state() != SessionState::Ready {
                    self.session
                        .recover(deadline)
                        .await
                        .map_err(|error| error.during(operation))?;
                }
            }
            Err(error) => return Err(error.during(operation)),
        }
        self.go_remote(operation).await?;
        let identity = self.identify().await?;
        let definition = Arc::clone(&self.definition);
        let deadline = self.deadline();
        let stale_errors = definition
            .error_check
            .drain(self.session.as_mut(), deadline)
            .await
            .map_err(|error| error.during(operation))?;
        if !self.options.shared {
            self.send_all(operation, &definition.reset).await?;
            self.wait_complete(operation).await?;
            self.check_errors(operation).await?;
            self.prove_relays_open(operation).await?;
        }
        // of a shared source those that are the station's
        self.prove_outputs_off(operation).await?;
        Ok(StartState { identity, stale_errors })
    }

    async fn measure(&mut self, request: &Measure) -> Result<Reading, Error> {
        let operation = Operation::Measure;
        let (function, range) = self.plan(request)?;
        let sampling = &request.sampling;
        let is_timed = sampling.aperture.is_some() || sampling.resolution.is_some();
        let nplc = request.nplc.or(function.nplc_default).filter(|_| !is_timed);
        if function.capability.needs_output && !self.output_is_on(request.channel).await? {
            let message = format!(
                "output {} is off, and {} measures only while it is on",
                request.channel, self.capabilities.model
            );
            return Err(self.fail(ErrorKind::Unsupported, operation, message));
        }
        let (choices, choosing) = function.choices.choose(request.choices);
        self.configure(&function, &choosing, request, range, nplc).await?;
        if !function.settle.is_zero() {
            self.clock.sleep(function.settle).await;
        }
        let channel = request.channel.to_string();
        let taken = self.take(&function, request, nplc).await?;
        self.check_errors(operation).await?;
        let sampling = self.sampling_in_use(&function, request).await?;
        let range_in_use = match &function.range_query {
            Some(query) => {
                let question = query.fill(&[("channel", &channel)]);
                Some(self.range_in_use(&function, request.function, &question).await?)
            }
            None => None,
        };
        let range = range.map(|range| range.full_scale);
        if let (Some(wanted), Some(used)) = (range, range_in_use)
            && wanted.compare(used).is_none_or(Ordering::is_ne)
        {
            let message = format!("the range {wanted} was set, and {used} is read back");
            return Err(self.fail(ErrorKind::Readback, operation, message));
        }
        let range_in_use = range.or(range_in_use);
        let judged = |kind| beyond_its_range(kind, &function.capability, range_in_use);
        let (text, kind, samples) = taken.reading(request.function.unit(), judged);
        Ok(Reading {
            text,
            kind,
            range_in_use,
            nplc,
            choices,
            sampling,
            samples,
        })
    }

    async fn set(&mut self, setting: &Setting) -> Result<(), Error> {
        match setting {
            Setting::Output(output) => self.set_output(output).await,
            Setting::Switch(switch) => self.set_relays(switch).await,
        }
    }

    async fn find_outputs_on(&mut self) -> Result<(), Error> {
        self.find_outputs_among(None).await?;
        self.find_relays_closed(Operation::ReadBack).await
    }

    async fn output_mode(&mut self, channel: u32) -> Result<OutputMode, Error> {
        self.find_output_mode(channel).await
    }

    async fn find_these_on(&mut self, channels: &[u32]) -> Result<(), Error> {
        self.find_outputs_among(Some(channels)).await?;
        self.find_relays_closed(Operation::ReadBack).await
    }

    async fn query(&mut self, message: &str) -> Result<Option<String>, Error> {
        let answer = self.answer_to(message).await?;
        Ok(answer.map(|answer| String::from_utf8_lossy(&answer).into_owned()))
    }

    async fn query_checked(&mut self, message: &str) -> Result<Option<Vec<u8>>, Error> {
        let answer = self.answer_to(message).await?;
        self.check_errors(Operation::Write).await?;
        Ok(answer)
    }

    async fn make_safe(&mut self) -> Result<Vec<OutputState>, Error> {
        let mut states = Vec::new();
        if !self.capabilities.outputs.is_empty() {
            states.extend(self.all_outputs_off().await);
        }
        states.extend(self.all_relays_open().await);
        Ok(states)
    }

    async fn self_test(&mut self) -> Result<(), Error> {
        let operation = Operation::SelfTest;
        let Some(query) = self.definition.self_test.clone() else {
            return Err(self.fail(ErrorKind::Unsupported, operation, "its definition has no self-test"));
        };
        let code = self.ask_number(operation, &query.fill(&[])).await?;
        if code.is_zero() {
            return Ok(());
        }
        Err(self.fail(
            ErrorKind::Instrument,
            operation,
            format!("{} answered {code}", query.text()),
        ))
    }

    async fn recover(&mut self) -> Result<(), Error> {
        self.reconnect().await?;
        self.restore_outputs().await?;
        self.find_relays_closed(Operation::Recover).await
    }

    async fn close(&mut self) -> Result<(), Error> {
        let definition = Arc::clone(&self.definition);
        let serial = definition.serial.as_ref().filter(|_| self.is_serial());
        let local = serial.map_or(&definition.local, |serial| &serial.local);
        let local = match self.session.state() {
            SessionState::Ready => self.send_all(Operation::Close, local).await,
            SessionState::Desynchronised | SessionState::Disconnected | SessionState::Closed => Ok(()),
        };
        self.session.close().await.and(local)
    }
}
