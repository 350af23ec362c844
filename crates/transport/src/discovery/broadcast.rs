//! Who has a VXI-11 core channel: the portmappers of a network are asked, all at once (VXI-11, section B.4.1).

use super::{Found, FoundBy};
use crate::vxi11;
use benchtop_instrument::{Clock, ClockExt, Resource};
use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};
use tokio::net::UdpSocket;

/// A datagram may be lost: it is sent so often.
const TIMES: u32 = 3;
/// Longer than any reply.
const REPLY: usize = 512;

/// Whom to ask.
#[derive(Clone, Copy, Debug)]
pub struct Portmapper {
    /// This machine's address on the network.
    pub from: Ipv4Addr,
    /// Everybody's address, and the port where portmappers listen: 111.
    pub to: SocketAddr,
}

/// Asks for VXI-11 instruments, and listens for so long.
///
/// # Errors
/// What the system says of the socket.
pub async fn vxi11(ask: Portmapper, clock: &dyn Clock, patience: Duration) -> io::Result<Vec<Found>> {
    let socket = UdpSocket::bind((ask.from, 0)).await?;
    socket.set_broadcast(true)?;
    let mut hosts = BTreeSet::new();
    for number in 1..=TIMES {
        socket.send_to(&vxi11::core_port_call(number), ask.to).await?;
        let deadline = clock.now().after(patience / TIMES);
        let mut buffer = [0; REPLY];
        while let Ok(received) = clock.within(deadline, socket.recv_from(&mut buffer)).await {
            // an error is about a datagram that was sent: who is not there does not answer
            let Ok((length, sender)) = received else { continue };
            let reply = buffer.get(..length).unwrap_or_default();
            if vxi11::core_port_reply(reply, number).is_some_and(|port| port != 0) {
                hosts.insert(sender.ip());
            }
        }
    }
    Ok(hosts.into_iter().map(found).collect())
}

fn found(host: IpAddr) -> Found {
    Found {
        resource: Resource::Lan {
            board: 0,
            host: host.to_string(),
            device: "inst0".to_owned(),
        },
        by: FoundBy::Vxi11,
        announced: None,
        host_name: None,
    }
}
