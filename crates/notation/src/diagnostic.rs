//! Findings about one or several documents, in document order.

use std::fmt;

use crate::escape::escape;
use crate::{Span, render};

/// How many findings are kept; later ones are only counted. A file with more mistakes than this is not a procedure.
pub const MAX_FINDINGS: usize = 1000;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; nothing to do.
    Note,
    /// Probably not what was meant; does not stop anything.
    Warning,
    /// Refused.
    Error,
}

impl Severity {
    /// The word that people and machines read: `error`, `warning` or `note`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One finding: what is wrong, where, and what to do about it.
///
/// All texts are escaped when they are given, so they may hold text from the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    severity: Severity,
    span: Span,
    message: String,
    label: Option<String>,
    help: Option<String>,
}

impl Diagnostic {
    /// Something that is refused.
    #[must_use]
    pub fn error(span: &Span, message: &str) -> Self {
        Self::new(Severity::Error, span, message)
    }

    /// Something that is probably not what was meant.
    #[must_use]
    pub fn warning(span: &Span, message: &str) -> Self {
        Self::new(Severity::Warning, span, message)
    }

    /// Something worth knowing.
    #[must_use]
    pub fn note(span: &Span, message: &str) -> Self {
        Self::new(Severity::Note, span, message)
    }

    fn new(severity: Severity, span: &Span, message: &str) -> Self {
        Self {
            severity,
            span: span.clone(),
            message: escape(message).into_owned(),
            label: None,
            help: None,
        }
    }

    /// Puts a few words beside the carets.
    #[must_use]
    pub fn label(mut self, label: &str) -> Self {
        self.label = Some(escape(label).into_owned());
        self
    }

    /// Says what to write instead.
    #[must_use]
    pub fn help(mut self, help: &str) -> Self {
        self.help = Some(escape(help).into_owned());
        self
    }

    /// The same finding in other words.
    pub(crate) fn saying(self, message: &str) -> Self {
        Self {
            message: escape(message).into_owned(),
            ..self
        }
    }

    /// How bad it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// Where it is.
    #[must_use]
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// The file's name as it was given, not escaped.
    #[must_use]
    pub fn file(&self) -> &str {
        self.span.file()
    }

    /// The line, counted from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.span.line()
    }

    /// The column, counted in characters from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        self.span.column()
    }

    /// What is wrong, in one line.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The words beside the carets.
    #[must_use]
    pub fn label_text(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// What to write instead.
    #[must_use]
    pub fn help_text(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

/// The findings so far, ordered by place: file by file as they first appeared, then from top to bottom.
///
/// Also the error type of whatever refuses a document. Its `Display` is [`render_short`](Self::render_short).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics {
    findings: Vec<Diagnostic>,
    files: Vec<String>,
    left_out: usize,
    left_out_errors: usize,
}

impl Diagnostics {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a finding at its place. The same finding twice is one finding.
    pub fn push(&mut self, finding: Diagnostic) {
        if self.findings.len() >= MAX_FINDINGS {
            self.left_out += 1;
            self.left_out_errors += usize::from(finding.severity == Severity::Error);
            return;
        }
        if !self.files.iter().any(|file| file == finding.file()) {
            self.files.push(finding.file().to_owned());
        }
        let place = self.place(&finding);
        let at = self.findings.partition_point(|other| self.place(other) <= place);
        let twins = self.findings.get(..at).unwrap_or(&[]).iter().rev();
        if twins
            .take_while(|other| self.place(other) == place)
            .any(|other| *other == finding)
        {
            return;
        }
        self.findings.insert(at, finding);
    }

    fn place(&self, finding: &Diagnostic) -> (Option<usize>, usize) {
        let file = self.files.iter().position(|file| file == finding.file());
        (file, finding.span.bytes().start)
    }

    /// Adds an error without a help text.
    pub fn error(&mut self, span: &Span, message: &str) {
        self.push(Diagnostic::error(span, message));
    }

    /// Adds a warning without a help text.
    pub fn warning(&mut self, span: &Span, message: &str) {
        self.push(Diagnostic::warning(span, message));
    }

    /// Counts what another reader did not keep.
    pub(crate) fn count_left_out_of(&mut self, other: &Self) {
        self.left_out += other.left_out;
        self.left_out_errors += other.left_out_errors;
    }

    /// Takes over the findings of another reader.
    pub fn append(&mut self, other: Self) {
        self.count_left_out_of(&other);
        for finding in other.findings {
            self.push(finding);
        }
    }

    /// Whether anything is refused.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// How many findings of this severity there are, those beyond [`MAX_FINDINGS`] included for errors.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        let kept = self
            .findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count();
        match severity {
            Severity::Error => kept + self.left_out_errors,
            Severity::Note | Severity::Warning => kept,
        }
    }

    /// How many findings came after the first [`MAX_FINDINGS`] and were not kept.
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// The findings in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.findings.iter()
    }

    /// Nothing if there are no errors (warnings are dropped then), else all findings.
    ///
    /// # Errors
    /// The findings themselves, if one of them is an error.
    pub fn into_result(self) -> Result<(), Self> {
        if self.has_errors() { Err(self) } else { Ok(()) }
    }

    /// For people: an excerpt of the file with carets for each finding, with ANSI colours if `color`.
    #[must_use]
    pub fn render_human(&self, color: bool) -> String {
        render::human(self, color)
    }

    /// For editors and tests: `file:line:col: error: message; help`, a line each.
    #[must_use]
    pub fn render_short(&self) -> String {
        render::short(self)
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render_short().trim_end())
    }
}

impl std::error::Error for Diagnostics {}

impl<'d> IntoIterator for &'d Diagnostics {
    type Item = &'d Diagnostic;
    type IntoIter = std::slice::Iter<'d, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(finding: Diagnostic) -> Self {
        let mut findings = Self::new();
        findings.push(finding);
        findings
    }
}
