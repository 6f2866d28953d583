//! What bodies may say: from the fields that requests are read by.

use serde::Serialize;
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::{
    super::whole::PLACES,
    schema::{list_of, named, or_null},
};
use crate::objects::{Create, Form, Head, Kind, Object, Purpose, SessionPersistence, Stamp, Update, When};

/// What is not by itself what it is where nobody says it: it is the caller's.
const PROJECT: [&str; 2] = ["project_id", "tenant_id"];

/// Notes the fields of an object instead of reading them.
struct Describer {
    purpose: Purpose,
    properties: Map<String, Json>,
    required: Vec<&'static str>,
}

impl Describer {
    fn new(purpose: Purpose) -> Self {
        Self {
            purpose,
            properties: Map::new(),
            required: Vec::new(),
        }
    }

    fn of<T: Object>(purpose: Purpose) -> Self {
        let mut describer = Self::new(purpose);
        blank::<T>().form(&mut describer);
        describer
    }

    /// Adds what a body may say of objects below.
    fn and(mut self, below: &[&str]) -> Self {
        let below = below
            .iter()
            .map(|key| ((*key).to_owned(), or_null(of_below(key))));
        self.properties.extend(below);
        self
    }

    fn schema(self) -> Json {
        let mut schema = json!({
            "type": "object",
            "properties": self.properties,
            "additionalProperties": false,
        });
        if !self.required.is_empty() {
            schema["required"] = json!(self.required);
        }
        schema
    }
}

impl Form for Describer {
    fn field<T: Clone + Serialize>(
        &mut self,
        name: &'static str,
        when: When,
        value: &mut T,
        _: &T,
        kind: &dyn Kind<T>,
    ) {
        let schema = match self.purpose {
            Purpose::Update if when.on_update == Update::Unknown => return,
            Purpose::Update => kind.schema_of_update(),
            Purpose::Create => kind.schema(),
        };
        // What has to be there when an object is made cannot be taken back later either.
        let mut schema = match when.on_create {
            Create::Required => schema,
            Create::Optional => or_null(schema),
        };
        if self.purpose == Purpose::Create {
            match when.on_create {
                Create::Required => self.required.push(name),
                Create::Optional if PROJECT.contains(&name) => {}
                // Not what `null` makes it, which may be something else.
                Create::Optional => schema["default"] = serde_json::to_value(value).unwrap_or_default(),
            }
        }
        self.properties.insert(name.to_owned(), schema);
    }
}

/// An object of which nothing has been said.
pub(super) fn blank<T: Object>() -> T {
    T::blank(Head::new(Uuid::nil(), Stamp::default()))
}

/// A new object, and under these keys those below it.
pub(super) fn create<T: Object>(below: &[&str]) -> Json {
    Describer::of::<T>(Purpose::Create).and(below).schema()
}

/// The same of an object that is itself made below another one.
pub(super) fn create_below<T: Object>(below: &[&str]) -> Json {
    let mut describer = Describer::of::<T>(Purpose::Create).and(below);
    describer.required.retain(|field| !PLACES.contains(field));
    describer
        .properties
        .retain(|field, _| !PLACES.contains(&field.as_str()) && field != "redirect_pool_id");
    describer.schema()
}

/// Another state of an object, which keeps what it is called by.
pub(super) fn update<T: Object>(called_by: &str) -> Json {
    let mut describer = Describer::of::<T>(Purpose::Update);
    describer.properties.retain(|field, _| field != called_by);
    describer.schema()
}

/// The session persistence of a pool.
pub(super) fn persistence(purpose: Purpose) -> Json {
    let mut describer = Describer::new(purpose);
    SessionPersistence::blank().form(&mut describer);
    describer.schema()
}

/// The pool that a listener or a policy leads to, where all are made together.
pub(super) fn pool_led_to() -> Json {
    let which = json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 1},
            "admin_state_up": {},
            "tls_enabled": {},
        },
        "required": ["name"],
        "additionalProperties": false,
    });
    json!({
        "description": "Which pool it is, by its name; or what it is, so that it is made. Below a new load balancer it has to \
            have a name.",
        "anyOf": [which, named("pool_create")],
    })
}

/// What stands under a key below an object that is made.
fn of_below(key: &str) -> Json {
    match key {
        "listeners" => list_of(&named("listener_below")),
        "pools" => list_of(&named("pool_create")),
        "default_pool" | "redirect_pool" => named("pool_led_to"),
        "l7policies" => list_of(&named("l7policy_below")),
        "rules" => list_of(&named("rule_create")),
        "members" => list_of(&named("member_create")),
        "healthmonitor" => named("healthmonitor_below"),
        _ => json!({}),
    }
}
