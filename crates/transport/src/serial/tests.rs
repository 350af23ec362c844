//! A serial session on pseudoterminals, with the instrument's end played by a thread.

use super::*;
use benchtop_instrument::{
    FlowControl, Parity, Prompts, RealClock, SessionExt,
    conformance::{self, FarEnd, OutOfBand, SessionRig},
};
use rustix::{
    fs::{Mode, OFlags},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{ControlModes, InputModes, LocalModes, OutputModes, tcgetattr},
};
use std::{
    fs::File,
    io::{Read, Write},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};
use tempfile::TempDir;
use tokio::sync::mpsc;

/// What the thread that listens is told at the end, from the other side.
const UNPLUG: &[u8] = b"\0unplug";

/// What clears an instrument that can be cleared over its line: Control-C, as the HP 34401A has it.
const CLEAR: u8 = 3;

const SOON: Duration = Duration::from_secs(5);

/// A line on which nothing counts as a late answer for long.
fn line() -> LineSettings {
    LineSettings {
        quiet: Duration::from_millis(60),
        ..LineSettings::default()
    }
}

/// A pseudoterminal that a symbolic link leads to, and who sits at its end.
struct Terminal {
    ours: File,
    /// Held open, so that ours stays usable while no client has it.
    theirs: File,
}

impl Terminal {
    fn at(link: &Path) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let path = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
        let theirs = rustix::fs::open(&path, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        drop(std::fs::remove_file(link));
        symlink(&path, link).unwrap();
        Self {
            ours: File::from(ours),
            theirs: File::from(theirs),
        }
    }
}

/// The instrument: it answers by itself what a session asks to be sure, and leaves everything else to the suite.
struct Instrument {
    folder: TempDir,
    terminal: Arc<Mutex<Option<Terminal>>>,
    messages: mpsc::UnboundedReceiver<Vec<u8>>,
    heard: mpsc::UnboundedSender<Vec<u8>>,
    listening: Option<std::thread::JoinHandle<()>>,
}

impl Instrument {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (heard, messages) = mpsc::unbounded_channel();
        let mut instrument = Self {
            folder,
            terminal: Arc::default(),
            messages,
            heard,
            listening: None,
        };
        instrument.plug_in();
        instrument
    }

    fn link(&self) -> PathBuf {
        self.folder.path().join("meter")
    }

    fn plug_in(&mut self) {
        let terminal = Terminal::at(&self.link());
        let (mut reading, mut writing) = (terminal.ours.try_clone().unwrap(), terminal.ours.try_clone().unwrap());
        *self.terminal.lock().unwrap() = Some(terminal);
        let heard = self.heard.clone();
        self.listening = Some(std::thread::spawn(move || {
            let (mut line, mut byte) = (Vec::new(), [0]);
            while reading.read(&mut byte).is_ok_and(|length| length == 1) {
                if byte[0] != b'\n' {
                    line.push(byte[0]);
                    continue;
                }
                let message = std::mem::take(&mut line);
                match message.as_slice() {
                    b"" => {}
                    // whatever came before it is gone, and it is answered with nothing
                    [.., CLEAR] => {}
                    UNPLUG => return,
                    b"*IDN?" => writing.write_all(b"Maker,Meter,1,2\n").unwrap(),
                    b"*OPC?" => writing.write_all(b"1\n").unwrap(),
                    _ => drop(heard.send(message)),
                }
            }
        }));
    }

    /// Closes every handle of the instrument's end.
    fn unplug(&mut self) {
        let terminal = self.terminal.lock().unwrap().take();
        terminal.unwrap().theirs.write_all(&[UNPLUG, b"\n"].concat()).unwrap();
        self.listening.take().unwrap().join().unwrap();
    }

    fn resource(&self) -> Resource {
        format!("ASRL{}::INSTR", self.link().display()).parse().unwrap()
    }
}

#[async_trait]
impl FarEnd for Instrument {
    async fn receive(&mut self) -> Option<Vec<u8>> {
        self.messages.recv().await
    }

    async fn send(&mut self, bytes: &[u8]) {
        let writing = self
            .terminal
            .lock()
            .unwrap()
            .as_ref()
            .map(|terminal| terminal.ours.try_clone().unwrap());
        let (mut writing, bytes) = (writing.unwrap(), bytes.to_vec());
        tokio::task::spawn_blocking(move || writing.write_all(&bytes).unwrap())
            .await
            .unwrap();
    }

    async fn hang_up(&mut self) {
        // a new terminal under the same name: what is plugged in again
        self.unplug();
        self.plug_in();
    }
}

async fn open(
    instrument: &Instrument,
    line: &LineSettings,
    clock: &Arc<dyn Clock>,
    deadline: Moment,
) -> Result<SerialSession, Error> {
    SerialSession::open(&instrument.resource(), line, Arc::clone(clock), deadline).await
}

struct Rig(Arc<dyn Clock>, LineSettings);

#[async_trait]
impl SessionRig for Rig {
    async fn open(&self) -> (Box<dyn Session>, Box<dyn FarEnd>) {
        let instrument = Instrument::start();
        let deadline = self.0.now().after(SOON);
        let session = open(&instrument, &self.1, &self.0, deadline).await.unwrap();
        (Box::new(session), Box::new(instrument))
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.0)
    }

    fn out_of_band(&self) -> OutOfBand {
        OutOfBand {
            status_byte: false,
            device_clear: !self.1.clear.is_empty(),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_serial_line_keeps_the_session_contract() {
    conformance::session(&Rig(RealClock::shared(), line())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_serial_line_with_a_clear_of_its_own_keeps_the_session_contract() {
    let line = LineSettings {
        clear: vec![CLEAR],
        ..line()
    };
    conformance::session(&Rig(RealClock::shared(), line)).await.unwrap();
}

#[test]
fn serial_lines_leave_nothing_behind() {
    let test = "serial::tests::serial_lines_leave_nothing_behind";
    let line = LineSettings {
        quiet: Duration::from_millis(5),
        ..line()
    };
    let rig = Rig(RealClock::shared(), line);
    println!("{}", conformance::endurance(test, &rig).unwrap());
}

#[tokio::test]
async fn a_port_that_is_not_there_is_named_at_once() {
    let clock = RealClock::shared();
    let resource: Resource = "/dev/benchtop-has-no-such-port".parse().unwrap();
    let deadline = clock.now().after(SOON);
    let error = SerialSession::open(&resource, &line(), Arc::clone(&clock), deadline)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    assert!(
        error
            .to_string()
            .starts_with("open on ASRL/dev/benchtop-has-no-such-port::INSTR: there is no such port"),
        "{error}"
    );
}

#[tokio::test]
async fn a_late_answer_of_the_same_form_is_not_taken_for_the_proof() {
    let clock = RealClock::shared();
    let mut instrument = Instrument::start();
    let mut session = open(&instrument, &line(), &clock, clock.now().after(SOON))
        .await
        .unwrap();
    // the abandoned answer has four fields too, and comes while the line is being recovered
    let deadline = clock.now().after(Duration::from_millis(20));
    session.write(b"*idn?;*TST?", deadline).await.unwrap();
    assert_eq!(session.read(deadline).await.unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(instrument.receive().await.unwrap(), b"*idn?;*TST?");
    instrument.send(b"Maker,Meter,1,2;0\n").await;
    session.recover(clock.now().after(SOON)).await.unwrap();
    assert_eq!(session.query("*OPC?", clock.now().after(SOON)).await.unwrap(), "1");
}

#[tokio::test]
async fn a_line_that_never_becomes_quiet_is_not_trusted() {
    let clock = RealClock::shared();
    let mut instrument = Instrument::start();
    let quiet = LineSettings {
        quiet: Duration::from_millis(200),
        ..line()
    };
    let mut session = open(&instrument, &quiet, &clock, clock.now().after(SOON))
        .await
        .unwrap();
    let deadline = clock.now().after(Duration::from_millis(20));
    session.write(b"SLOW?", deadline).await.unwrap();
    assert!(session.read(deadline).await.is_err());
    let talking = tokio::spawn(async move {
        let pace = RealClock::new();
        for _ in 0..20 {
            instrument.send(b"1\n").await;
            pace.sleep(Duration::from_millis(50)).await;
        }
    });
    let error = session
        .recover(clock.now().after(Duration::from_millis(600)))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), session.state()),
        (ErrorKind::Timeout, SessionState::Desynchronised)
    );
    talking.await.unwrap();
}

/// An instrument that ends every message with a prompt: what it says to each, in order.
async fn recovered_with_prompts(replies: Vec<&'static str>) -> Result<(), Error> {
    let clock = RealClock::shared();
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("meter");
    let terminal = Terminal::at(&link);
    let (mut reading, mut writing) = (terminal.ours.try_clone().unwrap(), terminal.ours.try_clone().unwrap());
    let line = LineSettings {
        prompts: Some(Prompts {
            ok: "=>".to_owned(),
            command_error: "?>".to_owned(),
            execution_error: "!>".to_owned(),
        }),
        ..line()
    };
    let resource: Resource = format!("ASRL{}::INSTR", link.display()).parse().unwrap();
    let soon = || clock.now().after(Duration::from_secs(2));
    let mut session = SerialSession::open(&resource, &line, Arc::clone(&clock), soon())
        .await
        .unwrap();
    let playing = std::thread::spawn(move || {
        let mut replies = replies.into_iter();
        let mut byte = [0];
        while reading.read(&mut byte).is_ok_and(|length| length == 1) {
            if byte[0] == b'\n' {
                let Some(reply) = replies.next() else { break };
                writing.write_all(reply.as_bytes()).unwrap();
            }
        }
    });
    let short = clock.now().after(Duration::from_millis(20));
    session.write(b"RATE?", short).await.unwrap();
    assert_eq!(session.read(short).await.unwrap_err().kind(), ErrorKind::Timeout);
    let recovered = session.recover(soon()).await;
    let expected = if recovered.is_ok() {
        SessionState::Ready
    } else {
        SessionState::Desynchronised
    };
    assert_eq!(session.state(), expected);
    session.close().await.unwrap();
    // nobody has the other end any more: who plays the instrument hears so
    drop(terminal);
    playing.join().unwrap();
    recovered
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_with_prompts_is_trusted_again_when_the_proof_ends_with_one() {
    // to the question, to the end of what was cut off, to the proof
    for sound in [
        ["", "", "Maker,Meter,1,2\r\n=>\r\n"],
        ["", "=>\r\n", "Maker,Meter,1,2\r\n=>\r\n"],
        ["", "?>\r\n=>\r\n", "Maker,Meter,1,2\r\n=>\r\n"],
    ] {
        recovered_with_prompts(sound.to_vec()).await.unwrap();
    }
    for (broken, kind) in [
        (["", "=>\r\n", "Maker,Meter,1,2\r\n"], ErrorKind::Timeout),
        (["", "=>\r\n", "Maker,Meter,1,2\r\n!>\r\n"], ErrorKind::Desynchronised),
        (
            ["", "=>\r\n=>\r\n=>\r\n", "Maker,Meter,1,2\r\n=>\r\n"],
            ErrorKind::Desynchronised,
        ),
        (
            ["", "F\r\n=>\r\n", "Maker,Meter,1,2\r\n=>\r\n"],
            ErrorKind::Desynchronised,
        ),
    ] {
        let error = recovered_with_prompts(broken.to_vec()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{broken:?}: {error}");
    }
}

#[tokio::test]
async fn messages_end_as_the_line_says_and_device_clear_is_its_own_byte() {
    let clock = RealClock::shared();
    let mut instrument = Instrument::start();
    let line = LineSettings {
        terminator: Terminator::CrLf,
        clear: vec![3],
        ..line()
    };
    let mut session = open(&instrument, &line, &clock, clock.now().after(SOON)).await.unwrap();
    session.write(b"READ?", clock.now().after(SOON)).await.unwrap();
    assert_eq!(instrument.receive().await.unwrap(), b"READ?\r");
    instrument.send(b"+1\r\n").await;
    assert_eq!(session.read(clock.now().after(SOON)).await.unwrap(), b"+1");
    // the byte, then what asks for proof; the far end answers neither, as its messages end in LF alone
    let cleared = session.clear(clock.now().after(Duration::from_millis(300))).await;
    assert_eq!(cleared.unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(instrument.receive().await.unwrap(), b"\x03\r");
    let plain = open(
        &Instrument::start(),
        &LineSettings::default(),
        &clock,
        clock.now().after(SOON),
    )
    .await;
    let unsupported = plain.unwrap().clear(clock.now().after(SOON)).await.unwrap_err();
    assert_eq!(unsupported.kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn a_hundred_sessions_leave_no_thread_and_no_handle_behind() {
    let (clock, instrument) = (RealClock::shared(), Instrument::start());
    let count = |folder: &str| std::fs::read_dir(folder).map_or(0, Iterator::count);
    let mut before = None;
    for turn in 0..100 {
        let mut session = open(&instrument, &line(), &clock, clock.now().after(SOON))
            .await
            .unwrap();
        assert_eq!(session.query("*OPC?", clock.now().after(SOON)).await.unwrap(), "1");
        session.close().await.unwrap();
        if turn == 10 {
            before = Some((count("/proc/self/fd"), count("/proc/self/task")));
        }
    }
    // one that was dropped frees the port too, and one that is there keeps it
    drop(
        open(&instrument, &line(), &clock, clock.now().after(SOON))
            .await
            .unwrap(),
    );
    let _holder = open(&instrument, &line(), &clock, clock.now().after(SOON))
        .await
        .unwrap();
    let taken = open(&instrument, &line(), &clock, clock.now().after(SOON))
        .await
        .unwrap_err();
    assert!(taken.to_string().contains("another program has the port"), "{taken}");
    let (handles, threads) = before.unwrap();
    // other tests of this process come and go
    assert!(count("/proc/self/fd") <= handles + 20, "handles");
    assert!(count("/proc/self/task") <= threads + 20, "threads");
}

/// What a pseudoterminal keeps of the settings is read from its other end. Eight bits and no parity is all that one has, whatever
/// it is told (Linux, `pty_set_termios`): those are compared in `port.rs`, as the port is told them, and in `tests/over_serial.rs`, as
/// the system is.
#[tokio::test]
async fn a_line_is_set_as_it_is_described() {
    let clock = RealClock::shared();
    let instrument = Instrument::start();
    let of_the_line = || {
        let terminal = instrument.terminal.lock().unwrap();
        tcgetattr(&terminal.as_ref().unwrap().theirs).unwrap()
    };
    let default = LineSettings::default();
    let lines = [300, 9600, 19_200, 115_200].map(|baud| LineSettings { baud, ..line() });
    let parities = Parity::ALL.iter().map(|(_, parity)| LineSettings {
        parity: *parity,
        ..line()
    });
    let stops = [1, 2].map(|stop_bits| LineSettings { stop_bits, ..line() });
    let flows = FlowControl::ALL.iter().map(|(_, flow_control)| LineSettings {
        flow_control: *flow_control,
        ..line()
    });
    let sevens = LineSettings {
        data_bits: 7,
        parity: Parity::Even,
        stop_bits: 2,
        flow_control: FlowControl::XonXoff,
        ..line()
    };
    // the last one is plain again: nothing is left over from the others
    let all = lines
        .into_iter()
        .chain(parities)
        .chain(stops)
        .chain(flows)
        .chain([sevens, default]);
    for line in all {
        let mut session = open(&instrument, &line, &clock, clock.now().after(SOON)).await.unwrap();
        let found = of_the_line();
        let (input, control) = (found.input_modes, found.control_modes);
        assert_eq!(
            (found.output_speed(), found.input_speed()),
            (line.baud, line.baud),
            "{line:?}"
        );
        assert_eq!(control.contains(ControlModes::CSTOPB), line.stop_bits == 2, "{line:?}");
        assert_eq!(
            input.contains(InputModes::INPCK),
            line.parity != Parity::None,
            "{line:?}"
        );
        assert_eq!(
            control.contains(ControlModes::PARODD),
            line.parity == Parity::Odd,
            "{line:?}"
        );
        let hardware = line.flow_control == FlowControl::RtsCts;
        assert_eq!(control.contains(ControlModes::CRTSCTS), hardware, "{line:?}");
        let software = line.flow_control == FlowControl::XonXoff;
        let both = InputModes::IXON | InputModes::IXOFF;
        assert_eq!(
            input & both,
            if software { both } else { InputModes::empty() },
            "{line:?}"
        );
        // bytes go through as they are
        let changing = InputModes::ICRNL | InputModes::INLCR | InputModes::IGNCR | InputModes::ISTRIP;
        assert!(!input.intersects(changing), "{line:?}");
        assert!(!found.output_modes.contains(OutputModes::OPOST), "{line:?}");
        let editing = LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG | LocalModes::IEXTEN;
        assert!(!found.local_modes.intersects(editing), "{line:?}");
        assert_eq!(
            session.query("*OPC?", clock.now().after(SOON)).await.unwrap(),
            "1",
            "{line:?}"
        );
        session.close().await.unwrap();
    }
}
