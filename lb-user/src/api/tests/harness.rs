//! Clients of the API, in this process.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    body::{Body, BodyDataStream, to_bytes},
    http::{HeaderMap, Method, Request, header},
};
use serde_json::{Value as Json, json};
use tower_service::Service as _;
use uuid::Uuid;

use super::Plane;
use crate::{
    api::{
        Api, Caller, Role,
        openapi::conformance::{self, Exchange},
    },
    manager::Manager,
    model::DataPlane,
    store::{Embedded, Store},
    translate::Certificates,
};

/// Objects, those who ask for them, and what serves them.
pub(super) struct World {
    pub(super) manager: Arc<Manager>,
    pub(super) plane: Plane,
    store: Arc<dyn Store>,
    router: Router,
    certificates: tempfile::TempDir,
}

impl World {
    /// One without any objects, in which a certificate is called `shop`.
    pub(super) fn new() -> Self {
        let certificates = tempfile::tempdir().expect("a directory");
        for ending in ["pem", "key"] {
            std::fs::write(certificates.path().join(format!("shop.{ending}")), "").expect("a file");
        }
        Self::open(Arc::new(Embedded::in_memory()), certificates)
    }

    fn open(store: Arc<dyn Store>, certificates: tempfile::TempDir) -> Self {
        let known = Certificates {
            directory: certificates.path().to_owned(),
        };
        let (manager, wanted) =
            Manager::open(Arc::clone(&store), DataPlane::Kernel, known).expect("what the store has");
        let plane = Plane::default();
        plane.serve(wanted);
        Self {
            router: Api::new(Arc::clone(&manager)).router(),
            manager,
            plane,
            store,
            certificates,
        }
    }

    /// Takes the certificate away.
    pub(super) fn loses_its_certificate(&self) {
        let certificate = self.certificates.path().join("shop.pem");
        std::fs::remove_file(certificate).expect("it was there");
    }

    /// The same after another start: what is left is what the store has.
    pub(super) fn restarted(self) -> Self {
        Self::open(self.store, self.certificates)
    }

    fn client(&self, role: Role, project_id: &str) -> Client {
        let caller = Caller {
            role,
            ..Caller::admin("somebody", project_id)
        };
        Client {
            router: self.router.clone().layer(Extension(caller)),
        }
    }

    /// Who may do all.
    pub(super) fn admin(&self) -> Client {
        self.client(Role::Admin, "admins")
    }

    /// Who may change what is a project's.
    pub(super) fn member_of(&self, project_id: &str) -> Client {
        self.client(Role::Member, project_id)
    }

    /// Who may look at what is a project's.
    pub(super) fn observer_of(&self, project_id: &str) -> Client {
        self.client(Role::Observer, project_id)
    }
}

/// Somebody who asks.
#[derive(Clone)]
pub(super) struct Client {
    router: Router,
}

impl Client {
    /// Sends a request as it stands; what is answered has to be in the document of the API.
    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        let (asked, body) = request.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a body");
        let request = Request::from_parts(asked.clone(), Body::from(body.clone()));
        let response = self.router.clone().call(request).await.expect("an answer");
        let (parts, answered) = response.into_parts();
        let text = to_bytes(answered, usize::MAX).await.expect("a body");
        conformance::holds(&Exchange {
            method: &asked.method,
            path: asked.uri.path(),
            asked: &body,
            status: parts.status.as_u16(),
            answered: &serde_json::from_slice(&text).unwrap_or_default(),
        });
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: serde_json::from_slice(&text).unwrap_or_default(),
            text: String::from_utf8(text.to_vec()).expect("text"),
        }
    }

    /// What is answered to a request, piece by piece.
    pub(super) async fn stream(&self, request: Request<Body>) -> BodyDataStream {
        let response = self.router.clone().call(request).await.expect("an answer");
        response.into_body().into_data_stream()
    }

    /// Sends a body, whatever it is, to a path below `/v2.0/lbaas`.
    pub(super) async fn sends(&self, method: Method, path: &str, body: impl Into<Body>) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("/v2.0/lbaas/{path}"))
            .header(header::HOST, "lb.example.org")
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.into());
        self.send(request.expect("a request")).await
    }

    pub(super) async fn gets(&self, path: &str) -> Answer {
        self.sends(Method::GET, path, Body::empty()).await
    }

    pub(super) async fn posts(&self, path: &str, body: &Json) -> Answer {
        self.sends(Method::POST, path, body.to_string()).await
    }

    pub(super) async fn puts(&self, path: &str, body: &Json) -> Answer {
        self.sends(Method::PUT, path, body.to_string()).await
    }

    pub(super) async fn deletes(&self, path: &str) -> Answer {
        self.sends(Method::DELETE, path, Body::empty()).await
    }

    /// What is there under a path, in its envelope.
    pub(super) async fn sees(&self, path: &str) -> Json {
        self.gets(path).await.is(200).inside()
    }

    /// Makes an object: `makes("pools", &json!({...}))`.
    pub(super) async fn makes(&self, path: &str, fields: &Json) -> Json {
        self.tries_to_make(path, fields).await.is(201).inside()
    }

    pub(super) async fn tries_to_make(&self, path: &str, fields: &Json) -> Answer {
        self.posts(path, &json!({ envelope(path): fields })).await
    }

    /// Changes an object: `changes("pools", &id, &json!({...}))`.
    pub(super) async fn changes(&self, path: &str, id: &str, fields: &Json) -> Json {
        self.tries_to_change(path, id, fields).await.is(200).inside()
    }

    pub(super) async fn tries_to_change(&self, path: &str, id: &str, fields: &Json) -> Answer {
        let body = json!({ envelope(path): fields });
        self.puts(&format!("{path}/{id}"), &body).await
    }

    /// A load balancer at `192.0.2.LAST`.
    pub(super) async fn makes_a_load_balancer(&self, last: u8) -> String {
        let fields = json!({"vip_address": format!("192.0.2.{last}")});
        id_of(&self.makes("loadbalancers", &fields).await)
    }

    pub(super) async fn makes_a_listener(&self, balancer: &str, protocol: &str, port: u16) -> String {
        let fields = json!({"loadbalancer_id": balancer, "protocol": protocol, "protocol_port": port});
        id_of(&self.makes("listeners", &fields).await)
    }

    pub(super) async fn makes_a_pool(&self, balancer: &str, protocol: &str) -> String {
        let fields =
            json!({"loadbalancer_id": balancer, "protocol": protocol, "lb_algorithm": "ROUND_ROBIN"});
        id_of(&self.makes("pools", &fields).await)
    }

    /// The pool of a listener.
    pub(super) async fn makes_a_pool_for(&self, listener: &str, protocol: &str) -> String {
        let fields = json!({"listener_id": listener, "protocol": protocol, "lb_algorithm": "ROUND_ROBIN"});
        id_of(&self.makes("pools", &fields).await)
    }

    /// A member at `10.0.0.LAST`, port 80.
    pub(super) async fn makes_a_member(&self, pool: &str, last: u8) -> String {
        let fields = json!({"address": format!("10.0.0.{last}"), "protocol_port": 80});
        id_of(&self.makes(&format!("pools/{pool}/members"), &fields).await)
    }

    pub(super) async fn makes_a_monitor(&self, pool: &str, kind: &str) -> String {
        let fields = json!({"pool_id": pool, "type": kind, "delay": 5, "timeout": 3, "max_retries": 2});
        id_of(&self.makes("healthmonitors", &fields).await)
    }

    pub(super) async fn makes_a_rejecting_policy(&self, listener: &str) -> String {
        let fields = json!({"listener_id": listener, "action": "REJECT"});
        id_of(&self.makes("l7policies", &fields).await)
    }

    pub(super) async fn makes_a_rule(&self, policy: &str) -> String {
        let fields = json!({"type": "PATH", "compare_type": "STARTS_WITH", "value": "/api"});
        id_of(&self.makes(&format!("l7policies/{policy}/rules"), &fields).await)
    }

    /// Waits until all of a load balancer is as it was asked to be, or refused.
    pub(super) async fn waits_for(&self, balancer: &str, status: &str) {
        for _ in 0..500 {
            let shown = self.sees(&format!("loadbalancers/{balancer}")).await;
            if shown["provisioning_status"] == status {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("load balancer {balancer} does not become {status}");
    }
}

/// A row of a table of what is refused: a line that says of what, and which fields it is to have, and an indented one with the
/// status and the words.
#[derive(Debug)]
pub(super) struct Refusal {
    /// Of what.
    pub(super) of: String,
    fields: Json,
    status: u16,
    says: String,
}

impl Refusal {
    pub(super) fn all(table: &str) -> Vec<Self> {
        let mut lines = table
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        std::iter::from_fn(|| {
            let asked = lines.next()?;
            let answered = lines.next().expect("an answer").trim_start();
            let (of, fields) = asked.split_at(asked.find('{').expect("fields"));
            let (status, says) = answered.split_once(' ').expect("a status and words");
            Some(Self {
                of: of.trim().into(),
                fields: serde_json::from_str(fields).expect(asked),
                status: status.parse().expect(answered),
                says: says.into(),
            })
        })
        .collect()
    }
}

impl Client {
    /// An object of these fields, and of those of the refusal, is not made, in the words that it has.
    pub(super) async fn is_refused(&self, path: &str, mut fields: Json, refusal: &Refusal) {
        // Shown where it is not so.
        println!("{path} {} {}", refusal.of, refusal.fields);
        overlay(&mut fields, &refusal.fields);
        let answer = self.tries_to_make(path, &fields).await;
        answer.says(refusal.status, &refusal.says);
    }
}

fn overlay(fields: &mut Json, with: &Json) {
    for (field, value) in with.as_object().expect("fields") {
        fields[field] = value.clone();
    }
}

/// What a single object of a path is called in a body.
fn envelope(path: &str) -> &'static str {
    match path.rsplit('/').next().unwrap_or_default() {
        "loadbalancers" => "loadbalancer",
        "listeners" => "listener",
        "pools" => "pool",
        "members" => "member",
        "healthmonitors" => "healthmonitor",
        "l7policies" => "l7policy",
        "rules" => "rule",
        "flavors" => "flavor",
        "flavorprofiles" => "flavorprofile",
        "availabilityzones" => "availability_zone",
        "availabilityzoneprofiles" => "availability_zone_profile",
        "quotas" => "quota",
        other => panic!("nothing is called {other}"),
    }
}

/// The id of an object that was shown.
pub(super) fn id_of(shown: &Json) -> String {
    shown["id"].as_str().expect("an id").to_owned()
}

/// An id of nothing.
pub(super) fn unknown() -> String {
    Uuid::from_u128(7).to_string()
}

/// The fields of an object, in the order in which they are shown.
pub(super) fn fields_of(shown: &Json) -> Vec<&str> {
    shown
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect()
}

/// What is answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Json,
    pub(super) text: String,
}

impl Answer {
    /// It has this status.
    #[track_caller]
    pub(super) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// It is a fault of what serves objects, in these words.
    #[track_caller]
    pub(super) fn says(self, status: u16, text: &str) {
        let faultcode = if status < 500 { "Client" } else { "Server" };
        let mut fault = json!({"faultcode": faultcode, "faultstring": text, "debuginfo": null});
        if let Some(field) = self.body.get("field") {
            fault["field"] = field.clone();
        }
        assert_eq!((self.status, self.text), (status, fault.to_string()));
    }

    /// It is a fault of the way to objects, in these words.
    #[track_caller]
    pub(super) fn describes(self, status: u16, title: &str, text: &str) {
        let mut fault = json!({"code": status, "title": title, "description": text});
        if let Some(field) = self.body.get("field") {
            fault["field"] = field.clone();
        }
        assert_eq!((self.status, self.text), (status, fault.to_string()));
    }

    /// What is in its envelope.
    #[track_caller]
    pub(super) fn inside(self) -> Json {
        let Json::Object(envelope) = self.body else {
            panic!("no envelope: {}", self.text);
        };
        envelope.into_iter().next().expect("something in it").1
    }
}
