//! Forwarding: what a packet of a known flow becomes on its way to the member, and on its way back.
//!
//! All that may refuse a packet is looked at before anything changes: a refused packet is still whole.

use zerocopy::transmute;

use crate::{
    address::Endpoint,
    answer::Kind,
    flow::{Direction, Record, returns, table::Found},
    headers::ethertype,
    link::{Departure, Outer, reversed},
    packet::{Ip, Packet, Payload, Sums},
    platform::Platform,
    session,
    tables::Forwarding,
    verdict::Reason,
};

/// What is left to do with a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// Leave it to the kernel's network stack.
    Pass,
    /// Drop it.
    Drop,
    /// Let it leave as it is.
    Leave,
    /// Let it leave with the link header of its [`Departure`].
    Relink,
    /// Turn it into the answer that the platform was told.
    Answer,
    /// Go on with [`fn@crate::datapath::opening`], which looks for the packet's flow.
    Opening,
    /// The same, but it was looked for: the packet has none.
    OpeningNew,
    /// Go on with [`fn@crate::datapath::extended`].
    Extended,
    /// Go on with [`fn@crate::datapath::others`].
    Others,
}

/// What is left to do with a packet, and what it is counted under.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// What is left to do.
    pub end: End,
    /// What it is counted under, where it ends.
    pub reason: Reason,
}

impl Outcome {
    /// The packet is dropped.
    #[inline(always)]
    #[must_use]
    pub const fn drop(reason: Reason) -> Self {
        Self {
            end: End::Drop,
            reason,
        }
    }

    /// The packet is left to the kernel.
    #[inline(always)]
    #[must_use]
    pub const fn pass(reason: Reason) -> Self {
        Self {
            end: End::Pass,
            reason,
        }
    }

    /// The packet goes on with another stage.
    #[inline(always)]
    #[must_use]
    pub const fn next(end: End) -> Self {
        Self {
            end,
            reason: Reason::Forwarded,
        }
    }

    /// The packet is answered.
    #[inline(always)]
    pub fn answer<P: Platform>(platform: &P, kind: Kind, reason: Reason) -> Self {
        platform.set_answer(kind.to_words());
        Self {
            end: End::Answer,
            reason,
        }
    }
}

/// Sends a packet of a flow to its member.
#[inline(always)]
pub fn to_member<P: Platform, C>(
    platform: &P,
    packet: &mut Packet<'_, C>,
    found: &Found<'_>,
    fragment_id: u32,
    now_s: u32,
    departure: &mut Departure,
) -> Outcome {
    let record = found.record;
    let member_id = record.member.get();
    let flags = match &packet.payload {
        Payload::Transport(transport) => transport.tcp.flags,
        _ => 0,
    };
    let Some(member) = platform
        .member(member_id)
        .filter(|member| record.stays_with(member, flags))
    else {
        return Outcome::next(End::Opening);
    };
    let forwarding = record.state_word().forwarding();
    if packet.ip.hops() <= 1 {
        return Outcome::answer(platform, Kind::TimeExceeded, Reason::HopLimit);
    }
    let source = if forwarding == Forwarding::FULL_NAT || forwarding == Forwarding::IPIP {
        let Some(address) = platform.snat_address(record.snat_address.get()) else {
            return Outcome::drop(Reason::Inconsistent);
        };
        Endpoint {
            address,
            port: record.source_port(),
        }
    } else {
        record.client_endpoint()
    };
    if let Err(reason) = departure.exit.find_member(platform, member, &source.address) {
        return Outcome::drop(reason);
    }
    let length = packet.ip.total_length();
    let overhead = if forwarding == Forwarding::IPIP {
        Outer::length(&member.address.load()) as u32
    } else {
        0
    };
    let room = departure.exit.mtu.saturating_sub(overhead);
    if departure.exit.mtu != 0 && length as u32 > room {
        return Outcome::answer(platform, Kind::TooBig(room), Reason::TooBig);
    }

    let mut sums = Sums::default();
    if forwarding.sees_replies() {
        let destination = returns::endpoint(member);
        if forwarding == Forwarding::FULL_NAT {
            set_source(packet, &source, &mut sums);
        }
        set_destination(packet, &destination, &mut sums);
        if fragment_id != 0 {
            packet.set_fragment_id(fragment_id, &mut sums);
        }
    }
    packet.ip.take_hop(&mut sums);
    finish(packet, &sums);
    if forwarding == Forwarding::IPIP {
        departure.outer = Outer::new(&packet.ip, &source.address, &member.address.load(), found.tag);
    }

    touch(platform, packet, record, Direction::Forward, now_s);
    let bytes = length as u64;
    platform.count_listener(record.listener.get(), |traffic| {
        traffic.packets_in += 1;
        traffic.bytes_in += bytes;
    });
    platform.count_member(member_id, |traffic| {
        traffic.packets_in += 1;
        traffic.bytes_in += bytes;
    });
    leave(packet, departure, Reason::Forwarded)
}

/// Sends a member's answer to the client.
#[inline(always)]
pub fn to_client<P: Platform, C>(
    platform: &P,
    packet: &mut Packet<'_, C>,
    found: &Found<'_>,
    fragment_id: u32,
    now_s: u32,
    departure: &mut Departure,
) -> Outcome {
    let record = found.record;
    let listener_id = record.listener.get();
    let Some(listener) = platform.listener(listener_id) else {
        return Outcome::drop(Reason::Inconsistent);
    };
    if packet.ip.hops() <= 1 {
        return Outcome::answer(platform, Kind::TimeExceeded, Reason::HopLimit);
    }
    departure.exit.find_client(record);
    let length = packet.ip.total_length();
    let mut sums = Sums::default();
    let vip = listener.endpoint();
    set_source(packet, &vip, &mut sums);
    set_destination(packet, &record.client_endpoint(), &mut sums);
    if fragment_id != 0 {
        packet.set_fragment_id(fragment_id, &mut sums);
    }
    packet.ip.take_hop(&mut sums);
    finish(packet, &sums);

    touch(platform, packet, record, Direction::Return, now_s);
    let bytes = length as u64;
    platform.count_listener(listener_id, |traffic| {
        traffic.packets_out += 1;
        traffic.bytes_out += bytes;
    });
    platform.count_member(record.member.get(), |traffic| {
        traffic.packets_out += 1;
        traffic.bytes_out += bytes;
    });
    leave(packet, departure, Reason::Returned)
}

#[inline(always)]
fn set_source<C>(packet: &mut Packet<'_, C>, new: &Endpoint, sums: &mut Sums) {
    packet.ip.set_source(&new.address, sums);
    if let Payload::Transport(transport) = &mut packet.payload {
        transport.set_source(new.port, sums);
    }
}

#[inline(always)]
fn set_destination<C>(packet: &mut Packet<'_, C>, new: &Endpoint, sums: &mut Sums) {
    packet.ip.set_destination(&new.address, sums);
    if let Payload::Transport(transport) = &mut packet.payload {
        transport.set_destination(new.port, sums);
    }
}

#[inline(always)]
fn finish<C>(packet: &mut Packet<'_, C>, sums: &Sums) {
    packet.ip.finish(sums);
    if let Payload::Transport(transport) = &mut packet.payload {
        transport.finish(packet.protocol, sums);
    }
}

/// Notes that a packet passed: TCP's state, the time, and once in a while the session.
#[inline(always)]
fn touch<P: Platform, C>(
    platform: &P,
    packet: &Packet<'_, C>,
    record: &Record,
    direction: Direction,
    now_s: u32,
) {
    if let Payload::Transport(transport) = &packet.payload {
        record.follow(platform, transport.tcp.flags, direction);
    }
    if record.last_seen_s.get() == now_s {
        return;
    }
    record.last_seen_s.set(now_s);
    // The way back is the way that the client's packets come by now; with other kinds of tags, it stays.
    if direction == Direction::Forward && packet.tags.shape == record.state_word().tags() {
        let macs = reversed(&packet.ethernet.macs);
        for word in 0..3 {
            record.return_macs[word].set(macs[word]);
        }
        record
            .return_tags
            .set(u32::from(packet.tags.controls[0]) << 16 | u32::from(packet.tags.controls[1]));
        record.return_ifindex.set(platform.ingress_ifindex());
    }
    let renewed_s = record.renewed_s.get();
    if renewed_s == 0 {
        return;
    }
    let member_id = record.member.get();
    let Some(pool_id) = platform.member(member_id).map(|member| member.pool.get()) else {
        return;
    };
    let Some(pool) = platform.pool(pool_id) else {
        return;
    };
    if session::is_renewal_due(pool, renewed_s, now_s) {
        record.renewed_s.set(now_s);
        let network = session::client_network(pool, &record.client.load());
        session::renew(platform, pool_id, &network, member_id, now_s);
    }
}

/// Writes the link header where it fits, or notes what has to be made to fit.
#[inline(always)]
pub fn leave<C>(packet: &mut Packet<'_, C>, departure: &mut Departure, reason: Reason) -> Outcome {
    if departure.outer.is_none() && packet.tags == departure.exit.tags {
        packet.ethernet.macs = transmute!(departure.exit.macs);
        return Outcome {
            end: End::Leave,
            reason,
        };
    }
    departure.tags = packet.tags;
    departure.ethertype = u32::from(if matches!(packet.ip, Ip::V4(_)) {
        ethertype::IPV4
    } else {
        ethertype::IPV6
    });
    Outcome {
        end: End::Relink,
        reason,
    }
}
