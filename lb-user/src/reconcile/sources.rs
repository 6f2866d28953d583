//! Whether packets still leave for the members from the addresses that this host would use.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use lb_common::tables::{self, SharedAddress, SlotRange};

use super::Ids;
use crate::model::{Config, Forwarding, Pool};

/// The address that this host would use towards another, by the other; none where it cannot be reached. Of what is not
/// in here nothing is known.
pub type Sources = HashMap<IpAddr, Option<IpAddr>>;

/// For how many members the address in use (the first; none: they get no packets) is not the one that this host would use
/// now (the second; none: they cannot be reached).
pub type Outdated = BTreeMap<(Option<IpAddr>, Option<IpAddr>), usize>;

/// What is out of date where `config` has been applied, as `now` has it.
pub fn outdated(
    members: &[tables::Member],
    addresses: &[SharedAddress],
    config: &Config,
    ids: &Ids,
    now: &Sources,
) -> Outdated {
    let mut outdated = Outdated::new();
    for pool in config.datapath_pools().filter(|pool| takes_own_address(pool)) {
        for member in &pool.members {
            let id = ids.member(&pool.name, &member.name);
            let entry = id.and_then(|id| members.get(id as usize));
            let (Some(entry), Some(now)) = (entry, now.get(&member.address)) else {
                continue;
            };
            let range = SlotRange::from(entry.snat.get());
            let in_use = match range.count {
                0 => None,
                _ => addresses.get(range.start as usize),
            };
            let in_use = in_use.map(|address| IpAddr::from(address.load()));
            if in_use != *now {
                *outdated.entry((in_use, *now)).or_default() += 1;
            }
        }
    }
    outdated
}

fn takes_own_address(pool: &Pool) -> bool {
    match &pool.forwarding {
        Forwarding::FullNat(nat) => nat.snat_addresses.is_empty(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_known_address_that_differs_from_the_one_in_use_is_out_of_date() {
        let text = r#"
            datapath.interfaces = ["eth0"]
            pool = [
                { name = "own", forwarding = "nat", member = [
                    { name = "same", address = "10.0.0.1", port = 1 },
                    { name = "changed", address = "10.0.0.2", port = 1 },
                    { name = "gone", address = "10.0.0.3", port = 1 },
                    { name = "found", address = "10.0.0.4", port = 1 },
                    { name = "unknown", address = "10.0.0.5", port = 1 },
                    { name = "never", address = "10.0.0.6", port = 1 },
                ] },
                { name = "named", snat_addresses = ["10.9.0.9"], member = [{ address = "10.0.0.2", port = 1 }] },
            ]
        "#;
        let config = crate::config::parse(text, "test.toml").unwrap().config;
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let (old, new) = (ip("10.0.0.100"), ip("10.0.0.101"));
        let address = SharedAddress::default();
        address.store(&old.into());
        let range = |count| SlotRange { start: 0, count }.into();
        let mut ids = Ids::default();
        let members: Vec<tables::Member> = (0..8).map(|_| tables::Member::default()).collect();
        let known = ["same", "changed", "gone", "found", "unknown", "never"];
        for (id, name) in (1_u32..).zip(known) {
            let is_reached = !["found", "never"].contains(&name);
            members[id as usize].snat.set(range(is_reached.into()));
        }
        let own = known.iter().zip(1..).map(|(name, id)| ((*name).to_owned(), id));
        ids.note_pool("own", 1, own);
        ids.note_pool("named", 2, [("10.0.0.2:1".to_owned(), 7)].into_iter());
        members[7].snat.set(range(1));
        let now = Sources::from([
            (ip("10.0.0.1"), Some(old)),
            (ip("10.0.0.2"), Some(new)),
            (ip("10.0.0.3"), None),
            (ip("10.0.0.4"), Some(new)),
            (ip("10.0.0.6"), None),
        ]);
        assert_eq!(
            outdated(&members, &[address], &config, &ids, &now),
            Outdated::from([
                ((Some(old), Some(new)), 1),
                ((Some(old), None), 1),
                ((None, Some(new)), 1)
            ])
        );
    }
}
