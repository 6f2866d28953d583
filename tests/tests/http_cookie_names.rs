//! What the balancer's own cookies are called where there are several pools, and who sees them.

use std::net::SocketAddr;

use anyhow::Result;
use lb_tests::http::{Jar, Wire};
use lb_tests::site::{MEMBER_PORT, POOL};
use lb_tests::{Config, Family, Plan, Pool, Reply, Scheme, Site};

fn plan() -> Plan {
    Plan::new(&[1, 1, 1]).cookie(20, "")
}

/// A client that has just got its cookie, and the member that it is held to.
fn client(site: &Site) -> Result<(Jar, String)> {
    let mut jar = Jar::default();
    let reply = site.browse("/", &mut jar)?;
    Ok((jar, reply.member().to_owned()))
}

/// A listener whose requests go to three pools by their paths, each for its member: two have sessions by cookie, one has none.
fn three_pools() -> Plan {
    let to = |pool: &str| {
        format!(
            "[[load_balancer.listener.policy]]\nname = \"{pool}\"\naction = \"REDIRECT_TO_POOL\"\n\
             redirect_pool = \"{pool}\"\n\
             rule = [{{ type = \"PATH\", compare_type = \"STARTS_WITH\", value = \"/{pool}\" }}]\n"
        )
    };
    let members = |pool: Pool| {
        pool.member("member1", ([10, 2, 1, 2], MEMBER_PORT).into(), 1)
            .member("member2", ([10, 2, 2, 2], MEMBER_PORT).into(), 1)
            .member("member3", ([10, 2, 3, 2], MEMBER_PORT).into(), 1)
    };
    let held = Pool::web("shop").section("session_persistence", "type = \"HTTP_COOKIE\"");
    let further = Config::new().pool(members(held)).pool(members(Pool::web("help")));
    plan().listener(&(to("shop") + &to("help"))).further(further)
}

#[test]
fn pools_of_one_listener_hold_a_client_each_by_a_cookie_of_its_own() -> Result<()> {
    let site = Site::start(&three_pools())?;
    for _ in 0..4 {
        let mut jar = Jar::default();
        let own = site.browse("/", &mut jar)?.member().to_owned();
        // Nobody is to wait for this one's turn.
        site.get("/shop")?;
        let shop = site.browse("/shop", &mut jar)?.member().to_owned();
        for _ in 0..3 {
            for (target, held) in [("/", &own), ("/shop", &shop)] {
                let reply = site.browse(target, &mut jar)?;
                assert_eq!(reply.member(), held, "{target}");
                assert_eq!(reply.values("set-cookie"), Vec::<&str>::new(), "{target}");
                assert_eq!(reply.echo()?.values("cookie"), Vec::<&str>::new(), "{target}");
            }
        }
        // A pool without sessions is not told of those of others.
        jar.put("a", "1");
        assert_eq!(site.browse("/help", &mut jar)?.echo()?.values("cookie"), ["a=1"]);
    }
    assert_eq!(site.pool()?["proxied_sessions"]["refused"], serde_json::json!({}));
    Ok(())
}

#[test]
fn a_client_is_held_on_where_the_name_of_its_cookie_goes_to_another_pool() -> Result<()> {
    let site = Site::start(&plan())?;
    let (mut jar, held) = client(&site)?;
    // The pool is now one of a policy, at a listener whose own pool has such a cookie too.
    let to_web = format!(
        "[[load_balancer.listener.policy]]\nname = \"web\"\naction = \"REDIRECT_TO_POOL\"\nredirect_pool = {POOL:?}\n\
         rule = [{{ type = \"PATH\", compare_type = \"STARTS_WITH\", value = \"/web\" }}]\n"
    );
    let new = Pool::web("new")
        .section("session_persistence", "type = \"HTTP_COOKIE\"")
        .member("member1", ([10, 2, 1, 2], MEMBER_PORT).into(), 1);
    let vip = SocketAddr::new(Family::V4.vip(), 79);
    let further = Config::new()
        .web_listener(Scheme::Http, vip, "new", &to_web)
        .pool(new);
    site.turn_to(&plan().further(further))?;
    let browse = |target: &str, jar: &mut Jar| -> Result<Reply> {
        let mut wire = Wire::connect_in(site.lab().client_namespace(), None, vip)?;
        Ok(wire.browse(target, jar)?)
    };
    let reply = browse("/web", &mut jar)?;
    assert_eq!(reply.member(), held);
    assert_eq!(
        reply.values("set-cookie").len(),
        1,
        "it gets one of another name at once"
    );
    assert_eq!(browse("/", &mut jar)?.member(), "member1");
    for _ in 0..3 {
        assert_eq!(browse("/web", &mut jar)?.member(), held);
    }
    // And where that pool goes.
    site.turn_to(&plan())?;
    for _ in 0..3 {
        let reply = site.browse("/", &mut jar)?;
        assert_eq!(
            (reply.member(), reply.echo()?.values("cookie").len()),
            (held.as_str(), 0)
        );
    }
    Ok(())
}

#[test]
fn a_cookie_of_the_application_reaches_it_though_another_pool_s_own_has_its_name() -> Result<()> {
    let app = Pool::web("app")
        .section(
            "session_persistence",
            "type = \"APP_COOKIE\"\ncookie_name = \"HOLDFAST\"",
        )
        .member("member1", ([10, 2, 1, 2], MEMBER_PORT).into(), 1);
    let vip = SocketAddr::new(Family::V4.vip(), 8000);
    let further = Config::new().web_listener(Scheme::Http, vip, "app", "").pool(app);
    let site = Site::start(&plan().further(further))?;
    let mut wire = Wire::connect_in(site.lab().client_namespace(), None, vip)?;
    let echo = wire
        .ask("GET", "/", &[("Cookie", "HOLDFAST=of-the-application")])?
        .echo()?;
    assert_eq!(echo.values("cookie"), ["HOLDFAST=of-the-application"]);
    Ok(())
}

#[test]
fn a_cookie_that_was_left_behind_reaches_no_member() -> Result<()> {
    let site = Site::start(&plan())?;
    let (mut jar, _) = client(&site)?;
    site.turn_to(&Plan::new(&[1, 1, 1]))?;
    jar.put("a", "1");
    let echo = site.browse("/", &mut jar)?.echo()?;
    assert_eq!(echo.values("cookie"), ["a=1"]);
    Ok(())
}
