//! The Holdfast daemon as a library.

pub mod config;
pub mod model;
