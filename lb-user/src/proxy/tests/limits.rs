//! Members with a limit.

use super::{
    backend::{Backend, ask, eventually, parts},
    *,
};

impl Running {
    /// How many wait, waited, were one too many, and had waited for too long.
    fn queue(&self) -> (u64, u64, u64, u64) {
        let report = self.proxy.as_ref().unwrap().report();
        let queue = report.pools["web"].queue.unwrap();
        (queue.now, queue.queued, queue.full, queue.late)
    }
}

#[test]
fn requests_wait_until_their_member_has_room() {
    let backend = Backend::start("a", 0);
    let running = Running::with_pool("http = { max_connections = 1 }", &[&backend]);
    let clients: Vec<_> = (0..3).map(|_| running.asks()).collect();
    eventually("two wait", || running.queue() == (2, 2, 0, 0));
    eventually("one is there", || backend.arrived() == 1);
    backend.let_answer(1);
    eventually("the next one is there", || backend.arrived() == 2);
    assert_eq!(running.pool().queue.len(), 1);
    backend.let_answer(2);
    for client in clients {
        assert_eq!(parts(&client.join().unwrap()), (200, "a".into()));
    }
    assert_eq!(running.queue(), (0, 2, 0, 0));
}

#[test]
fn who_may_not_wait_or_not_any_longer_is_told_to_come_later() {
    let backend = Backend::start("a", 0);
    let settings = "http = { max_connections = 1, queue = 1, timeouts = { queue_s = 1 } }";
    let running = Running::with_pool(settings, &[&backend]);
    let first = running.asks();
    eventually("it is there", || backend.arrived() == 1);
    let second = running.asks();
    eventually("it waits", || running.pool().queue.len() == 1);
    assert_eq!(running.answer().0, 503);
    assert_eq!(parts(&second.join().unwrap()).0, 503);
    assert_eq!(running.queue(), (0, 1, 1, 1));
    backend.let_answer(1);
    assert_eq!(parts(&first.join().unwrap()).0, 200);
    // None of them has counted as a failure of the member's.
    assert_eq!(running.pool().members[0].counts.failures.get(), 0);
}

#[test]
fn a_client_that_goes_away_leaves_the_line() {
    let backend = Backend::start("a", 0);
    let running = Running::with_pool("http = { max_connections = 1 }", &[&backend]);
    let first = running.asks();
    eventually("it is there", || backend.arrived() == 1);
    let mut stream = TcpStream::connect(running.address).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    eventually("it waits", || running.pool().queue.len() == 1);
    drop(stream);
    eventually("nobody waits", || running.pool().queue.len() == 0);
    backend.let_answer(1);
    assert_eq!(parts(&first.join().unwrap()).0, 200);
}

#[test]
fn a_session_waits_for_its_own_member_while_another_is_idle() {
    let (a, b) = (Backend::start("a", 1), Backend::start("b", 1));
    let settings = "http = { max_connections = 1 }\nsession_persistence = { type = \"HTTP_COOKIE\" }";
    let running = Running::with_pool(settings, &[&a, &b]);
    let answer = ask(running.address, "GET", "");
    let (own, other) = if parts(&answer).1 == "a" {
        (&a, &b)
    } else {
        (&b, &a)
    };
    let cookie = answer
        .split("Set-Cookie: ")
        .nth(1)
        .unwrap()
        .split(';')
        .next()
        .unwrap();
    let fields = format!("Cookie: {cookie}\r\n");
    let address = running.address;
    let asks = || {
        let fields = fields.clone();
        thread::spawn(move || ask(address, "GET", &fields))
    };
    let clients = [asks(), asks()];
    eventually("one waits", || running.pool().queue.len() == 1);
    assert_eq!(running.answer(), (200, other.served.name.into()));
    own.let_answer(2);
    for client in clients {
        assert_eq!(parts(&client.join().unwrap()), (200, own.served.name.into()));
    }
}
