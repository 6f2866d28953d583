//! Who was served where, and whether the proportions are those of the weights.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::net::IpAddr;

/// Counts of answers, by member and by client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    by_member: BTreeMap<String, u32>,
    by_client: BTreeMap<IpAddr, BTreeMap<String, u32>>,
    failures: BTreeMap<String, u32>,
    failed_clients: BTreeMap<IpAddr, u32>,
}

impl Tally {
    /// A client was served by a member.
    pub fn record(&mut self, client: IpAddr, member: &str) {
        *self.by_member.entry(member.to_owned()).or_default() += 1;
        *self
            .by_client
            .entry(client)
            .or_default()
            .entry(member.to_owned())
            .or_default() += 1;
    }

    /// A client was not served.
    pub fn fail(&mut self, client: IpAddr, error: &io::Error) {
        *self.failures.entry(error.to_string()).or_default() += 1;
        *self.failed_clients.entry(client).or_default() += 1;
    }

    /// The sum of two.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        add(&mut self.by_member, other.by_member);
        add(&mut self.failures, other.failures);
        add(&mut self.failed_clients, other.failed_clients);
        for (client, members) in other.by_client {
            add(self.by_client.entry(client).or_default(), members);
        }
        self
    }

    /// How many were served.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.by_member.values().sum()
    }

    /// How many a member has served.
    #[must_use]
    pub fn served_by(&self, member: &str) -> u32 {
        self.by_member.get(member).copied().unwrap_or_default()
    }

    /// The counts by member.
    #[must_use]
    pub fn by_member(&self) -> &BTreeMap<String, u32> {
        &self.by_member
    }

    /// The counts by client, and for each by member.
    #[must_use]
    pub fn by_client(&self) -> &BTreeMap<IpAddr, BTreeMap<String, u32>> {
        &self.by_client
    }

    /// The failures, by what they said.
    #[must_use]
    pub fn failures(&self) -> &BTreeMap<String, u32> {
        &self.failures
    }

    /// The clients that were not always served.
    pub fn failed_clients(&self) -> impl Iterator<Item = IpAddr> {
        self.failed_clients.keys().copied()
    }

    /// The only member that has served a client; `None` if there were several, or none.
    #[must_use]
    pub fn member_of(&self, client: IpAddr) -> Option<&str> {
        let mut members = self.by_client.get(&client)?.keys();
        members
            .next()
            .filter(|_| members.next().is_none())
            .map(String::as_str)
    }

    /// The clients that more than one member has served: with persistence there are none.
    pub fn moved_clients(&self) -> impl Iterator<Item = IpAddr> {
        self.by_client
            .iter()
            .filter(|(_, members)| members.len() > 1)
            .map(|(client, _)| *client)
    }

    /// A table of what the weights promise and what has been measured.
    #[must_use]
    pub fn table<N: AsRef<str>>(&self, weights: &[(N, u32)]) -> String {
        let rows = self.rows(weights);
        let names = rows.iter().map(|row| row.member.chars().count());
        let width = names.max().unwrap_or_default().max("member".len());
        let mut table = format!(
            "{:<width$}  {:>6}  {:>9}  {:>9}  {:>11}\n",
            "member", "weight", "expected", "measured", "connections"
        );
        for Row {
            member,
            weight,
            expected,
            measured,
            connections,
        } in rows
        {
            // Writing to a string does not fail.
            let _ = writeln!(
                table,
                "{member:<width$}  {weight:>6}  {expected:>8.2}%  {measured:>8.2}%  {connections:>11}"
            );
        }
        let _ = writeln!(table, "{:<width$}  {:>41}", "total", self.total());
        for (failure, count) in &self.failures {
            let _ = writeln!(table, "{:<width$}  {count:>41}  {failure}", "failed");
        }
        table
    }

    /// Asserts that every connection was served, and by each member the part that its weight promises, to within so
    /// many percentage points. A member without weight must have served none.
    #[track_caller]
    pub fn assert_proportions<N: AsRef<str>>(&self, weights: &[(N, u32)], tolerance_percent: f64) {
        self.assert_no_failures();
        let fits = |row: &Row| match row.weight {
            0 => row.connections == 0,
            _ => (row.measured - row.expected).abs() <= tolerance_percent,
        };
        assert!(
            self.total() > 0 && self.rows(weights).iter().all(fits),
            "not as the weights promise, to within {tolerance_percent} percentage points:\n{}",
            self.table(weights)
        );
    }

    /// Asserts that every connection was served.
    #[track_caller]
    pub fn assert_no_failures(&self) {
        assert!(
            self.failures.is_empty(),
            "{} were served, but others were not: {:?}",
            self.total(),
            self.failures
        );
    }

    /// Asserts that no client was served by two members.
    #[track_caller]
    pub fn assert_nobody_moved(&self) {
        let moved: Vec<_> = self.moved_clients().collect();
        let some: Vec<_> = moved
            .iter()
            .take(5)
            .map(|client| (client, &self.by_client[client]))
            .collect();
        assert!(
            moved.is_empty(),
            "{} of {} clients were moved, such as {some:?}",
            moved.len(),
            self.by_client.len()
        );
    }

    /// A row for each weight, and for each member that has served without one.
    fn rows<N: AsRef<str>>(&self, weights: &[(N, u32)]) -> Vec<Row> {
        let named = |member: &str| weights.iter().any(|(name, _)| name.as_ref() == member);
        let strangers = self
            .by_member
            .keys()
            .filter(|member| !named(member))
            .map(|member| (member.as_str(), 0));
        let all_weights: u32 = weights.iter().map(|(_, weight)| weight).sum();
        let listed = weights.iter().map(|(name, weight)| (name.as_ref(), *weight));
        listed
            .chain(strangers)
            .map(|(member, weight)| Row {
                member: member.to_owned(),
                weight,
                expected: percent(weight, all_weights),
                measured: percent(self.served_by(member), self.total()),
                connections: self.served_by(member),
            })
            .collect()
    }
}

struct Row {
    member: String,
    weight: u32,
    expected: f64,
    measured: f64,
    connections: u32,
}

fn percent(part: u32, whole: u32) -> f64 {
    if whole == 0 {
        0.0
    } else {
        f64::from(part) * 100.0 / f64::from(whole)
    }
}

fn add<K: Ord>(sum: &mut BTreeMap<K, u32>, more: BTreeMap<K, u32>) {
    for (key, count) in more {
        *sum.entry(key).or_default() += count;
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;
    use crate::topology::Family;

    const WEIGHTS: [(&str, u32); 3] = [("a", 3), ("b", 1), ("c", 0)];

    fn tally(counts: &[(&str, usize)]) -> Tally {
        let served = counts
            .iter()
            .flat_map(|(member, count)| std::iter::repeat_n(*member, *count));
        let mut tally = Tally::default();
        for (index, member) in served.enumerate() {
            tally.record(Family::V4.source(index), member);
        }
        tally
    }

    fn complaint(tally: &Tally, tolerance: f64) -> Option<String> {
        let panic = std::panic::catch_unwind(|| tally.assert_proportions(&WEIGHTS, tolerance)).err()?;
        Some(panic.downcast_ref::<String>().expect("a message").clone())
    }

    #[test]
    fn proportions_are_held_against_the_weights() {
        let (exact, near) = (tally(&[("a", 75), ("b", 25)]), tally(&[("a", 77), ("b", 23)]));
        assert_eq!(complaint(&exact, 0.0), None);
        assert_eq!(complaint(&near, 2.0), None);
        assert!(complaint(&near, 1.9).is_some_and(|message| message.contains("77.00%")));
    }

    #[test]
    fn whoever_has_no_weight_must_serve_nobody() {
        for stranger in ["c", "d"] {
            let tally = tally(&[("a", 750), ("b", 250), (stranger, 1)]);
            assert!(complaint(&tally, 5.0).is_some_and(|message| message.contains(stranger)));
        }
    }

    #[test]
    fn nothing_measured_and_failures_are_no_proportions() {
        assert!(complaint(&Tally::default(), 100.0).is_some());
        let mut failed = tally(&[("a", 3), ("b", 1)]);
        failed.fail(Family::V4.source(9), &ErrorKind::TimedOut.into());
        assert!(complaint(&failed, 1.0).is_some_and(|message| message.contains("timed out")));
        assert_eq!(
            failed.failed_clients().collect::<Vec<_>>(),
            [Family::V4.source(9)]
        );
    }

    #[test]
    fn a_sum_keeps_every_count() {
        let sum = tally(&[("a", 2), ("b", 1)]).merge(tally(&[("b", 3)]));
        assert_eq!((sum.total(), sum.served_by("a"), sum.served_by("b")), (6, 2, 4));
        let first_two = [0, 1].map(|index| Family::V4.source(index));
        assert_eq!(sum.moved_clients().collect::<Vec<_>>(), first_two);
        assert_eq!(sum.member_of(first_two[0]), None);
        assert_eq!(sum.member_of(Family::V4.source(2)), Some("b"));
    }

    #[test]
    fn the_table_has_the_columns_in_line() {
        let table = tally(&[("a", 3), ("b", 1)]).table(&WEIGHTS);
        let expected = "\
member  weight   expected   measured  connections
a            3     75.00%     75.00%            3
b            1     25.00%     25.00%            1
c            0      0.00%      0.00%            0
total                                           4
";
        assert_eq!(table, expected);
    }
}
