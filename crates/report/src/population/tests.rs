//! Which runs and values count.

use super::{Population, Share, Wanted, pairs, pareto, populations, remember_pruned, samples, yields};
use crate::{
    Filter, History, Order,
    testkit::{self, Made},
};
use benchtop_store::{
    PrunedRun, Record,
    record::{MeasurementOutcome, Purpose, ReadingKind, RunOutcome, StepOutcome},
};

/// A real production run of a unit that passed at first.
fn run(sequence: u64, serial: &str) -> Record {
    let mut record = testkit::with_value(testkit::record(sequence), 3.3);
    serial.clone_into(&mut record.unit_under_test.serial_number);
    record.simulated = false;
    record
        .steps
        .retain(|step| ["Power on", "Power Rail Check"].contains(&step.name.as_str()));
    record
}

fn ended(mut record: Record, outcome: RunOutcome) -> Record {
    record.outcome = outcome;
    record.run_passed = outcome == RunOutcome::Pass;
    if outcome == RunOutcome::Fail {
        let step = record.steps.last_mut().unwrap();
        step.outcome = StepOutcome::Fail;
        step.measurements[0].outcome = MeasurementOutcome::Fail;
    }
    record
}

/// The same with an earlier attempt at its step that ended so.
fn tried_again(mut record: Record, outcome: StepOutcome) -> Record {
    let step = record.steps.last_mut().unwrap();
    let mut earlier = step.clone();
    earlier.outcome = outcome;
    step.attempts.push(earlier);
    record
}

/// Puts the records into a store and looks at the one population that counts.
fn with<T>(records: &[Record], wanted: Wanted, look: impl FnOnce(&Population<'_>) -> T) -> T {
    let made = Made::default();
    for record in records {
        made.put("pending", record);
    }
    let mut history = History::open(&made.store(), chrono::DateTime::default(), &mut |_, _| {}).unwrap();
    let runs = history
        .select(&Filter::default(), Order::OldestFirst, 0, usize::MAX)
        .unwrap();
    let found = populations(&runs, wanted);
    assert_eq!(found.len(), 1);
    look(&found[0])
}

#[test]
fn yield_counts_units_by_their_first_judging_run() {
    let records = [
        run(1, "good"),
        ended(run(2, "second time"), RunOutcome::Fail),
        run(3, "second time"),
        ended(run(4, "station's fault"), RunOutcome::Error),
        run(5, "station's fault"),
        tried_again(run(6, "failed, then tried again"), StepOutcome::Fail),
        tried_again(run(7, "no answer, then tried again"), StepOutcome::Error),
        ended(run(8, "never judged"), RunOutcome::Timeout),
        ended(run(9, "never judged"), RunOutcome::Aborted),
        ended(run(10, "bad"), RunOutcome::Fail),
        run(11, "good"),
    ];
    let found = with(&records, Wanted::default(), yields);
    assert_eq!((found.runs, found.units), (11, 6));
    assert_eq!(
        found.first_pass,
        Share { part: 3, whole: 6 },
        "good, station's fault, no answer"
    );
    assert_eq!(found.last_pass, Share { part: 5, whole: 6 });
    assert_eq!(found.retested, Share { part: 2, whole: 6 });
    assert_eq!((found.errors, found.timeouts, found.aborted), (1, 1, 1));
    let rolled = found.rolled.unwrap();
    assert!(
        (rolled - 2.0 / 5.0).abs() < 1e-9,
        "of five that judged the step two passed it at first: {rolled}"
    );
}

#[test]
fn only_real_production_runs_count_unless_asked() {
    let purpose = |sequence, purpose| {
        let mut record = run(sequence, "x");
        record.purpose = purpose;
        record
    };
    let mut simulated = run(1, "x");
    simulated.simulated = true;
    let records = [
        simulated,
        purpose(2, Purpose::Golden),
        purpose(3, Purpose::Engineering),
        purpose(4, Purpose::Partial),
        purpose(5, Purpose::GaugeStudy),
        run(6, "y"),
    ];
    let counts = |wanted| {
        with(&records, wanted, |population| {
            (population.runs.len(), population.simulated, population.other_purposes)
        })
    };
    assert_eq!(counts(Wanted::default()), (1, 1, 4));
    let all = Wanted {
        simulated: true,
        ..Wanted::default()
    };
    assert_eq!(counts(all), (2, 0, 4));
    let golden = Wanted {
        purpose: Some(Purpose::Golden),
        ..Wanted::default()
    };
    assert_eq!(counts(golden), (1, 0, 5));
    assert_eq!(
        with(&records[..1], Wanted::default(), yields).first_pass.fraction(),
        None
    );
}

#[test]
fn since_a_moment_a_unit_that_was_judged_before_comes_back_and_passes_at_no_first() {
    let records = [
        ended(run(1, "back"), RunOutcome::Fail),
        ended(run(2, "lost"), RunOutcome::Error),
        run(3, "gone"),
        testkit::with_value(run(4, "back"), 3.1),
        testkit::with_value(run(5, "new"), 3.2),
        ended(run(6, "bad"), RunOutcome::Fail),
        testkit::with_value(run(7, "lost"), 3.4),
        testkit::with_value(run(8, "new"), 3.5),
    ];
    let since = Wanted {
        since: Some(records[3].started_at),
        ..Wanted::default()
    };
    with(&records, since, |population| {
        let found = yields(population);
        assert_eq!((found.runs, found.units, found.came_back), (5, 3, 1));
        // "new" and "lost": what was an error judged nobody; not "back", which failed at first
        assert_eq!(found.first_pass, Share { part: 2, whole: 3 });
        assert_eq!(found.retested, Share { part: 1, whole: 3 });
        assert!((found.rolled.unwrap() - 2.0 / 3.0).abs() < 1e-12);
        let vcc = &samples(population)[0];
        assert_eq!(vcc.numbers(), [3.2, 3.3, 3.4]);
        assert_eq!(vcc.retests, 2);
        assert_eq!(pareto(population)[0].runs, 1, "what failed since, whoever it was");
    });
    let nothing = Wanted {
        since: Some(records[7].started_at + chrono::TimeDelta::seconds(1)),
        ..Wanted::default()
    };
    let made = Made::default();
    records.iter().for_each(|record| drop(made.put("pending", record)));
    let mut history = History::open(&made.store(), chrono::DateTime::default(), &mut |_, _| {}).unwrap();
    let runs = history
        .select(&Filter::default(), Order::OldestFirst, 0, usize::MAX)
        .unwrap();
    assert!(populations(&runs, nothing).is_empty());
}

#[test]
fn values_are_first_attempts_of_one_population() {
    let mut old_limits = run(1, "a");
    testkit::first(&mut old_limits).limit_low = Some(3.2);
    let mut over = run(3, "c");
    testkit::first(&mut over).value = None;
    testkit::first(&mut over).reading_kind = ReadingKind::OverrangePositive;
    let mut missing = run(4, "d");
    testkit::first(&mut missing).value = None;
    testkit::first(&mut missing).reading_kind = ReadingKind::Missing;
    let mut again = tried_again(testkit::with_value(run(5, "e"), 3.31), StepOutcome::Fail);
    again.steps.last_mut().unwrap().attempts[0].measurements[0].value =
        Some(benchtop_store::record::Value::Number(3.5));
    let records = [
        old_limits,
        testkit::with_value(run(2, "b"), 3.29),
        over,
        missing,
        again,
        testkit::with_value(run(6, "b"), 3.4),
    ];
    with(&records, Wanted::default(), |population| {
        let found = samples(population);
        assert_eq!(found.len(), 1);
        let vcc = &found[0];
        assert_eq!(
            vcc.numbers(),
            [3.29, 3.5],
            "the first attempt, not the one that decided"
        );
        assert_eq!((vcc.overrange, vcc.without, vcc.retests, vcc.others), (1, 1, 1, 1));
        let said = vcc.left_out().unwrap();
        assert_eq!(
            said,
            "left out: 1 value beyond the range, 1 first attempt without a number, 1 retest, 1 run with other limits, variant or range"
        );
        assert_eq!(pairs(vcc, vcc), [(3.29, 3.29), (3.5, 3.5)]);
    });
}

#[test]
fn what_failed_is_counted_by_step_and_measurement() {
    let mut error = ended(run(3, "c"), RunOutcome::Error);
    error.steps.last_mut().unwrap().outcome = StepOutcome::Error;
    error.steps.last_mut().unwrap().measurements[0].outcome = MeasurementOutcome::Unset;
    let records = [
        ended(run(1, "a"), RunOutcome::Fail),
        ended(run(2, "b"), RunOutcome::Fail),
        error,
        run(4, "d"),
    ];
    let found = with(&records, Wanted::default(), pareto);
    assert_eq!(found.len(), 2);
    let said = |at: usize| {
        (
            found[at].step.as_str(),
            found[at].measurement.as_deref(),
            found[at].outcome,
            found[at].runs,
        )
    };
    assert_eq!(said(0), ("Power Rail Check", Some("vcc_3v3"), StepOutcome::Fail, 2));
    assert_eq!(said(1), ("Power Rail Check", None, StepOutcome::Error, 1));
}

#[test]
fn an_aborted_newest_run_hides_no_measurement() {
    let mut aborted = ended(run(3, "c"), RunOutcome::Aborted);
    aborted.steps.truncate(1);
    let mut old = run(1, "a");
    old.procedure_version = "0.0.1".to_owned();
    testkit::first(&mut old).name = "of_old".to_owned();
    let records = [old, run(2, "b"), aborted];
    let names = with(&records, Wanted::default(), |population| {
        let found = samples(population);
        found.iter().map(|one| one.asked.name.clone()).collect::<Vec<_>>()
    });
    assert_eq!(names, ["vcc_3v3"]);
}

#[test]
fn the_first_attempt_counts_where_it_was_beyond_the_range_or_the_last_took_nothing() {
    let mut over = tried_again(run(1, "a"), StepOutcome::Fail);
    let earlier = &mut over.steps.last_mut().unwrap().attempts[0].measurements[0];
    earlier.value = None;
    earlier.reading_kind = ReadingKind::OverrangePositive;
    let mut nothing = tried_again(testkit::with_value(run(2, "b"), 3.31), StepOutcome::Fail);
    let step = nothing.steps.last_mut().unwrap();
    step.attempts[0].measurements[0].outcome = MeasurementOutcome::Fail;
    step.measurements.clear();
    step.outcome = StepOutcome::Timeout;
    let nothing = ended(nothing, RunOutcome::Timeout);
    with(&[over, nothing], Wanted::default(), |population| {
        let found = samples(population);
        assert_eq!((found[0].numbers(), found[0].overrange), (vec![3.31], 1));
        let failed = pareto(population);
        assert_eq!(failed.len(), 1);
        assert_eq!(
            (failed[0].measurement.as_deref(), failed[0].outcome),
            (None, StepOutcome::Timeout)
        );
    });
}

/// The same run at another station, so many minutes later.
fn at(mut record: Record, station: &str, minutes: i64) -> Record {
    station.clone_into(&mut record.station.id);
    record.started_at += chrono::TimeDelta::minutes(minutes);
    record.tested_at = record.started_at;
    record.ended_at += chrono::TimeDelta::minutes(minutes);
    record
}

#[test]
fn time_says_which_run_of_two_stations_was_first_and_not_their_numbers() {
    let old_limits = |mut record: Record| {
        testkit::first(&mut record).limit_low = Some(3.2);
        record
    };
    // B has made many more runs than A, and all of these before A's
    let records = [
        at(testkit::with_value(run(1, "failed at B"), 3.31), "A", 1000),
        at(testkit::with_value(run(2, "of A"), 3.32), "A", 1000),
        ended(at(run(501, "failed at B"), "B", 0), RunOutcome::Fail),
        old_limits(at(run(502, "of B"), "B", 0)),
    ];
    with(&records, Wanted::default(), |population| {
        let found = yields(population);
        assert_eq!(found.first_pass, Share { part: 2, whole: 3 });
        assert_eq!(found.last_pass, Share { part: 3, whole: 3 });
        assert_eq!(found.retested, Share { part: 1, whole: 3 });
        assert!((found.rolled.unwrap() - 2.0 / 3.0).abs() < 1e-12);
        let vcc = &samples(population)[0];
        assert_eq!(vcc.numbers(), [3.3, 3.32], "of A's limits, B's value first");
        assert_eq!((vcc.retests, vcc.others), (1, 1));
    });
}

#[test]
fn at_the_same_moment_a_station_keeps_its_own_order() {
    let records = [
        ended(at(run(12, "a"), "B", -2), RunOutcome::Fail),
        at(run(13, "a"), "B", -3),
        at(run(9, "b"), "A", 1),
        ended(at(run(10, "c"), "C", 0), RunOutcome::Fail),
    ];
    let started = records[0].started_at;
    assert!(records.iter().all(|record| record.started_at == started));
    with(&records, Wanted::default(), |population| {
        let numbers: Vec<u64> = population.runs.iter().map(crate::index::Indexed::sequence).collect();
        assert_eq!(numbers, [9, 12, 13, 10]);
        assert_eq!(yields(population).first_pass, Share { part: 1, whole: 3 });
    });
}

#[test]
fn a_unit_measured_under_old_limits_makes_no_first_attempt_under_new_ones() {
    let mut old = run(1, "again");
    testkit::first(&mut old).limit_low = Some(3.2);
    let mut variant = run(2, "as another variant");
    variant.variant = Some("lite".to_owned());
    let records = [
        old,
        variant,
        testkit::with_value(run(3, "again"), 3.31),
        testkit::with_value(run(4, "as another variant"), 3.32),
        testkit::with_value(run(5, "new"), 3.33),
    ];
    with(&records, Wanted::default(), |population| {
        let vcc = &samples(population)[0];
        assert_eq!(vcc.numbers(), [3.33]);
        assert_eq!((vcc.retests, vcc.others), (2, 2));
        let all = &super::every(population)[0];
        assert_eq!(
            all.numbers(),
            [3.31, 3.32, 3.33],
            "every attempt, where all are asked for"
        );
        assert_eq!((all.retests, all.others), (0, 2));
    });
}

/// What a store remembers of a record that was pruned.
fn pruned(record: &Record) -> PrunedRun {
    PrunedRun::of(record).unwrap()
}

#[test]
fn no_retest_becomes_a_first_pass_because_its_failure_was_pruned() {
    let made = Made::default();
    let mut retest = run(11, "retested");
    retest.unit_under_test.batch = Some("W7".to_owned());
    for record in [
        run(10, "new"),
        retest.clone(),
        run(12, "still there"),
        run(13, "by another procedure"),
    ] {
        made.put("pending", &record);
    }
    let of = |serial: &str| ended(run(1, serial), RunOutcome::Fail);
    let in_w7 = |mut run: Record| {
        run.unit_under_test.batch = Some("W7".to_owned());
        pruned(&run)
    };
    let mut another = pruned(&of("by another procedure"));
    "ANOTHER".clone_into(&mut another.procedure_id);
    let mut golden = pruned(&of("new"));
    golden.purpose = Purpose::Golden;
    let mut simulated = pruned(&of("new"));
    simulated.simulated = true;
    // its record could not be removed
    let there = pruned(&run(12, "still there"));
    let later = pruned(&run(20, "new"));
    // the last one twice: the prune that told of it broke off, and another one did it
    let remembered = [
        in_w7(of("retested")),
        another,
        golden,
        simulated,
        there,
        later.clone(),
        later,
    ];
    let mut history = History::open(&made.store(), chrono::DateTime::default(), &mut |_, _| {}).unwrap();
    let batch = Filter {
        batch: Some("W7".to_owned()),
        ..Filter::default()
    };
    for (filter, expected) in [(Filter::default(), [3, 3, 1, 2]), (batch, [0, 0, 1, 1])] {
        let runs = history.select(&filter, Order::OldestFirst, 0, usize::MAX).unwrap();
        let mut found = populations(&runs, Wanted::default());
        remember_pruned(&mut found, &remembered, &filter, Wanted::default());
        let yields = yields(&found[0]);
        let figures = [yields.units, yields.first_pass.part, yields.came_back, found[0].pruned];
        assert_eq!(figures, expected, "{filter:?}");
        let values = samples(&found[0]).iter().map(|samples| samples.values.len()).max();
        assert_eq!(values.unwrap_or_default(), expected[0], "{filter:?}");
    }
}
