//! Members that come up, as requests are dealt to them. Time is what the tests say.

use super::*;
use crate::proxy::pool::{Candidates, Pool};

const MEMBERS: [&str; 3] = ["a", "b", "c"];

fn config(algorithm: &str, members: &[&str]) -> Config {
    let member = |(number, name): (u8, &&str)| {
        format!("[[pool.member]]\nname = {name:?}\naddress = \"127.0.0.{number}\"\nport = 80")
    };
    let members = (1..).zip(members).map(member).collect::<Vec<_>>().join("\n");
    let text = format!(
        r#"
        [[load_balancer]]
        name = "web"
        vip = "127.0.1.1"
        [[load_balancer.listener]]
        name = "http"
        protocol = "HTTP"
        port = 80
        pool = "web"
        [[pool]]
        name = "web"
        algorithm = "{algorithm}"
        http = {{ slow_start_s = 100 }}
        {members}
        "#
    );
    match config::parse(&text, "test.toml") {
        Ok(loaded) => loaded.config,
        Err(mistakes) => panic!("{mistakes:#}"),
    }
}

fn serving(config: &Config, before: &Serving, now_s: u32) -> Serving {
    Serving::new(config, &Health::default(), &Resources::AsBefore, before, now_s)
}

/// How many of 3000 requests each member has, all of which go on.
fn dealt(pool: &Pool, now_s: u32) -> Vec<u32> {
    let before: Vec<u32> = active(pool);
    for _ in 0..3000 {
        let candidates = Candidates {
            pool,
            tried: &[],
            most: u32::MAX,
            draw: pool.draw(now_s),
        };
        let member = candidates.next("192.0.2.1".parse().unwrap()).unwrap();
        member.entry.active_flows.fetch_add(1);
    }
    active(pool)
        .iter()
        .zip(before)
        .map(|(now, before)| now - before)
        .collect()
}

fn active(pool: &Pool) -> Vec<u32> {
    let members = pool.members.iter();
    members.map(|member| member.entry.active_flows.get()).collect()
}

#[track_caller]
fn is_about(dealt: &[u32], expected: &[u32]) {
    let is_about = |(dealt, expected): (&u32, &u32)| dealt.abs_diff(*expected) <= 30;
    assert!(dealt.iter().zip(expected).all(is_about), "{dealt:?}");
}

#[test]
fn a_pool_that_begins_deals_to_all_alike() {
    for algorithm in ["ROUND_ROBIN", "LEAST_CONNECTIONS"] {
        let serving = serving(&config(algorithm, &MEMBERS), &Serving::default(), 1000);
        is_about(&dealt(&serving.pools["web"], 1000), &[1000; 3]);
    }
}

#[test]
fn an_added_member_gets_more_from_time_to_time() {
    let share = |algorithm, age_s: u32| {
        let first = serving(&config(algorithm, &MEMBERS[..2]), &Serving::default(), 1000);
        // What has been going on makes the new one the least loaded.
        dealt(&first.pools["web"], 1000);
        let second = serving(&config(algorithm, &MEMBERS), &first, 2000);
        dealt(&second.pools["web"], 2000 + age_s)[2]
    };
    for algorithm in ["ROUND_ROBIN", "LEAST_CONNECTIONS"] {
        for (age_s, expected) in [(0, 100), (50, 550), (99, 990)] {
            is_about(&[share(algorithm, age_s)], &[expected]);
        }
    }
    assert!(share("LEAST_CONNECTIONS", 100) > 1500);
}

#[test]
fn where_all_have_just_come_up_all_have_their_turn() {
    let empty = serving(&config("ROUND_ROBIN", &[]), &Serving::default(), 1000);
    for members in [&MEMBERS[..1], &MEMBERS[..2], &MEMBERS] {
        for algorithm in ["ROUND_ROBIN", "LEAST_CONNECTIONS"] {
            let serving = serving(&config(algorithm, members), &empty, 1000);
            let each = 3000 / members.len() as u32;
            is_about(&dealt(&serving.pools["web"], 1010), &vec![each; members.len()]);
        }
    }
}

#[test]
fn where_addresses_say_who_has_a_client_nobody_starts_slowly() {
    let first = serving(&config("SOURCE_IP", &[]), &Serving::default(), 1000);
    let second = serving(&config("SOURCE_IP", &MEMBERS), &first, 1000);
    assert!(second.pools["web"].draw(1000).is_none());
}
