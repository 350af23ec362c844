//! A unit that comes back: the run says so, and the procedure may want it to be asked, or to have an end.

use super::{prepare::Prepared, request::Unit};
use crate::{exit::Failure, terminal};
use benchtop_procedure::{Procedure, Retest};
use benchtop_run::{EarlierRuns, RunOutcome};
use benchtop_store::Store;

/// Looks up earlier runs of the unit, says so, and applies the procedure's rule. `allowed` answers beforehand what it wants
/// to be asked.
pub(super) fn look(
    store: &Store,
    unit: &Unit,
    prepared: &Prepared,
    allowed: bool,
) -> Result<Option<EarlierRuns>, Failure> {
    let procedure = prepared.procedure.procedure();
    let simulated = prepared.equipped.station.is_simulated();
    let runs = match store.judged_runs(&unit.serial, &procedure.id, simulated) {
        Ok(runs) => runs,
        Err(error) => {
            let unseen = format!("cannot see whether {} was tested before: {error}", unit.serial);
            unseen_before(&unseen, procedure, allowed)?;
            terminal::warn(&unseen);
            return Ok(None);
        }
    };
    let Some(last) = runs.last() else { return Ok(None) };
    let count = u32::try_from(runs.len()).unwrap_or(u32::MAX);
    let times = if count == 1 {
        "once".to_owned()
    } else {
        format!("{count} times")
    };
    let told = format!(
        "{} was tested {times} before, the last time {} on {}",
        unit.serial,
        RunOutcome::from(last.outcome),
        last.started_at.format("%Y-%m-%d %H:%M UTC")
    );
    match procedure.unit_under_test.retest {
        Retest::Allow => {}
        Retest::Ask if allowed => {}
        Retest::Ask => ask(&told, procedure)?,
        Retest::Max(most) if count >= most => {
            let message = format!("{told}; {} tests a unit {most} times at most", procedure.id);
            return Err(Failure::refused(message));
        }
        Retest::Max(_) => {}
    }
    terminal::warn(&format!("a retest: {told}"));
    Ok(Some(EarlierRuns {
        count,
        last_run_id: last.run_id.clone(),
    }))
}

/// Where nobody knows of earlier runs, a procedure that wants them counted is refused, and one that wants to be asked is asked.
fn unseen_before(unseen: &str, procedure: &Procedure, allowed: bool) -> Result<(), Failure> {
    match procedure.unit_under_test.retest {
        Retest::Allow => Ok(()),
        Retest::Ask if allowed => Ok(()),
        Retest::Ask => ask(unseen, procedure),
        Retest::Max(most) => Err(Failure::refused(format!(
            "{unseen}, and {} tests a unit {most} times at most",
            procedure.id
        ))),
    }
}

fn ask(told: &str, procedure: &Procedure) -> Result<(), Failure> {
    match terminal::ask_yes(&format!("{told}. Test it again?")) {
        Some(true) => Ok(()),
        Some(false) => Err(Failure::refused(format!("{told}; it is not tested again"))),
        None => Err(Failure::refused(format!(
            "{told}, and {} wants that to be asked: --retest tests it again",
            procedure.id
        ))),
    }
}
