//! A serial line's settings: plain data.

use std::time::Duration;

/// Whether a parity bit is sent, and what makes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Parity {
    /// No parity bit.
    #[default]
    None,
    /// The number of ones is even.
    Even,
    /// The number of ones is odd.
    Odd,
}

/// Who keeps whom from sending too much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FlowControl {
    /// Nobody.
    #[default]
    None,
    /// The lines RTS and CTS.
    RtsCts,
    /// The characters XON and XOFF.
    XonXoff,
}

/// What ends a message on a serial line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Terminator {
    /// A line feed. Of a message that is received, a carriage return before it is dropped.
    #[default]
    Lf,
    /// A carriage return and a line feed. Received as LF is.
    CrLf,
    /// A carriage return alone.
    Cr,
    /// A line feed and a carriage return behind it.
    LfCr,
}

/// How questions and answers belong together on a HiSLIP session (IVI-6.1, 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HislipMode {
    /// A new question drops the answer to the one before.
    Synchronised,
    /// Answers come in the order of the questions, whatever is sent meanwhile.
    Overlapped,
}

impl HislipMode {
    /// Both with their words in files.
    pub const ALL: &'static [(&'static str, Self)] =
        &[("synchronised", Self::Synchronised), ("overlapped", Self::Overlapped)];

    /// The word used in files.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Synchronised => "synchronised",
            Self::Overlapped => "overlapped",
        }
    }
}

impl Parity {
    /// Every kind with its word in files.
    pub const ALL: &'static [(&'static str, Self)] = &[("none", Self::None), ("even", Self::Even), ("odd", Self::Odd)];
}

impl FlowControl {
    /// Every kind with its word in files.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("none", Self::None),
        ("rts_cts", Self::RtsCts),
        ("xon_xoff", Self::XonXoff),
    ];
}

impl Terminator {
    /// Every kind with its word in files.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("LF", Self::Lf),
        ("CRLF", Self::CrLf),
        ("CR", Self::Cr),
        ("LFCR", Self::LfCr),
    ];

    /// The bytes that are sent.
    #[must_use]
    pub const fn bytes(self) -> &'static [u8] {
        match self {
            Self::Lf => b"\n",
            Self::CrLf => b"\r\n",
            Self::Cr => b"\r",
            Self::LfCr => b"\n\r",
        }
    }
}

/// What an instrument says behind every message, and behind its answer where it has one: a line of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompts {
    /// The message was carried out: `=>`.
    pub ok: String,
    /// It was not understood.
    pub command_error: String,
    /// It was understood, and could not be carried out.
    pub execution_error: String,
}

/// What a prompt says of the message before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// It was carried out.
    Ok,
    /// It was not understood.
    CommandError,
    /// It was understood, and could not be carried out.
    ExecutionError,
}

impl Prompts {
    /// Which prompt a line is, blanks around it left out; nothing where it is none.
    #[must_use]
    pub fn meaning(&self, line: &[u8]) -> Option<Prompt> {
        let known = [
            (&self.ok, Prompt::Ok),
            (&self.command_error, Prompt::CommandError),
            (&self.execution_error, Prompt::ExecutionError),
        ];
        let line = line.trim_ascii();
        let found = known.iter().find(|(text, _)| text.as_bytes() == line);
        found.map(|(_, prompt)| *prompt)
    }
}

/// How a serial line is set, and what a session on it has to know; and what else a path is told that its resource does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineSettings {
    /// Symbols per second.
    pub baud: u32,
    /// Bits of a character, 7 or 8.
    pub data_bits: u8,
    /// The parity bit.
    pub parity: Parity,
    /// Stop bits, 1 or 2.
    pub stop_bits: u8,
    /// Who keeps whom from sending too much.
    pub flow_control: FlowControl,
    /// What ends the messages that are sent.
    pub terminator: Terminator,
    /// What ends the answers.
    pub answer_terminator: Terminator,
    /// Bytes that do what device clear does on a bus; none where there are none.
    pub clear: Vec<u8>,
    /// How long nothing must have come before an abandoned answer counts as gone: the slowest answer.
    pub quiet: Duration,
    /// What the instrument says behind every message; nothing where only questions are answered.
    pub prompts: Option<Prompts>,
    /// The mode that a HiSLIP session must have; nothing where it is the instrument's affair.
    pub hislip_mode: Option<HislipMode>,
    /// How long to wait for the instrument's lock, which keeps others out; nothing where they may use it too.
    pub exclusive: Option<Duration>,
}

impl Default for LineSettings {
    /// 9600 baud, 8 data bits, no parity, 1 stop bit, no flow control, LF both ways: what most instruments leave the factory
    /// with.
    fn default() -> Self {
        Self {
            baud: 9600,
            data_bits: 8,
            parity: Parity::None,
            stop_bits: 1,
            flow_control: FlowControl::None,
            terminator: Terminator::Lf,
            answer_terminator: Terminator::Lf,
            clear: Vec::new(),
            quiet: Duration::from_secs(3),
            prompts: None,
            hislip_mode: None,
            exclusive: None,
        }
    }
}
