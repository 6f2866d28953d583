//! A member that speaks HTTP/2, and does with its connections and streams what a test wants.

use std::{
    future::{pending, poll_fn},
    sync::atomic::AtomicU64,
};

use h2::{Reason, RecvStream, SendStream, server::SendResponse};
use http::{Response, StatusCode};
use tokio::{net::TcpStream, sync::Semaphore, task::JoinSet, time};

use super::*;

/// What `/large` is.
pub(super) const LARGE: usize = 1 << 20;

pub(super) struct Member {
    pub(super) address: SocketAddr,
    pub(super) seen: Arc<Seen>,
}

/// What it has seen.
pub(super) struct Seen {
    arrived: AtomicU32,
    opened: AtomicU32,
    closed: AtomicU32,
    /// Bytes of bodies that it could send.
    sent: AtomicU64,
    /// Requests that wait and may be answered.
    may: Semaphore,
}

impl Member {
    /// One that takes so many requests on a connection.
    pub(super) fn start(most_streams: u32) -> Self {
        let socket = TcpListener::bind("127.0.0.2:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let address = socket.local_addr().unwrap();
        let seen = Arc::new(Seen {
            arrived: AtomicU32::new(0),
            opened: AtomicU32::new(0),
            closed: AtomicU32::new(0),
            sent: AtomicU64::new(0),
            may: Semaphore::new(0),
        });
        let seeing = Arc::clone(&seen);
        thread::spawn(move || {
            block_on(async move {
                let socket = tokio::net::TcpListener::from_std(socket).unwrap();
                loop {
                    let (stream, _) = socket.accept().await.unwrap();
                    let seen = Arc::clone(&seeing);
                    tokio::spawn(async move {
                        seen.opened.fetch_add(1, Relaxed);
                        // How a connection ends is not the member's to mind.
                        let _ = seen.serve(stream, most_streams).await;
                        seen.closed.fetch_add(1, Relaxed);
                    });
                }
            });
        });
        Self { address, seen }
    }

    /// As the only member of the pool `web`, with these settings.
    pub(super) fn pool(&self, settings: &str) -> String {
        let (ip, port) = (self.address.ip(), self.address.port());
        format!(
            "[[pool]]\nname = \"web\"\nhttp = {{ protocol = \"HTTP/2\", retries = 0, {settings} }}\n\
             [[pool.member]]\nname = \"a\"\naddress = \"{ip}\"\nport = {port}\n"
        )
    }

    pub(super) fn arrived(&self) -> u32 {
        self.seen.arrived.load(Relaxed)
    }

    pub(super) fn opened(&self) -> u32 {
        self.seen.opened.load(Relaxed)
    }

    pub(super) fn open(&self) -> u32 {
        self.opened() - self.seen.closed.load(Relaxed)
    }

    pub(super) fn sent(&self) -> u64 {
        self.seen.sent.load(Relaxed)
    }

    pub(super) fn let_answer(&self, requests: usize) {
        self.seen.may.add_permits(requests);
    }
}

impl Seen {
    async fn serve(self: &Arc<Self>, stream: TcpStream, most_streams: u32) -> Result<(), h2::Error> {
        let mut builder = h2::server::Builder::new();
        builder.max_concurrent_streams(most_streams);
        let mut connection = builder.handshake(stream).await?;
        let mut streams = JoinSet::new();
        let mut number = 0;
        while let Some(accepted) = connection.accept().await {
            let (request, mut respond) = accepted?;
            number += 1;
            if request.uri().path() == "/first-only" && number > 1 {
                respond.send_reset(Reason::REFUSED_STREAM);
                continue;
            }
            self.arrived.fetch_add(1, Relaxed);
            if request.uri().path() == "/dead" {
                // The kernel goes on to take what is sent, and nobody looks at it.
                pending::<()>().await;
            }
            let seen = Arc::clone(self);
            streams.spawn(async move { seen.answer(request, respond).await });
        }
        Ok(())
    }

    async fn answer(
        &self,
        request: http::Request<RecvStream>,
        mut respond: SendResponse<Bytes>,
    ) -> Result<(), h2::Error> {
        let target = request.uri().path_and_query().unwrap().as_str();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut head = Response::new(());
        if let Ok(length) = query.parse() {
            let value = "v".repeat(length).parse().unwrap();
            head.headers_mut().insert("x-long", value);
        }
        match path {
            "/silent" => pending::<()>().await,
            "/held" => self.may.acquire().await.unwrap().forget(),
            "/early" => {
                *head.status_mut() = StatusCode::EARLY_HINTS;
                respond.send_informational(head)?;
                head = Response::new(());
            }
            _ => {}
        }
        let mut stream = respond.send_response(head, false)?;
        match path {
            "/large" => self.send(&mut stream, LARGE).await?,
            "/dripping" => {
                while self.may.try_acquire().is_err() {
                    self.send(&mut stream, 1).await?;
                    time::sleep(Duration::from_millis(50)).await;
                }
            }
            _ => stream.send_data(Bytes::copy_from_slice(target.as_bytes()), false)?,
        }
        stream.send_data(Bytes::new(), true)
    }

    async fn send(&self, stream: &mut SendStream<Bytes>, mut length: usize) -> Result<(), h2::Error> {
        while length > 0 {
            stream.reserve_capacity(length);
            let room = poll_fn(|context| stream.poll_capacity(context)).await;
            let count = room.unwrap_or(Err(Reason::CANCEL.into()))?;
            let count = count.min(length);
            stream.send_data(vec![b'x'; count].into(), false)?;
            self.sent.fetch_add(count as u64, Relaxed);
            length -= count;
        }
        Ok(())
    }
}
