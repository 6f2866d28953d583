//! What stands in the address of a request.

use axum::{
    extract::{self, FromRequestParts},
    http::request::Parts,
};
use serde::de::DeserializeOwned;

use crate::objects::Fault;

/// The parts of an address that are not the same for all requests. Of what is no text there is nothing.
pub(super) struct Path<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        match extract::Path::from_request_parts(parts, state).await {
            Ok(extract::Path(part)) => Ok(Self(part)),
            Err(_) => Err(Fault::described(
                404,
                "Not Found",
                "There is nothing at this address, which is not of UTF-8.",
            )),
        }
    }
}
