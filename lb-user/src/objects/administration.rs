//! What administrators keep: flavors, availability zones, and how much projects may have.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{
    form::{Form, When},
    head::Head,
    inventory::{Inventory, Object},
    kind::{Boolean, Id, Integer, Nullable, Text},
    load_balancer::PROVIDER,
};

/// A text in JSON that says what a flavor or a zone is like.
const DATA: Text = Text { least: 0, most: 4096 };

/// Makes the kinds that differ in nothing but names: one that is offered, and the profile that says what it is.
macro_rules! offers {
    ($(#[$about:meta])* $offer:ident ($singular:literal, $plural:literal, $title:literal,
      $argument:literal, $profile_id:ident, $fields:expr),
     $(#[$profile_about:meta])* $profile:ident ($profile_singular:literal,
      $profile_plural:literal, $profile_links:literal, $profile_title:literal, $profile_argument:literal,
      $data:ident)) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $offer {
            /// What all objects have; `admin_state_up` is `enabled`.
            pub head: Head,
            /// The profile that says what it is.
            pub $profile_id: Uuid,
        }

        impl Object for $offer {
            const SINGULAR: &'static str = $singular;
            const PLURAL: &'static str = $plural;
            const LINKS: &'static str = concat!($plural, "_links");
            const TITLE: &'static str = $title;
            const ARGUMENT: &'static str = $argument;
            const FIELDS: &'static [&'static str] = $fields;

            fn blank(head: Head) -> Self {
                Self { head, $profile_id: Uuid::nil() }
            }

            fn form(&mut self, form: &mut impl Form) {
                let name = Text { least: 1, most: 255 };
                form.field("name", When::REQUIRED, &mut self.head.name, &String::new(), &name);
                let head = &mut self.head;
                form.field("description", When::OPEN, &mut head.description, &String::new(), &Text::SHORT);
                form.field("enabled", When::OPEN, &mut head.admin_state_up, &true, &Boolean);
                let profile = stringify!($profile_id);
                form.field(profile, When::REQUIRED_FIXED, &mut self.$profile_id, &Uuid::nil(), &Id);
            }

            fn value(&self, field: &str, _: &Inventory) -> Json {
                if field == stringify!($profile_id) { json!(self.$profile_id) } else { Json::Null }
            }

            fn parents(&self) -> Vec<Uuid> {
                vec![self.$profile_id]
            }
        }

        $(#[$profile_about])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $profile {
            /// What all objects have.
            pub head: Head,
            /// Whose profile it is: ours.
            pub provider_name: String,
            /// What it says, in JSON.
            pub $data: String,
        }

        impl Object for $profile {
            const SINGULAR: &'static str = $profile_singular;
            const PLURAL: &'static str = $profile_plural;
            const LINKS: &'static str = $profile_links;
            const TITLE: &'static str = $profile_title;
            const ARGUMENT: &'static str = $profile_argument;
            const FIELDS: &'static [&'static str] = &["id", "name", "provider_name", stringify!($data), "revision"];

            fn blank(head: Head) -> Self {
                Self { head, provider_name: PROVIDER.into(), $data: String::new() }
            }

            fn form(&mut self, form: &mut impl Form) {
                let name = Text { least: 1, most: 255 };
                form.field("name", When::REQUIRED, &mut self.head.name, &String::new(), &name);
                let fresh = PROVIDER.to_owned();
                form.field("provider_name", When::REQUIRED, &mut self.provider_name, &fresh, &Text::SHORT);
                form.field(stringify!($data), When::REQUIRED, &mut self.$data, &String::new(), &DATA);
            }

            fn value(&self, field: &str, _: &Inventory) -> Json {
                match field {
                    "provider_name" => json!(self.provider_name),
                    _ if field == stringify!($data) => json!(self.$data),
                    _ => Json::Null,
                }
            }

            fn parents(&self) -> Vec<Uuid> {
                Vec::new()
            }
        }
    };
}

offers! {
    /// What load balancers can be made by.
    Flavor("flavor", "flavors", "Flavor", "flavor_.flavor", flavor_profile_id,
        &["id", "name", "description", "enabled", "flavor_profile_id", "revision"]),
    /// What a flavor is.
    FlavorProfile("flavorprofile", "flavorprofiles", "flavorprofile_links",
        "Flavor Profile", "flavor_profile_.flavorprofile", flavor_data)
}

offers! {
    /// Where load balancers can be: here, whatever it is called.
    AvailabilityZone("availability_zone", "availability_zones",
        "Availability Zone", "availability_zone_.availability_zone", availability_zone_profile_id,
        // They are called by their names.
        &["name", "description", "enabled", "availability_zone_profile_id", "revision"]),
    /// What an availability zone is: kept for clients, without meaning here.
    AvailabilityZoneProfile("availability_zone_profile",
        "availability_zone_profiles", "availability_zone_profile_links", "Availability Zone Profile",
        "availability_zone_profile_.availability_zone_profile", availability_zone_data)
}

/// No bound.
pub const UNLIMITED: i64 = -1;

/// How much a project may have, of each kind of objects; none: as much as is usual.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// What all objects have; `project_id` is the project's.
    pub head: Head,
    /// Load balancers.
    pub load_balancer: Option<i64>,
    /// Listeners.
    pub listener: Option<i64>,
    /// Members.
    pub member: Option<i64>,
    /// Pools.
    pub pool: Option<i64>,
    /// Health monitors.
    pub health_monitor: Option<i64>,
    /// Policies.
    pub l7policy: Option<i64>,
    /// Rules.
    pub l7rule: Option<i64>,
}

impl Object for Quota {
    const SINGULAR: &'static str = "quota";
    const PLURAL: &'static str = "quotas";
    const LINKS: &'static str = "quotas_links";
    const TITLE: &'static str = "Quotas";
    const ARGUMENT: &'static str = "quotas.quota";
    const FIELDS: &'static [&'static str] = &[
        "project_id",
        "loadbalancer",
        "load_balancer",
        "listener",
        "member",
        "pool",
        "healthmonitor",
        "health_monitor",
        "l7policy",
        "l7rule",
        "tenant_id",
        "revision",
    ];

    fn blank(head: Head) -> Self {
        Self {
            head,
            load_balancer: None,
            listener: None,
            member: None,
            pool: None,
            health_monitor: None,
            l7policy: None,
            l7rule: None,
        }
    }

    fn form(&mut self, form: &mut impl Form) {
        let bound = Nullable(Integer {
            low: UNLIMITED,
            high: 2_000_000_000,
        });
        for (name, value) in [
            ("load_balancer", &mut self.load_balancer),
            ("listener", &mut self.listener),
            ("member", &mut self.member),
            ("pool", &mut self.pool),
            ("health_monitor", &mut self.health_monitor),
            ("l7policy", &mut self.l7policy),
            ("l7rule", &mut self.l7rule),
        ] {
            form.field(name, When::OPEN, value, &None, &bound);
        }
        form.field("loadbalancer", When::OPEN, &mut self.load_balancer, &None, &bound);
        form.field(
            "healthmonitor",
            When::OPEN,
            &mut self.health_monitor,
            &None,
            &bound,
        );
    }

    fn value(&self, field: &str, _: &Inventory) -> Json {
        let bound = match field {
            "loadbalancer" | "load_balancer" => self.load_balancer,
            "listener" => self.listener,
            "member" => self.member,
            "pool" => self.pool,
            "healthmonitor" | "health_monitor" => self.health_monitor,
            "l7policy" => self.l7policy,
            "l7rule" => self.l7rule,
            _ => return Json::Null,
        };
        json!(bound.unwrap_or(UNLIMITED))
    }

    fn parents(&self) -> Vec<Uuid> {
        Vec::new()
    }
}
