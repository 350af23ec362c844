//! Who announces itself over mDNS, as LXI instruments do (LXI Device Specification, section 10).

use super::{Found, FoundBy, Interface};
use benchtop_instrument::{Clock, ClockExt, Resource};
use mdns_sd::{IfKind, ResolvedService, ServiceDaemon, ServiceEvent};
use std::{net::Ipv4Addr, time::Duration};

/// What the LXI specification names, and the resource that each leads to.
const SERVICES: &[(&str, Kind)] = &[
    ("_hislip._tcp.local.", Kind::Hislip),
    ("_vxi-11._tcp.local.", Kind::Vxi11),
    ("_scpi-raw._tcp.local.", Kind::Socket),
    // an instrument's web page: where it announces nothing else, VXI-11 is likely
    ("_lxi._tcp.local.", Kind::Lxi),
];

/// The port of `HiSLIP` (IVI-6.1).
const HISLIP_PORT: u16 = 4880;

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Hislip,
    Vxi11,
    Socket,
    Lxi,
}

impl Kind {
    fn resource(self, host: Ipv4Addr, port: u16) -> Resource {
        let lan = |device: String| Resource::Lan {
            board: 0,
            host: host.to_string(),
            device,
        };
        match self {
            Self::Hislip if port == HISLIP_PORT => lan("hislip0".to_owned()),
            Self::Hislip => lan(format!("hislip0,{port}")),
            Self::Vxi11 | Self::Lxi => lan("inst0".to_owned()),
            Self::Socket => Resource::Socket {
                board: 0,
                host: host.to_string(),
                port,
            },
        }
    }
}

/// Asks for LXI services on one interface, and listens for so long.
///
/// # Errors
/// What the system says of the sockets.
pub async fn lxi(interface: &Interface, clock: &dyn Clock, patience: Duration) -> Result<Vec<Found>, String> {
    let daemon = ServiceDaemon::new().map_err(|error| error.to_string())?;
    let found = browse(&daemon, interface, clock, patience).await;
    // its thread ends by itself; whether it did is nothing to wait for
    drop(daemon.shutdown());
    found.map_err(|error| error.to_string())
}

async fn browse(
    daemon: &ServiceDaemon,
    interface: &Interface,
    clock: &dyn Clock,
    patience: Duration,
) -> mdns_sd::Result<Vec<Found>> {
    daemon.disable_interface(IfKind::All)?;
    daemon.enable_interface(IfKind::Name(interface.name.clone()))?;
    let mut answers = Vec::new();
    for (service, kind) in SERVICES {
        answers.push((daemon.browse(service)?, *kind));
    }
    clock.sleep(patience).await;
    let mut found: Vec<Found> = Vec::new();
    for (events, kind) in answers {
        for event in events.try_iter() {
            let ServiceEvent::ServiceResolved(service) = event else {
                continue;
            };
            let mut hosts: Vec<Ipv4Addr> = service.get_addresses_v4().into_iter().collect();
            hosts.sort();
            for host in hosts {
                if kind != Kind::Lxi || !found.iter().any(|known| is_on(&known.resource, host)) {
                    found.push(Found {
                        resource: kind.resource(host, service.get_port()),
                        by: FoundBy::Mdns,
                        announced: announced(&service),
                        host_name: Some(service.get_hostname().to_owned()),
                    });
                }
            }
        }
    }
    Ok(found)
}

fn is_on(resource: &Resource, host: Ipv4Addr) -> bool {
    match resource {
        Resource::Lan { host: known, .. } | Resource::Socket { host: known, .. } => *known == host.to_string(),
        Resource::Serial { .. }
        | Resource::Usb { .. }
        | Resource::Gpib { .. }
        | Resource::Visa { .. }
        | Resource::Replay { .. }
        | Resource::Process { .. }
        | Resource::Simulated { .. } => false,
    }
}

/// The keys that the LXI specification asks for, where they are there.
fn announced(service: &ResolvedService) -> Option<String> {
    let keys = ["Manufacturer", "Model", "SerialNumber"];
    let words: Vec<&str> = keys
        .iter()
        .filter_map(|key| service.get_property_val_str(key))
        .collect();
    (!words.is_empty()).then(|| words.join(" "))
}
