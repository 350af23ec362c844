//! `benchtop station`: the operator's loop. Log in, scan, PASS or FAIL across the screen, scan the next.
//!
//! It is `run` again and again in one session: the same checks, the same record per unit, with the instruments open in
//! between. At a terminal it prompts and colours; else it reads a line per answer and prints plain lines.
//!
//! Where the procedure is for the slots of the bench, a round is a line for each slot in the order of their names: a serial number,
//! or nothing where the slot is empty. A mistake at a terminal is asked for again; a program that feeds lines is told of it and
//! its round is not tested, so that a line never comes to stand for another slot's.

use super::{
    gates,
    prepare::Prepared,
    request::{Request, Selection, Unit, study},
    session::{Session, Tested},
    show, slots,
};
use crate::{
    args::{Format, Pace, StationArguments},
    exit::{Exit, Failure},
    interrupt::Interrupts,
    operator::Answers,
    procedures,
    terminal::{self, BAD, DOUBTFUL, GOOD, Line, PLAIN, QUIET},
    typed::Typed,
};
use benchtop_instrument::{Clock, RealClock};
use benchtop_procedure::Procedure;
use benchtop_run::{Interrupt, Study};
use benchtop_station::{Catalogue, Recorder};
use std::sync::Arc;

pub(crate) async fn station(
    arguments: StationArguments,
    catalogue: &Catalogue,
    recorder: Option<Arc<Recorder>>,
) -> Result<Exit, Failure> {
    let source = procedures::find(&arguments.procedure)?;
    let interrupts = Interrupts::listen();
    let operator = arguments.operator.clone();
    let part = arguments.choice.part.clone();
    let typed = Arc::new(Typed::default());
    let request = requested(arguments, Answers::typed(Arc::clone(&typed)));
    let (mut session, common) = Session::open(request, source, &[], catalogue, recorder, interrupts.wanted.clone())?;
    let slots = common.iter().filter_map(|prepared| prepared.slot.clone()).collect();
    let Some(common) = common.into_iter().next() else {
        return Err(Failure::refused("nothing was prepared"));
    };
    let procedure = common.procedure.procedure();
    let mut heading = format!("{} {}  {}", procedure.id, procedure.version, procedure.name);
    if let Some(Study { name, trial }) = &session.request().study {
        heading.push_str(&format!("  gauge study {name}, trial {trial}"));
    }
    terminal::say(
        &Line::new()
            .add(PLAIN.bold(), &heading)
            .add(QUIET, "  quit or Ctrl-D ends, logout changes the operator"),
    );
    let mut desk = Desk {
        interrupts,
        typed,
        slots,
        part,
        revision: None,
        batch: None,
    };
    let worst = match operator {
        Some(operator) => {
            session.log_in(operator);
            desk.work(&mut session, &common).await
        }
        None => match desk.log_in(&mut session).await {
            Some(()) => desk.work(&mut session, &common).await,
            None => Exit::Success,
        },
    };
    session.close().await;
    Ok(worst)
}

fn requested(arguments: StationArguments, answers: Answers) -> Request {
    Request {
        parameters: arguments.choice.param,
        bench: arguments.bench,
        real_pace: arguments.pace == Some(Pace::Real),
        store: arguments.store,
        format: Format::Human,
        quiet: false,
        operator: None,
        purpose: arguments.purpose,
        study: study(arguments.study),
        selection: Selection::default(),
        answers: Arc::new(answers),
        accept_unsafe: arguments.accept_unsafe,
        retest: false,
        sync: arguments.sync,
    }
}

/// What the operator has put into the fixture, or wants instead.
enum Round {
    Units(Vec<Unit>),
    /// The scans were no units.
    Again,
    LogOut,
    End,
}

/// What one place of the fixture holds.
enum Place {
    Unit(Unit),
    Empty,
    LogOut,
    End,
}

/// What is remembered between two units.
struct Desk {
    interrupts: Interrupts,
    typed: Arc<Typed>,
    /// The slots of the fixture, where the procedure is for slots.
    slots: Vec<String>,
    part: Option<String>,
    revision: Option<String>,
    batch: Option<String>,
}

impl Desk {
    /// Unit after unit, or round after round of them. An error only where a run could not be saved.
    async fn work(&mut self, session: &mut Session<'_>, common: &Prepared) -> Exit {
        let mut worst = Exit::Success;
        loop {
            let units = match self.round(common.procedure.procedure()).await {
                Round::Units(units) => units,
                Round::Again => continue,
                Round::End => return worst,
                Round::LogOut => match self.log_in(session).await {
                    Some(()) => continue,
                    None => return worst,
                },
            };
            match self.test(session, &units).await {
                Ok(tested) => {
                    for (tested, unit) in tested.iter().zip(&units) {
                        show_banner(tested, unit);
                        if tested.saved.is_none() {
                            worst = Exit::Error;
                        }
                    }
                }
                Err(failure) => {
                    for line in failure.message.lines() {
                        terminal::complain(line.trim_start_matches("error: "));
                    }
                    for unit in &units {
                        terminal::banner(DOUBTFUL, &format!("NOT TESTED  {}", called(unit)));
                    }
                }
            }
            if !self.interrupts.go_on() {
                return worst;
            }
            // a second pull of the scanner's trigger is no second unit
            terminal::forget_typing();
        }
    }

    async fn test(&mut self, session: &mut Session<'_>, units: &[Unit]) -> Result<Vec<Tested>, Failure> {
        let prepared = session.prepare(units)?;
        if let Some(last) = units.last() {
            self.revision.clone_from(&last.revision);
            self.batch.clone_from(&last.batch);
        }
        session.test(units, &prepared).await
    }

    /// What the fixture holds.
    async fn round(&mut self, procedure: &Procedure) -> Round {
        let mut units: Vec<Unit> = Vec::new();
        let mut slots: Vec<Option<String>> = self.slots.iter().cloned().map(Some).collect();
        if slots.is_empty() {
            slots.push(None);
        }
        for slot in slots {
            match self.place(slot, &units, procedure).await {
                Place::Unit(unit) => units.push(unit),
                Place::Empty => {}
                Place::LogOut => return Round::LogOut,
                Place::End => return Round::End,
            }
        }
        if units.is_empty() {
            return Round::Again;
        }
        Round::Units(units)
    }

    /// What one place of the fixture holds, beside the units of the round so far.
    async fn place(&mut self, slot: Option<String>, before: &[Unit], procedure: &Procedure) -> Place {
        let question = match &slot {
            Some(slot) => format!("slot {slot}: scan the unit, or Enter where it is empty:"),
            None => "scan the unit:".to_owned(),
        };
        loop {
            let Some(scanned) = self.ask(&question).await else {
                return Place::End;
            };
            match scanned.as_str() {
                "" => return Place::Empty,
                "quit" => return Place::End,
                "logout" => return Place::LogOut,
                _ => {}
            }
            let unit = Unit {
                serial: scanned,
                slot: slot.clone(),
                part: self.part.clone(),
                revision: None,
                batch: None,
                sub_units: Vec::new(),
            };
            if slot.is_some() && terminal::is_attended() {
                let mut mistakes = gates::serial_mistakes(&unit.serial, procedure);
                mistakes.extend(slots::one_unit_twice(&[before, std::slice::from_ref(&unit)].concat()));
                if !mistakes.is_empty() {
                    mistakes.iter().for_each(|mistake| terminal::complain(mistake));
                    continue;
                }
            }
            let unit = self.asked(unit, before.last(), procedure).await;
            return unit.map_or(Place::End, Place::Unit);
        }
    }

    async fn log_in(&mut self, session: &mut Session<'_>) -> Option<()> {
        loop {
            let name = self.ask("operator:").await?;
            if name == "quit" {
                return None;
            }
            if !name.is_empty() {
                session.log_in(name);
                return Some(());
            }
        }
    }

    /// The unit, with what the procedure asks of it; `None` when the operator ends the loop. `before` is the one of the round
    /// before it.
    async fn asked(&mut self, unit: Unit, before: Option<&Unit>, procedure: &Procedure) -> Option<Unit> {
        let asks = &procedure.unit_under_test;
        let slot = unit.slot.as_ref();
        let place = slot.map_or_else(String::new, |slot| format!("slot {slot}: "));
        let (revision, batch) = match before {
            Some(before) => (before.revision.clone(), before.batch.clone()),
            None => (self.revision.clone(), self.batch.clone()),
        };
        let revision = match asks.revision {
            Some(_) => self.confirm(&format!("{place}revision"), revision).await?,
            None => None,
        };
        let batch = match asks.batch_number {
            Some(_) => self.confirm(&format!("{place}batch"), batch).await?,
            None => None,
        };
        let mut sub_units = Vec::new();
        for number in 1..=asks.sub_units.len() {
            let question = format!("{place}sub-unit {number} of {}:", asks.sub_units.len());
            sub_units.push(self.ask(&question).await?);
        }
        Some(Unit {
            revision,
            batch,
            sub_units,
            ..unit
        })
    }

    /// Asks for what is often the same as for the unit before: an empty answer confirms that.
    async fn confirm(&mut self, what: &str, last: Option<String>) -> Option<Option<String>> {
        let prompt = match &last {
            Some(last) => format!("{what} [{last}]:"),
            None => format!("{what}:"),
        };
        let answer = self.ask(&prompt).await?;
        Some(if answer.is_empty() { last } else { Some(answer) })
    }

    /// A line from the operator; `None` at the end of the input, or when a signal ends the loop.
    async fn ask(&mut self, prompt: &str) -> Option<String> {
        let clock = RealClock::new();
        let mut wanted = self.interrupts.wanted.clone();
        loop {
            terminal::ask_for(prompt);
            let asked = clock.now();
            let line = tokio::select! {
                biased;
                _ended = wanted.wait_for(|wanted| *wanted > Interrupt::None) => None,
                line = self.typed.line() => line,
            };
            let waited = clock.now().since(asked);
            let is_stray = line.as_deref().is_some_and(|line| terminal::is_stray(line, waited));
            if !is_stray || !terminal::is_attended() {
                return line;
            }
        }
    }
}

/// PASS or FAIL across the screen, and the first value that is out of its limits.
fn show_banner(tested: &Tested, unit: &Unit) {
    let style = match tested.exit {
        Exit::Success => GOOD,
        Exit::Fail | Exit::Error | Exit::Timeout => BAD,
        Exit::Aborted | Exit::Refused => DOUBTFUL,
    };
    terminal::banner(style, &format!("{}  {}", tested.exit.word(), called(unit)));
    let failure = tested
        .saved
        .as_ref()
        .and_then(|saved| show::first_failure(&saved.record));
    if let Some(failure) = failure {
        terminal::say(&Line::new().add(BAD, &failure));
    }
}

/// The unit, behind its slot where it lies in one.
fn called(unit: &Unit) -> String {
    match &unit.slot {
        Some(slot) => format!("slot {slot}  {}", unit.serial),
        None => unit.serial.clone(),
    }
}
