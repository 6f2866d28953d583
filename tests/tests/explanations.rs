//! `holdfast explain` says where a client goes; then it goes there.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use lb_tests::{Family, Laboratory, Persistence, Pool, Protocol, Scene, eventually};
use serde_json::Value;

const PORT: u16 = 80;
const WITHIN: Duration = Duration::from_secs(20);

fn held(pool: Pool) -> Pool {
    pool.persistence(Persistence { idle_timeout_min: 20 })
}

fn scene(weights: &[u32], settings: fn(Pool) -> Pool) -> Result<Scene> {
    Scene::start(Laboratory::routed(), PORT, weights, settings)
}

fn explain(scene: &Scene, client: &str, family: Family, protocol: Protocol) -> Result<Value> {
    let listener = format!("{protocol}://{}", scene.vip(family));
    let output = scene.daemon().cli(&["explain", client, &listener, "--json"])?;
    ensure!(output.status.success(), "{output:?}");
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Explains each client before it asks, and asserts that it then goes where that says. The flows are kept open: one that
/// is being closed could change between the two what is the least load.
fn each_goes_where_it_is_said(scene: &Scene, by: &str, clients: impl Iterator<Item = usize>) -> Result<()> {
    let mut open = Vec::new();
    for index in clients {
        let family = Family::BOTH[index % 2];
        let protocol = Protocol::BOTH[index / 2 % 2];
        let client = family.source(index);
        let explanation = explain(scene, &client.to_string(), family, protocol)?;
        assert_eq!(explanation["by"], by, "{explanation}");
        let flow = scene.client().open(protocol, Some(client), scene.vip(family))?;
        assert_eq!(
            explanation["member"],
            flow.ask()?.member.as_str(),
            "{explanation}"
        );
        open.push(flow);
    }
    Ok(())
}

#[test]
fn of_each_algorithm_it_names_the_member_that_a_new_client_gets() -> Result<()> {
    for algorithm in ["ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP"] {
        let settings: fn(Pool) -> Pool = match algorithm {
            "ROUND_ROBIN" => |pool| pool,
            "LEAST_CONNECTIONS" => |pool| pool.algorithm("LEAST_CONNECTIONS"),
            _ => |pool| pool.algorithm("SOURCE_IP"),
        };
        let scene = scene(&[3, 2, 1], settings)?;
        // Some load, so that the least of it is not the first of all.
        let open = (0..7).map(|_| scene.client().connect(None, scene.vip(Family::V4)));
        let _open = open.collect::<std::io::Result<Vec<_>>>()?;
        each_goes_where_it_is_said(&scene, "algorithm", 0..24)?;
    }
    Ok(())
}

#[test]
fn with_a_session_it_names_the_member_that_holds_the_client() -> Result<()> {
    let scene = scene(&[1, 1, 1], held)?;
    each_goes_where_it_is_said(&scene, "algorithm", 0..12)?;
    each_goes_where_it_is_said(&scene, "session", 0..12)?;
    // A draining member keeps its sessions; new clients go elsewhere.
    scene.reweigh(&[0, 1, 1])?;
    each_goes_where_it_is_said(&scene, "session", 0..12)?;
    each_goes_where_it_is_said(&scene, "algorithm", 12..24)
}

#[test]
fn it_says_until_when_a_session_holds_and_looking_does_not_prolong_it() -> Result<()> {
    let scene = scene(&[1, 1], held)?;
    let client = Family::V4.source(1);
    let member = scene
        .client()
        .ask_tcp(Some(client), scene.vip(Family::V4))?
        .member;
    let look = || explain(&scene, &client.to_string(), Family::V4, Protocol::Udp);
    let first = look()?;
    let session = &first["session"];
    assert_eq!(session["member"], member.as_str());
    assert_eq!(session["member_status"], "NO_MONITOR");
    assert_eq!(session["idle_timeout_s"], 1200);
    let number = |value: &Value, name: &str| value[name].as_u64().context(name.to_owned());
    let whole = |session: &Value| {
        Ok::<_, anyhow::Error>(number(session, "ends_in_s")? + number(session, "last_seen_s_ago")?)
    };
    // Five seconds are granted on top, and the second that has begun.
    assert_eq!(whole(session)?, 1200 + 5 + 1);
    eventually("time to pass", WITHIN, || {
        let later = look()?;
        let session = &later["session"];
        ensure!(number(session, "last_seen_s_ago")? >= 2, "{later}");
        assert_eq!(whole(session)?, 1200 + 5 + 1);
        Ok(())
    });
    let reasons = first["reasons"].to_string();
    assert!(
        reasons.contains("held by its session with pool V4 until"),
        "{reasons}"
    );
    assert!(reasons.contains("(idle 20 min, last seen"), "{reasons}");
    Ok(())
}

#[test]
fn when_the_member_of_a_session_dies_it_names_the_one_that_the_session_moves_to() -> Result<()> {
    let monitored =
        |pool: Pool| held(pool).monitor("type = \"TCP\"\ndelay_s = 1\ntimeout_s = 1\nrise = 1\nfall = 1");
    let scene = scene(&[1, 1, 1], monitored)?;
    let client = Family::V6.source(1);
    let vip = scene.vip(Family::V6);
    let first = scene.client().ask_udp(Some(client), vip)?.member;
    let mut members = scene.members().iter();
    let serving = members.find(|member| member.name() == first);
    serving.context("a member of that name")?.stop();
    eventually("the death to be noticed", WITHIN, || {
        let explanation = explain(&scene, &client.to_string(), Family::V6, Protocol::Udp)?;
        ensure!(
            explanation["session"]["member_status"] == "ERROR",
            "{explanation}"
        );
        Ok(())
    });
    let explanation = explain(&scene, &client.to_string(), Family::V6, Protocol::Udp)?;
    assert_eq!(explanation["by"], "algorithm", "{explanation}");
    assert_eq!(explanation["session"]["member"], first.as_str());
    let next = scene.client().ask_udp(Some(client), vip)?.member;
    assert_eq!(explanation["member"], next.as_str(), "{explanation}");
    let explanation = explain(&scene, &client.to_string(), Family::V6, Protocol::Udp)?;
    assert_eq!(explanation["by"], "session");
    assert_eq!(explanation["member"], next.as_str());
    Ok(())
}

#[test]
fn it_lists_the_open_flows_of_a_client_and_explains_one_by_its_port() -> Result<()> {
    let scene = scene(&[1, 1, 1], |pool| pool)?;
    for family in Family::BOTH {
        let vip = scene.vip(family);
        let flows = (0..3)
            .map(|_| scene.client().connect(Some(family.source(7)), vip))
            .collect::<std::io::Result<Vec<_>>>()?;
        let members = flows
            .iter()
            .map(|flow| Ok(flow.ask()?.member))
            .collect::<std::io::Result<Vec<String>>>()?;
        let all = explain(&scene, &family.source(7).to_string(), family, Protocol::Tcp)?;
        assert_eq!(all["flows"].as_array().map(Vec::len), Some(3), "{all}");
        assert_eq!(all["more_flows"], 0);
        for (flow, member) in flows.iter().zip(members) {
            let client: SocketAddr = flow.local();
            let one = explain(&scene, &client.to_string(), family, Protocol::Tcp)?;
            assert_eq!(
                (&one["by"], &one["member"]),
                (&"flow".into(), &member.as_str().into())
            );
            let listed = one["flows"].as_array().context("a list")?;
            assert_eq!(listed.len(), 1, "{one}");
            assert_eq!(listed[0]["client"], client.to_string().as_str());
            assert_eq!(listed[0]["state"], "established");
        }
        let others: IpAddr = family.source(8);
        let none = explain(&scene, &others.to_string(), family, Protocol::Tcp)?;
        assert_eq!(none["flows"].as_array().map(Vec::len), Some(0));
    }
    Ok(())
}

#[test]
fn where_no_member_takes_new_clients_it_says_that_the_client_is_refused() -> Result<()> {
    let scene = scene(&[0, 0], |pool| pool)?;
    let client = Family::V4.source(0);
    let explanation = explain(&scene, &client.to_string(), Family::V4, Protocol::Tcp)?;
    assert_eq!(
        (&explanation["by"], &explanation["member"]),
        (&"nothing".into(), &Value::Null)
    );
    assert!(
        scene
            .client()
            .ask_tcp(Some(client), scene.vip(Family::V4))
            .is_err()
    );
    Ok(())
}

#[test]
fn for_people_it_is_sentences_and_who_names_no_listener_is_told_which_there_are() -> Result<()> {
    let scene = scene(&[1], |pool| pool)?;
    let said = scene.daemon().cli(&["explain", "10.9.0.1", "listener-1"])?;
    assert!(said.status.success());
    let said = String::from_utf8(said.stdout)?;
    assert!(
        said.starts_with("10.9.0.1 at listener-1 (TCP://10.1.0.100:80) goes to member1\n"),
        "{said}"
    );
    assert!(said.contains("pool V4 has no session persistence"), "{said}");

    let refused = scene.daemon().cli(&["explain", "10.9.0.1", "nobody"])?;
    assert_eq!(refused.status.code(), Some(3));
    let complaint = String::from_utf8(refused.stderr)?;
    assert!(
        complaint.contains("there is no listener \"nobody\"; there are: listener-1 ("),
        "{complaint}"
    );

    let no_client = scene.daemon().cli(&["explain", "nobody", "listener-1"])?;
    assert_eq!(no_client.status.code(), Some(2));
    Ok(())
}

#[test]
fn without_a_daemon_every_question_fails_and_says_what_to_do() -> Result<()> {
    let mut scene = scene(&[1], |pool| pool)?;
    scene.daemon_mut().terminate()?;
    for question in [
        &["status"][..],
        &["sessions"],
        &["explain", "10.9.0.1", "x"],
        &["trace", "10.9.0.1"],
        &["reload"],
    ] {
        let output = scene.daemon().cli(question)?;
        assert_eq!(output.status.code(), Some(69));
        let complaint = String::from_utf8(output.stderr)?;
        assert!(complaint.contains("no daemon can be reached at"), "{complaint}");
        assert!(complaint.contains("holdfast run --config FILE"), "{complaint}");
    }
    Ok(())
}
