//! Requests as they come by network, answered in this process.

mod console;
mod tokens;
mod who;

use std::sync::LazyLock;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, header},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value as Json, json};
use tower_service::Service as _;

use super::{known::Shows, *};
use crate::{
    api::{Api, Role},
    manager::Manager,
    model::DataPlane,
    model::{ApiToken, ApiUser, PasswordHash},
    password,
    store::Embedded,
    translate::Certificates,
};

const PASSWORD: &str = "open: sesame";
const TOKEN: &str = "let-me-in";

static PASSWORD_HASH: LazyLock<PasswordHash> = LazyLock::new(|| password::hash(PASSWORD.as_bytes()).unwrap());
static TOKEN_HASH: LazyLock<PasswordHash> = LazyLock::new(|| password::hash(TOKEN.as_bytes()).unwrap());

/// A member of the project `shop`.
pub(super) fn alice() -> Person {
    Person {
        shows: Shows::Password,
        name: "alice".into(),
        hash: PASSWORD_HASH.clone(),
        project: "shop".into(),
        role: Role::Member,
    }
}

fn user(name: &str, project: &str, role: Role) -> ApiUser {
    ApiUser {
        name: name.into(),
        password: PASSWORD_HASH.clone(),
        project: project.into(),
        role,
    }
}

/// Alice, who looks on with Olga, the administrator Adam, and a token of an administrator's.
fn settings() -> ApiSettings {
    ApiSettings {
        users: vec![
            user("alice", "shop", Role::Member),
            user("olga", "shop", Role::Observer),
            user("adam", "default", Role::Admin),
        ],
        tokens: vec![ApiToken {
            name: "robot".into(),
            token: TOKEN_HASH.clone(),
            project: "robots".into(),
            role: Role::Admin,
        }],
        ..ApiSettings::default()
    }
}

struct World {
    api: Arc<Api>,
    router: Router,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Json,
}

impl World {
    fn new(settings: &ApiSettings) -> Self {
        let certificates = Certificates {
            directory: "/nowhere".into(),
        };
        let store = Arc::new(Embedded::in_memory());
        let (manager, _) = Manager::open(store, DataPlane::Noop, certificates).unwrap();
        let api = Api::new(manager);
        api.access.take(settings);
        Self {
            router: api.guarded(),
            api,
        }
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Json) -> Answer {
        self.send_from("192.0.2.1", method, path, headers, body).await
    }

    async fn send_from(
        &self,
        peer: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Json,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .extension(Peer(peer.parse().unwrap()));
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header(header::HOST, "lb.example.org");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_string())).unwrap();
        let response = self.router.clone().call(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
        }
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("GET", path, headers, json!({})).await
    }

    /// A token for a password.
    async fn ask_for_token(&self, user: &str, password: &str, scope: Json) -> Answer {
        let identity = json!({
            "methods": ["password"],
            "password": {"user": {"name": user, "password": password, "domain": {"name": "Default"}}},
        });
        let auth = json!({"identity": identity, "scope": scope});
        self.send("POST", "/identity/v3/auth/tokens", &[], json!({"auth": auth}))
            .await
    }

    async fn token(&self, user: &str) -> String {
        let answer = self.ask_for_token(user, PASSWORD, Json::Null).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.header("x-subject-token").to_owned()
    }
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
}

const LIST: &str = "/v2.0/lbaas/loadbalancers";
