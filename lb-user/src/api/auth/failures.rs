//! Who has failed too often lately: guessing takes tries.

use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use super::source_of;

/// Failures in a row that are let pass.
const AT_ONCE: u32 = 10;
/// How long each of them counts.
const EACH: Duration = Duration::from_secs(6);
/// Sources that are remembered at a time.
const SOURCES: usize = 4096;

/// The failures of each source: when all of them will count no more.
#[derive(Default)]
pub(super) struct Failures {
    forgiven_at: HashMap<IpAddr, Instant>,
}

impl Failures {
    /// How long a source has to wait before it may try again; none, if it may now.
    pub(super) fn wait(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let forgiven_at = self.forgiven_at.get(&source_of(address))?;
        let over = forgiven_at.saturating_duration_since(now);
        over.checked_sub(EACH * (AT_ONCE - 1))
            .filter(|wait| !wait.is_zero())
    }

    /// Notes that a source has failed.
    pub(super) fn note(&mut self, address: IpAddr, now: Instant) {
        let source = source_of(address);
        if self.forgiven_at.len() >= SOURCES && !self.forgiven_at.contains_key(&source) {
            self.make_room(now);
        }
        let forgiven_at = self.forgiven_at.entry(source).or_insert(now);
        *forgiven_at = (*forgiven_at).max(now) + EACH;
    }

    fn make_room(&mut self, now: Instant) {
        self.forgiven_at.retain(|_, forgiven_at| *forgiven_at > now);
        if self.forgiven_at.len() >= SOURCES {
            let least = self
                .forgiven_at
                .iter()
                .min_by_key(|(_, forgiven_at)| **forgiven_at);
            if let Some(source) = least.map(|(source, _)| *source) {
                self.forgiven_at.remove(&source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    #[test]
    fn after_ten_failures_a_source_waits_and_others_do_not() {
        let (mut failures, now) = (Failures::default(), Instant::now());
        for _ in 0..AT_ONCE {
            assert_eq!(failures.wait(A, now), None);
            failures.note(A, now);
        }
        assert_eq!(failures.wait(A, now), Some(EACH));
        assert_eq!(failures.wait("192.0.2.2".parse().unwrap(), now), None);
        assert_eq!(failures.wait(A, now + EACH), None);
        failures.note(A, now + EACH);
        assert_eq!(failures.wait(A, now + EACH), Some(EACH));
        assert_eq!(failures.wait(A, now + EACH * 20), None);
    }

    #[test]
    fn another_address_of_the_same_network_of_ipv6_helps_nobody() {
        let (mut failures, now) = (Failures::default(), Instant::now());
        for host in 0..AT_ONCE {
            failures.note(format!("2001:db8::{host}").parse().unwrap(), now);
        }
        assert_eq!(failures.wait("2001:db8::ffff".parse().unwrap(), now), Some(EACH));
        assert_eq!(failures.wait("2001:db8:0:1::1".parse().unwrap(), now), None);
    }

    #[test]
    fn however_many_sources_there_are_only_so_many_are_remembered() {
        let (mut failures, now) = (Failures::default(), Instant::now());
        for _ in 0..AT_ONCE {
            failures.note(A, now);
        }
        for host in 0..2 * SOURCES as u32 {
            failures.note(IpAddr::V4((0x0a00_0000 + host).into()), now);
        }
        assert_eq!(failures.forgiven_at.len(), SOURCES);
        assert_eq!(
            failures.wait(A, now),
            Some(EACH),
            "the one that failed most stays"
        );
    }
}
