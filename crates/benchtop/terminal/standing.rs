//! Lines that stand below all others at a terminal while something goes on: each is replaced by the next of its kind, and what
//! is printed meanwhile goes above them. Nothing of it anywhere but at a terminal.
//!
//! # Invariants
//! - A line is no longer than the terminal shows now: one that went on in a second row could not be taken away.
//! - What is taken away is covered with blanks, and the only sequence of the terminal's is the one that moves the cursor up,
//!   where several lines stand: no colour, so that `NO_COLOR` does not forbid it. A terminal that cannot do it (`TERM=dumb`)
//!   shows one line, the one that was told last.
//! - While somebody is asked something nothing stands there: it would be written into the answer.

use super::{clip, report};
use std::{
    collections::BTreeMap,
    io::{self, IsTerminal, Write},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Columns of a terminal that does not say how many it has.
const USUAL_COLUMNS: usize = 80;
/// Rows of such a one.
const USUAL_ROWS: usize = 24;

/// A line in parts: of one that is too long the last goes first, and then the middle is cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    /// What it is about.
    pub(crate) head: String,
    /// What goes on.
    pub(crate) doing: String,
    /// How long it takes.
    pub(crate) time: String,
    /// How long it may still take.
    pub(crate) more: String,
}

impl Parts {
    /// At most so many characters.
    fn within(&self, most: usize) -> String {
        let length = |text: &str| clip(text, usize::MAX).chars().count();
        let fixed = length(&self.head) + length(&self.time);
        let more = match fixed + length(&self.doing) + length(&self.more) <= most {
            true => self.more.as_str(),
            false => "",
        };
        let doing = clip(&self.doing, most.saturating_sub(fixed).max(1));
        clip(&format!("{}{doing}{}{more}", self.head, self.time), most)
    }
}

#[derive(Debug, Default)]
struct Standing {
    /// By whose it is.
    lines: BTreeMap<String, Parts>,
    /// Whose was told last.
    last: String,
    /// Characters of the lines that stand there now.
    drawn: Vec<usize>,
    /// How many wait for an answer.
    asked: usize,
}

static STANDING: Mutex<Standing> = Mutex::new(Standing {
    lines: BTreeMap::new(),
    last: String::new(),
    drawn: Vec::new(),
    asked: 0,
});

/// True while something is to stand there: what is printed must go above it.
static IN_USE: AtomicBool = AtomicBool::new(false);

fn standing() -> MutexGuard<'static, Standing> {
    STANDING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts a line there, or another one in its place; `whose` says which. Nothing where standard error is no terminal.
pub(crate) fn stand(whose: &str, line: Parts) {
    if !io::stderr().is_terminal() {
        return;
    }
    let mut standing = standing();
    standing.lines.insert(whose.to_owned(), line);
    whose.clone_into(&mut standing.last);
    IN_USE.store(true, Ordering::Relaxed);
    standing.redraw();
}

/// Takes a line away.
pub(crate) fn stand_no_more(whose: &str) {
    if !IN_USE.load(Ordering::Relaxed) {
        return;
    }
    let mut standing = standing();
    if standing.lines.remove(whose).is_some() {
        standing.redraw();
    }
    IN_USE.store(!standing.lines.is_empty(), Ordering::Relaxed);
}

/// Nothing stands there until this is dropped: somebody is asked something.
#[derive(Debug)]
pub(crate) struct Asking(());

/// Makes room for a question and its answer.
pub(crate) fn asking() -> Asking {
    let mut standing = standing();
    standing.asked = standing.asked.saturating_add(1);
    standing.redraw();
    Asking(())
}

impl Drop for Asking {
    fn drop(&mut self) {
        let mut standing = standing();
        standing.asked = standing.asked.saturating_sub(1);
        standing.redraw();
    }
}

/// Prints something above the lines that stand there. What goes elsewhere than to a terminal is in nobody's way, and must not
/// hold the others up where its reader stands still.
pub(super) fn above(to_terminal: bool, print: impl FnOnce() -> io::Result<()>) {
    if !to_terminal || !IN_USE.load(Ordering::Relaxed) {
        return report(print());
    }
    let mut standing = standing();
    standing.draw(&[]);
    report(print());
    standing.redraw();
}

impl Standing {
    fn redraw(&mut self) {
        let (columns, rows) = size();
        self.draw(&self.shown(columns, rows, moves_up()));
    }

    /// The lines as they are to stand there.
    fn shown(&self, columns: usize, rows: usize, moves_up: bool) -> Vec<String> {
        if self.asked > 0 {
            return Vec::new();
        }
        let most = columns.saturating_sub(1);
        if !moves_up || self.lines.len() < 2 {
            let line = self.lines.get(&self.last).or_else(|| self.lines.values().next());
            return line.map(|line| line.within(most)).into_iter().collect();
        }
        // what scrolled away could not be taken away
        let room = rows.saturating_sub(2).max(1);
        let mut lines: Vec<String> = self.lines.values().take(room).map(|line| line.within(most)).collect();
        if self.lines.len() > room {
            let more = format!("  and {} more", self.lines.len() - room);
            lines.push(clip(&more, most));
        }
        lines
    }

    /// Writes these in the place of those that stand there.
    fn draw(&mut self, lines: &[String]) {
        if lines.is_empty() && self.drawn.is_empty() {
            return;
        }
        let most = size().0.saturating_sub(1);
        let text = painted(&self.drawn, lines, most);
        self.drawn = lines.iter().map(|line| line.chars().count()).collect();
        let mut err = io::stderr().lock();
        report(err.write_all(text.as_bytes()).and_then(|()| err.flush()));
    }
}

/// What a terminal is sent to show `lines` in the place of those of so many characters, whose last one the cursor is in.
fn painted(drawn: &[usize], lines: &[String], most: usize) -> String {
    let mut text = "\r".to_owned();
    let up = |text: &mut String, rows: usize| {
        if rows > 0 {
            text.push_str(&format!("\u{1b}[{rows}A"));
        }
    };
    up(&mut text, drawn.len().saturating_sub(1));
    let rows = drawn.len().max(lines.len());
    for row in 0..rows {
        if row > 0 {
            text.push_str("\r\n");
        }
        let line = lines.get(row).map_or("", String::as_str);
        let before = drawn.get(row).copied().unwrap_or_default().min(most);
        text.push_str(line);
        text.push_str(&" ".repeat(before.saturating_sub(line.chars().count())));
    }
    if lines.len() < rows {
        text.push('\r');
        up(&mut text, rows - lines.len().max(1));
        text.push_str(lines.last().map_or("", String::as_str));
    }
    text
}

/// True where the cursor can be moved up.
fn moves_up() -> bool {
    cfg!(unix) && std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb")
}

/// How many columns and rows the terminal has.
fn size() -> (usize, usize) {
    #[cfg(unix)]
    let said = rustix::termios::tcgetwinsize(io::stderr()).map(|size| (size.ws_col, size.ws_row));
    #[cfg(not(unix))]
    let said: io::Result<(u16, u16)> = Ok((0, 0));
    let (columns, rows) = said.unwrap_or_default();
    let or = |said: u16, usual: usize| Some(usize::from(said)).filter(|said| *said > 0).unwrap_or(usual);
    (or(columns, USUAL_COLUMNS), or(rows, USUAL_ROWS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(doing: &str) -> Parts {
        Parts {
            head: "  [1/5] ".to_owned(),
            doing: doing.to_owned(),
            time: "  1.0 s".to_owned(),
            more: ", about 4 s more".to_owned(),
        }
    }

    #[test]
    fn of_a_line_that_is_too_long_the_time_stays() {
        for (most, expected) in [
            (79, "  [1/5] Settle  1.0 s, about 4 s more"),
            (30, "  [1/5] Settle  1.0 s"),
            (19, "  [1/5] Set\u{2026}  1.0 s"),
            (9, "  [1/5] \u{2026}"),
        ] {
            assert_eq!(parts("Settle").within(most), expected);
        }
        let hostile = parts(&"\u{1b}[2J".repeat(100)).within(79);
        assert!(
            hostile.chars().count() <= 79 && !hostile.contains('\u{1b}'),
            "{hostile}"
        );
    }

    #[test]
    fn lines_are_painted_over_and_what_is_left_is_blank() {
        let lines = |all: &[&str]| all.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        for (drawn, next, expected) in [
            (&[][..], &["ab"][..], "\rab"),
            (&[4], &["ab"], "\rab  "),
            (&[4], &[], "\r    \r"),
            (&[2, 4], &["a", "b"], "\r\u{1b}[1Aa \r\nb   "),
            (&[2, 4], &["a"], "\r\u{1b}[1Aa \r\n    \r\u{1b}[1Aa"),
            (&[2, 4], &[], "\r\u{1b}[1A  \r\n    \r\u{1b}[1A"),
            (&[], &["a", "b"], "\ra\r\nb"),
        ] {
            assert_eq!(painted(drawn, &lines(next), 79), expected, "{drawn:?} {next:?}");
        }
    }

    #[test]
    fn lines_stand_in_their_order_and_no_more_of_them_than_there_is_room() {
        let mut standing = Standing::default();
        for name in ["B", "A", "C", "D"] {
            standing.lines.insert(name.to_owned(), parts(name));
            name.clone_into(&mut standing.last);
        }
        let all = standing.shown(80, 24, true);
        let expected = ["A", "B", "C", "D"].map(|name| format!("  [1/5] {name}  1.0 s, about 4 s more"));
        assert_eq!(all, expected);
        assert_eq!(
            standing.shown(80, 4, true)[1..],
            [expected[1].clone(), "  and 2 more".to_owned()]
        );
        assert_eq!(standing.shown(80, 24, false), [expected[3].clone()]);
        standing.asked = 1;
        assert!(standing.shown(80, 24, true).is_empty());
    }
}
