//! Whether what the tests of the API ask and are answered is what the document says: each of their requests is looked at.

use std::sync::LazyLock;

use axum::http::Method;
use serde_json::{Map, Value as Json};

use super::{
    DOCUMENT, OBJECTS,
    check::{Checker, Reading},
};

/// A request, and what was answered.
pub(in crate::api) struct Exchange<'e> {
    pub(in crate::api) method: &'e Method,
    pub(in crate::api) path: &'e str,
    pub(in crate::api) asked: &'e [u8],
    pub(in crate::api) status: u16,
    pub(in crate::api) answered: &'e Json,
}

/// The path under which the document has what is at an address.
pub(super) fn canonical(path: &str) -> String {
    let path = path.strip_prefix("/load-balancer").unwrap_or(path);
    let path = match path.trim_end_matches('/') {
        // More than one slash is no way to the root.
        "" if path.len() > 1 => path,
        "" => "/",
        path => path,
    };
    let path = match path.strip_prefix("/v2") {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("/v2.0{rest}"),
        _ => path.to_owned(),
    };
    let beside = path.strip_prefix("/v2.0").unwrap_or(&path);
    if beside == "/projects" || beside.starts_with("/projects/") {
        return format!("/identity/v3{beside}");
    }
    match path.strip_prefix("/v2.0/") {
        Some(rest) if !rest.starts_with("lbaas") && !rest.starts_with("octavia") => {
            format!("/network/v2.0/{rest}")
        }
        _ => path,
    }
}

/// The paths of the document from the root, and what there is at them: many requests are looked at.
pub(super) static ITEMS: LazyLock<Vec<(String, &Map<String, Json>)>> = LazyLock::new(|| {
    let paths = DOCUMENT["paths"].as_object().expect("paths");
    let items = paths.iter().map(|(path, item)| {
        let base = if item.get("servers").is_some() {
            ""
        } else {
            OBJECTS
        };
        (format!("{base}{path}"), item.as_object().expect("a path"))
    });
    items.collect()
});

/// Whether a path is one of a template; the better the more it has in common.
fn likeness(template: &str, path: &str) -> Option<usize> {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    let fits = |(part, given): (&&str, &&str)| part.starts_with('{') || part == given;
    let is_like = template.len() == path.len() && template.iter().zip(&path).all(fits);
    is_like.then(|| template.iter().filter(|part| !part.starts_with('{')).count())
}

/// What the document says of what is done at a path.
fn operation(method: &Method, path: &str) -> Option<&'static Json> {
    let path = canonical(path);
    let like = ITEMS
        .iter()
        .filter_map(|(template, item)| Some((likeness(template, &path)?, item)));
    let (_, item) = like.max_by_key(|(likeness, _)| *likeness)?;
    item.get(&method.as_str().to_ascii_lowercase())
}

/// Fails unless the document says that it may be so.
#[track_caller]
pub(in crate::api) fn holds(exchange: &Exchange<'_>) {
    let Exchange {
        method,
        path,
        asked,
        status,
        answered,
    } = exchange;
    let Some(operation) = operation(method, path) else {
        assert!(*status >= 400, "{method} {path} is not in the document");
        return;
    };
    let response = operation["responses"].get(status.to_string());
    let response = response.unwrap_or_else(|| panic!("{method} {path}: the document has no {status}"));
    let response = match response["$ref"].as_str().and_then(|at| at.strip_prefix('#')) {
        Some(pointer) => DOCUMENT.pointer(pointer).expect(pointer),
        None => response,
    };
    let schema = |of: &'static Json| of.pointer("/content/application~1json/schema");
    let held_to = |reading| Checker {
        document: &DOCUMENT,
        reading,
    };
    if let Some(schema) = schema(response) {
        let checked = held_to(Reading::ToTheLetter).check(schema, answered);
        checked.unwrap_or_else(|why| {
            panic!("{method} {path} is answered {status} with what the document has not: {why}")
        });
    }
    if let Some(schema) = schema(&operation["requestBody"])
        && *status < 300
    {
        let asked = serde_json::from_slice(asked).expect("a body in JSON");
        let checked = held_to(Reading::Generous).check(schema, &asked);
        checked.unwrap_or_else(|why| panic!("{method} {path} takes what the document has not: {why}"));
    }
}
