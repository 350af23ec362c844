//! Documents that build on others: `inherits = "<name>"` at the top, and `without = ["table.key"]` for what they leave out.

use std::mem;

use crate::{
    Diagnostic, Diagnostics, Document, Key, Shape, Span,
    document::{Content, Entry, TableNode},
};

/// The file name and text of a document by the name that others inherit it under.
pub type Documents<'d> = dyn Fn(&str) -> Option<(String, String)> + 'd;

/// A longer line of ancestors is a circle or a mistake.
const MAX_ANCESTORS: usize = 4;

const INHERITS: &str = "inherits";
const WITHOUT: &str = "without";

/// What may stand at the top of a document that others can inherit from, beside what its reader takes; for editors.
pub const INHERITANCE: &[Key] = &[
    Key::new(
        INHERITS,
        Shape::Text,
        "The name of the document that this one is read over.",
    ),
    Key::new(
        WITHOUT,
        Shape::List(&Shape::Text),
        "What is not taken over from it, by its path: \"functions.dc_current\".",
    ),
];

impl Document {
    /// Parses `text` as [`Document::parse`] does. Where its top says `inherits = "<name>"`, it is read over that document.
    ///
    /// What it has in place of the other's stands: tables are joined key by key, `[[arrays of tables]]` are joined too, the
    /// other's entries first. What `without` names, by its path (`"functions.dc_current"`), is not taken over. Findings still
    /// point into the file that they are about.
    ///
    /// # Errors
    /// As [`Document::parse`], of any of them; a name that `documents` does not know, a path that leads nowhere; more than four documents in line.
    pub fn parse_inheriting(name: &str, text: &str, documents: &Documents<'_>) -> Result<Self, Diagnostics> {
        Self::parse_after(name, text, documents, 0)
    }

    fn parse_after(name: &str, text: &str, documents: &Documents<'_>, before: usize) -> Result<Self, Diagnostics> {
        let mut document = Self::parse(name, text)?;
        let Some(entry) = document.root.take(INHERITS) else {
            return Ok(document);
        };
        let without = document.root.take(WITHOUT);
        let refuse = |message: &str| Err(Diagnostic::error(&entry.node.span, message).into());
        let Some(ancestor) = entry.node.text() else {
            return refuse("`inherits` is the name of another document, in quotes");
        };
        if before >= MAX_ANCESTORS {
            return refuse(&format!("more than {MAX_ANCESTORS} documents inherit from one another"));
        }
        let Some((file, text)) = documents(ancestor) else {
            return refuse(&format!("there is no `{ancestor}` to inherit from"));
        };
        let mut ancestor = Self::parse_after(&file, &text, documents, before + 1)?;
        if let Some(without) = without {
            leave_out(&mut ancestor.root, &without)?;
        }
        document.root = over(mem::take(&mut document.root), mem::take(&mut ancestor.root));
        Ok(document)
    }

    /// The names of the documents that it is read over, the nearest first, as far as they are known.
    #[must_use]
    pub fn ancestors(text: &str, documents: &Documents<'_>) -> Vec<String> {
        let mut names = Vec::new();
        let mut text = text.to_owned();
        while names.len() < MAX_ANCESTORS && may_inherit(&text) {
            let Ok(document) = Self::parse(INHERITS, &text) else {
                break;
            };
            let entry = document.root.entries.iter().find(|entry| &*entry.key == INHERITS);
            let Some(name) = entry.and_then(|entry| entry.node.text()) else {
                break;
            };
            let Some((_, next)) = documents(name) else { break };
            names.push(name.to_string());
            text = next;
        }
        names
    }
}

/// False for a text without the key, which need not be parsed to be seen: a key is written as it is, or with an escape.
fn may_inherit(text: &str) -> bool {
    [INHERITS, "\\u", "\\U", "\\x"].iter().any(|sign| text.contains(sign))
}

impl TableNode {
    fn take(&mut self, key: &str) -> Option<Entry> {
        let at = self.entries.iter().position(|entry| &*entry.key == key)?;
        Some(self.entries.remove(at))
    }
}

fn leave_out(root: &mut TableNode, without: &Entry) -> Result<(), Diagnostics> {
    let refuse = |span: &Span, message: &str| Err(Diagnostic::error(span, message).into());
    let Content::Array(paths) = &without.node.content else {
        return refuse(
            &without.node.span,
            "`without` is a list of paths: [\"functions.dc_current\"]",
        );
    };
    for node in &paths.0 {
        let Some(path) = node.text() else {
            return refuse(&node.span, "a path is written in quotes: \"functions.dc_current\"");
        };
        let mut keys: Vec<&str> = path.split('.').collect();
        let last = keys.pop().unwrap_or_default();
        let table = keys.iter().try_fold(&mut *root, |table, key| {
            let entry = table.entries.iter_mut().find(|entry| &*entry.key == *key)?;
            if let Content::Table(table) = &mut entry.node.content {
                return Some(&mut **table);
            }
            None
        });
        if table.and_then(|table| table.take(last)).is_none() {
            return refuse(&node.span, &format!("`{path}` is not in what is inherited"));
        }
    }
    Ok(())
}

fn over(newer: TableNode, older: TableNode) -> TableNode {
    let TableNode { title, entries } = newer;
    let mut joined = older.entries;
    for mut entry in entries {
        let Some(at) = joined.iter().position(|known| known.key == entry.key) else {
            joined.push(entry);
            continue;
        };
        let known = joined.remove(at);
        entry.node.content = match (entry.node.content, known.node.content) {
            (Content::Table(newer), Content::Table(older)) => Content::Table(Box::new(over(*newer, *older))),
            (Content::Array(newer), Content::Array(mut older)) if has_headers(&entry.node.span) => {
                older.0.extend(newer.0);
                Content::Array(older)
            }
            (newer, _) => newer,
        };
        joined.insert(at, entry);
    }
    TableNode { title, entries: joined }
}

/// Whether an array is written as `[[...]]`.
fn has_headers(span: &Span) -> bool {
    span.text().starts_with("[[")
}

#[cfg(test)]
mod tests {
    use super::*;

    const METER: &str =
        "[driver]\nmodel = \"2000\"\nport = 5025\n[[sources]]\nid = \"guide\"\n[functions.dc]\nranges = [1, 2]\n";

    fn documents(name: &str) -> Option<(String, String)> {
        let text = match name {
            "meter" => METER,
            "child" => "inherits = \"meter\"\n[driver]\nmodel = \"child\"\n",
            "circle" => "inherits = \"circle\"\n",
            _ => return None,
        };
        Some((format!("{name}.toml"), text.to_owned()))
    }

    fn read(text: &str) -> String {
        let document = match Document::parse_inheriting("new.toml", text, &documents) {
            Ok(document) => document,
            Err(findings) => return findings.render_short(),
        };
        let mut sink = Diagnostics::new();
        let root = document.root(&mut sink, &["driver", "sources", "functions"]);
        let driver = root.require_table(&mut sink, "driver", &["model", "port"]);
        let model = driver.and_then(|driver| driver.string(&mut sink, "model"));
        let port = driver.and_then(|driver| driver.integer(&mut sink, "port"));
        let sources = root.require_tables(&mut sink, "sources", &["id"]).unwrap_or_default();
        let functions = root.tables_by_name(&mut sink, "functions", &["ranges"]);
        let ranges: Vec<usize> = functions
            .iter()
            .map(|(_, function)| function.items(&mut sink, "ranges").unwrap_or_default().len())
            .collect();
        format!(
            "{} {} {} {ranges:?}\n{}",
            model.map(|model| model.value).unwrap_or_default(),
            port.map(|port| port.value).unwrap_or_default(),
            sources.len(),
            sink.render_short()
        )
    }

    #[test]
    fn what_is_written_stands_over_what_is_inherited() {
        assert_eq!(read(METER), "2000 5025 1 [2]\n");
        assert_eq!(read("inherits = \"meter\"\n"), "2000 5025 1 [2]\n");
        let text = "inherits = \"meter\"\n[driver]\nmodel = \"2000-scan\"\n[[sources]]\nid = \"card\"\n[functions.dc]\nranges = [9]\n[functions.ac]\nranges = []\n";
        assert_eq!(read(text), "2000-scan 5025 2 [1, 0]\n");
        assert_eq!(read("inherits = \"child\"\n"), "child 5025 1 [2]\n");
        let text = "inherits = \"meter\"\nwithout = [\"functions.dc\", \"driver.port\"]\n";
        assert_eq!(read(text), "2000 0 1 []\n");
    }

    #[test]
    fn findings_point_into_the_file_that_they_are_about() {
        let text = "inherits = \"meter\"\n[driver]\nport = \"x\"\n[functions.dc]\nrange = 1\n";
        assert_eq!(
            read(text),
            "2000 0 1 [2]\nnew.toml:3:8: error: `port` must be an integer, not a string\n\
             new.toml:5:1: error: unknown key `range` in [functions.dc]; did you mean `ranges`?\n"
        );
        assert_eq!(
            read("inherits = \"mter\"\n"),
            "new.toml:1:12: error: there is no `mter` to inherit from\n"
        );
        assert_eq!(
            read("inherits = 1\n"),
            "new.toml:1:12: error: `inherits` is the name of another document, in quotes\n"
        );
        assert_eq!(
            read("inherits = \"meter\"\nwithout = [\"functions.ac\"]\n"),
            "new.toml:2:12: error: `functions.ac` is not in what is inherited\n"
        );
        assert_eq!(
            read("inherits = \"circle\"\n"),
            "circle.toml:1:12: error: more than 4 documents inherit from one another\n"
        );
    }

    #[test]
    fn ancestors_are_named_nearest_first() {
        assert_eq!(
            Document::ancestors("inherits = \"child\"", &documents),
            ["child", "meter"]
        );
        assert!(Document::ancestors(METER, &documents).is_empty());
    }
}
