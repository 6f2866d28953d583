//! A client of HTTP/2 that knows that it is spoken, for what curl does not do: trailers, and many requests at once.

use std::io;
use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use h2::Reason;
use h2::client::SendRequest;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use tokio::net::TcpStream;

use super::Reply;
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
    client: Client,
    send: SendRequest<Bytes>,
}

impl Client {
    /// Opens a connection of HTTP/2 without TLS.
    pub fn http2(&self, to: SocketAddr) -> Result<Http2> {
        let send = self.run(async move {
            let tcp = TcpStream::connect(to).await?;
            tcp.set_nodelay(true)?;
            let (send, connection) = h2::client::handshake(tcp).await.map_err(io::Error::other)?;
            tokio::spawn(connection);
            Ok::<_, io::Error>(send)
        })?;
        Ok(Http2 {
            client: self.clone(),
            send,
        })
    }
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
        let send = self.send.clone();
        let timeout = self.client.timeout();
        self.client.run(async move {
            let asked = asks.into_iter().map(|ask| {
                let send = send.clone();
                tokio::spawn(async move { tokio::time::timeout(timeout, exchange(send, ask)).await? })
            });
            let asked: Vec<_> = asked.collect();
            let mut replies = Vec::new();
            for one in asked {
                replies.push(one.await.unwrap_or_else(|error| Err(error.into())));
            }
            replies
        })
    }

    /// Begins a request and gives it up as soon as the response has begun.
    pub fn give_up(&self, ask: Ask) -> Result<()> {
        let send = self.send.clone();
        self.client.run(async move {
            let (response, _) = begin(send, &ask).await?;
            drop(response.await?);
            Ok(())
        })
    }
}

type Begun = (h2::client::ResponseFuture, h2::SendStream<Bytes>);

async fn begin(send: SendRequest<Bytes>, ask: &Ask) -> Result<Begun> {
    let method = if ask.method.is_empty() { "GET" } else { &ask.method };
    let mut request = Request::builder()
        .method(method)
        .uri(format!("http://www.example.com{}", ask.target));
    for (name, value) in &ask.fields {
        request = request.header(name, value);
    }
    let is_whole = ask.body.is_empty() && ask.trailers.is_empty();
    let mut send = send.ready().await?;
    Ok(send.send_request(request.body(())?, is_whole)?)
}

async fn exchange(send: SendRequest<Bytes>, ask: Ask) -> Result<Reply> {
    let (response, mut stream) = begin(send, &ask).await?;
    let mut body = Bytes::from(ask.body);
    while !body.is_empty() {
        stream.reserve_capacity(body.len());
        let room = std::future::poll_fn(|context| stream.poll_capacity(context)).await;
        let room = room.context("the stream has ended")??;
        let piece = body.split_to(room.min(body.len()));
        stream.send_data(piece, body.is_empty() && ask.trailers.is_empty())?;
    }
    if !ask.trailers.is_empty() {
        let mut trailers = HeaderMap::new();
        for (name, value) in &ask.trailers {
            trailers.append(
                HeaderName::from_bytes(name.as_bytes())?,
                HeaderValue::from_str(value)?,
            );
        }
        stream.send_trailers(trailers)?;
    }
    let (head, mut body) = response.await?.into_parts();
    let mut reply = Reply {
        status: head.status.as_u16(),
        fields: fields(&head.headers),
        ..Reply::default()
    };
    while let Some(piece) = body.data().await {
        let piece = piece?;
        body.flow_control().release_capacity(piece.len())?;
        reply.body.extend_from_slice(&piece);
    }
    if let Some(trailers) = body.trailers().await? {
        reply.trailers = fields(&trailers);
    }
    Ok(reply)
}

fn fields(map: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    map.iter()
        .map(|(name, value)| (name.as_str().to_owned(), text(value)))
        .collect()
}
