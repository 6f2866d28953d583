//! What is counted, as `status` tells it.

use super::{
    backend::{Backend, ask, eventually},
    *,
};
use crate::model::{AccessLog, LogFormat};

impl Running {
    fn counted(&self) -> Report {
        self.proxy.as_ref().unwrap().report()
    }

    /// Requests of the listener, and of the pool, whose times were taken.
    fn timed(&self) -> (u64, u64) {
        let report = self.counted();
        let of_pool = report.pools["web"].response_times.count;
        (report.listeners["http"].request_times.count, of_pool)
    }
}

#[test]
fn each_request_is_timed_once_it_is_over_and_each_response_of_a_member_once_it_begins() {
    let backend = Backend::start("a", 1);
    let running = Running::with_pool("", &[&backend]);
    assert!(ask(running.address, "GET", "").ends_with('a'));
    eventually("it is timed", || running.timed() == (1, 1));
    // It has not been answered.
    let second = running.asks();
    eventually("it is there", || backend.arrived() == 2);
    assert_eq!(running.timed(), (1, 1));
    backend.let_answer(1);
    second.join().unwrap();
    eventually("it is timed", || running.timed() == (2, 2));
}

#[test]
fn a_request_that_no_member_has_responded_to_is_timed_too() {
    let running = Running::start();
    let asked = "GET /secret HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert!(running.answers(asked).starts_with("HTTP/1.1 403 "));
    eventually("it is timed", || running.timed() == (1, 0));
}

#[test]
fn a_response_is_timed_where_it_begins_however_long_it_goes_on() {
    let (running, mut client, mut member) = conversing("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let begin = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n";
    member.write_all(begin).unwrap();
    eventually("its begin is timed", || running.timed() == (0, 1));
    member.write_all(b"0\r\n\r\n").unwrap();
    eventually("its end is timed", || running.timed() == (1, 1));
    client.read_exact(&mut [0; 12]).unwrap();
}

#[test]
fn an_upgrade_is_timed_and_counted_where_it_happens() {
    let asks = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
    let (running, mut client, mut member) = conversing(asks);
    let switches = b"HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
    member.write_all(switches).unwrap();
    client.read_exact(&mut [0; 12]).unwrap();
    eventually("it is timed", || running.timed() == (1, 1));
    assert_eq!(running.report().responses, [1, 0, 0, 0, 0]);
    drop((client, member));
    eventually("it is over", || running.report().open_connections == 0);
    assert_eq!(running.timed(), (1, 1));
}

/// A proxy, a client that has sent this, and the member that has read it.
fn conversing(asks: &str) -> (Running, TcpStream, TcpStream) {
    let socket = TcpListener::bind("127.0.0.2:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let running = Running::with(&format!(
        "[[pool]]\nname = \"web\"\n[[pool.member]]\naddress = \"127.0.0.2\"\nport = {port}\n"
    ));
    let mut client = TcpStream::connect(running.address).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    client.write_all(asks.as_bytes()).unwrap();
    let (mut member, _) = socket.accept().unwrap();
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        let mut octet = [0];
        member.read_exact(&mut octet).unwrap();
        read.extend_from_slice(&octet);
    }
    (running, client, member)
}

#[test]
fn what_policies_decide_is_counted_in_the_order_in_which_they_are_asked() {
    let mut running = Running::start();
    for path in ["/a", "/secret", "/b"] {
        running.answers(&format!(
            "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        ));
    }
    let decided = |running: &Running| {
        let policies = running.report().policies.into_iter();
        let policies = policies.map(|policy| (policy.name, policy.requests));
        policies.collect::<Vec<_>>()
    };
    let expected = [("secret".to_owned(), 1), ("away".to_owned(), 2)];
    assert_eq!(decided(&running), expected);
    running.reload();
    assert_eq!(decided(&running), expected);
}

#[test]
fn connections_are_counted_while_they_are_open_and_where_no_more_may_be() {
    let running = Running::with("http = { max_connections = 2 }\n[[pool]]\nname = \"web\"\n");
    let stands = || {
        let report = running.report();
        (report.connections, report.open_connections, report.had_to_wait)
    };
    let mut clients: Vec<_> = (0..3)
        .map(|_| TcpStream::connect(running.address).unwrap())
        .collect();
    eventually("two are open, and one waits", || stands() == (2, 2, 1));
    clients.remove(0);
    eventually("it has its turn", || stands() == (3, 2, 1));
    drop(clients);
    eventually("all are closed", || stands() == (3, 0, 1));
}

#[test]
fn lines_that_the_access_log_lost_stay_counted_when_another_one_is_opened() {
    let mut running = Running::start();
    assert_eq!(running.counted().access_log, None);
    running.config.proxy.access_log = Some(AccessLog {
        path: "/dev/full".into(),
        format: LogFormat::Json,
        sample: 1,
    });
    running.reload();
    running.answers("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let lost = |running: &Running| running.counted().access_log.unwrap().lost_lines;
    eventually("its line is lost", || lost(&running) == 1);
    running.reload();
    assert_eq!(lost(&running), 1);
}
