//! The same work in three languages: one core, three members in turns, clients held by a cookie, `X-Forwarded-For` added,
//! connections to members kept, nothing logged, no limit that a benchmark would meet, TLS as it comes but 1.3.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;

use super::{Listener, Persistence, Proxy};
use crate::certificate::Pairs;
use crate::member;
use crate::page::{MEMBERS, SESSION_COOKIE};

/// The cookie that holds clients, where its name can be chosen.
pub(super) const COOKIE: &str = "SRV";

/// What a configuration is made from.
pub(super) struct Facts<'f> {
    pub(super) directory: &'f Path,
    pub(super) pins: &'f Path,
    pub(super) certificates: &'f Pairs,
    pub(super) persistence: Persistence,
}

pub(super) fn text(proxy: Proxy, facts: &Facts<'_>) -> String {
    let address = proxy.address();
    match proxy {
        Proxy::Holdfast | Proxy::Baseline => holdfast(address, facts),
        Proxy::Haproxy => haproxy(address, facts),
        Proxy::Nginx => nginx(address, facts),
    }
}

fn each_member(line: impl Fn(&str, std::net::SocketAddr) -> String) -> String {
    let members = MEMBERS.iter().enumerate();
    members
        .map(|(index, name)| line(name, member::address(index)))
        .collect()
}

fn holdfast(address: IpAddr, facts: &Facts<'_>) -> String {
    let Facts {
        directory,
        pins,
        certificates,
        persistence,
    } = facts;
    let (directory, pins) = (directory.display(), pins.display());
    let mut text = format!(
        r#"[daemon]
control_socket = "{directory}/control.sock"
pin_path = "{pins}"
state_path = "{directory}/state"

[datapath]
interfaces = []

[proxy]
workers = 1

[[load_balancer]]
name = "bench"
vip = "{address}"
"#
    );
    let listeners = [
        ("http", Listener::Http, None),
        ("https", Listener::Https, Some(&certificates.ecdsa)),
        ("https_rsa", Listener::HttpsRsa, Some(&certificates.rsa)),
    ];
    for (name, listener, pair) in listeners {
        let protocol = if pair.is_some() { "HTTPS" } else { "HTTP" };
        let port = listener.port();
        // Writing to a string does not fail.
        let _ = write!(
            text,
            r#"
[[load_balancer.listener]]
name = "{name}"
protocol = "{protocol}"
port = {port}
pool = "web"
"#
        );
        if let Some(pair) = pair {
            let _ = write!(
                text,
                r#"[load_balancer.listener.tls]
certificates = [{{ certificate = "{}", key = "{}" }}]
"#,
                pair.certificate.display(),
                pair.key.display()
            );
        }
    }
    let persistence = match persistence {
        Persistence::Inserted => "type = \"HTTP_COOKIE\"\n".to_owned(),
        Persistence::Learned => format!("type = \"APP_COOKIE\"\ncookie_name = \"{SESSION_COOKIE}\"\n"),
    };
    let members = each_member(|name, at| {
        format!(
            "\n[[pool.member]]\nname = \"{name}\"\naddress = \"{}\"\nport = {}\n",
            at.ip(),
            at.port()
        )
    });
    text + "\n[[pool]]\nname = \"web\"\n\n[pool.session_persistence]\n" + &persistence + &members
}

/// Probes are ignored so that a handshake without a request gets no answer, which the others do not give either.
fn haproxy(address: IpAddr, facts: &Facts<'_>) -> String {
    let Pairs { ecdsa, rsa } = facts.certificates;
    let (persistence, has_cookie) = match facts.persistence {
        Persistence::Inserted => (format!("cookie {COOKIE} insert indirect nocache httponly"), true),
        Persistence::Learned => (
            format!(
                "stick-table type string len 32 size 1m expire 30m\n    stick store-response res.cook({SESSION_COOKIE})\n    \
                 stick match req.cook({SESSION_COOKIE})"
            ),
            false,
        ),
    };
    let members = each_member(|name, at| {
        let cookie = if has_cookie {
            format!(" cookie {name}")
        } else {
            String::new()
        };
        format!("    server {name} {at}{cookie}\n")
    });
    let bind = |listener: Listener| format!("bind {address}:{}", listener.port());
    format!(
        "global
    nbthread 1
    maxconn 11000
    no strict-limits
    ssl-default-bind-options ssl-min-ver TLSv1.3

defaults
    mode http
    option forwardfor
    option http-ignore-probes
    http-reuse always
    timeout connect 5s
    timeout client 10m
    timeout server 10m
    timeout http-request 10m
    timeout http-keep-alive 10m

frontend clients
    {}
    {} ssl crt {} alpn h2,http/1.1
    {} ssl crt {} alpn h2,http/1.1
    default_backend web

backend web
    balance roundrobin
    {persistence}
{members}",
        bind(Listener::Http),
        bind(Listener::Https),
        ecdsa.together.display(),
        bind(Listener::HttpsRsa),
        rsa.together.display(),
    )
}

fn nginx(address: IpAddr, facts: &Facts<'_>) -> String {
    let Pairs { ecdsa, rsa } = facts.certificates;
    let directory = facts.directory.display();
    let members = each_member(|_, at| format!("        server {at};\n"));
    let location = "
        location / {
            proxy_pass http://web;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        }";
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("    {kind}_temp_path {directory}/{kind};\n"))
        .concat();
    let tls = |pair: &crate::certificate::Pair| {
        format!(
            "        ssl_certificate {};\n        ssl_certificate_key {};",
            pair.certificate.display(),
            pair.key.display()
        )
    };
    let (http, https, https_rsa) = (
        Listener::Http.port(),
        Listener::Https.port(),
        Listener::HttpsRsa.port(),
    );
    // An answer that does not fit its buffers would go to a file and back.
    format!(
        "daemon off;
user root;
pid {directory}/pid;
error_log {directory}/log crit;
worker_processes 1;
events {{
    worker_connections 11000;
}}
http {{
    access_log off;
    keepalive_timeout 10m;
    keepalive_requests 1000000000;
    ssl_protocols TLSv1.3;
    proxy_max_temp_file_size 0;
{temporary}
    upstream web {{
        hash $cookie_{COOKIE} consistent;
{members}        keepalive 256;
        keepalive_requests 1000000000;
        keepalive_timeout 10m;
    }}
    server {{
        listen {address}:{http};
        listen {address}:{https} ssl http2;
{}{location}
    }}
    server {{
        listen {address}:{https_rsa} ssl http2;
{}{location}
    }}
}}
",
        tls(ecdsa),
        tls(rsa),
    )
}
