//! Asking by an HTTP request.

use std::{net::SocketAddr, pin::pin};

use hyper::{
    Request,
    client::conn::http1,
    header::{CONNECTION, CONTENT_LENGTH, HOST, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Failure;
use crate::model::{HttpMethod, HttpProbe, Word as _};

/// The longest head of a response, in bytes. Of the body no more is read than came with the head.
const LONGEST_HEAD: usize = 16 * 1024;

const AGENT: &str = concat!("holdfast/", env!("CARGO_PKG_VERSION"));

/// Makes the request over `stream`, a connection to `address`, and judges the status of its response.
pub(super) async fn ask<S>(probe: &HttpProbe, address: SocketAddr, stream: S) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let request = request(probe, address)?;
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(LONGEST_HEAD)
        .handshake(TokioIo::new(stream))
        .await?;
    let mut response = pin!(sender.send_request(request));
    let response = tokio::select! {
        response = &mut response => response?,
        // How it ended, the response says too.
        _ = connection => response.await?,
    };
    let status = response.status().as_u16();
    if probe.expected_codes.contains(status) {
        return Ok(());
    }
    Err(Failure::Status {
        status,
        expected: probe.expected_codes.clone(),
    })
}

fn request(probe: &HttpProbe, address: SocketAddr) -> Result<Request<String>, Failure> {
    let host = probe.http_host.clone().unwrap_or_else(|| address.to_string());
    let mut request = Request::builder()
        .method(probe.http_method.word())
        .uri(probe.url_path.as_str())
        .header(HOST, host)
        .header(USER_AGENT, AGENT)
        .header(CONNECTION, "close");
    if probe.http_method == HttpMethod::Post {
        // RFC 9110, 8.6: some servers refuse a POST that does not say that it is empty.
        request = request.header(CONTENT_LENGTH, 0);
    }
    Ok(request.body(String::new())?)
}
