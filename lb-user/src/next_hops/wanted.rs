//! The addresses to which ways are wanted: those of all members, many of which may have the same one.

use std::{collections::HashMap, mem, net::IpAddr};

/// How many members have each address.
#[derive(Debug, Default)]
pub(super) struct Wanted(HashMap<IpAddr, usize>);

/// What becomes of the addresses that are wanted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Turn {
    /// Wanted from now on.
    pub(super) added: Vec<IpAddr>,
    /// Not wanted any more.
    pub(super) dropped: Vec<IpAddr>,
}

impl Turn {
    pub(super) fn is_nothing(&self) -> bool {
        self.added.is_empty() && self.dropped.is_empty()
    }

    /// Does it.
    pub(super) fn take(&self, addresses: &mut Vec<IpAddr>) {
        if !self.dropped.is_empty() {
            addresses.retain(|address| !self.dropped.contains(address));
        }
        addresses.extend(&self.added);
    }
}

impl Wanted {
    pub(super) fn addresses(&self) -> Vec<IpAddr> {
        self.0.keys().copied().collect()
    }

    /// Has these members, and no others.
    pub(super) fn turn_to(&mut self, members: impl Iterator<Item = IpAddr>) -> Turn {
        let before = mem::take(&mut self.0);
        members.for_each(|address| *self.0.entry(address).or_default() += 1);
        let only_in = |these: &HashMap<IpAddr, usize>, others: &HashMap<IpAddr, usize>| {
            let addresses = these.keys().copied();
            addresses
                .filter(|address| !others.contains_key(address))
                .collect()
        };
        Turn {
            added: only_in(&self.0, &before),
            dropped: only_in(&before, &self.0),
        }
    }

    /// Has members in place of others.
    pub(super) fn replace(
        &mut self,
        before: impl Iterator<Item = IpAddr>,
        after: impl Iterator<Item = IpAddr>,
    ) -> Turn {
        let mut turn = Turn::default();
        // First: who has the same address again loses nothing.
        for address in after {
            let members = self.0.entry(address).or_default();
            *members += 1;
            if *members == 1 {
                turn.added.push(address);
            }
        }
        for address in before {
            if let Some(members) = self.0.get_mut(&address) {
                *members -= 1;
                if *members == 0 {
                    self.0.remove(&address);
                    turn.dropped.push(address);
                }
            }
        }
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(hosts: &[u8]) -> impl Iterator<Item = IpAddr> {
        hosts.iter().map(|host| [10, 0, 0, *host].into())
    }

    fn turn(added: &[u8], dropped: &[u8]) -> Turn {
        Turn {
            added: addresses(added).collect(),
            dropped: addresses(dropped).collect(),
        }
    }

    #[test]
    fn an_address_is_wanted_as_long_as_a_member_has_it() {
        let mut wanted = Wanted::default();
        assert_eq!(wanted.turn_to(addresses(&[1, 2, 2])).added.len(), 2);
        assert_eq!(wanted.replace(addresses(&[2]), addresses(&[])), turn(&[], &[]));
        assert_eq!(
            wanted.replace(addresses(&[1, 2]), addresses(&[2, 3])),
            turn(&[3], &[1])
        );
        assert_eq!(wanted.replace(addresses(&[3]), addresses(&[3])), turn(&[], &[]));
        assert_eq!(wanted.turn_to(addresses(&[4, 3])), turn(&[4], &[2]));
        let mut known: Vec<IpAddr> = addresses(&[2, 3]).collect();
        turn(&[4], &[2]).take(&mut known);
        assert_eq!(known, addresses(&[3, 4]).collect::<Vec<_>>());
    }
}
