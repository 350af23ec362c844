//! Whether the station's instruments can do what a procedure asks, decided before anything is opened.

mod channel;
mod held;
mod kept;
mod measurement;
mod output;
mod slots;
mod switching;

use crate::given::Given;
use crate::model::{BoundProcedure, InstrumentNeed, LogicalName, Procedure, StepKind};
use crate::written::Written;
use benchtop_instrument::{Capabilities, Function, FunctionCapability, Setting};
use benchtop_notation::{Diagnostic, Diagnostics, Span, suggest};
pub(crate) use slots::bound_slots;
pub use slots::{check_slots, is_for_slots};
use std::{collections::BTreeMap, sync::Arc};

/// The station's instruments by logical name. It may have more than the procedure needs.
pub(crate) type Instruments = BTreeMap<LogicalName, Capabilities>;

/// Finds every request of the procedure possible, or says which are not.
///
/// Warnings come with the result: [`BoundProcedure::warnings`].
///
/// # Errors
/// A missing instrument, one of another class, a channel, function, range, integration time or setting that the
/// instrument has not, a limit beyond the range: all of them, at their places in the procedure's file.
pub fn bind(procedure: Procedure, instruments: &Instruments) -> Result<BoundProcedure, Diagnostics> {
    let warnings = procedure.warnings.clone();
    bound(procedure, warnings, instruments).1
}

/// The procedure with its channels resolved, and the same bound; `sink` is what was found before.
pub(crate) fn bound(
    mut procedure: Procedure,
    mut sink: Diagnostics,
    instruments: &Instruments,
) -> (Arc<Procedure>, Result<BoundProcedure, Diagnostics>) {
    channel::resolve(&mut sink, &mut procedure, instruments, None);
    check(&mut sink, &procedure, instruments);
    let procedure = Arc::new(procedure);
    let bound = match sink.has_errors() {
        true => Err(sink),
        false => Ok(BoundProcedure {
            procedure: Arc::clone(&procedure),
            warnings: sink,
        }),
    };
    (procedure, bound)
}

/// Parses and binds in one go, so that mistakes of the file and of the station's limits come out together.
///
/// # Errors
/// Those of [`parse`](crate::parse) and of [`bind`], in document order.
pub fn check_text(name: &str, text: &str, instruments: &Instruments) -> Result<BoundProcedure, Diagnostics> {
    check_with(name, text, &Given::default(), instruments)
}

/// As [`check_text`], with what the run and the station say and the files that the procedure names.
///
/// # Errors
/// Those of [`parse_with`](crate::parse_with) and of [`bind`], in document order.
pub fn check_with(
    name: &str,
    text: &str,
    given: &Given,
    instruments: &Instruments,
) -> Result<BoundProcedure, Diagnostics> {
    Written::new(name, text).read(given).bind(instruments).bound
}

fn check(sink: &mut Diagnostics, procedure: &Procedure, instruments: &Instruments) {
    for (name, need) in &procedure.instruments {
        check_instrument(sink, name, need, instruments);
    }
    for step in procedure.all_steps() {
        match &step.kind {
            StepKind::Measurements(measurements) => {
                for measurement in measurements {
                    let Some(reading) = measurement.reading() else { continue };
                    if let Some(chosen) = Chosen::find(procedure, instruments, &reading.instrument) {
                        measurement::check(sink, measurement, reading, &chosen);
                    }
                }
            }
            StepKind::Set {
                instrument,
                setting: Setting::Output(output),
                expects: _,
            } => {
                if let Some(chosen) = Chosen::find(procedure, instruments, instrument) {
                    output::check(sink, step, output, &chosen);
                }
            }
            StepKind::Set {
                instrument,
                setting: Setting::Switch(switch),
                expects: _,
            } => {
                if let Some(chosen) = Chosen::find(procedure, instruments, instrument) {
                    switching::check(sink, step, switch, &chosen);
                }
            }
            // what they name is checked where the procedure declares it
            StepKind::Query(_) | StepKind::Send(_) | StepKind::Expect(_) => {}
            StepKind::Wait(_) | StepKind::Prompt(_) | StepKind::Exec(_) => {}
        }
    }
}

/// The instrument that a step means. Displays as messages call it: `psu (Keysight E36312A)`.
struct Chosen<'a> {
    name: &'a LogicalName,
    capabilities: &'a Capabilities,
}

impl<'a> Chosen<'a> {
    /// `None` where it is missing or of another class: that is said once, where the procedure declares it.
    fn find(procedure: &Procedure, instruments: &'a Instruments, name: &'a LogicalName) -> Option<Self> {
        let need = procedure.instruments.get(name)?;
        let capabilities = instruments.get(name)?;
        (capabilities.class == need.class).then_some(Self { name, capabilities })
    }
}

impl std::fmt::Display for Chosen<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.name, self.capabilities.model)
    }
}

fn check_instrument(sink: &mut Diagnostics, name: &LogicalName, need: &InstrumentNeed, instruments: &Instruments) {
    let Some(capabilities) = instruments.get(name) else {
        let known: Vec<&str> = instruments.keys().map(|name| name.0.as_str()).collect();
        let help = match suggest(&name.0, known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if known.is_empty() => "it has none".to_owned(),
            None => format!("it has {}", known.join(", ")),
        };
        let message = format!("the station has no instrument `{name}`");
        sink.push(Diagnostic::error(&need.place, &message).help(&help));
        return;
    };
    let chosen = Chosen { name, capabilities };
    if capabilities.class != need.class {
        let message = format!(
            "{chosen} is of class {}, the procedure needs class {}",
            capabilities.class, need.class
        );
        sink.error(&need.place, &message);
        return;
    }
    for (function, place) in need.needs.iter().zip(&need.need_places) {
        has_function(sink, "", &chosen, *function, place);
    }
}

fn has_function<'a>(
    sink: &mut Diagnostics,
    label: &str,
    chosen: &Chosen<'a>,
    function: Function,
    place: &Span,
) -> Option<&'a FunctionCapability> {
    let found = chosen.capabilities.functions.get(&function);
    // What no instrument of the class measures is refused by `parse`.
    if found.is_none() && chosen.capabilities.class.may_measure(function) {
        let known: Vec<&str> = chosen
            .capabilities
            .functions
            .keys()
            .map(|function| function.word())
            .collect();
        let help = match known.as_slice() {
            [] => "it measures nothing".to_owned(),
            known => format!("it measures {}", known.join(", ")),
        };
        let message = format!("{label}{chosen} does not measure {function}");
        sink.push(Diagnostic::error(place, &message).help(&help));
    }
    found
}

fn has_channel(sink: &mut Diagnostics, label: &str, chosen: &Chosen<'_>, channel: u32, place: &Span) -> bool {
    let has = chosen.capabilities.channels.contains(&channel);
    if !has {
        let channels = chosen.capabilities.channel_list();
        sink.error(place, &format!("{label}{chosen} has {channels}, not {channel}"));
    }
    has
}
