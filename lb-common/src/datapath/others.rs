//! What is neither TCP nor UDP, or malformed.

use super::flows::PASS;
use crate::{
    answer,
    forward::{End, Outcome},
    frame::Cursor,
    headers::protocol,
    icmp::{self, Meaning},
    link::Departure,
    listeners,
    packet::{Fragment, Packet, Payload},
    platform::Platform,
    verdict::Reason,
};

/// Drops what is for a VIP, and passes on the rest.
#[inline(always)]
pub(super) fn for_a_vip<P: Platform, C>(platform: &P, packet: &Packet<'_, C>, reason: Reason) -> Outcome {
    if listeners::is_vip(platform, &packet.ip.destination()) {
        Outcome::drop(reason)
    } else {
        PASS
    }
}

/// What becomes of a later fragment that belongs to no flow.
#[inline(always)]
pub(super) fn unknown_fragment<P: Platform, C>(platform: &P, packet: &Packet<'_, C>) -> Outcome {
    let Some(vip) = listeners::find_vip(platform, &packet.ip.destination()) else {
        return PASS;
    };
    if packet.protocol == protocol::TCP && vip.is_of_host() {
        // Its port stands in the first one, which went to the host if it was the host's.
        Outcome::pass(Reason::ServedByHost)
    } else if matches!(packet.protocol, protocol::ICMP | protocol::ICMPV6) {
        Outcome::pass(Reason::IcmpFragment)
    } else {
        Outcome::drop(Reason::FragmentUnknown)
    }
}

#[inline(always)]
pub(super) fn other_packet<'a, P: Platform, C: Cursor<'a>>(
    platform: &P,
    packet: Packet<'a, C>,
    departure: &mut Departure,
) -> Outcome {
    match packet.payload {
        Payload::Transport(_) => PASS,
        // Its first fragment's member is gone.
        Payload::LaterFragment => unknown_fragment(platform, &packet),
        Payload::Icmp(..) => icmp_message(platform, packet, departure),
        Payload::Malformed(reason) => for_a_vip(platform, &packet, reason),
        Payload::Other => for_a_vip(platform, &packet, Reason::UnsupportedProtocol),
    }
}

/// ICMP: an echo request to a VIP, or an error about a flow.
#[inline(always)]
pub(super) fn icmp_message<'a, P: Platform, C: Cursor<'a>>(
    platform: &P,
    mut packet: Packet<'a, C>,
    departure: &mut Departure,
) -> Outcome {
    let Payload::Icmp(header) = &packet.payload else {
        return PASS;
    };
    let (meaning, destination) = (icmp::meaning(header, packet.protocol), packet.ip.destination());
    match meaning {
        Meaning::EchoRequest if listeners::is_vip(platform, &destination) => {
            if !matches!(packet.fragment, Fragment::Whole) {
                return Outcome::pass(Reason::IcmpFragment);
            }
            if !packet.ip.source().may_be_source() {
                return Outcome::drop(Reason::BadSource);
            }
            answer::echo(&mut packet);
            departure.exit.ifindex = platform.ingress_ifindex();
            Outcome {
                end: End::Leave,
                reason: Reason::EchoAnswered,
            }
        }
        Meaning::Error => match icmp::translate(platform, packet, departure) {
            Some(outcome) => outcome,
            // It may be about what the host itself sent from there.
            None if listeners::is_vip(platform, &destination) => Outcome::pass(Reason::IcmpUnknown),
            None => PASS,
        },
        // Neighbour discovery and the rest are the kernel's.
        _ => PASS,
    }
}
