//! Regular expressions that are looked for in a text, with ASCII `\d`, `\w` and `\s`.

use crate::pattern::{ascii_classes, reason};
use crate::satisfiable::{can_be_found, stays_on_a_line};
use regex::{Captures, Regex};
use std::ops::Range;

/// A regular expression that is looked for in a text. Prints as its author wrote it.
#[derive(Clone, Debug)]
pub struct Search {
    text: String,
    regex: Regex,
}

/// Two are equal when their authors wrote the same.
impl PartialEq for Search {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Search {}

/// A group of a regular expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaptureGroup {
    /// By its number; 0 is all that matched.
    Number(usize),
    /// By its name.
    Name(String),
}

/// Where a search has found something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What matched, as a range of bytes.
    pub place: Range<usize>,
    /// What each group that was asked for has matched; `None` where it took no part.
    pub groups: Vec<Option<String>>,
}

impl Search {
    /// Compiles `text`.
    ///
    /// # Errors
    /// What is wrong with it, in one line for people.
    pub fn new(text: &str) -> Result<Self, String> {
        let regex = Regex::new(&ascii_classes(text)).map_err(|error| reason(&error))?;
        Ok(Self {
            text: text.to_owned(),
            regex,
        })
    }

    /// The first place where it matches, with these groups.
    #[must_use]
    pub fn find<'g>(&self, text: &str, groups: impl Iterator<Item = &'g CaptureGroup>) -> Option<Found> {
        let captures = self.regex.captures(text)?;
        let place = captures.get(0)?.range();
        let groups = groups.map(|group| Some(of(&captures, group)?.to_owned())).collect();
        Some(Found { place, groups })
    }

    /// What a group has matched, everywhere in the text; `None` for each match in which it took no part.
    #[must_use]
    pub fn find_every(&self, text: &str, group: &CaptureGroup) -> Vec<Option<String>> {
        let found = self.regex.captures_iter(text);
        found.map(|captures| of(&captures, group).map(str::to_owned)).collect()
    }

    /// True when it matches somewhere.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// True when it has such a group.
    pub(crate) fn has(&self, group: &CaptureGroup) -> bool {
        match group {
            CaptureGroup::Number(number) => *number < self.regex.captures_len(),
            CaptureGroup::Name(name) => self.regex.capture_names().flatten().any(|known| known == name),
        }
    }

    /// The group that is meant where none is named: the first one, or all that matched where it has none.
    pub(crate) fn usual_group(&self) -> CaptureGroup {
        CaptureGroup::Number(usize::from(self.regex.captures_len() > 1))
    }

    /// True where it can be found in some text.
    pub(crate) fn can_match(&self) -> bool {
        can_be_found(&ascii_classes(&self.text))
    }

    /// True where nothing that it matches goes beyond the end of a line.
    pub(crate) fn stays_on_a_line(&self) -> bool {
        stays_on_a_line(&ascii_classes(&self.text))
    }

    /// True when it matches a text in which there is nothing.
    pub(crate) fn matches_nothing(&self) -> bool {
        self.regex.is_match("")
    }
}

fn of<'t>(captures: &Captures<'t>, group: &CaptureGroup) -> Option<&'t str> {
    let found = match group {
        CaptureGroup::Number(number) => captures.get(*number),
        CaptureGroup::Name(name) => captures.name(name),
    };
    found.map(|found| found.as_str())
}

impl std::fmt::Display for Search {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}
