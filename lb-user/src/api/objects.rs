//! What is done with objects of each kind.

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::{OriginalUri, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header::ETAG},
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::{
    Shared, answer,
    caller::Caller,
    list, members,
    path::Path,
    query::{Document, check_if_match, only, parameters, says_yes},
    show::{Depth, Enveloped, Shown},
    whole::{self, Grows},
};
use crate::{
    manager::ChangeRequest,
    objects::{Fault, Inventory, Object, Purpose, Reader, Stamp, changeable},
    store::Kind,
};

/// What the path says.
#[derive(Debug, Deserialize)]
struct Place {
    /// What the objects belong to.
    parent: Option<String>,
    /// Which one.
    id: Option<String>,
}

impl Place {
    /// What the objects belong to; of a path that names nothing, none.
    fn parent<T: Grows>(&self, inventory: &Inventory) -> Result<Option<Uuid>, Fault> {
        let Some(parent) = &self.parent else {
            return Ok(None);
        };
        T::parent(parent, inventory).map(Some)
    }

    /// The object that is named.
    fn object<T: Grows>(&self, inventory: &Inventory) -> Result<Arc<T>, Fault> {
        let parent = self.parent::<T>(inventory)?;
        let id = self.id.as_deref().unwrap_or_default();
        let object = find::<T>(id, inventory)?;
        if parent.is_none_or(|parent| object.parents().contains(&parent)) {
            Ok(object)
        } else {
            Err(Fault::not_found(T::TITLE, id))
        }
    }
}

/// The object that a path calls so.
pub(super) fn find<T: Object>(id: &str, inventory: &Inventory) -> Result<Arc<T>, Fault> {
    let found = id.parse().ok().and_then(|id| T::table(inventory).get(id));
    found
        .cloned()
        .ok_or_else(|| Fault::not_found(T::TITLE, short(id)))
}

/// What a path says, as messages quote it.
pub(super) fn short(text: &str) -> String {
    text.chars().take(100).collect()
}

/// What can be done with the objects of a kind, at this path.
pub(super) fn routes<T: Grows>(path: &str) -> Router<Shared> {
    let of_one = get(show::<T>).put(update::<T>).delete(delete::<T>);
    Router::new()
        .route(path, get(list::<T>).post(create::<T>))
        .route(&format!("{path}/{{id}}"), of_one)
}

async fn list<T: Grows>(
    State(api): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let (parent, tag) = {
        let inventory = api.manager.read();
        let parent = place.parent::<T>(&inventory)?;
        if let Some(parent) = parent.and_then(|parent| inventory.find(parent)) {
            caller.may_see(&parent.head().project_id)?;
        }
        // Of what can be changed all at once.
        let of_members = parent.filter(|_| T::KIND == Kind::Member);
        (parent, of_members.map(|pool| members::tag(pool, &inventory)))
    };
    let mut response = list::list::<T>(&api, &caller, parent, &uri, &headers)?;
    if let Some(tag) = tag {
        insert_tag(&mut response, &tag);
    }
    Ok(response)
}

/// Tells of an answer by this `ETag`.
pub(super) fn insert_tag(response: &mut Response, tag: &str) {
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{tag}\"")) {
        response.headers_mut().insert(ETAG, tag);
    }
}

async fn show<T: Grows>(
    State(api): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Fault> {
    let inventory = api.manager.read();
    let object = place.object::<T>(&inventory)?;
    caller.may_see(&object.head().project_id)?;
    Ok(shown_as_asked(object.as_ref(), &inventory, &uri))
}

/// An object, as far as its fields are asked for.
pub(super) fn shown_as_asked<T: Object>(object: &T, inventory: &Inventory, uri: &Uri) -> Response {
    let fields = list::fields(&parameters(uri));
    shown(StatusCode::OK, object, inventory, &fields, Depth::Itself)
}

async fn create<T: Grows>(
    State(api): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
    OriginalUri(uri): OriginalUri,
    body: Document,
) -> Result<Response, Fault> {
    only(&[], &uri)?;
    let body = body.object::<T>(T::ARGUMENT)?;
    let seed = {
        let inventory = api.manager.read();
        let parent = place.parent::<T>(&inventory)?;
        let mut seed = whole::read::<T>(&body, Stamp::now(), T::ARGUMENT)?;
        if let Some(parent) = parent {
            seed.object.place(parent);
        }
        let balancer = seed.object.load_balancer(&inventory)?;
        let head = seed.object.head_mut();
        if let Some(balancer) = inventory.load_balancers.get(balancer) {
            head.project_id.clone_from(&balancer.head.project_id);
        } else if head.project_id.is_empty() {
            head.project_id.clone_from(&caller.project_id);
        }
        caller.may_change(&head.project_id)?;
        seed
    };
    let depth = if T::KIND == Kind::LoadBalancer {
        Depth::Whole
    } else {
        Depth::Itself
    };
    let show = |inventory: &Inventory, id| shown_by_id::<T>(StatusCode::CREATED, id, inventory, depth);
    let object = seed.object.clone();
    let asked = ChangeRequest {
        object: &object,
        by: caller.asker(),
        body: &body,
    };
    let grow = |tree: &mut Inventory, all: &Inventory| seed.grow(tree, all);
    api.manager.change_tree(asked, grow, show).await
}

/// What a body makes of an object.
pub(super) fn changed<T: Object>(before: &T, body: &Map<String, Json>) -> Result<T, Fault> {
    let mut after = before.clone();
    let mut reader = Reader::new(T::ARGUMENT_OF_UPDATE, Purpose::Update, body);
    after.form(&mut reader);
    reader.finish()?;
    Ok(after)
}

/// The object of this id as a change has left it.
pub(super) fn shown_by_id<T: Object>(
    status: StatusCode,
    id: Uuid,
    inventory: &Inventory,
    depth: Depth,
) -> Response {
    match T::table(inventory).get(id) {
        Some(object) => shown(status, object.as_ref(), inventory, &[], depth),
        None => Fault::not_found(T::TITLE, id).into_response(),
    }
}

/// The object that is named, which `caller` may change.
fn to_change<T: Grows>(place: &Place, caller: &Caller, inventory: &Inventory) -> Result<Arc<T>, Fault> {
    let object = place.object::<T>(inventory)?;
    caller.may_change(&object.head().project_id)?;
    changeable(object.as_ref())?;
    Ok(object)
}

/// The object as it is when its turn has come: somebody else may have taken it away.
fn still_there<T: Grows>(id: Uuid, tree: &Inventory) -> Result<Arc<T>, Fault> {
    let found = T::table(tree).get(id).cloned();
    found.ok_or_else(|| Fault::not_found(T::TITLE, id))
}

async fn update<T: Grows>(
    State(api): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Document,
) -> Result<Response, Fault> {
    only(&[], &uri)?;
    let body = body.object::<T>(T::ARGUMENT_OF_UPDATE)?;
    let object = to_change::<T>(&place, &caller, &api.manager.read())?;
    // What is wrong with a body by itself is said even where it would have to wait for another change.
    changed(object.as_ref(), &body)?;
    let id = object.head().id;
    let change = |tree: &mut Inventory, _: &Inventory| {
        let before = still_there::<T>(id, tree)?;
        check_if_match(&headers, before.as_ref())?;
        let mut after = changed(before.as_ref(), &body)?;
        if after == *before {
            return Ok(());
        }
        after.head_mut().updated_at = Some(Stamp::now());
        after.admit(Some(&before), tree)?;
        T::table_mut(tree).put(after.into());
        Ok(())
    };
    let show = |inventory: &Inventory, ()| shown_by_id::<T>(StatusCode::OK, id, inventory, Depth::Itself);
    let asked = ChangeRequest {
        object: object.as_ref(),
        by: caller.asker(),
        body: &body,
    };
    api.manager.change_tree(asked, change, show).await
}

/// Takes an object away: from all that is asked, at once. The service shows it until nothing is served of it any more; here
/// what it belonged to says how far that is.
async fn delete<T: Grows>(
    State(api): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let is_balancer = T::KIND == Kind::LoadBalancer;
    only(if is_balancer { &["cascade"] } else { &[] }, &uri)?;
    let object = to_change::<T>(&place, &caller, &api.manager.read())?;
    let id = object.head().id;
    let takes_all = is_balancer && says_yes(&uri, "cascade");
    let change = |tree: &mut Inventory, _: &Inventory| {
        let object = still_there::<T>(id, tree)?;
        check_if_match(&headers, object.as_ref())?;
        if takes_all {
            tree.take_all(|_| true);
        } else {
            object.leave(tree)?;
            T::table_mut(tree).take(id);
        }
        Ok(())
    };
    let show = |_: &Inventory, ()| StatusCode::NO_CONTENT.into_response();
    let asked = ChangeRequest {
        object: object.as_ref(),
        by: caller.asker(),
        body: &Map::new(),
    };
    api.manager.change_tree(asked, change, show).await
}

/// An object, under its name, with the revision by which it can be changed.
fn shown<T: Object>(
    status: StatusCode,
    object: &T,
    inventory: &Inventory,
    fields: &[String],
    depth: Depth,
) -> Response {
    let enveloped = Enveloped(Shown {
        object,
        inventory,
        fields,
        depth,
    });
    let mut response = answer::json_of(status, &enveloped);
    insert_tag(&mut response, &object.head().revision.to_string());
    response
}
