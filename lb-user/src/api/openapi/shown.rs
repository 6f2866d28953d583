//! What objects are shown as: from the fields that are shown, of the kinds that requests have them of.

use serde::Serialize;
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::{
    body::blank,
    schema::{list_of, named, object, or_null, text, unbounded},
};
use crate::{
    api::show::{below, is_above},
    model::{OperatingStatus, Word},
    objects::{Create, Form, Inventory, Kind, Object, ProvisioningStatus, SessionPersistence, When},
};

/// Notes of which kind the fields of an object are.
#[derive(Default)]
struct Kinds {
    all: Map<String, Json>,
    /// Those that are always there.
    required: Vec<&'static str>,
}

impl Form for Kinds {
    fn field<T: Clone + Serialize>(
        &mut self,
        name: &'static str,
        when: When,
        _: &mut T,
        _: &T,
        kind: &dyn Kind<T>,
    ) {
        if when.on_create == Create::Required {
            self.required.push(name);
        }
        self.all.insert(name.to_owned(), unbounded(kind.schema()));
    }
}

/// The fields that objects of a kind are shown with.
pub(super) struct Fields<T> {
    kinds: Kinds,
    blank: T,
    inventory: Inventory,
}

impl<T: Object> Fields<T> {
    pub(super) fn new() -> Self {
        let mut kinds = Kinds::default();
        let mut blank = blank::<T>();
        blank.form(&mut kinds);
        Self {
            kinds,
            blank,
            inventory: Inventory::default(),
        }
    }

    /// What there is in a field, which lists may be filtered by as well.
    pub(super) fn schema(&self, field: &str) -> Json {
        match field {
            "id" | "healthmonitor_id" | "load_balancer_id" => return id(),
            "created_at" => return time(),
            "updated_at" => return or_null(time()),
            "provisioning_status" => return words::<ProvisioningStatus>(),
            "operating_status" => return words::<OperatingStatus>(),
            "listeners" | "pools" | "loadbalancers" | "members" | "l7policies" | "rules" => {
                return list_of(&named("reference"));
            }
            "session_persistence" => return or_null(named("session_persistence")),
            "status_reason" | "declared_in" => return or_null(text()),
            // None only while a request is read.
            "vip_address" => return self.kinds.all.get(field).cloned().unwrap_or_else(text),
            _ => {}
        }
        if T::REFERENCES.contains(&field) {
            return id();
        }
        let shown = self.blank.shown(field, &self.inventory);
        let schema = match self.kinds.all.get(field) {
            Some(schema) => schema.clone(),
            None => of_value(&shown),
        };
        if shown.is_null() && !self.kinds.required.contains(&field) {
            or_null(schema)
        } else {
            schema
        }
    }

    /// An object; of those below it, the ids.
    pub(super) fn itself(&self) -> Json {
        let fields = T::FIELDS.iter();
        let fields = fields.map(|field| ((*field).to_owned(), self.schema(field)));
        properties(fields)
    }

    /// An object, and all below it.
    pub(super) fn whole(&self) -> Json {
        let below = below(T::KIND);
        let of_below = below.iter().map(|key| ((*key).to_owned(), whole_below(key)));
        let own = T::FIELDS
            .iter()
            .filter(|field| !below.contains(field) && !is_above(T::KIND, field))
            .map(|field| ((*field).to_owned(), self.schema(field)));
        properties(of_below.chain(own))
    }
}

/// What stands under a key below an object that is shown as a whole.
fn whole_below(key: &str) -> Json {
    match key {
        "listeners" => list_of(&named("listener_whole")),
        "pools" => list_of(&named("pool_whole")),
        "l7policies" => list_of(&named("l7policy_whole")),
        "rules" => list_of(&named("rule")),
        "members" => list_of(&named("member")),
        "healthmonitor" => or_null(named("healthmonitor")),
        _ => json!({}),
    }
}

/// The session persistence of a pool: whatever is not said of it is `null`.
pub(super) fn persistence() -> Json {
    let mut kinds = Kinds::default();
    SessionPersistence::blank().form(&mut kinds);
    let required = kinds.required;
    let fields = kinds.all.into_iter().map(|(field, schema)| {
        let is_required = required.contains(&field.as_str());
        let schema = if is_required { schema } else { or_null(schema) };
        (field, schema)
    });
    properties(fields)
}

/// An object with these properties.
fn properties(all: impl Iterator<Item = (String, Json)>) -> Json {
    json!({"type": "object", "properties": all.collect::<Map<_, _>>()})
}

/// An object as others refer to it.
pub(super) fn reference() -> Json {
    object([("id", id())])
}

pub(super) fn id() -> Json {
    json!({"type": "string", "format": "uuid"})
}

fn time() -> Json {
    json!({
        "type": "string",
        "description": "UTC, without a zone",
        "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$",
    })
}

/// One of the words of a closed set.
pub(super) fn words<T: Word>() -> Json {
    let words: Vec<_> = T::ALL.iter().map(|value| value.word()).collect();
    json!({"type": "string", "enum": words})
}

/// What is of the same type as a value.
fn of_value(value: &Json) -> Json {
    match value {
        Json::Null => json!({}),
        Json::Bool(_) => json!({"type": "boolean"}),
        Json::Number(_) => json!({"type": "integer"}),
        // An id that nothing has been said of yet is nil.
        Json::String(text) if text.parse::<Uuid>().is_ok() => id(),
        Json::String(_) => text(),
        Json::Array(_) => json!({"type": "array"}),
        Json::Object(_) => json!({"type": "object"}),
    }
}
