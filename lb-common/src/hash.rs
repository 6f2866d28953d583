//! One keyed hash for tables, schedules and ports.
//!
//! Multiply and fold: each round multiplies by an odd constant, which carries every bit upwards, and folds the
//! upper half down. Not cryptographic: the tables mix in a random seed, so that collisions cannot be planned.

use crate::address::{Address, Endpoint};

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// A hash under construction.
#[derive(Clone, Copy)]
pub struct Hash(u64);

impl Hash {
    /// A hash of nothing yet.
    #[inline(always)]
    #[must_use]
    pub const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// Mixes a word in.
    #[inline(always)]
    #[must_use]
    pub const fn with(self, word: u64) -> Self {
        let product = (self.0 ^ word).wrapping_mul(MULTIPLIER);
        Self(product ^ (product >> 32))
    }

    /// Mixes an address in; of an IPv4 address only what varies.
    #[inline(always)]
    #[must_use]
    pub const fn with_address(self, address: &Address) -> Self {
        let words = &address.0;
        let low = (words[2] as u64) << 32 | words[3] as u64;
        if address.is_v4() {
            self.with(low)
        } else {
            self.with((words[0] as u64) << 32 | words[1] as u64).with(low)
        }
    }

    /// The hash.
    #[inline(always)]
    #[must_use]
    pub const fn finish(self) -> u64 {
        self.with(0).0
    }
}

/// The hash of a packet's addresses, ports and protocol.
#[inline(always)]
#[must_use]
pub fn of_tuple(seed: u64, source: &Endpoint, destination: &Endpoint, protocol: u8) -> u64 {
    let ports = u64::from(source.port) << 32 | u64::from(destination.port) << 16 | u64::from(protocol);
    let hash = Hash::seeded(seed);
    let hash = if source.address.is_v4() {
        hash.with(u64::from(source.address.0[3]) << 32 | u64::from(destination.address.0[3]))
    } else {
        hash.with_address(&source.address)
            .with_address(&destination.address)
    };
    hash.with(ports).finish()
}

/// The hash of an address, a port and a protocol.
#[inline(always)]
#[must_use]
pub fn of_endpoint(seed: u64, endpoint: &Endpoint, protocol: u8) -> u64 {
    let port = u64::from(endpoint.port) << 16 | u64::from(protocol);
    let hash = Hash::seeded(seed);
    let hash = if endpoint.address.is_v4() {
        hash.with(u64::from(endpoint.address.0[3]) << 32 | port)
    } else {
        hash.with_address(&endpoint.address).with(port)
    };
    hash.finish()
}

/// The place of `hash` among `count` places: every place is as likely as any other (Lemire, "Fast random
/// integer generation in an interval"), without a division.
#[inline(always)]
#[must_use]
pub const fn place(hash: u32, count: u32) -> u32 {
    ((hash as u64 * count as u64) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_clients_spread_evenly_over_the_places() {
        let vip = Endpoint {
            address: Address::v4([192, 0, 2, 1]),
            port: 80,
        };
        let mut counts = [0_u32; 64];
        for client in 0..64_000_u32 {
            let source = Endpoint {
                address: Address::v4((0x0a00_0000 + client / 16).to_be_bytes()),
                port: 4000 + (client % 16) as u16,
            };
            let hash = of_tuple(7, &source, &vip, 6);
            counts[place((hash >> 32) as u32, 64) as usize] += 1;
        }
        // A fair spread has a standard deviation of 31 around 1,000.
        assert!(
            counts.iter().all(|count| (850..1150).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn both_halves_of_the_hash_spread() {
        let vip = Endpoint {
            address: "2001:db8::1".parse::<core::net::IpAddr>().unwrap().into(),
            port: 80,
        };
        let mut counts = [0_u32; 64];
        for port in 1..=64_000_u16 {
            let source = Endpoint {
                address: "2001:db8::2".parse::<core::net::IpAddr>().unwrap().into(),
                port,
            };
            counts[(of_tuple(9, &source, &vip, 17) as u32 % 64) as usize] += 1;
        }
        assert!(
            counts.iter().all(|count| (850..1150).contains(count)),
            "{counts:?}"
        );
    }
}
