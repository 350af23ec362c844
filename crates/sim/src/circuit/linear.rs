//! Linear equations, solved by elimination. Benches are small: no row has more than a few hundred unknowns, most of
//! them with nothing in them, which costs nothing.

/// Pivots below this are no pivots: nothing determines that unknown, and it is taken as zero.
const NOTHING: f64 = 1e-30;

/// As many equations as unknowns. Cells that were never written are zero.
#[derive(Clone, Debug)]
pub(super) struct Equations {
    unknowns: usize,
    /// Row by row, the right side last.
    cells: Vec<f64>,
}

impl Equations {
    pub(super) fn new(unknowns: usize) -> Self {
        Self {
            unknowns,
            cells: vec![0.0; unknowns * (unknowns + 1)],
        }
    }

    /// Adds to the factor of an unknown in an equation.
    pub(super) fn add(&mut self, equation: usize, unknown: usize, factor: f64) {
        let place = equation * (self.unknowns + 1) + unknown;
        if let Some(cell) = self.cells.get_mut(place) {
            *cell += factor;
        }
    }

    /// Adds to the right side of an equation.
    pub(super) fn add_right(&mut self, equation: usize, value: f64) {
        self.add(equation, self.unknowns, value);
    }

    /// Makes an equation say that its unknown is zero.
    pub(super) fn ground(&mut self, equation: usize) {
        let width = self.unknowns + 1;
        if let Some(row) = self.cells.chunks_exact_mut(width).nth(equation) {
            row.fill(0.0);
        }
        self.add(equation, equation, 1.0);
    }

    /// The unknowns.
    pub(super) fn solve(mut self) -> Vec<f64> {
        let width = self.unknowns + 1;
        for column in 0..self.unknowns {
            self.pivot(column);
            let (above, below) = self.cells.split_at_mut((column + 1) * width);
            let Some(row) = above.chunks_exact(width).next_back() else {
                continue;
            };
            let pivot = cell(row, column);
            if pivot.abs() < NOTHING {
                continue;
            }
            for lower in below.chunks_exact_mut(width) {
                let factor = cell(lower, column) / pivot;
                if factor.abs() > 0.0 {
                    for (slot, value) in lower.iter_mut().zip(row).skip(column) {
                        *slot -= factor * value;
                    }
                }
            }
        }
        self.substitute()
    }

    /// Brings the row with the largest factor of the unknown to its place.
    fn pivot(&mut self, column: usize) {
        let width = self.unknowns + 1;
        let rows = self.cells.chunks_exact(width).enumerate().skip(column);
        let best = rows.max_by(|(_, one), (_, other)| cell(one, column).abs().total_cmp(&cell(other, column).abs()));
        let Some(best) = best.map(|(number, _)| number).filter(|best| *best > column) else {
            return;
        };
        let (above, below) = self.cells.split_at_mut(best * width);
        if let (Some(row), Some(other)) = (
            above.chunks_exact_mut(width).nth(column),
            below.chunks_exact_mut(width).next(),
        ) {
            row.swap_with_slice(other);
        }
    }

    fn substitute(&self) -> Vec<f64> {
        let mut found = vec![0.0; self.unknowns];
        let rows = self.cells.chunks_exact(self.unknowns + 1).enumerate();
        for (column, row) in rows.rev() {
            let pivot = cell(row, column);
            let known: f64 = row
                .iter()
                .zip(&found)
                .skip(column + 1)
                .map(|(factor, x)| factor * x)
                .sum();
            if let Some(slot) = found.get_mut(column).filter(|_| pivot.abs() >= NOTHING) {
                *slot = (cell(row, self.unknowns) - known) / pivot;
            }
        }
        found
    }
}

fn cell(row: &[f64], column: usize) -> f64 {
    row.get(column).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equations_are_solved_whatever_their_order() {
        // x + 2 y = 5, y + 3 z = 10, 2 x = 2: the first unknown stands in the last row
        let mut equations = Equations::new(3);
        for (row, column, factor) in [(0, 1, 2.0), (0, 0, 1.0), (1, 1, 1.0), (1, 2, 3.0), (2, 0, 2.0)] {
            equations.add(row, column, factor);
        }
        for (row, right) in [(0, 5.0), (1, 10.0), (2, 2.0)] {
            equations.add_right(row, right);
        }
        let found = equations.solve();
        for (found, expected) in found.iter().zip([1.0, 2.0, 8.0 / 3.0]) {
            assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
        }
    }

    #[test]
    fn what_nothing_determines_is_zero() {
        let mut equations = Equations::new(2);
        equations.add(0, 0, 2.0);
        equations.add_right(0, 3.0);
        assert_eq!(equations.solve(), [1.5, 0.0]);
    }
}
