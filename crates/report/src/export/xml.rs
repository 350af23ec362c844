//! XML as the exports write it: elements in order, every text escaped.

use crate::csv::is_active;
use std::io::{self, Write};

/// Writes elements, each on a line of its own.
#[derive(Debug)]
pub(super) struct Xml<W> {
    to: W,
    open: Vec<&'static str>,
}

impl<W: Write> Xml<W> {
    /// Begins a document.
    pub(super) fn new(mut to: W) -> io::Result<Self> {
        to.write_all(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")?;
        Ok(Self { to, open: Vec::new() })
    }

    /// Opens an element; [`Xml::close`] ends it.
    pub(super) fn open(&mut self, name: &'static str, attributes: &[(&str, &str)]) -> io::Result<()> {
        self.begin(name, attributes)?;
        self.to.write_all(b">\n")?;
        self.open.push(name);
        Ok(())
    }

    /// An element without content.
    pub(super) fn leaf(&mut self, name: &'static str, attributes: &[(&str, &str)]) -> io::Result<()> {
        self.begin(name, attributes)?;
        self.to.write_all(b"/>\n")
    }

    /// An element that holds a text.
    pub(super) fn text(&mut self, name: &'static str, attributes: &[(&str, &str)], text: &str) -> io::Result<()> {
        self.begin(name, attributes)?;
        writeln!(self.to, ">{}</{name}>", escaped(text))
    }

    /// Ends the element that was opened last.
    pub(super) fn close(&mut self) -> io::Result<()> {
        let Some(name) = self.open.pop() else { return Ok(()) };
        self.indent()?;
        writeln!(self.to, "</{name}>")
    }

    /// Ends every open element, and hands back what was written to.
    pub(super) fn finish(mut self) -> io::Result<W> {
        while !self.open.is_empty() {
            self.close()?;
        }
        self.to.flush()?;
        Ok(self.to)
    }

    fn begin(&mut self, name: &str, attributes: &[(&str, &str)]) -> io::Result<()> {
        self.indent()?;
        write!(self.to, "<{name}")?;
        for (attribute, value) in attributes {
            write!(self.to, " {attribute}=\"{}\"", escaped(value))?;
        }
        Ok(())
    }

    fn indent(&mut self) -> io::Result<()> {
        write!(self.to, "{:width$}", "", width = self.open.len())
    }
}

/// Text for an attribute or an element. What XML cannot hold, and what a terminal would act on, is written as its code:
/// `\u{1b}`.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\t' | '\n' | '\r' => out.push_str(&format!("&#{};", u32::from(c))),
            c if is_active(c) || matches!(c, '\u{fffe}' | '\u{ffff}') => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn nothing_that_a_unit_is_called_breaks_the_file() {
        assert_eq!(
            escaped("<a b=\"c\">&'\u{1b}[2J\n\u{0}\u{ffff}\u{202e}\u{fc}"),
            "&lt;a b=&quot;c&quot;&gt;&amp;&apos;\\u{1b}[2J&#10;\\u{0}\\u{ffff}\\u{202e}\u{fc}"
        );
    }
}
