//! What instruments there may be, before anything is said to them.
//!
//! Serial ports and VISA's list come from this machine. VXI-11's broadcast and mDNS ask a network, and only the interfaces
//! that are named. Nothing here opens an instrument.

mod broadcast;
mod mdns;

use crate::visa;
use benchtop_instrument::{Clock, Resource};
pub use broadcast::{Portmapper, vxi11};
use if_addrs::{IfAddr, get_if_addrs};
pub use mdns::lxi;
use serialport::SerialPortType;
use std::{io, net::Ipv4Addr, time::Duration};

/// How something was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FoundBy {
    /// The system lists the serial port.
    SerialPort,
    /// A VISA library lists it.
    Visa,
    /// It answered a VXI-11 broadcast.
    Vxi11,
    /// It announces itself over mDNS, as LXI asks.
    Mdns,
    /// The user named it.
    User,
}

impl FoundBy {
    /// As people and JSON call it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::SerialPort => "serial port",
            Self::Visa => "VISA",
            Self::Vxi11 => "VXI-11 broadcast",
            Self::Mdns => "mDNS",
            Self::User => "named by the user",
        }
    }
}

/// A place where an instrument may be.
#[derive(Clone, Debug)]
pub struct Found {
    /// Where.
    pub resource: Resource,
    /// How it was found.
    pub by: FoundBy,
    /// What it, or its cable, says of itself: not to be trusted.
    pub announced: Option<String>,
    /// The name that its host goes by on its network: not to be trusted either.
    pub host_name: Option<String>,
}

/// An interface to a network, IPv4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// As the system calls it.
    pub name: String,
    /// This machine's address on it.
    pub address: Ipv4Addr,
    /// Everybody's address on it.
    pub broadcast: Ipv4Addr,
}

/// This machine's interfaces.
///
/// # Errors
/// What the system says.
pub fn interfaces() -> io::Result<Vec<Interface>> {
    let all = get_if_addrs()?.into_iter();
    let of = |interface: if_addrs::Interface| match interface.addr {
        IfAddr::V4(address) => {
            // the loopback has no broadcast address of its own, and takes this one
            let everybody = address.ip | !address.netmask;
            Some(Interface {
                name: interface.name,
                address: address.ip,
                broadcast: address.broadcast.unwrap_or(everybody),
            })
        }
        IfAddr::V6(_) => None,
    };
    Ok(all.filter_map(of).collect())
}

/// The serial ports that the system lists.
///
/// # Errors
/// What the system says.
pub fn serial_ports() -> Result<Vec<Found>, String> {
    let ports = serialport::available_ports().map_err(|error| error.to_string())?;
    let found = |port: serialport::SerialPortInfo| Found {
        resource: Resource::Serial {
            port: port.port_name.clone(),
        },
        by: FoundBy::SerialPort,
        host_name: None,
        announced: match port.port_type {
            SerialPortType::UsbPort(usb) => {
                let words = [usb.manufacturer, usb.product, usb.serial_number];
                let words: Vec<String> = words.into_iter().flatten().collect();
                (!words.is_empty()).then(|| words.join(" "))
            }
            SerialPortType::PciPort | SerialPortType::BluetoothPort | SerialPortType::Unknown => None,
        },
    };
    Ok(ports.into_iter().map(found).collect())
}

/// What a VISA library lists. Serial ports are left out: it has names of its own for them, under which none could be excluded.
///
/// # Errors
/// That there is no library, or what it said; also when it said nothing for so long.
pub async fn visa(clock: &dyn Clock, patience: Duration) -> Result<Vec<Found>, String> {
    let names = visa::list(clock, patience).await?;
    let found = |name: &String| {
        let resource: Resource = name.parse().or_else(|_| format!("VISA::{name}").parse()).ok()?;
        Some(Found {
            resource,
            by: FoundBy::Visa,
            announced: None,
            host_name: None,
        })
    };
    let others = names
        .iter()
        .filter(|name| !name.to_ascii_uppercase().starts_with("ASRL"));
    Ok(others.filter_map(found).collect())
}

#[cfg(test)]
mod tests;
