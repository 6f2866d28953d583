//! A change that somebody asks for: of what, by whom, and in which words.

use std::net::IpAddr;

use serde_json::{Map, Value as Json};

use crate::objects::{Asker, Member, Object as _};

/// A change that somebody asks for.
#[derive(Debug)]
pub struct ChangeRequest<'a, T> {
    /// What is to be made, changed or taken away.
    pub object: &'a T,
    /// By whom.
    pub by: Asker,
    /// What the request says of it: there is found what is wrong.
    pub body: &'a Map<String, Json>,
}

/// Where a request for members or for what is above them names one of this address, each time: `pools.1.members.0.address`.
pub(super) fn paths_to_members(address: IpAddr, body: &Map<String, Json>) -> Vec<String> {
    let is_it = |member: &Map<String, Json>| {
        let given = member.get("address").and_then(Json::as_str);
        given
            .and_then(|given| given.parse::<IpAddr>().ok())
            .map(|given| given.to_canonical())
            == Some(address)
    };
    let mut paths = Vec::new();
    for (key, value) in body {
        match value {
            Json::Object(below) => {
                let found = paths_to_members(address, below);
                paths.extend(found.iter().map(|found| format!("{key}.{found}")));
            }
            Json::Array(all) => {
                for (index, one) in all.iter().enumerate() {
                    let Some(one) = one.as_object() else { continue };
                    let found = if key == Member::PLURAL && is_it(one) {
                        vec!["address".to_owned()]
                    } else {
                        paths_to_members(address, one)
                    };
                    paths.extend(found.iter().map(|found| format!("{key}.{index}.{found}")));
                }
            }
            _ => {}
        }
    }
    paths
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
        for (address, paths) in [
            (
                "10.0.0.1",
                &["pools.0.members.0.address", "pools.1.members.0.address"][..],
            ),
            ("10.0.0.2", &["pools.1.members.1.address"]),
            ("10.0.0.3", &["listeners.0.default_pool.members.0.address"]),
            ("192.0.2.7", &[]),
        ] {
            let found = paths_to_members(address.parse().unwrap(), pools.as_object().unwrap());
            assert_eq!(found, paths, "{address}");
        }
    }
}
