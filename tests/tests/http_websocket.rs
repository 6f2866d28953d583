//! Clients of `WebSocket`, by a library, with members that speak it too.

use anyhow::{Context as _, Result};
use lb_tests::http::{Authority, Jar};
use lb_tests::{Plan, Scheme, Site, Wire};
use rustls::version::TLS13;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

const NAME: &str = "www.example.com";

/// A site over HTTP and HTTPS, whose clients stay by cookie.
fn site() -> Result<(Site, Authority)> {
    let authority = Authority::new()?;
    let certificate = authority.certify("server", &[NAME])?;
    let plan = Plan::new(&[1, 1, 1]).cookie(20, "").tls(&[&certificate], "");
    Ok((Site::start(&plan)?, authority))
}

fn wire(site: &Site, authority: &Authority, scheme: Scheme) -> Result<Wire> {
    let wire = site.wire_to(scheme)?;
    match scheme {
        Scheme::Http => Ok(wire),
        Scheme::Https => wire.tls(&authority.client(&[&TLS13], &["http/1.1"])?, NAME),
    }
}

/// Opens a WebSocket with the cookies of a jar, and says which member it is with.
fn open(wire: Wire, jar: &Jar) -> Result<(WebSocket<Wire>, String)> {
    let mut request = format!("ws://{NAME}/talk").into_client_request()?;
    request.headers_mut().insert("cookie", jar.field().parse()?);
    let (socket, response) = tungstenite::client(request, wire)?;
    let member = response.headers().get("x-member").context("no member")?;
    Ok((socket, member.to_str()?.to_owned()))
}

#[test]
fn a_visitor_s_websocket_is_with_the_member_that_has_the_visitor() -> Result<()> {
    let (site, authority) = site()?;
    for scheme in [Scheme::Http, Scheme::Https] {
        for _ in 0..4 {
            let mut jar = Jar::default();
            let reply = wire(&site, &authority, scheme)?.browse("/", &mut jar)?;
            let (mut socket, member) = open(wire(&site, &authority, scheme)?, &jar)?;
            assert_eq!(member, reply.member());
            socket.close(None)?;
        }
    }
    Ok(())
}

#[test]
fn messages_pings_and_the_end_pass_both_ways() -> Result<()> {
    let (site, authority) = site()?;
    for scheme in [Scheme::Http, Scheme::Https] {
        let (mut socket, _) = open(wire(&site, &authority, scheme)?, &Jar::default())?;
        let long = (0..300_000_u32).map(|number| number as u8).collect::<Vec<_>>();
        for message in [Message::text("hello"), Message::binary(long), Message::text("")] {
            socket.send(message.clone())?;
            assert_eq!(socket.read()?, message);
        }
        socket.send(Message::Ping(b"are you there".as_slice().into()))?;
        assert_eq!(socket.read()?, Message::Pong(b"are you there".as_slice().into()));
        let end = CloseFrame {
            code: CloseCode::Normal,
            reason: "done".into(),
        };
        socket.close(Some(end.clone()))?;
        assert_eq!(socket.read()?, Message::Close(Some(end)));
        let over = socket.read().expect_err("nothing follows");
        assert!(matches!(over, tungstenite::Error::ConnectionClosed), "{over}");
    }
    Ok(())
}
