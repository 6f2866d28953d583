//! What people look for by a part of it.

use serde_json::Value as Json;

use crate::objects::{Inventory, Object};

/// The parameter of lists.
pub(in crate::api) const SEARCH: &str = "search";

/// Where it is looked for, of those that a kind has.
const LOOKED_AT: [&str; 3] = ["name", "address", "vip_address"];

/// Whether objects of a kind can be looked for.
pub(in crate::api) fn is_searched<T: Object>() -> bool {
    T::FIELDS.iter().any(|field| LOOKED_AT.contains(field))
}

/// A part of a name or of an address, in small letters.
#[derive(Debug)]
pub(super) struct Part(String);

impl Part {
    pub(super) fn of(text: &str) -> Self {
        Self(text.to_lowercase())
    }

    pub(super) fn is_in<T: Object>(&self, object: &T, inventory: &Inventory) -> bool {
        let mut looked_at = LOOKED_AT.iter().filter(|field| T::FIELDS.contains(field));
        looked_at.any(|field| match object.shown(field, inventory) {
            Json::String(text) if *field == "address" => {
                let port = object.shown("protocol_port", inventory);
                // As members without a name are called.
                let at = if text.contains(':') {
                    format!("[{text}]:{port}")
                } else {
                    format!("{text}:{port}")
                };
                at.contains(&self.0)
            }
            Json::String(text) => text.to_lowercase().contains(&self.0),
            _ => false,
        })
    }
}
