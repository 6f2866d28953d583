//! Members with limits, and those that fail.

use std::{
    io::{BufRead as _, BufReader},
    sync::{Condvar, Mutex, atomic::AtomicU16},
    thread::JoinHandle,
    time::Instant,
};

use super::*;

/// A server that answers when it may, with a status and its name.
struct Backend {
    address: SocketAddr,
    served: Arc<Served>,
}

struct Served {
    name: &'static str,
    status: AtomicU16,
    /// Requests that it was given.
    arrived: AtomicU32,
    /// Requests that it may answer yet.
    may: Mutex<u32>,
    changed: Condvar,
}

impl Backend {
    fn start(name: &'static str, may: u32) -> Self {
        let socket = TcpListener::bind("127.0.0.2:0").unwrap();
        let address = socket.local_addr().unwrap();
        let served = Arc::new(Served {
            name,
            status: AtomicU16::new(200),
            arrived: AtomicU32::new(0),
            may: Mutex::new(may),
            changed: Condvar::new(),
        });
        let serving = Arc::clone(&served);
        thread::spawn(move || {
            for stream in socket.incoming() {
                let serving = Arc::clone(&serving);
                thread::spawn(move || serving.serve(stream.unwrap()));
            }
        });
        Self { address, served }
    }

    fn arrived(&self) -> u32 {
        self.served.arrived.load(Relaxed)
    }

    fn let_answer(&self, requests: u32) {
        *self.served.may.lock().unwrap() += requests;
        self.served.changed.notify_all();
    }

    /// As a member.
    fn member(&self) -> String {
        let (name, address) = (self.served.name, self.address);
        format!(
            "[[pool.member]]\nname = {name:?}\naddress = \"{}\"\nport = {}\n",
            address.ip(),
            address.port()
        )
    }
}

impl Served {
    fn serve(&self, mut stream: TcpStream) {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        if !lines.any(|line| line.is_ok_and(|line| line.is_empty())) {
            return;
        }
        self.arrived.fetch_add(1, Relaxed);
        let may = self.may.lock().unwrap();
        *self.changed.wait_while(may, |may| *may == 0).unwrap() -= 1;
        let answer = format!(
            "HTTP/1.1 {} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
            self.status.load(Relaxed),
            self.name.len(),
            self.name
        );
        // A client that has gone is none to be answered.
        let _ = stream.write_all(answer.as_bytes());
    }
}

impl Running {
    fn with_pool(settings: &str, members: &[&Backend]) -> Self {
        let members: String = members.iter().map(|backend| backend.member()).collect();
        Self::with(&format!("[[pool]]\nname = \"web\"\n{settings}\n{members}"))
    }

    fn pool(&self) -> &pool::Pool {
        &self.proxy.as_ref().unwrap().serving.pools["web"]
    }

    /// A request, answered in a thread of its own.
    fn asks(&self) -> JoinHandle<String> {
        let address = self.address;
        thread::spawn(move || ask(address, "GET", ""))
    }

    /// Status and body of the answer.
    fn answer(&self) -> (u16, String) {
        parts(&ask(self.address, "GET", ""))
    }
}

fn ask(address: SocketAddr, method: &str, fields: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let request = format!("{method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn parts(answer: &str) -> (u16, String) {
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    (status.unwrap_or(0), body.unwrap_or_default())
}

fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn requests_wait_until_their_member_has_room() {
    let backend = Backend::start("a", 0);
    let running = Running::with_pool("http = { max_connections = 1 }", &[&backend]);
    let clients: Vec<_> = (0..3).map(|_| running.asks()).collect();
    eventually("two wait", || running.pool().queue.len() == 2);
    eventually("one is there", || backend.arrived() == 1);
    backend.let_answer(1);
    eventually("the next one is there", || backend.arrived() == 2);
    assert_eq!(running.pool().queue.len(), 1);
    backend.let_answer(2);
    for client in clients {
        assert_eq!(parts(&client.join().unwrap()), (200, "a".into()));
    }
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
    assert_eq!(running.pool().queue.len(), 0);
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
