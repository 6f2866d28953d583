//! One round after the other, and what was seen in them.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::net::IpAddr;

use lb_tests::{Family, Laboratory, Tally};

use crate::plan::{Listener, WEIGHTS};
use crate::web::{Site, Visitors, Visits};

/// Connections of a round to each listener that spreads.
const CONNECTIONS: usize = 1000;
/// The clients of each family that have sessions.
const CLIENTS: usize = 10;
/// Their connections of a round, each over either protocol.
const RETURNS: usize = 10;
const AT_ONCE: usize = 32;
/// How far from the weights is too far, in percentage points.
const TOLERANCE: f64 = 2.0;

/// What was seen, in one round or more.
pub(crate) struct Results {
    weights: Vec<(String, u32)>,
    spread: Vec<(Listener, Tally)>,
    held: Vec<(Listener, Tally)>,
    visits: Vec<(Site, Visits)>,
}

/// Plays one round.
pub(crate) fn play(lab: &Laboratory, visitors: &Visitors<'_>) -> Results {
    let spread = Listener::spread().map(|listener| {
        let sources = |index| listener.family.source(1000 + index % 250);
        (listener, sweep(lab, listener, CONNECTIONS, AT_ONCE, sources))
    });
    let held = Listener::held().map(|listener| {
        // They come one after the other, and each time another one first: otherwise taking turns would look like holding.
        let sources = |index| listener.family.source((index + index / CLIENTS) % CLIENTS);
        (listener, sweep(lab, listener, CLIENTS * RETURNS, 1, sources))
    });
    Results {
        spread: spread.collect(),
        held: held.collect(),
        visits: Site::all().map(|site| (site, visitors.visit(site))).collect(),
        ..Results::new(lab)
    }
}

fn sweep(
    lab: &Laboratory,
    listener: Listener,
    count: usize,
    at_once: usize,
    sources: impl FnMut(usize) -> IpAddr,
) -> Tally {
    lab.client()
        .sweep(listener.protocol, count, sources, listener.socket(), at_once)
}

impl Results {
    /// Those of no round at all.
    pub(crate) fn new(lab: &Laboratory) -> Self {
        let none = |listener| (listener, Tally::default());
        let numbered = WEIGHTS.into_iter().zip(1..);
        Self {
            weights: numbered
                .map(|(weight, number)| (lab.member_name(number).to_owned(), weight))
                .collect(),
            spread: Listener::spread().map(none).collect(),
            held: Listener::held().map(none).collect(),
            visits: Site::all().map(|site| (site, Visits::default())).collect(),
        }
    }

    /// Adds another round.
    pub(crate) fn add(&mut self, other: Self) {
        let pairs = [(&mut self.spread, other.spread), (&mut self.held, other.held)];
        for (sums, more) in pairs {
            for ((_, sum), (_, more)) in sums.iter_mut().zip(more) {
                *sum = std::mem::take(sum).merge(more);
            }
        }
        for ((_, sum), (_, more)) in self.visits.iter_mut().zip(other.visits) {
            sum.merge(more);
        }
    }

    /// On one line.
    pub(crate) fn summary(&self) -> String {
        let spread: u32 = self.spread.iter().map(|(_, tally)| tally.total()).sum();
        let furthest = self.spread.iter().map(|(_, tally)| self.distance(tally));
        let clients = self.clients();
        let held = clients
            .iter()
            .filter(|(_, members)| only_member(members).is_some());
        let failed: u32 = self
            .tallies()
            .flat_map(|(_, tally)| tally.failures().values())
            .sum();
        let (visitors, stayed) = self.visits.iter().fold((0, 0), |(visitors, held), (_, visits)| {
            (visitors + visits.visitors(), held + visits.held)
        });
        format!(
            "{spread} connections, at most {:.2} points from the weights; {} of {} clients held; {failed} failed; {stayed} \
             of {visitors} visitors held",
            furthest.fold(0.0, f64::max),
            held.count(),
            clients.len(),
        )
    }

    /// What is not as it was configured.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (listener, tally) in self.tallies() {
            for failure in tally.failures().keys() {
                faults.push(format!("{}: failed: {failure}", name(*listener)));
            }
        }
        for (listener, tally) in &self.spread {
            let distance = self.distance(tally);
            if distance > TOLERANCE || (tally.total() as usize) < CONNECTIONS {
                faults.push(format!("{}: not as the weights say", name(*listener)));
            }
        }
        for (site, visits) in &self.visits {
            for failure in visits.failures.keys() {
                faults.push(format!("{}: failed: {failure}", site.name()));
            }
            if visits.visitors() == 0 || visits.held < visits.visitors() {
                faults.push(format!("{}: visitors were not held", site.name()));
            }
            let parts = self.weights.iter().map(|(member, weight)| {
                let first = visits.first.get(member).copied().unwrap_or(0);
                percent(first, visits.visitors()) - percent(*weight, WEIGHTS.iter().sum())
            });
            if parts.map(f64::abs).fold(0.0, f64::max) > TOLERANCE {
                faults.push(format!("{}: not as the weights say", site.name()));
            }
        }
        let clients = self.clients();
        if clients.len() < Family::BOTH.len() * CLIENTS {
            faults.push(format!("only {} clients were served", clients.len()));
        }
        for (client, members) in clients {
            if only_member(&members).is_none() {
                faults.push(format!("{client} was not held"));
            }
        }
        faults
    }

    fn tallies(&self) -> impl Iterator<Item = &(Listener, Tally)> {
        self.spread.iter().chain(&self.held)
    }

    /// The connections of each client that has a session, by member, over both protocols: these share a pool, and so
    /// its sessions.
    fn clients(&self) -> BTreeMap<IpAddr, BTreeMap<&str, u32>> {
        let mut clients: BTreeMap<IpAddr, BTreeMap<&str, u32>> = BTreeMap::new();
        for (client, served) in self.held.iter().flat_map(|(_, tally)| tally.by_client()) {
            let members = clients.entry(*client).or_default();
            for (member, count) in served {
                *members.entry(member).or_default() += count;
            }
        }
        clients
    }

    /// How many percentage points the furthest member is from its part.
    fn distance(&self, tally: &Tally) -> f64 {
        let parts = self.weights.iter().map(|(member, weight)| {
            percent(tally.served_by(member), tally.total()) - percent(*weight, WEIGHTS.iter().sum())
        });
        parts.map(f64::abs).fold(0.0, f64::max)
    }
}

/// The member that has served all of a client's connections, if one has.
fn only_member<'m>(members: &BTreeMap<&'m str, u32>) -> Option<&'m str> {
    let first = members.keys().next().copied();
    first.filter(|_| members.len() == 1)
}

fn percent(part: u32, whole: u32) -> f64 {
    f64::from(part) * 100.0 / f64::from(whole.max(1))
}

fn name(listener: Listener) -> String {
    format!("{} {}", listener.protocol, listener.socket())
}

/// The tables.
impl Display for Results {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(out, "Without persistence, connections go by weight:\n")?;
        writeln!(
            out,
            "    {:<22} {:<8} {:>6} {:>9} {:>9} {:>12}",
            "listener", "member", "weight", "expected", "measured", "connections"
        )?;
        for (listener, tally) in &self.spread {
            let mut label = name(*listener);
            for (member, weight) in &self.weights {
                let served = tally.served_by(member);
                writeln!(
                    out,
                    "    {label:<22} {member:<8} {weight:>6} {:>8.2}% {:>8.2}% {served:>12}",
                    percent(*weight, WEIGHTS.iter().sum()),
                    percent(served, tally.total()),
                )?;
                label.clear();
            }
        }
        writeln!(
            out,
            "\nWith SOURCE_IP persistence, each client stays on its member:\n"
        )?;
        writeln!(
            out,
            "    {:<14} {:>12}  {:<6} by member",
            "client", "connections", "held"
        )?;
        for (client, members) in self.clients() {
            let total: u32 = members.values().sum();
            let held = if only_member(&members).is_some() {
                "yes"
            } else {
                "NO"
            };
            let by_member: Vec<_> = members
                .iter()
                .map(|(member, count)| format!("{member} {count}"))
                .collect();
            let by_member = by_member.join(", ");
            writeln!(
                out,
                "    {:<14} {total:>12}  {held:<6} {by_member}",
                client.to_string()
            )?;
        }
        writeln!(
            out,
            "\nOver HTTP and HTTPS, visitors come by weight, and stay by cookie:\n"
        )?;
        writeln!(
            out,
            "    {:<26} {:<11} {:>8} {:>6}  came first to",
            "listener", "persistence", "visitors", "held"
        )?;
        for (site, visits) in &self.visits {
            let first: Vec<_> = visits
                .first
                .iter()
                .map(|(member, count)| format!("{member} {count}"))
                .collect();
            writeln!(
                out,
                "    {:<26} {:<11} {:>8} {:>6}  {}",
                site.name(),
                site.kind.persistence(),
                visits.visitors(),
                visits.held,
                first.join(", "),
            )?;
            for (failure, count) in &visits.failures {
                writeln!(out, "    failed: {count} times: {failure}")?;
            }
        }
        let failures: BTreeMap<_, _> = self
            .tallies()
            .filter(|(_, tally)| !tally.failures().is_empty())
            .map(|(listener, tally)| (name(*listener), tally.failures()))
            .collect();
        for (listener, failures) in failures {
            writeln!(out, "    failed: {listener}: {failures:?}")?;
        }
        Ok(())
    }
}
