//! Packets of live flows, and what is told of those that have none.

use crate::{
    address::Endpoint,
    buckets::Key,
    filter,
    flow::{
        Direction, returns,
        table::{self, Found},
    },
    forward::{self, End, Outcome},
    hash,
    headers::tcp_flags,
    link::Departure,
    packet::{Fragment, Packet, Payload, Transport},
    platform::Platform,
    verdict::Reason,
};

pub(super) const PASS: Outcome = Outcome::pass(Reason::NotOurs);

/// A flow, and which way the packet goes in it.
pub(crate) struct Located<'t> {
    pub(crate) found: Found<'t>,
    /// A [`Direction`], as a word: see [`forget`].
    pub(crate) direction: u32,
}

/// Finds the flow of a TCP or UDP packet; or else what becomes of the packet, and the hash under which its flow was looked
/// for: 0 where none was.
#[inline(always)]
pub(super) fn locate<'t, P: Platform, C>(
    platform: &'t P,
    packet: &Packet<'_, C>,
    transport: &Transport<'_>,
    now_s: u32,
) -> Result<Located<'t>, (Outcome, u64)> {
    let (source, destination) = packet.endpoints(transport.ports);
    let mut otherwise = (PASS, 0);
    if filter::may_be(platform, filter::Kind::Vip, &destination.address) {
        let Some((hash, key)) = flow_key(platform, &source, &destination, packet.protocol) else {
            return Err((Outcome::drop(Reason::Inconsistent), 0));
        };
        // It may still be an answer: an address that is no VIP can have a VIP's bit in the filter.
        otherwise = (Outcome::next(End::OpeningNew), hash);
        if let Some(found) = table::find(platform, &key, &source, &destination, packet.protocol) {
            if is_live(platform, &found, transport.tcp.flags, now_s) {
                return Ok(Located {
                    found,
                    direction: Direction::Forward as u32,
                });
            }
            otherwise = (Outcome::next(End::Opening), hash);
        }
    }
    if filter::may_be(platform, filter::Kind::Member, &source.address)
        && let Some(found) = returns::find(platform, &source, &destination, packet.protocol)
    {
        return Ok(Located {
            found,
            direction: Direction::Return as u32,
        });
    }
    Err(otherwise)
}

#[inline(always)]
pub(super) fn flow_packet<P: Platform, C>(
    platform: &P,
    mut packet: Packet<'_, C>,
    departure: &mut Departure,
) -> Outcome {
    let transport = match &packet.payload {
        Payload::Transport(transport) => transport,
        Payload::LaterFragment | Payload::Other => return Outcome::next(End::Extended),
        _ => return Outcome::next(End::Others),
    };
    let now_s = platform.now_s();
    let opens = tcp_flags::opens(transport.tcp.flags);
    let next = if opens && filter::may_be(platform, filter::Kind::Vip, &packet.ip.destination()) {
        // Most likely there is no flow yet: opening looks for one anyway.
        (Outcome::next(End::Opening), 0)
    } else {
        match locate(platform, &packet, transport, now_s) {
            Ok(located) => {
                let outcome = forward(platform, &mut packet, &located, 0, now_s, departure);
                (outcome, 0)
            }
            Err(other) => other,
        }
    };
    note_opener(platform, &packet, next, now_s)
}

/// Tells the opener of the packet where that is to open a flow. A later fragment cannot: its first one's flow is over.
#[inline(always)]
pub(super) fn note_opener<P: Platform, C>(
    platform: &P,
    packet: &Packet<'_, C>,
    (outcome, hash): (Outcome, u64),
    now_s: u32,
) -> Outcome {
    if !matches!(outcome.end, End::Opening | End::OpeningNew) {
        return outcome;
    }
    let (Payload::Transport(transport), Some(opener)) = (&packet.payload, platform.opener()) else {
        return Outcome::next(End::Others);
    };
    opener.set(packet, transport, platform.ingress_ifindex(), now_s);
    opener.set_hash(hash);
    opener.set_may_have_flow(outcome.end == End::Opening);
    Outcome::next(End::Opening)
}

/// Sends a packet on along its flow.
#[inline(always)]
pub(super) fn forward<P: Platform, C>(
    platform: &P,
    packet: &mut Packet<'_, C>,
    located: &Located<'_>,
    fragment_id: u32,
    now_s: u32,
    departure: &mut Departure,
) -> Outcome {
    if located.direction == Direction::Forward as u32 {
        forward::to_member(platform, packet, &located.found, fragment_id, now_s, departure)
    } else {
        forward::to_client(platform, packet, &located.found, fragment_id, now_s, departure)
    }
}

/// Hash and key of the flow from `client` to `vip`.
#[inline(always)]
pub(crate) fn flow_key<P: Platform>(
    platform: &P,
    client: &Endpoint,
    vip: &Endpoint,
    protocol: u8,
) -> Option<(u64, Key)> {
    let settings = platform.settings()?;
    let hash = hash::of_tuple(settings.seed.get(), client, vip, protocol);
    Some((hash, Key::new(hash, settings.flow_buckets.get())))
}

/// Whether a packet with these TCP flags goes on with the flow that was found: not where the flow is too old, nor where
/// it was closed and its client opens another from the same port (RFC 9293 section 3.6.1).
#[inline(always)]
pub(crate) fn is_live<P: Platform>(platform: &P, found: &Found<'_>, flags: u8, now_s: u32) -> bool {
    let reopened = tcp_flags::opens(flags) && !found.record.state_word().state().is_open();
    !reopened && !found.record.is_expired(platform, now_s)
}

#[inline(always)]
pub(super) fn opened_packet<P: Platform, C>(
    platform: &P,
    mut packet: Packet<'_, C>,
    departure: &mut Departure,
) -> Outcome {
    let (Payload::Transport(_), Fragment::Whole) = (&packet.payload, &packet.fragment) else {
        return Outcome::next(End::Extended);
    };
    let Some(opener) = platform.opener() else {
        return Outcome::drop(Reason::Inconsistent);
    };
    // Another core may have needed the way meanwhile.
    let (slot, tag) = opener.slot();
    let Some(found) = table::at(platform, slot).filter(|found| found.tag == tag) else {
        return Outcome::drop(Reason::Contended);
    };
    forward::to_member(platform, &mut packet, &found, 0, opener.now_s(), departure)
}
