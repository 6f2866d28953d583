//! HTTP as bytes: messages, their framing, and what stands in their header fields. Nothing here does any I/O, and nothing
//! panics on any input.

pub mod chunked;
pub mod cookies;
pub mod fields;
pub mod forwarded;
pub mod framing;
pub mod head;
pub mod host;
mod octets;
pub mod pattern;
pub mod proxy_protocol;
pub mod set_cookie;
pub mod trailers;
pub mod upgrade;
pub mod url_session;
