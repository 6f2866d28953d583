//! Where a request goes: the pool that has it, or what it is answered, by the policies of its listener.

mod rules;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, io::Write as _, sync::Arc};

use super::{
    admit::Admitted, counts::Count, pool::Pool, report::PolicyReport, respond::Own, serving::Listener,
};
use crate::{
    http::{head::Head, host},
    model::{self, Action},
};
use rules::{Rules, Seen};

/// Where a request goes.
#[derive(Debug)]
pub(super) enum Route<'r> {
    Pool(&'r Arc<Pool>),
    /// To no pool, since that is so wanted.
    Answer(Own),
    /// To no pool, since there is none.
    Nowhere,
}

/// Where the requests of a listener go.
#[derive(Debug)]
pub(super) struct Routes {
    /// Those that may match, in the order in which they are asked.
    policies: Vec<Policy>,
    otherwise: Otherwise,
}

#[derive(Debug)]
pub(super) struct Policy {
    pub(super) name: String,
    display_name: Option<String>,
    rules: Arc<Rules>,
    then: Then,
    /// Those that it decided.
    requests: Arc<Count>,
}

/// What becomes of the requests that a policy matches.
#[derive(Debug)]
enum Then {
    Reject,
    Url(Away),
    Prefix(Away),
    Pool(Arc<Pool>),
}

#[derive(Debug)]
struct Away {
    status: u16,
    to: Vec<u8>,
}

/// What becomes of the requests that no policy matches.
#[derive(Debug)]
enum Otherwise {
    Pool(Arc<Pool>),
    /// Their clients are sent to that port of HTTPS.
    Https(u16),
    /// There is no pool for them.
    Nowhere,
}

impl Listener {
    /// Where a request goes, which is counted.
    pub(super) fn route(&self, head: &Head, admitted: &Admitted) -> Route<'_> {
        let (policy, route) = self.routed(head, admitted);
        if let Some(policy) = policy {
            policy.requests.add(1);
        }
        route
    }

    /// Where one would go, and the policy that says so.
    pub(super) fn routed(&self, head: &Head, admitted: &Admitted) -> (Option<&Policy>, Route<'_>) {
        let routes = &self.routes;
        if routes.policies.is_empty()
            && let Otherwise::Pool(pool) = &routes.otherwise
        {
            return (None, Route::Pool(pool));
        }
        let mut buffer = [0; host::LONGEST_HOST];
        let seen = Seen::of(head, admitted, &mut buffer);
        let mut policies = routes.policies.iter();
        if let Some(policy) = policies.find(|policy| policy.rules.match_all(&seen)) {
            return (Some(policy), policy.then.route(&seen));
        }
        let otherwise = match &routes.otherwise {
            Otherwise::Pool(pool) => Route::Pool(pool),
            Otherwise::Https(port) => Route::Answer(to_https(*port, &seen)),
            Otherwise::Nowhere => Route::Nowhere,
        };
        (None, otherwise)
    }
}

impl Then {
    fn route(&self, seen: &Seen<'_>) -> Route<'_> {
        let (away, further) = match self {
            Self::Pool(pool) => return Route::Pool(pool),
            Self::Reject => return Route::Answer(Own::of(403)),
            Self::Url(away) => (away, None),
            Self::Prefix(away) => (away, Some(seen.path_and_query)),
        };
        let mut location = away.to.clone();
        if let Some(path) = further {
            add_path(&mut location, path);
        }
        Route::Answer(Own {
            status: away.status,
            location: Some(location),
        })
    }
}

/// To the same place by HTTPS. For good, since nothing is to be had without; and by the same method, which a 301 leaves to
/// a GET only (RFC 9110, section 15.4.2).
fn to_https(port: u16, seen: &Seen<'_>) -> Own {
    // There is nowhere to go then: the address that was asked is none that a certificate is for.
    let Some(host) = seen.host else {
        return Own::of(400);
    };
    let mut location = b"https://".to_vec();
    location.extend_from_slice(host);
    if port != 443 {
        // Writing to memory does not fail.
        let _ = write!(location, ":{port}");
    }
    add_path(&mut location, seen.path_and_query);
    Own {
        status: match seen.head.method() {
            b"GET" | b"HEAD" => 301,
            _ => 308,
        },
        location: Some(location),
    }
}

/// Adds the path of a request to a URL that ends with its host or a path. It begins with `/` then, or it would go on with
/// the host: `https://example.com` and `@example.org`. What no URL has is percent-encoded, raw bytes beyond ASCII before
/// all; no line ends in it, whoever let one through.
fn add_path(url: &mut Vec<u8>, path: &[u8]) {
    if path.first() != Some(&b'/') {
        url.push(b'/');
    }
    // OPTIONS may ask for no path (RFC 9112, section 3.2.4).
    for &byte in path.strip_prefix(b"*").unwrap_or(path) {
        if byte.is_ascii_graphic() {
            url.push(byte);
        } else {
            let _ = write!(url, "%{byte:02X}");
        }
    }
}

impl Routes {
    /// Those of a listener; none where it names what there is not. What was compiled before is taken over where it is the
    /// same: each change of a member's health makes routes anew.
    pub(super) fn new(
        listener: &model::Listener,
        http: &model::Http,
        pools: &HashMap<String, Arc<Pool>>,
        before: Option<&Self>,
    ) -> Option<Self> {
        let on = listener.policies.iter();
        let mut on: Vec<&model::Policy> = on
            .filter(|policy| policy.admin_state_up && !policy.rules.is_empty())
            .collect();
        // Those of one rank stay in their order.
        on.sort_by_key(|policy| rank(&policy.action));
        let policies = on.into_iter().map(|policy| {
            let known = || before.into_iter().flat_map(|before| &before.policies);
            let same_rules = known().find(|known| known.rules.are_of(policy));
            let same_name = known().find(|known| known.name == policy.name);
            Some(Policy {
                name: policy.name.clone(),
                display_name: policy.display_name.clone(),
                rules: match same_rules {
                    Some(known) => Arc::clone(&known.rules),
                    None => Arc::new(Rules::of(policy)?),
                },
                then: Then::of(&policy.action, pools)?,
                requests: same_name.map_or_else(Arc::default, |known| Arc::clone(&known.requests)),
            })
        });
        let own = match &listener.pool {
            Some(pool) => Otherwise::Pool(Arc::clone(pools.get(pool)?)),
            None => Otherwise::Nowhere,
        };
        Some(Self {
            policies: policies.collect::<Option<_>>()?,
            otherwise: match http.redirect_to_https {
                Some(port) => Otherwise::Https(port),
                None => own,
            },
        })
    }
}

impl Routes {
    /// The pools that requests may come to.
    pub(super) fn pools(&self) -> impl Iterator<Item = &Arc<Pool>> {
        let of_policies = self.policies.iter().filter_map(|policy| match &policy.then {
            Then::Pool(pool) => Some(pool),
            Then::Reject | Then::Url(_) | Then::Prefix(_) => None,
        });
        let own = match &self.otherwise {
            Otherwise::Pool(pool) => Some(pool),
            Otherwise::Https(_) | Otherwise::Nowhere => None,
        };
        own.into_iter().chain(of_policies)
    }

    /// What policies decided.
    pub(super) fn report(&self) -> Vec<PolicyReport> {
        let policies = self.policies.iter().map(|policy| PolicyReport {
            name: policy.name.clone(),
            display_name: policy.display_name.clone(),
            requests: policy.requests.get(),
        });
        policies.collect()
    }
}

/// The lowest is asked first.
fn rank(action: &Action) -> u8 {
    match action {
        Action::Reject => 0,
        Action::RedirectToUrl { .. } | Action::RedirectPrefix { .. } => 1,
        Action::RedirectToPool { .. } => 2,
    }
}

impl Then {
    fn of(action: &Action, pools: &HashMap<String, Arc<Pool>>) -> Option<Self> {
        Some(match action {
            Action::Reject => Self::Reject,
            Action::RedirectToUrl {
                redirect_url,
                redirect_http_code,
            } => Self::Url(Away {
                status: redirect_http_code.status(),
                to: redirect_url.clone().into_bytes(),
            }),
            Action::RedirectPrefix {
                redirect_prefix,
                redirect_http_code,
            } => Self::Prefix(Away {
                status: redirect_http_code.status(),
                to: redirect_prefix.clone().into_bytes(),
            }),
            Action::RedirectToPool { redirect_pool } => Self::Pool(Arc::clone(pools.get(redirect_pool)?)),
        })
    }
}
