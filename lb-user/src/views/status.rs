//! How things stand.

mod answer;

use std::collections::HashMap;

pub use answer::*;

use super::{
    Census, Scene, Sight,
    census::RememberedSessions,
    endpoint,
    operating::{self, Behind},
    packets,
};
use crate::{
    bpf::Attachment,
    health::AllProbes,
    model::{self, DataPlane, OperatingStatus},
    next_hops::Hop,
    proxy::MemberRequests,
};

/// How things stand.
pub fn status<S: Sight>(
    scene: &Scene<'_, S>,
    census: &Census,
    attachments: &[Attachment],
    doings: Doings,
) -> Status {
    let pools: Vec<Pool> = scene
        .config
        .pools
        .iter()
        .map(|pool| of_pool(scene, pool, census, &doings.probes))
        .collect();
    let behind = pools.iter().map(|pool| {
        let behind = Behind {
            status: pool.status,
            members: pool.members.len(),
        };
        (pool.name.as_str(), behind)
    });
    let behind: HashMap<&str, Behind> = behind.collect();
    let balancers = scene.config.load_balancers.iter();
    let interfaces = attachments.iter().map(|attachment| Interface {
        name: attachment.interface.clone(),
        mode: attachment
            .mode
            .map_or_else(|| "detached".to_owned(), |mode| mode.to_string()),
    });
    Status {
        load_balancers: balancers
            .map(|balancer| of_load_balancer(scene, balancer, &behind, census))
            .collect(),
        pools,
        refused: doings.refused,
        work: doings.work,
        daemon: Daemon::this(scene.plane),
        interfaces: interfaces.collect(),
        tables: tables(scene, census),
        closed_port: scene.config.datapath.closed_port,
        packets: packets::of(scene.sight, scene.config.datapath.closed_port),
        access_log: scene.proxied.access_log,
    }
}

/// How full the tables are: what is configured, what the datapath holds where there is one, and what the proxy does.
fn tables<S: Sight>(scene: &Scene<'_, S>, census: &Census) -> Vec<Table> {
    let (config, datapath) = (scene.config, &scene.config.datapath);
    let table = |name: String, entries: u64, capacity: u32| Table {
        name,
        entries,
        capacity: capacity.into(),
    };
    let rooms = config.rooms().into_iter();
    let mut tables: Vec<Table> = rooms
        .map(|room| table(room.what.replace(' ', "_"), room.count as u64, room.room))
        .collect();
    if config.has_layer_4() && scene.plane != DataPlane::Noop {
        tables.push(table("flows".into(), census.all_flows(), datapath.max_flows));
        tables.push(table(
            "sessions".into(),
            census.all_sessions(),
            datapath.max_sessions,
        ));
    }
    if let Some(cookies) = scene.look.app_cookies() {
        let capacity = config.proxy.max_app_cookies;
        tables.push(table("app_cookies".into(), cookies.len() as u64, capacity));
    }
    tables
}

fn of_load_balancer<S: Sight>(
    scene: &Scene<'_, S>,
    balancer: &model::LoadBalancer,
    pools: &HashMap<&str, Behind>,
    census: &Census,
) -> LoadBalancer {
    let is_on = balancer.admin_state_up && scene.plane != DataPlane::Noop;
    let listener = |listener: &model::Listener| {
        let id = scene.ids.listener(&listener.name).unwrap_or(0);
        let pool = listener.pool.as_deref().and_then(|pool| pools.get(pool).copied());
        let traffic = scene.sight.listener_traffic(id);
        Listener {
            name: listener.name.clone(),
            display_name: listener.display_name.clone(),
            protocol: listener.protocol(),
            port: listener.port,
            status: operating::of_listener(is_on && listener.admin_state_up, pool),
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
        display_name: balancer.display_name.clone(),
        vip: balancer.vip,
        status: operating::of_load_balancer(is_on, &states),
        listeners,
    }
}

fn of_pool<S: Sight>(scene: &Scene<'_, S>, pool: &model::Pool, census: &Census, probes: &AllProbes) -> Pool {
    let id = scene.ids.pool(&pool.name).unwrap_or(0);
    let remembered = census.remembered_of(&pool.name);
    let members: Vec<Member> = pool
        .members
        .iter()
        .map(|member| Member {
            remembered: remembered.map(|remembered| remembered.with(member)),
            probes: probes.of(&pool.name, &member.name),
            ..of_member(scene, pool, member, census)
        })
        .collect();
    let states: Vec<OperatingStatus> = members.iter().map(|member| member.status).collect();
    let mut events = SessionEvents::from(scene.sight.session_counts(id));
    let entry = scene.sight.pool(id);
    events.expired += entry.map_or(0, |pool| pool.swept_sessions.get());
    let proxied = scene.proxied.pools.get(&pool.name);
    let persistence = pool.session_persistence.as_ref();
    let sessions = persistence.filter(|_| proxied.is_none()).map(|_| SessionCounts {
        now: census.sessions_of(id),
        events,
        evicted: entry.map(|pool| pool.evicted_sessions.get()),
    });
    Pool {
        name: pool.name.clone(),
        display_name: pool.display_name.clone(),
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
        remembered: remembered.map(RememberedSessions::all),
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
    let why_down = (status == OperatingStatus::Error).then(|| scene.why_down(pool, member).to_owned());
    Member {
        name: member.name.clone(),
        display_name: member.display_name.clone(),
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
            evicted: None,
        }),
        remembered: None,
        probes: None,
        next_hop: entry
            .and_then(|entry| Hop::read(&entry.next_hop))
            .map(NextHop::from),
    }
}
