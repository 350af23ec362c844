//! `benchtop station`: the operator's loop. Log in, scan, PASS or FAIL across the screen, scan the next.
//!
//! It is `run` again and again in one session: the same checks, the same record per unit, with the instruments open in
//! between. At a terminal it prompts and colours; else it reads a line per answer and prints plain lines.

use super::{
    prepare::Prepared,
    request::{Request, Selection, Unit},
    session::{Session, Tested},
    show,
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
use benchtop_run::Interrupt;
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
    let Some(common) = common.into_iter().next() else {
        return Err(Failure::refused("nothing was prepared"));
    };
    let procedure = common.procedure.procedure();
    let heading = format!("{} {}  {}", procedure.id, procedure.version, procedure.name);
    terminal::say(
        &Line::new()
            .add(PLAIN.bold(), &heading)
            .add(QUIET, "  quit or Ctrl-D ends, logout changes the operator"),
    );
    let mut desk = Desk {
        interrupts,
        typed,
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
        study: None,
        selection: Selection::default(),
        answers: Arc::new(answers),
        accept_unsafe: arguments.accept_unsafe,
        retest: false,
        sync: arguments.sync,
    }
}

/// What is remembered between two units.
struct Desk {
    interrupts: Interrupts,
    typed: Arc<Typed>,
    part: Option<String>,
    revision: Option<String>,
    batch: Option<String>,
}

impl Desk {
    /// Unit after unit. An error only where a run could not be saved.
    async fn work(&mut self, session: &mut Session<'_>, common: &Prepared) -> Exit {
        let mut worst = Exit::Success;
        loop {
            let Some(scanned) = self.ask("scan the unit:").await else {
                return worst;
            };
            match scanned.as_str() {
                "" => continue,
                "quit" => return worst,
                "logout" => match self.log_in(session).await {
                    Some(()) => continue,
                    None => return worst,
                },
                _ => {}
            }
            let Some(unit) = self.unit(scanned, common).await else {
                return worst;
            };
            match self.test(session, &unit).await {
                Ok(tested) => {
                    show_banner(&tested, &unit);
                    if tested.saved.is_none() {
                        worst = Exit::Error;
                    }
                }
                Err(failure) => {
                    for line in failure.message.lines() {
                        terminal::complain(line.trim_start_matches("error: "));
                    }
                    terminal::banner(DOUBTFUL, &format!("NOT TESTED  {}", unit.serial));
                }
            }
            if !self.interrupts.go_on() {
                return worst;
            }
            // a second pull of the scanner's trigger is no second unit
            terminal::forget_typing();
        }
    }

    async fn test(&mut self, session: &mut Session<'_>, unit: &Unit) -> Result<Tested, Failure> {
        let units = std::slice::from_ref(unit);
        let prepared = session.prepare(units)?;
        self.revision.clone_from(&unit.revision);
        self.batch.clone_from(&unit.batch);
        let tested = session.test(units, &prepared).await?.pop();
        tested.ok_or_else(|| Failure::error("nothing was tested"))
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

    /// The unit, with what the procedure asks of it; `None` when the operator ends the loop.
    async fn unit(&mut self, serial: String, common: &Prepared) -> Option<Unit> {
        let asks = &common.procedure.procedure().unit_under_test;
        let revision = match asks.revision {
            Some(_) => self.confirm("revision", self.revision.clone()).await?,
            None => None,
        };
        let batch = match asks.batch_number {
            Some(_) => self.confirm("batch", self.batch.clone()).await?,
            None => None,
        };
        let mut sub_units = Vec::new();
        for number in 1..=asks.sub_units.len() {
            sub_units.push(
                self.ask(&format!("sub-unit {number} of {}:", asks.sub_units.len()))
                    .await?,
            );
        }
        Some(Unit {
            serial,
            slot: None,
            part: self.part.clone(),
            revision,
            batch,
            sub_units,
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
        terminal::ask_for(prompt);
        let mut wanted = self.interrupts.wanted.clone();
        tokio::select! {
            biased;
            _ended = wanted.wait_for(|wanted| *wanted > Interrupt::None) => None,
            line = self.typed.line() => line,
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
    terminal::banner(style, &format!("{}  {}", tested.exit.word(), unit.serial));
    let failure = tested
        .saved
        .as_ref()
        .and_then(|saved| show::first_failure(&saved.record));
    if let Some(failure) = failure {
        terminal::say(&Line::new().add(BAD, &failure));
    }
}
