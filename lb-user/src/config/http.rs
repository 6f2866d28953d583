//! What belongs to HTTP: `[load_balancer.listener.http]`, `[load_balancer.listener.tls]`, `[pool.http]`, `[proxy]`.

use rustls::pki_types::ServerName;

use super::diagnostic::Reported;
use super::identity::client_identity;
use super::reader::Table;
use super::values::{absolute_path, boolean, integer, string, word};
use crate::model::{
    AccessLog, CertificateFiles, ClientAuth, ClientCertificates, ClientTimeouts, Http, ListenerTls,
    LogFormat, MemberHttp, MemberProtocol, MemberTimeouts, MemberTls, Outlier, Protocol, ProxySettings,
    RequestLimits, TlsVersion,
};

/// The kernel's `PATH_MAX` without the final NUL.
const LONGEST_PATH: usize = 4095;
const LONGEST_TIMEOUT_S: u32 = 86_400;
const KI: u32 = 1 << 10;

pub(super) fn proxy(t: &mut Table<'_, '_>) -> Result<ProxySettings, Reported> {
    let default = ProxySettings::default();
    let workers = t.optional("workers", integer(1..=256));
    let max_app_cookies = t.or(
        "max_app_cookies",
        default.max_app_cookies,
        integer(KI..=64 * KI * KI),
    );
    let app_cookie_save_s = t.or("app_cookie_save_s", default.app_cookie_save_s, integer(1..=3600));
    let drain_s = t.or("drain_s", default.drain_s, integer(0..=3600));
    let access_log = t.table("access_log", access_log);
    Ok(ProxySettings {
        app_cookie_save_s: app_cookie_save_s?.value,
        drain_s: drain_s?.value,
        access_log: access_log?.transpose()?,
        workers: workers?.map(|at| at.value),
        max_app_cookies: max_app_cookies?.value,
    })
}

fn access_log(t: &mut Table<'_, '_>) -> Result<AccessLog, Reported> {
    let path = t.required("path", absolute_path(LONGEST_PATH));
    let format = t.or("format", LogFormat::Json, word);
    let sample = t.or("sample", 1, integer(1..=1_000_000));
    Ok(AccessLog {
        path: path?.value,
        format: format?.value,
        sample: sample?.value,
    })
}

/// How a listener of that protocol serves its clients.
pub(super) fn http(t: &mut Table<'_, '_>, protocol: Protocol) -> Result<Http, Reported> {
    let default = Http::default();
    let http2 = t.or("http2", default.http2, boolean);
    let max_connections = t.or("max_connections", default.max_connections, integer(1..=KI * KI));
    if protocol != Protocol::Http {
        t.misplaced(&["redirect_to_https"], "protocol = \"HTTP\"");
    }
    let redirect_to_https = t.optional("redirect_to_https", integer(1..=u16::MAX));
    let identity = client_identity(t);
    let timeouts = t.section("timeouts", client_timeouts).flatten();
    let limits = t.section("limits", limits).flatten();
    Ok(Http {
        http2: http2?.value,
        max_connections: max_connections?.value,
        identity: identity?,
        redirect_to_https: redirect_to_https?.map(|at| at.value),
        timeouts: timeouts?,
        limits: limits?,
    })
}

fn client_timeouts(t: &mut Table<'_, '_>) -> Result<ClientTimeouts, Reported> {
    let default = ClientTimeouts::default();
    let mut seconds = |key, default| t.or(key, default, integer(1..=LONGEST_TIMEOUT_S));
    let header_s = seconds("header_s", default.header_s);
    let idle_s = seconds("idle_s", default.idle_s);
    let body_s = seconds("body_s", default.body_s);
    let upgrade_idle_s = seconds("upgrade_idle_s", default.upgrade_idle_s);
    Ok(ClientTimeouts {
        header_s: header_s?.value,
        idle_s: idle_s?.value,
        body_s: body_s?.value,
        upgrade_idle_s: upgrade_idle_s?.value,
    })
}

fn limits(t: &mut Table<'_, '_>) -> Result<RequestLimits, Reported> {
    let default = RequestLimits::default();
    let header_bytes = t.or("header_bytes", default.header_bytes, integer(KI..=64 * KI));
    let headers = t.or("headers", default.headers, integer(8..=256));
    let uri_bytes = t.or("uri_bytes", default.uri_bytes, integer(64..=64 * KI));
    let body_bytes = t.optional("body_bytes", integer(0..=i64::MAX.unsigned_abs()));
    Ok(RequestLimits {
        header_bytes: header_bytes?.value,
        headers: headers?.value,
        uri_bytes: uri_bytes?.value,
        body_bytes: body_bytes?.map(|at| at.value),
    })
}

pub(super) fn tls(t: &mut Table<'_, '_>) -> Result<ListenerTls, Reported> {
    let certificates = t.tables("certificates", &["certificate"], certificate);
    let min_version = t.or("min_version", TlsVersion::Tls12, word);
    let clients = t.table("clients", client_certificates);
    if certificates.is_empty() {
        let scope = t.scope();
        return Err(scope.error(
            scope.span,
            "certificates is missing; write for example certificates = [{ certificate = \"/etc/holdfast/site.pem\", \
             key = \"/etc/holdfast/site.key\" }]",
        ));
    }
    Ok(ListenerTls {
        certificates: certificates.into_iter().collect::<Result<_, _>>()?,
        min_version: min_version?.value,
        clients: clients?.transpose()?,
    })
}

fn client_certificates(t: &mut Table<'_, '_>) -> Result<ClientCertificates, Reported> {
    let ca = t.required("ca", absolute_path(LONGEST_PATH));
    let auth = t.or("auth", ClientAuth::Required, word);
    Ok(ClientCertificates {
        ca: ca?.value,
        auth: auth?.value,
    })
}

fn certificate(t: &mut Table<'_, '_>) -> Result<CertificateFiles, Reported> {
    let certificate = t.required("certificate", absolute_path(LONGEST_PATH));
    let key = t.required("key", absolute_path(LONGEST_PATH));
    Ok(CertificateFiles {
        certificate: certificate?.value,
        key: key?.value,
    })
}

pub(super) fn member_http(t: &mut Table<'_, '_>) -> Result<MemberHttp, Reported> {
    let default = MemberHttp::default();
    let protocol = t.or("protocol", default.protocol, word);
    let retries = t.or("retries", default.retries, integer(0..=16));
    let max_connections = t.optional("max_connections", integer(1..=KI * KI));
    let queue = t.or("queue", default.queue, integer(0..=64 * KI));
    let slow_start_s = t.or("slow_start_s", default.slow_start_s, integer(0..=3600));
    let outlier = t.table("outlier", outlier);
    let send_proxy_protocol = t.optional("send_proxy_protocol", word);
    let timeouts = t.section("timeouts", member_timeouts).flatten();
    let tls = t.table("tls", member_tls);
    if let (Ok(protocol), Ok(Some(send))) = (&protocol, &send_proxy_protocol)
        && protocol.value == MemberProtocol::Http2
    {
        let message = "send_proxy_protocol is for protocol = \"HTTP/1.1\" only, since the clients of a member share its \
                       connections of HTTP/2; leave it out here";
        return Err(t.scope().error(send.span, message));
    }
    Ok(MemberHttp {
        protocol: protocol?.value,
        retries: retries?.value,
        max_connections: max_connections?.map(|at| at.value),
        queue: queue?.value,
        slow_start_s: slow_start_s?.value,
        outlier: outlier?.transpose()?,
        send_proxy_protocol: send_proxy_protocol?.map(|at| at.value),
        timeouts: timeouts?,
        tls: tls?.transpose()?,
    })
}

fn outlier(t: &mut Table<'_, '_>) -> Result<Outlier, Reported> {
    let default = Outlier::default();
    let failures = t.or("failures", default.failures, integer(1..=1000));
    let ejection_s = t.or("ejection_s", default.ejection_s, integer(1..=3600));
    let max_ejected_percent = t.or(
        "max_ejected_percent",
        default.max_ejected_percent,
        integer(1..=100),
    );
    Ok(Outlier {
        failures: failures?.value,
        ejection_s: ejection_s?.value,
        max_ejected_percent: max_ejected_percent?.value,
    })
}

fn member_tls(t: &mut Table<'_, '_>) -> Result<MemberTls, Reported> {
    let verify = t.or("verify", true, boolean);
    let ca = t.optional("ca", absolute_path(LONGEST_PATH));
    let server_name = t.optional("server_name", string(server_name));
    Ok(MemberTls {
        verify: verify?.value,
        ca: ca?.map(|at| at.value),
        server_name: server_name?.map(|at| at.value),
    })
}

/// What a certificate can be for.
fn server_name(text: &str) -> Result<String, String> {
    match ServerName::try_from(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("is no name of a server; write for example \"shop.internal\"".into()),
    }
}

fn member_timeouts(t: &mut Table<'_, '_>) -> Result<MemberTimeouts, Reported> {
    let default = MemberTimeouts::default();
    let mut seconds = |key, default| t.or(key, default, integer(1..=LONGEST_TIMEOUT_S));
    let connect_s = seconds("connect_s", default.connect_s);
    let response_s = seconds("response_s", default.response_s);
    let idle_s = seconds("idle_s", default.idle_s);
    let queue_s = seconds("queue_s", default.queue_s);
    Ok(MemberTimeouts {
        connect_s: connect_s?.value,
        response_s: response_s?.value,
        idle_s: idle_s?.value,
        queue_s: queue_s?.value,
    })
}
