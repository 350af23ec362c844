//! What of a line is not shown when it is drawn: what people write where a secret does not belong, or beside something wrong.
//!
//! A finding may be drawn on a terminal, in a log and on a build server's page, and nobody can tell a secret from another text. So
//! of the tables in which secrets have their place nothing is drawn but the keys, and the values of those keys that cannot hold one;
//! elsewhere the value of a key that is called a secret is not.

use std::ops::Range;

/// The tables in which secrets have their place: those of a station's targets.
const TABLES: &str = "sync";
/// Keys in them whose values are drawn.
const HARMLESS: [&str; 7] = [
    "name",
    "kind",
    "accept_simulated",
    "region",
    "connect_timeout",
    "idle_timeout",
    "total_timeout",
];
/// How the name of a secret ends elsewhere, in small letters and with `_` for `-`.
const NAMES: [&str; 10] = [
    "_key",
    "apikey",
    "passwd",
    "password",
    "passphrase",
    "pwd",
    "token",
    "secret",
    "credentials",
    "authorization",
];

/// The lines of a text, counted from 0, that lie in a table where secrets have their place.
pub(crate) fn private_lines(text: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut since = None;
    let mut count = 0;
    for (at, line) in text.split('\n').enumerate() {
        count = at + 1;
        let begins = begins_private(line);
        match (begins, since) {
            (Some(true), None) => since = Some(at),
            (Some(false), Some(first)) => {
                ranges.push(first..at);
                since = None;
            }
            (Some(true), Some(_)) | (Some(false), None) | (None, _) => {}
        }
    }
    ranges.extend(since.map(|first| first..count));
    ranges
}

/// Whether such a table begins here or another one; nothing where none does. What only looks like a header, in an array say, ends
/// none of ours.
fn begins_private(line: &str) -> Option<bool> {
    let line = line.trim_start();
    let header = line.trim_start_matches('[');
    let is_header = header.len() < line.len();
    let name = header.trim_start().trim_start_matches(['"', '\'']);
    if name.strip_prefix(TABLES).is_some_and(is_end_of_a_key) {
        return Some(true);
    }
    let begins_bare = name.chars().next().is_some_and(|first| first.is_ascii_alphabetic());
    (is_header && begins_bare && header.trim_start().len() == name.len() && header.contains(']')).then_some(false)
}

fn is_end_of_a_key(rest: &str) -> bool {
    let next = rest.trim_start_matches(['"', '\'']).trim_start().chars().next();
    next.is_some_and(|next| matches!(next, '.' | '=' | ']'))
}

/// The byte from which on a line is not drawn, between two characters; nothing where all of it is. `is_private` says that it lies in
/// a table where secrets have their place.
pub(crate) fn secret_from(line: &str, is_private: bool) -> Option<usize> {
    let Some((key, value)) = line.split_once('=') else {
        // a value that goes on, or one whose sign is forgotten
        let is_header = line.trim_start().starts_with('[') && !line.contains(['"', '\'']);
        return (is_private && !is_header).then_some(0);
    };
    let name = key
        .trim()
        .trim_matches(['"', '\''])
        .to_ascii_lowercase()
        .replace('-', "_");
    let is_drawn = match is_private {
        true => HARMLESS.contains(&name.as_str()) && !value.contains(['=', '#']),
        false => !NAMES.iter().any(|ending| name.ends_with(ending)),
    };
    (!is_drawn).then_some(key.len() + 1)
}

#[cfg(test)]
mod tests {
    use super::{private_lines, secret_from};

    /// A line in one of the tables, and how much of it is drawn.
    fn check(line: &str, drawn: &str) {
        let from = secret_from(line, true);
        assert_eq!(from.map_or(Some(line), |from| line.get(..from)), Some(drawn));
    }

    #[test]
    fn of_a_target_only_keys_are_drawn_and_what_can_hold_no_secret() {
        check("url = \"postgres://me:pw@db/x\" oops", "url =");
        check("api_key_file = \"tp_live\"", "api_key_file =");
        check("  secret_access_key= 'ab'", "  secret_access_key=");
        check("# api_key = \"tp_live\"", "# api_key =");
        check("api_key \"tp_live\"", "");
        check("  \"a line of a text that goes on\",", "");
        check("[\"tp_live\"]", "");
        check("[[sync.targets]]", "[[sync.targets]]");
        check("[sync.targets.procedures", "[sync.targets.procedures");
        check("name = \"cloud\"", "name = \"cloud\"");
        check("'kind' = \"tofupilot-v3\"", "'kind' = \"tofupilot-v3\"");
        check("idle_timeout = \"5 sec\"", "idle_timeout = \"5 sec\"");
        check("name = \"cloud\", url = \"https://me:pw@lab\"", "name =");
        check("targets = [{ name = \"cloud\", url = \"x\" }]", "targets =");
        check("µ = \"x\"", "µ =");
    }

    #[test]
    fn elsewhere_the_value_of_what_is_called_a_secret_is_not_drawn() {
        for (line, is_drawn) in [
            ("api_key = \"tp_live\"", false),
            ("TOFUPILOT-API-KEY=\"tp_live\"", false),
            ("\"access_token\" = 1", false),
            ("password", true),
            ("pattern = 'signature: [0-9'", true),
            ("send = \"password=x\"", true),
            ("api_key_file = \"key\"", true),
            ("", true),
        ] {
            assert_eq!(secret_from(line, false).is_none(), is_drawn, "{line}");
        }
    }

    #[test]
    fn the_tables_of_targets_end_where_another_table_begins() {
        let lines = |text: &str| private_lines(text).into_iter().flatten().collect::<Vec<_>>();
        let text = "[station]\nid = 1\n[[sync.targets]]\nname = 1\n [\"x\"]\n[sync.targets.procedures]\na = 1\n[store]\nroot = 1";
        assert_eq!(lines(text), [2, 3, 4, 5, 6]);
        assert_eq!(lines("sync.targets = [\n{ url = 1 },\n]"), [0, 1, 2]);
        assert_eq!(lines("[ \"sync\" . targets ]\na = 1"), [0, 1]);
        assert_eq!(
            lines("[synchronous]\na = 1\n[instruments.sync]\nb = 1\n"),
            Vec::<usize>::new()
        );
        assert_eq!(
            lines("[sync]\na = 1\n[[sync.targets]]\nb = 1\n[instruments.dmm"),
            [0, 1, 2, 3, 4]
        );
    }
}
