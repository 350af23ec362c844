//! Several units at once: which channels are a slot's own, and which steps the slots have in common.

use crate::model::{LogicalName, Measurement, Procedure, Step, StepKind};
use benchtop_notation::Spanned;
use std::{collections::BTreeMap, fmt};

/// What a slot of the fixture has of its own, by what procedures call it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Slot {
    /// Instruments of the station that stand for the procedure's in this slot: the unit's own link, say.
    pub instruments: BTreeMap<LogicalName, Spanned<LogicalName>>,
    /// The physical channels that stand for the procedure's.
    pub channels: BTreeMap<SlotChannel, Spanned<u32>>,
}

/// A channel as a procedure calls it. Displays as a station file has it: `psu.1`, `dmm.vcc`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SlotChannel {
    /// The procedure's instrument.
    pub instrument: LogicalName,
    /// The channel's number or name there.
    pub channel: String,
}

impl fmt::Display for SlotChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.instrument, self.channel)
    }
}

/// How much of a procedure's setup and teardown is the fixture's: it runs once, whatever stands in the slots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FixtureSteps {
    /// So many steps at the beginning of [`Procedure::setup`].
    pub setup: usize,
    /// So many nodes at the beginning of [`Plan::setup`](crate::Plan::setup).
    pub setup_nodes: usize,
    /// So many steps at the end of [`Procedure::teardown`].
    pub teardown: usize,
    /// So many nodes at the end of [`Plan::teardown`](crate::Plan::teardown).
    pub teardown_nodes: usize,
}

impl Procedure {
    /// The steps of `[[fixture_setup]]` and `[[fixture_teardown]]`.
    pub fn fixture_steps(&self) -> impl Iterator<Item = &Step> {
        let first_behind = self.teardown.len().saturating_sub(self.fixture.teardown);
        let setup = self.setup.iter().take(self.fixture.setup);
        setup.chain(self.teardown.iter().skip(first_behind))
    }

    /// The steps that each slot runs for its own unit.
    pub fn unit_steps(&self) -> impl Iterator<Item = &Step> {
        let first_behind = self.teardown.len().saturating_sub(self.fixture.teardown);
        let setup = self.setup.iter().skip(self.fixture.setup);
        setup.chain(&self.steps).chain(self.teardown.iter().take(first_behind))
    }
}

impl Step {
    /// The instruments that it works with; one may be among them more than once.
    pub fn instruments(&self) -> impl Iterator<Item = &LogicalName> {
        let (measurements, named): (&[Measurement], _) = match &self.kind {
            StepKind::Measurements(measurements) => (measurements, None),
            StepKind::Set { instrument, .. } => (&[], Some(instrument)),
            StepKind::Query(query) => (&[], Some(&query.instrument)),
            StepKind::Send(transmit) => (&[], Some(&transmit.instrument)),
            StepKind::Expect(expect) => (&[], Some(&expect.instrument)),
            StepKind::Wait(_) | StepKind::Prompt(_) | StepKind::Exec(_) => (&[], None),
        };
        let read = measurements.iter().filter_map(Measurement::reading);
        read.map(|reading| &reading.instrument).chain(named)
    }
}
