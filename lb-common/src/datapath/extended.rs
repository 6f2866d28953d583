//! Fragments: they go where the first one of their datagram went.

use super::{
    flows::{Located, forward, locate, note_opener},
    others::unknown_fragment,
};
use crate::{
    flow::table::{self, Found, Slot},
    forward::{End, Outcome},
    link::Departure,
    packet::{Fragment, Ip, Packet, Payload},
    platform::Platform,
    tables::{FragmentKey, FragmentRoute},
    word::forget,
};

/// How long the fragments of a datagram are awaited, in seconds (Linux: `net.ipv4.ipfrag_time`).
const FRAGMENT_LIFETIME_S: u32 = 30;

#[inline(always)]
pub(super) fn extended_packet<P: Platform, C>(
    platform: &P,
    mut packet: Packet<'_, C>,
    departure: &mut Departure,
) -> Outcome {
    let now_s = platform.now_s();
    let (located, fragment_id) = match &packet.payload {
        Payload::Transport(transport) => match locate(platform, &packet, transport, now_s) {
            Ok(located) => {
                let id = new_fragment(platform, &packet, &located, now_s);
                (located, id)
            }
            Err(next) => return note_opener(platform, &packet, next, now_s),
        },
        Payload::LaterFragment => match locate_later(platform, &packet, now_s) {
            Some(located) => located,
            None => return unknown_fragment(platform, &packet),
        },
        _ => return Outcome::next(End::Others),
    };
    let noise = now_s;
    let located = Located {
        direction: forget(located.direction, noise),
        ..located
    };
    let fragment_id = forget(fragment_id, noise);
    let outcome = forward(platform, &mut packet, &located, fragment_id, now_s, departure);
    note_opener(platform, &packet, (outcome, 0), now_s)
}

/// Where the packet is the first fragment of a datagram: notes where the later ones go, and gives their new id; 0 for
/// a whole one.
#[inline(always)]
pub(super) fn new_fragment<P: Platform, C>(
    platform: &P,
    packet: &Packet<'_, C>,
    located: &Located<'_>,
    now_s: u32,
) -> u32 {
    let (false, Some(settings)) = (matches!(packet.fragment, Fragment::Whole), platform.settings()) else {
        return 0;
    };
    // The highest bit: so that no id is zero, and of IPv4 all of the lower half is used.
    let id = settings.fragment_id.fetch_add(1) | 1 << 31;
    let Found { slot, tag, .. } = located.found;
    let route = FragmentRoute {
        slot: slot.0,
        tag,
        direction: located.direction,
        id,
        seen_s: now_s,
        padding: 0,
    };
    platform.set_fragment(&fragment_key(packet), &route);
    id
}

/// Finds the flow of a later fragment: it goes where the first one went.
#[inline(always)]
pub(crate) fn locate_later<'t, P: Platform, C>(
    platform: &'t P,
    packet: &Packet<'_, C>,
    now_s: u32,
) -> Option<(Located<'t>, u32)> {
    let route = platform.fragment(&fragment_key(packet))?;
    let found = table::at(platform, Slot(route.slot))?;
    let is_known = found.tag == route.tag && now_s.saturating_sub(route.seen_s) <= FRAGMENT_LIFETIME_S;
    is_known.then_some((
        Located {
            found,
            direction: route.direction,
        },
        route.id,
    ))
}

#[inline(always)]
pub(super) fn fragment_key<C>(packet: &Packet<'_, C>) -> FragmentKey {
    // Of IPv6 the fragments of one datagram may differ in what they say follows (RFC 8200 section 4.5).
    let protocol = match packet.ip {
        Ip::V4(_) => packet.protocol,
        Ip::V6(_) => 0,
    };
    FragmentKey {
        source: packet.ip.source(),
        destination: packet.ip.destination(),
        id: packet.fragment_id(),
        protocol: u32::from(protocol),
    }
}
