//! All metrics, by what they are of.

mod http;
mod listeners;
mod members;
mod node;
mod pools;
mod process;
mod sessions;

use super::family::Family;

/// All of them.
pub(super) fn all() -> impl Iterator<Item = &'static Family> {
    let parts = [
        node::FAMILIES,
        listeners::FAMILIES,
        http::FAMILIES,
        pools::FAMILIES,
        members::FAMILIES,
        sessions::FAMILIES,
        process::FAMILIES,
    ];
    parts.into_iter().flatten()
}
