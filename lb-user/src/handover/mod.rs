//! From one daemon to the next, without a break: the listening sockets of HTTP go from process to process, while the
//! connections that are open stay with who has them.
//!
//! The next daemon asks at the control socket of the one that runs, over a connection of its own:
//!
//! ```text
//! successor                                    predecessor
//! {"hand_over":{"pin_path":"...",...}}   ->    leaves the maps alone from here on, and is deaf to all else
//!                                        <-    {"estate":{...}}, and the sockets
//! "ready"   all that can fail is done    ->    accepts no more, leaves its sessions
//!                                        <-    "released"
//! "serving" it accepts, and answers      ->    ends with its last connection
//!                                        <-    {"sessions":"..."}, what becomes of those by application cookie
//!                                        <-    the end of the connection
//! ```
//!
//! As long as the successor is not ready, nothing is lost: when its connection ends, the predecessor goes on as before.

mod predecessor;
mod successor;

use std::{
    io::{self, Write},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};

pub(crate) use predecessor::{Predecessor, Retiring};
pub(crate) use successor::{Heir, Successor};

use crate::{health::Health, model::DataPlane};

/// Sockets in one message: the kernel takes 253 at most (`SCM_MAX_FD`).
const MOST_AT_ONCE: usize = 128;

/// What is said, a JSON value a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    /// As an ordinary command, by which the conversation begins.
    HandOver { pin_path: PathBuf, dataplane: DataPlane },
    /// As an ordinary answer: it is not done, and why.
    Failed(String),
    /// What is handed over beside the sockets.
    Estate(Estate),
    /// The successor could serve.
    Ready,
    /// The predecessor accepts nothing more.
    Released,
    /// The successor serves.
    Serving,
    /// What became of sessions by application cookie: [`AppCookies::take_changes`] in Base64.
    ///
    /// [`AppCookies::take_changes`]: crate::persistence::AppCookies::take_changes
    Sessions(String),
}

/// What a daemon hands over beside its sockets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Estate {
    /// How many sockets there are.
    sockets: usize,
    /// The members that are down.
    down: Vec<Down>,
}

/// A member that is down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Down {
    pool: String,
    member: String,
    reason: String,
}

impl Estate {
    fn new(sockets: usize, health: &Health) -> Self {
        let down = health.down().map(|(pool, member, reason)| Down {
            pool: pool.to_owned(),
            member: member.to_owned(),
            reason: reason.to_owned(),
        });
        Self {
            sockets,
            down: down.collect(),
        }
    }
}

fn write_line(mut to: impl Write, word: &Word) -> io::Result<()> {
    let mut line = serde_json::to_vec(word)?;
    line.push(b'\n');
    to.write_all(&line)
}

#[cfg(test)]
mod tests;
