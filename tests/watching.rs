//! A `sync --watch` that begins: what the one before it was told still holds.

use crate::{
    demo::{Demo, station, sync, with_another, with_runs},
    testkit::{Running, benchtop, eventually, write},
};
use std::path::Path;

fn watch(station: &Path) -> Running {
    let mut watching = benchtop();
    watching.args(["sync", "--watch", "--station"]).arg(station);
    Running::start(watching.env("TOFUPILOT_API_KEY", "k"))
}

#[test]
fn a_watch_that_is_started_anew_leaves_alone_who_asked_for_it() {
    let (busy, well) = (Demo::start(&["--fault", "rest:300"]), Demo::start(&[]));
    let (_folder, station, _store) = with_runs(&["UNIT-5501", "UNIT-5502"], &busy.url);
    assert_eq!(sync(&[], &station).code, Some(1));
    let asked = busy.arrived()["requests"].clone();
    // a second target, which shows when the first round is over
    with_another(&station, &busy, &well);
    let watching = watch(&station);
    eventually("both runs at the target that is well", || {
        (well.serials().len() == 2).then_some(())
    });
    watching.signal(nix::sys::signal::Signal::SIGTERM);
    let ended = watching.finish();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert_eq!(busy.arrived()["requests"], asked, "it is not even asked: {ended}");
}

#[test]
fn the_rest_of_a_target_that_is_gone_keeps_no_other_waiting() {
    let (busy, well) = (Demo::start(&["--fault", "rest:300"]), Demo::start(&[]));
    let (folder, old, _store) = with_runs(&["UNIT-5501"], &busy.url);
    assert_eq!(sync(&[], &old).code, Some(1));
    let new = station(folder.path(), &well.url);
    let text = std::fs::read_to_string(&new).unwrap();
    write(&new, &text.replace("\"tofupilot\"", "\"fleet\""));
    // as `run --sync` does it
    let pushed = sync(&["--patient"], &new);
    assert_eq!(
        (pushed.code, well.serials()),
        (Some(0), vec!["UNIT-5501".to_owned()]),
        "{pushed}"
    );
}
