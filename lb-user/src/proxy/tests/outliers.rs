//! Members that fail.

use super::{
    backend::{Backend, ask, eventually},
    *,
};
use crate::{
    http::head::Head,
    proxy::request_id::{Ids, RequestId},
};

const EJECTS: &str = "http = { retries = 0, outlier = { failures = 2, ejection_s = 30 } }";

/// A server that answers all that comes.
fn backend(name: &'static str) -> Backend {
    Backend::start(name, u32::MAX)
}

impl Running {
    fn states(&self) -> Vec<MemberState> {
        let members = self.pool().members.iter();
        members.map(|member| member.entry.state()).collect()
    }

    /// Asks until the first member is ejected.
    fn ask_until_ejected(&self) {
        eventually("it is ejected", || {
            self.answer();
            self.states()[0] == MemberState::Down
        });
    }
}

#[test]
fn a_member_that_fails_again_and_again_is_ejected_and_comes_back() {
    let (a, b) = (backend("a"), backend("b"));
    let running = Running::with_pool(EJECTS, &[&a, &b]);
    a.served.status.store(503, Relaxed);
    running.ask_until_ejected();
    assert_eq!(a.arrived(), 2);
    for _ in 0..4 {
        assert_eq!(running.answer(), (200, "b".into()));
    }
    let report = running.proxy.as_ref().unwrap().report();
    let of = |name| &report.pools["web"].members[name];
    assert_eq!(of("a").state, MemberState::Down);
    let why = "ejected for 30 s, since it failed 2 requests in a row, the last one so: it responded with 503";
    assert_eq!(of("a").why_down.as_deref(), Some(why));
    assert_eq!(of("b").why_down, None);
    // A change of the others does not bring it back.
    let mut running = running;
    running.reload();
    assert_eq!(running.states(), [MemberState::Down, MemberState::Up]);
    a.served.status.store(200, Relaxed);
    running.proxy.as_ref().unwrap().set_clock_offset(31);
    eventually("it is back", || running.states()[0] == MemberState::Up);
    eventually("it has requests", || running.answer() == (200, "a".into()));
}

#[test]
fn failures_in_between_successes_are_forgiven() {
    let (a, b) = (backend("a"), backend("b"));
    let running = Running::with_pool(EJECTS, &[&a, &b]);
    for round in 0..8 {
        let status = if round % 2 == 0 { 503 } else { 200 };
        a.served.status.store(status, Relaxed);
        let before = a.arrived();
        eventually("it had one", || {
            running.answer();
            a.arrived() > before
        });
    }
    assert_eq!(running.states(), [MemberState::Up; 2]);
}

#[test]
fn sessions_of_an_ejected_member_move() {
    let (a, b) = (backend("a"), backend("b"));
    let settings = format!("{EJECTS}\nsession_persistence = {{ type = \"HTTP_COOKIE\" }}");
    let running = Running::with_pool(&settings, &[&a, &b]);
    let mut fields = String::new();
    eventually("a session at the first", || {
        let answer = ask(running.address, "GET", "");
        let cookie = answer.split("Set-Cookie: ").nth(1).unwrap();
        fields = format!("Cookie: {}\r\n", cookie.split(';').next().unwrap());
        answer.ends_with('a')
    });
    a.served.status.store(502, Relaxed);
    running.ask_until_ejected();
    assert!(ask(running.address, "GET", &fields).ends_with('b'));
}

#[test]
fn the_last_member_is_never_ejected() {
    let (a, b) = (backend("a"), backend("b"));
    let settings = EJECTS.replace("ejection_s", "max_ejected_percent = 100, ejection_s");
    let running = Running::with_pool(&settings, &[&a, &b]);
    a.served.status.store(504, Relaxed);
    running.ask_until_ejected();
    b.served.status.store(504, Relaxed);
    for _ in 0..6 {
        assert_eq!(running.answer(), (504, "b".into()));
    }
    assert_eq!(running.states(), [MemberState::Down, MemberState::Up]);
}

#[test]
fn no_more_members_are_ejected_than_may_be() {
    let servers = ["a", "b", "c", "d", "e"].map(backend);
    let running = Running::with_pool(EJECTS, &servers.each_ref());
    for server in &servers {
        server.served.status.store(503, Relaxed);
    }
    for _ in 0..30 {
        assert_eq!(running.answer().0, 503);
    }
    let states = running.states();
    let down = states.iter().filter(|state| **state == MemberState::Down);
    assert_eq!(down.count(), 2);
}

#[test]
fn one_that_cannot_be_reached_fails_too() {
    let b = backend("b");
    let free = TcpListener::bind("127.0.0.2:0").unwrap();
    let gone = format!(
        "[[pool.member]]\nname = \"a\"\naddress = \"127.0.0.2\"\nport = {}\n",
        free.local_addr().unwrap().port()
    );
    drop(free);
    let running = Running::with_pool(&format!("{EJECTS}\n{gone}"), &[&b]);
    running.ask_until_ejected();
    assert_eq!(running.answer(), (200, "b".into()));
}

#[test]
fn who_is_ejected_again_stays_away_for_longer() {
    let (a, b) = (backend("a"), backend("b"));
    let running = Running::with_pool(EJECTS, &[&a, &b]);
    // Of its own, which no worker looks after by the clock.
    let health = Health::default();
    let serving = Serving::new(
        &running.config,
        &health,
        &Resources::AsBefore,
        &Serving::default(),
        0,
    );
    let pool = &serving.pools["web"];
    let fail = |now_s| {
        let why = "a test";
        let head = Head::default();
        let id = &RequestId::of(&head, &Ids::default());
        (0..2).for_each(|_| pool.note_failure(&pool.members[0], now_s, &why, id));
        pool.members[0].standing.is_ejected()
    };
    let mut now_s = 1_000_000;
    for times in (1..=10).chain([10, 10]) {
        assert!(fail(now_s));
        now_s += 30 * times;
        pool.readmit(now_s - 1);
        assert!(pool.members[0].standing.is_ejected(), "{times}");
        pool.readmit(now_s);
        assert!(!pool.members[0].standing.is_ejected(), "{times}");
    }
    // It was well for long.
    now_s += 301;
    assert!(fail(now_s));
    pool.readmit(now_s + 30);
    assert!(!pool.members[0].standing.is_ejected());
    // The clock is put back.
    assert!(fail(now_s));
    pool.readmit(now_s - 10_000);
    assert!(!pool.members[0].standing.is_ejected());
}
