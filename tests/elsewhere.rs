//! Records that leave on other ways than TofuPilot's: a webhook, a folder, a bucket, a stick between two machines.

use crate::demo::{Demo, station};
use crate::testkit::{
    Done, Running, assert_nowhere_below, benchtop, done, eventually, records, scratch, simulated, write,
};
use std::{
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

const KEY: &str = "canary-key-51c7-elsewhere";

/// A station file with these lines for its only target, and a file of mode 0600 with a secret.
pub(crate) fn with_target(folder: &Path, lines: &str, secret: &str) -> PathBuf {
    let key = folder.join("key");
    write(&key, secret);
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let path = folder.join("station.toml");
    let text = format!(
        "[station]\nid = \"BENCH-7\"\n[store]\nroot = \"store\"\n[[sync.targets]]\nname = \"there\"\naccept_simulated = true\n{lines}\n"
    );
    write(&path, &text);
    path
}

pub(crate) fn run(folder: &Path, serial: &str) {
    let run = done(&mut simulated(&folder.join("store"), serial));
    assert!(run.code.is_some(), "{run}");
}

pub(crate) fn sync(station: &Path) -> Done {
    done(
        benchtop()
            .arg("sync")
            .arg("--station")
            .arg(station)
            .env("TOFUPILOT_API_KEY", KEY),
    )
}

#[test]
fn a_webhook_and_a_folder_beside_each_other_have_their_own_receipts() {
    let (demo, folder) = (Demo::start(&["--fault", "lost"]), scratch());
    let stick = folder.path().join("stick");
    let lines = format!(
        "kind = \"webhook\"\nurl = \"{}/hook\"\napi_key_file = \"key\"\n[[sync.targets]]\nname = \"stick\"\nkind = \"directory\"\nurl = \"stick\"\naccept_simulated = true",
        demo.url
    );
    let station = with_target(folder.path(), &lines, "a secret of the webhook");
    run(folder.path(), "UNIT-5501");
    let first = sync(&station);
    assert_eq!(first.code, Some(1), "{first}");
    assert!(
        first.out.contains("stick is not there") && first.out.contains("no answer"),
        "{first}"
    );
    std::fs::create_dir(&stick).unwrap();
    let second = sync(&station);
    assert_eq!(second.code, Some(0), "{second}");
    assert_eq!(demo.arrived()["runs"].as_array().unwrap().len(), 1);
    let here = std::fs::read(&records(&folder.path().join("store"), "synced")[0]).unwrap();
    assert_eq!(std::fs::read(&records(folder.path(), "stick")[0]).unwrap(), here);
}

#[test]
fn a_webhook_without_a_secret_of_its_own_is_refused() {
    let folder = scratch();
    let station = with_target(
        folder.path(),
        "kind = \"webhook\"\nurl = \"https://lab.example/hook\"",
        "x",
    );
    let refused = sync(&station);
    assert_eq!(refused.code, Some(2), "{refused}");
    assert!(refused.err.contains("api_key_file"), "{refused}");
    let short = with_target(
        folder.path(),
        "kind = \"webhook\"\nurl = \"https://lab.example/hook\"\napi_key_file = \"key\"",
        "short",
    );
    let refused = sync(&short);
    assert!(
        refused.code == Some(2) && refused.err.contains("fewer than 16"),
        "{refused}"
    );
}

fn bundle(words: &[&str], file: &Path, store: &Path) -> Done {
    done(benchtop().arg("bundle").args(words).arg(file).arg("--store").arg(store))
}

#[test]
fn runs_leave_a_room_without_a_network_and_the_confirmations_come_back() {
    let (demo, folder) = (Demo::start(&[]), scratch());
    let (station_store, office) = (folder.path().join("room"), scratch());
    for serial in ["UNIT-5501", "UNIT-5599"] {
        done(&mut simulated(&station_store, serial));
    }
    let (stick, receipt) = (
        folder.path().join("bench-7.bundle"),
        folder.path().join("office.receipt"),
    );
    let exported = bundle(&["export"], &stick, &station_store);
    assert_eq!(exported.code, Some(0), "{exported}");
    let again = bundle(&["export"], &stick, &station_store);
    assert_eq!(again.code, Some(3), "nothing is overwritten: {again}");
    let office_store = office.path().join("store");
    let imported = bundle(&["import"], &stick, &office_store);
    assert!(
        imported.code == Some(0) && imported.out.contains("2 records wait here"),
        "{imported}"
    );
    assert_eq!(sync(&station(office.path(), &demo.url)).code, Some(0));
    assert_eq!(demo.serials(), ["UNIT-5501", "UNIT-5599"]);
    let written = bundle(&["receipt", "--write"], &receipt, &office_store);
    assert_eq!(written.code, Some(0), "{written}");
    let taken = bundle(&["receipt"], &receipt, &station_store);
    assert!(taken.code == Some(0) && taken.out.contains("2 confirmed"), "{taken}");
    assert_eq!(
        (
            records(&station_store, "pending").len(),
            records(&station_store, "synced").len()
        ),
        (0, 2)
    );
    // a copy that was broken off
    let bytes = std::fs::read(&stick).unwrap();
    let torn = folder.path().join("torn.bundle");
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&torn)
        .unwrap();
    std::fs::copy(&stick, &torn).unwrap();
    std::fs::OpenOptions::new()
        .write(true)
        .open(&torn)
        .unwrap()
        .set_len(u64::try_from(bytes.len() - 9).unwrap())
        .unwrap();
    let refused = bundle(&["import"], &torn, &office_store);
    assert!(refused.code == Some(3) && refused.err.contains("torn"), "{refused}");
}

#[test]
fn the_key_is_in_no_bundle_no_process_list_and_no_file() {
    let (demo, folder) = (Demo::start(&["--fault", "slow:500"]), scratch());
    let station = station(folder.path(), &demo.url);
    run(folder.path(), "UNIT-5501");
    let mut syncing = benchtop();
    syncing
        .arg("sync")
        .arg("--station")
        .arg(&station)
        .env("TOFUPILOT_API_KEY", KEY);
    let syncing = Running::start(&mut syncing);
    let path = format!("/proc/{}/cmdline", syncing.0.id());
    let command_line = eventually("its command line", || {
        std::fs::read_to_string(&path).ok().filter(|line| line.contains("sync"))
    });
    assert!(!command_line.contains(KEY));
    let ended = syncing.finish();
    assert_eq!(ended.code, Some(0), "{ended}");
    let exported = bundle(
        &["export"],
        &folder.path().join("x.bundle"),
        &folder.path().join("store"),
    );
    assert_eq!(exported.code, Some(0), "{exported}");
    assert!(![ended.out, ended.err, exported.out].concat().contains(KEY));
    assert_nowhere_below(folder.path(), KEY);
}

/// Moto, a public stand-in for S3, on a port of its own; none, said aloud, where Python has not got it.
fn moto() -> Option<(Running, u16)> {
    let python = std::env::var("BENCHTOP_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has = Command::new(&python).args(["-c", "import moto.server"]).output();
    if !has.is_ok_and(|has| has.status.success()) {
        println!("skipped: Python has no moto.server");
        return None;
    }
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut server = Command::new(python);
    server.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
    server
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    let server = Running(server.spawn().unwrap());
    eventually("moto", || TcpStream::connect(("127.0.0.1", port)).ok());
    Some((server, port))
}

#[test]
fn a_bucket_gets_each_record_once() {
    let Some((_server, port)) = moto() else { return };
    let python = std::env::var("BENCHTOP_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let boto = |code: &str| {
        let client = format!(
            "import boto3; s3 = boto3.client('s3', endpoint_url='http://127.0.0.1:{port}', region_name='us-east-1', aws_access_key_id='a', aws_secret_access_key='b'); {code}"
        );
        let said = done(Command::new(&python).args(["-c", &client]));
        assert_eq!(said.code, Some(0), "{said}");
        said.out.trim().to_owned()
    };
    let folder = scratch();
    let lines = format!("kind = \"s3\"\nurl = \"http://127.0.0.1:{port}/lake/bench-7\"\napi_key_file = \"key\"");
    let station = with_target(folder.path(), &lines, "access\nsecret-secret-secret");
    run(folder.path(), "UNIT-5501");
    let missing = sync(&station);
    assert_eq!(missing.code, Some(1), "no such bucket: {missing}");
    boto("s3.create_bucket(Bucket='lake')");
    let synced = sync(&station);
    assert_eq!(synced.code, Some(0), "{synced}");
    let here = &records(&folder.path().join("store"), "synced")[0];
    let record = crate::testkit::json(here);
    let key = format!("bench-7/{}.json", record["run_id"].as_str().unwrap());
    assert_eq!(
        boto("print([o['Key'] for o in s3.list_objects_v2(Bucket='lake')['Contents']])"),
        format!("['{key}']")
    );
    let there = boto(&format!(
        "print(s3.get_object(Bucket='lake', Key='{key}')['Body'].read().decode(), end='')"
    ));
    assert_eq!(there, std::fs::read_to_string(here).unwrap().trim());
}

/// Where `.ci/run` has started Debian's Postgres; none, said aloud, elsewhere.
fn database() -> Option<String> {
    let url = std::env::var("BENCHTOP_TEST_POSTGRES").ok();
    if url.is_none() {
        println!("skipped: BENCHTOP_TEST_POSTGRES names no database; .ci/run starts one");
    }
    url
}

/// What psql says.
fn psql(url: &str, question: &str) -> String {
    let said = done(Command::new("psql").args(["-At", "-d", url, "-c", question]));
    assert_eq!(said.code, Some(0), "{said}");
    said.out.trim().to_owned()
}

#[test]
fn sixteen_stations_write_into_one_database_at_once_each_run_once() {
    let Some(url) = database() else { return };
    psql(
        &url,
        "drop table if exists benchtop_attachments, benchtop_runs, benchtop_migrations cascade",
    );
    let folders: Vec<_> = (0..16).map(|_| scratch()).collect();
    let lines = format!("kind = \"postgres\"\nurl = \"{url}\"");
    std::thread::scope(|scope| {
        for (number, folder) in folders.iter().enumerate() {
            let lines = &lines;
            scope.spawn(move || {
                let station = with_target(folder.path(), lines, "");
                for unit in 0..3 {
                    run(folder.path(), &format!("UNIT-{number:02}{unit:02}"));
                }
                let synced = sync(&station);
                assert_eq!(synced.code, Some(0), "{synced}");
                // all of it once more, as after a crash before the receipts were durable
                let store = folder.path().join("store");
                for record in records(&store, "synced") {
                    std::fs::hard_link(&record, store.join("pending").join(record.file_name().unwrap())).unwrap();
                    std::fs::remove_file(&record).unwrap();
                }
                std::fs::remove_dir_all(store.join("receipts")).unwrap();
                let again = sync(&station);
                assert_eq!(again.code, Some(0), "{again}");
            });
        }
    });
    assert_eq!(
        psql(&url, "select count(*), count(distinct run_id) from benchtop_runs"),
        "48|48"
    );
    assert_eq!(psql(&url, "select version from benchtop_migrations"), "1");
    assert_eq!(
        psql(
            &url,
            "select count(*) from benchtop_measurements where name = 'vcc_3v3' and unit = 'V'"
        ),
        "48"
    );
    // a later program has changed the tables: this one leaves them alone, and waits
    psql(&url, "insert into benchtop_migrations (version) values (2)");
    let folder = scratch();
    let station = with_target(folder.path(), &lines, "");
    run(folder.path(), "UNIT-5501");
    let refused = sync(&station);
    assert!(
        refused.code == Some(1) && refused.out.contains("update benchtop"),
        "{refused}"
    );
    psql(&url, "delete from benchtop_migrations where version = 2");
    assert_eq!(sync(&station).code, Some(0));
    assert_eq!(
        psql(&url, "select sum(units) from benchtop_yield"),
        "",
        "simulated runs are no yield"
    );
}
