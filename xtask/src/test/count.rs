//! Counting what test programs say.

use std::ops::AddAssign;

/// How many tests ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
    pub(crate) ignored: u32,
}

impl Counts {
    pub(crate) const PASSED: Self = Self {
        passed: 1,
        failed: 0,
        ignored: 0,
    };
    pub(crate) const FAILED: Self = Self {
        passed: 0,
        failed: 1,
        ignored: 0,
    };
    pub(crate) const IGNORED: Self = Self {
        passed: 0,
        failed: 0,
        ignored: 1,
    };

    /// Reads a `test result:` line of libtest; `None` for every other line.
    pub(crate) fn of_line(line: &str) -> Option<Self> {
        let fields = line.trim().strip_prefix("test result: ")?.split_once(". ")?.1;
        let field = |name: &str| {
            fields
                .split(';')
                .find_map(|field| field.trim().strip_suffix(name)?.trim().parse().ok())
        };
        Some(Self {
            passed: field(" passed")?,
            failed: field(" failed")?,
            ignored: field(" ignored")?,
        })
    }

    /// Did anything run at all?
    pub(crate) fn ran(self) -> bool {
        self.passed + self.failed > 0
    }

    /// The closing line: `12 passed, 0 failed`, and `, 1 skipped` where some were.
    pub(crate) fn closing_line(self) -> String {
        let Self {
            passed,
            failed,
            ignored,
        } = self;
        match ignored {
            0 => format!("{passed} passed, {failed} failed"),
            _ => format!("{passed} passed, {failed} failed, {ignored} skipped"),
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_line_is_counted() {
        let line =
            "test result: ok. 12 passed; 0 failed; 3 ignored; 0 measured; 1 filtered out; finished in 0.05s";
        assert_eq!(
            Counts::of_line(line),
            Some(Counts {
                passed: 12,
                failed: 0,
                ignored: 3
            })
        );
    }

    #[test]
    fn a_failed_result_line_is_counted() {
        let line = "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.05s\n";
        assert_eq!(
            Counts::of_line(line),
            Some(Counts {
                passed: 1,
                failed: 2,
                ignored: 0
            })
        );
    }

    #[test]
    fn other_lines_are_not_counted() {
        for line in [
            "",
            "running 3 tests",
            "test result",
            "test result: ok.",
            "test a::b ... ok",
            "3 passed; 0 failed",
        ] {
            assert_eq!(Counts::of_line(line), None, "{line}");
        }
    }

    #[test]
    fn the_closing_line_names_skipped_tests_only_where_there_are_some() {
        let mut counts = Counts::PASSED;
        assert_eq!(counts.closing_line(), "1 passed, 0 failed");
        counts += Counts::IGNORED;
        counts += Counts::FAILED;
        assert_eq!(counts.closing_line(), "1 passed, 1 failed, 1 skipped");
    }

    #[test]
    fn skipped_tests_did_not_run() {
        assert!(!Counts::IGNORED.ran());
        assert!(Counts::FAILED.ran());
    }
}
