//! What is changed in the console, and what clients notice of it.

use anyhow::{Context as _, Result, ensure};
use lb_tests::http::Authority;
use lb_tests::{Family, Health, Scheme, Wire, eventually};
use rustls::pki_types::CertificateDer;
use rustls::version::TLS13;
use serde_json::{Value, json};

use crate::world::{WEB_PORT, WITHIN, World};

const HOST: &str = "shop.example";

impl World {
    /// A load balancer with a listener for pages and two groups, of one member each.
    fn two_groups(&self) -> Result<()> {
        let places = self.places(Family::V4, WEB_PORT, str::to_owned, [1; 3]);
        let group = |name: &str, member: usize| {
            json!({
                "name": name, "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "members": [places[member]],
            })
        };
        let listener = json!({"name": "pages", "protocol": "HTTP", "protocol_port": 80, "default_pool": {"name": "ones"}});
        self.make(&json!({
            "name": "web", "vip_address": self.vip(0).ip(), "listeners": [listener],
            "pools": [group("ones", 0), group("twos", 1)],
        }))
    }

    /// Who serves a page without TLS.
    fn page_from(&self) -> Result<String> {
        let page = self.curl(80).get(Scheme::Http, HOST, "/")?;
        Ok(page.echo()?.member)
    }

    /// Who serves so many pages, each for a client of its own.
    fn pages_from(&self, count: usize) -> Result<Vec<String>> {
        (0..count).map(|_| self.page_from()).collect()
    }

    /// What a listener with TLS shows, once it has served a page.
    fn shown(&self, authority: &Authority) -> Result<(String, CertificateDer<'static>)> {
        let page = self.curl(443).trusting(&authority.file());
        let member = page.get(Scheme::Https, HOST, "/")?.echo()?.member;
        let client = authority.client(&[&TLS13], &["http/1.1"])?;
        let wire = Wire::connect_in(self.lab.client_namespace(), None, self.vip(443))?;
        Ok((member, wire.tls(&client, HOST)?.handshake()?.certificate))
    }
}

#[test]
fn listeners_are_changed_and_deleted_and_one_serves_tls_with_the_certificate_that_is_named() -> Result<()> {
    let authority = Authority::new()?;
    let first = authority.certify("first", &[HOST])?;
    let second = authority.certify("second", &[HOST])?;
    let directory = first.file.parent().context("a directory")?;
    let world = World::with_api(&format!("certificates_path = \"{}\"", directory.display()))?;
    world.two_groups()?;
    let people = world.visitor("en");
    assert_eq!(world.page_from()?, world.members[0].name());

    people.does(
        "editListener",
        json!({"listener": "pages", "name": "shop", "group": "twos"}),
    )?;
    assert_eq!(world.page_from()?, world.members[1].name());

    let secured = json!({"name": "secured", "port": 443, "certificate": "first", "group": "ones"});
    people.does("secureListener", secured)?;
    let (member, shown) = world.shown(&authority)?;
    assert_eq!(member, world.members[0].name());
    assert_eq!(shown, first.der);
    people.does(
        "changeCertificate",
        json!({"name": "secured", "certificate": "second"}),
    )?;
    eventually("the other certificate to be shown", WITHIN, || {
        let (_, shown) = world.shown(&authority)?;
        ensure!(shown == second.der, "it is the first one still");
        Ok(())
    });

    people.does("removeListener", json!({"name": "shop", "group": "twos"}))?;
    ensure!(
        world.lab.client().ask_tcp(None, world.vip(80)).is_err(),
        "nobody is served there"
    );
    assert_eq!(world.shown(&authority)?.0, world.members[0].name());
    Ok(())
}

#[test]
fn health_checks_and_servers_are_added_changed_and_taken_away() -> Result<()> {
    let world = World::start()?;
    let people = world.visitor("en");
    let does = |scenario: &str, mut given: Value| {
        given["group"] = json!("pages");
        people.does(scenario, given)
    };
    let [one, two, three] = [0, 1, 2].map(|number| world.members[number].name());
    let states = |of_one: &str| json!({one: of_one, two: "Online", three: "Online"});
    let members: Vec<Value> = world
        .members
        .iter()
        .map(|member| json!({"name": member.name(), "address": member.address(Family::V4), "port": WEB_PORT}))
        .collect();
    does(
        "buildChecked",
        json!({
            "vip": world.vip(0).ip(), "members": members,
            "listener": {"name": "pages", "protocol": "HTTP", "port": 80, "group": "pages"},
            "check": {
                "Type": "HTTP", "Interval (seconds)": "1", "Timeout (seconds)": "1", "Healthy threshold": "1",
                "Unhealthy threshold": "1", "Path": "/health", "Expected status codes": "200-204",
            },
        }),
    )?;

    // The health page alone says that it is not well.
    world.members[0].set_health(Health::Failing);
    does("healthIs", json!({"states": states("Error")}))?;
    does(
        "changeHealth",
        json!({
            "check": {"Path": "/"}, "shown": {"Path": "GET /", "Expected status codes": "200-204"},
            "states": states("Online"),
        }),
    )?;
    let unchecked = json!({one: "Not checked", two: "Not checked", three: "Not checked"});
    does("removeHealth", json!({"states": unchecked}))?;
    assert_eq!(world.named("pools", "pages")?["healthmonitor_id"], Value::Null);
    let check = json!({"Type": "TCP", "Interval (seconds)": "1", "Timeout (seconds)": "1"});
    does(
        "addHealth",
        json!({
            "check": check, "shown": {"Type": "TCP", "Interval (seconds)": "1"}, "states": states("Online"),
        }),
    )?;

    does(
        "editMember",
        json!({"member": one, "name": "strong", "weight": 8}),
    )?;
    let served = world.pages_from(50)?;
    let by_one = served.iter().filter(|member| *member == one).count();
    ensure!((36..=44).contains(&by_one), "eight of ten: {served:?}");
    does("removeMember", json!({"member": two}))?;
    let served = world.pages_from(20)?;
    ensure!(!served.iter().any(|member| member == two), "{served:?}");
    ensure!(served.iter().any(|member| member == three), "{served:?}");
    let left = world.named("pools", "pages")?;
    assert_eq!(left["members"].as_array().map(Vec::len), Some(2), "{left}");
    Ok(())
}
