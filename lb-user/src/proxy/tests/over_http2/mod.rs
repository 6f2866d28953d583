//! Members that are asked over HTTP/2, on connections that requests share.

use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::{
    backend::{eventually, parts},
    *,
};
use member::{LARGE, Member};

mod member;

/// More than a member has to say about.
const MANY: u32 = 1000;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(future)
}

/// Status and body of the answer to a client of HTTP/1.
fn get(address: SocketAddr, target: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let request = format!("GET {target} HTTP/1.0\r\nHost: a\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    parts(&answer)
}

impl Running {
    fn get(&self, target: &str) -> (u16, String) {
        get(self.address, target)
    }

    fn status(&self, target: &str) -> u16 {
        self.get(target).0
    }

    /// Requests that are answered in threads of their own.
    fn begin(&self, count: usize, target: &'static str) -> Vec<JoinHandle<u16>> {
        let address = self.address;
        let begin = |_| thread::spawn(move || get(address, target).0);
        (0..count).map(begin).collect()
    }

    fn under_way(&self) -> u32 {
        self.pool().members[0].entry.active_flows.get()
    }

    fn failures(&self) -> u64 {
        self.pool().members[0].counts.failures.get()
    }
}

/// Has one client ask for something so often at once, and look at no answer while what this gives is there.
fn hold(running: &Running, count: usize, target: &str) -> impl Sized {
    let (holds, held) = oneshot::channel::<()>();
    let (address, uri) = (running.address, format!("http://a{target}"));
    thread::spawn(move || {
        block_on(async {
            let stream = tokio::net::TcpStream::connect(address).await.unwrap();
            let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
            tokio::spawn(connection);
            let mut responses = Vec::new();
            for _ in 0..count {
                client = client.ready().await.unwrap();
                let request = Request::get(&uri).body(()).unwrap();
                responses.push(client.send_request(request, true).unwrap());
            }
            // It never says anything: it is dropped.
            let _ = held.await;
        });
    });
    holds
}

#[test]
fn clients_that_do_not_read_hold_up_nobody_else_and_cost_little() {
    const SLOW: usize = 40;
    let member = Member::start(MANY);
    let running = Running::with(&member.pool(""));
    assert_eq!(running.status("/"), 200);
    let _held = hold(&running, SLOW, "/large");
    eventually("they have all that they may", || member.sent() >= 4 << 20);
    let (status, body) = running.get("/large");
    assert_eq!((status, body.len()), (200, LARGE));
    assert_eq!(member.opened(), 1);
    let held = member.sent() as usize - LARGE;
    assert!(held < SLOW * 256 * 1024, "{held} bytes");
}

#[test]
fn what_a_member_does_not_take_on_one_connection_it_is_asked_over_another() {
    let member = Member::start(MANY);
    let running = Running::with(&member.pool("outlier = { failures = 1 }"));
    for opened in 1..=4 {
        assert_eq!(running.status("/first-only"), 200);
        assert_eq!(member.opened(), opened);
    }
    assert_eq!(running.failures(), 0);
}

#[test]
fn requests_beyond_what_a_member_takes_on_a_connection_go_over_others() {
    let member = Member::start(2);
    let running = Running::with(&member.pool("timeouts = { idle_s = 2 }"));
    assert_eq!(running.status("/"), 200);
    let clients = running.begin(7, "/held");
    eventually("all are there", || member.arrived() == 1 + 7);
    assert_eq!(member.opened(), 4);
    member.let_answer(7);
    for client in clients {
        assert_eq!(client.join().unwrap(), 200);
    }
    // What is asked one after the other keeps one of them.
    eventually("the others are closed", || {
        assert_eq!(running.status("/"), 200);
        member.open() == 1
    });
    assert_eq!(member.opened(), 4);
}

#[test]
fn a_connection_has_a_hundred_requests_at_a_time() {
    let member = Member::start(MANY);
    let running = Running::with(&member.pool(""));
    let held = hold(&running, 100, "/held");
    eventually("all are there", || member.arrived() == 100);
    assert_eq!((running.status("/"), member.opened()), (200, 2));
    drop(held);
    eventually("they are given up", || running.under_way() == 0);
    assert_eq!((running.status("/"), member.opened()), (200, 2));
    assert_eq!(running.failures(), 0);
}

#[test]
fn no_more_connections_are_opened_than_may_be() {
    let member = Member::start(1);
    let running = Running::with(&member.pool(""));
    let clients = running.begin(70, "/held");
    eventually("as many are there as may", || member.arrived() == 64);
    member.let_answer(70);
    for client in clients {
        assert_eq!(client.join().unwrap(), 200);
    }
    assert_eq!(member.opened(), 64);
}

#[test]
fn a_connection_whose_member_is_silent_is_given_no_more_requests() {
    let member = Member::start(MANY);
    let running = Running::with(&member.pool("timeouts = { response_s = 1 }"));
    assert_eq!(running.status("/"), 200);
    assert_eq!(running.status("/dead"), 504);
    assert_eq!(running.status("/"), 200);
    assert_eq!(member.opened(), 2);
}

#[test]
fn requests_go_on_beside_one_that_was_not_answered_in_time() {
    let member = Member::start(MANY);
    let running = Running::with(&member.pool("timeouts = { response_s = 1 }"));
    let beside = running.begin(1, "/dripping");
    eventually("it is under way", || member.sent() > 0);
    assert_eq!(running.status("/silent"), 504);
    assert_eq!((running.status("/"), member.opened()), (200, 2));
    member.let_answer(1);
    for client in beside {
        assert_eq!(client.join().unwrap(), 200);
    }
    eventually("nobody needs the first any more", || member.open() == 1);
}

#[test]
fn a_target_comes_to_the_member_as_it_is_or_is_the_clients_fault() {
    let member = Member::start(MANY);
    let running = Running::with(&member.pool("outlier = { failures = 1 }"));
    let mut refused = String::new();
    for character in '!'..='~' {
        let target = format!("/a{character}b?c{character}d");
        match running.get(&target) {
            (200, said) => assert_eq!(said, target),
            (400, _) => refused.push(character),
            other => panic!("{target}: {other:?}"),
        }
    }
    assert_eq!(refused, "\"#<>`");
    assert_eq!(member.arrived() as usize, 94 - refused.len());
    for (target, said) in [("*", "*"), ("http://b:80?c", "/?c")] {
        let answer = running.answers(&format!("OPTIONS {target} HTTP/1.0\r\nHost: a\r\n\r\n"));
        assert_eq!(parts(&answer), (200, said.to_owned()));
    }
    assert_eq!(running.failures(), 0);
}

#[test]
fn a_header_of_a_member_is_as_large_as_the_listener_allows() {
    let member = Member::start(MANY);
    let limits = "[load_balancer.listener.http.limits]\nheader_bytes = 1024\n";
    let running = Running::with(&format!("{limits}{}", member.pool("")));
    for (target, status) in [
        ("/?900", 200),
        ("/early?900", 200),
        ("/?1100", 502),
        ("/early?1100", 502),
        // More than the connection takes for any listener.
        ("/?140000", 502),
        ("/?900", 200),
    ] {
        assert_eq!(running.status(target), status, "{target}");
    }
    assert_eq!((running.failures(), member.opened()), (3, 1));
}
