//! Packets by what became of them.

use lb_common::verdict::{Fate, Reason};
use serde::{Deserialize, Serialize};

use super::Sight;

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
pub(super) fn of<S: Sight>(sight: &S) -> Vec<Packets> {
    let mut reasons = Reason::ALL.to_vec();
    reasons.sort_by_key(|reason| reason.fate());
    let counted = reasons.into_iter().map(|reason| Packets {
        fate: fate(reason.fate()).into(),
        reason: reason.label().into(),
        count: sight.packets(reason),
    });
    counted.filter(|packets| packets.count > 0).collect()
}

/// What that is called.
pub(crate) fn fate(fate: Fate) -> &'static str {
    match fate {
        Fate::Forwarded => "forwarded",
        Fate::Passed => "passed",
        Fate::Answered => "answered",
        Fate::Dropped => "dropped",
        Fate::Beside => "beside",
    }
}
