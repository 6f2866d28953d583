//! The cookies that a request brings: finding one, and taking one out.
//!
//! Everything works on the value of one `Cookie` header. HTTP/2 may split the cookies over several (RFC 9113, section
//! 8.2.3), and so do some clients of HTTP/1: each of them is a value by itself.
//!
//! Clients send more than RFC 6265 section 4.2.1 allows, so anything is a cookie: only `;` ends one, within quotes too,
//! as browsers have it (section 5.2), and a piece without `=` is a value without a name (as in RFC 6265bis).

use std::{iter, ops::Range};

use memchr::{memchr, memchr_iter};

use super::octets::{is_space, trim, trim_end, trim_start, unquoted};

/// One cookie of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair<'a> {
    /// Empty where there is no `=`.
    pub name: &'a [u8],
    /// Without the quotes around it: some clients drop them, some add them.
    pub value: &'a [u8],
    /// Where the cookie stands in the header, from its name's first byte to its value's last, quotes included.
    pub range: Range<usize>,
}

/// What [`without`] has taken out of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// There was no such cookie: what is written is the header as it came.
    Nothing,
    /// Other cookies are left.
    Some,
    /// No cookie is left, and nothing is written: the header is to go as a whole.
    All,
}

/// The cookies of a header, in order.
pub fn pairs(header: &[u8]) -> impl Iterator<Item = Pair<'_>> {
    pieces(header).filter_map(|piece| pair(header, piece))
}

/// The values of the cookies called `name`: first the one that belongs to the longest path (RFC 6265 section 5.4).
pub fn all<'a>(header: &'a [u8], name: &[u8]) -> impl Iterator<Item = &'a [u8]> {
    let named = pairs(header).filter(move |pair| pair.name == name);
    named.map(|pair| pair.value)
}

/// The value of the first of them.
pub fn find<'a>(header: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    all(header, name).next()
}

/// Appends to `out` the header without the cookies that are meant. All others stay byte for byte as they are, and so do
/// the separators that are not next to what was taken out.
pub fn without(header: &[u8], is_meant: impl Fn(&Pair<'_>) -> bool, out: &mut Vec<u8>) -> Removed {
    let begin = out.len();
    let mut removed = Removed::Nothing;
    let mut others = 0_usize;
    let mut copied_to = 0;
    for piece in pieces(header) {
        match pair(header, piece.clone()) {
            Some(pair) if is_meant(&pair) => {
                // With a cookie goes the separator before it; the first one has none.
                let end = piece.start.saturating_sub(1);
                append(out, begin, &header[copied_to..end.max(copied_to)], removed);
                copied_to = piece.end;
                removed = Removed::Some;
            }
            Some(_) => others += 1,
            None => {}
        }
    }
    if removed == Removed::Some && others == 0 {
        out.truncate(begin);
        return Removed::All;
    }
    append(out, begin, &header[copied_to..], removed);
    if removed == Removed::Some {
        // RFC 9113 section 8.2.1: a value that ends with a space is malformed.
        out.truncate(begin + trim_end(&out[begin..]).len());
    }
    removed
}

/// Appends what is kept; where what stood before it is gone, without the separator that comes first.
fn append(out: &mut Vec<u8>, begin: usize, kept: &[u8], removed: Removed) {
    let is_first = out.len() == begin && removed != Removed::Nothing;
    let separator = kept
        .iter()
        .take_while(|&&byte| is_first && (byte == b';' || is_space(byte)))
        .count();
    out.extend_from_slice(&kept[separator..]);
}

/// What stands between the `;`.
fn pieces(header: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    memchr_iter(b';', header)
        .chain(iter::once(header.len()))
        .map(move |end| {
            let piece = start..end;
            start = end + 1;
            piece
        })
}

fn pair(header: &[u8], piece: Range<usize>) -> Option<Pair<'_>> {
    let from_name = trim_start(&header[piece.clone()]);
    let text = trim_end(from_name);
    if text.is_empty() {
        return None;
    }
    let start = piece.end - from_name.len();
    let (name, value) = match memchr(b'=', text) {
        Some(equals) => (trim(&text[..equals]), trim(&text[equals + 1..])),
        None => (&text[..0], text),
    };
    Some(Pair {
        name,
        value: unquoted(value),
        range: start..start + text.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(header: &str) -> Vec<(String, String, String)> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        pairs(header.as_bytes())
            .map(|pair| (text(pair.name), text(pair.value), header[pair.range].to_owned()))
            .collect()
    }

    fn one(header: &str) -> (String, String, String) {
        let mut all = listed(header);
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    fn left(header: &str, name: &str) -> (String, Removed) {
        let mut out = b"Cookie: ".to_vec();
        let removed = without(header.as_bytes(), |pair| pair.name == name.as_bytes(), &mut out);
        let out = String::from_utf8(out).unwrap();
        (out.strip_prefix("Cookie: ").unwrap().to_owned(), removed)
    }

    fn triple(name: &str, value: &str, text: &str) -> (String, String, String) {
        (name.into(), value.into(), text.into())
    }

    #[test]
    fn cookies_are_separated_by_semicolons_and_any_spaces() {
        let expected = vec![
            triple("a", "1", "a=1"),
            triple("b", "2", "b=2"),
            triple("c", "3", "c=3"),
        ];
        for header in ["a=1; b=2; c=3", "a=1;b=2;c=3", " a=1 ;\tb=2;  ;; c=3 ; "] {
            assert_eq!(listed(header), expected, "{header:?}");
        }
    }

    #[test]
    fn a_value_may_hold_equals_signs_spaces_and_commas() {
        assert_eq!(one("a=b=c=="), triple("a", "b=c==", "a=b=c=="));
        assert_eq!(one("a=1, 2 3"), triple("a", "1, 2 3", "a=1, 2 3"));
    }

    #[test]
    fn quotes_around_a_value_are_not_part_of_it_but_of_its_place() {
        assert_eq!(one("a=\"1 2\""), triple("a", "1 2", "a=\"1 2\""));
        assert_eq!(one("a=\"1"), triple("a", "\"1", "a=\"1"));
    }

    #[test]
    fn a_semicolon_ends_a_cookie_within_quotes_too() {
        assert_eq!(listed("a=\"1;b=2\"").len(), 2);
    }

    #[test]
    fn spaces_around_the_equals_sign_belong_to_neither_side() {
        assert_eq!(one("a = 1"), triple("a", "1", "a = 1"));
    }

    #[test]
    fn a_cookie_without_an_equals_sign_has_a_value_and_no_name() {
        assert_eq!(one("token"), triple("", "token", "token"));
        assert_eq!(one("=token"), triple("", "token", "=token"));
    }

    #[test]
    fn an_empty_header_has_no_cookies() {
        for header in ["", ";", " ; ; "] {
            assert_eq!(listed(header), [], "{header:?}");
        }
    }

    #[test]
    fn the_first_of_several_cookies_of_a_name_is_found() {
        assert_eq!(find(b"a=1; s=2; s=3", b"s"), Some(&b"2"[..]));
        assert_eq!(find(b"a=1; s=; s=3", b"s"), Some(&b""[..]));
    }

    #[test]
    fn names_are_found_as_a_whole_and_case_sensitively() {
        assert_eq!(find(b"xs=1; sx=2; S=3; y=s=4", b"s"), None);
    }

    #[test]
    fn a_header_without_the_cookie_stays_as_it_came() {
        for header in ["a=1;b=2;  c=3 ;", "", " ; ", "xs=1; a=s=2"] {
            assert_eq!(left(header, "s"), (header.into(), Removed::Nothing), "{header:?}");
        }
    }

    #[test]
    fn one_separator_goes_with_a_cookie_wherever_it_stands() {
        for (header, expected) in [
            ("s=1; a=1; b=2", "a=1; b=2"),
            ("a=1; s=1; b=2", "a=1; b=2"),
            ("a=1; b=2; s=1", "a=1; b=2"),
            ("a=1;s=1;b=2", "a=1;b=2"),
            ("a=1 ; s=1", "a=1"),
            ("s=1;a=1", "a=1"),
        ] {
            assert_eq!(left(header, "s"), (expected.into(), Removed::Some), "{header:?}");
        }
    }

    #[test]
    fn every_cookie_of_the_name_goes() {
        let (header, expected) = ("s=1; s=2; a=1; s = 3; s=\"4\"; b=2; s", "a=1; b=2; s");
        assert_eq!(left(header, "s"), (expected.into(), Removed::Some));
    }

    #[test]
    fn what_others_look_like_does_not_matter() {
        let (header, expected) = (
            "a=\"x y\" ;b==; s=1;\tc;;d=\u{e9}",
            "a=\"x y\" ;b==;\tc;;d=\u{e9}",
        );
        assert_eq!(left(header, "s"), (expected.into(), Removed::Some));
    }

    #[test]
    fn nothing_is_written_when_no_cookie_is_left() {
        for header in ["s=1", "s=1; s=2", " ; s=1 ;; "] {
            assert_eq!(left(header, "s"), (String::new(), Removed::All), "{header:?}");
        }
    }
}
