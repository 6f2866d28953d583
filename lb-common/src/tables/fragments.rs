//! Where the later fragments of a datagram go, whose ports are in the first.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::address::Address;

/// Finds the flow of a later fragment (RFC 791 section 3.2, RFC 8200 section 4.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct FragmentKey {
    /// The sender.
    pub source: Address,
    /// The receiver.
    pub destination: Address,
    /// The datagram's id.
    pub id: u32,
    /// The protocol number; of IPv6 zero.
    pub protocol: u32,
}

/// Where the fragments of a datagram go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(8))]
pub struct FragmentRoute {
    /// The flow's slot in the flow table.
    pub slot: u32,
    /// The flow's tag: the slot may have another by now.
    pub tag: u32,
    /// 0: from the client; 1: from the member.
    pub direction: u32,
    /// The id that the fragments leave with, so that the datagrams of two clients behind one source address differ.
    pub id: u32,
    /// When the first fragment came, in seconds.
    pub seen_s: u32,
    /// Zero.
    pub padding: u32,
}

const _: () = {
    assert!(size_of::<FragmentKey>() == 40);
    assert!(size_of::<FragmentRoute>() == 24);
};
