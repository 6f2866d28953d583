//! The balancer's own addresses towards its members.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, UdpSocket},
};

use lb_common::{
    address::Address,
    tables::{SharedAddress, SlotRange},
};

use crate::{
    bpf::{Error, Maps},
    model::MAX_SNAT_ADDRESSES,
    shortage::is_shortage,
};

/// The address that this host uses towards another: what the kernel would give a socket. None where it cannot be reached; an
/// error where this process is short of what it takes to ask.
pub(super) fn own_address(member: IpAddr) -> io::Result<Option<IpAddr>> {
    let any: IpAddr = if member.is_ipv4() {
        [0; 4].into()
    } else {
        [0_u16; 8].into()
    };
    let ask = || {
        let socket = UdpSocket::bind((any, 0))?;
        // Connecting a datagram socket sends nothing; the port does not matter.
        socket.connect((member, 9))?;
        socket.local_addr()
    };
    match ask() {
        Ok(own) => Ok(Some(own.ip())),
        Err(error) if is_shortage(&error) => Err(error),
        Err(_) => Ok(None),
    }
}

/// The table of source addresses as it will be; each run of them is entered once.
pub(super) struct SnatAddresses {
    table: Vec<Address>,
    runs: HashMap<Vec<IpAddr>, SlotRange>,
    /// How many addresses all runs have.
    planned: usize,
}

fn failed(reason: String) -> Error {
    Error::Map {
        name: "SNAT_ADDRESSES",
        reason,
    }
}

impl SnatAddresses {
    pub(super) fn read(maps: &Maps) -> Self {
        let table = maps.snat_addresses.iter().map(SharedAddress::load);
        Self {
            table: table.collect(),
            runs: HashMap::new(),
            planned: 0,
        }
    }

    /// The addresses of a range.
    pub(super) fn of(&self, range: SlotRange) -> impl Iterator<Item = IpAddr> {
        let start = range.start as usize;
        let addresses = self.table.get(start..start + range.count as usize);
        addresses.unwrap_or_default().iter().copied().map(IpAddr::from)
    }

    pub(super) fn enter(&mut self, addresses: &[IpAddr]) -> Result<SlotRange, Error> {
        if let Some(range) = self.runs.get(addresses) {
            return Ok(*range);
        }
        self.planned += addresses.len();
        if self.planned > MAX_SNAT_ADDRESSES as usize {
            return Err(failed(format!(
                "has no room for more than {MAX_SNAT_ADDRESSES} source addresses; name fewer as `snat_addresses`"
            )));
        }
        let wanted: Vec<Address> = addresses.iter().copied().map(Address::from).collect();
        // Flows keep the index: an address stays where it is.
        let found = self.run(wanted.len(), |window| window == wanted);
        let free = || {
            self.run(wanted.len(), |window| {
                window.iter().all(|address| *address == Address::default())
            })
        };
        let start = found.or_else(free);
        let room = start.and_then(|start| self.table.get_mut(start..start + wanted.len()));
        let (Some(start), Some(room)) = (start, room) else {
            return Err(failed(
                "has no run of free places: a source address that is not used any more keeps its own until half a minute \
                 after its last flow has ended; reload again then"
                    .to_owned(),
            ));
        };
        room.copy_from_slice(&wanted);
        let range = SlotRange {
            start: start as u32,
            count: wanted.len() as u32,
        };
        self.runs.insert(addresses.to_vec(), range);
        Ok(range)
    }

    /// Where the first run of so many addresses begins that is like this.
    fn run(&self, count: usize, is_like: impl Fn(&[Address]) -> bool) -> Option<usize> {
        match count {
            0 => Some(0),
            _ => self.table.windows(count).position(is_like),
        }
    }

    pub(super) fn write(&self, maps: &Maps) {
        for (slot, address) in maps.snat_addresses.iter().zip(&self.table) {
            if slot.load() != *address {
                slot.store(address);
            }
        }
    }
}
