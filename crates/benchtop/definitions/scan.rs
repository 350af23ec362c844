//! `benchtop instruments scan`: what is connected, who it says it is, and what would drive it.
//!
//! A place that the user excluded is never opened. To any other one, `*IDN?` is all that is ever said.

use super::exclusions::Exclusions;
use crate::{
    args::{Format, ScanArguments},
    assets::read_text,
    byhand::who_answers,
    exit::{Exit, Failure},
    locks,
    terminal::{self, BAD, Line, PLAIN, QUIET},
};
use benchtop_instrument::{Clock, Error, ErrorKind, LineSettings, RealClock, Resource, SessionExt};
use benchtop_notation::brief;
use benchtop_station::{Catalogue, Recorder, StationFile};
use benchtop_transport::{
    self as transport,
    discovery::{self, Found, FoundBy, Interface, Portmapper},
};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio::{sync::Semaphore, task::JoinSet};

/// Where VXI-11's portmappers listen.
const PORTMAPPER_PORT: u16 = 111;
/// So many are asked at once.
const AT_ONCE: usize = 16;
/// What a serial port is tried with where no speed is given: the speed that most leave the factory with.
const USUAL_BAUD: u32 = 9600;

/// A place, how it was found, and what it announced.
type Places = BTreeMap<Resource, (BTreeSet<FoundBy>, Option<String>)>;
/// The names that hosts go by on their networks.
type HostNames = Vec<(String, Resource)>;

/// What a place said.
enum Said {
    /// The user does not want it asked.
    Excluded,
    /// Nobody was asked.
    NotAsked,
    /// Its `*IDN?`.
    Identity(String),
    /// Why there is none.
    Nothing(String),
}

pub(super) async fn scan(
    arguments: ScanArguments,
    catalogue: &Catalogue,
    recorder: Option<Arc<Recorder>>,
) -> Result<Exit, Failure> {
    let timeout = Duration::try_from_secs_f64(arguments.timeout)
        .map_err(|error| Failure::refused(format!("--timeout {}: {error}", arguments.timeout)))?;
    let interfaces = named_interfaces(&arguments.interface)?;
    let clock = RealClock::shared();
    // read before anything is looked for: a mistake in it must not cost a message to an instrument
    let station = arguments.station.as_deref().map(station).transpose()?;
    let mut excluded = Exclusions::new(&arguments.exclude, station.as_ref())?;
    let (places, names, looked) = look(&arguments, &interfaces, &clock, timeout).await;
    let found: Vec<&Resource> = places.keys().collect();
    excluded
        .resolve(&found, clock.as_ref(), clock.now().after(timeout))
        .await;
    for (name, resource) in &names {
        excluded.learn(name, resource);
    }
    excluded.warn(&found);
    let bauds = match arguments.baud.as_slice() {
        [] => vec![USUAL_BAUD],
        given => given.to_vec(),
    };
    let mut said: BTreeMap<Resource, Said> = BTreeMap::new();
    let mut to_ask = Vec::new();
    for resource in places.keys() {
        if excluded.fits(resource) {
            said.insert(resource.clone(), Said::Excluded);
        } else if arguments.list_only {
            said.insert(resource.clone(), Said::NotAsked);
        } else {
            to_ask.push(Asked {
                resource: resource.clone(),
                bauds: bauds.clone(),
                timeout,
                clock: Arc::clone(&clock),
                recorder: recorder.clone(),
            });
        }
    }
    let (turns, mut asking) = (Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
    for together in by_place(to_ask) {
        let turns = Arc::clone(&turns);
        asking.spawn(async move {
            let _turn = turns.acquire().await;
            let mut answers = Vec::new();
            for asked in together {
                let answer = asked.identity().await;
                answers.push((asked.resource, answer.map_or_else(Said::Nothing, Said::Identity)));
            }
            answers
        });
    }
    while let Some(answered) = asking.join_next().await {
        said.extend(answered.map_err(|error| Failure::error(error.to_string()))?);
    }
    for (resource, (by, announced)) in &places {
        let Some(said) = said.get(resource) else { continue };
        let row = Row {
            resource,
            by,
            announced: announced.as_deref(),
            said,
            driver: match said {
                Said::Identity(identity) => who_answers(identity, catalogue)?.map(|definition| definition.name.clone()),
                Said::Excluded | Said::NotAsked | Said::Nothing(_) => None,
            },
        };
        row.show(arguments.format);
    }
    if arguments.format == Format::Human {
        if places.is_empty() {
            terminal::say(&Line::new().add(PLAIN, "nothing found"));
        }
        for line in looked {
            terminal::say(&Line::new().add(QUIET, &line));
        }
    }
    Ok(Exit::Success)
}

/// What was found under two names of one place is asked one after the other: only one at a time may.
fn by_place(all: Vec<Asked>) -> Vec<Vec<Asked>> {
    let mut groups: Vec<(BTreeSet<String>, Vec<Asked>)> = Vec::new();
    for asked in all {
        let names = locks::names_of(&asked.resource);
        match groups.iter_mut().find(|(known, _)| !known.is_disjoint(&names)) {
            Some((known, group)) => {
                known.extend(names);
                group.push(asked);
            }
            None => groups.push((names, vec![asked])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// The station file whose instruments may want to be left alone.
fn station(path: &Path) -> Result<StationFile, Failure> {
    benchtop_station::parse(&path.display().to_string(), &read_text(path)?).map_err(|findings| {
        terminal::diagnose(&findings);
        Failure::refused("the station file is wrong; nothing was looked for")
    })
}

fn named_interfaces(names: &[String]) -> Result<Vec<Interface>, Failure> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let all = discovery::interfaces().map_err(|error| Failure::error(format!("the network interfaces: {error}")))?;
    let one = |name: &String| {
        let fits = |interface: &&Interface| interface.name == *name || interface.address.to_string() == *name;
        all.iter().find(fits).cloned().ok_or_else(|| {
            let known: Vec<String> = all
                .iter()
                .map(|one| format!("{} ({})", one.name, one.address))
                .collect();
            Failure::refused(format!(
                "--interface {name}: there is no such interface with an IPv4 address; there are {}",
                known.join(", ")
            ))
        })
    };
    names.iter().map(one).collect()
}

/// Everything that is found, and where it was looked for, in sentences.
async fn look(
    arguments: &ScanArguments,
    interfaces: &[Interface],
    clock: &Arc<dyn Clock>,
    patience: Duration,
) -> (Places, HostNames, Vec<String>) {
    let mut looked = Vec::new();
    let mut all: Vec<Found> = arguments.port.iter().map(|port| named_port(port)).collect();
    let mut note = |place: &str, found: Result<Vec<Found>, String>| match found {
        Ok(found) => {
            looked.push(format!("looked at {place}: {} found", found.len()));
            all.extend(found);
        }
        Err(reason) => looked.push(format!("could not look at {place}: {reason}")),
    };
    note("the serial ports", discovery::serial_ports());
    note("VISA", discovery::visa(clock.as_ref(), patience).await);
    for interface in interfaces {
        let ask = Portmapper {
            from: interface.address,
            to: SocketAddr::new(interface.broadcast.into(), PORTMAPPER_PORT),
        };
        let (vxi11, lxi) = tokio::join!(
            discovery::vxi11(ask, clock.as_ref(), patience),
            discovery::lxi(interface, clock.as_ref(), patience)
        );
        let name = &interface.name;
        note(
            &format!("{name} with a VXI-11 broadcast"),
            vxi11.map_err(|error| error.to_string()),
        );
        note(&format!("{name} with mDNS"), lxi);
    }
    if interfaces.is_empty() {
        looked.push("looked at no network: name one with --interface".to_owned());
    }
    let (mut places, mut names) = (Places::new(), HostNames::new());
    for found in all {
        names.extend(found.host_name.map(|name| (name, found.resource.clone())));
        let place = places.entry(found.resource).or_default();
        place.0.insert(found.by);
        place.1 = place.1.take().or(found.announced);
    }
    (places, names, looked)
}

fn named_port(port: &str) -> Found {
    Found {
        resource: Resource::Serial { port: port.to_owned() },
        by: FoundBy::User,
        announced: None,
        host_name: None,
    }
}

/// A place that is about to be asked.
struct Asked {
    resource: Resource,
    bauds: Vec<u32>,
    timeout: Duration,
    clock: Arc<dyn Clock>,
    recorder: Option<Arc<Recorder>>,
}

impl Asked {
    /// The answer to `*IDN?`, or why there is none.
    async fn identity(&self) -> Result<String, String> {
        let _lock = locks::take("it", &self.resource).map_err(|failure| failure.message)?;
        let mut last = String::new();
        for baud in &self.bauds {
            let line = LineSettings {
                baud: *baud,
                ..LineSettings::default()
            };
            match self.ask(&line).await {
                Ok(answer) => return Ok(answer.trim().to_owned()),
                Err(error) if error.kind() == ErrorKind::Timeout && self.is_serial() => {
                    let seconds = self.timeout.as_secs_f64();
                    let bauds: Vec<String> = self.bauds.iter().map(ToString::to_string).collect();
                    last = format!("no answer in {seconds} s at {} Bd, 8N1", bauds.join(", "));
                }
                Err(error) => return Err(error.to_string()),
            }
        }
        Err(last)
    }

    const fn is_serial(&self) -> bool {
        matches!(self.resource, Resource::Serial { .. })
    }

    async fn ask(&self, line: &LineSettings) -> Result<String, Error> {
        let deadline = self.clock.now().after(self.timeout);
        let session = transport::open(&self.resource, line, Arc::clone(&self.clock), deadline).await?;
        let mut session = match &self.recorder {
            Some(recorder) => recorder.record(&self.resource.to_string(), session, &self.clock),
            None => session,
        };
        let answer = session.query("*IDN?", deadline).await;
        // what it answered stands, whatever closing says
        drop(session.close().await);
        answer
    }
}

struct Row<'a> {
    resource: &'a Resource,
    by: &'a BTreeSet<FoundBy>,
    announced: Option<&'a str>,
    said: &'a Said,
    driver: Option<String>,
}

impl Row<'_> {
    fn show(&self, format: Format) {
        match format {
            Format::Human => terminal::say(&self.line()),
            Format::Json => terminal::emit(&terminal::ascii_json(&self.json())),
        }
    }

    fn line(&self) -> Line {
        let by: Vec<&str> = self.by.iter().map(|by| by.word()).collect();
        let driver = match self.said {
            Said::Identity(_) => self.driver.as_deref().unwrap_or("no driver"),
            Said::Excluded | Said::NotAsked | Said::Nothing(_) => "-",
        };
        let line = Line::new()
            .column(PLAIN, &self.resource.to_string(), 40)
            .add(PLAIN, " ")
            .column(PLAIN, driver, 20)
            .add(PLAIN, " ");
        let line = match self.said {
            Said::Identity(identity) => line.add(PLAIN, &brief(identity)),
            Said::Excluded => line.add(QUIET, "excluded: not opened"),
            Said::NotAsked => line.add(QUIET, "not asked"),
            Said::Nothing(reason) => line.add(BAD, reason),
        };
        let announced = self
            .announced
            .map(|words| format!(": {}", brief(words)))
            .unwrap_or_default();
        line.add(QUIET, &format!("  ({}{announced})", by.join(", ")))
    }

    fn json(&self) -> serde_json::Value {
        let (state, identity, message) = match self.said {
            Said::Identity(identity) => ("answered", Some(identity), None),
            Said::Excluded => ("excluded", None, None),
            Said::NotAsked => ("not_asked", None, None),
            Said::Nothing(reason) => ("no_answer", None, Some(reason)),
        };
        json!({
            "resource": self.resource.to_string(),
            "found_by": self.by.iter().map(|by| by.word()).collect::<Vec<_>>(),
            "announced": self.announced,
            "state": state,
            "identity": identity,
            "driver": self.driver,
            "message": message,
        })
    }
}
