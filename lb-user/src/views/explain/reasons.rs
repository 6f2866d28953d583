//! The explanation in sentences.

use lb_common::session::Plan;

use super::{By, Explanation, Facts, Flow, HeldSession, Titles};
use crate::model::{LbAlgorithm, OperatingStatus, Titled as _};

/// A day, in seconds.
const DAY_S: u64 = 86_400;

pub(super) fn sentences(explanation: &Explanation, facts: &Facts<'_>) -> Vec<String> {
    let mut sentences = Vec::new();
    if !facts.is_on {
        sentences.push(format!(
            "listener {} is switched off: its port is a closed one",
            facts.listener.title()
        ));
        return sentences;
    }
    if facts.question.port.is_some()
        && let Some(flow) = explanation.flows.first()
    {
        sentences.push(of_flow(flow, &explanation.display_names));
    }
    match &explanation.session {
        Some(session) if facts.plan == Plan::Renew => held(&mut sentences, explanation, session, facts),
        Some(session) => sentences.push(moves(explanation, session, facts)),
        None => {
            sentences.push(no_session(explanation, facts));
            if explanation.by != By::Flow {
                sentences.push(chosen(explanation, facts));
            }
        }
    }
    sentences
}

fn of_flow(flow: &Flow, titles: &Titles) -> String {
    let Flow {
        client,
        member,
        state,
        idle_s,
        expires_in_s,
        ..
    } = flow;
    let known = format!("its flow from {client} is {state}, with {}", titles.of(member));
    if served(flow.member_status) {
        format!(
            "{known}: it stays there until it ends, or no packet has passed for {} more (the last one did {} ago)",
            duration(*expires_in_s),
            duration(*idle_s)
        )
    } else {
        format!("{known}, which takes no packets: the next packet moves it")
    }
}

/// Whether flows and sessions stay with a member that is doing so.
pub(super) fn served(status: Option<OperatingStatus>) -> bool {
    matches!(
        status,
        Some(OperatingStatus::Online | OperatingStatus::NoMonitor | OperatingStatus::Draining)
    )
}

fn held(sentences: &mut Vec<String>, explanation: &Explanation, session: &HeldSession, facts: &Facts<'_>) {
    let (pool, algorithm) = (facts.pool(), facts.algorithm());
    let member = explanation.display_names.of(&session.member);
    sentences.push(format!(
        "held by its session with pool {pool} until {} (idle {}, last seen {} ago): new connections go to {member}",
        clock(session.ends_at_unix_s, facts.unix_s),
        duration(session.idle_timeout_s),
        duration(session.last_seen_s_ago),
    ));
    if let Some(latest_s) = session.ends_at_the_latest_in_s {
        sentences.push(format!(
            "each packet holds it for longer, but not beyond {}: the session began {} ago",
            clock(facts.unix_s + u64::from(latest_s), facts.unix_s),
            duration(session.first_seen_s_ago)
        ));
    }
    if let Some(network) = session.network.filter(|network| *network != explanation.client) {
        sentences.push(format!(
            "the session is that of all clients in its network, {network}"
        ));
    }
    sentences.push(match session.member_status {
        Some(OperatingStatus::Draining) => format!(
            "{member} is draining: it keeps its sessions and gets no new ones; once this one ends, \
             {algorithm} chooses another member"
        ),
        status => {
            let how = match status {
                Some(OperatingStatus::NoMonitor) => "counts as up, since nothing monitors it",
                _ => "is up",
            };
            format!(
                "{member} {how}; if it went down, the session would move to the member that {algorithm} then \
                 chooses, and stay there"
            )
        }
    });
}

fn moves(explanation: &Explanation, session: &HeldSession, facts: &Facts<'_>) -> String {
    let (algorithm, titles) = (facts.algorithm(), &explanation.display_names);
    let known = format!(
        "its session with pool {} names {}, which takes no packets",
        facts.pool(),
        titles.of(&session.member)
    );
    match &explanation.member {
        Some(member) => format!(
            "{known}: the next packet moves it to {}, chosen by {algorithm}, where it stays",
            titles.of(member)
        ),
        None => format!("{known}, and no other member takes new clients: it is refused"),
    }
}

fn no_session(explanation: &Explanation, facts: &Facts<'_>) -> String {
    let Some(configured) = facts.pool else {
        return format!("listener {} has no pool", facts.listener.title());
    };
    let (pool, client) = (configured.title(), explanation.client);
    match (facts.plan, &configured.session_persistence) {
        (Plan::None, _) | (_, None) => format!("pool {pool} has no session persistence"),
        (Plan::Restart, _) => {
            format!("its session with pool {pool} is over: the next connection begins another")
        }
        (_, Some(persistence)) => format!(
            "pool {pool} holds no session of {client}; its next connection begins one, of {}",
            duration(persistence.idle_timeout_s)
        ),
    }
}

fn chosen(explanation: &Explanation, facts: &Facts<'_>) -> String {
    let Explanation { client, .. } = explanation;
    let Some(pool) = facts.pool else {
        return "nobody takes new clients: it is refused".into();
    };
    let (title, algorithm) = (pool.title(), pool.algorithm);
    let Some(member) = &explanation.member else {
        return format!("no member of pool {title} takes new clients: it is refused");
    };
    let member = explanation.display_names.of(member);
    match algorithm {
        LbAlgorithm::RoundRobin => {
            format!(
                "{algorithm} gives a new connection to {member}: whose turn it is, until another client takes it"
            )
        }
        LbAlgorithm::LeastConnections => {
            format!(
                "{algorithm} gives a new connection to {member}: it has the fewest open flows for its weight now"
            )
        }
        LbAlgorithm::SourceIp => format!(
            "{algorithm} gives a new connection to {member}: by the hash of {client}, as long as the members of \
             the pool stay as they are"
        ),
    }
}

/// A time of day in UTC; of another day, with the days until then.
pub(super) fn clock(unix_s: u64, now_unix_s: u64) -> String {
    let (hours, minutes, seconds) = (unix_s % DAY_S / 3600, unix_s % 3600 / 60, unix_s % 60);
    let time = format!("{hours:02}:{minutes:02}:{seconds:02} UTC");
    match (unix_s / DAY_S).saturating_sub(now_unix_s / DAY_S) {
        0 => time,
        1 => format!("{time} tomorrow"),
        days => format!("{time} in {days} days"),
    }
}

/// A duration in its two largest units: `20 min`, `1 h 5 min`, `35 s`.
pub(super) fn duration(seconds: u32) -> String {
    let parts = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let mut rest = seconds;
    let mut words = Vec::new();
    for (unit_s, unit) in parts {
        let count = rest / unit_s;
        rest %= unit_s;
        if count > 0 {
            words.push(format!("{count} {unit}"));
        } else if !words.is_empty() {
            break;
        }
    }
    words.truncate(2);
    if words.is_empty() {
        "0 s".into()
    } else {
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_said_in_their_two_largest_units() {
        for (seconds, text) in [
            (0, "0 s"),
            (35, "35 s"),
            (1200, "20 min"),
            (1205, "20 min 5 s"),
            (3605, "1 h"),
            (3905, "1 h 5 min"),
            (604_800, "7 d"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn a_time_of_another_day_says_which() {
        let noon = 20_000 * DAY_S + DAY_S / 2;
        assert_eq!(clock(noon + 200, noon), "12:03:20 UTC");
        assert_eq!(clock(noon + DAY_S / 2, noon), "00:00:00 UTC tomorrow");
        assert_eq!(clock(noon + 3 * DAY_S, noon), "12:00:00 UTC in 3 days");
    }
}
