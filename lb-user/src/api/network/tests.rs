use std::sync::Arc;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
};
use serde_json::Value as Json;
use tower_service::Service as _;

use crate::{
    api::{Api, trusted},
    manager::Manager,
    model::{ApiSettings, Config, DataPlane, Subnet},
    objects::{network_id, subnet_id},
    store::Embedded,
    translate::Certificates,
};

fn subnet(name: &str, cidr: &str, range: [&str; 2]) -> Subnet {
    Subnet {
        name: name.into(),
        cidr: cidr.parse().unwrap(),
        first: range[0].parse().unwrap(),
        last: range[1].parse().unwrap(),
        network: "main".into(),
    }
}

fn router() -> Router {
    let certificates = Certificates {
        directory: "/nowhere".into(),
    };
    let (manager, _) = Manager::open(Arc::new(Embedded::in_memory()), DataPlane::Noop, certificates).unwrap();
    let subnets = vec![
        subnet("four", "192.0.2.0/24", ["192.0.2.10", "192.0.2.20"]),
        subnet("six", "2001:db8::/64", ["2001:db8::1", "2001:db8::ff"]),
    ];
    let api = ApiSettings {
        subnets,
        ..ApiSettings::default()
    };
    let config = Config {
        api,
        ..Config::default()
    };
    manager.declare(Vec::new(), &config);
    trusted(Api::new(manager).router())
}

async fn get(path: &str) -> (u16, Json) {
    let request = Request::builder().uri(path).body(Body::empty()).unwrap();
    let response = router().call(request).await.unwrap();
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn subnets_and_networks_are_found_by_name_and_by_id_wherever_clients_look() {
    let four = subnet_id("four").to_string();
    for prefix in [
        "/v2.0",
        "/v2",
        "/load-balancer/v2.0",
        "/load-balancer/v2",
        "/network/v2.0",
    ] {
        for called in [four.as_str(), "four"] {
            let (status, found) = get(&format!("{prefix}/subnets/{called}")).await;
            assert_eq!(
                (status, found["subnet"]["cidr"].as_str()),
                (200, Some("192.0.2.0/24"))
            );
        }
        for (query, expected) in [
            (String::new(), 2),
            ("?name=six".to_owned(), 1),
            (format!("?id={four}"), 1),
            (format!("?name={four}"), 0),
            ("?ip_version=4".to_owned(), 1),
            ("?enable_dhcp=False".to_owned(), 2),
            ("?fields=id&limit=1".to_owned(), 2),
        ] {
            let (status, found) = get(&format!("{prefix}/subnets{query}")).await;
            let found = found["subnets"].as_array().unwrap().len();
            assert_eq!((status, found), (200, expected), "{prefix} {query}");
        }
        let (_, networks) = get(&format!("{prefix}/networks?name=main")).await;
        assert_eq!(networks["networks"][0]["id"], network_id("main").to_string());
        assert_eq!(networks["networks"][0]["subnets"].as_array().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn what_there_is_not_is_an_empty_list_or_said_as_the_service_says_it() {
    for (path, key) in [
        ("/v2.0/ports", "ports"),
        ("/v2.0/security-groups", "security_groups"),
        ("/v2.0/qos/policies", "policies"),
        ("/v2.0/floatingips?fixed_ip_address=192.0.2.1", "floatingips"),
        ("/v2.0/extensions", "extensions"),
    ] {
        let (status, found) = get(path).await;
        assert_eq!(
            (status, found[key].as_array().map(Vec::len)),
            (200, Some(0)),
            "{path}"
        );
    }
    let (status, fault) = get("/v2.0/subnets/nowhere").await;
    assert_eq!(status, 404);
    assert_eq!(
        fault["NeutronError"]["message"],
        "Subnet nowhere could not be found."
    );
}
