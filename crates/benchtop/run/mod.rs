//! `benchtop run`: one unit, one procedure, one record; or as many records as `--repeat` asks for.
//!
//! Everything that can be refused is refused first, in one go. The outcome is printed from the saved record, never before.

mod gates;
mod junit;
mod prepare;
mod request;
mod retest;
mod saving;
mod select;
mod session;
mod show;
mod slots;
mod started;
mod station;

pub(crate) use gates::{check_allowed, check_calibration};
pub(crate) use show::first_failure;
pub(crate) use slots::Together;
pub(crate) use started::{planned, used};
pub(crate) use station::station;

use crate::{
    args::RunArguments,
    exit::{Exit, Failure},
    interrupt,
    operator::Answers,
    procedures, terminal,
};
use benchtop_station::{Catalogue, Recorder};
use junit::Report;
use request::{Unit, requested};
use session::{Session, Tested};
use std::sync::Arc;

pub(crate) async fn run(
    arguments: RunArguments,
    catalogue: &Catalogue,
    recorder: Option<Arc<Recorder>>,
) -> Result<Exit, Failure> {
    let source = procedures::find(&arguments.procedure)?;
    let (repeat, until_fail) = (arguments.repeat, arguments.until_fail);
    let most = repeat.unwrap_or(if until_fail { u32::MAX } else { 1 });
    let junit = arguments.junit.clone();
    let answers = Answers::given_only(&arguments.answer)?.and_ask(arguments.format);
    let (units, request) = requested(arguments, answers)?;
    let (mut session, first) = Session::open(request, source, &units, catalogue, recorder, interrupt::listen())?;
    let mut report = junit.as_deref().map(Report::create).transpose()?;
    let mut exits = Vec::new();
    let mut next = Some(first);
    let ended = loop {
        let tested = match next.take().map_or_else(|| session.prepare(&units), Ok) {
            Ok(prepared) => session.test(&units, &prepared).await,
            Err(failure) => Err(failure),
        };
        let exit = match tested {
            Ok(tested) => {
                let each = tested.iter().zip(&units);
                let each = each.map(|(tested, unit)| told(tested, unit, report.as_mut()));
                each.fold(Exit::Success, Exit::or_worse)
            }
            Err(failure) => break Err(failure),
        };
        exits.push(exit);
        let runs = u32::try_from(exits.len()).unwrap_or(u32::MAX);
        if runs >= most || (until_fail && exit != Exit::Success) || session.is_interrupted() {
            break Ok(exit);
        }
    };
    if (repeat.is_some() || until_fail) && !session.request().quiet {
        show::summary(&exits, session.request().format);
    }
    session.close().await;
    let mut worst = exits.into_iter().fold(Exit::Success, Exit::or_worse);
    if let Some(error) = report.and_then(|report| report.finish().err()) {
        terminal::complain(&format!("--junit: the file is not whole: {error}"));
        worst = worst.or_worse(Exit::Error);
    }
    ended.map(|_last| worst)
}

/// Takes a run into the report.
fn told(tested: &Tested, unit: &Unit, report: Option<&mut Report>) -> Exit {
    if let Some(report) = report {
        match &tested.saved {
            Some(saved) => report.add(saved),
            None => report.add_lost(&unit.serial),
        }
    }
    tested.exit
}
