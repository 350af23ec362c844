//! What a resource's name means.

use crate::addresses::Addresses;
use benchtop_instrument::Resource;
use benchtop_transport::serial_path;
use std::{
    fs,
    net::Ipv6Addr,
    path::{Path, PathBuf},
};

/// The words that resource names begin with, before the number of a board.
const KEYWORDS: &[&str] = &["TCPIP", "ASRL", "USB", "GPIB", "VISA"];
/// Where `HiSLIP` listens if nothing else is said (IVI-6.1).
const HISLIP_PORT: &str = "4880";

/// Where an instrument is, as far as a name of one is understood: `None` may be any of its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// What listens on a host: a port or a device of it, or all. A board's number is this computer's own affair.
    Host {
        host: String,
        spot: Option<String>,
    },
    /// A serial port, by the system's path or name.
    Serial(Option<String>),
    Usb(Option<Usb>),
    Gpib(Option<Gpib>),
    /// Where a scan does not look.
    Elsewhere,
    /// Anything.
    Unknown,
}

/// The numbers of vendor and product, and the serial number. Board and interface lead to the same instrument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Usb {
    vendor: u32,
    product: u32,
    serial: String,
}

/// An address on a bus; the primary one alone is the whole instrument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gpib {
    board: u32,
    primary: u32,
    secondary: Option<u32>,
}

impl Place {
    pub(crate) fn of(resource: &Resource) -> Self {
        match resource {
            Resource::Socket { host, port, .. } => Self::Host {
                host: plain(host),
                spot: Some(port.to_string()),
            },
            Resource::Lan { host, device, .. } => Self::Host {
                host: plain(host),
                spot: Some(device_of(device)),
            },
            Resource::Serial { port } => Self::Serial(Some(serial_path(port))),
            Resource::Usb { rest } => Self::Usb(usb(rest)),
            Resource::Gpib { rest } => Self::Gpib(gpib(rest)),
            Resource::Visa { name } => match name.parse() {
                // which port a library gives the number is its own affair
                Ok(Resource::Serial { port }) if is_number(&port) => Self::Serial(None),
                Ok(inner) => Self::of(&inner),
                Err(_) => Self::Unknown,
            },
            Resource::Simulated { .. } | Resource::Replay { .. } | Resource::Process { .. } => Self::Elsewhere,
        }
    }

    pub(crate) fn host(&self) -> Option<&str> {
        match self {
            Self::Host { host, .. } => Some(host),
            Self::Serial(_) | Self::Usb(_) | Self::Gpib(_) | Self::Elsewhere | Self::Unknown => None,
        }
    }

    /// What it may be any of.
    pub(crate) const fn vague(&self) -> Option<&'static str> {
        match self {
            Self::Serial(None) => Some("serial ports"),
            Self::Usb(None) => Some("USB instruments"),
            Self::Gpib(None) => Some("GPIB instruments"),
            Self::Unknown => Some("instruments"),
            Self::Serial(Some(_)) | Self::Usb(Some(_)) | Self::Gpib(Some(_)) | Self::Host { .. } | Self::Elsewhere => {
                None
            }
        }
    }

    /// True unless it is sure that `found` is another one.
    pub(crate) fn may_be(&self, found: &Self, addresses: &Addresses) -> bool {
        match (self, found) {
            (Self::Unknown, _) | (_, Self::Unknown) => true,
            (Self::Host { host, spot }, Self::Host { host: at, spot: there }) => {
                may_equal(spot.as_ref(), there.as_ref(), PartialEq::eq) && addresses.may_share(host, at)
            }
            (Self::Serial(one), Self::Serial(other)) => {
                may_equal(one.as_ref(), other.as_ref(), |one, other| same_file(one, other))
            }
            (Self::Usb(one), Self::Usb(other)) => may_equal(one.as_ref(), other.as_ref(), PartialEq::eq),
            (Self::Gpib(one), Self::Gpib(other)) => may_equal(one.as_ref(), other.as_ref(), Gpib::may_be),
            (Self::Host { .. } | Self::Serial(_) | Self::Usb(_) | Self::Gpib(_) | Self::Elsewhere, _) => false,
        }
    }
}

impl Gpib {
    fn may_be(&self, other: &Self) -> bool {
        (self.board, self.primary) == (other.board, other.primary)
            && may_equal(self.secondary.as_ref(), other.secondary.as_ref(), PartialEq::eq)
    }
}

impl Usb {
    /// The same for each way to write it.
    pub(crate) fn name(&self) -> String {
        format!("{:04x} {:04x} {}", self.vendor, self.product, self.serial)
    }
}

impl Gpib {
    /// The same for each way to write it.
    pub(crate) fn name(&self) -> String {
        let secondary = self
            .secondary
            .map_or_else(String::new, |secondary| format!(" {secondary}"));
        format!("{} {}{secondary}", self.board, self.primary)
    }
}

fn may_equal<T>(one: Option<&T>, other: Option<&T>, equal: impl Fn(&T, &T) -> bool) -> bool {
    one.zip(other).is_none_or(|(one, other)| equal(one, other))
}

/// What a user's word names: a resource, a serial port, a host.
///
/// # Errors
/// Why it is none of them, or none in particular.
pub(crate) fn named(written: &str) -> Result<Vec<Place>, String> {
    let refused = match written.parse::<Resource>() {
        Ok(resource) => {
            let place = Place::of(&resource);
            return match place.vague() {
                Some(kind) => Err(format!(
                    "which of the {kind} that is cannot be told; nothing was looked for: name it as `instruments scan \
                     --list-only` shows it"
                )),
                None => Ok(vec![place]),
            };
        }
        Err(error) => error.to_string(),
    };
    let refuse = || Err(format!("neither a serial port nor a host, and {refused}"));
    if written.starts_with('[') || plain(written).parse::<Ipv6Addr>().is_ok() {
        let host = plain(written);
        return if host.parse::<Ipv6Addr>().is_ok() {
            Ok(vec![Place::Host { host, spot: None }])
        } else {
            refuse()
        };
    }
    if written.contains(['/', '\\']) && !written.contains("::") {
        return Ok(vec![Place::Serial(Some(written.to_owned()))]);
    }
    let upper = written.to_ascii_uppercase();
    let is_board = KEYWORDS
        .iter()
        .filter_map(|word| upper.strip_prefix(word))
        .any(|board| board.is_empty() || is_number(board));
    let is_word = !written.is_empty()
        && written
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'));
    if is_board || !is_word {
        return refuse();
    }
    let host = plain(written);
    Ok(vec![
        Place::Serial(Some(written.to_owned())),
        Place::Host { host, spot: None },
    ])
}

/// A host as it is looked up: names mean the same in either case and with a dot behind them.
pub(crate) fn plain(host: &str) -> String {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    bare.trim_end_matches('.').to_ascii_lowercase()
}

fn device_of(device: &str) -> String {
    let device = device.to_ascii_lowercase();
    match device.split_once(',') {
        Some((name, HISLIP_PORT)) if name.starts_with("hislip") => name.to_owned(),
        Some(_) | None => device,
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit())
}

/// A number of a resource name: decimal, or hexadecimal behind `0x`.
fn number(text: &str) -> Option<u32> {
    let text = text.to_ascii_lowercase();
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

fn board(text: &str) -> Option<u32> {
    if text.is_empty() { Some(0) } else { number(text) }
}

fn usb(rest: &str) -> Option<Usb> {
    let parts: Vec<&str> = rest.split("::").collect();
    let (at, vendor, product, serial) = match parts.as_slice() {
        [at, vendor, product, serial, _class] => (at, vendor, product, serial),
        [at, vendor, product, serial, interface, _class] if is_number(interface) => (at, vendor, product, serial),
        _ => return None,
    };
    board(at)?;
    let (vendor, product) = (number(vendor)?, number(product)?);
    let serial = serial.to_ascii_lowercase();
    (!serial.is_empty()).then_some(Usb {
        vendor,
        product,
        serial,
    })
}

fn gpib(rest: &str) -> Option<Gpib> {
    let parts: Vec<&str> = rest.split("::").collect();
    let (at, primary, secondary) = match parts.as_slice() {
        [at, primary, _class] => (at, primary, None),
        [at, primary, secondary, _class] => (at, primary, Some(number(secondary)?)),
        _ => return None,
    };
    Some(Gpib {
        board: board(at)?,
        primary: number(primary)?,
        secondary,
    })
}

/// A port has many names: links under `/dev/serial/by-id` lead to it too, and its own name goes without the folder.
fn same_file(one: &str, other: &str) -> bool {
    let is_name_of = |name: &str, path: &str| {
        let last = Path::new(path).file_name().and_then(|last| last.to_str());
        last.is_some_and(|last| last.eq_ignore_ascii_case(name))
    };
    one.eq_ignore_ascii_case(other)
        || real_path(one) == real_path(other)
        || is_name_of(one, other)
        || is_name_of(other, one)
}

/// Where the links of a path end; itself where nothing is there.
pub(crate) fn real_path(path: &str) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| PathBuf::from(path))
}
