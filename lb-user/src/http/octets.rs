//! Classes of bytes, and what several headers have in common.

/// Whether `byte` may stand in a token (RFC 9110 section 5.6.2).
pub(super) const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// Whether `byte` is optional whitespace (RFC 9110 section 5.6.3); unlike what Rust calls whitespace, no end of a line.
pub(super) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// `text` without optional whitespace before it.
pub(super) fn trim_start(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|&byte| !is_space(byte));
    start.map_or(&[], |start| &text[start..])
}

/// `text` without optional whitespace behind it.
pub(super) fn trim_end(text: &[u8]) -> &[u8] {
    let last = text.iter().rposition(|&byte| !is_space(byte));
    last.map_or(&[], |last| &text[..=last])
}

/// `text` without optional whitespace around it.
pub(super) fn trim(text: &[u8]) -> &[u8] {
    trim_end(trim_start(text))
}

/// `text` without the quotes around it, where it has both. What is escaped in between stays so.
pub(super) fn unquoted(text: &[u8]) -> &[u8] {
    match text {
        [b'"', inner @ .., b'"'] => inner,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_exactly_the_77_bytes_of_the_rfc() {
        let tokens: Vec<u8> = (0..=255).filter(|&byte| is_token(byte)).collect();
        let marks: Vec<u8> = tokens
            .iter()
            .copied()
            .filter(|byte| !byte.is_ascii_alphanumeric())
            .collect();
        assert_eq!(marks, b"!#$%&'*+-.^_`|~");
        assert_eq!(tokens.len(), 77);
    }

    #[test]
    fn only_spaces_and_tabs_are_trimmed() {
        assert_eq!(trim(b" \ta b\t "), b"a b");
        assert_eq!(trim(b" \t "), b"");
        assert_eq!(trim(b"\x0ca\r"), b"\x0ca\r");
    }

    #[test]
    fn quotes_go_only_in_pairs() {
        assert_eq!(unquoted(b"\"a\""), b"a");
        assert_eq!(unquoted(b"\"\""), b"");
        assert_eq!(unquoted(b"\"a"), b"\"a");
        assert_eq!(unquoted(b"\""), b"\"");
    }
}
