//! Calls of gRPC (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>), as its libraries make them.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use h2::client::ResponseFuture;
use h2::{RecvStream, SendStream};
use http::StatusCode;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::streams::{Begun, Follows, begin};
use super::{Ask, Http2, fields, next_piece, send_body};
use crate::client::Client;

/// Whether it is compressed, and the length.
const PREFIX: usize = 5;

/// A call, in which messages go in both directions, until either side has no more.
///
/// Members know two methods: `/laboratory.Echo/Describe`, which answers a message with the [`super::Echo`] of the request, and
/// `/laboratory.Echo/Converse`, which answers each message with itself, at once. In the trailers they say in `x-messages` how
/// many it were. Any other method is refused with the status 12 before a message is read, and a request without
/// `te: trailers` with 13, as servers of gRPC do.
#[derive(Debug)]
pub struct Call {
    client: Client,
    talk: Arc<Mutex<Talk>>,
}

#[derive(Debug)]
struct Talk {
    stream: SendStream<Bytes>,
    response: Option<ResponseFuture>,
    outcome: Outcome,
    body: Option<RecvStream>,
    buffer: BytesMut,
}

/// How a call ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The status of HTTP.
    pub http: u16,
    /// The header fields of the response.
    pub fields: Vec<(String, String)>,
    /// Its trailers; none: there was nothing but the header.
    pub trailers: Option<Vec<(String, String)>>,
}

impl Outcome {
    /// The member that it ended at; empty: it was none.
    #[must_use]
    pub fn member(&self) -> &str {
        let found = self.fields.iter().find(|(field, _)| field == "x-member");
        found.map_or("", |(_, value)| value)
    }

    /// The value of a field that comes last: in the trailers, or in a header that nothing follows.
    #[must_use]
    pub fn last(&self, name: &str) -> Option<&str> {
        let all = self.trailers.as_ref().unwrap_or(&self.fields);
        let found = all.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl Http2 {
    /// Calls a method, with further fields.
    pub fn call(&self, method: &str, further: &[(&str, &str)]) -> Result<Call> {
        let (send, scheme) = (self.send.clone(), self.scheme);
        let common = [("content-type", "application/grpc"), ("te", "trailers")];
        let mut ask = Ask {
            method: "POST".to_owned(),
            ..Ask::get(method)
        };
        for (name, value) in common.iter().chain(further) {
            ask = ask.with(name, value);
        }
        let begun = self
            .client
            .run(async move { begin(send, scheme, &ask, Follows::More).await });
        let (response, stream): Begun = begun?;
        Ok(Call {
            client: self.client.clone(),
            talk: Arc::new(Mutex::new(Talk {
                stream,
                response: Some(response),
                outcome: Outcome::default(),
                body: None,
                buffer: BytesMut::new(),
            })),
        })
    }
}

impl Call {
    /// Sends a message.
    pub fn send(&self, message: &[u8]) -> Result<()> {
        let message = framed(message);
        self.talk(|mut talk| async move { send_body(&mut talk.stream, message, false).await })
    }

    /// Says that no message follows.
    pub fn finish(&self) -> Result<()> {
        self.talk(|mut talk| async move { Ok(talk.stream.send_data(Bytes::new(), true)?) })
    }

    /// The next message; none: there are no more.
    pub fn receive(&self) -> Result<Option<Bytes>> {
        self.talk(|mut talk| async move { talk.receive().await })
    }

    /// How it ended, after the messages that are still to come.
    pub fn outcome(&self) -> Result<Outcome> {
        self.talk(|mut talk| async move {
            while talk.receive().await?.is_some() {}
            Ok(talk.outcome.clone())
        })
    }

    /// Sends one message and gets one, as calls do that are not called streaming.
    pub fn ask(&self, message: &[u8]) -> Result<(Bytes, Outcome)> {
        self.send(message)?;
        self.finish()?;
        let answer = self.receive()?.context("there is no message")?;
        Ok((answer, self.outcome()?))
    }

    fn talk<T, F>(&self, with: impl FnOnce(OwnedMutexGuard<Talk>) -> F + Send + 'static) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let (talk, timeout) = (Arc::clone(&self.talk), self.client.timeout());
        self.client.run(async move {
            let talk = talk.lock_owned().await;
            tokio::time::timeout(timeout, with(talk)).await?
        })
    }
}

impl Talk {
    async fn receive(&mut self) -> Result<Option<Bytes>> {
        if let Some(response) = self.response.take() {
            let (head, body) = response.await?.into_parts();
            self.outcome.http = head.status.as_u16();
            self.outcome.fields = fields(&head.headers);
            // Of whoever is no server of gRPC, it has no messages.
            if head.status == StatusCode::OK && !body.is_end_stream() {
                self.body = Some(body);
            }
        }
        let Some(body) = &mut self.body else {
            return Ok(None);
        };
        let message = next_message(body, &mut self.buffer).await?;
        if message.is_none() {
            let trailers = body.trailers().await?.unwrap_or_default();
            self.outcome.trailers = Some(fields(&trailers));
            self.body = None;
        }
        Ok(message)
    }
}

/// A message as it is sent.
pub(crate) fn framed(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(PREFIX + message.len());
    framed.put_u8(0);
    framed.put_u32(message.len() as u32);
    framed.put(message);
    framed.freeze()
}

/// The next message of a body, of which some bytes may be there already; none: there are no more.
pub(crate) async fn next_message(body: &mut RecvStream, buffer: &mut BytesMut) -> Result<Option<Bytes>> {
    loop {
        if let Some(mut prefix) = buffer.get(..PREFIX) {
            anyhow::ensure!(prefix.get_u8() == 0, "a message is compressed");
            let end = PREFIX + prefix.get_u32() as usize;
            if buffer.len() >= end {
                let message = buffer.split_to(end).freeze();
                return Ok(Some(message.slice(PREFIX..)));
            }
        }
        match next_piece(body).await? {
            Some(piece) => buffer.put(piece),
            None if buffer.is_empty() => return Ok(None),
            None => anyhow::bail!("it ends within a message"),
        }
    }
}
