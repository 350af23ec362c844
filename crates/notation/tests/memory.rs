//! What a long document takes goes back to the system. Alone in its process: other tests would take memory beside it.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use benchtop_notation::{Document, MAX_BYTES};
use std::{fs, sync::Arc, thread};

#[test]
fn what_a_long_document_took_on_a_thread_of_its_own_goes_back_when_it_is_let_go_of() {
    // pages of this process that are in memory
    let resident = || -> usize {
        let pages = fs::read_to_string("/proc/self/statm").unwrap();
        pages.split(' ').nth(1).unwrap().parse().unwrap()
    };
    let row = "{ name = 'm', function = 'dc_voltage', range = '10 V', unit = 'V', limit = { low = 3, high = 4 } },\n";
    let step = format!("[[steps]]\nmeasurements = [\n{}]\n", row.repeat(10));
    let text: Arc<str> = step.repeat(MAX_BYTES / step.len()).into();
    let before = resident();
    let parse = || Document::parse_shared("x.toml", &text).unwrap();
    let document = thread::scope(|scope| scope.spawn(parse).join().unwrap());
    let with = resident();
    // what is read of a document keeps places in it
    let place = document.span().clone();
    drop(document);
    let after = resident();
    assert!(with > before + 1000, "{before} {with} {after}");
    assert!(after < before + (with - before) / 2, "{before} {with} {after}");
    drop(place);
}
