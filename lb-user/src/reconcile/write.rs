//! Writing what is planned.

use lb_common::{
    address::Address,
    listeners,
    tables::{self, SlotRange},
};

use super::plan::{Id, Plan, PlannedListener, PlannedMember, PlannedPool};
use crate::{
    bpf::{Error, Maps},
    model::{ClosedPort, DatapathSettings, Forwarding, Persistence, Titled},
};

/// Answers that the balancer gives itself, a second and core.
const ANSWERS_PER_SECOND: u32 = 10_000;

pub(super) fn pools(maps: &mut Maps, plan: &Plan<'_>) -> Result<(), Error> {
    plan.snat.write(maps);
    for planned in &plan.pools {
        begin_pool(maps, planned)?;
        for member in &planned.members {
            write_member(maps, planned.id.get(), member)?;
        }
        write_pool(maps, planned);
    }
    Ok(())
}

pub(super) fn settings(maps: &Maps, datapath: &DatapathSettings) {
    let settings = &maps.settings[0];
    settings.closed_port.set(match datapath.closed_port {
        ClosedPort::Reject => tables::ClosedPort::Reject as u32,
        ClosedPort::Drop => tables::ClosedPort::Drop as u32,
    });
    settings.answers_per_second.set(ANSWERS_PER_SECOND);
    let idle = &datapath.flow_idle_timeout;
    let seconds = [
        0,
        idle.tcp_syn_s,
        idle.tcp_established_s,
        idle.tcp_fin_s,
        idle.tcp_rst_s,
        idle.udp_s,
        idle.tcp_syn_s,
        idle.tcp_rst_s,
    ];
    for (word, seconds) in settings.flow_idle_s.iter().zip(seconds) {
        word.set(seconds);
    }
}

fn begin_pool(maps: &mut Maps, planned: &PlannedPool<'_>) -> Result<(), Error> {
    let pool = &maps.pools[planned.id.get() as usize];
    if let Id::New(id) = planned.id {
        maps.counters.begin_pool(id)?;
        for count in [
            &pool.swept_sessions,
            &pool.dropped_sessions,
            &pool.evicted_sessions,
        ] {
            count.set(0);
        }
        pool.name_hash.set(planned.name_hash);
    }
    pool.used.set(1);
    Ok(())
}

pub(super) fn listener(maps: &mut Maps, planned: &PlannedListener<'_>) -> Result<(), Error> {
    if let Id::New(id) = planned.id {
        maps.counters.begin_listener(id)?;
    }
    let entry = &maps.listeners[planned.id.get() as usize];
    let (endpoint, protocol) = planned.asked;
    entry.address.store(&endpoint.address);
    entry.port.set(endpoint.port.into());
    entry.pool.set(planned.pool);
    entry.protocol.set(protocol.into());
    entry.removed.set(0);
    if listeners::enter(maps, planned.id.get()) {
        Ok(())
    } else {
        Err(Error::Map {
            name: "LISTENER_INDEX",
            reason: format!(
                "{} has the same hash as another listener, by a chance of one in a million: `holdfast stop --detach` \
                 and a new start draw another one",
                planned.listener.map_or("a VIP", Titled::title),
            ),
        })
    }
}

fn write_member(maps: &mut Maps, pool: u32, planned: &PlannedMember<'_>) -> Result<(), Error> {
    if let Id::New(id) = planned.id {
        maps.counters.begin_member(id)?;
    }
    let entry = &maps.members[planned.id.get() as usize];
    let (address, port) = planned.place;
    if entry.address.load() != address {
        // It leads to whoever had the id before.
        entry.next_hop.ifindex.set(0);
    }
    entry.address.store(&address);
    entry.port.set(port);
    entry.pool.set(pool);
    entry.weight.set(planned.member.weight.into());
    entry.snat.set(planned.sources.into());
    entry.set_state(planned.state);
    Ok(())
}

fn write_pool(maps: &Maps, planned: &PlannedPool<'_>) {
    let pool = planned.pool;
    let entry = &maps.pools[planned.id.get() as usize];
    let forwarding = match &pool.forwarding {
        Forwarding::FullNat(nat) => {
            let ports = SlotRange {
                start: nat.snat_ports.low.into(),
                count: nat.snat_ports.count(),
            };
            entry.snat_ports.set(ports.into());
            tables::Forwarding::FULL_NAT
        }
        Forwarding::Nat => tables::Forwarding::NAT,
        Forwarding::Dsr => tables::Forwarding::DSR,
        Forwarding::Ipip => tables::Forwarding::IPIP,
    };
    entry.forwarding.set(forwarding.0);
    let persistence = pool.session_persistence.as_ref();
    let (v4, v6) = match persistence.map(|session| &session.persistence) {
        Some(Persistence::SourceIp(granularity)) => (granularity.v4, granularity.v6),
        _ => (32, 128),
    };
    entry.client_mask_v4.store(&Address::mask(96 + u32::from(v4)));
    entry.client_mask_v6.store(&Address::mask(v6.into()));
    entry.session_absolute_s.set(
        persistence
            .and_then(|session| session.absolute_timeout_s)
            .unwrap_or(0),
    );
    entry
        .session_idle_s
        .set(persistence.map_or(0, |session| session.idle_timeout_s));

    entry.algorithm.set(planned.algorithm as u32);
    if let Ok(schedule) = &planned.schedule {
        // That of the slots: where there was no room, those of before stay.
        entry.once.set(planned.once);
        let Some((range, slots)) = schedule else { return };
        for (slot, member) in maps.schedules[range.start as usize..].iter().zip(slots) {
            slot.member.set(*member);
        }
        entry.schedule.set((*range).into());
    }
}
