//! What addresses are of: the subnets of the daemon's configuration, and the networks that these belong to.

use std::net::IpAddr;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::super::{
    api::Api,
    ask::NOT_UNDERSTOOD,
    exit::{Exit, Failure},
};
use crate::http::forwarded::Prefix;

/// As many as a message names.
const MOST_NAMED: usize = 8;

/// What an address can be chosen of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Area {
    Subnet,
    Network,
}

/// One that the configuration has.
#[derive(Debug, Deserialize)]
struct Known {
    id: Uuid,
    name: String,
    /// Of a subnet.
    cidr: Option<Prefix>,
}

impl Area {
    fn one(self) -> &'static str {
        match self {
            Self::Subnet => "subnet",
            Self::Network => "network",
        }
    }

    fn all(self, api: &mut Api) -> anyhow::Result<Vec<Known>> {
        let all = api.network(&format!("{}s", self.one()))?;
        serde_json::from_value(all).context(NOT_UNDERSTOOD)
    }

    /// The id of the one that somebody means. An id is taken as it is: without any subnet in the configuration, it may be one
    /// that other tools know.
    pub(super) fn id(self, api: &mut Api, wanted: &str) -> anyhow::Result<Json> {
        if wanted.parse::<Uuid>().is_ok() {
            return Ok(json!(wanted));
        }
        let all = self.all(api)?;
        Ok(json!(self.called(&all, wanted)?.id))
    }

    fn called<'k>(self, all: &'k [Known], wanted: &str) -> Result<&'k Known, Failure> {
        let found = all.iter().find(|one| one.name == wanted);
        found.ok_or_else(|| {
            let one = self.one();
            let there_are = match all {
                [] => "the daemon's configuration has no [[api.subnet]]".to_owned(),
                all => format!("there are {}", listed(all)),
            };
            Failure::new(
                Exit::NotFound,
                format!("there is no {one} \"{wanted}\"; {there_are}"),
            )
        })
    }
}

/// Sees to it that the API can give a new load balancer an address, or knows what the one is of that it is to have.
pub(super) fn complete(api: &mut Api, balancer: &mut Map<String, Json>) -> anyhow::Result<()> {
    if balancer.contains_key("vip_subnet_id") || balancer.contains_key("vip_network_id") {
        return Ok(());
    }
    let subnets = Area::Subnet.all(api)?;
    let address = balancer.get("vip_address").and_then(Json::as_str);
    let address = address.and_then(|text| text.parse().ok());
    if let Some(subnet) = to_be_named(&subnets, address)? {
        balancer.insert("vip_subnet_id".into(), json!(subnet.id));
    }
    Ok(())
}

/// The subnet to name for somebody who names none; none: the address says enough.
fn to_be_named(subnets: &[Known], address: Option<IpAddr>) -> Result<Option<&Known>, Failure> {
    let complaint = match (subnets, address) {
        ([only], None) => return Ok(Some(only)),
        ([], None) => {
            "it needs an address, and the daemon's configuration has no [[api.subnet]] that one could be \
                       chosen of: name one with `--vip ADDRESS`"
                .to_owned()
        }
        (several, None) => format!(
            "there are several subnets that its address could be of: name one with `--subnet NAME`, or an address of \
             one with `--vip ADDRESS`; there are {}",
            listed(several)
        ),
        (several, Some(address)) if !several.is_empty() && !contain(several, address) => format!(
            "no subnet contains {address}: name an address of one with `--vip ADDRESS`, or have one chosen with \
             `--subnet NAME`; there are {}",
            listed(several)
        ),
        (_, Some(_)) => return Ok(None),
    };
    Err(Failure::new(Exit::Failed, complaint))
}

fn contain(subnets: &[Known], address: IpAddr) -> bool {
    let mut prefixes = subnets.iter().filter_map(|subnet| subnet.cidr);
    prefixes.any(|prefix| prefix.contains(address))
}

/// `four (192.0.2.0/24), six (2001:db8::/64)`
fn listed(all: &[Known]) -> String {
    let mut names: Vec<String> = all
        .iter()
        .take(MOST_NAMED)
        .map(|one| {
            let name = &one.name;
            one.cidr
                .map_or_else(|| name.clone(), |cidr| format!("{name} ({cidr})"))
        })
        .collect();
    if let Some(more @ 1..) = all.len().checked_sub(MOST_NAMED) {
        names.push(format!("{more} more"));
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(name: &str, cidr: Option<&str>) -> Known {
        Known {
            id: Uuid::from_u128(name.len() as u128),
            name: name.into(),
            cidr: cidr.map(|cidr| cidr.parse().unwrap()),
        }
    }

    fn subnets() -> [Known; 2] {
        [
            known("four", Some("192.0.2.0/24")),
            known("sixth", Some("2001:db8::/64")),
        ]
    }

    fn chosen(subnets: &[Known], address: Option<&str>) -> Result<Option<String>, String> {
        let address = address.map(|text| text.parse().unwrap());
        let named = to_be_named(subnets, address).map_err(|failure| failure.text)?;
        Ok(named.map(|subnet| subnet.name.clone()))
    }

    #[test]
    fn an_address_is_chosen_of_the_only_subnet_there_is() {
        assert_eq!(chosen(&subnets()[..1], None), Ok(Some("four".into())));
        assert_eq!(chosen(&subnets(), Some("192.0.2.7")), Ok(None));
        assert_eq!(chosen(&subnets(), Some("::ffff:192.0.2.7")), Ok(None));
        // Without any, each is taken.
        assert_eq!(chosen(&[], Some("9.9.9.9")), Ok(None));
    }

    #[test]
    fn who_names_too_little_or_what_is_in_no_subnet_hears_which_there_are() {
        let there_are = "there are four (192.0.2.0/24), sixth (2001:db8::/64)";
        for (address, says) in [
            (None, "name one with `--subnet NAME`"),
            (None, there_are),
            (Some("9.9.9.9"), "no subnet contains 9.9.9.9"),
            (Some("9.9.9.9"), there_are),
        ] {
            let complaint = chosen(&subnets(), address).unwrap_err();
            assert!(complaint.contains(says), "{complaint}");
        }
        let complaint = chosen(&[], None).unwrap_err();
        assert!(complaint.contains("name one with `--vip ADDRESS`"), "{complaint}");
    }

    #[test]
    fn a_subnet_or_network_is_found_by_its_name() {
        let networks = [known("default", None)];
        let called = |area: Area, all: &[Known], wanted| {
            let found = area.called(all, wanted).map(|one| one.name.clone());
            found.map_err(|failure| failure.text)
        };
        assert_eq!(called(Area::Subnet, &subnets(), "four"), Ok("four".into()));
        let complaint = called(Area::Network, &networks, "four").unwrap_err();
        assert_eq!(complaint, "there is no network \"four\"; there are default");
        let complaint = called(Area::Subnet, &[], "four").unwrap_err();
        assert!(complaint.contains("has no [[api.subnet]]"), "{complaint}");
    }

    #[test]
    fn not_all_of_many_are_named() {
        let many: Vec<_> = (0..10).map(|_| known("n", None)).collect();
        assert_eq!(listed(&many), "n, n, n, n, n, n, n, n, 2 more");
        assert_eq!(listed(&many[..8]), "n, n, n, n, n, n, n, n");
    }
}
