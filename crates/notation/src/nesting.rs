//! How deep a text nests and where its top-level arrays of tables begin, known before it is parsed.
//!
//! toml bounds brackets at 80 and the dots of one key at 80, but not their product, and a tree of 80 x 80 levels
//! overflows a thread's stack when it is dropped. Overflow is an abort that no supervisor survives, with outputs on.

/// Brackets and braces open at once, at most.
pub(crate) const MAX_BRACKETS: usize = 16;

/// The least part of a long array that is parsed by itself, in bytes.
pub(crate) const PART: usize = 8 * 1024;

/// Where a text could be taken apart, as far as brackets, strings and comments tell.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outline {
    /// Where each `[[name]]` of the top level begins, its name bare and without dots.
    pub(crate) headers: Vec<usize>,
    /// The arrays outside of all brackets that have more than one part.
    pub(crate) long: Vec<LongArray>,
}

/// An array of many bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LongArray {
    /// Where its bracket is.
    pub(crate) open: usize,
    /// Commas between its items, at least [`PART`] bytes apart.
    pub(crate) commas: Vec<usize>,
    /// Where its other bracket is.
    pub(crate) close: usize,
}

/// What stands where.
///
/// # Errors
/// The byte of the first bracket that is open inside [`MAX_BRACKETS`] others, strings and comments left out.
pub(crate) fn outline(text: &str) -> Result<Outline, usize> {
    let mut outline = Outline::default();
    let mut array: Option<LongArray> = None;
    let mut depth = 0_usize;
    let mut at = 0;
    let mut begins_a_line = true;
    while let Some(rest) = text.get(at..) {
        let Some(first) = rest.chars().next() else { break };
        if begins_a_line && depth == 0 && is_header(rest) {
            outline.headers.push(at);
        }
        begins_a_line = first == '\n' || begins_a_line && matches!(first, ' ' | '\t');
        at += match first {
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '"' | '\'' => string_length(rest, first),
            '[' | '{' => {
                if depth == 0 {
                    array = (first == '[').then(|| LongArray::at(at));
                }
                depth += 1;
                if depth > MAX_BRACKETS {
                    return Err(at);
                }
                1
            }
            ']' | '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0
                    && let Some(array) = array.take_if(|array| !array.commas.is_empty())
                {
                    outline.long.push(LongArray { close: at, ..array });
                }
                1
            }
            ',' if depth == 1 => {
                if let Some(array) = &mut array {
                    array.divide(at);
                }
                1
            }
            other => other.len_utf8(),
        };
    }
    Ok(outline)
}

impl LongArray {
    const fn at(open: usize) -> Self {
        Self {
            open,
            commas: Vec::new(),
            close: open,
        }
    }

    /// Takes note of a comma that is far enough from the one before.
    fn divide(&mut self, comma: usize) {
        let part = self.commas.last().copied().unwrap_or(self.open);
        if comma - part > PART {
            self.commas.push(comma);
        }
    }
}

fn is_header(text: &str) -> bool {
    let name = text.strip_prefix("[[").and_then(|rest| rest.split_once("]]"));
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    name.is_some_and(|(name, _)| !name.is_empty() && name.chars().all(is_bare))
}

/// How many bytes a string at the beginning takes, its quotes included; to the end of the line if it is not closed.
fn string_length(text: &str, quote: char) -> usize {
    let triple: String = [quote; 3].iter().collect();
    let is_long = text.starts_with(&triple);
    let opening = if is_long { 3 } else { 1 };
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(opening) {
        if escaped {
            escaped = false;
            continue;
        }
        match character {
            '\\' => escaped = quote == '"',
            '\n' if !is_long => return at,
            found if found != quote => {}
            _ if !is_long => return at + 1,
            _ if text.get(at..).is_some_and(|rest| rest.starts_with(&triple)) => return at + 3,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, too_deep: Option<usize>) {
        assert_eq!(outline(text).err(), too_deep, "{text:?}");
    }

    #[test]
    fn headers_are_those_of_the_top_level() {
        let found = |text: &str| outline(text).unwrap().headers;
        assert_eq!(found("a = 1\n[[s]]\nb = [[1]]\n  [[s]]\n[[s.t]]\n[u]\n"), [6, 24]);
        for none in [
            "# [[s]]",
            "a = '[[s]]'",
            "a = \"\"\"\n[[s]]\n\"\"\"",
            "a = [\n[[1]]\n]",
            "[[ s ]]",
            "[[\"s\"]]",
            "[[]]",
            "[[s",
        ] {
            assert!(found(none).is_empty(), "{none:?}");
        }
    }

    #[test]
    fn a_long_array_is_divided_at_its_own_commas() {
        let item = format!("{{ a = [1, 2], b = '],' }} # ],{}\n", "x".repeat(PART));
        let text = format!("[[s]]\nm = [{item},{item},1, 2]\nn = [1, 2]\no = {{ p = [{item},{item}] }}\n");
        let open = text.find(" [{").unwrap() + 1;
        let first = open + 1 + item.len();
        let second = first + 1 + item.len();
        let close = second + ",1, 2".len();
        assert_eq!(
            outline(&text).unwrap().long,
            [LongArray {
                open,
                commas: vec![first, second],
                close
            }]
        );
    }

    #[test]
    fn only_brackets_that_nest_are_counted() {
        check("", None);
        check(&"[a]\n".repeat(100), None);
        check(&"[".repeat(16), None);
        check(&"[".repeat(17), Some(16));
        check(&format!("a = {}", "{b=[".repeat(9)), Some(36));
        for quiet in ["#", "\"", "'", "\"\"\"", "'''", "\"\\\""] {
            check(&format!("a = {quiet}{}", "[".repeat(99)), None);
        }
        check(&format!("a = 'x' # c\n{}", "[".repeat(17)), Some(28));
        check(&format!("a = \"\"\"\n]\"]\"\"\" {}", "[".repeat(17)), Some(31));
        check(&format!("a = '\\' {}", "[".repeat(17)), Some(24));
        check(&format!("a = \"\n{}", "[".repeat(17)), Some(22));
    }
}
