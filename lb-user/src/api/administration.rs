//! What administrators keep: flavors and availability zones, each with its profiles.

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::get,
};
use uuid::Uuid;

use super::{
    Shared,
    caller::Caller,
    list,
    objects::{self, changed, short, shown_as_asked, shown_by_id},
    offers::{data, kind_of, unexpected},
    path::Path,
    providers::check_provider,
    query::{Document, check_if_match, only},
    show::Depth,
};
use crate::objects::{
    AvailabilityZone, AvailabilityZoneProfile, Fault, Flavor, FlavorProfile, Head, Inventory, Object,
    Purpose, Reader, Stamp, changeable,
};

/// A kind of objects that administrators keep.
trait Kept: Object {
    /// What one is called by in a path.
    const CALLED_BY: CalledBy = CalledBy::Id;

    /// What two of them may have in common.
    const NAMES: Names = Names::AreUnique;
    /// What messages call one that is in use.
    const IN_USE: &'static str = Self::TITLE;

    /// Refuses to show any to those who are not to look.
    fn must_be_seen_by(_caller: &Caller) -> Result<(), Fault> {
        Ok(())
    }

    /// Refuses what cannot be.
    fn admit(&self, all: &Inventory) -> Result<(), Fault>;

    /// Whether something uses it.
    fn is_used(&self, all: &Inventory) -> bool;

    /// Whether `after` is another one only for people, who may change it while it is used.
    fn differs_in_name_only(&self, _after: &Self) -> bool {
        true
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum CalledBy {
    Id,
    Name,
}

/// What names are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    /// No two have the same.
    AreUnique,
    /// Whatever people like.
    AreFree,
}

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .merge(routes_of::<Flavor>("/flavors"))
        .merge(routes_of::<FlavorProfile>("/flavorprofiles"))
        .merge(routes_of::<AvailabilityZone>("/availabilityzones"))
        .merge(routes_of::<AvailabilityZoneProfile>("/availabilityzoneprofiles"))
}

fn routes_of<T: Kept>(path: &str) -> Router<Shared> {
    let of_one = get(show::<T>).put(update::<T>).delete(delete::<T>);
    Router::new()
        .route(path, get(all::<T>).post(create::<T>))
        .route(&format!("{path}/{{key}}"), of_one)
}

fn find<T: Kept>(key: &str, inventory: &Inventory) -> Result<Arc<T>, Fault> {
    let mut all = T::table(inventory).iter();
    match T::CALLED_BY {
        CalledBy::Id => objects::find(key, inventory),
        CalledBy::Name => all
            .find(|object| object.head().name == key)
            .cloned()
            .ok_or_else(|| Fault::not_found(T::TITLE, short(key))),
    }
}

async fn all<T: Kept>(
    State(api): State<Shared>,
    Extension(mut caller): Extension<Caller>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    T::must_be_seen_by(&caller)?;
    // They belong to no project: everybody may see what there is to choose from.
    caller.project_id.clear();
    list::list::<T>(&api, &caller, None, &uri, &headers)
}

async fn show<T: Kept>(
    State(api): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(key): Path<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Fault> {
    let inventory = api.manager.read();
    let object = find::<T>(&key, &inventory)?;
    T::must_be_seen_by(&caller)?;
    Ok(shown_as_asked(object.as_ref(), &inventory, &uri))
}

async fn create<T: Kept>(
    State(api): State<Shared>,
    Extension(caller): Extension<Caller>,
    OriginalUri(uri): OriginalUri,
    body: Document,
) -> Result<Response, Fault> {
    only(&[], &uri)?;
    let body = body.object::<T>(T::ARGUMENT)?;
    caller.must_be_admin()?;
    let change = |others: &mut Inventory, _: &Inventory| {
        let mut object = T::blank(Head::new(Uuid::new_v4(), Stamp::now()));
        let mut reader = Reader::new(T::ARGUMENT, Purpose::Create, &body);
        object.form(&mut reader);
        reader.finish()?;
        let name = &object.head().name;
        if T::NAMES == Names::AreUnique {
            refuse_taken::<T>(name, others)?;
        }
        object.admit(others)?;
        let id = object.head().id;
        T::table_mut(others).put(object.into());
        Ok(id)
    };
    change_and_show::<T>(&api, StatusCode::CREATED, change).await
}

fn refuse_taken<T: Kept>(name: &str, others: &Inventory) -> Result<(), Fault> {
    if !T::table(others).iter().any(|other| other.head().name == name) {
        return Ok(());
    }
    let kind = T::SINGULAR.replace('_', " ");
    Err(Fault::new(409, format!("A {kind} of {name} already exists.")))
}

async fn change_and_show<T: Kept>(
    api: &Shared,
    status: StatusCode,
    change: impl FnOnce(&mut Inventory, &Inventory) -> Result<Uuid, Fault>,
) -> Result<Response, Fault> {
    let show = |inventory: &Inventory, id| shown_by_id::<T>(status, id, inventory, Depth::Itself);
    api.manager.change_others(change, show).await
}

async fn update<T: Kept>(
    State(api): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(key): Path<String>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Document,
) -> Result<Response, Fault> {
    only(&[], &uri)?;
    let body = body.object::<T>(T::ARGUMENT)?;
    caller.must_be_admin()?;
    if T::CALLED_BY == CalledBy::Name && body.contains_key("name") {
        return Err(Fault::unknown_attribute(T::ARGUMENT, "name"));
    }
    let change = |others: &mut Inventory, all: &Inventory| {
        let before = find::<T>(&key, others)?;
        changeable(before.as_ref())?;
        check_if_match(&headers, before.as_ref())?;
        let after = changed(before.as_ref(), &body)?;
        if before.is_used(all) && !before.differs_in_name_only(&after) {
            return Err(in_use(before.as_ref()));
        }
        let renamed = after.head().name != before.head().name;
        if T::NAMES == Names::AreUnique && renamed {
            refuse_taken::<T>(&after.head().name, others)?;
        }
        after.admit(others)?;
        let id = after.head().id;
        T::table_mut(others).put(after.into());
        Ok(id)
    };
    change_and_show::<T>(&api, StatusCode::OK, change).await
}

async fn delete<T: Kept>(
    State(api): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(key): Path<String>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<StatusCode, Fault> {
    only(&[], &uri)?;
    caller.must_be_admin()?;
    let change = |others: &mut Inventory, all: &Inventory| {
        let object = find::<T>(&key, others)?;
        changeable(object.as_ref())?;
        check_if_match(&headers, object.as_ref())?;
        if object.is_used(all) {
            return Err(in_use(object.as_ref()));
        }
        T::table_mut(others).take(object.head().id);
        Ok(())
    };
    api.manager
        .change_others(change, |_, ()| StatusCode::NO_CONTENT)
        .await
}

fn in_use<T: Kept>(object: &T) -> Fault {
    let id = match T::CALLED_BY {
        CalledBy::Id => object.head().id.to_string(),
        CalledBy::Name => object.head().name.clone(),
    };
    Fault::new(
        409,
        format!("{} {id} is in use and cannot be modified.", T::IN_USE),
    )
}

impl Kept for Flavor {
    fn admit(&self, all: &Inventory) -> Result<(), Fault> {
        match all.flavor_profiles.get(self.flavor_profile_id) {
            Some(_) => Ok(()),
            None => Err(Fault::new(
                400,
                format!("Flavor Profile {} not found.", self.flavor_profile_id),
            )),
        }
    }

    fn is_used(&self, all: &Inventory) -> bool {
        all.load_balancers
            .iter()
            .any(|balancer| balancer.flavor_id == Some(self.head.id))
    }
}

impl Kept for FlavorProfile {
    const NAMES: Names = Names::AreFree;
    const IN_USE: &'static str = "Flavor profile";

    fn must_be_seen_by(caller: &Caller) -> Result<(), Fault> {
        caller.must_be_admin()
    }

    fn admit(&self, _: &Inventory) -> Result<(), Fault> {
        check_provider(&self.provider_name)?;
        kind_of(&self.flavor_data).map(drop)
    }

    fn is_used(&self, all: &Inventory) -> bool {
        all.flavors.of(self.head.id).next().is_some()
    }

    fn differs_in_name_only(&self, after: &Self) -> bool {
        (&self.provider_name, &self.flavor_data) == (&after.provider_name, &after.flavor_data)
    }
}

impl Kept for AvailabilityZone {
    const CALLED_BY: CalledBy = CalledBy::Name;

    fn admit(&self, all: &Inventory) -> Result<(), Fault> {
        match all
            .availability_zone_profiles
            .get(self.availability_zone_profile_id)
        {
            Some(_) => Ok(()),
            None => Err(Fault::new(
                400,
                format!(
                    "Availability Zone Profile {} not found.",
                    self.availability_zone_profile_id
                ),
            )),
        }
    }

    fn is_used(&self, all: &Inventory) -> bool {
        all.load_balancers
            .iter()
            .any(|balancer| balancer.availability_zone.as_ref() == Some(&self.head.name))
    }
}

impl Kept for AvailabilityZoneProfile {
    const NAMES: Names = Names::AreFree;

    fn must_be_seen_by(caller: &Caller) -> Result<(), Fault> {
        caller.must_be_admin()
    }

    fn admit(&self, _: &Inventory) -> Result<(), Fault> {
        check_provider(&self.provider_name)?;
        match data(&self.availability_zone_data, "availability_zone_data")?
            .keys()
            .next()
        {
            None => Ok(()),
            Some(key) => Err(unexpected(key)),
        }
    }

    fn is_used(&self, all: &Inventory) -> bool {
        all.availability_zones.of(self.head.id).next().is_some()
    }

    fn differs_in_name_only(&self, after: &Self) -> bool {
        (&self.provider_name, &self.availability_zone_data)
            == (&after.provider_name, &after.availability_zone_data)
    }
}
