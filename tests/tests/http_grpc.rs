//! Calls of gRPC, from clients to members and back.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use lb_tests::http::{Ask, Authority, Call, Echo, Http2, digest, pattern};
use lb_tests::site::Shared;
use lb_tests::{Plan, Site};
use rustls::ClientConfig;
use rustls::version::TLS13;

const DESCRIBE: &str = "/laboratory.Echo/Describe";
const CONVERSE: &str = "/laboratory.Echo/Converse";
const NAME: &str = "shop.example.com";

/// Members over HTTP/2, listeners with and without TLS.
struct Office {
    site: Site,
    client: Arc<ClientConfig>,
    _authority: Authority,
}

/// What is spoken towards members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Members {
    Cleartext,
    Tls,
}

impl Office {
    fn open(members: Members, weights: &[u32]) -> Result<Self> {
        let authority = Authority::new()?;
        let certificate = authority.certify("server", &[NAME, "10.2.1.2", "10.2.2.2"])?;
        let plan = Plan::new(weights).tls(&[&certificate], "");
        let pool = "protocol = \"HTTP/2\"";
        let plan = match members {
            Members::Cleartext => plan.pool(pool),
            Members::Tls => plan.over_tls(&certificate).pool(&format!(
                "{pool}\n[pool.http.tls]\nca = \"{}\"",
                authority.file().display()
            )),
        };
        Ok(Self {
            site: Site::start(&plan)?,
            client: authority.client(&[&TLS13], &["h2"])?,
            _authority: authority,
        })
    }

    /// A client that knows that HTTP/2 is spoken, and one that agrees on it.
    fn clients(&self) -> Result<[Http2; 2]> {
        Ok([self.site.http2()?, self.site.http2_over_tls(&self.client, NAME)?])
    }
}

/// Tries something with all four ways from client to member.
fn all_ways(attempt: impl Fn(&Http2) -> Result<()>) -> Result<()> {
    static CLEARTEXT: Shared<Office> = Shared::new();
    static TLS: Shared<Office> = Shared::new();
    for (members, shared) in [(Members::Cleartext, &CLEARTEXT), (Members::Tls, &TLS)] {
        let office = shared.made_by(|| Office::open(members, &[1]))?;
        for (client, clients) in office.clients()?.iter().zip(["cleartext", "TLS"]) {
            attempt(client).with_context(|| format!("clients over {clients}, members: {members:?}"))?;
        }
    }
    Ok(())
}

fn assert_ok(call: &Call, messages: usize) -> Result<()> {
    let outcome = call.outcome()?;
    assert_eq!(outcome.http, 200);
    let trailers = outcome.trailers.as_ref().context("there are no trailers")?;
    assert_eq!(trailers.len(), 2, "{trailers:?}");
    assert_eq!(outcome.last("grpc-status"), Some("0"));
    assert_eq!(outcome.last("x-messages"), Some(messages.to_string().as_str()));
    Ok(())
}

#[test]
fn a_call_with_one_message_is_answered_with_one_and_its_status() -> Result<()> {
    all_ways(|client| {
        for length in [0, 1, 100_000] {
            let message = pattern(length);
            let further = [("grpc-timeout", "5S"), ("trace-bin", "AAEC")];
            let call = client.call(DESCRIBE, &further)?;
            let (answer, _) = call.ask(&message)?;
            let echo: Echo = serde_json::from_slice(&answer)?;
            assert_eq!((echo.length, echo.digest), (length, digest(&message)));
            assert_eq!(echo.line, format!("POST {DESCRIBE} HTTP/2.0"));
            for (name, value) in [
                ("content-type", "application/grpc"),
                ("te", "trailers"),
                ("grpc-timeout", "5S"),
                ("trace-bin", "AAEC"),
            ] {
                assert_eq!(echo.values(name), [value], "{name}");
            }
            assert_ok(&call, 1)?;
        }
        Ok(())
    })
}

#[test]
fn messages_go_back_and_forth_within_one_call() -> Result<()> {
    all_ways(|client| {
        let call = client.call(CONVERSE, &[])?;
        // Each is answered before the next one is there.
        for number in 1..=20_usize {
            let message = pattern(number * number * 50);
            call.send(&message)?;
            let answer = call.receive()?.context("the call has ended")?;
            assert!(answer == message, "{number}");
        }
        call.finish()?;
        assert_eq!(call.receive()?, None);
        assert_ok(&call, 20)
    })
}

#[test]
fn a_refused_call_has_its_status_in_the_header_that_is_all_there_is() -> Result<()> {
    all_ways(|client| {
        let outcome = client.call("/laboratory.Echo/Unknown", &[])?.outcome()?;
        assert_eq!((outcome.http, &outcome.trailers), (200, &None));
        assert_eq!(outcome.last("grpc-status"), Some("12"));
        assert_eq!(outcome.last("grpc-message"), Some("there is no such method"));
        Ok(())
    })
}

#[test]
fn calls_of_one_connection_go_to_all_members_and_do_not_wait_for_each_other() -> Result<()> {
    let office = Office::open(Members::Cleartext, &[1, 1])?;
    for client in office.clients()? {
        let calls = (0..10).map(|_| client.call(CONVERSE, &[]));
        let calls = calls.collect::<Result<Vec<_>>>()?;
        // The one that was begun last is served first.
        let mut members = Vec::new();
        for (number, call) in calls.iter().enumerate().rev() {
            let message = format!("of call {number}");
            call.send(message.as_bytes())?;
            assert_eq!(call.receive()?.as_deref(), Some(message.as_bytes()));
        }
        for call in &calls {
            call.finish()?;
            assert_ok(call, 1)?;
            members.push(call.outcome()?.member().to_owned());
        }
        let first = members.iter().filter(|member| *member == "member1").count();
        assert_eq!(first, 5, "{members:?}");
    }
    Ok(())
}

#[test]
fn a_call_for_which_there_is_no_member_fails_as_any_request() -> Result<()> {
    let office = Office::open(Members::Cleartext, &[0])?;
    for client in office.clients()? {
        let call = client.call(DESCRIBE, &[])?;
        assert_eq!(call.outcome()?.http, 503);
        assert_eq!(client.ask(Ask::get("/"))?.status, 503);
    }
    Ok(())
}
