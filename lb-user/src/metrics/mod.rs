//! What Prometheus is told: each metric described once, with what it is read from.
//!
//! ```text
//! status -> families (name, help, labels, how it is read) -> OpenMetrics text
//! ```
//!
//! Names and units follow the conventions of Prometheus: seconds and bytes, counters end with `_total`. A thing is labelled with what
//! people call it, and with the id under which it stays the same; these are equal where a file declares it.
//!
#![doc = include_str!("metrics.md")]

mod families;
mod family;

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use prometheus_client::{
    collector::Collector, encoding::DescriptorEncoder, encoding::text, registry::Registry,
};

use crate::views::Status;

/// What [`render`] writes, for `Content-Type`.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics as `OpenMetrics` text.
pub fn render(status: Arc<Status>) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Told(status)));
    let mut text = String::new();
    text::encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Told(Arc<Status>);

impl Collector for Told {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        families::all().try_for_each(|family| family.encode(&self.0, &mut encoder))
    }
}
