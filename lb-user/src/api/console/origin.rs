//! Which page has a browser ask: the console alone may change something.

use axum::http::{
    HeaderMap,
    header::{HOST, ORIGIN},
    uri::Authority,
};

use super::MARK;
use crate::{api::list::origin, objects::Fault};

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// Whether the console asks, rather than a program or another page. Another page could send the mark only if it was allowed
/// to by an answer to what browsers ask before that (CORS), which is never given here.
pub(in crate::api) fn is_ours(headers: &HeaderMap) -> bool {
    headers.contains_key(MARK)
}

/// Refuses to change something for another page.
pub(in crate::api) fn check_change(headers: &HeaderMap) -> Result<(), Fault> {
    let site = header(headers, "sec-fetch-site").unwrap_or("same-origin");
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

/// Refuses to speak, where nobody has to say who he is, to pages that came by a name that somebody else has given to a loopback
/// address: to them the balancer would be of their own site (DNS rebinding).
pub(in crate::api) fn check_local(headers: &HeaderMap) -> Result<(), Fault> {
    let is_of_a_page = headers.contains_key(ORIGIN) || headers.contains_key("sec-fetch-site");
    if !is_of_a_page {
        return Ok(());
    }
    let host = header(headers, HOST.as_str()).and_then(|host| host.parse::<Authority>().ok());
    let is_local = host.is_some_and(|host| is_local(host.host()));
    if is_local {
        Ok(())
    } else {
        let text =
            "Without authentication, pages are answered at loopback addresses and localhost only (api.auth).";
        Err(Fault::new(403, text))
    }
}

fn is_local(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let address: Result<std::net::IpAddr, _> = address.parse();
    host == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback())
}
