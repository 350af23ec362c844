//! Where the parts of a measurement are written.

use benchtop_notation::Span;
use std::collections::BTreeMap;

/// Where the parts of a measurement are written; what is not written has the place of the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MeasurementPlaces {
    pub(crate) instrument: Span,
    pub(crate) function: Span,
    pub(crate) range: Span,
    /// Those of the keys that few measurements have, by key: its channel, samples, trigger and so on.
    pub(crate) rare: Rare,
    pub(crate) limit: Span,
    pub(crate) low: Span,
    pub(crate) high: Span,
}

/// Where keys are written, by key; a long procedure has very many measurements, and almost none of them any.
pub(crate) type Rare = Option<Box<BTreeMap<&'static str, Span>>>;
