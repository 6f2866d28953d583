//! TLS of monitors.

use std::{net::SocketAddr, sync::Arc};

use hyper::http::uri::Authority;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::Failure;
use crate::model::HttpProbe;

/// Whose certificate is asked for, and verified: that of the host the request names, else that of the address.
pub(super) fn server_name(probe: &HttpProbe, address: SocketAddr) -> ServerName<'static> {
    let host = probe.http_host.as_ref().and_then(|host| {
        let authority: Authority = host.parse().ok()?;
        let host = authority.host().trim_matches(['[', ']']);
        ServerName::try_from(host.to_owned()).ok()
    });
    host.unwrap_or_else(|| address.ip().into())
}

/// Speaks TLS over a connection.
pub(super) async fn connect(
    client: Arc<ClientConfig>,
    name: ServerName<'static>,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, Failure> {
    TlsConnector::from(client)
        .connect(name, stream)
        .await
        .map_err(Failure::Tls)
}
