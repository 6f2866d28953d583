//! What is wrong with a configuration, and where it stands.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::Arc;

use super::Loaded;
use crate::model::Config;

/// Mistakes beyond this many are counted, not kept: a file with more of them has one cause.
const MOST_KEPT: usize = 1000;

/// So far above a line its header is looked for.
const LINES_OF_A_TABLE: usize = 1000;

/// The longest source line, in bytes, that is shown beneath its mistake.
const LONGEST_SHOWN: usize = 200;

/// Whether a diagnostic keeps the configuration from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can be, though perhaps it is not what was meant.
    Warning,
}

/// A place in a file; both numbers start at 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
}

/// One mistake: where it is, what is wrong, and what would be right.
///
/// `{}` shows it on one line, `{:#}` with the source line and carets beneath it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether the configuration can still be used.
    pub severity: Severity,
    /// The file, as it was named by whoever asked to read it.
    pub file: Arc<str>,
    /// Where in the file; `None` where it is the file itself that is wrong.
    pub position: Option<Position>,
    /// What is wrong and what would be right, on one line.
    pub message: String,
    snippet: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        if let Some(Position { line, column }) = self.position {
            write!(f, "{line}:{column}:")?;
        }
        if self.severity == Severity::Warning {
            write!(f, " warning:")?;
        }
        write!(f, " {}", self.message)?;
        match &self.snippet {
            Some(snippet) if f.alternate() => write!(f, "\n{snippet}"),
            _ => Ok(()),
        }
    }
}

/// All that is wrong with a configuration, by line; at least one is an error.
///
/// `{}` shows one a line, `{:#}` each with the source line and carets beneath it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics {
    found: Vec<Diagnostic>,
    not_kept: usize,
}

impl Diagnostics {
    /// The mistakes, by line.
    #[must_use]
    pub fn as_slice(&self) -> &[Diagnostic] {
        &self.found
    }

    /// The file itself is wrong, rather than something in it.
    pub(super) fn of_file(file: &str, message: String) -> Self {
        let diagnostic = Diagnostic {
            severity: Severity::Error,
            file: file.into(),
            position: None,
            message,
            snippet: None,
        };
        Self {
            found: vec![diagnostic],
            not_kept: 0,
        }
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.found.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            diagnostic.fmt(f)?;
        }
        if self.not_kept > 0 {
            write!(f, "\nand {} more", self.not_kept)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// Bytes `start` to `end` of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl From<std::ops::Range<usize>> for Span {
    fn from(range: std::ops::Range<usize>) -> Self {
        Self {
            start: range.start,
            end: range.end,
        }
    }
}

/// Proof that an error was reported: without one, nothing that was asked for may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reported(());

impl From<&Reported> for Reported {
    fn from(reported: &Reported) -> Self {
        *reported
    }
}

/// Collects the diagnostics of one source text.
pub(super) struct Report<'t> {
    file: Arc<str>,
    text: &'t str,
    /// Where each line starts.
    lines: Vec<usize>,
    found: RefCell<Vec<Diagnostic>>,
    not_kept: Cell<usize>,
    failed: Cell<bool>,
}

impl<'t> Report<'t> {
    pub(super) fn new(file: &str, text: &'t str) -> Self {
        let line_ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self {
            file: file.into(),
            text,
            lines: std::iter::once(0)
                .chain(line_ends.map(|(at, _)| at + 1))
                .collect(),
            found: RefCell::default(),
            not_kept: Cell::default(),
            failed: Cell::default(),
        }
    }

    pub(super) fn error(&self, span: Span, message: String) -> Reported {
        self.push(Severity::Error, span, message);
        self.failed.set(true);
        Reported(())
    }

    pub(super) fn warning(&self, span: Span, message: String) {
        self.push(Severity::Warning, span, message);
    }

    /// Whether further diagnostics are only counted: then it is not worth while to make them helpful.
    pub(super) fn is_full(&self) -> bool {
        self.found.borrow().len() >= MOST_KEPT
    }

    /// The line a span starts on.
    pub(super) fn line(&self, span: Span) -> usize {
        self.lines.partition_point(|start| *start <= span.start)
    }

    /// The source text of a span.
    pub(super) fn source(&self, span: Span) -> &'t str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    /// The source text of a span, unless it may be secret.
    pub(super) fn shown(&self, span: Span) -> &'t str {
        if self.may_be_secret(self.line(span)) {
            ""
        } else {
            self.source(span)
        }
    }

    /// Whether somebody may have written a password into a line, rightly or not: under the header of somebody whom the API
    /// lets in, or beside a word for one.
    fn may_be_secret(&self, line: usize) -> bool {
        let text = |line: usize| {
            let start = self.lines[line - 1];
            let end = self.lines.get(line).copied().unwrap_or(self.text.len());
            self.source(Span { start, end }).trim()
        };
        let own = text(line).to_ascii_lowercase();
        let mut above = (1..=line).rev().take(LINES_OF_A_TABLE).map(text);
        let header = above.find(|line| line.starts_with('[')).unwrap_or_default();
        ["password", "token", "$argon2"]
            .iter()
            .any(|word| own.contains(word))
            || header.contains("api.user")
            || header.contains("api.token")
    }

    /// What was made of the text, with the warnings; or all that was found if there is an error among it.
    pub(super) fn finish(self, made: Result<Config, Reported>) -> Result<Loaded, Diagnostics> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|diagnostic| diagnostic.position);
        match made {
            Ok(config) if !self.failed.get() => Ok(Loaded {
                config,
                warnings: found,
            }),
            _ => Err(Diagnostics {
                found,
                not_kept: self.not_kept.get(),
            }),
        }
    }

    fn push(&self, severity: Severity, span: Span, message: String) {
        if self.is_full() {
            self.not_kept.set(self.not_kept.get() + 1);
            return;
        }
        let line = self.line(span);
        let start = self.lines[line - 1];
        let before = self.source(Span {
            start,
            end: span.start,
        });
        let column = before.chars().count() + 1;
        self.found.borrow_mut().push(Diagnostic {
            severity,
            file: Arc::clone(&self.file),
            position: Some(Position { line, column }),
            message,
            snippet: self.snippet(line, start, column, span),
        });
    }

    fn snippet(&self, line: usize, start: usize, column: usize, span: Span) -> Option<String> {
        let end = self.lines.get(line).copied().unwrap_or(self.text.len());
        let shown = self.source(Span { start, end }).trim_end();
        if shown.is_empty() || shown.len() > LONGEST_SHOWN || self.may_be_secret(line) {
            return None;
        }
        // Tabs would push the carets astray, and other control characters are not for a terminal.
        let plain = shown.replace(char::is_control, " ");
        let marked = self.source(Span {
            start: span.start,
            end: span.end.min(start + shown.len()),
        });
        let carets = "^".repeat(marked.chars().count().max(1));
        Some(format!(
            "{line:>5} | {plain}\n      | {:>1$}{carets}",
            "",
            column - 1
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, span: std::ops::Range<usize>) -> String {
        let report = Report::new("a.toml", text);
        let reported = report.error(span.into(), "wrong".into());
        format!("{:#}", report.finish(Err(reported)).unwrap_err())
    }

    #[test]
    fn a_diagnostic_points_at_its_place_with_carets() {
        let text = "[a]\n\tü = 257 # why\n";
        let start = text.find("257").unwrap();
        let expected = "a.toml:2:6: wrong\n    2 |  ü = 257 # why\n      |      ^^^";
        assert_eq!(shown(text, start..start + 3), expected);
    }

    #[test]
    fn a_span_over_several_lines_is_marked_to_the_end_of_its_first() {
        assert_eq!(
            shown("a = '''\nb'''", 4..12),
            "a.toml:1:5: wrong\n    1 | a = '''\n      |     ^^^"
        );
    }

    #[test]
    fn the_end_of_the_file_is_a_place_too() {
        assert_eq!(
            shown("a = ", 4..4),
            "a.toml:1:5: wrong\n    1 | a =\n      |     ^"
        );
        assert_eq!(shown("a = 1\n", 6..6), "a.toml:2:1: wrong");
        assert_eq!(shown("", 0..0), "a.toml:1:1: wrong");
        assert_eq!(shown("a", 7..9), "a.toml:1:1: wrong\n    1 | a\n      | ^");
    }

    #[test]
    fn a_long_line_is_not_shown() {
        assert_eq!(shown(&"x".repeat(LONGEST_SHOWN + 1), 1..2), "a.toml:1:2: wrong");
    }

    #[test]
    fn a_line_in_which_a_password_may_be_is_not_shown() {
        for text in [
            "[[api.user]]\nname = \"a\"\npasswd = \"hunter2\"",
            "[api]\n user = [{ password = \"hunter2\" }]",
            "x = \"$argon2id$v=19$hunter2\"",
        ] {
            let start = text.find("hunter2").unwrap();
            let said = shown(text, start..start + 7);
            assert!(!said.contains("hunter2"), "{said}");
        }
        assert!(shown("[[api.user]]\n[api]\nlisten = 1", 20..26).contains("listen = 1"));
    }

    #[test]
    fn diagnostics_come_by_line_and_are_bounded() {
        let text = "\n".repeat(MOST_KEPT + 20);
        let report = Report::new("a.toml", &text);
        for start in (0..MOST_KEPT + 5).rev() {
            report.warning(Span { start, end: start }, "odd".into());
        }
        report.error(Span { start: 0, end: 0 }, "wrong".into());
        let all = report.finish(Ok(Config::default())).unwrap_err();
        assert_eq!(all.as_slice().len(), MOST_KEPT);
        assert!(all.as_slice().is_sorted_by_key(|diagnostic| diagnostic.position));
        assert!(all.to_string().ends_with("\nand 6 more"));
    }

    #[test]
    fn warnings_alone_are_no_failure() {
        let report = Report::new("a.toml", "a = 1");
        report.warning(Span { start: 0, end: 1 }, "odd".into());
        let loaded = report.finish(Ok(Config::default())).unwrap();
        assert_eq!(loaded.warnings[0].to_string(), "a.toml:1:1: warning: odd");
    }
}
