//! What is asked for and what is answered: one request as a browser makes it, and pages that tell their member.

use std::sync::LazyLock;

/// The members, by the names that they give themselves.
pub(crate) const MEMBERS: [&str; 3] = ["m1", "m2", "m3"];

/// The host that is asked for; the certificates are for it too.
pub(crate) const HOST: &str = "bench.test";

/// Where a member says its name.
pub(crate) const MEMBER_FIELD: &str = "X-Member";

/// The cookie of the members' own.
pub(crate) const SESSION_COOKIE: &str = "JSESSIONID";

/// What a member offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// One of 1 KiB.
    Small,
    /// One of 1 MiB.
    Large,
    /// A small one with a session cookie of its own.
    Session,
}

impl Page {
    pub(crate) const ALL: [Self; 3] = [Self::Small, Self::Large, Self::Session];

    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Small => "/shop/articles/small?list=1",
            Self::Large => "/shop/articles/large?list=1",
            Self::Session => "/shop/login?next=articles",
        }
    }

    const fn length(self) -> usize {
        match self {
            Self::Small | Self::Session => 1 << 10,
            Self::Large => 1 << 20,
        }
    }

    /// The body that a member answers with: no two members have the same.
    pub(crate) fn body(self, member: usize) -> &'static [u8] {
        static SMALL: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| bodies(Page::Small));
        static LARGE: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| bodies(Page::Large));
        match self {
            Self::Small | Self::Session => &SMALL[member],
            Self::Large => &LARGE[member],
        }
    }
}

fn bodies(page: Page) -> Vec<Vec<u8>> {
    let of = |name: &&str| {
        let pattern = format!("<p>This is member {name} of the benchmark.</p>\n");
        pattern.bytes().cycle().take(page.length()).collect()
    };
    MEMBERS.iter().map(of).collect()
}

/// The fields of a request beside host, cookie and connection: with them it has 500 bytes, as much as a browser sends.
pub(crate) const FIELDS: [(&str, &str); 9] = [
    (
        "User-Agent",
        "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    ),
    (
        "Accept",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    ),
    ("Accept-Language", "en-US,en;q=0.5"),
    ("Accept-Encoding", "gzip, deflate, br"),
    ("Referer", "https://bench.test/shop/"),
    ("Upgrade-Insecure-Requests", "1"),
    ("Sec-Fetch-Dest", "document"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-Site", "same-origin"),
];

/// What the client wants to happen to its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connection {
    /// Another request follows.
    KeepAlive,
    /// None does.
    Close,
}

/// A request in HTTP/1.1, with what a `Cookie` field is to say, if there is to be one.
pub(crate) fn request(page: Page, cookie: Option<&str>, connection: Connection) -> Vec<u8> {
    let fields = FIELDS.iter().fold(String::new(), |all, (name, value)| {
        all + name + ": " + value + "\r\n"
    });
    let cookie = cookie.map_or_else(String::new, |cookie| format!("Cookie: {}\r\n", cookies(cookie)));
    let connection = match connection {
        Connection::KeepAlive => "keep-alive",
        Connection::Close => "close",
    };
    let path = page.path();
    format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{fields}{cookie}Connection: {connection}\r\n\r\n")
        .into_bytes()
}

/// The cookie that holds a session beside one that the proxy has nothing to do with.
pub(crate) fn cookies(cookie: &str) -> String {
    format!("theme=dark; {cookie}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_as_long_as_a_browsers() {
        let request = request(Page::Small, Some("SRV=m1"), Connection::KeepAlive);
        assert!((450..600).contains(&request.len()), "{}", request.len());
    }

    #[test]
    fn no_two_members_have_the_same_page() {
        for page in Page::ALL {
            assert_ne!(page.body(0), page.body(1));
            assert_eq!(page.body(0).len(), page.body(2).len());
        }
    }
}
