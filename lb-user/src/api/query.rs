//! Reading requests.

use std::time::Duration;

use axum::{
    body::{Bytes, to_bytes},
    extract::{FromRequest, Request},
    http::{
        HeaderMap, Uri,
        header::{ACCEPT, CONTENT_TYPE, IF_MATCH},
        uri::PathAndQuery,
    },
};
use serde_json::{Map, Value as Json};
use tokio::time;

use super::{
    LARGEST_BODY,
    health::{HEALTHZ, METRICS, READYZ},
};
use crate::objects::{Fault, Object, written};

/// How long a body may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// What bodies in JSON are called.
const JSON: [&str; 3] = ["application/json", "text/javascript", "application/javascript"];

/// The parameters of a query, in their order.
pub(super) fn parameters(uri: &Uri) -> Vec<(String, String)> {
    let query = uri.query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// Refuses parameters that mean nothing, where a request changes something or takes none at all.
pub(super) fn only(known: &[&str], uri: &Uri) -> Result<(), Fault> {
    let mut parameters = parameters(uri).into_iter();
    match parameters.find(|(key, _)| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some((key, _)) => {
            let key: String = key.chars().take(200).collect();
            Err(Fault::new(400, format!("Unknown argument: \"{key}\"")))
        }
    }
}

/// The one parameter that a request may have, where it has it: of two, nobody knows which is meant.
pub(super) fn only_one(known: &str, uri: &Uri) -> Result<Option<String>, Fault> {
    only(&[known], uri)?;
    let mut values = parameters(uri).into_iter().map(|(_, value)| value);
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(Fault::of_query(format!(
            "{known} can be given once, and is there several times"
        ))),
    }
}

/// Whether a parameter says yes; whatever does not, says no.
pub(super) fn is_yes(word: &str) -> bool {
    let yes = ["1", "t", "true", "on", "y", "yes"];
    yes.contains(&word.trim().to_ascii_lowercase().as_str())
}

/// Whether a parameter is there and says yes.
pub(super) fn says_yes(uri: &Uri, key: &str) -> bool {
    let given = parameters(uri);
    given.iter().any(|(name, value)| name == key && is_yes(value))
}

/// The body of a request.
pub(super) struct Document {
    bytes: Bytes,
}

impl<S: Sync> FromRequest<S> for Document {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fault> {
        let kind = request.headers().get(CONTENT_TYPE).cloned();
        let bytes = time::timeout(PATIENCE, to_bytes(request.into_body(), LARGEST_BODY)).await;
        let bytes = bytes.map_err(|_| {
            let text = format!("The body has not come within {} seconds.", PATIENCE.as_secs());
            Fault::new(408, text)
        })?;
        let bytes = bytes.map_err(|_| {
            let text = format!("Request is too large. Larger than max_request_body_size ({LARGEST_BODY}).");
            Fault::new(413, text)
        })?;
        // Who says nothing means JSON: there is nothing else.
        if let Some(kind) = kind.filter(|_| !bytes.is_empty()) {
            let kind = kind.to_str().unwrap_or_default();
            let kind = kind.split(';').next().unwrap_or_default().trim();
            if !JSON.iter().any(|known| kind.eq_ignore_ascii_case(known)) {
                return Err(Fault::new(415, format!("Unknown mimetype: {kind}")));
            }
        }
        Ok(Self { bytes })
    }
}

impl Document {
    /// All of it, which messages call so.
    pub(super) fn read(&self, argument: &str) -> Result<Map<String, Json>, Fault> {
        if self.bytes.is_empty() {
            return Err(Fault::new(400, format!("Missing argument: \"{argument}\"")));
        }
        match serde_json::from_slice(&self.bytes) {
            Ok(Json::Object(document)) => Ok(document),
            Ok(other) => Err(Fault::of_field(
                argument,
                &written(&other),
                "Value should be an object",
            )),
            Err(_) => Err(Fault::new(400, "Request is not in valid JSON format")),
        }
    }

    /// The object that it has under its name: `{"pool": {...}}`. `called` is what messages call that: `pool_.pool`.
    pub(super) fn object<T: Object>(&self, called: &str) -> Result<Map<String, Json>, Fault> {
        let argument = called.split('.').next().unwrap_or_default();
        let mut document = self.read(argument)?;
        let object = document.remove(T::SINGULAR);
        if let Some(unknown) = document.keys().next() {
            let unknown = unknown.chars().take(200).collect::<String>();
            return Err(Fault::unknown_attribute(argument, &unknown));
        }
        match object {
            Some(Json::Object(object)) => Ok(object),
            None | Some(Json::Null) => Err(Fault::invalid(format!("No {} object supplied.", T::SINGULAR))),
            Some(other) => Err(Fault::of_field(
                T::SINGULAR,
                &written(&other),
                "Value should be an object",
            )),
        }
    }
}

/// Refuses to answer who does not take JSON. What is no list of media types asks for nothing.
pub(super) async fn check_accept(request: Request) -> Result<Request, Fault> {
    if [METRICS, HEALTHZ, READYZ].contains(&request.uri().path()) {
        return Ok(request);
    }
    let Some(accept) = request
        .headers()
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
    else {
        return Ok(request);
    };
    let types = accept
        .split(',')
        .map(|one| one.split(';').next().unwrap_or_default().trim());
    let mut types = types.filter(|one| one.contains('/')).peekable();
    // The last one is that of events.
    let known = ["application/json", "application/*", "*/*", "text/event-stream"];
    if types.peek().is_none() || types.any(|one| known.iter().any(|known| one.eq_ignore_ascii_case(known))) {
        return Ok(request);
    }
    let text = "Only content type application/json is accepted.";
    Err(Fault::described(406, "Not Acceptable", text))
}

/// Refuses a change of an object that is not as whoever asks for it has seen it (RFC 9110, section 13.1.1).
pub(super) fn check_if_match(headers: &HeaderMap, object: &impl Object) -> Result<(), Fault> {
    let revision = object.head().revision;
    let text = format!("It has changed meanwhile: its revision is {revision}. Look at it again.");
    check_tag(headers, &revision.to_string(), text)
}

/// Refuses a change with this text where something else was seen than what is told of by this `ETag`.
pub(super) fn check_tag(headers: &HeaderMap, tag: &str, refusal: String) -> Result<(), Fault> {
    let Some(wanted) = headers.get(IF_MATCH) else {
        return Ok(());
    };
    let is_met = wanted.to_str().is_ok_and(|wanted| {
        let mut wanted = wanted.split(',').map(str::trim);
        wanted.any(|wanted| wanted == "*" || wanted.trim_matches('"') == tag)
    });
    if is_met {
        Ok(())
    } else {
        Err(Fault::new(412, refusal))
    }
}

/// Paths may end in a slash.
pub(super) async fn without_trailing_slash(mut request: Request) -> Request {
    let path = request.uri().path();
    let short = path.trim_end_matches('/');
    if short.len() == path.len() || short.is_empty() {
        return request;
    }
    let short = match request.uri().query() {
        Some(query) => format!("{short}?{query}"),
        None => short.to_owned(),
    };
    let mut parts = request.uri().clone().into_parts();
    if let Ok(short) = short.parse::<PathAndQuery>() {
        parts.path_and_query = Some(short);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}
