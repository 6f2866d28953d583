//! What a request shows.

use axum::http::{HeaderMap, header::AUTHORIZATION};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use ring::hmac;

use crate::password::LONGEST;

/// The header that has a token.
pub(in crate::api) const TOKEN: &str = "x-auth-token";

/// What somebody shows. It cannot be printed, so that it gets into no log.
pub(in crate::api) enum Credential {
    /// A name and a password.
    Password {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
    /// A token, of the configuration or of ours.
    Token(String),
}

/// What is remembered of a credential.
pub(super) type Digest = [u8; 32];

impl Credential {
    /// What the headers of a request have.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let header = |name: &str| headers.get(name)?.to_str().ok();
        if let Some(token) = header(TOKEN) {
            return Self::token(token);
        }
        let (scheme, encoded) = header(AUTHORIZATION.as_str())?.split_once(' ')?;
        // As Prometheus and many others show a token (RFC 6750, section 2.1).
        if scheme.eq_ignore_ascii_case("bearer") {
            return Self::token(encoded.trim());
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
        let (user, password) = decoded.split_once(':')?;
        Self::password(user, password)
    }

    /// A name and a password, unless one of them is longer than any.
    pub(in crate::api) fn password(user: &str, password: &str) -> Option<Self> {
        Some(Self::Password {
            user: bounded(user)?,
            password: bounded(password)?,
        })
    }

    /// A token, unless it is longer than any.
    pub(in crate::api) fn token(token: &str) -> Option<Self> {
        bounded(token).map(Self::Token)
    }

    /// What is remembered of it, by a key that only this process has.
    pub(super) fn digest(&self, key: &hmac::Key) -> Digest {
        let parts = match self {
            Self::Password { user, password } => ["password", user, password],
            Self::Token(token) => ["token", "", token],
        };
        let mut context = hmac::Context::with_key(key);
        for part in parts {
            // So that no two credentials come to the same bytes.
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        bytes(context.sign())
    }
}

pub(super) fn bytes(tag: hmac::Tag) -> Digest {
    let mut digest = Digest::default();
    digest.copy_from_slice(tag.as_ref());
    digest
}

fn bounded(text: &str) -> Option<String> {
    (text.len() <= LONGEST).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn shown(name: &'static str, value: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        Credential::of(&headers).map(|credential| match credential {
            Credential::Password { user, password } => format!("{user} {password}"),
            Credential::Token(token) => token,
        })
    }

    #[test]
    fn a_password_may_have_colons_and_a_name_has_none() {
        let encoded = BASE64_STANDARD.encode("alice:a:b");
        assert_eq!(
            shown("authorization", &format!("Basic {encoded}")).as_deref(),
            Some("alice a:b")
        );
        assert_eq!(
            shown("authorization", &format!("basic {encoded}")).as_deref(),
            Some("alice a:b")
        );
    }

    #[test]
    fn what_is_no_credential_is_none() {
        for value in ["Basic", "Basic !", "Basic YQ=="] {
            assert_eq!(shown("authorization", value), None, "{value}");
        }
        assert_eq!(shown("x-auth-token", &"a".repeat(LONGEST + 1)), None);
        assert_eq!(shown("x-auth-token", "abc").as_deref(), Some("abc"));
        assert_eq!(shown("authorization", "Bearer abc").as_deref(), Some("abc"));
    }

    #[test]
    fn no_two_credentials_are_remembered_alike() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"key");
        let digest = |user, password| Credential::password(user, password).unwrap().digest(&key);
        assert_eq!(digest("ab", "c"), digest("ab", "c"));
        assert_ne!(digest("ab", "c"), digest("a", "bc"));
        let other = hmac::Key::new(hmac::HMAC_SHA256, b"other");
        let token = Credential::Token("t".into());
        assert_ne!(token.digest(&key), token.digest(&other));
    }
}
