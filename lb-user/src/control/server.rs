//! Serving the control socket: commands a line each, and the management API for those who speak HTTP.

use std::{io, sync::Arc, time::Duration};

use axum::Router;
use rustix::net::RecvFlags;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Interest},
    net::{
        UnixListener, UnixStream,
        unix::{ReadHalf, WriteHalf},
    },
    sync::{Semaphore, mpsc, oneshot, watch},
    time,
};

use super::{Answer, Command};
use crate::{admission::Admission, api, handover::Successor, trace::Told};

/// The longest command, in bytes.
const LONGEST_COMMAND: u64 = 64 * 1024;
/// Connections at a time; more wait in the kernel until one of these ends.
const CONNECTIONS: usize = 64;
/// How long a connection may be silent before its command, and as often as so much of an answer is not taken.
const PATIENCE: Duration = Duration::from_secs(5);
/// So much of an answer, in bytes.
const PIECE: usize = 64 * 1024;
/// What waits to be written of a trace, whose listener may be slower than its lines.
const PENDING_TOLD: usize = 1024;
/// Requests that wait for the daemon at a time.
const PENDING_REQUESTS: usize = 64;

/// What comes by the control socket.
pub(crate) enum Request {
    /// Somebody asks.
    Ask(Asked),
    /// The next daemon wants to take over.
    HandOver(Successor),
}

/// A command, and where its answer goes.
pub(crate) struct Asked {
    /// What is asked.
    pub(crate) command: Command,
    /// Where the answer goes.
    pub(crate) answer: oneshot::Sender<Answer>,
    /// Where a trace goes that is begun.
    pub(crate) trace: mpsc::Sender<Told>,
}

/// The tasks that serve the control socket.
pub(crate) struct Server {
    /// Every task has a receiver: when these are gone, so are the tasks.
    ending: watch::Sender<()>,
}

impl Server {
    /// Begins to serve. Whoever asks is answered by the requests' receiver.
    pub(crate) fn start(listener: UnixListener, api: Router) -> (Self, mpsc::Receiver<Request>) {
        Self::with_patience(listener, api, PATIENCE)
    }

    fn with_patience(
        listener: UnixListener,
        api: Router,
        patience: Duration,
    ) -> (Self, mpsc::Receiver<Request>) {
        let (sender, requests) = mpsc::channel(PENDING_REQUESTS);
        let (ending, end) = watch::channel(());
        let desk = Desk {
            requests: sender,
            end,
            patience,
            api,
        };
        tokio::spawn(accept(listener, desk));
        (Self { ending }, requests)
    }

    /// Ends when all answers that were given are written. The requests' receiver has to be gone: what was asked and will not
    /// be answered is said to be so. Those who have not asked yet are not waited for.
    pub(crate) async fn end(self) {
        self.ending.send_replace(());
        // Who does not take an answer loses it after that time.
        let _ = time::timeout(PATIENCE, self.ending.closed()).await;
    }
}

/// What each task of the server has.
#[derive(Clone)]
struct Desk {
    requests: mpsc::Sender<Request>,
    end: watch::Receiver<()>,
    patience: Duration,
    /// What answers those who speak HTTP.
    api: Router,
}

async fn accept(listener: UnixListener, mut desk: Desk) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut admission = Admission::new("the control socket", places);
    loop {
        let (place, (stream, _)) = tokio::select! {
            next = admission.next(&listener) => next,
            _ = desk.end.changed() => return,
        };
        let desk = desk.clone();
        tokio::spawn(async move {
            // Who went away needs no answer.
            let _ = desk.serve(stream).await;
            drop(place);
        });
    }
}

impl Desk {
    async fn serve(mut self, mut stream: UnixStream) -> io::Result<()> {
        let language = tokio::select! {
            language = time::timeout(self.patience, language(&stream)) => language,
            _ = self.end.changed() => return Ok(()),
        };
        if let Ok(Language::Http) = language.unwrap_or(Ok(Language::Commands)) {
            api::serve(stream, self.api, self.end).await;
            return Ok(());
        }
        let (mut reader, mut writer) = stream.split();
        let line = tokio::select! {
            line = time::timeout(self.patience, read_line(&mut reader)) => line,
            _ = self.end.changed() => return Ok(()),
        };
        let command = match line {
            Ok(line) => match line?.as_slice() {
                // It only looked whether somebody is here.
                [] => return Ok(()),
                line => understand(line),
            },
            Err(_) => Err(format!(
                "no command came within {:?}; write one as a line of JSON, such as \"status\"",
                self.patience
            )),
        };
        let (trace, told) = mpsc::channel(PENDING_TOLD);
        let answer = match command {
            Ok(Command::HandOver { pin_path, dataplane }) => {
                let successor = Successor::new(stream, pin_path, dataplane);
                // Where it is gone, the connection ends.
                let _ = self.requests.send(Request::HandOver(successor)).await;
                return Ok(());
            }
            Ok(command) => self.ask(command, trace).await,
            Err(reason) => {
                drop(trace);
                Answer::Failed(reason)
            }
        };
        self.write(&mut writer, &answer).await?;
        self.follow(&mut reader, &mut writer, told).await?;
        writer.shutdown().await
    }

    /// Passes on a trace, until the daemon has no more to say, or whoever asked goes away.
    async fn follow(
        &mut self,
        reader: &mut ReadHalf<'_>,
        writer: &mut WriteHalf<'_>,
        mut told: mpsc::Receiver<Told>,
    ) -> io::Result<()> {
        let mut end = [0];
        loop {
            tokio::select! {
                told = told.recv() => match told {
                    Some(told) => self.write(writer, &Answer::Told(told)).await?,
                    None => return Ok(()),
                },
                _ = reader.read(&mut end) => return Ok(()),
                _ = self.end.changed() => return Ok(()),
            }
        }
    }

    async fn ask(&self, command: Command, trace: mpsc::Sender<Told>) -> Answer {
        let (answer, answered) = oneshot::channel();
        let asked = Asked {
            command,
            answer,
            trace,
        };
        let sent = self.requests.send(Request::Ask(asked)).await;
        let answer = if sent.is_ok() { answered.await.ok() } else { None };
        answer.unwrap_or_else(|| Answer::Failed("the daemon is ending".into()))
    }

    async fn write(&self, writer: &mut WriteHalf<'_>, answer: &Answer) -> io::Result<()> {
        let mut line = serde_json::to_vec(answer)?;
        line.push(b'\n');
        for piece in line.chunks(PIECE) {
            time::timeout(self.patience, writer.write_all(piece)).await??;
        }
        Ok(())
    }
}

/// What somebody speaks who has connected.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Language {
    /// Commands, in JSON: it begins with a brace or a quote.
    Commands,
    /// HTTP: it begins with the letters of a method.
    Http,
}

/// What the first byte says, which stays where it is.
async fn language(stream: &UnixStream) -> io::Result<Language> {
    let mut first = [0];
    let look = || Ok(rustix::net::recv(stream, &mut first, RecvFlags::PEEK)?.0);
    stream.async_io(Interest::READABLE, look).await?;
    Ok(if first[0].is_ascii_uppercase() {
        Language::Http
    } else {
        Language::Commands
    })
}

fn understand(line: &[u8]) -> Result<Command, String> {
    if line.len() as u64 == LONGEST_COMMAND && !line.ends_with(b"\n") {
        return Err(format!(
            "not a command: it is longer than {LONGEST_COMMAND} bytes"
        ));
    }
    serde_json::from_slice(line).map_err(|error| format!("not a command: {error}"))
}

async fn read_line(reader: &mut ReadHalf<'_>) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    BufReader::new(reader.take(LONGEST_COMMAND))
        .read_until(b'\n', &mut line)
        .await?;
    Ok(line)
}

#[cfg(test)]
mod tests {
    use std::{io::Read as _, io::Write as _, os::unix::net::UnixStream, path::PathBuf};

    use tempfile::TempDir;
    use tokio::task;

    use super::*;

    fn listen() -> (TempDir, PathBuf, UnixListener) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control.sock");
        let listener = UnixListener::bind(&path).unwrap();
        (directory, path, listener)
    }

    /// Sends `line` from a thread of its own, and returns all that is answered.
    async fn say(path: PathBuf, line: Vec<u8>) -> String {
        let exchange = move || {
            let mut stream = UnixStream::connect(path)?;
            stream.write_all(&line)?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).map(|_| answer)
        };
        task::spawn_blocking(exchange).await.unwrap().unwrap()
    }

    async fn asked(requests: &mut mpsc::Receiver<Request>) -> Option<Asked> {
        match requests.recv().await? {
            Request::Ask(asked) => Some(asked),
            Request::HandOver(_) => panic!("nobody takes over"),
        }
    }

    /// A daemon that does all that it is told.
    fn obey(mut requests: mpsc::Receiver<Request>) {
        tokio::spawn(async move {
            while let Some(asked) = asked(&mut requests).await {
                let _ = asked.answer.send(Answer::Done);
            }
        });
    }

    #[tokio::test]
    async fn what_is_no_command_is_answered_as_an_error() {
        let (_directory, path, listener) = listen();
        let (_server, requests) = Server::start(listener, Router::new());
        obey(requests);
        let long = vec![b'a'; LONGEST_COMMAND as usize];
        for (line, says) in [
            (b"\"status\"\n".to_vec(), "\"done\"\n"),
            (b"\"sta\xfftus\"\n".to_vec(), "not a command: invalid unicode"),
            (b"\xff\xfe\n".to_vec(), "not a command: expected value"),
            (b"\n".to_vec(), "not a command: EOF"),
            (long, "not a command: it is longer than 65536 bytes"),
        ] {
            let answer = say(path.clone(), line).await;
            assert!(answer.contains(says), "{answer}");
        }
    }

    #[tokio::test]
    async fn connections_that_say_nothing_keep_nobody_out_for_long() {
        let (_directory, path, listener) = listen();
        let (_server, requests) = Server::with_patience(listener, Router::new(), Duration::from_millis(100));
        obey(requests);
        let idle: Vec<_> = (0..CONNECTIONS)
            .map(|_| UnixStream::connect(&path).unwrap())
            .collect();
        let answer = say(path, b"\"status\"\n".to_vec()).await;
        assert_eq!(answer, "\"done\"\n");
        // From another thread: this one serves them.
        let told = task::spawn_blocking(move || idle.into_iter().map(std::io::read_to_string).collect());
        let told: io::Result<Vec<String>> = told.await.unwrap();
        for told in told.unwrap() {
            assert!(told.contains("no command came within 100ms"), "{told}");
        }
    }

    #[tokio::test]
    async fn the_end_waits_for_answers_and_not_for_those_who_do_not_ask() {
        let (_directory, path, listener) = listen();
        let (server, mut requests) = Server::start(listener, Router::new());
        let _idle = UnixStream::connect(&path).unwrap();
        let first = tokio::spawn(say(path.clone(), b"{\"stop\":{\"detach\":true}}\n".to_vec()));
        let stop = asked(&mut requests).await.unwrap();
        let second = tokio::spawn(say(path.clone(), b"\"status\"\n".to_vec()));
        while requests.is_empty() {
            task::yield_now().await;
        }
        drop(requests);
        let end = tokio::spawn(server.end());
        stop.answer.send(Answer::Done).unwrap();
        time::timeout(PATIENCE / 2, end).await.unwrap().unwrap();
        assert_eq!(first.await.unwrap(), "\"done\"\n");
        assert!(second.await.unwrap().contains("the daemon is ending"));
    }
}
