//! What the datapath counts and somebody should know of: a line in the log when it happens, and while it goes on one now
//! and then.

use std::time::{Duration, Instant};

use lb_common::{
    tables::{self, MemberState, SlotRange},
    verdict::{Fate, Reason},
};
use tracing::warn;

use crate::{
    bpf::Maps,
    model::{Config, Forwarding, Pool, Titled as _},
    reconcile::Ids,
    seldom::Seldom,
};

/// How often there is a line of one kind at most.
const EVERY: Duration = Duration::from_secs(10);
/// Pools that are named in a line.
const NAMED: usize = 5;

/// The kinds, and how many packets within [`EVERY`] are worth a line.
const KINDS: [(Reason, u64); 8] = [
    (Reason::PortsExhausted, 1),
    (Reason::Inconsistent, 1),
    // Two cores make the same flow at once now and then, and the sender tries again.
    (Reason::Contended, 1000),
    (Reason::AnswerLimited, 1),
    (Reason::NextHopUnresolved, 1),
    (Reason::FlowEvicted, 1),
    (Reason::FlowTableFull, 1),
    (Reason::PortReused, 1),
];

/// What is wrong, and what would be right.
fn advice(reason: Reason) -> &'static str {
    match reason {
        Reason::PortsExhausted | Reason::PortReused => {
            "no free source port towards a member; look for a flood, widen `snat_ports` or add `snat_addresses` to the pool"
        }
        Reason::Inconsistent => {
            "the maps contradict each other, a fault of Holdfast; please report it, and restart with `holdfast stop \
             --detach`"
        }
        Reason::Contended => {
            "cores made the same flows at once; spread each client's packets to one core (RSS by addresses and ports)"
        }
        Reason::AnswerLimited => {
            "more resets and ICMP answers were due than are given; look for a scan, or write closed_port = \"DROP\""
        }
        Reason::NextHopUnresolved => {
            "the way to a member was not known; see whether it is there, and its route and neighbour entry with `ip`"
        }
        Reason::FlowEvicted => {
            "the flow table was full, and new flows took the place of others; look for a flood, or raise \
             `datapath.max_flows`"
        }
        Reason::FlowTableFull => {
            "the flow table was full of established connections, and new ones were refused; raise `datapath.max_flows`"
        }
        _ => "",
    }
}

/// What became of the packets, or came of them.
fn outcome(reason: Reason) -> &'static str {
    match reason.fate() {
        Fate::Beside => "flows ended before their time",
        _ => "packets were dropped",
    }
}

/// How full a table is told of, in percent.
const NEARLY_FULL_PERCENT: u64 = 90;

/// Says that a table is nearly full, before anything has to go for want of room.
#[derive(Debug)]
pub(crate) struct Fill {
    table: &'static str,
    setting: &'static str,
    lines: Seldom,
}

impl Fill {
    /// Of the table of this name, whose size that setting says.
    pub(crate) fn new(table: &'static str, setting: &'static str) -> Self {
        Self {
            table,
            setting,
            lines: Seldom::every(EVERY),
        }
    }

    /// Says it, where it is so and was not said just now.
    pub(crate) fn note(&mut self, now: Instant, entries: u64, capacity: u32) {
        if self.is_due(now, entries, capacity) {
            let Self { table, setting, .. } = self;
            warn!(
                table,
                entries, capacity, "the table is nearly full; raise `datapath.{setting}`"
            );
        }
    }

    fn is_due(&mut self, now: Instant, entries: u64, capacity: u32) -> bool {
        entries * 100 >= u64::from(capacity) * NEARLY_FULL_PERCENT && self.lines.is_due(now)
    }
}

/// The counters, as they were when something was last said of them.
#[derive(Debug)]
pub(crate) struct Alarms {
    kinds: Vec<Kind>,
}

#[derive(Debug)]
struct Kind {
    reason: Reason,
    least: u64,
    /// When the count was what; none before the first look: counters outlive the daemon.
    base: Option<(Instant, u64)>,
    lines: Seldom,
}

/// So many packets of a reason since the last time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Alarm {
    reason: Reason,
    packets: u64,
}

impl Default for Alarms {
    fn default() -> Self {
        let kinds = KINDS.map(|(reason, least)| Kind {
            reason,
            least,
            base: None,
            lines: Seldom::every(EVERY),
        });
        Self { kinds: kinds.into() }
    }
}

impl Alarms {
    /// What is due to be said, where the counters stand so now.
    pub(crate) fn note(&mut self, now: Instant, count: impl Fn(Reason) -> u64) -> Vec<Alarm> {
        let mut alarms = Vec::new();
        for kind in &mut self.kinds {
            let count = count(kind.reason);
            let (since, counted) = *kind.base.get_or_insert((now, count));
            let packets = count.saturating_sub(counted);
            let is_enough = packets >= kind.least;
            if is_enough && kind.lines.is_due(now) {
                let reason = kind.reason;
                alarms.push(Alarm { reason, packets });
                kind.base = Some((now, count));
            } else if !is_enough && now.saturating_duration_since(since) >= EVERY {
                kind.base = Some((now, count));
            }
        }
        alarms
    }
}

impl Alarm {
    /// Says it.
    pub(crate) fn tell(&self, maps: &Maps, config: &Config, ids: &Ids) {
        let Self { reason, packets } = *self;
        let pools = suspects(reason, &maps.members, config, ids);
        let (label, outcome, advice) = (reason.label(), outcome(reason), advice(reason));
        if pools.is_empty() {
            warn!(reason = label, packets, "{outcome}: {advice}");
        } else {
            warn!(reason = label, packets, pools, "{outcome}: {advice}");
        }
    }
}

/// The pools that it is most likely about; none where nothing tells.
fn suspects(reason: Reason, members: &[tables::Member], config: &Config, ids: &Ids) -> String {
    let is_suspect: fn(&Pool, &tables::Member) -> bool = match reason {
        Reason::PortsExhausted | Reason::PortReused => has_few_ports,
        Reason::NextHopUnresolved => has_no_way,
        _ => return String::new(),
    };
    let pools = config.pools.iter().filter(|pool| {
        pool.members.iter().any(|member| {
            let id = ids.member(&pool.name, &member.name);
            let entry = id.and_then(|id| members.get(id as usize));
            entry.is_some_and(|entry| is_suspect(pool, entry))
        })
    });
    let mut names: Vec<&str> = pools.map(|pool| pool.title()).take(NAMED + 1).collect();
    if names.len() > NAMED {
        names[NAMED] = "...";
    }
    names.join(", ")
}

/// The datapath tries some ports, not all: where half are taken, some clients find none that is free.
fn has_few_ports(pool: &Pool, member: &tables::Member) -> bool {
    let Forwarding::FullNat(nat) = &pool.forwarding else {
        return false;
    };
    let addresses = SlotRange::from(member.snat.get()).count;
    let ports = u64::from(nat.snat_ports.count()) * u64::from(addresses);
    u64::from(member.active_flows.get()) * 2 >= ports
}

fn has_no_way(_: &Pool, member: &tables::Member) -> bool {
    let state = member.state();
    matches!(state, MemberState::Up | MemberState::Draining) && member.next_hop.ifindex.get() == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_table_is_told_of_before_it_is_full_and_now_and_then_while_it_is() {
        let (start, mut fill) = (Instant::now(), Fill::new("flows", "max_flows"));
        assert!(!fill.is_due(start, 899, 1000));
        assert!(fill.is_due(start, 900, 1000));
        assert!(!fill.is_due(start + SECOND, 1000, 1000));
        assert!(!fill.is_due(start + EVERY, 10, 1000));
        assert!(fill.is_due(start + EVERY, 1000, 1000));
    }

    /// What is said, second by second, where a counter stands so.
    fn said(reason: Reason, counts: &[u64]) -> Vec<(usize, u64)> {
        let (start, mut alarms) = (Instant::now(), Alarms::default());
        let mut said = Vec::new();
        for (second, count) in counts.iter().enumerate() {
            let now = start + SECOND * second as u32;
            let noted = alarms.note(now, |asked| if asked == reason { *count } else { 7 });
            for alarm in noted {
                assert_eq!(alarm.reason, reason);
                said.push((second, alarm.packets));
            }
        }
        said
    }

    #[test]
    fn what_was_counted_before_the_start_is_not_said() {
        assert_eq!(said(Reason::PortsExhausted, &[500; 30]), []);
    }

    #[test]
    fn a_rise_is_said_at_once_and_while_it_goes_on_once_in_a_while() {
        let mut counts = vec![0, 0, 3];
        counts.extend((4..27).map(|count| count * 10));
        // At second 12 all is said that came since second 2, at second 22 the rest.
        assert_eq!(
            said(Reason::PortsExhausted, &counts),
            [(2, 3), (12, 127), (22, 100)]
        );
    }

    #[test]
    fn a_few_packets_that_cores_contended_for_are_not_worth_a_line() {
        let trickle: Vec<u64> = (0..60).map(|second| second * 90).collect();
        assert_eq!(said(Reason::Contended, &trickle), []);
        assert_eq!(said(Reason::Contended, &[0, 400, 900, 1100]), [(3, 1100)]);
    }

    #[test]
    fn the_pools_are_named_that_it_is_about() {
        let text = r#"
            datapath.interfaces = ["eth0"]
            pool = [
                { name = "busy", snat_ports = [2000, 2099], member = [{ address = "10.0.0.1", port = 1 }] },
                { name = "idle", snat_ports = [2000, 2099], member = [{ address = "10.0.0.2", port = 1 }] },
                { name = "nat", forwarding = "nat", member = [{ address = "10.0.0.3", port = 1 }] },
            ]
        "#;
        let config = crate::config::parse(text, "test.toml").unwrap().config;
        let mut ids = Ids::default();
        let members: Vec<tables::Member> = (0..4).map(|_| tables::Member::default()).collect();
        for (id, pool) in (1..).zip(&config.pools) {
            ids.note_pool(&pool.name, id, [(pool.members[0].name.clone(), id)].into_iter());
            let entry = &members[id as usize];
            entry.set_state(MemberState::Up);
            entry.snat.set(SlotRange { start: 0, count: 1 }.into());
            entry.next_hop.ifindex.set(u32::from(pool.name != "nat"));
        }
        members[1].active_flows.set(70);
        members[2].active_flows.set(7);
        members[3].active_flows.set(70_000);
        for (reason, pools) in [
            (Reason::PortsExhausted, "busy"),
            (Reason::NextHopUnresolved, "nat"),
            (Reason::Contended, ""),
            (Reason::FlowEvicted, ""),
        ] {
            assert_eq!(suspects(reason, &members, &config, &ids), pools);
            assert!(!advice(reason).is_empty());
        }
    }
}
