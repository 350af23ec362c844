//! What is wrong with the targets of a station file: one account of it, which `check`, `run`, `sync` and `sync health` all give.
//! As far as it can be known without the network.

use super::{
    secret::{beside, key_of_environment, no_key, read_secret},
    targets::folder,
};
use crate::{args::OWN, assets::read_text};
use benchtop_notation::{Diagnostic, Diagnostics, Severity, Span, suggest};
use benchtop_station::{StationFile, TargetEntry};
use benchtop_sync::{KeyNeed, SecretString, TargetConfig, TargetError, TargetKind, Timeouts};
use std::{collections::BTreeMap, io, path::Path};

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
    /// This machine: a file is not fit.
    Machine,
    /// A file that is not there; a service may have one there that nobody else sees.
    Path,
    /// Who asks: another user, or a service with an environment of its own, may have what is missing here.
    Asker,
    /// Nothing, if it is meant.
    Intent,
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
            span: span.clone(),
            help: None,
            rests_on,
        }
    }

    /// For who sends.
    pub(super) fn for_sender(&self) -> Diagnostic {
        self.found(match self.rests_on {
            RestsOn::File | RestsOn::Machine | RestsOn::Path | RestsOn::Asker => Severity::Error,
            RestsOn::Intent => Severity::Warning,
        })
    }

    /// What is wrong everywhere is an error, what this machine lacks is a warning: the station may have it.
    fn judged(&self) -> Diagnostic {
        self.found(match self.rests_on {
            RestsOn::File => Severity::Error,
            RestsOn::Machine | RestsOn::Path | RestsOn::Asker | RestsOn::Intent => Severity::Warning,
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
    fn is_certain(&self) -> bool {
        self.rests_on != RestsOn::Asker
    }

    /// True where whoever looks after the outbox need not be told: what is missing here is not missing where a sync `was_tried`, and
    /// before anything is `pending` none has begun.
    pub(super) fn is_excused(&self, was_tried: bool, is_pending: bool) -> bool {
        match self.rests_on {
            RestsOn::File | RestsOn::Machine => false,
            RestsOn::Path => was_tried,
            RestsOn::Asker => was_tried || !is_pending,
            RestsOn::Intent => true,
        }
    }
}

/// The targets that can be opened, and everything that is wrong with any of them. A `url` of the command line stands for that of the
/// entry.
pub(super) fn look_at_all(
    entries: &[TargetEntry],
    station: Option<&Path>,
    url: Option<&str>,
) -> (Vec<Sound>, Vec<Fault>) {
    let (mut all, mut wrong) = (Vec::new(), Vec::new());
    for entry in entries {
        match look(entry, station, url) {
            Ok(sound) => all.push(sound),
            Err(faults) => wrong.extend(faults),
        }
    }
    wrong.extend(twins(entries, station));
    (all, wrong)
}

/// A target as its entry describes it, or everything that is wrong with that.
fn look(entry: &TargetEntry, station: Option<&Path>, url: Option<&str>) -> Result<Sound, Vec<Fault>> {
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
    let (_sound, faults) = look_at_all(entries, Some(station), None);
    faults
}

/// Targets that are another one over again, under the same key. A server of TofuPilot v1 would have each run twice; elsewhere the
/// second is the first once more, and no second copy.
fn twins(entries: &[TargetEntry], station: Option<&Path>) -> Vec<Fault> {
    let mut known: BTreeMap<_, (&TargetEntry, TargetKind)> = BTreeMap::new();
    let mut twins = Vec::new();
    for entry in entries {
        let Some(kind) = TargetKind::parse(&entry.kind.value) else {
            continue;
        };
        let key = entry.api_key_file.as_ref().map(|path| beside(station, &path.value));
        let place = (config(entry, kind, station).place(), key);
        let Some((first, other)) = known.get(&place) else {
            known.insert(place, (entry, kind));
            continue;
        };
        let (rests_on, why) = match [kind, *other].contains(&TargetKind::TofuPilotV1) {
            true => (RestsOn::File, "each run would be there twice"),
            false => (RestsOn::Intent, "what it confirms is no second copy"),
        };
        let message = format!(
            "target {} is target {} over again: {why}",
            entry.name.value, first.name.value
        );
        twins.push(Fault::new(entry, message, &entry.url.span, rests_on));
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
    warn_of_unmapped(&entries, procedure_id, false, &mut findings);
    findings
}

/// Runs of the procedure would wait at these targets until the station file says more; simulated ones only where they are taken.
fn warn_of_unmapped(entries: &[TargetEntry], procedure_id: Option<&str>, is_simulated: bool, sink: &mut Diagnostics) {
    let Some(id) = procedure_id else { return };
    let taking = entries.iter().filter(|entry| !is_simulated || entry.accept_simulated);
    for entry in taking {
        let kind = TargetKind::parse(&entry.kind.value);
        let lacking = kind.and_then(|kind| config(entry, kind, None).lacks(id));
        if let Some(reason) = lacking {
            sink.push(Diagnostic::warning(&entry.span, &reason).help("until then its runs wait"));
        }
    }
}

/// Where a run's record is to go.
pub(crate) struct Way<'a> {
    /// Where the bench's station file is.
    pub(crate) station: Option<&'a Path>,
    /// What it says, where it is right.
    pub(crate) file: Option<&'a StationFile>,
    /// The file of `--sync`, where that was said.
    pub(crate) pushed: Option<&'a Path>,
    /// What is run, as far as that is known.
    pub(crate) procedure_id: Option<&'a str>,
    /// True where no instrument is real.
    pub(crate) is_simulated: bool,
}

impl Way<'_> {
    /// True where the record is to go to the targets of a station file that there is not.
    pub(crate) fn is_nowhere(&self) -> bool {
        self.station.is_none() && self.pushed == Some(Path::new(OWN))
    }

    /// For `run` and `station`: warnings, for a run does not depend on its upload. What only this environment lacks is told
    /// where the run itself begins the upload.
    pub(crate) fn warnings(&self) -> Diagnostics {
        let own = Path::new(OWN);
        let mut findings = Diagnostics::new();
        if let Some((file, station)) = self.file.zip(self.station) {
            let pushes = self.pushed == Some(own);
            for fault in faults(&file.targets, station) {
                if pushes || fault.is_certain() {
                    findings.push(fault.found(Severity::Warning));
                }
            }
            self.warn_of_unmapped(file, &mut findings);
            if pushes {
                warn_of_none(file, station, &mut findings);
            }
        }
        if let Some(other) = self.pushed.filter(|other| *other != own) {
            self.warn_of_other(other, &mut findings);
        }
        findings
    }

    fn warn_of_unmapped(&self, file: &StationFile, sink: &mut Diagnostics) {
        warn_of_unmapped(&file.targets, self.procedure_id, self.is_simulated, sink);
    }

    /// The station file of `--sync`, which nobody else reads before the run is over.
    fn warn_of_other(&self, station: &Path, sink: &mut Diagnostics) {
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
                self.warn_of_unmapped(&file, sink);
                warn_of_none(&file, station, sink);
            }
            Err(wrong) => {
                for finding in wrong.iter() {
                    let message = format!("--sync uploads nothing: {}", finding.message());
                    sink.warning(finding.span(), &message);
                }
            }
        }
    }
}

/// What is pushed goes nowhere.
fn warn_of_none(file: &StationFile, station: &Path, sink: &mut Diagnostics) {
    if file.targets.is_empty() {
        let nowhere = "--sync uploads nothing: there is no [[sync.targets]] in this file";
        sink.warning(&Span::of_file(&station.display().to_string()), nowhere);
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

/// What a file rests on that cannot be had.
fn unread(met: io::ErrorKind) -> RestsOn {
    if met == io::ErrorKind::PermissionDenied {
        RestsOn::Asker
    } else if met == io::ErrorKind::NotFound {
        RestsOn::Path
    } else {
        RestsOn::Machine
    }
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
        TargetError::CaFile { source, .. } => of(ca_file, unread(source.kind())),
        TargetError::Certificate { .. } => of(ca_file, RestsOn::Machine),
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
            read_secret(&about, &path).map_err(|no_secret| match no_secret.met {
                Some(io::ErrorKind::NotFound) if looks_like_a_key(&written.value.to_string_lossy()) => {
                    let message = format!(
                        "target {name}: api_key_file names no file; what stands there looks like the key itself, and is not shown: \
                         write it into a file of mode 0600 and name that"
                    );
                    missing(message, &written.span, RestsOn::Path)
                }
                met => {
                    let rests_on = met.map_or(RestsOn::Machine, unread);
                    missing(no_secret.message, &written.span, rests_on)
                }
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

/// True of a long word with digits, where the path of a file belongs.
fn looks_like_a_key(word: &str) -> bool {
    const SHORTEST: usize = 20;
    const DIGITS: usize = 3;
    let is_path = word.contains(['/', '\\', '.']);
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    !is_path && word.len() >= SHORTEST && digits >= DIGITS
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
