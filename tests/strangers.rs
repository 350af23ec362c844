//! Clients that nobody here wrote talk to our simulated instruments, unchanged. `.ci/run` installs them; elsewhere each test
//! says that it was skipped.

use crate::testkit::{Done, Served, done};
use std::process::{Command, Stdio};

/// The output of a program, or `None`, said aloud, where it is not installed.
fn stranger(command: &mut Command) -> Option<Done> {
    let name = command.get_program().to_string_lossy().into_owned();
    if Command::new("sh")
        .args(["-c", &format!("command -v {name}")])
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
    {
        return Some(done(command));
    }
    println!("skipped: {name} is not installed");
    None
}

#[test]
fn lxi_tools_gets_an_identity_and_a_reading() {
    let served = Served::bench("UNIT-5501");
    for (name, message, expected) in [
        ("dmm", "*IDN?", ",34461A,SIM-"),
        ("psu", "*IDN?", ",E36312A,SIM-"),
        ("dmm", "MEAS:VOLT:DC?", "E"),
        ("ammeter", "MEAS:CURR:DC?", "E"),
    ] {
        let (host, port) = served.address(name);
        let mut command = Command::new("lxi");
        command.args([
            "scpi",
            "--address",
            &host,
            "--port",
            &port.to_string(),
            "--raw",
            message,
        ]);
        let Some(answer) = stranger(&mut command) else { return };
        assert!(answer.out.contains(expected), "{message}: {answer}");
    }
}

const PYVISA: &str = r#"
import sys
import pyvisa
manager = pyvisa.ResourceManager("@py")
dmm = manager.open_resource(sys.argv[1], read_termination="\n", write_termination="\n", timeout=10000)
psu = manager.open_resource(sys.argv[2], read_termination="\n", write_termination="\n", timeout=10000)
assert ",34461A,SIM-" in dmm.query("*IDN?")
psu.write("VOLT 5,(@1)")
psu.write("CURR 0.5,(@1)")
psu.write("OUTP ON,(@1)")
assert float(psu.query("VOLT? (@1)")) == 5.0
volts = float(dmm.query("MEAS:VOLT:DC? 10"))
assert 3.2 < volts < 3.4, volts
psu.write("OUTP OFF,(@1)")
off = float(dmm.query("MEAS:VOLT:DC? 10"))
assert abs(off) < 0.1, off
assert dmm.query("SYST:ERR?").startswith("+0")
print("read", volts)
"#;

#[test]
fn pyvisa_py_powers_the_board_and_reads_its_rail() {
    let python = std::env::var("BENCHTOP_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let probe = Command::new(&python)
        .args(["-c", "import pyvisa, pyvisa_py"])
        .stderr(Stdio::null())
        .status();
    if !probe.is_ok_and(|status| status.success()) {
        println!("skipped: pyvisa-py is not installed");
        return;
    }
    let served = Served::bench("UNIT-5501");
    let resource = |name: &str| {
        served
            .resources
            .iter()
            .find(|(known, _)| known == name)
            .unwrap()
            .1
            .clone()
    };
    let read = done(Command::new(&python).args(["-c", PYVISA, &resource("dmm"), &resource("psu")]));
    assert_eq!(read.code, Some(0), "{read}");
    assert!(read.out.starts_with("read 3."), "{read}");
}
