//! Files that belong to runs.

use crate::{
    Store, StoreErrorKind, integrity,
    testkit::{self, Telling, names, plant, ticket},
};
use benchtop_run as run;

fn attached(store: &Store) -> Vec<String> {
    names(store.attachments())
}

#[test]
fn an_attachment_lies_under_its_digest_once() {
    let (_folder, store) = testkit::store();
    // larger than a piece, and not a multiple of one
    let bytes: Vec<u8> = (0..200_003_u32)
        .map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1])
        .collect();
    let first = store
        .attach(&mut bytes.as_slice(), "scope ../shot.png", 1 << 20)
        .unwrap();
    assert_eq!((first.name.as_str(), first.size), ("scope ../shot.png", 200_003));
    assert_eq!(first.sha256, integrity::sha256_hex(&bytes));
    let second = store.attach(&mut bytes.as_slice(), "again.png", 1 << 20).unwrap();
    assert_eq!(second.sha256, first.sha256);
    assert_eq!(attached(&store), [first.sha256.as_str()]);
    assert_eq!(std::fs::read(store.attachments().join(&first.sha256)).unwrap(), bytes);
    let empty = store.attach(&mut &b""[..], "empty", 0).unwrap();
    assert_eq!((empty.size, attached(&store).len()), (0, 2));
    assert!(names(&store.root().join("journal")).is_empty());
}

#[test]
fn what_lies_there_altered_is_put_aside_and_written_anew() {
    let (_folder, store) = testkit::store();
    let kept = store.attach(&mut &b"volts"[..], "a", 99).unwrap();
    plant(&store.attachments().join(&kept.sha256), b"amperes");
    store.attach(&mut &b"volts"[..], "a", 99).unwrap();
    assert_eq!(std::fs::read(store.attachments().join(&kept.sha256)).unwrap(), b"volts");
    assert_eq!(store.quarantined().unwrap(), [kept.sha256.as_str()]);
}

/// Gives some bytes and then breaks, as a console does whose cable is pulled.
struct Broken(usize);

impl std::io::Read for Broken {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.min(buffer.len());
        self.0 -= count;
        if count == 0 {
            return Err(std::io::Error::other("the line is gone"));
        }
        Ok(count)
    }
}

#[test]
fn what_is_too_large_or_breaks_off_leaves_nothing() {
    let (_folder, store) = testkit::store();
    let error = store.attach(&mut &[7; 100_001][..], "big", 100_000).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::TooLarge);
    assert!(error.to_string().contains("at most 100000 bytes"), "{error}");
    let error = store.attach(&mut Broken(70_000), "torn", 100_000).unwrap_err();
    assert!(error.to_string().contains("the line is gone"), "{error}");
    assert!(attached(&store).is_empty());
    assert!(names(&store.root().join("journal")).is_empty());
    // what grows by itself is finished with what it had when it was full
    let mut console = store.attachment("console.log", 10).unwrap();
    console.write(b"U-Boot\n").unwrap();
    assert_eq!(console.write(b"login:").unwrap_err().kind(), StoreErrorKind::TooLarge);
    assert_eq!(console.size(), 7);
    assert_eq!(console.finish().unwrap().sha256, integrity::sha256_hex(b"U-Boot\n"));
}

#[test]
fn what_a_dead_program_left_goes_to_quarantine_and_what_a_live_one_writes_stays() {
    let (_folder, store) = testkit::store();
    let mut live = store.attachment("live.log", 99).unwrap();
    live.write(b"still here").unwrap();
    plant(&store.root().join("journal/.attachment-1-dead.log"), b"half");
    plant(&store.root().join("journal/.attachment-2-empty"), b"");
    let recovery = store.recover().unwrap();
    assert_eq!(recovery.quarantined.len(), 1, "{recovery:?}");
    assert_eq!(store.quarantined().unwrap(), ["attachment-1-dead.log"]);
    assert_eq!(live.finish().unwrap().size, 10);
    assert!(store.recover().unwrap().is_empty());
}

#[test]
fn the_record_names_what_was_attached() {
    let (_folder, store) = testkit::store();
    let kept = store.attach(&mut &b"volts"[..], "scope.csv", 99).unwrap();
    let mut telling = Telling::of(&ticket(), "UNIT-1", &[]);
    telling.tell(run::EventKind::Attached(run::Attached {
        address: None,
        name: kept.name.clone(),
        size: kept.size,
        sha256: kept.sha256.clone(),
    }));
    assert_eq!(testkit::folded(&telling.events()).attachments, [kept]);
}
