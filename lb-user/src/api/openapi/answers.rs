//! What is answered, and why not.

use serde_json::{Map, Value as Json, json};

use super::schema::{named, object, text};

/// Why requests are refused, by status: the sense of it, and the shapes of the body.
const REFUSALS: [(u16, &str, &[&str]); 14] = [
    (
        400,
        "What is asked for is wrong by itself",
        &["fault", "described_fault"],
    ),
    (401, "Nobody says who asks, or not rightly", &["identity_error"]),
    (
        403,
        "Not for this caller, or more than the quota of the project",
        &["fault"],
    ),
    (404, "There is no such object", &["fault", "described_fault"]),
    (406, "The client takes no JSON", &["described_fault"]),
    (408, "The body does not come", &["fault", "identity_error"]),
    (409, "It does not go with what there is now", &["fault"]),
    (412, "It is of another revision than If-Match says", &["fault"]),
    (413, "The body is too large", &["fault", "identity_error"]),
    (415, "The body is not in JSON", &["fault"]),
    (
        429,
        "Too many wrong passwords or tokens from this address",
        &["identity_error"],
    ),
    (500, "The change cannot be stored", &["fault"]),
    (501, "It can be asked for, and is not offered", &["fault"]),
    (
        503,
        "The daemon is ending, or too many passwords are being verified",
        &["fault", "identity_error"],
    ),
];

/// An answer without a body.
pub(super) fn empty(description: &str) -> Json {
    json!({ "description": description })
}

/// An answer in JSON.
pub(super) fn json_of(description: &str, schema: &Json) -> Json {
    json!({"description": description, "content": {"application/json": {"schema": schema}}})
}

/// The same with the revision by which an object can be changed.
pub(super) fn with_revision(mut answer: Json) -> Json {
    answer["headers"] = json!({"ETag": {"$ref": "#/components/headers/etag"}});
    answer
}

/// Why not, by status.
pub(super) fn refusal(status: u16) -> Json {
    json!({"$ref": format!("#/components/responses/{status}")})
}

/// The answers that operations refer to.
pub(super) fn responses() -> Json {
    let all = REFUSALS.iter().map(|(status, description, shapes)| {
        let schema = match shapes {
            [shape] => named(shape),
            shapes => json!({"anyOf": shapes.iter().map(|shape| named(shape)).collect::<Vec<_>>()}),
        };
        let mut answer = json_of(description, &schema);
        match status {
            401 => answer["headers"] = header("WWW-Authenticate", "How to say who asks"),
            429 => answer["headers"] = header("Retry-After", "In so many seconds"),
            _ => {}
        }
        (status.to_string(), answer)
    });
    Json::Object(all.collect())
}

fn header(name: &str, description: &str) -> Json {
    json!({name: {"description": description, "schema": text()}})
}

/// The headers that operations refer to.
pub(super) fn headers() -> Json {
    json!({"etag": {"description": "The revision of the object, for If-Match", "schema": text()}})
}

/// The bodies of refusals, by their names.
pub(super) fn faults() -> Map<String, Json> {
    let code = || json!({"type": "integer"});
    let fault = object([
        (
            "faultcode",
            json!({"type": "string", "enum": ["Client", "Server"]}),
        ),
        ("faultstring", text()),
        ("debuginfo", json!({"type": "null"})),
    ]);
    let described = object([("code", code()), ("title", text()), ("description", text())]);
    let of_identity = object([("code", code()), ("title", text()), ("message", text())]);
    let of_network = object([("type", text()), ("message", text()), ("detail", text())]);
    let all = [
        ("fault", with_field(required(fault))),
        ("described_fault", with_field(required(described))),
        (
            "identity_error",
            required(object([("error", required(of_identity))])),
        ),
        (
            "network_error",
            required(object([("NeutronError", required(of_network))])),
        ),
    ];
    all.into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect()
}

/// Where a field of the request is wrong, it is named.
fn with_field(mut fault: Json) -> Json {
    fault["properties"]["field"] = text();
    fault
}

/// With all properties there.
pub(super) fn required(mut schema: Json) -> Json {
    let names = schema["properties"].as_object().map(|properties| {
        let names = properties.keys().cloned();
        names.collect::<Vec<_>>()
    });
    schema["required"] = json!(names.unwrap_or_default());
    schema
}
