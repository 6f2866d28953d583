//! What is asked of the API for each verb.

use std::time::Duration;

use clap::ArgMatches;
use serde_json::{Map, Value as Json, json};

use super::{
    super::{
        api::{Api, query},
        exit::{Exit, Failure},
        format::Format,
    },
    arguments::{CASCADE, DISABLE, ENABLE, NEW_NAME, OBJECT, SUBJECT, filters},
    find::{Found, find, places},
    kind::{Field, Kind, Subject, Value},
    network, view,
};

/// How often it is seen whether a change is applied, and how many times: ten seconds. Mostly it is at once.
const LOOK: Duration = Duration::from_millis(50);
const LOOKS: usize = 200;

/// Who does what is asked for.
pub(super) struct Clerk<'m> {
    pub(super) kind: &'static Kind,
    pub(super) matches: &'m ArgMatches,
    pub(super) api: Api,
}

impl Clerk<'_> {
    pub(super) fn create(&mut self, format: Format) -> anyhow::Result<()> {
        let mut body = match self.kind.subject {
            Subject::Name | Subject::MaybeName => {
                let name = self.matches.get_one::<String>(SUBJECT);
                name.map(|name| ("name".to_owned(), json!(name)))
                    .into_iter()
                    .collect()
            }
            Subject::Endpoint => match self.matches.get_one::<Json>(SUBJECT) {
                Some(Json::Object(endpoint)) => endpoint.clone(),
                _ => Map::new(),
            },
            Subject::Nothing => Map::new(),
        };
        self.add_said(&mut body, |_| true)?;
        self.add_switch(&mut body);
        if self.kind.command == "lb" {
            network::complete(&mut self.api, &mut body)?;
        }
        let parent = self.parent().map(str::to_owned);
        let mut places = places(&mut self.api, self.kind, parent.as_deref())?;
        let base = places.remove(0).path;
        let mut made = self.api.post(&base, &json!({self.kind.singular: body}))?;
        let made = Found {
            base,
            object: made[self.kind.singular].take(),
        };
        self.show_settled(&made, format)
    }

    pub(super) fn list(&mut self, format: Format) -> anyhow::Result<()> {
        let mut wanted: Vec<(&str, String)> = Vec::new();
        if self.kind.subject.is_named()
            && let Some(name) = self.matches.get_one::<String>(NEW_NAME)
        {
            wanted.push(("name", name.clone()));
        }
        for field in filters(self.kind) {
            if let Some(value) = self.said(field)? {
                wanted.push((field.key, view::text(&value)));
            }
        }
        if let Some(field) = self.kind.fields.iter().find(|field| field.key == "tags")
            && let Some(tags) = field.said(self.matches)
        {
            let tags = tags.as_array().into_iter().flatten();
            wanted.extend(tags.map(|tag| ("tags", view::text(tag))));
        }
        let wanted: Vec<_> = wanted.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let query = query(&wanted);
        let parent = self.parent().map(str::to_owned);
        let mut all = Vec::new();
        for place in places(&mut self.api, self.kind, parent.as_deref())? {
            let objects = self
                .api
                .list(&format!("{}?{query}", place.path), self.kind.plural)?;
            all.extend(objects.into_iter().map(|mut object| {
                if let (Some(above), Some(id)) = (self.kind.parent, &place.parent) {
                    object[above.key] = json!(id);
                }
                object
            }));
        }
        let names = view::Names::of_columns(&mut self.api, self.kind, format, &all)?;
        format.print(&all, |colours| view::list(self.kind, &all, &names, colours))
    }

    pub(super) fn show(&mut self, format: Format) -> anyhow::Result<()> {
        let found = self.object()?;
        self.print(&found.object, format)
    }

    pub(super) fn set(&mut self, format: Format) -> anyhow::Result<()> {
        let mut body = Map::new();
        if matches!(self.kind.subject, Subject::Name | Subject::MaybeName)
            && let Some(name) = self.matches.get_one::<String>(NEW_NAME)
        {
            body.insert("name".into(), json!(name));
        }
        self.add_said(&mut body, |field| field.when.on_set())?;
        self.add_switch(&mut body);
        self.change(&body, format)
    }

    pub(super) fn unset(&mut self, format: Format) -> anyhow::Result<()> {
        let unset = self.kind.fields.iter().filter(|field| field.when.on_unset());
        let unset = unset.filter(|field| self.matches.get_flag(field.option));
        let body = unset.map(|field| {
            // No tags at all: `null` in their place changes nothing, as the service has it.
            let nothing = match field.value {
                Value::Texts(_) => json!([]),
                _ => Json::Null,
            };
            (field.key.to_owned(), nothing)
        });
        self.change(&body.collect(), format)
    }

    pub(super) fn delete(&mut self) -> anyhow::Result<()> {
        let wanted: Vec<String> = self
            .matches
            .get_many(OBJECT)
            .into_iter()
            .flatten()
            .cloned()
            .collect();
        let parent = self.parent().map(str::to_owned);
        // All are found before any goes: a slip of the pen takes nothing away.
        let mut all = Vec::new();
        for one in &wanted {
            all.push(find(&mut self.api, self.kind, parent.as_deref(), one)?);
        }
        let cascades = self.matches.try_get_one(CASCADE).ok().flatten() == Some(&true);
        let query = if cascades { "?cascade=true" } else { "" };
        for found in all {
            let balancer = self.balancer(&found)?;
            self.api.delete(&format!("{}{query}", found.path()))?;
            self.settle(balancer.as_deref())?;
        }
        Ok(())
    }

    fn change(&mut self, body: &Map<String, Json>, format: Format) -> anyhow::Result<()> {
        let found = self.object()?;
        self.api.put(&found.path(), &json!({self.kind.singular: body}))?;
        self.show_settled(&found, format)
    }

    /// The one that is named.
    fn object(&mut self) -> anyhow::Result<Found> {
        let wanted = self
            .matches
            .get_one::<String>(OBJECT)
            .cloned()
            .unwrap_or_default();
        let parent = self.parent().map(str::to_owned);
        find(&mut self.api, self.kind, parent.as_deref(), &wanted)
    }

    fn parent(&self) -> Option<&str> {
        let parent = self.kind.parent?;
        self.matches.get_one::<String>(parent.option).map(String::as_str)
    }

    /// What is said of a field, other objects by their ids.
    fn said(&mut self, field: &Field) -> anyhow::Result<Option<Json>> {
        match (field.said(self.matches), field.value) {
            (Some(Json::String(name)), Value::Reference(kind)) => {
                let found = find(&mut self.api, kind, None, &name)?;
                Ok(Some(found.object["id"].clone()))
            }
            (Some(Json::String(name)), Value::Area(area)) => Ok(Some(area.id(&mut self.api, &name)?)),
            (said, _) => Ok(said),
        }
    }

    fn add_said(&mut self, body: &mut Map<String, Json>, may: impl Fn(&Field) -> bool) -> anyhow::Result<()> {
        for field in self.kind.fields.iter().filter(|field| may(field)) {
            if let Some(value) = self.said(field)? {
                body.insert(field.key.to_owned(), value);
            }
        }
        Ok(())
    }

    fn add_switch(&self, body: &mut Map<String, Json>) {
        let Some(switch) = self.kind.switch else { return };
        for (flag, value) in [(ENABLE, true), (DISABLE, false)] {
            if self.matches.get_flag(flag) {
                body.insert(switch.to_owned(), json!(value));
            }
        }
    }

    /// Shows what has become of an object, and fails where the data plane has refused it.
    fn show_settled(&mut self, found: &Found, format: Format) -> anyhow::Result<()> {
        let balancer = self.balancer(found)?;
        let settled = self.settle(balancer.as_deref());
        let mut object = self.api.get(&found.path())?;
        self.print(&object[self.kind.singular].take(), format)?;
        settled
    }

    fn print(&self, object: &Json, format: Format) -> anyhow::Result<()> {
        format.print(object, |colours| view::one(self.kind, object, colours))
    }

    /// The load balancer whose tree an object is in; none: nothing is served by it.
    fn balancer(&mut self, found: &Found) -> anyhow::Result<Option<String>> {
        let mut object = found.object.clone();
        if self.kind.command == "lb" {
            return Ok(object["id"].as_str().map(str::to_owned));
        }
        if self.kind.parent.is_some()
            && let Some((above, _)) = found.base.rsplit_once('/')
        {
            object = only_member(self.api.get(above)?);
        }
        // Each step leads one further up: rule, policy, listener; monitor, pool.
        for (key, above) in [("listener_id", "listeners"), ("pools", "pools")] {
            if object["loadbalancers"].is_null()
                && let Some(id) = id_in(&object[key])
            {
                object = only_member(self.api.get(&format!("/{above}/{id}"))?);
            }
        }
        Ok(id_in(&object["loadbalancers"]).map(str::to_owned))
    }

    /// Waits until a change of a load balancer is applied, and fails where it is refused.
    fn settle(&mut self, balancer: Option<&str>) -> anyhow::Result<()> {
        let Some(id) = balancer else { return Ok(()) };
        for _ in 0..LOOKS {
            let Some(answer) = self.api.find(&format!("/loadbalancers/{id}"))? else {
                return Ok(());
            };
            let balancer = &answer["loadbalancer"];
            match balancer["provisioning_status"].as_str() {
                Some("ERROR") => {
                    let reason = balancer["status_reason"]
                        .as_str()
                        .unwrap_or("its log may say why");
                    let text = format!(
                        "it is kept, but the data plane has refused it, and serves what it served before: {reason}. \
                         Change it, or take it away again"
                    );
                    return Err(Failure::new(Exit::Failed, text).into());
                }
                Some(status) if status.starts_with("PENDING") => self.api.wait(LOOK),
                _ => return Ok(()),
            }
        }
        let text = "it is kept, but still being applied; `holdfast lb show` says what becomes of it";
        Err(Failure::new(Exit::Failed, text).into())
    }
}

/// The object of an answer: `{"pool": {...}}`.
fn only_member(answer: Json) -> Json {
    match answer {
        Json::Object(members) => members
            .into_iter()
            .next()
            .map_or(Json::Null, |(_, object)| object),
        other => other,
    }
}

/// The id in a field that refers to one object: as it is, or in a list.
fn id_in(field: &Json) -> Option<&str> {
    field.as_str().or_else(|| field[0]["id"].as_str())
}
