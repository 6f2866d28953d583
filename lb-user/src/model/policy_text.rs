//! What policies say in text: where they send clients, and what they compare with. Refused is also what nothing is ever equal
//! to. A complaint reads "is ...; write ...", behind what it is about.

use super::{
    CompareType, RuleType,
    text::{bounded, visible_ascii},
};
use crate::http::{
    host::{Authority, LONGEST_HOST},
    pattern::{self, Case},
};

/// Of a URL, and of what is compared with.
const LONGEST: usize = 1024;

/// An absolute URL that clients are sent to.
pub(crate) fn check_redirect_url(text: &str) -> Result<(), String> {
    after_authority(text).map(drop)
}

/// What is followed by the path of a request, which begins with `/`.
pub(crate) fn check_redirect_prefix(text: &str) -> Result<(), String> {
    let path = after_authority(text)?;
    if path.contains(['?', '#']) {
        Err("has a query or a fragment, behind which no path can stand; leave it out".into())
    } else if let Some(without) = text.strip_suffix('/') {
        Err(format!(
            "ends with \"/\", with which the path of a request begins; write {without:?}"
        ))
    } else {
        Ok(())
    }
}

/// What follows scheme and authority of an absolute URL.
fn after_authority(text: &str) -> Result<&str, String> {
    let text = visible_ascii(text, LONGEST)?;
    let begins = |scheme: &&str| {
        let start = text.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    let scheme = ["https://", "http://"].into_iter().find(begins);
    let scheme = scheme
        .ok_or("does not begin with \"https://\" or \"http://\"; write it as in \"https://example.com\"")?;
    let rest = &text[scheme.len()..];
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    match Authority::parse(authority.as_bytes(), &mut [0; LONGEST_HOST]) {
        Ok(_) => Ok(rest),
        Err(mistake) => Err(format!("names no host behind {scheme:?}: {mistake}")),
    }
}

/// What a rule compares with.
pub(crate) fn check_compared(
    text: &str,
    rule_type: RuleType,
    compare_type: CompareType,
) -> Result<(), String> {
    bounded(text, LONGEST)?;
    match (rule_type, compare_type) {
        (RuleType::HostName, CompareType::Regex) => compiles(text, Case::Ignored),
        (_, CompareType::Regex) => compiles(text, Case::Matters),
        (RuleType::HostName, CompareType::EqualTo) => host_name(text),
        (RuleType::HostName, _) => part_of_host_name(text),
        (RuleType::Path, _) => path(text, compare_type),
        (RuleType::FileType, _) => file_type(text),
        (RuleType::Header | RuleType::Cookie, _) => {
            // A tab may stand within a header field's value (RFC 9110, section 5.5).
            if text.contains(|letter: char| letter.is_control() && letter != '\t') {
                Err("has a control character, which no header field has; leave it out".into())
            } else {
                Ok(())
            }
        }
    }
}

fn compiles(text: &str, case: Case) -> Result<(), String> {
    pattern::compile(text, case)
        .map(drop)
        .map_err(|mistake| mistake.to_string())
}

fn host_name(text: &str) -> Result<(), String> {
    let mut buffer = [0; LONGEST_HOST];
    match Authority::parse(text.as_bytes(), &mut buffer) {
        Err(mistake) => Err(format!("is not a host: {mistake}")),
        Ok(Authority {
            host, port: Some(_), ..
        }) => Err(format!(
            "has a port, and hosts are compared without; write {:?}",
            String::from_utf8_lossy(host)
        )),
        Ok(_) => Ok(()),
    }
}

fn part_of_host_name(text: &str) -> Result<(), String> {
    let of_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:[]".contains(&byte);
    if text.bytes().all(of_host) {
        Ok(())
    } else {
        Err("has a character that no host has; write letters, digits, \"-\", \"_\" and \".\"".into())
    }
}

fn path(text: &str, compare_type: CompareType) -> Result<(), String> {
    let text = visible_ascii(text, LONGEST)?;
    let from_start = matches!(compare_type, CompareType::EqualTo | CompareType::StartsWith);
    if let Some(end) = text.find(['?', '#']) {
        Err(format!(
            "has a query or a fragment, and paths are compared without; leave {:?} out",
            &text[end..]
        ))
    } else if from_start && !text.starts_with('/') && text != "*" {
        Err("does not begin with \"/\", as every path does; begin it with \"/\"".into())
    } else {
        Ok(())
    }
}

fn file_type(text: &str) -> Result<(), String> {
    let text = visible_ascii(text, LONGEST)?;
    if text.contains(['.', '/', '?', '#']) {
        Err("is more than what follows the last dot of a path; write it as in \"jpg\"".into())
    } else {
        Ok(())
    }
}
