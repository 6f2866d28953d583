//! The files of `examples/`, which are the documentation of the language.

use std::path::{Path, PathBuf};

use super::super::{load, parse, render};
use crate::model::{
    ApiSettings, Config, DaemonSettings, DatapathSettings, Forwarding, Granularity, HealthMonitor,
    HttpMethod, HttpProbe, LbAlgorithm, LbKind, Listener, LoadBalancer, Member, Persistence, Pool, PortRange,
    Probe, ProxySettings, Service, SessionPersistence, SourceNat,
};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

fn example(name: &str) -> Config {
    let loaded = load(&directory().join(name)).unwrap_or_else(|diagnostics| panic!("{diagnostics:#}"));
    assert_eq!(loaded.warnings, [], "{name}");
    loaded.config
}

fn all() -> impl Iterator<Item = Config> {
    let files = std::fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    files.sort();
    assert!(files.len() >= 3, "{files:?}");
    files
        .into_iter()
        .map(|path| example(path.file_name().unwrap().to_str().unwrap()))
}

#[test]
fn every_example_is_right_and_without_warnings() {
    assert!(all().all(|config| !config.pools.is_empty()));
}

#[test]
fn what_is_rendered_reads_back_as_the_same() {
    for config in all() {
        let text = render(&config).unwrap();
        let back =
            parse(&text, "rendered.toml").unwrap_or_else(|diagnostics| panic!("{text}\n{diagnostics:#}"));
        assert_eq!(back.config, config);
    }
}

#[test]
fn the_api_says_what_the_file_says() {
    for config in all() {
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<Config>(&json).unwrap(), config);
    }
}

fn listener(name: &str, service: Service, port: u16, pool: &str) -> Listener {
    Listener {
        name: name.into(),
        display_name: None,
        service,
        port,
        pool: Some(pool.into()),
        admin_state_up: true,
        policies: vec![],
    }
}

fn member(name: &str, address: &str, port: u16, weight: u16) -> Member {
    Member {
        name: name.into(),
        display_name: None,
        address: address.parse().unwrap(),
        port: Some(port),
        weight,
        admin_state_up: true,
        probe_address: None,
        probe_port: None,
    }
}

#[test]
fn the_minimal_example_takes_every_default() {
    let web = LoadBalancer {
        name: "web".into(),
        display_name: None,
        vip: "192.0.2.10".parse().unwrap(),
        kind: LbKind::Shared,
        admin_state_up: true,
        listeners: vec![listener("web-http", Service::Tcp, 80, "web")],
    };
    let pool = Pool {
        name: "web".into(),
        display_name: None,
        algorithm: LbAlgorithm::RoundRobin,
        forwarding: Forwarding::FullNat(SourceNat {
            snat_addresses: vec![],
            snat_ports: PortRange {
                low: 10_000,
                high: 32_767,
            },
        }),
        session_persistence: Some(SessionPersistence {
            persistence: Persistence::SourceIp(Granularity { v4: 32, v6: 128 }),
            idle_timeout_s: 1200,
            absolute_timeout_s: None,
        }),
        http: None,
        health_monitor: None,
        members: vec![
            member("10.0.0.11:8080", "10.0.0.11", 8080, 1),
            member("10.0.0.12:8080", "10.0.0.12", 8080, 1),
        ],
    };
    let expected = Config {
        daemon: DaemonSettings::default(),
        datapath: DatapathSettings {
            interfaces: vec!["eth0".into()],
            ..DatapathSettings::default()
        },
        proxy: ProxySettings::default(),
        api: ApiSettings::default(),
        load_balancers: vec![web.into()],
        pools: vec![pool.into()],
    };
    assert_eq!(example("minimal.toml"), expected);
}

#[test]
fn the_full_example_comes_to_what_it_says() {
    let shop_balancer = LoadBalancer {
        name: "shop".into(),
        display_name: None,
        vip: "192.0.2.10".parse().unwrap(),
        kind: LbKind::Shared,
        admin_state_up: true,
        listeners: vec![
            listener("shop-http", Service::Tcp, 80, "shop"),
            listener("shop-tls", Service::Tcp, 443, "shop"),
            listener("resolver", Service::Udp, 53, "resolver"),
        ],
    };
    let shop = Pool {
        name: "shop".into(),
        display_name: None,
        algorithm: LbAlgorithm::LeastConnections,
        forwarding: Forwarding::FullNat(SourceNat {
            snat_addresses: vec!["10.0.0.2".parse().unwrap()],
            snat_ports: PortRange::default(),
        }),
        session_persistence: Some(SessionPersistence {
            persistence: Persistence::SourceIp(Granularity::default()),
            idle_timeout_s: 1200,
            absolute_timeout_s: Some(28_800),
        }),
        http: None,
        health_monitor: Some(HealthMonitor {
            probe: Probe::Http(HttpProbe {
                http_method: HttpMethod::Get,
                url_path: "/health".into(),
                expected_codes: "200-204,301".parse().unwrap(),
                http_host: Some("shop.example.com".into()),
            }),
            delay_s: 5,
            timeout_s: 3,
            rise: 3,
            fall: 3,
            address: Some("10.0.0.20".parse().unwrap()),
            port: Some(8081),
        }),
        members: vec![
            member("a", "10.0.0.11", 8080, 10),
            member("b", "10.0.0.12", 8080, 0),
        ],
    };
    let resolver = Pool {
        name: "resolver".into(),
        display_name: None,
        algorithm: LbAlgorithm::SourceIp,
        forwarding: Forwarding::FullNat(SourceNat::default()),
        session_persistence: None,
        http: None,
        health_monitor: Some(HealthMonitor {
            probe: Probe::Udp {
                udp_send: None,
                udp_expect: None,
            },
            delay_s: 5,
            timeout_s: 3,
            rise: 3,
            fall: 3,
            address: None,
            port: None,
        }),
        members: vec![member("10.0.0.21:5353", "10.0.0.21", 5353, 1)],
    };
    // The settings it shows are the defaults, as it says.
    let expected = Config {
        daemon: DaemonSettings::default(),
        datapath: DatapathSettings {
            interfaces: vec!["eth0".into()],
            ..DatapathSettings::default()
        },
        proxy: ProxySettings::default(),
        api: ApiSettings::default(),
        load_balancers: vec![shop_balancer.into()],
        pools: vec![shop.into(), resolver.into()],
    };
    assert_eq!(example("holdfast.toml"), expected);
}

#[test]
fn members_that_answer_directly_are_asked_on_the_port_of_their_listener() {
    let config = example("direct-return.toml");
    let video = config.pool("video").unwrap();
    let asked: Vec<_> = video
        .members
        .iter()
        .map(|member| video.probe_target(member))
        .collect();
    let expected = ["[2001:db8:0:1::11]:443", "[2001:db8:0:1::12]:443"];
    assert_eq!(asked, expected.map(|target| Some(target.parse().unwrap())));
    assert_eq!(video.members[0].name, "2001:db8:0:1::11");
    assert!(config.pool("mail").unwrap().health_monitor.is_none());
}
