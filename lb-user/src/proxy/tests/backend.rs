//! Servers that tests have in their hands, and what clients get of them.

use std::{
    io::{BufRead as _, BufReader},
    sync::{Condvar, Mutex, atomic::AtomicU16},
    thread::JoinHandle,
    time::Instant,
};

use super::*;

/// A server that answers when it may, with a status and its name.
pub(super) struct Backend {
    pub(super) address: SocketAddr,
    pub(super) served: Arc<Served>,
}

pub(super) struct Served {
    pub(super) name: &'static str,
    pub(super) status: AtomicU16,
    /// Requests that it was given.
    arrived: AtomicU32,
    /// Requests that it may answer yet.
    may: Mutex<u32>,
    changed: Condvar,
}

impl Backend {
    pub(super) fn start(name: &'static str, may: u32) -> Self {
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

    pub(super) fn arrived(&self) -> u32 {
        self.served.arrived.load(Relaxed)
    }

    pub(super) fn let_answer(&self, requests: u32) {
        *self.served.may.lock().unwrap() += requests;
        self.served.changed.notify_all();
    }

    /// As a member.
    pub(super) fn member(&self) -> String {
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
    pub(super) fn with_pool(settings: &str, members: &[&Backend]) -> Self {
        let members: String = members.iter().map(|backend| backend.member()).collect();
        Self::with(&format!("[[pool]]\nname = \"web\"\n{settings}\n{members}"))
    }

    pub(super) fn pool(&self) -> &pool::Pool {
        &self.proxy.as_ref().unwrap().serving.pools["web"]
    }

    /// A request, answered in a thread of its own.
    pub(super) fn asks(&self) -> JoinHandle<String> {
        let address = self.address;
        thread::spawn(move || ask(address, "GET", ""))
    }

    /// Status and body of the answer.
    pub(super) fn answer(&self) -> (u16, String) {
        parts(&ask(self.address, "GET", ""))
    }
}

pub(super) fn ask(address: SocketAddr, method: &str, fields: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let request = format!("{method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

pub(super) fn parts(answer: &str) -> (u16, String) {
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    (status.unwrap_or(0), body.unwrap_or_default())
}

pub(super) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}
