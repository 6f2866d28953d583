//! Objects, for people.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::{
    super::{
        api::Api,
        format::{Format, Output},
        paint::Colours,
        table::{Column, Table},
    },
    kind::{Kind, Shows},
};

/// What is shown twice, or is of no use to people.
const HIDDEN: [&str; 2] = ["tenant_id", "revision"];

/// All of an object that says something.
pub(super) fn one(kind: &Kind, object: &Json, colours: Colours) -> String {
    let mut table = Table::new([Column::Left("FIELD"), Column::State("VALUE")]);
    for field in kind.shown.iter().filter(|field| !HIDDEN.contains(field)) {
        let text = text(&object[*field]);
        if !text.is_empty() {
            table.row([(*field).to_owned(), text]);
        }
    }
    table.painted(colours)
}

/// What other objects are called, by their ids.
#[derive(Default)]
pub(super) struct Names(HashMap<String, String>);

impl Names {
    /// Of those that the columns of a kind show; programs want none.
    pub(super) fn of_columns(
        api: &mut Api,
        kind: &Kind,
        format: Format,
        objects: &[Json],
    ) -> anyhow::Result<Self> {
        let mut names = Self::default();
        if format.output() != Output::Table || objects.is_empty() {
            return Ok(names);
        }
        for column in kind.columns {
            let Shows::NameOf(other) = column.shows else {
                continue;
            };
            let path = format!("/{}?fields=id,name", other.plural);
            for one in api.list(&path, other.plural)? {
                if let (Some(id), Some(name)) = (one["id"].as_str(), one["name"].as_str())
                    && !name.is_empty()
                {
                    names.0.insert(id.to_owned(), name.to_owned());
                }
            }
        }
        Ok(names)
    }

    fn of(&self, id: &str) -> String {
        self.0.get(id).map_or(id, String::as_str).to_owned()
    }
}

/// A list: a line an object.
pub(super) fn list(kind: &Kind, objects: &[Json], names: &Names, colours: Colours) -> String {
    if objects.is_empty() {
        return format!("There are no {}.", kind.several);
    }
    let columns = kind.columns.iter().map(|column| {
        let is_number = objects.iter().all(|object| object[column.key].is_number());
        match column.shows {
            Shows::State => Column::State(column.title),
            _ if is_number => Column::Right(column.title),
            Shows::Value | Shows::NameOf(_) => Column::Left(column.title),
        }
    });
    let mut table = Table::new(columns.collect::<Vec<_>>());
    for object in objects {
        let cells = kind.columns.iter().map(|column| {
            let value = &object[column.key];
            let text = match column.shows {
                Shows::Value | Shows::State => text(value),
                Shows::NameOf(_) => {
                    let ids = ids(value);
                    ids.iter().map(|id| names.of(id)).collect::<Vec<_>>().join(", ")
                }
            };
            if text.is_empty() { "-".to_owned() } else { text }
        });
        table.row(cells.collect::<Vec<_>>());
    }
    table.painted(colours)
}

/// The ids in a field that refers to one object or to several.
fn ids(value: &Json) -> Vec<&str> {
    match value {
        Json::Array(all) => all.iter().filter_map(|one| one["id"].as_str()).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

/// A value in a cell.
pub(super) fn text(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        Json::Bool(_) | Json::Number(_) => value.to_string(),
        Json::Array(all) => {
            let all = all.iter().map(|one| match &one["id"] {
                Json::String(id) => id.clone(),
                _ => text(one),
            });
            all.collect::<Vec<_>>().join(", ")
        }
        Json::Object(fields) => {
            // What it is, before what is said of it.
            let kind = fields.iter().filter(|(key, _)| *key == "type");
            let others = fields.iter().filter(|(key, _)| *key != "type");
            let said = kind.chain(others).filter(|(_, value)| !value.is_null());
            let pairs = said.map(|(key, value)| format!("{key}={}", text(value)));
            pairs.collect::<Vec<_>>().join(",")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_written_as_they_are_said() {
        for (value, is) in [
            (json!(null), ""),
            (json!("web"), "web"),
            (json!(true), "true"),
            (json!([{"id": "1"}, {"id": "2"}]), "1, 2"),
            (json!(["a", "b"]), "a, b"),
            (
                json!({"type": "SOURCE_IP", "persistence_timeout": 60, "cookie_name": null}),
                "type=SOURCE_IP,persistence_timeout=60",
            ),
        ] {
            assert_eq!(text(&value), is);
        }
    }

    #[test]
    fn lists_call_other_objects_by_their_names() {
        let kinds = super::super::kinds::KINDS;
        let pool = kinds.into_iter().find(|kind| kind.command == "pool").unwrap();
        let objects = [json!({
            "id": "2", "name": "backs", "loadbalancers": [{"id": "1"}], "protocol": "HTTP",
            "lb_algorithm": "ROUND_ROBIN", "session_persistence": null, "provisioning_status": "ACTIVE",
            "operating_status": "ONLINE",
        })];
        let names = Names(HashMap::from([("1".to_owned(), "web".to_owned())]));
        let shown = list(pool, &objects, &names, Colours::Off);
        let expected = "\
NAME   LOAD BALANCER  PROTOCOL  ALGORITHM    SESSION PERSISTENCE  PROVISIONING  OPERATING  ID
backs  web            HTTP      ROUND_ROBIN  -                    ACTIVE        ONLINE     2
";
        assert_eq!(shown, expected);
        assert_eq!(list(pool, &[], &names, Colours::Off), "There are no pools.");
    }
}
