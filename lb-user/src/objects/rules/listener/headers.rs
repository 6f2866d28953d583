//! The headers that members are told by.

use super::super::{Fault, not_offered};
use crate::objects::{Listener, ListenerProtocol};

/// Those that there are.
const OFFERED: [&str; 3] = ["X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto"];
/// Those that are known, and not offered.
const KNOWN: [&str; 3] = ["X-Forwarded-IP", "X-Client-IP", "X-Real-IP"];
/// The same, of what clients' certificates say.
const OF_CERTIFICATES: [&str; 8] = [
    "X-SSL-Client-Verify",
    "X-SSL-Client-Has-Cert",
    "X-SSL-Client-DN",
    "X-SSL-Client-CN",
    "X-SSL-Issuer",
    "X-SSL-Client-SHA1",
    "X-SSL-Client-Not-Before",
    "X-SSL-Client-Not-After",
];

impl Listener {
    pub(super) fn check_headers(&self) -> Result<(), Fault> {
        if self.insert_headers.is_empty() {
            return Ok(());
        }
        if !self.protocol.is_layer_7() {
            let option = format!("a {} protocol listener.", self.protocol);
            return Err(Fault::invalid_option("insert-headers", &option));
        }
        let given = || self.insert_headers.keys().map(String::as_str);
        let is_of_certificates = |header: &&str| OF_CERTIFICATES.contains(header);
        let is_known = |header: &str| {
            OFFERED.contains(&header) || KNOWN.contains(&header) || is_of_certificates(&header)
        };
        if !given().all(is_known) {
            return Err(Fault::invalid_option(&listed(given()), "insert_headers"));
        }
        let of_certificates = listed(given().filter(is_of_certificates));
        if self.protocol == ListenerProtocol::Http && of_certificates != "[]" {
            return Err(Fault::invalid_option(&of_certificates, "HTTP protocol listener."));
        }
        match given().find(|header| !OFFERED.contains(header)) {
            None => Ok(()),
            Some(header) => {
                let what = format!("the header {header}");
                Err(not_offered(&what, &format!("use {}", OFFERED.join(", "))))
            }
        }
    }
}

/// Names as messages list them.
fn listed<'h>(headers: impl Iterator<Item = &'h str>) -> String {
    let quoted: Vec<_> = headers.map(|header| format!("'{header}'")).collect();
    format!("[{}]", quoted.join(", "))
}
