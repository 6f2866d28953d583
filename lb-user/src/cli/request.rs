//! What a request says that is asked about.

use std::io::Read;

use anyhow::bail;
use clap::Args;

use crate::views::{AskedRequest, CookieValue};

/// No cookie is longer: clients and servers stop far before that.
const LONGEST_COOKIE: u64 = 16 * 1024;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The value of the cookie that its pool recognises clients by; `-`: it is read from standard input, so that the list
    /// of processes does not show it
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    cookie: Option<String>,
    /// Further header fields, `Cookie` among them, where policies look at these; as often as there are some
    #[arg(long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// The host that it is for, where policies look at that
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Its path and query, where policies look at that
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
}

impl Arguments {
    /// What it says; the cookie perhaps by standard input.
    pub(super) fn read(self, input: impl Read) -> anyhow::Result<AskedRequest> {
        Ok(AskedRequest {
            cookie: self.cookie.map(|cookie| value(cookie, input)).transpose()?,
            headers: self.headers,
            host: self.host,
            path: self.path,
        })
    }
}

/// The value of a cookie, as an argument says it.
pub(super) fn value(argument: String, input: impl Read) -> anyhow::Result<CookieValue> {
    let value = if argument == "-" {
        first_line(input)?
    } else {
        argument
    };
    Ok(CookieValue(value))
}

fn first_line(input: impl Read) -> anyhow::Result<String> {
    let mut text = String::new();
    input.take(LONGEST_COOKIE + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST_COOKIE {
        bail!("standard input has more than {LONGEST_COOKIE} bytes, which no cookie has");
    }
    match text.lines().next().map(str::trim) {
        Some(value) if !value.is_empty() => Ok(value.to_owned()),
        _ => bail!("standard input is empty: write the value of the cookie to it, as a line"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(cookie: &str, input: &str) -> Option<String> {
        let arguments = Arguments {
            cookie: Some(cookie.into()),
            headers: Vec::new(),
            host: None,
            path: None,
        };
        let asked = arguments.read(input.as_bytes()).ok()?;
        asked.cookie.map(|value| value.0)
    }

    #[test]
    fn a_cookie_is_an_argument_or_the_first_line_of_standard_input() {
        assert_eq!(read("abc", "other"), Some("abc".into()));
        assert_eq!(read("-", " abc \nmore"), Some("abc".into()));
        assert_eq!(read("-", "\n"), None);
        assert_eq!(read("-", &"a".repeat(LONGEST_COOKIE as usize + 1)), None);
    }
}
