//! The unit's own link, simulated: scripted replies, and what the unit says when it gets power.
//!
//! Everything is done inside the caller's own poll, like an instrument's session: on a virtual clock a console that waits is
//! seen as what it is.

use crate::{
    attachment::Shared,
    bench::{ConsoleScript, Utterance},
};
use async_trait::async_trait;
use benchtop_instrument::{Console, Error, ErrorKind, Moment, Operation, Resource};
use std::{collections::VecDeque, pin::pin, sync::Arc, time::Duration};

/// More input that nothing matches is forgotten, in bytes.
const MOST_INPUT: usize = 64 * 1024;
/// It is off again below this part of the voltage that it needs.
const OFF: f64 = 0.5;
/// How soon after a change its power is looked at first, and how much later each time until it is left alone.
const FIRST_LOOK: Duration = Duration::from_micros(100);
const LATER: f64 = 1.25;
const LAST_LOOK: Duration = Duration::from_secs(4);

/// A console of a simulated bench.
pub(crate) struct SimulatedConsole {
    resource: Resource,
    shared: Arc<Shared>,
    script: ConsoleScript,
    is_on: bool,
    is_closed: bool,
    input: String,
    /// What will be said, and when.
    output: VecDeque<(Moment, Vec<u8>)>,
    look: Duration,
}

impl SimulatedConsole {
    pub(crate) fn new(resource: Resource, shared: Arc<Shared>, script: ConsoleScript) -> Self {
        Self {
            resource,
            shared,
            script,
            is_on: false,
            is_closed: false,
            input: String::new(),
            output: VecDeque::new(),
            look: FIRST_LOOK,
        }
    }

    fn say(&mut self, now: Moment, utterance: &Utterance) {
        // nobody speaks before having spoken
        let begin = self.output.back().map_or(now, |(moment, _)| now.max(*moment));
        let at = begin.after(utterance.delay);
        self.output.push_back((at, utterance.text.clone().into_bytes()));
    }

    /// Sees whether the unit has power now.
    fn follow_power(&mut self, now: Moment) {
        let has_power = match self.script.power {
            None => true,
            Some((node, above)) => {
                let volts = self.shared.lock().volts(node, now);
                let needed = if self.is_on { above * OFF } else { above };
                volts > needed
            }
        };
        if has_power == self.is_on {
            return;
        }
        self.is_on = has_power;
        self.input.clear();
        self.output.clear();
        if has_power && !self.script.dead {
            for utterance in self.script.boot.clone() {
                self.say(now, &utterance);
            }
        }
    }

    fn hear(&mut self, now: Moment, bytes: &[u8]) {
        if !self.is_on || self.script.dead {
            return;
        }
        if self.script.echo {
            let echo = Utterance {
                text: String::from_utf8_lossy(bytes).into_owned(),
                delay: Duration::ZERO,
            };
            self.say(now, &echo);
        }
        self.input.push_str(&String::from_utf8_lossy(bytes));
        while let Some((end, utterance)) = self.reply() {
            self.input.drain(..end);
            self.say(now, &utterance);
        }
        if self.input.len() > MOST_INPUT {
            self.input.clear();
        }
    }

    /// The answer to what was sent, and the end of that.
    fn reply(&self) -> Option<(usize, Utterance)> {
        for reply in &self.script.replies {
            if let Some(captures) = reply.when.captures(&self.input) {
                let mut text = String::new();
                captures.expand(&reply.says.text, &mut text);
                let delay = reply.says.delay;
                return Some((captures.get(0)?.end(), Utterance { text, delay }));
            }
        }
        let line_end = self.input.find(['\n', '\r'])?;
        let (line, rest) = self.input.split_at(line_end);
        let end = line_end + if rest.starts_with("\r\n") { 2 } else { 1 };
        let otherwise = self.script.otherwise.clone().filter(|_| !line.trim().is_empty());
        let text = otherwise.unwrap_or_default();
        let delay = Duration::ZERO;
        Some((end, Utterance { text, delay }))
    }

    fn closed(&self, operation: Operation) -> Error {
        Error::new(ErrorKind::Disconnected, operation, &self.resource, "it was closed")
    }
}

#[async_trait]
impl Console for SimulatedConsole {
    fn resource(&self) -> &Resource {
        &self.resource
    }

    async fn send(&mut self, bytes: &[u8], _deadline: Moment) -> Result<(), Error> {
        if self.is_closed {
            return Err(self.closed(Operation::Write));
        }
        let now = self.shared.clock.now();
        self.follow_power(now);
        self.hear(now, bytes);
        Ok(())
    }

    async fn receive(&mut self) -> Result<Vec<u8>, Error> {
        let changed = Arc::clone(&self.shared.changed);
        let clock = Arc::clone(&self.shared.clock);
        self.look = FIRST_LOOK;
        loop {
            if self.is_closed {
                return Err(self.closed(Operation::Read));
            }
            // before anything is looked at: a change from here on is not missed
            let mut notified = pin!(changed.notified());
            notified.as_mut().enable();
            let now = clock.now();
            self.follow_power(now);
            let mut said = Vec::new();
            while let Some((_, bytes)) = self.output.pop_front_if(|(at, _)| *at <= now) {
                said.extend(bytes);
            }
            if !said.is_empty() {
                return Ok(said);
            }
            let next = self.output.front().map(|(at, _)| *at);
            // a rail takes a while to rise, and nobody says when it has
            let looks = self.script.power.is_some() && self.look < LAST_LOOK;
            let wake = match (next, looks) {
                (Some(at), _) => at,
                (None, true) => now.after(self.look),
                (None, false) => {
                    notified.await;
                    self.look = FIRST_LOOK;
                    continue;
                }
            };
            tokio::select! {
                () = notified => self.look = FIRST_LOOK,
                () = clock.sleep_until(wake) => self.look = self.look.mul_f64(LATER),
            }
        }
    }

    async fn close(&mut self) {
        self.is_closed = true;
    }
}
