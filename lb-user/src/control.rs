//! The control socket: one JSON command a line, one JSON answer a line; of a trace, many.

mod server;
pub(crate) mod socket;

use std::{collections::BTreeSet, net::IpAddr, path::PathBuf};

pub(crate) use server::{Asked, Request, Server};

use serde::{Deserialize, Serialize};

use crate::{
    http::forwarded::Prefix,
    model::{Config, DataPlane},
    store::Summary,
    trace::Told,
    views::{AskedRequest, Explanation, RecognisedBy, Refusal, Refused, Sessions, Status, Wanted},
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
        clients: Vec<Prefix>,
    },
    /// What it runs with.
    Config,
    /// Write all that the store has to a file.
    BackUpStore {
        /// Where to, from the root.
        path: PathBuf,
    },
    /// Take the configuration file again.
    Reload,
    /// Open the access log anew.
    ReopenLog,
    /// Start the binary that is installed now, and hand over to it.
    Upgrade,
    /// Hand over to the daemon that asks, which works on the same pins: what is said after that, `handover` knows.
    HandOver {
        /// Where they are.
        pin_path: PathBuf,
        /// What it will have clients served by.
        #[serde(default)]
        dataplane: DataPlane,
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
    Status(Box<Status>),
    /// To [`Command::Sessions`].
    Sessions(Sessions),
    /// To [`Command::Explain`].
    Explanation(Box<Explanation>),
    /// To [`Command::Config`].
    Config(Box<Running>),
    /// To [`Command::BackUpStore`].
    BackedUp(Summary),
    /// To [`Command::Trace`], after [`Answer::Done`].
    Told(Told),
    /// It is done; of a trace: it has begun.
    Done,
    /// What it is about is not there.
    NoSuch(String),
    /// It is not done, and why.
    Failed(String),
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoSuch(reason) => Self::NoSuch(reason),
            Refusal::Wrong(reason) => Self::Failed(reason),
        }
    }
}

impl From<anyhow::Result<()>> for Answer {
    fn from(done: anyhow::Result<()>) -> Self {
        match done {
            Ok(()) => Self::Done,
            Err(reason) => Self::Failed(format!("{reason:#}")),
        }
    }
}

/// What a daemon runs with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Running {
    /// What its file says, and what the API has made.
    pub config: Config,
    /// What it is served by.
    pub dataplane: DataPlane,
    /// The keys of load balancers, listeners and pools that the API has made.
    pub made_by_api: BTreeSet<String>,
    /// The load balancers of the API of which it does not serve all that they are to be.
    #[serde(default)]
    pub refused: Vec<Refused>,
    /// What the pools of the API are called that nothing leads to: nothing is done with them.
    #[serde(default)]
    pub unused_pools: Vec<String>,
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
