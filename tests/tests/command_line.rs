//! What the command line does with the objects of the management API.

use std::net::{SocketAddr, TcpListener};

use anyhow::{Context as _, Result};
use lb_tests::desk::{Desk, NOOP, SMALL};
use lb_tests::{Daemon, Family, Laboratory};
use serde_json::{Value, json};

fn words(text: &str) -> Vec<Vec<&str>> {
    text.lines()
        .map(|line| line.split_whitespace().collect())
        .collect()
}

#[test]
fn every_kind_is_made_shown_changed_and_taken_away() -> Result<()> {
    let desk = Desk::open()?;
    desk.make_all()?;
    for (line, field, value) in [
        ("lb show web", "vip_address", "192.0.2.10"),
        ("lb set web --name shop --disable", "admin_state_up", "false"),
        ("lb set shop --name web --enable", "admin_state_up", "true"),
        ("lb unset web --description --tag", "description", "\"\""),
        ("lb set web --tag a --tag b", "tags", "[\"a\",\"b\"]"),
        ("lb unset web --tag", "tags", "[]"),
        ("pool set lines --tag a", "tags", "[\"a\"]"),
        ("pool unset lines --tag", "tags", "[]"),
        ("listener show lines", "protocol_port", "443"),
        (
            "listener set site --connection-limit 100",
            "connection_limit",
            "100",
        ),
        ("listener unset site --connection-limit", "connection_limit", "-1"),
        ("listener set bare --default-pool site", "protocol", "HTTP"),
        ("listener unset bare --default-pool", "default_pool_id", "null"),
        ("pool show lines", "lb_algorithm", "LEAST_CONNECTIONS"),
        (
            "pool set lines --algorithm ROUND_ROBIN",
            "lb_algorithm",
            "ROUND_ROBIN",
        ),
        (
            "pool set site --session-persistence none",
            "session_persistence",
            "null",
        ),
        (
            "pool unset lines --session-persistence",
            "session_persistence",
            "null",
        ),
        ("member show one", "weight", "2"),
        (
            "member set 192.0.2.31:8080 --pool lines --weight 0 --name two",
            "weight",
            "0",
        ),
        ("member unset two --weight", "weight", "1"),
        ("l7policy show api", "position", "1"),
        (
            "l7policy set api --position 1 --description x",
            "description",
            "x",
        ),
        ("l7policy unset api --description", "description", "\"\""),
    ] {
        let answer = desk.answer(line)?;
        let found = answer[field].as_str().filter(|text| !text.is_empty());
        let found = found.map_or_else(|| answer[field].to_string(), str::to_owned);
        assert_eq!(found, value, "{line}: {answer}");
        assert_eq!(answer["provisioning_status"], "ACTIVE", "{line}: {answer}");
    }
    // Nobody needs a name for these: they are found by their ids.
    for (kind, change, field) in [
        ("healthmonitor", "--delay 10s", "delay"),
        ("l7rule", "--value /v2", "value"),
    ] {
        let listed = desk.answer(&format!("{kind} list"))?;
        let id = listed[0]["id"].as_str().context("one is listed")?;
        let changed = desk.answer(&format!("{kind} set {id} {change}"))?;
        let expected = if kind == "l7rule" { "\"/v2\"" } else { "10" };
        assert_eq!(changed[field].to_string(), expected);
        assert_eq!(desk.answer(&format!("{kind} show {id}"))?, changed);
        desk.said(&format!("{kind} delete {id}"))?;
        assert_eq!(desk.answer(&format!("{kind} list"))?, json!([]));
    }
    desk.all(&[
        "l7policy delete api",
        "member delete one two --pool lines",
        "pool delete lines site api",
        "listener delete lines site bare",
        "lb delete web",
    ])?;
    assert_eq!(desk.answer("lb list")?.as_array().map(Vec::len), Some(1));
    Ok(())
}

#[test]
fn lists_call_everything_by_its_name_and_can_be_narrowed() -> Result<()> {
    let desk = Desk::open()?;
    desk.make_all()?;
    let members = desk.said("member list")?;
    let members: Vec<_> = words(&members)
        .into_iter()
        .map(|row| row[..3].join(" "))
        .collect();
    assert_eq!(
        members,
        [
            "NAME POOL ADDRESS",
            "10.0.0.1:80 backs 10.0.0.1",
            "one lines 192.0.2.30",
            "- lines 192.0.2.31"
        ]
    );
    let names = |line: &str| -> Result<String> {
        let listed = desk.answer(line)?;
        let names = listed.as_array().into_iter().flatten();
        let names: Vec<_> = names.filter_map(|one| one["name"].as_str()).collect();
        Ok(names.join(" "))
    };
    assert_eq!(names("pool list --lb web")?, "lines site api");
    assert_eq!(names("pool list --lb file")?, "backs");
    assert_eq!(names("lb list --tag a --tag b")?, "web");
    assert_eq!(names("listener list --name site")?, "site");
    assert_eq!(names("member list --pool lines")?, "one ");
    assert_eq!(desk.said("lb list --tag c")?, "There are no load balancers.\n");
    // A page of the API has a thousand.
    let members = (0..1010).map(|number| {
        json!({"address": format!("10.1.{}.{}", number / 250, number % 250 + 1), "protocol_port": 80})
    });
    let pool = desk.answer("pool show api")?["id"]
        .as_str()
        .context("an id")?
        .to_owned();
    let body = json!({"members": members.collect::<Vec<_>>()});
    let replaced = desk
        .daemon
        .api("PUT", &format!("/pools/{pool}/members"), Some(&body))?;
    assert!(replaced.status < 300, "{replaced:?}");
    assert_eq!(
        desk.answer("member list --pool api")?.as_array().map(Vec::len),
        Some(1010)
    );
    Ok(())
}

#[test]
fn a_refusal_says_what_to_do_next_and_ends_as_it_says() -> Result<()> {
    let mut desk = Desk::open()?;
    desk.make_all()?;
    for (line, status, says) in [
        (
            "pool show linse",
            3,
            "there is no pool \"linse\"; did you mean \"lines\"? `holdfast pool list` says",
        ),
        (
            "listener create x --lb nobody --protocol TCP --port 1",
            3,
            "there is no load balancer \"nobody\"",
        ),
        ("lb create other --vip 192.0.2.10", 4, "already in use"),
        ("lb create other", 1, "name one with `--vip ADDRESS`"),
        ("lb create other --subnet four", 3, "there is no subnet \"four\""),
        (
            "pool create other --protocol TCP",
            2,
            "<--lb <NAME|ID>|--listener <NAME|ID>>",
        ),
        ("lb set file --description x", 4, "change it there, and reload"),
        ("lb delete web", 1, "`--cascade` takes them along"),
        ("pool delete api", 4, "is in use by L7 policy"),
        ("member delete one nobody", 3, "there is no member \"nobody\""),
        (
            "pool set site --session-persistence type=APP_COOKIE",
            1,
            "\"cookie_name\" must be specified",
        ),
        (
            "pool set site --session-persistence type=COOKIE",
            2,
            "it is one of SOURCE_IP, HTTP_COOKIE, APP_COOKIE, or none",
        ),
        (
            "pool set site --session-persistence timeout=soon",
            2,
            "write it as in 90s, 20m or 1h",
        ),
        ("pool set site", 2, "required arguments were not provided"),
        ("top", 1, "`holdfast top --once` prints one picture"),
        ("diff /nowhere", 2, "cannot be read"),
    ] {
        let (ended, complaint) = desk.complaint(line)?;
        assert_eq!(ended, Some(status), "{line}: {complaint}");
        assert!(complaint.contains(says), "{line}: {complaint}");
    }
    // What was found before anything was missing is still there.
    desk.said("member show one")?;

    desk.all(&[
        "pool create same --lb web --protocol TCP",
        "pool create same --lb web --protocol TCP",
    ])?;
    let (ended, complaint) = desk.complaint("pool show same")?;
    let ids = desk.answer("pool list --name same")?;
    for index in 0..2 {
        let id = ids[index]["id"].as_str().context("an id")?;
        assert!(ended == Some(1) && complaint.contains(id), "{complaint}");
        desk.said(&format!("pool show {id}"))?;
    }

    desk.daemon.terminate()?;
    let (ended, complaint) = desk.complaint("lb list")?;
    assert_eq!(ended, Some(69), "{complaint}");
    assert!(
        complaint.contains("start one with `holdfast run --config FILE`"),
        "{complaint}"
    );
    Ok(())
}

#[test]
fn an_address_is_chosen_of_a_subnet() -> Result<()> {
    let lab = Laboratory::routed().members(1).build()?;
    let subnet = |name: &str, cidr: &str| {
        format!("[[api.subnet]]\nname = \"{name}\"\ncidr = \"{cidr}\"\nnetwork = \"main\"\n")
    };
    let four = subnet("four", "192.0.2.0/24");
    let mut daemon = Daemon::prepare(&lab, format!("{SMALL}\n{four}"))?;
    daemon.set_arguments(NOOP);
    daemon.launch()?;
    let desk = Desk::of(daemon, lab);
    assert_eq!(desk.answer("lb create first")?["vip_address"], "192.0.2.1");

    let both = format!("{SMALL}\n{four}{}", subnet("six", "2001:db8::/64"));
    desk.daemon.write_config(both)?;
    desk.said("reload")?;
    let made = desk.answer("lb create second --subnet six")?;
    assert_eq!(made["vip_address"], "2001:db8::1");
    let made = desk.answer("lb create third --network main")?;
    assert_eq!(made["vip_address"], "192.0.2.2");
    let made = desk.answer("lb create fourth --vip 192.0.2.77")?;
    assert_eq!(made["vip_address"], "192.0.2.77");
    let there_are = "there are four (192.0.2.0/24), six (2001:db8::/64)";
    for (line, status, says) in [
        ("lb create fifth", 1, "name one with `--subnet NAME`"),
        ("lb create fifth", 1, there_are),
        ("lb create fifth --vip 9.9.9.9", 1, "no subnet contains 9.9.9.9"),
        ("lb create fifth --vip 9.9.9.9", 1, there_are),
        ("lb create fifth --subnet five", 3, there_are),
    ] {
        let (ended, complaint) = desk.complaint(line)?;
        assert_eq!(ended, Some(status), "{line}: {complaint}");
        assert!(complaint.contains(says), "{line}: {complaint}");
    }
    Ok(())
}

#[test]
fn nobody_writes_to_the_terminal_of_whoever_looks() -> Result<()> {
    let desk = Desk::open()?;
    let (name, shown) = ("a\n\u{1b}[2Jb\u{9b}c", "a\\n\\u{1b}[2Jb\\u{9b}c");
    let made = ["lb", "create", name, "--vip", "192.0.2.20", "--description", name];
    let made = desk.daemon.cli(&made)?;
    assert!(made.status.success(), "{made:?}");
    let made = [
        "listener",
        "create",
        name,
        "--lb",
        name,
        "--protocol",
        "HTTP",
        "--port",
        "81",
    ];
    let made = desk.daemon.cli(&made)?;
    assert!(made.status.success(), "{made:?}");
    let is_obeyed = |c: char| c.is_control() && c != '\n';
    for (line, says) in [
        (&["lb", "list"][..], shown),
        (&["lb", "show", name], shown),
        (&["listener", "list"], shown),
        (&["pool", "show", name], shown),
        // What runs is called by its id, where its name is no text of one line.
        (&["status"], "HTTP 81"),
        (&["status", "--tree"], "HTTP 81"),
        (&["top", "--once", "--interval", "100ms"], "HTTP 81"),
    ] {
        let output = desk.daemon.cli(line)?;
        let said = String::from_utf8([output.stdout, output.stderr].concat())?;
        assert!(!said.contains(is_obeyed), "{line:?}: {said:?}");
        assert!(!said.contains("a\n\\u"), "{line:?}: {said:?}");
        assert!(said.contains(says), "{line:?}: {said}");
    }
    assert_eq!(desk.answer("lb list")?[1]["name"], name);
    Ok(())
}

#[test]
fn what_the_data_plane_refuses_fails_and_says_why() -> Result<()> {
    let lab = Laboratory::routed().members(1).build()?;
    let daemon = Daemon::start(&lab, SMALL)?;
    let occupied = SocketAddr::new(lab.vip(Family::V4), 8000);
    lab.balancer()
        .ip(&[format!("address add {}/32 dev lo", occupied.ip())])?;
    let _occupier = lab.balancer().enter(|| TcpListener::bind(occupied))??;
    let made = daemon.cli(&["lb", "create", "web", "--vip", &occupied.ip().to_string()])?;
    assert!(made.status.success(), "{made:?}");
    let refused = daemon.cli(&[
        "listener",
        "create",
        "x",
        "--lb",
        "web",
        "--protocol",
        "HTTP",
        "--port",
        "8000",
    ])?;
    let complaint = String::from_utf8(refused.stderr)?;
    assert_eq!(refused.status.code(), Some(1), "{complaint}");
    assert!(
        complaint.contains("the data plane has refused it") && complaint.contains("8000"),
        "{complaint}"
    );
    Ok(())
}

#[test]
fn answers_are_for_people_or_for_programs_and_coloured_for_neither_in_a_pipe() -> Result<()> {
    let desk = Desk::open()?;
    desk.make_all()?;
    let table = desk.said("pool show site")?;
    assert!(
        words(&table).contains(&vec![
            "session_persistence",
            "type=HTTP_COOKIE,persistence_timeout=1200"
        ]),
        "{table}"
    );
    assert!(!table.contains('\u{1b}'), "{table}");
    let yaml = desk.said("pool show site -o yaml")?;
    assert!(
        yaml.contains("\nsession_persistence:\n  type: HTTP_COOKIE\n"),
        "{yaml}"
    );
    let status = desk.answer("status")?;
    assert_eq!(
        status["load_balancers"],
        serde_json::from_str::<Value>(&desk.said("status --json")?)?["load_balancers"]
    );
    assert!(
        desk.said("status -o yaml")?
            .contains("load_balancers:\n- name: file\n")
    );
    assert_eq!(desk.said("sessions -o yaml")?, "[]\n");

    let tree = desk.said("status --tree")?;
    assert!(
        tree.starts_with("load balancer file 192.0.2.1: OFFLINE\n└─ listener front HTTP 80: OFFLINE\n"),
        "{tree}"
    );
    assert!(
        tree.contains("│     ├─ member one 192.0.2.30:8080 weight 2: OFFLINE\n"),
        "{tree}"
    );

    let top = desk.said("top --once --interval 100ms")?;
    let rows = words(&top);
    assert_eq!(
        rows[0],
        [
            "NAME", "ADDRESS", "STATE", "IN/s", "OUT/s", "NEW/s", "OPEN", "SESSIONS"
        ]
    );
    assert!(
        rows.contains(&vec![
            "one",
            "192.0.2.30:8080",
            "OFFLINE",
            "0",
            "B",
            "0",
            "B",
            "0",
            "0",
            "0"
        ]),
        "{top}"
    );
    let rows = desk.answer("top --once --interval 100ms")?;
    assert_eq!(rows[0]["kind"], "load_balancer");
    Ok(())
}
