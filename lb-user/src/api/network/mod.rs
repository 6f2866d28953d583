//! What virtual addresses are of: the subnets of the configuration, and the networks that they belong to.
//!
//! Clients look them up at the network service (Neutron) before they name them. This is as much of it as they need.

mod look_up;
mod own;
mod place;

pub(super) use look_up::{kinds, routes, service};
pub(super) use place::place;

#[cfg(test)]
mod tests;
