//! Whatever has been asked for, another start finds it again, and it can be said by a file.

use proptest::{collection::vec, prelude::*};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{
    World,
    harness::{Answer, Client},
};
use crate::{cli::export, config, model::Config};

/// Something that is asked for. Numbers choose among what there is.
#[derive(Clone, Debug)]
enum Step {
    Make(Kind, u8, u8),
    Change(Kind, u8, u8),
    Delete(Kind, u8),
    Members(u8, Vec<u8>),
    Quota(i8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Balancer,
    Listener,
    Pool,
    Member,
    Monitor,
    Policy,
    Rule,
}

fn kind() -> impl Strategy<Value = Kind> {
    use Kind::{Balancer, Listener, Member, Monitor, Policy, Pool, Rule};
    prop::sample::select(vec![Balancer, Listener, Pool, Member, Monitor, Policy, Rule])
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        14 => (kind(), any::<u8>(), any::<u8>()).prop_map(|(kind, of, how)| Step::Make(kind, of, how)),
        6 => (kind(), any::<u8>(), any::<u8>()).prop_map(|(kind, which, how)| Step::Change(kind, which, how)),
        2 => (kind(), any::<u8>()).prop_map(|(kind, which)| Step::Delete(kind, which)),
        1 => (any::<u8>(), vec(1..9_u8, 0..5)).prop_map(|(pool, members)| Step::Members(pool, members)),
        1 => any::<i8>().prop_map(Step::Quota),
    ]
}

/// The ids of a list.
async fn ids(client: &Client, path: &str) -> Vec<String> {
    let list = client.sees(&format!("{path}?fields=id")).await;
    let list = list.as_array().expect("a list").iter();
    list.map(|one| one["id"].as_str().expect("an id").to_owned())
        .collect()
}

fn chosen<T: Clone>(all: &[T], number: u8) -> Option<T> {
    all.get(usize::from(number) % all.len().max(1)).cloned()
}

/// The paths of lists of a kind: one for each of what they belong to.
async fn paths(client: &Client, kind: Kind) -> Vec<String> {
    let below = async |parents: &str, children: &str| {
        let parents_of = ids(client, parents).await.into_iter();
        parents_of
            .map(|id| format!("{parents}/{id}/{children}"))
            .collect()
    };
    match kind {
        Kind::Balancer => vec!["loadbalancers".into()],
        Kind::Listener => vec!["listeners".into()],
        Kind::Pool => vec!["pools".into()],
        Kind::Monitor => vec!["healthmonitors".into()],
        Kind::Policy => vec!["l7policies".into()],
        Kind::Member => below("pools", "members").await,
        Kind::Rule => below("l7policies", "rules").await,
    }
}

/// How packets get to members.
const TAGS: [&[&str]; 8] = [
    &[],
    &[],
    &[],
    &["forwarding=nat"],
    &["forwarding=dsr"],
    &["forwarding=dsr"],
    &["forwarding=ipip"],
    &["forwarding=full_nat"],
];
/// Names, and what may not pass for one in a file.
const NAMES: [&str; 8] = [
    "web",
    "web",
    "",
    "  web ",
    "a\u{7}b",
    "shop \u{1f6d2}",
    "web-2",
    "\u{9b}",
];
/// What rules compare, and with what; not all of it is taken.
const RULES: [(&str, &str, &str); 16] = [
    ("PATH", "STARTS_WITH", "/a"),
    ("PATH", "STARTS_WITH", "a"),
    ("PATH", "EQUAL_TO", "/a?b"),
    ("PATH", "CONTAINS", "a"),
    ("PATH", "REGEX", "^/(a|b)$"),
    ("PATH", "REGEX", "("),
    ("HOST_NAME", "EQUAL_TO", "a.example"),
    ("HOST_NAME", "EQUAL_TO", "a.example:80"),
    ("HOST_NAME", "ENDS_WITH", ".example"),
    ("HOST_NAME", "CONTAINS", "a/b"),
    ("FILE_TYPE", "EQUAL_TO", "jpg"),
    ("FILE_TYPE", "EQUAL_TO", ".jpg"),
    ("HEADER", "EQUAL_TO", "\"a\tb\""),
    ("HEADER", "CONTAINS", "v1"),
    ("COOKIE", "EQUAL_TO", "yes"),
    ("COOKIE", "STARTS_WITH", "no"),
];
/// Where clients can be sent, and where not.
const ADDRESSES: [&str; 8] = [
    "http://example.org",
    "https://example.org/",
    "https://example.org/a/",
    "http://user@example.org/",
    "http://example.org:8080/a?b#c",
    "http://[2001:db8::1]",
    "https://",
    "https://example.org/a?b",
];

/// Most of what there is belongs to requests.
const PROTOCOLS: [&str; 4] = ["HTTP", "HTTP", "TCP", "UDP"];

/// What a new object is to be like; none: there is nothing that it could belong to.
async fn fields(client: &Client, kind: Kind, of: u8, how: u8) -> Option<Json> {
    let owner = async |path: &str| chosen(&ids(client, path).await, of);
    let protocol = PROTOCOLS[usize::from(how) % 4];
    Some(match kind {
        Kind::Balancer => {
            let address = if how.is_multiple_of(3) {
                format!("2001:db8::{how}")
            } else {
                format!("192.0.2.{how}")
            };
            json!({"vip_address": address, "name": NAMES[usize::from(of) % 8]})
        }
        Kind::Listener => {
            let mut listener = json!({
                "loadbalancer_id": owner("loadbalancers").await?, "protocol": protocol, "protocol_port": 80 + how / 8,
                "default_pool_id": if how.is_multiple_of(3) { owner("pools").await } else { None },
                "name": NAMES[usize::from(of) % 8], "connection_limit": i32::from(of) * 10_000 - 1,
                "timeout_client_data": u32::from(of) * 100_000,
            });
            if protocol == "HTTP" && how.is_multiple_of(5) {
                listener["protocol"] = json!("TERMINATED_HTTPS");
                listener["default_tls_container_ref"] = json!("shop");
                listener["insert_headers"] = json!({"X-Forwarded-For": "false", "X-Forwarded-Port": "true"});
            }
            listener
        }
        Kind::Pool => {
            let persistence = match how / 4 % 4 {
                0 => json!({"type": "SOURCE_IP", "persistence_timeout": 60 + u32::from(of)}),
                1 => json!({"type": "HTTP_COOKIE"}),
                2 => json!({"type": "APP_COOKIE", "cookie_name": "SID"}),
                _ => json!(null),
            };
            let place = match how % 2 {
                0 => ("listener_id", owner("listeners").await?),
                _ => ("loadbalancer_id", owner("loadbalancers").await?),
            };
            let algorithm = ["ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP"][usize::from(how / 32) % 3];
            json!({
                place.0: place.1, "protocol": protocol, "lb_algorithm": algorithm, "session_persistence": persistence,
                "tags": TAGS[usize::from(of) % 8],
            })
        }
        Kind::Member => {
            let net = if how.is_multiple_of(5) {
                "fd00::"
            } else {
                "10.0.0."
            };
            json!({
                "address": format!("{net}{}", how % 16),
                "protocol_port": 80 + u16::from(how / 64),
                "weight": of,
                "name": NAMES[usize::from(how) % 8],
                "monitor_port": if how.is_multiple_of(4) { Some(8080) } else { None },
                "monitor_address": if how.is_multiple_of(8) { Some("10.0.1.1") } else { None },
            })
        }
        Kind::Monitor => {
            let kind = ["HTTP", "TCP", "UDP-CONNECT", "HTTPS"][usize::from(how) % 4];
            let path = ["/", "/a?b", "/<", "/a#b"][usize::from(how / 4) % 4];
            let mut monitor = json!({"pool_id": owner("pools").await?, "type": kind, "delay": 5, "timeout": 3, "max_retries": 2});
            if kind.starts_with("HTTP") {
                monitor["url_path"] = json!(path);
            }
            monitor
        }
        Kind::Policy => {
            let listener = owner("listeners").await?;
            let position = 1 + how / 64;
            match how % 3 {
                0 => json!({"listener_id": listener, "action": "REJECT", "position": position}),
                1 => json!({
                    "listener_id": listener, "action": "REDIRECT_TO_POOL", "redirect_pool_id": owner("pools").await?,
                }),
                _ if how.is_multiple_of(2) => json!({
                    "listener_id": listener, "action": "REDIRECT_PREFIX",
                    "redirect_prefix": ADDRESSES[usize::from(how / 8) % 8],
                }),
                _ => json!({
                    "listener_id": listener, "action": "REDIRECT_TO_URL",
                    "redirect_url": ADDRESSES[usize::from(how / 8) % 8],
                }),
            }
        }
        Kind::Rule => {
            let (kind, compare, value) = RULES[usize::from(how) % 16];
            let key = match kind {
                "HEADER" | "COOKIE" => Some(["x-key", "a,b"][usize::from(how / 16) % 2]),
                _ => None,
            };
            json!({"type": kind, "compare_type": compare, "value": value, "key": key})
        }
    })
}

/// What is to become of an object that is there.
fn change(kind: Kind, how: u8) -> Json {
    let name = json!({"name": NAMES[usize::from(how) % 8], "tags": ["a", format!("{}", how % 8)]});
    match (kind, how % 3) {
        (Kind::Rule, _) => json!({"value": format!("/{how}"), "invert": how.is_multiple_of(2)}),
        (Kind::Policy, 0) => json!({"position": 1 + how / 32}),
        (Kind::Member, 0) => json!({"weight": how}),
        (Kind::Pool, 0) => json!({"session_persistence": null}),
        (Kind::Pool, 1) => json!({"session_persistence": {"type": "SOURCE_IP"}}),
        (Kind::Listener, 0) => json!({"default_pool_id": null}),
        (Kind::Monitor, 0) => json!({"delay": 3 + u16::from(how)}),
        (_, 1) => json!({"admin_state_up": how.is_multiple_of(2)}),
        _ => name,
    }
}

/// Asks for something, where there is anything that it could be asked of.
async fn take(client: &Client, step: &Step) -> Option<Answer> {
    match step {
        Step::Make(kind, of, how) => {
            let path = chosen(&paths(client, *kind).await, *of)?;
            let fields = fields(client, *kind, *of, *how).await?;
            Some(client.tries_to_make(&path, &fields).await)
        }
        Step::Change(kind, which, how) => {
            let path = chosen(&paths(client, *kind).await, *which)?;
            let id = chosen(&ids(client, &path).await, *which)?;
            Some(client.tries_to_change(&path, &id, &change(*kind, *how)).await)
        }
        Step::Delete(kind, which) => {
            let path = chosen(&paths(client, *kind).await, *which)?;
            let id = chosen(&ids(client, &path).await, *which)?;
            let cascade = if *kind == Kind::Balancer && which.is_multiple_of(2) {
                "?cascade=true"
            } else {
                ""
            };
            Some(client.deletes(&format!("{path}/{id}{cascade}")).await)
        }
        Step::Members(pool, members) => {
            let path = chosen(&paths(client, Kind::Member).await, *pool)?;
            let members: Vec<Json> = members
                .iter()
                .map(|last| json!({"address": format!("10.0.0.{last}"), "protocol_port": 80}))
                .collect();
            Some(client.puts(&path, &json!({"members": members})).await)
        }
        Step::Quota(bound) => {
            let quota = json!({"quota": {"member": i16::from(*bound).max(-1)}});
            Some(client.puts("quotas/admins", &quota).await)
        }
    }
}

/// All that can be seen, and all that is to be served.
#[derive(Debug, PartialEq)]
struct Picture {
    lists: Vec<String>,
    served: Vec<(Uuid, String)>,
}

async fn picture(world: &World) -> Picture {
    let client = world.admin();
    let mut lists = Vec::new();
    for path in [
        "loadbalancers",
        "listeners",
        "pools",
        "healthmonitors",
        "l7policies",
        "quotas",
    ] {
        lists.push(client.gets(path).await.is(200).text);
    }
    for kind in [Kind::Member, Kind::Rule] {
        for path in paths(&client, kind).await {
            lists.push(client.gets(&path).await.is(200).text);
        }
    }
    let served = world.manager.managed().into_iter();
    let served = served.map(|(id, managed)| (id, format!("{:?}", managed.expect("what was accepted"))));
    Picture {
        lists,
        served: served.collect(),
    }
}

async fn lives(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let world = World::new();
    let client = world.admin();
    // Something that most of the rest can belong to.
    let balancer = client.makes_a_load_balancer(1).await;
    let listener = client.makes_a_listener(&balancer, "HTTP", 80).await;
    let pool = client.makes_a_pool_for(&listener, "HTTP").await;
    client.makes_a_member(&pool, 1).await;
    let policy = client.makes_a_rejecting_policy(&listener).await;
    client.makes_a_rule(&policy).await;
    for step in &steps {
        let before = picture(&world).await;
        let Some(answer) = take(&client, step).await else {
            continue;
        };
        // What is not offered is said by 501.
        prop_assert!(
            answer.status < 500 || answer.status == 501,
            "{step:?}: {}",
            answer.text
        );
        if answer.status >= 400 {
            prop_assert_eq!(
                &before,
                &picture(&world).await,
                "what is refused changes nothing: {:?}",
                step
            );
        }
    }
    let before = picture(&world).await;
    for (id, served) in &before.served {
        let told = world.plane.last_of(*id).expect("what is served was told");
        prop_assert_eq!(served, &format!("{told:?}"));
    }
    is_a_file(world.plane.config())?;
    prop_assert_eq!(before, picture(&world.restarted()).await);
    Ok(())
}

/// An export of it is read again as what was exported.
fn is_a_file(config: Config) -> Result<(), TestCaseError> {
    let exported = export::named(config).config;
    let text = config::render(&exported).expect("what is served can be written");
    let read = config::parse(&text, "exported.toml");
    let read = read.map_err(|mistakes| TestCaseError::fail(format!("{mistakes:#}\n{text}")))?;
    prop_assert_eq!(exported, read.config);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn another_start_finds_what_was_asked_for(steps in vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(lives(steps))?;
    }
}
