//! What consoles ask for: what there is to choose from, what passes, who is held where, and what happened.

use axum::http::Method;
use serde_json::{Value as Json, json};

use super::{Document, listed};
use crate::{
    api::openapi::{
        answers::{empty, required},
        operation::{Base, Operation},
        parameters::of_query,
        schema::{enveloped, list_of, object, or_null, text},
        shown::{id, words},
    },
    manager::Happening,
    model::{DataPlane, LbAlgorithm, LbKind, OperatingStatus, PersistenceType},
    objects::{ListenerProtocol, MonitorType, PoolProtocol, ProvisioningStatus},
    store::Kind,
};

const CONSOLES: &str = "consoles";

pub(super) fn describe(document: &mut Document) {
    document.capabilities();
    document.traffic();
    document.sessions();
}

fn count() -> Json {
    json!({"type": "integer", "minimum": 0})
}

/// The least and the greatest value of a field, and what it is where nothing is said.
fn range() -> Json {
    let mut range = object([("minimum", count()), ("maximum", count()), ("default", count())]);
    range["required"] = json!(["minimum", "maximum"]);
    range
}

fn layer() -> Json {
    json!({"type": "integer", "enum": [4, 7]})
}

fn boolean() -> Json {
    json!({"type": "boolean"})
}

fn capabilities() -> Json {
    let listener_protocol = object([
        ("name", words::<ListenerProtocol>()),
        ("alias_of", or_null(words::<ListenerProtocol>())),
        ("layer", layer()),
        ("pool_protocols", list_of(&words::<PoolProtocol>())),
        ("certificate", boolean()),
    ]);
    let persistence = object([
        ("type", words::<PersistenceType>()),
        ("persistence_timeout", range()),
        ("absolute_timeout", range()),
        ("cookie_name", boolean()),
    ]);
    let pool_protocol = object([
        ("name", words::<PoolProtocol>()),
        ("alias_of", or_null(words::<PoolProtocol>())),
        ("layer", layer()),
        ("session_persistence", list_of(&required(persistence))),
        ("default_health_monitor_type", words::<MonitorType>()),
    ]);
    let algorithm = object([
        ("name", words::<LbAlgorithm>()),
        ("session_persistence", boolean()),
    ]);
    let monitor = object([
        ("name", words::<MonitorType>()),
        ("pool_protocols", list_of(&words::<PoolProtocol>())),
        ("request", boolean()),
        ("delay", range()),
    ]);
    let fields = ["weight", "protocol_port", "delay", "timeout", "max_retries"];
    let subnet = object([("id", id()), ("name", text()), ("cidr", text())]);
    let all = object([
        ("version", text()),
        ("dataplane", words::<DataPlane>()),
        ("kinds", list_of(&words::<LbKind>())),
        ("listener_protocols", list_of(&required(listener_protocol))),
        ("pool_protocols", list_of(&required(pool_protocol))),
        ("lb_algorithms", list_of(&required(algorithm))),
        ("default_lb_algorithm", words::<LbAlgorithm>()),
        ("health_monitor_types", list_of(&required(monitor))),
        ("ranges", required(object(fields.map(|field| (field, range()))))),
        ("name", required(object([("maximum_length", count())]))),
        ("subnets", list_of(&required(subnet))),
    ]);
    enveloped("capabilities", &required(all))
}

fn traffic() -> Json {
    let listener = object([
        ("id", id()),
        ("connections", count()),
        ("open", count()),
        ("requests", or_null(count())),
        ("errors", or_null(count())),
        ("bytes_in", count()),
        ("bytes_out", count()),
    ]);
    let sessions = object([
        ("now", or_null(count())),
        ("created", count()),
        ("held", count()),
        ("moved", count()),
        ("expired", count()),
        ("evicted", or_null(count())),
    ]);
    let member = object([
        ("id", id()),
        ("open", count()),
        ("begun", count()),
        ("sessions", or_null(count())),
        ("why_down", or_null(text())),
    ]);
    let pool = object([
        ("id", id()),
        ("sessions", or_null(required(sessions))),
        ("members", list_of(&required(member))),
    ]);
    let all = object([
        ("loadbalancer_id", id()),
        ("at_ms", count()),
        ("listeners", list_of(&required(listener))),
        ("pools", list_of(&required(pool))),
    ]);
    enveloped("traffic", &required(all))
}

fn history() -> Json {
    let values = list_of(&json!({"type": ["number", "null"]}));
    let series = json!({"type": "object", "additionalProperties": values});
    let one = required(object([("id", id()), ("series", series)]));
    let all = object([
        ("interval_s", count()),
        ("samples", count()),
        ("until_ms", count()),
        ("objects", list_of(&one)),
    ]);
    enveloped("history", &required(all))
}

fn event() -> Json {
    let at = json!({"type": "string", "format": "date-time"});
    let always = object([
        ("at", at),
        ("event", words::<Happening>()),
        ("kind", words::<Kind>()),
        ("id", id()),
        ("name", text()),
        ("project_id", text()),
        ("loadbalancer_id", or_null(id())),
        ("pool_id", or_null(id())),
        ("reason", or_null(text())),
    ]);
    let mut event = required(always);
    // Those that objects of its kind have, and one that is there.
    let some = object([
        ("protocol", words::<ListenerProtocol>()),
        ("address", text()),
        ("protocol_port", count()),
        ("provisioning_status", words::<ProvisioningStatus>()),
        ("operating_status", words::<OperatingStatus>()),
        ("previous_operating_status", words::<OperatingStatus>()),
    ]);
    for (field, schema) in some["properties"].as_object().into_iter().flatten() {
        event["properties"][field] = schema.clone();
    }
    event
}

fn sessions() -> Json {
    let session = object([
        ("id", text()),
        ("client", or_null(text())),
        ("cookie", or_null(text())),
        ("member_id", or_null(id())),
        ("member", text()),
        ("age_s", count()),
        ("idle_s", count()),
        ("ends_in_s", count()),
    ]);
    let link = required(object([("rel", text()), ("href", text())]));
    required(object([
        ("sessions", list_of(&required(session))),
        ("sessions_links", list_of(&link)),
        ("total", count()),
        ("carried_by_clients", boolean()),
    ]))
}

impl Document {
    fn capabilities(&mut self) {
        let of = of_query(
            "loadbalancer_id",
            "Only what this load balancer can be told",
            &id(),
        );
        let show = Operation::new("show_capabilities", CONSOLES, "What there is to choose from")
            .takes([of])
            .shows("All of it", &capabilities())
            .refuses(&[400, 403, 404]);
        self.get(Base::Objects, "/capabilities", show);
    }

    fn traffic(&mut self) {
        let show = Operation::new(
            "show_loadbalancer_traffic",
            CONSOLES,
            "What passes at a load balancer: counts since it was configured, as they were a moment ago",
        )
        .shows("The counts", &traffic())
        .refuses(&[400, 403, 503]);
        self.get(Base::Objects, "/loadbalancers/{id}/traffic", show);
        let of = ["loadbalancer_id", "listener_id", "pool_id"];
        let of = of.map(|field| {
            of_query(
                field,
                "Of this one; said again, of others too, of at most 100 in all",
                &id(),
            )
        });
        let show = Operation::new(
            "show_history",
            CONSOLES,
            "What passed in the last hour, every 30 seconds, the oldest first",
        )
        .takes(of)
        .shows("The objects in their order", &history())
        .refuses(&[400, 403, 404]);
        self.get(Base::Objects, "/history", show);
        let latest = Operation::new(
            "list_latest_events",
            CONSOLES,
            "What has happened, a row for each, the newest first: at most 500",
        )
        .shows("What the caller may hear of", &listed("events", &event()));
        self.get(Base::Objects, "/events/latest", latest);
    }

    fn sessions(&mut self) {
        let query = [
            of_query(
                "limit",
                "How many at most: 100, if nothing is said",
                &json!({"type": "integer", "minimum": 1, "maximum": 1000}),
            ),
            of_query("marker", "Those behind the session of this id", &text()),
            of_query(
                "client",
                "Only that of this client's address, or those of a network's: of one that is kept by hashes, where that has 256 clients at most",
                &text(),
            ),
            of_query("cookie", "Only that of this id", &text()),
            of_query("member_id", "Only those with this member", &id()),
        ];
        let list = Operation::new("list_sessions", CONSOLES, "Who a pool holds where")
            .takes(query)
            .shows("A page of them, in the order of their ids", &sessions())
            .refuses(&[400, 403, 503]);
        self.get(Base::Objects, "/pools/{pool_id}/sessions", list);
        let value = json!({"type": "string", "minLength": 1});
        let search = Operation::new(
            "search_sessions",
            CONSOLES,
            "The session of a cookie of the application, by the value of that",
        )
        .reads(&required(object([("cookie", value)])))
        .shows("It, if there is one", &sessions())
        .refuses(&[400, 403, 503]);
        self.add(
            &Method::POST,
            Base::Objects,
            "/pools/{pool_id}/sessions/search",
            search,
        );
        let forget = Operation::new(
            "delete_session",
            CONSOLES,
            "Forgets a session; the client's open connections stay",
        )
        .answers(204, empty("It is forgotten"))
        .refuses(&[400, 403, 503]);
        self.add(
            &Method::DELETE,
            Base::Objects,
            "/pools/{pool_id}/sessions/{session_id}",
            forget,
        );
    }
}
