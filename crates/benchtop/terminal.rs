//! The only place that prints. People's text is escaped: nothing that an instrument, a file or a server said can move the
//! cursor of the operator's terminal.

mod standing;

use anstyle::{AnsiColor, Style};
use benchtop_instrument::{Clock, RealClock};
use benchtop_notation::escape;
pub(crate) use standing::{Asking, Parts, asking, stand, stand_no_more};
use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

/// Bold red.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Bold green.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Yellow.
pub(crate) const DOUBTFUL: Style = AnsiColor::Yellow.on_default();
/// Dimmed.
pub(crate) const QUIET: Style = Style::new().dimmed();
/// As it comes.
pub(crate) const PLAIN: Style = Style::new();

/// A line for people, in pieces of one style each.
#[derive(Debug, Default)]
pub(crate) struct Line(Vec<(Style, String)>);

impl Line {
    /// An empty line.
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds text, escaped.
    pub(crate) fn add(mut self, style: Style, text: &str) -> Self {
        self.0.push((style, escape(text).into_owned()));
        self
    }

    /// Adds text, escaped, filled with blanks to `width` characters; what is longer has one behind it all the same.
    pub(crate) fn column(self, style: Style, text: &str, width: usize) -> Self {
        let text = escape(text);
        let fill = width.saturating_sub(text.chars().count()).max(1);
        self.add(style, &text).add(PLAIN, &" ".repeat(fill))
    }

    /// This line, and then that one.
    pub(crate) fn join(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        let mut text = String::new();
        for (style, piece) in &self.0 {
            text.push_str(&format!("{style}{piece}{style:#}"));
        }
        writeln!(to, "{text}")
    }
}

/// At most so many characters of a text, the last of them an ellipsis where some were left out. Escaped first: a cut must
/// not make room for what escaping takes.
pub(crate) fn clip(text: &str, most: usize) -> String {
    let short: String = text.chars().take(most.saturating_add(1)).collect();
    let escaped = escape(&short);
    if escaped.chars().count() <= most && short.len() == text.len() {
        return escaped.into_owned();
    }
    let cut: String = escaped.chars().take(most.saturating_sub(1)).collect();
    format!("{cut}\u{2026}")
}

/// Prints for people on standard output.
pub(crate) fn say(line: &Line) {
    standing::above(io::stdout().is_terminal(), || line.write(&mut anstream::stdout()));
}

/// Prints for people on standard error.
pub(crate) fn say_aside(line: &Line) {
    standing::above(true, || line.write(&mut anstream::stderr()));
}

/// An error or a warning, on standard error: `error: ...`.
pub(crate) fn complain(message: &str) {
    say_aside(&Line::new().add(BAD, "error").add(PLAIN, &format!(": {message}")));
}

/// A warning, on standard error.
pub(crate) fn warn(message: &str) {
    say_aside(&Line::new().add(DOUBTFUL, "warning").add(PLAIN, &format!(": {message}")));
}

/// Diagnostics of files, with excerpts, on standard error. `notation` escapes what comes from the files.
pub(crate) fn diagnose(findings: &benchtop_notation::Diagnostics) {
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let text = findings.render_human(colour);
    standing::above(true, || writeln!(anstream::stderr(), "{}", text.trim_end()));
}

/// One line of machine-readable output, as it is.
pub(crate) fn emit(line: &str) {
    standing::above(io::stdout().is_terminal(), || {
        let mut out = io::stdout().lock();
        writeln!(out, "{line}").and_then(|()| out.flush())
    });
}

/// JSON with everything beyond ASCII escaped: still the same JSON, and harmless on a terminal.
pub(crate) fn ascii(json: &str) -> String {
    let mut text = String::new();
    for c in json.chars() {
        if c.is_ascii() && !c.is_ascii_control() {
            text.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            text.push_str(&format!("\\u{unit:04x}"));
        }
    }
    text
}

/// As JSON on one line, harmless on a terminal.
pub(crate) fn ascii_json(value: &serde_json::Value) -> String {
    ascii(&value.to_string())
}

/// Asks a person at the terminal; `None` where there is none. Anything but a yes is a no.
pub(crate) fn ask_yes(question: &str) -> Option<bool> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return None;
    }
    let clock = RealClock::new();
    let mut err = anstream::stderr();
    loop {
        report(write!(err, "{} [y/N] ", escape(question)).and_then(|()| err.flush()));
        let asked = clock.now();
        let mut answer = String::new();
        let length = io::stdin().read_line(&mut answer).ok()?;
        let answer = answer.trim();
        if length == 0 || !is_stray(answer, clock.now().since(asked)) {
            return Some(matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes"));
        }
    }
}

/// A scanner that ends its text with CR and LF ends two lines at a terminal: an empty one that comes sooner after a question
/// than a person can have read it answers nothing.
pub(crate) fn is_stray(line: &str, after: Duration) -> bool {
    const NOBODY_READS_SO_FAST: Duration = Duration::from_millis(150);
    line.is_empty() && after < NOBODY_READS_SO_FAST
}

/// True when a person sits at both ends.
pub(crate) fn is_attended() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Says what is asked for, where somebody sits at the terminal.
pub(crate) fn ask_for(prompt: &str) {
    if is_attended() {
        let mut out = anstream::stdout();
        report(write!(out, "{} ", escape(prompt)).and_then(|()| out.flush()));
    }
}

/// Waits for a line; `None` at the end of the input. Blocks its thread.
pub(crate) fn read_line() -> Option<String> {
    let mut line = String::new();
    match io::stdin().read_line(&mut line) {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(line.trim().to_owned()),
    }
}

/// Forgets what was typed or scanned and not yet read.
#[cfg(unix)]
pub(crate) fn forget_typing() {
    if is_attended() {
        // a terminal that cannot do it keeps what it has
        let _kept = rustix::termios::tcflush(io::stdin(), rustix::termios::QueueSelector::IFlush);
    }
}

#[cfg(not(unix))]
pub(crate) const fn forget_typing() {}

/// Characters across an operator's screen.
const BANNER: usize = 72;

/// A word across the screen: in colour from edge to edge on a terminal, framed where there is none.
pub(crate) fn banner(style: Style, text: &str) {
    let text = escape(text);
    let style = style.invert();
    let fill = BANNER.saturating_sub(text.chars().count() + 2);
    let (left, right) = (fill / 2, fill - fill / 2);
    let edge = "=".repeat(BANNER);
    let line = format!("{} {text} {}", "=".repeat(left), "=".repeat(right));
    for line in [edge.as_str(), line.as_str(), edge.as_str()] {
        say(&Line::new().add(style, line));
    }
}

/// A line on standard error that the next one of its kind replaces; nothing where it is no terminal.
pub(crate) fn progress(text: &str) {
    let line = Parts {
        doing: text.to_owned(),
        ..Parts::default()
    };
    stand("", line);
}

/// Takes the line of [`progress`] away.
pub(crate) fn progress_done() {
    stand_no_more("");
}

/// How long something may still take: `, about 4 s more`; in minutes where it is long.
pub(crate) fn about(more: Duration) -> String {
    let seconds = more.as_secs_f64().ceil();
    match seconds < 300.0 {
        true => format!(", about {seconds:.0} s more"),
        false => format!(", about {:.0} min more", (seconds / 60.0).ceil()),
    }
}

/// A reader that went away (`| head`) must not stop a run; there is nobody left to tell.
fn report(written: io::Result<()>) {
    drop(written);
}
