//! TLS that ends at a listener.

use std::{fs, io};

use lb_tests::{
    eventually,
    http::{Authority, Certificate},
};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, StreamOwned, SupportedProtocolVersion,
    version::{TLS12, TLS13},
};

use super::*;

const NAME: &str = "shop.example.com";
const PATIENCE: Duration = Duration::from_secs(20);

/// A listener with a certificate.
struct Secured {
    running: Running,
    authority: Authority,
    certificate: Certificate,
}

impl Secured {
    fn start() -> Self {
        let authority = Authority::new().unwrap();
        let certificate = authority.certify("server", &[NAME]).unwrap();
        Self {
            running: Running::speaking("HTTPS", &wanting(&certificate, "")),
            authority,
            certificate,
        }
    }

    /// Has a configuration of which the section about clients is this.
    fn turn_to(&mut self, clients: &str) {
        let running = &mut self.running;
        let lines = wanting(&self.certificate, clients);
        running.config = configured("HTTPS", &lines, running.address, running.state.path());
        running.reload();
    }

    fn client(&self, version: &'static SupportedProtocolVersion) -> Arc<ClientConfig> {
        self.authority.client(&[version], &["http/1.1"]).unwrap()
    }

    /// How a handshake went, after a request was answered.
    fn ask(&self, client: &Arc<ClientConfig>) -> io::Result<HandshakeKind> {
        let tcp = TcpStream::connect(self.running.address)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        let name = NAME.try_into().unwrap();
        let connection = ClientConnection::new(Arc::clone(client), name).unwrap();
        let mut tls = StreamOwned::new(connection, tcp);
        tls.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")?;
        tls.read_exact(&mut [0; 12])?;
        Ok(tls.conn.handshake_kind().unwrap())
    }

    /// Waits until this client is, or is not, let in without a session of before.
    fn await_admission(&self, client: &ClientConfig, is_let_in: bool) {
        eventually("the reload", PATIENCE, || {
            let mut client = client.clone();
            client.resumption = rustls::client::Resumption::disabled();
            self.ask(&Arc::new(client)).is_ok() == is_let_in
        });
    }
}

fn wanting(certificate: &Certificate, clients: &str) -> String {
    let certificate = certificate.toml();
    format!(
        "[load_balancer.listener.tls]\ncertificates = [{certificate}]\n{clients}\n[[pool]]\nname = \"web\""
    )
}

fn signed_by(authority: &Path, auth: &str) -> String {
    format!("[load_balancer.listener.tls.clients]\nca = {authority:?}\nauth = \"{auth}\"")
}

#[test]
fn nobody_without_a_certificate_goes_on_with_a_session_where_one_is_wanted_since() {
    for version in [&TLS12, &TLS13] {
        let mut secured = Secured::start();
        let client = secured.client(version);
        assert_eq!(secured.ask(&client).unwrap(), HandshakeKind::Full);
        secured.running.reload();
        assert_eq!(secured.ask(&client).unwrap(), HandshakeKind::Resumed);
        secured.turn_to(&signed_by(&secured.authority.file(), "required"));
        secured.await_admission(&client, false);
        assert!(secured.ask(&client).is_err(), "{version:?}");
    }
}

#[test]
fn a_session_goes_on_as_long_as_the_same_authorities_sign_for_clients() {
    for version in [&TLS12, &TLS13] {
        let mut secured = Secured::start();
        let (staff, others) = (Authority::new().unwrap(), Authority::new().unwrap());
        let anyone = secured.client(version);
        let client = staff.certify("client", &["someone"]).unwrap();
        let client = client.shown_by(&anyone).unwrap();
        let stranger = others.certify("client", &["someone"]).unwrap();
        let stranger = stranger.shown_by(&anyone).unwrap();
        secured.turn_to(&signed_by(&staff.file(), "required"));
        secured.await_admission(&anyone, false);
        assert_eq!(secured.ask(&client).unwrap(), HandshakeKind::Full);
        secured.running.reload();
        assert_eq!(secured.ask(&client).unwrap(), HandshakeKind::Resumed);

        // Others in the same file.
        fs::copy(others.file(), staff.file()).unwrap();
        secured.running.reload();
        secured.await_admission(&stranger, true);
        assert!(secured.ask(&client).is_err(), "{version:?}");
        assert_eq!(secured.ask(&stranger).unwrap(), HandshakeKind::Full);

        // What they have to show counts too.
        secured.turn_to(&signed_by(&staff.file(), "optional"));
        secured.await_admission(&anyone, true);
        assert_eq!(secured.ask(&stranger).unwrap(), HandshakeKind::Full);
    }
}

#[test]
fn a_reload_that_comes_to_nothing_ends_no_session() {
    let mut secured = Secured::start();
    let client = secured.client(&TLS13);
    assert_eq!(secured.ask(&client).unwrap(), HandshakeKind::Full);
    let clients = signed_by(&secured.authority.file(), "required");
    let lines = wanting(&secured.certificate, &clients);
    let running = &mut secured.running;
    let config = configured("HTTPS", &lines, running.address, running.state.path());
    // Something else than the proxy refuses it.
    drop(running.proxy.as_mut().unwrap().prepare(&config).unwrap());
    assert_eq!(secured.ask(&client).unwrap(), HandshakeKind::Resumed);
    secured.running.reload();
    assert_eq!(secured.ask(&client).unwrap(), HandshakeKind::Resumed);
}

#[test]
fn a_change_elsewhere_reads_no_certificate_again() {
    let mut secured = Secured::start();
    let running = &mut secured.running;
    fs::write(running.state.path().join("junk"), b"junk").unwrap();
    let junk = running.state.path().join("junk");
    let mut config = running.config.clone();
    let listener = &mut Arc::make_mut(&mut config.load_balancers[0]).listeners[0];
    let model::Service::Https { tls, .. } = &mut listener.service else {
        panic!("it is an HTTPS listener");
    };
    let path = std::mem::replace(
        &mut tls.certificates[0].certificate,
        running.state.path().join("own"),
    );
    let own = tls.certificates[0].certificate.clone();
    fs::copy(path, &own).unwrap();
    let proxy = running.proxy.as_mut().unwrap();
    let prepared = proxy.prepare_changed(&config).unwrap();
    proxy.serve(prepared, &config, &Health::default());
    fs::copy(junk, own).unwrap();
    Arc::make_mut(&mut config.pools[0]).algorithm = model::LbAlgorithm::SourceIp;
    assert!(proxy.prepare_changed(&config).is_ok());
    assert!(proxy.prepare(&config).is_err());
    let balancer = Arc::make_mut(&mut config.load_balancers[0]);
    balancer.display_name = Some("web".into());
    assert!(proxy.prepare_changed(&config).is_ok());
    let balancer = Arc::make_mut(&mut config.load_balancers[0]);
    let model::Service::Https { http, .. } = &mut balancer.listeners[0].service else {
        panic!("it is an HTTPS listener");
    };
    http.http2 = !http.http2;
    assert!(proxy.prepare_changed(&config).is_err());
}
