//! What becomes of packets, case by case.

mod answers;
mod build;
mod consistency;
mod flows;
mod forwarding;
mod fragments;
mod icmp;
mod random;
mod read;
mod sessions;
mod ways;
mod world;
