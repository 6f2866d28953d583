//! Requests, what came of them, and how long they took.

use std::net::SocketAddr;
use std::thread;

use anyhow::Result;
use lb_tests::http::Jar;
use lb_tests::{Config, Family, Plan, Scheme, Wire};

use crate::exposition::Exposition;
use crate::site;

#[test]
fn requests_and_the_sessions_of_cookies_are_counted() -> Result<()> {
    let site = site(&Plan::new(&[1, 1]).cookie(20, ""))?;
    let mut jar = Jar::default();
    for _ in 0..5 {
        site.browse("/", &mut jar)?;
    }
    // A worker counts a request once its last byte is written.
    let told = Exposition::once(site.daemon(), "all requests to be counted", |told| {
        told.count("holdfast_http_request_duration_seconds_count", &[]) == 5
    })?;
    for (name, labels, value) in [
        ("holdfast_http_requests_total", &[][..], 5),
        ("holdfast_http_responses_total", &[("code", "2xx")], 5),
        ("holdfast_http_responses_total", &[("code", "5xx")], 0),
        ("holdfast_http_own_responses_total", &[], 0),
        ("holdfast_http_request_duration_seconds_count", &[], 5),
        (
            "holdfast_http_request_duration_seconds_bucket",
            &[("le", "+Inf")],
            5,
        ),
        ("holdfast_pool_response_duration_seconds_count", &[], 5),
        ("holdfast_member_requests_total", &[], 5),
        ("holdfast_session_events_total", &[("event", "created")], 1),
        ("holdfast_session_events_total", &[("event", "held")], 4),
        ("holdfast_pool_members", &[("status", "NO_MONITOR")], 2),
        ("holdfast_pool_status", &[("status", "ONLINE")], 1),
    ] {
        told.assert(name, labels, value);
    }
    assert!(told.sum("holdfast_http_request_duration_seconds_sum", &[]) > 0.0);
    assert!(told.sum("holdfast_listener_received_bytes_total", &[]) > 100.0);
    Ok(())
}

#[test]
fn a_request_counts_among_those_that_took_as_long() -> Result<()> {
    let site = site(&Plan::new(&[1]))?;
    site.get("/")?;
    site.get("/?delay_ms=300")?;
    let whole = "holdfast_http_request_duration_seconds";
    let told = Exposition::once(site.daemon(), "both to be counted", |told| {
        told.count(&format!("{whole}_count"), &[("listener", "listener-1")]) == 2
    })?;
    for name in [whole, "holdfast_pool_response_duration_seconds"] {
        let (bucket, sum) = (format!("{name}_bucket"), format!("{name}_sum"));
        // Of one of them that cannot be known, on a busy machine: the other one took at least so long.
        assert!(told.count(&bucket, &[("le", "0.25")]) < 2, "{name}");
        told.assert(&bucket, &[("le", "10.0")], 2);
        assert!((0.3..10.0).contains(&told.sum(&sum, &[])), "{name}");
    }
    Ok(())
}

#[test]
fn requests_that_wait_for_room_are_counted_and_those_for_whom_there_is_none() -> Result<()> {
    let room = "max_connections = 1\nqueue = 1";
    let site = site(&Plan::new(&[1]).pool(room))?;
    let daemon = site.daemon();
    thread::scope(|scope| -> Result<()> {
        let slow = scope.spawn(|| site.get("/?delay_ms=1500"));
        Exposition::once(daemon, "a request to be under way", |told| {
            told.count("holdfast_member_active_requests", &[]) > 0
        })?;
        let waiting = scope.spawn(|| site.get("/"));
        Exposition::once(daemon, "another one to wait", |told| {
            told.count("holdfast_pool_waiting_requests", &[]) > 0
        })?;
        assert_eq!(site.get("/")?.status, 503, "the queue is full");
        for request in [slow, waiting] {
            assert_eq!(request.join().expect("no panic")?.status, 200);
        }
        Ok(())
    })?;
    let told = Exposition::of(daemon)?;
    for (name, labels, value) in [
        ("holdfast_pool_waiting_requests", &[][..], 0),
        ("holdfast_pool_delayed_requests_total", &[], 1),
        ("holdfast_pool_refused_requests_total", &[("reason", "full")], 1),
        ("holdfast_pool_refused_requests_total", &[("reason", "late")], 0),
        ("holdfast_http_own_responses_total", &[], 1),
        ("holdfast_http_responses_total", &[("code", "5xx")], 1),
    ] {
        told.assert(name, labels, value);
    }
    Ok(())
}

#[test]
fn connections_without_the_header_that_they_owe_are_counted_by_reason_from_zero_on() -> Result<()> {
    let vip = SocketAddr::new(Family::V4.vip(), 92);
    let owing =
        "[load_balancer.listener.http]\naccept_proxy_protocol = true\ntrusted_proxies = [\"10.1.0.0/24\"]";
    let further = Config::new().web_listener(Scheme::Http, vip, "web", owing);
    let site = site(&Plan::new(&[1]).further(further))?;
    let name = "holdfast_proxy_protocol_refused_total";
    let told = Exposition::of(site.daemon())?;
    let reasons = told.named(name, &[]);
    assert!(
        reasons.clone().count() > 10,
        "what begins at one was never seen to grow"
    );
    let listeners: Vec<&str> = reasons.map(|sample| &*sample.labels["listener"]).collect();
    assert!(
        listeners.iter().all(|listener| *listener == listeners[0]),
        "the others are owed none"
    );
    told.assert(name, &[], 0);

    let mut stranger = Wire::connect_in(site.lab().client_namespace(), None, vip)?;
    stranger.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")?;
    let _ = stranger.rest();
    let told = Exposition::once(site.daemon(), "the stranger to be refused", |told| {
        told.count(name, &[]) > 0
    })?;
    told.assert(name, &[("reason", "signature")], 1);
    told.assert(name, &[], 1);
    Ok(())
}
