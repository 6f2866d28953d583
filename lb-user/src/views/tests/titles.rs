//! What is called otherwise than its key.

use std::sync::Arc;

use super::{
    requests::asked,
    world::{CLIENT, NOON, World},
    *,
};
use crate::model::Titled as _;

/// Calls everything by its key with an exclamation mark.
fn called(mut world: World) -> World {
    let loudly = |name: &str| Some(format!("{name}!"));
    for balancer in &mut world.config.load_balancers {
        let balancer = Arc::make_mut(balancer);
        balancer.display_name = loudly(&balancer.name);
        for listener in &mut balancer.listeners {
            listener.display_name = loudly(&listener.name);
            let policies = listener.policies.iter_mut();
            policies.for_each(|policy| policy.display_name = loudly(&policy.name));
        }
    }
    for pool in &mut world.config.pools {
        let pool = Arc::make_mut(pool);
        pool.display_name = loudly(&pool.name);
        let members = pool.members.iter_mut();
        members.for_each(|member| member.display_name = loudly(&member.name));
    }
    world
}

fn calls_another(mut world: World, member: usize, display_name: &str) -> World {
    let pool = Arc::make_mut(&mut world.config.pools[0]);
    pool.members[member].display_name = Some(display_name.into());
    world
}

#[test]
fn the_status_has_the_key_of_everything_and_what_people_call_it() {
    let status = called(World::new()).status();
    let json = serde_json::to_value(&status).unwrap();
    assert_eq!(json["pools"][0]["name"], "web");
    assert_eq!(json["pools"][0]["display_name"], "web!");
    assert_eq!(json["load_balancers"][0]["listeners"][0]["pool"], "web");
    let unnamed = serde_json::to_value(World::new().status()).unwrap();
    assert_eq!(unnamed["pools"][0].get("display_name"), None);
}

#[test]
fn a_session_is_told_with_what_its_pool_and_member_are_called() {
    let world = called(World::new());
    world.hold();
    let sessions = world.sessions(Wanted::default()).unwrap();
    let json = serde_json::to_value(&sessions).unwrap();
    assert_eq!(json["listed"][0]["member"], "one");
    assert_eq!(
        json["display_names"],
        serde_json::json!({ "web": "web!", "one": "one!" })
    );
}

#[test]
fn sentences_say_what_people_call_it() {
    let world = called(World::new());
    world.hold();
    let explanation = world.explain(None, NOON);
    assert_eq!(explanation.member.as_deref(), Some("one"));
    assert_eq!(explanation.display_names.of("one"), "one!");
    let said = explanation.reasons.join("\n");
    assert!(said.contains("held by its session with pool web! "), "{said}");
    assert!(said.contains("new connections go to one!"), "{said}");

    let request = AskedRequest {
        host: Some("shop.example".into()),
        ..asked("no session")
    };
    let explanation = called(World::proxied()).foresee("routed", request).unwrap();
    assert_eq!(explanation.policy.as_deref(), Some("buy"));
    let said = explanation.reasons.join("\n");
    for title in ["listener routed! ", "policy buy! ", "pool shop!", "to one!: "] {
        assert!(said.contains(title), "{title} is not in\n{said}");
    }
}

#[test]
fn what_people_name_is_found_by_what_it_is_called_too() {
    let world = called(World::new());
    world.hold();
    let wanted = |pool: &str, member: &str| Wanted {
        pool: Some(pool.into()),
        member: Some(member.into()),
        ..Wanted::default()
    };
    for (pool, member) in [("web", "one"), ("web!", "one!"), ("web", "one!")] {
        assert_eq!(world.sessions(wanted(pool, member)).unwrap().listed.len(), 1);
    }
    let by = RecognisedBy::Client(CLIENT.parse().unwrap());
    assert!(matches!(
        Kept::of(&world.scene(), "web!", by),
        Ok(Kept::InTheDatapath(_))
    ));
    let proxied = called(World::proxied());
    let explanation = proxied.foresee("own!", AskedRequest::default()).unwrap();
    assert_eq!(explanation.listener, "own");
}

#[test]
fn what_several_are_called_is_not_enough_to_name_one() {
    let world = calls_another(called(World::new()), 1, "one!");
    let wanted = Wanted {
        member: Some("one!".into()),
        ..Wanted::default()
    };
    assert_eq!(
        world.sessions(wanted).unwrap_err(),
        "several members are called \"one!\"; name one by its id: one, two"
    );
    assert_eq!(world.config.pools[0].members[1].title(), "one!");
}
