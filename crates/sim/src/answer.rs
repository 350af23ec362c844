//! Response data as instruments write it (IEEE 488.2, chapter 8).

/// NR3 with a sign: `+3.30012345E+00`.
pub(crate) fn nr3(value: f64, decimals: usize) -> String {
    // a negative zero has no place in an answer
    let value = value + 0.0;
    let text = format!("{value:+.decimals$E}");
    let Some((mantissa, exponent)) = text.split_once('E') else {
        return text;
    };
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}E{sign}{digits:0>2}")
}

/// NR1 with a sign: `+20`.
pub(crate) fn nr1(value: i64) -> String {
    format!("{value:+}")
}

/// `1` or `0`.
pub(crate) fn boolean(value: bool) -> String {
    u8::from(value).to_string()
}

/// Text in double quotes, those inside doubled.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// A definite length block: `#15hello`.
pub(crate) fn block(content: &str) -> String {
    let length = content.len().to_string();
    format!("#{}{length}{content}", length.len())
}

/// A whole number, if it is one.
pub(crate) fn whole(value: f64) -> Option<u64> {
    let rounded = format!("{:.0}", value.round());
    rounded.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_manuals_show_them() {
        for (value, expected) in [
            (0.498_748_741, "+4.98748741E-01"),
            (-0.498_748_741, "-4.98748741E-01"),
            (9.9e37, "+9.90000000E+37"),
            (1000.0, "+1.00000000E+03"),
            (0.0, "+0.00000000E+00"),
            (-0.0, "+0.00000000E+00"),
            (1e-120, "+1.00000000E-120"),
        ] {
            assert_eq!(nr3(value, 8), expected);
        }
        assert_eq!(
            (nr1(20), nr1(-1), boolean(true)),
            ("+20".into(), "-1".into(), "1".into())
        );
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
        assert_eq!(
            block("-4.98748741E-01,-4.35163427E-01"),
            "#231-4.98748741E-01,-4.35163427E-01"
        );
        assert_eq!(
            (whole(3.0), whole(2.6), whole(-1.0), whole(f64::INFINITY)),
            (Some(3), Some(3), None, None)
        );
    }
}
