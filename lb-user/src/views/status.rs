//! How things stand.

mod answer;

use std::collections::HashMap;

pub use answer::*;

use super::{Census, Scene, Sight, endpoint, operating, packets};
use crate::{
    bpf::Attachment,
    model::{self, OperatingStatus},
    next_hops::Hop,
    proxy::MemberRequests,
};

/// How things stand.
pub fn status<S: Sight>(scene: &Scene<'_, S>, census: &Census, attachments: &[Attachment]) -> Status {
    let pools: Vec<Pool> = scene
        .config
        .pools
        .iter()
        .map(|pool| of_pool(scene, pool, census))
        .collect();
    let states = pools.iter().map(|pool| (pool.name.as_str(), pool.status));
    let states: HashMap<&str, OperatingStatus> = states.collect();
    let balancers = scene.config.load_balancers.iter();
    let interfaces = attachments.iter().map(|attachment| Interface {
        name: attachment.interface.clone(),
        mode: attachment
            .mode
            .map_or_else(|| "detached".to_owned(), |mode| mode.to_string()),
    });
    Status {
        load_balancers: balancers
            .map(|balancer| of_load_balancer(scene, balancer, &states, census))
            .collect(),
        pools,
        daemon: Daemon::this(),
        interfaces: interfaces.collect(),
        packets: packets::of(scene.sight),
        access_log: scene.proxied.access_log,
    }
}

fn of_load_balancer<S: Sight>(
    scene: &Scene<'_, S>,
    balancer: &model::LoadBalancer,
    pools: &HashMap<&str, OperatingStatus>,
    census: &Census,
) -> LoadBalancer {
    let listener = |listener: &model::Listener| {
        let id = scene.ids.listeners.get(&listener.name).copied().unwrap_or(0);
        let pool = pools.get(listener.pool.as_str());
        let pool = pool.copied().unwrap_or(OperatingStatus::Offline);
        let is_on = balancer.admin_state_up && listener.admin_state_up;
        let traffic = scene.sight.listener_traffic(id);
        Listener {
            name: listener.name.clone(),
            protocol: listener.protocol(),
            port: listener.port,
            status: operating::of_listener(is_on, pool),
            pool: listener.pool.clone(),
            traffic: traffic.into(),
            active_flows: census.flows_of(id),
            sessions: listener.protocol().is_layer_4().then(|| traffic.sessions.into()),
            proxied: scene.proxied.listeners.get(&listener.name).cloned(),
        }
    };
    let listeners: Vec<Listener> = balancer.listeners.iter().map(listener).collect();
    let states: Vec<OperatingStatus> = listeners.iter().map(|listener| listener.status).collect();
    LoadBalancer {
        name: balancer.name.clone(),
        vip: balancer.vip,
        status: operating::of_load_balancer(balancer.admin_state_up, &states),
        listeners,
    }
}

fn of_pool<S: Sight>(scene: &Scene<'_, S>, pool: &model::Pool, census: &Census) -> Pool {
    let id = scene.ids.pools.get(&pool.name).copied().unwrap_or(0);
    let members: Vec<Member> = pool
        .members
        .iter()
        .map(|member| of_member(scene, pool, member, census))
        .collect();
    let states: Vec<OperatingStatus> = members.iter().map(|member| member.status).collect();
    let mut events = SessionEvents::from(scene.sight.session_counts(id));
    events.expired += scene.sight.pool(id).map_or(0, |pool| pool.swept_sessions.get());
    let proxied = scene.proxied.pools.get(&pool.name);
    let persistence = pool.session_persistence.as_ref();
    let sessions = persistence.filter(|_| proxied.is_none()).map(|_| SessionCounts {
        now: census.sessions_of(id),
        events,
    });
    Pool {
        name: pool.name.clone(),
        algorithm: pool.algorithm,
        status: operating::of_pool(&states),
        traffic: members
            .iter()
            .fold(Traffic::default(), |sum, member| sum.plus(member.traffic)),
        active_flows: members.iter().map(|member| member.active_flows).sum(),
        sessions,
        proxied: proxied.map(|_| {
            let members = members.iter().filter_map(|member| member.proxied);
            members.fold(MemberRequests::default(), MemberRequests::plus)
        }),
        response_times: proxied.map(|proxied| proxied.response_times.clone()),
        queue: proxied.and_then(|proxied| proxied.queue),
        proxied_sessions: persistence.and(proxied).map(|proxied| proxied.sessions.clone()),
        members,
    }
}

fn of_member<S: Sight>(
    scene: &Scene<'_, S>,
    pool: &model::Pool,
    member: &model::Member,
    census: &Census,
) -> Member {
    let id = scene.member_id(pool, member).unwrap_or(0);
    let proxied = scene.proxied.pools.get(&pool.name);
    let proxied = proxied.and_then(|pool| pool.members.get(&member.name));
    let persistence = pool.session_persistence.as_ref();
    let entry = scene.sight.member(id);
    let active = entry.map_or(0, |entry| entry.active_flows.get());
    let traffic = scene.sight.member_traffic(id);
    let status = scene.member_status(pool, member);
    let why_down = (status == OperatingStatus::Error).then(|| {
        let found = scene.health.why_down(&pool.name, &member.name);
        let found = found.or(proxied.and_then(|member| member.why_down.as_deref()));
        found.unwrap_or("there is no route to it").to_owned()
    });
    Member {
        name: member.name.clone(),
        address: match member.port {
            Some(port) => endpoint(member.address, port),
            None => member.address.to_string(),
        },
        weight: member.weight,
        status,
        why_down,
        traffic: traffic.into(),
        active_flows: active.into(),
        proxied: proxied.map(|member| member.requests),
        sessions: persistence.filter(|_| proxied.is_none()).map(|_| SessionCounts {
            now: census.sessions_with(id),
            events: traffic.sessions.into(),
        }),
        next_hop: entry
            .and_then(|entry| Hop::read(&entry.next_hop))
            .map(NextHop::from),
    }
}
