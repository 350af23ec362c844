//! How a model reports: `[status]`, `[errors]` and `[serial]` of a `sim.toml`.
//!
//! `[errors]` says what this model reports in place of an error of SCPI-99: another text, or another number too.
//! `"-128" = { reports = -104, text = "Data type error" }`

use crate::{
    answer::{Flags, Numbers, Settings},
    calendar::Date,
    keys,
    status::{NO_ERROR, ScpiError},
};
use benchtop_instrument::Moment;
use benchtop_notation::{Diagnostics, Table, one_of};
use std::collections::BTreeMap;

/// What a model reports, and how.
#[derive(Clone, Debug)]
pub(crate) struct Reporting {
    /// How many errors are kept.
    pub(crate) depth: usize,
    /// Each client reads its own errors only.
    pub(crate) per_client: bool,
    form: ErrorForm,
    /// Bit 2 of the status byte says that errors wait.
    pub(crate) in_status_byte: bool,
    pub(crate) scpi_version: String,
    pub(crate) numbers: Numbers,
    pub(crate) lone_cr_ends_message: bool,
    codes: BTreeMap<i16, i16>,
    texts: BTreeMap<i16, String>,
}

/// What stands behind the text of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ErrorForm {
    /// Nothing.
    Plain,
    /// Its type and when it happened.
    Event,
    /// And no quotes: a blank stands between number and text.
    Blank,
}

/// A serial line, where the model has one that differs from its bus.
#[derive(Clone, Debug)]
pub(crate) struct Serial {
    /// What ends its answers.
    pub(crate) terminator: &'static [u8],
    /// Bytes that do what device clear does.
    pub(crate) clears: Vec<u8>,
    /// Readings are refused until it was told to go to remote.
    pub(crate) needs_remote: bool,
    /// Going to remote and to local is refused anywhere else.
    pub(crate) only_here: bool,
}

impl Reporting {
    /// The error that this model reports where SCPI-99 has `error`.
    pub(crate) fn reported(&self, error: ScpiError) -> ScpiError {
        match self.codes.get(&error.code) {
            Some(code) => ScpiError { code: *code, text: "" },
            None => error,
        }
    }

    /// As `SYSTem:ERRor?` answers it.
    pub(crate) fn answer(&self, error: Option<(ScpiError, Moment)>) -> String {
        let ScpiError { code, text } = self.reported(error.map_or(NO_ERROR, |(error, _)| error));
        let text = self.texts.get(&code).map_or(text, String::as_str);
        let event = match (self.form, error) {
            (ErrorForm::Blank, _) => return format!("{}  {text}", self.numbers.integer(code.into())),
            (ErrorForm::Plain, _) => String::new(),
            (ErrorForm::Event, None) => ";0;0 0".to_owned(),
            // 1 is an error, as opposed to a warning
            (ErrorForm::Event, Some((_, when))) => format!(";1;{}", Date::of(when).stamp()),
        };
        format!("{},\"{text}{event}\"", self.numbers.integer(code.into()))
    }

    pub(super) fn read(root: &Table<'_>, sink: &mut Diagnostics) -> Option<Self> {
        let table = root.require_table(sink, "status", &keys::STATUS.names())?;
        let depth = table.require_integer(sink, "error_queue");
        let decimals = table.require_integer(sink, "decimals");
        let scpi_version = table.require_string(sink, "scpi_version");
        let flag = |sink: &mut Diagnostics, key| table.bool(sink, key).map(|flag| flag.value);
        let in_status_byte = flag(sink, "errors_in_status_byte").unwrap_or(true);
        let [per_client, lone_cr, readings, integers, shortest, fixed_point, words] = [
            "errors_per_client",
            "lone_cr_ends_message",
            "unsigned_readings",
            "unsigned_integers",
            "shortest_settings",
            "fixed_point",
            "flags_in_words",
        ]
        .map(|key| flag(sink, key).unwrap_or(false));
        let (codes, texts) = errors(root, sink);
        let small = |value: i64| usize::try_from(value).ok().filter(|value| (1..=1000).contains(value));
        let (depth, decimals) = (depth?, decimals?);
        let (Some(depth), Some(decimals)) = (small(depth.value), small(decimals.value).filter(|digits| *digits <= 16))
        else {
            sink.error(table.span(), "`error_queue` is from 1 to 1000, `decimals` from 1 to 16");
            return None;
        };
        let fixed = table.integer(sink, "setting_decimals");
        let fixed = fixed.and_then(|digits| usize::try_from(digits.value).ok().filter(|digits| *digits <= 16));
        let settings = match (fixed, shortest) {
            (Some(digits), _) => Settings::Fixed(digits),
            (None, true) => Settings::Shortest,
            (None, false) => Settings::AsReadings,
        };
        let forms = [
            ("plain", ErrorForm::Plain),
            ("event", ErrorForm::Event),
            ("blank", ErrorForm::Blank),
        ];
        let form = match table.string(sink, "error_form") {
            Some(word) => one_of(sink, "form", &word, &forms)?,
            None => ErrorForm::Plain,
        };
        Some(Self {
            depth,
            per_client,
            form,
            in_status_byte,
            scpi_version: scpi_version?.value,
            numbers: Numbers {
                decimals,
                unsigned_readings: readings,
                unsigned_integers: integers,
                fixed_point,
                settings,
                flags: if words { Flags::Words } else { Flags::Digits },
            },
            lone_cr_ends_message: lone_cr,
            codes,
            texts,
        })
    }
}

/// Reads `[errors]`: other numbers by SCPI-99's, texts by the number that is reported.
fn errors(root: &Table<'_>, sink: &mut Diagnostics) -> (BTreeMap<i16, i16>, BTreeMap<i16, String>) {
    let (mut codes, mut texts) = (BTreeMap::new(), BTreeMap::new());
    for (name, row) in root.tables_by_name(sink, "errors", &keys::ERROR.names()) {
        let Ok(code) = name.value.parse::<i16>() else {
            sink.error(&name.span, "an error is named by its number: `\"-230\"`");
            continue;
        };
        let reported = row.integer(sink, "reports");
        let reported = reported.and_then(|code| i16::try_from(code.value).ok());
        codes.extend(reported.map(|reported| (code, reported)));
        let text = row.require_string(sink, "text");
        texts.extend(text.map(|text| (reported.unwrap_or(code), text.value)));
    }
    (codes, texts)
}

impl Serial {
    pub(super) fn read(root: &Table<'_>, sink: &mut Diagnostics) -> Option<Self> {
        let table = root.table(sink, "serial", &keys::SERIAL.names())?;
        let word = table.require_string(sink, "terminator")?;
        let terminators: [(&str, &[u8]); 4] = [("LF", b"\n"), ("CR", b"\r"), ("CRLF", b"\r\n"), ("LFCR", b"\n\r")];
        let clears = table.strings(sink, "clears").unwrap_or_default();
        // `^C` is 3, as on a terminal
        let control = |text: &str| match text.as_bytes() {
            [b'^', letter @ b'A'..=b'Z'] => Some(letter - b'@'),
            _ => None,
        };
        for word in clears.iter().filter(|word| control(&word.value).is_none()) {
            sink.error(&word.span, "a control character is written `^C`");
        }
        let flag = |sink: &mut Diagnostics, key| table.bool(sink, key).is_some_and(|flag| flag.value);
        Some(Self {
            terminator: one_of(sink, "terminator", &word, &terminators)?,
            clears: clears.iter().filter_map(|word| control(&word.value)).collect(),
            needs_remote: flag(sink, "needs_remote"),
            only_here: flag(sink, "only_here"),
        })
    }
}
