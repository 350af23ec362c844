//! The table of headers: which header does what.
//!
//! A header that ends in `?` has its query form only; else it has the forms that its behaviour has. `<sense>` and
//! `<configure>` stand for the headers of each measuring function that has the setting.

use super::{
    ClassModel, SettingModel, Standard,
    standard::{NAMED, STANDARD},
};
use crate::{
    dc_power, dmm,
    parser::{Forms, Tree},
    switch,
};
use benchtop_notation::{Diagnostic, Diagnostics, Kind, Span, Spanned, Table, one_of};

/// What a header leads to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Command {
    pub(crate) behaviour: Behaviour,
    /// The measuring function that stands in the header, as its number in the model.
    pub(crate) function: usize,
    /// A number may stand in the header.
    pub(crate) numbered: bool,
}

/// What can be done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Behaviour {
    Standard(Standard),
    Dmm(dmm::Behaviour),
    DcPower(dc_power::Behaviour),
    Switch(switch::Behaviour),
    /// Keeps and answers a value: the setting of this number.
    Setting(usize),
    /// Answers always the same.
    Constant(String),
    /// Is accepted with at most so many arguments, and does nothing that is simulated.
    Ignored(usize),
    /// Brings the setting of this name to its default.
    Clear(String),
    /// Takes one of these words, and does nothing that is simulated.
    Accepts(Vec<String>),
    /// To remote, or back to local.
    Remote(bool),
    /// As `*RST`.
    Preset,
    /// Answers the time: in seconds since 1970, or with any argument as text.
    Time,
    /// Answers the frequency of the mains.
    LineFrequency,
}

/// The headers read so far.
pub(super) struct Headers {
    pub(super) tree: Tree,
    pub(super) commands: Vec<Command>,
    pub(super) settings: Vec<SettingModel>,
}

impl Headers {
    pub(super) fn new() -> Self {
        Self {
            tree: Tree::new(),
            commands: Vec::new(),
            settings: Vec::new(),
        }
    }

    pub(super) fn read(&mut self, root: &Table<'_>, class: &ClassModel, sink: &mut Diagnostics) {
        for (header, forms, standard) in STANDARD {
            let command = self.command(Behaviour::Standard(*standard), 0, false);
            if let Err(message) = self.tree.insert(header, *forms, command) {
                sink.error(root.span(), &message);
            }
        }
        let Some(rows) = root.require_map(sink, "commands") else {
            return;
        };
        for (header, row) in rows.entries() {
            let table = if row.kind() == Kind::Table { row.map(sink) } else { None };
            let does = match table {
                Some(table) => table.require_string(sink, "does"),
                None => row.string(sink),
            };
            let Some(does) = does else { continue };
            if let Some((behaviour, forms)) = self.behaviour(&does, table, class, sink) {
                self.enter(&header, &behaviour, forms, class, sink);
            }
        }
    }

    fn behaviour(
        &mut self,
        does: &Spanned<String>,
        table: Option<Table<'_>>,
        class: &ClassModel,
        sink: &mut Diagnostics,
    ) -> Option<(Behaviour, Forms)> {
        let mut choices = vec![
            ("setting", (Behaviour::Setting(self.settings.len()), Forms::Both)),
            ("constant", (Behaviour::Constant(String::new()), Forms::Query)),
            ("ignored", (Behaviour::Ignored(0), Forms::Set)),
            ("clear", (Behaviour::Clear(String::new()), Forms::Set)),
            ("accepts", (Behaviour::Accepts(Vec::new()), Forms::Set)),
            ("remote", (Behaviour::Remote(true), Forms::Set)),
            ("local", (Behaviour::Remote(false), Forms::Set)),
            ("preset", (Behaviour::Preset, Forms::Set)),
            ("time", (Behaviour::Time, Forms::Query)),
            ("line_frequency", (Behaviour::LineFrequency, Forms::Query)),
        ];
        choices.extend(
            NAMED
                .iter()
                .map(|(name, forms, standard)| (*name, (Behaviour::Standard(*standard), *forms))),
        );
        match class {
            ClassModel::Dmm(_) => choices.extend(
                dmm::BEHAVIOURS
                    .iter()
                    .map(|(name, behaviour, forms)| (*name, (Behaviour::Dmm(*behaviour), *forms))),
            ),
            ClassModel::DcPower(_) => choices.extend(
                dc_power::BEHAVIOURS
                    .iter()
                    .map(|(name, behaviour, forms)| (*name, (Behaviour::DcPower(*behaviour), *forms))),
            ),
            ClassModel::Switch(_) => choices.extend(
                switch::BEHAVIOURS
                    .iter()
                    .map(|(name, behaviour, forms)| (*name, (Behaviour::Switch(*behaviour), *forms))),
            ),
        }
        let (behaviour, forms) = one_of(sink, "behaviour", does, &choices)?;
        let behaviour = match behaviour {
            Behaviour::Setting(_) => {
                let Some(table) = table else {
                    sink.push(missing_table(
                        &does.span,
                        "{ does = \"setting\", kind = \"boolean\", default = true }",
                    ));
                    return None;
                };
                self.settings.push(SettingModel::read(&table, sink)?);
                behaviour
            }
            Behaviour::Constant(_) => {
                let Some(table) = table else {
                    sink.push(missing_table(&does.span, "{ does = \"constant\", answer = \"FRON\" }"));
                    return None;
                };
                table.refuse_unknown(sink, &["does", "answer"]);
                Behaviour::Constant(table.require_string(sink, "answer")?.value)
            }
            Behaviour::Accepts(_) => {
                let Some(table) = table else {
                    sink.push(missing_table(&does.span, "{ does = \"accepts\", words = [\"SCPI\"] }"));
                    return None;
                };
                table.refuse_unknown(sink, &["does", "words"]);
                let words = table.require_strings(sink, "words")?;
                Behaviour::Accepts(words.into_iter().map(|word| word.value).collect())
            }
            Behaviour::Clear(_) => {
                let Some(table) = table else {
                    sink.push(missing_table(&does.span, "{ does = \"clear\", setting = \"display\" }"));
                    return None;
                };
                table.refuse_unknown(sink, &["does", "setting"]);
                Behaviour::Clear(table.require_string(sink, "setting")?.value)
            }
            Behaviour::Ignored(_) => {
                let arguments = table.and_then(|table| {
                    table.refuse_unknown(sink, &["does", "arguments"]);
                    table.integer(sink, "arguments")
                });
                let arguments = arguments.and_then(|arguments| usize::try_from(arguments.value).ok());
                Behaviour::Ignored(arguments.unwrap_or(0))
            }
            Behaviour::Standard(_)
            | Behaviour::Dmm(_)
            | Behaviour::DcPower(_)
            | Behaviour::Switch(_)
            | Behaviour::Remote(_)
            | Behaviour::Preset
            | Behaviour::Time
            | Behaviour::LineFrequency => {
                if let Some(table) = table {
                    table.refuse_unknown(sink, &["does"]);
                }
                behaviour
            }
        };
        Some((behaviour, forms))
    }

    /// Enters a header, once for each function that it stands for.
    fn enter(
        &mut self,
        header: &Spanned<String>,
        behaviour: &Behaviour,
        forms: Forms,
        class: &ClassModel,
        sink: &mut Diagnostics,
    ) {
        let (pattern, forms) = match header.value.strip_suffix('?') {
            Some(_) if forms == Forms::Set => {
                sink.error(&header.span, "what this does has no query form");
                return;
            }
            Some(pattern) => (pattern, Forms::Query),
            None => (header.value.as_str(), forms),
        };
        let expanded = match (class, behaviour) {
            (ClassModel::Dmm(model), Behaviour::Dmm(behaviour)) => dmm::expand(model, *behaviour, pattern),
            _ => vec![(pattern.to_owned(), 0)],
        };
        if expanded.is_empty() {
            sink.warning(&header.span, "no function has this setting");
        }
        for (pattern, function) in expanded {
            let command = self.command(behaviour.clone(), function, pattern.contains("<n>"));
            if let Err(message) = self.tree.insert(&pattern, forms, command) {
                sink.error(&header.span, &message);
            }
        }
    }

    /// The number of a command.
    fn command(&mut self, behaviour: Behaviour, function: usize, numbered: bool) -> usize {
        self.commands.push(Command {
            behaviour,
            function,
            numbered,
        });
        self.commands.len() - 1
    }
}

fn missing_table(span: &Span, example: &str) -> Diagnostic {
    Diagnostic::error(span, "this needs more than its name").help(&format!("for example {example}"))
}
