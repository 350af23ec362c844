//! A real line that breaks: a network of its own whose only link goes down under the uploads and comes back, and which loses,
//! doubles and delays packets where the kernel can. What cannot be had here is said aloud.

use super::{Stops, assert_each_is_there_once, drain_all};
use crate::demo::station;
use crate::testkit::{Done, benchtop, done, scratch, simulated};
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

const RUNS: u64 = 40;
/// Packets that come late, twice or not at all.
const NETEM: &str = "tc qdisc add dev lo root netem delay 5ms 3ms loss 3% duplicate 3%";

/// A network namespace with a loopback of its own, held by a process that ends with this value.
struct Network {
    holder: Child,
}

impl Drop for Network {
    fn drop(&mut self) {
        drop(self.holder.kill());
        drop(self.holder.wait());
    }
}

impl Network {
    /// None, said aloud, where there are none to be had.
    fn start() -> Option<Self> {
        let mut command = Command::new("unshare");
        command.args(["-rn", "sh", "-c", "ip link set lo up && echo up && exec cat"]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let Ok(mut holder) = command.spawn() else {
            println!("skipped: no unshare, and so no network of its own");
            return None;
        };
        let mut out = BufReader::new(holder.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let network = Self { holder };
        if line.trim() != "up" {
            println!("skipped: no network namespace can be had here");
            return None;
        }
        Some(network)
    }

    /// The same command, inside.
    fn inside(&self, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        inside.args(["-U", "-n", "--preserve-credentials", "-t"]);
        inside.arg(self.holder.id().to_string());
        inside.arg(command.get_program()).args(command.get_args());
        inside.stdin(Stdio::null()).current_dir(env!("CARGO_MANIFEST_DIR"));
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside
    }

    fn shell(&self, script: &str) -> Done {
        let mut shell = Command::new("bash");
        shell.args(["-c", script]);
        done(&mut self.inside(&shell))
    }

    fn sync(&self, station: &Path) -> Command {
        let mut sync = super::sync(station);
        sync.stdout(Stdio::null());
        self.inside(&sync)
    }
}

/// Takes the link down and up again until it is told to stop.
#[expect(
    clippy::disallowed_methods,
    reason = "a line that breaks at any moment is what is tested"
)]
fn break_line(network: &Network, stop: &AtomicBool) -> u32 {
    let mut breaks = 0;
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(150));
        network.shell("ip link set lo down");
        thread::sleep(Duration::from_millis(100));
        network.shell("ip link set lo up");
        breaks += 1;
    }
    breaks
}

#[test]
fn every_run_arrives_exactly_once_over_a_line_that_breaks() {
    let Some(network) = Network::start() else { return };
    let mut server = network
        .inside(benchtop().arg("demo-server"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(server.stdout.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    let url = line["url"].as_str().unwrap().to_owned();
    let folder = scratch();
    let store = folder.path().join("store");
    let station = station(folder.path(), &url);
    let text = std::fs::read_to_string(&station).unwrap();
    // a line that is down is silent: it is not waited for as long as on a station
    let impatient = text.replace("accept_simulated", "idle_timeout = \"2 s\"\naccept_simulated");
    crate::testkit::write(&station, &impatient);
    let netem = network.shell(NETEM);
    if netem.code != Some(0) {
        println!(
            "skipped: no netem in this kernel: packets are neither lost nor doubled; the link goes down all the same"
        );
    }
    let stop = AtomicBool::new(false);
    let breaks = thread::scope(|scope| {
        let breaking = scope.spawn(|| break_line(&network, &stop));
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                done(&mut network.sync(&station));
            }
        });
        let stops = Stops(&stop);
        for number in 0..RUNS {
            done(&mut simulated(&store, &format!("UNIT-{number:04}")));
        }
        drop(stops);
        breaking.join().unwrap()
    });
    network.shell("tc qdisc del dev lo root 2>/dev/null; ip link set lo up");
    drain_all(|| network.sync(&station), || super::retry(&station));
    let port = url.rsplit(':').next().unwrap();
    let asked = network.shell(&format!(
        "exec 3<>/dev/tcp/127.0.0.1/{port}; printf 'GET /demo/arrived HTTP/1.1\\r\\nhost: x\\r\\nconnection: close\\r\\n\\r\\n' >&3; cat <&3"
    ));
    let (_, body) = asked.out.split_once("\r\n\r\n").unwrap();
    let arrived: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_each_is_there_once(&arrived, &store, &super::status(&station), RUNS);
    println!(
        "{RUNS} runs, {} requests, {breaks} times the link was down",
        arrived["requests"]
    );
    assert!(breaks > 0, "the line never broke: the test proves nothing");
    server.kill().unwrap();
    server.wait().unwrap();
}
