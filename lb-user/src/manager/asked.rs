//! What is asked for, by whom, and in which words.

use std::net::IpAddr;

use serde_json::{Map, Value as Json};

use crate::objects::{Asker, Member, Object as _};

/// A change that somebody asks for.
#[derive(Debug)]
pub struct Asked<'a, T> {
    /// What is to be made, changed or taken away.
    pub object: &'a T,
    /// By whom.
    pub by: Asker,
    /// What the request says of it: there is found what is wrong.
    pub body: &'a Map<String, Json>,
}

/// Where a request for members or for what is above them names one of this address: `pools.1.members.0.address`.
pub(super) fn path_to_member(address: IpAddr, body: &Map<String, Json>) -> Option<String> {
    let is_it = |member: &Map<String, Json>| {
        let given = member.get("address").and_then(Json::as_str);
        given
            .and_then(|given| given.parse::<IpAddr>().ok())
            .map(|given| given.to_canonical())
            == Some(address)
    };
    body.iter().find_map(|(key, value)| match value {
        Json::Object(below) => Some(format!("{key}.{}", path_to_member(address, below)?)),
        Json::Array(all) => all.iter().enumerate().find_map(|(index, one)| {
            let one = one.as_object()?;
            let found = if key == Member::PLURAL && is_it(one) {
                "address".to_owned()
            } else {
                path_to_member(address, one)?
            };
            Some(format!("{key}.{index}.{found}"))
        }),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_member_is_found_wherever_a_request_names_it() {
        let pools = json!({
            "vip_address": "192.0.2.7",
            "pools": [{"members": [{"address": "10.0.0.1"}]}, {"members": [{"address": "10.0.0.1"}, {"address": "10.0.0.2"}]}],
            "listeners": [{"default_pool": {"members": [{"address": "::ffff:10.0.0.3"}, {"address": 4}]}}],
        });
        for (address, path) in [
            ("10.0.0.1", Some("pools.0.members.0.address")),
            ("10.0.0.2", Some("pools.1.members.1.address")),
            ("10.0.0.3", Some("listeners.0.default_pool.members.0.address")),
            ("192.0.2.7", None),
        ] {
            let found = path_to_member(address.parse().unwrap(), pools.as_object().unwrap());
            assert_eq!(found.as_deref(), path, "{address}");
        }
    }
}
