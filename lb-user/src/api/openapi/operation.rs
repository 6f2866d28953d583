//! What can be done at an address.

use std::collections::BTreeMap;

use axum::http::Method;
use serde_json::{Value as Json, json};

use super::answers::{json_of, refusal};
use crate::api::auth::is_public;

/// What the paths of the document are below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    /// The objects of the load balancing service.
    Objects,
    /// The address of the API itself.
    Root,
}

/// Where [`Base::Objects`] are.
pub(super) const OBJECTS: &str = "/v2.0/lbaas";

/// What can be done at an address, by one method.
#[derive(Clone)]
pub(super) struct Operation {
    id: String,
    summary: String,
    tag: &'static str,
    parameters: Vec<Json>,
    body: Option<Json>,
    answers: BTreeMap<u16, Json>,
}

impl Operation {
    pub(super) fn new(id: impl Into<String>, tag: &'static str, summary: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            summary: summary.into(),
            tag,
            parameters: Vec::new(),
            body: None,
            answers: BTreeMap::new(),
        }
    }

    /// The same under another name.
    pub(super) fn called(mut self, id: &str) -> Self {
        id.clone_into(&mut self.id);
        self
    }

    /// It takes these parameters beside those of the path.
    pub(super) fn takes(mut self, parameters: impl IntoIterator<Item = Json>) -> Self {
        self.parameters.extend(parameters);
        self
    }

    /// It reads a body, in JSON.
    pub(super) fn reads(mut self, schema: &Json) -> Self {
        self.body = Some(schema.clone());
        self.refuses(&[400, 408, 413, 415])
    }

    pub(super) fn answers(mut self, status: u16, answer: Json) -> Self {
        self.answers.insert(status, answer);
        self
    }

    /// It answers 200 with this.
    pub(super) fn shows(self, description: &str, schema: &Json) -> Self {
        self.answers(200, json_of(description, schema))
    }

    /// It is refused with these statuses.
    pub(super) fn refuses(mut self, statuses: &[u16]) -> Self {
        for status in statuses {
            self.answers.entry(*status).or_insert_with(|| refusal(*status));
        }
        self
    }

    /// It is not refused with these, as others are.
    pub(super) fn without(mut self, statuses: &[u16]) -> Self {
        self.answers.retain(|status, _| !statuses.contains(status));
        self
    }

    /// It changes something, which others may have done meanwhile, and which has to be stored.
    pub(super) fn changes(self) -> Self {
        self.refuses(&[400, 403, 409, 500])
    }

    /// What the document says of it at this path.
    pub(super) fn at(self, method: &Method, base: Base, path: &str) -> Json {
        let whole = match base {
            Base::Objects => format!("{OBJECTS}{path}"),
            Base::Root => path.to_owned(),
        };
        let is_public = is_public(method, &whole);
        // Whoever answers: clients that take no JSON are told at once.
        let mut this = self.refuses(&[406]);
        if !is_public {
            this = this.refuses(&[401, 429, 503]);
        }
        // Where something is named, it may be something that there is not.
        if path.contains('{') {
            this = this.refuses(&[404]);
        }
        let answers = this.answers.into_iter();
        let answers = answers.map(|(status, answer)| (status.to_string(), answer));
        let mut operation = json!({
            "operationId": this.id,
            "tags": [this.tag],
            "summary": this.summary,
        });
        if is_public {
            operation["security"] = json!([]);
        }
        if !this.parameters.is_empty() {
            operation["parameters"] = this.parameters.into();
        }
        if let Some(schema) = this.body {
            operation["requestBody"] =
                json!({"required": true, "content": {"application/json": {"schema": schema}}});
        }
        operation["responses"] = Json::Object(answers.collect());
        operation
    }
}
