//! Responses of members over streams.

use std::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll, ready},
};

use h2::{Reason, RecvStream, client::ResponseFuture};
use http::{HeaderValue, Method, Request, Response, Uri, Version};

use super::{FromStream, StreamSink, add_lines};
use crate::{
    http::{
        fields::Name,
        framing::{self, Framing},
        head::{Head, Limits},
    },
    proxy::{
        admit::Admitted,
        encode::{self, ToMember},
        fault::Fault,
        receive::Receiver,
        upstream::Share,
    },
};

/// A response of a member over a stream.
pub(in crate::proxy) struct FromMember {
    response: ResponseFuture,
    body: Option<RecvStream>,
    /// As long as it is there, the connection is in use.
    share: Share,
}

impl FromMember {
    /// Sends the head of a request.
    pub(in crate::proxy) fn begin(
        mut share: Share,
        head: &Head,
        admitted: &Admitted,
        edits: &ToMember<'_>,
        scheme: &str,
    ) -> Result<(Self, StreamSink), Fault> {
        let mut lines = Vec::new();
        encode::fields_to_member(head, admitted, edits, &mut lines);
        let mut request = Request::new(());
        *request.version_mut() = Version::HTTP_2;
        add_lines(&lines, request.headers_mut());
        let host = request.headers_mut().remove(http::header::HOST);
        let authority = host.as_ref().map_or(&b""[..], HeaderValue::as_bytes);
        // RFC 9110, section 10.1.4: gRPC wants it said.
        if head.lists(Name::Te, b"trailers") {
            request
                .headers_mut()
                .insert(http::header::TE, HeaderValue::from_static("trailers"));
        }
        *request.method_mut() = Method::from_bytes(head.method()).map_err(|_| Fault::Unsayable)?;
        // What a client sends of other characters is not its member's to answer for.
        *request.uri_mut() = Uri::builder()
            .scheme(scheme)
            .authority(authority)
            .path_and_query(encode::path(head, admitted).as_ref())
            .build()
            .map_err(|_| Fault::Unsayable)?;
        let has_body = !matches!(admitted.framing, Framing::None | Framing::Length(0));
        let begun = share.send.send_request(request, !has_body);
        let (response, stream) = begun.map_err(|error| failure(&error))?;
        let receiver = Self {
            response,
            body: None,
            share,
        };
        Ok((receiver, StreamSink::new(stream, (!has_body).then_some(0))))
    }

    /// Has other requests use other connections.
    pub(in crate::proxy) fn retire(&self) {
        self.share.retire();
    }
}

impl Receiver for FromMember {
    type Body<'b> = FromStream;

    fn poll_head(
        &mut self,
        context: &mut Context<'_>,
        response: &mut Head,
        limits: &Limits,
    ) -> Poll<Result<(), Fault>> {
        let broken = |error| failure(&error);
        if let Poll::Ready(Some(interim)) = self.response.poll_informational(context) {
            return Poll::Ready(read(&interim.map_err(broken)?, response, limits));
        }
        let received = ready!(Pin::new(&mut self.response).poll(context)).map_err(broken)?;
        let (parts, body) = received.into_parts();
        self.body = Some(body);
        Poll::Ready(read(&Response::from_parts(parts, ()), response, limits))
    }

    fn framing(&self, response: &Head, method: &[u8]) -> Result<Framing, Fault> {
        let said = framing::of_response(response, method);
        let is_over = self.body.as_ref().is_none_or(RecvStream::is_end_stream);
        match said {
            Err(_) => Err(Fault::BadResponse("it cannot be said where its body ends")),
            // There the end of the stream tells.
            Ok(Framing::UntilClose) if is_over => Ok(Framing::Length(0)),
            // Also where it is said to be empty: trailers follow, or there would have been the end.
            Ok(Framing::UntilClose | Framing::Length(0)) if !is_over => Ok(Framing::Chunked),
            Ok(framing) => Ok(framing),
        }
    }

    fn body(&mut self, _framing: Framing) -> FromStream {
        self.body.take().map_or_else(FromStream::nothing, FromStream::new)
    }

    fn keeps(&self, _response: &Head, _framing: Framing) -> bool {
        true
    }
}

/// What it means that no response came. A stream that was refused, or that came after the last one that a member has said it
/// takes, was not looked at (RFC 9113, sections 6.8 and 8.7).
fn failure(error: &h2::Error) -> Fault {
    let was_not_taken = match error.reason() {
        Some(Reason::REFUSED_STREAM) => true,
        Some(Reason::NO_ERROR) => error.is_go_away(),
        _ => false,
    };
    if was_not_taken && error.is_remote() {
        Fault::MemberRefused
    } else if error.is_reset() && error.is_library() {
        Fault::BadResponse("its stream breaks the rules of HTTP/2, or its header is too large")
    } else {
        Fault::MemberClosed
    }
}

/// Takes a response for a head like any other.
fn read(received: &Response<()>, response: &mut Head, limits: &Limits) -> Result<(), Fault> {
    response.clear();
    response.status = received.status().as_u16();
    let reason = received.status().canonical_reason().unwrap_or_default();
    response.method = response.add(reason.as_bytes());
    for (name, value) in received.headers() {
        response.push(name.as_str().as_bytes(), value.as_bytes());
    }
    if response.bytes.len() > limits.bytes || response.fields.len() > limits.fields {
        return Err(Fault::BadResponse("its header is too large"));
    }
    Ok(())
}
