//! Where policies send requests, by all that is said of these.

use super::{requests::asked, world::World, *};

#[test]
fn policies_decide_by_the_host_and_the_path_that_are_asked_about() {
    let world = World::proxied();
    world.learn("abc", "10.0.0.2:8080", 0);
    let request = |host: &str, path: &str| AskedRequest {
        host: Some(host.into()),
        path: Some(path.into()),
        ..asked("abc")
    };
    world.assert_goes(
        "routed",
        request("shop.example", "/admin/x?y"),
        None,
        By::Policy,
        &[
            "policy admin matches /admin/x?y of shop.example",
            "it is answered 403: no member sees it",
        ],
    );
    world.assert_goes(
        "routed",
        request("shop.example", "/"),
        Some("two"),
        By::Cookie,
        &["policy buy matches / of shop.example: it is for pool shop"],
    );
    let bought = world.foresee("routed", request("shop.example", "/")).unwrap();
    assert_eq!(
        (bought.pool.as_deref(), bought.policy.as_deref()),
        (Some("shop"), Some("buy"))
    );
    world.assert_goes(
        "routed",
        AskedRequest::default(),
        Some("three"),
        By::Algorithm,
        &[
            "no policy matches / of 192.0.2.1:83: it is for the listener's own pool, plain",
            "--host, --path and --header ask for another one",
        ],
    );
    for (host, path) in [
        ("a b", "/"),
        ("a", "x"),
        ("a", "/ x"),
        ("a\r\nb: c", "/"),
        ("a/b", "/"),
        ("a", "/ä"),
    ] {
        let refusal = world.foresee("routed", request(host, path)).unwrap_err();
        assert!(
            refusal.contains("is no request that the listener takes"),
            "{refusal}"
        );
    }
}

#[test]
fn policies_see_the_cookie_and_the_further_header_fields_that_are_asked_about() {
    let world = World::proxied();
    world.learn("xyz", "10.0.0.2:8080", 0);
    let with = |line: &str| AskedRequest {
        headers: vec![line.into()],
        ..AskedRequest::default()
    };
    let beta = ["policy beta matches / of 192.0.2.1:83: it is for pool shop"];
    world.assert_goes(
        "routed",
        with("X-Version: beta"),
        Some("one"),
        By::Algorithm,
        &beta,
    );
    world.assert_goes(
        "routed",
        with("X-Version: other"),
        Some("three"),
        By::Algorithm,
        &[],
    );
    // The cookie of a pool that policies lead to, by its name or by itself.
    let held = ["policy known matches", "held by its cookie"];
    for request in [with("Cookie: a=b; SID=xyz"), asked("xyz")] {
        world.assert_goes("routed", request, Some("two"), By::Cookie, &held);
    }
    for line in ["nonsense", "a b: c", "a: b\r\nc: d", ": a"] {
        let refusal = world.foresee("routed", with(line)).unwrap_err();
        assert!(refusal.contains("header field"), "{refusal}");
    }
}

#[test]
fn a_session_that_is_in_the_path_holds_where_the_pool_looks_there() {
    let world = World::proxied();
    world.learn("abc", "10.0.0.2:8080", 0);
    for path in ["/a;sid=abc", "/a?SID=abc"] {
        let request = AskedRequest {
            path: Some(path.into()),
            ..AskedRequest::default()
        };
        world.assert_goes("shop", request, Some("two"), By::Cookie, &["held by its cookie"]);
    }
}
