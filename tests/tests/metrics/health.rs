//! What monitors found of members, and what that means for their pool.

use anyhow::Result;
use lb_tests::{Laboratory, Pool, Scene};

use crate::exposition::Exposition;

const PORT: u16 = 80;

fn watched(pool: Pool) -> Pool {
    pool.monitor("type = \"TCP\"\ndelay_s = 1\ntimeout_s = 1\nrise = 1\nfall = 1")
}

#[test]
fn probes_are_counted_by_what_they_found_and_turns_by_each_member() -> Result<()> {
    let scene = Scene::start(Laboratory::routed(), PORT, &[1, 1], watched)?;
    let daemon = scene.daemon();
    let of = |member| [("pool", "V6"), ("member", member)];
    let probes = |told: &Exposition, member, result| {
        let labels = [("pool", "V6"), ("member", member), ("result", result)];
        told.count("holdfast_health_probes_total", &labels)
    };
    let told = Exposition::once(daemon, "both members to be probed", |told| {
        ["member1", "member2"]
            .iter()
            .all(|member| probes(told, member, "passed") > 0)
    })?;
    for member in ["member1", "member2"] {
        assert!(probes(&told, member, "failed") == 0);
        told.assert(
            "holdfast_member_status",
            &[("member", member), ("status", "ONLINE")],
            2,
        );
        told.assert("holdfast_member_weight", &of(member), 1);
    }
    let turns = told.count("holdfast_health_changes_total", &of("member1"));

    scene.members()[0].stop();
    let is_down = |told: &Exposition| {
        let down = [("pool", "V6"), ("status", "ERROR")];
        told.count("holdfast_pool_members", &down) > 0
    };
    let told = Exposition::once(daemon, "the member to be down", is_down)?;
    assert!(probes(&told, "member1", "failed") > 0);
    assert!(probes(&told, "member2", "failed") == 0);
    told.assert("holdfast_health_changes_total", &of("member1"), turns + 1);
    let down = [("pool", "V6"), ("member", "member1")];
    let statuses: Vec<&str> = told
        .named("holdfast_member_status", &down)
        .map(|sample| sample.labels["status"].as_str())
        .collect();
    assert_eq!(statuses, ["ERROR"], "it has one");
    for (name, status, count) in [
        ("holdfast_pool_status", "DEGRADED", 1),
        ("holdfast_pool_members", "ONLINE", 1),
        ("holdfast_pool_members", "ERROR", 1),
    ] {
        told.assert(name, &[("pool", "V6"), ("status", status)], count);
    }
    let balancer = told.named("holdfast_load_balancer_status", &[("status", "DEGRADED")]);
    assert!(balancer.count() > 0);

    scene.members()[0].restart()?;
    let told = Exposition::once(daemon, "the member to be up", |told| !is_down(told))?;
    told.assert("holdfast_health_changes_total", &of("member1"), turns + 2);
    told.assert("holdfast_health_changes_total", &of("member2"), turns);
    told.assert("holdfast_pool_status", &[("pool", "V6"), ("status", "ONLINE")], 1);
    Ok(())
}
