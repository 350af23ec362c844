//! The control line of `benchtop sim`: faults are set and cleared while the bench is served.
//!
//! One JSON object per line in, one out. It listens on this machine only: whoever reaches it can break the bench.
//! `{"instrument": "dmm", "fault": "late_answer", "delay": "5 s"}` sets a fault; the other keys are those of a `[[faults]]` entry.
//! `{"instrument": "dmm", "clear": true}` ends all of that instrument, `{"list": true}` lists them. What was done is answered
//! by `{"ok": true, ...}`, what was not by `{"error": "..."}`, which says what was expected.

use crate::{
    args::CtlArguments,
    exit::{Exit, Failure},
    terminal,
};
use benchtop_instrument::{Clock, ClockExt, RealClock};
use benchtop_sim::{Fault, FaultOrder, SimulatedBench};
use serde_json::{Map, Value, json};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// A longer line is not read to its end.
const LONGEST_LINE: u64 = 64 * 1024;

/// How long a client waits for the simulator.
const PATIENCE: Duration = Duration::from_secs(5);

const EXPECTED: &str = "expected {\"instrument\": \"dmm\", \"fault\": \"no_answer\"}, {\"instrument\": \"dmm\", \"clear\": true} or \
                        {\"list\": true}";

/// Listens at `address` until the process ends; answers where.
pub(crate) async fn listen(address: SocketAddr, bench: SimulatedBench) -> Result<SocketAddr, Failure> {
    if !address.ip().is_loopback() {
        let message = format!("--control {address}: the control line listens on this machine only (127.0.0.1)");
        return Err(Failure::refused(message));
    }
    let refused = |error: std::io::Error| Failure::refused(format!("cannot listen on {address}: {error}"));
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let local = listener.local_addr().map_err(refused)?;
    tokio::spawn(async move {
        loop {
            match listener.accept().await {
                // whoever hangs up in the middle has nobody left to tell
                Ok((stream, _)) => drop(tokio::spawn(serve(stream, bench.clone()))),
                Err(_) => RealClock::new().sleep(Duration::from_millis(50)).await,
            }
        }
    });
    Ok(local)
}

async fn serve(stream: TcpStream, bench: SimulatedBench) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        let length = (&mut stream).take(LONGEST_LINE).read_until(b'\n', &mut line).await?;
        if length == 0 {
            return Ok(());
        }
        let whole = line.ends_with(b"\n") || u64::try_from(length).is_ok_and(|length| length < LONGEST_LINE);
        let answer = if whole {
            carry_out(&bench, &line)
        } else {
            Err(format!("a line of more than {LONGEST_LINE} bytes; {EXPECTED}"))
        };
        let answer = answer.unwrap_or_else(|message| json!({ "error": message }));
        stream.write_all(format!("{answer}\n").as_bytes()).await?;
        if !whole {
            return Ok(());
        }
    }
}

/// Does what a line says.
fn carry_out(bench: &SimulatedBench, line: &[u8]) -> Result<Value, String> {
    let request: Map<String, Value> =
        serde_json::from_slice(line).map_err(|error| format!("this is no JSON object ({error}); {EXPECTED}"))?;
    let truth = |key: &str| match request.get(key) {
        None | Some(Value::Bool(false)) => Ok(false),
        Some(Value::Bool(true)) => Ok(true),
        Some(_) => Err(format!("`{key}` is true or left out; {EXPECTED}")),
    };
    let (list, clear) = (truth("list")?, truth("clear")?);
    let instrument = match request.get("instrument") {
        None => None,
        Some(Value::String(name)) => Some(name.as_str()),
        Some(_) => return Err(format!("`instrument` is a logical name; {EXPECTED}")),
    };
    match (list, clear, request.contains_key("fault"), instrument) {
        (true, false, false, name) => listed(bench, name),
        (false, true, false, Some(name)) => {
            bench.faults(name)?;
            bench.clear_faults(name);
            Ok(json!({ "ok": true }))
        }
        (false, false, true, Some(name)) => {
            bench.order_fault(name, order(&request)?)?;
            Ok(json!({ "ok": true }))
        }
        _ => Err(EXPECTED.to_owned()),
    }
}

fn listed(bench: &SimulatedBench, only: Option<&str>) -> Result<Value, String> {
    let names: Vec<&str> = match only {
        Some(name) => vec![name],
        None => bench.instrument_names().collect(),
    };
    let mut faults = Vec::new();
    for name in names {
        for (fault, begun) in bench.faults(name)? {
            faults.push(json!({ "instrument": name, "fault": fault.word(), "begun": begun }));
        }
    }
    Ok(json!({ "ok": true, "faults": faults }))
}

/// The keys of a request as the `[[faults]]` entry that they are.
fn order(request: &Map<String, Value>) -> Result<FaultOrder, String> {
    let mut entry = String::new();
    for (key, value) in request.iter().filter(|(key, _)| *key != "instrument") {
        let key = if key == "fault" { "kind" } else { key.as_str() };
        let is_bare = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_bare {
            return Err(format!("unknown key {}", Value::from(key)));
        }
        match value {
            // JSON's strings and numbers are TOML's
            Value::String(_) | Value::Number(_) | Value::Bool(_) => entry.push_str(&format!("{key} = {value}\n")),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                return Err(format!("`{key}` is text or a number, such as \"5 s\" or 3"));
            }
        }
    }
    FaultOrder::parse(&entry).map_err(|findings| {
        let text = findings.render_short();
        // where in a line that nobody wrote so is of no use
        let messages = text
            .lines()
            .map(|line| line.split_once("error: ").map_or(line, |(_, message)| message));
        messages
            .collect::<Vec<_>>()
            .join("; ")
            .replace(" in the file", "")
            .replace("`kind`", "`fault`")
    })
}

/// `benchtop sim ctl`: one line to a running simulator, and its answer.
pub(crate) async fn ctl(arguments: CtlArguments) -> Result<Exit, Failure> {
    let request = request(&arguments)?;
    let address = arguments.address;
    let clock = RealClock::new();
    let exchange = async {
        let mut stream = BufReader::new(TcpStream::connect(address).await?);
        stream.write_all(format!("{request}\n").as_bytes()).await?;
        let mut answer = String::new();
        stream.read_line(&mut answer).await?;
        Ok::<String, std::io::Error>(answer)
    };
    let answer = match clock.within(clock.now().after(PATIENCE), exchange).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(Failure::error(format!("the simulator at {address}: {error}"))),
        Err(_elapsed) => return Err(Failure::error(format!("no simulator answers at {address}"))),
    };
    let parsed: Value = serde_json::from_str(&answer)
        .map_err(|error| Failure::error(format!("what answers at {address} is no simulator: {error}")))?;
    if let Some(message) = parsed.get("error").and_then(Value::as_str) {
        return Err(Failure::refused(message));
    }
    terminal::emit(answer.trim_end());
    Ok(Exit::Success)
}

fn request(arguments: &CtlArguments) -> Result<Value, Failure> {
    let CtlArguments {
        instrument,
        what,
        delay,
        per_second,
        probability,
        after_messages,
        for_messages,
        ..
    } = arguments;
    let (name, what) = match (instrument.as_deref(), what.as_deref()) {
        (None | Some("list"), None) => return Ok(json!({ "list": true })),
        (Some(name), Some("list")) => return Ok(json!({ "instrument": name, "list": true })),
        (Some(name), Some("clear")) => return Ok(json!({ "instrument": name, "clear": true })),
        (Some(name), Some(fault)) => (name, fault),
        (_, None) | (None, Some(_)) => {
            let words: Vec<&str> = Fault::words().collect();
            let message = format!("say what to do: clear, list, or a fault ({})", words.join(", "));
            return Err(Failure::refused(message));
        }
    };
    let mut request = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            request.insert(key.to_owned(), value);
        }
    };
    put("instrument", Some(name.into()));
    put("fault", Some(what.into()));
    put("delay", delay.clone().map(Value::from));
    put("per_second", per_second.clone().map(Value::from));
    put("probability", probability.map(Value::from));
    put("after_messages", after_messages.map(Value::from));
    put("for_messages", for_messages.map(Value::from));
    Ok(Value::Object(request))
}
