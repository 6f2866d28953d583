//! The control socket: one JSON command a line, one JSON answer a line; of a trace, many.

mod server;
pub(crate) mod socket;

use std::{net::IpAddr, path::PathBuf};

pub(crate) use server::{Asked, Request, Server};

use serde::{Deserialize, Serialize};

use crate::{
    trace::{Client, Told},
    views::{AskedRequest, Explanation, RecognisedBy, Sessions, Status, Wanted},
};

/// What can be asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// How things stand.
    Status,
    /// Who is held where.
    Sessions(Wanted),
    /// Forget a session with a pool. The client's open connections stay.
    DropSession {
        /// The pool's name.
        pool: String,
        /// Which session: any address of the client, or the cookie's id.
        #[serde(flatten)]
        by: RecognisedBy,
    },
    /// Why a client goes where it goes.
    Explain {
        /// The client's address.
        client: IpAddr,
        /// The client's port, where one flow is meant.
        port: Option<u16>,
        /// The listener's name, or `PROTOCOL://VIP:PORT`.
        listener: String,
        /// What its request says, where the listener is one of HTTP.
        #[serde(default)]
        request: AskedRequest,
    },
    /// Trace these clients until whoever asks closes the connection.
    Trace {
        /// Addresses and networks.
        clients: Vec<Client>,
    },
    /// Take the configuration file again.
    Reload,
    /// Start the binary that is installed now, and hand over to it.
    Upgrade,
    /// Hand over to the daemon that asks, which works on the same pins: what is said after that, `handover` knows.
    HandOver {
        /// Where they are.
        pin_path: PathBuf,
    },
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
    Sessions(Sessions),
    /// To [`Command::Explain`].
    Explanation(Box<Explanation>),
    /// To [`Command::Trace`], after [`Answer::Done`].
    Told(Told),
    /// It is done; of a trace: it has begun.
    Done,
    /// It is not done, and why.
    Failed(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_dropped_by_an_address_or_by_the_id_of_a_cookie() {
        for by in [r#""client":"192.0.2.7""#, r#""cookie":"3fa90c64d7e1b258""#] {
            let line = format!(r#"{{"drop_session":{{"pool":"web",{by}}}}}"#);
            let command: Command = serde_json::from_str(&line).unwrap();
            assert_eq!(serde_json::to_string(&command).unwrap(), line);
        }
        let neither = r#"{"drop_session":{"pool":"web"}}"#;
        assert!(serde_json::from_str::<Command>(neither).is_err());
    }
}
