//! What a `sim.toml` says: one instrument model as its manual describes it.
//!
//! Identity, status reporting, the headers with what each does, and the figures of its class. What a header *does* is
//! one of the behaviours that the classes have in Rust ([`Behaviour`]); which headers lead there is data.
//! Commands that IEEE 488.2 and SCPI-99 demand of every instrument need not be listed.

mod command;
mod prompt;
mod reporting;
mod setting;
mod standard;

pub(crate) use command::{Behaviour, Command};
pub(crate) use prompt::Prompt;
pub(crate) use reporting::{Reporting, Serial};
pub(crate) use setting::{Remembered, SettingModel, Stored};
pub(crate) use standard::Standard;

use crate::{dc_power::DcPowerModel, dmm::DmmModel, keys, parser::Tree, switch::SwitchModel};
use benchtop_notation::{Diagnostic, Diagnostics, Document, Documents, Table, one_of};
use std::sync::Arc;

/// A simulated instrument model, read from its `sim.toml`. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Model(pub(crate) Arc<Definition>);

#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) identity: Identity,
    pub(crate) reporting: Reporting,
    pub(crate) serial: Option<Serial>,
    pub(crate) prompt: Option<Prompt>,
    pub(crate) tree: Tree,
    pub(crate) commands: Vec<Command>,
    pub(crate) settings: Vec<SettingModel>,
    pub(crate) class: ClassModel,
}

/// The four fields of `*IDN?`.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) manufacturer: String,
    pub(crate) model: String,
    pub(crate) serial_number: String,
    pub(crate) firmware_revision: String,
}

/// The figures of a class of instrument.
#[derive(Debug)]
pub(crate) enum ClassModel {
    Dmm(Box<DmmModel>),
    DcPower(Box<DcPowerModel>),
    Switch(SwitchModel),
}

#[derive(Clone, Copy)]
enum Class {
    Dmm,
    DcPower,
    Switch,
}

impl Model {
    /// Reads a `sim.toml`; `name` is what findings call the file.
    ///
    /// # Errors
    /// Everything that is wrong with it, with line and column.
    pub fn parse(name: &str, text: &str) -> Result<Self, Diagnostics> {
        Self::parse_inheriting(name, text, &|_| None)
    }

    /// Reads a `sim.toml` over the one that it inherits from: `inherits = "<vendor>/<model>"`.
    ///
    /// # Errors
    /// As [`Model::parse`]; a model to inherit from that is unknown or wrong.
    pub fn parse_inheriting(name: &str, text: &str, models: &Documents<'_>) -> Result<Self, Diagnostics> {
        let document = Document::parse_inheriting(name, text, models)?;
        let mut sink = Diagnostics::new();
        let definition = read(&document, &mut sink);
        sink.into_result()?;
        definition.map_or_else(
            || Err(Diagnostic::error(document.span(), "the model is incomplete").into()),
            |definition| Ok(Self(Arc::new(definition))),
        )
    }

    /// The headers that it knows, as manuals write them: `MEASure:VOLTage:DC?`, `STATus:QUEStionable:ISUMmary<n>:CONDition?`.
    ///
    /// Each form on its own, a query with its `?`, and with and without each of its optional parts; sorted.
    #[must_use]
    pub fn headers(&self) -> Vec<String> {
        self.0.tree.headers()
    }

    /// How many channels it has that can feed something.
    pub(crate) fn outputs(&self) -> u32 {
        match &self.0.class {
            ClassModel::Dmm(_) | ClassModel::Switch(_) => 0,
            ClassModel::DcPower(model) => model.last_channel(),
        }
    }

    /// The multimeter that it is.
    pub(crate) fn dmm(&self) -> Option<&DmmModel> {
        match &self.0.class {
            ClassModel::Dmm(model) => Some(model),
            ClassModel::DcPower(_) | ClassModel::Switch(_) => None,
        }
    }
}

fn read(document: &Document, sink: &mut Diagnostics) -> Option<Definition> {
    let root = document.root(sink, &keys::ROOT.names());
    let model = root.require_table(sink, "model", &keys::MODEL.names());
    let class = model.and_then(|model| {
        if model
            .require_strings(sink, "sources")
            .is_some_and(|sources| sources.is_empty())
        {
            sink.error(model.span(), "a model without a source is a guess: name the manual");
        }
        let word = model.require_string(sink, "class")?;
        one_of(
            sink,
            "class",
            &word,
            &[
                ("dmm", Class::Dmm),
                ("dc_power", Class::DcPower),
                ("switch", Class::Switch),
            ],
        )
    });
    let identity = identity(&root, sink);
    let reporting = Reporting::read(&root, sink)?;
    let serial = Serial::read(&root, sink);
    let prompt = Prompt::read(&root, sink);
    let class = match class? {
        Class::Dmm => crate::dmm::read(&root, sink).map(|model| ClassModel::Dmm(Box::new(model))),
        Class::DcPower => crate::dc_power::read(&root, sink).map(|model| ClassModel::DcPower(Box::new(model))),
        Class::Switch => crate::switch::read(&root, sink).map(ClassModel::Switch),
    }?;
    let mut headers = command::Headers::new();
    headers.read(&root, &class, sink);
    Some(Definition {
        identity: identity?,
        reporting,
        serial,
        prompt,
        tree: headers.tree,
        commands: headers.commands,
        settings: headers.settings,
        class,
    })
}

fn identity(root: &Table<'_>, sink: &mut Diagnostics) -> Option<Identity> {
    let table = root.require_table(sink, "identity", &keys::IDENTITY.names())?;
    let fields = ["manufacturer", "model", "serial_number", "firmware_revision"];
    let [manufacturer, model, serial_number, firmware_revision] = fields.map(|key| table.require_string(sink, key));
    let serial_number = serial_number?;
    if !serial_number.value.starts_with("SIM-") {
        sink.error(
            &serial_number.span,
            "the serial number of a simulated instrument begins with `SIM-`",
        );
    }
    Some(Identity {
        manufacturer: manufacturer?.value,
        model: model?.value,
        serial_number: serial_number.value,
        firmware_revision: firmware_revision?.value,
    })
}
