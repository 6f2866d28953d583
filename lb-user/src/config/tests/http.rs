//! Listeners and pools of layer 7.

use super::{BASE, all_say, loaded, says_about};
use crate::model::{
    CookieSettings, Granularity, Outlier, Persistence, SameSite, SecureCookie, Service, TlsVersion,
};

/// The base with an HTTP listener, in place of the lines of its protocol.
fn http() -> String {
    BASE.replace("\"TCP\"", "\"HTTP\"")
}

/// The base with an HTTP listener and further lines at the end of its pool.
fn with_pool(lines: &str) -> String {
    http().replace("[[pool.member]]", &format!("{lines}\n[[pool.member]]"))
}

/// The base with an HTTP listener and further lines at its end.
fn with_listener(lines: &str) -> String {
    http().replace("[[pool]]", &format!("{lines}\n[[pool]]"))
}

#[test]
fn an_http_listener_needs_no_more_than_a_tcp_listener() {
    let config = loaded(&http()).config;
    let Service::Http { http } = &config.load_balancers[0].listeners[0].service else {
        panic!("it is an HTTP listener");
    };
    assert_eq!(*http, crate::model::Http::default());
    assert_eq!(config.proxied_pools().into_iter().collect::<Vec<_>>(), ["web"]);
    assert_eq!(config.datapath_pools().count(), 0);
}

#[test]
fn where_all_is_layer_7_no_interface_is_needed_and_loopback_addresses_will_do() {
    let text = http()
        .replace("interfaces = [\"eth0\"]", "")
        .replace("192.0.2.10", "127.0.0.1")
        .replace("10.0.0.11", "127.0.0.2");
    assert!(loaded(&text).config.datapath.interfaces.is_empty());
}

#[test]
fn a_proxied_pool_may_have_members_of_another_family() {
    loaded(&http().replace("10.0.0.11", "2001:db8::11"));
}

#[test]
fn the_settings_of_a_listener_are_read() {
    let text = BASE.replace("\"TCP\"", "\"HTTPS\"").replace(
        "[[pool]]",
        "[load_balancer.listener.http]\nhttp2 = false\ntimeouts = { header_s = 3 }\nlimits = { uri_bytes = 100 }\n\
         [load_balancer.listener.tls]\nmin_version = \"1.3\"\n\
         certificates = [{ certificate = \"/a.crt\", key = \"/a.key\" }, { certificate = \"/b.crt\", key = \"/b.key\" }]\n[[pool]]",
    );
    let config = loaded(&text).config;
    let Service::Https { http, tls } = &config.load_balancers[0].listeners[0].service else {
        panic!("it is an HTTPS listener");
    };
    assert!(!http.http2);
    assert_eq!((http.timeouts.header_s, http.timeouts.idle_s), (3, 60));
    assert_eq!((http.limits.uri_bytes, http.limits.body_bytes), (100, None));
    assert_eq!((tls.certificates.len(), tls.min_version), (2, TlsVersion::Tls13));
}

#[test]
fn what_belongs_to_another_protocol_is_refused() {
    all_say([
        (
            "TLS at an HTTP listener",
            with_listener("tls = {}"),
            &["11:1: tls is for protocol = \"HTTPS\" only; leave it out here"][..],
        ),
        (
            "HTTP at a TCP listener",
            BASE.replace("[[pool]]", "http = {}\n[[pool]]"),
            &["11:1: http is for protocol = \"HTTP\" or \"HTTPS\" only; leave it out here"],
        ),
        (
            "a pool of a TCP listener with settings of HTTP",
            BASE.replace("[[pool.member]]", "http = {}\n[[pool.member]]"),
            &[
                "13:8: pool \"web\": http is for pools of HTTP and HTTPS listeners, and load balancer \"web\", listener \"http\" uses this one; leave it out",
            ],
        ),
        (
            "a proxied pool that forwards packets",
            with_pool("forwarding = \"nat\""),
            &[
                "13:14: pool \"web\": forwarding nat is for TCP and UDP listeners, and load balancer \"web\", listener \"http\" uses this pool",
            ],
        ),
        (
            "a proxied pool that holds addresses for longer than a day",
            with_pool("session_persistence = { type = \"SOURCE_IP\", idle_timeout_min = 1441 }"),
            &[
                "13:64: idle_timeout_min 1441 is out of range; the session persistence's idle_timeout_min is 1 to 1440",
            ],
        ),
    ]);
}

#[test]
fn a_proxied_pool_can_hold_addresses_for_a_day() {
    let held = "session_persistence = { type = \"SOURCE_IP\", idle_timeout_min = 1440, persistence_granularity_v4 = 24 }";
    let config = loaded(&with_pool(held)).config;
    let persistence = config.pools[0].session_persistence.as_ref().unwrap();
    assert_eq!(persistence.idle_timeout_s, 86_400);
    let granularity = Granularity {
        v4: 24,
        ..Granularity::default()
    };
    assert_eq!(persistence.persistence, Persistence::SourceIp(granularity));
}

#[test]
fn numbers_of_http_have_ranges() {
    says_about(
        "all are wrong",
        &with_listener(
            "[load_balancer.listener.http]\nmax_connections = 0\ntimeouts = { header_s = 0, idle_s = 86401 }\n\
             limits = { header_bytes = 1023, headers = 257, uri_bytes = 63, body_bytes = -1 }",
        ),
        &[
            "12:19: load balancer \"web\", listener \"http\", http: max_connections 0 is out of range; the http's max_connections is 1 to 1048576",
            "13:25: header_s 0 is out of range",
            "13:37: idle_s 86401 is out of range",
            "14:27: header_bytes 1023 is out of range",
            "14:43: headers 257 is out of range",
            "14:60: uri_bytes 63 is out of range",
            "14:77: body_bytes -1 is out of range",
        ],
    );
}

#[test]
fn the_cookie_of_the_balancer_is_what_it_is_said_to_be() {
    let settings = |lines: &str| {
        let text = with_pool(&format!(
            "[pool.session_persistence]\ntype = \"HTTP_COOKIE\"\n{lines}"
        ));
        let persistence = loaded(&text).config.pools[0].session_persistence.clone();
        let Some(Persistence::HttpCookie(settings)) = persistence.map(|given| given.persistence) else {
            panic!("it is a cookie of the balancer");
        };
        settings
    };
    assert_eq!(settings(""), CookieSettings::default());
    let lines = "cookie_name = \"SRV\"\ncookie_domain = \"example.com\"\ncookie_path = \"/shop\"\n\
                 cookie_secure = \"always\"\ncookie_http_only = false\ncookie_same_site = \"None\"\n\
                 cookie_cache_control = false";
    let expected = CookieSettings {
        cookie_name: "SRV".into(),
        cookie_domain: Some("example.com".into()),
        cookie_path: "/shop".into(),
        cookie_secure: SecureCookie::Always,
        cookie_http_only: false,
        cookie_same_site: SameSite::None,
        cookie_cache_control: false,
    };
    assert_eq!(settings(lines), expected);
}

#[test]
fn cookies_that_no_browser_keeps_are_refused() {
    let with = |lines: &str| {
        with_pool(&format!(
            "[pool.session_persistence]\ntype = \"HTTP_COOKIE\"\n{lines}"
        ))
    };
    all_say([
        (
            "a name with a space",
            with("cookie_name = \"a b\""),
            &["15:15: cookie_name \"a b\" is not the name of a cookie"][..],
        ),
        (
            "a domain that is none",
            with("cookie_domain = \"a_b..c\""),
            &["15:17: cookie_domain \"a_b..c\" is not a domain"],
        ),
        (
            "a path with a semicolon",
            with("cookie_path = \"/a;b\""),
            &["15:15: cookie_path \"/a;b\" has a \";\""],
        ),
        (
            "a name that asks for attributes that it does not have",
            with("cookie_name = \"__Host-id\""),
            &[
                "15:15: cookie_name does not go with the rest: clients take a cookie called `__Host-...` only with",
            ],
        ),
        (
            "all sites without TLS",
            with("cookie_same_site = \"None\"\ncookie_secure = \"never\""),
            &["15:20: cookie_same_site \"None\" needs a cookie that goes over TLS only"],
        ),
        (
            "a key of the application's cookie",
            with("cookie_in_url = true"),
            &["15:1: cookie_in_url is for type = \"APP_COOKIE\" only"],
        ),
    ]);
}

#[test]
fn members_have_no_limit_and_no_slow_start_unless_one_is_given() {
    let http = |lines: &str| loaded(&with_pool(lines)).config.pools[0].http.clone().unwrap();
    let default = http("http = {}");
    assert_eq!(default.slow_start_s, 0);
    assert_eq!(http("http = { slow_start_s = 60 }").slow_start_s, 60);
    assert_eq!(
        (default.max_connections, default.queue, default.timeouts.queue_s),
        (None, 1024, 10)
    );
    let given = http("http = { max_connections = 7, queue = 0, timeouts = { queue_s = 3 } }");
    assert_eq!(
        (given.max_connections, given.queue, given.timeouts.queue_s),
        (Some(7), 0, 3)
    );
    says_about(
        "all are wrong",
        &with_pool(
            "[pool.http]\nmax_connections = 0\nqueue = 65537\ntimeouts = { queue_s = 0 }\nslow_start_s = 3601",
        ),
        &[
            "14:19: pool \"web\", http: max_connections 0 is out of range; the http's max_connections is 1 to 1048576",
            "15:9: pool \"web\", http: queue 65537 is out of range; the http's queue is 0 to 65536",
            "16:24: pool \"web\", http, timeouts: queue_s 0 is out of range; the timeouts's queue_s is 1 to 86400",
            "17:16: pool \"web\", http: slow_start_s 3601 is out of range; the http's slow_start_s is 0 to 3600",
        ],
    );
}

#[test]
fn members_are_ejected_only_where_that_is_asked_for() {
    let outlier = |lines: &str| {
        let config = loaded(&with_pool(lines)).config;
        config.pools[0].http.clone().unwrap().outlier
    };
    assert_eq!(outlier("http = {}"), None);
    assert_eq!(outlier("http = { outlier = {} }"), Some(Outlier::default()));
    let given = Outlier {
        failures: 3,
        ejection_s: 60,
        max_ejected_percent: 10,
    };
    let lines = "[pool.http.outlier]\nfailures = 3\nejection_s = 60\nmax_ejected_percent = 10";
    assert_eq!(outlier(lines), Some(given));
    says_about(
        "all are wrong",
        &with_pool("[pool.http.outlier]\nfailures = 0\nejection_s = 3601\nmax_ejected_percent = 101"),
        &[
            "14:12: pool \"web\", http, outlier: failures 0 is out of range; the outlier's failures is 1 to 1000",
            "15:14: pool \"web\", http, outlier: ejection_s 3601 is out of range",
            "16:23: pool \"web\", http, outlier: max_ejected_percent 101 is out of range",
        ],
    );
}
