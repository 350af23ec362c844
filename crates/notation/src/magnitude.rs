//! Quantities in text: `"250 ms"`, `"-5 V"`, `"2 %"`, `"10 MOhm"`.
//!
//! Only split here into number and unit. What units there are, and what they mean, is for the reader to know.

use std::ops::Range;

use crate::{Diagnostic, Diagnostics, Span};

/// A number and a unit as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Magnitude {
    /// A finite decimal as it was written, without a leading `+`: `-0.5`, `3.30`, `1e-3`.
    pub number: String,
    /// What followed the number; empty where the author wrote a bare number and that was allowed.
    pub unit: String,
    /// The whole value.
    pub span: Span,
    /// The number; the whole value where escapes make its place unknowable.
    pub number_span: Span,
    /// The unit; the whole value for a bare number.
    pub unit_span: Span,
}

/// Splits the text of a string value. `text_span` is `None` when the value is written with escapes.
pub(crate) fn split(
    sink: &mut Diagnostics,
    what: &str,
    text: &str,
    span: &Span,
    text_span: Option<&Span>,
) -> Option<Magnitude> {
    let refuse = |sink: &mut Diagnostics, help: &str| {
        let message = format!("{what} must be a number and a unit, not `{text}`");
        sink.push(Diagnostic::error(span, &message).help(help));
        None
    };
    let begin = text.len() - text.trim_start().len();
    let body = text.trim();
    let Some(length) = number_length(body) else {
        return refuse(sink, "for example \"250 ms\" or \"-1.5 V\"");
    };
    let (number, tail) = body.split_at_checked(length)?;
    let unit = tail.trim_start();
    if unit.is_empty() {
        return refuse(
            sink,
            &format!(
                "the unit is missing: \"{number} V\", for example; a number without a unit has no quotes: {number}"
            ),
        );
    }
    if unit.starts_with(',') {
        return refuse(sink, "the decimal sign is a point");
    }
    if unit.starts_with(['.', '_', '\'', '+', '-', '/', '*']) || unit.starts_with(|c: char| c.is_numeric()) {
        return refuse(sink, "for example \"250 ms\" or \"-1.5 V\"");
    }
    let place = |range: Range<usize>| text_span.map_or_else(|| span.clone(), |text_span| text_span.part(range));
    let unit_at = begin + body.len() - unit.len();
    Some(Magnitude {
        number: number.strip_prefix('+').unwrap_or(number).to_owned(),
        unit: unit.to_owned(),
        span: span.clone(),
        number_span: place(begin..begin + length),
        unit_span: place(unit_at..unit_at + unit.len()),
    })
}

/// How many bytes at the beginning are a decimal number: sign, digits, fraction, exponent.
fn number_length(text: &str) -> Option<usize> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let whole = digits(unsigned)?;
    let mut rest = whole;
    if let Some(fraction) = rest.strip_prefix('.') {
        rest = digits(fraction)?;
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        // "5 eV" has no exponent: without digits the letter belongs to the unit.
        rest = digits(exponent).unwrap_or(rest);
    }
    Some(text.len() - rest.len())
}

/// What follows the digits, of which there must be one.
fn digits(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    (rest.len() < text.len()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use crate::{Diagnostics, Document};

    fn check(toml: &str, expected: Result<(&str, &str, usize), &str>) {
        let document = Document::parse("x.toml", toml).expect(toml);
        let mut sink = Diagnostics::new();
        let found = document.root(&mut sink, &["q"]).magnitude(&mut sink, "q");
        match (found, expected) {
            (Some(found), Ok((number, unit, unit_column))) => {
                assert_eq!((found.number.as_str(), found.unit.as_str()), (number, unit), "{toml}");
                assert_eq!(found.unit_span.column(), unit_column, "{toml}");
                assert!(sink.is_empty());
            }
            (None, Err(message)) => assert_eq!(sink.render_short(), format!("x.toml:1:5: error: {message}\n")),
            (found, _) => panic!("{toml}: {found:?}"),
        }
    }

    #[test]
    fn a_quantity_splits_into_number_and_unit() {
        check(r#"q = "250 ms""#, Ok(("250", "ms", 10)));
        check(r#"q = "250ms""#, Ok(("250", "ms", 9)));
        check(r#"q = '-1.50e-3 V'"#, Ok(("-1.50e-3", "V", 15)));
        check(r#"q = "+5 V""#, Ok(("5", "V", 9)));
        check(r#"q = "2 %""#, Ok(("2", "%", 8)));
        check(r#"q = " 10  MOhm ""#, Ok(("10", "MOhm", 11)));
        check(r#"q = "3 µA""#, Ok(("3", "µA", 8)));
        check(r#"q = "5 eV""#, Ok(("5", "eV", 8)));
        check(r#"q = "5e V""#, Ok(("5", "e V", 7)));
        check("q = \"\"\"5 V\"\"\"", Ok(("5", "V", 5)));
        check(r#"q = "5\u0020V""#, Ok(("5", "V", 5)));
    }

    #[test]
    fn what_is_not_a_finite_number_with_a_unit_is_refused() {
        let example = r#"for example "250 ms" or "-1.5 V""#;
        for text in [
            "", "V", "fast", "nan V", "inf V", ".5 V", "5. V", "1_000 V", "1 000 V", "1.2.3 V", "5 - 6 V", "0x10 V",
            "−5 V",
        ] {
            let message = format!("`q` must be a number and a unit, not `{text}`; {example}");
            if text != "0x10 V" {
                check(&format!("q = '{text}'"), Err(&message));
            }
        }
        check(
            "q = '5'",
            Err(
                "`q` must be a number and a unit, not `5`; the unit is missing: \"5 V\", for example; a number without a unit has no quotes: 5",
            ),
        );
        check(
            "q = '1,5 V'",
            Err("`q` must be a number and a unit, not `1,5 V`; the decimal sign is a point"),
        );
        check(
            "q = 5",
            Err("`q` must be a quantity in quotes, such as \"250 ms\", not an integer"),
        );
    }
}
