//! The control socket: one JSON command a line, one JSON answer a line; of a trace, many.

mod server;
pub(crate) mod socket;

use std::net::IpAddr;

pub(crate) use server::{Request, Server};

use serde::{Deserialize, Serialize};

use crate::{
    trace::{Client, Told},
    views::{Explanation, Session, Status, Wanted},
};

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
    /// Trace these clients until whoever asks closes the connection.
    Trace {
        /// Addresses and networks.
        clients: Vec<Client>,
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
    /// To [`Command::Trace`], after [`Answer::Done`].
    Told(Told),
    /// It is done; of a trace: it has begun.
    Done,
    /// It is not done, and why.
    Failed(String),
}
