//! A real database beyond this machine, as far as it can be told apart here: only over TLS, and only where its authority is believed.

use crate::elsewhere::{run, sync, with_target};
use crate::testkit::{Done, done, eventually, records, scratch, write};
use std::{
    fs::{Permissions, set_permissions},
    net::TcpListener,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

const PASSWORD: &str = "canary-database-over-tls-60d2";

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
    write(path, text);
    set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    chown(path, Some(owner.0), Some(owner.1)).unwrap();
}

/// An authority of its own, and a certificate of it for the host; false, said aloud, where there is no openssl.
fn authority(folder: &Path, name: &str) -> bool {
    write(&folder.join("names"), &format!("subjectAltName=IP:{HOST}\n"));
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    for words in [
        format!("req -x509 {key} -keyout {name}.key -out {name}.pem -days 2 -subj /CN={name}"),
        format!("req {key} -keyout {name}-server.key -out {name}.csr -subj /CN=server"),
        format!(
            "x509 -req -in {name}.csr -CA {name}.pem -CAkey {name}.key -CAcreateserial -days 2 -extfile names -out {name}-server.pem"
        ),
    ] {
        let Ok(made) = Command::new("openssl")
            .args(words.split(' '))
            .current_dir(folder)
            .output()
        else {
            println!("skipped: openssl is not installed");
            return false;
        };
        assert!(
            made.status.success(),
            "{words}: {}",
            String::from_utf8_lossy(&made.stderr)
        );
    }
    true
}

impl Database {
    /// None, said aloud, where there is no Postgres, or nobody to run it as, or no openssl.
    fn start() -> Option<Self> {
        let folder = scratch();
        let (Some(programs), Some(owner)) = (programs(), owner(folder.path())) else {
            println!("skipped: Debian's postgresql is not installed");
            return None;
        };
        if !["right", "wrong"]
            .into_iter()
            .all(|name| authority(folder.path(), name))
        {
            return None;
        }
        let place = |name: &str| folder.path().join(name);
        chown(folder.path(), Some(owner.0), Some(owner.1)).unwrap();
        for name in ["right-server.pem", "right-server.key"] {
            let text = std::fs::read_to_string(place(name)).unwrap();
            put(&place(name), &text, owner);
        }
        put(&place("password"), PASSWORD, owner);
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

    /// What a sync says that sends to it at this host, with what follows its database's name, where this authority is named.
    fn synced(&self, station: &Path, host: &str, more: &str, authority: Option<&str>) -> Done {
        let mut lines = format!(
            "kind = \"postgres\"\nurl = \"postgres://fleet@{host}:{}/postgres{more}\"\napi_key_file = \"key\"",
            self.port
        );
        if let Some(name) = authority {
            let authority = self.folder.path().join(format!("{name}.pem"));
            lines = format!("{lines}\nca_file = \"{}\"", authority.display());
        }
        sync(&with_target(station, &lines, PASSWORD))
    }

    /// What Postgres's own client says, which checks the certificate too.
    fn says(&self, question: &str) -> Done {
        let authority = self.folder.path().join("right.pem");
        let place = format!(
            "host={HOST} port={} user=fleet dbname=postgres sslmode=verify-full sslrootcert={}",
            self.port,
            authority.display()
        );
        let mut client = Command::new(self.programs.join("psql"));
        done(
            client
                .args(["-At", "-d", &place, "-c", question])
                .env("PGPASSWORD", PASSWORD),
        )
    }

    fn runs(&self) -> String {
        self.says("select count(*) from benchtop_runs").out.trim().to_owned()
    }
}

#[test]
fn a_database_elsewhere_is_written_into_only_over_tls_and_only_where_its_authority_is_believed() {
    let Some(database) = Database::start() else { return };
    eventually("the database", || {
        (database.says("select 1").code == Some(0)).then_some(())
    });
    let room = scratch();
    let pending = || records(&room.path().join("store"), "pending").len();
    let refused = |host: &str, more: &str, authority: Option<&str>| {
        let said = database.synced(room.path(), host, more, authority);
        assert!(
            said.code == Some(1) && said.out.contains("invalid peer certificate"),
            "{host} {authority:?} {said}"
        );
        assert!(!said.out.contains(PASSWORD) && !said.err.contains(PASSWORD), "{said}");
    };
    run(room.path(), "UNIT-5501");
    refused(HOST, "", Some("wrong"));
    refused(HOST, "", None);
    refused(UNNAMED, "", Some("right"));
    // a URL does not talk it out of that
    refused(HOST, "?sslmode=disable", Some("wrong"));
    assert_eq!(pending(), 1);
    let tables = database.says("select to_regclass('benchtop_runs') is null");
    assert_eq!(tables.out.trim(), "t", "nobody was let in: {tables}");

    for (more, there) in [("", "1"), ("?sslmode=disable", "2")] {
        run(room.path(), &format!("UNIT-560{there}"));
        let synced = database.synced(room.path(), HOST, more, Some("right"));
        assert_eq!((synced.code, pending()), (Some(0), 0), "{synced}");
    }
    assert_eq!(database.runs(), "3");
}
