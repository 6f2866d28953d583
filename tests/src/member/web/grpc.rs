//! Calls of gRPC: see [`crate::http::Call`].

use anyhow::Result;
use bytes::{Bytes, BytesMut};
use h2::RecvStream;
use h2::server::SendResponse;
use http::Response;

use super::Echo;
use crate::http::{digest, field_map, framed, next_message, send_body};

/// Statuses of gRPC.
const OK: &str = "0";
const UNIMPLEMENTED: &str = "12";
const INTERNAL: &str = "13";
/// What the health service says of a server as a whole, and of a service that it does not know: `HealthCheckResponse`.
const SERVING: [u8; 2] = [0x08, 1];
const UNKNOWN: [u8; 2] = [0x08, 3];

pub(super) async fn answer(
    mut echo: Echo,
    mut body: RecvStream,
    mut respond: SendResponse<Bytes>,
) -> Result<()> {
    let method = echo.line.split(' ').nth(1).unwrap_or_default();
    let describes = method == "/laboratory.Echo/Describe";
    let is_check = method == "/grpc.health.v1.Health/Check";
    let mut head = named(&[("content-type", "application/grpc"), ("x-member", &echo.member)]);
    let refused = if echo.values("te") != ["trailers"] {
        Some((INTERNAL, "te: trailers is missing"))
    } else if !is_check && !describes && method != "/laboratory.Echo/Converse" {
        Some((UNIMPLEMENTED, "there is no such method"))
    } else {
        None
    };
    let mut response = Response::new(());
    if let Some((status, message)) = refused {
        head.extend(named(&[("grpc-status", status), ("grpc-message", message)]));
        *response.headers_mut() = field_map(&head)?;
        respond.send_response(response, true)?;
        return Ok(());
    }
    *response.headers_mut() = field_map(&head)?;
    let mut stream = respond.send_response(response, false)?;
    let mut buffer = BytesMut::new();
    let mut messages = 0;
    while let Some(message) = next_message(&mut body, &mut buffer).await? {
        messages += 1;
        let answer = if is_check {
            framed(if message.is_empty() { &SERVING } else { &UNKNOWN })
        } else if describes {
            (echo.length, echo.digest) = (message.len(), digest(&message));
            framed(&serde_json::to_vec(&echo)?)
        } else {
            framed(&message)
        };
        send_body(&mut stream, answer, false).await?;
    }
    let trailers = named(&[("grpc-status", OK), ("x-messages", &messages.to_string())]);
    stream.send_trailers(field_map(&trailers)?)?;
    Ok(())
}

fn named(fields: &[(&str, &str)]) -> super::Fields {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    fields.iter().map(owned).collect()
}
