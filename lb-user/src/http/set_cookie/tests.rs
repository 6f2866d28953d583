//! What is learned of a session, and what our own cookie looks like.

use super::*;

/// 2024-01-01 00:00:00.
const NOW_S: u64 = 1_704_067_200;

fn learned(header: &str) -> Option<Learned<'_>> {
    learn(header.as_bytes(), b"SID", NOW_S)
}

fn ends(header: &str) -> bool {
    matches!(learned(header), Some(Learned::Ends { .. }))
}

const ABC: Option<Learned<'_>> = Some(Learned::Value(b"abc"));

#[test]
fn the_value_of_the_cookie_is_learned() {
    for header in [
        "SID=abc",
        "SID=abc; Path=/",
        " SID = abc ;Path=/",
        "SID=\"abc\"; HttpOnly",
        "SID=abc;",
    ] {
        assert_eq!(learned(header), ABC, "{header}");
    }
    assert_eq!(learned("SID=a=b, c"), Some(Learned::Value(b"a=b, c")));
}

#[test]
fn another_cookie_says_nothing() {
    for header in [
        "sid=abc",
        "XSID=abc",
        "SID2=abc",
        "a=b; SID=abc",
        "SID",
        "=SID",
        "SID; a=b",
        "",
    ] {
        assert_eq!(learned(header), None, "{header}");
    }
    assert_eq!(learn(b"=abc", b"", NOW_S), None);
}

#[test]
fn an_empty_value_ends_the_session() {
    for header in ["SID=", "SID=\"\"; Path=/", "SID= ; Max-Age=100"] {
        assert!(ends(header), "{header}");
    }
}

#[test]
fn a_max_age_of_zero_or_less_ends_the_session() {
    for max_age in ["0", "-1", "00", "-0", "-99999999999999999999999"] {
        let header = format!("SID=abc; max-age = {max_age} ; Path=/");
        assert!(ends(&header), "{header}");
    }
}

#[test]
fn a_max_age_beyond_all_numbers_does_not_end_it() {
    assert_eq!(learned("SID=abc; Max-Age=99999999999999999999999"), ABC);
}

#[test]
fn an_expiry_that_is_not_ahead_ends_the_session() {
    for (date, is_over) in [
        ("Thu, 01 Jan 1970 00:00:00 GMT", true),
        ("Thu, 01-Jan-70 00:00:01 GMT", true),
        ("Fri, 31 Dec 1610 00:00:00 GMT", true),
        ("Mon, 01 Jan 2024 00:00:00 GMT", true),
        ("Mon, 01 Jan 2024 00:00:01 GMT", false),
        ("Fri, 31-Dec-2027 23:59:59 GMT", false),
    ] {
        let header = format!("SID=abc; EXPIRES={date}; Secure");
        assert_eq!(ends(&header), is_over, "{header}");
        assert_eq!(learned(&header) == ABC, !is_over, "{header}");
    }
}

#[test]
fn what_is_no_lifetime_does_not_count() {
    for attribute in [
        "Max-Age",
        "Max-Age=",
        "Max-Age=-",
        "Max-Age=+0",
        "Max-Age=0s",
        "Expires=0",
        "Expires=-1",
    ] {
        let header = format!("SID=abc; {attribute}");
        assert_eq!(learned(&header), ABC, "{header}");
    }
}

#[test]
fn max_age_goes_before_expires() {
    let (past, future) = (
        "Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "Expires=Thu, 01 Jan 2037 00:00:00 GMT",
    );
    assert_eq!(learned(&format!("SID=abc; Max-Age=1; {past}")), ABC);
    assert!(ends(&format!("SID=abc; {future}; Max-Age=0")));
    assert!(ends(&format!("SID=abc; Max-Age=soon; {past}")));
}

#[test]
fn the_last_valid_attribute_of_a_name_counts() {
    assert_eq!(learned("SID=abc; Max-Age=0; Max-Age=5"), ABC);
    assert!(ends("SID=abc; Max-Age=5; Max-Age=0; Max-Age=never"));
}

#[test]
fn an_end_is_that_of_the_cookie_of_its_path() {
    for (attributes, path) in [
        ("", None),
        ("; Path=/a/b", Some("/a/b")),
        ("; Path=/a; path = /b", Some("/b")),
        ("; Path=/a; Path=b", None),
        ("; Path", None),
    ] {
        let header = format!("SID=; Max-Age=0{attributes}");
        let path = path.map(str::as_bytes);
        assert_eq!(learned(&header), Some(Learned::Ends { path }), "{header}");
    }
    for (asked, path, is_within_it) in [
        ("/", "/", true),
        ("/a", "/", true),
        ("/a", "/a", true),
        ("/a/b", "/a", true),
        ("/a/b", "/a/", true),
        ("/ab", "/a", false),
        ("/a", "/a/", false),
        ("/", "/a", false),
    ] {
        let found = is_within(asked.as_bytes(), Some(path.as_bytes()));
        assert_eq!(found, is_within_it, "{asked} {path}");
    }
    assert!(is_within(b"/a", None));
}

fn plain_attributes() -> Attributes {
    Attributes {
        name: "LB".into(),
        domain: None,
        path: "/".into(),
        secure: Secure::Auto,
        http_only: HttpOnly::On,
        same_site: None,
    }
}

fn line(attributes: &Attributes, change: Change<'_>, channel: Channel) -> String {
    let mut out = Vec::new();
    SetCookie::new(attributes)
        .unwrap()
        .write_line(change, channel, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_cookie_is_written_as_a_whole_line() {
    let attributes = Attributes {
        domain: Some("example.com".into()),
        same_site: Some(SameSite::Lax),
        ..plain_attributes()
    };
    assert_eq!(
        line(&attributes, Change::Set(b"m1"), Channel::Tls),
        "Set-Cookie: LB=m1; Path=/; Domain=example.com; Secure; HttpOnly; SameSite=Lax\r\n",
    );
}

#[test]
fn for_http_2_only_the_value_is_written() {
    let cookie = SetCookie::new(&plain_attributes()).unwrap();
    let mut out = Vec::new();
    cookie.write_value(Change::Set(b"m1"), Channel::Plain, &mut out);
    assert_eq!(out, b"LB=m1; Path=/; HttpOnly");
}

#[test]
fn a_cookie_is_cleared_with_the_attributes_that_it_was_set_with() {
    assert_eq!(
        line(&plain_attributes(), Change::Clear, Channel::Tls),
        "Set-Cookie: LB=; Path=/; Secure; HttpOnly; Max-Age=0\r\n",
    );
}

#[test]
fn what_we_write_is_what_we_would_learn() {
    let cookie = SetCookie::new(&plain_attributes()).unwrap();
    for (change, expected) in [
        (Change::Set(b"m1"), Learned::Value(b"m1")),
        (Change::Clear, Learned::Ends { path: Some(b"/") }),
    ] {
        let mut out = Vec::new();
        cookie.write_value(change, Channel::Tls, &mut out);
        assert_eq!(learn(&out, b"LB", NOW_S), Some(expected));
    }
}

#[test]
fn secure_follows_the_channel_only_where_it_is_automatic() {
    for (secure, plain, tls) in [
        (Secure::Auto, false, true),
        (Secure::Always, true, true),
        (Secure::Never, false, false),
    ] {
        let attributes = Attributes {
            secure,
            ..plain_attributes()
        };
        let says = |channel| line(&attributes, Change::Set(b"m1"), channel).contains("; Secure");
        assert_eq!(
            (says(Channel::Plain), says(Channel::Tls)),
            (plain, tls),
            "{secure:?}"
        );
    }
}

#[test]
fn same_site_none_is_said_only_together_with_secure() {
    let attributes = Attributes {
        same_site: Some(SameSite::None),
        ..plain_attributes()
    };
    assert!(line(&attributes, Change::Set(b"m1"), Channel::Tls).contains("; SameSite=None"));
    assert!(!line(&attributes, Change::Set(b"m1"), Channel::Plain).contains("SameSite"));
}

#[test]
fn scripts_may_be_let_at_a_cookie() {
    let attributes = Attributes {
        http_only: HttpOnly::Off,
        ..plain_attributes()
    };
    assert!(!line(&attributes, Change::Set(b"m1"), Channel::Tls).contains("HttpOnly"));
}

#[test]
fn a_cookie_that_clients_would_drop_or_misread_is_refused() {
    type Change = fn(&mut Attributes);
    let cases: [(Change, Mistake); 13] = [
        (|cookie| cookie.name = String::new(), Mistake::Name),
        (|cookie| cookie.name = "a b".into(), Mistake::Name),
        (|cookie| cookie.name = "a=b".into(), Mistake::Name),
        (|cookie| cookie.name = "a\r\nb".into(), Mistake::Name),
        (|cookie| cookie.domain = Some(String::new()), Mistake::Domain),
        (|cookie| cookie.domain = Some("a;b".into()), Mistake::Domain),
        (|cookie| cookie.path = "shop".into(), Mistake::Path),
        (|cookie| cookie.path = "/a; Secure".into(), Mistake::Path),
        (|cookie| cookie.path = "/\r\n".into(), Mistake::Path),
        (
            |cookie| (cookie.secure, cookie.same_site) = (Secure::Never, Some(SameSite::None)),
            Mistake::SameSiteNone,
        ),
        (|cookie| cookie.name = "__secure-a".into(), Mistake::SecurePrefix),
        (|cookie| cookie.name = "__Host-a".into(), Mistake::HostPrefix),
        (
            |cookie| {
                (cookie.name, cookie.path) = ("__Host-a".into(), "/shop".into());
                cookie.secure = Secure::Always;
            },
            Mistake::HostPrefix,
        ),
    ];
    for (change, mistake) in cases {
        let mut attributes = plain_attributes();
        change(&mut attributes);
        assert_eq!(SetCookie::new(&attributes), Err(mistake), "{attributes:?}");
    }
}

#[test]
fn a_cookie_that_keeps_what_its_name_promises_is_taken() {
    for name in ["__Host-a", "__Secure-a"] {
        let attributes = Attributes {
            name: name.into(),
            secure: Secure::Always,
            ..plain_attributes()
        };
        assert!(SetCookie::new(&attributes).is_ok(), "{name}");
    }
}
