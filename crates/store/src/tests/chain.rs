//! The chain of records, and whether what is wrong with it is found.

use crate::{
    Finding, Place, Receipt, ReceiptKind, Saved, StationKey, Store, Verified, integrity,
    record::Record,
    testkit::{self, names, now, passing, plant, record_all, save},
};

fn verify(store: &Store) -> (Verified, Vec<Finding>) {
    let mut findings = Vec::new();
    let verified = store
        .verify(None, &mut |finding| findings.push(finding.clone()))
        .unwrap();
    assert_eq!(verified.findings, u64::try_from(findings.len()).unwrap());
    (verified, findings)
}

/// Nothing is wrong, and so many records are there.
fn is_whole(store: &Store, records: u64, place: &str) {
    let (verified, findings) = verify(store);
    assert_eq!(findings, [], "{place}");
    assert_eq!((verified.records, verified.head), (records, records), "{place}");
}

fn several(count: usize) -> (tempfile::TempDir, Store, Vec<Saved>) {
    let (folder, store) = testkit::store_in_memory();
    let saved = (0..count).map(|n| save(&store, &format!("UNIT-{n}"))).collect();
    (folder, store, saved)
}

#[test]
fn each_record_names_its_place_and_the_digest_of_the_one_before() {
    let (_folder, store, saved) = several(3);
    let mut previous = None;
    for (turn, saved) in saved.iter().enumerate() {
        let chain = saved.record.chain.clone().unwrap();
        assert_eq!(chain.position, u64::try_from(turn).unwrap() + 1);
        assert_eq!(chain.previous, previous);
        previous = Some(integrity::inspect(&std::fs::read(&saved.path).unwrap()).unwrap().digest);
    }
    is_whole(&store, 3, "after three");
    let heads = std::fs::read_dir(store.root().join("journal")).unwrap();
    let head = heads.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let head: Vec<String> = head.collect();
    assert_eq!(head, [format!(".chain_3_{}_{}", previous.unwrap(), saved[2].name)]);
    // also a record whose run began earlier takes its place when it is sealed
    assert!(Store::open(store.root()).unwrap().verify(None, &mut |_| {}).is_ok());
}

#[test]
fn many_sealing_at_once_make_one_chain() {
    let (_folder, store) = testkit::store_in_memory();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..10).for_each(|_| drop(save(&store, "UNIT-5501"))));
        }
    });
    is_whole(&store, 80, "8 at once");
}

#[test]
fn a_seal_that_died_at_any_call_leaves_one_chain() {
    let mut died = 0;
    for at in 0..200 {
        let Some((_folder, store)) = testkit::died_sealing(at) else {
            break;
        };
        died += 1;
        // another run seals before anybody recovers
        save(&store, "UNIT-3");
        assert!(store.recover().unwrap().failed.is_empty(), "{at}");
        save(&store, "UNIT-4");
        is_whole(&store, 4, &format!("killed at {at}"));
        assert!(names(&store.root().join("journal")).is_empty(), "{at}");
    }
    assert!(died > 8, "{died}");
}

#[test]
fn a_temporary_whose_place_was_taken_gets_another() {
    let (_folder, store, saved) = several(1);
    // it died between the sync of its bytes and the announcement, and another record was sealed meanwhile
    let lost = save(&store, "UNIT-LOST");
    let bytes = std::fs::read(&lost.path).unwrap();
    std::fs::remove_file(&lost.path).unwrap();
    let journal = store.root().join("journal");
    for entry in std::fs::read_dir(&journal).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    save(&store, "UNIT-BESIDE");
    let temporary = format!(".tmp-{}-1-0", lost.name.run_id());
    plant(&store.root().join("pending").join(temporary), &bytes);
    let recovery = store.recover().unwrap();
    assert_eq!(recovery.adopted, std::slice::from_ref(&lost.name), "{recovery:?}");
    is_whole(&store, 3, "adopted");
    let adopted = store.read(Place::Pending, &lost.name).unwrap().record;
    assert_eq!(adopted.chain.unwrap().position, 3);
    assert_eq!(saved[0].record.chain.as_ref().unwrap().position, 1);
}

#[test]
fn a_store_that_lost_its_head_goes_on_where_it_was() {
    let (_folder, store, saved) = several(5);
    move_away(&store, &saved[4]);
    for entry in std::fs::read_dir(store.root().join("journal")).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    save(&store, "UNIT-6");
    is_whole(&store, 6, "a new head");
}

fn move_away(store: &Store, saved: &Saved) {
    let receipt = Receipt {
        at: now(),
        target: "cloud".to_owned(),
        kind: ReceiptKind::Confirmed {
            remote_id: "r".to_owned(),
        },
    };
    store.receipts().append(saved.name.run_id(), &receipt).unwrap();
    store.settle(&saved.name, &["cloud"], now()).unwrap();
}

#[test]
fn a_run_that_was_uploaded_before_its_journal_went_is_not_sealed_again() {
    let (_folder, store) = testkit::store();
    let ticket = store.begin(now()).unwrap();
    let mut journal = store.journal(&ticket).unwrap();
    record_all(&mut journal, &passing(&ticket, "UNIT-5501"));
    let path = store.root().join("journal").join(format!("{}.jsonl", ticket.run_id));
    let bytes = std::fs::read(&path).unwrap();
    let saved = store.seal(&journal).unwrap();
    drop(journal);
    move_away(&store, &saved);
    plant(&path, &bytes);
    let recovery = store.recover().unwrap();
    assert_eq!(recovery.sealed.len(), 1, "{recovery:?}");
    assert!(
        recovery.sealed[0].path.to_string_lossy().contains("synced"),
        "{recovery:?}"
    );
    assert!(names(&store.root().join("pending")).is_empty());
    is_whole(&store, 1, "once");
}

#[test]
fn what_is_altered_missing_or_reordered_is_found() {
    let (_folder, store, saved) = several(6);
    let file = |at: usize| saved[at].name.to_string();
    // altered: and so its place is empty
    let text = std::fs::read_to_string(&saved[1].path).unwrap();
    plant(&saved[1].path, text.replace("3.300123", "3.300124").as_bytes());
    let (_, findings) = verify(&store);
    assert!(matches!(&findings[0], Finding::Altered { file: altered, .. } if *altered == file(1)));
    assert_eq!(findings[1], Finding::Missing { from: 2, to: 2 });
    // gone
    std::fs::remove_file(&saved[1].path).unwrap();
    std::fs::remove_file(&saved[2].path).unwrap();
    assert_eq!(verify(&store).1, [Finding::Missing { from: 2, to: 3 }]);
    // altered by somebody who can compute a digest
    plant(&saved[1].path, text.as_bytes());
    resealed(&saved[2], |record| record.reason = Some("mine".to_owned()));
    let broken = |at: usize| Finding::Broken {
        position: u64::try_from(at).unwrap() + 1,
        file: file(at),
    };
    assert_eq!(verify(&store).1, [broken(3)]);
    // in another order
    let chain = saved[2].record.chain.clone();
    resealed(&saved[3], |record| {
        record.chain.as_mut().unwrap().previous = chain.unwrap().previous;
    });
    let findings = verify(&store).1;
    let reordered = Finding::Reordered {
        position: 4,
        file: file(3),
        follows: 2,
    };
    assert_eq!(findings, [reordered, broken(4)]);
    // two at one place
    resealed(&saved[4], |record| record.chain.as_mut().unwrap().position = 6);
    let findings = verify(&store).1;
    assert!(findings.contains(&Finding::Missing { from: 5, to: 5 }), "{findings:?}");
    let doubled = |finding: &Finding| matches!(finding, Finding::Doubled { position: 6, files } if files.len() == 2);
    assert!(findings.iter().any(doubled), "{findings:?}");
}

fn resealed(saved: &Saved, alter: impl FnOnce(&mut Record)) {
    let mut record = saved.record.whole().unwrap();
    alter(&mut record);
    plant(&saved.path, &integrity::seal(&record).unwrap());
}

#[test]
fn the_last_record_cannot_go_unnoticed() {
    let (_folder, store, saved) = several(3);
    std::fs::remove_file(&saved[2].path).unwrap();
    assert_eq!(verify(&store).1, [Finding::Missing { from: 3, to: 3 }]);
    let (_folder, store, saved) = several(3);
    resealed(&saved[2], |record| record.reason = Some("mine".to_owned()));
    assert!(matches!(
        verify(&store).1.as_slice(),
        [Finding::Broken { position: 3, .. }]
    ));
}

#[test]
fn a_record_that_is_not_signed_by_the_station_is_found() {
    let (_folder, store) = testkit::store();
    let key = StationKey::of_seed([1; 32]);
    let public = key.public();
    save(&store, "UNIT-1");
    let signing = store.clone().with_key(key);
    let signed = save(&signing, "UNIT-2");
    let findings = |key: &str| {
        let mut findings = Vec::new();
        let verified = store
            .verify(Some(key), &mut |finding| findings.push(finding.to_string()))
            .unwrap();
        (verified, findings)
    };
    let (verified, found) = findings(&public);
    assert_eq!(verified.keys.into_iter().collect::<Vec<_>>(), [(public.clone(), 1)]);
    assert!(found.len() == 1 && found[0].contains("it is not signed"), "{found:?}");
    let (_, found) = findings(&"00".repeat(32));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[1].contains("another key"), "{found:?}");
    // somebody without the key alters it and computes the digest: the old signature is of another digest
    let old = integrity::inspect(&std::fs::read(&signed.path).unwrap())
        .unwrap()
        .signature
        .unwrap();
    let mut record = signed.record.whole().unwrap();
    record.reason = Some("mine".to_owned());
    let other = integrity::seal_with(&record, Some(&StationKey::of_seed([2; 32]))).unwrap();
    let text = String::from_utf8(other.bytes).unwrap();
    let theirs = integrity::inspect(text.as_bytes()).unwrap().signature.unwrap();
    plant(&signed.path, text.replace(&theirs.key, &old.key).as_bytes());
    let (_, found) = findings(&public);
    assert!(found.iter().any(|found| found.contains("does not verify")), "{found:?}");
}

#[test]
fn a_record_of_a_later_program_keeps_no_other_from_being_verified() {
    let (_folder, store, saved) = several(3);
    let bytes = std::fs::read(&saved[0].path).unwrap();
    let newer = integrity::resealed_with(&bytes, "benchtop.run/1", "benchtop.run/2");
    plant(&saved[0].path, &newer);
    let (verified, findings) = verify(&store);
    assert_eq!(verified.records, 2);
    let newer = findings
        .iter()
        .filter(|finding| matches!(finding, Finding::Newer { file, .. } if *file == saved[0].name.to_string()));
    assert_eq!(newer.count(), 1, "{findings:?}");
}

/// What an import leaves that was killed before, in and after the writing of its temporary file.
#[test]
fn an_import_that_died_is_finished_and_its_record_stays_in_the_chain_of_the_other_store() {
    let (_folder, store, _) = several(2);
    let (_other_folder, _other, theirs) = several(3);
    let pending = store.root().join("pending");
    let bytes = |saved: &Saved| std::fs::read(&saved.path).unwrap();
    let [whole, half, twice] = theirs.as_slice() else {
        panic!()
    };
    for saved in &theirs {
        crate::chain::note_from_elsewhere(store.layout(), saved.name.run_id()).unwrap();
    }
    let temporary = |saved: &Saved| pending.join(format!(".tmp-{}-1-0", saved.name.run_id()));
    plant(&temporary(whole), &bytes(whole));
    plant(&temporary(half), &bytes(half)[..100]);
    store.adopt(&bytes(twice)).unwrap();
    plant(&temporary(twice), &bytes(twice));
    let recovery = store.recover().unwrap();
    assert_eq!(recovery.adopted, std::slice::from_ref(&whole.name));
    let [torn] = recovery.quarantined.as_slice() else {
        panic!("{recovery:?}")
    };
    assert!(
        torn.name.contains(half.name.run_id()) && recovery.failed.is_empty(),
        "{recovery:?}"
    );
    assert_eq!(
        std::fs::read(pending.join(whole.name.as_str())).unwrap(),
        bytes(whole),
        "byte for byte"
    );
    assert!(names(&pending).iter().all(|name| !name.starts_with('.')));
    // what was cut comes again, and what came is known
    assert!(matches!(store.adopt(&bytes(half)).unwrap(), crate::Adopted::New(_)));
    assert!(matches!(
        store.adopt(&bytes(whole)).unwrap(),
        crate::Adopted::Already(_)
    ));
    let (verified, findings) = verify(&store);
    assert_eq!(findings, []);
    assert_eq!((verified.records, verified.elsewhere, verified.head), (5, 3, 2));
}

#[test]
fn records_of_another_store_do_not_disturb_the_chain() {
    let (_folder, store, _) = several(2);
    let (_other_folder, other, theirs) = several(3);
    for saved in &theirs {
        store.adopt(&std::fs::read(&saved.path).unwrap()).unwrap();
    }
    let (verified, findings) = verify(&store);
    assert_eq!(findings, []);
    assert_eq!((verified.records, verified.elsewhere, verified.head), (5, 3, 2));
    // also where the head is lost
    for entry in std::fs::read_dir(store.root().join("journal")).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    assert_eq!(save(&store, "UNIT-3").record.chain.unwrap().position, 3);
    assert_eq!(verify(&store).1, []);
    is_whole(&other, 3, "the other one");
}

#[test]
fn an_attachment_that_is_gone_or_altered_is_found() {
    let (_folder, store) = testkit::store();
    let kept = store.attach(&mut &b"volts"[..], "scope.csv", 99).unwrap();
    let mut record = testkit::record();
    record.attachments.push(kept.clone());
    store.publish(record.clone().packed()).unwrap();
    is_whole(&store, 1, "there");
    let path = store.attachments().join(&kept.sha256);
    for altered in [&b"amps!"[..], b"volts and amps", b"", b"volt"] {
        plant(&path, altered);
        let (_, findings) = verify(&store);
        assert!(
            matches!(findings.as_slice(), [Finding::AlteredAttachment { .. }]),
            "{findings:?}"
        );
    }
    plant(&path, b"volts");
    is_whole(&store, 1, "as it was");
    // a second record that names it says so too
    let again = Record {
        run_id: "0195f000-0000-7000-8000-000000000043".to_owned(),
        sequence: 43,
        ..record
    };
    store.publish(again.packed()).unwrap();
    std::fs::remove_file(path).unwrap();
    let (_, findings) = verify(&store);
    assert!(
        matches!(
            findings.as_slice(),
            [Finding::Attachment { .. }, Finding::Attachment { .. }]
        ),
        "{findings:?}"
    );
}

#[test]
fn verifying_goes_on_beside_runs_and_syncs() {
    let (_folder, store) = testkit::store_in_memory();
    save(&store, "UNIT-0");
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..60 {
                let saved = save(&store, "UNIT-5501");
                move_away(&store, &saved);
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        let mut looks = 0;
        while !done.load(std::sync::atomic::Ordering::Relaxed) {
            assert_eq!(verify(&store).1, []);
            looks += 1;
        }
        assert!(looks > 1);
    });
    is_whole(&store, 61, "at the end");
}
