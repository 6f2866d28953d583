//! The management API and `holdfast status` say of everything how it is doing: what a file declares, what there is no way to,
//! and what is not served.

use std::time::Duration;

use anyhow::Result;
use lb_tests::desk::{Desk, SMALL};
use lb_tests::{Daemon, Family, Laboratory, Services, eventually};
use serde_json::Value;

const WITHIN: Duration = Duration::from_secs(10);

/// Two listeners of a file at a VIP, which lead to the same pool, with more lines at its end.
fn file(laboratory: &Laboratory, more: &str) -> String {
    let (vip, member) = (Family::V4.vip(), laboratory.member_address(1, Family::V4));
    format!(
        "{SMALL}\n[[load_balancer]]\nname = \"web\"\nvip = \"{vip}\"\n\
         listener = [{{ name = \"one\", protocol = \"TCP\", port = 80, pool = \"web\" }},\n\
         {{ name = \"other\", protocol = \"TCP\", port = 81, pool = \"web\" }}]\n\
         [[pool]]\nname = \"web\"\n[[pool.member]]\nname = \"a\"\naddress = \"{member}\"\nport = 8090\n{more}"
    )
}

fn statuses(desk: &Desk) -> Result<Vec<Value>> {
    let lines = [
        "lb show web",
        "listener show one",
        "pool show web",
        "member show --pool web a",
    ];
    let status = |line| Ok(desk.answer(line)?["operating_status"].take());
    lines.into_iter().map(status).collect()
}

#[test]
fn a_member_that_there_is_no_way_to_fails_in_the_api_as_in_the_status() -> Result<()> {
    let lab = Laboratory::routed().members(1).build()?;
    let _member = lab.serve(1, &Services::new().tcp([8090]))?;
    // Nothing routes there.
    let nowhere = "[[pool.member]]\nname = \"nowhere\"\naddress = \"172.31.0.1\"\nport = 80\n";
    let without = file(&lab, "");
    let daemon = Daemon::start(&lab, file(&lab, nowhere))?;
    let desk = Desk::of(daemon, lab);
    eventually("the member to fail", WITHIN, || {
        let member = desk.answer("member show --pool web nowhere");
        member.is_ok_and(|member| member["operating_status"] == "ERROR")
    });
    assert_eq!(
        statuses(&desk)?,
        ["DEGRADED", "DEGRADED", "DEGRADED", "NO_MONITOR"]
    );
    let happened = desk.daemon.api("GET", "/events/latest", None)?;
    let happened = happened.object("events")?.as_array().cloned().unwrap_or_default();
    let failed = happened
        .iter()
        .find(|row| row["name"] == "nowhere" && row["operating_status"] == "ERROR");
    let why = failed.map(|row| &row["reason"]);
    assert_eq!(why, Some(&"there is no route to it".into()), "{happened:#?}");
    let status = desk.daemon.status()?;
    assert_eq!(status["load_balancers"][0]["status"], "DEGRADED", "{status}");
    assert_eq!(status["pools"][0]["members"][1]["status"], "ERROR", "{status}");
    desk.daemon.reconfigure(without)?;
    eventually("all to work", WITHIN, || {
        statuses(&desk).is_ok_and(|all| all == ["ONLINE", "ONLINE", "ONLINE", "NO_MONITOR"])
    });
    Ok(())
}

#[test]
fn what_listeners_of_a_file_have_done_is_told_too() -> Result<()> {
    let lab = Laboratory::routed().members(1).build()?;
    let _member = lab.serve(1, &Services::new().tcp([8090]))?;
    let daemon = Daemon::start(&lab, file(&lab, ""))?;
    let vip = (Family::V4.vip(), 80).into();
    let tally = lab
        .client()
        .sweep_connections(20, |index| Family::V4.source(index), vip, 4);
    tally.assert_no_failures();
    let desk = Desk::of(daemon, lab);
    let id = |line: &str| -> Result<String> {
        Ok(desk.answer(line)?["id"].as_str().unwrap_or_default().to_owned())
    };
    let stats = |path: String| -> Result<Value> {
        let answer = desk.daemon.api("GET", &format!("{path}/stats"), None)?;
        Ok(answer.object("stats")?.clone())
    };
    let balancer = stats(format!("/loadbalancers/{}", id("lb show web")?))?;
    let one = stats(format!("/listeners/{}", id("listener show one")?))?;
    let other = stats(format!("/listeners/{}", id("listener show other")?))?;
    for all in [&balancer, &one] {
        assert_eq!(all["total_connections"], 20, "{all}");
        assert!(all["bytes_in"].as_u64() > Some(1000), "{all}");
    }
    // Those that are open are known of the pool.
    assert_eq!(
        balancer["active_connections"], one["active_connections"],
        "{balancer} {one}"
    );
    assert_eq!(other["total_connections"], 0, "{other}");
    assert_eq!(other["active_connections"], 0, "{other}");
    Ok(())
}

#[test]
fn what_is_not_served_is_said_by_status_and_export_and_is_served_once_a_file_makes_room() -> Result<()> {
    let lab = Laboratory::routed().members(1).build()?;
    let without = format!("{SMALL}\n");
    let with = file(&lab, "");
    let mut desk = Desk::of(Daemon::start(&lab, &without)?, lab);
    desk.said(&format!("lb create shop --vip {}", Family::V4.vip()))?;
    desk.said("pool create spare --lb shop --protocol TCP")?;
    // The file takes the address while nobody is there to refuse that.
    desk.daemon.terminate()?;
    desk.daemon.write_config(with)?;
    desk.daemon.launch()?;
    let status = desk.daemon.status()?;
    assert_eq!(status["refused"][0]["name"], "shop", "{status}");
    for line in ["status", "status --tree"] {
        let said = desk.said(line)?.to_lowercase();
        assert!(
            said.contains("not all served of") && said.contains("load balancer shop"),
            "{said}"
        );
    }
    let exported = desk.run("export")?;
    let complaint = String::from_utf8(exported.stderr)?;
    for says in [
        "load balancer \"shop\" is not in it",
        "pool \"spare\" is not in it, since nothing leads to it",
    ] {
        assert!(complaint.contains(says), "{complaint}");
    }
    desk.daemon.reconfigure(without)?;
    eventually("it to be served", WITHIN, || {
        let shop = desk.answer("lb show shop");
        shop.is_ok_and(|shop| shop["provisioning_status"] == "ACTIVE" && shop["operating_status"] == "ONLINE")
    });
    assert!(desk.daemon.status()?["refused"].is_null());
    Ok(())
}
