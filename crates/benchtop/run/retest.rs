//! A unit that comes back: the run says so, and the procedure may want it to be asked, or to have an end.

use super::{prepare::Prepared, request::Unit};
use crate::{exit::Failure, terminal};
use benchtop_procedure::{Procedure, Retest};
use benchtop_run::{EarlierRuns, Purpose, RunOutcome};
use benchtop_store::{CountedRuns, Lock, Store, Ticket};

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
    let counted = match procedure.unit_under_test.retest {
        Retest::Allow => {
            let judged = store.judged_runs(&unit.serial, &procedure.id, simulated);
            judged.map(|judged| CountedRuns { judged, under_way: 0 })
        }
        Retest::Ask | Retest::Max(_) => store.counted_runs(&unit.serial, &procedure.id, simulated),
    };
    let CountedRuns {
        judged: runs,
        under_way,
    } = match counted {
        Ok(counted) => counted,
        Err(error) => {
            let unseen = format!("cannot see whether {} was tested before: {error}", unit.serial);
            unseen_before(&unseen, procedure, allowed)?;
            terminal::warn(&unseen);
            return Ok(None);
        }
    };
    let count = u32::try_from(runs.len()).unwrap_or(u32::MAX);
    let with_those_under_way = count.saturating_add(u32::try_from(under_way).unwrap_or(u32::MAX));
    let Some(last) = runs.last() else {
        return match procedure.unit_under_test.retest {
            Retest::Max(most) if with_those_under_way >= most => Err(Failure::refused(format!(
                "{} is being tested at this moment; {} tests a unit {most} times at most",
                unit.serial, procedure.id
            ))),
            Retest::Allow | Retest::Ask | Retest::Max(_) => Ok(None),
        };
    };
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
        Retest::Max(most) if with_those_under_way >= most => {
            let now = if under_way > 0 {
                ", and is being tested at this moment"
            } else {
                ""
            };
            let message = format!("{told}{now}; {} tests a unit {most} times at most", procedure.id);
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

/// Where the procedure counts its tests of a unit, one program at a time looks and begins: held until the runs have journals.
pub(super) fn turn(store: &Store, prepared: &[Prepared]) -> Result<Option<Lock>, Failure> {
    let counts = |prepared: &Prepared| match prepared.procedure.procedure().unit_under_test.retest {
        Retest::Allow | Retest::Ask => false,
        Retest::Max(_) => true,
    };
    if !prepared.iter().any(counts) {
        return Ok(None);
    }
    let lock = store.lock_units();
    lock.map(Some)
        .map_err(|error| Failure::error(format!("nothing was tested: {error}")))
}

/// Counts a run that begins, where its procedure counts them and the run is one that counts.
pub(super) fn count(store: &Store, unit: &Unit, prepared: &Prepared, ticket: &Ticket) -> Result<(), Failure> {
    let procedure = prepared.procedure.procedure();
    let counts = match prepared.purpose {
        Purpose::Production | Purpose::Engineering | Purpose::Golden => true,
        Purpose::GaugeStudy | Purpose::Partial => false,
    };
    match procedure.unit_under_test.retest {
        Retest::Max(_) if counts => {
            let simulated = prepared.equipped.station.is_simulated();
            store
                .count_run(&unit.serial, &procedure.id, simulated, ticket)
                .map_err(|error| Failure::error(format!("nothing was tested: {error}")))
        }
        Retest::Allow | Retest::Ask | Retest::Max(_) => Ok(()),
    }
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
