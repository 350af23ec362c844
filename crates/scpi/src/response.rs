//! Response messages: what the instrument said, as data (IEEE 488.2, section 8; SCPI-99 volume 1, section 7.2.1.4).

use benchtop_instrument::{Decimal, Polarity};

/// A numeric response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// NR1, NR2 or NR3, exactly as printed.
    Value(Decimal),
    /// +-9.9E37, or the words for it: beyond the range.
    Overrange(Polarity),
    /// 9.91E37, or the word for it: there is no number.
    NotANumber,
}

impl Number {
    /// The number, where there is one.
    #[must_use]
    pub const fn value(self) -> Option<Decimal> {
        match self {
            Self::Value(value) => Some(value),
            Self::Overrange(_) | Self::NotANumber => None,
        }
    }
}

/// The response is not of the form that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseError {
    expected: &'static str,
    text: String,
}

impl std::fmt::Display for ResponseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // at most a line of it: an instrument may have sent a megabyte
        let shown: String = self.text.chars().take(60).flat_map(char::escape_default).collect();
        let more = if self.text.chars().count() > 60 { "..." } else { "" };
        write!(f, "expected {}, got `{shown}{more}`", self.expected)
    }
}

impl std::error::Error for ResponseError {}

/// SCPI's overrange and not-a-number values (SCPI-99, volume 1, section 7.2.1.4 and 7.2.1.5).
const SCPI_INFINITY: &str = "9.9E37";
const SCPI_NAN: &str = "9.91E37";

/// One number. `overrange` is the model's own overrange value where it is not SCPI's.
///
/// # Errors
/// [`ResponseError`] for anything else: several values, text, an empty response.
pub fn number(text: &str, overrange: Option<Decimal>) -> Result<Number, ResponseError> {
    let refuse = || ResponseError {
        expected: "a number",
        text: text.to_owned(),
    };
    // Rigol's meters put a number into a block over USB: #9000000015-4.59713983e-04
    let body = block(text.trim_start()).unwrap_or_else(|| text.trim());
    match body.to_ascii_uppercase().as_str() {
        "INF" | "+INF" | "INFINITY" | "+INFINITY" => return Ok(Number::Overrange(Polarity::Positive)),
        "-INF" | "-INFINITY" | "NINF" => return Ok(Number::Overrange(Polarity::Negative)),
        "NAN" | "+NAN" | "-NAN" => return Ok(Number::NotANumber),
        _ => {}
    }
    let value: Decimal = body.parse().map_err(|_not_a_decimal| refuse())?;
    let is = |constant: &str| constant.parse().is_ok_and(|constant: Decimal| value.abs() == constant);
    if is(SCPI_NAN) {
        return Ok(Number::NotANumber);
    }
    let beyond = SCPI_INFINITY
        .parse()
        .is_ok_and(|infinity: Decimal| value.abs() >= infinity);
    if beyond || overrange.is_some_and(|overrange| value.abs() == overrange) {
        return Ok(Number::Overrange(if value.is_negative() {
            Polarity::Negative
        } else {
            Polarity::Positive
        }));
    }
    Ok(Number::Value(value))
}

/// What a definite-length block of the length that it says holds, without blanks around it.
fn block(text: &str) -> Option<&str> {
    let rest = text.strip_prefix('#')?;
    let digits: usize = rest.get(..1)?.parse().ok().filter(|digits| *digits > 0)?;
    let (length, payload) = rest.get(1..)?.split_at_checked(digits)?;
    let length: usize = length.parse().ok()?;
    (payload.len() == length).then(|| payload.trim())
}

/// Several responses or values, cut at commas outside strings and parentheses.
#[must_use]
pub fn values(text: &str) -> Vec<&str> {
    let (mut parts, mut begin, mut quote, mut depth) = (Vec::new(), 0, None, 0_u32);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                parts.push(text.get(begin..at).unwrap_or_default().trim());
                begin = at + 1;
            }
            (None, _) => {}
        }
    }
    parts.push(text.get(begin..).unwrap_or_default().trim());
    parts
}

/// The inside of a quoted string, doubled quotes undone.
///
/// # Errors
/// [`ResponseError`] when it is not one whole string.
pub fn string(text: &str) -> Result<String, ResponseError> {
    let body = text.trim();
    let inside = |quote: char| {
        let inner = body.strip_prefix(quote)?.strip_suffix(quote)?;
        let doubled = format!("{quote}{quote}");
        let lone = inner.replace(&doubled, "").contains(quote);
        (!lone).then(|| inner.replace(&doubled, &quote.to_string()))
    };
    inside('"').or_else(|| inside('\'')).ok_or_else(|| ResponseError {
        expected: "a quoted string",
        text: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let shown = match number(text, Some("1E9".parse().unwrap())) {
            Ok(Number::Value(value)) => value.to_string(),
            Ok(Number::Overrange(polarity)) => format!("{polarity:?} overrange"),
            Ok(Number::NotANumber) => "not a number".to_owned(),
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, expected, "{text:?}");
    }

    #[test]
    fn numbers_are_values_overranges_or_refused() {
        check("+3.30012345E+00", "3.30012345");
        check(" 42 ", "42");
        check("#9000000015-4.59713983e-04", "-0.000459713983");
        check("#217 +1.00000000E+00 ", "1");
        check("#14NAN ", "not a number");
        check("#15+1.5", "expected a number, got `#15+1.5`");
        check("#0+1.5", "expected a number, got `#0+1.5`");
        check("-1.5", "-1.5");
        check("9.9E37", "Positive overrange");
        check("+9.90000000E+37", "Positive overrange");
        check("-9.9E+37", "Negative overrange");
        check("1E+38", "Positive overrange");
        check("9.91E37", "not a number");
        check("+9.91000000E+37", "not a number");
        check("NAN", "not a number");
        check("-inf", "Negative overrange");
        check("1E+9", "Positive overrange");
        check("", "expected a number, got ``");
        check("1,2", "expected a number, got `1,2`");
        check("3.3 V", "expected a number, got `3.3 V`");
        check("\"VOLT\"", "expected a number, got `\\\"VOLT\\\"`");
        check("\u{1b}[2J", "expected a number, got `\\u{1b}[2J`");
    }

    #[test]
    fn lists_are_cut_outside_strings() {
        assert_eq!(values("-113,\"Undefined, header\""), ["-113", "\"Undefined, header\""]);
        assert_eq!(values("1, 2 ,(@1,2)"), ["1", "2", "(@1,2)"]);
        assert_eq!(values(""), [""]);
    }

    #[test]
    fn strings_lose_their_quotes() {
        assert_eq!(string("\"VOLT +1.0E+01\"").unwrap(), "VOLT +1.0E+01");
        assert_eq!(string("\"say \"\"hi\"\"\"").unwrap(), "say \"hi\"");
        assert_eq!(string("'x'").unwrap(), "x");
        assert!(string("x").is_err() && string("\"a\"b\"").is_err() && string("\"").is_err());
    }
}
