//! All members of a pool at once.

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use axum::{
    Extension,
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode},
};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::{
    Shared,
    caller::Caller,
    objects::short,
    path::Path,
    query::{Document, check_tag, only, says_yes},
    quotas::Count,
    whole::{self, Grows as _},
};
use crate::{
    manager::ChangeRequest,
    objects::{
        Fault, Head, Inventory, Member, Object as _, Pool, Purpose, Reader, Rules as _, Stamp, changeable,
        written,
    },
};

/// What messages call the body, and a member of it.
const ARGUMENT: &str = "members_";
const CALLED: &str = "members_.members";

/// What all members of a pool are told of by, as an `ETag`: another one as soon as one of them is another.
pub(super) fn tag(pool: Uuid, inventory: &Inventory) -> String {
    let mut hasher = DefaultHasher::new();
    for member in inventory.members.of(pool) {
        (member.head.id, member.head.revision).hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

/// Makes the members of a pool those of the request: who is not among them goes, unless only new ones are to be added.
pub(super) async fn replace(
    State(api): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(pool): Path<String>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Document,
) -> Result<StatusCode, Fault> {
    only(&["additive_only"], &uri)?;
    let body = body.read(ARGUMENT)?;
    let wanted = members_of(&body)?;
    let keeps_others = says_yes(&uri, "additive_only");
    let pool = {
        let inventory = api.manager.read();
        let id = Member::parent(&pool, &inventory)?;
        let pool = inventory.pools.get(id);
        let pool = pool.ok_or_else(|| Fault::no_parent(Pool::TITLE, id))?;
        caller.may_change(&pool.head.project_id)?;
        changeable(pool.as_ref())?;
        pool.clone()
    };
    // What is wrong with a body by itself is said even where it would have to wait for another change.
    for (index, body) in wanted.iter().copied().enumerate() {
        let read = whole::read::<Member>(body, Stamp::now(), CALLED);
        read.map_err(|fault| fault.within(&format!("members.{index}")))?;
    }
    let change = |tree: &mut Inventory, all: &Inventory| {
        let id = pool.head.id;
        let text = "They have changed meanwhile. Look at them again.".to_owned();
        check_tag(&headers, &tag(id, tree), text)?;
        let before = Count::of(tree);
        let mut others: HashMap<_, Uuid> = tree
            .members
            .of(id)
            .map(|member| ((member.address, member.protocol_port), member.head.id))
            .collect();
        let (mut new, mut known, mut places) = (Vec::new(), Vec::new(), HashSet::new());
        for (index, body) in wanted.iter().copied().enumerate() {
            let seed = whole::read::<Member>(body, Stamp::now(), CALLED)?;
            let address = seed.object.address.map(|address| address.to_canonical());
            let place = (address, seed.object.protocol_port);
            match others.remove(&place) {
                Some(member) => {
                    places.insert(place);
                    known.push((index, member, body));
                }
                None if places.contains(&place) => {
                    return Err(Fault::invalid(
                        "Member must be updated only once in the same request.",
                    ));
                }
                None => new.push((index, seed)),
            }
        }
        if !keeps_others {
            for member in others.into_values() {
                tree.members.take(member);
            }
        }
        let at = |index: usize| move |fault: Fault| fault.within(&format!("members.{index}"));
        for (index, member, body) in known {
            change_one(member, body, tree).map_err(at(index))?;
        }
        for (index, mut seed) in new {
            seed.object.place(id);
            seed.object.head.project_id.clone_from(&pool.head.project_id);
            seed.plant(CALLED, tree).map_err(at(index))?;
        }
        before.check_growth(tree, &pool.head.project_id, all)
    };
    let mut member = Member::blank(Head::new(Uuid::nil(), Stamp::now()));
    member.place(pool.head.id);
    let asked = ChangeRequest {
        object: &member,
        by: caller.asker(),
        body: &body,
    };
    api.manager
        .change_tree(asked, change, |_, ()| StatusCode::ACCEPTED)
        .await
}

fn members_of(document: &Map<String, Json>) -> Result<Vec<&Map<String, Json>>, Fault> {
    let members = document.get("members").unwrap_or(&Json::Null);
    if let Some(unknown) = document.keys().find(|key| *key != "members") {
        let unknown = short(unknown);
        return Err(Fault::unknown_attribute(ARGUMENT, &unknown));
    }
    let wrong = |given: &Json| {
        let complaint = "Value should be a list of objects";
        Fault::of_field("members", &written(given), complaint)
    };
    let Json::Array(members) = members else {
        return Err(wrong(members));
    };
    let members = members.iter().map(|member| match member {
        Json::Object(member) => Ok(member),
        other => Err(wrong(other)),
    });
    members.collect()
}

fn change_one(member: Uuid, body: &Map<String, Json>, tree: &mut Inventory) -> Result<(), Fault> {
    let before = tree
        .members
        .get(member)
        .cloned()
        .ok_or_else(|| Fault::not_found(Member::TITLE, member))?;
    let mut after = Member::clone(&before);
    // Whatever is not said of it, is as if it had been made now, but for its name and its tags.
    let fresh = Member::blank(before.head.clone());
    after.head.admin_state_up = true;
    after.weight = fresh.weight;
    after.backup = fresh.backup;
    after.monitor_address = fresh.monitor_address;
    after.monitor_port = fresh.monitor_port;
    let mut reader = Reader::new(CALLED, Purpose::Update, body);
    after.form(&mut reader);
    // What says which one it is, and what cannot be changed, is there all the same.
    for key in [
        "address",
        "protocol_port",
        "subnet_id",
        "project_id",
        "tenant_id",
        "request_sriov",
    ] {
        reader.extra(key);
    }
    reader.finish()?;
    if after == *before {
        return Ok(());
    }
    after.head.updated_at = Some(Stamp::now());
    after.admit(Some(&before), tree)?;
    tree.members.put(after.into());
    Ok(())
}
