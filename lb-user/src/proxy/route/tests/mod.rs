//! Where requests go.

mod rules;

use proptest::prelude::*;

use super::super::{
    admit::{Admitted, admit},
    serving::{Resources, Serving},
};
use super::*;
use crate::{
    config,
    health::Health,
    http::head::{Limits, Search},
    model::Config,
};

/// A listener of the pool `own`, and the pools `a` and `b` for its policies.
const BASE: &str = r#"[[load_balancer]]
name = "web"
vip = "127.0.0.1"
[[load_balancer.listener]]
name = "http"
protocol = "HTTP"
port = 80
pool = "own"
"#;

const POOLS: &str = r#"
[[pool]]
name = "own"
[[pool]]
name = "a"
[[pool]]
name = "b"
"#;

fn config(lines: &str) -> Config {
    match config::parse(&format!("{BASE}{lines}{POOLS}"), "test.toml") {
        Ok(loaded) => loaded.config,
        Err(mistakes) => panic!("{mistakes:#}"),
    }
}

fn serving(config: &Config, before: &Serving) -> Serving {
    Serving::new(config, &Health::default(), &Resources::AsBefore, before, 0)
}

fn listener(lines: &str) -> Arc<Listener> {
    let serving = serving(&config(lines), &Serving::default());
    serving.listeners.into_values().next().unwrap()
}

/// A policy with the rules that `rules` lists.
fn policy(action: &str, rules: &str) -> String {
    format!("policy = [{{ name = \"p\", {action}, rule = [{rules}] }}]")
}

fn request(text: &[u8]) -> (Head, Admitted) {
    let limits = Limits {
        bytes: 65_536,
        fields: 32,
        target: 65_536,
    };
    let mut head = Head::default();
    let end = Search::default().end(text, &limits).unwrap().unwrap();
    head.read_request(&text[..end], &limits).unwrap();
    let admitted = admit(&head, None).unwrap();
    (head, admitted)
}

/// Where it goes: `own`, `403`, `302 https://example.com`.
fn routed(listener: &Listener, text: &[u8]) -> String {
    let (head, admitted) = request(text);
    match listener.route(&head, &admitted) {
        Route::Pool(pool) => pool.name.clone(),
        Route::Answer(Own { status, location }) => match location {
            Some(location) => format!("{status} {}", String::from_utf8(location).unwrap()),
            None => status.to_string(),
        },
        Route::Nowhere => "nowhere".into(),
    }
}

fn get(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: example.com\r\n\r\n").into_bytes()
}

#[test]
fn without_policies_the_own_pool_has_everything() {
    assert_eq!(routed(&listener(""), &get("/a")), "own");
}

#[test]
fn all_rules_of_a_policy_have_to_be_true() {
    let rules = "{ type = \"PATH\", compare_type = \"STARTS_WITH\", value = \"/a\" }, \
                 { type = \"HEADER\", key = \"Host\", compare_type = \"CONTAINS\", value = \"b\" }";
    let listener = listener(&policy("action = \"REJECT\"", rules));
    for (path, host, expected) in [("/a", "b", "403"), ("/a", "c", "own"), ("/c", "b", "own")] {
        let text = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(routed(&listener, text.as_bytes()), expected, "{text}");
    }
}

#[test]
fn a_policy_that_is_off_or_has_no_rule_matches_nothing() {
    let rule = "{ type = \"PATH\", compare_type = \"STARTS_WITH\", value = \"/\" }";
    for lines in [
        policy("action = \"REJECT\", admin_state_up = false", rule),
        policy("action = \"REJECT\"", ""),
    ] {
        assert_eq!(routed(&listener(&lines), &get("/")), "own", "{lines}");
    }
}

#[test]
fn a_redirection_goes_where_it_says() {
    let any = "{ type = \"PATH\", compare_type = \"STARTS_WITH\", value = \"/\" }";
    for (action, target, expected) in [
        (
            "action = \"REDIRECT_TO_URL\", redirect_url = \"https://new.example/?a#b\"",
            "/c?d",
            "302 https://new.example/?a#b",
        ),
        (
            "action = \"REDIRECT_PREFIX\", redirect_prefix = \"https://new.example:8443\", redirect_http_code = 307",
            "/c/../%2e?d=%0d%0a",
            "307 https://new.example:8443/c/../%2e?d=%0d%0a",
        ),
        (
            "action = \"REDIRECT_PREFIX\", redirect_prefix = \"https://new.example/base\"",
            "//evil.example/",
            "302 https://new.example/base//evil.example/",
        ),
        (
            "action = \"REDIRECT_PREFIX\", redirect_prefix = \"https://new.example\"",
            "http://old.example?a",
            "302 https://new.example/?a",
        ),
        (
            "action = \"REDIRECT_PREFIX\", redirect_prefix = \"https://new.example\"",
            "/\u{e9}",
            "302 https://new.example/%C3%A9",
        ),
    ] {
        assert_eq!(
            routed(&listener(&policy(action, any)), &get(target)),
            expected,
            "{action}"
        );
    }
}

#[test]
fn what_no_policy_matches_is_sent_to_https() {
    let rule = "{ type = \"PATH\", compare_type = \"STARTS_WITH\", value = \"/.well-known/\" }";
    let policy = policy("action = \"REDIRECT_TO_POOL\", redirect_pool = \"a\"", rule);
    for (port, start, host, expected) in [
        (
            "443",
            "GET /a?b HTTP/1.1",
            "Example.com:80",
            "301 https://example.com/a?b",
        ),
        (
            "8443",
            "HEAD / HTTP/1.1",
            "[2001:DB8::1]",
            "301 https://[2001:db8::1]:8443/",
        ),
        (
            "443",
            "POST /a HTTP/1.1",
            "example.com",
            "308 https://example.com/a",
        ),
        (
            "443",
            "OPTIONS * HTTP/1.1",
            "example.com",
            "308 https://example.com/",
        ),
        (
            "443",
            "GET http://a.example HTTP/1.1",
            "b.example",
            "301 https://a.example/",
        ),
        ("443", "GET /.well-known/a HTTP/1.1", "example.com", "a"),
        ("443", "GET / HTTP/1.1", "", "400"),
    ] {
        let listener = listener(&format!("http = {{ redirect_to_https = {port} }}\n{policy}"));
        let text = format!("{start}\r\nHost: {host}\r\n\r\n");
        assert_eq!(routed(&listener, text.as_bytes()), expected, "{text}");
    }
}

#[test]
fn rules_are_compiled_once_as_long_as_they_stay_the_same() {
    let rule = "{ type = \"PATH\", compare_type = \"REGEX\", value = \"a\" }";
    let config_a = config(&policy("action = \"REJECT\"", rule));
    let rules = |serving: &Serving| {
        let listener = serving.listeners.values().next().unwrap();
        Arc::clone(&listener.routes.policies[0].rules)
    };
    let first = serving(&config_a, &Serving::default());
    let second = serving(&config_a, &first);
    assert!(Arc::ptr_eq(&rules(&first), &rules(&second)));
    let config_b = config(&policy("action = \"REJECT\"", &rule.replace("\"a\"", "\"b\"")));
    assert!(!Arc::ptr_eq(&rules(&first), &rules(&serving(&config_b, &second))));
}

/// Actions, by their rank, each with where it leads.
const ACTIONS: [(&str, &str); 5] = [
    ("action = \"REJECT\"", "403"),
    (
        "action = \"REDIRECT_TO_URL\", redirect_url = \"https://a.example\"",
        "302 https://a.example",
    ),
    (
        "action = \"REDIRECT_PREFIX\", redirect_prefix = \"https://b.example\"",
        "302 https://b.example/x",
    ),
    ("action = \"REDIRECT_TO_POOL\", redirect_pool = \"a\"", "a"),
    ("action = \"REDIRECT_TO_POOL\", redirect_pool = \"b\"", "b"),
];

proptest! {
    #[test]
    fn rejections_come_first_then_redirections_then_pools(
        policies in prop::collection::vec((0..ACTIONS.len(), any::<bool>()), 0..8),
    ) {
        let lines = policies.iter().enumerate().map(|(index, (action, matches))| {
            let path = if *matches { "/x" } else { "/y" };
            format!(
                "{{ name = \"{index}\", {}, rule = [{{ type = \"PATH\", compare_type = \"EQUAL_TO\", value = \"{path}\" }}] }},",
                ACTIONS[*action].0
            )
        });
        let listener = listener(&format!("policy = [{}]", lines.collect::<String>()));
        let matching = || policies.iter().filter(|(_, matches)| *matches).map(|(action, _)| *action);
        let of = |rank: &[usize]| matching().find(|action| rank.contains(action));
        let first = of(&[0]).or_else(|| of(&[1, 2])).or_else(|| of(&[3, 4]));
        let expected = first.map_or("own", |action| ACTIONS[action].1);
        prop_assert_eq!(routed(&listener, &get("/x")), expected);
    }

    #[test]
    fn a_location_stays_on_its_site_and_on_its_line(path in prop::collection::vec(any::<u8>(), 0..50)) {
        let mut location = b"https://example.com".to_vec();
        add_path(&mut location, &path);
        prop_assert!(location.starts_with(b"https://example.com/"));
        prop_assert!(location.iter().all(u8::is_ascii_graphic));
    }

    #[test]
    fn a_path_of_visible_characters_stays_as_it_is(path in "/[!-~]{0,50}") {
        let mut location = Vec::new();
        add_path(&mut location, path.as_bytes());
        prop_assert_eq!(location, path.into_bytes());
    }
}
