//! What becomes of packets, case by case.

mod build;
mod forwarding;
mod read;
mod sessions;
mod world;
