//! One probe: a member is asked once, in bounded time and memory.

mod grpc;
mod http;
#[cfg(test)]
mod tests;
mod tls;
mod udp;

use std::{net::SocketAddr, time::Duration};

use tokio::{net::TcpStream, time};

use super::Failure;
use crate::{
    model::{MemberTls, Probe},
    tls::client,
};

/// Asks the member at `address`, whose pool has this TLS towards members, and waits for no longer than the timeout.
pub(super) async fn probe(
    probe: &Probe,
    address: SocketAddr,
    pool: Option<&MemberTls>,
    timeout_s: u32,
) -> Result<(), Failure> {
    let timeout = Duration::from_secs(timeout_s.into());
    match (time::timeout(timeout, ask(probe, address, pool)).await, probe) {
        (Ok(outcome), _) => outcome,
        (Err(_), Probe::Udp { udp_expect: None, .. }) => Ok(()),
        (Err(_), _) => Err(Failure::TimedOut { timeout_s }),
    }
}

async fn ask(probe: &Probe, address: SocketAddr, pool: Option<&MemberTls>) -> Result<(), Failure> {
    match probe {
        Probe::Tcp => connect(address).await.map(drop),
        Probe::Udp { udp_send, udp_expect } => {
            udp::ask(address, udp_send.as_deref(), udp_expect.as_deref()).await
        }
        Probe::Http(http) => http::ask(http, address, connect(address).await?).await,
        Probe::Grpc {
            grpc_service,
            grpc_tls,
            tls_verify,
        } => {
            let stream = connect(address).await?;
            if !grpc_tls {
                return grpc::ask(grpc_service, address, "http", stream).await;
            }
            let client = client::of_grpc_monitor(*tls_verify, pool)?;
            let stream = tls::connect(client, tls::server_name(pool, None, address), stream).await?;
            grpc::ask(grpc_service, address, "https", stream).await
        }
        Probe::Https { http, tls_verify } => {
            let client = client::of_monitor(*tls_verify, pool)?;
            let name = tls::server_name(pool, http.http_host.as_deref(), address);
            let stream = tls::connect(client, name, connect(address).await?).await?;
            http::ask(http, address, stream).await
        }
    }
}

async fn connect(address: SocketAddr) -> Result<TcpStream, Failure> {
    Ok(TcpStream::connect(address).await?)
}
