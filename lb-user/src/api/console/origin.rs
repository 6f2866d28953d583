//! Which page has a browser ask: the console alone may change something.

use axum::http::{
    HeaderMap,
    header::{HOST, ORIGIN},
    uri::Authority,
};

use super::{MARK, cookie};
use crate::{api::list::origin, objects::Fault};

/// Which site has a browser send a request, in its own words (Fetch Metadata); others do not say so.
const SITE: &str = "sec-fetch-site";

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// Whether the console asks, rather than a program or another page. Another page could send the mark only if it was allowed
/// to by an answer to what browsers ask before that (CORS), which is never given here.
pub(in crate::api) fn is_ours(headers: &HeaderMap) -> bool {
    headers.contains_key(MARK)
}

/// Whether a browser asks, which may keep what it was told for a password, and send it along whoever asks.
pub(in crate::api) fn is_of_a_browser(headers: &HeaderMap) -> bool {
    is_ours(headers)
        || headers.contains_key(ORIGIN)
        || headers.contains_key(SITE)
        || cookie::of(headers).is_some()
}

/// Refuses to change something for another page.
pub(in crate::api) fn check_change(headers: &HeaderMap) -> Result<(), Fault> {
    let site = header(headers, SITE).unwrap_or("same-origin");
    let page = header(headers, ORIGIN.as_str());
    let is_same = page.is_none_or(|page| page == origin(headers));
    if is_ours(headers) && site == "same-origin" && is_same {
        Ok(())
    } else {
        Err(Fault::new(
            403,
            "Nothing is changed for another page than the console.",
        ))
    }
}

/// Refuses to speak, where nobody has to say who he is, to what came by a name that somebody else has given to a loopback address:
/// pages of such a name are of the balancer's own site for a browser, which then says nothing of them (DNS rebinding). And to what a
/// browser says another site has sent.
pub(in crate::api) fn check_local(headers: &HeaderMap) -> Result<(), Fault> {
    let host = header(headers, HOST.as_str());
    let is_local = host.is_none_or(|host| {
        let host: Result<Authority, _> = host.parse();
        host.is_ok_and(|host| is_local(host.host()))
    });
    if is_local && header(headers, SITE) != Some("cross-site") {
        Ok(())
    } else {
        let text = "Without authentication only loopback addresses and localhost are answered (api.auth).";
        Err(Fault::new(403, text))
    }
}

fn is_local(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let address: Result<std::net::IpAddr, _> = address.parse();
    host == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback())
}
