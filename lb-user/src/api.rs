//! The control socket: one JSON command a line, one JSON answer a line.

use std::net::IpAddr;

use lb_common::{
    session::client_network,
    tables::{MemberState, SessionKey},
};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::{mpsc, oneshot},
};

use crate::{bpf::Maps, daemon::Request, health::Health, model::Config, reconcile::Ids};

/// The longest command, in bytes.
const LONGEST_COMMAND: u64 = 64 * 1024;

/// What can be asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// How things stand.
    Status,
    /// Who is held where.
    Sessions {
        /// Only with this pool.
        pool: Option<String>,
        /// Only this client.
        client: Option<IpAddr>,
    },
    /// Forget the session of a client with a pool. Its open connections stay.
    DropSession {
        /// The pool's name.
        pool: String,
        /// The client's address.
        client: IpAddr,
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
    /// It is done.
    Done,
    /// It is not done, and why.
    Failed(String),
}

/// How things stand.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// Every member of every pool.
    pub members: Vec<Member>,
    /// Packets by what became of them, where any did.
    pub packets: Vec<(String, u64)>,
}

/// A member.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Member {
    /// The pool's name.
    pub pool: String,
    /// Its name.
    pub member: String,
    /// Its weight.
    pub weight: u16,
    /// Its state.
    pub status: String,
    /// Its open flows.
    pub active_flows: u32,
}

/// A session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// The pool's name.
    pub pool: String,
    /// The client's network.
    pub client: IpAddr,
    /// The member's name.
    pub member: String,
    /// How long the client has been away, in seconds.
    pub idle_s: u32,
}

/// Serves the control socket.
pub async fn serve(listener: UnixListener, requests: mpsc::Sender<Request>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(answer(stream, requests.clone()));
    }
}

async fn answer(mut stream: UnixStream, requests: mpsc::Sender<Request>) -> std::io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut line = String::new();
    BufReader::new(reader.take(LONGEST_COMMAND))
        .read_line(&mut line)
        .await?;
    let answer = match serde_json::from_str(&line) {
        Ok(command) => {
            let (sender, receiver) = oneshot::channel();
            let sent = requests
                .send(Request {
                    command,
                    answer: sender,
                })
                .await;
            let answer = if sent.is_ok() { receiver.await.ok() } else { None };
            answer.unwrap_or_else(|| Answer::Failed("the daemon is ending".into()))
        }
        Err(error) => Answer::Failed(format!("not a command: {error}")),
    };
    writer.write_all(&serde_json::to_vec(&answer)?).await
}

/// How things stand.
#[must_use]
pub fn status(config: &Config, ids: &Ids, health: &Health, maps: &Maps) -> Status {
    let member = |pool: &crate::model::Pool, member: &crate::model::Member| {
        let entry = ids
            .members
            .get(&(pool.name.clone(), member.name.clone()))
            .and_then(|&id| maps.members.get(id as usize));
        let state = entry.map_or(MemberState::Unused, |entry| {
            MemberState::from_word(entry.state.get())
        });
        let status = match state {
            MemberState::Up if pool.health_monitor.is_none() => "NO_MONITOR",
            MemberState::Up => "ONLINE",
            MemberState::Draining => "DRAINING",
            MemberState::Down if !health.is_up(&pool.name, &member.name) => "ERROR",
            _ => "OFFLINE",
        };
        Member {
            pool: pool.name.clone(),
            member: member.name.clone(),
            weight: member.weight,
            status: status.into(),
            active_flows: entry.map_or(0, |entry| entry.active_flows.get()),
        }
    };
    let members = config
        .pools
        .iter()
        .flat_map(|pool| pool.members.iter().map(move |known| member(pool, known)))
        .collect();
    let packets = maps.reasons().into_iter().filter(|(_, count)| *count > 0);
    Status {
        members,
        packets: packets
            .map(|(reason, count)| (reason.label().to_owned(), count))
            .collect(),
    }
}

/// The key of a client's session with a pool, under the pool's granularity.
fn session_key(ids: &Ids, maps: &Maps, pool: &str, client: IpAddr) -> Option<SessionKey> {
    let id = *ids.pools.get(pool)?;
    let network = client_network(maps.pools.get(id as usize)?, &client.into());
    Some(SessionKey::new(&network, id))
}

/// Forgets a session.
pub fn drop_session(ids: &Ids, maps: &mut Maps, pool: &str, client: IpAddr) -> Answer {
    match session_key(ids, maps, pool, client) {
        None => Answer::Failed(format!(
            "there is no pool \"{pool}\"; `holdfast status` lists them"
        )),
        Some(key) if maps.remove_session(&key) => Answer::Done,
        Some(_) => Answer::Failed(format!("pool \"{pool}\" holds no session of {client}")),
    }
}

/// Who is held where: with one pool or any, one client or any.
#[must_use]
pub fn sessions(ids: &Ids, maps: &Maps, pool: Option<&str>, client: Option<IpAddr>) -> Vec<Session> {
    let is_wanted = |key: &SessionKey| {
        let in_pool = pool.is_none_or(|name| ids.pools.get(name) == Some(&key.pool));
        let of_client = client.is_none_or(|client| {
            let pool = maps.pools.get(key.pool as usize);
            pool.is_some_and(|pool| client_network(pool, &client.into()) == key.client)
        });
        in_pool && of_client
    };
    let now_s = maps.now_s();
    let pool_name = |id: u32| {
        ids.pools
            .iter()
            .find(|(_, known)| **known == id)
            .map(|(name, _)| name.clone())
    };
    let member_name = |id: u32| {
        ids.members
            .iter()
            .find(|(_, known)| **known == id)
            .map(|((_, name), _)| name.clone())
    };
    maps.sessions()
        .filter(|entry| is_wanted(&entry.key))
        .filter_map(|entry| {
            Some(Session {
                pool: pool_name(entry.key.pool)?,
                client: entry.key.client.into(),
                member: member_name(entry.member).unwrap_or_else(|| "(gone)".into()),
                idle_s: now_s.saturating_sub(entry.last_seen_s),
            })
        })
        .collect()
}
