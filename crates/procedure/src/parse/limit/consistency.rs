//! Whether the parts of a limit can be met together.

use super::{Placed, Reader, Written};
use crate::limit::{GuardBand, Limit, Marginal, Measured, MeasurementOutcome, Nominal, Outside, acceptance, judge};
use crate::value::Value;
use benchtop_instrument::{Decimal, Quantity, Unit};
use benchtop_notation::{Diagnostic, Diagnostics, Span, Table};

/// A limit that is being checked.
pub(super) struct Check<'c, 'd> {
    pub(super) sink: &'c mut Diagnostics,
    pub(super) table: &'c Table<'d>,
    pub(super) reader: Reader<'c>,
}

impl Check<'_, '_> {
    /// Brings the bounds of `nominal` into `low` and `high`, and reports what contradicts itself.
    ///
    /// `None` where no value at all could pass.
    pub(super) fn check(
        mut self,
        written: &mut Written,
        nominal: Option<&Placed<Nominal>>,
        equals: Option<&Placed<Value>>,
        listed: &[Placed<Value>],
    ) -> Option<()> {
        let Some(unit) = self.reader.unit else {
            // a unit that could not be read was reported
            return Some(());
        };
        if !self.is_upright(&written.limit, unit) {
            return None;
        }
        if let Some(nominal) = nominal {
            self.narrow(written, nominal, unit)?;
        }
        self.leaves_a_gap(&written.limit, unit)?;
        self.values_can_pass(&written.limit, equals, listed, unit);
        self.leaves_something_to_accept(&written.limit, unit);
        if let Some(marginal) = written.limit.marginal {
            self.marginal_lies_inside(&written.limit, marginal, unit);
        }
        Some(())
    }

    fn place(&self, key: &str) -> Span {
        let value = self.table.value(key);
        value.map_or(self.table.span(), |value| value.span()).clone()
    }

    fn is_upright(&mut self, limit: &Limit, unit: Unit) -> bool {
        let (Some(low), Some(high)) = (limit.low, limit.high) else {
            return true;
        };
        if low > high {
            let message = format!(
                "{}: the limit is upside down: low {} is above high {}",
                self.reader.label,
                Quantity::new(low, unit),
                Quantity::new(high, unit)
            );
            self.sink.error(self.table.span(), &message);
        }
        low <= high
    }

    /// Bounds beside a nominal: all are required, so that the narrower ones count.
    fn narrow(&mut self, written: &mut Written, nominal: &Placed<Nominal>, unit: Unit) -> Option<()> {
        let (low, high) = nominal.value.bounds()?;
        let shown = |value| Quantity::new(value, unit);
        let label = self.reader.label;
        if let Some(bound) = written.limit.low.filter(|bound| *bound > high) {
            let message = format!(
                "{label}: nothing can pass: `nominal` and `tolerance` end at {}, below low {}",
                shown(high),
                shown(bound)
            );
            self.sink.error(&self.place("low"), &message);
            return None;
        }
        if let Some(bound) = written.limit.high.filter(|bound| *bound < low) {
            let message = format!(
                "{label}: nothing can pass: `nominal` and `tolerance` begin at {}, above high {}",
                shown(low),
                shown(bound)
            );
            self.sink.error(&self.place("high"), &message);
            return None;
        }
        let does_nothing = [
            ("low", written.limit.low.filter(|bound| *bound <= low), low),
            ("high", written.limit.high.filter(|bound| *bound >= high), high),
        ];
        for (key, bound, narrower) in does_nothing {
            if let Some(bound) = bound {
                let message = format!(
                    "{label}: {key} {} does nothing beside `nominal` and `tolerance`, which end at {}",
                    shown(bound),
                    shown(narrower)
                );
                let place = self.place(key);
                self.sink
                    .push(Diagnostic::warning(&place, &message).help("leave it out"));
            }
        }
        if written.limit.low.is_none_or(|bound| bound <= low) {
            written.limit.low = Some(low);
            written.low = Some(nominal.span.clone());
        }
        if written.limit.high.is_none_or(|bound| bound >= high) {
            written.limit.high = Some(high);
            written.high = Some(nominal.span.clone());
        }
        Some(())
    }

    /// A guard band of a fixed width must leave something between the acceptance limits; what the others come to is known later.
    fn leaves_something_to_accept(&mut self, limit: &Limit, unit: Unit) {
        let GuardBand::Fixed(width) = limit.guard_band else {
            return;
        };
        if acceptance(limit, width).is_none() {
            let message = format!(
                "{}: the acceptance limits cross: the guard band is {} wide on either side",
                self.reader.label,
                Quantity::new(width, unit)
            );
            let place = self.place("guard_band");
            self.sink
                .push(Diagnostic::error(&place, &message).help("nothing could pass"));
        }
    }

    /// `outside` must leave something of what `low` and `high` let pass, and take something of it.
    fn leaves_a_gap(&mut self, limit: &Limit, unit: Unit) -> Option<()> {
        let Some(Outside { low, high }) = limit.outside else {
            return Some(());
        };
        let label = self.reader.label;
        let shown = |value| Quantity::new(value, unit);
        let all_inside = limit.low.is_some_and(|bound| bound >= low) && limit.high.is_some_and(|bound| bound <= high);
        let apart = limit.low.is_some_and(|bound| bound > high) || limit.high.is_some_and(|bound| bound < low);
        let place = self.place("outside");
        if all_inside {
            let message = format!(
                "{label}: nothing can pass: `low` and `high` lie within {} .. {}, which `outside` refuses",
                shown(low),
                shown(high)
            );
            self.sink.error(&place, &message);
            return None;
        }
        if apart {
            let message = format!("{label}: `outside` does nothing beside the other bounds");
            self.sink
                .push(Diagnostic::warning(&place, &message).help("leave it out"));
        }
        Some(())
    }

    /// A value that is asked for by name must meet what else the limit asks for.
    fn values_can_pass(&mut self, limit: &Limit, equals: Option<&Placed<Value>>, listed: &[Placed<Value>], unit: Unit) {
        for value in equals.into_iter().chain(listed) {
            let judged = judge(Some(limit), &Measured::Value(value.value.clone()), unit);
            if judged.outcome == MeasurementOutcome::Fail {
                let reason = judged.reason.unwrap_or_default();
                let message = format!("{}: this value can never pass: {reason}", self.reader.label);
                self.sink.error(&value.span, &message);
            }
        }
    }

    /// A warning band that reaches beyond the bounds warns of what has failed already, or of nothing.
    fn marginal_lies_inside(&mut self, limit: &Limit, marginal: Marginal, unit: Unit) {
        let label = self.reader.label;
        let place = self.place("marginal");
        let mut refuse = |message: &str, help: &str| {
            let message = format!("{label}: {message}");
            self.sink.push(Diagnostic::error(&place, &message).help(help));
        };
        for (key, end, bound) in [("low", marginal.low, limit.low), ("high", marginal.high, limit.high)] {
            if end.is_some() && bound.is_none() {
                let message = format!("`marginal` has a `{key}`, and the limit has none");
                refuse(
                    &message,
                    "a warning band lies between a bound and the values that are good",
                );
                return;
            }
        }
        let inside =
            |end: Decimal| limit.low.is_none_or(|bound| end > bound) && limit.high.is_none_or(|bound| end < bound);
        let ends = [marginal.low, marginal.high];
        if let Some(end) = ends.into_iter().flatten().find(|end| !inside(*end)) {
            let message = format!(
                "{} of `marginal` does not lie inside the limit",
                Quantity::new(end, unit)
            );
            refuse(&message, "between `low` and `high`, and on neither of them");
        } else if let (Some(low), Some(high)) = (marginal.low, marginal.high)
            && low > high
        {
            let (low, high) = (Quantity::new(low, unit), Quantity::new(high, unit));
            refuse(
                &format!("`marginal` is upside down: low {low} is above high {high}"),
                "every value that passes would be marginal",
            );
        }
    }
}
