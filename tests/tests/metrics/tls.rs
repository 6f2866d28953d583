//! Handshakes, and until when certificates are good.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use lb_tests::desk::{Desk, FILE, SMALL};
use lb_tests::http::{Authority, Certificate, pem};
use lb_tests::{Plan, Scheme, Site, temporary_directory};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::ClientConfig;
use rustls::version::{TLS12, TLS13};

use crate::exposition::Exposition;
use crate::site;
use crate::watch::Watch;

const NAME: &str = "shop.example.com";
const DAY: u32 = 86_400;

fn greet(site: &Site, client: &Arc<ClientConfig>) -> Result<()> {
    let mut wire = site.wire_to(Scheme::Https)?.tls(client, NAME)?;
    anyhow::ensure!(wire.get("/")?.status == 200);
    Ok(())
}

#[test]
fn handshakes_are_counted_by_what_came_of_them_and_too_many_failures_raise_an_alert() -> Result<()> {
    let authority = Authority::new()?;
    let certificate = authority.certify("shop", &[NAME])?;
    let site = site(&Plan::new(&[1]).tls(&[&certificate], ""))?;
    let daemon = site.daemon();
    let watch = Watch::begin(daemon)?;
    let client = authority.client(&[&TLS13, &TLS12], &["http/1.1"])?;
    for _ in 0..3 {
        greet(&site, &client)?;
    }
    let handshakes = |result| [("listener", "listener-2"), ("result", result)];
    let name = "holdfast_tls_handshakes_total";
    let told = Exposition::of(daemon)?;
    for (result, count) in [("full", 1), ("resumed", 2), ("failed", 0)] {
        told.assert(name, &handshakes(result), count);
    }
    watch.await_none(daemon);
    // Who speaks no TLS.
    let mut wire = site.wire_to(Scheme::Https)?;
    wire.send("GET / HTTP/1.1\r\n\r\n")?;
    let _ = wire.rest();
    let told = Exposition::once(daemon, "a failure to be counted", |told| {
        told.count(name, &handshakes("failed")) > 0
    })?;
    told.assert(name, &[], 4);
    watch.await_just(daemon, &[("HoldfastHandshakesFail", "listener", "listener-2")]);
    // Of a listener without TLS there is nothing to tell.
    assert_eq!(told.named(name, &[("listener", "listener-1")]).count(), 0);
    Ok(())
}

/// A certificate that is good until then, in files of that name; what was in them is replaced.
fn certified(directory: &Path, file: &str, until: SystemTime) -> Result<Certificate> {
    let since = until.duration_since(SystemTime::UNIX_EPOCH)?;
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec![format!("{file}.example.com")])?;
    params.not_after = date_time_ymd(1970, 1, 1) + Duration::from_secs(since.as_secs());
    let certificate = params.self_signed(&key)?;
    let path = |end: &str| directory.join(format!("{file}.{end}"));
    let made = Certificate {
        file: path("pem"),
        key: path("key"),
        der: certificate.der().clone(),
    };
    fs::write(&made.file, pem("CERTIFICATE", certificate.der()))?;
    fs::write(&made.key, pem("PRIVATE KEY", &key.serialize_der()))?;
    Ok(made)
}

#[test]
fn it_is_told_until_when_certificates_are_good_and_one_that_is_near_its_end_raises_an_alert() -> Result<()> {
    let directory = temporary_directory()?;
    let (now, day) = (SystemTime::now(), Duration::from_secs(DAY.into()));
    let [near, far] =
        [("near", 13), ("far", 15)].map(|(file, days)| certified(directory.path(), file, now + day * days));
    let (near, far) = (near?, far?);
    // One may be named twice, and is told once.
    let plan = Plan::new(&[1]).tls(&[&near, &far, &near], "");
    let site = site(&plan)?;
    let daemon = site.daemon();
    let expiry = "holdfast_tls_certificate_expiry_timestamp_seconds";
    let since = now.duration_since(SystemTime::UNIX_EPOCH)?.as_secs() as i64;
    let (near_file, far_file) = (near.file.display().to_string(), far.file.display().to_string());
    let told = Exposition::of(daemon)?;
    for listener in ["listener-2", "listener-4"] {
        for (file, days) in [(&near_file, 13), (&far_file, 15)] {
            let labels = [("listener", listener), ("certificate", file.as_str())];
            told.assert(expiry, &labels, since + days * i64::from(DAY));
        }
    }
    let watch = Watch::begin(daemon)?;
    let expires = ("HoldfastCertificateExpires", "certificate", near_file.as_str());
    let firing = watch.await_just(daemon, &[expires; 2]);
    for alert in &firing {
        let left = alert.value / f64::from(DAY);
        assert!((12.9..13.0).contains(&left), "{alert:?}");
    }

    certified(directory.path(), "near", now + day * 90)?;
    site.turn_to(&plan)?;
    watch.await_none(daemon);
    let labels = [("listener", "listener-2"), ("certificate", near_file.as_str())];
    Exposition::of(daemon)?.assert(expiry, &labels, since + 90 * i64::from(DAY));

    // Also one that has expired is told, and is worse.
    certified(directory.path(), "near", now - day)?;
    site.turn_to(&plan)?;
    let over = ("HoldfastCertificateExpired", "certificate", near_file.as_str());
    let firing = watch.await_just(daemon, &[over; 2]);
    assert!(firing.iter().all(|alert| alert.value < 0.0), "{firing:?}");
    Ok(())
}

#[test]
fn the_certificate_of_the_api_is_watched_as_those_of_listeners() -> Result<()> {
    let (directory, desk) = (temporary_directory()?, Desk::open()?);
    let (daemon, day) = (&desk.daemon, Duration::from_secs(DAY.into()));
    let name = "holdfast_tls_certificate_expiry_timestamp_seconds";
    assert_eq!(Exposition::of(daemon)?.named(name, &[]).count(), 0);
    let watch = Watch::begin(daemon)?;

    let near = certified(directory.path(), "api", SystemTime::now() + 13 * day)?;
    let (file, key) = (near.file.display().to_string(), near.key.display());
    let api = format!(
        "[api]\nlisten = [\"127.0.0.1:9876\"]\nauth = \"none\"\ncertificate = \"{file}\"\nkey = \"{key}\""
    );
    let configuration = format!("{SMALL}\n{FILE}\n{api}\n");
    daemon.reconfigure(&configuration)?;
    let expires = [("HoldfastCertificateExpires", "certificate", file.as_str())];
    let firing = watch.await_just(daemon, &expires);
    assert_eq!(firing[0].label("listener"), "", "it has none");

    certified(directory.path(), "api", SystemTime::now() + 90 * day)?;
    daemon.reconfigure(&configuration)?;
    watch.await_none(daemon);
    assert_eq!(Exposition::of(daemon)?.named(name, &[]).count(), 1);
    Ok(())
}
