//! What people call the things that an answer names by their keys.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::Titled;

/// Names by key, of what has another one than its key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Titles(BTreeMap<String, String>);

impl Titles {
    /// Whether all are called by their keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What that of this key is called.
    #[must_use]
    pub fn of<'t>(&'t self, name: &'t str) -> &'t str {
        self.0.get(name).map_or(name, String::as_str)
    }

    pub(crate) fn note(&mut self, thing: &impl Titled) {
        if let Some(display_name) = thing.display_name()
            && !self.0.contains_key(thing.name())
        {
            self.0.insert(thing.name().to_owned(), display_name.to_owned());
        }
    }
}

impl<'t, T: Titled + 't> Extend<&'t T> for Titles {
    fn extend<I: IntoIterator<Item = &'t T>>(&mut self, things: I) {
        things.into_iter().for_each(|thing| self.note(thing));
    }
}
