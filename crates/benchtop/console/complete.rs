//! Completion of a model's commands, one mnemonic at a time, as a shell completes paths.
//!
//! Short forms are completed to the short form, what is longer to the long form, in the case that is typed. What follows a
//! `;` is looked for beside the header before it (SCPI-99 volume 1, 6.2.4), and then from the root, with its colon.

use super::DOT_COMMANDS;
use rustyline::{
    Context, Helper,
    completion::{Completer, Pair},
    highlight::Highlighter,
    hint::Hinter,
    validate::Validator,
};
use std::{collections::BTreeMap, sync::Arc};

/// The headers of a model, by mnemonic.
#[derive(Debug, Default)]
pub(super) struct Commands {
    root: Node,
}

#[derive(Debug, Default)]
struct Node {
    /// By long form in capitals.
    below: BTreeMap<String, Mnemonic>,
    set: bool,
    query: bool,
}

#[derive(Debug)]
struct Mnemonic {
    /// As manuals write it: `VOLTage`.
    written: String,
    /// Takes a number: `ISUMmary<n>`.
    numbered: bool,
    node: Node,
}

impl Commands {
    /// Takes headers as `Model::headers` has them.
    pub(super) fn new(headers: &[String]) -> Self {
        let mut commands = Self::default();
        for header in headers {
            let (path, query) = match header.strip_suffix('?') {
                Some(path) => (path, true),
                None => (header.as_str(), false),
            };
            let end = path.split(':').fold(&mut commands.root, |node, word| node.enter(word));
            end.query |= query;
            end.set |= !query;
        }
        commands
    }

    /// True where there are any.
    pub(super) fn is_known(&self) -> bool {
        !self.root.below.is_empty()
    }

    /// What `line` may go on with: where the replaced text begins, and what is shown and put there.
    fn candidates(&self, line: &str) -> (usize, Vec<(String, String)>) {
        let (unit, path) = self.last_unit(line);
        let header = unit.trim_start();
        let begins = line.len() - header.len();
        if header.starts_with('.') && begins == line.len() - line.trim_start().len() {
            let known = DOT_COMMANDS.iter().filter(|(name, _)| name.starts_with(header));
            return (
                begins,
                known
                    .map(|(name, _)| ((*name).to_owned(), (*name).to_owned()))
                    .collect(),
            );
        }
        // behind a header come its arguments
        if header.contains(|c: char| c.is_whitespace() || c == '?') {
            return (line.len(), Vec::new());
        }
        let (above, word) = header
            .rsplit_once(':')
            .map_or((None, header), |(above, word)| (Some(above), word));
        let from_root = header.starts_with(':') || header.starts_with('*');
        let start = if from_root {
            Some(&self.root)
        } else {
            self.root.follow(&path)
        };
        let found = start.and_then(|node| node.below_path(above.unwrap_or_default().trim_start_matches(':')));
        let found = found.map(|node| node.matching(word, header)).unwrap_or_default();
        if !found.is_empty() || from_root || path.is_empty() {
            return (line.len() - word.len(), found);
        }
        let above = above.unwrap_or_default();
        let found = self.root.below_path(above).map(|node| node.matching(word, header));
        let colon = if above.is_empty() {
            ":".to_owned()
        } else {
            format!(":{above}:")
        };
        let found = found.unwrap_or_default().into_iter();
        (
            begins,
            found.map(|(shown, put)| (shown, format!("{colon}{put}"))).collect(),
        )
    }

    /// The first header in a message that the model has not; none where nothing is known of it.
    pub(super) fn first_unknown<'l>(&self, message: &'l str) -> Option<&'l str> {
        let units = split_units(message);
        let mut before = 0;
        units.into_iter().find_map(|unit| {
            let sent = unit.split_whitespace().next();
            let (_, path) = self.last_unit(message.get(..before).unwrap_or_default());
            before += unit.len() + 1;
            let sent = sent.filter(|_| self.is_known())?;
            let header = sent.strip_suffix('?').unwrap_or(sent);
            let found = self.root.follow(&from(&path, header));
            let is_known = found.is_some_and(|node| if header == sent { node.set } else { node.query });
            (!is_known).then_some(sent)
        })
    }

    /// The part behind the last `;`, and the path at which the headers before it leave the parser.
    fn last_unit<'l>(&self, line: &'l str) -> (&'l str, Vec<String>) {
        let mut units = split_units(line);
        let last = units.pop().unwrap_or_default();
        let mut path = Vec::new();
        for unit in units {
            let header = unit.split_whitespace().next().unwrap_or_default().trim_end_matches('?');
            if header.starts_with('*') || header.is_empty() {
                continue;
            }
            let mut words = from(&path, header);
            words.pop();
            path = if self.root.follow(&words).is_some() {
                words
            } else {
                Vec::new()
            };
        }
        (last, path)
    }
}

/// The mnemonics from the root that `header` stands for at `path`.
fn from(path: &[String], header: &str) -> Vec<String> {
    let above = if header.starts_with([':', '*']) { &[] } else { path };
    let own = header.trim_start_matches(':').split(':').map(str::to_owned);
    above.iter().cloned().chain(own).collect()
}

/// Cuts a line at each `;` outside quotes.
fn split_units(line: &str) -> Vec<&str> {
    let (mut units, mut begin, mut quote) = (Vec::new(), 0, None);
    for (at, character) in line.char_indices() {
        match (quote, character) {
            (None, ';') => {
                units.push(line.get(begin..at).unwrap_or_default());
                begin = at + 1;
            }
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), close) if open == close => quote = None,
            (None | Some(_), _) => {}
        }
    }
    units.push(line.get(begin..).unwrap_or_default());
    units
}

impl Node {
    fn enter(&mut self, word: &str) -> &mut Self {
        let (written, numbered) = match word.strip_suffix("<n>") {
            Some(word) => (word, true),
            None => (word, false),
        };
        let entry = self.below.entry(written.to_ascii_uppercase());
        let mnemonic = entry.or_insert_with(|| Mnemonic {
            written: written.to_owned(),
            numbered,
            node: Self::default(),
        });
        &mut mnemonic.node
    }

    fn follow(&self, words: &[String]) -> Option<&Self> {
        words.iter().try_fold(self, |node, word| {
            let mut below = node.below.values();
            below.find(|mnemonic| mnemonic.is(word)).map(|mnemonic| &mnemonic.node)
        })
    }

    fn below_path(&self, path: &str) -> Option<&Self> {
        if path.is_empty() {
            return Some(self);
        }
        self.follow(&path.split(':').map(str::to_owned).collect::<Vec<_>>())
    }

    /// Every mnemonic that `word` may become, as it is shown and as it is put there; `header` is what was typed so far.
    fn matching(&self, word: &str, header: &str) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for mnemonic in self.below.values() {
            let Some(put) = mnemonic.completed(word, header) else {
                continue;
            };
            let node = &mnemonic.node;
            let ends = [(node.set, ""), (node.query, "?"), (!node.below.is_empty(), ":")];
            for (_, end) in ends.iter().filter(|(is_there, _)| *is_there) {
                found.push((format!("{}{end}", mnemonic.written), format!("{put}{end}")));
            }
        }
        found
    }
}

impl Mnemonic {
    /// The capitals at the beginning and the digits at the end.
    fn short(&self) -> String {
        let digits = self.digits();
        let stem = self.written.strip_suffix(digits).unwrap_or(&self.written);
        let end = stem.find(|c: char| c.is_ascii_lowercase()).unwrap_or(stem.len());
        format!("{}{digits}", stem.get(..end).unwrap_or(stem))
    }

    fn digits(&self) -> &str {
        let stem = self.written.trim_end_matches(|c: char| c.is_ascii_digit());
        self.written.strip_prefix(stem).unwrap_or_default()
    }

    fn is(&self, word: &str) -> bool {
        let is_form = |word: &str| word.eq_ignore_ascii_case(&self.written) || word.eq_ignore_ascii_case(&self.short());
        // where there is one only, it is the first
        let stem = word.trim_end_matches(|c: char| c.is_ascii_digit());
        is_form(word) || (is_form(stem) && (self.numbered || word.strip_prefix(stem) == Some("1")))
    }

    /// What `word` becomes, if it is the beginning of this one: the shortest form that is not shorter, in its case.
    fn completed(&self, word: &str, header: &str) -> Option<String> {
        let (stem, number) = match word.trim_end_matches(|c: char| c.is_ascii_digit()) {
            stem if self.numbered && !stem.is_empty() => (stem, word.strip_prefix(stem).unwrap_or_default()),
            _ => (word, ""),
        };
        let begins = |form: &str| {
            let beginning = form.get(..stem.len());
            beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(stem))
        };
        let short = self.short();
        let form = if begins(&short) {
            short
        } else if begins(&self.written) {
            self.written.clone()
        } else {
            return None;
        };
        // a number is the end of a mnemonic
        if !number.is_empty() && form.len() > stem.len() {
            return None;
        }
        let has = |text: &str, is: fn(&char) -> bool| text.chars().any(|c| is(&c));
        let form = if has(header, char::is_ascii_lowercase) && !has(header, char::is_ascii_uppercase) {
            form.to_ascii_lowercase()
        } else if !stem.is_empty() && !has(stem, char::is_ascii_lowercase) {
            form.to_ascii_uppercase()
        } else {
            form
        };
        Some(format!("{form}{number}"))
    }
}

/// What the line editor calls.
pub(super) struct Completion(pub(super) Arc<Commands>);

impl Completer for Completion {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, found) = self.0.candidates(line.get(..at).unwrap_or(line));
        let pairs = found
            .into_iter()
            .map(|(display, replacement)| Pair { display, replacement });
        Ok((start, pairs.collect()))
    }
}

impl Hinter for Completion {
    type Hint = String;
}

impl Highlighter for Completion {}

impl Validator for Completion {}

impl Helper for Completion {}

#[cfg(test)]
mod tests {
    use super::Commands;

    fn commands() -> Commands {
        let headers = [
            "*IDN?",
            "*RST",
            "CALCulate2:STATe",
            "MEASure:CURRent:DC?",
            "MEASure:VOLTage:AC?",
            "MEASure:VOLTage:DC?",
            "OUTPut",
            "OUTPut?",
            "SENSe:VOLTage:DC:NPLC",
            "SENSe:VOLTage:DC:NPLC?",
            "SENSe:VOLTage:DC:RANGe",
            "SENSe:VOLTage:DC:RANGe?",
            "SENSe:VOLTage:DC:RANGe:AUTO",
            "STATus:ISUMmary<n>:CONDition?",
        ];
        Commands::new(&headers.map(str::to_owned))
    }

    #[test]
    fn headers_are_completed_as_they_are_typed() {
        let commands = commands();
        for (line, expected) in [
            // short form, long form, and the case of what is there
            ("MEAS:V", "MEAS:VOLT:"),
            ("meas:v", "meas:volt:"),
            ("M", "MEAS:"),
            ("MEASU", "MEASURE:"),
            ("MEASu", "MEASure:"),
            ("measure:volta", "measure:voltage:"),
            ("MEAS:VOLT:", "MEAS:VOLT:AC? | MEAS:VOLT:DC?"),
            ("MEASure:VOLTage:D", "MEASure:VOLTage:DC?"),
            (
                "sens:volt:dc:r",
                "sens:volt:dc:rang | sens:volt:dc:rang? | sens:volt:dc:rang:",
            ),
            ("OUTP", "OUTP | OUTP?"),
            ("*i", "*idn?"),
            ("*", "*IDN? | *RST"),
            (":MEAS:C", ":MEAS:CURR:"),
            ("CALC", "CALC2:"),
            ("CALC2:S", "CALC2:STAT"),
            ("STAT:ISUM3", "STAT:ISUM3:"),
            ("STAT:ISUM3:C", "STAT:ISUM3:COND?"),
            // what is behind a header is not completed, nor what is unknown
            ("OUTP ", ""),
            ("MEAS:VOLT:DC?", ""),
            ("FOO:B", ""),
            ("MEAS:VOLT2:D", ""),
            // behind a `;`: beside the header before it, or from the root
            (
                "SENS:VOLT:DC:RANG 10;N",
                "SENS:VOLT:DC:RANG 10;NPLC | SENS:VOLT:DC:RANG 10;NPLC?",
            ),
            ("*RST; MEAS:V", "*RST; MEAS:VOLT:"),
            ("SENS:VOLT:DC:RANG 10;*I", "SENS:VOLT:DC:RANG 10;*IDN?"),
            ("MEAS:VOLT:DC?;MEAS:C", "MEAS:VOLT:DC?;:MEAS:CURR:"),
            ("MEAS:VOLT:DC?;out", "MEAS:VOLT:DC?;:outp | MEAS:VOLT:DC?;:outp?"),
            ("MEAS:VOLT:DC?;:O", "MEAS:VOLT:DC?;:OUTP | MEAS:VOLT:DC?;:OUTP?"),
            ("OUTP \"a;b\";M", "OUTP \"a;b\";MEAS:"),
            // the console's own
            (".q", ".quit"),
            ("", "*IDN? | *RST | CALC2: | MEAS: | OUTP | OUTP? | SENS: | STAT:"),
        ] {
            let (start, found) = commands.candidates(line);
            let lines = found
                .iter()
                .map(|(_, put)| format!("{}{put}", line.get(..start).unwrap()));
            assert_eq!(lines.collect::<Vec<_>>().join(" | "), expected, "{line:?}");
        }
        for (message, unknown) in [
            ("MEAS:VOLT:DC?", None),
            ("*RST;:meas:voltage:dc? 10;AC?;*IDN?", None),
            ("sens:volt:dc:rang 10;rang?;nplc 1", None),
            ("OUTP \"a;b\"; OUTP?", None),
            ("MEAS:FOO? 10", Some("MEAS:FOO?")),
            ("MEAS:VOLT:DC", Some("MEAS:VOLT:DC")),
            ("MEAS:VOLT:DC?;OUTP?", Some("OUTP?")),
            ("*IDN?;FOO", Some("FOO")),
        ] {
            assert_eq!(commands.first_unknown(message), unknown, "{message}");
            assert_eq!(Commands::default().first_unknown(message), None);
        }
        let (_, found) = commands.candidates("MEAS:");
        assert_eq!(found[1].0, "VOLTage:", "shown as in the manual");
    }
}
