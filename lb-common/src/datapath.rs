//! The path of a packet: parse, classify, select, rewrite, leave. It reads on one screen: [`process`].
//!
//! It goes in stages. [`fast`] serves the packets of live flows; whatever it cannot do it leaves as it was, to a later
//! stage. In the kernel each is a program of its own: so the first stays small, and each has a stack to itself.

use crate::{
    address::Endpoint,
    answer::{self, Asked, Kind},
    filter,
    flow::{
        Direction, returns,
        table::{self, Found, Key, Slot},
    },
    forward::{self, End, Outcome},
    frame::{Cursor, Frame},
    hash,
    headers::{protocol, tcp_flags},
    icmp::{self, Meaning},
    link::{Departure, relink},
    open::{self, Opened, Opener, Past},
    packet::{Fragment, Ip, Packet, Payload, Transport},
    parse::{parse, parse_plain},
    platform::Platform,
    tables::{ClosedPort, FragmentKey, FragmentRoute, Member},
    verdict::{Reason, Verdict},
    word::forget,
};

/// How long the fragments of a datagram are awaited, in seconds (Linux: `net.ipv4.ipfrag_time`).
const FRAGMENT_LIFETIME_S: u32 = 30;

/// What comes next for a packet.
#[derive(Clone, Copy, Debug)]
pub enum Next {
    /// Nothing: this becomes of it.
    Verdict(Verdict),
    /// [`flows`].
    Flows,
    /// [`opening`].
    Opening,
    /// [`opened`].
    Opened,
    /// [`extended`].
    Extended,
    /// [`others`].
    Others,
    /// [`answer`].
    Answer,
}

/// How many stages a packet passes at most: flows, extended, opening, flows, extended, answer; and further tries where
/// another core took the flow or the session away meanwhile.
const MAX_STAGES: usize = 12;

/// What becomes of the packet in `frame`.
pub fn process<P: Platform, F: Frame>(platform: &P, frame: &mut F) -> Verdict {
    let mut next = Next::Flows;
    for _ in 0..MAX_STAGES {
        next = match next {
            Next::Verdict(verdict) => return verdict,
            Next::Flows => flows(platform, frame),
            Next::Opening => opening(platform),
            Next::Opened => opened(platform, frame),
            Next::Extended => extended(platform, frame),
            Next::Others => others(platform, frame),
            Next::Answer => return answer(platform, frame),
        }
    }
    Verdict::Drop
}

/// Forwards the packets of live flows, and passes on what is not ours.
#[inline(always)]
pub fn flows<P: Platform, F: Frame>(platform: &P, frame: &mut F) -> Next {
    let mut departure = Departure::default();
    let outcome = match parse_plain(frame) {
        Ok(packet) if !matches!(packet.fragment, Fragment::Whole) => Outcome::next(End::Extended),
        Ok(packet) => flow_packet(platform, packet, &mut departure),
        Err(reason) => Outcome::pass(reason),
    };
    finish(platform, frame, outcome, &departure)
}

/// Forwards what the first stage does not look into: fragments, and packets with IPv6 extension headers.
#[inline(always)]
pub fn extended<P: Platform, F: Frame>(platform: &P, frame: &mut F) -> Next {
    let mut departure = Departure::default();
    let outcome = match parse(frame) {
        Ok(packet) => extended_packet(platform, packet, &mut departure),
        Err(reason) => Outcome::pass(reason),
    };
    finish(platform, frame, outcome, &departure)
}

/// Opens a flow for the packet that the opener was told of, which has none.
///
/// It does not look into the packet: so the kernel's verifier goes through this once, rather than once for each kind of
/// packet.
#[inline(always)]
pub fn opening<P: Platform>(platform: &P) -> Next {
    conclude(platform, open_flow(platform))
}

/// Forwards the packet that a flow was just opened for.
#[inline(always)]
pub fn opened<P: Platform, F: Frame>(platform: &P, frame: &mut F) -> Next {
    let mut departure = Departure::default();
    let outcome = match parse_plain(frame) {
        Ok(packet) => opened_packet(platform, packet, &mut departure),
        Err(reason) => Outcome::pass(reason),
    };
    finish(platform, frame, outcome, &departure)
}

/// Serves the rest: ICMP, and what is malformed.
#[inline(always)]
pub fn others<P: Platform, F: Frame>(platform: &P, frame: &mut F) -> Next {
    let mut departure = Departure::default();
    let outcome = match parse(frame) {
        Ok(packet) => other_packet(platform, packet, &mut departure),
        Err(reason) => Outcome::pass(reason),
    };
    finish(platform, frame, outcome, &departure)
}

/// Turns the packet into an answer to its sender. Why, was counted already.
#[inline(always)]
pub fn answer<P: Platform, F: Frame>(platform: &P, frame: &mut F) -> Verdict {
    let kind = Kind::from_words(platform.answer());
    let asked = match parse(frame) {
        // No error is sent about a later fragment (RFC 1122 section 3.2.2).
        Ok(packet) if matches!(packet.payload, Payload::LaterFragment) => return Verdict::Drop,
        Ok(packet) => Asked::of(&packet),
        Err(reason) => {
            platform.count_reason(reason);
            return Verdict::Drop;
        }
    };
    match answer::write(frame, &asked, kind) {
        Ok(()) => Verdict::Transmit,
        Err(reason) => {
            platform.count_reason(reason);
            Verdict::Drop
        }
    }
}

/// Does what is left to do after a stage, and counts what became of the packet.
#[inline(always)]
fn finish<P: Platform, F: Frame>(
    platform: &P,
    frame: &mut F,
    outcome: Outcome,
    departure: &Departure,
) -> Next {
    match outcome.end {
        End::Leave => {}
        End::Relink => {
            if relink(frame, departure).is_none() {
                return conclude(platform, Outcome::drop(Reason::NoRoom));
            }
        }
        _ => return conclude(platform, outcome),
    }
    platform.count_reason(outcome.reason);
    Next::Verdict(departure.exit.verdict(platform))
}

/// Does what is left to do with a packet that does not leave, and counts what became of it.
#[inline(always)]
fn conclude<P: Platform>(platform: &P, outcome: Outcome) -> Next {
    let Outcome { end, mut reason } = outcome;
    let mut next = match end {
        End::Flows => return Next::Flows,
        End::Opening => return Next::Opening,
        End::Opened => return Next::Opened,
        End::Extended => return Next::Extended,
        End::Others => return Next::Others,
        End::Pass => Next::Verdict(Verdict::Pass),
        End::Drop | End::Leave | End::Relink => Next::Verdict(Verdict::Drop),
        End::Answer => Next::Answer,
    };
    if end == End::Answer {
        let per_second = platform
            .settings()
            .map_or(0, |settings| settings.answers_per_second.get());
        if !platform.may_answer(platform.now_s(), per_second) {
            reason = Reason::AnswerLimited;
            next = Next::Verdict(Verdict::Drop);
        }
    }
    platform.count_reason(reason);
    next
}

const PASS: Outcome = Outcome::pass(Reason::NotOurs);

/// A flow, and which way the packet goes in it.
struct Located<'t> {
    found: Found<'t>,
    /// A [`Direction`], as a word: see [`forget`].
    direction: u32,
}

/// Finds the flow of a TCP or UDP packet; or else what becomes of the packet.
#[inline(always)]
fn locate<'t, P: Platform, C>(
    platform: &'t P,
    packet: &Packet<'_, C>,
    transport: &Transport<'_>,
    now_s: u32,
) -> Result<Located<'t>, Outcome> {
    let (source, destination) = packet.endpoints(transport.ports);
    let mut otherwise = PASS;
    if filter::may_be(platform, filter::Kind::Vip, &destination.address) {
        let Some((_, key)) = flow_key(platform, &source, &destination, packet.protocol) else {
            return Err(Outcome::drop(Reason::Inconsistent));
        };
        if let Some(found) = table::find(platform, &key, &source, &destination, packet.protocol)
            && is_live(platform, &found, transport.tcp.flags, now_s)
        {
            return Ok(Located {
                found,
                direction: Direction::Forward as u32,
            });
        }
        // It may still be an answer: an address that is no VIP can have a VIP's bit in the filter.
        otherwise = Outcome::next(End::Opening);
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
fn flow_packet<P: Platform, C>(
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
    let opens = transport.tcp.flags & (tcp_flags::SYN | tcp_flags::ACK) == tcp_flags::SYN;
    let outcome = if opens && filter::may_be(platform, filter::Kind::Vip, &packet.ip.destination()) {
        // Most likely there is no flow yet: opening looks for one anyway.
        Outcome::next(End::Opening)
    } else {
        match locate(platform, &packet, transport, now_s) {
            Ok(located) => forward(platform, &mut packet, &located, 0, now_s, departure),
            Err(outcome) => outcome,
        }
    };
    note_opener(platform, &packet, outcome, now_s)
}

/// Tells the opener of the packet where that is to open a flow. A later fragment cannot: its first one's flow is over.
#[inline(always)]
fn note_opener<P: Platform, C>(
    platform: &P,
    packet: &Packet<'_, C>,
    outcome: Outcome,
    now_s: u32,
) -> Outcome {
    if outcome.end != End::Opening {
        return outcome;
    }
    let (Payload::Transport(transport), Some(opener)) = (&packet.payload, platform.opener()) else {
        return Outcome::next(End::Others);
    };
    opener.set(packet, transport, platform.ingress_ifindex(), now_s);
    outcome
}

/// Sends a packet on along its flow.
#[inline(always)]
fn forward<P: Platform, C>(
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

#[inline(always)]
fn extended_packet<P: Platform, C>(
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
            Err(outcome) => return note_opener(platform, &packet, outcome, now_s),
        },
        Payload::LaterFragment => match locate_later(platform, &packet, now_s) {
            Some(located) => located,
            None => return for_a_vip(platform, &packet, Reason::FragmentUnknown),
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
    note_opener(platform, &packet, outcome, now_s)
}

/// Hash and key of the flow from `client` to `vip`.
#[inline(always)]
fn flow_key<P: Platform>(
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
fn is_live<P: Platform>(platform: &P, found: &Found<'_>, flags: u8, now_s: u32) -> bool {
    let reopened = flags & (tcp_flags::SYN | tcp_flags::ACK) == tcp_flags::SYN
        && !found.record.state_word().state().is_open();
    !reopened && !found.record.is_expired(platform, now_s)
}

/// Drops what is for a VIP, and passes on the rest.
#[inline(always)]
fn for_a_vip<P: Platform, C>(platform: &P, packet: &Packet<'_, C>, reason: Reason) -> Outcome {
    if open::is_vip(platform, &packet.ip.destination()) {
        Outcome::drop(reason)
    } else {
        PASS
    }
}

#[inline(always)]
fn opened_packet<P: Platform, C>(
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
    let Some(found) = table::at(platform, opener.slot()) else {
        return Outcome::drop(Reason::Contended);
    };
    forward::to_member(platform, &mut packet, &found, 0, opener.now_s(), departure)
}

/// Finds the flow of the packet that the opener was told of, or opens one.
#[inline(always)]
fn open_flow<P: Platform>(platform: &P) -> Outcome {
    let Some(opener) = platform.opener() else {
        return Outcome::drop(Reason::Inconsistent);
    };
    let now_s = opener.now_s();
    let protocol = opener.protocol();
    let Some((hash, key)) = flow_key(platform, &opener.client(), &opener.vip(), protocol) else {
        return Outcome::drop(Reason::Inconsistent);
    };
    let mut past = Past::None;
    if let Some(found) = table::find(platform, &key, &opener.client(), &opener.vip(), protocol) {
        if is_live(platform, &found, opener.flags(), now_s) {
            if platform
                .member(found.record.member.get())
                .is_some_and(Member::keeps_sessions)
            {
                // Another core made it a moment ago, or it is the client's SYN again.
                opener.set_slot(found.slot);
                return Outcome::next(End::Opened);
            }
            past = Past::MemberGone;
        }
        table::release(platform, found.slot, found.tag);
    }
    let Some(listener) = open::listener_of(platform, &opener.vip(), protocol) else {
        return no_listener(platform, opener);
    };
    match open::open(platform, opener, (hash, &key), listener, past, now_s) {
        Ok(Opened::Flow) => Outcome::next(End::Opened),
        Ok(Opened::Again) => Outcome::next(End::Opening),
        Err(reason @ (Reason::NoMember | Reason::UnknownConnection)) => refuse(platform, opener, reason),
        Err(reason) => Outcome::drop(reason),
    }
}

/// A packet that no listener is there for: of a VIP's closed port, or not ours after all.
#[inline(always)]
fn no_listener<P: Platform>(platform: &P, opener: &Opener) -> Outcome {
    if open::is_vip(platform, &opener.vip().address) {
        refuse(platform, opener, Reason::ClosedPort)
    } else {
        PASS
    }
}

/// Refuses as a host would whose port has no one, or silently: as the settings say.
#[inline(always)]
fn refuse<P: Platform>(platform: &P, opener: &Opener, reason: Reason) -> Outcome {
    let policy = platform
        .settings()
        .map_or(0, |settings| settings.closed_port.get());
    if policy != ClosedPort::Reject as u32 || !opener.may_be_answered() {
        return Outcome::drop(reason);
    }
    let kind = if opener.protocol() == protocol::TCP {
        Kind::Reset
    } else {
        Kind::PortUnreachable
    };
    Outcome::answer(platform, kind, reason)
}

/// Where the packet is the first fragment of a datagram: notes where the later ones go, and gives their new id; 0 for
/// a whole one.
#[inline(always)]
fn new_fragment<P: Platform, C>(
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
fn locate_later<'t, P: Platform, C>(
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
fn fragment_key<C>(packet: &Packet<'_, C>) -> FragmentKey {
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

#[inline(always)]
fn other_packet<'a, P: Platform, C: Cursor<'a>>(
    platform: &P,
    packet: Packet<'a, C>,
    departure: &mut Departure,
) -> Outcome {
    match packet.payload {
        Payload::Transport(_) => PASS,
        // Its first fragment's member is gone.
        Payload::LaterFragment => for_a_vip(platform, &packet, Reason::FragmentUnknown),
        Payload::Icmp(..) => icmp_message(platform, packet, departure),
        Payload::Malformed(reason) => for_a_vip(platform, &packet, reason),
        Payload::Other => for_a_vip(platform, &packet, Reason::UnsupportedProtocol),
    }
}

/// ICMP: an echo request to a VIP, or an error about a flow.
#[inline(always)]
fn icmp_message<'a, P: Platform, C: Cursor<'a>>(
    platform: &P,
    mut packet: Packet<'a, C>,
    departure: &mut Departure,
) -> Outcome {
    let Payload::Icmp(header) = &packet.payload else {
        return PASS;
    };
    let (meaning, destination) = (icmp::meaning(header, packet.protocol), packet.ip.destination());
    match meaning {
        Meaning::EchoRequest if open::is_vip(platform, &destination) => {
            if !matches!(packet.fragment, Fragment::Whole) {
                return Outcome::drop(Reason::FragmentUnknown);
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
            None if open::is_vip(platform, &destination) => Outcome::pass(Reason::IcmpUnknown),
            None => PASS,
        },
        // Neighbour discovery and the rest are the kernel's.
        _ => PASS,
    }
}
