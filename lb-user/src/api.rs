//! The control socket: one JSON command a line, one JSON answer a line.

mod server;
pub(crate) mod socket;

use std::net::IpAddr;

pub(crate) use server::{Request, Server};

use serde::{Deserialize, Serialize};

use crate::views::{Explanation, Session, Status, Wanted};

/// What can be asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// How things stand.
    Status,
    /// Who is held where.
    Sessions(Wanted),
    /// Forget the session of a client with a pool. Its open connections stay.
    DropSession {
        /// The pool's name.
        pool: String,
        /// The client's address.
        client: IpAddr,
    },
    /// Why a client goes where it goes.
    Explain {
        /// The client's address.
        client: IpAddr,
        /// The client's port, where one flow is meant.
        port: Option<u16>,
        /// The listener's name, or `PROTOCOL://VIP:PORT`.
        listener: String,
    },
    /// Take the configuration file again.
    Reload,
    /// End.
    Stop {
        /// Whether the datapath ends too.
        detach: bool,
    },
}

/// What is answered.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// To [`Command::Status`].
    Status(Status),
    /// To [`Command::Sessions`].
    Sessions(Vec<Session>),
    /// To [`Command::Explain`].
    Explanation(Box<Explanation>),
    /// It is done.
    Done,
    /// It is not done, and why.
    Failed(String),
}
