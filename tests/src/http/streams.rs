//! A client of HTTP/2 that knows that it is spoken, for what curl does not do: trailers, and many requests at once.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use h2::Reason;
use h2::client::SendRequest;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{Reply, Scheme};
use crate::client::Client;

/// A request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// The method; empty: GET.
    pub method: String,
    /// The target.
    pub target: String,
    /// Header fields.
    pub fields: Vec<(String, String)>,
    /// The body; empty: none.
    pub body: Vec<u8>,
    /// Trailers.
    pub trailers: Vec<(String, String)>,
}

impl Ask {
    /// A request for a target.
    #[must_use]
    pub fn get(target: &str) -> Self {
        Self {
            target: target.to_owned(),
            ..Self::default()
        }
    }

    /// One with a further field.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// Whether a request was not taken since its connection is about to end, as the server has said.
pub(super) fn was_not_taken(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<h2::Error>();
    error.is_some_and(|error| error.is_go_away() && error.reason() == Some(Reason::NO_ERROR))
}

/// A connection.
#[derive(Clone, Debug)]
pub struct Http2 {
    pub(super) client: Client,
    pub(super) send: SendRequest<Bytes>,
    pub(super) scheme: Scheme,
}

impl Client {
    /// Opens a connection of HTTP/2 without TLS.
    pub fn http2(&self, to: SocketAddr) -> Result<Http2> {
        let send = self.run(async move { handshake(connect(to).await?).await })?;
        Ok(Http2 {
            client: self.clone(),
            send,
            scheme: Scheme::Http,
        })
    }

    /// Opens one with TLS, in whose handshake HTTP/2 is agreed on.
    pub fn http2_over_tls(&self, to: SocketAddr, config: &Arc<ClientConfig>, name: &str) -> Result<Http2> {
        let connector = TlsConnector::from(Arc::clone(config));
        let name = ServerName::try_from(name.to_owned())?;
        let send = self.run(async move {
            let tls = connector.connect(name, connect(to).await?).await?;
            ensure!(tls.get_ref().1.alpn_protocol() == Some(b"h2"), "it is not HTTP/2");
            handshake(tls).await
        })?;
        Ok(Http2 {
            client: self.clone(),
            send,
            scheme: Scheme::Https,
        })
    }
}

async fn connect(to: SocketAddr) -> Result<TcpStream> {
    let tcp = TcpStream::connect(to).await?;
    tcp.set_nodelay(true)?;
    Ok(tcp)
}

async fn handshake<S>(stream: S) -> Result<SendRequest<Bytes>>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (send, connection) = h2::client::handshake(stream).await?;
    tokio::spawn(connection);
    Ok(send)
}

impl Http2 {
    /// Asks, and reads the response.
    pub fn ask(&self, ask: Ask) -> Result<Reply> {
        let mut replies = self.ask_all(vec![ask]);
        replies.pop().context("there is no response")?
    }

    /// Asks all at once.
    #[must_use]
    pub fn ask_all(&self, asks: Vec<Ask>) -> Vec<Result<Reply>> {
        let (send, scheme) = (self.send.clone(), self.scheme);
        let timeout = self.client.timeout();
        self.client.run(async move {
            let asked = asks.into_iter().map(|ask| {
                let send = send.clone();
                tokio::spawn(async move { tokio::time::timeout(timeout, exchange(send, scheme, ask)).await? })
            });
            let asked: Vec<_> = asked.collect();
            let mut replies = Vec::new();
            for one in asked {
                replies.push(one.await.unwrap_or_else(|error| Err(error.into())));
            }
            replies
        })
    }

    /// Begins a request, to be given up by letting go of what is returned.
    pub fn begin(&self, ask: Ask) -> Result<impl Sized + use<>> {
        let (send, scheme) = (self.send.clone(), self.scheme);
        let begun = self
            .client
            .run(async move { begin(send, scheme, &ask, Follows::Nothing).await })?;
        Ok(begun)
    }

    /// Begins a request and gives it up as soon as the response has begun.
    pub fn give_up(&self, ask: Ask) -> Result<()> {
        let (send, scheme) = (self.send.clone(), self.scheme);
        self.client.run(async move {
            let (response, _) = begin(send, scheme, &ask, Follows::Nothing).await?;
            drop(response.await?);
            Ok(())
        })
    }
}

pub(super) type Begun = (h2::client::ResponseFuture, SendStream<Bytes>);

/// What comes after the head of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Follows {
    Nothing,
    /// A body, trailers or both.
    More,
}

pub(super) async fn begin(
    send: SendRequest<Bytes>,
    scheme: Scheme,
    ask: &Ask,
    follows: Follows,
) -> Result<Begun> {
    let method = if ask.method.is_empty() { "GET" } else { &ask.method };
    let mut request = Request::builder()
        .method(method)
        .uri(format!("{scheme}://www.example.com{}", ask.target));
    for (name, value) in &ask.fields {
        request = request.header(name, value);
    }
    let mut send = send.ready().await?;
    Ok(send.send_request(request.body(())?, follows == Follows::Nothing)?)
}

async fn exchange(send: SendRequest<Bytes>, scheme: Scheme, ask: Ask) -> Result<Reply> {
    let follows = if ask.body.is_empty() && ask.trailers.is_empty() {
        Follows::Nothing
    } else {
        Follows::More
    };
    let (response, mut stream) = begin(send, scheme, &ask, follows).await?;
    if !ask.body.is_empty() {
        send_body(&mut stream, ask.body.into(), ask.trailers.is_empty()).await?;
    }
    if !ask.trailers.is_empty() {
        stream.send_trailers(field_map(&ask.trailers)?)?;
    }
    let (head, mut body) = response.await?.into_parts();
    let mut reply = Reply {
        status: head.status.as_u16(),
        fields: fields(&head.headers),
        ..Reply::default()
    };
    while let Some(piece) = next_piece(&mut body).await? {
        reply.body.extend_from_slice(&piece);
    }
    if let Some(trailers) = body.trailers().await? {
        reply.trailers = fields(&trailers);
    }
    Ok(reply)
}

/// Sends a body as the other side takes it; its last piece may be the end of the stream.
pub(crate) async fn send_body(stream: &mut SendStream<Bytes>, mut body: Bytes, is_all: bool) -> Result<()> {
    if body.is_empty() {
        return Ok(stream.send_data(body, is_all)?);
    }
    while !body.is_empty() {
        stream.reserve_capacity(body.len());
        let room = std::future::poll_fn(|context| stream.poll_capacity(context)).await;
        let room = room.context("the stream has ended")??;
        let piece = body.split_to(room.min(body.len()));
        stream.send_data(piece, body.is_empty() && is_all)?;
    }
    Ok(())
}

/// The next piece of a body, for which the other side may send as much more.
pub(crate) async fn next_piece(body: &mut RecvStream) -> Result<Option<Bytes>> {
    let Some(piece) = body.data().await.transpose()? else {
        return Ok(None);
    };
    body.flow_control().release_capacity(piece.len())?;
    Ok(Some(piece))
}

pub(crate) fn fields(map: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    map.iter()
        .map(|(name, value)| (name.as_str().to_owned(), text(value)))
        .collect()
}

/// The way back of [`fields`].
pub(crate) fn field_map(fields: &[(String, String)]) -> Result<HeaderMap> {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        map.append(
            HeaderName::from_bytes(name.as_bytes())?,
            HeaderValue::from_str(value)?,
        );
    }
    Ok(map)
}
