//! What becomes of packets, case by case: the same cases on the host and in the kernel.
//!
//! Who includes them says where they run: `crate::Here` is a [`core::Core`].

mod answers;
mod bogus;
pub(crate) mod build;
mod consistency;
pub(crate) mod core;
mod flows;
mod forwarding;
mod fragments;
mod host;
mod icmp;
mod random;
mod read;
pub(crate) mod sessions;
mod ways;
pub(crate) mod world;
