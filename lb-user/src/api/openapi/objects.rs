//! What can be done with objects of each kind.

use axum::http::Method;
use serde_json::{Value as Json, json};

use super::{
    Document,
    answers::{empty, json_of, with_revision},
    body,
    operation::{Base, Operation},
    parameters,
    schema::{enveloped, list_of, named},
    shown::{self, Fields},
};
use crate::{
    api::{show, whole::Grows},
    objects::{
        AvailabilityZone, AvailabilityZoneProfile, Flavor, FlavorProfile, HealthMonitor, L7Policy, L7Rule,
        Listener, LoadBalancer, Member, Object, Pool, Purpose, Quota,
    },
    store::Kind,
};

/// Where the objects of a kind are, and what is different about them.
struct Place {
    path: &'static str,
    /// What of the path says which one.
    called: &'static str,
    keeper: Keeper,
}

/// Whose the objects of a kind are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keeper {
    /// A project's.
    Projects,
    /// Administrators', for all to see.
    Shown,
    /// Administrators', who alone see them.
    Hidden,
}

impl Keeper {
    /// Why objects may not be looked at.
    const fn hides(self) -> &'static [u16] {
        match self {
            Self::Projects | Self::Hidden => &[403],
            Self::Shown => &[],
        }
    }

    /// Why an object may not be made or changed beside what is wrong with any: flavors and zones only name a profile, and it is
    /// those that ask for what is not offered.
    const fn offers(self) -> &'static [u16] {
        match self {
            Self::Projects | Self::Hidden => &[501],
            Self::Shown => &[],
        }
    }
}

pub(super) fn describe(document: &mut Document) {
    document.grown::<LoadBalancer>("/loadbalancers");
    document.grown::<Listener>("/listeners");
    document.grown::<Pool>("/pools");
    document.grown::<Member>("/pools/{pool_id}/members");
    document.grown::<HealthMonitor>("/healthmonitors");
    document.grown::<L7Policy>("/l7policies");
    document.grown::<L7Rule>("/l7policies/{l7policy_id}/rules");
    let kept = |path, called, keeper| Place { path, called, keeper };
    document.kept::<Flavor>(&kept("/flavors", "id", Keeper::Shown));
    document.kept::<FlavorProfile>(&kept("/flavorprofiles", "id", Keeper::Hidden));
    document.kept::<AvailabilityZone>(&kept("/availabilityzones", "name", Keeper::Shown));
    document.kept::<AvailabilityZoneProfile>(&kept("/availabilityzoneprofiles", "id", Keeper::Hidden));
    document.quotas();
    document.bodies_below();
    document.replacing_members();
}

/// A list as it is shown, with links to further ones.
fn list_shown<T: Object>() -> Json {
    let link =
        json!({"type": "object", "properties": {"href": {"type": "string"}, "rel": {"type": "string"}}});
    json!({
        "type": "object",
        "properties": {T::PLURAL: list_of(&named(T::SINGULAR)), T::LINKS: list_of(&link)},
        "required": [T::PLURAL, T::LINKS],
    })
}

/// What bodies that make an object are called in the document.
fn created<T: Object>() -> String {
    format!("{}_create", T::SINGULAR)
}

fn updated<T: Object>() -> String {
    format!("{}_update", T::SINGULAR)
}

/// A single object as an operation answers with it: under its name, with its revision.
fn one<T: Object>(description: &str, schema: &str) -> Json {
    with_revision(json_of(description, &enveloped(T::SINGULAR, &named(schema))))
}

impl Document {
    /// The objects of projects.
    fn grown<T: Grows>(&mut self, path: &'static str) {
        let place = Place {
            path,
            called: "id",
            keeper: Keeper::Projects,
        };
        let shown = if T::KIND == Kind::LoadBalancer {
            whole_name::<T>()
        } else {
            T::SINGULAR.to_owned()
        };
        if !show::below(T::KIND).is_empty() {
            self.schema(&whole_name::<T>(), Fields::<T>::new().whole());
        }
        self.all_of::<T>(&place, T::BELOW, &shown);
        self.one_of::<T>(&place);
    }

    /// The objects of administrators.
    fn kept<T: Object>(&mut self, place: &Place) {
        self.all_of::<T>(place, &[], T::SINGULAR);
        self.one_of::<T>(place);
    }

    /// Listing objects, and making one, which is answered with as `made` says.
    fn all_of<T: Object>(&mut self, place: &Place, below: &[&str], made: &str) {
        let fields = Fields::<T>::new();
        self.schema(T::SINGULAR, fields.itself());
        self.schema(&created::<T>(), body::create::<T>(below));
        let title = T::TITLE;
        let of_parent: &[u16] = if place.path.contains('{') { &[404] } else { &[] };
        let list = Operation::new(format!("list_{}", T::PLURAL), T::PLURAL, format!("{title}: list"))
            .takes(parameters::of_list::<T>(&fields))
            .shows("All that are asked for", &list_shown::<T>())
            .refuses(&[400])
            .refuses(of_parent)
            .refuses(place.keeper.hides());
        self.add(&Method::GET, Base::Objects, place.path, list);
        let missing: &[u16] = if place.keeper == Keeper::Projects {
            &[404]
        } else {
            &[]
        };
        let create = Operation::new(
            format!("create_{}", T::SINGULAR),
            T::PLURAL,
            format!("{title}: create"),
        )
        .reads(&enveloped(T::SINGULAR, &named(&created::<T>())))
        .answers(201, one::<T>("Made", made))
        .changes()
        .refuses(missing)
        .refuses(place.keeper.offers());
        self.add(&Method::POST, Base::Objects, place.path, create);
    }

    /// Looking at an object, changing it, and taking it away.
    fn one_of<T: Object>(&mut self, place: &Place) {
        let Place { path, called, keeper } = place;
        let path = format!("{path}/{{{called}}}");
        let (singular, title) = (T::SINGULAR, T::TITLE);
        self.schema(&updated::<T>(), body::update::<T>(called));
        let show = Operation::new(format!("show_{singular}"), T::PLURAL, format!("{title}: show"))
            .takes([parameters::fields::<T>()])
            .answers(200, one::<T>("It", singular))
            .refuses(keeper.hides())
            .refuses(&[404]);
        let update = Operation::new(format!("update_{singular}"), T::PLURAL, format!("{title}: set"))
            .takes([parameters::named(parameters::IF_MATCH)])
            .reads(&enveloped(singular, &named(&updated::<T>())))
            .answers(200, one::<T>("As it is now", singular))
            .changes()
            .refuses(keeper.offers())
            .refuses(&[404, 412]);
        let cascade = (T::KIND == Kind::LoadBalancer).then(|| parameters::named("cascade"));
        let delete = Operation::new(
            format!("delete_{singular}"),
            T::PLURAL,
            format!("{title}: delete"),
        )
        .takes(cascade)
        .takes([parameters::named(parameters::IF_MATCH)])
        .answers(204, empty("Gone"))
        .changes()
        .refuses(&[404, 412]);
        self.add(&Method::GET, Base::Objects, &path, show);
        self.add(&Method::PUT, Base::Objects, &path, update);
        self.add(&Method::DELETE, Base::Objects, &path, delete);
    }

    fn quotas(&mut self) {
        let fields = Fields::<Quota>::new();
        self.schema(Quota::SINGULAR, fields.itself());
        self.schema(&updated::<Quota>(), body::update::<Quota>("project_id"));
        let tag = Quota::PLURAL;
        let quota = enveloped(Quota::SINGULAR, &named(Quota::SINGULAR));
        let list = Operation::new("list_quotas", tag, "Quotas: list")
            .takes(parameters::of_list::<Quota>(&fields))
            .shows("All that are asked for", &list_shown::<Quota>())
            .refuses(&[400, 403]);
        self.add(&Method::GET, Base::Objects, "/quotas", list);
        let usual = Operation::new(
            "show_default_quotas",
            tag,
            "How much any project may have by default",
        )
        .shows("What is usual", &quota)
        .refuses(&[400]);
        self.add(&Method::GET, Base::Objects, "/quotas/defaults", usual);
        let path = "/quotas/{project_id}";
        let show = Operation::new("show_quota", tag, "Quotas: show")
            .shows("How much the project may have", &quota)
            .refuses(&[400, 403]);
        self.add(&Method::GET, Base::Objects, path, show);
        let update = Operation::new("update_quota", tag, "Quotas: set")
            .takes([parameters::named(parameters::IF_MATCH)])
            .reads(&enveloped(Quota::SINGULAR, &named(&updated::<Quota>())))
            .answers(202, json_of("As it is now", &quota))
            .changes()
            .refuses(&[412]);
        self.add(&Method::PUT, Base::Objects, path, update);
        let reset = Operation::new("delete_quota", tag, "Quotas: back to the default")
            .takes([parameters::named(parameters::IF_MATCH)])
            .answers(202, empty("The project has what is usual"))
            .changes()
            .refuses(&[404, 412]);
        self.add(&Method::DELETE, Base::Objects, path, reset);
        let usual = Operation::new(
            "show_default_quota",
            tag,
            "How much a project may have by default",
        )
        .shows("What is usual", &quota)
        .refuses(&[400, 403]);
        self.add(&Method::GET, Base::Objects, "/quotas/{project_id}/default", usual);
    }

    /// What bodies may say of objects that are made together with those above them.
    fn bodies_below(&mut self) {
        self.schema("listener_below", body::create_below::<Listener>(Listener::BELOW));
        let below = [L7Policy::BELOW, &["redirect_pool"]].concat();
        self.schema("l7policy_below", body::create_below::<L7Policy>(&below));
        self.schema("healthmonitor_below", body::create_below::<HealthMonitor>(&[]));
        self.schema("pool_led_to", body::pool_led_to());
        self.schema("session_persistence_create", body::persistence(Purpose::Create));
        self.schema("session_persistence_update", body::persistence(Purpose::Update));
        self.schema("session_persistence", shown::persistence());
        self.schema("reference", shown::reference());
    }

    fn replacing_members(&mut self) {
        let members = list_of(&named(&created::<Member>()));
        let replace = Operation::new(
            "replace_members",
            Member::PLURAL,
            "Makes the members of a pool these; with `additive_only=true` nobody goes",
        )
        .takes(["additive_only", parameters::IF_MATCH].map(parameters::named))
        .reads(&enveloped(Member::PLURAL, &members))
        .answers(202, empty("The members are these"))
        .changes()
        .refuses(&[404, 412, 501]);
        self.add(&Method::PUT, Base::Objects, "/pools/{pool_id}/members", replace);
    }
}

/// What an object is called in the document that is shown with all below it.
fn whole_name<T: Object>() -> String {
    format!("{}_whole", T::SINGULAR)
}
