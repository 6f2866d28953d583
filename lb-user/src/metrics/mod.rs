//! What Prometheus is told: each metric described once, with what it is read from.
//!
//! ```text
//! status -> families (name, help, labels, how it is read) -> form (OpenMetrics, or the text of Prometheus; compressed, or not)
//! ```
//!
//! Names and units follow the conventions of Prometheus: seconds and bytes, counters end with `_total`. What every program tells of its
//! process begins with `process_`, what is ours with `holdfast_`. A thing is labelled with what
//! people call it, and with the id under which it stays the same; these are equal where a file declares it.
//!
#![doc = include_str!("metrics.md")]

mod families;
mod family;
mod form;
mod process;

#[cfg(test)]
mod tests;

use std::{fmt, io, ops::Deref, sync::Arc};

use prometheus_client::{collector::Collector, encoding::DescriptorEncoder, registry::Registry};

pub use form::{Coding, Form};
pub use process::Process;

use crate::{tls::server::Expiry, views::Status};

/// All metrics.
pub fn render(told: Told, form: Form, coding: Coding) -> io::Result<Vec<u8>> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(told));
    form.write(coding, &registry)
}

/// What they are read from: nearly all of it is the status.
#[derive(Debug)]
pub struct Told {
    /// How things stand.
    pub status: Arc<Status>,
    /// Until when the certificates are good that the API shows by network.
    pub api_certificates: Arc<Vec<Expiry>>,
    /// The daemon as a process, where the kernel says it.
    pub process: Option<Process>,
}

impl Deref for Told {
    type Target = Status;

    fn deref(&self) -> &Status {
        &self.status
    }
}

impl Collector for Told {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        families::all().try_for_each(|family| family.encode(self, &mut encoder))
    }
}
