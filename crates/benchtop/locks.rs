//! One process drives an instrument at a time: a lock for the place that its resource names, for the whole machine, whatever
//! store is used, however the resource is spelt, and wherever temporary files go.
//!
//! The lock goes with the process that holds it, however that ends. Two machines on one instrument are not seen; nor are two
//! ports of one instrument, since behind each port of a host may be another one.

use crate::{
    addresses::look_up,
    exit::Failure,
    place::{Place, real_path},
    terminal,
};
use benchtop_instrument::Resource;
use benchtop_station::sha256;
use std::{
    collections::BTreeSet,
    fs::{File, TryLockError},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
    sync::mpsc,
    time::Duration,
};

#[cfg(test)]
mod tests;

/// How long the system may look for the addresses of a host: one that is not found in it is known by its name.
const LOOK_UP: Duration = Duration::from_secs(5);

/// Held until dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    names: BTreeSet<String>,
    _files: Vec<File>,
}

/// True when this instrument is held by one of them.
pub(crate) fn hold(locks: &[Lock], resource: &Resource) -> bool {
    let names = names_of(resource);
    locks.iter().any(|lock| !lock.names.is_disjoint(&names))
}

/// Takes the lock of one instrument; none is needed for one that lives in this process. Waits for the system to find its host.
///
/// Refuses when another process holds it. Where locks cannot be had at all, says so and goes on.
pub(crate) fn take(name: &str, resource: &Resource) -> Result<Option<Lock>, Failure> {
    if resource.is_simulated() {
        return Ok(None);
    }
    let names = names_of(resource);
    let folder = folder::path();
    let mut files = Vec::with_capacity(names.len());
    for place in &names {
        let file = match folder::open(&folder, &sha256(place.as_bytes())) {
            Ok(file) => file,
            Err(error) => {
                terminal::warn(&format!(
                    "cannot see whether another benchtop uses {name}: {}: {error}",
                    folder.display()
                ));
                return Ok(None);
            }
        };
        match file.try_lock() {
            Ok(()) => files.push(file),
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::refused(format!(
                    "another benchtop is using {name} ({resource}); let it finish first"
                )));
            }
            Err(TryLockError::Error(error)) => {
                terminal::warn(&format!("cannot see whether another benchtop uses {name}: {error}"));
                return Ok(None);
            }
        }
    }
    Ok(Some(Lock { names, _files: files }))
}

/// What the place is called, the same for each way to spell it: a host has its own name and one for each of its addresses.
pub(crate) fn names_of(resource: &Resource) -> BTreeSet<String> {
    match Place::of(resource) {
        Place::Host { host, spot } => {
            let spot = spot.unwrap_or_default();
            let addresses = addresses_of(&host);
            let named = |host: &str| format!("host {host} {spot}");
            // its name too: another program may find other addresses, or none
            let mut names = BTreeSet::from([named(&host)]);
            names.extend(addresses.iter().map(|address| named(&address.to_string())));
            names
        }
        Place::Serial(Some(port)) => BTreeSet::from([serial(&real_path(&port))]),
        Place::Usb(Some(usb)) => BTreeSet::from([format!("usb {}", usb.name())]),
        Place::Gpib(Some(gpib)) => BTreeSet::from([format!("gpib {}", gpib.name())]),
        Place::Serial(None) | Place::Usb(None) | Place::Gpib(None) | Place::Elsewhere | Place::Unknown => {
            let text = match resource {
                // the same through a library and without one
                Resource::Visa { name } => name.clone(),
                Resource::Socket { .. }
                | Resource::Lan { .. }
                | Resource::Serial { .. }
                | Resource::Usb { .. }
                | Resource::Gpib { .. }
                | Resource::Simulated { .. }
                | Resource::Replay { .. }
                | Resource::Process { .. } => resource.to_string(),
            };
            BTreeSet::from([text])
        }
    }
}

/// Windows tells ports apart by no case, and not by the folder of devices.
fn serial(port: &Path) -> String {
    let port = port.display().to_string();
    if cfg!(windows) {
        let upper = port.to_ascii_uppercase();
        return format!("serial {}", upper.trim_start_matches(['\\', '.', '?']));
    }
    format!("serial {port}")
}

/// Nothing where they are not found in time.
fn addresses_of(host: &str) -> BTreeSet<IpAddr> {
    let (tell, told) = mpsc::channel();
    // nobody listens once it took too long
    look_up(host.to_owned(), move |_, addresses| {
        drop(tell.send(addresses));
    });
    let found: BTreeSet<IpAddr> = told.recv_timeout(LOOK_UP).unwrap_or_default();
    found.into_iter().map(reached).collect()
}

/// Who connects to no address in particular reaches this computer.
fn reached(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V4(_) | IpAddr::V6(_) => address,
    }
}

/// One folder for all users of the machine. What others put there is not trusted: no link is followed, nothing is waited for.
#[cfg(unix)]
mod folder {
    use rustix::{
        fs::{CWD, Mode, OFlags, fchmod, mkdirat, openat},
        io::Errno,
    };
    use std::{
        fs::File,
        io,
        path::{Path, PathBuf},
    };

    /// The same for all of them, whatever `TMPDIR` says.
    pub(super) fn path() -> PathBuf {
        PathBuf::from("/tmp/benchtop-locks")
    }

    /// The lock file, made where it is missing.
    pub(super) fn open(folder: &Path, name: &str) -> io::Result<File> {
        let safe = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        match mkdirat(CWD, folder, Mode::from_raw_mode(0o1777)) {
            Ok(()) | Err(Errno::EXIST) => (),
            Err(error) => return Err(error.into()),
        }
        let folder = openat(CWD, folder, safe | OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())?;
        // only its owner can, and the others need not
        let _is_ours = fchmod(&folder, Mode::from_raw_mode(0o1777));
        let there = || openat(&folder, name, safe | OFlags::RDONLY, Mode::empty());
        let new = safe | OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
        let file = match there() {
            // a shared folder may refuse to open for writing what is another user's
            Err(Errno::NOENT) => match openat(&folder, name, new, Mode::from_raw_mode(0o666)) {
                Err(Errno::EXIST) => there(),
                made => made,
            },
            found => found,
        }?;
        let _is_ours = fchmod(&file, Mode::from_raw_mode(0o666));
        Ok(File::from(file))
    }
}

#[cfg(not(unix))]
mod folder {
    use std::{
        env,
        fs::{self, File},
        io,
        path::{Path, PathBuf},
    };

    pub(super) fn path() -> PathBuf {
        env::temp_dir().join("benchtop-locks")
    }

    /// The lock file, made where it is missing.
    pub(super) fn open(folder: &Path, name: &str) -> io::Result<File> {
        fs::create_dir_all(folder)?;
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        options.open(folder.join(name))
    }
}
