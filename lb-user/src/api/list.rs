//! Lists: which objects, in which order, which of them now.

mod body;
mod search;

use std::{cmp::Ordering, sync::Arc};

use axum::{
    http::{HeaderMap, StatusCode, Uri, header::HOST},
    response::Response,
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

pub(super) use search::{SEARCH, is_searched};

use super::{
    Shared, answer,
    caller::Caller,
    objects::short,
    query::{is_yes, parameters},
};
use crate::objects::{Fault, Inventory, Object, Stamp, written};

/// The most objects of one answer.
const MOST: usize = 1000;
/// What is shown and cannot be compared with a word.
const COMPOSITE: [&str; 14] = [
    "loadbalancers",
    "listeners",
    "pools",
    "members",
    "l7policies",
    "rules",
    "vip_sg_ids",
    "additional_vips",
    "insert_headers",
    "sni_container_refs",
    "allowed_cidrs",
    "session_persistence",
    "tags",
    "tenant_id",
];

/// What a query asks for.
#[derive(Debug, Default)]
struct Wanted {
    filters: Vec<(String, String)>,
    part: Option<search::Part>,
    tags: Vec<String>,
    tags_any: Vec<String>,
    not_tags: Vec<String>,
    not_tags_any: Vec<String>,
    sort: Vec<(String, Direction)>,
    /// None: no bound but ours.
    limit: Option<usize>,
    marker: Option<String>,
    page: Page,
    fields: Vec<String>,
}

/// Where an object stands in a list: what it is sorted by, when it was made, and its id.
type Place = (Vec<Json>, Stamp, Uuid);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Page {
    #[default]
    After,
    Before,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Ascending,
    Descending,
}

impl Direction {
    fn of(word: &str) -> Result<Self, Fault> {
        match word.to_ascii_lowercase().as_str() {
            "asc" => Ok(Self::Ascending),
            "desc" => Ok(Self::Descending),
            word => Err(Fault::of_query(format!(
                "Supplied sort direction '{word}' is not valid."
            ))),
        }
    }
}

/// The `fields` of a query: more than one may be asked for, by commas or by saying it again.
pub(super) fn fields(parameters: &[(String, String)]) -> Vec<String> {
    let given = parameters.iter().filter(|(key, _)| key == "fields");
    given
        .flat_map(|(_, value)| value.split(','))
        .map(|field| field.trim().to_owned())
        .filter(|field| !field.is_empty())
        .collect()
}

impl Wanted {
    fn read<T: Object>(parameters: Vec<(String, String)>) -> Result<Self, Fault> {
        let mut wanted = Self {
            fields: fields(&parameters),
            ..Self::default()
        };
        let (mut keys, mut directions) = (Vec::new(), Vec::new());
        let words = |value: &str| value.split(',').map(str::to_owned).collect::<Vec<_>>();
        for (key, value) in parameters {
            match key.as_str() {
                "fields" => {}
                SEARCH if is_searched::<T>() => wanted.part = Some(search::Part::of(&value)),
                "limit" => wanted.limit = limit(&value)?,
                "marker" => wanted.marker = Some(value),
                "page_reverse" if is_yes(&value) => wanted.page = Page::Before,
                "page_reverse" => wanted.page = Page::After,
                "sort" => {
                    for one in words(&value) {
                        wanted.sort.push(sort_key(&one)?);
                    }
                }
                "sort_key" => keys.extend(words(&value)),
                "sort_dir" => directions.extend(words(&value)),
                "tags" => wanted.tags.extend(words(&value)),
                "tags-any" => wanted.tags_any.extend(words(&value)),
                "not-tags" => wanted.not_tags.extend(words(&value)),
                "not-tags-any" => wanted.not_tags_any.extend(words(&value)),
                other => {
                    let field = match other {
                        "load_balancer_id" => "loadbalancer_id",
                        "enabled" => T::FIELDS
                            .iter()
                            .find(|field| ["enabled", "admin_state_up"].contains(field))
                            .copied()
                            .unwrap_or(other),
                        other => other,
                    };
                    let is_known = is_comparable::<T>(field) || T::REFERENCES.contains(&field);
                    if !is_known || wanted.filters.iter().any(|(known, _)| known == field) {
                        let text = "One or more arguments are either duplicate or invalid";
                        return Err(Fault::new(400, text));
                    }
                    wanted.filters.push((field.to_owned(), value));
                }
            }
        }
        if wanted.sort.is_empty() {
            let directions = directions
                .iter()
                .map(String::as_str)
                .chain(std::iter::repeat("asc"));
            for (key, direction) in keys.into_iter().zip(directions) {
                wanted.sort.push((key, Direction::of(direction)?));
            }
        }
        if let Some((key, _)) = wanted.sort.iter().find(|(key, _)| !is_comparable::<T>(key)) {
            return Err(Fault::new(
                400,
                format!("Supplied sort key '{key}' is not valid."),
            ));
        }
        Ok(wanted)
    }

    fn accepts<T: Object>(&self, object: &T, inventory: &Inventory) -> bool {
        let has = |tag: &String| object.head().tags.contains(tag);
        self.filters
            .iter()
            .all(|(field, wanted)| matches(&object.shown(field, inventory), wanted))
            && self
                .part
                .as_ref()
                .is_none_or(|part| part.is_in(object, inventory))
            && self.tags.iter().all(has)
            && (self.tags_any.is_empty() || self.tags_any.iter().any(has))
            && (self.not_tags.is_empty() || !self.not_tags.iter().all(has))
            && !self.not_tags_any.iter().any(has)
    }

    /// What an object is sorted by: what is asked for, and then in the order in which they were made.
    fn place<T: Object>(&self, object: &T, inventory: &Inventory) -> Place {
        let head = object.head();
        // Times are shown in seconds, and known better.
        let keys = self.sort.iter().map(|(key, _)| match key.as_str() {
            "created_at" => json!(head.created_at),
            "updated_at" => json!(head.updated_at),
            key => object.shown(key, inventory),
        });
        (keys.collect(), head.created_at, head.id)
    }

    fn compare(&self, a: &Place, b: &Place) -> Ordering {
        let orders =
            a.0.iter()
                .zip(&b.0)
                .zip(&self.sort)
                .map(|((a, b), (_, direction))| {
                    let order = compare(a, b);
                    match direction {
                        Direction::Ascending => order,
                        Direction::Descending => order.reverse(),
                    }
                });
        let made = (a.1, a.2).cmp(&(b.1, b.2));
        orders.fold(Ordering::Equal, Ordering::then).then(made)
    }

    /// What comes now of all that are wanted: what follows the marker, which need not be among them. (The service gives the
    /// first ones of all that precede a marker, where it means the last ones.)
    fn page<T: Object>(&self, objects: Vec<Arc<T>>, inventory: &Inventory) -> Result<Vec<Arc<T>>, Fault> {
        let mut keyed: Vec<(Place, Arc<T>)> = objects
            .into_iter()
            .map(|object| (self.place(object.as_ref(), inventory), object))
            .collect();
        keyed.sort_by(|(a, _), (b, _)| self.compare(a, b));
        let limit = self.limit.unwrap_or(usize::MAX);
        let range = match &self.marker {
            None => 0..limit,
            Some(marker) => {
                let found = marker.parse().ok().and_then(|id| T::table(inventory).get(id));
                let found = found.ok_or_else(|| {
                    let text = format!("Supplied pagination marker '{}' is not valid.", short(marker));
                    Fault::new(400, text)
                })?;
                let marker = self.place(found.as_ref(), inventory);
                let before = keyed.partition_point(|(place, _)| self.compare(place, &marker).is_lt());
                let until = keyed.partition_point(|(place, _)| self.compare(place, &marker).is_le());
                match self.page {
                    Page::After => until..until.saturating_add(limit),
                    Page::Before => before.saturating_sub(limit)..before,
                }
            }
        };
        let page = keyed.into_iter().take(range.end).skip(range.start);
        Ok(page.map(|(_, object)| object).collect())
    }

    fn links<T: Object>(&self, page: &[Arc<T>], at: &str, parameters: &[(String, String)]) -> Json {
        let (Some(first), Some(last), Some(limit)) = (page.first(), page.last(), self.limit) else {
            return json!([]);
        };
        let kept = parameters
            .iter()
            .filter(|(key, _)| !["limit", "marker", "page_reverse"].contains(&key.as_str()));
        let link = |rel: &str, marker: Uuid, more: &[(&str, &str)]| {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.append_pair("limit", &limit.to_string());
            query.extend_pairs(kept.clone());
            query.append_pair("marker", &marker.to_string());
            query.extend_pairs(more);
            json!({"href": format!("{at}?{}", query.finish()), "rel": rel})
        };
        let mut links = Vec::new();
        if self.marker.is_some() {
            links.push(link("previous", first.head().id, &[("page_reverse", "True")]));
        }
        if page.len() >= limit {
            links.push(link("next", last.head().id, &[]));
        }
        Json::Array(links)
    }
}

/// `KEY` or `KEY:DIRECTION`.
fn sort_key(text: &str) -> Result<(String, Direction), Fault> {
    let parts: Vec<&str> = text.split(':').collect();
    match parts[..] {
        [key] => Ok((key.to_owned(), Direction::Ascending)),
        [key, direction] => Ok((key.to_owned(), Direction::of(direction)?)),
        _ => {
            let parts = written(&json!(parts));
            Err(Fault::of_query(format!(
                "Supplied sort key '{parts}' is not valid."
            )))
        }
    }
}

/// Whether objects can be told by a field, and sorted by it.
pub(super) fn is_comparable<T: Object>(field: &str) -> bool {
    T::FIELDS.contains(&field) && !COMPOSITE.contains(&field)
}

/// By what lists of a kind can be filtered, other names of the same fields among it.
pub(super) fn filters<T: Object>() -> Vec<&'static str> {
    let known = T::FIELDS
        .iter()
        .copied()
        .filter(|field| is_comparable::<T>(field));
    let mut filters: Vec<&str> = known.chain(T::REFERENCES.iter().copied()).collect();
    for (field, also) in [
        ("loadbalancer_id", "load_balancer_id"),
        ("admin_state_up", "enabled"),
    ] {
        if filters.contains(&field) && !filters.contains(&also) {
            filters.push(also);
        }
    }
    filters
}

fn limit(word: &str) -> Result<Option<usize>, Fault> {
    if word == "infinite" {
        return Ok(None);
    }
    match word.parse::<i64>() {
        Ok(number) if number < 1 => Ok(None),
        Ok(number) => Ok(Some(
            usize::try_from(number).map_or(MOST, |number| number.min(MOST)),
        )),
        Err(_) => Err(Fault::of_query(format!(
            "Supplied pagination limit '{}' is not valid.",
            short(word)
        ))),
    }
}

fn matches(value: &Json, wanted: &str) -> bool {
    match value {
        Json::String(text) => text == wanted,
        Json::Bool(value) => *value == is_yes(wanted),
        Json::Number(number) => number.to_string() == wanted,
        Json::Null => wanted.is_empty() || wanted.eq_ignore_ascii_case("none"),
        Json::Array(values) => values.iter().any(|value| matches(value, wanted)),
        Json::Object(_) => false,
    }
}

fn compare(a: &Json, b: &Json) -> Ordering {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal),
        (Json::String(a), Json::String(b)) => a.cmp(b),
        (Json::Bool(a), Json::Bool(b)) => a.cmp(b),
        (Json::Null, Json::Null) => Ordering::Equal,
        (Json::Null, _) => Ordering::Less,
        (_, Json::Null) => Ordering::Greater,
        _ => a.to_string().cmp(&b.to_string()),
    }
}

/// The objects of a kind that `caller` may see and the query asks for; of one parent, where `parent` is given.
pub(super) fn list<T: Object>(
    api: &Shared,
    caller: &Caller,
    parent: Option<Uuid>,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Response, Fault> {
    let parameters = parameters(uri);
    let mut wanted = Wanted::read::<T>(parameters.clone())?;
    if wanted.limit.is_none() && !parameters.iter().any(|(key, _)| key == "limit") {
        wanted.limit = Some(MOST);
    }
    if parent.is_none()
        && let Some((_, project)) = wanted.filters.iter().find(|(field, _)| field == "project_id")
    {
        // To ask for what one may not see is an error rather than nothing.
        caller.may_see(project)?;
    }
    let (page, links) = {
        let inventory = api.manager.read();
        let may_see = |object: &T| parent.is_some() || caller.may_see(&object.head().project_id).is_ok();
        let is_wanted = |object: &&Arc<T>| may_see(object) && wanted.accepts(object.as_ref(), &inventory);
        let table = T::table(&inventory);
        let all: Vec<Arc<T>> = match parent {
            Some(parent) => table.of(parent).filter(is_wanted).cloned().collect(),
            None => table.iter().filter(is_wanted).cloned().collect(),
        };
        let page = wanted.page(all, &inventory)?;
        let links = wanted.links(&page, &address(uri, headers), &parameters);
        (page, links)
    };
    let end = format!("],\"{}\":{links}}}", T::LINKS);
    Ok(answer::with_body(
        StatusCode::OK,
        body::of(api, page, wanted.fields, end),
    ))
}

/// Where a request was sent to, as the client has written it.
pub(super) fn address(uri: &Uri, headers: &HeaderMap) -> String {
    format!("{}{}", origin(headers), uri.path())
}

/// Scheme and host that a request was sent to.
pub(super) fn origin(headers: &HeaderMap) -> String {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = header("x-forwarded-proto").filter(|scheme| ["http", "https"].contains(scheme));
    let host = header(HOST.as_str()).unwrap_or("localhost");
    format!("{}://{host}", scheme.unwrap_or("http"))
}
