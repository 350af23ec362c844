//! The official Rust SDK of TofuPilot, unchanged, against a server: a run with a reference, again, a run with all that a
//! measurement can have, an attachment, who it is.
//!
//! usage: rust-sdk URL FILE

use serde_json::json;
use tofupilot::{TofuPilot, config::ClientConfig, types::*};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(file)) = (arguments.next(), arguments.next()) else {
        return Err("usage: rust-sdk URL FILE".into());
    };
    let client = TofuPilot::with_config(ClientConfig::new("demo").base_url(url));
    let began: chrono::DateTime<chrono::Utc> = "2026-03-04T05:06:07.123456Z".parse()?;
    let ended = began + chrono::TimeDelta::seconds(1);
    let run = |serial: &str| {
        let create = client.runs().create();
        create
            .procedure_id("550e8400-e29b-41d4-a716-446655440000")
            .serial_number(serial)
            .outcome(LogGetOutcome::Pass)
            .started_at(began)
            .ended_at(ended)
    };
    let first = run("SN-SDK").client_run_ref("sdk-1").send().await?.id;
    let again = run("SN-SDK").client_run_ref("sdk-1").send().await?.id;
    println!("run {}", if first == again { "once" } else { "twice" });

    let highest = RunCreateMeasurementsAggregations::builder()
        .r#type("max")
        .value(json!(81.5))
        .outcome(Outcome::Fail)
        .build()?;
    let ripple = RunCreateMeasurements::builder()
        .name("ripple")
        .outcome(Outcome::Fail)
        .measured_value(json!(81.5))
        .units("mV")
        .aggregations(vec![highest])
        .build()?;
    let sweep = RunCreateMeasurements::builder()
        .name("sweep")
        .outcome(Outcome::Pass)
        .x_axis(RunCreateXAxis::builder().data(vec![0.0, 1.0]).name("sample").build()?)
        .y_axis(vec![RunCreateYAxis::builder().data(vec![1.0, 1.1]).units("V").name("sweep").build()?])
        .build()?;
    let phase = RunCreatePhases::builder()
        .name("load_test")
        .outcome(PhaseGetOutcome::Fail)
        .started_at(began)
        .ended_at(ended)
        .measurements(vec![ripple, sweep])
        .build()?;
    let slot = run("SN-SLOT").client_run_ref("sdk-2").phases(vec![phase]);
    let second = slot.execution_id("execution-1").slot_key("A").slot_name("A").send().await?.id;
    println!("slot {}", if second == first { "lost" } else { "made" });

    let attached = client.runs().attachments().upload(&first, file).await?;
    println!("attachment {}", if attached.is_empty() { "missing" } else { "there" });
    let station = client.identity().whoami().send().await?.station;
    println!("station {}", station.map_or_else(String::new, |station| station.name));
    Ok(())
}
