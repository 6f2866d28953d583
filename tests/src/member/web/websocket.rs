//! Conversations over a `WebSocket` (RFC 6455): each message comes back.

use std::io;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::Echo;

/// What a request for a WebSocket says of it.
pub(super) const UPGRADE: &str = "websocket";

pub(super) async fn converse<S>(mut stream: S, read: Vec<u8>, echo: &Echo) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let key = echo.values("sec-websocket-key").concat();
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {UPGRADE}\r\nSec-WebSocket-Accept: {}\r\n\
         X-Member: {}\r\n\r\n",
        derive_accept_key(key.as_bytes()),
        echo.member
    );
    stream.write_all(head.as_bytes()).await?;
    let mut socket = WebSocketStream::from_partially_read(stream, read, Role::Server, None).await;
    // Pings and the end are answered by the library.
    while let Some(Ok(message)) = socket.next().await {
        if (message.is_text() || message.is_binary()) && socket.send(message).await.is_err() {
            break;
        }
    }
    Ok(())
}
