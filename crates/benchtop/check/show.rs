//! What `check` prints: for people, a JSON object a line, or annotations of GitHub Actions.

use crate::{
    args::CheckFormat,
    terminal::{self, GOOD, Line, PLAIN, QUIET},
};
use benchtop_instrument::human_duration;
use benchtop_notation::{Diagnostic, Diagnostics, Severity, Span};
use benchtop_procedure::{Estimate, TestRatio};

/// The findings about a file, and for people whether it is refused.
pub(super) fn show(format: CheckFormat, file: &str, findings: &Diagnostics) {
    // for people `notation` says it
    let rest = (findings.left_out() > 0).then(|| {
        let message = format!("and {} more findings, not shown", findings.left_out());
        Diagnostic::note(&Span::of_file(file), &message)
    });
    let all = findings.iter().chain(&rest);
    match format {
        CheckFormat::Human => show_human(file, findings),
        CheckFormat::Json => all.for_each(|finding| terminal::emit(&as_json(finding))),
        CheckFormat::Github => all.for_each(|finding| terminal::emit(&as_annotation(finding))),
    }
}

fn show_human(file: &str, findings: &Diagnostics) {
    if !findings.is_empty() {
        terminal::diagnose(findings);
    }
    let (errors, warnings) = (findings.count(Severity::Error), findings.count(Severity::Warning));
    let line = match (errors, warnings) {
        (0, 0) => Line::new().add(GOOD, "ok").add(PLAIN, &format!("  {file}")),
        (0, warnings) => Line::new()
            .add(GOOD, "ok")
            .add(PLAIN, &format!("  {file}"))
            .add(QUIET, &format!("  {warnings} warnings")),
        (errors, warnings) => Line::new()
            .add(terminal::BAD, "refused")
            .add(PLAIN, &format!("  {file}"))
            .add(QUIET, &format!("  {errors} errors, {warnings} warnings")),
    };
    terminal::say(&line);
}

/// `part P-1: `, where something is so in some of the cases only.
fn prefix(case: Option<&str>) -> String {
    case.map_or_else(String::new, |case| format!("{case}: "))
}

/// How much better than its limits a measurement is known, in this case. Not for annotations: those are of what should be
/// mended.
pub(super) fn show_ratio(format: CheckFormat, case: Option<&str>, ratio: &TestRatio) {
    let word = ratio.kind.word();
    let of = prefix(case);
    match format {
        CheckFormat::Human => {
            let why = ratio.missing.as_ref().map(|missing| format!("; {missing}"));
            let text = format!(
                "    {word} {:.1}:1  {of}{}  (U = {}{})",
                ratio.ratio,
                ratio.measurement,
                ratio.expanded,
                why.unwrap_or_default()
            );
            terminal::say(&Line::new().add(QUIET, &text));
        }
        CheckFormat::Json => terminal::emit(
            &serde_json::json!({
                "file": ratio.place.file(),
                "line": ratio.place.line(),
                "column": ratio.place.column(),
                "severity": "note",
                "message": format!("{of}measurement \"{}\": {word} {:.1}:1", ratio.measurement, ratio.ratio),
                "help": ratio.missing,
                "case": case,
                "measurement": ratio.measurement,
                "ratio": ratio.ratio,
                "kind": word,
                "expanded": ratio.expanded.value.to_f64(),
                "unit": ratio.expanded.unit.to_string(),
            })
            .to_string(),
        ),
        CheckFormat::Github => {}
    }
}

/// About how long it takes, in this case, and where it is run; not for annotations either.
pub(super) fn show_estimate(
    format: CheckFormat,
    file: &str,
    case: Option<&str>,
    estimate: &Estimate,
    slots: &[String],
) {
    let Estimate {
        usual,
        longest,
        prompts,
        commands,
        answers,
    } = *estimate;
    let mut text = format!("{}{}", prefix(case), worded(estimate));
    if !slots.is_empty() {
        text.push_str(&format!("; for a unit in each of the slots {}", slots.join(", ")));
    }
    match format {
        CheckFormat::Human => terminal::say(&Line::new().add(QUIET, &format!("    {text}"))),
        CheckFormat::Json => terminal::emit(
            &serde_json::json!({
                "file": file,
                "line": 1,
                "column": 1,
                "severity": "note",
                "message": text,
                "duration_s": usual.as_secs_f64(),
                "longest_s": longest.as_secs_f64(),
                "prompts": prompts,
                "commands": commands,
                "answers": answers,
                "slots": slots,
                "case": case,
            })
            .to_string(),
        ),
        CheckFormat::Github => {}
    }
}

/// `takes about 1.05 s, at most 5 s with every wait and retry, plus operator (2 prompts)`.
fn worded(estimate: &Estimate) -> String {
    let mut text = format!("takes about {}", human_duration(estimate.usual));
    if estimate.longest > estimate.usual {
        let longest = human_duration(estimate.longest);
        text.push_str(&format!(", at most {longest} with every wait and retry"));
    }
    let many = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    if estimate.prompts > 0 {
        text.push_str(&format!(", plus operator ({})", many(estimate.prompts, "prompt")));
    }
    if estimate.commands > 0 {
        text.push_str(&format!(", plus {}", many(estimate.commands, "command")));
    }
    text
}

fn as_json(finding: &Diagnostic) -> String {
    serde_json::json!({
        "file": finding.file(),
        "line": finding.line(),
        "column": finding.column(),
        "severity": finding.severity().word(),
        "message": finding.message(),
        "help": finding.help_text(),
    })
    .to_string()
}

/// A workflow command of GitHub Actions; `%`, CR and LF are its only escapes, `:` and `,` beside them in properties.
pub(crate) fn as_annotation(finding: &Diagnostic) -> String {
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let word = match finding.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let help = finding.help_text().map(|help| format!("; {help}")).unwrap_or_default();
    let place = format!(
        "file={},line={},col={}",
        property(finding.file()),
        finding.line(),
        finding.column()
    );
    format!("::{word} {place}::{}", data(&format!("{}{help}", finding.message())))
}
