//! Opening: a packet of no flow becomes the first of one.

use crate::{
    address::Endpoint,
    flow::{
        State, StateWord, returns,
        table::{self, Found, Key, NewFlow},
    },
    headers::{protocol, tcp_flags},
    link::reversed,
    parse::Packet,
    platform::Platform,
    session::{self, Admission},
    tables::{Forwarding, ListenerKey, Member, Pool},
    verdict::Reason,
};

/// Whether the flow was known until now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Past {
    /// It was not.
    None,
    /// It was, with a member that takes no packets any more.
    MemberGone,
}

/// The listener of a VIP's port.
#[inline(always)]
pub fn listener_of<P: Platform>(platform: &P, vip: &Endpoint, protocol: u8) -> Option<u32> {
    platform.listener_id(&ListenerKey::new(&vip.address, vip.port, protocol))
}

/// Whether an address is a VIP.
#[inline(always)]
pub fn is_vip<P: Platform>(platform: &P, address: &crate::address::Address) -> bool {
    platform.listener_id(&ListenerKey::vip(address)).is_some()
}

/// What may open a flow: of TCP a SYN; in the middle of a connection only a packet whose member does not depend
/// on chance, since any other member would know nothing of it.
#[inline(always)]
fn admission(protocol: u8, flags: u8, past: Past) -> Result<Admission, Reason> {
    if protocol == protocol::UDP {
        return Ok(Admission::Any);
    }
    if flags & tcp_flags::RST != 0 {
        return Err(Reason::UnknownConnection);
    }
    if flags & tcp_flags::SYN != 0 && flags & (tcp_flags::ACK | tcp_flags::FIN) == 0 || past == Past::MemberGone {
        return Ok(Admission::Any);
    }
    Ok(Admission::OnlyCertain)
}

/// Makes the flow of a packet from `client` to the listener.
#[inline(always)]
pub fn open<'t, P: Platform, C>(
    platform: &'t P,
    packet: &Packet<'_, C>,
    flags: u8,
    (client, hash, key): (&Endpoint, u64, &Key),
    listener_id: u32,
    past: Past,
    now_s: u32,
) -> Result<Found<'t>, Reason> {
    let admission = admission(packet.protocol, flags, past)?;
    let listener = platform.listener(listener_id).ok_or(Reason::Inconsistent)?;
    let pool_id = listener.pool.get();
    let pool = platform.pool(pool_id).ok_or(Reason::Inconsistent)?;
    let forwarding = Forwarding::from_word(pool.forwarding.get()).ok_or(Reason::NoMember)?;
    let network = session::client_network(pool, &client.address);
    let choice = session::choose(platform, pool, pool_id, &network, admission, now_s)?;
    let member = platform.member(choice.member).ok_or(Reason::Inconsistent)?;

    let reservation = table::reserve(platform, key, now_s).map_err(|_| Reason::Contended)?;
    let source = match enter_source(platform, pool, member, client, packet.protocol, forwarding, &reservation, hash) {
        Ok(source) => source,
        Err(reason) => {
            reservation.cancel(platform);
            return Err(reason);
        }
    };
    let state = State::first(packet.protocol, flags);
    let tags = &packet.tags;
    let flow = NewFlow {
        client: *client,
        listener: listener_id,
        member: choice.member,
        state: StateWord::new(state, forwarding, tags.count),
        now_s,
        renewed_s: if choice.plan == session::Plan::None { 0 } else { now_s },
        source_port: source.port,
        snat_address: source.snat_address,
        return_macs: reversed(&packet.ethernet.macs),
        return_tags: u32::from(tags.controls[0]) << 16 | u32::from(tags.controls[1]),
        return_ifindex: platform.ingress_ifindex(),
    };
    let found = reservation.commit(platform, key, &flow).map_err(|_| Reason::Contended)?;
    session::carry_out(platform, pool_id, &network, &choice, now_s);
    platform.count_listener(listener_id, |traffic| traffic.new_flows += 1);
    platform.count_member(choice.member, |traffic| traffic.new_flows += 1);
    Ok(found)
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn enter_source<P: Platform>(
    platform: &P,
    pool: &Pool,
    member: &Member,
    client: &Endpoint,
    protocol: u8,
    forwarding: Forwarding,
    reservation: &table::Reservation,
    hash: u64,
) -> Result<returns::Source, Reason> {
    let slot = reservation.slot;
    match forwarding {
        Forwarding::FullNat => {
            let ports = (pool.snat_port_first.get(), pool.snat_port_count.get());
            returns::enter_full_nat(platform, slot, member, ports, protocol, hash as u32)
        }
        Forwarding::Nat => returns::enter_nat(platform, slot, member, client, protocol),
        Forwarding::Dsr | Forwarding::Ipip => {
            Ok(returns::Source { snat_address: member.snat_first.get(), port: client.port })
        }
    }
}
