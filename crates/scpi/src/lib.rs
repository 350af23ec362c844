//! The controller's side of IEEE 488.2 and SCPI, and drivers read from data.
//!
//! A [`Definition`] is one `driver.toml`, checked; [`Definition::capabilities`] needs no session.
//! [`ScpiInstrument`] drives an instrument by its definition over any
//! [`Session`](benchtop_instrument::Session). This crate opens no file and no connection, and knows nothing of what
//! the simulator believes.

mod acknowledged;
mod acquire;
mod choices;
mod definition;
mod driver;
mod error_check;
mod keys;
mod line;
mod options;
mod outputs;
mod parse;
mod relays;
mod response;
mod sampling;
mod template;

pub use choices::{ChoiceDefinition, ChoiceDefinitions};
pub use definition::{
    Definition, Evidence, FunctionDefinition, InputsDefinition, OutputsDefinition, ProtectionDefinition, Readback,
    RegulationAnswers, RegulationDefinition, RelaysDefinition, SerialDefinition, SettingDefinition, Source,
    SwitchDefinition,
};
pub use driver::ScpiInstrument;
pub use error_check::ErrorCheck;
pub use keys::keys;
pub use line::LineChanges;
pub use options::Options;
pub use parse::{parse, parse_inheriting};
pub use response::{Number, ResponseError, number, string, values};
pub use sampling::{
    ApertureDefinition, DelayDefinition, ResolutionDefinition, SamplesDefinition, SamplingDefinition,
    StatisticsDefinition, TriggerDefinition,
};
pub use template::{Template, TemplateError};

#[cfg(test)]
mod tests;
