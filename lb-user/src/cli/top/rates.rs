//! What passes now: two looks at the daemon's counters, and what has come between them.

use std::{collections::HashMap, time::Duration};

use serde::Serialize;

use crate::{
    model::{OperatingStatus, Titled},
    views::{Listener, Member, Pool, Status},
};

/// What a row is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    LoadBalancer,
    Listener,
    Pool,
    Member,
}

/// One of what there is, and what passes it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Row {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) address: String,
    pub(super) status: OperatingStatus,
    /// None: nothing is counted of it.
    pub(super) passing: Option<Passing>,
    /// None where none are counted.
    pub(super) sessions: Option<u64>,
}

/// What passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Passing {
    /// From clients.
    pub(super) bytes_in_per_s: u64,
    /// To clients.
    pub(super) bytes_out_per_s: u64,
    /// Flows that begin, or requests.
    pub(super) new_per_s: u64,
    /// Flows that are open, or connections; of pools and members of the proxy, requests that are under way.
    pub(super) open: u64,
}

/// What is counted of one thing, since it was configured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counted {
    bytes_in: u64,
    bytes_out: u64,
    new: u64,
    open: u64,
}

/// By kind, and by the keys from the outermost one on.
type Counts = HashMap<(Kind, String, String), Counted>;

/// The last look.
#[derive(Debug, Default)]
pub(super) struct Rates {
    before: Counts,
}

impl Rates {
    /// What there is, and what has passed in this time since the last look.
    pub(super) fn rows(&mut self, status: &Status, elapsed: Duration) -> Vec<Row> {
        let mut now = Counts::new();
        let mut rows = Vec::new();
        let mut passing = |kind, outer: &str, inner: &str, counted: Counted| {
            let key = (kind, outer.to_owned(), inner.to_owned());
            // What was not there before begins now.
            let before = self.before.get(&key).copied().unwrap_or(counted);
            now.insert(key, counted);
            counted.since(before, elapsed)
        };
        for balancer in &status.load_balancers {
            rows.push(Row {
                kind: Kind::LoadBalancer,
                name: balancer.title().to_owned(),
                address: balancer.vip.to_string(),
                status: balancer.status,
                passing: None,
                sessions: None,
            });
            for listener in &balancer.listeners {
                rows.push(Row {
                    kind: Kind::Listener,
                    name: listener.title().to_owned(),
                    address: format!("{} {}", listener.protocol, listener.port),
                    status: listener.status,
                    passing: Some(passing(Kind::Listener, "", &listener.name, of_listener(listener))),
                    sessions: None,
                });
            }
        }
        for pool in &status.pools {
            rows.push(Row {
                kind: Kind::Pool,
                name: pool.title().to_owned(),
                address: pool.algorithm.to_string(),
                status: pool.status,
                passing: Some(passing(Kind::Pool, "", &pool.name, of_pool(pool))),
                sessions: pool.sessions_now(),
            });
            for member in &pool.members {
                rows.push(Row {
                    kind: Kind::Member,
                    name: member.title().to_owned(),
                    address: member.address.clone(),
                    status: member.status,
                    passing: Some(passing(Kind::Member, &pool.name, &member.name, of_member(member))),
                    sessions: member.sessions_now(),
                });
            }
        }
        self.before = now;
        rows
    }
}

impl Counted {
    fn since(self, before: Self, elapsed: Duration) -> Passing {
        let elapsed_ms = elapsed.as_millis().max(1) as u64;
        // Counters begin again with a daemon.
        let per_s = |now: u64, before: u64| now.saturating_sub(before).saturating_mul(1000) / elapsed_ms;
        Passing {
            bytes_in_per_s: per_s(self.bytes_in, before.bytes_in),
            bytes_out_per_s: per_s(self.bytes_out, before.bytes_out),
            new_per_s: per_s(self.new, before.new),
            open: self.open,
        }
    }
}

fn of_listener(listener: &Listener) -> Counted {
    match &listener.proxied {
        Some(proxied) => Counted {
            bytes_in: proxied.bytes_in,
            bytes_out: proxied.bytes_out,
            new: proxied.requests,
            open: proxied.open_connections,
        },
        None => Counted {
            bytes_in: listener.traffic.bytes_in,
            bytes_out: listener.traffic.bytes_out,
            new: listener.traffic.new_flows,
            open: listener.active_flows,
        },
    }
}

fn of_pool(pool: &Pool) -> Counted {
    let members = pool.members.iter().map(of_member);
    members.fold(Counted::default(), |sum, member| Counted {
        bytes_in: sum.bytes_in + member.bytes_in,
        bytes_out: sum.bytes_out + member.bytes_out,
        new: sum.new + member.new,
        open: sum.open + member.open,
    })
}

fn of_member(member: &Member) -> Counted {
    match member.proxied {
        Some(requests) => Counted {
            bytes_in: requests.bytes_in,
            bytes_out: requests.bytes_out,
            new: requests.requests,
            open: requests.active,
        },
        None => Counted {
            bytes_in: member.traffic.bytes_in,
            bytes_out: member.traffic.bytes_out,
            new: member.traffic.new_flows,
            open: member.active_flows,
        },
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A listener, its pool and its member, which all have had so many bytes and flows.
    pub(in super::super) fn status(bytes: u64, flows: u64) -> Status {
        let traffic = format!(
            r#""status": "ONLINE", "packets_in": 0, "bytes_in": {bytes}, "packets_out": 0, "bytes_out": {},
                "new_flows": {flows}, "active_flows": 3"#,
            bytes * 2
        );
        let text = format!(
            r#"{{"load_balancers": [{{"name": "7f", "display_name": "shop", "vip": "192.0.2.1", "status": "ONLINE",
                "listeners": [{{"name": "front", "protocol": "TCP", "port": 80, {traffic}}}]}}],
            "pools": [{{"name": "web", "algorithm": "ROUND_ROBIN", {traffic}, "members": [{{"name": "one",
                "address": "10.0.0.1:80", "weight": 1, {traffic}, "sessions": {{"now": 5, "created": 9, "held": 0,
                "moved": 0, "expired": 4}}}}]}}], "interfaces": [], "packets": []}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn rates_are_what_has_come_since_the_last_look() {
        let mut rates = Rates::default();
        let second = Duration::from_secs(1);
        let first = rates.rows(&status(1000, 10), second);
        let names: Vec<_> = first.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["shop", "front", "web", "one"]);
        assert!(
            first
                .iter()
                .filter_map(|row| row.passing)
                .all(|passing| passing.bytes_in_per_s == 0)
        );
        let later = rates.rows(&status(3000, 14), 2 * second);
        for row in &later[1..] {
            let passing = Passing {
                bytes_in_per_s: 1000,
                bytes_out_per_s: 2000,
                new_per_s: 2,
                open: 3,
            };
            assert_eq!(row.passing, Some(passing), "{row:?}");
        }
        assert_eq!(later[3].sessions, Some(5));
    }

    #[test]
    fn a_daemon_whose_counters_begin_again_shows_nothing_odd() {
        let mut rates = Rates::default();
        rates.rows(&status(1000, 10), Duration::from_secs(1));
        let rows = rates.rows(&status(0, 0), Duration::ZERO);
        assert_eq!(rows[1].passing.map(|passing| passing.bytes_in_per_s), Some(0));
    }
}
