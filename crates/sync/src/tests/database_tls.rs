//! A real database beyond this machine, as far as it can be told apart here: only over TLS, and only where its authority is believed.

use super::bench::{Bench, KEY, config, numbered, opened};
use super::tls::authority;
use crate::deadline::within;
use crate::{Probe, Target, TargetConfig, TargetKind};
use std::fs::{Permissions, set_permissions};
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Of another address than this machine's usual one: nothing goes there in plain text.
const HOST: &str = "127.0.0.2";
/// It listens there too, and its certificate does not name it.
const UNNAMED: &str = "127.0.0.3";

/// Debian's Postgres with a certificate, which lets nobody in without TLS and the password; it ends with this value.
struct Database {
    folder: tempfile::TempDir,
    programs: PathBuf,
    owner: (u32, u32),
    port: u16,
    server: Child,
}

impl Drop for Database {
    fn drop(&mut self) {
        // killed outright it would leave its shared memory behind
        let mut stopping = as_owner(&self.programs.join("pg_ctl"), self.folder.path(), self.owner);
        let stopped = stopping.args(["stop", "-D", "data", "-m", "immediate"]).status();
        if !stopped.is_ok_and(|stopped| stopped.success()) {
            drop(self.server.kill());
        }
        drop(self.server.wait());
    }
}

/// Where Debian puts the programs of the newest Postgres.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(Result::ok);
    let programs = versions.map(|version| version.path().join("bin"));
    programs.filter(|programs| programs.join("initdb").exists()).max()
}

/// The user and the group as which the server runs: not as root.
fn owner(folder: &Path) -> Option<(u32, u32)> {
    let own = folder.metadata().unwrap();
    if own.uid() != 0 {
        return Some((own.uid(), own.gid()));
    }
    let id = |which: &str| {
        let said = Command::new("id").args([which, "postgres"]).output().ok()?;
        String::from_utf8(said.stdout).ok()?.trim().parse().ok()
    };
    Some((id("-u")?, id("-g")?))
}

/// A program of Postgres in its folder, run by who owns that.
fn as_owner(program: &Path, folder: &Path, owner: (u32, u32)) -> Command {
    let mut command = Command::new(program);
    command.uid(owner.0).gid(owner.1).current_dir(folder);
    command.stdout(Stdio::null()).stderr(Stdio::null()).env("LC_ALL", "C");
    command
}

fn put(path: &Path, text: &str, owner: (u32, u32)) {
    std::fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
    set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    chown(path, Some(owner.0), Some(owner.1)).unwrap();
}

impl Database {
    /// None, said aloud, where there is no Postgres, or nobody to run it as, or no openssl.
    fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let (Some(programs), Some(owner)) = (programs(), owner(folder.path())) else {
            println!("skipped: Debian's postgresql is not installed");
            return None;
        };
        authority(folder.path(), "right")?;
        authority(folder.path(), "wrong")?;
        let place = |name: &str| folder.path().join(name);
        chown(folder.path(), Some(owner.0), Some(owner.1)).unwrap();
        for name in ["right-server.pem", "right-server.key"] {
            let text = std::fs::read_to_string(place(name)).unwrap();
            put(&place(name), &text, owner);
        }
        put(&place("password"), KEY, owner);
        let mut made = as_owner(&programs.join("initdb"), folder.path(), owner);
        made.args([
            "-D",
            "data",
            "-U",
            "fleet",
            "-N",
            "-A",
            "scram-sha-256",
            "--pwfile",
            "password",
        ]);
        assert!(made.status().unwrap().success(), "initdb");
        put(
            &place("data/pg_hba.conf"),
            "hostssl all all 127.0.0.0/8 scram-sha-256\n",
            owner,
        );
        let port = TcpListener::bind((HOST, 0)).unwrap().local_addr().unwrap().port();
        let mut server = as_owner(&programs.join("postgres"), folder.path(), owner);
        server.args([
            "-D",
            "data",
            "-h",
            &format!("{HOST},{UNNAMED}"),
            "-p",
            &port.to_string(),
            "-k",
            "",
        ]);
        for setting in [
            "ssl=on",
            "ssl_cert_file=../right-server.pem",
            "ssl_key_file=../right-server.key",
            "fsync=off",
        ] {
            server.args(["-c", setting]);
        }
        let server = server.spawn().unwrap();
        Some(Self {
            folder,
            programs,
            owner,
            port,
            server,
        })
    }

    /// The target, at this host, with what follows its database's name, and this authority named.
    fn target(&self, host: &str, more: &str, authority: Option<&str>) -> Vec<Box<dyn Target>> {
        let url = format!("postgres://fleet@{host}:{}/postgres{more}", self.port);
        opened(TargetConfig {
            ca_file: authority.map(|name| self.folder.path().join(format!("{name}.pem"))),
            ..config(TargetKind::Postgres, &url)
        })
    }

    /// What Postgres's own client says, which checks the certificate too.
    fn says(&self, question: &str) -> String {
        let authority = self.folder.path().join("right.pem");
        let place = format!(
            "host={HOST} port={} user=fleet dbname=postgres sslmode=verify-full sslrootcert={}",
            self.port,
            authority.display()
        );
        let mut client = Command::new(self.programs.join("psql"));
        let said = client
            .args(["-At", "-d", &place, "-c", question])
            .env("PGPASSWORD", KEY)
            .output()
            .unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        String::from_utf8(said.stdout).unwrap().trim().to_owned()
    }
}

#[tokio::test]
async fn a_database_elsewhere_is_written_into_only_over_tls_and_only_where_its_authority_is_believed() {
    let Some(database) = Database::start() else { return };
    let right = database.target(HOST, "", Some("right"));
    let is_there = async {
        while !matches!(right[0].probe().await, Probe::Ready { .. }) {
            tokio::task::yield_now().await;
        }
    };
    within(Duration::from_secs(60), is_there).await.expect("the database");
    let bench = Bench::new();
    bench.put_runs(2);
    for (host, authority, expected) in [
        (HOST, Some("wrong"), "invalid peer certificate"),
        (HOST, None, "invalid peer certificate"),
        (UNNAMED, Some("right"), "invalid peer certificate"),
    ] {
        let drained = bench.drain(&database.target(host, "", authority)).await;
        drained.leaves(2, 0);
        assert!(
            drained.text().contains(expected),
            "{host} {authority:?} {}",
            drained.text()
        );
        assert!(!drained.text().contains(KEY), "{}", drained.text());
    }
    assert_eq!(database.says("select count(*) from benchtop_runs"), "0");

    assert_eq!(bench.drain(&right).await.summary.synced, 2);
    assert_eq!(database.says("select count(*) from benchtop_runs"), "2");
    let sessions = "select count(*), bool_and(ssl) from pg_stat_ssl join pg_stat_activity using (pid) \
                    where application_name = 'benchtop'";
    assert_eq!(database.says(sessions), "1|t");
    // a URL does not talk it out of that
    bench.put(&numbered(3));
    for (authority, synced) in [("wrong", 0), ("right", 1)] {
        let drained = bench
            .drain(&database.target(HOST, "?sslmode=disable", Some(authority)))
            .await;
        assert_eq!(drained.summary.synced, synced, "{}", drained.text());
    }
    assert_eq!(database.says("select count(*) from benchtop_runs"), "3");
}
