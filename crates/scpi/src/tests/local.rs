//! Who was told to go to remote is told to go back to its front panel.

use super::{
    overheard::{Overheard, inherited, lone},
    root,
};
use crate::{Options, ScpiInstrument, Template};
use benchtop_instrument::{Clock, Instrument, VirtualClock, spawn};
use std::{
    fs,
    sync::{Arc, Mutex},
};

/// Its answers end with LF CR, which no session inside a process is told: `tests/over_serial.rs` has it on a line.
const ELSEWHERE: &str = "gw-instek/gdm-8251a";

/// The models of every folder, with what they inherit.
fn models() -> Vec<String> {
    let folders = |path: &std::path::Path| {
        let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap());
        let folders = entries.filter(|entry| entry.file_type().unwrap().is_dir());
        folders
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect::<Vec<_>>()
    };
    let instruments = root().join("instruments");
    let mut models: Vec<String> = folders(&instruments)
        .into_iter()
        .flat_map(|maker| {
            let of_it = folders(&instruments.join(&maker));
            of_it.into_iter().map(move |model| format!("{maker}/{model}"))
        })
        .collect();
    models.sort();
    models
}

fn messages(templates: &[Template]) -> Vec<String> {
    templates.iter().map(|template| template.fill(&[])).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_told_to_go_to_remote_on_a_serial_line_is_given_back_at_the_end() {
    let mut tried = Vec::new();
    for model in models() {
        let definition = inherited(&model);
        let Some(line) = definition.serial.as_ref().filter(|line| !line.remote.is_empty()) else {
            continue;
        };
        let (remote, local) = (messages(&line.remote), messages(&line.local));
        assert!(
            !local.is_empty(),
            "{model} is told {remote:?}, and is never told to go back"
        );
        if model == ELSEWHERE {
            continue;
        }
        let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new());
        let bench = Arc::new(lone(&model, &clock));
        let name = bench.instrument_names().next().unwrap().to_owned();
        let sent = Arc::new(Mutex::new(Vec::new()));
        let session = bench.serial_session(&name).or_else(|| bench.session(&name)).unwrap();
        let session = Box::new(Overheard::new(session, &sent).on_a_line());
        let mut instrument =
            ScpiInstrument::new(session, Arc::clone(&definition), Arc::clone(&clock), Options::default());
        assert_eq!(bench.is_remote(&name), Some(false), "{model}");
        let (seen, who) = (Arc::clone(&bench), name.clone());
        let held = spawn(clock.as_ref(), async move {
            instrument.prepare().await.unwrap();
            let while_driven = seen.is_remote(&who);
            instrument.close().await.unwrap();
            while_driven
        });
        assert_eq!(held.await.unwrap(), Some(true), "{model}: told {remote:?}");
        assert_eq!(bench.is_remote(&name), Some(false), "{model}: told {local:?}");
        let sent = sent.lock().unwrap();
        assert!(sent.starts_with(&remote), "{model}: {sent:?}");
        assert!(sent.ends_with(&local), "{model}: {sent:?}");
        tried.push(model);
    }
    assert_eq!(
        tried,
        [
            "fluke/45-rs232",
            "fluke/8845a",
            "fluke/8846a",
            "hp/34401a",
            "keysight/34970a",
            "keysight/34970a-34903a",
            "keysight/e3631a",
            "owon/xdm1041",
            "owon/xdm1241",
            "owon/xdm2041",
        ]
    );
}

/// What no serial line leads to is given back as its definition says, where it says something.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_a_way_back_to_its_panel_is_given_back_at_the_end() {
    let mut tried = 0;
    for model in models() {
        let definition = inherited(&model);
        if definition.local.is_empty() {
            continue;
        }
        let local = messages(&definition.local);
        let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new());
        let bench = lone(&model, &clock);
        let name = bench.instrument_names().next().unwrap();
        let sent = Arc::new(Mutex::new(Vec::new()));
        let session = bench.session(name).or_else(|| bench.serial_session(name)).unwrap();
        let session = Box::new(Overheard::new(session, &sent));
        let mut instrument =
            ScpiInstrument::new(session, Arc::clone(&definition), Arc::clone(&clock), Options::default());
        let held = spawn(clock.as_ref(), async move {
            instrument.prepare().await.unwrap();
            instrument.close().await.unwrap();
        });
        held.await.unwrap();
        let sent = sent.lock().unwrap();
        assert!(sent.ends_with(&local), "{model}: {sent:?}");
        tried += 1;
    }
    assert!(tried >= 8, "{tried}");
}
