//! The document of the API (`OpenAPI` 3.1), written from the same fields that requests are read by.
//!
//! ```text
//! fields -> body, shown (schemas) -> objects, services (operations) -> document
//! ```

mod answers;
mod body;
#[cfg(test)]
mod check;
#[cfg(test)]
pub(super) mod conformance;
mod objects;
mod operation;
mod parameters;
mod schema;
mod services;
mod shown;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use axum::{
    http::{Method, StatusCode},
    response::Response,
};
use serde_json::{Map, Value as Json, json};

use super::{answer, auth::TOKEN};
use operation::{Base, OBJECTS, Operation};

/// It is the same for everybody, and for as long as the program runs.
static DOCUMENT: LazyLock<Json> = LazyLock::new(document);

pub(super) async fn openapi() -> Response {
    answer::json_of(StatusCode::OK, &*DOCUMENT)
}

/// What has been described so far.
struct Document {
    paths: Map<String, Json>,
    schemas: Map<String, Json>,
}

impl Document {
    /// Adds what a method does at a path.
    fn add(&mut self, method: &Method, base: Base, path: &str, operation: Operation) {
        let item = self.paths.entry(path).or_insert_with(|| {
            let mut item = json!({});
            if base == Base::Root {
                item["servers"] = json!([{"url": "/"}]);
            }
            let parameters = parameters::of_path(path);
            if !parameters.is_empty() {
                item["parameters"] = parameters.into();
            }
            item
        });
        item[method.as_str().to_ascii_lowercase()] = operation.at(method, base, path);
    }

    /// Adds a schema under a name.
    fn schema(&mut self, name: &str, schema: Json) {
        self.schemas.insert(name.to_owned(), schema);
    }
}

fn document() -> Json {
    let mut document = Document {
        paths: Map::new(),
        schemas: answers::faults(),
    };
    objects::describe(&mut document);
    services::describe(&mut document);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Holdfast",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Load balancing that keeps sessions, in the language of OpenStack's load balancing API (v2.0 to \
                v2.30). Ours beside it: `revision` of every object, which `If-Match` is compared with; `declared_in`, the file \
                that it stands in; `status_reason` of a load balancer that the data plane refused; `persistence_timeout` in \
                seconds and for every protocol. All of it is also below `/load-balancer`, and `/v2` is another name of `/v2.0`. \
                Requests may have numbers and booleans as strings, and ids without dashes.",
        },
        "servers": [{"url": OBJECTS}],
        "security": [{"token": []}, {"basic": []}],
        "paths": document.paths,
        "components": {
            "schemas": document.schemas,
            "responses": answers::responses(),
            "parameters": parameters::shared(),
            "headers": answers::headers(),
            "securitySchemes": {
                "token": {
                    "type": "apiKey",
                    "in": "header",
                    "name": TOKEN,
                    "description": "A token of the configuration, or one that the identity service gave out",
                },
                "basic": {"type": "http", "scheme": "basic", "description": "A name and a password of the configuration"},
            },
        },
    })
}
