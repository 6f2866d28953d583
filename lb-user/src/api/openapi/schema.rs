//! Schemas (JSON Schema 2020-12, which `OpenAPI` 3.1 has) in a few words.

use serde_json::{Map, Value as Json, json};

/// That which the document has under this name.
pub(super) fn named(name: &str) -> Json {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

pub(super) fn text() -> Json {
    json!({"type": "string"})
}

pub(super) fn list_of(items: &Json) -> Json {
    json!({"type": "array", "items": items})
}

/// An object with these properties, among others.
pub(super) fn object<const N: usize>(properties: [(&str, Json); N]) -> Json {
    let properties = properties.map(|(name, schema)| (name.to_owned(), schema));
    json!({"type": "object", "properties": Map::from_iter(properties)})
}

/// An object with just this in it, which is what it is about: `{"pool": {...}}`.
pub(super) fn enveloped(name: &str, schema: &Json) -> Json {
    json!({"type": "object", "properties": {name: schema}, "required": [name], "additionalProperties": false})
}

/// The same, and `null` as well. (3.1 has no `nullable` any more.)
pub(super) fn or_null(mut schema: Json) -> Json {
    let Some(fields) = schema.as_object_mut() else {
        return schema;
    };
    if fields.contains_key("$ref") {
        return json!({"anyOf": [schema, {"type": "null"}]});
    }
    // What says nothing of types takes all of them.
    if let Some(kind) = fields.get_mut("type").filter(|kind| kind.is_string()) {
        *kind = json!([kind.take(), "null"]);
        if let Some(Json::Array(values)) = fields.get_mut("enum") {
            values.push(Json::Null);
        }
    }
    schema
}

/// Only what a value is, without the bounds that a request is held to: what is declared in files has others.
pub(super) fn unbounded(mut schema: Json) -> Json {
    const BOUNDS: [&str; 6] = [
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "maxItems",
        "pattern",
    ];
    if let Some(fields) = schema.as_object_mut() {
        fields.retain(|key, _| !BOUNDS.contains(&key.as_str()));
        if let Some(items) = fields.get_mut("items") {
            *items = unbounded(items.take());
        }
    }
    schema
}
