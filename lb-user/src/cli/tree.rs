//! How things stand, as a tree: `status --tree`.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    escape,
    paint::{self, Colours},
};
use crate::{
    model::{OperatingStatus, Titled as _},
    views::{Pool, Status},
};

/// A line, and what is below it.
struct Branch {
    /// What it is of.
    text: String,
    status: OperatingStatus,
    why_down: Option<String>,
    below: Vec<Branch>,
}

/// Load balancers, their listeners, pools and members; at the end the pools that only policies lead to, or nobody, and what the
/// data plane has refused.
pub(super) fn of(status: &Status, colours: Colours) -> String {
    let pools: BTreeMap<&str, &Pool> = status
        .pools
        .iter()
        .map(|pool| (pool.name.as_str(), pool))
        .collect();
    let mut shown = BTreeSet::new();
    let mut roots = Vec::new();
    for balancer in &status.load_balancers {
        let listeners = balancer.listeners.iter().map(|listener| {
            let pool = listener.pool.as_deref().and_then(|pool| pools.get(pool));
            shown.extend(pool.map(|pool| pool.name.as_str()));
            Branch {
                text: format!(
                    "listener {} {} {}",
                    listener.title(),
                    listener.protocol,
                    listener.port
                ),
                status: listener.status,
                why_down: None,
                below: pool.map(|pool| of_pool(pool)).into_iter().collect(),
            }
        });
        let below = listeners.collect();
        roots.push(Branch {
            text: format!("load balancer {} {}", balancer.title(), balancer.vip),
            status: balancer.status,
            why_down: None,
            below,
        });
    }
    let others = status
        .pools
        .iter()
        .filter(|pool| !shown.contains(pool.name.as_str()));
    roots.extend(others.map(of_pool));
    roots.extend(status.refused.iter().map(|refused| Branch {
        text: format!("not all served of load balancer {}", refused.title()),
        status: OperatingStatus::Error,
        why_down: Some(refused.reason.clone()),
        below: Vec::new(),
    }));
    if roots.is_empty() {
        return "There are no load balancers.".to_owned();
    }
    let mut text = String::new();
    for root in &roots {
        text += &root.line(colours);
        draw(&root.below, "", colours, &mut text);
    }
    text
}

fn of_pool(pool: &Pool) -> Branch {
    let members = pool.members.iter().map(|member| {
        let mut name = member.title().to_owned();
        if name != member.address {
            name = format!("{name} {}", member.address);
        }
        Branch {
            text: format!("member {name} weight {}", member.weight),
            status: member.status,
            why_down: member.why_down.clone(),
            below: Vec::new(),
        }
    });
    Branch {
        text: format!("pool {} {}", pool.title(), pool.algorithm),
        status: pool.status,
        why_down: None,
        below: members.collect(),
    }
}

impl Branch {
    fn line(&self, colours: Colours) -> String {
        let (text, status) = (escape::line(&self.text), self.status.to_string());
        let status = paint::state(&status, colours);
        let why = self.why_down.as_ref();
        let why = why.map_or_else(String::new, |why| format!(" ({})", escape::line(why)));
        format!("{text}: {status}{why}\n")
    }
}

fn draw(branches: &[Branch], before: &str, colours: Colours, text: &mut String) {
    for (index, branch) in branches.iter().enumerate() {
        let (corner, side) = if index + 1 == branches.len() {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        for part in [before, corner, &branch.line(colours)] {
            text.push_str(part);
        }
        draw(&branch.below, &format!("{before}{side}"), colours, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_leads_from_load_balancers_to_members() {
        let traffic = r#""active_flows": 0, "packets_in": 0, "bytes_in": 0, "packets_out": 0, "bytes_out": 0,
            "new_flows": 0"#;
        let listener = |name: &str, port: u16, pool: &str| {
            format!(
                r#"{{"name": "{name}", "protocol": "TCP", "port": {port}, "status": "ONLINE", {pool} {traffic}}}"#
            )
        };
        let pool = |name: &str, members: &str| {
            format!(
                r#"{{"name": "{name}", "algorithm": "ROUND_ROBIN", "status": "ONLINE", "members": [{members}],
                    {traffic}}}"#
            )
        };
        let member = |name: &str, more: &str| {
            format!(r#"{{"name": "{name}", "address": "10.0.0.1:80", "weight": 1, {more} {traffic}}}"#)
        };
        let members = format!(
            "{}, {}",
            member("one", r#""status": "ONLINE","#),
            member("two\\n", r#""status": "ERROR", "why_down": "no route","#)
        );
        let text = format!(
            r#"{{"load_balancers": [{{"name": "7f", "display_name": "shop", "vip": "192.0.2.1", "status": "ONLINE",
                "listeners": [{}, {}]}}], "pools": [{}, {}], "interfaces": [], "packets": []}}"#,
            listener("front", 80, r#""pool": "web","#),
            listener("bare", 81, ""),
            pool("web", &members),
            pool("other", "")
        );
        let expected = "\
load balancer shop 192.0.2.1: ONLINE
├─ listener front TCP 80: ONLINE
│  └─ pool web ROUND_ROBIN: ONLINE
│     ├─ member one 10.0.0.1:80 weight 1: ONLINE
│     └─ member two\\n 10.0.0.1:80 weight 1: ERROR (no route)
└─ listener bare TCP 81: ONLINE
pool other ROUND_ROBIN: ONLINE
";
        let status = serde_json::from_str(&text).unwrap();
        assert_eq!(of(&status, Colours::Off), expected);
        assert!(of(&status, Colours::On).contains("weight 1: \u{1b}[31mERROR\u{1b}[0m (no route)\n"));
    }
}
