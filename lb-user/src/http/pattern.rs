//! Regular expressions that parts of a request are looked for with.

use regex::bytes::{Regex, RegexBuilder};
use thiserror::Error;

/// The most memory that a compiled expression takes, in bytes: a listener may have a thousand of them.
const LARGEST_COMPILED: usize = 64 << 10;
/// The most that each thread keeps beside that to search faster, in bytes.
const LARGEST_CACHE: usize = 128 << 10;
/// Brackets within brackets: each level takes a piece of the stack.
const DEEPEST: u32 = 50;

/// Whether letters are the same in upper and lower case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Case {
    /// They are not.
    Matters,
    /// Those of ASCII are.
    Ignored,
}

/// Why a text is no regular expression that is taken.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum Mistake {
    /// It does not read as one; why, on one line.
    #[error("is not a regular expression: {0}; write one without look-around and backreferences")]
    Syntax(String),
    /// It reads as one, and says too much.
    #[error("is a regular expression that takes more than {} KiB; write smaller repetitions", LARGEST_COMPILED >> 10)]
    TooLarge,
}

/// Compiles an expression, which is searched for in time that grows with the length of what it is looked for in, whatever
/// that is.
///
/// It is about bytes: requests have what is no UTF-8, and nothing is to pass by an expression for that.
pub fn compile(text: &str, case: Case) -> Result<Regex, Mistake> {
    let compiled = RegexBuilder::new(text)
        .unicode(false)
        .case_insensitive(case == Case::Ignored)
        .dot_matches_new_line(true)
        .size_limit(LARGEST_COMPILED)
        .dfa_size_limit(LARGEST_CACHE)
        .nest_limit(DEEPEST)
        .build();
    compiled.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => Mistake::TooLarge,
        error => {
            // Its first lines show the place beneath the expression.
            let error = error.to_string();
            let last = error.lines().next_back().unwrap_or_default();
            let last = last.strip_prefix("error: ").unwrap_or(last);
            Mistake::Syntax(last.replace(char::is_control, " "))
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn finds(expression: &str, text: &[u8]) -> bool {
        compile(expression, Case::Matters).unwrap().is_match(text)
    }

    #[test]
    fn an_expression_is_found_anywhere_unless_it_is_anchored() {
        assert!(finds("b+", b"abba"));
        assert!(!finds("^b+$", b"abba"));
        assert!(finds("^/(img|js)/", b"/js/a"));
        assert!(finds("caf\u{e9}", "/caf\u{e9}".as_bytes()));
    }

    #[test]
    fn every_byte_is_a_character() {
        assert!(finds("^/a.b$", b"/a\xffb"));
        assert!(finds("^/a.b$", b"/a\nb"));
        assert!(!finds("^/a.b$", "/a\u{e9}b".as_bytes()));
    }

    #[test]
    fn case_matters_unless_it_is_said_not_to() {
        assert!(!finds("a", b"A"));
        assert!(compile("a", Case::Ignored).unwrap().is_match(b"A"));
    }

    #[test]
    fn what_is_no_expression_is_said_on_one_line() {
        for (text, says) in [
            ("(", "unclosed group"),
            ("a\n(", "unclosed group"),
            ("[z-a]", "invalid character class range"),
            ("(?=a)", "look-around"),
            (r"(a)\1", "backreferences"),
            (r"\p{Greek}", "Unicode"),
        ] {
            let said = compile(text, Case::Matters).unwrap_err().to_string();
            assert!(
                said.contains(says) && said.lines().count() == 1,
                "{text:?}: {said}"
            );
        }
    }

    #[test]
    fn what_takes_much_memory_is_refused() {
        for text in ["a{100000}", "(a{100}){100}", "((a{50}){50}){50}"] {
            assert_eq!(
                compile(text, Case::Matters).err(),
                Some(Mistake::TooLarge),
                "{text}"
            );
        }
        let deep = "(".repeat(1000) + &")".repeat(1000);
        assert!(matches!(compile(&deep, Case::Matters), Err(Mistake::Syntax(_))));
    }

    proptest! {
        #[test]
        fn any_text_is_an_expression_or_is_refused(
            text in "[a-c(){}0-9\\[\\]\\\\|*+?^$.é-]{0,40}",
            bytes in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            if let Ok(compiled) = compile(&text, Case::Ignored) {
                let _ = compiled.is_match(&bytes);
            }
        }
    }
}
