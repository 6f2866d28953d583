//! Members, and the ways to them.

use zerocopy::FromBytes;

use super::SharedAddress;
use crate::word::{Word32, Word64};

/// A way out: the neighbour that a frame is addressed to.
///
/// The daemon keeps it fresh. It clears `ifindex` first and writes it last, so that a half-written one is not used.
#[derive(Debug, Default, FromBytes)]
#[repr(C)]
pub struct NextHop {
    /// The hardware addresses as they stand in the frame (destination, then source), in three words.
    pub macs: [Word32; 3],
    /// The interface; 0: not known.
    pub ifindex: Word32,
    /// The largest IP packet that the link carries, in bytes.
    pub mtu: Word32,
    /// The VLAN tag to leave with: `0x1_0000` + control field; 0: untagged.
    pub tag: Word32,
}

/// A member.
#[derive(Debug, Default, FromBytes)]
#[repr(C, align(64))]
pub struct Member {
    /// The address.
    pub address: SharedAddress,
    /// The port, in the host's byte order.
    pub port: Word32,
    /// A [`MemberState`] in the lowest byte, above it its outages: see [`Member::outages`].
    state: Word32,
    /// The pool's id.
    pub pool: Word32,
    /// The weight, 0 to 256.
    pub weight: Word32,
    /// Its source addresses for full NAT and IPIP: a [`SlotRange`] of them.
    pub snat: Word64,
    /// The way to it.
    pub next_hop: NextHop,
    /// Flows that are open: the datapath counts them.
    pub active_flows: Word32,
    /// Zero.
    pub padding: [Word32; 15],
}

/// Whether a member takes packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum MemberState {
    /// No member has this id.
    Unused = 0,
    /// Takes new flows.
    Up = 1,
    /// Takes the packets of its flows and sessions, but no new sessions.
    Draining = 2,
    /// Takes nothing: its flows and sessions move.
    Down = 3,
    /// Gone from the configuration; its id is free once its flows and sessions are.
    Removed = 4,
}

impl MemberState {
    /// The state of a map's word; what is not one is unused.
    #[inline(always)]
    #[must_use]
    pub const fn from_word(word: u32) -> Self {
        match word {
            1 => Self::Up,
            2 => Self::Draining,
            3 => Self::Down,
            4 => Self::Removed,
            _ => Self::Unused,
        }
    }

    /// Whether packets of flows and sessions may go there.
    #[inline(always)]
    #[must_use]
    pub const fn keeps_sessions(self) -> bool {
        matches!(self, Self::Up | Self::Draining)
    }
}

impl Member {
    const STATE_BITS: u32 = 8;

    /// Whether it takes packets.
    #[inline(always)]
    pub fn state(&self) -> MemberState {
        MemberState::from_word(self.state.get() & ((1 << Self::STATE_BITS) - 1))
    }

    /// How often it has ceased to take packets, modulo 2^24: flows that were silent meanwhile are told by that.
    #[inline(always)]
    pub fn outages(&self) -> u32 {
        self.state.get() >> Self::STATE_BITS
    }

    /// Changes the state; the daemon alone does. State and outages are seen to change at once.
    pub fn set_state(&self, state: MemberState) {
        let ceases = self.state().keeps_sessions() && !state.keeps_sessions();
        let outages = self.outages().wrapping_add(ceases.into());
        self.state.set(outages << Self::STATE_BITS | state as u32);
    }

    /// Whether packets of flows and sessions may go there.
    #[inline(always)]
    pub fn keeps_sessions(&self) -> bool {
        self.state().keeps_sessions()
    }

    /// Whether new flows without a session may go there.
    #[inline(always)]
    pub fn takes_new(&self) -> bool {
        self.state() == MemberState::Up
    }
}

const _: () = assert!(size_of::<Member>() == 128);
