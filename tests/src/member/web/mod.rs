//! A web server that answers as the queries of its requests tell it to: see [`crate::http`].

mod grpc;
mod http1;
mod http2;
mod page;
mod websocket;

use std::io::{self, Cursor};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use self::page::{Manner, Page};
use super::Shared;
use crate::http::{Begin, Greeting, values};
pub(crate) use http1::fields;

/// Longer than anybody waits.
const NEVER: Duration = Duration::from_hours(1);
/// What a connection of HTTP/2 begins with (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

type Fields = Vec<(String, String)>;

/// A request as the member got it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Echo {
    /// The name of the member.
    pub member: String,
    /// Which one it was of all that the member got.
    pub number: u32,
    /// The address and port that the request came from.
    pub peer: String,
    /// What the connection began with, if with a PROXY header.
    pub greeting: Option<Greeting>,
    /// The request line; what HTTP/2 has in its place looks the same.
    pub line: String,
    /// The header fields, in their order; `host` is also what HTTP/2 calls `:authority`.
    pub fields: Vec<(String, String)>,
    /// How long the body was.
    pub length: usize,
    /// What was in the body: see [`crate::http::digest`].
    pub digest: u64,
    /// The trailers.
    pub trailers: Vec<(String, String)>,
}

impl Echo {
    /// The values of a field, in their order.
    #[must_use]
    pub fn values(&self, name: &str) -> Vec<&str> {
        values(&self.fields, name)
    }
}

/// A connection, to whoever serves its requests.
#[derive(Clone)]
struct Visit {
    peer: SocketAddr,
    greeting: Option<Greeting>,
    shared: Arc<Shared>,
}

/// A request whose head is there.
struct Arrived {
    echo: Echo,
    page: Page,
    under_way: UnderWay,
}

impl Visit {
    /// Counts a request.
    fn arrive(&self, line: String, fields: Fields) -> Arrived {
        let shared = &self.shared;
        let target = line.split(' ').nth(1).unwrap_or_default();
        let mut page = Page::of(target);
        let mut number = 0;
        if target == "/health" {
            page.status = Some(shared.health().code());
        } else {
            number = shared.requests.fetch_add(1, Ordering::Relaxed) + 1;
            if page.wants(Manner::Well) {
                page.status = Some(shared.well().code());
            }
        }
        let echo = Echo {
            member: shared.name.clone(),
            number,
            peer: self.peer.to_string(),
            greeting: self.greeting,
            line,
            fields,
            ..Echo::default()
        };
        Arrived {
            echo,
            page,
            under_way: UnderWay::begin(shared),
        }
    }
}

/// A request that was not answered yet. What counts it ends before the answer is written: whoever has read the answer may
/// send the next request before this task goes on.
struct UnderWay(Arc<Shared>);

impl UnderWay {
    fn begin(shared: &Arc<Shared>) -> Self {
        let now = shared.under_way.fetch_add(1, Ordering::Relaxed) + 1;
        shared.most_at_once.fetch_max(now, Ordering::Relaxed);
        Self(Arc::clone(shared))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Open<'s>(&'s Shared);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Serves a connection, until it ends: over TLS, where there is something to accept it with.
pub(super) async fn serve(
    mut tcp: TcpStream,
    peer: SocketAddr,
    tls: Option<&TlsAcceptor>,
    shared: &Arc<Shared>,
) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    shared.open.fetch_add(1, Ordering::Relaxed);
    let _open = Open(shared);
    let mut begin = Vec::new();
    let visit = Visit {
        peer,
        greeting: take_greeting(&mut tcp, &mut begin).await?,
        shared: Arc::clone(shared),
    };
    if let Some(tls) = tls {
        let stream = tls.accept(rewound(begin, tcp)).await?;
        return match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => http2::serve(stream, &visit).await,
            _ => http1::serve(stream, Vec::new(), &visit).await,
        };
    }
    while PREFACE.starts_with(&begin) && tcp.read_buf(&mut begin).await? > 0 {}
    if begin.starts_with(PREFACE) {
        http2::serve(rewound(begin, tcp), &visit).await
    } else {
        http1::serve(tcp, begin, &visit).await
    }
}

/// Takes a PROXY header, if there is one, and leaves what follows it.
async fn take_greeting(tcp: &mut TcpStream, begin: &mut Vec<u8>) -> io::Result<Option<Greeting>> {
    loop {
        match Begin::of(begin)? {
            Begin::Greeting(greeting, length) => {
                begin.drain(..length);
                return Ok(Some(greeting));
            }
            Begin::Unclear if tcp.read_buf(begin).await? > 0 => {}
            Begin::Unclear | Begin::NoGreeting => return Ok(None),
        }
    }
}

/// A connection with what was read of it already.
fn rewound(begin: Vec<u8>, tcp: TcpStream) -> impl AsyncRead + AsyncWrite + Send + Unpin + 'static {
    let (reader, writer) = tcp.into_split();
    tokio::io::join(Cursor::new(begin).chain(reader), writer)
}
