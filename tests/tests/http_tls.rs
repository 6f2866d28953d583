//! TLS that ends at the balancer.

use std::process::Command;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use lb_tests::http::{Authority, Certificate, Jar, Tls};
use lb_tests::site::Shared;
use lb_tests::{Family, Plan, Scheme, Site};
use rcgen::KeyPair;
use rustls::SignatureScheme::RSA_PSS_SHA256;
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, pem::PemObject as _};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ProtocolVersion, SupportedCipherSuite, SupportedProtocolVersion};

const BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

/// A site with certificates, for the first of which clients come that ask for no name.
struct Secured {
    site: Site,
    authority: Authority,
    plan: Plan,
}

impl Secured {
    fn start(names: &[&[&str]], further: &str) -> Result<(Self, Vec<Certificate>)> {
        let authority = Authority::new()?;
        let certificates = (0..).zip(names);
        let certificates = certificates.map(|(number, names)| authority.certify(&format!("{number}"), names));
        let certificates = certificates.collect::<Result<Vec<_>>>()?;
        let all: Vec<_> = certificates.iter().collect();
        let plan = Plan::new(&[1, 1]).cookie(20, "").tls(&all, further);
        let site = Site::start(&plan)?;
        Ok((
            Self {
                site,
                authority,
                plan,
            },
            certificates,
        ))
    }

    /// What a handshake comes to, after a request has been served.
    fn greet(&self, config: &Arc<ClientConfig>, name: &str) -> Result<Tls> {
        let mut wire = self.site.wire_to(Scheme::Https)?.tls(config, name)?;
        anyhow::ensure!(wire.get("/")?.status == 200);
        wire.handshake()
    }
}

/// For the tests that leave it as it was.
fn shop() -> Result<Arc<Secured>> {
    static SHOP: Shared<Secured> = Shared::new();
    SHOP.made_by(|| Ok(Secured::start(&[&["shop.example.com"]], "")?.0))
}

#[test]
fn clients_get_the_certificate_for_the_name_that_they_ask_for() -> Result<()> {
    let names: [&[&str]; 3] = [
        &["default.example.com", "10.1.0.100"],
        &["shop.example.com", "shop.example.org"],
        &["*.example.com"],
    ];
    let (secured, certificates) = Secured::start(&names, "")?;
    let client = secured.authority.client(&BOTH, &["http/1.1"])?;
    for (name, number) in [
        ("default.example.com", 0),
        ("shop.example.com", 1),
        ("SHOP.example.ORG", 1),
        ("other.example.com", 2),
        // No name at all.
        ("10.1.0.100", 0),
    ] {
        let shown = secured.greet(&client, name)?.certificate;
        assert_eq!(shown, certificates[number].der, "{name}");
    }
    // A wildcard is for one label, and not for none; then it is the first one, which is not for that name.
    for name in ["a.b.example.com", "example.com", "elsewhere.test"] {
        let refused = secured.greet(&client, name).map_err(|error| error.to_string());
        assert!(
            refused
                .as_ref()
                .is_err_and(|error| error.contains("not valid for name")),
            "{refused:?}"
        );
    }
    Ok(())
}

/// A key of RSA, by `openssl`: ring makes none.
fn rsa_key() -> Result<KeyPair> {
    let output = Command::new("openssl")
        .args(["genpkey", "-algorithm", "RSA"])
        .output()
        .context("cannot run `openssl`")?;
    Ok(KeyPair::try_from(&PrivateKeyDer::from_pem_slice(
        &output.stdout,
    )?)?)
}

#[test]
fn a_certificate_of_ecdsa_and_one_of_rsa_serve_the_same_name() -> Result<()> {
    let authority = Authority::new()?;
    let names = ["shop.example.com", "10.1.0.100"];
    let rsa = authority.certify_key("rsa", &names, &rsa_key()?)?;
    let ecdsa = authority.certify("ecdsa", &names)?;
    let site = Site::start(&Plan::new(&[1]).tls(&[&rsa, &ecdsa], ""))?;
    // Who can do with RSA alone says so in TLS 1.2 by its cipher suites, and in 1.3 by the signatures that it takes.
    let mut by_suites = ring::default_provider();
    let is_of_ecdsa = |suite: &SupportedCipherSuite| format!("{suite:?}").contains("ECDSA");
    by_suites.cipher_suites.retain(|suite| !is_of_ecdsa(suite));
    let mut by_signatures = ring::default_provider();
    let algorithms = &mut by_signatures.signature_verification_algorithms;
    let mut known = algorithms.mapping.chunks(1);
    let of_rsa = known.find(|known| known[0].0 == RSA_PSS_SHA256);
    algorithms.mapping = of_rsa.context("ring knows it")?;
    for (version, provider) in [(&TLS12, by_suites), (&TLS13, by_signatures)] {
        let rsa_alone = authority.client_by(provider, &[version], &["http/1.1"])?;
        let either = authority.client(&[version], &["http/1.1"])?;
        for name in names {
            for (client, shown) in [(&rsa_alone, &rsa), (&either, &ecdsa)] {
                let mut wire = site.wire_to(Scheme::Https)?.tls(client, name)?;
                assert_eq!(wire.get("/")?.status, 200);
                assert_eq!(wire.handshake()?.certificate, shown.der, "{version:?} {name}");
            }
        }
    }
    Ok(())
}

#[test]
fn curl_is_served_over_tls_by_the_version_that_it_asks_for() -> Result<()> {
    let secured = shop()?;
    let directory = tempfile::tempdir()?;
    for family in Family::BOTH {
        for (option, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
            for tls in ["--tls-max=1.2", "--tlsv1.3"] {
                let jar = directory.path().join(format!("{family:?}{version}{tls}"));
                let curl = secured.site.curl(family, Scheme::Https);
                let tls: Vec<_> = tls.split('=').collect();
                let curl = curl.with(&[option]).with(&tls).with_jar(&jar);
                let curl = curl.trusting(&secured.authority.file());
                let pages = curl.get_all(Scheme::Https, "shop.example.com", &["/", "/two", "/three"])?;
                let mut members = Vec::new();
                for page in &pages {
                    assert_eq!((page.version.as_str(), page.status), (version, 200));
                    let echo = page.echo()?;
                    assert_eq!(echo.values("x-forwarded-proto"), ["https"]);
                    assert_eq!(echo.values("x-forwarded-port"), ["443"]);
                    members.push(echo.member);
                }
                members.dedup();
                assert_eq!(members.len(), 1, "its cookie holds it");
                let connections: Vec<_> = pages.iter().map(|page| page.connections).collect();
                assert_eq!(connections, [1, 0, 0]);
            }
        }
    }
    Ok(())
}

#[test]
fn either_version_of_tls_is_spoken_and_its_sessions_go_on() -> Result<()> {
    let secured = shop()?;
    for (version, spoken) in [
        (&TLS12, ProtocolVersion::TLSv1_2),
        (&TLS13, ProtocolVersion::TLSv1_3),
    ] {
        let client = secured.authority.client(&[version], &["h2", "http/1.1"])?;
        let wire = secured
            .site
            .wire_to(Scheme::Https)?
            .tls(&client, "shop.example.com")?;
        assert_eq!(
            wire.handshake()?.alpn.as_deref(),
            Some(b"h2".as_slice()),
            "the better one"
        );
        let client = secured.authority.client(&[version], &["http/1.1"])?;
        let first = secured.greet(&client, "shop.example.com")?;
        assert_eq!((first.version, first.is_resumed), (spoken, false));
        assert_eq!(first.alpn.as_deref(), Some(b"http/1.1".as_slice()));
        assert!(
            secured.greet(&client, "shop.example.com")?.is_resumed,
            "{spoken:?}"
        );
        // Also after a reload.
        secured.site.turn_to(&secured.plan)?;
        assert!(
            secured.greet(&client, "shop.example.com")?.is_resumed,
            "{spoken:?}"
        );
    }
    Ok(())
}

#[test]
fn a_version_of_tls_that_is_too_old_is_refused() -> Result<()> {
    let (secured, _) = Secured::start(&[&["shop.example.com"]], "min_version = \"1.3\"")?;
    let old = secured.authority.client(&[&TLS12], &["http/1.1"])?;
    let refused = secured
        .greet(&old, "shop.example.com")
        .map_err(|error| error.to_string());
    assert!(
        refused
            .as_ref()
            .is_err_and(|error| error.contains("ProtocolVersion")),
        "{refused:?}"
    );
    let new = secured.authority.client(&BOTH, &["http/1.1"])?;
    assert_eq!(
        secured.greet(&new, "shop.example.com")?.version,
        ProtocolVersion::TLSv1_3
    );
    Ok(())
}

#[test]
fn the_cookie_is_for_tls_alone_where_it_was_set_over_tls() -> Result<()> {
    let secured = shop()?;
    let client = secured.authority.client(&BOTH, &["http/1.1"])?;
    let mut jar = Jar::default();
    let mut wire = secured
        .site
        .wire_to(Scheme::Https)?
        .tls(&client, "shop.example.com")?;
    let first = wire.browse("/", &mut jar)?;
    let value = jar.value("HOLDFAST").context("it got no cookie")?;
    let expected = format!("HOLDFAST={value}; Path=/; Secure; HttpOnly; SameSite=Lax");
    assert_eq!(first.values("set-cookie"), [expected]);
    // Both listeners share the pool, and with it the session.
    for _ in 0..4 {
        assert_eq!(wire.browse("/", &mut jar)?.member(), first.member());
        assert_eq!(secured.site.browse("/", &mut jar)?.member(), first.member());
    }
    Ok(())
}

#[test]
fn certificates_are_replaced_without_a_connection_being_cut() -> Result<()> {
    let (secured, before) = Secured::start(&[&["shop.example.com"]], "")?;
    let client = || secured.authority.client(&BOTH, &["http/1.1"]);
    let mut open = secured
        .site
        .wire_to(Scheme::Https)?
        .tls(&client()?, "shop.example.com")?;
    let mut jar = Jar::default();
    let first = open.browse("/", &mut jar)?;
    let after = secured.authority.certify("0", &["shop.example.com"])?;
    assert_eq!(
        secured.greet(&client()?, "shop.example.com")?.certificate,
        before[0].der
    );
    secured.site.turn_to(&secured.plan)?;
    assert_eq!(
        secured.greet(&client()?, "shop.example.com")?.certificate,
        after.der
    );
    assert_eq!(open.browse("/", &mut jar)?.member(), first.member(), "it goes on");

    // One that cannot be used changes nothing.
    std::fs::write(&after.key, "nonsense")?;
    let reloaded = secured.site.daemon().cli(&["reload"])?;
    let complaint = String::from_utf8_lossy(&reloaded.stderr);
    assert!(
        !reloaded.status.success() && complaint.contains("cannot read the key"),
        "{complaint}"
    );
    assert_eq!(
        secured.greet(&client()?, "shop.example.com")?.certificate,
        after.der
    );
    assert_eq!(open.browse("/", &mut jar)?.member(), first.member(), "it goes on");
    Ok(())
}

#[test]
fn whoever_speaks_no_tls_is_let_go() -> Result<()> {
    let secured = shop()?;
    let mut wire = secured.site.wire_to(Scheme::Https)?;
    wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")?;
    let answer = wire.rest().unwrap_or_default();
    assert!(
        !answer.starts_with(b"HTTP/"),
        "{:?}",
        String::from_utf8_lossy(&answer)
    );
    let client = secured.authority.client(&BOTH, &["http/1.1"])?;
    assert_eq!(
        secured.greet(&client, "shop.example.com")?.version,
        ProtocolVersion::TLSv1_3
    );
    Ok(())
}

#[test]
fn clients_show_certificates_where_they_have_to() -> Result<()> {
    let authority = Authority::new()?;
    let server = authority.certify("server", &["shop.example.com"])?;
    let staff = authority.certify("staff", &["someone"])?;
    let other = Authority::new()?;
    let stranger = other.certify("stranger", &["someone"])?;
    let clients = format!(
        "[load_balancer.listener.tls.clients]\nca = \"{}\"",
        authority.file().display()
    );
    let site = Site::start(&Plan::new(&[1]).tls(&[&server], &clients))?;
    let ask = |certificate: Option<&Certificate>| {
        let path = |file: &std::path::Path| file.display().to_string();
        let mut arguments = Vec::new();
        if let Some(shown) = certificate {
            arguments = vec![
                "--cert".to_owned(),
                path(&shown.file),
                "--key".to_owned(),
                path(&shown.key),
            ];
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let curl = site.curl(Family::V4, Scheme::Https).trusting(&authority.file());
        curl.with(&arguments).get(Scheme::Https, "shop.example.com", "/")
    };
    assert_eq!(ask(Some(&staff))?.echo()?.member, "member1");
    // What curl says of a connection that ends, be it with an alert or before that has come.
    let ended = [35, 55, 56].map(|code| format!("curl: ({code})"));
    for refused in [None, Some(&stranger)] {
        let said = ask(refused).unwrap_err().to_string();
        assert!(ended.iter().any(|code| said.contains(code)), "{said}");
    }
    Ok(())
}

#[test]
fn why_a_handshake_was_refused_is_said_now_and_then() -> Result<()> {
    let authority = Authority::new()?;
    let server = authority.certify("server", &["shop.example.com"])?;
    let clients = format!(
        "[load_balancer.listener.tls.clients]\nca = \"{}\"",
        authority.file().display()
    );
    let plan = Plan::new(&[1]).tls(&[&server], &clients);
    let site = Site::start(&plan.proxy("workers = 1"))?;
    // Not of those that speak no TLS, or go away.
    drop(site.wire_to(Scheme::Https)?);
    let mut unsecured = site.wire_to(Scheme::Https)?;
    unsecured.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")?;
    unsecured.rest().unwrap_or_default();
    let client = authority.client(&[&TLS12], &["http/1.1"])?;
    for _ in 0..3 {
        let wire = site.wire_to(Scheme::Https)?;
        assert!(wire.tls(&client, "shop.example.com").is_err());
    }
    let told = "listener \"listener-2\": the TLS handshake of 10.1.0.2 failed: peer sent no certificates";
    let log = site.daemon().log();
    assert_eq!(log.matches("the TLS handshake of").count(), 1, "{log}");
    assert!(log.contains(told), "{log}");
    Ok(())
}
