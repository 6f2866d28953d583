//! Connections that begin with a header of the PROXY protocol, or do not, at a proxy with one member.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, ServerName},
};
use socket2::{Domain, Socket, Type};
use tempfile::TempDir;

use crate::{
    config,
    health::Health,
    http::proxy_protocol::{Header, Parsed, parse, write_v1, write_v2},
    proxy::{HandshakeReport, ListenerReport, Proxy, tests::own_address},
};

/// Who is trusted; clients come from another address of this host.
const TRUSTED: [u8; 4] = [127, 0, 0, 1];
const UNTRUSTED: [u8; 4] = [127, 0, 0, 2];
const PATIENCE: Duration = Duration::from_secs(20);
const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// A proxy with a listener and a member, which answers each request with its head.
struct Scene {
    address: SocketAddr,
    certificate: Vec<u8>,
    proxy: Option<Proxy>,
    _directory: TempDir,
}

impl Drop for Scene {
    fn drop(&mut self) {
        if let Some(mut proxy) = self.proxy.take() {
            proxy.end();
        }
    }
}

impl Scene {
    fn new(protocol: &str) -> Self {
        Self::with_pool(protocol, "")
    }

    /// With further lines of the pool.
    fn with_pool(protocol: &str, lines: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let path = |name: &str| directory.path().join(name);
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(path("crt"), pem("CERTIFICATE", made.cert.der())).unwrap();
        std::fs::write(path("key"), pem("PRIVATE KEY", &made.signing_key.serialize_der())).unwrap();
        let tls = if protocol == "HTTPS" {
            format!(
                "tls = {{ certificates = [{{ certificate = {:?}, key = {:?} }}] }}",
                path("crt"),
                path("key")
            )
        } else {
            String::new()
        };
        let member = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = own_address();
        let text = format!(
            "daemon = {{ state_path = {:?} }}\nproxy = {{ workers = 1 }}\n\
             [[load_balancer]]\nname = \"a\"\nvip = \"{}\"\n\
             [[load_balancer.listener]]\nname = \"b\"\nprotocol = \"{protocol}\"\nport = {}\npool = \"c\"\n{tls}\n\
             [load_balancer.listener.http]\ntrusted_proxies = [\"127.0.0.1\"]\naccept_proxy_protocol = true\n\
             timeouts = {{ header_s = 1 }}\nforwarded = {{ via = \"holdfast\" }}\n\
             [[pool]]\nname = \"c\"\n{lines}\n[[pool.member]]\naddress = \"127.0.0.1\"\nport = {}\n",
            directory.path(),
            address.ip(),
            address.port(),
            member.local_addr().unwrap().port()
        );
        thread::spawn(move || {
            for connection in member.incoming() {
                thread::spawn(|| answer(connection.unwrap()));
            }
        });
        let config = config::parse(&text, "test.toml")
            .unwrap_or_else(|mistakes| panic!("{mistakes:#}"))
            .config;
        let mut proxy = Proxy::default();
        let prepared = proxy.prepare(&config).unwrap();
        proxy.serve(prepared, &config, &Health::default());
        Self {
            address,
            certificate: made.cert.der().to_vec(),
            proxy: Some(proxy),
            _directory: directory,
        }
    }

    fn connect(&self, from: [u8; 4]) -> TcpStream {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
        socket.connect(&self.address.into()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_tcp_nodelay(true).unwrap();
        socket.into()
    }

    fn report(&self) -> ListenerReport {
        self.proxy.as_ref().unwrap().report().listeners["b"].clone()
    }

    /// What comes back of what is sent in these pieces.
    fn send(&self, from: [u8; 4], pieces: &[&[u8]]) -> String {
        let mut stream = self.connect(from);
        for piece in pieces {
            stream.write_all(piece).unwrap();
        }
        read_head_and_body(&mut stream)
    }
}

fn pem(what: &str, der: &[u8]) -> String {
    let body = BASE64_STANDARD.encode(der);
    format!("-----BEGIN {what}-----\n{body}\n-----END {what}-----\n")
}

/// A member: what comes up to the end of a head is what it answers it with, and how often it has done so before on that
/// connection.
fn answer(mut stream: TcpStream) {
    let mut head = Vec::new();
    let mut answered = 0;
    let mut octet = [0];
    while matches!(stream.read(&mut octet), Ok(1)) {
        head.push(octet[0]);
        // A header of version 2 begins like an end.
        if head.len() > 4 && head.ends_with(b"\r\n\r\n") {
            let length = head.len();
            let answer = [
                format!("HTTP/1.1 200 OK\r\nX-Answered: {answered}\r\nContent-Length: {length}\r\n\r\n")
                    .as_bytes(),
                &head,
            ]
            .concat();
            if stream.write_all(&answer).is_err() {
                return;
            }
            head.clear();
            answered += 1;
        }
    }
}

/// A response as far as it comes, each byte a character.
fn read_head_and_body(stream: &mut impl std::io::Read) -> String {
    let mut text = String::new();
    let mut octet = [0];
    while !is_whole(&text) {
        match stream.read(&mut octet) {
            Ok(1) => text.push(octet[0].into()),
            Ok(_) => break,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => panic!("{error} after {text:?}"),
        }
    }
    text
}

fn is_whole(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "));
    length.is_some_and(|length| body.chars().count() >= length.parse().unwrap())
}

fn header(write: fn(SocketAddr, SocketAddr, &mut Vec<u8>)) -> Vec<u8> {
    let mut header = Vec::new();
    let (source, destination) = ("192.0.2.7:4711", "192.0.2.10:8443");
    write(source.parse().unwrap(), destination.parse().unwrap(), &mut header);
    header
}

fn assert_told(answer: &str, address: impl Into<IpAddr>, port: u16) {
    let address = address.into();
    for line in [
        format!("X-Forwarded-For: {address}\r\n"),
        format!("X-Forwarded-Port: {port}\r\n"),
    ] {
        assert!(answer.contains(&line), "{line} {answer:?}");
    }
}

#[test]
fn members_are_told_whom_a_trusted_proxy_speaks_for() {
    let scene = Scene::new("HTTP");
    for header in [header(write_v1), header(write_v2)] {
        let answer = scene.send(TRUSTED, &[&[&header[..], REQUEST.as_bytes()].concat()]);
        assert_told(&answer, [192, 0, 2, 7], 8443);
    }
}

#[test]
fn a_header_may_come_byte_by_byte() {
    let scene = Scene::new("HTTP");
    for header in [header(write_v1), header(write_v2)] {
        let bytes = [&header[..], REQUEST.as_bytes()].concat();
        let pieces: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_told(&scene.send(TRUSTED, &pieces), [192, 0, 2, 7], 8443);
    }
}

/// A client of TLS that knows whom to trust.
fn tls_client(scene: &Scene) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from(scene.certificate.clone()))
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

/// What comes back over TLS behind a header.
fn ask_over_tls(scene: &Scene, config: &Arc<ClientConfig>, header: Vec<u8>) -> String {
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = ClientConnection::new(Arc::clone(config), name).unwrap();
    // In one piece with the client's first words.
    let mut first = header;
    client.write_tls(&mut first).unwrap();
    let mut stream = scene.connect(TRUSTED);
    stream.write_all(&first).unwrap();
    let mut tls = StreamOwned::new(client, stream);
    tls.write_all(REQUEST.as_bytes()).unwrap();
    read_head_and_body(&mut tls)
}

#[test]
fn tls_begins_behind_the_header() {
    let scene = Scene::new("HTTPS");
    let config = tls_client(&scene);
    for header in [header(write_v1), header(write_v2)] {
        let answer = ask_over_tls(&scene, &config, header);
        assert_told(&answer, [192, 0, 2, 7], 8443);
    }
}

#[test]
fn handshakes_are_counted_by_what_they_came_to() {
    let scene = Scene::new("HTTPS");
    let config = tls_client(&scene);
    for _ in 0..3 {
        ask_over_tls(&scene, &config, header(write_v1));
    }
    // It speaks no TLS, and is told so.
    scene.send(UNTRUSTED, &[REQUEST.as_bytes()]);
    // It may see the end before that is counted.
    let expected = HandshakeReport {
        full: 1,
        resumed: 2,
        failed: 1,
    };
    lb_tests::eventually("all to be counted", PATIENCE, || {
        scene.report().tls_handshakes == Some(expected)
    });
    assert_eq!(Scene::new("HTTP").report().tls_handshakes, None);
}

#[tokio::test]
async fn the_same_holds_for_http_2() {
    let scene = Scene::new("HTTP");
    let mut stream = scene.connect(TRUSTED);
    stream.write_all(&header(write_v2)).unwrap();
    stream.set_nonblocking(true).unwrap();
    let stream = tokio::net::TcpStream::from_std(stream).unwrap();
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("http://a/")
        .header("x-forwarded-for", "198.51.100.1")
        .body(());
    let (response, _) = client.send_request(request.unwrap(), true).unwrap();
    let body = response.await.unwrap().into_body().data().await.unwrap().unwrap();
    let answer = String::from_utf8_lossy(&body);
    assert_told(&answer, [192, 0, 2, 7], 8443);
    assert!(answer.contains("Via: 2.0 holdfast\r\n"), "{answer}");
    assert!(!answer.contains("198.51.100.1"), "{answer}");
}

#[test]
fn a_proxy_that_speaks_for_itself_is_the_client() {
    let scene = Scene::new("HTTP");
    for header in [&b"PROXY UNKNOWN\r\n"[..], b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"] {
        let answer = scene.send(TRUSTED, &[header, REQUEST.as_bytes()]);
        assert_told(&answer, TRUSTED, scene.address.port());
    }
}

#[test]
fn a_trusted_proxy_without_a_header_is_closed_without_a_word() {
    let scene = Scene::new("HTTP");
    for bytes in [
        REQUEST.as_bytes(),
        b"PROXY TCP4 192.0.2.7\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c",
        // And that is all: its time is over after a second.
        b"PROXY TCP4 ",
        b"",
    ] {
        assert_eq!(
            scene.send(TRUSTED, &[bytes]),
            "",
            "{:?}",
            String::from_utf8_lossy(bytes)
        );
    }
    let expected = [("address", 1), ("late", 2), ("signature", 1), ("version", 1)];
    let expected = expected.map(|(why, count)| (why.to_owned(), count));
    assert_eq!(scene.report().proxy_protocol_refused, Some(expected.into()));
}

#[test]
fn whom_nobody_trusts_cannot_say_that_it_is_another_one() {
    let scene = Scene::new("HTTP");
    let answer = scene.send(UNTRUSTED, &[REQUEST.as_bytes()]);
    assert_told(&answer, UNTRUSTED, scene.address.port());
    // No HTTP: the one reads like a request of another version, the other begins with empty lines.
    for (header, status) in [(header(write_v1), 505), (header(write_v2), 400)] {
        let answer = scene.send(UNTRUSTED, &[&[&header[..], REQUEST.as_bytes()].concat()]);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer:?}");
    }
}

/// The pool's way to say whom a connection is for.
const SENT: [&str; 2] = ["v1", "v2"];

/// The header that a member got, which ends where the request begins.
fn got(answer: &str) -> Option<Header> {
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let bytes: Vec<u8> = body.chars().map(|char| char as u8).collect();
    let (len, header) = match parse(&bytes) {
        Parsed::Complete { len, header } => (len, Some(header)),
        Parsed::Incomplete { .. } | Parsed::Invalid(_) => (0, None),
    };
    assert!(bytes[len..].starts_with(b"GET / "), "{body:?}");
    header
}

#[test]
fn a_member_hears_first_whom_a_connection_is_for() {
    for version in SENT {
        let lines = format!("http = {{ send_proxy_protocol = \"{version}\" }}");
        let scene = Scene::with_pool("HTTP", &lines);
        let mut client = scene.connect(UNTRUSTED);
        let source = client.local_addr().unwrap();
        client.write_all(REQUEST.as_bytes()).unwrap();
        let expected = Header::Proxied {
            source,
            destination: scene.address,
        };
        assert_eq!(got(&read_head_and_body(&mut client)), Some(expected), "{version}");
        let answer = scene.send(TRUSTED, &[&header(write_v1), REQUEST.as_bytes()]);
        let expected = Header::Proxied {
            source: "192.0.2.7:4711".parse().unwrap(),
            destination: "192.0.2.10:8443".parse().unwrap(),
        };
        assert_eq!(got(&answer), Some(expected), "{version}");
    }
}

#[test]
fn a_connection_that_is_for_one_client_is_used_again_for_that_one_only() {
    let scene = Scene::with_pool("HTTP", "http = { send_proxy_protocol = \"v1\" }");
    let ask = |client: &mut TcpStream, fields: &str| {
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        client.write_all(request.as_bytes()).unwrap();
        let answer = read_head_and_body(client);
        let is_again = answer.contains("X-Answered: 1\r\n");
        (got(&answer).is_some(), is_again)
    };
    let mut proxy = scene.connect(TRUSTED);
    proxy.write_all(b"PROXY UNKNOWN\r\n").unwrap();
    let first = "X-Forwarded-For: 192.0.2.1\r\n";
    let second = "X-Forwarded-For: 192.0.2.2\r\n";
    assert_eq!(ask(&mut proxy, first), (true, false));
    assert_eq!(ask(&mut proxy, second), (true, false));
    assert_eq!(ask(&mut proxy, first), (false, true));
    let mut other = scene.connect(UNTRUSTED);
    assert_eq!(ask(&mut other, ""), (true, false));
    assert_eq!(ask(&mut other, ""), (false, true));
}
