//! Packets through the programs in the kernel, by test runs: no network is needed, but root is.

mod accounts;
#[path = "../../../lb-common/tests/cases/mod.rs"]
mod cases;
mod changes;
mod counters;
mod differential;
mod kernel;
mod namespace;
mod pins;
mod reloads;
mod room;
mod scale;
mod trace;
mod verifier;

pub(crate) use kernel::Kernel as Here;
