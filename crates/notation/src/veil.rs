//! What of a line is not shown when it is drawn: secrets that somebody wrote where they do not belong, or that share a line with
//! something wrong.
//!
//! A finding may be drawn on a terminal, in a log and in a build server's page. Nothing here decides what a secret is to the
//! program: a line is gone through for what people call one.

use std::ops::Range;

/// How the name of a secret ends, in small letters: `api_key`, `TOFUPILOT_API_KEY`, `access_token`.
const NAMES: [&str; 8] = [
    "password",
    "passwd",
    "passphrase",
    "token",
    "secret",
    "api_key",
    "apikey",
    "signature",
];
/// What stands between a scheme and the rest of a URL.
const AUTHORITY: &str = "://";
/// Before a key in a header.
const BEARER: &str = "bearer ";

/// The bytes of a line that are not shown, in their order; each range begins and ends between characters. Each kind of secret is
/// looked for once from the beginning to the end, however long the line is.
pub(crate) fn secrets(line: &str) -> Vec<Range<usize>> {
    let small = line.to_ascii_lowercase();
    let mut secrets = Vec::new();
    for name in NAMES {
        behind(&small, name, |end| {
            let value = value_at(line, end);
            let next = value.as_ref().map_or(end, |value| value.end);
            secrets.extend(value);
            next
        });
    }
    behind(&small, BEARER, |end| {
        let key = word_at(line, end, "\"' \t,;");
        let next = key.end;
        secrets.push(key);
        next
    });
    behind(&small, AUTHORITY, |end| {
        let url = word_at(line, end, "\"' \t");
        let next = url.end;
        secrets.extend(password_in(line, url));
        next
    });
    secrets.sort_by_key(|secret| secret.start);
    secrets
}

/// Calls `each` with where an occurrence ends; it says where the next one may begin, which is not before that.
fn behind(text: &str, what: &str, mut each: impl FnMut(usize) -> usize) {
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| rest.find(what)) {
        from = each(from + at + what.len());
    }
}

/// The value behind a name that ends here: `= "..."`, `": "..."`, `=...&`; nothing where the name goes on or has none.
fn value_at(line: &str, end: usize) -> Option<Range<usize>> {
    let rest = line.get(end..)?;
    let behind = rest.trim_start_matches(['"', '\'']).trim_start();
    let value = behind.strip_prefix(['=', ':'])?.trim_start();
    let text = value.trim_start_matches(['"', '\'']);
    let at = line.len() - text.len();
    Some(match value.chars().next().filter(|_| value.len() > text.len()) {
        Some('\'') => word_at(line, at, "'"),
        Some(_) => word_at(line, at, "\""),
        None => word_at(line, at, "\"' \t,;&}]#"),
    })
}

/// From here to one of these, or to the end.
fn word_at(line: &str, at: usize, ends: &str) -> Range<usize> {
    let rest = line.get(at..).unwrap_or("");
    let length = rest.find(|character| ends.contains(character)).unwrap_or(rest.len());
    at..at + length
}

/// The password in a URL, of which this is what follows the scheme. It may hold what would have to be escaped there: it ends at the
/// last `@`.
fn password_in(line: &str, url: Range<usize>) -> Option<Range<usize>> {
    let text = line.get(url.clone())?;
    let (user, _host) = text.rsplit_once('@')?;
    let (name, password) = user.split_once(':')?;
    let begin = url.start + name.len() + 1;
    Some(begin..begin + password.len())
}

#[cfg(test)]
mod tests {
    use super::secrets;

    /// The line as it is shown, with a `*` for each byte that is not.
    fn check(line: &str, shown: &str) {
        let mut bytes = line.as_bytes().to_vec();
        for range in secrets(line) {
            assert!(line.get(range.clone()).is_some(), "{range:?} of {line}");
            bytes[range].fill(b'*');
        }
        assert_eq!(String::from_utf8(bytes).unwrap(), shown);
    }

    #[test]
    fn a_password_in_a_url_is_not_shown() {
        check(
            "url = \"postgres://me:pw@db/x\" oops",
            "url = \"postgres://me:**@db/x\" oops",
        );
        check("url = 'http://me:p/w@1@db'", "url = 'http://me:*****@db'");
        check(
            "proxy = \"HTTP://a:b@p:1\", x = \"ftp://c:d@q\"",
            "proxy = \"HTTP://a:*@p:1\", x = \"ftp://c:*@q\"",
        );
        check("url = \"https://me:unended", "url = \"https://me:unended");
        check(
            "url = \"https://lab.example:8443/x\"",
            "url = \"https://lab.example:8443/x\"",
        );
        check("# mail me@lab.example: 3:30", "# mail me@lab.example: 3:30");
    }

    #[test]
    fn the_value_of_what_is_called_a_secret_is_not_shown() {
        check("api_key = \"tp_live\" # mine", "api_key = \"*******\" # mine");
        check("TOFUPILOT_API_KEY='a b'", "TOFUPILOT_API_KEY='***'");
        check("api_key = tp_live", "api_key = *******");
        check("{ \"token\" : \"ab\", n = 1 }", "{ \"token\" : \"**\", n = 1 }");
        check(
            "x = \"https://h/in?token=ab&n=1#c\"",
            "x = \"https://h/in?token=**&n=1#c\"",
        );
        check(
            "url = \"host=db user=me password=ab n=1\"",
            "url = \"host=db user=me password=** n=1\"",
        );
        check("secret = \"\"\"ab\"\"\"", "secret = \"\"\"**\"\"\"");
        check(
            "headers = { Authorization = \"Bearer ab\" }",
            "headers = { Authorization = \"Bearer **\" }",
        );
        check("password = \"µΩ", "password = \"****");
    }

    #[test]
    fn a_line_of_a_mebibyte_is_gone_through_once() {
        for part in [
            "://",
            "token",
            "token ",
            "token=",
            "bearer ",
            "a:b@",
            "secret=\"",
            "://a:b@",
        ] {
            secrets(&part.repeat((1 << 20) / part.len()));
        }
    }

    #[test]
    fn what_only_sounds_like_one_is_shown() {
        for line in [
            "api_key_file = \"key\"",
            "tokens = 3",
            "name = \"secret of the board\"",
            "password",
            "",
            "token =",
        ] {
            check(line, line);
        }
    }
}
