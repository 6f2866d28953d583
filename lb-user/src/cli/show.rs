//! The daemon's answers, for people.

mod requests;

use std::iter;

use super::{
    escape,
    paint::Colours,
    table::{Column, Table, bytes, count},
};
use crate::{
    model::{DataPlane, Titled as _},
    views::{By, Explanation, SessionCounts, Sessions, Status, Titles, Traffic},
};

pub(super) fn status(status: &Status, colours: Colours) -> String {
    let parts = [
        data_plane(status),
        listeners(status, colours),
        pools(status, colours),
        requests::listeners(status),
        requests::connections(status),
        requests::policies(status),
        requests::pools(status),
        requests::queues(status),
        down(status),
        refused(status),
        sessions_of_pools(status),
        requests::sessions(status),
        interfaces(status),
        packets(status),
        requests::access_log(status),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

/// Said where it is not the usual one.
fn data_plane(status: &Status) -> Option<String> {
    let plane = status.daemon.dataplane;
    (plane == DataPlane::Noop).then(|| format!("The data plane is {plane}: nobody is served.\n"))
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
fn with_traffic<T>(about: [T; 4], traffic: [T; 6]) -> Vec<T> {
    about.into_iter().chain(traffic).collect()
}

fn listeners(status: &Status, colours: Colours) -> Option<String> {
    let about = [
        Column::Left("LOAD BALANCER"),
        Column::Left("ADDRESS"),
        Column::State("STATUS"),
        Column::Left("POOL"),
    ];
    let mut table = Table::new(with_traffic(about, TRAFFIC));
    let mut pools = Titles::default();
    pools.extend(&status.pools);
    for balancer in &status.load_balancers {
        let about = [
            balancer.title().to_owned(),
            balancer.vip.to_string(),
            balancer.status.to_string(),
            String::new(),
        ];
        table.row(with_traffic(about, Default::default()));
        for listener in &balancer.listeners {
            let about = [
                format!("  {}", listener.title()),
                format!("{} {}", listener.protocol, listener.port),
                listener.status.to_string(),
                listener
                    .pool
                    .as_deref()
                    .map_or("-", |pool| pools.of(pool))
                    .to_owned(),
            ];
            // What the proxy serves has no packets here: a table of its own tells of it.
            let traffic = match listener.proxied {
                None => traffic(&listener.traffic, listener.active_flows),
                Some(_) => Default::default(),
            };
            table.row(with_traffic(about, traffic));
        }
    }
    (!status.load_balancers.is_empty()).then(|| table.painted(colours))
}

fn pools(status: &Status, colours: Colours) -> Option<String> {
    let about = [
        Column::Left("POOL"),
        Column::Left("ADDRESS"),
        Column::Right("WEIGHT"),
        Column::State("STATUS"),
    ];
    let mut table = Table::new(with_traffic(about, TRAFFIC));
    for pool in &status.pools {
        let about = [
            pool.title().to_owned(),
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
                format!("  {}", member.title()),
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
    (!status.pools.is_empty()).then(|| table.painted(colours))
}

fn down(status: &Status) -> Option<String> {
    let mut table = Table::new([Column::Left("DOWN"), Column::Left("POOL"), Column::Left("WHY")]);
    let mut any = false;
    for pool in &status.pools {
        for member in &pool.members {
            let Some(why) = &member.why_down else { continue };
            any = true;
            table.row([member.title().to_owned(), pool.title().to_owned(), why.clone()]);
        }
    }
    any.then(|| table.to_string())
}

/// What the data plane has refused of the API.
pub(super) fn refused(status: &Status) -> Option<String> {
    let mut table = Table::new([Column::Left("NOT ALL SERVED OF"), Column::Left("WHY")]);
    for refused in &status.refused {
        table.row([
            format!("load balancer {}", refused.title()),
            refused.reason.clone(),
        ]);
    }
    (!status.refused.is_empty()).then(|| table.to_string())
}

fn sessions_of_pools(status: &Status) -> Option<String> {
    let mut table = Table::new([
        Column::Left("SESSIONS WITH POOL"),
        Column::Right("NOW"),
        Column::Right("CREATED"),
        Column::Right("HELD"),
        Column::Right("MOVED"),
        Column::Right("EXPIRED"),
        Column::Right("EVICTED"),
    ]);
    let mut any = false;
    for pool in &status.pools {
        let members = pool
            .members
            .iter()
            .map(|member| (format!("  {}", member.title()), member.sessions));
        for (name, sessions) in iter::once((pool.title().to_owned(), pool.sessions)).chain(members) {
            let Some(SessionCounts { now, events, evicted }) = sessions else {
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
                evicted.map_or_else(String::new, count),
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
    let titles = &sessions.display_names;
    for session in &sessions.listed {
        table.row([
            titles.of(&session.pool).to_owned(),
            session.by.to_string(),
            titles.of(&session.member).to_owned(),
            format!("{} s", session.age_s),
            format!("{} s", session.idle_s),
            format!("{} s", session.ends_in_s),
        ]);
    }
    let mut parts = vec![table.to_string()];
    parts.extend(sessions.carried_by_clients.iter().map(|pool| {
        let pool = escape::line(titles.of(pool));
        format!("pool {pool} keeps no sessions: each of its clients carries its own, in a cookie\n")
    }));
    parts.join("\n")
}

pub(super) fn explanation(explanation: &Explanation, colours: Colours) -> String {
    let Explanation {
        client,
        port,
        listener,
        address,
        display_names: titles,
        ..
    } = explanation;
    let client = port.map_or_else(
        || client.to_string(),
        |port| std::net::SocketAddr::new(*client, port).to_string(),
    );
    let goes = match &explanation.member {
        Some(member) => format!("goes to {}", titles.of(member)),
        None if explanation.by == By::Policy => "is answered by the balancer itself".into(),
        None => "is refused".into(),
    };
    let mut lines = vec![format!("{client} at {} ({address}) {goes}", titles.of(listener))];
    lines.extend(explanation.reasons.iter().map(|reason| format!("- {reason}")));
    for line in &mut lines {
        *line = escape::line(line).into_owned();
    }
    if explanation.flows.is_empty() {
        return lines.join("\n");
    }
    let mut table = Table::new([
        Column::Left("FLOW FROM"),
        Column::Left("MEMBER"),
        Column::State("STATUS"),
        Column::Left("STATE"),
        Column::Right("IDLE"),
        Column::Right("EXPIRES IN"),
    ]);
    for flow in &explanation.flows {
        table.row([
            flow.client.clone(),
            titles.of(&flow.member).to_owned(),
            flow.member_status
                .map_or_else(|| "-".into(), |status| status.to_string()),
            flow.state.clone(),
            format!("{} s", flow.idle_s),
            format!("{} s", flow.expires_in_s),
        ]);
    }
    lines.extend([String::new(), table.painted(colours).trim_end().to_owned()]);
    if explanation.more_flows > 0 {
        lines.push(format!("and {} more", explanation.more_flows));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_shown_what_they_call_things() {
        let text = r#"{
            "load_balancers": [{ "name": "1a", "display_name": "shop", "vip": "192.0.2.1", "status": "ONLINE",
                "listeners": [{ "name": "2b", "display_name": "front", "protocol": "TCP", "port": 80,
                    "status": "ONLINE", "pool": "3c", "active_flows": 0, "packets_in": 0, "bytes_in": 0,
                    "packets_out": 0, "bytes_out": 0, "new_flows": 0 }] }],
            "pools": [{ "name": "3c", "display_name": "backs", "algorithm": "ROUND_ROBIN", "status": "ERROR",
                "active_flows": 0, "packets_in": 0, "bytes_in": 0, "packets_out": 0, "bytes_out": 0, "new_flows": 0,
                "members": [{ "name": "4d", "display_name": "back", "address": "10.0.0.1:80", "weight": 1,
                    "status": "ERROR", "why_down": "connection refused", "active_flows": 0, "packets_in": 0,
                    "bytes_in": 0, "packets_out": 0, "bytes_out": 0, "new_flows": 0 }] }],
            "interfaces": [], "packets": []
        }"#;
        let shown = status(&serde_json::from_str(text).unwrap(), Colours::Off);
        for title in ["shop", "front", "backs", "back"] {
            assert!(shown.contains(title), "{title} is not in\n{shown}");
        }
        for key in ["1a", "2b", "3c", "4d"] {
            assert!(!shown.contains(key), "{key} is in\n{shown}");
        }
    }
}
