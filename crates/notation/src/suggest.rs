//! Did you mean.

use crate::{Diagnostic, Diagnostics, Spanned};

/// How alike two words must be (Jaro-Winkler, 0 to 1) before one is taken for the other misspelt.
const ALIKE: f64 = 0.8;

/// Words at most this long are compared in full; a longer one is not a misspelt key.
const LONGEST_WORD: usize = 64;

/// The candidate that `word` most likely was meant to be, if there is one.
///
/// Case does not count. Of several equally near, the first.
#[must_use]
pub fn suggest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    if word.chars().count() > LONGEST_WORD {
        return None;
    }
    let folded = word.to_lowercase();
    let mut best: Option<(f64, &str)> = None;
    for candidate in candidates {
        let likeness = likeness(&folded, &candidate.to_lowercase());
        if likeness >= ALIKE && best.is_none_or(|(so_far, _)| likeness > so_far) {
            best = Some((likeness, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// One transposed, missing or wrong letter in a short word is a slip too, though Jaro-Winkler says otherwise.
fn likeness(word: &str, candidate: &str) -> f64 {
    let slips = strsim::damerau_levenshtein(word, candidate);
    let length = word.chars().count().max(candidate.chars().count());
    if slips == 0 {
        return 1.0;
    }
    if slips == 1 && length >= 3 {
        return 0.99;
    }
    // A shared beginning alone (`voltage_level`, `voltage_range`) is not a misspelling.
    if slips * 2 > length {
        return 0.0;
    }
    strsim::jaro_winkler(word, candidate)
}

/// What to say below a word that is not among `candidates`: the likely one, or all of them.
pub(crate) fn advice(word: &str, candidates: &[&str]) -> String {
    match suggest(word, candidates.iter().copied()) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => expected(candidates),
    }
}

fn expected(candidates: &[&str]) -> String {
    match candidates {
        [] => "nothing is allowed here".to_owned(),
        [only] => format!("expected `{only}`"),
        [first, rest @ ..] => {
            let rest: String = rest.iter().map(|word| format!(", `{word}`")).collect();
            format!("expected one of `{first}`{rest}")
        }
    }
}

/// Takes a word for one of `choices`, or reports it with the likely one or all of them.
///
/// `what` is the noun for the message: `one_of(sink, "class", ...)` says ``unknown class `dnm` ``.
pub fn one_of<T: Clone>(
    sink: &mut Diagnostics,
    what: &str,
    word: &Spanned<String>,
    choices: &[(&str, T)],
) -> Option<T> {
    if let Some((_, choice)) = choices.iter().find(|(name, _)| *name == word.value) {
        return Some(choice.clone());
    }
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    let message = format!("unknown {what} `{}`", word.value);
    sink.push(Diagnostic::error(&word.span, &message).help(&advice(&word.value, &names)));
    None
}

#[cfg(test)]
mod tests {
    use super::suggest;

    const KEYS: &[&str] = &[
        "name",
        "instrument",
        "channel",
        "function",
        "range",
        "unit",
        "limit",
        "low",
        "high",
    ];

    fn check(word: &str, expected: Option<&str>) {
        assert_eq!(suggest(word, KEYS.iter().copied()), expected, "{word}");
    }

    #[test]
    fn a_slip_is_recognised() {
        check("instument", Some("instrument"));
        check("chanel", Some("channel"));
        check("Range", Some("range"));
        check("lwo", Some("low"));
        check("hihg", Some("high"));
        check("limits", Some("limit"));
        check("uint", Some("unit"));
    }

    #[test]
    fn another_word_is_not_taken_for_a_slip() {
        check("colour", None);
        check("x", None);
        check("", None);
        check(&"n".repeat(5000), None);
    }
}
