//! Program messages with places to fill in: `VOLT {value},(@{channel})`.

use std::fmt;

/// The names that may stand in a template.
const PLACES: [&str; 5] = ["range", "nplc", "value", "channel", "samples"];

/// A program message with named places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(String);

/// Why a text is not a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateError {
    /// A place with another name.
    UnknownPlace(String),
    /// A brace without its other half.
    LoneBrace,
    /// Nothing to send, or characters that cannot be sent.
    NotPrintable,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownPlace(name) => write!(f, "unknown place {{{name}}}, expected one of {}", places()),
            Self::LoneBrace => f.write_str("a brace stands alone"),
            Self::NotPrintable => f.write_str("a program message is printable ASCII and not empty"),
        }
    }
}

impl std::error::Error for TemplateError {}

fn places() -> String {
    PLACES.map(|name| format!("{{{name}}}")).join(", ")
}

impl Template {
    /// Checks `text`.
    ///
    /// # Errors
    /// [`TemplateError`].
    pub fn new(text: &str) -> Result<Self, TemplateError> {
        if text.trim().is_empty() || !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Err(TemplateError::NotPrintable);
        }
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) = after.split_once('}').ok_or(TemplateError::LoneBrace)?;
            if before.contains('}') {
                return Err(TemplateError::LoneBrace);
            }
            if !PLACES.contains(&name) {
                return Err(TemplateError::UnknownPlace(name.to_owned()));
            }
            rest = behind;
        }
        if rest.contains('}') {
            return Err(TemplateError::LoneBrace);
        }
        Ok(Self(text.to_owned()))
    }

    /// The message with every place filled from `values`; a place that is not given stays empty.
    #[must_use]
    pub fn fill(&self, values: &[(&str, &str)]) -> String {
        PLACES.iter().fold(self.0.clone(), |message, name| {
            let value = values
                .iter()
                .find(|(given, _)| given == name)
                .map_or("", |(_, value)| value);
            message.replace(&format!("{{{name}}}"), value)
        })
    }

    /// True when it is answered.
    #[must_use]
    pub fn is_query(&self) -> bool {
        self.0.contains('?')
    }

    /// The text as written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_by_name() {
        let template = Template::new("VOLT {value},(@{channel})").unwrap();
        assert_eq!(template.fill(&[("channel", "2"), ("value", "5.5")]), "VOLT 5.5,(@2)");
    }

    #[test]
    fn anything_else_in_braces_is_refused() {
        assert_eq!(
            Template::new("VOLT {volts}"),
            Err(TemplateError::UnknownPlace("volts".to_owned()))
        );
        for text in ["VOLT {value", "VOLT value}", "} {value}"] {
            assert_eq!(Template::new(text), Err(TemplateError::LoneBrace), "{text}");
        }
        for text in ["", "  ", "VOLT\n5", "VOLT \u{b5}"] {
            assert_eq!(Template::new(text), Err(TemplateError::NotPrintable), "{text:?}");
        }
    }
}
