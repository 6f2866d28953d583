//! What the comment beside a key says of its meaning, and of what holds without it.

use regex::Regex;

/// A comment, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Comment {
    /// What holds where the line is left out, if it says so: `none`, `the member's`, `required for nat`.
    pub(super) left_out: Option<String>,
    /// All that is not said in another column.
    pub(super) meaning: String,
}

/// Takes a comment apart, of a key with such values.
pub(super) fn read(comment: &str, values: &str) -> Comment {
    let mut text = comment.replace(values, "");
    let words = values.strip_prefix("one of ").unwrap_or_default();
    if !words.is_empty() {
        let word: Vec<_> = words.split(", ").map(regex::escape).collect();
        let word = format!(r"(?:{})(?: \(default\))?", word.join("|"));
        text = expression(&format!(r"{word}(?: \| {word})+"))
            .replace(&text, "")
            .into_owned();
    }
    // The reference is all examples together.
    text = expression(r"for [^;]* see http\.toml")
        .replace(&text, "")
        .into_owned();
    let mut left_out = None;
    for clause in [
        r#"(?P<begin>^|[;,.] )default:? (?P<what>"[^"]*"|[^;.,]+)"#,
        r"(?P<begin>^|[;,.] )default(?P<what>)(?P<end>[;,.]|$)",
        r"(?P<begin>^|[;,.] )(?P<what>required(?: [^;:,.]+)?)",
    ] {
        let clause = expression(clause);
        if let Some(found) = clause.captures(&text) {
            let what = found["what"].trim();
            left_out = left_out.or_else(|| (!what.is_empty()).then(|| what.to_owned()));
            text = clause.replace(&text, "$begin$end").into_owned();
        }
    }
    Comment {
        left_out,
        meaning: tidy(&text),
    }
}

/// What is left of a sentence that parts were taken out of.
fn tidy(text: &str) -> String {
    let marks = expression(r"[;:,.]?\s*(?P<last>[;.])(?:\s*[;:,.])*(?P<space>\s|$)");
    let text = marks.replace_all(text, "$last$space");
    let text = expression(r"\s+").replace_all(&text, " ");
    text.trim_matches([' ', ';', ':', ',', '.']).to_owned()
}

fn expression(text: &str) -> Regex {
    Regex::new(text).unwrap()
}

#[test]
fn a_comment_says_each_thing_once() {
    for (comment, values, left_out, meaning) in [
        ("1 to 9, over all pools", "1 to 9", None, "over all pools"),
        (
            "default; 1 to 9, from probe to probe",
            "1 to 9",
            None,
            "from probe to probe",
        ),
        (
            "default: none, at most 64. [::] is IPv6 alone",
            "a list",
            Some("none"),
            "at most 64. [::] is IPv6 alone",
        ),
        (
            "default: \"10.0.0.11:8080\"",
            "text",
            Some("\"10.0.0.11:8080\""),
            "",
        ),
        (
            "GRPC, default; tls_verify is for it too",
            "true or false",
            None,
            "GRPC; tls_verify is for it too",
        ),
        ("A (default) | B, by load", "one of A, B", None, "by load"),
        ("required for nat", "1 to 9", Some("required for nat"), ""),
        (
            "required: whom to believe",
            "a path",
            Some("required"),
            "whom to believe",
        ),
        (
            "default; required | none: with none, all",
            "one of required, none",
            None,
            "with none, all",
        ),
        (
            "HTTP only; default: none. Where to go",
            "1 to 9",
            Some("none"),
            "HTTP only. Where to go",
        ),
    ] {
        let expected = Comment {
            left_out: left_out.map(str::to_owned),
            meaning: meaning.to_owned(),
        };
        assert_eq!(read(comment, values), expected, "{comment}");
    }
}
