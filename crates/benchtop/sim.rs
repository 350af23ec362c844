//! `benchtop sim`: serves simulated instruments to anything that speaks SCPI, until it is told to stop.

use crate::{
    args::{ServeArguments, SimArguments, SimCommand},
    bench::{self, Refused, Units},
    control,
    exit::{Exit, Failure},
    interrupt, terminal,
};
use benchtop_instrument::RealClock;
use benchtop_sim::{
    HislipModes, HislipServer, PtyServer, SimulatedBench, SimulatedInstrument, Vxi11Server, VxiAddresses, serve_hislip,
    serve_pty, serve_tcp, serve_vxi11,
};
use benchtop_station::{Catalogue, StationSlot, slots_of_bench};
use std::{collections::BTreeMap, net::SocketAddr, path::Path, sync::Arc};

/// Where VXI-11 clients look (RFC 1833).
const PORTMAPPER_PORT: u16 = 111;
/// Where HiSLIP clients look (IVI-6.1, 2.1).
const HISLIP_PORT: u16 = 4880;

pub(crate) async fn sim(arguments: SimArguments, catalogue: &Catalogue) -> Result<Exit, Failure> {
    match (arguments.command, arguments.serve) {
        (Some(SimCommand::Ctl(arguments)), _) => control::ctl(arguments).await,
        (None, Some(arguments)) => serve(arguments, catalogue).await,
        (None, None) => Err(Failure::refused(
            "name a bench or a model to serve, or use `benchtop sim ctl`",
        )),
    }
}

async fn serve(arguments: ServeArguments, catalogue: &Catalogue) -> Result<Exit, Failure> {
    let mut interrupt = interrupt::listen();
    let clock = RealClock::shared();
    let (bench, slots) = open(&arguments, catalogue, &clock)?;
    let mut servers = Vec::new();
    let mut lines = Vec::new();
    let mut station = format!(
        "# Written by `benchtop sim {}`.\n[station]\nid = \"{}\"\n",
        arguments.what,
        bench.name()
    );
    for (index, name) in bench.instrument_names().enumerate() {
        let model = bench.model_of(name).unwrap_or_default();
        let address = nth(arguments.tcp, index)?;
        let instrument = bench
            .instrument(name)
            .ok_or_else(|| Failure::error(format!("{name} is not on its own bench")))?;
        let server = serve_tcp(address, instrument).await;
        let server = server.map_err(|error| Failure::refused(format!("cannot listen on {address}: {error}")))?;
        let local = server.local_addr();
        let host = if local.is_ipv6() {
            format!("[{}]", local.ip())
        } else {
            local.ip().to_string()
        };
        let resource = format!("TCPIP0::{host}::{}::SOCKET", local.port());
        station.push_str(&format!(
            "\n[instruments.{name}]\ndriver = \"{model}\"\nresource = \"{resource}\"\n"
        ));
        let named = bench.channel_names(name).into_iter().flatten();
        let named = named.map(|(name, number)| (name.clone(), *number));
        station.push_str(&channels(named));
        lines.push(line(name, &bench, &resource));
        servers.push(server);
    }
    for (name, slot) in &slots {
        station.push_str(&format!("\n[slots.{name}]\n"));
        if let Some(fixture_id) = &slot.fixture_id {
            station.push_str(&format!("fixture_id = {}\n", quoted(fixture_id)));
        }
        let own = slot.own.channels.iter();
        station.push_str(&channels(
            own.map(|(called, number)| (called.to_string(), number.value)),
        ));
    }
    if let Some(path) = &arguments.write_station {
        write(path, &station)?;
    }
    let ptys = on_ptys(&arguments, &bench, &mut lines)?;
    let vxi11 = on_vxi11(&arguments, &bench, &mut lines).await?;
    let hislip = on_hislip(&arguments, &bench, &mut lines).await?;
    let control = control::listen(arguments.control, bench.clone()).await?;
    // behind the resources, so that who counts those may stop reading
    lines.push(serde_json::json!({ "control": control.to_string() }).to_string());
    lines.iter().for_each(|line| terminal::emit(line));
    // whoever wanted it changed: the sender lives as long as this process
    drop(interrupt.changed().await);
    for server in servers {
        server.stop().await;
    }
    for pty in ptys {
        pty.stop().await;
    }
    if let Some(server) = vxi11 {
        server.stop().await;
    }
    if let Some(server) = hislip {
        server.stop().await;
    }
    Ok(Exit::Success)
}

/// A pseudoterminal for each instrument, where `--pty` asks for them; a link needs a lone instrument.
fn on_ptys(
    arguments: &ServeArguments,
    bench: &SimulatedBench,
    lines: &mut Vec<String>,
) -> Result<Vec<PtyServer>, Failure> {
    let Some(link) = &arguments.pty else {
        return Ok(Vec::new());
    };
    let link = link.as_deref();
    if link.is_some() && bench.instrument_names().count() > 1 {
        return Err(Failure::refused(
            "--pty PATH is for one instrument; without PATH each has its own",
        ));
    }
    let mut servers = Vec::new();
    for name in bench.instrument_names() {
        let Some(instrument) = bench.instrument(name) else {
            continue;
        };
        let server = serve_pty(link, instrument);
        let server = server.map_err(|error| Failure::refused(format!("cannot serve {name} on a pty: {error}")))?;
        let path = server.link().unwrap_or_else(|| server.path());
        lines.push(line(name, bench, &format!("ASRL{}::INSTR", path.display())));
        servers.push(server);
    }
    Ok(servers)
}

/// All instruments behind one portmapper, where `--vxi11` asks for it.
async fn on_vxi11(
    arguments: &ServeArguments,
    bench: &SimulatedBench,
    lines: &mut Vec<String>,
) -> Result<Option<Vxi11Server>, Failure> {
    let Some(portmapper) = arguments.vxi11 else {
        return Ok(None);
    };
    let addresses = VxiAddresses {
        portmapper,
        core: SocketAddr::new(portmapper.ip(), 0),
    };
    let server = serve_vxi11(addresses, all(bench)).await;
    let server = server.map_err(|error| Failure::refused(format!("cannot serve VXI-11 on {portmapper}: {error}")))?;
    for (number, name) in bench.instrument_names().enumerate() {
        // the core channel's port is only left out where every client looks for the portmapper
        let port = match server.portmapper_addr().port() {
            PORTMAPPER_PORT => String::new(),
            _ => format!(",{}", server.core_addr().port()),
        };
        let resource = format!("TCPIP0::{}::inst{number}{port}::INSTR", portmapper.ip());
        lines.push(line(name, bench, &resource));
    }
    Ok(Some(server))
}

/// All instruments behind one port, where `--hislip` asks for it.
async fn on_hislip(
    arguments: &ServeArguments,
    bench: &SimulatedBench,
    lines: &mut Vec<String>,
) -> Result<Option<HislipServer>, Failure> {
    let Some(address) = arguments.hislip else {
        return Ok(None);
    };
    let modes = if arguments.hislip_overlapped {
        HislipModes::Overlapped
    } else {
        HislipModes::Both
    };
    let server = serve_hislip(address, all(bench), modes).await;
    let server = server.map_err(|error| Failure::refused(format!("cannot serve HiSLIP on {address}: {error}")))?;
    let local = server.local_addr();
    for (number, name) in bench.instrument_names().enumerate() {
        // the port is only left out where every client looks
        let port = match local.port() {
            HISLIP_PORT => String::new(),
            port => format!(",{port}"),
        };
        let resource = format!("TCPIP0::{}::hislip{number}{port}::INSTR", local.ip());
        lines.push(line(name, bench, &resource));
    }
    Ok(Some(server))
}

fn all(bench: &SimulatedBench) -> Vec<(String, SimulatedInstrument)> {
    let names = bench.instrument_names();
    names
        .filter_map(|name| Some((name.to_owned(), bench.instrument(name)?)))
        .collect()
}

/// `channels = { "vcc" = 101 }`, nothing where there are none.
fn channels(of: impl Iterator<Item = (String, u32)>) -> String {
    let each: Vec<String> = of
        .map(|(name, number)| format!("{} = {number}", quoted(&name)))
        .collect();
    match each.as_slice() {
        [] => String::new(),
        each => format!("channels = {{ {} }}\n", each.join(", ")),
    }
}

/// As a basic string of TOML, whose escapes are those of JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn line(name: &str, bench: &SimulatedBench, resource: &str) -> String {
    let model = bench.model_of(name).unwrap_or_default();
    serde_json::json!({ "name": name, "model": model, "resource": resource }).to_string()
}

fn open(
    arguments: &ServeArguments,
    catalogue: &Catalogue,
    clock: &Arc<dyn benchtop_instrument::Clock>,
) -> Result<(SimulatedBench, BTreeMap<String, StationSlot>), Failure> {
    let refused = |findings: benchtop_notation::Diagnostics| {
        terminal::diagnose(&findings);
        Failure::refused("nothing is served")
    };
    if let Some(parsed) = catalogue.model(&arguments.what) {
        let parsed = parsed.map_err(refused)?;
        let lone = SimulatedBench::lone(&arguments.what, &parsed, Arc::clone(clock));
        return Ok((lone, BTreeMap::new()));
    }
    let looks_like_a_model = arguments.what.split('/').count() == 2 && !Path::new(&arguments.what).exists();
    if looks_like_a_model {
        let known: Vec<&str> = catalogue.models.keys().map(String::as_str).collect();
        let message = format!(
            "there is no simulated model {}; there are {}",
            arguments.what,
            known.join(", ")
        );
        return Err(Failure::refused(message));
    }
    let mut units = Units::One(arguments.serial.clone());
    if !arguments.slot.is_empty() {
        let pairs = arguments.slot.iter().map(|text| {
            let pair = text.split_once('=');
            let pair = pair.map(|(slot, serial)| (slot.trim().to_owned(), serial.trim().to_owned()));
            pair.ok_or_else(|| Failure::refused(format!("--slot {text}: expected SLOT=SN")))
        });
        units = Units::InSlots(pairs.collect::<Result<_, _>>()?);
    }
    match bench::find(&arguments.what, catalogue, None) {
        Ok((entry, bench)) => {
            if let Units::InSlots(units) = &units
                && let Some(unknown) = units
                    .keys()
                    .find(|slot| !bench.slot_names().any(|known| known == *slot))
            {
                let known: Vec<&str> = bench.slot_names().collect();
                let known = if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                };
                let message = format!(
                    "--slot {unknown}: {} has no slot of that name; it has {known}",
                    bench.name()
                );
                return Err(Failure::refused(message));
            }
            let slots = slots_of_bench(&entry.file, &entry.text).map_err(refused)?;
            Ok((units.lie_in(&bench, clock), slots))
        }
        Err(Refused::Findings(findings)) => Err(refused(findings)),
        Err(Refused::Failure(failure)) => Err(failure),
    }
}

/// The address for the n-th instrument: port 0 means any free one for each.
fn nth(first: SocketAddr, index: usize) -> Result<SocketAddr, Failure> {
    if first.port() == 0 {
        return Ok(first);
    }
    let port = u16::try_from(index)
        .ok()
        .and_then(|index| first.port().checked_add(index));
    let port = port.ok_or_else(|| Failure::refused("the ports after that one do not suffice"))?;
    Ok(SocketAddr::new(first.ip(), port))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a convenience for the next command; it need not survive a power cut"
)]
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| Failure::refused(format!("cannot write {}: {error}", path.display())))
}
