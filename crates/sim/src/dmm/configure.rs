//! Range and resolution: `CONFigure`, `MEASure?`, and the settings of one function.

use super::behaviour::Group;
use super::definition::{DmmModel, FunctionModel, Takes};
use super::function::{FunctionState, Terminals};
use super::scanner::{ChannelSettings, scanned};
use super::setup::Setup;
use super::state::{Dmm, Trigger};
use crate::{
    answer::{Numbers, quoted},
    device::Call,
    parser::{Argument, Arguments, Bounds, Dimension, is_form_of},
    status::{DATA_OUT_OF_RANGE, ILLEGAL_PARAMETER_VALUE, RESOLUTION_TOO_FINE, SETTINGS_CONFLICT, ScpiError},
};

/// What a counter resolves of its range in one second.
const COUNTED: f64 = 1e-6;
/// How long one counts whose gate cannot be set, in seconds.
const USUAL_GATE: f64 = 0.1;

/// Two numbers are the same setting if they differ by no more than this part.
const SAME: f64 = 1e-9;

/// The state that `CONFigure` and `MEASure?` demand; nothing is changed yet.
fn requested(model: &DmmModel, number: usize, arguments: &mut Arguments<'_>) -> Result<FunctionState, ScpiError> {
    let function = model.functions.get(number).ok_or(ILLEGAL_PARAMETER_VALUE)?;
    let mut state = FunctionState::default_of(model, function);
    match &function.takes {
        Takes::Nothing => {}
        Takes::Range | Takes::RangeOnly => {
            let fixed = arguments
                .optional()
                .map(|range| range_argument(function, &mut state, &range))
                .transpose()?;
            let resolution = arguments.optional();
            if let (Some(resolution), Takes::Range) = (resolution, &function.takes) {
                resolution_argument(model, function, &mut state, &resolution, fixed.unwrap_or(false))?;
            }
        }
        Takes::Expected => {
            if let Some(argument) = arguments.optional() {
                expected(&argument, function)?;
            }
            if let Some(resolution) = arguments.optional() {
                resolution.bounded(function.senses.dimension(), &ANY)?;
            }
        }
        Takes::Transducer(words) => {
            if let Some(argument) = arguments.optional() {
                let word = argument.word()?;
                let known = words.iter().any(|name| is_form_of(name, word));
                known.then_some(()).ok_or(ILLEGAL_PARAMETER_VALUE)?;
                arguments.optional();
                arguments.optional();
                arguments.optional();
            }
        }
    }
    arguments.end()?;
    state.autozero = model.nplc.get(state.nplc).is_some_and(|row| row.cycles >= 1.0);
    Ok(state)
}

const ANY: Bounds = Bounds {
    minimum: f64::MIN,
    maximum: f64::MAX,
    default: 0.0,
};

/// What a counter is to expect: a number within what it counts, or a word for one.
fn expected(argument: &Argument<'_>, function: &FunctionModel) -> Result<(), ScpiError> {
    let bounds = function.counts.map_or(ANY, |counts| Bounds {
        minimum: counts.least,
        maximum: counts.largest,
        default: counts.range,
    });
    argument.bounded(function.senses.dimension(), &bounds).map(drop)
}

/// Takes the range of `CONFigure`; says whether it is a fixed one.
fn range_argument(
    function: &FunctionModel,
    state: &mut FunctionState,
    range: &Argument<'_>,
) -> Result<bool, ScpiError> {
    if let Argument::Word(word) = range
        && (is_form_of("AUTO", word) || is_form_of("DEFault", word))
    {
        return Ok(false);
    }
    let chosen = range_value(function, range, true)?;
    if function.ranges.get(chosen).is_some_and(|range| range.high_current) {
        state.terminals = Terminals::HighCurrent;
    } else {
        state.range = chosen;
    }
    state.autorange = false;
    Ok(true)
}

fn resolution_argument(
    model: &DmmModel,
    function: &FunctionModel,
    state: &mut FunctionState,
    resolution: &Argument<'_>,
    fixed_range: bool,
) -> Result<(), ScpiError> {
    if let Argument::Word(word) = resolution
        && is_form_of("DEFault", word)
    {
        return Ok(());
    }
    if !fixed_range {
        return Err(SETTINGS_CONFLICT);
    }
    state.integrate(model, nplc_for(model, function, state, resolution)?);
    Ok(())
}

/// The integration time that a resolution needs: the fastest that gives it.
pub(super) fn nplc_for(
    model: &DmmModel,
    function: &FunctionModel,
    state: &FunctionState,
    resolution: &Argument<'_>,
) -> Result<usize, ScpiError> {
    let bounds = resolution_bounds(model, function, state);
    let wanted = match resolution {
        Argument::Word(_) => resolution.bounded(function.senses.dimension(), &bounds)?,
        // coarser than the coarsest is no mistake (AG p.102: `CONF:VOLT:DC 10,0.003`)
        Argument::Number(_)
        | Argument::Integer(_)
        | Argument::Text(_)
        | Argument::Expression(_)
        | Argument::Block(_) => resolution.number(function.senses.dimension())?,
    };
    let full_scale = state.range_in(function).map_or(1.0, |range| range.full_scale);
    let fine_enough = |row: f64| row * full_scale <= wanted * (1.0 + SAME);
    let found = model.nplc.iter().position(|row| fine_enough(row.resolution));
    found.ok_or(RESOLUTION_TOO_FINE)
}

/// The smallest and the largest resolution on the range in use.
pub(super) fn resolution_bounds(model: &DmmModel, function: &FunctionModel, state: &FunctionState) -> Bounds {
    let full_scale = state.range_in(function).map_or(1.0, |range| range.full_scale);
    let of = |row: Option<&super::definition::Integration>| row.map_or(0.0, |row| row.resolution * full_scale);
    Bounds {
        minimum: of(model.nplc.last()) * (1.0 - SAME),
        maximum: of(model.nplc.first()) * (1.0 + SAME),
        default: of(model.nplc.get(model.default_nplc)),
    }
}

/// The least, the largest and the default range.
pub(super) fn range_bounds(function: &FunctionModel, high_current: bool) -> Bounds {
    let scales = || {
        let ranges = function
            .ranges
            .iter()
            .filter(move |range| high_current || !range.high_current);
        ranges.map(|range| range.full_scale)
    };
    if let Some(argument) = function.range_argument {
        return Bounds {
            minimum: 0.0,
            maximum: argument.named,
            default: argument.named,
        };
    }
    Bounds {
        minimum: scales().next().unwrap_or_default(),
        maximum: scales().next_back().unwrap_or_default(),
        default: function
            .ranges
            .get(function.default_range)
            .map_or(0.0, |range| range.full_scale),
    }
}

/// The smallest range that holds `value`.
pub(super) fn choose(function: &FunctionModel, value: f64, high_current: bool) -> Result<usize, ScpiError> {
    let mut ranges = function.ranges.iter().enumerate();
    ranges
        .find(|(_, range)| (high_current || !range.high_current) && value <= range.full_scale * (1.0 + SAME))
        .map(|(number, _)| number)
        .or_else(|| {
            let argument = function.range_argument?;
            (value <= argument.largest).then(|| function.ranges.len().saturating_sub(1))
        })
        .ok_or(DATA_OUT_OF_RANGE)
}

/// The smallest range is also what smaller values ask for.
pub(super) fn range_value(
    function: &FunctionModel,
    argument: &Argument<'_>,
    high_current: bool,
) -> Result<usize, ScpiError> {
    if !function.range_words.is_empty() {
        return named_range(function, argument);
    }
    let bounds = range_bounds(function, high_current);
    let value = match argument {
        Argument::Word(_) => argument.bounded(function.senses.dimension(), &bounds)?,
        Argument::Number(_)
        | Argument::Integer(_)
        | Argument::Text(_)
        | Argument::Expression(_)
        | Argument::Block(_) => argument.number(function.senses.dimension())?,
    };
    if value < 0.0 {
        return Err(DATA_OUT_OF_RANGE);
    }
    choose(function, value, high_current)
}

/// The range that an index or a word stands for.
fn named_range(function: &FunctionModel, argument: &Argument<'_>) -> Result<usize, ScpiError> {
    let words = || function.range_words.iter();
    match argument {
        Argument::Word(word) => words()
            .position(|known| is_form_of(known, word))
            .or_else(|| {
                let last = function.ranges.len().saturating_sub(1);
                let ends = [("MINimum", 0), ("MAXimum", last), ("DEFault", function.default_range)];
                ends.into_iter()
                    .find_map(|(name, range)| is_form_of(name, word).then_some(range))
            })
            .ok_or(ILLEGAL_PARAMETER_VALUE),
        Argument::Number(_)
        | Argument::Integer(_)
        | Argument::Text(_)
        | Argument::Expression(_)
        | Argument::Block(_) => {
            let value = argument.number(Dimension::None)?;
            let same = |known: &String| known.parse::<f64>().is_ok_and(|known| known.total_cmp(&value).is_eq());
            words().position(same).ok_or(DATA_OUT_OF_RANGE)
        }
    }
}

/// Puts what `CONFigure` demands into force.
pub(super) fn configure(dmm: &mut Dmm, model: &DmmModel, call: &mut Call<'_>) -> Result<(), ScpiError> {
    let number = call.function;
    let list = match model.channel_settings {
        ChannelSettings::Scanned => Some(scanned(model, Some(number), call)?),
        ChannelSettings::Shared | ChannelSettings::Own => None,
    };
    let state = requested(model, number, &mut call.arguments)?;
    let channels = list.iter().flatten().map(|channel| Some(*channel));
    let meter = [None].into_iter().filter(|_| list.is_none());
    for channel in channels.chain(meter) {
        let setup = dmm.setup_mut(channel);
        if let Some(slot) = setup.functions.get_mut(number) {
            *slot = state;
            setup.select(number);
        }
        share(&mut setup.functions, model, &state);
    }
    dmm.scan = list.unwrap_or_default();
    dmm.feeds = true;
    dmm.math.leave();
    dmm.trigger = Trigger::default();
    dmm.readings.clear();
    dmm.acquisition = None;
    dmm.continuous = false;
    dmm.last = None;
    dmm.fresh = false;
    Ok(())
}

/// Gives what all functions have in common to all of them.
pub(super) fn share(functions: &mut [FunctionState], model: &DmmModel, from: &FunctionState) {
    for group in &model.shared_settings {
        for state in &mut *functions {
            match group {
                Group::Autozero => state.autozero = from.autozero,
                Group::Impedance => state.high_impedance = from.high_impedance,
                Group::Bandwidth => state.bandwidth = from.bandwidth,
                Group::Null => state.null = from.null,
                // these mean nothing for another function
                Group::Range
                | Group::Nplc
                | Group::Resolution
                | Group::Aperture
                | Group::Digits
                | Group::Filter
                | Group::Terminals => {}
            }
        }
    }
}

/// The answer to `CONFigure?`.
pub(super) fn configuration(setup: &Setup, model: &DmmModel, numbers: Numbers) -> String {
    let number = setup.function;
    let (Some(state), Some(function)) = (setup.functions.get(number), model.functions.get(number)) else {
        return quoted("");
    };
    if let Some(counts) = function.counts {
        // the digits that the gate gives: 100 ms are five and a half (34401A User's Guide, p.122); their form is assumed
        let resolution = counts.range * COUNTED / if state.gate > 0.0 { state.gate } else { USUAL_GATE };
        let (range, resolution) = (numbers.setting(counts.range), numbers.setting(resolution));
        return quoted(&format!("{} {range},{resolution}", function.answer));
    }
    let Some(range) = state.range_in(function) else {
        return quoted(&function.answer);
    };
    let resolution = match &function.takes {
        Takes::Nothing => return quoted(&function.answer),
        Takes::Range => model.nplc.get(state.nplc).map_or(0.0, |row| row.resolution),
        // the resolution of a function whose resolution is fixed: six and a half digits
        Takes::RangeOnly | Takes::Expected | Takes::Transducer(_) => 1e-6,
    };
    let (scale, step) = (
        numbers.setting(range.full_scale),
        numbers.setting(range.full_scale * resolution),
    );
    quoted(&format!("{} {scale},{step}", function.answer))
}
