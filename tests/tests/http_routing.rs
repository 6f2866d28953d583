//! Where requests go, and what members are told of them.

use anyhow::Result;
use lb_tests::http::{Jar, Scheme};
use lb_tests::site::{MEMBER_PORT, POOL};
use lb_tests::{Config, Family, Plan, Pool, Reply, Site};
use serde_json::json;

const POLICIES: &str = r#"
[[load_balancer.listener.policy]]
name = "shop"
action = "REDIRECT_TO_POOL"
redirect_pool = "shop"
rule = [{ type = "PATH", compare_type = "STARTS_WITH", value = "/shop/" }]

[[load_balancer.listener.policy]]
name = "old"
action = "REDIRECT_PREFIX"
redirect_prefix = "https://new.example"
rule = [{ type = "HOST_NAME", compare_type = "EQUAL_TO", value = "old.example" }]

[[load_balancer.listener.policy]]
name = "robots"
action = "REJECT"
rule = [{ type = "HEADER", key = "User-Agent", compare_type = "CONTAINS", value = "bot" }]
"#;

/// Member 1 in the listener's own pool, member 2 in that of a policy.
fn plan() -> Plan {
    let shop = Pool::web("shop").member("member2", ([10, 2, 2, 2], MEMBER_PORT).into(), 1);
    Plan::new(&[1, 1])
        .without(2)
        .listener(POLICIES)
        .further(Config::new().pool(shop))
}

fn ask(site: &Site, fields: &str) -> Result<Reply> {
    let mut wire = site.wire()?;
    wire.send(format!("GET /a?b=c HTTP/1.1\r\n{fields}\r\n"))?;
    Ok(wire.reply("GET")?)
}

#[test]
fn requests_go_where_the_policies_of_their_listener_say() -> Result<()> {
    let site = Site::start(&plan())?;
    assert_eq!(site.get("/")?.member(), "member1");
    assert_eq!(site.get("/shop/basket")?.member(), "member2");
    assert_eq!(site.get("/shopping")?.member(), "member1");
    let moved = ask(&site, "Host: OLD.example:80\r\n")?;
    assert_eq!(
        (moved.status, moved.values("location")),
        (302, vec!["https://new.example/a?b=c"])
    );
    // What is rejected is rejected first.
    let refused = ask(&site, "Host: old.example\r\nUser-Agent: a bot\r\n")?;
    assert_eq!(refused.status, 403);
    // The same over HTTP/2.
    let page = site
        .curl(Family::V4, Scheme::Http)
        .with(&["--http2-prior-knowledge"]);
    assert_eq!(
        page.get(Scheme::Http, "shop.example", "/shop/")?.echo()?.member,
        "member2"
    );
    // They are asked in another order than they are written in.
    let listener = &site.daemon().status()?["load_balancers"][0]["listeners"][0];
    let expected = [("robots", 1), ("old", 1), ("shop", 2)];
    let expected = expected.map(|(name, requests)| json!({ "name": name, "requests": requests }));
    assert_eq!(listener["proxied"]["policies"], json!(expected));
    Ok(())
}

#[test]
fn members_are_told_who_the_client_is_by_all_that_is_believed() -> Result<()> {
    let site = Site::start(&Plan::new(&[1]))?;
    let spoofed = [
        ("X-Forwarded-For", "198.51.100.7"),
        ("X-Forwarded-Proto", "https"),
        ("Forwarded", "for=198.51.100.7"),
    ];
    let told = |site: &Site| site.wire()?.ask("GET", "/", &spoofed)?.echo();
    let client = Family::V4.client().to_string();
    let echo = told(&site)?;
    assert_eq!(
        echo.values("x-forwarded-for"),
        [client.as_str()],
        "it is not a proxy that is trusted"
    );
    assert_eq!(echo.values("x-forwarded-proto"), ["http"]);
    assert_eq!(echo.values("x-forwarded-port"), ["80"]);
    assert!(echo.values("forwarded").is_empty());

    let trusting = format!("trusted_proxies = [\"{client}\"]");
    site.turn_to(&Plan::new(&[1]).listener(&trusting))?;
    let echo = told(&site)?;
    assert_eq!(
        echo.values("x-forwarded-for"),
        [format!("198.51.100.7, {client}")]
    );
    assert_eq!(echo.values("x-forwarded-proto"), ["https"]);
    assert_eq!(echo.values("forwarded"), ["for=198.51.100.7"]);
    Ok(())
}

#[test]
fn sessions_by_cookie_are_listed_explained_and_dropped() -> Result<()> {
    let site = Site::start(&Plan::new(&[1, 1]).app_cookie("JSESSIONID", ""))?;
    let mut jar = Jar::default();
    let first = site.browse("/?set=JSESSIONID=secret-of-mine", &mut jar)?;
    let cli = |arguments: &[&str]| -> Result<String> {
        let output = site.daemon().cli(arguments)?;
        assert!(output.status.success(), "{output:?}");
        Ok(String::from_utf8(output.stdout)?)
    };
    let listed: serde_json::Value = serde_json::from_str(&cli(&["sessions", "--json"])?)?;
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
    assert_eq!(
        (&listed[0]["pool"], &listed[0]["member"]),
        (&POOL.into(), &first.member().into())
    );
    let id = listed[0]["cookie"].as_str().unwrap_or_default().to_owned();

    let client = Family::V4.client().to_string();
    let explain = ["explain", &client, "listener-1", "--cookie", "secret-of-mine"];
    let explained = cli(&explain)?;
    assert!(
        explained.contains(&format!("goes to {}", first.member())),
        "{explained}"
    );
    assert!(!explained.contains("secret-of-mine"), "{explained}");
    assert!(!site.daemon().log().contains("secret-of-mine"));

    cli(&["drop-session", POOL, &id])?;
    let listed: serde_json::Value = serde_json::from_str(&cli(&["sessions", "--json"])?)?;
    assert_eq!(listed.as_array().map(Vec::len), Some(0), "{listed}");
    Ok(())
}
