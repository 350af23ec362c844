//! A store with records to send, a target, and drains of it.

use super::samples::{UUID, at, passing};
use crate::{DrainEvent, Pace, SecretString, Summary, Target, TargetConfig, TargetKind, Timeouts, drain, open};
use benchtop_store::record::Attachment;
use benchtop_store::{Receipt, ReceiptKind, Record, RecordName, Store, StoreError, TargetState, integrity};
use chrono::{DateTime, TimeDelta, Utc};
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// What no output may ever hold.
pub(super) const KEY: &str = "canary-7f3a-do-not-print";

/// A store in a folder of its own.
pub(super) struct Bench {
    folder: tempfile::TempDir,
    pub(super) store: Store,
}

impl Bench {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        Self { folder, store }
    }

    /// Puts a record into `pending/`.
    pub(super) fn put(&self, record: &Record) -> RecordName {
        let name = RecordName::of(record);
        self.file(name.as_str(), &integrity::seal(record).unwrap());
        name
    }

    /// Puts any file into `pending/`.
    pub(super) fn file(&self, name: &str, bytes: &[u8]) {
        let mut file = std::fs::File::create(self.folder.path().join("pending").join(name)).unwrap();
        file.write_all(bytes).unwrap();
    }

    /// Puts an attachment's bytes into the store.
    pub(super) fn attachment(&self, name: &str, bytes: &[u8]) -> Attachment {
        let sha256 = integrity::sha256_hex(bytes);
        let mut file = std::fs::File::create(self.store.attachments().join(&sha256)).unwrap();
        file.write_all(bytes).unwrap();
        Attachment {
            name: name.to_owned(),
            size: u64::try_from(bytes.len()).unwrap(),
            sha256,
        }
    }

    /// Puts n passing runs into `pending/`, numbered from 1.
    pub(super) fn put_runs(&self, count: u64) {
        (1..=count).rev().for_each(|number| drop(self.put(&numbered(number))));
    }

    /// File names below a folder of the store, its sub-folders included, sorted.
    pub(super) fn names(&self, folder: &str) -> Vec<String> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(self.folder.path().join(folder)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            match entry.file_type().unwrap().is_dir() {
                true => names.extend(self.names(&format!("{folder}/{name}"))),
                false => names.push(name),
            }
        }
        names.sort();
        names
    }

    /// Every byte of every file in the store.
    pub(super) fn everything(&self) -> String {
        fn read(folder: &PathBuf, all: &mut String) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => read(&path, all),
                    false => all.push_str(&String::from_utf8_lossy(&std::fs::read(&path).unwrap())),
                }
            }
        }
        let mut all = String::new();
        read(&self.folder.path().to_owned(), &mut all);
        all
    }

    /// How the numbered run stands with the target `fleet`.
    pub(super) fn standing(&self, number: u64) -> TargetState {
        self.store.receipts().read(&run_id(number)).unwrap().target("fleet")
    }

    /// As a sync that died between sending and the answer leaves it.
    pub(super) fn attempted(&self, number: u64) {
        let receipt = Receipt {
            at: now(),
            target: "fleet".into(),
            kind: ReceiptKind::Attempt,
        };
        self.store.receipts().append(&run_id(number), &receipt).unwrap();
    }

    pub(super) async fn drain(&self, targets: &[Box<dyn Target>]) -> Drained {
        self.drain_at(targets, now()).await.unwrap()
    }

    pub(super) async fn drain_at(&self, targets: &[Box<dyn Target>], at: DateTime<Utc>) -> Result<Drained, StoreError> {
        let mut events = Vec::new();
        // one after the other: the server's script is in the order of the records
        let pace = Pace {
            at_once: 1,
            ..Pace::default()
        };
        let summary = drain(&self.store, targets, &|| at, pace, &mut |event| events.push(event)).await?;
        Ok(Drained { events, summary })
    }
}

/// What a drain told.
#[derive(Debug)]
pub(super) struct Drained {
    pub(super) events: Vec<DrainEvent>,
    pub(super) summary: Summary,
}

impl Drained {
    /// A word for each event.
    pub(super) fn words(&self) -> Vec<&'static str> {
        let word = |event: &DrainEvent| match event {
            DrainEvent::Synced { .. } => "synced",
            DrainEvent::Waiting { .. } => "waiting",
            DrainEvent::Parked { .. } => "parked",
            DrainEvent::Quarantined { .. } => "quarantined",
            DrainEvent::Kept { .. } => "kept",
            DrainEvent::TargetStopped { .. } => "stopped",
        };
        self.events.iter().map(word).collect()
    }

    /// Checks how many wait for the next drain, and how many for a person.
    #[track_caller]
    pub(super) fn leaves(&self, pending: usize, parked: usize) {
        assert_eq!(
            (self.summary.pending, self.summary.parked),
            (pending, parked),
            "{}",
            self.text()
        );
    }

    /// Everything that a person would be shown.
    pub(super) fn text(&self) -> String {
        format!("{self:?}")
    }
}

pub(super) fn now() -> DateTime<Utc> {
    at("2026-03-05T00:00:00Z")
}

pub(super) fn later() -> DateTime<Utc> {
    now() + TimeDelta::minutes(3)
}

pub(super) fn run_id(number: u64) -> String {
    format!("0198c0de-0000-7000-8000-{number:012}")
}

/// A passing run with its own id, serial number and start.
pub(super) fn numbered(number: u64) -> Record {
    let sample = passing(&format!("SN{number:04}"));
    let after = TimeDelta::minutes(i64::try_from(number).unwrap());
    Record {
        run_id: run_id(number),
        sequence: number,
        tested_at: sample.tested_at + after,
        started_at: sample.started_at + after,
        ended_at: sample.ended_at + after,
        ..sample
    }
}

pub(super) fn config(kind: TargetKind, url: &str) -> TargetConfig {
    let procedure = match kind {
        TargetKind::TofuPilotV2 => UUID,
        TargetKind::TofuPilotV1
        | TargetKind::Webhook
        | TargetKind::Directory
        | TargetKind::S3
        | TargetKind::Postgres => "FVT1",
    };
    TargetConfig {
        name: "fleet".into(),
        kind,
        url: url.into(),
        accept_simulated: false,
        procedures: [("BOARD-FUNCTIONAL-V3".to_owned(), procedure.to_owned())].into(),
        ca_file: None,
        region: None,
        proxy: None,
        timeouts: Timeouts {
            connect: Duration::from_secs(5),
            idle: Duration::from_secs(20),
            total: Duration::from_secs(20),
        },
    }
}

pub(super) fn opened(config: TargetConfig) -> Vec<Box<dyn Target>> {
    vec![open(config, &SecretString::from(KEY)).unwrap()]
}

/// Opens a target at a URL.
pub(super) type Opener = fn(&str) -> Vec<Box<dyn Target>>;

pub(super) fn v2(url: &str) -> Vec<Box<dyn Target>> {
    opened(config(TargetKind::TofuPilotV2, url))
}

pub(super) fn v1(url: &str) -> Vec<Box<dyn Target>> {
    opened(config(TargetKind::TofuPilotV1, url))
}
