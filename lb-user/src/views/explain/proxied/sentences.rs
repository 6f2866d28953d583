//! What is said of a request that a pool balances.

use super::{Facts, TOLD};
use crate::{
    model::{self, LbAlgorithm, OperatingStatus, Persistence, Titled as _},
    persistence::Refused,
    proxy::Cookie,
    views::{
        Sight,
        explain::{
            By, Explanation, HeldSession,
            reasons::{clock, duration},
        },
    },
};

impl<S: Sight> Facts<'_, '_, S> {
    /// What holds a client.
    fn holder(&self) -> &'static str {
        match self.by() {
            By::Session => "session",
            _ => "cookie",
        }
    }

    pub(super) fn held(&self, sentences: &mut Vec<String>, held: &HeldSession) {
        let (name, algorithm) = (self.pool.title(), self.pool.algorithm);
        let member = self.title(&held.member);
        // The balancer's is sealed anew only now and then.
        let seen = match self.persistence() {
            Some(Persistence::HttpCookie(_)) => "sealed",
            _ => "last seen",
        };
        sentences.push(format!(
            "held by its {} with pool {name} until {} (idle {}, {seen} {} ago): its requests go to {member}",
            self.holder(),
            clock(held.ends_at_unix_s, self.unix_s),
            duration(held.idle_timeout_s),
            duration(held.last_seen_s_ago),
        ));
        sentences.push(match held.ends_at_the_latest_in_s {
            Some(latest_s) => format!(
                "each request holds it for longer, but not beyond {}: the session began {} ago",
                clock(self.unix_s + u64::from(latest_s), self.unix_s),
                duration(held.first_seen_s_ago)
            ),
            None => format!(
                "the session began {} ago; each request holds it for longer",
                duration(held.first_seen_s_ago)
            ),
        });
        if let Some(id) = held.id {
            sentences.push(format!("`holdfast sessions` calls the session {id}"));
        }
        if let Some(network) = held.network.filter(|network| *network != self.client) {
            sentences.push(format!(
                "the session is that of all clients in its network, {network}"
            ));
        }
        sentences.push(match held.member_status {
            Some(OperatingStatus::Draining) => format!(
                "{member} is draining: it keeps its sessions and gets no new ones; once this one ends, {algorithm} \
                 chooses another member"
            ),
            Some(OperatingStatus::NoMonitor) => format!(
                "{member} counts as up, since nothing monitors it; where it cannot be reached, the session moves to the \
                 member that {algorithm} then chooses, and stays there"
            ),
            _ => format!(
                "{member} is up; if it went down, the session would move to the member that {algorithm} then chooses, \
                 and stay there"
            ),
        });
    }

    pub(super) fn moves(&self, held: &HeldSession) -> String {
        let (name, algorithm, holder) = (self.pool.title(), self.pool.algorithm, self.holder());
        let known = if held.member_status.is_none() {
            format!("its {holder} names a member that pool {name} does not have any more")
        } else {
            format!(
                "its {holder} names {}, which takes no requests",
                self.title(&held.member)
            )
        };
        match self.next.map(|next| self.title(next)) {
            Some(next) => {
                format!("{known}: the next request moves it to {next}, chosen by {algorithm}, where it stays")
            }
            None => format!("{known}, and no other member takes new clients: it is answered 503"),
        }
    }

    pub(super) fn no_session(&self) -> String {
        let name = self.pool.title();
        if let (Some(Persistence::SourceIp(_)), client) = (self.persistence(), self.client) {
            return match self.cookie {
                Cookie::Over => {
                    format!("its session with pool {name} is over: the next request begins another")
                }
                _ => format!(
                    "pool {name} holds no session of {client}; its next request begins one, of {}",
                    duration(self.idle_s())
                ),
            };
        }
        let Some(cookie) = self.cookie_name else {
            return format!("pool {name} recognises nobody by cookie");
        };
        match self.cookie {
            Cookie::Refused(why) => format!("its cookie {cookie} is as good as not there: {}", words(*why)),
            Cookie::Over => {
                format!("its session with pool {name} is over: it begins another when {cookie} is set again")
            }
            Cookie::Unknown => format!(
                "pool {name} knows no such {cookie}: no member has set it, as far as it remembers, or the session has \
                 ended"
            ),
            Cookie::None | Cookie::NotLookedFor | Cookie::Held { .. } => format!(
                "pool {name} recognises clients by the cookie {cookie}: --cookie tells of a request with one, this is \
                 one without"
            ),
        }
    }

    pub(super) fn chosen(&self, explanation: &Explanation) -> String {
        let (name, algorithm) = (self.pool.title(), self.pool.algorithm);
        let Some(member) = self.next.map(|next| self.title(next)) else {
            return format!("no member of pool {name} takes new clients: it is answered 503");
        };
        let why = match algorithm {
            LbAlgorithm::RoundRobin => "whose turn it is, until another request takes it".to_owned(),
            LbAlgorithm::LeastConnections => {
                "it has the fewest requests under way for its weight now".to_owned()
            }
            LbAlgorithm::SourceIp => format!(
                "by the hash of {}, as long as the members of the pool stay as they are",
                explanation.client
            ),
        };
        format!("{algorithm} gives it to {member}: {why}")
    }

    /// Who is passed over, and why.
    pub(super) fn tell_of_members(&self, sentences: &mut Vec<String>) {
        let members = self.pool.members.iter();
        let mut passed_over = members.filter_map(|member| self.passed_over(member));
        sentences.extend(passed_over.by_ref().take(TOLD));
        let more = passed_over.count();
        if more > 0 {
            sentences.push(format!(
                "and {more} members more, which `holdfast status` tells of"
            ));
        }
    }

    fn passed_over(&self, member: &model::Member) -> Option<String> {
        let name = member.title();
        match self.scene.member_status(self.pool, member) {
            OperatingStatus::Offline => Some(format!("{name} takes no requests: it is switched off")),
            OperatingStatus::Error => {
                let why = self.scene.why_down(self.pool, member);
                Some(format!("{name} takes no requests: {why}"))
            }
            OperatingStatus::Draining => Some(format!(
                "{name} is draining: it has the requests of its sessions only"
            )),
            _ => None,
        }
    }
}

fn words(why: Refused) -> &'static str {
    match why {
        Refused::Malformed => "it is no cookie of the balancer's (no base64url text, or too short)",
        Refused::TooLong => "it is longer than any cookie of the balancer's",
        Refused::UnknownVersion => "it is of a version that this release does not know",
        Refused::UnknownKey => {
            "no key that this node has sealed it; `holdfast keys show` lists those that it has"
        }
        Refused::Forged => "its seal is broken: it was changed, made up, or is another pool's",
        Refused::OtherPool => "it is another pool's, whose cookie has that name",
        Refused::Expired => "its client stayed away for too long, or its longest time has passed",
        Refused::FromTheFuture => "it was sealed by a node whose clock is far ahead of this one's",
    }
}
