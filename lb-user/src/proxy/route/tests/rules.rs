//! What rules are true of.

use super::*;

/// A listener that gives what a rule is true of to the pool `a`.
fn with_rule(rule: &str) -> Arc<Listener> {
    listener(&policy(
        "action = \"REDIRECT_TO_POOL\", redirect_pool = \"a\"",
        &format!("{{ {rule} }}"),
    ))
}

/// Which of the requests a rule is true of.
fn true_of<'t>(rule: &str, texts: &[&'t str], request: impl Fn(&str) -> Vec<u8>) -> Vec<&'t str> {
    let listener = with_rule(rule);
    let texts = texts.iter().copied();
    texts
        .filter(|text| routed(&listener, &request(text)) == "a")
        .collect()
}

#[test]
fn a_path_is_compared_without_query_and_byte_for_byte() {
    let paths = [
        "/img/a.png?q=/css/",
        "/css/a",
        "/img",
        "//img/a",
        "/%69mg/a",
        "/./img/a",
        "/IMG/a",
        "/b/../img/a",
        "http://example.org/img/b",
        "/img/\u{e9}",
    ];
    for (comparison, expected) in [
        (
            "compare_type = \"STARTS_WITH\", value = \"/img/\"",
            &["/img/a.png?q=/css/", "http://example.org/img/b", "/img/\u{e9}"][..],
        ),
        ("compare_type = \"EQUAL_TO\", value = \"/img\"", &["/img"]),
        ("compare_type = \"CONTAINS\", value = \"/css/\"", &["/css/a"]),
        (
            "compare_type = \"ENDS_WITH\", value = \"g/a\"",
            &["//img/a", "/%69mg/a", "/./img/a", "/b/../img/a"],
        ),
        (
            "compare_type = \"REGEX\", value = \"^/img/.+\"",
            &["/img/a.png?q=/css/", "http://example.org/img/b", "/img/\u{e9}"],
        ),
    ] {
        let rule = format!("type = \"PATH\", {comparison}");
        assert_eq!(true_of(&rule, &paths, get), expected, "{comparison}");
    }
}

#[test]
fn a_target_without_a_path_has_the_path_that_members_get() {
    let rule = "type = \"PATH\", compare_type = \"EQUAL_TO\", value = \"/\"";
    let targets = ["/", "/?a", "http://a", "http://a?b", "//"];
    assert_eq!(true_of(rule, &targets, get), &targets[..4]);
    let listener = with_rule("type = \"PATH\", compare_type = \"EQUAL_TO\", value = \"*\"");
    assert_eq!(routed(&listener, b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), "a");
}

#[test]
fn a_host_is_compared_without_port_and_case() {
    let hosts = [
        "shop.example.com",
        "SHOP.Example.COM.:8080",
        "example.com",
        "shop.example.com.evil.example",
        "[2001:DB8::0:1]:80",
        "",
    ];
    let request = |host: &str| format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes();
    for (comparison, expected) in [
        (
            "compare_type = \"EQUAL_TO\", value = \"Shop.Example.com.\"",
            &[0, 1][..],
        ),
        ("compare_type = \"EQUAL_TO\", value = \"[2001:db8:0::1]\"", &[4]),
        ("compare_type = \"STARTS_WITH\", value = \"SHOP.\"", &[0, 1, 3]),
        ("compare_type = \"ENDS_WITH\", value = \".Example.com\"", &[0, 1]),
        ("compare_type = \"CONTAINS\", value = \"evil\"", &[3]),
        (
            "compare_type = \"REGEX\", value = \"^(shop[.])?Example[.]com$\"",
            &[0, 1, 2],
        ),
        // What is no host is not that one either.
        (
            "compare_type = \"CONTAINS\", value = \"EX\", invert = true",
            &[4, 5],
        ),
    ] {
        let rule = format!("type = \"HOST_NAME\", {comparison}");
        let expected: Vec<&str> = expected.iter().map(|index| hosts[*index]).collect();
        assert_eq!(true_of(&rule, &hosts, request), expected, "{comparison}");
    }
}

#[test]
fn the_host_of_the_target_counts_as_it_does_for_members() {
    let text = b"GET http://a.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n";
    for (rule_type, key) in [("HOST_NAME", ""), ("HEADER", "key = \"HOST\", ")] {
        for (host, pool) in [("a.example", "a"), ("b.example", "own")] {
            let rule =
                format!("type = \"{rule_type}\", {key}compare_type = \"EQUAL_TO\", value = \"{host}\"");
            assert_eq!(routed(&with_rule(&rule), text), pool, "{rule}");
        }
    }
}

#[test]
fn a_file_type_follows_the_last_dot_of_the_last_segment() {
    let paths = [
        "/a.php",
        "/a.b.php?c.d",
        "/a.php/b",
        "/a.php.bak",
        "/php",
        "/a.PHP",
        "/.php",
        "/a.b/c",
    ];
    let rule = "type = \"FILE_TYPE\", compare_type = \"EQUAL_TO\", value = \"php\"";
    assert_eq!(true_of(rule, &paths, get), ["/a.php", "/a.b.php?c.d", "/.php"]);
    let rule = "type = \"FILE_TYPE\", compare_type = \"REGEX\", value = \"^(php|bak)$\", invert = true";
    assert_eq!(
        true_of(rule, &paths, get),
        ["/a.php/b", "/php", "/a.PHP", "/a.b/c"]
    );
}

#[test]
fn one_field_of_the_name_has_to_be_so() {
    let fields = [
        "X-Version: 2\r\n",
        "x-VERSION:  2 \r\n",
        "X-Version: 1\r\nX-Version: 2\r\n",
        "X-Version: 1, 2\r\n",
        "X-Version2: 2\r\n",
        "",
    ];
    let request = |fields: &str| format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").into_bytes();
    let rule = "type = \"HEADER\", key = \"X-Version\", compare_type = \"EQUAL_TO\", value = \"2\"";
    assert_eq!(true_of(rule, &fields, request), &fields[..3]);
    let inverted = format!("{rule}, invert = true");
    assert_eq!(true_of(&inverted, &fields, request), &fields[3..]);
}

#[test]
fn one_cookie_of_the_name_has_to_be_so() {
    let cookies = [
        "Cookie: v=2\r\n",
        "Cookie: a=b; v=\"2\"; c=d\r\n",
        "Cookie: v=1; v=2\r\n",
        "Cookie: v=1\r\nCookie: v=2\r\n",
        "Cookie: V=2; w=v=2; v=22\r\n",
        "",
    ];
    let request = |cookies: &str| format!("GET / HTTP/1.1\r\nHost: a\r\n{cookies}\r\n").into_bytes();
    let rule = "type = \"COOKIE\", key = \"v\", compare_type = \"EQUAL_TO\", value = \"2\"";
    assert_eq!(true_of(rule, &cookies, request), &cookies[..4]);
}
