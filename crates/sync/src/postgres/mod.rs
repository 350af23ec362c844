//! Postgres, the fleet's database: one row for each run, put only where there is none, many stations at once.
//!
//! `url` is `postgres://USER@HOST[:PORT]/DATABASE`, or settings as libpq takes them; the password stands alone in
//! `api_key_file`. Beyond this machine the connection is TLS, always. The tables are ours: the first station makes them, under a
//! lock, and a later version of them is left alone by an older program.

mod tls;

use crate::config::{TargetConfig, TargetError};
use crate::deadline::within;
use crate::http::add_own_authorities;
use crate::shelf::Shelf;
use crate::target::{Enclosure, Patience, Probe, Progress, Verdict};
use crate::words::harmless;
use async_trait::async_trait;
use benchtop_store::{Sealed, integrity};
use secrecy::{ExposeSecret, SecretString};
use std::net::IpAddr;
use std::sync::Arc;
use tls::Connect;
use tokio::sync::Mutex;
use tokio_postgres::config::Host;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error};

/// Version 1.
const SCHEMA: &str = include_str!("schema.sql");
/// The version of the tables that this program writes.
const VERSION: i32 = 1;
/// Any number, the same on every station: who holds the lock looks after the tables.
pub(crate) const LOCK: i64 = 0x6265_6e63_6874_6f70;

/// A database.
pub struct Postgres {
    config: TargetConfig,
    server: tokio_postgres::Config,
    connect: Connect,
    client: Mutex<Option<Arc<Client>>>,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres")
            .field("name", &self.config.name)
            .finish_non_exhaustive()
    }
}

/// Why there is no client.
enum Trouble {
    /// Nobody, or nobody who lets us in, is there.
    Away(String),
    /// The tables are not ours to write.
    Tables(String),
}

impl Postgres {
    /// A target as configured; `password` may be empty where the server asks for none.
    ///
    /// # Errors
    /// [`TargetError`] for a URL or a CA file that cannot be used.
    pub fn new(config: TargetConfig, password: &SecretString) -> Result<Self, TargetError> {
        let mut server = checked_server(&config)?;
        let password = password.expose_secret().trim();
        if !password.is_empty() {
            server.password(password);
        }
        server
            .application_name("benchtop")
            .connect_timeout(config.timeouts.connect);
        // where the kernel sees that nobody is there, nobody waits for the deadline
        server
            .keepalives_idle(config.timeouts.idle)
            .tcp_user_timeout(config.timeouts.total);
        let at_home = is_at_home(&server);
        let connect = Connect::new(&config, at_home)?;
        if !at_home {
            server.ssl_mode(tokio_postgres::config::SslMode::Require);
        }
        Ok(Self {
            config,
            server,
            connect,
            client: Mutex::default(),
        })
    }

    /// The open connection, or a new one whose tables were looked after.
    async fn client(&self) -> Result<Arc<Client>, Trouble> {
        let mut held = self.client.lock().await;
        if let Some(client) = held.as_ref().filter(|client| !client.is_closed()) {
            return Ok(Arc::clone(client));
        }
        let client = self.connect.client(&self.server).await;
        let client = client.map_err(|error| Trouble::Away(told(&error)))?;
        let longest = self.config.timeouts.total.as_millis();
        let limited = client
            .batch_execute(&format!("set statement_timeout = {longest}"))
            .await;
        limited.map_err(|error| Trouble::Away(told(&error)))?;
        migrate(&client).await?;
        let client = Arc::new(client);
        *held = Some(Arc::clone(&client));
        Ok(client)
    }

    /// The connection is not used again: nobody answers there.
    fn give_up(&self) -> String {
        // whoever makes a new one meanwhile has a deadline of its own
        if let Ok(mut held) = self.client.try_lock() {
            *held = None;
        }
        format!("no answer in {} s", self.config.timeouts.total.as_secs())
    }

    /// A server may repeat what it was sent; the password goes no further than this.
    fn redacted(&self, text: &str) -> String {
        match self.server.get_password().map(String::from_utf8_lossy) {
            Some(password) => text.replace(password.as_ref(), "[redacted]"),
            None => text.to_owned(),
        }
    }

    fn told_verdict(&self, put: Option<Verdict>) -> Verdict {
        match put {
            Some(verdict) => verdict.in_words(|reason| self.redacted(reason)),
            None => Verdict::Uncertain {
                after: None,
                patience: Patience::Many,
                reason: self.give_up(),
            },
        }
    }

    async fn try_put(&self, sealed: &Sealed) -> Verdict {
        let client = match self.client().await {
            Ok(client) => client,
            Err(error) => return trouble(error),
        };
        match self.insert(&client, sealed).await {
            Ok(true) => Verdict::Confirmed {
                remote_id: sealed.run_id.clone(),
            },
            Ok(false) => Verdict::Park {
                reason: "the database holds another record under this run id".into(),
            },
            Err(error) => refused(&error),
        }
    }

    async fn try_put_attachment(&self, enclosure: &Enclosure<'_>) -> Verdict {
        let client = match self.client().await {
            Ok(client) => client,
            Err(error) => return trouble(error),
        };
        let position = i64::try_from(enclosure.index).unwrap_or(i64::MAX);
        let put = client
            .execute(
                "insert into benchtop_attachments (run_id, position, name, sha256, bytes) \
             values ($1::text::uuid, $2, $3, $4, $5) on conflict (run_id, position) do nothing",
                &[
                    &enclosure.run_id,
                    &position,
                    &enclosure.name,
                    &enclosure.sha256,
                    &enclosure.bytes.as_ref(),
                ],
            )
            .await;
        let asked = "select sha256 from benchtop_attachments where run_id = $1::text::uuid and position = $2";
        let there = match put {
            Ok(_) => client.query_one(asked, &[&enclosure.run_id, &position]).await,
            Err(error) => Err(error),
        };
        match there.map(|row| row.get::<_, String>(0) == enclosure.sha256) {
            Ok(true) => Verdict::Confirmed {
                remote_id: enclosure.sha256.to_owned(),
            },
            Ok(false) => Verdict::Park {
                reason: "the database holds another attachment in its place".into(),
            },
            Err(error) => refused(&error),
        }
    }

    async fn ask(&self) -> Probe {
        match self.client().await {
            Ok(client) => match client.batch_execute("select 1").await {
                Ok(()) => Probe::Ready { identity: None },
                Err(error) => Probe::Unreachable { reason: told(&error) },
            },
            Err(Trouble::Away(reason)) => Probe::Unreachable { reason },
            Err(Trouble::Tables(reason)) => Probe::Refused { reason },
        }
    }

    async fn insert(&self, client: &Client, sealed: &Sealed) -> Result<bool, Error> {
        let record = &sealed.record;
        let text = String::from_utf8_lossy(&sealed.bytes).into_owned();
        let sha256 = integrity::sha256_hex(&sealed.bytes);
        let word = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let outcome = word(serde_json::to_value(record.outcome).unwrap_or_default());
        let purpose = word(serde_json::to_value(record.purpose).unwrap_or_default());
        let (started, ended) = (
            crate::times::wire(record.started_at),
            crate::times::wire(record.ended_at),
        );
        client
            .execute(
                "insert into benchtop_runs (run_id, sha256, station, procedure_id, procedure_version, serial_number, \
                 part_number, outcome, purpose, simulated, retried, started_at, ended_at, record) \
                 values ($1::text::uuid, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::text::timestamptz, \
                 $13::text::timestamptz, $14::text::jsonb) on conflict (run_id) do nothing",
                &[
                    &sealed.run_id,
                    &sha256,
                    &record.station.id,
                    &record.procedure_id,
                    &record.procedure_version,
                    &record.unit_under_test.serial_number,
                    &record.unit_under_test.part_number,
                    &outcome,
                    &purpose,
                    &record.simulated,
                    &record.passed_on_retry,
                    &started,
                    &ended,
                    &text,
                ],
            )
            .await?;
        let there = client
            .query_one(
                "select sha256 from benchtop_runs where run_id = $1::text::uuid",
                &[&sealed.run_id],
            )
            .await?;
        Ok(there.get::<_, String>(0) == sha256)
    }
}

/// What is wrong with a description of a database.
pub(crate) fn faults(config: &TargetConfig) -> Vec<TargetError> {
    match checked_server(config) {
        Ok(server) if is_at_home(&server) => Vec::new(),
        Ok(_elsewhere) => {
            let mut own = rustls::RootCertStore::empty();
            add_own_authorities(&mut own, config).err().into_iter().collect()
        }
        Err(wrong) => vec![wrong],
    }
}

/// The server that is meant.
///
/// # Errors
/// [`TargetError::Url`] for what names no host, and for one with a password. Without a user it is the one of the process.
fn checked_server(config: &TargetConfig) -> Result<tokio_postgres::Config, TargetError> {
    let refuse = |reason: String| TargetError::Url {
        target: config.name.clone(),
        url: crate::config::without_credentials(&config.url),
        reason,
    };
    let form = "expected postgres://USER@HOST/DATABASE";
    let no_place_for_it = || refuse("holds a password; it belongs into api_key_file".into());
    let server: tokio_postgres::Config = config.url.parse().map_err(|error: Error| {
        // what cannot be read may be a piece of it
        match crate::config::names_a_password(&config.url) {
            true => no_place_for_it(),
            false => refuse(format!("{}: {form}", told(&error))),
        }
    })?;
    if server.get_password().is_some() {
        return Err(no_place_for_it());
    }
    if server.get_hosts().is_empty() && server.get_hostaddrs().is_empty() {
        return Err(refuse(form.into()));
    }
    Ok(server)
}

/// Hosts, ports, database, and what decides between schemas in it, in one spelling; nothing where it is not known what is meant.
pub(crate) fn place(config: &TargetConfig) -> Option<String> {
    /// Where Postgres listens unless it is told otherwise.
    const PORT: u16 = 5432;
    let server = checked_server(config).ok()?;
    let named = server.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.to_ascii_lowercase(),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    });
    let addressed = server.get_hostaddrs().iter().map(ToString::to_string);
    let hosts: Vec<String> = named.chain(addressed).collect();
    let ports: Vec<String> = match server.get_ports() {
        [] => vec![PORT.to_string()],
        ports => ports.iter().map(ToString::to_string).collect(),
    };
    let user = server.get_user().unwrap_or_default();
    let database = server.get_dbname().unwrap_or(user);
    let options = server.get_options().unwrap_or_default();
    let (hosts, ports) = (hosts.join(","), ports.join(","));
    Some(format!("{hosts} {ports} {database} {user} {options}"))
}

/// True where nothing leaves this machine, whatever the host is called.
fn is_at_home(server: &tokio_postgres::Config) -> bool {
    let is_named_so = |host: &Host| match host {
        Host::Tcp(name) => ["127.0.0.1", "::1", "localhost"].contains(&name.as_str()),
        #[cfg(unix)]
        Host::Unix(_) => true,
    };
    server.get_hosts().iter().all(is_named_so) && server.get_hostaddrs().iter().all(IpAddr::is_loopback)
}

/// Makes the tables where there are none. Nobody waits for anybody where they are there.
async fn migrate(client: &Client) -> Result<(), Trouble> {
    let failed = |error: Error| Trouble::Tables(told(&error));
    let there = client
        .query_one("select to_regclass('benchtop_migrations') is not null", &[])
        .await
        .map_err(failed)?;
    if there.get::<_, bool>(0) && version(client).await.map_err(failed)? == VERSION {
        return Ok(());
    }
    client
        .batch_execute(&format!("select pg_advisory_lock({LOCK})"))
        .await
        .map_err(failed)?;
    let done = migrate_locked(client).await;
    client
        .batch_execute(&format!("select pg_advisory_unlock({LOCK})"))
        .await
        .map_err(failed)?;
    done
}

async fn migrate_locked(client: &Client) -> Result<(), Trouble> {
    let failed = |error: Error| Trouble::Tables(told(&error));
    let made = "create table if not exists benchtop_migrations \
                (version integer primary key, applied_at timestamptz not null default now())";
    client.batch_execute(made).await.map_err(failed)?;
    match version(client).await.map_err(failed)? {
        VERSION => Ok(()),
        0 => {
            let step = format!("begin; {SCHEMA}; insert into benchtop_migrations (version) values ({VERSION}); commit");
            client.batch_execute(&step).await.map_err(failed)
        }
        later => Err(Trouble::Tables(format!(
            "the tables are of version {later}, and this program knows version {VERSION}: update benchtop"
        ))),
    }
}

async fn version(client: &Client) -> Result<i32, Error> {
    let asked = "select coalesce(max(version), 0) from benchtop_migrations";
    Ok(client.query_one(asked, &[]).await?.get(0))
}

fn trouble(trouble: Trouble) -> Verdict {
    match trouble {
        Trouble::Away(reason) => Verdict::Retry {
            after: None,
            patience: Patience::Endless,
            reason: format!("not sent: {reason}"),
        },
        Trouble::Tables(reason) => Verdict::Pause { reason },
    }
}

/// What the database means. Putting it again is always safe, so that nothing is uncertain for long.
fn refused(error: &Error) -> Verdict {
    let reason = told(error);
    let class = error.code().map(SqlState::code).and_then(|code| code.get(..2));
    match class {
        // data that it cannot hold, or a rule of the tables
        Some("22" | "23") => Verdict::Park { reason },
        // no permission, no such table or database, login
        Some("28" | "3D" | "3F" | "42") => Verdict::Pause { reason },
        Some("08" | "40" | "53" | "55" | "57") => Verdict::Uncertain {
            after: None,
            patience: Patience::Endless,
            reason,
        },
        Some(_) => Verdict::Uncertain {
            after: None,
            patience: Patience::Few,
            reason,
        },
        None => Verdict::Uncertain {
            after: None,
            patience: Patience::Many,
            reason: format!("no answer: {reason}"),
        },
    }
}

/// The error and what the server said, on one line.
fn told(error: &Error) -> String {
    let said = error
        .as_db_error()
        .map(|db| format!("{} ({})", db.message(), db.code().code()));
    let cause = std::error::Error::source(error).map(ToString::to_string);
    harmless(&match (said, cause) {
        (Some(said), _) => said,
        (None, Some(cause)) => format!("{error}: {cause}"),
        (None, None) => error.to_string(),
    })
}

#[async_trait]
impl Shelf for Postgres {
    fn config(&self) -> &TargetConfig {
        &self.config
    }

    async fn put(&self, sealed: &Sealed, _progress: &mut Progress) -> Verdict {
        let put = within(self.config.timeouts.total, self.try_put(sealed)).await;
        self.told_verdict(put)
    }

    async fn put_attachment(&self, enclosure: &Enclosure<'_>) -> Verdict {
        let put = within(self.config.timeouts.total, self.try_put_attachment(enclosure)).await;
        self.told_verdict(put)
    }

    async fn look(&self) -> Probe {
        let asked = within(self.config.timeouts.total, self.ask()).await;
        match asked {
            Some(Probe::Ready { identity }) => Probe::Ready { identity },
            Some(Probe::Refused { reason }) => Probe::Refused {
                reason: self.redacted(&reason),
            },
            Some(Probe::Unreachable { reason }) => Probe::Unreachable {
                reason: self.redacted(&reason),
            },
            None => Probe::Unreachable { reason: self.give_up() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_at_home;

    #[test]
    fn only_what_stays_on_this_machine_goes_out_in_plain_text() {
        for (url, expected) in [
            ("postgres://u@localhost/x", true),
            ("postgres://u@127.0.0.1:5433/x", true),
            ("host=localhost hostaddr=127.0.0.1 user=u", true),
            ("postgres://u@db.example/x", false),
            ("postgres://u@localhost,db.example/x", false),
            // the name is only for the certificate: this is where it goes
            ("host=localhost hostaddr=192.0.2.1 user=u", false),
        ] {
            assert_eq!(is_at_home(&url.parse().unwrap()), expected, "{url}");
        }
    }
}
