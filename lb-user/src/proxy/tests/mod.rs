//! What the proxy answers by itself, as clients see it.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request};
use lb_common::tables::MemberState;

use super::*;
use crate::{config, model};

mod backend;
mod by_address;
mod changes;
mod counts;
mod limits;
mod outliers;
mod over_http2;
mod slow_start;
mod tls;

/// An address that nobody else has: all of 127.0.0.0/8 is this host's, and a port that was free a moment ago may be taken.
pub(in crate::proxy) fn own_address() -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let process = std::process::id();
    let octets = [
        127,
        64 | (process >> 8 & 63) as u8,
        process as u8,
        NEXT.fetch_add(1, Relaxed) as u8,
    ];
    (octets, 8000).into()
}

/// A proxy with one listener, and one worker unless it needs more.
struct Running {
    proxy: Option<Proxy>,
    config: Config,
    address: SocketAddr,
    state: tempfile::TempDir,
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
        Self::speaking("HTTP", lines)
    }

    /// One that speaks this protocol, with these sections of its listener and the pool `web`.
    fn speaking(protocol: &str, lines: &str) -> Self {
        let state = tempfile::tempdir().unwrap();
        let address = own_address();
        let config = configured(protocol, lines, address, state.path());
        let mut proxy = Proxy::default();
        let prepared = proxy.prepare(&config).unwrap();
        proxy.serve(prepared, &config, &Health::default());
        Self {
            proxy: Some(proxy),
            config,
            address,
            state,
        }
    }

    /// Has the same configuration again.
    fn reload(&mut self) {
        let proxy = self.proxy.as_mut().unwrap();
        let prepared = proxy.prepare(&self.config).unwrap();
        proxy.serve(prepared, &self.config, &Health::default());
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

    /// The same without the dates, which are another one each time; all of them have one.
    fn answers_without_date(&self, requests: &str) -> String {
        let answers = self.answers(requests);
        let (dates, rest): (Vec<&str>, Vec<&str>) = answers
            .split_inclusive("\r\n")
            .partition(|line| line.starts_with("Date: "));
        assert_eq!(dates.len(), answers.matches("HTTP/1.1 ").count(), "{answers}");
        rest.concat()
    }

    fn report(&self) -> ListenerReport {
        self.proxy.as_ref().unwrap().report().listeners["http"].clone()
    }
}

fn configured(protocol: &str, lines: &str, address: SocketAddr, state: &Path) -> Config {
    let text = format!(
        r#"
        daemon = {{ state_path = {state:?} }}
        proxy = {{ workers = 1 }}
        [[load_balancer]]
        name = "web"
        vip = "{}"
        [[load_balancer.listener]]
        name = "http"
        protocol = "{protocol}"
        port = {}
        pool = "web"
        {lines}
        "#,
        address.ip(),
        address.port()
    );
    match config::parse(&text, "test.toml") {
        Ok(loaded) => loaded.config,
        Err(mistakes) => panic!("{mistakes:#}"),
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut proxy) = self.proxy.take() {
            proxy.end();
        }
    }
}

#[test]
fn connections_beyond_the_limit_wait_until_one_ends_or_more_are_allowed() {
    let mut running = Running::start();
    let running_address = running.address;
    let mut allow = |name: &str, most| {
        let listener = &mut Arc::make_mut(&mut running.config.load_balancers[0]).listeners[0];
        name.clone_into(&mut listener.name);
        let model::Service::Http { http } = &mut listener.service else {
            panic!("it is an HTTP listener");
        };
        http.max_connections = most;
        running.reload();
    };
    allow("http", 1);
    let ask = |stream: &mut TcpStream| {
        let request = b"GET /secret HTTP/1.1\r\nHost: a\r\n\r\n";
        stream.write_all(request).unwrap();
    };
    let answered = |stream: &mut TcpStream, within| {
        stream.set_read_timeout(Some(within)).unwrap();
        stream.read(&mut [0; 512]).is_ok_and(|count| count > 0)
    };
    let long = Duration::from_secs(10);
    let connect = || TcpStream::connect(running_address).unwrap();
    let mut first = connect();
    ask(&mut first);
    assert!(answered(&mut first, long));
    let (mut second, mut third) = (connect(), connect());
    ask(&mut second);
    ask(&mut third);
    assert!(!answered(&mut second, Duration::from_millis(300)));
    drop(first);
    assert!(answered(&mut second, long));
    assert!(!answered(&mut third, Duration::from_millis(300)));
    // Also where the listener is called otherwise then.
    allow("renamed", 2);
    assert!(answered(&mut third, long));
    let mut fourth = connect();
    ask(&mut fourth);
    assert!(
        !answered(&mut fourth, Duration::from_millis(300)),
        "those who were there count"
    );
}

#[test]
fn a_connection_goes_on_after_an_answer_of_the_balancers_own() {
    let running = Running::start();
    let answers = running.answers_without_date(
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

#[test]
fn a_listener_without_a_pool_answers_as_one_whose_pool_has_no_members() {
    let mut running = Running::with("[[pool]]\nname = \"web\"\n");
    let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let of_an_empty_pool = running.answers_without_date(request);
    assert!(
        of_an_empty_pool.starts_with("HTTP/1.1 503 "),
        "{of_an_empty_pool}"
    );
    Arc::make_mut(&mut running.config.load_balancers[0]).listeners[0].pool = None;
    running.reload();
    assert_eq!(running.answers_without_date(request), of_an_empty_pool);
}

#[test]
fn what_is_served_anew_goes_by_the_time_of_then_not_of_the_last_tick() {
    let mut running = Running::start();
    let hour = |answer: &str| -> u32 {
        let (_, time) = answer
            .split_once(" GMT")
            .map(|(head, _)| head.rsplit_once(' ').unwrap())
            .unwrap();
        time[..2].parse().unwrap()
    };
    let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    for hours in 1..6 {
        let before = hour(&running.answers(request));
        let proxy = running.proxy.as_ref().unwrap();
        // Two hours, so that it is told also from one that has passed by itself.
        proxy.set_clock_offset(hours * 2 * 3600);
        running.reload();
        let passed = (hour(&running.answers(request)) + 24 - before) % 24;
        assert!((2..=3).contains(&passed), "{passed}");
    }
}
