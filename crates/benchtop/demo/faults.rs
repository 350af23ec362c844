//! What can go wrong between a station and a server, on request.

use crate::http::{Ending, Reply};
use std::{collections::VecDeque, time::Duration};

/// A fault of one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// This status, and nothing is kept.
    Status(u16),
    /// 429, and so many seconds of rest asked for.
    Rest(u64),
    /// So many milliseconds late.
    Slow(u64),
    /// What came is kept, and the answer lacks its last bytes.
    Cut,
    /// What came is kept, and there is no answer.
    Lost,
    /// The request is served twice, as a proxy that repeats it makes it.
    Twice,
    /// Nothing is kept, and there is no answer.
    HangUp,
    /// A redirect to somewhere else.
    Redirect,
    /// A captive portal's page with status 200.
    Html,
    /// JSON, but without an id.
    WrongJson,
}

impl Fault {
    /// `500`, `rest:30`, `slow:200`, `cut`, `lost`, `twice`, `hang_up`, `redirect`, `html`, `wrong_json`.
    pub(super) fn parse(word: &str) -> Option<Self> {
        if let Ok(status) = word.parse() {
            return (100..=599).contains(&status).then_some(Self::Status(status));
        }
        if let Some((word, number)) = word.split_once(':') {
            let number = number.parse().ok()?;
            return match word {
                "slow" => Some(Self::Slow(number)),
                "rest" => Some(Self::Rest(number)),
                _ => None,
            };
        }
        Some(match word {
            "cut" => Self::Cut,
            "lost" => Self::Lost,
            "twice" => Self::Twice,
            "hang_up" => Self::HangUp,
            "redirect" => Self::Redirect,
            "html" => Self::Html,
            "wrong_json" => Self::WrongJson,
            _ => return None,
        })
    }

    /// True when the server does what it was asked, whatever is said of it.
    pub(super) const fn is_served(self) -> bool {
        matches!(self, Self::Slow(_) | Self::Cut | Self::Lost | Self::Twice)
    }

    /// The answer with the fault in it.
    pub(super) fn spoil(self, reply: Reply) -> Reply {
        match self {
            Self::Status(status) => {
                let body = format!(r#"{{"message":"fault {status} on request","code":"DEMO","issues":[]}}"#);
                Reply::new(status, "application/json", body.into_bytes())
            }
            Self::Rest(seconds) => Reply {
                headers: vec![("retry-after", seconds.to_string())],
                ..Self::Status(429).spoil(reply)
            },
            Self::Slow(time) => Reply {
                delay: Duration::from_millis(time),
                ..reply
            },
            Self::Twice => reply,
            Self::Cut => Reply {
                ending: Ending::Cut,
                ..reply
            },
            Self::Lost | Self::HangUp => Reply {
                ending: Ending::HangUp,
                ..reply
            },
            Self::Redirect => Reply {
                headers: vec![("location", "http://portal.invalid/".to_owned())],
                ..Reply::new(302, "text/html", b"<html>moved</html>".to_vec())
            },
            Self::Html => Reply::new(200, "text/html", b"<html>Welcome, please log in</html>".to_vec()),
            Self::WrongJson => Reply::new(200, "application/json", br#"{"ok":true}"#.to_vec()),
        }
    }
}

/// Which answers are spoiled.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// The next ones, in order.
    next: VecDeque<Fault>,
    /// Then so many of a hundred, each with one of these, in an order that the seed fixes.
    percent: u64,
    of: Vec<Fault>,
    state: u64,
}

impl Faults {
    /// Spoils the next answers.
    pub(super) fn script(&mut self, faults: Vec<Fault>) {
        self.next.extend(faults);
    }

    /// Spoils so many of a hundred from now on.
    pub(super) fn random(&mut self, percent: u64, of: Vec<Fault>, seed: u64) {
        (self.percent, self.of, self.state) = (percent, of, seed | 1);
    }

    /// The fault of the next answer.
    pub(super) fn next(&mut self) -> Option<Fault> {
        if let Some(fault) = self.next.pop_front() {
            return Some(fault);
        }
        if self.of.is_empty() || self.roll(100) >= self.percent {
            return None;
        }
        let which = self.roll(u64::try_from(self.of.len()).unwrap_or(1));
        self.of.get(usize::try_from(which).unwrap_or(0)).copied()
    }

    /// Xorshift: no cryptography, the same order for the same seed.
    fn roll(&mut self, below: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state % below.max(1)
    }
}
