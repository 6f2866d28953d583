//! What all objects have.

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::SystemTime,
};

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};
use uuid::Uuid;

use super::{
    form::{Form, When},
    kind::{Boolean, List, Text},
};

/// The most tags of an object.
const MOST_TAGS: usize = 100;

/// What all objects have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// It is called so by the API, and by the data plane.
    pub id: Uuid,
    /// Whose it is.
    pub project_id: String,
    /// What people call it: neither unique nor necessarily there.
    pub name: String,
    /// For people.
    pub description: String,
    /// `false` switches it off.
    pub admin_state_up: bool,
    /// For people and tools.
    pub tags: Vec<String>,
    /// When it was made.
    pub created_at: Stamp,
    /// When it was changed last.
    pub updated_at: Option<Stamp>,
    /// Grows with each change: what `If-Match` is compared with.
    #[serde(skip)]
    pub revision: u64,
    /// Who has made it.
    #[serde(skip)]
    pub origin: Origin,
}

/// Who has made an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// The API, which may change it.
    #[default]
    Api,
    /// A configuration file, where it is to be changed.
    File(Arc<PathBuf>),
    /// This program.
    BuiltIn,
}

impl Head {
    /// That of an object that is made now.
    #[must_use]
    pub fn new(id: Uuid, now: Stamp) -> Self {
        Self {
            id,
            project_id: String::new(),
            name: String::new(),
            description: String::new(),
            admin_state_up: true,
            tags: Vec::new(),
            created_at: now,
            updated_at: None,
            revision: 0,
            origin: Origin::Api,
        }
    }

    /// What the model calls the object: by its name, where a file declares it, or else by its id.
    #[must_use]
    pub fn key(&self) -> String {
        match self.origin {
            Origin::File(_) => self.name.clone(),
            Origin::Api | Origin::BuiltIn => self.id.to_string(),
        }
    }

    /// The fields that people give; `Described::No` where the object has no description.
    pub fn form(&mut self, form: &mut impl Form, described: Described, no_tags: NoTags) {
        form.field("name", When::OPEN, &mut self.name, &String::new(), &Text::SHORT);
        if described == Described::Yes {
            form.field(
                "description",
                When::OPEN,
                &mut self.description,
                &String::new(),
                &Text::SHORT,
            );
        }
        self.form_unnamed(form, no_tags);
    }

    /// The same of an object without a name.
    pub fn form_unnamed(&mut self, form: &mut impl Form, no_tags: NoTags) {
        // `null` has always been taken for `false`.
        form.field(
            "admin_state_up",
            When::OPEN,
            &mut self.admin_state_up,
            &false,
            &Boolean,
        );
        let tags = List {
            of: Text::SHORT,
            most: MOST_TAGS,
        };
        let without = match no_tags {
            NoTags::ChangesNothing => self.tags.clone(),
            NoTags::TakesAll => Vec::new(),
        };
        form.field("tags", When::OPEN, &mut self.tags, &without, &tags);
        self.tags.sort_unstable();
        self.tags.dedup();
        let project = Text { least: 0, most: 36 };
        for name in ["project_id", "tenant_id"] {
            let mut given = self.project_id.clone();
            form.field(name, When::FIXED, &mut given, &self.project_id.clone(), &project);
            self.project_id = given;
        }
    }

    /// What it says of a field, if that is one of its own.
    #[must_use]
    pub fn value(&self, field: &str) -> Option<Json> {
        Some(match field {
            "id" => json!(self.id),
            "name" => json!(self.name),
            "description" => json!(self.description),
            "admin_state_up" | "enabled" => json!(self.admin_state_up),
            "project_id" | "tenant_id" => json!(self.project_id),
            "tags" => json!(self.tags),
            "created_at" => json!(self.created_at.to_string()),
            "updated_at" => json!(self.updated_at.map(|stamp| stamp.to_string())),
            "revision" => json!(self.revision),
            "declared_in" => match &self.origin {
                Origin::File(file) => json!(file.display().to_string()),
                Origin::Api | Origin::BuiltIn => Json::Null,
            },
            _ => return None,
        })
    }
}

/// Whether an object has a description.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Described {
    /// It has.
    Yes,
    /// It has none.
    No,
}

/// What `null` in place of tags means, which the service does not say of all objects in the same way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoTags {
    /// As if nothing had been said.
    ChangesNothing,
    /// None.
    TakesAll,
}

/// A time, in microseconds since 1970, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stamp(pub i64);

/// The last one that was given out.
static LAST: AtomicI64 = AtomicI64::new(0);

const FORMAT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");

impl Stamp {
    /// Now, or a little later: no two are the same, so that they tell in which order objects were made.
    #[must_use]
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = since.map_or(0, |since| since.as_micros() as i64);
        let later = |last: i64| Some(now.max(last + 1));
        let last = LAST.fetch_update(Relaxed, Relaxed, later).unwrap_or_default();
        Self(now.max(last + 1))
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = OffsetDateTime::from_unix_timestamp(self.0.div_euclid(1_000_000))
            .unwrap_or(OffsetDateTime::UNIX_EPOCH);
        f.write_str(&time.format(FORMAT).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_without_a_zone_as_the_service_does() {
        assert_eq!(Stamp(1_795_683_600_123_456).to_string(), "2026-11-26T09:00:00");
    }

    #[test]
    fn no_two_times_are_the_same() {
        let (first, second) = (Stamp::now(), Stamp::now());
        assert!(first < second);
    }
}
