//! What the tests need of processes, files and time, in one place.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

pub(crate) const BOARD: &str = "procedures/board-functional-v3.toml";

/// The binary, run in the project's root, with nothing of this machine's settings.
pub(crate) fn benchtop() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_benchtop"));
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .env("NO_COLOR", "1");
    for variable in [
        "BENCHTOP_STORE",
        "BENCHTOP_INSTRUMENTS",
        "BENCHTOP_VISA_LIBRARY",
        "TOFUPILOT_API_KEY",
        "TOFUPILOT_URL",
    ] {
        command.env_remove(variable);
    }
    command
}

/// What a command did.
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Done {
    /// The lines of JSON that it printed.
    pub(crate) fn json(&self) -> Vec<serde_json::Value> {
        let lines = self.out.lines();
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl std::fmt::Display for Done {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "exit {:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.code, self.out, self.err
        )
    }
}

pub(crate) fn done(command: &mut Command) -> Done {
    command.output().unwrap().into()
}

/// A simulated run of the board into `store`.
pub(crate) fn simulated(store: &Path, serial: &str) -> Command {
    simulated_by(BOARD, store, serial)
}

/// A simulated run of a procedure into `store`.
pub(crate) fn simulated_by(procedure: &str, store: &Path, serial: &str) -> Command {
    let mut command = benchtop();
    command
        .args(["run", procedure, "--serial", serial, "--simulate", "--store"])
        .arg(store);
    command
}

/// What a `runs` command says of `store`.
pub(crate) fn runs(words: &[&str], store: &Path) -> Done {
    done(benchtop().arg("runs").args(words).arg("--store").arg(store))
}

/// A station file in `folder`, whose store is `store` there and whose one target is a folder there, with it.
pub(crate) fn station_with_folder(folder: &Path, target: &str) -> PathBuf {
    let there = folder.join(target);
    fs::create_dir_all(&there).unwrap();
    let text = format!(
        "[station]\nid = \"BENCH-7\"\n[store]\nroot = \"store\"\n[[sync.targets]]\nname = \"{target}\"\nkind = \"directory\"\n\
         url = \"{}\"\naccept_simulated = true\n",
        there.display()
    );
    let station = folder.join("station.toml");
    write(&station, &text);
    station
}

pub(crate) fn scratch() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// The JSON files of one of the store's folders, by name.
pub(crate) fn records(store: &Path, folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(&store.join(folder), &mut found);
    found.sort();
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            found.push(path);
        }
    }
}

/// What was kept of a run under a name.
pub(crate) fn attachment(store: &Path, record: &serde_json::Value, name: &str) -> String {
    let attachments = record["attachments"].as_array().unwrap();
    let found = attachments.iter().find(|attachment| attachment["name"] == name);
    let found = found.unwrap_or_else(|| panic!("{name} among {attachments:?}"));
    let digest = found["sha256"].as_str().unwrap();
    let bytes = fs::read(store.join("attachments").join(digest)).unwrap();
    assert_eq!(u64::try_from(bytes.len()).unwrap(), found["size"].as_u64().unwrap());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Fails where a file below `folder` holds this text: a secret, say.
pub(crate) fn assert_nowhere_below(folder: &Path, text: &str) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_nowhere_below(&path, text);
        } else {
            let bytes = fs::read(&path).unwrap();
            let mut parts = bytes.windows(text.len());
            assert!(!parts.any(|part| part == text.as_bytes()), "{}", path.display());
        }
    }
}

pub(crate) fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The one record in `pending/`.
pub(crate) fn only_record(store: &Path) -> serde_json::Value {
    let found = records(store, "pending");
    assert_eq!(found.len(), 1, "{found:?}");
    json(&found[0])
}

/// Looks again and again until `look` finds something, for a minute at most.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where tests wait: they poll with a deadline"
)]
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{what} did not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Lets a moment of real time pass: for kills, which come at no particular one.
pub(crate) fn after(moment: Duration) {
    let begun = now();
    eventually("the moment", || (now().duration_since(begun) >= moment).then_some(()));
}

#[expect(clippy::disallowed_methods, reason = "a kill comes at a moment of real time")]
fn now() -> Instant {
    Instant::now()
}

/// How many times more than usual, by `BENCHTOP_SOAK`.
pub(crate) fn soak() -> usize {
    let soak = std::env::var("BENCHTOP_SOAK").ok();
    soak.and_then(|soak| soak.parse().ok()).unwrap_or(1)
}

/// Writes a file as a test's preparation.
#[expect(
    clippy::disallowed_methods,
    reason = "a test's own file need not survive a power cut"
)]
pub(crate) fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
}

/// A process that is ended with the test.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.0.id()).unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }

    /// Waits for its end, with a deadline.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        eventually("the process's end", || self.0.try_wait().unwrap())
    }

    /// Waits for its end and takes what it printed.
    pub(crate) fn finish(mut self) -> Done {
        let status = self.wait();
        let (mut out, mut err) = (String::new(), String::new());
        self.0.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        self.0.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        Done {
            code: status.code(),
            out,
            err,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A simulated bench served by `benchtop sim` in another process, and the station file that it wrote.
pub(crate) struct Served {
    pub(crate) station: PathBuf,
    pub(crate) resources: Vec<(String, String)>,
    /// Where faults are set.
    pub(crate) control: String,
    _process: Running,
    pub(crate) folder: TempDir,
}

/// The station file of the served bench of `board-v3`, with those of its resources that fit.
pub(crate) fn station_of(served: &Served, fits: impl Fn(&str) -> bool) -> String {
    let instruments = served
        .resources
        .iter()
        .filter(|(_, resource)| fits(resource))
        .map(|(name, resource)| {
            let driver = if name == "psu" {
                "keysight/e36312a"
            } else {
                "keysight/34461a"
            };
            format!("\n[instruments.{name}]\ndriver = \"{driver}\"\nresource = \"{resource}\"\n")
        });
    format!("[station]\nid = \"served\"\n{}", instruments.collect::<String>())
}

impl Served {
    pub(crate) fn bench(serial: &str) -> Self {
        Self::what(&["board-v3", "--serial", serial])
    }

    pub(crate) fn what(arguments: &[&str]) -> Self {
        let folder = scratch();
        let station = folder.path().join("station.toml");
        let mut command = benchtop();
        command.arg("sim").args(arguments).arg("--write-station").arg(&station);
        let mut process = Running::start(&mut command);
        let mut lines = BufReader::new(process.0.stdout.take().unwrap()).lines();
        let mut resources = Vec::new();
        // a line per resource, once all of them listen, and then one for the control socket
        let control = loop {
            let line = lines
                .next()
                .expect("a line per resource, and the control line")
                .unwrap();
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            if let Some(control) = line["control"].as_str() {
                break control.to_owned();
            }
            let text = |key: &str| line[key].as_str().unwrap().to_owned();
            resources.push((text("name"), text("resource")));
        };
        Self {
            station,
            resources,
            control,
            _process: process,
            folder,
        }
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// The resource of an instrument that begins so: `TCPIP`, `ASRL`.
    pub(crate) fn resource(&self, name: &str, beginning: &str) -> String {
        let fits = |(known, resource): &&(String, String)| known == name && resource.starts_with(beginning);
        self.resources.iter().find(fits).unwrap().1.clone()
    }

    /// Host and port of an instrument.
    pub(crate) fn address(&self, name: &str) -> (String, u16) {
        let (_, resource) = self.resources.iter().find(|(known, _)| known == name).unwrap();
        let parts: Vec<&str> = resource.split("::").collect();
        (parts[1].to_owned(), parts[2].parse().unwrap())
    }

    /// Asks an instrument on a connection of its own, as a stranger would.
    pub(crate) fn ask(&self, name: &str, message: &str) -> String {
        let (host, port) = self.address(name);
        let mut stream = TcpStream::connect((host, port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(format!("{message}\n").as_bytes()).unwrap();
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).unwrap();
        answer.trim().to_owned()
    }

    /// Writes a line to the control socket; its answer.
    pub(crate) fn tell(&self, line: &str) -> serde_json::Value {
        let mut stream = TcpStream::connect(&self.control).unwrap();
        stream.write_all(format!("{line}\n").as_bytes()).unwrap();
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    /// `benchtop sim ctl`, with these words.
    pub(crate) fn ctl(&self, words: &[&str]) -> Done {
        done(benchtop().args(["sim", "ctl", &self.control]).args(words))
    }

    /// Sets a fault, or clears them: `"no_answer"`, `"late_answer --delay=5s"`, `"clear"`.
    pub(crate) fn fault(&self, name: &str, fault: &str) {
        let words: Vec<&str> = std::iter::once(name).chain(fault.split_whitespace()).collect();
        let set = self.ctl(&words);
        assert_eq!(set.code, Some(0), "{words:?}: {set}");
    }

    /// True when the supply says that its output 1 is on.
    pub(crate) fn output_is_on(&self) -> bool {
        self.ask("psu", "OUTP? (@1)") == "1"
    }

    pub(crate) fn run(&self, serial: &str) -> Command {
        self.run_procedure(Path::new(BOARD), serial)
    }

    pub(crate) fn run_procedure(&self, procedure: &Path, serial: &str) -> Command {
        let mut command = benchtop();
        command
            .arg("run")
            .arg(procedure)
            .args(["--serial", serial, "--station"])
            .arg(&self.station);
        command.arg("--store").arg(self.store());
        command
    }
}
