//! TLS of monitors.

use std::{net::SocketAddr, sync::Arc};

use hyper::http::uri::Authority;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::Failure;
use crate::model::MemberTls;

/// Whose certificate is asked for, and verified: that of the name which the pool has for its members, else that of the host
/// the request names, else that of the address.
pub(super) fn server_name(
    pool: Option<&MemberTls>,
    host: Option<&str>,
    address: SocketAddr,
) -> ServerName<'static> {
    let of_host = || {
        let authority: Authority = host?.parse().ok()?;
        Some(authority.host().trim_matches(['[', ']']).to_owned())
    };
    let name = pool.and_then(|tls| tls.server_name.clone()).or_else(of_host);
    name.and_then(|name| ServerName::try_from(name).ok())
        .unwrap_or_else(|| address.ip().into())
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
