//! Asking the daemon by its management API, over the control socket.

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use axum::body::{Body, to_bytes};
use http::{Method, Request, StatusCode, Uri};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::Value as Json;
use tokio::{net::UnixStream, runtime, time};

use super::{
    ask,
    exit::{Exit, Failure},
};

/// Where the API is.
const ROOT: &str = "/v2.0/lbaas";
/// Where the network service is.
const NETWORK: &str = "/network/v2.0";
/// How long an answer may take: the daemon itself waits for a second at most.
const PATIENCE: Duration = Duration::from_mins(1);
/// The largest answer, in bytes: a page of a list has at most a thousand objects.
const LARGEST: usize = 64 << 20;

/// A connection to the API.
pub(super) struct Api {
    runtime: runtime::Runtime,
    connection: SendRequest<Body>,
}

impl Api {
    pub(super) fn at(socket: &Path) -> anyhow::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let connect = async {
            let stream = UnixStream::connect(socket).await;
            let stream = stream.with_context(|| ask::unreachable(socket))?;
            let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
            // What ends it, the requests hear of.
            drop(tokio::spawn(connection));
            anyhow::Ok(sender)
        };
        let connection = runtime.block_on(connect)?;
        Ok(Self { runtime, connection })
    }

    /// What is at a path, such as `/pools`.
    pub(super) fn get(&mut self, path: &str) -> anyhow::Result<Json> {
        self.ask(Method::GET, &format!("{ROOT}{path}"), None)
    }

    /// The same, where there may be nothing.
    pub(super) fn find(&mut self, path: &str) -> anyhow::Result<Option<Json>> {
        match self.get(path) {
            Ok(found) => Ok(Some(found)),
            Err(error) if Exit::of(&error) == Exit::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All objects of a list, page by page.
    pub(super) fn list(&mut self, path: &str, plural: &str) -> anyhow::Result<Vec<Json>> {
        let mut all = Vec::new();
        let mut next = Some(format!("{ROOT}{path}"));
        while let Some(page) = next {
            let mut page = self.ask(Method::GET, &page, None)?;
            next = next_page(&page, plural);
            if let Json::Array(objects) = page[plural].take() {
                all.extend(objects);
            }
        }
        Ok(all)
    }

    /// All of a list of the network service, such as `subnets`.
    pub(super) fn network(&mut self, plural: &str) -> anyhow::Result<Json> {
        let mut answer = self.ask(Method::GET, &format!("{NETWORK}/{plural}"), None)?;
        Ok(answer[plural].take())
    }

    pub(super) fn post(&mut self, path: &str, body: &Json) -> anyhow::Result<Json> {
        self.ask(Method::POST, &format!("{ROOT}{path}"), Some(body))
    }

    pub(super) fn put(&mut self, path: &str, body: &Json) -> anyhow::Result<Json> {
        self.ask(Method::PUT, &format!("{ROOT}{path}"), Some(body))
    }

    pub(super) fn delete(&mut self, path: &str) -> anyhow::Result<()> {
        self.ask(Method::DELETE, &format!("{ROOT}{path}"), None).map(drop)
    }

    /// Lets some time pass.
    pub(super) fn wait(&mut self, duration: Duration) {
        self.runtime.block_on(async { time::sleep(duration).await });
    }

    fn ask(&mut self, method: Method, path: &str, body: Option<&Json>) -> anyhow::Result<Json> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("content-type", "application/json")
            .body(body.map_or_else(Body::empty, |body| body.to_string().into()))?;
        let connection = &mut self.connection;
        let exchange = async {
            connection.ready().await?;
            let answer = connection.send_request(request).await?;
            let status = answer.status();
            let body = to_bytes(Body::new(answer.into_body()), LARGEST).await?;
            anyhow::Ok((status, body))
        };
        let answered = self
            .runtime
            .block_on(async { time::timeout(PATIENCE, exchange).await });
        let answered = answered.with_context(|| format!("the daemon did not answer within {PATIENCE:?}"))?;
        let (status, body) = answered.context("the daemon ended before it answered; its log may say why")?;
        let body = if body.is_empty() {
            Json::Null
        } else {
            serde_json::from_slice(&body).context(ask::NOT_UNDERSTOOD)?
        };
        if status.is_success() {
            Ok(body)
        } else {
            Err(failure(status, &body).into())
        }
    }
}

/// Where the next page of a list is, if there is another one.
fn next_page(page: &Json, plural: &str) -> Option<String> {
    let links = page[format!("{plural}_links")].as_array()?;
    let next = links.iter().find(|link| link["rel"] == "next")?;
    let next: Uri = next["href"].as_str()?.parse().ok()?;
    next.path_and_query().map(ToString::to_string)
}

/// What a refusal means.
fn failure(status: StatusCode, body: &Json) -> Failure {
    let said = body["faultstring"].as_str();
    let said = said.or(status.canonical_reason()).unwrap_or("it was refused");
    let exit = match status {
        StatusCode::NOT_FOUND => Exit::NotFound,
        StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => Exit::Conflict,
        _ => Exit::Failed,
    };
    let advice = if said.ends_with("is immutable and cannot be updated.") {
        " A change of it is under way: try again in a moment."
    } else if said.ends_with("it has children") {
        ": `--cascade` takes them along"
    } else {
        ""
    };
    Failure::new(exit, format!("{said}{advice}"))
}

/// A value as it stands in a query.
pub(super) fn query(parameters: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_next_page_is_where_its_link_leads() {
        let href = "http://localhost/v2.0/lbaas/pools?limit=1&marker=7";
        let page = json!({"pools": [], "pools_links": [
            {"rel": "previous", "href": "http://localhost/"}, {"rel": "next", "href": href},
        ]});
        assert_eq!(
            next_page(&page, "pools").as_deref(),
            Some("/v2.0/lbaas/pools?limit=1&marker=7")
        );
        assert_eq!(next_page(&json!({"pools": [], "pools_links": []}), "pools"), None);
    }

    #[test]
    fn a_refusal_is_said_as_the_api_says_it_and_with_what_to_do() {
        for (status, said, exit, shown) in [
            (
                409,
                "Pool 7 is immutable and cannot be updated.",
                Exit::Conflict,
                "Pool 7 is immutable and cannot be updated. A change of it is under way: try again in a moment.",
            ),
            (404, "Pool 7 not found.", Exit::NotFound, "Pool 7 not found."),
            (
                400,
                "Validation failure: no",
                Exit::Failed,
                "Validation failure: no",
            ),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let failure = failure(status, &json!({"faultstring": said}));
            assert_eq!(failure, Failure::new(exit, shown));
        }
        let silent = failure(StatusCode::BAD_GATEWAY, &Json::Null);
        assert_eq!(silent, Failure::new(Exit::Failed, "Bad Gateway"));
    }
}
