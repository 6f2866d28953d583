//! Who the client is, and what members are told of it: that part of `[load_balancer.listener.http]`.

use super::diagnostic::Reported;
use super::reader::{At, Entry, Scope, Table};
use super::rules::unique;
use super::values::{boolean, list, string, word};
use crate::http::forwarded::{ForwardedPolicy, Prefix, PrefixMistake, Pseudonym, TrustedProxies};
use crate::model::{ClientHeader, ClientIdentity};

const MOST_TRUSTED_PROXIES: usize = 256;

pub(super) fn client_identity(t: &mut Table<'_, '_>) -> Result<ClientIdentity, Reported> {
    let default = ClientIdentity::default();
    let trusted = t.or("trusted_proxies", Vec::new(), list(MOST_TRUSTED_PROXIES, network));
    let from = t.or("client_address_from", default.client_address_from, word);
    let accept = t.or("accept_proxy_protocol", default.accept_proxy_protocol, boolean);
    let forwarded = t.section("forwarded", forwarded).flatten();
    if let Ok(trusted) = &trusted {
        check_trusted(&trusted.value, &t.scope());
        if trusted.value.is_empty() {
            check_without_trusted(from, accept, &t.scope())?;
        }
    }
    let prefixes = trusted?.value.into_iter().map(|at| at.value).collect();
    Ok(ClientIdentity {
        trusted_proxies: TrustedProxies::new(prefixes),
        client_address_from: from?.value,
        accept_proxy_protocol: accept?.value,
        forwarded: forwarded?,
    })
}

fn check_trusted(trusted: &[At<Prefix>], scope: &Scope<'_>) {
    let networks = trusted.iter().map(|at| (at.value, at.span, scope));
    unique(networks, |network, line| {
        format!("trusted_proxies has {network} already on line {line}; write it once")
    });
    for at in trusted.iter().filter(|at| at.value.is_everyone()) {
        let message = format!(
            "trusted_proxies {} is everyone, so that each client can say that it is another one; name the networks of \
             your proxies",
            at.value
        );
        scope.warning(at.span, message);
    }
}

/// What is of trusted proxies only, where there are none.
fn check_without_trusted(
    from: Result<At<ClientHeader>, Reported>,
    accept: Result<At<bool>, Reported>,
    scope: &Scope<'_>,
) -> Result<(), Reported> {
    if let Ok(from) = from
        && from.value != ClientHeader::XForwardedFor
    {
        let message = format!(
            "client_address_from {} is believed of trusted proxies only, and there are none; write \
             trusted_proxies = [\"10.0.0.0/8\"] or where yours are",
            from.value
        );
        scope.warning(from.span, message);
    }
    match accept {
        Ok(At { value: true, span }) => Err(scope.error(
            span,
            "accept_proxy_protocol is for connections of trusted proxies, and there are none; write \
             trusted_proxies = [\"10.0.0.0/8\"] or where yours are",
        )),
        _ => Ok(()),
    }
}

/// A network, by its prefix.
pub(super) fn network(entry: &Entry<'_, '_>) -> Result<Prefix, Reported> {
    string(|text| {
        text.parse().map_err(|mistake| match mistake {
            PrefixMistake::Form => "is not a network; write an address and the length of its prefix, as in \
                                    \"10.0.0.0/8\" or \"2001:db8::/32\", or one address"
                .into(),
            PrefixMistake::Length { longest } => {
                format!("has too long a prefix; write at most /{longest}")
            }
            PrefixMistake::HostBits { right } => {
                format!("has bits behind its prefix; write the network, \"{right}\"")
            }
        })
    })(entry)
}

fn forwarded(t: &mut Table<'_, '_>) -> Result<ForwardedPolicy, Reported> {
    let default = ForwardedPolicy::default();
    let mut mode = |key, default| t.or(key, default, word);
    let x_forwarded_for = mode("x_forwarded_for", default.x_forwarded_for);
    let x_forwarded_proto = mode("x_forwarded_proto", default.x_forwarded_proto);
    let x_forwarded_port = mode("x_forwarded_port", default.x_forwarded_port);
    let x_forwarded_host = mode("x_forwarded_host", default.x_forwarded_host);
    let forwarded = mode("forwarded", default.forwarded);
    let via = t.optional("via", pseudonym);
    Ok(ForwardedPolicy {
        x_forwarded_for: x_forwarded_for?.value,
        x_forwarded_proto: x_forwarded_proto?.value,
        x_forwarded_port: x_forwarded_port?.value,
        x_forwarded_host: x_forwarded_host?.value,
        forwarded: forwarded?.value,
        via: via?.map(|at| at.value),
    })
}

fn pseudonym(entry: &Entry<'_, '_>) -> Result<Pseudonym, Reported> {
    string(|text| {
        text.parse()
            .map_err(|mistake| format!("is not a name for Via: {mistake}; write for example \"holdfast\""))
    })(entry)
}
