//! Finding objects by what people call them.

use serde_json::Value as Json;
use uuid::Uuid;

use super::{
    super::{
        api::{Api, query},
        exit::{Exit, Failure},
        values,
    },
    kind::{Kind, Subject},
};
use crate::config::closest;

/// An object, and where it is.
pub(super) struct Found {
    /// What is before its id in its path.
    pub(super) base: String,
    pub(super) object: Json,
}

impl Found {
    pub(super) fn id(&self) -> &str {
        self.object["id"].as_str().unwrap_or_default()
    }

    pub(super) fn path(&self) -> String {
        format!("{}/{}", self.base, self.id())
    }
}

/// Where objects of a kind are listed, with the id of what they are in.
pub(super) struct Place {
    pub(super) path: String,
    pub(super) parent: Option<String>,
}

/// Where objects of a kind are: of one parent, of all that there are, or of none.
pub(super) fn places(api: &mut Api, kind: &Kind, parent: Option<&str>) -> anyhow::Result<Vec<Place>> {
    let Some(above) = kind.parent else {
        return Ok(vec![Place {
            path: format!("/{}", kind.plural),
            parent: None,
        }]);
    };
    let parents = match parent {
        Some(parent) => vec![find(api, above.kind, None, parent)?.object],
        None => api.list(&format!("/{}?fields=id", above.kind.plural), above.kind.plural)?,
    };
    let ids = parents.iter().filter_map(|parent| parent["id"].as_str());
    let places = ids.map(|id| Place {
        path: format!("/{}/{id}/{}", above.kind.plural, kind.plural),
        parent: Some(id.to_owned()),
    });
    Ok(places.collect())
}

/// The one that somebody means: its id counts first, then its name.
pub(super) fn find(api: &mut Api, kind: &Kind, parent: Option<&str>, wanted: &str) -> anyhow::Result<Found> {
    let places = places(api, kind, parent)?;
    let mut all = Vec::new();
    for place in &places {
        let objects = matching(api, kind, &place.path, wanted)?;
        all.extend(objects.into_iter().map(|object| Found {
            base: place.path.clone(),
            object,
        }));
    }
    match all.len() {
        0 => Err(not_found(kind, wanted, &names(api, kind, &places)?).into()),
        1 => Ok(all.remove(0)),
        _ => Err(ambiguous(kind, wanted, all.iter().map(Found::id)).into()),
    }
}

/// Those at one place that may be meant.
fn matching(api: &mut Api, kind: &Kind, path: &str, wanted: &str) -> anyhow::Result<Vec<Json>> {
    if wanted.parse::<Uuid>().is_ok() {
        let found = api.find(&format!("{path}/{wanted}"))?;
        if let Some(mut found) = found {
            return Ok(vec![found[kind.singular].take()]);
        }
    }
    let query = match (kind.subject, values::endpoint(wanted)) {
        (Subject::Nothing, _) => return Ok(Vec::new()),
        (Subject::Endpoint, Ok(endpoint)) => query(&[
            ("address", endpoint["address"].as_str().unwrap_or_default()),
            ("protocol_port", &endpoint["protocol_port"].to_string()),
        ]),
        _ => query(&[("name", wanted)]),
    };
    api.list(&format!("{path}?{query}"), kind.plural)
}

fn names(api: &mut Api, kind: &Kind, places: &[Place]) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    if !kind.subject.is_named() {
        return Ok(names);
    }
    for place in places {
        let all = api.list(&format!("{}?fields=name", place.path), kind.plural)?;
        names.extend(
            all.iter()
                .filter_map(|one| one["name"].as_str())
                .map(str::to_owned),
        );
    }
    Ok(names)
}

fn not_found(kind: &Kind, wanted: &str, names: &[String]) -> Failure {
    let Kind {
        one,
        command,
        subject,
        ..
    } = kind;
    let hint = match closest(wanted, names.iter().map(String::as_str)) {
        Some(name) => format!("did you mean \"{name}\"? "),
        None if !subject.is_named() => format!("a {one} has no name, and is called by its id. "),
        None => String::new(),
    };
    let text =
        format!("there is no {one} \"{wanted}\"; {hint}`holdfast {command} list` says which there are");
    Failure::new(Exit::NotFound, text)
}

fn ambiguous<'f>(kind: &Kind, wanted: &str, ids: impl Iterator<Item = &'f str>) -> Failure {
    let ids: Vec<&str> = ids.collect();
    let several = kind.several;
    let text = format!(
        "several {several} are called \"{wanted}\"; name one by its id: {}",
        ids.join(", ")
    );
    Failure::new(Exit::Failed, text)
}

#[cfg(test)]
mod tests {
    use super::{super::kinds::KINDS, *};

    fn kind(command: &str) -> &'static Kind {
        KINDS.into_iter().find(|kind| kind.command == command).unwrap()
    }

    #[test]
    fn who_names_nothing_that_is_there_hears_what_there_is() {
        let names = ["web".to_owned(), "shop".to_owned()];
        let failure = not_found(kind("pool"), "wbe", &names);
        assert_eq!(failure.exit, Exit::NotFound);
        assert_eq!(
            failure.text,
            "there is no pool \"wbe\"; did you mean \"web\"? `holdfast pool list` says which there are"
        );
        let failure = not_found(kind("l7rule"), "api", &[]);
        assert!(failure.text.contains("a rule has no name"), "{failure}");
    }

    #[test]
    fn a_name_of_several_is_refused_with_their_ids() {
        let failure = ambiguous(kind("lb"), "web", ["1", "2"].into_iter());
        assert_eq!(
            failure.text,
            "several load balancers are called \"web\"; name one by its id: 1, 2"
        );
    }
}
