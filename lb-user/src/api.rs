//! The control socket: one JSON command a line, one JSON answer a line.

pub(crate) mod socket;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::{mpsc, oneshot},
};

use crate::{
    daemon::Request,
    views::{Explanation, Session, Status},
};

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
