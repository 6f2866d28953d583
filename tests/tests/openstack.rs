//! `OpenStack`'s own clients drive the balancer, and the traffic is as they say.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use lb_tests::daemon::binary;
use lb_tests::openstack::{Auth, ENDPOINT, Openstack, python, script};
use lb_tests::{Curl, Daemon, Family, Laboratory, Member, Scheme, Services, Tally, Wire};
use serde_json::json;

const SUBNET: &str = "public";
const SMALL: &str = "max_flows = 4096\nmax_sessions = 65536\nmax_listeners = 64\nmax_pools = 64\nmax_members = 256\n\
                     schedule_slots = 16384\n";
const WEB_PORT: u16 = 8080;
const TCP_PORT: u16 = 8090;

/// What `holdfast hash-password` makes of the word that all of them are called in by.
fn hash() -> Result<String> {
    let mut child = Command::new(binary())
        .arg("hash-password")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    writeln!(child.stdin.take().context("no input")?, "secret")?;
    Ok(String::from_utf8(child.wait_with_output()?.stdout)?
        .trim()
        .to_owned())
}

/// The sections of the API.
fn api(auth: Auth, networks: &[&str]) -> Result<String> {
    let mut text = "[api]\nlisten = [\"127.0.0.1:9876\"]\n".to_owned();
    if auth == Auth::None {
        text += "auth = \"none\"\n";
    } else {
        let hash = hash()?;
        write!(
            text,
            "[[api.user]]\nname = \"operator\"\npassword = \"{hash}\"\nproject = \"shop\"\nrole = \"admin\"\n\
             [[api.token]]\nname = \"tool\"\ntoken = \"{hash}\"\nproject = \"shop\"\nrole = \"admin\"\n"
        )?;
    }
    for (network, name) in networks.iter().zip([SUBNET, "second"]) {
        write!(text, "[[api.subnet]]\nname = \"{name}\"\ncidr = \"{network}\"\n")?;
    }
    Ok(text)
}

/// A laboratory with a daemon that is told all by its API.
struct World {
    openstack: Openstack,
    // Before what it balances.
    _daemon: Daemon,
    _members: Vec<Member>,
    lab: Laboratory,
}

impl World {
    fn start(auth: Auth, members: usize) -> Result<Self> {
        let lab = Laboratory::routed().members(members).build()?;
        let vip = lab.vip(Family::V4);
        let api = api(auth, &[&format!("{vip}/32"), "192.0.2.0/24"])?;
        let daemon = Daemon::start(&lab, format!("{SMALL}\n{api}"))?;
        Ok(Self {
            openstack: Openstack::start(lab.balancer().command(python()), &auth.arguments())?,
            _daemon: daemon,
            _members: lab.serve_all(&Services::new().tcp([TCP_PORT]).web([WEB_PORT]))?,
            lab,
        })
    }

    fn run(&mut self, commands: &str) -> Result<()> {
        for command in commands.lines().map(str::trim).filter(|line| !line.is_empty()) {
            self.openstack.run(command)?;
        }
        Ok(())
    }

    fn add_members(&mut self, pool: &str, port: u16) -> Result<()> {
        for number in 1..=self.lab.members() {
            let (name, address) = (
                self.lab.member_name(number),
                self.lab.member_address(number, Family::V4),
            );
            let command = format!(
                "member create --name {name} --address {address} --protocol-port {port} --wait {pool}"
            );
            self.openstack.run(&command)?;
        }
        Ok(())
    }

    fn vip(&self) -> SocketAddr {
        SocketAddr::new(self.lab.vip(Family::V4), 80)
    }

    /// Each of so many clients asks so often over TCP.
    fn ask(&self, clients: usize, times: usize) -> Tally {
        let sources = |index| Family::V4.source(index);
        let round = || {
            self.lab
                .client()
                .sweep_connections(clients, sources, self.vip(), 8)
        };
        let tally = (0..times).map(|_| round()).fold(Tally::default(), Tally::merge);
        tally.assert_no_failures();
        tally
    }
}

#[test]
fn the_command_line_sets_up_layer_4_and_clients_are_held_as_it_says() -> Result<()> {
    let mut world = World::start(Auth::None, 3)?;
    world.run(&format!(
        "create --name shop --vip-subnet-id {SUBNET} --wait
         listener create --name shop --protocol TCP --protocol-port 80 --wait shop
         pool create --name shop --protocol TCP --lb-algorithm ROUND_ROBIN --listener shop --wait"
    ))?;
    world.add_members("shop", TCP_PORT)?;
    assert!(world.ask(20, 4).moved_clients().next().is_some());
    world.run("pool set --session-persistence type=SOURCE_IP,persistence_timeout=600 --wait shop")?;
    world.ask(20, 4).assert_nobody_moved();
    world.run("pool unset --session-persistence --wait shop")?;
    assert!(world.ask(20, 4).moved_clients().next().is_some());
    world.run("member set --weight 0 --wait shop member1\nmember set --weight 0 --wait shop member2")?;
    assert_eq!(world.ask(20, 1).served_by("member3"), 20);
    let shown = world.openstack.json("stats show shop")?;
    assert_eq!(shown["total_connections"].as_u64(), Some(260), "{shown}");
    world.run("delete --cascade --wait shop")?;
    assert_eq!(world.openstack.json("list")?, json!([]));
    assert!(world.lab.client().ask_tcp(None, world.vip()).is_err());
    Ok(())
}

#[test]
fn the_command_line_sets_up_layer_7_and_browsers_are_held_as_it_says() -> Result<()> {
    let mut world = World::start(Auth::HttpBasic, 3)?;
    world.run(&format!(
        "create --name shop --vip-subnet-id {SUBNET} --wait
         listener create --name shop --protocol HTTP --protocol-port 80 --wait shop
         pool create --name shop --protocol HTTP --lb-algorithm ROUND_ROBIN --listener shop --wait"
    ))?;
    world.add_members("shop", WEB_PORT)?;
    let directory = lb_tests::temporary_directory()?;
    let mut jars = 0;
    for (persistence, target) in [
        ("type=HTTP_COOKIE", "/"),
        ("type=APP_COOKIE,cookie_name=SESSION", "/?set=SESSION=mine"),
        ("type=SOURCE_IP", "/"),
    ] {
        world.run(&format!(
            "pool set --session-persistence {persistence} --wait shop"
        ))?;
        jars += 1;
        let jar = directory.path().join(jars.to_string());
        let curl = Curl::new(world.lab.client_namespace(), world.vip()).with_jar(&jar);
        let first = curl.get(Scheme::Http, "shop.example", target)?.echo()?.member;
        for _ in 0..6 {
            let next = curl.get(Scheme::Http, "shop.example", "/")?.echo()?.member;
            ensure!(next == first, "{persistence}: from {first} to {next}");
        }
        world.run("pool unset --session-persistence --wait shop")?;
        let curl = Curl::new(world.lab.client_namespace(), world.vip());
        let targets = ["/"; 6];
        let members = curl.get_all(Scheme::Http, "shop.example", &targets)?;
        let members: Vec<String> = members
            .iter()
            .map(|page| Ok(page.echo()?.member))
            .collect::<Result<_>>()?;
        ensure!(
            members.iter().any(|member| *member != members[0]),
            "{persistence} goes on: {members:?}"
        );
    }
    world.run(
        "l7policy create --name private --action REJECT --wait shop
         l7rule create --type PATH --compare-type STARTS_WITH --value /private --wait private",
    )?;
    for (target, status) in [("/private/page", 403), ("/public", 200)] {
        let mut wire = Wire::connect_in(world.lab.client_namespace(), None, world.vip())?;
        assert_eq!(wire.get(target)?.status, status, "{target}");
    }
    Ok(())
}

/// Every verb of every kind, in an order in which they go together.
const ALL: &str = include_str!("../openstack/all.txt");

/// The commands of [`ALL`], and the words that each is to say, where that matters.
fn all() -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
    let lines = ALL
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| match line.split_once(" =>") {
        Some((command, words)) => (command, Some(words)),
        None => (line, None),
    })
}

fn every_command_does_what_it_says(auth: Auth) -> Result<()> {
    let mut world = World::start(auth, 1)?;
    let mut rule = String::new();
    for (command, words) in all() {
        let command = command.replace("SUBNET", "second").replace("RULE", &rule);
        let said = world.openstack.run(&command)?;
        if let Some(words) = words {
            ensure!(
                said.split_whitespace().eq(words.split_whitespace()),
                "`{command}` does not say `{}`:\n{said}",
                words.trim()
            );
        }
        if command.starts_with("l7rule create") {
            said.trim().clone_into(&mut rule);
        }
    }
    Ok(())
}

// Tests of their own, so that they run at once.

#[test]
fn every_command_does_what_it_says_where_nobody_is_asked_who_they_are() -> Result<()> {
    every_command_does_what_it_says(Auth::None)
}

#[test]
fn every_command_does_what_it_says_for_who_has_a_password() -> Result<()> {
    every_command_does_what_it_says(Auth::HttpBasic)
}

#[test]
fn every_command_does_what_it_says_for_who_has_a_token() -> Result<()> {
    every_command_does_what_it_says(Auth::AdminToken)
}

#[test]
fn the_readme_says_where_the_command_line_finds_the_balancer() -> Result<()> {
    let readme = include_str!("../../README.md");
    let mut world = World::start(Auth::None, 1)?;
    let begins = format!("$ openstack {} loadbalancer ", Auth::None.arguments().join(" "));
    let lines = readme.lines().filter(|line| line.starts_with("$ "));
    let commands = lines.map(|line| {
        line.strip_prefix(&begins)
            .with_context(|| format!("not tried: `{line}`"))
    });
    let commands: Vec<&str> = commands.collect::<Result<_>>()?;
    ensure!(!commands.is_empty(), "the README tells of no command");
    world.run(&commands.join("\n"))
}

#[test]
fn no_command_of_the_command_line_is_left_out() -> Result<()> {
    let script = "from importlib.metadata import entry_points\n\
                  for command in entry_points(group='openstack.load_balancer.v2'): print(command.name)";
    let output = Command::new(python()).args(["-c", script]).output()?;
    ensure!(output.status.success(), "{output:?}");
    let names = String::from_utf8(output.stdout)?;
    // As they are called: loadbalancer_quota_defaults_show.
    let commands: Vec<String> = names
        .lines()
        .filter_map(|name| Some(name.strip_prefix("loadbalancer_")?.replace('_', " ")))
        .collect();
    ensure!(commands.len() > 50, "{names}");
    let is_tried =
        |command: &str| all().any(|(tried, _)| tried == command || tried.starts_with(&format!("{command} ")));
    for command in commands {
        // There are no virtual machines to look at one by one.
        let is_of_one = command.starts_with("amphora ") && command != "amphora list";
        ensure!(is_of_one || is_tried(&command), "`{command}` is not tried");
    }
    Ok(())
}

#[test]
fn the_command_line_is_told_plainly_what_is_wrong() -> Result<()> {
    let mut world = World::start(Auth::Password, 1)?;
    world.run(&format!(
        "create --name shop --vip-subnet-id {SUBNET} --wait
         listener create --name shop --protocol TCP --protocol-port 80 --wait shop"
    ))?;
    for (command, says) in [
        (
            "pool create --protocol TCP --lb-algorithm SOURCE_IP --listener shop --session-persistence type=SOURCE_IP",
            "SOURCE_IP",
        ),
        (
            "pool create --protocol TCP --lb-algorithm ROUND_ROBIN --listener shop --session-persistence type=HTTP_COOKIE",
            "not supported",
        ),
        (
            "listener create --protocol TCP --protocol-port 80 shop",
            "already using protocol TCP",
        ),
        ("delete shop", "has children"),
    ] {
        let words: Vec<&str> = command.split_whitespace().collect();
        let (code, out, err) = world.openstack.try_run(&words)?;
        ensure!(
            code != 0 && format!("{out}{err}").contains(says),
            "`{command}`: {code}\n{out}{err}"
        );
    }
    Ok(())
}

#[test]
fn the_sdk_makes_shows_changes_and_deletes_each_kind_whoever_asks() -> Result<()> {
    for auth in [Auth::None, Auth::HttpBasic, Auth::AdminToken, Auth::Password] {
        let world = World::start(auth, 1)?;
        let output = world
            .lab
            .balancer()
            .command(python())
            .arg(script("sdk.py"))
            .args([ENDPOINT, &auth.settings().to_string(), "second"])
            .output()?;
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        ensure!(out.trim() == "done", "{auth:?}: {out}{err}");
    }
    Ok(())
}
