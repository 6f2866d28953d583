//! What is asked for beside objects: how they are doing, what there is, and the services that clients look things up at.

mod consoles;

use axum::http::Method;
use serde_json::{Value as Json, json};

use super::{
    Document,
    answers::{empty, json_of, required},
    operation::{Base, Operation},
    parameters,
    schema::{enveloped, list_of, named, object, or_null, text},
    shown::{id, words},
};
use crate::{
    api::{identity::SUBJECT, network},
    model::OperatingStatus,
    objects::ProvisioningStatus,
};

/// What is told of providers, and of what they can do.
const DESCRIBED: &[&str] = &["name", "description"];

/// The tags of the operations.
const BALANCERS: &str = "loadbalancers";
const PROVIDERS: &str = "providers";
const AMPHORAE: &str = "amphorae";
const NETWORK: &str = "network";
const IDENTITY: &str = "identity";
const ABOUT: &str = "about";

pub(super) fn describe(document: &mut Document) {
    document.doings();
    consoles::describe(document);
    document.providers();
    document.amphorae();
    document.about();
    document.network();
    document.identity();
    document.projects();
}

/// The state of an object as that of its load balancer shows it, with further fields.
fn state<const N: usize>(further: [(&str, Json); N]) -> Json {
    let mut state = object([
        ("id", id()),
        ("name", text()),
        ("operating_status", words::<OperatingStatus>()),
        ("provisioning_status", words::<ProvisioningStatus>()),
    ]);
    for (field, schema) in further {
        state["properties"][field] = schema;
    }
    required(state)
}

/// The states of a load balancer and of all below it.
fn states() -> Json {
    let member = state([("address", text()), ("protocol_port", json!({"type": "integer"}))]);
    let monitor = state([("type", text())]);
    let pool = state([
        ("health_monitor", or_null(monitor)),
        ("members", list_of(&member)),
    ]);
    let listener = state([("pools", list_of(&pool))]);
    let balancer = state([("listeners", list_of(&listener))]);
    enveloped("statuses", &enveloped("loadbalancer", &balancer))
}

fn statistics() -> Json {
    let count = || json!({"type": "integer", "minimum": 0});
    let counts = object([
        ("bytes_in", count()),
        ("bytes_out", count()),
        ("active_connections", count()),
        ("total_connections", count()),
        ("request_errors", count()),
    ]);
    enveloped("stats", &required(counts))
}

/// A list of objects with nothing but a few fields that are said.
fn listed(name: &str, one: &Json) -> Json {
    json!({"type": "object", "properties": {name: list_of(one)}, "required": [name]})
}

/// What has a name and a description, as far as its fields are asked for.
fn described() -> Json {
    object([("name", text()), ("description", text())])
}

impl Document {
    fn get(&mut self, base: Base, path: &str, operation: Operation) {
        self.add(&Method::GET, base, path, operation);
    }

    /// How load balancers and listeners are doing.
    fn doings(&mut self) {
        for (end, name) in [("status", "status"), ("statuses", "statuses")] {
            let operation = Operation::new(
                format!("show_loadbalancer_{name}"),
                BALANCERS,
                "The states of a load balancer and of all below it",
            );
            let operation = operation.shows("The states", &states()).refuses(&[400, 403, 404]);
            self.get(Base::Objects, &format!("/loadbalancers/{{id}}/{end}"), operation);
        }
        for (path, name, summary) in [
            (
                "/loadbalancers/{id}/stats",
                "show_loadbalancer_stats",
                "What a load balancer has done",
            ),
            (
                "/listeners/{id}/stats",
                "show_listener_stats",
                "What a listener has done",
            ),
        ] {
            let tag = if path.starts_with("/listeners") {
                "listeners"
            } else {
                BALANCERS
            };
            let operation = Operation::new(name, tag, summary)
                .shows("Since it is there", &statistics())
                // The daemon may be ending.
                .refuses(&[400, 403, 404, 503]);
            self.get(Base::Objects, path, operation);
        }
        let fail_over = Operation::new(
            "failover_loadbalancer",
            BALANCERS,
            "Has a load balancer served anew as it is to be",
        );
        let fail_over = fail_over
            .takes([parameters::named(parameters::IF_MATCH)])
            .answers(202, empty("It is being applied"))
            .changes()
            .refuses(&[404, 412, 501]);
        self.add(
            &Method::PUT,
            Base::Objects,
            "/loadbalancers/{id}/failover",
            fail_over,
        );
        let stream = json!({
            "description": "Server-sent events. The data of each is JSON: `event` (`changed` or `gone`), `kind`, `id`, `project_id` \
                and the states; an event `lost` says that some were missed",
            "content": {"text/event-stream": {"schema": text()}},
        });
        let events = Operation::new("listen_to_events", "events", "Changes of status as they happen")
            .takes([parameters::of_query(
                "traffic",
                "Also what passes at this load balancer, every two seconds, as events `traffic`",
                &id(),
            )])
            .refuses(&[400, 403, 404]);
        self.get(Base::Objects, "/events", events.answers(200, stream));
    }

    fn providers(&mut self) {
        let list = Operation::new("list_providers", PROVIDERS, "Who serves: this program")
            .takes([parameters::fields_of(DESCRIBED)])
            .shows("The only one", &listed("providers", &described()));
        self.get(Base::Objects, "/providers", list);
        for (of, summary) in [
            ("flavor_capabilities", "What flavors can say"),
            (
                "availability_zone_capabilities",
                "What availability zones can say",
            ),
        ] {
            let show = Operation::new(format!("list_{of}"), PROVIDERS, summary)
                .takes([parameters::fields_of(DESCRIBED)])
                .shows("What there is to say", &listed(of, &described()))
                .refuses(&[400, 403]);
            self.get(Base::Objects, &format!("/providers/{{provider}}/{of}"), show);
        }
    }

    /// There are none.
    fn amphorae(&mut self) {
        let none = json!({"type": "array", "maxItems": 0});
        let list = required(object([("amphorae", none.clone()), ("amphorae_links", none)]));
        let list = Operation::new("list_amphorae", AMPHORAE, "None: there are no such machines")
            .shows("None", &list)
            .refuses(&[403]);
        self.get(Base::Root, "/v2.0/octavia/amphorae", list);
        for (method, name, end) in [
            (Method::GET, "show_amphora", ""),
            (Method::DELETE, "delete_amphora", ""),
            (Method::PUT, "failover_amphora", "/failover"),
            (Method::PUT, "configure_amphora", "/config"),
            (Method::GET, "show_amphora_stats", "/stats"),
        ] {
            let path = format!("/v2.0/octavia/amphorae/{{id}}{end}");
            let operation = Operation::new(name, AMPHORAE, "There is no such machine").refuses(&[404]);
            self.add(&method, Base::Root, &path, operation);
        }
    }

    /// What the service says of itself.
    fn about(&mut self) {
        let version = required(object([
            ("id", text()),
            ("status", text()),
            ("links", list_of(&json!({"type": "object"}))),
        ]));
        let all = Operation::new("list_versions", ABOUT, "The versions of the API")
            .shows("All that it speaks", &listed("versions", &version));
        self.get(Base::Root, "/", all);
        for (path, name) in [("/v2.0", "show_version"), ("/v2.0/lbaas", "show_lbaas_version")] {
            let one = Operation::new(name, ABOUT, "The version of the API at this address")
                .shows("The current one", &enveloped("version", &version));
            self.get(Base::Root, path, one);
        }
        let document = Operation::new("show_openapi", ABOUT, "This document")
            .shows("OpenAPI 3.1", &json!({"type": "object"}));
        self.get(Base::Root, "/openapi.json", document);
        let plain = |description: &str, kind: &str| json!({"description": description, "content": {kind: {"schema": text()}}});
        let alive = Operation::new("show_health", ABOUT, "Whether the daemon answers")
            .answers(200, plain("It does", "text/plain"));
        self.get(Base::Root, "/healthz", alive);
        let ready = Operation::new(
            "show_readiness",
            ABOUT,
            "Whether the daemon serves, and does what it is asked for",
        )
        .answers(200, plain("It does", "text/plain"))
        .answers(503, plain("It is ending, or busy", "text/plain"));
        self.get(Base::Root, "/readyz", ready);
        let metrics = Operation::new("show_metrics", ABOUT, "How everything is doing, for Prometheus")
            .answers(
                200,
                json!({
                    "description": "All metrics, as whoever asks would rather have them",
                    "content": {
                        "text/plain": {"schema": text()},
                        "application/openmetrics-text": {"schema": text()},
                    },
                }),
            )
            .refuses(&[403, 500, 503]);
        self.get(Base::Root, "/metrics", metrics);
    }

    /// As much of the network service (Neutron) as clients look up before they name something.
    fn network(&mut self) {
        let one = object([("id", text()), ("name", text())]);
        let versions = listed("versions", &object([("id", text()), ("status", text())]));
        let versions = Operation::new(
            "list_network_versions",
            NETWORK,
            "The versions of the network service",
        )
        .shows("The only one", &versions);
        self.get(Base::Root, "/network", versions.clone());
        let current = versions.called("show_network_version");
        self.get(Base::Root, "/network/v2.0", current);
        for [path, singular, plural] in network::kinds() {
            // Its policies are not those of listeners.
            let called = path.trim_start_matches('/').replace(['/', '-'], "_");
            let path = format!("/network/v2.0{path}");
            let list = Operation::new(format!("list_network_{called}"), NETWORK, format!("All {plural}"))
                .takes([parameters::named("name")])
                .shows("All that are asked for", &listed(plural, &one));
            self.get(Base::Root, &path, list);
            let missing = json_of("There is no such object", &named("network_error"));
            let show = Operation::new(
                format!("show_network_{called}"),
                NETWORK,
                format!("A {singular}, by its id or its name"),
            );
            let show = show.shows("It", &enveloped(singular, &one)).answers(404, missing);
            self.get(Base::Root, &format!("{path}/{{id_or_name}}"), show);
        }
    }

    /// As much of the identity service (Keystone, v3) as clients need to get a token.
    fn identity(&mut self) {
        let version = object([("id", text()), ("status", text())]);
        let versions = enveloped("versions", &enveloped("values", &list_of(&version)));
        let versions = Operation::new(
            "list_identity_versions",
            IDENTITY,
            "The versions of the identity service",
        )
        .answers(300, json_of("The only one", &versions));
        self.get(Base::Root, "/identity", versions);
        let version = Operation::new(
            "show_identity_version",
            IDENTITY,
            "The version of the identity service",
        )
        .shows("The only one", &enveloped("version", &version));
        self.get(Base::Root, "/identity/v3", version);
        let path = "/identity/v3/auth/tokens";
        let token = enveloped("token", &json!({"type": "object"}));
        let wrong = json_of("It is no request for a token", &named("identity_error"));
        let failed = json_of("There are no random numbers", &named("identity_error"));
        let mut made = json_of("A token, in the header", &token);
        made["headers"] = json!({"X-Subject-Token": {"description": "The token", "schema": text()}});
        let issue = Operation::new(
            "create_token",
            IDENTITY,
            "A token for a password, or for another token",
        )
        .reads(&enveloped("auth", &asked()))
        .without(&[415])
        .answers(201, made)
        .answers(400, wrong)
        .answers(500, failed)
        .refuses(&[401, 429, 503]);
        self.add(&Method::POST, Base::Root, path, issue);
        let missing = || json_of("There is no such token", &named("identity_error"));
        let show = Operation::new("show_token", IDENTITY, "What a token is good for")
            .takes([parameters::named(SUBJECT)])
            .shows("It", &token)
            .answers(404, missing());
        self.get(Base::Root, path, show);
        let revoke = Operation::new("delete_token", IDENTITY, "Takes a token back")
            .takes([parameters::named(SUBJECT)])
            .answers(204, empty("It is good no more"))
            .answers(404, missing());
        self.add(&Method::DELETE, Base::Root, path, revoke);
        let catalog = listed("catalog", &json!({"type": "object"}));
        let catalog =
            Operation::new("show_catalog", IDENTITY, "Where the services are").shows("All", &catalog);
        self.get(Base::Root, "/identity/v3/auth/catalog", catalog);
    }

    fn projects(&mut self) {
        let project = object([
            ("id", text()),
            ("name", text()),
            ("domain_id", text()),
            ("enabled", json!({"type": "boolean"})),
        ]);
        let own = Operation::new("list_own_projects", IDENTITY, "The project of whoever asks")
            .shows("The only one", &listed("projects", &project));
        self.get(Base::Root, "/identity/v3/auth/projects", own);
        let list = Operation::new("list_projects", IDENTITY, "Projects, of which names are ids")
            .takes([parameters::named("name")])
            .shows("All that the caller may know of", &listed("projects", &project));
        self.get(Base::Root, "/identity/v3/projects", list);
        let missing = json_of("There is no such project", &named("identity_error"));
        let show = Operation::new("show_project", IDENTITY, "A project")
            .shows("It", &enveloped("project", &project))
            .answers(404, missing);
        self.get(Base::Root, "/identity/v3/projects/{project_id}", show);
    }
}

/// What a token is asked for with: a name and a password, or a token.
fn asked() -> Json {
    let user = object([("name", text()), ("id", text()), ("password", text())]);
    let token = object([("id", text())]);
    let methods = list_of(&json!({"type": "string", "enum": ["password", "token"]}));
    let identity = object([
        ("methods", methods),
        ("password", object([("user", user)])),
        ("token", token),
    ]);
    let project = object([("id", text()), ("name", text())]);
    let mut auth = object([
        ("identity", identity),
        ("scope", or_null(object([("project", project)]))),
    ]);
    auth["required"] = json!(["identity"]);
    auth
}
