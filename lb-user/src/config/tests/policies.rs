//! The policies of listeners of layer 7, and what sends their clients to HTTPS.

use super::super::render;
use super::{BASE, all_say, loaded, says_about};
use crate::model::{Action, CompareType, Policy, RedirectCode, Rule, Service, Subject};

/// Policies and rules of several kinds.
pub(super) const EXAMPLE: &str = r#"[[load_balancer]]
name = "web"
vip = "127.0.0.1"
[[load_balancer.listener]]
name = "http"
protocol = "HTTP"
port = 80
pool = "web"
http = { redirect_to_https = 443 }
[[load_balancer.listener.policy]]
name = "to-pool"
action = "REDIRECT_TO_POOL"
redirect_pool = "web"
admin_state_up = false
[[load_balancer.listener.policy.rule]]
type = "HOST_NAME"
compare_type = "ENDS_WITH"
value = ".example.com"
[[load_balancer.listener.policy.rule]]
type = "COOKIE"
key = "v"
compare_type = "REGEX"
value = "^2[.]"
invert = true
[[load_balancer.listener.policy]]
name = "away"
action = "REDIRECT_PREFIX"
redirect_prefix = "https://example.com"
redirect_http_code = 307
[[load_balancer.listener.policy.rule]]
type = "FILE_TYPE"
compare_type = "EQUAL_TO"
value = "php"
[[pool]]
name = "web"
[[pool.member]]
address = "127.0.0.2"
port = 8080
"#;

/// The base with an HTTP listener, further lines at its end and another pool.
pub(super) fn with(lines: &str) -> String {
    let pool = "[[pool]]\nname = \"other\"\n[[pool.member]]\naddress = \"10.0.0.12\"\nport = 8080\n";
    BASE.replace("\"TCP\"", "\"HTTP\"")
        .replace("[[pool]]", &format!("{lines}\n[[pool]]"))
        + pool
}

/// With one policy: lines of its own, and a rule that is right.
fn with_policy(lines: &str) -> String {
    let rule =
        "[[load_balancer.listener.policy.rule]]\ntype = \"PATH\"\ncompare_type = \"EQUAL_TO\"\nvalue = \"/\"";
    with(&format!(
        "[[load_balancer.listener.policy]]\nname = \"p\"\n{lines}\n{rule}"
    ))
}

fn policies(text: &str) -> Vec<Policy> {
    loaded(text).config.load_balancers[0].listeners[0]
        .policies
        .clone()
}

#[test]
fn policies_and_their_rules_are_read_in_their_order() {
    let rule = |subject, compare_type, value: &str, invert| Rule {
        subject,
        compare_type,
        value: value.into(),
        invert,
    };
    let cookie = Subject::Cookie { key: "v".into() };
    let expected = [
        Policy {
            name: "to-pool".into(),
            display_name: None,
            action: Action::RedirectToPool {
                redirect_pool: "web".into(),
            },
            admin_state_up: false,
            rules: vec![
                rule(Subject::HostName, CompareType::EndsWith, ".example.com", false),
                rule(cookie, CompareType::Regex, "^2[.]", true),
            ],
        },
        Policy {
            name: "away".into(),
            display_name: None,
            action: Action::RedirectPrefix {
                redirect_prefix: "https://example.com".into(),
                redirect_http_code: RedirectCode::Temporary,
            },
            admin_state_up: true,
            rules: vec![rule(Subject::FileType, CompareType::EqualTo, "php", false)],
        },
    ];
    assert_eq!(policies(EXAMPLE), expected);
    let rendered = render(&loaded(EXAMPLE).config).unwrap();
    assert_eq!(policies(&rendered), expected, "{rendered}");
}

#[test]
fn a_redirection_is_found_unless_it_says_which() {
    let action = |lines: &str| policies(&with_policy(lines))[0].action.clone();
    for (lines, redirect_http_code) in [
        ("", RedirectCode::Found),
        ("redirect_http_code = 308", RedirectCode::Permanent),
    ] {
        let url = "HTTPS://example.com:8443/a?b#c";
        assert_eq!(
            action(&format!(
                "action = \"REDIRECT_TO_URL\"\nredirect_url = \"{url}\"\n{lines}"
            )),
            Action::RedirectToUrl {
                redirect_url: url.into(),
                redirect_http_code
            }
        );
        let prefix = "http://[2001:db8::1]/base";
        assert_eq!(
            action(&format!(
                "action = \"REDIRECT_PREFIX\"\nredirect_prefix = \"{prefix}\"\n{lines}"
            )),
            Action::RedirectPrefix {
                redirect_prefix: prefix.into(),
                redirect_http_code
            }
        );
    }
}

#[test]
fn the_pool_of_a_policy_is_used_by_its_listener_and_served_by_the_proxy() {
    let text = with_policy("action = \"REDIRECT_TO_POOL\"\nredirect_pool = \"other\"");
    let config = loaded(&text).config;
    let mut proxied: Vec<_> = config.proxied_pools().into_iter().collect();
    proxied.sort_unstable();
    assert_eq!(proxied, ["other", "web"]);
    assert_eq!(config.datapath_pools().count(), 0);
    assert_eq!(loaded(&text).warnings, []);
    says_about(
        "no policy uses the other pool",
        &with(""),
        &["17:1: warning: pool \"other\": no listener uses it"],
    );
}

#[test]
fn the_pool_of_a_policy_is_one_of_layer_7() {
    let to_other = "action = \"REDIRECT_TO_POOL\"\nredirect_pool = \"other\"";
    let with_dsr =
        with_policy(to_other).replace("\"other\"\n[[pool.", "\"other\"\nforwarding = \"dsr\"\n[[pool.");
    let tcp = "[[load_balancer]]\nname = \"tcp\"\nvip = \"192.0.2.11\"\n[[load_balancer.listener]]\nname = \"tcp\"\n\
               protocol = \"TCP\"\nport = 80\npool = \"other\"\n";
    all_say([
        (
            "there is no such pool",
            with_policy("action = \"REDIRECT_TO_POOL\"\nredirect_pool = \"othre\""),
            &[
                "14:17: load balancer \"web\", listener \"http\", policy \"p\": there is no pool \"othre\"; did you mean \"other\"?",
                "24:1: warning: pool \"other\": no listener uses it",
            ][..],
        ),
        (
            "a TCP listener uses it too",
            with_policy(to_other) + tcp,
            &[
                "24:1: pool \"other\": load balancer \"tcp\", listener \"tcp\" hands out its connections packet by packet, load balancer \"web\", listener \"http\", policy \"p\" request by request; give each a pool of its own",
            ],
        ),
        (
            "it forwards packets",
            with_dsr,
            &[
                "26:14: pool \"other\": forwarding dsr is for TCP and UDP listeners, and load balancer \"web\", listener \"http\", policy \"p\" uses this pool",
                "29:8: port 8080 is not the port of load balancer \"web\", listener \"http\", 80",
            ],
        ),
    ]);
}

#[test]
fn what_belongs_to_another_action_or_protocol_is_refused() {
    all_say([
        (
            "policies of a TCP listener",
            BASE.replace("[[pool]]", "policy = []\n[[pool]]"),
            &["11:1: policy is for protocol = \"HTTP\" or \"HTTPS\" only; leave it out here"][..],
        ),
        (
            "a rejection that redirects",
            with_policy("action = \"REJECT\"\nredirect_url = \"https://a\"\nredirect_http_code = 301")
                .replace("\"other\"", "\"web2\"")
                .replace("value = \"/\"", "value = \"/\"\nkey = \"a\""),
            &[
                "14:1: redirect_url is for action = \"REDIRECT_TO_URL\" only; leave it out here",
                "15:1: redirect_http_code is for action = \"REDIRECT_TO_URL\" or \"REDIRECT_PREFIX\" only; leave it out here",
                "20:1: key is for type = \"HEADER\" or \"COOKIE\" only; leave it out here",
                "26:1: warning: pool \"web2\": no listener uses it",
            ],
        ),
        (
            "redirections to nowhere",
            with_policy("action = \"REDIRECT_PREFIX\"\nredirect_pool = \"other\""),
            &[
                "11:1: load balancer \"web\", listener \"http\", policy \"p\": redirect_prefix is missing",
                "14:1: redirect_pool is for action = \"REDIRECT_TO_POOL\" only; leave it out here",
                "24:1: warning: pool \"other\": no listener uses it",
            ],
        ),
        (
            "an action that there is not",
            with_policy("action = \"REDIRECT\"\nredirect_url = 1"),
            &[
                "13:10: action \"REDIRECT\" is not one of REJECT, REDIRECT_TO_URL, REDIRECT_PREFIX, REDIRECT_TO_POOL",
                "24:1: warning: pool \"other\": no listener uses it",
            ],
        ),
    ]);
}

#[test]
fn clients_are_sent_only_where_they_can_go() {
    let url = |url: &str| with_policy(&format!("action = \"REDIRECT_TO_URL\"\nredirect_url = {url:?}"));
    let prefix = |prefix: &str| {
        with_policy(&format!(
            "action = \"REDIRECT_PREFIX\"\nredirect_prefix = {prefix:?}"
        ))
    };
    let code = |code: &str| {
        with_policy(&format!(
            "action = \"REDIRECT_TO_URL\"\nredirect_url = \"https://a\"\nredirect_http_code = {code}"
        ))
    };
    let unused = "warning: pool \"other\": no listener uses it";
    let at = |line: usize| format!("{line}:1: {unused}");
    let rows = [
        (
            url("/a"),
            "14:16: redirect_url \"/a\" does not begin with \"https://\" or \"http://\"",
        ),
        (url("ftp://a"), "14:16: does not begin with \"https://\""),
        (url("https://a b"), "14:16: write it percent-encoded"),
        (url("https://a/\r\nX: y"), "14:16: write it percent-encoded"),
        (
            url("https://"),
            "14:16: names no host behind \"https://\": a host is a name or an address",
        ),
        (
            url("https://u@a/"),
            "14:16: names no host behind \"https://\": a host has letters",
        ),
        (
            prefix("https://a/"),
            "14:19: ends with \"/\", with which the path of a request begins; write \"https://a\"",
        ),
        (prefix("https://a?b"), "14:19: has a query or a fragment"),
        (
            code("300"),
            "15:22: redirect_http_code 300 is not a status that redirects; write 301, 302, 303, 307 or 308",
        ),
        (
            code("70000"),
            "15:22: redirect_http_code 70000 is not a status that redirects",
        ),
        (code("\"301\""), "15:22: redirect_http_code must be an integer"),
    ];
    for (text, says) in rows {
        let line = text.lines().position(|line| line == "name = \"other\"").unwrap();
        says_about(says, &text, &[says, &at(line)]);
    }
}

#[test]
fn policies_are_told_apart_and_not_endless() {
    let policy = |name: usize, rules: usize| {
        let rule = "{ type = \"PATH\", compare_type = \"EQUAL_TO\", value = \"/\" },";
        format!(
            "[[load_balancer.listener.policy]]\nname = \"{name}\"\naction = \"REDIRECT_TO_POOL\"\n\
             redirect_pool = \"other\"\nrule = [{}]\n",
            rule.repeat(rules)
        )
    };
    let many = |count: usize| (0..count).map(|name| policy(name, 1)).collect::<String>();
    all_say([
        ("as many as there may be", with(&many(64)), &[][..]),
        (
            "one more",
            with(&many(65)),
            &["6:1: load balancer \"web\", listener \"http\": it has 65 policies; a listener has at most 64"],
        ),
        ("as many rules as there may be", with(&policy(1, 16)), &[]),
        (
            "one rule more",
            with(&policy(1, 17)),
            &["11:1: policy \"1\": it has 17 rules; a policy has at most 16"],
        ),
        (
            "no rule",
            with(&policy(1, 0)),
            &[
                "11:1: warning: load balancer \"web\", listener \"http\", policy \"1\": it has no rule, so that it matches nothing",
            ],
        ),
        (
            "one name twice",
            with(&(policy(1, 1) + &policy(1, 1))),
            &[
                "17:8: name \"1\" is already that of the policy on line 12; give each policy a name of its own",
            ],
        ),
    ]);
}

#[test]
fn only_an_http_listener_sends_its_clients_to_https() {
    let http = |lines: &str| {
        with_policy("action = \"REDIRECT_TO_POOL\"\nredirect_pool = \"other\"")
            .replace("pool = \"web\"", &format!("pool = \"web\"\nhttp = {{ {lines} }}"))
    };
    let loaded = loaded(&http("redirect_to_https = 8443"));
    let Service::Http { http: read } = &loaded.config.load_balancers[0].listeners[0].service else {
        panic!("it is an HTTP listener");
    };
    assert_eq!(read.redirect_to_https, Some(8443));
    all_say([
        (
            "HTTPS",
            http("redirect_to_https = 443").replace(
                "\"HTTP\"",
                "\"HTTPS\"\ntls = { certificates = [{ certificate = \"/a\", key = \"/b\" }] }",
            ),
            &["12:10: redirect_to_https is for protocol = \"HTTP\" only; leave it out here"][..],
        ),
        (
            "its own port",
            http("redirect_to_https = 80"),
            &["9:8: port 80 is where redirect_to_https sends clients to, but this listener speaks no TLS"],
        ),
        (
            "no port",
            http("redirect_to_https = 0"),
            &["11:30: redirect_to_https 0 is out of range"],
        ),
    ]);
}
