//! The management API, over the control socket of a daemon.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::daemon::Daemon;

/// What was answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The body; null, where there is none.
    pub body: Value,
}

impl Response {
    /// The object that it has under a name, of a request that went well.
    pub fn object(&self, name: &str) -> Result<&Value> {
        ensure!((200..300).contains(&self.status), "refused: {self:?}");
        self.body
            .get(name)
            .with_context(|| format!("no {name}: {self:?}"))
    }

    /// The id of that object.
    pub fn id(&self, name: &str) -> Result<String> {
        let id = self.object(name)?["id"].as_str().context("it has no id")?;
        Ok(id.to_owned())
    }

    /// Why it was refused.
    #[must_use]
    pub fn fault(&self) -> &str {
        self.body["faultstring"].as_str().unwrap_or_default()
    }
}

/// Sends a request to the API that a socket leads to; `path` begins behind `/v2.0/lbaas`.
pub fn request(socket: &Path, method: &str, path: &str, body: Option<&Value>) -> Result<Response> {
    let mut stream = UnixStream::connect(socket).context("the daemon does not answer")?;
    let body = body.map(Value::to_string).unwrap_or_default();
    write!(
        stream,
        "{method} /v2.0/lbaas{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    understand(&answer)
}

fn understand(answer: &[u8]) -> Result<Response> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length) = head.parse(answer)? else {
        anyhow::bail!("the answer breaks off: {:?}", String::from_utf8_lossy(answer));
    };
    let status = head.code.context("no status")?;
    let is_chunked = head
        .headers
        .iter()
        .any(|header| header.name.eq_ignore_ascii_case("transfer-encoding"));
    let body = &answer[length..];
    let body = if is_chunked {
        unchunked(body)?
    } else {
        body.to_vec()
    };
    let body = match body.as_slice() {
        [] => Value::Null,
        body => serde_json::from_slice(body)?,
    };
    Ok(Response { status, body })
}

fn unchunked(mut body: &[u8]) -> Result<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let (begin, length) = match httparse::parse_chunk_size(body) {
            Ok(httparse::Status::Complete((begin, length))) => (begin, usize::try_from(length)?),
            _ => anyhow::bail!("the answer breaks off"),
        };
        if length == 0 {
            return Ok(whole);
        }
        let chunk = body.get(begin..begin + length).context("the answer breaks off")?;
        whole.extend_from_slice(chunk);
        body = &body[begin + length + 2..];
    }
}

impl Daemon {
    /// Asks the management API; `path` begins behind `/v2.0/lbaas`.
    pub fn api(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Response> {
        request(&self.socket_path(), method, path, body)
    }

    /// Makes something, and gives its id.
    pub fn make(&self, path: &str, name: &str, object: &Value) -> Result<String> {
        let body = serde_json::json!({ name: object });
        self.api("POST", path, Some(&body))?.id(name)
    }

    /// Changes something.
    pub fn change(&self, path: &str, name: &str, fields: &Value) -> Result<Response> {
        let body = serde_json::json!({ name: fields });
        self.api("PUT", path, Some(&body))
    }
}
