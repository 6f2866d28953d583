//! HTTP/2, as far as the queries of requests have to do with it.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{Method, Request, Response, StatusCode, header};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;

use super::page::{Manner, Page};
use super::{Arrived, NEVER, Visit, grpc};
use crate::http::{Digest, field_map, fields, next_piece, pattern, send_body};

/// Serves the streams of a connection, until it ends.
pub(super) async fn serve<S>(stream: S, visit: &Visit) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut connection = h2::server::handshake(stream).await.map_err(io::Error::other)?;
    let mut streams = JoinSet::new();
    while let Some(accepted) = connection.accept().await {
        let (request, respond) = accepted.map_err(io::Error::other)?;
        let visit = visit.clone();
        streams.spawn(async move {
            // A client that gives up is no concern of the server's.
            let _ = answer(request, respond, &visit).await;
        });
    }
    Ok(())
}

async fn answer(request: Request<RecvStream>, mut respond: SendResponse<Bytes>, visit: &Visit) -> Result<()> {
    let (head, mut body) = request.into_parts();
    let target = head.uri.path_and_query().context("there is no path")?;
    let mut all = fields(&head.headers);
    if let Some(authority) = head.uri.authority() {
        all.insert(0, ("host".to_owned(), authority.to_string()));
    }
    let Arrived {
        mut echo,
        page,
        under_way,
    } = visit.arrive(format!("{} {target} HTTP/2.0", head.method), all);
    if echo
        .values("content-type")
        .iter()
        .any(|kind| kind.starts_with("application/grpc"))
    {
        return grpc::answer(echo, body, respond).await;
    }
    if page.refused_by.as_ref() == Some(&echo.member) {
        respond.send_reset(Reason::REFUSED_STREAM);
        return Ok(());
    }
    let mut digest = Digest::default();
    while let Some(piece) = next_piece(&mut body).await? {
        digest.add(&piece);
        echo.length += piece.len();
    }
    echo.digest = digest.value();
    if let Some(trailers) = body.trailers().await? {
        echo.trailers = fields(&trailers);
    }
    if page.wants(Manner::Silent) {
        pause(NEVER, |context| respond.poll_reset(context)).await?;
    }
    if page.wants(Manner::Gone) {
        respond.send_reset(Reason::INTERNAL_ERROR);
        return Ok(());
    }
    if page.wants(Manner::Hints) {
        let mut hints = Response::new(());
        *hints.status_mut() = StatusCode::EARLY_HINTS;
        respond.send_informational(hints)?;
    }
    let delay = Duration::from_millis(page.delay_ms.unwrap_or(0));
    pause(delay, |context| respond.poll_reset(context)).await?;
    drop(under_way);
    let content = match page.size {
        Some(size) => pattern(size),
        None => serde_json::to_vec(&echo)?,
    };
    let has_body = head.method != Method::HEAD && !matches!(page.status, Some(204 | 304));
    let response = response(&page, &echo.member, content.len())?;
    let mut stream = respond.send_response(response, !has_body)?;
    if !has_body {
        return Ok(());
    }
    let has_trailers = page.wants(Manner::Chunked);
    let sum = crate::http::digest(&content).to_string();
    send_body(&mut stream, content.into(), !has_trailers).await?;
    if has_trailers {
        let delay = Duration::from_millis(page.drip_ms.unwrap_or(0));
        pause(delay, |context| stream.poll_reset(context)).await?;
        stream.send_trailers(field_map(&[("x-digest".to_owned(), sum)])?)?;
    }
    Ok(())
}

fn response(page: &Page, member: &str, length: usize) -> Result<Response<()>> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(page.status.unwrap_or(200))?;
    let mut all = page.fields.clone();
    all.push(("x-member".to_owned(), member.to_owned()));
    *response.headers_mut() = field_map(&all)?;
    if response.status() != StatusCode::NO_CONTENT {
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, length.into());
    }
    Ok(response)
}

/// Waits, unless the other side gives the request up.
async fn pause(
    duration: Duration,
    poll_reset: impl FnMut(&mut Context<'_>) -> Poll<Result<Reason, h2::Error>>,
) -> Result<()> {
    tokio::select! {
        () = tokio::time::sleep(duration) => Ok(()),
        reset = poll_fn(poll_reset) => bail!("it was given up: {}", reset?),
    }
}
