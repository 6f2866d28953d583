//! Packets by what became of them.

use lb_common::verdict::{Fate, Reason};
use serde::{Deserialize, Serialize};

use super::Sight;
use crate::model::ClosedPort;

/// Packets of one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packets {
    /// What became of them: `forwarded`, `passed`, `answered` or `dropped`; `beside` where another reason tells that, under
    /// which they are counted too.
    pub fate: String,
    /// Why.
    pub reason: String,
    /// How many.
    pub count: u64,
}

/// All packets of which there were any.
pub(super) fn of<S: Sight>(sight: &S, closed_port: ClosedPort) -> Vec<Packets> {
    let all = Reason::ALL
        .iter()
        .map(|&reason| (fate(reason, closed_port), reason));
    let mut all: Vec<_> = all.collect();
    all.sort_by_key(|(fate, _)| *fate);
    let counted = all.into_iter().map(|(fate, reason)| Packets {
        fate: word(fate).into(),
        reason: reason.label().into(),
        count: sight.packets(reason),
    });
    counted.filter(|packets| packets.count > 0).collect()
}

/// What becomes of the packets of a reason, where this is what closed ports answer: those that are silent are so too towards who
/// finds no member, and who goes on with a connection that is not known.
pub(crate) fn fate(reason: Reason, closed_port: ClosedPort) -> Fate {
    let is_refused = matches!(
        reason,
        Reason::ClosedPort | Reason::UnknownConnection | Reason::NoMember
    );
    if is_refused && closed_port == ClosedPort::Drop {
        Fate::Dropped
    } else {
        reason.fate()
    }
}

/// What that is called.
pub(crate) fn word(fate: Fate) -> &'static str {
    match fate {
        Fate::Forwarded => "forwarded",
        Fate::Passed => "passed",
        Fate::Answered => "answered",
        Fate::Dropped => "dropped",
        Fate::Beside => "beside",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_closed_ports_are_silent_nobody_is_said_to_be_refused_with_an_answer() {
        let answered = |closed_port| {
            let all = Reason::ALL.iter();
            let answered = all.filter(|&&reason| fate(reason, closed_port) == Fate::Answered);
            answered.map(|reason| reason.label()).collect::<Vec<_>>()
        };
        let always = ["hop_limit", "too_big", "echo_answered"];
        assert_eq!(answered(ClosedPort::Drop), always);
        let otherwise = ["closed_port", "unknown_connection", "no_member"];
        assert_eq!(answered(ClosedPort::Reject), [otherwise, always].concat());
    }
}
