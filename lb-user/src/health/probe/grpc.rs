//! Asking by the gRPC health checking protocol: a call of `grpc.health.v1.Health/Check`.
//!
//! Its two messages have one field each, which are written and read here: a `string service = 1` and an
//! `enum status = 1`.

use std::net::SocketAddr;

use bytes::{BufMut as _, Bytes, BytesMut};
use h2::client;
use hyper::http::{HeaderMap, Request, Version};
use tokio::io::{AsyncRead, AsyncWrite};

use super::Failure;

const PATH: &str = "/grpc.health.v1.Health/Check";
/// Of the answer no more is read, in bytes.
const LONGEST_ANSWER: usize = 1024;
/// `SERVING`.
const SERVING: u8 = 1;
/// What begins field 1 as a length and bytes, and as a number.
const FIELD_AS_BYTES: u8 = 1 << 3 | 2;
const FIELD_AS_NUMBER: u8 = 1 << 3;

/// Asks over `stream`, a connection to `address`, whether the service serves.
pub(super) async fn ask<S>(service: &str, address: SocketAddr, scheme: &str, stream: S) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut sender, connection) = client::handshake(stream).await?;
    let call = async {
        let request = Request::post(format!("{scheme}://{address}{PATH}"))
            .version(Version::HTTP_2)
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())?;
        let (response, mut body) = sender.send_request(request, false)?;
        body.send_data(message(service), true)?;
        let (head, mut body) = response.await?.into_parts();
        if !head.status.is_success() {
            return Err(Failure::NotServing(format!(
                "HTTP status {}",
                head.status.as_u16()
            )));
        }
        let mut answer = Vec::new();
        while let Some(data) = body.data().await {
            let data = data?;
            // The member is done with it when it is read.
            let _ = body.flow_control().release_capacity(data.len());
            let room = LONGEST_ANSWER.saturating_sub(answer.len());
            answer.extend_from_slice(&data[..data.len().min(room)]);
        }
        let trailers = body.trailers().await?;
        // A call that fails at once has its status in the header.
        judge(trailers.as_ref().unwrap_or(&head.headers), &answer)
    };
    tokio::select! {
        outcome = call => outcome,
        ended = connection => match ended {
            Ok(()) => Err(Failure::NotServing("it closed the connection".into())),
            Err(error) => Err(error.into()),
        },
    }
}

/// The request: not compressed, its length, and the message.
fn message(service: &str) -> Bytes {
    let mut message = BytesMut::new();
    if !service.is_empty() {
        message.put_u8(FIELD_AS_BYTES);
        // The configuration allows 255 bytes: two groups of seven bits at most.
        let length = service.len() as u16;
        if length >= 1 << 7 {
            message.put_u8(length as u8 | 1 << 7);
            message.put_u8((length >> 7) as u8);
        } else {
            message.put_u8(length as u8);
        }
        message.put_slice(service.as_bytes());
    }
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(message.len() as u32);
    frame.put(message);
    frame.freeze()
}

fn judge(status: &HeaderMap, answer: &[u8]) -> Result<(), Failure> {
    let text = |name| {
        let value = status.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    match text("grpc-status").as_deref() {
        Some("0") => {}
        Some(code) => {
            let message = text("grpc-message").map_or_else(String::new, |message| format!(" ({message})"));
            return Err(Failure::NotServing(format!("gRPC status {code}{message}")));
        }
        None => return Err(Failure::NotServing("it gives no gRPC status".into())),
    }
    match answer {
        [0, _, _, _, _, FIELD_AS_NUMBER, SERVING, ..] => Ok(()),
        [0, _, _, _, _, FIELD_AS_NUMBER, other, ..] => Err(Failure::NotServing(format!(
            "its status is {other}, and not SERVING (1)"
        ))),
        _ => Err(Failure::NotServing("it does not say its status".into())),
    }
}

#[cfg(test)]
mod tests {
    use hyper::http::Response;
    use tokio::{
        net::{TcpListener, TcpStream},
        task::JoinHandle,
    };

    use super::*;

    fn headers(status: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-status", status.parse().unwrap());
        headers
    }

    /// A service that answers one call with this trailer and this message; what it was asked.
    async fn service(status: &'static str, answer: &'static [u8]) -> (SocketAddr, JoinHandle<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serve = async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut connection = h2::server::handshake(stream).await.unwrap();
            let (request, mut respond) = connection.accept().await.unwrap().unwrap();
            // The connection goes on only while it is asked.
            let going_on = tokio::spawn(async move { while connection.accept().await.is_some() {} });
            assert_eq!(request.uri().path(), PATH);
            let mut asked = Vec::new();
            let mut body = request.into_body();
            while let Some(data) = body.data().await {
                asked.extend_from_slice(&data.unwrap());
            }
            let mut send = respond.send_response(Response::new(()), false).unwrap();
            send.send_data(Bytes::from_static(answer), false).unwrap();
            send.send_trailers(headers(status)).unwrap();
            going_on.await.unwrap();
            asked
        };
        (address, tokio::spawn(serve))
    }

    async fn said(status: &'static str, answer: &'static [u8]) -> (Result<(), Failure>, Vec<u8>) {
        let (address, asked) = service(status, answer).await;
        let stream = TcpStream::connect(address).await.unwrap();
        let outcome = ask("shop", address, "http", stream).await;
        (outcome, asked.await.unwrap())
    }

    #[tokio::test]
    async fn a_service_that_serves_is_up_and_another_is_not() {
        let (outcome, asked) = said("0", &[0, 0, 0, 0, 2, 8, 1]).await;
        outcome.unwrap();
        assert_eq!(asked, message("shop"));
        let (outcome, _) = said("0", &[0, 0, 0, 0, 2, 8, 2]).await;
        let failure = outcome.unwrap_err().to_string();
        assert_eq!(
            failure,
            "the service does not serve: its status is 2, and not SERVING (1)"
        );
        let (outcome, _) = said("5", &[]).await;
        let failure = outcome.unwrap_err().to_string();
        assert_eq!(failure, "the service does not serve: gRPC status 5");
    }

    #[test]
    fn the_request_names_the_service() {
        assert_eq!(&message("")[..], [0, 0, 0, 0, 0]);
        assert_eq!(&message("ab")[..], [0, 0, 0, 0, 4, 10, 2, b'a', b'b']);
        let long = message(&"a".repeat(200));
        assert_eq!(&long[..8], [0, 0, 0, 0, 203, 10, 0xc8, 1]);
    }

    #[test]
    fn only_what_serves_is_up() {
        assert!(judge(&headers("0"), &[0, 0, 0, 0, 2, 8, 1]).is_ok());
        for (status, answer) in [
            ("0", &[0, 0, 0, 0, 2, 8, 2][..]),
            ("0", &[0, 0, 0, 0, 0]),
            ("0", &[]),
            ("12", &[0, 0, 0, 0, 2, 8, 1]),
        ] {
            assert!(judge(&headers(status), answer).is_err(), "{status} {answer:?}");
        }
        assert!(judge(&HeaderMap::new(), &[0, 0, 0, 0, 2, 8, 1]).is_err());
    }
}
