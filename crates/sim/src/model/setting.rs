//! Settings that an instrument keeps and answers, and that change nothing else that is simulated.
//!
//! `"TRIGger:SLOPe" = { does = "setting", kind = "word", words = ["POSitive", "NEGative"], default = "NEGative" }`

use crate::{
    answer::{Numbers, quoted, whole},
    keys,
    parser::{Argument, Bounds, Dimension, is_form_of, short_form},
    quantity,
    status::{ILLEGAL_PARAMETER_VALUE, ScpiError},
};
use benchtop_notation::{Diagnostics, Table, one_of};

/// What a setting takes and answers.
#[derive(Clone, Debug)]
pub(crate) struct SettingModel {
    kind: Kind,
    /// What other commands call it.
    pub(crate) name: Option<String>,
    pub(crate) default: Remembered,
    /// Kept per channel, and a channel list may follow.
    pub(crate) per_channel: bool,
    /// `*RST` leaves it alone.
    pub(crate) survives_reset: bool,
}

#[derive(Clone, Debug)]
enum Kind {
    /// Also words that are taken and change nothing of it: `ONCE`.
    Boolean(Vec<String>),
    /// With the only values that there are, from small to large; none where all between are.
    Number(Bounds, Dimension, Vec<f64>),
    Integer(Bounds),
    Word(Vec<String>),
    Text,
}

/// The value of a setting.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Remembered {
    Boolean(bool),
    Number(f64),
    Integer(f64),
    Word(String),
    Text(String),
}

/// The settings of one instrument that were changed: by setting and channel.
pub(crate) type Stored = std::collections::BTreeMap<(usize, u32), Remembered>;

#[derive(Clone, Copy)]
enum KindName {
    Boolean,
    Number,
    Integer,
    Word,
    Text,
}

/// What is of other commands among the keys of a command.
const NOT_OF_SETTINGS: [&str; 3] = ["setting", "answer", "arguments"];

impl SettingModel {
    pub(super) fn read(table: &Table<'_>, sink: &mut Diagnostics) -> Option<Self> {
        let known = keys::COMMAND.names();
        let known: Vec<&str> = known.into_iter().filter(|key| !NOT_OF_SETTINGS.contains(key)).collect();
        table.refuse_unknown(sink, &known);
        let word = table.require_string(sink, "kind")?;
        let kinds = [
            ("boolean", KindName::Boolean),
            ("number", KindName::Number),
            ("integer", KindName::Integer),
            ("word", KindName::Word),
            ("text", KindName::Text),
        ];
        let (kind, default) = match one_of(sink, "kind", &word, &kinds)? {
            KindName::Boolean => {
                let default = table.require_bool(sink, "default")?;
                let words = table.strings(sink, "words").unwrap_or_default();
                let words = words.into_iter().map(|word| word.value).collect();
                (Kind::Boolean(words), Remembered::Boolean(default.value))
            }
            KindName::Number => {
                let bounds = bounds(table, sink)?;
                let unit = dimension(table, sink)?;
                let steps = table.items(sink, "steps").unwrap_or_default();
                let steps = steps.iter().filter_map(|step| step.number(sink)?.value.parse().ok());
                let steps = steps.collect();
                (Kind::Number(bounds, unit, steps), Remembered::Number(bounds.default))
            }
            KindName::Integer => {
                let bounds = bounds(table, sink)?;
                (Kind::Integer(bounds), Remembered::Integer(bounds.default))
            }
            KindName::Word => {
                let words: Vec<String> = table
                    .require_strings(sink, "words")?
                    .into_iter()
                    .map(|word| word.value)
                    .collect();
                let default = table.require_string(sink, "default")?;
                if !words.contains(&default.value) {
                    sink.error(&default.span, "`default` is not one of `words`");
                }
                (Kind::Word(words), Remembered::Word(default.value))
            }
            KindName::Text => {
                let default = table.require_string(sink, "default")?;
                (Kind::Text, Remembered::Text(default.value))
            }
        };
        let flag = |sink: &mut Diagnostics, key| table.bool(sink, key).is_some_and(|flag| flag.value);
        Some(Self {
            kind,
            name: table.string(sink, "name").map(|name| name.value),
            default,
            per_channel: flag(sink, "per_channel"),
            survives_reset: flag(sink, "survives_reset"),
        })
    }

    /// The value that an argument sets; nothing where it changes nothing.
    pub(crate) fn accept(&self, argument: &Argument<'_>) -> Result<Option<Remembered>, ScpiError> {
        let value = match &self.kind {
            Kind::Boolean(words)
                if words
                    .iter()
                    .any(|name| argument.word().is_ok_and(|word| is_form_of(name, word))) =>
            {
                return Ok(None);
            }
            Kind::Boolean(_) => argument.boolean().map(Remembered::Boolean),
            Kind::Number(bounds, unit, steps) => {
                let value = argument.bounded(*unit, bounds)?;
                let step = steps.iter().copied().find(|step| *step >= value);
                Ok(Remembered::Number(step.unwrap_or(value)))
            }
            Kind::Integer(bounds) => {
                let value = argument.bounded(Dimension::None, bounds)?;
                Ok(Remembered::Integer(value.round()))
            }
            Kind::Word(words) => {
                let word = argument.word()?;
                let found = words.iter().find(|name| is_form_of(name, word));
                found.cloned().map(Remembered::Word).ok_or(ILLEGAL_PARAMETER_VALUE)
            }
            Kind::Text => argument.text().map(|text| Remembered::Text(text.to_owned())),
        };
        value.map(Some)
    }

    /// The value that `MIN`, `MAX` or `DEF` in a query asks for.
    pub(crate) fn named(&self, word: &str) -> Option<Remembered> {
        match &self.kind {
            Kind::Number(bounds, _, _) => bounds.named(word).map(Remembered::Number),
            Kind::Integer(bounds) => bounds.named(word).map(Remembered::Integer),
            Kind::Boolean(_) | Kind::Word(_) | Kind::Text => None,
        }
    }
}

impl Remembered {
    /// As the instrument answers it.
    pub(crate) fn answer(&self, numbers: Numbers) -> String {
        match self {
            Self::Boolean(value) => numbers.flag(*value),
            Self::Number(value) => numbers.setting(*value),
            Self::Integer(value) => {
                let magnitude = whole(value.abs())
                    .and_then(|whole| i64::try_from(whole).ok())
                    .unwrap_or_default();
                numbers.integer(if *value < 0.0 { -magnitude } else { magnitude })
            }
            Self::Word(word) => short_form(word),
            Self::Text(text) => quoted(text),
        }
    }
}

fn bounds(table: &Table<'_>, sink: &mut Diagnostics) -> Option<Bounds> {
    let [minimum, maximum, default] = ["minimum", "maximum", "default"].map(|key| {
        table.require(sink, key)?;
        quantity::number(sink, table, key)
    });
    let bounds = Bounds {
        minimum: minimum?,
        maximum: maximum?,
        default: default?,
    };
    if bounds.check(bounds.default).is_err() {
        sink.error(table.span(), "`default` lies outside `minimum` and `maximum`");
    }
    Some(bounds)
}

/// The unit that the argument may carry, in base units: `unit = "s"`.
fn dimension(table: &Table<'_>, sink: &mut Diagnostics) -> Option<Dimension> {
    let Some(unit) = table.string(sink, "unit") else {
        return Some(Dimension::None);
    };
    let units = [
        ("V", Dimension::Volts),
        ("A", Dimension::Amperes),
        ("Ohm", Dimension::Ohms),
        ("s", Dimension::Seconds),
        ("Hz", Dimension::Hertz),
        ("F", Dimension::Farads),
        ("degC", Dimension::Celsius),
    ];
    one_of(sink, "unit", &unit, &units)
}
