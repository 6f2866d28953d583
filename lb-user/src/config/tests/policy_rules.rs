//! The rules of policies.

use super::policies::with;
use super::says_about;

/// With one policy that chooses the other pool, and one rule.
fn with_rule(lines: &str) -> String {
    with(&format!(
        "[[load_balancer.listener.policy]]\nname = \"p\"\naction = \"REDIRECT_TO_POOL\"\nredirect_pool = \"other\"\n\
         [[load_balancer.listener.policy.rule]]\n{lines}"
    ))
}

#[test]
fn values_that_are_never_equal_are_refused() {
    let rule = |rule_type: &str, compare_type: &str, value: &str| {
        with_rule(&format!(
            "type = \"{rule_type}\"\ncompare_type = \"{compare_type}\"\nvalue = {value:?}"
        ))
    };
    for (rule_type, compare_type, value, says) in [
        (
            "HOST_NAME",
            "EQUAL_TO",
            "a:80",
            "18:9: has a port, and hosts are compared without; write \"a\"",
        ),
        (
            "HOST_NAME",
            "EQUAL_TO",
            "*.a",
            "18:9: is not a host: a host has letters, digits",
        ),
        (
            "HOST_NAME",
            "CONTAINS",
            "a/b",
            "18:9: has a character that no host has",
        ),
        ("PATH", "EQUAL_TO", "a", "18:9: does not begin with \"/\""),
        (
            "PATH",
            "STARTS_WITH",
            "/a?b=c",
            "18:9: paths are compared without; leave \"?b=c\" out",
        ),
        ("PATH", "CONTAINS", "a b", "18:9: write it percent-encoded"),
        (
            "PATH",
            "REGEX",
            "(",
            "18:9: value \"(\" is not a regular expression: unclosed group",
        ),
        (
            "PATH",
            "REGEX",
            "a{99999}",
            "18:9: is a regular expression that takes more than 64 KiB",
        ),
        ("FILE_TYPE", "EQUAL_TO", ".jpg", "18:9: write it as in \"jpg\""),
        (
            "FILE_TYPE",
            "ENDS_WITH",
            "jpg",
            "17:16: compare_type ENDS_WITH is not for type FILE_TYPE",
        ),
        ("PATH", "EQUAL_TO", "", "18:9: value \"\" is empty"),
        (
            "HEADER",
            "EQUAL_TO",
            "a",
            "15:1: load balancer \"web\", listener \"http\", policy \"p\", rule #1: key is missing",
        ),
        (
            "HEAD",
            "EQUAL_TO",
            "a",
            "16:8: type \"HEAD\" is not one of HOST_NAME, PATH, FILE_TYPE, HEADER, COOKIE",
        ),
        (
            "PATH",
            "EQUALS",
            "a",
            "17:16: compare_type \"EQUALS\" is not one of EQUAL_TO, STARTS_WITH, ENDS_WITH, CONTAINS, REGEX",
        ),
    ] {
        says_about(value, &rule(rule_type, compare_type, value), &[says]);
    }
    for rule_type in ["HEADER", "COOKIE"] {
        let with_key = |key: &str, value: &str| {
            rule(rule_type, "EQUAL_TO", value).replace("value =", &format!("key = {key:?}\nvalue ="))
        };
        says_about("a name", &with_key("a:", "a"), &["18:7: is not the name of a"]);
        says_about(
            "a line end",
            &with_key("a", "a\r\n"),
            &["19:9: has a control character"],
        );
    }
}
