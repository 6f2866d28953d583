//! Who is held where.

use std::{net::SocketAddr, sync::Arc};

use super::{
    world::{CLIENT, PROXY_NOW_S, World},
    *,
};
use crate::{
    model::{Granularity, Persistence},
    persistence::{
        ByAddress, Limits, MemberTag, PoolTag,
        app_cookies::{Cursor, Learned, Round, SessionId},
    },
};

#[test]
fn sessions_are_listed_by_pool_member_and_client() {
    let world = World::new();
    world.hold();
    world.pass_time(5);
    let listed = Session {
        pool: "web".into(),
        by: RecognisedBy::Client(CLIENT.parse().unwrap()),
        member: "one".into(),
        age_s: 5,
        idle_s: 5,
        ends_in_s: 1201,
    };
    let of = |pool: &str, member: &str, client: &str| {
        let named = |name: &str| (!name.is_empty()).then(|| name.to_owned());
        let wanted = Wanted {
            pool: named(pool),
            member: named(member),
            client: client.parse().ok(),
            cookie: None,
        };
        world.sessions(wanted).map(|sessions| sessions.listed)
    };
    assert_eq!(of("", "", ""), Ok(vec![listed.clone()]));
    assert_eq!(of("web", "one", CLIENT), Ok(vec![listed.clone()]));
    for network in ["203.0.113.0/24", "203.0.113.6/31", "0.0.0.0/0"] {
        assert_eq!(of("", "", network), Ok(vec![listed.clone()]), "{network}");
    }
    assert_eq!(of("", "", "203.0.113.8/29"), Ok(vec![]));
    assert_eq!(of("web", "two", ""), Ok(vec![]));
    assert_eq!(of("", "", "203.0.113.8"), Ok(vec![]));
    for (pool, member, says) in [
        (
            "other",
            "",
            "there is no pool \"other\"; `holdfast status` lists them",
        ),
        (
            "",
            "three",
            "there is no member \"three\"; `holdfast status` lists them",
        ),
        (
            "web",
            "three",
            "there is no member \"three\" in pool \"web\"; `holdfast status` lists them",
        ),
    ] {
        assert_eq!(of(pool, member, ""), Err(says.to_owned()));
    }
}

/// Of who is recognised by the application's cookie it is counted who is held where; of the others their clients know.
#[test]
fn the_status_counts_the_sessions_that_the_proxy_remembers_by_member() {
    let world = World::proxied();
    let (one, two) = ("10.0.0.1:8080", "10.0.0.2:8080");
    for (value, member, ago_s) in [("a", one, 0), ("b", one, 5), ("c", two, 5), ("over", two, 1301)] {
        world.learn(value, member, ago_s);
    }
    let status = world.status();
    let pool = |name: &str| status.pools.iter().find(|pool| pool.name == name).unwrap();
    let members: Vec<_> = pool("shop")
        .members
        .iter()
        .map(|member| member.remembered)
        .collect();
    assert_eq!(
        (pool("shop").remembered, members),
        (Some(3), vec![Some(2), Some(1)])
    );
    for other in ["own", "plain"] {
        let of_member = pool(other).members[0].remembered;
        assert_eq!((pool(other).remembered, of_member), (None, None), "{other}");
    }
}

impl World {
    /// A client whom this member of pool "shop" gave a cookie so many seconds ago.
    pub(super) fn learn(&self, value: &str, member: &str, ago_s: u32) {
        let member: SocketAddr = member.parse().unwrap();
        let limits = Limits {
            idle_s: 1200,
            absolute_s: None,
        };
        let table = self.look.app_cookies().unwrap();
        let (pool, member) = (PoolTag::of("shop"), MemberTag::at(member));
        table.learn(pool, value.as_bytes(), member, limits, PROXY_NOW_S - ago_s);
    }

    fn id(&self) -> SessionId {
        self.look.app_cookies().unwrap().sessions().next().unwrap().id
    }

    fn listed(&self, wanted: Wanted) -> Vec<Session> {
        self.sessions(wanted).unwrap().listed
    }
}

#[test]
fn sessions_by_application_cookie_are_listed_by_id() {
    let world = World::proxied();
    world.learn("secret", "10.0.0.1:8080", 35);
    let sessions = world.listed(Wanted::default());
    let listed = Session {
        pool: "shop".into(),
        by: RecognisedBy::Cookie(world.id()),
        member: "one".into(),
        age_s: 35,
        idle_s: 35,
        ends_in_s: 1200 + 1 - 35,
    };
    assert_eq!(sessions, [listed]);
    let json = serde_json::to_string(&sessions).unwrap();
    assert!(json.contains(&format!("\"cookie\":\"{}\"", world.id())), "{json}");
    assert!(!json.contains("secret"), "{json}");
}

#[test]
fn sessions_by_cookie_are_found_by_pool_and_member_and_not_by_client() {
    let world = World::proxied();
    world.learn("a", "10.0.0.1:8080", 0);
    world.learn("b", "10.0.0.2:8080", 0);
    world.learn("c", "10.0.0.9:8080", 0);
    let of = |pool: Option<&str>, member: Option<&str>, client: Option<&str>| {
        let mut members: Vec<_> = world
            .listed(Wanted {
                pool: pool.map(Into::into),
                member: member.map(Into::into),
                client: client.map(|client| client.parse().unwrap()),
                cookie: None,
            })
            .into_iter()
            .map(|session| session.member)
            .collect();
        members.sort();
        members
    };
    assert_eq!(of(None, None, None), [GONE, "one", "two"]);
    assert_eq!(of(Some("shop"), Some("two"), None), ["two"]);
    assert!(of(Some("own"), None, None).is_empty());
    assert!(of(None, None, Some(CLIENT)).is_empty());
}

#[test]
fn a_session_by_cookie_is_found_by_the_value_of_that() {
    let world = World::proxied();
    world.learn("a", "10.0.0.1:8080", 0);
    world.learn("b", "10.0.0.2:8080", 0);
    let wanted = |value: &str| Wanted {
        cookie: Some(CookieValue(value.into())),
        ..Wanted::default()
    };
    let of = |value: &str| {
        let listed = world.listed(wanted(value)).into_iter();
        listed.map(|session| session.member).collect::<Vec<_>>()
    };
    assert_eq!(
        (of("a"), of("b")),
        (vec!["one".to_owned()], vec!["two".to_owned()])
    );
    assert!(of("c").is_empty());
    // The datapath knows nobody so.
    let datapath = World::new();
    datapath.hold();
    assert!(datapath.listed(wanted("a")).is_empty());
}

#[test]
fn a_session_by_cookie_that_is_over_is_not_listed_though_it_is_not_swept_yet() {
    let world = World::proxied();
    world.learn("late", "10.0.0.1:8080", 1201);
    assert!(world.listed(Wanted::default()).is_empty());
    world.learn("just", "10.0.0.1:8080", 1200);
    assert_eq!(world.listed(Wanted::default())[0].ends_in_s, 1);
}

#[test]
fn of_pools_whose_clients_carry_their_sessions_nothing_is_invented() {
    let world = World::proxied();
    let carried = |pool: &str, member: &str| {
        let named = |name: &str| (!name.is_empty()).then(|| name.to_owned());
        let wanted = Wanted {
            pool: named(pool),
            member: named(member),
            ..Wanted::default()
        };
        let sessions = world.sessions(wanted).unwrap();
        assert!(sessions.listed.is_empty());
        sessions.carried_by_clients
    };
    assert_eq!(carried("", ""), ["own"]);
    assert_eq!(carried("own", ""), ["own"]);
    assert_eq!(carried("", "three"), ["own"]);
    assert!(carried("shop", "").is_empty());
    assert!(carried("", "one").is_empty());
}

#[test]
fn the_table_of_cookies_is_listed_in_slices() {
    let world = World::proxied();
    for number in 0..5_000 {
        world.learn(&number.to_string(), "10.0.0.1:8080", 0);
    }
    let table = world.look.app_cookies().unwrap();
    let (mut cursor, mut listed, mut slices) = (Cursor::default(), 0, 0);
    loop {
        slices += 1;
        if table.list(&mut cursor, |_| listed += 1) == Round::Complete {
            break;
        }
    }
    assert_eq!((listed, slices), (5_000, table.shards()));
    assert!(slices > 1);
}

#[test]
fn a_session_is_dropped_by_what_its_pool_recognises_clients_by() {
    let world = World::proxied();
    world.learn("a", "10.0.0.1:8080", 0);
    let kept = |pool: &str, by: &str| {
        let kept = Kept::of(&world.scene(), pool, by.parse().unwrap());
        kept.map(|kept| matches!(kept, Kept::ByTheProxy(..)))
    };
    let id = world.id().to_string();
    assert_eq!(kept("shop", &id), Ok(true));
    for (pool, by, says) in [
        ("shop", CLIENT, "recognises clients by cookie"),
        ("own", id.as_str(), "each of its clients carries its own"),
        ("own", CLIENT, "each of its clients carries its own"),
        ("plain", id.as_str(), "recognises nobody by cookie"),
        ("plain", CLIENT, "holds no session of 203.0.113.7"),
        ("other", CLIENT, "there is no pool \"other\""),
    ] {
        let refusal = kept(pool, by).unwrap_err().to_string();
        assert!(refusal.contains(says), "{refusal}");
    }
    let datapath = World::new();
    let by = CLIENT.parse().unwrap();
    assert!(matches!(
        Kept::of(&datapath.scene(), "web", by),
        Ok(Kept::InTheDatapath(_))
    ));
}

#[test]
fn an_address_and_the_id_of_a_cookie_are_told_apart() {
    let id = SessionId(0x3fa9_0c64_d7e1_b258);
    for (text, by) in [
        ("3fa90c64d7e1b258", Some(RecognisedBy::Cookie(id))),
        (
            "203.0.113.7",
            Some(RecognisedBy::Client("203.0.113.7".parse().unwrap())),
        ),
        (
            "::ffff:203.0.113.7",
            Some(RecognisedBy::Client("203.0.113.7".parse().unwrap())),
        ),
        ("3fa90c64d7e1b25", None),
        ("+fa90c64d7e1b258", None),
        ("cookie", None),
        ("", None),
    ] {
        assert_eq!(text.parse().ok(), by, "{text}");
    }
}

#[test]
fn the_json_of_a_session_says_what_it_is_recognised_by_in_one_word() {
    let session = |by: &str| Session {
        pool: "web".into(),
        by: by.parse().unwrap(),
        member: "one".into(),
        age_s: 1,
        idle_s: 2,
        ends_in_s: 3,
    };
    for (by, key) in [(CLIENT, "client"), ("3fa90c64d7e1b258", "cookie")] {
        let session = session(by);
        let json = serde_json::to_string(&session).unwrap();
        let rest = r#""member":"one","age_s":1,"idle_s":2,"ends_in_s":3"#;
        assert_eq!(json, format!(r#"{{"pool":"web","{key}":"{by}",{rest}}}"#));
        assert_eq!(serde_json::from_str::<Session>(&json).unwrap(), session);
    }
}

/// A pool of the proxy that knows clients by their address, and holds one to a member.
fn by_address() -> World {
    let mut world = World::proxied();
    let pool = Arc::make_mut(&mut world.config.pools[0]);
    let granularity = Granularity { v4: 24, v6: 64 };
    let persistence = pool.session_persistence.as_mut().unwrap();
    persistence.persistence = Persistence::SourceIp(granularity);
    world.look = Look::at(&world.config, &Health::default(), PROXY_NOW_S);
    let client = ByAddress::of(CLIENT.parse().unwrap(), granularity);
    let limits = Limits::of(world.config.pools[0].session_persistence.as_ref().unwrap());
    let member = MemberTag::at("10.0.0.2:8080".parse().unwrap());
    let table = world.look.app_cookies().unwrap();
    let begun = table.begin(
        PoolTag::of("shop"),
        client.as_bytes(),
        member,
        limits,
        PROXY_NOW_S - 35,
    );
    assert_eq!(begun, Ok(Learned::Created));
    world
}

#[test]
fn a_client_that_the_proxy_knows_by_its_address_is_listed_by_id_and_found_by_its_address() {
    let world = by_address();
    let all = world.listed(Wanted::default());
    assert_eq!(
        (all[0].by, all[0].member.as_str()),
        (RecognisedBy::ClientId(world.id()), "two")
    );
    let of = |client: &str| {
        let wanted = Wanted {
            client: Some(client.parse().unwrap()),
            ..Wanted::default()
        };
        let listed = world.listed(wanted).into_iter();
        listed.map(|session| session.by).collect::<Vec<_>>()
    };
    let network = RecognisedBy::Client("203.0.113.0".parse().unwrap());
    assert_eq!(of(CLIENT), [network]);
    assert_eq!(of("203.0.113.200"), [network]);
    assert!(of("203.0.114.7").is_empty());
    for by in [CLIENT, &world.id().to_string()] {
        let kept = Kept::of(&world.scene(), "shop", by.parse().unwrap());
        assert!(
            matches!(kept, Ok(Kept::ByTheProxy(_, id)) if id == world.id()),
            "{by}"
        );
    }
}

#[test]
fn a_client_that_the_proxy_knows_by_its_address_is_told_where_it_goes() {
    let world = by_address();
    world.assert_goes(
        "shop",
        AskedRequest::default(),
        Some("two"),
        By::Session,
        &[
            "held by its session with pool shop until 12:19:26 UTC (idle 20 min, last seen 35 s ago): its requests go to two",
            "the session is that of all clients in its network, 203.0.113.0",
        ],
    );
    let session = world.foresee("shop", AskedRequest::default()).unwrap().session;
    assert_eq!(session.unwrap().network, Some("203.0.113.0".parse().unwrap()));
    world.look.app_cookies().unwrap().forget_where(|_| true);
    world.assert_goes(
        "shop",
        AskedRequest::default(),
        Some("one"),
        By::Algorithm,
        &["pool shop holds no session of 203.0.113.7; its next request begins one, of 20 min"],
    );
    assert!(world.status().pools[0].proxied_sessions.is_some());
}
