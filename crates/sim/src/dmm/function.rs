//! The settings that each measuring function has of its own.

use super::definition::{DmmModel, FunctionModel, RangeModel};

/// Below this part of full scale autorange goes down (Truevolt guide, `RANGe:AUTO`).
const DOWN: f64 = 0.1;

/// The settings of one function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FunctionState {
    /// The number of the range; with autorange, of the one last used.
    pub(crate) range: usize,
    pub(crate) autorange: bool,
    /// The row of the integration time.
    pub(crate) nplc: usize,
    /// The integration time in cycles of the mains.
    pub(crate) cycles: f64,
    pub(crate) digits: f64,
    pub(crate) filter: Filter,
    pub(crate) autozero: bool,
    /// Input impedance follows the range (`IMPedance:AUTO`).
    pub(crate) high_impedance: bool,
    pub(crate) bandwidth: usize,
    /// Of a counter, in seconds.
    pub(crate) gate: f64,
    pub(crate) null: Null,
    pub(crate) terminals: Terminals,
}

/// Where currents are measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Terminals {
    #[default]
    Usual,
    /// Those of their own for high current, which have one range only.
    HighCurrent,
}

/// What is subtracted from a reading.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Null {
    pub(crate) on: bool,
    pub(crate) value: f64,
    /// The next reading becomes the value.
    pub(crate) auto: bool,
}

/// How several readings become one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filter {
    pub(crate) on: bool,
    /// Every reading is filtered with those before it; else so many are taken for each.
    pub(crate) moving: bool,
    pub(crate) count: u32,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            on: false,
            moving: false,
            count: 10,
        }
    }
}

impl Filter {
    /// Readings that make one.
    pub(super) const fn readings(self) -> u32 {
        if self.on { self.count } else { 1 }
    }
}

impl FunctionState {
    pub(super) fn default_of(model: &DmmModel, function: &FunctionModel) -> Self {
        Self {
            range: function.default_range,
            autorange: true,
            nplc: model.default_nplc,
            cycles: model.nplc.get(model.default_nplc).map_or(0.0, |row| row.cycles),
            digits: model.digits.map_or(0.0, |digits| digits.most),
            filter: Filter::default(),
            autozero: true,
            high_impedance: false,
            bandwidth: model.default_bandwidth,
            gate: function.gate.as_ref().map_or(0.0, |gate| gate.default),
            null: Null::default(),
            terminals: Terminals::Usual,
        }
    }

    /// Takes the integration time of a row.
    pub(super) fn integrate(&mut self, model: &DmmModel, row: usize) {
        self.nplc = row;
        self.cycles = model.nplc.get(row).map_or(0.0, |row| row.cycles);
    }

    /// The range in use.
    pub(crate) fn range_in<'f>(&self, function: &'f FunctionModel) -> Option<&'f RangeModel> {
        match self.terminals {
            Terminals::Usual => function.ranges.get(self.range),
            Terminals::HighCurrent => function.ranges.iter().find(|range| range.high_current),
        }
    }

    /// The range that autorange settles on for `value`.
    pub(super) fn suited(&self, function: &FunctionModel, value: f64) -> usize {
        let ranges = || {
            function
                .ranges
                .iter()
                .enumerate()
                .filter(|(_, range)| !range.high_current)
        };
        let stays = function.ranges.get(self.range).is_some_and(|range| {
            value.abs() <= range.maximum && (value.abs() >= DOWN * range.full_scale || self.range == 0)
        });
        if stays {
            return self.range;
        }
        let wide_enough = ranges().find(|(_, range)| value.abs() <= range.maximum);
        wide_enough
            .or_else(|| ranges().next_back())
            .map_or(self.range, |(number, _)| number)
    }
}

impl Null {
    pub(super) fn apply(&mut self, measured: f64) -> f64 {
        if !self.on {
            return measured;
        }
        if std::mem::take(&mut self.auto) {
            self.value = measured;
        }
        measured - self.value
    }
}
