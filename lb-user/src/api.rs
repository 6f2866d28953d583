//! The control socket: one JSON command a line, one JSON answer a line; of a trace, many.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream, unix::WriteHalf},
    select,
    sync::{mpsc, oneshot},
};

use crate::{
    daemon::Request,
    trace::{Client, Told},
    views::{Explanation, Session, Status},
};

/// The longest command, in bytes.
const LONGEST_COMMAND: u64 = 64 * 1024;

/// What waits to be written of a trace, whose listener may be slower than its lines.
const PENDING_TOLD: usize = 1024;

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

/// Serves the control socket.
pub async fn serve(listener: UnixListener, requests: mpsc::Sender<Request>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(answer(stream, requests.clone()));
    }
}

async fn answer(mut stream: UnixStream, requests: mpsc::Sender<Request>) -> std::io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut line = String::new();
    let mut reader = BufReader::new(reader);
    (&mut reader).take(LONGEST_COMMAND).read_line(&mut line).await?;
    let (trace, mut told) = mpsc::channel(PENDING_TOLD);
    let answer = match serde_json::from_str(&line) {
        Ok(command) => {
            let (sender, receiver) = oneshot::channel();
            let sent = requests
                .send(Request {
                    command,
                    answer: sender,
                    trace,
                })
                .await;
            let answer = if sent.is_ok() { receiver.await.ok() } else { None };
            answer.unwrap_or_else(|| Answer::Failed("the daemon is ending".into()))
        }
        Err(error) => {
            drop(trace);
            Answer::Failed(format!("not a command: {error}"))
        }
    };
    write(&mut writer, &answer).await?;
    // Until the daemon has no more to say, or whoever asked goes away.
    let mut end = [0];
    loop {
        select! {
            told = told.recv() => match told {
                Some(told) => write(&mut writer, &Answer::Told(told)).await?,
                None => return Ok(()),
            },
            _ = reader.read(&mut end) => return Ok(()),
        }
    }
}

async fn write(writer: &mut WriteHalf<'_>, answer: &Answer) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    writer.write_all(&line).await
}
