//! The session that a request target names, where an application keeps it in the URL instead of in a cookie.
//!
//! Values are taken as they stand: identifiers need no percent-encoding, and who learns them from a response takes them
//! as they stand there, too. An empty value is no session.

use memchr::{memchr, memchr_iter, memchr2, memmem};

/// The session called `name` in a request target: the path parameter where there is one, else the query parameter.
pub fn find<'a>(target: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    path_parameter(target, name).or_else(|| query_parameter(target, name))
}

/// The value of `;name=VALUE` in the path. The name is compared without regard to case, as servlet containers write
/// both `;jsessionid=` and `;JSESSIONID=`.
pub fn path_parameter<'a>(target: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (path, _) = path_and_query(target)?;
    memchr_iter(b';', path).find_map(|semicolon| {
        let parameter = &path[semicolon + 1..];
        let end = memchr2(b';', b'/', parameter).unwrap_or(parameter.len());
        value(&parameter[..end], |found| found.eq_ignore_ascii_case(name))
    })
}

/// The value of `?name=VALUE` or `&name=VALUE` in the query. Case matters, as it does for applications.
pub fn query_parameter<'a>(target: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (_, query) = path_and_query(target)?;
    query
        .split(|&byte| byte == b'&')
        .find_map(|parameter| value(parameter, |found| found == name))
}

fn value(parameter: &[u8], is_meant: impl Fn(&[u8]) -> bool) -> Option<&[u8]> {
    let equals = memchr(b'=', parameter)?;
    let value = &parameter[equals + 1..];
    (is_meant(&parameter[..equals]) && !value.is_empty()).then_some(value)
}

/// Path and query of a target in origin or absolute form (RFC 9112 section 3.2); the other forms have neither.
fn path_and_query(target: &[u8]) -> Option<(&[u8], &[u8])> {
    // Clients send no fragments, but those that do mean none of it for the server.
    let target = &target[..memchr(b'#', target).unwrap_or(target.len())];
    let question_mark = memchr(b'?', target).unwrap_or(target.len());
    let (before, query) = target.split_at(question_mark);
    Some((path(before)?, query.get(1..).unwrap_or_default()))
}

/// The path of what stands before the query. An authority may hold `;` too (RFC 3986 section 3.2.1), so it is left out.
fn path(before_query: &[u8]) -> Option<&[u8]> {
    if before_query.starts_with(b"/") {
        return Some(before_query);
    }
    let authority = memmem::find(before_query, b"://")? + 3;
    let path = memchr(b'/', &before_query[authority..]);
    Some(path.map_or(&[], |path| &before_query[authority + path..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(target: &str) -> Option<&str> {
        find(target.as_bytes(), b"jsessionid").map(|value| std::str::from_utf8(value).unwrap())
    }

    #[test]
    fn a_path_parameter_ends_at_whatever_ends_it() {
        for target in [
            "/a;jsessionid=X1",
            "/a;jsessionid=X1?b=c",
            "/a;jsessionid=X1;v=2",
            "/a;jsessionid=X1/b",
            "/a;jsessionid=X1#top",
            "/a;v=2;jsessionid=X1",
            "/a;v=2/b;jsessionid=X1",
            "/;jsessionid=X1",
        ] {
            assert_eq!(found(target), Some("X1"), "{target}");
        }
    }

    #[test]
    fn the_case_of_a_path_parameter_does_not_matter() {
        assert_eq!(found("/a;JSESSIONID=X1"), Some("X1"));
    }

    #[test]
    fn a_query_parameter_ends_at_whatever_ends_it() {
        for target in [
            "/a?jsessionid=X1",
            "/a?jsessionid=X1&b=c",
            "/a?b=c&jsessionid=X1",
            "/a?b=c&jsessionid=X1#top",
            "/a?b&&jsessionid=X1",
        ] {
            assert_eq!(found(target), Some("X1"), "{target}");
        }
    }

    #[test]
    fn the_case_of_a_query_parameter_matters() {
        assert_eq!(found("/a?JSESSIONID=X1"), None);
    }

    #[test]
    fn a_value_may_hold_what_does_not_end_it() {
        assert_eq!(found("/a;jsessionid=X1.node-2!9=="), Some("X1.node-2!9=="));
        assert_eq!(found("/a?jsessionid=X1;/?=2"), Some("X1;/?=2"));
    }

    #[test]
    fn the_path_goes_before_the_query() {
        assert_eq!(found("/a;jsessionid=X1?jsessionid=X2"), Some("X1"));
        assert_eq!(found("/a;jsessionid=?jsessionid=X2"), Some("X2"));
    }

    #[test]
    fn a_path_parameter_is_not_looked_for_in_the_query_nor_the_other_way_round() {
        assert_eq!(found("/a?b=c;jsessionid=X1"), None);
        assert_eq!(found("/a&jsessionid=X1"), None);
        assert_eq!(found("/a#?jsessionid=X1"), None);
    }

    #[test]
    fn names_are_compared_as_a_whole() {
        for target in [
            "/a;xjsessionid=X1",
            "/a;jsessionid2=X1",
            "/a;jsessionid",
            "/jsessionid=X1",
            "/a?xjsessionid=X1",
        ] {
            assert_eq!(found(target), None, "{target}");
        }
    }

    #[test]
    fn an_empty_value_is_no_session() {
        assert_eq!(found("/a;jsessionid="), None);
        assert_eq!(found("/a?jsessionid=&b"), None);
        assert_eq!(found("/a;jsessionid=;jsessionid=X1"), Some("X1"));
    }

    #[test]
    fn a_target_in_absolute_form_has_its_session_in_the_path() {
        assert_eq!(found("http://example.com/a;jsessionid=X1"), Some("X1"));
        assert_eq!(found("http://example.com?jsessionid=X1"), Some("X1"));
        assert_eq!(found("http://u;jsessionid=X1@example.com/a"), None);
    }

    #[test]
    fn a_target_of_another_form_has_no_session() {
        for target in ["", "*", "example.com:443", "a;jsessionid=X1"] {
            assert_eq!(found(target), None, "{target}");
        }
    }
}
