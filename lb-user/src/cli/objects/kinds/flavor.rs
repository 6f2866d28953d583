//! Flavors and their profiles.

use super::{
    super::kind::{
        Below, Kind, Subject,
        Value::{Reference, Text},
        When::{Required, RequiredFixed, Usually},
    },
    DESCRIPTION, ID, NAME, column, field,
};
use crate::objects::{self, Object as _};

/// What load balancers can be made by.
pub(super) static FLAVOR: Kind = Kind {
    command: "flavor",
    aliases: &[],
    one: "flavor",
    several: "flavors",
    singular: objects::Flavor::SINGULAR,
    plural: objects::Flavor::PLURAL,
    shown: objects::Flavor::FIELDS,
    parent: None,
    subject: Subject::Name,
    fields: &[
        field(
            "profile",
            "flavor_profile_id",
            RequiredFixed,
            Reference(&FLAVOR_PROFILE),
            "The profile that says what it is",
        ),
        DESCRIPTION,
    ],
    either: &[],
    columns: &[
        NAME,
        column("DESCRIPTION", "description"),
        column("ENABLED", "enabled"),
        ID,
    ],
    filters: &[],
    switch: Some("enabled"),
    below: Below::Nothing,
    example: "holdfast flavor create small --profile without-app-cookies",
};

/// What a flavor is.
pub(super) static FLAVOR_PROFILE: Kind = Kind {
    command: "flavorprofile",
    aliases: &[],
    one: "flavor profile",
    several: "flavor profiles",
    singular: objects::FlavorProfile::SINGULAR,
    plural: objects::FlavorProfile::PLURAL,
    shown: objects::FlavorProfile::FIELDS,
    parent: None,
    subject: Subject::Name,
    fields: &[
        field(
            "provider",
            "provider_name",
            Usually("holdfast"),
            Text("NAME"),
            "Whose profile it is",
        ),
        field(
            "data",
            "flavor_data",
            Required,
            Text("JSON"),
            "What load balancers can do that are made by it",
        ),
    ],
    either: &[],
    columns: &[
        NAME,
        column("PROVIDER", "provider_name"),
        column("DATA", "flavor_data"),
        ID,
    ],
    filters: &[],
    switch: None,
    below: Below::Nothing,
    example: "holdfast flavorprofile create dedicated --data '{\"kind\": \"dedicated\"}'",
};
