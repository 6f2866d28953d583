//! How much projects may have.

use axum::{
    Extension, Router,
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::get,
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{
    Shared, answer,
    caller::Caller,
    list,
    objects::{changed, insert_tag, short},
    path::Path,
    query::{Document, check_if_match, only},
    show::{Depth, Shown},
};
use crate::objects::{
    Fault, Head, HealthMonitor, Inventory, L7Policy, L7Rule, Listener, LoadBalancer, Member, Object, Pool,
    Quota, Stamp,
};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/quotas", get(list))
        .route("/quotas/defaults", get(default))
        .route("/quotas/{project}", get(show).put(update).delete(reset))
        .route("/quotas/{project}/default", get(default_of))
}

/// A kind of objects that there is a bound for.
struct Bounded {
    title: &'static str,
    bound: fn(&Quota) -> Option<i64>,
    /// How many there are.
    count: fn(&Inventory) -> usize,
    /// How many of them are a project's.
    in_use: fn(&Inventory, &str) -> usize,
}

const BOUNDED: [Bounded; 7] = [
    bounded::<LoadBalancer>(|quota| quota.load_balancer),
    bounded::<Listener>(|quota| quota.listener),
    bounded::<Pool>(|quota| quota.pool),
    bounded::<Member>(|quota| quota.member),
    bounded::<HealthMonitor>(|quota| quota.health_monitor),
    bounded::<L7Policy>(|quota| quota.l7policy),
    bounded::<L7Rule>(|quota| quota.l7rule),
];

const fn bounded<T: Object>(bound: fn(&Quota) -> Option<i64>) -> Bounded {
    Bounded {
        title: T::TITLE,
        bound,
        count: |inventory| T::table(inventory).len(),
        in_use: |inventory, project_id| {
            let objects = T::table(inventory).iter();
            objects
                .filter(|object| object.head().project_id == project_id)
                .count()
        },
    }
}

/// How many objects there are of each kind that there is a bound for.
#[derive(Clone, Copy)]
pub(super) struct Count([usize; BOUNDED.len()]);

impl Count {
    /// In a tree.
    pub(super) fn of(tree: &Inventory) -> Self {
        Self(BOUNDED.map(|kind| (kind.count)(tree)))
    }

    /// Refuses a tree with more of them than there were, if that is more than the project may have.
    pub(super) fn check_growth(
        self,
        tree: &Inventory,
        project_id: &str,
        all: &Inventory,
    ) -> Result<(), Fault> {
        let quota = quota_of(project_id, all);
        for (kind, before) in BOUNDED.iter().zip(self.0) {
            let now = (kind.count)(tree);
            // No bound is negative.
            let bound = (kind.bound)(&quota).and_then(|bound| usize::try_from(bound).ok());
            if let Some(bound) = bound
                && now > before
                && (kind.in_use)(all, project_id) + (now - before) > bound
            {
                let text = format!("Quota has been met for resources: {}", kind.title);
                return Err(Fault::new(403, text));
            }
        }
        Ok(())
    }
}

/// A project's quota is found by the project.
fn id_of(project_id: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("quota/{project_id}").as_bytes())
}

fn quota_of(project_id: &str, inventory: &Inventory) -> Quota {
    let known = inventory.quotas.get(id_of(project_id));
    known.map_or_else(
        || {
            let mut head = Head::new(id_of(project_id), Stamp::now());
            project_id.clone_into(&mut head.project_id);
            Quota::blank(head)
        },
        |known| Quota::clone(known),
    )
}

fn shown(quota: &Quota, inventory: &Inventory) -> Json {
    let shown = Shown {
        object: quota,
        inventory,
        fields: &[],
        depth: Depth::Itself,
    };
    serde_json::to_value(shown).unwrap_or_default()
}

fn enveloped(status: StatusCode, quota: &Json) -> Response {
    let mut response = answer::json_of(status, &json!({ "quota": quota }));
    insert_tag(&mut response, &quota["revision"].to_string());
    response
}

async fn list(
    State(api): State<Shared>,
    Extension(caller): Extension<Caller>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    list::list::<Quota>(&api, &caller, None, &uri, &headers)
}

/// The service takes `defaults` for a project that has nothing of its own; but everybody may look at this one.
async fn default(State(api): State<Shared>, OriginalUri(uri): OriginalUri) -> Result<Response, Fault> {
    only(&[], &uri)?;
    let quota = quota_of("defaults", &Inventory::default());
    Ok(enveloped(StatusCode::OK, &shown(&quota, &api.manager.read())))
}

async fn default_of(
    State(api): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(project): Path<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Fault> {
    only(&[], &uri)?;
    caller.may_see(&project)?;
    let quota = quota_of(&project, &Inventory::default());
    Ok(enveloped(StatusCode::OK, &shown(&quota, &api.manager.read())))
}

async fn show(
    State(api): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(project): Path<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Fault> {
    only(&[], &uri)?;
    caller.may_see(&project)?;
    let inventory = api.manager.read();
    Ok(enveloped(
        StatusCode::OK,
        &shown(&quota_of(&project, &inventory), &inventory),
    ))
}

async fn update(
    State(api): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(project): Path<String>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Document,
) -> Result<Response, Fault> {
    only(&[], &uri)?;
    let body = body.object::<Quota>(Quota::ARGUMENT)?;
    caller.must_be_admin()?;
    if project.chars().count() > 36 {
        return Err(Fault::of_field(
            "project_id",
            "",
            "Value should have a maximum character requirement of 36",
        ));
    }
    let change = |others: &mut Inventory, _: &Inventory| {
        let before = quota_of(&project, others);
        check_if_match(&headers, &before)?;
        let quota = changed(&before, &body)?;
        others.quotas.put(quota.into());
        Ok(())
    };
    let show = |inventory: &Inventory, ()| shown(&quota_of(&project, inventory), inventory);
    let quota = api.manager.change_others(change, show).await?;
    Ok(enveloped(StatusCode::ACCEPTED, &quota))
}

async fn reset(
    State(api): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(project): Path<String>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<StatusCode, Fault> {
    only(&[], &uri)?;
    caller.must_be_admin()?;
    let change = |others: &mut Inventory, _: &Inventory| {
        check_if_match(&headers, &quota_of(&project, others))?;
        let gone = others.quotas.take(id_of(&project));
        gone.map(drop)
            .ok_or_else(|| Fault::not_found(Quota::TITLE, short(&project)))
    };
    api.manager
        .change_others(change, |_, ()| StatusCode::ACCEPTED)
        .await
}
