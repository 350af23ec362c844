//! Where an instrument is: VISA resource names, parsed and printed.
//!
//! The grammar is that of VPP-4.3 (VISA specification), section 4.3.1, table 4.3.1, plus five names of our own:
//! `ASRL/dev/ttyUSB0::INSTR` (a serial port by path), `SIM::<bench>::<logical name>` (a simulated
//! instrument inside this process), `REPLAY::<file>[::<logical name>]` (a transcript that answers), `PROCESS::<program>` (a
//! command's standard input and output) and `VISA::<resource>` (through a VISA library what would go without one).

use std::{fmt, str::FromStr};

/// The name of one instrument's place. Keywords are read in either case and printed in upper case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// `TCPIP[board]::host::port::SOCKET`: a raw socket.
    Socket {
        /// VISA board number, 0 if not written.
        board: u32,
        /// Host name, IPv4 address or bracketed IPv6 address.
        host: String,
        /// TCP port.
        port: u16,
    },
    /// `TCPIP[board]::host[::device]::INSTR`: VXI-11 (`inst0`) or HiSLIP (`hislip0[,port]`).
    Lan {
        /// VISA board number, 0 if not written.
        board: u32,
        /// Host name, IPv4 address or bracketed IPv6 address.
        host: String,
        /// LAN device name, `inst0` if not written.
        device: String,
    },
    /// `ASRL<n>::INSTR` or `ASRL/dev/tty...::INSTR` (also `/dev/tty...` alone): a serial port.
    Serial {
        /// The number as text (`3`) or the path (`/dev/ttyUSB0`).
        port: String,
    },
    /// `USB[board]::vendor::product::serial[::interface]::INSTR`: USBTMC.
    Usb {
        /// Everything after `USB`, as written.
        rest: String,
    },
    /// `GPIB[board]::primary[::secondary]::INSTR`.
    Gpib {
        /// Everything after `GPIB`, as written.
        rest: String,
    },
    /// `VISA::<resource>`: through a VISA library, whatever it is.
    Visa {
        /// The resource as VISA names it, `TCPIP0::10.0.0.7::inst0::INSTR`.
        name: String,
    },
    /// `SIM::<bench>::<logical name>`: simulated in this process; nothing leaves it.
    Simulated {
        /// The simulated bench, or the model for a lone instrument.
        bench: String,
        /// The instrument's name on that bench.
        name: String,
    },
    /// `REPLAY::<file>[::<logical name>]`: a transcript; nothing leaves this process.
    Replay {
        /// Its path.
        file: String,
        /// Whose lines, in a transcript of several instruments.
        name: Option<String>,
    },
    /// `PROCESS::<program>`: the standard input and output of a command of this computer; its arguments stand elsewhere.
    Process {
        /// What is started.
        program: String,
    },
}

/// Why a text is not a resource name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a resource name: {reason}")]
pub struct ResourceError {
    text: String,
    reason: String,
}

const FORMS: &str = "expected TCPIP[n]::host::port::SOCKET, TCPIP[n]::host[::inst0|hislip0]::INSTR, ASRLn::INSTR, \
                     /dev/tty...::INSTR, USB..::INSTR or GPIB..::INSTR";

impl FromStr for Resource {
    type Err = ResourceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = |reason: &str| ResourceError {
            text: text.to_owned(),
            reason: reason.to_owned(),
        };
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(refuse("it contains blanks or control characters"));
        }
        let parts = split(text);
        let Some((head, rest)) = parts.split_first() else {
            return Err(refuse(FORMS));
        };
        let upper = head.to_ascii_uppercase();
        if upper == "SIM" {
            let [bench, name] = rest else {
                return Err(refuse("expected SIM::<bench>::<logical name>"));
            };
            return Ok(Self::Simulated {
                bench: (*bench).to_owned(),
                name: (*name).to_owned(),
            });
        }
        if upper == "VISA" {
            let name = rest.join("::");
            return match name.parse() {
                Ok(Self::Visa { .. } | Self::Simulated { .. } | Self::Replay { .. } | Self::Process { .. })
                | Err(_) => Err(refuse("expected VISA::<a resource name as VISA has it>")),
                Ok(known) => Ok(Self::Visa {
                    name: known.to_string(),
                }),
            };
        }
        if upper == "PROCESS" {
            return match rest {
                [program] if !program.is_empty() => Ok(Self::Process {
                    program: (*program).to_owned(),
                }),
                _ => Err(refuse("expected PROCESS::<program>")),
            };
        }
        if upper == "REPLAY" {
            let (file, name) = match rest {
                [file] => (file, None),
                [file, name] if !name.is_empty() => (file, Some((*name).to_owned())),
                _ => return Err(refuse("expected REPLAY::<transcript file>[::<logical name>]")),
            };
            if file.is_empty() {
                return Err(refuse("expected REPLAY::<transcript file>[::<logical name>]"));
            }
            return Ok(Self::Replay {
                file: (*file).to_owned(),
                name,
            });
        }
        if let Some(board) = upper.strip_prefix("TCPIP") {
            return parse_lan(board, rest).map_err(|reason| refuse(&reason));
        }
        if upper.starts_with("ASRL") || head.starts_with('/') {
            let port = if head.starts_with('/') {
                head
            } else {
                head.get(4..).unwrap_or_default()
            };
            let whole = matches!(rest, []) && head.starts_with('/') || matches!(rest, [class] if is(class, "INSTR"));
            // a colon at its end could not be told from those behind it
            if port.is_empty() || port.ends_with(':') || !whole {
                return Err(refuse("expected ASRL<number>::INSTR or /dev/tty...::INSTR"));
            }
            return Ok(Self::Serial { port: port.to_owned() });
        }
        let tail = || rest.join("::");
        let ends_in_class = rest.len() >= 2 && rest.last().is_some_and(|class| is(class, "INSTR") || is(class, "RAW"));
        if let Some(board) = upper.strip_prefix("USB")
            && ends_in_class
        {
            return Ok(Self::Usb {
                rest: format!("{board}::{}", tail()),
            });
        }
        if let Some(board) = upper.strip_prefix("GPIB")
            && ends_in_class
        {
            return Ok(Self::Gpib {
                rest: format!("{board}::{}", tail()),
            });
        }
        Err(refuse(FORMS))
    }
}

fn is(part: &str, keyword: &str) -> bool {
    part.eq_ignore_ascii_case(keyword)
}

/// Splits at `::` outside brackets, so that `[::1]` stays whole.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let skip = if rest.starts_with('[') {
            rest.find(']').unwrap_or(0)
        } else {
            0
        };
        let found = rest.get(skip..).and_then(|tail| tail.find("::")).map(|at| at + skip);
        let Some(at) = found else {
            parts.push(rest);
            return parts;
        };
        let (part, tail) = rest.split_at(at);
        parts.push(part);
        rest = tail.strip_prefix("::").unwrap_or_default();
    }
}

fn parse_lan(board: &str, rest: &[&str]) -> Result<Resource, String> {
    let board = match board {
        "" => 0,
        digits => digits
            .parse()
            .map_err(|error| format!("`{digits}` is not a board number: {error}"))?,
    };
    let host_of = |host: &str| match host {
        "" => Err("the host is empty".to_owned()),
        host => Ok(host.to_owned()),
    };
    match rest {
        [host, port, class] if is(class, "SOCKET") => {
            let port = match port.parse() {
                Ok(0) | Err(_) => return Err(format!("`{port}` is not a TCP port (1 to 65535)")),
                Ok(port) => port,
            };
            Ok(Resource::Socket {
                board,
                host: host_of(host)?,
                port,
            })
        }
        [host, class] if is(class, "INSTR") => Ok(Resource::Lan {
            board,
            host: host_of(host)?,
            device: "inst0".to_owned(),
        }),
        [host, device, class] if is(class, "INSTR") && !device.is_empty() => Ok(Resource::Lan {
            board,
            host: host_of(host)?,
            device: (*device).to_owned(),
        }),
        _ => Err(FORMS.to_owned()),
    }
}

impl Resource {
    /// True where no instrument answers: simulated inside this process, or a transcript.
    #[must_use]
    pub const fn is_simulated(&self) -> bool {
        matches!(self, Self::Simulated { .. } | Self::Replay { .. })
    }

    /// The transport's name for people: `raw socket`, `VXI-11`, `HiSLIP`, `serial`, `USBTMC`, `GPIB`, `VISA`, `simulated`,
    /// `replay`, `process`.
    #[must_use]
    pub fn transport(&self) -> &'static str {
        match self {
            Self::Socket { .. } => "raw socket",
            Self::Lan { device, .. } if device.to_ascii_lowercase().starts_with("hislip") => "HiSLIP",
            Self::Lan { .. } => "VXI-11",
            Self::Serial { .. } => "serial",
            Self::Usb { .. } => "USBTMC",
            Self::Gpib { .. } => "GPIB",
            Self::Visa { .. } => "VISA",
            Self::Simulated { .. } => "simulated",
            Self::Replay { .. } => "replay",
            Self::Process { .. } => "process",
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket { board, host, port } => write!(f, "TCPIP{board}::{host}::{port}::SOCKET"),
            Self::Lan { board, host, device } => write!(f, "TCPIP{board}::{host}::{device}::INSTR"),
            Self::Serial { port } => write!(f, "ASRL{port}::INSTR"),
            Self::Usb { rest } => write!(f, "USB{rest}"),
            Self::Gpib { rest } => write!(f, "GPIB{rest}"),
            Self::Visa { name } => write!(f, "VISA::{name}"),
            Self::Simulated { bench, name } => write!(f, "SIM::{bench}::{name}"),
            Self::Replay { file, name: None } => write!(f, "REPLAY::{file}"),
            Self::Replay { file, name: Some(name) } => write!(f, "REPLAY::{file}::{name}"),
            Self::Process { program } => write!(f, "PROCESS::{program}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, printed: &str, transport: &str) {
        let resource: Resource = text.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(resource.to_string(), printed);
        assert_eq!(resource.transport(), transport);
        assert_eq!(
            printed.parse::<Resource>().unwrap(),
            resource,
            "{text}: printed form reads back"
        );
    }

    #[test]
    fn names_are_read_and_printed() {
        check(
            "TCPIP::10.0.0.7::5025::SOCKET",
            "TCPIP0::10.0.0.7::5025::SOCKET",
            "raw socket",
        );
        check(
            "tcpip2::meter.lab::5025::socket",
            "TCPIP2::meter.lab::5025::SOCKET",
            "raw socket",
        );
        check(
            "TCPIP0::[::1]::5025::SOCKET",
            "TCPIP0::[::1]::5025::SOCKET",
            "raw socket",
        );
        check("TCPIP::10.0.0.7::INSTR", "TCPIP0::10.0.0.7::inst0::INSTR", "VXI-11");
        check(
            "TCPIP::10.0.0.7::hislip0::INSTR",
            "TCPIP0::10.0.0.7::hislip0::INSTR",
            "HiSLIP",
        );
        check(
            "TCPIP::10.0.0.7::hislip0,4881::INSTR",
            "TCPIP0::10.0.0.7::hislip0,4881::INSTR",
            "HiSLIP",
        );
        check("ASRL3::INSTR", "ASRL3::INSTR", "serial");
        check("ASRL/dev/ttyUSB0::INSTR", "ASRL/dev/ttyUSB0::INSTR", "serial");
        check("/dev/ttyUSB0::INSTR", "ASRL/dev/ttyUSB0::INSTR", "serial");
        check("/dev/ttyUSB0", "ASRL/dev/ttyUSB0::INSTR", "serial");
        check(
            "USB0::0x2A8D::0x1301::MY53::INSTR",
            "USB0::0x2A8D::0x1301::MY53::INSTR",
            "USBTMC",
        );
        check("GPIB0::22::INSTR", "GPIB0::22::INSTR", "GPIB");
        check("VISA::asrl3::instr", "VISA::ASRL3::INSTR", "VISA");
        check("visa::USB0::1::2::3::INSTR", "VISA::USB0::1::2::3::INSTR", "VISA");
        check("replay::runs/t.txt::dmm", "REPLAY::runs/t.txt::dmm", "replay");
        check("REPLAY::t.txt", "REPLAY::t.txt", "replay");
        check("SIM::board-v3::dmm", "SIM::board-v3::dmm", "simulated");
        check("process::tools/talk", "PROCESS::tools/talk", "process");
    }

    #[test]
    fn anything_else_is_refused_with_the_forms() {
        for text in [
            "",
            "TCPIP",
            "TCPIP::::5025::SOCKET",
            "TCPIP::h::0::SOCKET",
            "TCPIP::h::70000::SOCKET",
            "TCPIPx::h::INSTR",
            "TCPIP::h::x::y::INSTR",
            "ASRL::INSTR",
            "ASRL3",
            "USB0::INSTR",
            "GPIB0::22",
            "10.0.0.7:5025",
            "a b",
            "SIM::x",
            "REPLAY::",
            "VISA::",
            "/:",
            "/dev/ttyUSB0:",
            "VISA::VISA::ASRL3::INSTR",
            "VISA::SIM::a::b",
            "REPLAY::a::b::c",
            "PROCESS::",
            "VISA::PROCESS::a",
        ] {
            let error = text.parse::<Resource>().expect_err(text).to_string();
            assert!(error.contains("is not a resource name"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in ".{0,60}") {
            if let Ok(resource) = text.parse::<Resource>() {
                prop_assert_eq!(resource.to_string().parse::<Resource>().unwrap(), resource);
            }
        }
    }
}
