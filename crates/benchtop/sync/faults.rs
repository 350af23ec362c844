//! What is wrong with the targets of a station file: one account of it, which `check`, `run`, `sync` and `sync health` all give.
//! As far as it can be known without the network.

use super::{
    secret::{beside, is_hidden, key_of_environment, no_key, read_secret},
    targets::folder,
};
use crate::{args::OWN, assets::read_text};
use benchtop_notation::{Diagnostic, Diagnostics, Severity, Span, suggest};
use benchtop_station::{StationFile, TargetEntry};
use benchtop_sync::{KeyNeed, SecretString, TargetConfig, TargetError, TargetKind, Timeouts};
use std::{collections::BTreeMap, path::Path};

/// What is wrong with a target, and where.
pub(crate) struct Fault {
    /// The target's name.
    pub(super) target: String,
    pub(super) message: String,
    span: Span,
    help: Option<String>,
    rests_on: RestsOn,
}

/// What has to change for a fault to go away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RestsOn {
    /// The station file: it is wrong everywhere.
    File,
    /// This machine: a file is not there, or not fit.
    Machine,
    /// Who asks: another user, or a service with an environment of its own, may have what is missing here.
    Asker,
}

/// A target that can be opened.
pub(super) struct Sound {
    pub(super) config: TargetConfig,
    pub(super) key: SecretString,
}

impl Fault {
    fn new(entry: &TargetEntry, message: String, span: &Span, rests_on: RestsOn) -> Self {
        Self {
            target: entry.name.value.clone(),
            message,
            span: without_credentials(entry, span),
            help: None,
            rests_on,
        }
    }

    /// For who sends.
    pub(super) fn as_error(&self) -> Diagnostic {
        self.found(Severity::Error)
    }

    /// What is wrong everywhere is an error, what this machine lacks is a warning: the station may have it.
    fn judged(&self) -> Diagnostic {
        self.found(match self.rests_on {
            RestsOn::File => Severity::Error,
            RestsOn::Machine | RestsOn::Asker => Severity::Warning,
        })
    }

    fn found(&self, severity: Severity) -> Diagnostic {
        let found = match severity {
            Severity::Error => Diagnostic::error(&self.span, &self.message),
            Severity::Warning => Diagnostic::warning(&self.span, &self.message),
            Severity::Note => Diagnostic::note(&self.span, &self.message),
        };
        match &self.help {
            Some(help) => found.help(help),
            None => found,
        }
    }

    /// True unless another user, or a service, may have what is missing here.
    pub(super) fn is_certain(&self) -> bool {
        self.rests_on != RestsOn::Asker
    }
}

/// A target as its entry describes it, or everything that is wrong with that. A `url` of the command line stands for its own.
pub(super) fn look(entry: &TargetEntry, station: Option<&Path>, url: Option<&str>) -> Result<Sound, Vec<Fault>> {
    let Some(kind) = TargetKind::parse(&entry.kind.value) else {
        return Err(vec![no_such_kind(entry)]);
    };
    let mut config = config(entry, kind, station);
    if let Some(url) = url {
        url.clone_into(&mut config.url);
    }
    let (key, missing) = match secret(entry, kind, station) {
        Ok(key) => (Some(key), None),
        Err(missing) => (None, Some(missing)),
    };
    // one of the command line has no place in the file: it is refused when it is opened
    let is_of_the_file = |error: &TargetError| url.is_none() || !matches!(error, TargetError::Url { .. });
    let wrong = benchtop_sync::faults(&config, key.as_ref()).into_iter();
    let wrong = wrong.filter(is_of_the_file).map(|error| fault(entry, &error));
    let faults: Vec<Fault> = wrong.chain(missing).collect();
    match key {
        Some(key) if faults.is_empty() => Ok(Sound { config, key }),
        Some(_) | None => Err(faults),
    }
}

/// Everything that is wrong with these targets.
pub(super) fn faults(entries: &[TargetEntry], station: &Path) -> Vec<Fault> {
    let looked = entries.iter().map(|entry| look(entry, Some(station), None));
    let own = looked.filter_map(Result::err).flatten();
    own.chain(twins(entries)).collect()
}

/// Targets that are another one over again, under the same key: each run would go there twice.
pub(super) fn twins(entries: &[TargetEntry]) -> Vec<Fault> {
    let place = |entry: &TargetEntry| {
        let url = entry.url.value.trim().trim_end_matches('/').to_owned();
        let key = entry.api_key_file.as_ref().map(|path| path.value.clone());
        (entry.kind.value.clone(), url, key)
    };
    let mut known: BTreeMap<_, &TargetEntry> = BTreeMap::new();
    let mut twins = Vec::new();
    for entry in entries {
        match known.get(&place(entry)) {
            Some(first) => {
                let name = &entry.name.value;
                let message = format!(
                    "target {name} is target {} over again: each run would be sent there twice",
                    first.name.value
                );
                twins.push(Fault::new(entry, message, &entry.url.span, RestsOn::File));
            }
            None => drop(known.insert(place(entry), entry)),
        }
    }
    twins
}

/// For `check`: also where the rest of the station file is wrong. One that cannot be read has none; that is said elsewhere.
pub(crate) fn checked(station: &Path, procedure_id: Option<&str>) -> Diagnostics {
    let text = read_text(station).unwrap_or_default();
    let entries = benchtop_station::targets(&station.display().to_string(), &text);
    let mut findings = Diagnostics::new();
    for fault in faults(&entries, station) {
        findings.push(fault.judged());
    }
    warn_of_unmapped(&entries, procedure_id, &mut findings);
    findings
}

/// Runs of the procedure would wait at these targets until the station file says more.
fn warn_of_unmapped(entries: &[TargetEntry], procedure_id: Option<&str>, sink: &mut Diagnostics) {
    let Some(id) = procedure_id else { return };
    for entry in entries {
        let kind = TargetKind::parse(&entry.kind.value);
        let lacking = kind.and_then(|kind| config(entry, kind, None).lacks(id));
        if let Some(reason) = lacking {
            sink.push(Diagnostic::warning(&entry.span, &reason).help("until then its runs wait"));
        }
    }
}

/// Where a run's record is to go.
pub(crate) struct Way<'a> {
    /// The bench's station file.
    pub(crate) bench: Option<(&'a StationFile, &'a Path)>,
    /// The file of `--sync`, where that was said.
    pub(crate) pushed: Option<&'a Path>,
    /// What is run, as far as that is known.
    pub(crate) procedure_id: Option<&'a str>,
}

impl Way<'_> {
    /// True where the record is to go to the targets of a station file that there is not.
    pub(crate) fn is_nowhere(&self) -> bool {
        self.bench.is_none() && self.pushed == Some(Path::new(OWN))
    }

    /// For `run` and `station`: warnings, for a run does not depend on its upload. What only this environment lacks is told
    /// where the run itself begins the upload.
    pub(crate) fn warnings(&self) -> Diagnostics {
        let own = Path::new(OWN);
        let mut findings = Diagnostics::new();
        if let Some((file, station)) = self.bench {
            let pushes = self.pushed == Some(own);
            for fault in faults(&file.targets, station) {
                if pushes || fault.is_certain() {
                    findings.push(fault.found(Severity::Warning));
                }
            }
            warn_of_unmapped(&file.targets, self.procedure_id, &mut findings);
            if pushes && file.targets.is_empty() {
                let nowhere = "--sync uploads nothing: there is no [[sync.targets]] in this file";
                findings.warning(&Span::of_file(&station.display().to_string()), nowhere);
            }
        }
        if let Some(other) = self.pushed.filter(|other| *other != own) {
            warn_of_other(other, self.procedure_id, &mut findings);
        }
        findings
    }
}

/// The station file of `--sync`, which nobody else reads before the run is over.
fn warn_of_other(station: &Path, procedure_id: Option<&str>, sink: &mut Diagnostics) {
    let name = station.display().to_string();
    let text = match read_text(station) {
        Ok(text) => text,
        Err(failure) => {
            let message = format!("--sync uploads nothing: {}", failure.message);
            return sink.warning(&Span::of_file(&name), &message);
        }
    };
    match benchtop_station::parse(&name, &text) {
        Ok(file) => {
            for fault in faults(&file.targets, station) {
                sink.push(fault.found(Severity::Warning));
            }
            warn_of_unmapped(&file.targets, procedure_id, sink);
        }
        Err(wrong) => {
            for finding in wrong.iter() {
                let message = format!("--sync uploads nothing: {}", finding.message());
                sink.warning(finding.span(), &message);
            }
        }
    }
}

fn no_such_kind(entry: &TargetEntry) -> Fault {
    let known: Vec<&str> = TargetKind::ALL.iter().map(|(word, _)| *word).collect();
    let near = suggest(&entry.kind.value, known.iter().copied());
    let help = near.map_or_else(
        || format!("there are {}", known.join(", ")),
        |near| format!("did you mean `{near}`?"),
    );
    let message = format!("there is no target of kind `{}`", entry.kind.value);
    Fault {
        help: Some(help),
        ..Fault::new(entry, message, &entry.kind.span, RestsOn::File)
    }
}

/// The place, unless the excerpt that is drawn of it would show a name and a password: then where the target begins, else the file.
fn without_credentials(entry: &TargetEntry, span: &Span) -> Span {
    let proxy = entry.proxy.iter();
    let urls = proxy.chain([&entry.url]);
    let lines: Vec<usize> = urls
        .filter(|url| url.value.contains('@'))
        .map(|url| url.span.line())
        .collect();
    [span, &entry.span]
        .into_iter()
        .find(|span| !lines.contains(&span.line()))
        .map_or_else(|| Span::of_file(span.file()), Span::clone)
}

/// Where an error stands in the file, and what it rests on.
fn fault(entry: &TargetEntry, error: &TargetError) -> Fault {
    let of = |span: Option<&Span>, rests_on| (span.unwrap_or(&entry.span).clone(), rests_on);
    let key_file = entry.api_key_file.as_ref().map(|path| &path.span);
    let ca_file = entry.ca_file.as_ref().map(|path| &path.span);
    let (span, rests_on) = match error {
        TargetError::Url { .. } => of(Some(&entry.url.span), RestsOn::File),
        TargetError::Procedure { procedure, .. } => {
            let value = entry.procedures.get(procedure);
            of(value.map(|value| &value.span), RestsOn::File)
        }
        TargetError::Proxy { .. } => of(entry.proxy.as_ref().map(|proxy| &proxy.span), RestsOn::File),
        TargetError::Client { .. } => of(None, RestsOn::File),
        TargetError::NotBuilt { .. } => of(Some(&entry.kind.span), RestsOn::Machine),
        TargetError::Key { .. } | TargetError::Keys { .. } | TargetError::Secret { .. } => {
            // without a file it came from the environment
            let from = key_file.map_or(RestsOn::Asker, |_file| RestsOn::Machine);
            of(key_file, from)
        }
        TargetError::CaFile { source, .. } if is_hidden(source) => of(ca_file, RestsOn::Asker),
        TargetError::CaFile { .. } | TargetError::Certificate { .. } => of(ca_file, RestsOn::Machine),
    };
    Fault::new(entry, error.to_string(), &span, rests_on)
}

/// What the target's kind needs to be let in; an empty one where it needs none.
fn secret(entry: &TargetEntry, kind: TargetKind, station: Option<&Path>) -> Result<SecretString, Fault> {
    let name = &entry.name.value;
    let missing = |message: String, span: &Span, rests_on| Fault::new(entry, message, span, rests_on);
    match (kind.needs_key(), &entry.api_key_file) {
        (None, _) | (Some(KeyNeed::Password), None) => Ok(SecretString::default()),
        (Some(KeyNeed::ApiKey | KeyNeed::SigningSecret | KeyNeed::Password), Some(written)) => {
            let path = beside(station, &written.value);
            let about = format!("target {name}: api_key_file {}", path.display());
            read_secret(&about, &path).map_err(|no_secret| {
                let rests_on = match no_secret.is_hidden {
                    true => RestsOn::Asker,
                    false => RestsOn::Machine,
                };
                missing(no_secret.message, &written.span, rests_on)
            })
        }
        (Some(KeyNeed::ApiKey), None) => {
            key_of_environment().ok_or_else(|| missing(no_key(name), &entry.span, RestsOn::Asker))
        }
        (Some(KeyNeed::SigningSecret), None) => {
            let message = format!("target {name}: its secret is its own: name a file of mode 0600 as api_key_file");
            Err(missing(message, &entry.span, RestsOn::File))
        }
    }
}

fn config(entry: &TargetEntry, kind: TargetKind, station: Option<&Path>) -> TargetConfig {
    let mapped = entry.procedures.iter();
    let usual = Timeouts::default();
    TargetConfig {
        name: entry.name.value.clone(),
        kind,
        url: match kind {
            TargetKind::Directory => folder(station, &entry.url.value),
            TargetKind::TofuPilotV2
            | TargetKind::TofuPilotV1
            | TargetKind::Webhook
            | TargetKind::S3
            | TargetKind::Postgres => entry.url.value.clone(),
        },
        accept_simulated: entry.accept_simulated,
        procedures: mapped.map(|(id, value)| (id.clone(), value.value.clone())).collect(),
        ca_file: entry.ca_file.as_ref().map(|path| beside(station, &path.value)),
        region: entry.region.clone(),
        proxy: entry.proxy.as_ref().map(|proxy| proxy.value.clone()),
        timeouts: Timeouts {
            connect: entry.connect_timeout.unwrap_or(usual.connect),
            idle: entry.idle_timeout.unwrap_or(usual.idle),
            total: entry.total_timeout.unwrap_or(usual.total),
        },
    }
}
