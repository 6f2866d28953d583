//! Sessions by the client's address.

use super::{
    backend::{Backend, ask, eventually, parts},
    *,
};
use crate::{health::Finding, model::Granularity};

const ONE: &str = "192.0.2.7";
const ANOTHER: &str = "198.51.100.7";

/// With these members, whose clients are whom a proxy in front names.
fn running(members: &[&Backend]) -> Running {
    let members: String = members.iter().map(|backend| backend.member()).collect();
    let lines = "http = { trusted_proxies = [\"127.0.0.0/8\"] }\n[[pool]]\nname = \"web\"\n";
    let mut running = Running::with(&format!("{lines}{members}"));
    let pool = Arc::make_mut(&mut running.config.pools[0]);
    pool.session_persistence = Some(model::SessionPersistence {
        persistence: model::Persistence::SourceIp(Granularity { v4: 24, v6: 64 }),
        idle_timeout_s: 60,
        absolute_timeout_s: None,
    });
    running.reload();
    running
}

impl Running {
    /// The name of the member that answers a client.
    fn answers_to(&self, client: &str) -> String {
        let fields = format!("X-Forwarded-For: {client}\r\n");
        parts(&ask(self.address, "GET", &fields)).1
    }

    fn sessions(&self) -> ProxiedSessions {
        self.proxy.as_ref().unwrap().report().pools["web"]
            .sessions
            .clone()
    }

    fn take_down(&mut self, member: &str) {
        let mut health = Health::default();
        let reason = "it does not answer".into();
        health.set("web", member, Finding::Down { reason });
        self.proxy.as_mut().unwrap().set_health(&self.config, &health);
    }

    /// Has another proxy in its place, as a start of the daemon does.
    fn restart(&mut self) {
        let mut before = self.proxy.take().unwrap();
        before.end();
        before.leave_sessions();
        drop(before);
        let mut proxy = Proxy::default();
        let prepared = proxy.prepare(&self.config).unwrap();
        proxy.serve(prepared, &self.config, &Health::default());
        self.proxy = Some(proxy);
    }
}

#[test]
fn a_client_stays_with_the_member_that_it_came_to_first_and_so_does_its_network() {
    let backends = ["a", "b", "c"].map(|name| Backend::start(name, 100));
    let running = running(&backends.each_ref());
    let first = running.answers_to(ONE);
    let other = running.answers_to(ANOTHER);
    assert_ne!(first, other);
    for _ in 0..5 {
        assert_eq!(running.answers_to(ONE), first);
        assert_eq!(running.answers_to("192.0.2.200"), first);
        assert_eq!(running.answers_to(ANOTHER), other);
    }
    let sessions = running.sessions();
    assert_eq!((sessions.created, sessions.held), (2, 15));
}

#[test]
fn a_client_moves_once_when_its_member_is_down() {
    let backends = ["a", "b"].map(|name| Backend::start(name, 100));
    let mut running = running(&backends.each_ref());
    let first = running.answers_to(ONE);
    running.take_down(&first);
    let second = running.answers_to(ONE);
    assert_ne!(second, first);
    running.reload();
    for _ in 0..4 {
        assert_eq!(running.answers_to(ONE), second);
    }
    let sessions = running.sessions();
    assert_eq!((sessions.created, sessions.moved, sessions.held), (1, 1, 4));
}

#[test]
fn a_client_whose_first_member_cannot_be_reached_is_held_by_the_next_one() {
    let backends = ["a", "b"].map(|name| Backend::start(name, 100));
    let mut running = running(&backends.each_ref());
    // Nobody listens there.
    Arc::make_mut(&mut running.config.pools[0]).members[0].port = Some(9);
    running.reload();
    for client in [ONE, ANOTHER, ONE, ANOTHER] {
        assert_eq!(running.answers_to(client), "b");
    }
    assert_eq!(running.sessions().held, 2);
}

#[test]
fn requests_that_a_client_begins_with_go_to_one_member() {
    let backends = ["a", "b", "c"].map(|name| Backend::start(name, 0));
    let running = running(&backends.each_ref());
    let asking: Vec<_> = (0..6).map(|_| running.asks()).collect();
    let arrived = || backends.each_ref().map(Backend::arrived);
    eventually("all have arrived", || arrived().iter().sum::<u32>() == 6);
    assert_eq!(arrived().iter().filter(|arrived| **arrived > 0).count(), 1);
    for backend in &backends {
        backend.let_answer(6);
    }
    for answer in asking {
        assert_eq!(parts(&answer.join().unwrap()).0, 200);
    }
}

#[test]
fn a_client_is_held_by_the_next_daemon_and_until_it_stays_away() {
    let backends = ["a", "b", "c"].map(|name| Backend::start(name, 100));
    let mut running = running(&backends.each_ref());
    let first = running.answers_to(ONE);
    running.restart();
    assert_eq!(running.answers_to(ONE), first);
    running.proxy.as_ref().unwrap().set_clock_offset(62);
    eventually("the workers' time has passed", || {
        running.answers_to(ANOTHER);
        running.answers_to(ONE) != first || running.sessions().expired > 0
    });
}
