//! What is found in several cases of the same documents: for each part that a procedure tells apart, say.

use crate::{Diagnostic, Diagnostics};

/// What is so in every case once, without a name; what is so in some of them only, with their names.
///
/// The order is that of the first case that has it.
#[must_use]
pub fn in_cases<T: PartialEq>(cases: Vec<(String, Vec<T>)>) -> Vec<(Option<String>, T)> {
    let count = cases.len();
    let mut said: Vec<(Vec<String>, T)> = Vec::new();
    for (name, items) in cases {
        for (at, item) in items.into_iter().enumerate() {
            // cases mostly have the same in the same order
            let known = said
                .get(at)
                .is_some_and(|(_, known)| *known == item)
                .then_some(at)
                .or_else(|| said.iter().position(|(_, known)| *known == item));
            match known.and_then(|known| said.get_mut(known)) {
                Some((names, _)) if names.contains(&name) => {}
                Some((names, _)) => names.push(name.clone()),
                None => said.push((vec![name.clone()], item)),
            }
        }
    }
    let named = said.into_iter().map(|(names, item)| {
        let is_everywhere = names.len() == count;
        ((!is_everywhere).then(|| names.join(", ")), item)
    });
    named.collect()
}

impl Diagnostics {
    /// The findings of all cases: what was found in some of them only says so, `part P-1: ...`.
    #[must_use]
    pub fn of_cases(cases: Vec<(String, Self)>) -> Self {
        let mut all = Self::new();
        let mut found = Vec::with_capacity(cases.len());
        for (name, findings) in cases {
            all.count_left_out_of(&findings);
            found.push((name, findings.iter().cloned().collect()));
        }
        for (case, finding) in in_cases(found) {
            all.push(match case {
                Some(case) => finding.in_case(&case),
                None => finding,
            });
        }
        all
    }
}

impl Diagnostic {
    /// The same, which is so in this case only.
    fn in_case(self, case: &str) -> Self {
        let message = format!("{case}: {}", self.message());
        self.saying(&message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Severity, Span};

    fn findings(messages: &[&str]) -> Diagnostics {
        let mut findings = Diagnostics::new();
        for message in messages {
            findings.error(&Span::of_file("x.toml"), message);
        }
        findings
    }

    #[test]
    fn what_is_so_in_every_case_is_said_once_and_all_else_says_where() {
        let cases = [
            ("part A", ["a", "b"].as_slice()),
            ("part B", &["a", "c"]),
            ("part C", &["c", "a"]),
        ];
        let cases = cases.map(|(name, messages)| (name.to_owned(), findings(messages)));
        assert_eq!(
            Diagnostics::of_cases(cases.into()).render_short(),
            "x.toml:1:1: error: a\nx.toml:1:1: error: part A: b\nx.toml:1:1: error: part B, part C: c\n"
        );
    }

    #[test]
    fn one_case_is_every_case() {
        let cases = vec![(String::new(), findings(&["a", "b"]))];
        assert_eq!(Diagnostics::of_cases(cases), findings(&["a", "b"]));
    }

    #[test]
    fn what_was_left_out_of_a_case_is_not_forgotten() {
        let numbers: Vec<String> = (0..1_002).map(|number| number.to_string()).collect();
        let many: Vec<&str> = numbers.iter().map(String::as_str).collect();
        let cases = vec![
            ("part A".to_owned(), findings(&many)),
            ("part B".to_owned(), findings(&[])),
        ];
        let all = Diagnostics::of_cases(cases);
        assert_eq!((all.left_out(), all.count(Severity::Error)), (2, 1_002));
    }
}
