//! What can be said in queries, paths and headers.

use serde_json::{Value as Json, json};

use super::{
    schema::text,
    shown::{Fields, id},
};
use crate::{
    api::{
        identity::SUBJECT,
        list::{SEARCH, filters, is_comparable, is_searched},
    },
    objects::Object,
};

/// What a parameter is.
#[derive(Clone, Copy)]
enum Type {
    Text,
    Boolean,
    Id,
    Limit,
}

/// Those of queries that several operations have: what they are called, and what for.
const OF_QUERIES: [(&str, &str, Type); 11] = [
    (
        "limit",
        "How many at most; `infinite` or 0: as many as there are",
        Type::Limit,
    ),
    ("marker", "Those behind the object of this id", Type::Id),
    ("page_reverse", "Those before the marker", Type::Boolean),
    (
        "sort_dir",
        "`asc` or `desc` for each of `sort_key`, between commas",
        Type::Text,
    ),
    (
        "tags",
        "Only what has all of these tags, between commas",
        Type::Text,
    ),
    ("tags-any", "Only what has one of these tags", Type::Text),
    (
        "not-tags",
        "Only what does not have all of these tags",
        Type::Text,
    ),
    ("not-tags-any", "Only what has none of these tags", Type::Text),
    ("cascade", "All below it goes along", Type::Boolean),
    ("additive_only", "Nobody goes who is not named", Type::Boolean),
    ("name", "Only what is called so", Type::Text),
];

/// The same of headers, and whether there has to be one.
const OF_HEADERS: [(&str, &str, bool); 2] = [
    (
        IF_MATCH,
        "Only if the object is still of this revision, as its `ETag` says",
        false,
    ),
    (SUBJECT, "The token that is asked about", true),
];

pub(super) const IF_MATCH: &str = "If-Match";

/// By which tags lists are asked for.
const TAGS: [&str; 4] = ["tags", "tags-any", "not-tags", "not-tags-any"];

/// The parameters that operations refer to.
pub(super) fn shared() -> Json {
    let of_queries = OF_QUERIES.iter().map(|(name, description, kind)| {
        let schema = match kind {
            Type::Text => text(),
            Type::Boolean => json!({"type": "boolean"}),
            Type::Id => id(),
            Type::Limit => json!({"anyOf": [{"type": "integer"}, {"const": "infinite"}]}),
        };
        ((*name).to_owned(), of_query(name, description, &schema))
    });
    let of_headers = OF_HEADERS.iter().map(|(name, description, is_required)| {
        let parameter = json!({
            "name": name,
            "in": "header",
            "description": description,
            "required": is_required,
            "schema": text(),
        });
        ((*name).to_owned(), parameter)
    });
    Json::Object(of_queries.chain(of_headers).collect())
}

/// One of those.
pub(super) fn named(name: &str) -> Json {
    json!({"$ref": format!("#/components/parameters/{name}")})
}

/// What a path names.
pub(super) fn of_path(path: &str) -> Vec<Json> {
    let names = path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameter = |name: &str| {
        // Projects, providers and the objects of the network service are also called by names.
        let is_id = name == "id" || name == "pool_id" || name == "l7policy_id";
        let schema = if is_id { id() } else { text() };
        json!({"name": name, "in": "path", "required": true, "schema": schema})
    };
    names.map(parameter).collect()
}

/// Which fields are shown.
pub(super) fn fields<T: Object>() -> Json {
    fields_of(T::FIELDS)
}

/// The same of what has these fields.
pub(super) fn fields_of(fields: &[&str]) -> Json {
    let one = json!({"type": "string", "enum": fields});
    several(
        "fields",
        "Only these fields, between commas or one at a time",
        &one,
    )
}

/// How lists of a kind are asked for.
pub(super) fn of_list<T: Object>(shown: &Fields<T>) -> Vec<Json> {
    let keys: Vec<_> = T::FIELDS
        .iter()
        .copied()
        .filter(|field| is_comparable::<T>(field))
        .collect();
    let mut parameters: Vec<Json> = ["limit", "marker", "page_reverse", "sort_dir"].map(named).into();
    let key = json!({"type": "string", "enum": keys});
    parameters.push(several(
        "sort_key",
        "By what they are sorted, between commas",
        &key,
    ));
    let key = json!({"type": "string", "pattern": format!("^({})(:(asc|desc))?$", keys.join("|"))});
    parameters.push(several(
        "sort",
        "By what they are sorted, and in which order: `name:desc`",
        &key,
    ));
    parameters.push(fields::<T>());
    if T::FIELDS.contains(&"tags") {
        parameters.extend(TAGS.map(named));
    }
    if is_searched::<T>() {
        let description = "Only those with this in their name or address, without regard to case";
        parameters.push(of_query(SEARCH, description, &text()));
    }
    parameters.extend(filters::<T>().into_iter().map(|field| {
        json!({
            "name": field,
            "in": "query",
            "description": format!("Only those with this {field}"),
            "schema": of_one_value(shown.schema(field)),
        })
    }));
    parameters
}

/// One that only this operation has.
pub(super) fn of_query(name: &str, description: &str, schema: &Json) -> Json {
    json!({"name": name, "in": "query", "description": description, "schema": schema})
}

/// A parameter of several values between commas.
fn several(name: &str, description: &str, one: &Json) -> Json {
    json!({
        "name": name,
        "in": "query",
        "description": description,
        "style": "form",
        "explode": false,
        "schema": {"type": "array", "items": one},
    })
}

/// A query has no `null`, and asks of what has several values for one of them.
fn of_one_value(mut schema: Json) -> Json {
    if let Some(one) = schema.get_mut("items") {
        return one.take();
    }
    if let Some(kinds) = schema["type"].as_array() {
        let kind = kinds.iter().find(|kind| *kind != "null");
        schema["type"] = kind.cloned().unwrap_or_default();
    }
    if let Some(Json::Array(values)) = schema.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    schema
}
