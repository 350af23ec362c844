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

/// NR2 with a sign: `+5.0114`.
fn nr2(value: f64, decimals: usize) -> String {
    format!("{:+.decimals$}", value + 0.0)
}

/// NR1 with a sign: `+20`.
pub(crate) fn nr1(value: i64) -> String {
    format!("{value:+}")
}

/// How an instrument writes its numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Numbers {
    /// Digits behind the point of a reading.
    pub(crate) decimals: usize,
    /// Readings have no exponent: `5.0114`.
    pub(crate) fixed_point: bool,
    /// A reading that is not negative has no sign.
    pub(crate) unsigned_readings: bool,
    /// A whole number that is not negative has no sign.
    pub(crate) unsigned_integers: bool,
    pub(crate) settings: Settings,
    pub(crate) flags: Flags,
}

/// How an instrument writes what something is set to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Settings {
    /// As readings.
    #[default]
    AsReadings,
    /// As short as they can be.
    Shortest,
    /// With so many digits behind the point and no exponent: `5.000`.
    Fixed(usize),
}

/// How an instrument writes what is on or off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Flags {
    /// `1` or `0`.
    #[default]
    Digits,
    /// `ON` or `OFF`.
    Words,
}

impl Numbers {
    /// A measured value.
    pub(crate) fn reading(self, value: f64) -> String {
        let text = if self.fixed_point {
            nr2(value, self.decimals)
        } else {
            nr3(value, self.decimals)
        };
        match text.strip_prefix('+') {
            Some(unsigned) if self.unsigned_readings => unsigned.to_owned(),
            Some(_) | None => text,
        }
    }

    /// What something is set to.
    pub(crate) fn setting(self, value: f64) -> String {
        match self.settings {
            Settings::AsReadings => self.reading(value),
            Settings::Shortest => shortest(value),
            // a negative zero has no place in an answer
            Settings::Fixed(decimals) => format!("{:.decimals$}", value + 0.0),
        }
    }

    /// Whether something is on.
    pub(crate) fn flag(self, on: bool) -> String {
        match (self.flags, on) {
            (Flags::Digits, _) => boolean(on),
            (Flags::Words, true) => "ON".to_owned(),
            (Flags::Words, false) => "OFF".to_owned(),
        }
    }

    /// A whole number.
    pub(crate) fn integer(self, value: i64) -> String {
        if self.unsigned_integers {
            value.to_string()
        } else {
            nr1(value)
        }
    }
}

/// Six digits without trailing zeros, as `%G` of C writes them: `0.0015`, `1E+07`.
fn shortest(value: f64) -> String {
    const DIGITS: i32 = 6;
    let text = format!("{value:.5E}");
    let Some((mantissa, exponent)) = text.split_once('E') else {
        return text;
    };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let trimmed = |text: &str| match text.split_once('.') {
        Some(_) => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        None => text.to_owned(),
    };
    if !(-4..DIGITS).contains(&exponent) {
        return format!("{}E{exponent:+03}", trimmed(mantissa));
    }
    let decimals = usize::try_from(DIGITS - 1 - exponent).unwrap_or_default();
    // a negative zero has no place in an answer
    trimmed(&format!("{:.decimals$}", value + 0.0))
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
    fn settings_may_be_as_short_as_they_can_be() {
        for (value, expected) in [
            (1e7, "1E+07"),
            (0.01, "0.01"),
            (0.0015, "0.0015"),
            (8.33e-6, "8.33E-06"),
            (1.0 / 60.0, "0.0166667"),
            (-2.0, "-2"),
            (0.0, "0"),
            (-0.0, "0"),
            (100_000.0, "100000"),
            (1e-4, "0.0001"),
            (9.9e37, "9.9E+37"),
        ] {
            assert_eq!(shortest(value), expected);
        }
        let numbers = Numbers {
            decimals: 6,
            unsigned_readings: true,
            unsigned_integers: true,
            settings: Settings::Shortest,
            ..Numbers::default()
        };
        assert_eq!(numbers.reading(-0.499_999_5), "-4.999995E-01");
        assert_eq!(numbers.reading(9.9e37), "9.900000E+37");
        assert_eq!((numbers.integer(5), numbers.setting(0.5)), ("5".into(), "0.5".into()));
    }

    #[test]
    fn numbers_may_have_fixed_decimals_and_flags_may_be_words() {
        let numbers = Numbers {
            decimals: 4,
            fixed_point: true,
            unsigned_readings: true,
            settings: Settings::Fixed(3),
            flags: Flags::Words,
            ..Numbers::default()
        };
        assert_eq!(
            (numbers.reading(5.01139), numbers.reading(-0.0)),
            ("5.0114".into(), "0.0000".into())
        );
        assert_eq!(
            (numbers.setting(5.0), numbers.flag(true)),
            ("5.000".into(), "ON".into())
        );
    }

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
