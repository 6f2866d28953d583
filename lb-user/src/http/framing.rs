//! How long the body of a message is (RFC 9112, section 6), where only one answer is possible: whatever two parties could
//! read in two ways is refused, since requests are smuggled by that.

use thiserror::Error;

use super::{
    fields::Name,
    head::{Head, Version},
};

/// How a body ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    /// There is none.
    None,
    /// After so many bytes.
    Length(u64),
    /// With the last chunk.
    Chunked,
    /// With the connection.
    UntilClose,
}

/// Why it cannot be said how long a body is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum Unclear {
    /// Not one number.
    #[error("Content-Length is not one number")]
    Length,
    /// `Transfer-Encoding` and `Content-Length`.
    #[error("there are both Content-Length and Transfer-Encoding")]
    Both,
    /// Anything but one `chunked`.
    #[error("Transfer-Encoding is not chunked, or there is more than one")]
    Coding,
    /// `Transfer-Encoding` in HTTP/1.0.
    #[error("HTTP/1.0 has no Transfer-Encoding")]
    CodingInHttp10,
}

/// How the body of a request ends.
pub fn of_request(head: &Head) -> Result<Framing, Unclear> {
    Ok(said(head)?.unwrap_or(Framing::None))
}

/// How the body of a response ends, to a request of this method.
pub fn of_response(head: &Head, method: &[u8]) -> Result<Framing, Unclear> {
    let said = said(head)?;
    let has_none = method == b"HEAD" || matches!(head.status, 100..=199 | 204 | 304);
    Ok(if has_none {
        Framing::None
    } else {
        said.unwrap_or(Framing::UntilClose)
    })
}

fn said(head: &Head) -> Result<Option<Framing>, Unclear> {
    let (mut length, mut coding) = (None, None);
    for field in &head.fields {
        let value = field.value.of(&head.bytes);
        match field.name {
            Name::ContentLength if length.is_some() => return Err(Unclear::Length),
            Name::ContentLength => length = Some(number(value).ok_or(Unclear::Length)?),
            Name::TransferEncoding if coding.is_some() => return Err(Unclear::Coding),
            Name::TransferEncoding if value.eq_ignore_ascii_case(b"chunked") => {
                coding = Some(Framing::Chunked);
            }
            Name::TransferEncoding => return Err(Unclear::Coding),
            _ => {}
        }
    }
    match (length, coding) {
        (Some(_), Some(_)) => Err(Unclear::Both),
        (None, Some(_)) if head.version == Version::Http10 => Err(Unclear::CodingInHttp10),
        (None, coding) => Ok(coding),
        (Some(length), None) => Ok(Some(Framing::Length(length))),
    }
}

/// Digits alone: no sign, no list.
fn number(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 19 {
        return None;
    }
    value.iter().try_fold(0_u64, |number, byte| {
        byte.is_ascii_digit()
            .then(|| number * 10 + u64::from(byte - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(fields: &[(&str, &str)]) -> Head {
        let mut head = Head::default();
        for (label, value) in fields {
            head.push(label.as_bytes(), value.as_bytes());
        }
        head
    }

    #[test]
    fn a_body_is_as_long_as_is_said() {
        for (fields, framing) in [
            (&[][..], Framing::None),
            (&[("content-length", "0")], Framing::Length(0)),
            (&[("Content-Length", "1234")], Framing::Length(1234)),
            (&[("transfer-encoding", "Chunked")], Framing::Chunked),
        ] {
            assert_eq!(of_request(&head(fields)), Ok(framing), "{fields:?}");
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        for (fields, error) in [
            (
                &[("content-length", "5"), ("content-length", "5")][..],
                Unclear::Length,
            ),
            (&[("content-length", "5, 5")], Unclear::Length),
            (&[("content-length", "+5")], Unclear::Length),
            (&[("content-length", "-1")], Unclear::Length),
            (&[("content-length", "0x5")], Unclear::Length),
            (&[("content-length", "")], Unclear::Length),
            (&[("content-length", "99999999999999999999")], Unclear::Length),
            (
                &[("content-length", "5"), ("transfer-encoding", "chunked")],
                Unclear::Both,
            ),
            (&[("transfer-encoding", "chunked, chunked")], Unclear::Coding),
            (&[("transfer-encoding", "gzip, chunked")], Unclear::Coding),
            (&[("transfer-encoding", "identity")], Unclear::Coding),
            (&[("transfer-encoding", "xchunked")], Unclear::Coding),
            (&[("transfer-encoding", "")], Unclear::Coding),
            (
                &[("transfer-encoding", "chunked"), ("Transfer-Encoding", "chunked")],
                Unclear::Coding,
            ),
        ] {
            assert_eq!(of_request(&head(fields)), Err(error), "{fields:?}");
        }
        let mut old = head(&[("transfer-encoding", "chunked")]);
        old.version = Version::Http10;
        assert_eq!(of_request(&old), Err(Unclear::CodingInHttp10));
    }

    #[test]
    fn responses_that_have_no_body_have_none_whatever_they_say() {
        let mut response = head(&[("content-length", "5")]);
        for (status, method, framing) in [
            (200, "GET", Framing::Length(5)),
            (200, "HEAD", Framing::None),
            (204, "GET", Framing::None),
            (304, "GET", Framing::None),
            (101, "GET", Framing::None),
        ] {
            response.status = status;
            assert_eq!(
                of_response(&response, method.as_bytes()),
                Ok(framing),
                "{status} {method}"
            );
        }
        let mut silent = head(&[]);
        silent.status = 200;
        assert_eq!(of_response(&silent, b"GET"), Ok(Framing::UntilClose));
    }
}
