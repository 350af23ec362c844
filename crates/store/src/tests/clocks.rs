//! Clocks that are wrong.

use crate::{
    Place, Store,
    testkit::{self, Telling, names, now, passing, record_all},
};
use benchtop_run as run;
use chrono::{DateTime, TimeDelta, Utc};

fn sealed_at(store: &Store, at: DateTime<Utc>) -> crate::Saved {
    let ticket = store.begin(at).unwrap();
    let mut journal = store.journal(&ticket).unwrap();
    let mut events = passing(&ticket, "UNIT-5501");
    for event in &mut events {
        event.at.utc = at + event.at.elapsed;
    }
    record_all(&mut journal, &events);
    store.seal(&journal).unwrap()
}

#[test]
fn order_and_names_survive_every_clock() {
    let (_folder, store) = testkit::store();
    let leap = "2028-12-31T23:59:60.500Z".parse::<DateTime<Utc>>().unwrap();
    let clocks = [
        now(),
        now() - TimeDelta::days(400),
        DateTime::from_timestamp(3, 0).unwrap(),
        DateTime::from_timestamp(-5, 0).unwrap(),
        now() + TimeDelta::days(36_500),
        leap,
        now(),
        now(),
    ];
    let saved: Vec<_> = clocks.into_iter().map(|at| sealed_at(&store, at)).collect();
    let listed = store.pending(99).unwrap().names;
    let expected: Vec<_> = saved.iter().map(|saved| saved.name.clone()).collect();
    assert_eq!(listed, expected, "oldest first, whatever the clock said");
    for saved in &saved {
        assert_eq!(
            store.read(Place::Pending, &saved.name).unwrap().record.packed(),
            *saved.record
        );
    }
    assert_eq!(names(&store.root().join("pending")).len(), 8);
    let doubts = |at: usize| saved[at].record.clock.doubtful.join("; ");
    assert!(!doubts(0).contains("behind"), "{}", doubts(0));
    assert!(
        doubts(1).contains("behind the start of the run before"),
        "{}",
        doubts(1)
    );
    assert!(
        doubts(2).contains("1970-01-01") && doubts(2).contains("battery"),
        "{}",
        doubts(2)
    );
    assert!(doubts(4).contains("set by +"), "{}", doubts(4));
    assert!(doubts(5).contains("leap second"), "{}", doubts(5));
    assert!(
        !doubts(7).contains("behind") && !doubts(7).contains("set by"),
        "{}",
        doubts(7)
    );
    assert!(store.verify(None, &mut |finding| panic!("{finding}")).is_ok());
}

#[test]
fn what_is_doubted_of_a_clock_survives_the_run() {
    let (_folder, store) = testkit::store();
    let ticket = store.begin(DateTime::from_timestamp(3, 0).unwrap()).unwrap();
    let mut journal = store.journal(&ticket).unwrap();
    record_all(&mut journal, &passing(&ticket, "UNIT-5501")[..3]);
    drop(journal);
    let recovery = store.recover().unwrap();
    let doubtful = recovery.sealed[0].record.clock.doubtful.join("; ");
    assert!(doubtful.contains("1970-01-01"), "{doubtful}");
}

#[test]
fn a_clock_that_is_set_during_a_run_is_said_in_the_record() {
    let steps = [(run::Section::Main, 0, "Settle", "wait")];
    let told = |shift: i64, is_virtual: bool| {
        let mut events = Telling::of(&testkit::ticket(), "UNIT-1", &steps)
            .ready("psu")
            .started(run::Section::Main, 0, "Settle", 1)
            .ended(run::Section::Main, 0, 1, run::StepOutcome::Pass, None)
            .events();
        if let run::EventKind::RunStarted(started) = &mut events[0].kind {
            started.virtual_clock = is_virtual;
        }
        let later = events.iter_mut().skip(2);
        later.for_each(|event| event.at.utc += TimeDelta::seconds(shift));
        testkit::folded(&events)
    };
    let doubtful = |shift, is_virtual| told(shift, is_virtual).clock.doubtful.join("; ");
    assert_eq!(doubtful(0, false), "");
    assert_eq!(doubtful(1, false), "", "a leap second");
    assert!(doubtful(-3600, false).contains("set by -3600 s during the run"));
    assert!(doubtful(3600, false).contains("set by +3600 s during the run"));
    assert_eq!(doubtful(-3600, true), "", "a virtual clock has no other beside it");
    let (doubted, plain) = (told(86_400, false), told(0, false));
    let times = |record: &crate::Record| (record.ended_at, record.duration_s.to_bits());
    assert_eq!(times(&doubted), times(&plain));
}
