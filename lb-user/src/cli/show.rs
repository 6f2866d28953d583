//! The daemon's answers, for people.

mod requests;

use std::iter;

use super::table::{Column, Table, bytes, count};
use crate::views::{By, Explanation, RecognisedBy, SessionCounts, Sessions, Status, Traffic};

pub(super) fn status(status: &Status) -> String {
    let parts = [
        listeners(status),
        pools(status),
        requests::listeners(status),
        requests::connections(status),
        requests::policies(status),
        requests::pools(status),
        requests::queues(status),
        down(status),
        sessions_of_pools(status),
        requests::sessions(status),
        interfaces(status),
        packets(status),
        requests::access_log(status),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

/// The last columns of tables of what passed.
const TRAFFIC: [Column; 6] = [
    Column::Right("PACKETS IN"),
    Column::Right("BYTES IN"),
    Column::Right("PACKETS OUT"),
    Column::Right("BYTES OUT"),
    Column::Right("NEW FLOWS"),
    Column::Right("ACTIVE FLOWS"),
];

fn traffic(traffic: &Traffic, active_flows: u64) -> [String; 6] {
    [
        count(traffic.packets_in),
        bytes(traffic.bytes_in),
        count(traffic.packets_out),
        bytes(traffic.bytes_out),
        count(traffic.new_flows),
        count(active_flows),
    ]
}

/// Puts the columns of what a row is about before those of what passed.
fn with_traffic<T, const N: usize>(about: [T; 4], traffic: [T; 6]) -> [T; N] {
    let mut cells = about.into_iter().chain(traffic);
    std::array::from_fn(|_| cells.next().expect("four and six are ten"))
}

fn listeners(status: &Status) -> Option<String> {
    let about = [
        Column::Left("LOAD BALANCER"),
        Column::Left("ADDRESS"),
        Column::Left("STATUS"),
        Column::Left("POOL"),
    ];
    let mut table: Table<10> = Table::new(with_traffic(about, TRAFFIC));
    for balancer in &status.load_balancers {
        let about = [
            balancer.name.clone(),
            balancer.vip.to_string(),
            balancer.status.to_string(),
            String::new(),
        ];
        table.row(with_traffic(about, Default::default()));
        for listener in &balancer.listeners {
            let about = [
                format!("  {}", listener.name),
                format!("{} {}", listener.protocol, listener.port),
                listener.status.to_string(),
                listener.pool.clone(),
            ];
            // What the proxy serves has no packets here: a table of its own tells of it.
            let traffic = match listener.proxied {
                None => traffic(&listener.traffic, listener.active_flows),
                Some(_) => Default::default(),
            };
            table.row(with_traffic(about, traffic));
        }
    }
    (!status.load_balancers.is_empty()).then(|| table.to_string())
}

fn pools(status: &Status) -> Option<String> {
    let about = [
        Column::Left("POOL"),
        Column::Left("ADDRESS"),
        Column::Right("WEIGHT"),
        Column::Left("STATUS"),
    ];
    let mut table: Table<10> = Table::new(with_traffic(about, TRAFFIC));
    for pool in &status.pools {
        let about = [
            pool.name.clone(),
            pool.algorithm.to_string(),
            String::new(),
            pool.status.to_string(),
        ];
        let traffic_of = |counted: &Traffic, active_flows| match pool.proxied {
            None => traffic(counted, active_flows),
            Some(_) => Default::default(),
        };
        table.row(with_traffic(about, traffic_of(&pool.traffic, pool.active_flows)));
        for member in &pool.members {
            let about = [
                format!("  {}", member.name),
                member.address.clone(),
                member.weight.to_string(),
                member.status.to_string(),
            ];
            table.row(with_traffic(
                about,
                traffic_of(&member.traffic, member.active_flows),
            ));
        }
    }
    (!status.pools.is_empty()).then(|| table.to_string())
}

fn down(status: &Status) -> Option<String> {
    let mut table = Table::new([Column::Left("DOWN"), Column::Left("POOL"), Column::Left("WHY")]);
    let mut any = false;
    for pool in &status.pools {
        for member in &pool.members {
            let Some(why) = &member.why_down else { continue };
            any = true;
            table.row([member.name.clone(), pool.name.clone(), why.clone()]);
        }
    }
    any.then(|| table.to_string())
}

fn sessions_of_pools(status: &Status) -> Option<String> {
    let mut table = Table::new([
        Column::Left("SESSIONS WITH POOL"),
        Column::Right("NOW"),
        Column::Right("CREATED"),
        Column::Right("HELD"),
        Column::Right("MOVED"),
        Column::Right("EXPIRED"),
    ]);
    let mut any = false;
    for pool in &status.pools {
        let members = pool
            .members
            .iter()
            .map(|member| (format!("  {}", member.name), member.sessions));
        for (name, sessions) in iter::once((pool.name.clone(), pool.sessions)).chain(members) {
            let Some(SessionCounts { now, events }) = sessions else {
                continue;
            };
            any = true;
            table.row([
                name,
                count(now),
                count(events.created),
                count(events.held),
                count(events.moved),
                count(events.expired),
            ]);
        }
    }
    any.then(|| table.to_string())
}

fn interfaces(status: &Status) -> Option<String> {
    let mut table = Table::new([Column::Left("INTERFACE"), Column::Left("XDP")]);
    for interface in &status.interfaces {
        table.row([interface.name.clone(), interface.mode.clone()]);
    }
    (!status.interfaces.is_empty()).then(|| table.to_string())
}

fn packets(status: &Status) -> Option<String> {
    let mut table = Table::new([
        Column::Left("PACKETS"),
        Column::Left("REASON"),
        Column::Right("COUNT"),
    ]);
    for packets in &status.packets {
        table.row([packets.fate.clone(), packets.reason.clone(), count(packets.count)]);
    }
    (!status.packets.is_empty()).then(|| table.to_string())
}

pub(super) fn sessions(sessions: &Sessions) -> String {
    let mut table = Table::new([
        Column::Left("POOL"),
        Column::Left("CLIENT"),
        Column::Left("MEMBER"),
        Column::Right("AGE"),
        Column::Right("IDLE"),
        Column::Right("ENDS IN"),
    ]);
    for session in &sessions.listed {
        table.row([
            session.pool.clone(),
            match session.by {
                RecognisedBy::Client(client) => client.to_string(),
                RecognisedBy::Cookie(id) => format!("cookie {id}"),
            },
            session.member.clone(),
            format!("{} s", session.age_s),
            format!("{} s", session.idle_s),
            format!("{} s", session.ends_in_s),
        ]);
    }
    let mut parts = vec![table.to_string()];
    parts.extend(sessions.carried_by_clients.iter().map(|pool| {
        format!("pool {pool} keeps no sessions: each of its clients carries its own, in a cookie\n")
    }));
    parts.join("\n")
}

pub(super) fn explanation(explanation: &Explanation) -> String {
    let Explanation {
        client,
        port,
        listener,
        address,
        ..
    } = explanation;
    let client = port.map_or_else(
        || client.to_string(),
        |port| std::net::SocketAddr::new(*client, port).to_string(),
    );
    let goes = match &explanation.member {
        Some(member) => format!("goes to {member}"),
        None if explanation.by == By::Policy => "is answered by the balancer itself".into(),
        None => "is refused".into(),
    };
    let mut lines = vec![format!("{client} at {listener} ({address}) {goes}")];
    lines.extend(explanation.reasons.iter().map(|reason| format!("- {reason}")));
    if explanation.flows.is_empty() {
        return lines.join("\n");
    }
    let mut table = Table::new([
        Column::Left("FLOW FROM"),
        Column::Left("MEMBER"),
        Column::Left("STATUS"),
        Column::Left("STATE"),
        Column::Right("IDLE"),
        Column::Right("EXPIRES IN"),
    ]);
    for flow in &explanation.flows {
        table.row([
            flow.client.clone(),
            flow.member.clone(),
            flow.member_status
                .map_or_else(|| "-".into(), |status| status.to_string()),
            flow.state.clone(),
            format!("{} s", flow.idle_s),
            format!("{} s", flow.expires_in_s),
        ]);
    }
    lines.extend([String::new(), table.to_string().trim_end().to_owned()]);
    if explanation.more_flows > 0 {
        lines.push(format!("and {} more", explanation.more_flows));
    }
    lines.join("\n")
}
