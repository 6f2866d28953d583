//! What the proxy answers by itself, as clients see it.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request};
use lb_common::tables::MemberState;

use super::*;
use crate::config;

mod backend;
mod limits;
mod outliers;
mod slow_start;

/// A proxy with one listener, and one worker unless it needs more.
struct Running {
    proxy: Option<Proxy>,
    config: Config,
    address: SocketAddr,
    _state: tempfile::TempDir,
}

impl Running {
    /// One that rejects `/secret` and sends all else to another site.
    fn start() -> Self {
        Self::with(
            r#"
            [[load_balancer.listener.policy]]
            name = "away"
            action = "REDIRECT_PREFIX"
            redirect_prefix = "https://new.example"
            rule = [{ type = "PATH", compare_type = "STARTS_WITH", value = "/" }]
            [[load_balancer.listener.policy]]
            name = "secret"
            action = "REJECT"
            rule = [{ type = "PATH", compare_type = "EQUAL_TO", value = "/secret" }]
            [[pool]]
            name = "web"
            "#,
        )
    }

    /// One with these policies, and the pool `web`.
    fn with(lines: &str) -> Self {
        let state = tempfile::tempdir().unwrap();
        // Free a moment ago, and given out again only when all others were.
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let text = format!(
            r#"
            daemon = {{ state_path = {:?} }}
            proxy = {{ workers = 1 }}
            [[load_balancer]]
            name = "web"
            vip = "127.0.0.1"
            [[load_balancer.listener]]
            name = "http"
            protocol = "HTTP"
            port = {}
            pool = "web"
            {lines}
            "#,
            state.path(),
            address.port()
        );
        let config = match config::parse(&text, "test.toml") {
            Ok(loaded) => loaded.config,
            Err(mistakes) => panic!("{mistakes:#}"),
        };
        let mut proxy = Proxy::default();
        let prepared = proxy.prepare(&config, &Health::default()).unwrap();
        proxy.serve(prepared).unwrap();
        Self {
            proxy: Some(proxy),
            config,
            address,
            _state: state,
        }
    }

    /// Has the same configuration again.
    fn reload(&mut self) {
        let proxy = self.proxy.as_mut().unwrap();
        let prepared = proxy.prepare(&self.config, &Health::default()).unwrap();
        proxy.serve(prepared).unwrap();
    }

    /// What comes back for these bytes until the connection is closed, the last of them asking for that.
    fn answers(&self, requests: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(requests.as_bytes()).unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        answers
    }

    fn report(&self) -> ListenerReport {
        self.proxy.as_ref().unwrap().report().listeners["http"].clone()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(proxy) = self.proxy.take() {
            proxy.end();
        }
    }
}

#[test]
fn a_connection_goes_on_after_an_answer_of_the_balancers_own() {
    let running = Running::start();
    let answers = running.answers(
        "HEAD /a HTTP/1.1\r\nHost: a\r\n\r\nGET /secret HTTP/1.1\r\nHost: a\r\n\r\n\
         GET /b?c HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    );
    let fields = |length| {
        format!("Content-Type: text/plain\r\nContent-Length: {length}\r\nCache-Control: no-store\r\n")
    };
    let (of_302, of_403) = (fields(10), fields(14));
    assert_eq!(
        answers,
        format!(
            "HTTP/1.1 302 Found\r\n{of_302}Location: https://new.example/a\r\n\r\n\
             HTTP/1.1 403 Forbidden\r\n{of_403}\r\n403 Forbidden\n\
             HTTP/1.1 302 Found\r\n{of_302}Location: https://new.example/b?c\r\nConnection: close\r\n\r\n302 Found\n"
        )
    );
    let report = running.report();
    assert_eq!(
        (report.requests, report.own_responses, report.responses),
        (3, 3, [0, 0, 2, 1, 0])
    );
}

#[test]
fn a_connection_ends_where_the_body_of_a_request_is_left_unread() {
    let running = Running::start();
    let answers = running.answers(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    assert!(answers.starts_with("HTTP/1.1 302 Found\r\n"), "{answers}");
    assert!(answers.contains("\r\nConnection: close\r\n"), "{answers}");
    assert_eq!(answers.matches("HTTP/1.1 ").count(), 1, "{answers}");
}

#[test]
fn the_same_is_answered_over_http2() {
    let running = Running::start();
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let answers = runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(running.address).await.unwrap();
        let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
        let connection = tokio::spawn(connection);
        let mut answers = Vec::new();
        for (method, path) in [
            (Method::HEAD, "a"),
            (Method::GET, "secret"),
            (Method::POST, "b?c"),
        ] {
            let is_post = method == Method::POST;
            let request = Request::builder()
                .method(method)
                .uri(format!("http://example.com/{path}"))
                .body(())
                .unwrap();
            client = client.ready().await.unwrap();
            let (response, mut sending) = client.send_request(request, !is_post).unwrap();
            if is_post {
                sending.send_data(Bytes::from_static(b"12345"), true).unwrap();
            }
            let (parts, mut body) = response.await.unwrap().into_parts();
            let mut text = Vec::new();
            while let Some(data) = body.data().await {
                text.extend_from_slice(&data.unwrap());
            }
            let location = parts.headers.get(http::header::LOCATION);
            let location = location.map(|location| location.to_str().unwrap().to_owned());
            answers.push((parts.status.as_u16(), location, String::from_utf8(text).unwrap()));
        }
        drop(client);
        connection.await.unwrap().unwrap();
        answers
    });
    let to = |path| Some(format!("https://new.example/{path}"));
    let expected = [
        (302, to("a"), String::new()),
        (403, None, "403 Forbidden\n".into()),
        (302, to("b?c"), "302 Found\n".into()),
    ];
    assert_eq!(answers, expected);
    assert_eq!(running.report().own_responses, 3);
}
