//! Serial line settings as files write them: a definition's, and what a station says instead.

use benchtop_instrument::{FlowControl, HislipMode, LineSettings, Parity, Terminator};
use benchtop_notation::{Diagnostics, Key, Shape, Spanned, Table, one_of};

/// What is written of a serial line; what is not stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineChanges {
    /// Symbols per second.
    pub baud: Option<u32>,
    /// 7 or 8.
    pub data_bits: Option<u8>,
    /// The parity bit.
    pub parity: Option<Parity>,
    /// 1 or 2.
    pub stop_bits: Option<u8>,
    /// Who keeps whom from sending too much.
    pub flow_control: Option<FlowControl>,
    /// What ends the messages that are sent.
    pub terminator: Option<Terminator>,
    /// What ends the answers.
    pub answer_terminator: Option<Terminator>,
    /// The mode that a HiSLIP session must have. Not among the keys of a line.
    pub hislip_mode: Option<HislipMode>,
}

fn words<T>(all: &[(&'static str, T)]) -> Vec<&'static str> {
    all.iter().map(|(word, _)| *word).collect()
}

impl LineChanges {
    /// The keys that [`LineChanges::read`] takes.
    pub const KEYS: &'static [Key; 7] = &[
        Key::new("baud", Shape::Integer(50), "Symbols per second."),
        Key::new("data_bits", Shape::Integer(7), "Data bits of a character, 7 or 8."),
        Key::new("parity", Shape::Word(|| words(Parity::ALL)), "The parity bit."),
        Key::new("stop_bits", Shape::Integer(1), "Stop bits of a character, 1 or 2."),
        Key::new(
            "flow_control",
            Shape::Word(|| words(FlowControl::ALL)),
            "Who keeps whom from sending too much.",
        ),
        Key::new(
            "terminator",
            Shape::Word(|| words(Terminator::ALL)),
            "What ends the messages that are sent.",
        ),
        Key::new(
            "answer_terminator",
            Shape::Word(|| words(Terminator::ALL)),
            "What ends the answers.",
        ),
    ];

    /// Reads them from a table that has them among its keys.
    pub fn read(table: &Table<'_>, sink: &mut Diagnostics) -> Self {
        let mut count = |key: &str, least: i64, most: i64| {
            let value = table.integer(sink, key)?;
            if (least..=most).contains(&value.value) {
                return Some(value.value);
            }
            sink.error(&value.span, &format!("`{key}` lies between {least} and {most}"));
            None
        };
        let baud = count("baud", 50, 4_000_000).and_then(|baud| u32::try_from(baud).ok());
        let data_bits = count("data_bits", 7, 8).and_then(|bits| u8::try_from(bits).ok());
        let stop_bits = count("stop_bits", 1, 2).and_then(|bits| u8::try_from(bits).ok());
        let parity = word(table, sink, "parity", Parity::ALL);
        let flow_control = flow_control(table, sink);
        let terminator = word(table, sink, "terminator", Terminator::ALL);
        let answer_terminator = word(table, sink, "answer_terminator", Terminator::ALL);
        Self {
            baud,
            data_bits,
            parity,
            stop_bits,
            flow_control,
            terminator,
            answer_terminator,
            hislip_mode: None,
        }
    }

    /// These settings over others.
    #[must_use]
    pub fn over(&self, base: LineSettings) -> LineSettings {
        LineSettings {
            baud: self.baud.unwrap_or(base.baud),
            data_bits: self.data_bits.unwrap_or(base.data_bits),
            parity: self.parity.unwrap_or(base.parity),
            stop_bits: self.stop_bits.unwrap_or(base.stop_bits),
            flow_control: self.flow_control.unwrap_or(base.flow_control),
            terminator: self.terminator.unwrap_or(base.terminator),
            answer_terminator: self.answer_terminator.unwrap_or(base.answer_terminator),
            hislip_mode: self.hislip_mode.or(base.hislip_mode),
            ..base
        }
    }
}

fn word<T: Copy>(table: &Table<'_>, sink: &mut Diagnostics, key: &str, choices: &[(&str, T)]) -> Option<T> {
    let word = table.string(sink, key)?;
    one_of(sink, key, &word, choices)
}

/// Handshake by DTR and DSR is what some instruments do and no port of a computer does by itself.
fn flow_control(table: &Table<'_>, sink: &mut Diagnostics) -> Option<FlowControl> {
    let word: Spanned<String> = table.string(sink, "flow_control")?;
    if word.value == "dtr_dsr" {
        let message =
            "handshake by DTR and DSR is not supported by the operating systems' ports; use none, at 9600 baud or less";
        sink.error(&word.span, message);
        return None;
    }
    one_of(sink, "flow_control", &word, FlowControl::ALL)
}
