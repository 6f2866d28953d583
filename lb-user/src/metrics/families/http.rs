//! What is of HTTP and TLS.

use super::listeners::{all, labels};
use crate::{
    metrics::family::{Family, Sample},
    model::Titled as _,
    proxy::{ListenerReport, NoHeader},
    views::Status,
};

const LABELS: &[&str] = labels!();
/// By their first digit.
const CODES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

pub(super) const FAMILIES: &[Family] = &[
    Family::counter(
        "holdfast_http_requests",
        "Requests that were read",
        LABELS,
        |status| {
            let samples = proxied(status).map(|(labels, report)| Sample::new(labels, report.requests));
            samples.collect()
        },
    ),
    Family::counter(
        "holdfast_http_responses",
        "Responses by the first digit of their status",
        labels!("code"),
        |status| {
            let samples = proxied(status).flat_map(|(labels, report)| {
                let codes = CODES.into_iter().zip(report.responses);
                codes.map(move |(code, count)| Sample::with(labels, [code], count))
            });
            samples.collect()
        },
    ),
    Family::counter(
        "holdfast_http_own_responses",
        "Responses of the balancer's own: redirects, refusals, and where no member answered",
        LABELS,
        |status| {
            let samples = proxied(status).map(|(labels, report)| Sample::new(labels, report.own_responses));
            samples.collect()
        },
    ),
    Family::durations(
        "holdfast_http_request_duration",
        "How long requests took, from the first byte of the head to the last one of the response",
        LABELS,
        |status| {
            let samples =
                proxied(status).map(|(labels, report)| Sample::of_durations(labels, &report.request_times));
            samples.collect()
        },
    ),
    Family::counter(
        "holdfast_policy_requests",
        "Requests that a policy decided",
        labels!("policy", "policy_id"),
        |status| {
            let samples = proxied(status).flat_map(|(labels, report)| {
                report
                    .policies
                    .iter()
                    .map(move |policy| Sample::with(labels, [policy.title(), &policy.name], policy.requests))
            });
            samples.collect()
        },
    ),
    Family::counter(
        "holdfast_tls_handshakes",
        "TLS handshakes with clients: full, resumed, or failed (also because the client went away)",
        labels!("result"),
        |status| {
            let samples = proxied(status).flat_map(|(labels, report)| {
                let handshakes = report.tls_handshakes.into_iter().flat_map(|handshakes| {
                    [
                        ("full", handshakes.full),
                        ("resumed", handshakes.resumed),
                        ("failed", handshakes.failed),
                    ]
                });
                handshakes.map(move |(result, count)| Sample::with(labels, [result], count))
            });
            samples.collect()
        },
    ),
    Family::gauge(
        "holdfast_tls_certificate_expiry_timestamp",
        "Until when certificates are good, in seconds since 1970; that of the API has no listener",
        labels!("certificate"),
        |told| {
            let of_listeners = proxied(told).flat_map(|(labels, report)| {
                let expiries = report.certificates.iter();
                expiries.map(move |expiry| (labels, expiry))
            });
            let of_api = told.api_certificates.iter().map(|expiry| ([""; 4], expiry));
            let samples = of_listeners.chain(of_api).map(|(labels, expiry)| {
                let until = u64::try_from(expiry.not_after_unix_s).unwrap_or(0);
                Sample::with(labels, [&expiry.certificate], until)
            });
            samples.collect()
        },
    )
    .in_seconds(),
    Family::counter(
        "holdfast_proxy_protocol_refused",
        "Connections that did not begin with the PROXY header that they owed, by reason",
        labels!("reason"),
        |status| {
            let samples = proxied(status).flat_map(|(labels, report)| {
                let refused = report.proxy_protocol_refused.iter();
                refused.flat_map(move |refused| {
                    // From the beginning: what begins at some number was never seen to grow.
                    NoHeader::WORDS.iter().map(move |reason| {
                        let count = refused.get(*reason).copied().unwrap_or(0);
                        Sample::with(labels, [*reason], count)
                    })
                })
            });
            samples.collect()
        },
    ),
];

fn proxied(status: &Status) -> impl Iterator<Item = ([&str; 4], &ListenerReport)> {
    all(status).filter_map(|(labels, listener)| Some((labels, listener.proxied.as_ref()?)))
}
