//! The cookies of a client.

use std::collections::BTreeMap;

use super::Reply;

/// Cookies by name, without regard to paths and domains.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Jar(BTreeMap<String, String>);

impl Jar {
    /// Takes what a response sets, and lets go what it ends.
    pub fn take(&mut self, reply: &Reply) {
        for cookie in reply.values("set-cookie") {
            let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
            let Some((name, value)) = pair.split_once('=') else {
                continue;
            };
            if attributes
                .split(';')
                .any(|one| one.trim().eq_ignore_ascii_case("max-age=0"))
            {
                self.0.remove(name);
            } else {
                self.0.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// One more cookie.
    pub fn put(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    /// The value of a cookie.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The value of the `Cookie` field.
    #[must_use]
    pub fn field(&self) -> String {
        let pairs = self.0.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }
}
