//! Addresses and endpoints: IPv4 and IPv6 in one type, so that no function exists twice.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The third word of an IPv4 address in its IPv6 form, `::ffff:a.b.c.d` (RFC 4291 section 2.5.5.2).
const MAPPED: u32 = 0x0000_ffff_u32.to_be();

/// An IPv6 address, or an IPv4 address mapped into one; each word is as it stands on the wire.
///
/// Aligned to eight bytes, as is all that the kernel keeps on its stack: it is copied by eight bytes there, which the
/// verifier wants aligned.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(8))]
pub struct Address(pub [u32; 4]);

impl Address {
    /// The address of four bytes of an IPv4 header.
    #[inline(always)]
    #[must_use]
    pub const fn v4(octets: [u8; 4]) -> Self {
        Self([0, 0, MAPPED, u32::from_ne_bytes(octets)])
    }

    /// The address of sixteen bytes of an IPv6 header.
    #[inline(always)]
    #[must_use]
    pub const fn v6(octets: [u8; 16]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = octets;
        Self([
            u32::from_ne_bytes([a, b, c, d]),
            u32::from_ne_bytes([e, f, g, h]),
            u32::from_ne_bytes([i, j, k, l]),
            u32::from_ne_bytes([m, n, o, p]),
        ])
    }

    /// Whether this is an IPv4 address.
    #[inline(always)]
    #[must_use]
    pub const fn is_v4(&self) -> bool {
        self.0[0] == 0 && self.0[1] == 0 && self.0[2] == MAPPED
    }

    /// Whether a host may send from this address: it is not unspecified, of loopback or multicast, nor reserved (RFC 1122
    /// section 3.2.1.3, RFC 4291 section 2.7).
    #[inline(always)]
    #[must_use]
    pub const fn may_be_source(&self) -> bool {
        if self.is_v4() {
            let first = u32::from_be(self.0[3]) >> 24;
            first != 0 && first != 127 && first < 224
        } else {
            let is_low = self.0[0] == 0 && self.0[1] == 0 && self.0[2] == 0 && u32::from_be(self.0[3]) <= 1;
            !is_low && u32::from_be(self.0[0]) >> 24 != 0xff
        }
    }

    /// The four bytes of an IPv4 address; of an IPv6 address, its last four.
    #[inline(always)]
    #[must_use]
    pub const fn v4_octets(&self) -> [u8; 4] {
        self.0[3].to_ne_bytes()
    }

    /// The sixteen bytes.
    #[inline(always)]
    #[must_use]
    pub const fn octets(&self) -> [u8; 16] {
        let [a, b, c, d] = [
            self.0[0].to_ne_bytes(),
            self.0[1].to_ne_bytes(),
            self.0[2].to_ne_bytes(),
            self.0[3].to_ne_bytes(),
        ];
        [
            a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3], c[0], c[1], c[2], c[3], d[0], d[1], d[2], d[3],
        ]
    }

    /// The network that the address belongs to under `mask`.
    #[inline(always)]
    #[must_use]
    pub const fn masked(&self, mask: &Address) -> Self {
        Self([
            self.0[0] & mask.0[0],
            self.0[1] & mask.0[1],
            self.0[2] & mask.0[2],
            self.0[3] & mask.0[3],
        ])
    }

    /// The mask of an IPv6 prefix of `length` bits (0 to 128); for an IPv4 prefix add 96.
    #[must_use]
    pub const fn mask(length: u32) -> Self {
        let mut bits = [0_u32; 4];
        let mut word = 0;
        while word < 4 {
            let from = 32 * word as u32;
            let ones = length.saturating_sub(from);
            bits[word] = match ones {
                0 => 0,
                1..=31 => !(u32::MAX >> ones),
                _ => u32::MAX,
            }
            .to_be();
            word += 1;
        }
        Self(bits)
    }
}

impl From<IpAddr> for Address {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self::v4(v4.octets()),
            IpAddr::V6(v6) => Self::v6(v6.octets()),
        }
    }
}

impl From<Address> for IpAddr {
    fn from(address: Address) -> Self {
        if address.is_v4() {
            Self::V4(Ipv4Addr::from(address.v4_octets()))
        } else {
            Self::V6(Ipv6Addr::from(address.octets()))
        }
    }
}

/// An address and a port.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Endpoint {
    /// The address.
    pub address: Address,
    /// The port, in the host's byte order.
    pub port: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_address_survives_the_way_there_and_back() {
        let address: IpAddr = "192.0.2.7".parse().unwrap();
        assert!(Address::from(address).is_v4());
        assert_eq!(IpAddr::from(Address::from(address)), address);
    }

    #[test]
    fn an_ipv6_address_survives_the_way_there_and_back() {
        let address: IpAddr = "2001:db8::9".parse().unwrap();
        assert!(!Address::from(address).is_v4());
        assert_eq!(IpAddr::from(Address::from(address)), address);
    }

    #[test]
    fn no_host_sends_from_an_unspecified_loopback_or_multicast_address() {
        let address = |text: &str| Address::from(text.parse::<IpAddr>().unwrap());
        for none in [
            "0.0.0.0",
            "0.1.2.3",
            "127.0.0.1",
            "224.1.2.3",
            "255.255.255.255",
            "::",
            "::1",
            "ff02::1",
        ] {
            assert!(!address(none).may_be_source(), "{none}");
        }
        for host in [
            "1.0.0.1",
            "192.0.2.1",
            "223.255.255.254",
            "fe80::1",
            "2001:db8::1",
            "::2",
        ] {
            assert!(address(host).may_be_source(), "{host}");
        }
    }

    #[test]
    fn a_mask_keeps_the_network_and_clears_the_host() {
        let v4 = |text: &str| Address::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(v4("10.1.2.3").masked(&Address::mask(96 + 24)), v4("10.1.2.0"));
        assert_eq!(v4("10.1.2.3").masked(&Address::mask(96 + 32)), v4("10.1.2.3"));
        assert_eq!(
            v4("2001:db8:1:2:3::4").masked(&Address::mask(52)),
            v4("2001:db8:1::")
        );
        assert_eq!(
            v4("2001:db8:1:2:3::4").masked(&Address::mask(128)),
            v4("2001:db8:1:2:3::4")
        );
    }
}
