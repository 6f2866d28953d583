//! The balancer's own addresses towards its members.

use std::{
    collections::HashMap,
    net::{IpAddr, UdpSocket},
};

use lb_common::{
    address::Address,
    tables::{self, SlotRange},
};

use crate::bpf::{Error, Maps};

/// The address that this host uses towards another: what the kernel would give a socket.
pub(super) fn own_address(member: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = if member.is_ipv4() {
        [0; 4].into()
    } else {
        [0_u16; 8].into()
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    // Connecting a datagram socket sends nothing; the port does not matter.
    socket.connect((member, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Source addresses, each run of them entered once.
#[derive(Default)]
pub(super) struct SnatAddresses {
    runs: HashMap<Vec<IpAddr>, SlotRange>,
}

impl SnatAddresses {
    pub(super) fn enter(&mut self, maps: &Maps, addresses: &[IpAddr]) -> Result<SlotRange, Error> {
        if let Some(range) = self.runs.get(addresses) {
            return Ok(*range);
        }
        let wanted: Vec<Address> = addresses.iter().copied().map(Address::from).collect();
        let table: Vec<Address> = maps
            .snat_addresses
            .iter()
            .map(tables::SharedAddress::load)
            .collect();
        // Flows keep the index: an address stays where it is.
        let found = table
            .windows(wanted.len().max(1))
            .position(|window| window == wanted);
        let free = || {
            table
                .iter()
                .rposition(|address| *address != Address::default())
                .map_or(0, |last| last + 1)
        };
        let start = found.unwrap_or_else(free);
        if start + wanted.len() > table.len() {
            return Err(Error::Map {
                name: "SNAT_ADDRESSES",
                reason: "has no room for more source addresses".into(),
            });
        }
        for (slot, address) in maps.snat_addresses[start..].iter().zip(&wanted) {
            slot.store(address);
        }
        let range = SlotRange {
            start: start as u32,
            count: wanted.len() as u32,
        };
        self.runs.insert(addresses.to_vec(), range);
        Ok(range)
    }
}
