//! The API as a whole: requests of clients, over objects in memory, and a stand-in for the data plane.

mod addresses;
mod administration;
mod bodies;
mod capabilities;
mod discovery;
mod events;
mod fields;
mod harness;
mod health;
mod health_monitors;
mod history;
mod l7policies;
mod l7rules;
mod listeners;
mod lists;
mod load_balancers;
mod log;
mod members;
mod persistence;
mod plane;
mod pools;
mod populated;
mod projects;
mod quotas;
mod revisions;
mod sessions;
mod statuses;
mod traffic;
mod writers;

use harness::{Client, World};
use plane::Plane;
