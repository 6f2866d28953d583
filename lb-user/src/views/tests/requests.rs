//! Where requests go, and why.

use std::sync::Arc;

use super::{
    world::{CLIENT, NOON, PROXY_NOW_S, World},
    *,
};
use crate::{
    persistence::{MemberTag, Session as HeldBy, Times},
    proxy::QueueReport,
};

const THREE: &str = "10.0.0.3:8080";

pub(super) fn asked(cookie: &str) -> AskedRequest {
    AskedRequest {
        cookie: Some(CookieValue(cookie.into())),
        ..AskedRequest::default()
    }
}

impl World {
    pub(super) fn foresee(&self, listener: &str, request: AskedRequest) -> Result<Explanation, String> {
        let question = Question {
            client: CLIENT.parse().unwrap(),
            port: None,
            listener: listener.into(),
            request,
        };
        let explainer = Explainer::new(&self.scene(), question);
        let explanation = explainer.and_then(|explainer| explainer.finish(&self.scene(), NOON));
        explanation.map_err(|refusal| refusal.to_string())
    }

    #[track_caller]
    pub(super) fn assert_goes(
        &self,
        listener: &str,
        request: AskedRequest,
        member: Option<&str>,
        by: By,
        reasons: &[&str],
    ) {
        let explanation = self.foresee(listener, request).unwrap();
        let said = explanation.reasons.join("\n");
        assert_eq!(
            (explanation.member.as_deref(), explanation.by),
            (member, by),
            "{said}"
        );
        for reason in reasons {
            assert!(said.contains(reason), "{reason}\nis not in\n{said}");
        }
    }

    /// A cookie of pool "own" that was sealed for this member so many seconds ago.
    fn sealed(&self, member: &str, ago_s: u32) -> String {
        let session = HeldBy {
            member: MemberTag::at(member.parse().unwrap()),
            times: Times {
                created_s: PROXY_NOW_S - ago_s - 100,
                seen_s: PROXY_NOW_S - ago_s,
            },
        };
        self.look.seal("own", &session)
    }

    /// The members are as configuration and health say by now.
    fn take_members(&mut self) {
        self.look = self.look.with_health(&self.config, &self.health);
    }

    fn take_down(&mut self, pool: &str, member: &str) {
        let reason = "it does not answer".into();
        self.health.set(pool, member, Finding::Down { reason });
        self.take_members();
    }
}

#[test]
fn a_cookie_of_the_balancers_says_which_member_it_is_held_to_and_until_when() {
    let world = World::proxied();
    let explanation = world.foresee("own", asked(&world.sealed(THREE, 35))).unwrap();
    assert_eq!(
        (explanation.member.as_deref(), explanation.by),
        (Some("three"), By::Cookie)
    );
    let session = explanation.session.unwrap();
    // What is granted because a cookie is not renewed each time is on top.
    assert_eq!(
        (
            session.first_seen_s_ago,
            session.last_seen_s_ago,
            session.ends_in_s
        ),
        (135, 35, 1200 + 60 + 1 - 35)
    );
    assert_eq!((session.network, session.idle_timeout_s), (None, 1200));
    assert_eq!(
        explanation.reasons,
        [
            "listener own is served by the proxy, which balances each request by itself",
            "held by its cookie with pool own until 12:20:26 UTC (idle 20 min, sealed 35 s ago): its requests go to \
             three",
            "the session began 2 min 15 s ago; each request holds it for longer",
            "three counts as up, since nothing monitors it; where it cannot be reached, the session moves to the member \
             that ROUND_ROBIN then chooses, and stays there",
        ]
    );
}

#[test]
fn a_cookie_that_is_not_taken_is_said_why_in_words() {
    let world = World::proxied();
    let another = HeldBy {
        member: MemberTag::at(THREE.parse().unwrap()),
        times: Times::begin(PROXY_NOW_S),
    };
    for (cookie, says) in [
        ("nonsense!".to_owned(), "no base64url text, or too short"),
        ("a".repeat(300), "longer than any cookie of the balancer's"),
        (world.sealed(THREE, 1261), "stayed away for too long"),
        (world.look.seal("shop", &another), "or is another pool's"),
        (
            World::proxied().sealed(THREE, 0),
            "no key that this node has sealed it",
        ),
    ] {
        let reasons = [says, "ROUND_ROBIN gives it to three"];
        world.assert_goes("own", asked(&cookie), Some("three"), By::Algorithm, &reasons);
    }
}

#[test]
fn a_cookie_of_the_applications_is_looked_up_and_not_renewed() {
    let world = World::proxied();
    world.learn("abc", "10.0.0.2:8080", 35);
    for _ in 0..2 {
        world.assert_goes(
            "shop",
            asked("abc"),
            Some("two"),
            By::Cookie,
            &["(idle 20 min, last seen 35 s ago): its requests go to two"],
        );
    }
    // By what lists call it, it can be found and forgotten.
    let explanation = world.foresee("shop", asked("abc")).unwrap();
    let id = explanation.session.unwrap().id.unwrap();
    assert_eq!(
        id,
        world.look.app_cookies().unwrap().sessions().next().unwrap().id
    );
    let said = format!("`holdfast sessions` calls the session {id}");
    assert!(explanation.reasons.contains(&said), "{:?}", explanation.reasons);
    world.learn("late", "10.0.0.2:8080", 1201);
    for (cookie, says) in [
        ("abcd", "pool shop knows no such SID"),
        ("late", "its session with pool shop is over"),
    ] {
        world.assert_goes("shop", asked(cookie), Some("one"), By::Algorithm, &[says]);
    }
    assert_eq!(world.look.app_cookies().unwrap().len(), 2);
}

#[test]
fn no_turn_is_taken_by_asking_whose_it_is() {
    let world = World::proxied();
    for _ in 0..3 {
        world.assert_goes(
            "shop",
            AskedRequest::default(),
            Some("one"),
            By::Algorithm,
            &[
                "pool shop recognises clients by the cookie SID",
                "ROUND_ROBIN gives it to one: whose turn it is",
            ],
        );
    }
}

#[test]
fn a_session_of_a_draining_member_is_held_and_one_of_a_member_that_is_down_moves() {
    let mut world = World::proxied();
    world.learn("abc", "10.0.0.1:8080", 0);
    Arc::make_mut(&mut world.config.pools[0]).members[0].weight = 0;
    world.take_members();
    world.assert_goes(
        "shop",
        asked("abc"),
        Some("one"),
        By::Cookie,
        &["one is draining: it keeps its sessions and gets no new ones"],
    );
    world.assert_goes(
        "shop",
        asked("other"),
        Some("two"),
        By::Algorithm,
        &["one is draining: it has the requests of its sessions only"],
    );
    world.take_down("shop", "one");
    world.assert_goes(
        "shop",
        asked("abc"),
        Some("two"),
        By::Algorithm,
        &[
            "its cookie names one, which takes no requests: the next request moves it to two, chosen by ROUND_ROBIN, \
             where it stays",
            "one takes no requests: it does not answer",
        ],
    );
    // Its monitor was taken away, and the proxy has not heard of it yet: of ways to its members it knows nothing.
    let health = std::mem::take(&mut world.health);
    world.assert_goes(
        "shop",
        asked("abc"),
        Some("two"),
        By::Algorithm,
        &["one takes no requests: it is down"],
    );
    world.health = health;
    world.take_down("shop", "two");
    world.assert_goes(
        "shop",
        asked("abc"),
        None,
        By::Nothing,
        &["no other member takes new clients: it is answered 503"],
    );
    world.assert_goes(
        "shop",
        AskedRequest::default(),
        None,
        By::Nothing,
        &["no member of pool shop takes new clients: it is answered 503"],
    );
}

#[test]
fn a_session_of_a_member_that_is_gone_moves() {
    let world = World::proxied();
    world.assert_goes(
        "own",
        asked(&world.sealed("10.0.0.9:80", 0)),
        Some("three"),
        By::Algorithm,
        &["its cookie names a member that pool own does not have any more: the next request moves it to three"],
    );
}

#[test]
fn members_that_are_switched_off_are_told_of() {
    let mut world = World::proxied();
    Arc::make_mut(&mut world.config.pools[0]).members[0].admin_state_up = false;
    world.take_members();
    world.assert_goes(
        "shop",
        AskedRequest::default(),
        Some("two"),
        By::Algorithm,
        &["one takes no requests: it is switched off"],
    );
}

#[test]
fn a_pool_that_recognises_nobody_by_cookie_says_so() {
    let world = World::proxied();
    let reasons = ["pool plain recognises nobody by cookie"];
    world.assert_goes("plain", asked("abc"), Some("three"), By::Algorithm, &reasons);
}

#[test]
fn a_listener_that_is_switched_off_serves_no_requests() {
    let mut world = World::proxied();
    Arc::make_mut(&mut world.config.load_balancers[0]).listeners[0].admin_state_up = false;
    world.take_members();
    let reasons = ["listener shop is switched off: nobody listens at its port"];
    world.assert_goes("shop", asked("abc"), None, By::Nothing, &reasons);
}

#[test]
fn who_balances_connections_sees_no_cookies() {
    let refusal = World::new().foresee("web", asked("abc")).unwrap_err();
    assert!(
        refusal.contains("leave --cookie, --header, --host and --path away"),
        "{refusal}"
    );
}

#[test]
fn the_value_of_a_cookie_is_said_nowhere() {
    let world = World::proxied();
    world.learn("verysecret", "10.0.0.1:8080", 0);
    let request = asked("verysecret");
    assert!(!format!("{request:?}").contains("verysecret"));
    for listener in ["shop", "own", "plain", "routed"] {
        let explanation = world.foresee(listener, request.clone()).unwrap();
        let json = serde_json::to_string(&explanation).unwrap();
        assert!(!json.contains("verysecret"), "{json}");
    }
}

#[test]
fn a_status_tells_of_requests_where_the_proxy_serves_them() {
    let world = World::proxied();
    let status = world.status();
    let routed = &status.load_balancers[0].listeners[3];
    let proxied = routed.proxied.as_ref().unwrap();
    let policies: Vec<_> = proxied.policies.iter().map(|policy| &policy.name).collect();
    assert_eq!(policies, ["admin", "buy", "beta", "known"]);
    let pool = &status.pools[2];
    assert_eq!(pool.response_times.as_ref().unwrap().count, 0);
    assert_eq!(pool.queue, None, "its members have no limit");
    let connections = World::new().status();
    assert_eq!(connections.pools[0].response_times, None);
    assert_eq!(connections.load_balancers[0].listeners[0].proxied, None);
}

#[test]
fn a_status_with_a_limit_tells_who_waits() {
    let mut world = World::proxied();
    let http = Arc::make_mut(&mut world.config.pools[2])
        .http
        .get_or_insert_default();
    http.max_connections = Some(1);
    world.take_members();
    let queue = world.status().pools[2].queue;
    assert_eq!(queue, Some(QueueReport::default()));
}

#[test]
fn a_status_of_before_is_still_understood() {
    let mut status = serde_json::to_value(World::proxied().status()).unwrap();
    let proxied = &mut status["load_balancers"][0]["listeners"][0]["proxied"];
    let before = ["connections", "requests", "responses", "own_responses"];
    let before = before.map(|name| (name.to_owned(), proxied[name].clone()));
    assert!(before.iter().all(|(_, value)| !value.is_null()));
    *proxied = serde_json::Value::Object(before.into_iter().collect());
    let understood: Status = serde_json::from_value(status).unwrap();
    let listener = understood.load_balancers[0].listeners[0].proxied.as_ref();
    assert_eq!(listener.unwrap().request_times.count, 0);
}

#[test]
fn a_listener_without_a_pool_of_its_own_answers_what_no_policy_takes() {
    let mut world = World::proxied();
    Arc::make_mut(&mut world.config.load_balancers[0]).listeners[3].pool = None;
    world.look = Look::at(&world.config, &Health::default(), PROXY_NOW_S);
    world.assert_goes(
        "routed",
        AskedRequest::default(),
        None,
        By::Nothing,
        &[
            "no policy matches / of 192.0.2.1:83",
            "listener routed has no pool of its own: it is answered 503",
        ],
    );
    let request = AskedRequest {
        host: Some("shop.example".into()),
        ..AskedRequest::default()
    };
    let taken = world.foresee("routed", request).unwrap();
    assert_eq!(taken.pool.as_deref(), Some("shop"));
    assert_eq!(world.status().load_balancers[0].listeners[3].pool, None);
}
