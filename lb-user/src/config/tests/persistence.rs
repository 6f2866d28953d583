//! Session persistence and health monitors.

use super::super::render;
use super::{BASE, Case, INTERFACES, check, diagnostics, loaded, one_line, says_about};
use crate::model::{CookieSettings, Persistence, Probe, SessionPersistence};

/// The base with lines in a table of its pool, from line 13 on.
fn with(table: &str, lines: &str) -> String {
    BASE.replace(
        "[[pool.member]]",
        &format!("[pool.{table}]\n{lines}\n[[pool.member]]"),
    )
}

#[test]
fn session_persistence_has_rules() {
    for (when, lines, says) in [
        (
            "the type is missing",
            "idle_timeout_min = 5",
            &["13:1: pool \"web\", session persistence: type is missing"][..],
        ),
        (
            "the type is unknown",
            "type = \"source_ip\"\ncookie_name = 3",
            &[
                "14:8: type \"source_ip\" is not one of SOURCE_IP, HTTP_COOKIE, APP_COOKIE; did you mean \"SOURCE_IP\"?",
            ],
        ),
        (
            "the idle time is 0",
            "type = \"SOURCE_IP\"\nidle_timeout_min = 0",
            &[
                "15:20: idle_timeout_min 0 is out of range; the session persistence's idle_timeout_min is 1 to 1440",
            ],
        ),
        (
            "the idle time is too long for layer 4",
            "type = \"SOURCE_IP\"\nidle_timeout_min = 61",
            &[
                "15:20: pool \"web\", session persistence: idle_timeout_min 61 is out of range; for TCP and UDP listeners it is 1 to 60",
            ],
        ),
        (
            "the idle time is no integer",
            "type = \"SOURCE_IP\"\nidle_timeout_min = 1.5",
            &["15:20: must be an integer, not the float 1.5"],
        ),
        (
            "the idle time is in seconds, and too short",
            "type = \"SOURCE_IP\"\nidle_timeout_s = 59",
            &[
                "15:18: idle_timeout_s 59 is out of range; the session persistence's idle_timeout_s is 60 to 86400",
            ],
        ),
        (
            "the idle time is in both",
            "type = \"SOURCE_IP\"\nidle_timeout_min = 1\nidle_timeout_s = 60",
            &["16:18: idle_timeout_s says again what idle_timeout_min says; leave one of both out"],
        ),
        (
            "the absolute time is too long",
            "type = \"SOURCE_IP\"\nabsolute_timeout_min = 10081",
            &["15:24: absolute_timeout_min is 1 to 10080"],
        ),
        (
            "the absolute time is below the idle time",
            "type = \"SOURCE_IP\"\nabsolute_timeout_min = 19",
            &[
                "15:24: absolute_timeout_min 19 is shorter than idle_timeout_min, 20; write 20 to 10080, or leave it out",
            ],
        ),
        (
            "the absolute time is below the idle time, in another unit",
            "type = \"SOURCE_IP\"\nidle_timeout_s = 90\nabsolute_timeout_min = 1",
            &[
                "16:24: absolute_timeout_min 1 is shorter than idle_timeout_s, 90; write 2 to 10080, or leave it out",
            ],
        ),
        (
            "prefixes are longer than addresses, or not there",
            "type = \"SOURCE_IP\"\npersistence_granularity_v4 = 33\npersistence_granularity_v6 = 0",
            &[
                "15:30: persistence_granularity_v4 is 1 to 32",
                "16:30: persistence_granularity_v6 is 1 to 128",
            ],
        ),
        (
            "prefixes are very short",
            "type = \"SOURCE_IP\"\npersistence_granularity_v4 = 8\npersistence_granularity_v6 = 31",
            &[
                "15:30: warning: pool \"web\", session persistence: persistence_granularity_v4 8 keeps all clients of a /8 network on one member",
                "16:30: warning: pool \"web\", session persistence: persistence_granularity_v6 31 keeps",
            ],
        ),
        (
            "there is a cookie name without cookie",
            "type = \"SOURCE_IP\"\ncookie_name = \"a\"",
            &["15:1: cookie_name is for type = \"HTTP_COOKIE\" or \"APP_COOKIE\" only; leave it out here"],
        ),
    ] {
        says_about(when, &with("session_persistence", lines), says);
    }
}

#[test]
fn cookies_are_not_for_layer_4() {
    for (lines, says) in [
        (
            "type = \"HTTP_COOKIE\"",
            "14:8: type HTTP_COOKIE needs a layer 7 listener, since TCP and UDP have no cookies, and load balancer \"web\", listener \"http\" uses this pool; write type = \"SOURCE_IP\"",
        ),
        (
            "type = \"APP_COOKIE\"\ncookie_name = \"a\"",
            "14:8: type APP_COOKIE needs a layer 7 listener",
        ),
    ] {
        says_about(lines, &with("session_persistence", lines), &[says]);
    }
}

#[test]
fn what_is_wrong_beside_a_wrong_type_is_said_with_it() {
    let lines = "type = \"HTTP_COOKIE\"\nidle_timeout_min = 61\npersistence_granularity_v4 = 77";
    says_about(
        "a cookie at layer 4, with values that no type takes",
        &with("session_persistence", lines),
        &[
            "14:8: type HTTP_COOKIE needs a layer 7 listener",
            "15:20: idle_timeout_min 61 is out of range; for TCP and UDP listeners it is 1 to 60",
            "16:1: persistence_granularity_v4 is for type = \"SOURCE_IP\" only",
            "16:30: persistence_granularity_v4 77 is out of range",
        ],
    );
}

#[test]
fn a_dedicated_load_balancer_offers_no_application_cookie() {
    let text = with(
        "session_persistence",
        "type = \"APP_COOKIE\"\ncookie_name = \"a\"",
    );
    says_about(
        "a dedicated load balancer uses the pool",
        &text.replace("vip =", "kind = \"dedicated\"\nvip ="),
        &[
            "15:8: type APP_COOKIE needs a layer 7 listener",
            "15:8: type APP_COOKIE is not offered by a dedicated load balancer, and load balancer \"web\" is one that uses this pool; write kind = \"shared\" there, or another type here",
        ],
    );
}

#[test]
fn cookies_are_understood_in_a_pool_that_no_listener_uses() {
    let pool = |lines: &str| {
        format!(
            "[[pool]]\nname = \"a\"\n[pool.session_persistence]\n{lines}\n[[pool.member]]\naddress = \"10.0.0.1\"\nport = 1{INTERFACES}"
        )
    };
    let persistence = |lines: &str| {
        loaded(&pool(lines)).config.pools[0]
            .session_persistence
            .clone()
            .unwrap()
    };
    assert_eq!(
        persistence("type = \"HTTP_COOKIE\"\nidle_timeout_min = 1440\nabsolute_timeout_min = 1440"),
        SessionPersistence {
            persistence: Persistence::HttpCookie(CookieSettings::default()),
            idle_timeout_s: 86_400,
            absolute_timeout_s: Some(86_400)
        }
    );
    let app = persistence("type = \"APP_COOKIE\"\ncookie_name = \"JSESSIONID\"");
    assert_eq!(
        app.persistence,
        Persistence::AppCookie {
            cookie_name: "JSESSIONID".into(),
            cookie_in_url: false,
        }
    );
    assert_eq!((app.idle_timeout_s, app.absolute_timeout_s), (1200, None));

    let unused = "1:1: warning: pool \"a\": no listener uses it";
    for (lines, says) in [
        (
            "type = \"HTTP_COOKIE\"\nidle_timeout_min = 1441",
            "5:20: idle_timeout_min is 1 to 1440",
        ),
        ("type = \"APP_COOKIE\"", "3:1: cookie_name is missing"),
        (
            "type = \"APP_COOKIE\"\ncookie_name = \"a b\"",
            "5:15: cookie_name \"a b\" is not the name of a cookie; write 1 to 255 letters",
        ),
        (
            "type = \"HTTP_COOKIE\"\npersistence_granularity_v4 = 24",
            "5:1: persistence_granularity_v4 is for type = \"SOURCE_IP\" only",
        ),
    ] {
        says_about(lines, &pool(lines), &[unused, says]);
    }
}

#[test]
fn persistence_is_not_for_the_source_ip_algorithm() {
    let text = with("session_persistence", "type = \"SOURCE_IP\"");
    let text = text.replace("[pool.session", "algorithm = \"SOURCE_IP\"\n[pool.session");
    says_about(
        "both are asked for",
        &text,
        &[
            "14:1: pool \"web\": session persistence is not for algorithm SOURCE_IP, which already keeps a client on its server; leave out session_persistence, or write algorithm = \"ROUND_ROBIN\" or \"LEAST_CONNECTIONS\"",
        ],
    );
}

#[test]
fn health_monitors_have_rules() {
    for (when, lines, says) in [
        (
            "the type is missing",
            "tls_verify = 3",
            &["13:1: pool \"web\", health monitor: type is missing"][..],
        ),
        (
            "the type is unknown",
            "type = \"PING\"",
            &["14:8: type \"PING\" is not one of TCP, UDP, HTTP, HTTPS"],
        ),
        (
            "times are out of range",
            "type = \"TCP\"\ndelay_s = 0\ntimeout_s = 0",
            &[
                "15:11: the health monitor's delay_s is 1 to 3600",
                "16:13: timeout_s is 1 to 3600",
            ],
        ),
        (
            "a probe outlasts the delay",
            "type = \"TCP\"\ntimeout_s = 6",
            &[
                "15:13: timeout_s 6 is longer than delay_s, 5; a probe ends before the next one begins: write 1 to 5, or a longer delay_s",
            ],
        ),
        (
            "the delay is wrong, and the timeout right with another",
            "type = \"TCP\"\ndelay_s = \"9\"\ntimeout_s = 9",
            &["15:11: must be an integer, not the string \"9\""],
        ),
        (
            "counts are out of range",
            "type = \"TCP\"\nrise = 0\nfall = 11",
            &["15:8: rise is 1 to 10", "16:8: fall is 1 to 10"],
        ),
        (
            "the target is wrong",
            "type = \"TCP\"\nport = 0\naddress = \"::\"",
            &[
                "15:8: port is 1 to 65535",
                "16:11: address \"::\" is the unspecified address",
            ],
        ),
        (
            "a TCP probe has keys of others",
            "type = \"TCP\"\nhttp_host = \"a\"\ntls_verify = true\nudp_send = \"a\"",
            &[
                "15:1: http_host is for type = \"HTTP\" and \"HTTPS\" only",
                "16:1: tls_verify is for type = \"HTTPS\" and \"GRPC\" only",
                "17:1: udp_send is for type = \"UDP\" only",
            ],
        ),
        (
            "an HTTP probe verifies TLS",
            "type = \"HTTP\"\ntls_verify = true",
            &["15:1: tls_verify is for type = \"HTTPS\" and \"GRPC\" only"],
        ),
        (
            "a UDP probe says nothing",
            "type = \"UDP\"\nudp_send = \"\"",
            &["15:12: udp_send \"\" is empty"],
        ),
        (
            "an HTTP request is wrong everywhere",
            "type = \"HTTP\"\nhttp_method = \"DELETE\"\nurl_path = \"health\"\nexpected_codes = \"2xx\"\nhttp_host = \"a b\"",
            &[
                "15:15: http_method \"DELETE\" is not one of GET, HEAD, OPTIONS, POST",
                "16:12: url_path \"health\" does not begin with \"/\"; write it as in \"/health\"",
                "17:18: expected_codes \"2xx\" is not a list of status codes from 100 to 599; write it as in \"200\" or \"200-204,301\"",
                "18:13: http_host \"a b\" has a space or another character that is not visible ASCII",
            ],
        ),
        (
            "a path has a fragment",
            "type = \"HTTPS\"\nurl_path = \"/#a\"",
            &["15:12: url_path \"/#a\" has a fragment"],
        ),
        (
            "a path is no part of a URL",
            "type = \"HTTP\"\nurl_path = \"/<a>\"",
            &["15:12: url_path \"/<a>\" has a character that no URL has; write it as in \"%3C\" for \"<\""],
        ),
    ] {
        says_about(when, &with("health_monitor", lines), says);
    }
}

#[test]
fn health_monitors_have_defaults() {
    let monitor = |lines| {
        loaded(&with("health_monitor", lines)).config.pools[0]
            .health_monitor
            .clone()
            .unwrap()
    };
    let quick = monitor("type = \"TCP\"\ndelay_s = 2");
    assert_eq!(
        (quick.delay_s, quick.timeout_s, quick.rise, quick.fall),
        (2, 2, 3, 3)
    );
    assert!(matches!(
        monitor("type = \"UDP-CONNECT\"").probe,
        Probe::Udp {
            udp_send: None,
            udp_expect: None
        }
    ));
    let Probe::Https {
        http,
        tls_verify: false,
    } = monitor("type = \"HTTPS\"").probe
    else {
        panic!("HTTPS, unverified")
    };
    assert_eq!(
        (http.url_path.as_str(), http.expected_codes.contains(200)),
        ("/", true)
    );
}

#[test]
fn a_table_of_the_wrong_type_says_only_that() {
    check(&[Case {
        when: "a number stands for a monitor",
        change: ("[[pool.member]]", "health_monitor = 3\n[[pool.member]]"),
        says: &[
            "13:18: health_monitor must be one table (write [pool.health_monitor] above it), not the integer 3",
        ],
    }]);
}

#[test]
fn every_message_names_its_object() {
    let text = with("session_persistence", "type = 1")
        .replace("8080", "0")
        .replace("\"eth0\"", "1");
    for diagnostic in diagnostics(&text) {
        let line = one_line(&diagnostic);
        assert!(
            line.contains("datapath: ") || line.contains("pool \"web\", "),
            "{line}"
        );
    }
}

#[test]
fn durations_are_written_in_minutes_or_in_seconds_and_are_the_same_again_once_rendered() {
    let seconds = loaded(&with(
        "session_persistence",
        "type = \"SOURCE_IP\"\nidle_timeout_s = 90\nabsolute_timeout_s = 3599",
    ));
    let persistence = seconds.config.pools[0].session_persistence.as_ref().unwrap();
    assert_eq!(
        (persistence.idle_timeout_s, persistence.absolute_timeout_s),
        (90, Some(3599))
    );
    let rendered = render(&seconds.config).unwrap();
    assert_eq!(loaded(&rendered).config, seconds.config);
    let of = |line: &str| {
        loaded(&with(
            "session_persistence",
            &format!("type = \"SOURCE_IP\"\n{line}"),
        ))
        .config
    };
    assert_eq!(of("idle_timeout_s = 120"), of("idle_timeout_min = 2"));
}
