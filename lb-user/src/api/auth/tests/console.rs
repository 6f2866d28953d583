//! People who sign in at the console, and other pages in the same browser.

use super::*;
use crate::api::console::MARK;

const PAGE: (&str, &str) = ("origin", "http://lb.example.org");
const OURS: (&str, &str) = (MARK, "1");
const SESSION: &str = "/console/session";
const LIST: &str = "/v2.0/lbaas/loadbalancers";

impl World {
    async fn sign_in(&self, name: &str, password: &str) -> Answer {
        let shown = json!({"name": name, "password": password});
        self.send("POST", SESSION, &[OURS, PAGE], shown).await
    }

    /// The cookie of somebody who has signed in, as a browser sends it.
    async fn cookie(&self, name: &str) -> String {
        let answer = self.sign_in(name, PASSWORD).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        let cookie = answer.header("set-cookie");
        cookie.split(';').next().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_password_or_a_token_becomes_a_cookie_that_scripts_and_other_pages_do_not_get() {
    let world = World::new(&settings());
    let answer = world.sign_in("alice", PASSWORD).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.body["session"]["name"], "alice");
    assert_eq!(answer.body["session"]["role"], "member");
    let cookie = answer.header("set-cookie");
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert_eq!(answer.header("cache-control"), "no-store");
    let token = json!({"token": TOKEN});
    let robot = world.send("POST", SESSION, &[OURS, PAGE], token).await;
    assert_eq!(
        (robot.status, &robot.body["session"]["role"]),
        (201, &json!("admin"))
    );
}

#[tokio::test]
async fn over_tls_the_cookie_is_for_this_host_and_for_tls_alone() {
    let world = World::new(&settings());
    let shown = json!({"name": "alice", "password": PASSWORD});
    let headers = [
        OURS,
        ("origin", "https://lb.example.org"),
        ("x-forwarded-proto", "https"),
    ];
    let answer = world.send("POST", SESSION, &headers, shown).await;
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-holdfast-console="), "{cookie}");
    assert!(cookie.ends_with("; Secure"), "{cookie}");
}

/// Browsers send the cookies of a host to all of its ports.
#[tokio::test]
async fn consoles_at_several_ports_of_a_host_keep_their_cookies_apart() {
    let world = World::new(&settings());
    for (host, name) in [
        ("127.0.0.1:9876", "holdfast-console-9876"),
        ("[::1]:80", "holdfast-console-80"),
        ("[::1]", "holdfast-console"),
    ] {
        let shown = json!({"name": "alice", "password": PASSWORD});
        let origin = format!("http://{host}");
        let headers = [OURS, ("host", host), ("origin", origin.as_str())];
        let answer = world.send("POST", SESSION, &headers, shown).await;
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        assert!(cookie.starts_with(&format!("{name}=")), "{cookie}");
        let session = world
            .get(SESSION, &[OURS, ("host", host), ("cookie", &cookie)])
            .await;
        assert_eq!(session.body["session"]["name"], "alice", "{host}");
        let elsewhere = world
            .get(SESSION, &[OURS, ("host", "127.0.0.1:1"), ("cookie", &cookie)])
            .await;
        assert_eq!(elsewhere.body["session"], json!(null), "{host}");
    }
}

#[tokio::test]
async fn who_has_signed_in_is_known_by_the_cookie_until_they_sign_out() {
    let world = World::new(&settings());
    let cookie = world.cookie("alice").await;
    let with = [OURS, ("cookie", cookie.as_str())];
    assert_eq!(world.get(LIST, &with).await.status, 200);
    assert_eq!(world.get(SESSION, &with).await.body["session"]["name"], "alice");
    let out = world
        .send("DELETE", SESSION, &[with[0], with[1], PAGE], json!({}))
        .await;
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(world.get(LIST, &with).await.status, 401);
    assert_eq!(world.get(SESSION, &with).await.body, json!({"session": null}));
}

#[tokio::test]
async fn another_page_changes_nothing_by_the_cookie() {
    let world = World::new(&settings());
    let cookie = world.cookie("adam").await;
    let cookie = ("cookie", cookie.as_str());
    let balancer = json!({"loadbalancer": {"vip_address": "192.0.2.1"}});
    for headers in [
        vec![cookie],
        vec![cookie, PAGE],
        vec![cookie, OURS, ("origin", "http://evil.example")],
        vec![cookie, OURS, ("sec-fetch-site", "cross-site")],
        vec![cookie, OURS, ("sec-fetch-site", "same-site")],
    ] {
        let answer = world.send("POST", LIST, &headers, balancer.clone()).await;
        assert_eq!(answer.status, 403, "{headers:?}");
        let answer = world.send("DELETE", SESSION, &headers, json!({})).await;
        assert_eq!(answer.status, 403, "{headers:?}");
    }
    let ours = [cookie, OURS, PAGE, ("sec-fetch-site", "same-origin")];
    let answer = world.send("POST", LIST, &ours, balancer).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
}

#[tokio::test]
async fn another_page_changes_nothing_by_a_password_that_the_browser_was_told() {
    let world = World::new(&settings());
    let basic = basic("adam", PASSWORD);
    let basic = ("authorization", basic.as_str());
    let balancer = json!({"loadbalancer": {"vip_address": "192.0.2.1"}});
    for headers in [
        vec![basic, ("origin", "http://evil.example")],
        vec![basic, PAGE],
        vec![basic, ("sec-fetch-site", "cross-site")],
    ] {
        let answer = world.send("POST", LIST, &headers, balancer.clone()).await;
        assert_eq!(answer.status, 403, "{headers:?}");
    }
    // Programs are none the worse for it.
    let answer = world.send("POST", LIST, &[basic], balancer).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
}

#[tokio::test]
async fn a_browser_whose_session_has_ended_is_not_asked_for_a_password_over_the_console() {
    let world = World::new(&settings());
    for header in [
        ("sec-fetch-site", "same-origin"),
        ("cookie", "holdfast-console=ended"),
    ] {
        let answer = world.get("/v2.0/lbaas/events", &[header]).await;
        assert_eq!(answer.status, 401);
        let mut ways = answer.headers.get_all("www-authenticate").iter();
        assert!(
            !ways.any(|way| way.to_str().unwrap().starts_with("Basic")),
            "{header:?}"
        );
    }
}

#[tokio::test]
async fn a_wrong_password_makes_no_session_and_the_browser_asks_for_none_by_itself() {
    let world = World::new(&settings());
    let answer = world.sign_in("alice", "wrong").await;
    assert_eq!(answer.status, 401);
    assert!(!answer.headers.contains_key("set-cookie"));
    let asked = |answer: &Answer| {
        let mut ways = answer.headers.get_all("www-authenticate").iter();
        ways.any(|way| way.to_str().unwrap().starts_with("Basic"))
    };
    assert!(!asked(&answer));
    assert!(!asked(&world.get(LIST, &[OURS]).await));
    assert!(asked(&world.get(LIST, &[]).await));
    for body in [json!([]), json!({}), json!({"name": 1, "password": []})] {
        let answer = world.send("POST", SESSION, &[OURS, PAGE], body).await;
        assert_eq!(answer.status, 400);
    }
}

#[tokio::test]
async fn whoever_fails_too_often_has_to_wait() {
    let world = World::new(&settings());
    let mut answer = world.sign_in("alice", "wrong").await;
    for _ in 0..10 {
        answer = world.sign_in("alice", "wrong").await;
    }
    assert_eq!(answer.status, 429);
    assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
}

#[tokio::test]
async fn who_has_a_token_for_an_hour_signs_in_for_no_longer() {
    let world = World::new(&settings());
    let token = json!({"token": world.token("alice").await});
    let answer = world.send("POST", SESSION, &[OURS, PAGE], token).await;
    let cookie = answer.header("set-cookie");
    assert!(
        cookie.contains("Max-Age=3599") || cookie.contains("Max-Age=3600"),
        "{cookie}"
    );
}

#[tokio::test]
async fn without_authentication_the_console_is_for_pages_of_this_host_alone() {
    let settings = ApiSettings {
        auth: ApiAuth::None,
        ..ApiSettings::default()
    };
    let world = World::new(&settings);
    let balancer = json!({"loadbalancer": {"vip_address": "192.0.2.1"}});
    let page = |host: &'static str, origin: &'static str| [OURS, ("host", host), ("origin", origin)];
    for (headers, is_let_in) in [
        (page("localhost:9876", "http://localhost:9876"), true),
        (page("127.0.0.1:9876", "http://127.0.0.1:9876"), true),
        (page("[::1]:9876", "http://[::1]:9876"), true),
        (page("localhost:9876", "http://evil.example"), false),
        // A name that somebody else has given to the address (DNS rebinding).
        (page("evil.example", "http://evil.example"), false),
    ] {
        let answer = world.send("POST", LIST, &headers, balancer.clone()).await;
        assert_eq!(answer.status != 403, is_let_in, "{headers:?}");
    }
    // To a browser it is of the site itself, and it says nothing.
    let rebound = [("host", "evil.example")];
    assert_eq!(world.get(LIST, &rebound).await.status, 403);
    assert_eq!(world.get(SESSION, &rebound).await.status, 403);
    let foreign = [("host", "localhost:9876"), ("sec-fetch-site", "cross-site")];
    assert_eq!(world.get(LIST, &foreign).await.status, 403);
    let session = world.get(SESSION, &[OURS, ("host", "localhost:9876")]).await;
    assert_eq!(session.body["session"]["auth"], "none");
}

#[tokio::test]
async fn pages_come_with_what_keeps_others_out_and_are_not_sent_twice() {
    let world = World::new(&settings());
    let page = world.get("/console/", &[("accept-encoding", "gzip, br")]).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-encoding"), "gzip");
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(page.header("x-frame-options"), "DENY");
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    assert!(!policy.contains("unsafe"), "{policy}");
    let etag = page.header("etag").to_owned();
    let again = world.get("/console/", &[("if-none-match", &etag)]).await;
    assert_eq!(again.status, 304);
    for encodings in [&[][..], &[("accept-encoding", "gzip;q=0, br")]] {
        let plain = world.get("/console/", encodings).await;
        assert!(!plain.headers.contains_key("content-encoding"));
    }
    assert_eq!(world.get("/console/../session", &[]).await.status, 404);
    assert_eq!(world.get("/console", &[]).await.header("location"), "/console/");
    let browser = world.get("/", &[("accept", "text/html,*/*")]).await;
    assert_eq!((browser.status, browser.header("location")), (303, "/console/"));
    assert!(world.get("/", &[]).await.body["versions"].is_array());
}

#[tokio::test]
async fn what_the_api_answers_is_kept_by_nobody_and_taken_for_nothing_else() {
    let world = World::new(&settings());
    let cookie = world.cookie("alice").await;
    let cookie = [OURS, PAGE, ("cookie", cookie.as_str())];
    for (path, headers) in [
        ("/v2.0/lbaas/loadbalancers", &cookie[..]),
        ("/v2.0/lbaas/pools/x", &cookie),
        ("/v2.0/lbaas/loadbalancers", &[]),
        ("/identity/v3", &[]),
        (SESSION, &cookie),
    ] {
        let answer = world.get(path, headers).await;
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    }
    let page = world.get("/console/", &[]).await;
    assert_eq!(page.header("cache-control"), "no-cache");
}

#[tokio::test]
async fn a_stream_of_events_ends_with_the_session_of_who_listens() {
    let world = World::new(&settings());
    let cookie = world.cookie("alice").await;
    let request = Request::get("/v2.0/lbaas/events")
        .header(header::HOST, "lb.example.org")
        .header("cookie", &cookie)
        .body(Body::empty());
    let response = world.router.clone().call(request.unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    let told = tokio::spawn(to_bytes(response.into_body(), usize::MAX));
    let out = [OURS, PAGE, ("cookie", cookie.as_str())];
    assert_eq!(world.send("DELETE", SESSION, &out, json!({})).await.status, 204);
    told.await.unwrap().unwrap();
}
