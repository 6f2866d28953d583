//! Probes over TLS, and whose certificates they take.

use std::{fs, sync::Arc, time::UNIX_EPOCH};

use lb_tests::http::Authority;
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, pem::PemObject as _},
};
use tokio_rustls::TlsAcceptor;

use super::*;

/// A member that speaks TLS with a certificate for `localhost`, and responds once; who signed it.
async fn tls_member() -> (SocketAddr, Authority, JoinHandle<String>) {
    let authority = Authority::new().unwrap();
    let certificate = authority.certify("member", &["localhost"]).unwrap();
    let key = PrivateKeyDer::from_pem_file(&certificate.key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (listener, address) = listener(LOOPBACK[0]).await;
    let serve = async move {
        let (stream, _) = listener.accept().await.unwrap();
        match acceptor.accept(stream).await {
            Ok(stream) => respond(stream, WELL).await,
            Err(error) => error.to_string(),
        }
    };
    (address, authority, tokio::spawn(serve))
}

#[tokio::test]
async fn any_certificate_will_do_where_none_is_verified() {
    let (address, _, request) = tls_member().await;
    let probe = Probe::Https {
        http: HttpProbe::default(),
        tls_verify: false,
    };
    assert_eq!(said(&probe, address, LONG_S).await, "up");
    assert!(request.await.unwrap().starts_with("GET / HTTP/1.1\r\n"));
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_a_failure_where_it_is_verified() {
    let (address, _, _) = tls_member().await;
    let probe = Probe::Https {
        http: named("localhost"),
        tls_verify: true,
    };
    let said = said(&probe, address, LONG_S).await;
    assert!(said.starts_with("TLS: invalid peer certificate"), "{said}");
}

/// What verifying by the authority of the pool comes to, which has this name for its members.
async fn verified(probe_of: &Probe, name: Option<&str>) -> String {
    let (address, authority, _) = tls_member().await;
    let pool = MemberTls {
        verify: true,
        ca: Some(authority.file()),
        server_name: name.map(Into::into),
    };
    in_words(probe(probe_of, address, Some(&pool), LONG_S).await)
}

#[tokio::test]
async fn a_certificate_is_verified_by_what_the_pool_trusts_for_its_name_or_the_host() {
    let https = |http| Probe::Https {
        http,
        tls_verify: true,
    };
    let (anyone, elsewhere) = (https(HttpProbe::default()), https(named("elsewhere.test")));
    assert_eq!(verified(&https(named("localhost:8443")), None).await, "up");
    assert_eq!(verified(&anyone, Some("localhost")).await, "up");
    assert_eq!(verified(&elsewhere, Some("localhost")).await, "up");
    let grpc = Probe::Grpc {
        grpc_service: String::new(),
        grpc_tls: true,
        tls_verify: true,
    };
    // TLS it speaks well, and then no HTTP/2.
    let said = verified(&grpc, Some("localhost")).await;
    assert!(said.starts_with("no gRPC response: "), "{said}");
    for (probe, name) in [
        (&elsewhere, None),
        (&anyone, Some("elsewhere.test")),
        (&anyone, None),
        (&grpc, None),
    ] {
        let said = verified(probe, name).await;
        assert!(said.contains("not valid for name"), "{probe:?} {name:?}: {said}");
    }
}

#[tokio::test]
async fn authorities_that_cannot_be_read_say_nothing_of_a_member() {
    let (address, ..) = tls_member().await;
    let pool = MemberTls {
        verify: true,
        ca: Some("/nowhere".into()),
        server_name: None,
    };
    let probe_of = Probe::Https {
        http: HttpProbe::default(),
        tls_verify: true,
    };
    let failure = probe(&probe_of, address, Some(&pool), LONG_S).await.unwrap_err();
    assert!(failure.is_ours(), "{failure}");
    assert!(failure.to_string().contains("/nowhere"), "{failure}");
}

#[tokio::test]
async fn authorities_that_are_replaced_are_those_of_the_next_probe() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let pool = MemberTls {
        verify: true,
        ca: Some(file.path().to_owned()),
        server_name: Some("localhost".into()),
    };
    let probe_of = Probe::Https {
        http: HttpProbe::default(),
        tls_verify: true,
    };
    let replaced_by = |authority: &Authority, second: u64| {
        fs::copy(authority.file(), file.path()).unwrap();
        file.as_file()
            .set_modified(UNIX_EPOCH + Duration::from_secs(second))
            .unwrap();
    };
    let (_, other, _) = tls_member().await;
    replaced_by(&other, 1);
    let (address, ..) = tls_member().await;
    let said = in_words(probe(&probe_of, address, Some(&pool), LONG_S).await);
    assert!(said.starts_with("TLS: "), "{said}");
    let (address, authority, _) = tls_member().await;
    replaced_by(&authority, 2);
    assert_eq!(
        in_words(probe(&probe_of, address, Some(&pool), LONG_S).await),
        "up"
    );
}

#[tokio::test]
async fn a_member_that_speaks_no_tls_is_a_failure() {
    let (listener, address) = listener(LOOPBACK[0]).await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        // Who closes with something unread resets the connection, and what was written may be lost.
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    let probe = Probe::Https {
        http: HttpProbe::default(),
        tls_verify: false,
    };
    let said = said(&probe, address, LONG_S).await;
    assert!(said.starts_with("TLS: "), "{said}");
}
