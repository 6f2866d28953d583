//! Probes of real sockets on the loopback interface.

mod over_tls;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, UdpSocket},
    task::JoinHandle,
};

use super::*;
use crate::model::{HttpMethod, HttpProbe};

/// Long enough that what is not about time never runs out of it.
const LONG_S: u32 = 30;

const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

async fn said(probe_of: &Probe, address: SocketAddr, timeout_s: u32) -> String {
    in_words(probe(probe_of, address, None, timeout_s).await)
}

fn in_words(outcome: Result<(), Failure>) -> String {
    match outcome {
        Ok(()) => "up".into(),
        Err(failure) => failure.to_string(),
    }
}

async fn listener(ip: IpAddr) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((ip, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A port that refuses, over either protocol, and is nobody else's as long as these sockets are there: one does not
/// listen, the other takes datagrams from itself alone.
async fn closed_port(ip: IpAddr) -> (TcpSocket, UdpSocket, SocketAddr) {
    loop {
        let udp = UdpSocket::bind((ip, 0)).await.unwrap();
        let address = udp.local_addr().unwrap();
        udp.connect(address).await.unwrap();
        let tcp = if ip.is_ipv4() {
            TcpSocket::new_v4()
        } else {
            TcpSocket::new_v6()
        };
        let tcp = tcp.unwrap();
        if tcp.bind(address).is_ok() {
            return (tcp, udp, address);
        }
    }
}

/// Reads a request, writes the response, and returns the request.
async fn respond(mut stream: impl AsyncRead + AsyncWrite + Unpin, response: &str) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).await.unwrap_or(0) == 0 {
            break;
        }
        request.extend(byte);
    }
    // Who asked may hang up before the end of it.
    let _ = stream.write_all(response.as_bytes()).await;
    let _ = stream.shutdown().await;
    String::from_utf8(request).unwrap()
}

/// A member that responds once.
async fn member(ip: IpAddr, response: &'static str) -> (SocketAddr, JoinHandle<String>) {
    let (listener, address) = listener(ip).await;
    let serve = async move { respond(listener.accept().await.unwrap().0, response).await };
    (address, tokio::spawn(serve))
}

const WELL: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

#[tokio::test]
async fn a_member_that_accepts_connections_is_up() {
    for ip in LOOPBACK {
        let (_listener, address) = listener(ip).await;
        assert_eq!(said(&Probe::Tcp, address, LONG_S).await, "up");
    }
}

#[tokio::test]
async fn a_closed_port_refuses_whatever_is_asked() {
    let http = HttpProbe::default();
    let https = Probe::Https {
        http: http.clone(),
        tls_verify: false,
    };
    for ip in LOOPBACK {
        let (_tcp, _udp, address) = closed_port(ip).await;
        for probe in [
            Probe::Tcp,
            udp(None, None),
            Probe::Http(http.clone()),
            https.clone(),
        ] {
            assert_eq!(
                said(&probe, address, LONG_S).await,
                "connection refused",
                "{probe:?}"
            );
        }
    }
}

#[tokio::test]
async fn the_request_is_as_the_monitor_says() {
    let (address, request) = member(LOOPBACK[0], "HTTP/1.0 204 No Content\r\n\r\n").await;
    let probe = Probe::Http(HttpProbe {
        http_method: HttpMethod::Post,
        url_path: "/health?deep=yes".into(),
        expected_codes: "200-299".parse().unwrap(),
        http_host: Some("shop.example.com".into()),
    });
    assert_eq!(said(&probe, address, LONG_S).await, "up");
    let request = request.await.unwrap().to_lowercase();
    let mut lines = request.lines();
    assert_eq!(lines.next(), Some("post /health?deep=yes http/1.1"));
    for header in ["host: shop.example.com", "content-length: 0", "connection: close"] {
        assert!(
            request.lines().any(|line| line == header),
            "{header} in {request}"
        );
    }
}

#[tokio::test]
async fn the_host_is_the_address_unless_one_is_named() {
    for ip in LOOPBACK {
        let (address, request) = member(ip, WELL).await;
        let probe = Probe::Http(HttpProbe::default());
        assert_eq!(said(&probe, address, LONG_S).await, "up");
        let request = request.await.unwrap();
        assert!(request.starts_with("GET / HTTP/1.1\r\n"), "{request}");
        let host = format!("host: {address}");
        assert!(request.lines().any(|line| line == host), "{host} in {request}");
    }
}

#[tokio::test]
async fn another_status_than_expected_is_a_failure() {
    let probe = Probe::Http(HttpProbe::default());
    let (address, _) = member(LOOPBACK[0], "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy").await;
    assert_eq!(said(&probe, address, LONG_S).await, "status 503, expected 200");
}

#[tokio::test]
async fn what_is_not_http_is_a_failure() {
    let probe = Probe::Http(HttpProbe::default());
    for nonsense in ["", "HTTP/1.1 200", "SSH-2.0-OpenSSH_9.2\r\n\r\n"] {
        let (address, _) = member(LOOPBACK[0], nonsense).await;
        let said = said(&probe, address, LONG_S).await;
        assert!(said.starts_with("no HTTP response: "), "{nonsense:?}: {said}");
    }
}

#[tokio::test]
async fn a_head_without_end_is_a_failure() {
    let (listener, address) = listener(LOOPBACK[0]).await;
    let babble = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nX: ").await.unwrap();
        // Until the other side has had enough.
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    });
    let said = said(&Probe::Http(HttpProbe::default()), address, LONG_S).await;
    assert!(said.starts_with("no HTTP response: "), "{said}");
    babble.await.unwrap();
}

#[tokio::test]
async fn a_body_without_end_is_not_waited_for() {
    let (listener, address) = listener(LOOPBACK[0]).await;
    let babble = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n";
        stream.write_all(head).await.unwrap();
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    });
    let probe = Probe::Http(HttpProbe::default());
    assert_eq!(said(&probe, address, LONG_S).await, "up");
    babble.await.unwrap();
}

#[tokio::test]
async fn a_member_that_accepts_but_says_nothing_runs_out_of_time() {
    let (_listener, address) = listener(LOOPBACK[0]).await;
    let http = HttpProbe::default();
    let https = Probe::Https {
        http: http.clone(),
        tls_verify: false,
    };
    for probe in [Probe::Http(http), https] {
        assert_eq!(said(&probe, address, 1).await, "timed out after 1 s");
    }
}

fn named(host: &str) -> HttpProbe {
    HttpProbe {
        http_host: Some(host.into()),
        ..HttpProbe::default()
    }
}

fn udp(send: Option<&str>, expect: Option<&str>) -> Probe {
    Probe::Udp {
        udp_send: send.map(Into::into),
        udp_expect: expect.map(Into::into),
    }
}

/// A member that answers one datagram with what it got, twice.
async fn echo(ip: IpAddr) -> SocketAddr {
    let socket = UdpSocket::bind((ip, 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut datagram = [0; 2048];
        let (length, peer) = socket.recv_from(&mut datagram).await.unwrap();
        let answer = datagram[..length].repeat(2);
        socket.send_to(&answer, peer).await.unwrap();
    });
    address
}

#[tokio::test]
async fn a_datagram_is_answered_as_expected_or_it_is_a_failure() {
    for ip in LOOPBACK {
        let outcome = async |send, expect| said(&udp(send, expect), echo(ip).await, LONG_S).await;
        assert_eq!(outcome(Some("ping"), Some("pingp")).await, "up");
        assert_eq!(outcome(Some("ping"), None).await, "up");
        assert_eq!(outcome(None, None).await, "up");
        assert_eq!(
            outcome(Some("ping"), Some("pong")).await,
            "answered \"pingping\", expected \"pong\""
        );
    }
}

#[tokio::test]
async fn silence_is_success_unless_an_answer_is_expected() {
    for ip in LOOPBACK {
        let silent = UdpSocket::bind((ip, 0)).await.unwrap();
        let address = silent.local_addr().unwrap();
        let (content, expecting) = (udp(Some("ping"), None), udp(Some("ping"), Some("pong")));
        let both = tokio::join!(said(&content, address, 1), said(&expecting, address, 1));
        assert_eq!(both, ("up".into(), "timed out after 1 s".into()));
    }
}
