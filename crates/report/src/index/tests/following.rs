//! The index beside a store that works, and beside hands that reach into it.

use super::{Made, history, later};
use crate::{
    filter::Filter,
    history::{Order, runs},
    index::History,
    testkit,
};
use benchtop_store::{Adopted, Place, RecordName, Store, integrity};
use proptest::prelude::*;
use std::{
    fs::File,
    io::Write,
    path::Path,
    time::{Duration, SystemTime},
};

/// A run that the store publishes itself.
fn publish(store: &Store, sequence: u64) -> RecordName {
    let sealed = integrity::seal(&testkit::record(sequence)).unwrap();
    match store.adopt(&sealed).unwrap() {
        Adopted::New(name) | Adopted::Already(name) => name,
    }
}

type Lies = (u64, Place);

fn said(history: &mut History) -> Vec<Lies> {
    let runs = history
        .select(&Filter::default(), Order::OldestFirst, 0, usize::MAX)
        .unwrap();
    runs.iter().map(|run| (run.sequence(), run.place())).collect()
}

/// What the records themselves say.
fn truth(store: &Store) -> Vec<Lies> {
    let all = runs(store, Filter::default(), Order::OldestFirst).unwrap();
    all.filter_map(|run| run.ok().map(|run| (run.record.sequence, run.place)))
        .collect()
}

#[test]
fn what_the_store_does_is_known_without_a_listing() {
    let made = Made::default();
    let store = made.store();
    for sequence in 1..=20 {
        publish(&store, sequence);
    }
    assert!(history(&made).folders_listed() > 0);
    let month = later();
    store.move_to_synced(&publish(&store, 21), month).unwrap();
    drop(history(&made));
    let name = publish(&store, 22);
    let synced = || drop(store.move_to_synced(&name, month).unwrap());
    let parked = || drop(store.park(&publish(&store, 24)).unwrap());
    let requeued = || drop(store.requeue(Place::Synced, &name).unwrap());
    let quarantined = || drop(store.quarantine(name.as_str(), "a test").unwrap());
    let acts: [&dyn Fn(); 6] = [
        &|| drop(publish(&store, 23)),
        &synced,
        &parked,
        &requeued,
        &|| (),
        &quarantined,
    ];
    for act in acts {
        act();
        let mut followed = history(&made);
        assert_eq!(followed.folders_listed(), 0);
        assert!(followed.records_read() <= 2);
        assert_eq!(said(&mut followed), truth(&store));
    }
    assert_eq!(store.news().0, [], "what was followed is forgotten");
    let mut newest = history(&made);
    let last = newest.select(&Filter::default(), Order::NewestFirst, 0, 2).unwrap();
    let last: Vec<u64> = last.iter().map(crate::index::Indexed::sequence).collect();
    assert_eq!(last, [24, 23]);
    assert!(newest.log.highest_unread().is_some(), "only the end was read");
}

/// As if it had been done at another time: each time another, and none by the clock.
fn touch(folder: &Path, moment: &mut u64) {
    *moment += 1;
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + *moment);
    File::open(folder).unwrap().set_modified(time).unwrap();
}

#[test]
fn a_hand_in_the_same_moment_is_found_by_a_check_and_after_a_day() {
    let made = Made::default();
    let store = made.store();
    let names: Vec<_> = (1..=3).map(|sequence| publish(&store, sequence)).collect();
    drop(history(&made));
    let pending = made.path("pending");
    let moment = std::fs::metadata(&pending).unwrap().modified().unwrap();
    std::fs::remove_file(pending.join(names[1].as_str())).unwrap();
    File::open(&pending).unwrap().set_modified(moment).unwrap();
    assert_eq!(history(&made).len(), 3, "nothing tells");
    let a_day_later = later() + chrono::TimeDelta::hours(25);
    let found = History::open(&store, a_day_later, &mut |_, _| {}).unwrap();
    assert_eq!(found.len(), 2);
    drop(found);
    std::fs::remove_file(pending.join(names[0].as_str())).unwrap();
    File::open(&pending).unwrap().set_modified(moment).unwrap();
    let found = History::check(&store, a_day_later, &mut |_, _| {}).unwrap();
    assert_eq!(found.len(), 1);
}

#[test]
fn a_program_that_dies_before_it_tells_costs_a_listing_and_no_more() {
    let made = Made::default();
    let store = made.store();
    publish(&store, 1);
    drop(history(&made));
    publish(&store, 2);
    publish(&store, 3);
    let told = made.path("index/news");
    let lines = std::fs::read(&told).unwrap();
    testkit::write_bytes(&told, &lines[..lines.len() - 20]);
    // on a clock of coarse ticks the last change may have the time of the one before it
    touch(&made.path("pending"), &mut 0);
    let mut followed = history(&made);
    assert_eq!(said(&mut followed), truth(&store));
    drop(followed);
    assert_eq!(history(&made).folders_listed(), 0);
}

#[test]
fn what_is_done_while_another_tells_is_met_at_the_next_look() {
    let made = Made::default();
    let store = made.store();
    publish(&store, 1);
    drop(history(&made));
    let pending = made.path("pending");
    let before = store.record_folders().unwrap()[0].changed().unwrap();
    // another program has the turn for something of its own, and its times span what we do meanwhile
    let mut other = File::options().append(true).open(made.path("index/news")).unwrap();
    other.lock().unwrap();
    publish(&store, 2);
    touch(&pending, &mut 0);
    let after = store.record_folders().unwrap()[0].changed().unwrap();
    other
        .write_all(format!("pending {} {} - -\n", before.0, after.0).as_bytes())
        .unwrap();
    drop(other);
    let mut followed = history(&made);
    assert_eq!(said(&mut followed), truth(&store));
    assert_eq!(followed.len(), 2);
    drop(followed);
    assert_eq!(history(&made).folders_listed(), 0, "once, and it is known");
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Publish,
    Move(usize, Place),
    Requeue(usize),
    ByHand(usize, Place),
    Delete(usize),
    Copied,
    Look,
    LoseIndex,
    LoseNews,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let place = prop_oneof![Just(Place::Synced), Just(Place::Parked), Just(Place::Kept)];
    let act = prop_oneof![
        4 => Just(Act::Publish),
        3 => (any::<usize>(), place.clone()).prop_map(|(which, place)| Act::Move(which, place)),
        2 => any::<usize>().prop_map(Act::Requeue),
        1 => (any::<usize>(), place).prop_map(|(which, place)| Act::ByHand(which, place)),
        1 => any::<usize>().prop_map(Act::Delete),
        1 => Just(Act::Copied),
        3 => Just(Act::Look),
        1 => Just(Act::LoseIndex),
        1 => Just(Act::LoseNews),
    ];
    proptest::collection::vec(act, 1..40)
}

fn folder_of(place: Place) -> &'static str {
    match place {
        Place::Pending => "pending",
        Place::Synced => "synced/2026-03",
        Place::Parked => "parked",
        Place::Kept => "kept",
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn whatever_is_done_to_a_store_the_index_says_what_the_records_say(acts in acts()) {
        let made = Made::default();
        let store = made.store();
        let month = chrono::DateTime::from_timestamp(1_772_600_000, 0).unwrap();
        std::fs::create_dir_all(made.path("synced/2026-03")).unwrap();
        let mut names = Vec::new();
        let mut moment = 0;
        for act in acts {
            let lies = truth(&store);
            let pick = |which: usize| (!lies.is_empty()).then(|| lies[which % lies.len()]);
            let name_of = |sequence: u64| RecordName::of(&testkit::record(sequence));
            match act {
                Act::Publish => {
                    names.push(publish(&store, names.len() as u64 + 1));
                }
                Act::Move(which, to) => {
                    if let Some((sequence, Place::Pending)) = pick(which) {
                        let name = name_of(sequence);
                        match to {
                            Place::Parked => drop(store.park(&name).unwrap()),
                            Place::Kept => drop(store.keep(&name).unwrap()),
                            Place::Pending | Place::Synced => drop(store.move_to_synced(&name, month).unwrap()),
                        }
                    }
                }
                Act::Requeue(which) => {
                    if let Some((sequence, place)) = pick(which) && place != Place::Pending {
                        store.requeue(place, &name_of(sequence)).unwrap();
                    }
                }
                Act::ByHand(which, to) => {
                    if let Some((sequence, from)) = pick(which) && from != to {
                        let (from, to) = (made.path(folder_of(from)), made.path(folder_of(to)));
                        let name = name_of(sequence);
                        testkit::rename(&from.join(name.as_str()), &to.join(name.as_str()));
                        touch(&from, &mut moment);
                        touch(&to, &mut moment);
                    }
                }
                Act::Delete(which) => {
                    if let Some((sequence, place)) = pick(which) {
                        let folder = made.path(folder_of(place));
                        std::fs::remove_file(folder.join(name_of(sequence).as_str())).unwrap();
                        touch(&folder, &mut moment);
                    }
                }
                Act::Copied => {
                    let sequence = names.len() as u64 + 1;
                    made.put("kept", &testkit::record(sequence));
                    names.push(name_of(sequence));
                    touch(&made.path("kept"), &mut moment);
                }
                Act::Look => prop_assert_eq!(said(&mut history(&made)), truth(&store)),
                Act::LoseIndex => drop(std::fs::remove_dir_all(made.path("index"))),
                Act::LoseNews => {
                    drop(std::fs::remove_file(made.path("index/news")));
                    for place in [Place::Pending, Place::Synced, Place::Parked, Place::Kept] {
                        touch(&made.path(folder_of(place)), &mut moment);
                    }
                }
            }
        }
        prop_assert_eq!(said(&mut history(&made)), truth(&store));
        let settled = history(&made);
        prop_assert_eq!((settled.folders_listed(), settled.records_read()), (0, 0));
    }
}
