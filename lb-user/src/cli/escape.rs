//! What others have written, where people read it: nobody's name moves the cursor of an administrator's terminal, or breaks a
//! line.

use std::borrow::Cow;

/// A text of one line: what a terminal would obey or not show is written as Rust escapes it, as in `\n` and `\u{1b}`.
pub(super) fn line(text: &str) -> Cow<'_, str> {
    escaped(text, is_unprintable)
}

/// A text of several lines, whose ends stay.
pub(super) fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c != '\n' && is_unprintable(c))
}

/// A text in JSON, in whose strings alone there can be such characters: they are written as JSON escapes them.
pub(super) fn json(text: &str) -> Cow<'_, str> {
    escaped_by(
        text,
        |c| c != '\n' && is_unprintable(c),
        |c| format!("\\u{:04x}", u32::from(c)),
    )
}

fn escaped(text: &str, is_meant: impl Fn(char) -> bool) -> Cow<'_, str> {
    escaped_by(text, is_meant, |c| c.escape_default().to_string())
}

fn escaped_by(text: &str, is_meant: impl Fn(char) -> bool, escape: impl Fn(char) -> String) -> Cow<'_, str> {
    if !text.contains(&is_meant) {
        return text.into();
    }
    let mut escaped = String::with_capacity(2 * text.len());
    for c in text.chars() {
        if is_meant(c) {
            escaped.push_str(&escape(c));
        } else {
            escaped.push(c);
        }
    }
    escaped.into()
}

/// Control characters, and what has a text read in another order or line than it is written.
fn is_unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_told_nothing_by_a_text() {
        for (text, is) in [
            ("shop", "shop"),
            ("größe 大 \\n", "größe 大 \\n"),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("\u{202e}drawkcab", "\\u{202e}drawkcab"),
        ] {
            let shown = line(text);
            assert_eq!(shown, is);
            assert_eq!(line(&shown), shown);
        }
    }

    #[test]
    fn json_means_the_same() {
        let value = serde_json::json!({"name": "a\u{7f}b\u{9b}31m\u{202e}\n\u{1b}größe"});
        let text = serde_json::to_string_pretty(&value).unwrap();
        let shown = json(&text);
        assert_eq!(
            shown,
            "{\n  \"name\": \"a\\u007fb\\u009b31m\\u202e\\n\\u001bgröße\"\n}"
        );
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }

    #[test]
    fn lines_stay_lines() {
        assert_eq!(lines("one\n  two\u{1b}[2J\n"), "one\n  two\\u{1b}[2J\n");
    }
}
