//! What a change leaves as it was.

use super::*;
use crate::{health::Finding, proxy::serving::Resources};

const CONFIG: &str = r#"
    [[load_balancer]]
    name = "one"
    vip = "127.0.0.1"
    listener = [{ name = "one", protocol = "HTTP", port = 8001, pool = "one" }]
    [[load_balancer]]
    name = "two"
    vip = "127.0.0.2"
    listener = [{ name = "two", protocol = "HTTP", port = 8002, pool = "two" }]
    [[pool]]
    name = "one"
    member = [{ name = "a", address = "127.0.0.9", port = 8080 }]
    [[pool]]
    name = "two"
    member = [{ name = "a", address = "127.0.0.9", port = 8080 }]
"#;

/// Which of the pools and listeners "one" and "two" are the same after a change.
fn are_same(change: impl FnOnce(&mut Config, &mut Health)) -> [[bool; 2]; 2] {
    let mut config = config::parse(CONFIG, "test.toml").unwrap().config;
    let mut health = Health::default();
    let serve = |config: &Config, health: &Health, before: &Serving| {
        Serving::new(config, health, &Resources::AsBefore, before, 1000)
    };
    let before = serve(&config, &health, &Serving::default());
    change(&mut config, &mut health);
    let after = serve(&config, &health, &before);
    let pools = ["one", "two"].map(|name| Arc::ptr_eq(&before.pools[name], &after.pools[name]));
    let listeners = ["127.0.0.1:8001", "127.0.0.2:8002"].map(|address| {
        let address: SocketAddr = address.parse().unwrap();
        Arc::ptr_eq(&before.listeners[&address], &after.listeners[&address])
    });
    [pools, listeners]
}

#[test]
fn pools_and_listeners_are_the_same_where_nothing_has_changed() {
    assert_eq!(are_same(|_, _| {}), [[true, true], [true, true]]);
    let of_pool = are_same(|config, _| Arc::make_mut(&mut config.pools[0]).members[0].weight = 7);
    assert_eq!(of_pool, [[false, true], [false, true]]);
    let of_health = are_same(|_, health| {
        let reason = "it does not answer".to_owned();
        health.set("two", "a", Finding::Down { reason });
    });
    assert_eq!(of_health, [[true, false], [true, false]]);
    let of_listener = are_same(|config, _| {
        Arc::make_mut(&mut config.load_balancers[0]).listeners[0].display_name = Some("web".into());
    });
    assert_eq!(of_listener, [[true, true], [false, true]]);
}
