//! `benchtop sim`: serves simulated instruments to anything that speaks SCPI, until it is told to stop.

use crate::{
    args::{ServeArguments, SimArguments, SimCommand},
    bench::{bench_entry, build},
    control,
    exit::{Exit, Failure},
    interrupt, terminal,
};
use benchtop_instrument::RealClock;
use benchtop_sim::{Model, SimulatedBench, serve_tcp};
use benchtop_station::Catalogue;
use std::{net::SocketAddr, path::Path, sync::Arc};

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
    let bench = open(&arguments, catalogue, &clock)?;
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
        lines.push(serde_json::json!({ "name": name, "model": model, "resource": resource }).to_string());
        servers.push(server);
    }
    if let Some(path) = &arguments.write_station {
        write(path, &station)?;
    }
    let control = control::listen(arguments.control, bench.clone()).await?;
    // behind the resources, so that who counts those may stop reading
    lines.push(serde_json::json!({ "control": control.to_string() }).to_string());
    lines.iter().for_each(|line| terminal::emit(line));
    // whoever wanted it changed: the sender lives as long as this process
    drop(interrupt.changed().await);
    for server in servers {
        server.stop().await;
    }
    Ok(Exit::Success)
}

fn open(
    arguments: &ServeArguments,
    catalogue: &Catalogue,
    clock: &Arc<dyn benchtop_instrument::Clock>,
) -> Result<SimulatedBench, Failure> {
    let refused = |findings: benchtop_notation::Diagnostics| {
        terminal::diagnose(&findings);
        Failure::refused("nothing is served")
    };
    if let Some(model) = catalogue.models.get(&arguments.what) {
        let parsed = Model::parse(&model.file, &model.text).map_err(refused)?;
        return Ok(SimulatedBench::lone(&arguments.what, &parsed, Arc::clone(clock)));
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
    let entry = bench_entry(&arguments.what, catalogue, None)?;
    build(&entry, catalogue, clock, &arguments.serial).map_err(refused)
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
