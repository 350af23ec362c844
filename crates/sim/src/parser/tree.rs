//! The headers of one model and the path rules between them (SCPI-99 volume 1, 6.2).
//!
//! A header is written as in a manual: `[SENSe:]VOLTage[:DC]:NPLC`, `ISUMmary<n>:CONDition`. Capitals are the
//! short form, brackets are optional, `<n>` takes a number or none. Every way to send a header is a path
//! of its own, so that what follows a `;` is found beside the header before it exactly as that was sent.

use crate::status::{HEADER_SUFFIX_OUT_OF_RANGE, PROGRAM_MNEMONIC_TOO_LONG, ScpiError, UNDEFINED_HEADER};
use std::collections::BTreeMap;

/// The longest mnemonic (IEEE 488.2, 7.6.1.4.1).
const MAX_MNEMONIC: usize = 12;

/// More ways to send one header than any manual has.
const MAX_VARIANTS: usize = 64;

/// Which forms of a header are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forms {
    /// Without `?` only.
    Set,
    /// With `?` only.
    Query,
    /// Both.
    Both,
}

/// All headers of a model; each leads to the number of its command.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    written: Vec<(String, Forms)>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    edges: BTreeMap<String, Edge>,
    set: Option<usize>,
    query: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Edge {
    to: usize,
    numbered: bool,
}

/// Where in the tree the next header of a message begins. The default is the root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Path {
    node: usize,
    suffix: Option<u32>,
}

/// A header that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// The number that the header was entered with.
    pub(crate) command: usize,
    /// The number that was sent for the `<n>`.
    pub(crate) suffix: Option<u32>,
    /// Where the next header begins if it does not begin with `:`.
    pub(crate) path: Path,
}

impl Tree {
    pub(crate) fn new() -> Self {
        Self {
            nodes: vec![Node::default()],
            written: Vec::new(),
        }
    }

    /// Enters a header in all ways in which it may be sent.
    pub(crate) fn insert(&mut self, header: &str, forms: Forms, command: usize) -> Result<(), String> {
        for variant in variants(header)? {
            let mut at = 0;
            for mnemonic in variant.split(':') {
                at = self.step(at, mnemonic)?;
            }
            let Some(node) = self.nodes.get_mut(at) else {
                continue;
            };
            for (wanted, slot) in [
                (forms != Forms::Query, &mut node.set),
                (forms != Forms::Set, &mut node.query),
            ] {
                if wanted && slot.replace(command).is_some_and(|other| other != command) {
                    return Err(format!("`{variant}` is here for the second time"));
                }
            }
        }
        self.written.push((header.to_owned(), forms));
        Ok(())
    }

    /// Every header as it was written, in every way in which its optional parts may be sent or not; a query with its `?`.
    pub(crate) fn headers(&self) -> Vec<String> {
        let mut headers = Vec::new();
        for (header, forms) in &self.written {
            for variant in variants(header).unwrap_or_default() {
                if *forms != Forms::Set {
                    headers.push(format!("{variant}?"));
                }
                if *forms != Forms::Query {
                    headers.push(variant);
                }
            }
        }
        headers.sort();
        headers.dedup();
        headers
    }

    /// The node behind `mnemonic`, made if it is new.
    fn step(&mut self, at: usize, mnemonic: &str) -> Result<usize, String> {
        let (word, numbered) = match mnemonic.strip_suffix("<n>") {
            Some(word) => (word, true),
            None => (mnemonic, false),
        };
        let short = short_form(word);
        let letters = word.strip_prefix('*').unwrap_or(word);
        let plain = letters.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if short.is_empty() || !plain || letters.is_empty() {
            return Err(format!(
                "`{mnemonic}` is not a mnemonic such as `VOLTage` or `ISUMmary<n>`"
            ));
        }
        let new = self.nodes.len();
        let Some(node) = self.nodes.get_mut(at) else {
            return Ok(0);
        };
        let long = word.to_ascii_uppercase();
        let edge = *node.edges.entry(long).or_insert(Edge { to: new, numbered });
        let twin = *node.edges.entry(short).or_insert(edge);
        if twin.to != edge.to || twin.numbered != numbered {
            return Err(format!("`{mnemonic}` cannot be told from another mnemonic beside it"));
        }
        if edge.to == new {
            self.nodes.push(Node::default());
        }
        Ok(edge.to)
    }

    /// Looks a header up, from `path` or from the root.
    pub(crate) fn find(&self, path: Path, mnemonics: &[&str], query: bool) -> Result<Found, ScpiError> {
        let found = self.look_up(path, mnemonics, query);
        // some models have mnemonics that are longer than the standard allows
        let too_long = |error| error == UNDEFINED_HEADER && mnemonics.iter().any(|word| word.len() > MAX_MNEMONIC);
        found.map_err(|error| {
            if too_long(error) {
                PROGRAM_MNEMONIC_TOO_LONG
            } else {
                error
            }
        })
    }

    fn look_up(&self, path: Path, mnemonics: &[&str], query: bool) -> Result<Found, ScpiError> {
        let common = mnemonics.first().is_some_and(|mnemonic| mnemonic.starts_with('*'));
        let mut at = if common { Path::default() } else { path };
        let mut parent = at;
        for mnemonic in mnemonics {
            parent = at;
            at = self.follow(at, mnemonic)?;
        }
        let node = self.nodes.get(at.node).ok_or(UNDEFINED_HEADER)?;
        let command = if query { node.query } else { node.set };
        Ok(Found {
            command: command.ok_or(UNDEFINED_HEADER)?,
            suffix: at.suffix,
            path: if common { path } else { parent },
        })
    }

    fn follow(&self, at: Path, mnemonic: &str) -> Result<Path, ScpiError> {
        let node = self.nodes.get(at.node).ok_or(UNDEFINED_HEADER)?;
        let word = mnemonic.to_ascii_uppercase();
        if let Some(edge) = node.edges.get(&word) {
            let suffix = if edge.numbered { None } else { at.suffix };
            return Ok(Path { node: edge.to, suffix });
        }
        let stem = word.trim_end_matches(|character: char| character.is_ascii_digit());
        let digits = word.strip_prefix(stem).unwrap_or_default();
        let edge = node.edges.get(stem).ok_or(UNDEFINED_HEADER)?;
        let suffix: Option<u32> = digits.parse().ok();
        let suffix = match (suffix, edge.numbered) {
            (Some(suffix), true) => Some(suffix),
            // where there is one only, it is the first (SCPI-99 volume 1, 6.2.5.2)
            (Some(1), false) => at.suffix,
            (Some(_) | None, _) => return Err(HEADER_SUFFIX_OUT_OF_RANGE),
        };
        Ok(Path { node: edge.to, suffix })
    }
}

/// Whether `word` is the short or the long form of `name`, in any case.
pub(crate) fn is_form_of(name: &str, word: &str) -> bool {
    word.eq_ignore_ascii_case(name) || word.eq_ignore_ascii_case(&short_form(name))
}

/// The capitals at the beginning and the digits at the end: `VOLT` of `VOLTage`, `CALC2` of `CALCulate2`.
pub(crate) fn short_form(name: &str) -> String {
    let Some(end) = name.find(|character: char| character.is_ascii_lowercase()) else {
        return name.to_owned();
    };
    let stem = name.trim_end_matches(|character: char| character.is_ascii_digit());
    let digits = name.strip_prefix(stem).unwrap_or_default();
    format!("{}{digits}", name.get(..end).unwrap_or_default())
}

/// The header with every choice of its optional parts.
fn variants(header: &str) -> Result<Vec<String>, String> {
    let mut done = Vec::new();
    let mut open = vec![header.to_owned()];
    while let Some(text) = open.pop() {
        if done.len() + open.len() > MAX_VARIANTS {
            return Err(format!("`{header}` has more than {MAX_VARIANTS} variants"));
        }
        let Some((before, rest)) = text.split_once('[') else {
            done.push(text.trim_matches(':').to_owned());
            continue;
        };
        let (inside, after) =
            split_bracket(rest).ok_or_else(|| format!("`{header}` has a bracket that is not closed"))?;
        open.push(format!("{before}{inside}{after}"));
        open.push(format!("{before}{after}"));
    }
    Ok(done)
}

/// Splits behind the bracket that closes the one before `text`.
fn split_bracket(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    for (at, character) in text.char_indices() {
        match character {
            '[' => depth += 1,
            ']' if depth == 0 => return Some((text.get(..at)?, text.get(at + 1..)?)),
            ']' => depth -= 1,
            _ => {}
        }
    }
    None
}
