//! Who is held where: the sessions of a pool, page by page, and forgetting one.

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::{delete, get, post},
};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::{
    Api, Shared, answer,
    caller::Caller,
    list::address,
    objects::{self, short},
    path::Path,
    query::{Document, only, parameters},
};
use crate::{
    objects::{Fault, Inventory, Member, Object as _, Pool, member_id},
    views::{CookieValue, GONE, Page, RecognisedBy, Session, Sessions, Wanted},
};

/// The most sessions of a page, and how many there are where nobody says.
const MOST: usize = 1000;
const USUAL: usize = 100;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/pools/{parent}/sessions", get(list))
        .route("/pools/{parent}/sessions/search", post(search))
        .route("/pools/{parent}/sessions/{id}", delete(forget))
}

/// What a query says.
struct Query {
    wanted: Wanted,
    page: Page,
    /// What of it a link to another page has.
    kept: Vec<(String, String)>,
}

fn wrong(key: &str, value: &str, right: &str) -> Fault {
    let value = short(value);
    Fault::of_query(format!("{key} '{value}' is not valid; write {right}."))
}

impl Query {
    fn read(
        pool: &Pool,
        parameters: Vec<(String, String)>,
        members: impl Fn(&str) -> Result<Arc<Member>, Fault>,
    ) -> Result<Self, Fault> {
        let mut query = Self {
            wanted: Wanted {
                pool: Some(pool.head.key()),
                ..Wanted::default()
            },
            page: Page::first(USUAL),
            kept: Vec::new(),
        };
        for (key, value) in parameters {
            let (wanted, page) = (&mut query.wanted, &mut query.page);
            match key.as_str() {
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=MOST).contains(limit));
                    page.limit = limit.ok_or_else(|| wrong("limit", &value, "a number from 1 to 1000"))?;
                }
                "marker" => {
                    let marker = value.parse();
                    page.after = Some(marker.map_err(|_| wrong("marker", &value, "the id of a session"))?);
                    continue;
                }
                "client" => {
                    let client = value
                        .parse()
                        .map_err(|_| wrong("client", &value, "an address or a network"))?;
                    wanted.client = Some(client);
                }
                "cookie" => {
                    let id = value.parse();
                    page.only = Some(id.map_err(|_| wrong("cookie", &value, "16 hexadecimal digits"))?);
                }
                // The last one that it may be: others are refused before.
                _ => wanted.member = Some(members(&value)?.head.key()),
            }
            query.kept.push((key, value));
        }
        Ok(query)
    }
}

async fn list(
    State(api): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(pool): Path<String>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    only(&["limit", "marker", "client", "cookie", "member_id"], &uri)?;
    let (pool, query) = {
        let inventory = api.manager.read();
        let pool = seen(&pool, &caller, &inventory)?;
        let members = |id: &str| {
            let found = objects::find::<Member>(id, &inventory)?;
            let is_of_it = found.pool_id == pool.head.id;
            is_of_it
                .then_some(found)
                .ok_or_else(|| Fault::not_found(Member::TITLE, short(id)))
        };
        let query = Query::read(&pool, parameters(&uri), members)?;
        (pool, query)
    };
    let sessions = found(&api, &pool, query.wanted, query.page).await?;
    let next = sessions.listed.last().filter(|_| sessions.has_more);
    let links = next.map_or_else(
        || json!([]),
        |last| {
            let mut link = form_urlencoded::Serializer::new(String::new());
            link.extend_pairs(&query.kept);
            link.append_pair("marker", &id_of(last));
            json!([{"rel": "next", "href": format!("{}?{}", address(&uri, &headers), link.finish())}])
        },
    );
    Ok(shown(&pool, &sessions, &links))
}

/// The pool of this id, which the caller may see.
fn seen(id: &str, caller: &Caller, inventory: &Inventory) -> Result<Arc<Pool>, Fault> {
    let pool = objects::find::<Pool>(id, inventory)?;
    caller.may_see(&pool.head.project_id)?;
    Ok(pool)
}

/// Those that are wanted of a pool. Where nothing leads to it, nobody is held there.
async fn found(api: &Api, pool: &Pool, wanted: Wanted, page: Page) -> Result<Sessions, Fault> {
    if api.manager.read().is_used(pool) {
        api.manager.sessions(wanted, page).await
    } else {
        Ok(Sessions::default())
    }
}

/// What messages call the body of a search.
const SEARCH: &str = "search_";

/// The session of a cookie's value, which opens it to whoever has it: it is in no address, which proxies log.
async fn search(
    State(api): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(pool): Path<String>,
    OriginalUri(uri): OriginalUri,
    body: Document,
) -> Result<Response, Fault> {
    only(&[], &uri)?;
    let cookie = cookie_of(body.read(SEARCH)?)?;
    let pool = seen(&pool, &caller, &api.manager.read())?;
    let wanted = Wanted {
        pool: Some(pool.head.key()),
        cookie: Some(cookie),
        ..Wanted::default()
    };
    let sessions = found(&api, &pool, wanted, Page::first(USUAL)).await?;
    Ok(shown(&pool, &sessions, &json!([])))
}

fn cookie_of(mut body: Map<String, Json>) -> Result<CookieValue, Fault> {
    let cookie = body.remove("cookie");
    if let Some(unknown) = body.keys().next() {
        return Err(Fault::unknown_attribute(SEARCH, &short(unknown)));
    }
    match cookie {
        Some(Json::String(value)) if !value.is_empty() => Ok(CookieValue(value)),
        // What else it may be, it is no less secret.
        Some(_) => Err(Fault::invalid("cookie is no string; write the value of the cookie.").at("cookie")),
        None => Err(Fault::of_field("cookie", "None", "Mandatory field missing.")),
    }
}

fn shown(pool: &Pool, sessions: &Sessions, links: &Json) -> Response {
    let listed = sessions.listed.iter().map(|session| {
        let (client, cookie) = match session.by {
            RecognisedBy::Client(client) => (Some(client), None),
            RecognisedBy::Cookie(id) => (None, Some(id)),
            RecognisedBy::ClientId(_) => (None, None),
        };
        json!({
            "id": id_of(session),
            "client": client,
            "cookie": cookie,
            "member_id": member_of(session),
            "member": sessions.display_names.of(&session.member),
            "age_s": session.age_s,
            "idle_s": session.idle_s,
            "ends_in_s": session.ends_in_s,
        })
    });
    let body = json!({
        "sessions": listed.collect::<Vec<_>>(),
        "sessions_links": links,
        "total": sessions.total,
        "carried_by_clients": sessions.carried_by_clients.contains(&pool.head.key()),
    });
    answer::json_of(StatusCode::OK, &body)
}

/// What a session is called among those of its pool.
fn id_of(session: &Session) -> String {
    match session.by {
        RecognisedBy::Client(client) => client.to_string(),
        RecognisedBy::Cookie(id) | RecognisedBy::ClientId(id) => id.to_string(),
    }
}

/// None where it is not configured any more.
fn member_of(session: &Session) -> Option<Uuid> {
    (session.member != GONE).then(|| member_id(&session.pool, &session.member))
}

/// What a path names.
#[derive(Deserialize)]
struct Place {
    parent: String,
    id: String,
}

async fn forget(
    State(api): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(Place { parent, id }): Path<Place>,
    OriginalUri(uri): OriginalUri,
) -> Result<StatusCode, Fault> {
    only(&[], &uri)?;
    let pool = {
        let inventory = api.manager.read();
        let pool = objects::find::<Pool>(&parent, &inventory)?;
        caller.may_change(&pool.head.project_id)?;
        pool.head.key()
    };
    let by = id.parse().map_err(|_| Fault::not_found("Session", short(&id)))?;
    api.manager.drop_session(pool, by).await?;
    Ok(StatusCode::NO_CONTENT)
}
