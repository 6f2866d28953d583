//! The laboratory in which the end-to-end tests, the demonstration and the end-to-end benchmarks run.
//!
//! A [`Laboratory`] is a client, a balancer and some members, each in a network namespace of its own, joined by
//! veth pairs. The [`Client`] and the [`Member`]s are real sockets; the [`Daemon`] is the real binary. Everything
//! is a guard: what is dropped, also by a panic, is gone.
//!
//! ```no_run
//! use lb_tests::{Family, Laboratory, Services};
//!
//! # fn main() -> anyhow::Result<()> {
//! let lab = Laboratory::routed().members(2).build()?;
//! let member = lab.serve(1, &Services::new().tcp([8080]))?;
//! let answer = lab.client().ask_tcp(None, member.socket(Family::V4, 8080))?;
//! assert_eq!(answer.member, "member1");
//! # Ok(())
//! # }
//! ```

pub mod api;
pub mod client;
pub mod config;
pub mod console;
mod control;
pub mod daemon;
pub mod desk;
pub mod eventually;
pub mod http;
mod maps;
pub mod member;
pub mod netns;
pub mod noop;
mod offload;
pub mod openstack;
pub mod report;
mod resident;
pub mod scene;
mod settings;
pub mod site;
mod stale;
pub mod tally;
pub mod throwaway;
pub mod topology;
pub mod trace;

pub use client::{Answer, Client, Closing, Conversation, Protocol, UdpRetry};
pub use config::{Config, Persistence, Pool};
pub use daemon::Daemon;
pub use eventually::{eventually, try_eventually};
pub use http::{Curl, Http2, Jar, Reply, Scheme, Wire};
pub use member::{Health, Member, Services};
pub use netns::Namespace;
pub use scene::Scene;
pub use site::{Plan, Site};
pub use stale::{pin_path, temporary_directory};
pub use tally::Tally;
pub use topology::{Family, Laboratory, Topology};
