//! What load balancers can be made by: what flavors and availability zones stand for.

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::objects::short;
use crate::{
    model::{LbKind, Word as _},
    objects::{Fault, Inventory, written},
};

/// What a profile says.
pub(super) fn data(text: &str, field: &str) -> Result<Map<String, Json>, Fault> {
    match serde_json::from_str(text) {
        Ok(Json::Object(data)) => Ok(data),
        _ => Err(Fault::invalid_option(&short(text), field)),
    }
}

pub(super) fn unexpected(key: &str) -> Fault {
    let key = short(key);
    Fault::unsupported(format!(
        "Additional properties are not allowed ('{key}' was unexpected)"
    ))
}

/// The kind of load balancer that the data of a flavor asks for.
pub(super) fn kind_of(flavor_data: &str) -> Result<LbKind, Fault> {
    let mut kind = LbKind::Shared;
    for (key, value) in &data(flavor_data, "flavor_data")? {
        if key != "kind" {
            return Err(unexpected(key));
        }
        kind = value.as_str().and_then(LbKind::from_word).ok_or_else(|| {
            let words: Vec<_> = LbKind::ALL.iter().map(|kind| kind.word()).collect();
            Fault::unsupported(format!(
                "kind {} is not one of {}",
                written(value),
                words.join(", ")
            ))
        })?;
    }
    Ok(kind)
}

/// Refuses availability zones that load balancers cannot be in.
pub(super) fn check_zone(name: &str, all: &Inventory) -> Result<(), Fault> {
    let mut zones = all.availability_zones.iter();
    match zones.find(|zone| zone.head.name == name) {
        Some(zone) if zone.head.admin_state_up => Ok(()),
        Some(_) => {
            let text = format!("The selected availability_zone is not allowed in this deployment: {name}");
            Err(Fault::new(400, text))
        }
        None => Err(Fault::invalid("Invalid availability zone.")),
    }
}

/// The kind of load balancer that a flavor stands for.
pub(super) fn kind_of_flavor(flavor: Uuid, all: &Inventory) -> Result<LbKind, Fault> {
    let invalid = || Fault::invalid("Invalid flavor_id.");
    let flavor = all.flavors.get(flavor).ok_or_else(invalid)?;
    if !flavor.head.admin_state_up {
        let text = format!(
            "The selected flavor is not allowed in this deployment: {}",
            flavor.head.id
        );
        return Err(Fault::new(400, text));
    }
    let profile = all
        .flavor_profiles
        .get(flavor.flavor_profile_id)
        .ok_or_else(invalid)?;
    kind_of(&profile.flavor_data)
}
