//! How autozero and input impedance are chosen: `autozero = { on = "...", off = "...", default = "on" }`.

use crate::{keys, parse::check_template, template::Template};
use benchtop_instrument::{ChoiceCapability, Choices, InputImpedance};
use benchtop_notation::{Diagnostics, Table, one_of};

/// One thing to choose, with what chooses each.
#[derive(Clone, Debug)]
pub struct ChoiceDefinition<T> {
    commands: Vec<(T, Template)>,
    default: T,
}

/// What a function lets one choose.
#[derive(Clone, Debug, Default)]
pub struct ChoiceDefinitions {
    autozero: Option<ChoiceDefinition<bool>>,
    input_impedance: Option<ChoiceDefinition<InputImpedance>>,
}

const SWITCH: &[(&str, bool)] = &[("on", true), ("off", false)];

impl ChoiceDefinitions {
    pub(crate) fn read(function: &Table<'_>, sink: &mut Diagnostics) -> Self {
        Self {
            autozero: ChoiceDefinition::read(function, sink, "autozero", &keys::AUTOZERO.names(), SWITCH),
            input_impedance: ChoiceDefinition::read(
                function,
                sink,
                "input_impedance",
                &keys::INPUT_IMPEDANCE.names(),
                InputImpedance::ALL,
            ),
        }
    }

    /// What there is to choose.
    pub(crate) const fn capability(&self) -> ChoiceCapability {
        ChoiceCapability {
            autozero: self.autozero.is_some(),
            input_impedance: self.input_impedance.is_some(),
        }
    }

    /// What will be in use, and what brings it about.
    #[must_use]
    pub fn choose(&self, wanted: Choices) -> (Choices, Vec<Template>) {
        let autozero = self.autozero.as_ref().map(|choice| choice.choose(wanted.autozero));
        let input = self.input_impedance.as_ref();
        let input = input.map(|choice| choice.choose(wanted.input_impedance));
        let in_use = Choices {
            autozero: autozero.map(|(value, _)| value),
            input_impedance: input.map(|(value, _)| value),
        };
        let commands = [
            autozero.and_then(|(_, command)| command),
            input.and_then(|(_, command)| command),
        ];
        (in_use, commands.into_iter().flatten().cloned().collect())
    }
}

impl<T: Copy + PartialEq> ChoiceDefinition<T> {
    fn read(
        function: &Table<'_>,
        sink: &mut Diagnostics,
        key: &str,
        keys: &[&str],
        words: &[(&str, T)],
    ) -> Option<Self> {
        let table = function.table(sink, key, keys)?;
        let commands: Vec<(T, Template)> = words
            .iter()
            .filter_map(|(word, value)| {
                let text = table.require_string(sink, word)?;
                Some((*value, check_template(sink, &text)?))
            })
            .collect();
        let default = table.require_string(sink, "default")?;
        Some(Self {
            commands,
            default: one_of(sink, "default", &default, words)?,
        })
    }

    fn choose(&self, wanted: Option<T>) -> (T, Option<&Template>) {
        let value = wanted.unwrap_or(self.default);
        let found = self.commands.iter().find(|(known, _)| *known == value);
        (value, found.map(|(_, command)| command))
    }
}
