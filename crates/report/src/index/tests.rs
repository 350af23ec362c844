//! The index against stores that live and files that do not.

mod following;

use super::{
    FILE, History,
    codec::{Reader, frame, next_frame},
    log::HEADER,
    segment::{RUN, TEXT},
};
use crate::{
    filter::Filter,
    history::Order,
    testkit::{self, Made},
};
use benchtop_store::{Place, integrity, record::RunOutcome};
use chrono::{DateTime, TimeDelta, Utc};

/// Far enough ahead that every folder has settled.
fn later() -> DateTime<Utc> {
    DateTime::from_timestamp(7_258_118_400, 0).unwrap()
}

fn history(made: &Made) -> History {
    History::open(&made.store(), later(), &mut |_, _| {}).unwrap()
}

type Line = (u64, String, Place, RunOutcome, Vec<Option<f64>>);

fn lines(history: &mut History) -> Vec<Line> {
    let runs = history
        .select(&Filter::default(), Order::OldestFirst, 0, usize::MAX)
        .unwrap();
    runs.iter()
        .map(|run| {
            let values = run.values().map(|taken| taken.value).collect();
            (
                run.sequence(),
                run.serial_number().to_owned(),
                run.place(),
                run.outcome(),
                values,
            )
        })
        .collect()
}

/// The same without an index.
fn truth(made: &Made) -> Vec<Line> {
    drop(std::fs::remove_file(made.path("index").join(FILE)));
    lines(&mut history(made))
}

#[test]
fn runs_of_several_stores_are_in_the_order_in_which_they_started_and_those_of_one_in_the_order_of_their_numbers() {
    let numbers = |made: &Made, order, skip, most| -> Vec<u64> {
        let mut history = history(made);
        let runs = history.select(&Filter::default(), order, skip, most).unwrap();
        runs.iter().map(super::Indexed::sequence).collect()
    };
    let made = Made::default();
    let run = |station: &str, sequence: u64, minutes: i64| {
        let mut record = testkit::record(sequence);
        station.clone_into(&mut record.station.id);
        record.started_at = testkit::record(0).started_at + TimeDelta::minutes(minutes);
        record
    };
    // its clock was set back once
    for (sequence, minutes) in [(101, 0), (102, 20), (103, 10), (104, 30), (105, 40), (106, 50)] {
        // two stations, or one that was renamed: the numbers are the store's
        made.put(
            "synced/2026-03",
            &run(&format!("bench-{}", sequence % 2), sequence, minutes),
        );
    }
    assert_eq!(numbers(&made, Order::NewestFirst, 0, 4), [106, 105, 104, 103]);
    assert_eq!(numbers(&made, Order::NewestFirst, 4, 4), [102, 101]);
    for (sequence, minutes) in [(1, 5), (2, 45), (3, 60)] {
        let record = integrity::seal(&run("bench-8", sequence, minutes)).unwrap();
        drop(made.store().adopt(&record).unwrap());
    }
    assert_eq!(numbers(&made, Order::NewestFirst, 0, 4), [3, 106, 2, 105]);
    // from the index, when all of it is known
    assert_eq!(numbers(&made, Order::NewestFirst, 0, 2), [3, 106]);
    assert_eq!(numbers(&made, Order::NewestFirst, 2, 3), [2, 105, 104]);
    assert_eq!(
        numbers(&made, Order::OldestFirst, 0, usize::MAX),
        [101, 1, 103, 102, 104, 105, 2, 106, 3]
    );
}

#[test]
fn a_store_that_lives_is_followed() {
    let made = Made::default();
    assert!(history(&made).is_empty());
    let first = made.put("pending", &testkit::record(1));
    made.put("pending", &testkit::record(2));
    let second = history(&made);
    assert_eq!((second.len(), second.records_read()), (2, 2));
    drop(second);
    // moved, into a folder that was not there before
    std::fs::create_dir_all(made.path("synced/2026-03")).unwrap();
    let moved = made.path("synced/2026-03").join(first.file_name().unwrap());
    testkit::rename(&first, &moved);
    let mut third = history(&made);
    assert_eq!(third.records_read(), 0, "it is the same record elsewhere");
    let places: Vec<Place> = lines(&mut third).into_iter().map(|line| line.2).collect();
    assert_eq!(places, [Place::Synced, Place::Pending]);
    drop(third);
    // altered where it lies
    let text = std::fs::read_to_string(&moved).unwrap();
    testkit::write(&moved, &text.replacen("UNIT-0001", "UNIT-0009", 1));
    let mut fourth = history(&made);
    let all: Vec<usize> = fourth
        .select(&Filter::default(), Order::OldestFirst, 0, 9)
        .unwrap()
        .iter()
        .map(super::Indexed::number)
        .collect();
    assert!(fourth.confirm(&all));
    assert_eq!((fourth.len(), fourth.unreadable().len()), (1, 1));
    assert!(
        fourth.unreadable()[0]
            .to_string()
            .starts_with("synced/0000000001_UNIT-0001")
    );
    drop(fourth);
    // gone, with its folder
    std::fs::remove_dir_all(made.path("synced/2026-03")).unwrap();
    let mut fifth = history(&made);
    assert_eq!((fifth.len(), fifth.unreadable().len()), (1, 0));
    let found = lines(&mut fifth);
    drop(fifth);
    assert_eq!(found, truth(&made));
}

#[test]
fn a_record_is_read_once() {
    let made = Made::default();
    for sequence in 1..=300 {
        made.put("pending", &testkit::record(sequence));
    }
    let mut seen = Vec::new();
    let store = made.store();
    let built = History::open(&store, later(), &mut |done, total| seen.push((done, total))).unwrap();
    assert_eq!(built.records_read(), 300);
    assert_eq!((seen.first(), seen.last()), (Some(&(1, 300)), Some(&(300, 300))));
    drop(built);
    assert_eq!(history(&made).records_read(), 0);
    made.put("pending", &testkit::record(301));
    assert_eq!(history(&made).records_read(), 1);
    let found = lines(&mut history(&made));
    assert_eq!(found.len(), 301);
    assert!(found.is_sorted_by_key(|line| line.0));
}

#[test]
fn a_folder_that_changed_just_now_is_not_believed_unchanged() {
    let made = Made::default();
    made.put("pending", &testkit::record(1));
    let store = made.store();
    let now = store.record_folders().unwrap()[0].changed().unwrap().0;
    let just_now = DateTime::from_timestamp_nanos(now) + TimeDelta::milliseconds(1);
    drop(History::open(&store, just_now, &mut |_, _| {}).unwrap());
    let again = History::open(&store, just_now, &mut |_, _| {}).unwrap();
    assert!(!again.log.state.known.values().any(|changed| changed.0 == now));
    drop(again);
    let settled = history(&made);
    assert!(settled.log.state.known.values().any(|changed| changed.0 == now));
}

#[test]
fn an_index_cut_or_altered_anywhere_says_the_same() {
    let made = Made::default();
    for sequence in 1..=5 {
        made.put("pending", &testkit::record(sequence));
    }
    let expected = lines(&mut history(&made));
    let path = made.path("index").join(FILE);
    let whole = std::fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(7) {
        testkit::write_bytes(&path, &whole[..at]);
        assert_eq!(lines(&mut history(&made)), expected, "cut to {at}");
        let mut altered = whole.clone();
        altered[at] ^= 0x20;
        testkit::write_bytes(&path, &altered);
        assert_eq!(lines(&mut history(&made)), expected, "byte {at} altered");
    }
    testkit::write_bytes(&path, b"benchtop.index/9\nof a later program");
    assert_eq!(lines(&mut history(&made)), expected);
    assert_eq!(history(&made).records_read(), 0, "and it is whole again");
}

#[test]
fn whole_frames_of_an_earlier_part_that_make_no_sense_are_made_anew() {
    let made = Made::default();
    for sequence in 1..=12 {
        made.put("pending", &testkit::record(sequence));
    }
    let expected = lines(&mut history(&made));
    let path = made.path("index").join(FILE);
    let bytes = std::fs::read(&path).unwrap();
    let mut reader = Reader(bytes.strip_prefix(HEADER).unwrap());
    let mut altered = HEADER.to_vec();
    let mut runs = 0;
    while let Some((kind, payload)) = next_frame(&mut reader) {
        runs += usize::from(kind == RUN);
        // the first run, of the first of three segments: another kind, and a checksum that fits
        let kind = if kind == RUN && runs == 1 { TEXT } else { kind };
        frame(&mut altered, kind, payload);
    }
    assert_eq!((runs, altered.len()), (12, bytes.len()));
    testkit::write_bytes(&path, &altered);
    let (say, said) = std::sync::mpsc::channel();
    std::thread::spawn(move || say.send((lines(&mut history(&made)), lines(&mut history(&made)), made)));
    let (found, again, _made) = said.recv_timeout(std::time::Duration::from_secs(60)).expect("an end");
    assert_eq!(found, expected);
    assert_eq!(again, expected);
}

#[test]
fn two_at_once_and_a_folder_that_cannot_be_written_give_the_same() {
    let made = Made::default();
    for sequence in 1..=3 {
        made.put("pending", &testkit::record(sequence));
    }
    let mut first = history(&made);
    let mut second = history(&made);
    assert_eq!(lines(&mut first), lines(&mut second));
    drop((first, second));
    std::fs::remove_dir_all(made.path("index")).unwrap();
    made.foreign("index");
    let third = history(&made);
    assert_eq!(third.len(), 3);
    assert_eq!(third.records_read(), 3);
}

#[test]
fn pages_and_filters_are_those_of_the_records() {
    let made = Made::default();
    for sequence in 1..=10 {
        made.put("pending", &testkit::record(sequence));
    }
    let mut history = history(&made);
    let newest = history.select(&Filter::default(), Order::NewestFirst, 2, 3).unwrap();
    let numbers: Vec<u64> = newest.iter().map(super::Indexed::sequence).collect();
    assert_eq!(numbers, [8, 7, 6]);
    let serial = Filter {
        serial: Some("UNIT-0004".to_owned()),
        ..Filter::default()
    };
    let found = history.select(&serial, Order::OldestFirst, 0, 9).unwrap();
    assert_eq!(found.len(), 1);
    let record = testkit::record(4);
    let head = found[0].headline();
    assert_eq!(
        (head.run_id, head.procedure_id),
        (record.run_id.as_str(), record.procedure_id.as_str())
    );
    assert_eq!((head.part_number, head.batch), (Some("PCB-1042"), None));
    assert_eq!(head.started_at, record.started_at);
}

#[test]
fn what_could_not_be_read_is_tried_again_and_taken_in() {
    let made = Made::default();
    made.put("pending", &testkit::record(1));
    let path = made.put("pending", &testkit::record(2));
    let whole = std::fs::read(&path).unwrap();
    testkit::write_bytes(&path, &whole[..whole.len() / 2]);
    for _ in 0..2 {
        let torn = history(&made);
        assert_eq!((torn.len(), torn.unreadable().len()), (1, 1));
    }
    let length = || std::fs::metadata(made.path("index").join(FILE)).unwrap().len();
    let before = length();
    drop(history(&made));
    assert_eq!(length(), before, "nothing is added where nothing changed");
    // the folder's time of change stays as it was
    testkit::write_bytes(&path, &whole);
    let mut well = history(&made);
    assert_eq!((well.len(), well.unreadable().len(), well.records_read()), (2, 0, 1));
    let found = lines(&mut well);
    drop(well);
    assert_eq!(history(&made).records_read(), 0);
    assert_eq!(found, truth(&made));
}
