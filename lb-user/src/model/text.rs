//! The rules for texts, whoever writes them. A complaint reads "is ...; write ...", behind what it is about.

use hyper::http::uri::PathAndQuery;

/// Of what an object is called in a file, in bytes.
pub(crate) const LONGEST_NAME: usize = 255;

/// A text of 1 to `most` bytes.
pub(crate) fn bounded(text: &str, most: usize) -> Result<&str, String> {
    match text.len() {
        0 => Err("is empty".into()),
        length if length > most => Err(format!(
            "is too long: {length} bytes, where at most {most} are allowed"
        )),
        _ => Ok(text),
    }
}

/// A text of 1 to `most` visible ASCII characters.
pub(crate) fn visible_ascii(text: &str, most: usize) -> Result<&str, String> {
    let text = bounded(text, most)?;
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text)
    } else {
        Err("has a space or another character that is not visible ASCII; write it percent-encoded".into())
    }
}

/// The name of something: a token of RFC 9110, section 5.6.2, for cookies too (RFC 6265, section 4.1.1).
pub(crate) fn token<'t>(name: &'t str, what: &str) -> Result<&'t str, String> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if (1..=255).contains(&name.len()) && name.bytes().all(token) {
        Ok(name)
    } else {
        Err(format!(
            "is not the name of {what}; write 1 to 255 letters, digits and !#$%&'*+-.^_`|~"
        ))
    }
}

/// A path, and a query behind it if there is one.
pub(crate) fn url_path(text: &str) -> Result<&str, String> {
    match visible_ascii(text, 2048)? {
        path if !path.starts_with('/') => Err("does not begin with \"/\"; write it as in \"/health\"".into()),
        path if path.contains('#') => Err("has a fragment, which no server gets; leave out the \"#\"".into()),
        path => match path.parse::<PathAndQuery>() {
            Ok(_) => Ok(path),
            Err(_) => Err("has a character that no URL has; write it as in \"%3C\" for \"<\"".into()),
        },
    }
}
