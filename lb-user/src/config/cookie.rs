//! The cookies of session persistence.

use super::diagnostic::Reported;
use super::reader::{Entry, Table};
use super::values::{boolean, string, word};
use crate::http::set_cookie::{Attributes, SetCookie};
use crate::model::{self, CookieSettings, Persistence, SameSite, SecureCookie, visible_ascii};

/// What only the balancer's own cookie has.
pub(super) const OWN: [&str; 6] = [
    "cookie_domain",
    "cookie_path",
    "cookie_secure",
    "cookie_http_only",
    "cookie_same_site",
    "cookie_cache_control",
];
/// What only the application's cookie has.
pub(super) const APPLICATIONS: [&str; 1] = ["cookie_in_url"];
/// Of a domain name (RFC 1035, section 2.3.4).
const LONGEST_DOMAIN: usize = 253;
/// Browsers ignore cookies with longer attributes (RFC 6265bis, section 5.6).
const LONGEST_PATH: usize = 1024;

/// `type = "HTTP_COOKIE"`.
pub(super) fn own(t: &mut Table<'_, '_>) -> Result<Persistence, Reported> {
    let default = CookieSettings::default();
    let name = t.or("cookie_name", default.cookie_name, token("a cookie"));
    let domain = t.optional(OWN[0], domain);
    let path = t.or(OWN[1], default.cookie_path, path);
    let secure = t.or(OWN[2], default.cookie_secure, word);
    let http_only = t.or(OWN[3], default.cookie_http_only, boolean);
    let same_site = t.or(OWN[4], default.cookie_same_site, word);
    let cache_control = t.or(OWN[5], default.cookie_cache_control, boolean);
    if let (Ok(same_site), Ok(secure)) = (&same_site, &secure)
        && (same_site.value, secure.value) == (SameSite::None, SecureCookie::Never)
    {
        let message = "cookie_same_site \"None\" needs a cookie that goes over TLS only, or browsers drop it; write \
                       cookie_secure = \"always\"";
        return Err(t.scope().error(same_site.span, message));
    }
    let name = name?;
    let settings = CookieSettings {
        cookie_name: name.value,
        cookie_domain: domain?.map(|at| at.value),
        cookie_path: path?.value,
        cookie_secure: secure?.value,
        cookie_http_only: http_only?.value,
        cookie_same_site: same_site?.value,
        cookie_cache_control: cache_control?.value,
    };
    // What its name says of it, clients hold it to.
    if let Err(mistake) = SetCookie::new(&Attributes::from(&settings)) {
        let message = format!("cookie_name does not go with the rest: {mistake}");
        return Err(t.scope().error(name.span, message));
    }
    Ok(Persistence::HttpCookie(settings))
}

/// `type = "APP_COOKIE"`.
pub(super) fn of_application(t: &mut Table<'_, '_>) -> Result<Persistence, Reported> {
    let name = t.required("cookie_name", token("a cookie"));
    let in_url = t.or(APPLICATIONS[0], false, boolean);
    Ok(Persistence::AppCookie {
        cookie_name: name?.value,
        cookie_in_url: in_url?.value,
    })
}

/// The name of something.
pub(super) fn token(what: &'static str) -> impl Fn(&Entry<'_, '_>) -> Result<String, Reported> {
    string(move |name| model::token(name, what).map(str::to_owned))
}

fn domain(entry: &Entry<'_, '_>) -> Result<String, Reported> {
    string(|text| {
        let label = |label: &str| {
            let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            (1..=63).contains(&label.len()) && label.bytes().all(inner)
        };
        if text.len() <= LONGEST_DOMAIN && text.split('.').all(label) {
            Ok(text.to_owned())
        } else {
            Err("is not a domain; write for example \"example.com\", which its subdomains share".into())
        }
    })(entry)
}

fn path(entry: &Entry<'_, '_>) -> Result<String, Reported> {
    string(|text| match visible_ascii(text, LONGEST_PATH)? {
        text if !text.starts_with('/') => {
            Err("does not begin with \"/\"; write \"/\" for the whole site".into())
        }
        text if text.contains(';') => Err("has a \";\", which no path of a cookie can have".into()),
        text => Ok(text.to_owned()),
    })(entry)
}
